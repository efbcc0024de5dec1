//! Output of a process, cut into CRI records as containerd cuts it.

use std::sync::Arc;

use super::file::Origin;
use super::instance::Instance;

/// containerd's `max_container_log_line_size`: longer lines become `P` records of this size.
const PIECE: usize = 16 * 1024;

/// The two pipes of one container run.
///
/// Rules, all seen in `12-log-rotation-and-odd-bytes`: a piece of 16 KiB is written at once, the
/// rest of a line waits for its line feed or the end of the stream, where it is written as `P`; a
/// carriage return directly before the line feed is dropped; each record carries the time at which
/// it was written, not at which the line began.
#[derive(Debug)]
pub struct LogWriter {
    instance: Arc<Instance>,
    pending: [Vec<u8>; 2],
    last_time: i64,
}

impl LogWriter {
    /// A writer for a run that has just begun.
    #[must_use]
    pub fn new(instance: Arc<Instance>) -> Self {
        Self {
            instance,
            pending: [Vec::new(), Vec::new()],
            last_time: i64::MIN,
        }
    }

    /// The run this writes to.
    #[must_use]
    pub fn instance(&self) -> &Arc<Instance> {
        &self.instance
    }

    /// Bytes that the process wrote at `now` (Unix nanoseconds). Records of one call are a
    /// microsecond apart and later than every record before, as those of one fast writer are.
    pub fn write(&mut self, origin: Origin, now: i64, bytes: &[u8]) {
        let mut rest = bytes;
        while let Some(end) = rest.iter().position(|byte| *byte == b'\n') {
            self.push(origin, now, &rest[..end]);
            self.finish_line(origin, now);
            rest = &rest[end + 1..];
        }
        self.push(origin, now, rest);
        self.instance.wake();
    }

    /// Writes `text` and a line feed.
    pub fn line(&mut self, origin: Origin, now: i64, text: &str) {
        self.push(origin, now, text.as_bytes());
        self.finish_line(origin, now);
        self.instance.wake();
    }

    /// One record with exactly this time: ties and steps back are allowed.
    pub fn record(&mut self, origin: Origin, time: i64, full: bool, text: &[u8]) {
        self.instance.current().append(time, origin, full, text);
        self.instance.wake();
    }

    /// The process closed its pipes: what waits for a line feed is written as it is.
    pub fn close(&mut self, now: i64) {
        for origin in [Origin::Stdout, Origin::Stderr] {
            let text = std::mem::take(self.pending(origin));
            if !text.is_empty() {
                self.append(origin, now, false, &text);
            }
        }
        self.instance.wake();
    }

    fn push(&mut self, origin: Origin, now: i64, mut bytes: &[u8]) {
        while !bytes.is_empty() {
            // A full piece goes out only when another byte of the line follows it: a line of
            // exactly 16 KiB is one `F` record.
            if self.pending(origin).len() == PIECE {
                let piece = std::mem::take(self.pending(origin));
                self.append(origin, now, false, &piece);
            }
            let room = PIECE - self.pending(origin).len();
            let (now_in, later) = bytes.split_at(room.min(bytes.len()));
            self.pending(origin).extend_from_slice(now_in);
            bytes = later;
        }
    }

    fn finish_line(&mut self, origin: Origin, now: i64) {
        let mut text = std::mem::take(self.pending(origin));
        if text.last() == Some(&b'\r') {
            text.pop();
        }
        self.append(origin, now, true, &text);
        text.clear();
        *self.pending(origin) = text;
    }

    fn append(&mut self, origin: Origin, now: i64, full: bool, text: &[u8]) {
        let time = now.max(self.last_time.saturating_add(1_000));
        self.last_time = time;
        self.instance.current().append(time, origin, full, text);
    }

    fn pending(&mut self, origin: Origin) -> &mut Vec<u8> {
        &mut self.pending[usize::from(origin == Origin::Stderr)]
    }
}
