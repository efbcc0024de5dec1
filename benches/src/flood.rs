//! A log of any length whose lines are made while they are sent.

use std::io::{self, Write};

use simcluster::logs::stamp;

/// Bytes of the text of a line, without its time and its line feed.
pub const TEXT: usize = 120;
/// Lines of an HTTP chunk, as many as a node sends for a container that writes fast.
const CHUNK: u64 = 3;
/// Number of chunks that are written at once.
const BLOCK: u64 = 400;
/// `TIMESTAMP SP text LF`
const LINE: usize = 31 + TEXT + 1;
/// Nanoseconds between two lines, which makes 20,000 lines a second.
const STEP: i64 = 50_000;

/// The log: line `n` has the time `start + n * STEP`.
#[derive(Clone, Copy, Debug)]
pub struct Flood {
    /// Number of lines.
    pub lines: u64,
    /// Time of the first line, in nanoseconds since 1970.
    pub start: i64,
}

impl Flood {
    /// Creates a log that ended a moment ago.
    #[must_use]
    pub fn until(now: i64, lines: u64) -> Self {
        let length = i64::try_from(lines).unwrap_or(i64::MAX) * STEP;
        Self {
            lines,
            start: now - length - 1_000_000_000,
        }
    }

    /// Returns the number of the first line that was written at a time or later.
    #[must_use]
    pub fn first_since(&self, since: i64) -> u64 {
        let after = (since - self.start).max(0);
        u64::try_from(after)
            .unwrap_or(0)
            .div_ceil(STEP.unsigned_abs())
    }

    /// Writes the lines from a number on as a chunked body, its final chunk included.
    ///
    /// # Errors
    ///
    /// When the reader goes away.
    pub fn send(&self, from: u64, out: &mut impl Write) -> io::Result<()> {
        let mut block = Block::new(CHUNK, BLOCK);
        let mut last = Block::new(1, 1);
        let mut next = from;
        while next < self.lines {
            let fits = self.lines - next >= CHUNK * BLOCK;
            let block = if fits { &mut block } else { &mut last };
            next = block.fill(self.start, next);
            out.write_all(&block.bytes)?;
        }
        out.write_all(b"0\r\n\r\n")?;
        out.flush()
    }
}

/// Encoded chunks whose times are written anew for each use.
struct Block {
    bytes: Vec<u8>,
    /// Positions at which lines begin.
    places: Vec<usize>,
    /// The time that was written last, and its second.
    stamp: [u8; 30],
    second: Option<i64>,
}

impl Block {
    fn new(lines: u64, chunks: u64) -> Self {
        let text: Vec<u8> = b"GET /shop/cart?item=4711 200 1532 \"-\" Mozilla/5.0 "
            .iter()
            .copied()
            .cycle()
            .take(TEXT)
            .collect();
        let mut block = Self {
            bytes: Vec::new(),
            places: Vec::new(),
            stamp: [0; 30],
            second: None,
        };
        for _ in 0..chunks {
            let head = format!("{:x}\r\n", LINE as u64 * lines);
            block.bytes.extend_from_slice(head.as_bytes());
            for _ in 0..lines {
                block.places.push(block.bytes.len());
                block.bytes.extend_from_slice(&stamp(0));
                block.bytes.push(b' ');
                block.bytes.extend_from_slice(&text);
                block.bytes.push(b'\n');
            }
            block.bytes.extend_from_slice(b"\r\n");
        }
        block
    }

    /// Gives the lines their times; the number of the line behind the last one.
    fn fill(&mut self, start: i64, mut next: u64) -> u64 {
        for place in &self.places {
            let time = start + i64::try_from(next).unwrap_or(i64::MAX) * STEP;
            let second = time.div_euclid(1_000_000_000);
            if self.second != Some(second) {
                self.second = Some(second);
                self.stamp = stamp(second * 1_000_000_000);
            }
            let mut rest = time.rem_euclid(1_000_000_000);
            for digit in self.stamp[20..29].iter_mut().rev() {
                *digit = b'0' + u8::try_from(rest % 10).unwrap_or_default();
                rest /= 10;
            }
            self.bytes[*place..*place + 30].copy_from_slice(&self.stamp);
            next += 1;
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(flood: Flood, from: u64) -> Vec<String> {
        let mut body = Vec::new();
        flood.send(from, &mut body).unwrap();
        let text = String::from_utf8(body).unwrap();
        let is_line = |line: &&str| line.len() == LINE - 1;
        text.lines().filter(is_line).map(str::to_owned).collect()
    }

    #[test]
    fn it_has_as_many_lines_as_asked_for_each_with_its_time() {
        let flood = Flood {
            lines: 1203,
            start: 1_700_000_000_000_000_000,
        };
        let all = lines(flood, 0);
        assert_eq!(all.len(), 1203);
        assert!(all[1].starts_with("2023-11-14T22:13:20.000050000Z GET"));
        let since = flood.first_since(flood.start + 1);
        assert_eq!(lines(flood, since), all[1..]);
    }
}
