//! The log files of recordings 12 and 15, rebuilt and read with the recorded requests.

use std::sync::Arc;

use serde_json::Value;

use super::file::PREFIX;
use super::{Instance, LogWriter, Origin, ReadOptions, Reader, Step, parse_stamp};

const ODD: &str = include_str!("../../../recordings/answers/odd-bytes.responses.jsonl");
const ODD_FILE: &[u8] =
    include_bytes!("../../../recordings/answers/odd-bytes.cri-file-first-120-columns.txt");
const LONG: &str = include_str!("../../../recordings/answers/long-lines.responses.jsonl");
const LONGPARTIAL: &str = include_str!("../../../../argo-logs/testdata/longpartial.follow.jsonl");
const LONGPARTIAL_READ: &str =
    include_str!("../../../recordings/answers/log-requests.responses.jsonl");

fn responses(text: &str) -> Vec<(String, u64, Vec<u8>)> {
    let response = |line: &str| {
        let line: Value = serde_json::from_str(line).unwrap();
        let body = match line["body_base64"].as_str() {
            Some(text) => decode_base64(text),
            None => line["body_text"]
                .as_str()
                .unwrap_or_default()
                .as_bytes()
                .to_vec(),
        };
        (
            line["request"].as_str().unwrap().to_owned(),
            line["status"].as_u64().unwrap(),
            body,
        )
    };
    text.lines().map(response).collect()
}

