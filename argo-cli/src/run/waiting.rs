//! What is rendered and not handed to the output yet.

use crate::output::{
    Output,
    lanes::{Lane, Lanes, Source},
};

/// Two buffers: what goes in order, and what goes ahead of all that waits.
#[derive(Debug, Default)]
pub struct Waiting {
    in_order: Vec<u8>,
    ahead: Vec<u8>,
    lanes: Lanes,
    /// What comes now keeps its place among log lines.
    is_held: bool,
}

impl Waiting {
    /// How much there is.
    pub(super) fn len(&self) -> usize {
        self.in_order.len() + self.ahead.len()
    }

    /// Lets something of about so many bytes be rendered to where it goes.
    pub(super) fn put(
        &mut self,
        source: Source,
        len: usize,
        output: &Output,
        render: impl FnOnce(&mut Vec<u8>),
    ) {
        let mut queue = output.queue();
        let handed_over = queue.queued;
        queue.queued += self.in_order.len() as u64;
        queue.ahead += self.ahead.len() as u64;
        let lane = self.lanes.choose(source, len, queue);
        if lane == Lane::Ahead && !self.is_held {
            return render(&mut self.ahead);
        }
        render(&mut self.in_order);
        let end = handed_over + self.in_order.len() as u64;
        self.lanes.queued(source, end);
        if self.is_held {
            self.lanes.stop(end);
        }
    }

    /// What is put while this is set stays behind the log lines before it, and before
    /// those after it.
    pub(super) fn hold(&mut self, is_held: bool) {
        self.is_held = is_held;
    }

    /// The last thing that is said.
    pub(super) fn last(&mut self) -> &mut Vec<u8> {
        &mut self.in_order
    }

    /// Hands it over.
    pub(super) fn write(&mut self, output: &Output) {
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

    fn put(waiting: &mut Waiting, output: &Output, id: u32, text: &str) {
        let source = Source::Container(id);
        waiting.put(source, text.len(), output, |out| {
            out.extend_from_slice(text.as_bytes());
        });
        waiting.write(output);
    }

    /// Nobody reads while all this comes; then somebody does.
    #[tokio::test]
    async fn a_line_of_a_quiet_container_does_not_wait_for_a_flood() {
        let (mut reader, writer) = io::pipe().unwrap();
        let output = Output::to(Box::new(writer), SpoolLimits::default());
        let mut waiting = Waiting::default();
        let flood = "flood\n".repeat(100_000);
        for _ in 0..5 {
            put(&mut waiting, &output, 1, &flood);
        }
        put(&mut waiting, &output, 2, "quiet 1\n");
        put(&mut waiting, &output, 1, "end of flood\n");
        waiting.hold(true);
        put(&mut waiting, &output, 3, "said of a log\n");
        waiting.hold(false);
        put(&mut waiting, &output, 2, "quiet 2\n");
        waiting.last().extend_from_slice(b"last\n");
        waiting.write(&output);
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
