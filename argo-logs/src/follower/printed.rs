//! The lines printed lately, also while an earlier run is read once more.

use bytes::Bytes;

use crate::reader::{ReadItem, ResponseReader, Sink, Window};

/// The lines with which responses are compared, and the items that responses brought.
#[derive(Debug, Default)]
pub(super) struct Printed {
    window: Window,
    /// The window with lines of later runs, while an earlier run is read once more.
    later: Option<Window>,
    items: Vec<ReadItem>,
}

impl Printed {
    pub(super) fn window(&self) -> &Window {
        &self.window
    }

    pub(super) fn checkpoint(&mut self) -> Window {
        self.window.checkpoint()
    }

    /// Feeds bytes of a response to its reader.
    pub(super) fn feed(&mut self, reader: &mut ResponseReader, bytes: Bytes) {
        reader.feed(bytes, &mut self.sink());
    }

    /// Ends the reading of a response.
    pub(super) fn close(&mut self, reader: &mut ResponseReader) {
        reader.close(&mut self.sink());
    }

    /// Prints the last piece of a log that has no line end.
    pub(super) fn flush(&mut self, reader: &mut ResponseReader) {
        reader.flush(&mut self.sink());
    }

    /// Takes the items found so far. [`reuse`](Self::reuse) gives the memory back.
    pub(super) fn take_items(&mut self) -> Vec<ReadItem> {
        std::mem::take(&mut self.items)
    }

    pub(super) fn reuse(&mut self, items: Vec<ReadItem>) {
        self.items = items;
    }

    /// Goes back to the first of the checkpoints, for reading an earlier run once more.
    /// Lines that were printed since then stay known.
    pub(super) fn go_back(&mut self, mut checkpoints: Vec<Window>) {
        self.later = Some(self.window.clone());
        checkpoints.push(std::mem::take(&mut self.window));
        let first = checkpoints.swap_remove(0);
        self.window = first.merged_with(&checkpoints);
    }

    /// Goes on with the lines of later runs, if an earlier one was read once more.
    pub(super) fn go_forward(&mut self) {
        if let Some(later) = self.later.take() {
            let earlier = std::mem::take(&mut self.window);
            self.window = later.merged_with(&[earlier]);
        }
    }

    fn sink(&mut self) -> Sink<'_> {
        Sink {
            window: &mut self.window,
            items: &mut self.items,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reader::Entry;

    fn print(printed: &mut Printed, time: i64) {
        printed.window.push(Entry { time, hash: 0 });
    }

    #[test]
    fn lines_printed_before_and_after_going_back_stay_known() {
        let mut printed = Printed::default();
        print(&mut printed, 1);
        let checkpoint = printed.checkpoint();
        print(&mut printed, 20);
        printed.go_back(vec![checkpoint]);
        // The newest line is the checkpoint's, so that a resume begins there.
        assert_eq!(printed.window().newest(), Some(1));
        assert_eq!(printed.window().until(), Some(20));
        print(&mut printed, 2);
        printed.go_forward();
        assert_eq!(printed.window().newest(), Some(20));
        let mut seen = printed.window().seen_lines();
        for time in [1, 2, 20] {
            assert!(seen.take(Entry { time, hash: 0 }), "{time}");
            assert!(!seen.take(Entry { time, hash: 0 }), "{time}");
        }
    }
}
