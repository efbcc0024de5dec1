//! Rotation, `sinceTime`, limits and big files.

use std::sync::Arc;

use super::{Instance, LogWriter, Origin, ReadOptions, Reader, Rotation, Step};

fn started() -> (Arc<Instance>, LogWriter) {
    let instance = Instance::new(
        "containerd://1".to_owned(),
        "/var/log/pods/x/c/0.log".to_owned(),
    );
    let writer = LogWriter::new(Arc::clone(&instance));
    (instance, writer)
}

fn follow() -> ReadOptions {
    ReadOptions {
        follow: true,
        ..ReadOptions::default()
    }
}

fn drain(reader: &mut Reader) -> (String, Step) {
    let mut out = Vec::new();
    loop {
        match reader.step() {
            Step::Chunk(bytes) => out.extend_from_slice(&bytes),
            step => return (String::from_utf8(out).unwrap(), step),
        }
    }
}

#[test]
fn a_follow_reads_on_over_a_rotation_and_a_read_sees_the_current_file_only() {
    let (instance, mut writer) = started();
    let mut reader = Reader::new(Arc::clone(&instance), follow());
    writer.line(Origin::Stdout, 1, "one");
    instance.rotate(Rotation::Follow);
    writer.line(Origin::Stdout, 2, "two");
    assert_eq!(drain(&mut reader), ("one\ntwo\n".to_owned(), Step::Wait));
    let mut once = Reader::new(Arc::clone(&instance), ReadOptions::default());
    assert_eq!(drain(&mut once), ("two\n".to_owned(), Step::End));
    instance.end();
    assert_eq!(drain(&mut reader), (String::new(), Step::End));
}

#[test]
fn a_slow_follow_loses_whole_files_and_a_skipping_one_the_rest_of_its_own() {
    let (instance, mut writer) = started();
    let mut slow = Reader::new(Arc::clone(&instance), follow());
    writer.line(Origin::Stdout, 1, "one");
    instance.rotate(Rotation::Follow);
    writer.line(Origin::Stdout, 2, "two");
    instance.rotate(Rotation::Follow);
    writer.line(Origin::Stdout, 3, "three");
    assert_eq!(drain(&mut slow).0, "one\nthree\n");
    let mut skipping = Reader::new(Arc::clone(&instance), follow());
    writer.line(Origin::Stdout, 4, "four");
    instance.rotate(Rotation::Skip);
    writer.line(Origin::Stdout, 5, "five");
    assert_eq!(drain(&mut skipping).0, "five\n");
}

#[test]
fn a_repeating_rotation_sends_the_new_file_twice() {
    let (instance, mut writer) = started();
    let mut reader = Reader::new(Arc::clone(&instance), follow());
    writer.line(Origin::Stdout, 1, "one");
    instance.rotate(Rotation::Repeat);
    writer.line(Origin::Stdout, 2, "two");
    assert_eq!(drain(&mut reader).0, "one\ntwo\ntwo\n");
    writer.line(Origin::Stdout, 3, "three");
    assert_eq!(drain(&mut reader).0, "three\n");
}

#[test]
fn since_is_inclusive_per_record_and_cuts_the_head_of_a_long_line() {
    let (instance, mut writer) = started();
    writer.record(Origin::Stdout, 5, false, b"head ");
    writer.record(Origin::Stdout, 7, true, b"tail");
    writer.record(Origin::Stderr, 6, true, b"late");
    writer.record(Origin::Stdout, 7, true, b"same");
    let read = |since, timestamps| {
        let options = ReadOptions {
            since: Some(since),
            timestamps,
            ..ReadOptions::default()
        };
        drain(&mut Reader::new(Arc::clone(&instance), options)).0
    };
    assert_eq!(read(7, false), "tail\nsame\n");
    assert_eq!(read(7, true), "tail\n1970-01-01T00:00:00.000000007Z same\n");
    assert_eq!(read(6, false), "tail\nlate\nsame\n");
    assert_eq!(read(8, false), "");
}

#[test]
fn a_limit_ends_a_follow_in_the_middle_of_a_line() {
    let (instance, mut writer) = started();
    writer.line(Origin::Stdout, 1, "one");
    let mut reader = Reader::new(
        Arc::clone(&instance),
        ReadOptions {
            limit: Some(6),
            ..follow()
        },
    );
    assert_eq!(drain(&mut reader), ("one\n".to_owned(), Step::Wait));
    writer.line(Origin::Stdout, 2, "two");
    assert_eq!(drain(&mut reader), ("tw".to_owned(), Step::End));
}

#[test]
fn tail_counts_records_and_a_follow_goes_on_from_there() {
    let (instance, mut writer) = started();
    for number in 1..=5 {
        writer.line(Origin::Stdout, number, &number.to_string());
    }
    let tail = |count, follow| {
        Reader::new(
            Arc::clone(&instance),
            ReadOptions {
                tail: Some(count),
                follow,
                ..ReadOptions::default()
            },
        )
    };
    assert_eq!(drain(&mut tail(2, false)), ("4\n5\n".to_owned(), Step::End));
    assert_eq!(drain(&mut tail(0, false)), (String::new(), Step::End));
    let mut reader = tail(0, true);
    assert_eq!(drain(&mut reader), (String::new(), Step::Wait));
    writer.line(Origin::Stdout, 6, "6");
    assert_eq!(drain(&mut reader), ("6\n".to_owned(), Step::Wait));
}

#[test]
fn a_big_file_is_sent_in_chunks_that_end_anywhere_and_lose_nothing() {
    let (instance, mut writer) = started();
    let text = "x".repeat(88);
    for number in 0..30_000i64 {
        writer.line(Origin::Stdout, number * 1_000_000, &text);
    }
    instance.end();
    let mut reader = Reader::new(
        Arc::clone(&instance),
        ReadOptions {
            timestamps: true,
            ..follow()
        },
    );
    let (mut bytes, mut chunks, mut inside) = (0, 0, 0);
    while let Step::Chunk(chunk) = reader.step() {
        bytes += chunk.len();
        chunks += 1;
        inside += usize::from(chunk.last() != Some(&b'\n'));
    }
    assert_eq!(bytes, 30_000 * 120);
    assert!(chunks < 200, "{chunks} chunks");
    assert!(inside > 0);
}
