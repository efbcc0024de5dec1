//! Rendered bytes that are not handed to the output yet.

use super::{
    Output,
    overtaking::{Lane, Overtaking, Source},
};

/// Two buffers: bytes that keep their place, and bytes that go ahead of everything that
/// waits.
#[derive(Debug, Default)]
pub(crate) struct OutputBuffer {
    in_order: Vec<u8>,
    ahead: Vec<u8>,
    overtaking: Overtaking,
    /// True while new pieces keep their place among log lines.
    is_held: bool,
}

impl OutputBuffer {
    /// Bytes in both buffers.
    pub(crate) fn len(&self) -> usize {
        self.in_order.len() + self.ahead.len()
    }

    /// Calls `render` with the buffer that a piece of about `len` bytes belongs to.
    pub(crate) fn put(
        &mut self,
        source: Source,
        len: usize,
        output: &Output,
        render: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut queue = output.queue();
        let handed_over = queue.queued;
        // The bytes that this buffer still holds wait too.
        queue.queued += self.in_order.len() as u64;
        queue.ahead += self.ahead.len() as u64;
        let lane = self.overtaking.choose(source, len, queue);
        if lane == Lane::Ahead && !self.is_held {
            return render(&mut self.ahead);
        }
        render(&mut self.in_order);
        let end = handed_over + self.in_order.len() as u64;
        self.overtaking.queued(source, end);
        if self.is_held {
            self.overtaking.stop(end);
        }
    }

    /// Turns holding on or off. While it is on, pieces keep their place among the log lines.
    pub(crate) fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
    }

    /// Returns the buffer for the last piece of a run.
    pub(crate) fn last(&mut self) -> &mut Vec<u8> {
        &mut self.in_order
    }

    /// Takes the bytes of both buffers out.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        let mut bytes = std::mem::take(&mut self.ahead);
        bytes.append(&mut self.in_order);
        bytes
    }

    /// Hands both buffers to the output.
    pub(crate) fn write(&mut self, output: &Output) {
        if !self.ahead.is_empty() {
            output.push_ahead(std::mem::take(&mut self.ahead));
        }
        if !self.in_order.is_empty() {
            let next = output.buffer();
            output.push(std::mem::replace(&mut self.in_order, next));
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{
        io::{self, Read},
        time::Duration,
    };

    use super::*;
    use crate::output::SpoolLimits;

    fn put(buffer: &mut OutputBuffer, output: &Output, id: u32, text: &str) {
        let source = Source::Container(id);
        buffer.put(source, text.len(), output, |out| {
            out.extend_from_slice(text.as_bytes());
        });
        buffer.write(output);
    }

    /// The reader starts only after everything has been written.
    #[tokio::test]
    async fn a_line_of_a_quiet_container_does_not_wait_for_a_flood() {
        let (mut reader, writer) = io::pipe().unwrap();
        let output = Output::to(Box::new(writer), SpoolLimits::default());
        let mut buffer = OutputBuffer::default();
        let flood = "flood\n".repeat(100_000);
        for _ in 0..5 {
            put(&mut buffer, &output, 1, &flood);
        }
        put(&mut buffer, &output, 2, "quiet 1\n");
        put(&mut buffer, &output, 1, "end of flood\n");
        buffer.hold(true);
        put(&mut buffer, &output, 3, "said of a log\n");
        buffer.hold(false);
        put(&mut buffer, &output, 2, "quiet 2\n");
        buffer.last().extend_from_slice(b"last\n");
        buffer.write(&output);
        let reading = std::thread::spawn(move || {
            let mut all = String::new();
            reader.read_to_string(&mut all).map(|_| all)
        });
        assert!(output.flush(Duration::from_secs(60)).await);
        drop(output);
        let all = reading.join().unwrap().unwrap();
        let at = |text: &str| all.find(text).unwrap();
        assert!(at("quiet 1") <= flood.len() + 6, "{}", at("quiet 1"));
        assert!(all.ends_with("end of flood\nsaid of a log\nquiet 2\nlast\n"));
    }
}
