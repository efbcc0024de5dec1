//! The framing of a body: finds its bytes and its end.

use std::io;

/// The way in which a response marks the end of its body.
#[derive(Debug)]
pub(crate) enum Framing {
    /// `Transfer-Encoding: chunked`.
    Chunked(Chunked),
    /// `Content-Length`: the number of bytes still to come.
    Length(u64),
    /// Neither of them: the body ends with the connection.
    UntilClose,
}

impl Framing {
    /// Moves the bytes of the body to the front of `read` and returns their number. All of
    /// `read` is used up.
    pub(crate) fn decode(&mut self, read: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Chunked(chunked) => chunked.decode(read),
            Self::Length(left) => {
                let taken = within(*left, read.len());
                *left -= taken as u64;
                Ok(taken)
            }
            Self::UntilClose => Ok(read.len()),
        }
    }

    /// True once the body is complete.
    pub(crate) fn is_complete(&self) -> bool {
        match self {
            Self::Chunked(chunked) => chunked.state == State::Done,
            Self::Length(left) => *left == 0,
            Self::UntilClose => false,
        }
    }

    /// Judges the end of the connection: an error if the body is incomplete.
    pub(crate) fn at_close(&self) -> io::Result<()> {
        if self.is_complete() || matches!(self, Self::UntilClose) {
            return Ok(());
        }
        Err(io::Error::new(
            io::ErrorKind::UnexpectedEof,
            "the connection was closed in the middle of the log",
        ))
    }
}

/// A decoder of chunked bodies. It holds no bytes, so a read may end anywhere.
#[derive(Debug, Default)]
pub(crate) struct Chunked {
    state: State,
    /// The chunk's size as far as read, then the number of its bytes still to come.
    left: u64,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    /// Before the first digit of a size.
    #[default]
    Size,
    /// Behind a digit of a size.
    Digits,
    /// In a chunk extension, which is ignored.
    Extension,
    /// Before the LF that ends a size.
    SizeLf,
    Data,
    /// Behind the data: CR, or LF where a server is careless.
    DataCr,
    DataLf,
    /// At the start of a trailer, or of the empty line that ends the body.
    TrailerStart,
    Trailer,
    /// Before the LF of the empty line.
    EndLf,
    Done,
}

impl Chunked {
    fn decode(&mut self, read: &mut [u8]) -> io::Result<usize> {
        let (mut at, mut kept) = (0, 0);
        while at < read.len() && self.state != State::Done {
            if self.state == State::Data {
                let taken = within(self.left, read.len() - at);
                read.copy_within(at..at + taken, kept);
                (at, kept) = (at + taken, kept + taken);
                self.left -= taken as u64;
                if self.left == 0 {
                    self.state = State::DataCr;
                    if let Some((size, len)) = next_size(&read[at..]) {
                        (self.state, self.left) = (State::Data, size);
                        at += len;
                    }
                }
            } else {
                self.state = self.step(read[at])?;
                at += 1;
            }
        }
        Ok(kept)
    }

    fn step(&mut self, byte: u8) -> io::Result<State> {
        match (self.state, byte) {
            (State::Size | State::Digits, byte) if byte.is_ascii_hexdigit() => self.digit(byte),
            (State::Digits, b'\r') => Ok(State::SizeLf),
            (State::Digits | State::Extension | State::SizeLf, b'\n') => Ok(self.sized()),
            (State::Digits, b';' | b' ' | b'\t') | (State::Extension, _) => Ok(State::Extension),
            (State::DataCr, b'\r') => Ok(State::DataLf),
            (State::DataCr | State::DataLf, b'\n') => Ok(State::Size),
            (State::TrailerStart, b'\r') => Ok(State::EndLf),
            (State::TrailerStart | State::EndLf, b'\n') => Ok(State::Done),
            (State::Trailer, b'\n') => Ok(State::TrailerStart),
            (State::TrailerStart | State::Trailer, _) => Ok(State::Trailer),
            (state, byte) => Err(malformed(&format!("{byte:#04x} in {state:?}"))),
        }
    }

    fn digit(&mut self, digit: u8) -> io::Result<State> {
        let value = char::from(digit).to_digit(16).unwrap_or_default();
        self.left = self
            .left
            .checked_mul(16)
            .and_then(|left| left.checked_add(value.into()))
            .ok_or_else(|| malformed("its size is too large"))?;
        Ok(State::Digits)
    }

    fn sized(&self) -> State {
        match self.left {
            0 => State::TrailerStart,
            _ => State::Data,
        }
    }
}

