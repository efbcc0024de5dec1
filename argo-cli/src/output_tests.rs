use std::{
    io::Read,
    sync::mpsc::{Receiver, Sender, channel},
};

use super::*;

const LONG: Duration = Duration::from_secs(60);

/// A reader that takes a piece only when it is told to.
struct Gated {
    gate: Receiver<()>,
    into: Sender<Vec<u8>>,
}

impl Write for Gated {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.gate.recv().map_err(|_| io::ErrorKind::BrokenPipe)?;
        self.into.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn gated(memory: u64, total: u64) -> (Output, Sender<()>, Receiver<Vec<u8>>) {
    let (open, gate) = channel();
    let (into, pieces) = channel();
    let output = Output::to(
        Box::new(Gated { gate, into }),
        SpoolLimits { memory, total },
    );
    (output, open, pieces)
}

/// Opens the gate until so much came through.
fn read(open: &Sender<()>, pieces: &Receiver<Vec<u8>>, bytes: usize) -> Vec<u8> {
    let mut all = Vec::new();
    while all.len() < bytes {
        open.send(()).unwrap();
        all.extend(pieces.recv().unwrap());
    }
    all
}

fn line(number: usize) -> Vec<u8> {
    format!("line {number:06}\n").into_bytes()
}

fn lines(range: std::ops::Range<usize>) -> Vec<u8> {
    range.flat_map(line).collect()
}

#[tokio::test]
async fn a_slow_reader_gets_every_line_in_order_through_memory_and_files() {
    let (output, open, pieces) = gated(1_000, 1 << 24);
    for number in 0..100_000 {
        output.push(line(number));
    }
    assert_eq!(output.backlog(), 1_200_000);
    assert_eq!(output.take_events(), [OutputEvent::Spooling]);
    // The first half is read while more is written.
    let mut all = read(&open, &pieces, 600_000);
    for number in 100_000..101_000 {
        output.push(line(number));
    }
    all.extend(read(&open, &pieces, 1_212_000 - all.len()));
    assert!(all == lines(0..101_000));
    assert!(output.flush(LONG).await);
    assert_eq!(output.backlog(), 0);
    assert_eq!(output.take_events(), [OutputEvent::CaughtUp]);
    // And memory does again.
    output.push(line(1));
    assert_eq!(read(&open, &pieces, 12), line(1));
    assert!(output.flush(LONG).await);
    assert_eq!(output.take_events(), []);
}

#[tokio::test]
async fn what_is_ahead_is_written_before_all_that_waits() {
    let (output, open, pieces) = gated(1_000, 1 << 24);
    for number in 0..100_000 {
        output.push(line(number));
    }
    output.push_ahead(b"quiet 1\n".to_vec());
    output.push_ahead(b"quiet 2\n".to_vec());
    assert_eq!(
        (output.queue().queued, output.queue().ahead),
        (1_200_000, 16)
    );
    let all = String::from_utf8(read(&open, &pieces, 1_200_016)).unwrap();
    // Behind the piece that was being written.
    let at = all.find("quiet 1\nquiet 2\nline ").unwrap();
    assert!(at <= 64 << 10, "{at}");
    let rest = all.replace("quiet 1\nquiet 2\n", "");
    assert!(rest.into_bytes() == lines(0..100_000));
    assert!(output.flush(LONG).await);
    let written = overtaking::Queue {
        queued: 1_200_000,
        written: 1_200_000,
        ahead: 0,
    };
    assert_eq!(output.queue(), written);
}

/// Something waits ahead whenever the next part of the flood is due. The lines' length
/// divides no size that a part may have.
#[tokio::test]
async fn what_is_ahead_never_lands_inside_a_line() {
    let (output, open, pieces) = gated(1_000, 1 << 24);
    let flood = |number: usize| format!("flood {number:07}\n").into_bytes().repeat(331);
    let pushed: Vec<u8> = (0..300).flat_map(flood).collect();
    for number in 0..300 {
        output.push(flood(number));
    }
    let (mut all, mut parts, mut ahead) = (Vec::new(), 0, 0);
    while all.len() < pushed.len() + ahead {
        open.send(()).unwrap();
        let piece = pieces.recv().unwrap();
        if !piece.starts_with(b"quiet") && parts < 20 {
            parts += 1;
            ahead += b"quiet\n".len();
            output.push_ahead(b"quiet\n".to_vec());
        }
        all.extend(piece);
    }
    assert!(parts > 3, "{parts}");
    let all = String::from_utf8(all).unwrap();
    let lines = all.split_inclusive('\n');
    let rest: Vec<&str> = lines.filter(|line| *line != "quiet\n").collect();
    assert!(rest.concat().into_bytes() == pushed);
}

#[tokio::test]
async fn at_the_limit_ready_waits_and_push_does_not() {
    let (output, open, pieces) = gated(100, 240);
    for number in 0..19 {
        output.push(line(number));
    }
    output.ready().await;
    output.push(line(19));
    output.push(line(20));
    assert_eq!(
        output.take_events(),
        [OutputEvent::Spooling, OutputEvent::Full]
    );
    let mut ready = Box::pin(output.ready());
    assert!(futures::poll!(&mut ready).is_pending());
    let all = read(&open, &pieces, 252);
    assert!(all == lines(0..21));
    ready.await;
}

#[tokio::test]
async fn a_reader_that_goes_away_closes_silently() {
    let (reader, writer) = io::pipe().unwrap();
    let output = Output::to(Box::new(writer), SpoolLimits::default());
    output.push(line(0));
    assert!(output.flush(LONG).await);
    assert!(!output.is_closed());
    drop(reader);
    output.push(line(1));
    output.closed().await;
    output.push(line(2));
    assert!(output.is_closed());
    assert!(
        output.flush(Duration::ZERO).await,
        "nothing is left to wait for"
    );
    output.ready().await;
    assert_eq!((output.backlog(), output.take_events()), (0, Vec::new()));
}

#[tokio::test]
async fn a_pipe_gets_what_was_pushed_before_the_output_is_dropped() {
    let (mut reader, writer) = io::pipe().unwrap();
    let output = Output::to(Box::new(writer), SpoolLimits::default());
    output.push(lines(0..3));
    drop(output);
    let mut all = Vec::new();
    reader.read_to_end(&mut all).unwrap();
    assert!(all == lines(0..3));
}

/// A full disk, then room again.
struct Full {
    failures: usize,
    into: Sender<Vec<u8>>,
}

impl Write for Full {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.failures > 0 {
            self.failures -= 1;
            return Err(io::ErrorKind::StorageFull.into());
        }
        self.into.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn other_errors_are_told_once() {
    let (into, pieces) = channel();
    let output = Output::to(Box::new(Full { failures: 2, into }), SpoolLimits::default());
    for number in 0..3 {
        output.push(line(number));
        assert!(output.flush(LONG).await);
    }
    assert!(!output.is_closed());
    assert_eq!(pieces.recv().unwrap(), line(2));
    let told = output.take_events();
    assert!(
        matches!(&told[..], [OutputEvent::WriteFailed(_)]),
        "{told:?}"
    );
}

/// Writes little at a time, and says now and then that it cannot for the moment.
struct Choppy {
    turn: usize,
    into: Sender<Vec<u8>>,
}

impl Write for Choppy {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.turn += 1;
        match self.turn % 3 {
            0 => return Err(io::ErrorKind::Interrupted.into()),
            1 => return Err(io::ErrorKind::WouldBlock.into()),
            _ => {}
        }
        let bytes = &bytes[..bytes.len().min(7)];
        self.into.send(bytes.to_vec()).map_err(io::Error::other)?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test]
async fn a_writer_in_pieces_loses_nothing() {
    let (into, pieces) = channel();
    let output = Output::to(Box::new(Choppy { turn: 0, into }), SpoolLimits::default());
    output.push(lines(0..5));
    assert!(output.flush(LONG).await);
    drop(output);
    assert!(pieces.iter().flatten().collect::<Vec<_>>() == lines(0..5));
}

#[tokio::test(start_paused = true)]
async fn flush_gives_up_after_its_time() {
    let (output, open, _pieces) = gated(100, 200);
    output.push(line(0));
    assert!(!output.flush(Duration::from_secs(3)).await);
    drop(open);
}