fn decode_base64(text: &str) -> Vec<u8> {
    let mut out = Vec::new();
    let (mut bits, mut count) = (0u32, 0);
    for byte in text.bytes().filter(|byte| *byte != b'=') {
        let value = match byte {
            b'A'..=b'Z' => byte - b'A',
            b'a'..=b'z' => byte - b'a' + 26,
            b'0'..=b'9' => byte - b'0' + 52,
            b'+' => 62,
            _ => 63,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    out
}

fn instance() -> Arc<Instance> {
    Instance::new(
        "containerd://1".to_owned(),
        "/var/log/pods/x/c/0.log".to_owned(),
    )
}

fn options(request: &str) -> ReadOptions {
    let number = |name: &str| {
        let rest = request.split_once(&format!("{name}="))?.1;
        rest.split('&').next()?.parse().ok()
    };
    ReadOptions {
        timestamps: request.contains("timestamps=true"),
        tail: number("tailLines"),
        limit: number("limitBytes"),
        ..ReadOptions::default()
    }
}

fn read(instance: &Arc<Instance>, options: ReadOptions) -> Vec<u8> {
    let mut reader = Reader::new(Arc::clone(instance), options);
    let mut out = Vec::new();
    loop {
        match reader.step() {
            Step::Chunk(bytes) => out.extend_from_slice(&bytes),
            Step::End | Step::Wait => return out,
        }
    }
}

/// The records of `odd`: times, streams and tags from the file, texts from the full response.
fn odd_records(body: &[u8]) -> Vec<(i64, Origin, bool, Vec<u8>)> {
    let mut rest = body;
    let mut new_line = true;
    let mut records = Vec::new();
    for line in ODD_FILE
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
    {
        let mut fields = line.splitn(4, |byte| *byte == b' ');
        let time = parse_stamp(fields.next().unwrap()).unwrap();
        let origin = if fields.next() == Some(b"stderr") {
            Origin::Stderr
        } else {
            Origin::Stdout
        };
        let full = fields.next() == Some(b"F");
        if new_line {
            rest = &rest[PREFIX..];
        }
        let end = rest
            .iter()
            .position(|byte| *byte == b'\n')
            .unwrap_or(rest.len());
        let end = if full { end } else { end.min(16_384) };
        records.push((time, origin, full, rest[..end].to_vec()));
        rest = &rest[end + usize::from(full)..];
        new_line = full;
    }
    assert!(rest.is_empty());
    records
}

#[test]
fn odd_bytes_are_served_as_recorded() {
    let responses = responses(ODD);
    let instance = instance();
    let mut writer = LogWriter::new(Arc::clone(&instance));
    for (time, origin, full, text) in odd_records(&responses[0].2) {
        writer.record(origin, time, full, &text);
    }
    instance.end();
    let file: Vec<Vec<u8>> = instance
        .current()
        .cri_lines()
        .into_iter()
        .map(|mut line| {
            line.truncate(120);
            line
        })
        .collect();
    // The recorded copy shows bytes that are not printable as `?`.
    let recorded: Vec<&[u8]> = ODD_FILE
        .split(|byte| *byte == b'\n')
        .filter(|l| !l.is_empty())
        .collect();
    assert_eq!(file.len(), recorded.len());
    for (ours, theirs) in file.iter().zip(&recorded) {
        let same = |(a, b): (&u8, &u8)| a == b || *b == b'?';
        assert!(ours.iter().zip(theirs.iter()).all(same), "{ours:?}");
    }
    let mut compared = 0;
    for (request, status, body) in &responses {
        if *status == 200 {
            assert!(read(&instance, options(request)) == *body, "{request}");
            compared += 1;
        }
    }
    assert_eq!(compared, 7);
}

#[test]
fn the_process_of_odd_bytes_writes_the_recorded_file() {
    let body = &responses(ODD)[0].2;
    let recorded = odd_records(body);
    let instance = instance();
    let mut writer = LogWriter::new(Arc::clone(&instance));
    let line = |byte: u8, count: usize| [vec![byte; count], b"\n".to_vec()].concat();
    let stdout: Vec<Vec<u8>> = vec![
        b"plain\n".to_vec(),
        line(b'a', 40_000),
        b"after long\n".to_vec(),
        line(b'b', 16_384),
        line(b'c', 16_383),
        line(b'd', 16_385),
        b"\n\n".to_vec(),
        b"cr in \r middle\r\n".to_vec(),
        b"progress 10%\rprogress 100%\r\n".to_vec(),
        b"bad utf8 \xff\xfe \xc3( end\n".to_vec(),
        b"nul \0 byte\n".to_vec(),
        b"esc \x1b[31mred\x1b[0m\n".to_vec(),
        b"tab\tand trailing space \n".to_vec(),
        b"half of".to_vec(),
        b" a line\n".to_vec(),
        b"stdout part ".to_vec(),
        b"stdout rest\n".to_vec(),
        b"no newline at exit".to_vec(),
    ];
    for bytes in stdout {
        writer.write(Origin::Stdout, 0, &bytes);
    }
    writer.close(0);
    let ours: Vec<(bool, Vec<u8>)> = instance.current().with(|records, parts| {
        let text = |record: &super::file::Record| {
            let bytes = parts.slice(record.start, record.len as usize);
            (
                record.full,
                bytes[PREFIX..bytes.len() - usize::from(record.full)].to_vec(),
            )
        };
        records.iter().map(text).collect()
    });
    let theirs: Vec<(bool, Vec<u8>)> = recorded
        .into_iter()
        .filter(|(_, origin, ..)| *origin == Origin::Stdout)
        .map(|(_, _, full, text)| (full, text))
        .collect();
    assert!(ours == theirs);
}

#[test]
fn a_long_line_has_the_time_of_its_first_record_and_is_cut_by_tail_lines() {
    let responses = responses(LONG);
    let longlast = instance();
    let mut writer = LogWriter::new(Arc::clone(&longlast));
    let at = |text: &str| parse_stamp(format!("2026-11-23T23:49:19.{text}Z").as_bytes()).unwrap();
    writer.record(Origin::Stdout, at("187971659"), true, b"first");
    writer.record(Origin::Stdout, at("188024687"), false, &[b'a'; 16_384]);
    writer.record(Origin::Stdout, at("189701383"), false, &[b'a'; 16_384]);
    writer.record(Origin::Stdout, at("189738611"), true, &[b'a'; 7_232]);
    let interleave = instance();
    let mut writer = LogWriter::new(Arc::clone(&interleave));
    writer.record(Origin::Stdout, at("078883939"), true, b"first");
    writer.record(Origin::Stderr, at("381402764"), true, b"stderr in between");
    writer.record(Origin::Stdout, at("683912066"), false, &[b'a'; 16_384]);
    let rest = [vec![b'a'; 3_616], vec![b'b'; 100]].concat();
    writer.record(Origin::Stdout, at("684194393"), true, &rest);
    writer.record(Origin::Stdout, at("689915462"), true, b"last");
    let mut compared = 0;
    for (request, _, body) in &responses {
        let instance = if request.contains("longlast") {
            &longlast
        } else {
            &interleave
        };
        assert!(read(instance, options(request)) == *body, "{request}");
        compared += 1;
    }
    assert_eq!(compared, 8);
}

#[test]
fn a_stderr_line_between_two_pieces_loses_its_timestamp() {
    let chunks: Vec<u8> = LONGPARTIAL
        .lines()
        .filter_map(|line| {
            serde_json::from_str::<Value>(line).unwrap()["text"]
                .as_str()
                .map(str::to_owned)
        })
        .collect::<String>()
        .into_bytes();
    let instance = instance();
    let mut writer = LogWriter::new(Arc::clone(&instance));
    let at = |text: &str| parse_stamp(format!("2026-11-24T00:01:{text}Z").as_bytes()).unwrap();
    let mut follow = Reader::new(
        Arc::clone(&instance),
        ReadOptions {
            follow: true,
            timestamps: true,
            ..Default::default()
        },
    );
    let mut followed = Vec::new();
    let mut drain = |follow: &mut Reader| {
        while let Step::Chunk(bytes) = follow.step() {
            followed.extend_from_slice(&bytes);
        }
    };
    writer.write(Origin::Stdout, at("18.688435995"), &[b'a'; 40_000]);
    drain(&mut follow);
    writer.write(Origin::Stderr, at("20.698894943"), b"stderr one\n");
    drain(&mut follow);
    writer.write(Origin::Stdout, at("21.700480767"), b"bbb\n");
    writer.write(Origin::Stdout, at("21.700576241"), b"after\n");
    drain(&mut follow);
    assert!(followed == chunks);
    for (request, _, body) in responses(LONGPARTIAL_READ) {
        assert!(read(&instance, options(&request)) == body, "{request}");
    }
}