/// Reads what stands between the data of two chunks, where it is whole and plain. Returns the
/// size of the second chunk, and the number of bytes read.
#[inline]
fn next_size(between: &[u8]) -> Option<(u64, usize)> {
    let digits = between.strip_prefix(b"\r\n")?;
    let mut size = 0;
    for (at, byte) in digits.iter().take(9).enumerate() {
        let digit = match byte {
            b'0'..=b'9' => byte - b'0',
            b'a'..=b'f' => byte - b'a' + 10,
            b'\r' if size > 0 && digits.get(at + 1) == Some(&b'\n') => {
                return Some((size, at + 4));
            }
            _ => return None,
        };
        size = size * 16 + u64::from(digit);
    }
    None
}

/// Returns the smaller of `left` and `len`.
fn within(left: u64, len: usize) -> usize {
    usize::try_from(left).map_or(len, |left| left.min(len))
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(
        io::ErrorKind::InvalidData,
        format!("the server sent a malformed chunk: {what}"),
    )
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Decodes a body that arrives in these pieces; true if it is complete.
    fn decode(framing: &mut Framing, pieces: &[&[u8]]) -> io::Result<(Vec<u8>, bool)> {
        let mut decoded = Vec::new();
        for piece in pieces {
            let mut read = piece.to_vec();
            let kept = framing.decode(&mut read)?;
            decoded.extend_from_slice(&read[..kept]);
        }
        Ok((decoded, framing.is_complete()))
    }

    fn chunked(pieces: &[&[u8]]) -> io::Result<(Vec<u8>, bool)> {
        decode(&mut Framing::Chunked(Chunked::default()), pieces)
    }

    fn split<'a>(bytes: &'a [u8], cuts: &[prop::sample::Index]) -> Vec<&'a [u8]> {
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.sort_unstable();
        let starts = [0].into_iter().chain(cuts.iter().copied());
        let ends = cuts.iter().copied().chain([bytes.len()]);
        starts
            .zip(ends)
            .map(|(from, to)| &bytes[from..to])
            .collect()
    }

    proptest! {
        #[test]
        fn it_does_not_matter_where_a_body_is_split(
            chunks in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..40), 0..12),
            extension in prop::sample::select(vec!["", ";a=b", " ", ";x=\"y;\""]),
            line_end in prop::sample::select(vec!["\r\n", "\n"]),
            trailer in prop::sample::select(vec!["", "Expires: never\r\n"]),
            is_upper in any::<bool>(),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let mut encoded = Vec::new();
            for chunk in &chunks {
                let size = if is_upper { format!("{:X}", chunk.len()) } else { format!("{:x}", chunk.len()) };
                encoded.extend(format!("{size}{extension}{line_end}").into_bytes());
                encoded.extend_from_slice(chunk);
                encoded.extend_from_slice(line_end.as_bytes());
            }
            encoded.extend(format!("0{line_end}{trailer}{line_end}").into_bytes());
            let (decoded, complete) = chunked(&split(&encoded, &cuts)).unwrap();
            prop_assert_eq!(decoded, chunks.concat());
            prop_assert!(complete);
            let cut_short = chunked(&[&encoded[..encoded.len() - 1]]).unwrap();
            prop_assert!(!cut_short.1);
        }

        #[test]
        fn garbage_is_refused_at_the_same_place_however_it_is_split(
            garbage in prop::collection::vec(
                prop::sample::select(b"0129afF;\r\n\t x\xff".to_vec()), 0..40),
            cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
        ) {
            let whole = chunked(&[&garbage]);
            let pieces = chunked(&split(&garbage, &cuts));
            prop_assert_eq!(
                whole.as_ref().map_err(ToString::to_string),
                pieces.as_ref().map_err(ToString::to_string)
            );
        }
    }

    #[test]
    fn a_size_beyond_64_bits_is_refused() {
        let error = chunked(&[b"11111111111111111\r\n"]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidData);
    }

    #[test]
    fn a_length_is_complete_when_it_is_there_and_lost_before() {
        let mut length = Framing::Length(5);
        assert_eq!(
            decode(&mut length, &[b"ab", b"c"]).unwrap(),
            (b"abc".to_vec(), false)
        );
        assert!(length.at_close().is_err());
        assert_eq!(
            decode(&mut length, &[b"dexxx"]).unwrap(),
            (b"de".to_vec(), true)
        );
        assert!(length.at_close().is_ok());
    }

    #[test]
    fn without_framing_the_close_is_the_end() {
        let mut framing = Framing::UntilClose;
        assert_eq!(
            decode(&mut framing, &[b"abc"]).unwrap(),
            (b"abc".to_vec(), false)
        );
        assert!(framing.at_close().is_ok());
    }
}
