//! Bytes of a pipe, cut into lines.

use std::io;

use argo_core::text::redact;
use bytes::{Bytes, BytesMut};
use tokio::io::{AsyncRead, AsyncReadExt};

use super::Redactor;

/// A line without its newline, or a piece of one.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Piece {
    pub(super) text: Bytes,
    /// True if the line goes on in the next piece.
    pub(super) continues: bool,
    /// True if the line began in an earlier piece.
    is_continuation: bool,
}

impl Piece {
    /// True for a whole line of blanks: argocd separates its paragraphs by them.
    pub(super) fn is_blank_line(&self) -> bool {
        !self.continues && !self.is_continuation && self.text.trim_ascii().is_empty()
    }
}

/// Reads lines of any length, longer ones than [`CAP`] in pieces, and cuts out secrets.
#[derive(Debug)]
pub(super) struct Lines<R> {
    reader: R,
    redactor: Redactor,
    redacted: redact::Lines,
    buffer: BytesMut,
    /// Bytes of the buffer that are known to hold no newline.
    scanned: usize,
    /// True if the last piece was not the end of its line.
    inside: bool,
    ended: bool,
}

/// The most bytes of a piece; a longer line is cut into several.
const CAP: usize = 1 << 20;
/// Bytes read at once: as many as a pipe holds.
const CHUNK: usize = 64 << 10;

impl<R: AsyncRead + Unpin> Lines<R> {
    pub(super) fn new(reader: R, redactor: Redactor) -> Self {
        Self {
            reader,
            redactor,
            redacted: redact::Lines::default(),
            buffer: BytesMut::new(),
            scanned: 0,
            inside: false,
            ended: false,
        }
    }

    /// Returns the next line; `None` at the end of the pipe, or without a pipe. Cancel safe:
    /// bytes that were read stay in the buffer.
    pub(super) async fn next(lines: &mut Option<Self>) -> Option<Piece> {
        let lines = lines.as_mut()?;
        loop {
            if let Some(piece) = lines.take_piece() {
                return Some(piece);
            }
            if lines.ended {
                return lines.take_rest();
            }
            lines.fill().await;
        }
    }

    async fn fill(&mut self) {
        self.buffer.reserve(CHUNK);
        match self.reader.read_buf(&mut self.buffer).await {
            Ok(0) => self.ended = true,
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => {
                log::warn!("cannot read what argocd writes: {error}");
                self.ended = true;
            }
        }
    }
}

impl<R> Lines<R> {
    /// Returns the rest of the buffer without waiting for the end of its line.
    pub(super) fn rest(mut self) -> Option<Piece> {
        self.take_rest()
    }

    fn take_piece(&mut self) -> Option<Piece> {
        // One byte more, for the newline of a line that just fits.
        let end = self.buffer.len().min(CAP + 1);
        if let Some(at) = memchr::memchr(b'\n', &self.buffer[self.scanned.min(end)..end]) {
            let mut line = self.buffer.split_to(self.scanned + at + 1);
            line.truncate(line.len() - 1);
            return Some(self.piece(line, false));
        }
        self.scanned = end;
        if self.buffer.len() <= CAP {
            return None;
        }
        // A secret across the cut would be whole in neither piece, and pass.
        let cut = self.redactor.cut(&self.buffer[..CAP]);
        let piece = self.buffer.split_to(cut);
        Some(self.piece(piece, true))
    }

    fn piece(&mut self, text: BytesMut, continues: bool) -> Piece {
        self.scanned = 0;
        let text = self.redactor.apply(text.freeze());
        Piece {
            text: without_credentials(&mut self.redacted, text),
            continues,
            is_continuation: std::mem::replace(&mut self.inside, continues),
        }
    }

    /// Takes a line without a newline, or the missing end of one.
    fn take_rest(&mut self) -> Option<Piece> {
        if self.buffer.is_empty() && !self.inside {
            return None;
        }
        let line = std::mem::take(&mut self.buffer);
        Some(self.piece(line, false))
    }
}

/// Cuts out credentials that can be recognized by their form. Bytes that are not text stay.
/// The very same bytes are returned if nothing was cut.
fn without_credentials(redacted: &mut redact::Lines, line: Bytes) -> Bytes {
    let mut out = BytesMut::new();
    let mut is_cut = false;
    for chunk in line.utf8_chunks() {
        let text = redacted.redacted(chunk.valid());
        is_cut |= text != chunk.valid();
        out.extend_from_slice(text.as_bytes());
        out.extend_from_slice(chunk.invalid());
    }
    if is_cut { out.freeze() } else { line }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(bytes: &[u8]) -> Vec<(Bytes, bool)> {
        read_with(bytes, Redactor::default())
    }

    #[tokio::main(flavor = "current_thread")]
    async fn read_with(bytes: &[u8], redactor: Redactor) -> Vec<(Bytes, bool)> {
        let mut lines = Some(Lines::new(bytes, redactor));
        let mut pieces = Vec::new();
        while let Some(piece) = Lines::next(&mut lines).await {
            pieces.push((piece.text, piece.continues));
        }
        pieces
    }

    #[test]
    fn lines_keep_every_byte_but_the_newline() {
        let whole = |text: &'static [u8]| (Bytes::from_static(text), false);
        assert_eq!(read(b""), []);
        assert_eq!(read(b"\n"), [whole(b"")]);
        assert_eq!(
            read(b"a\n\nb\r\n"),
            [whole(b"a"), whole(b""), whole(b"b\r")]
        );
        assert_eq!(
            read(b"\xff\xfe\0\npart"),
            [whole(b"\xff\xfe\0"), whole(b"part")]
        );
    }

    #[test]
    fn a_long_line_comes_in_pieces_and_its_end_is_marked() {
        for (length, wanted) in [
            (CAP, vec![(CAP, false)]),
            (CAP + 1, vec![(CAP, true), (1, false)]),
            (2 * CAP, vec![(CAP, true), (CAP, false)]),
            (2 * CAP + 7, vec![(CAP, true), (CAP, true), (7, false)]),
        ] {
            for newline in [true, false] {
                let mut bytes = vec![b'x'; length];
                bytes.extend(newline.then_some(b'\n'));
                let pieces = read(&bytes);
                let got: Vec<_> = pieces
                    .iter()
                    .map(|(text, more)| (text.len(), *more))
                    .collect();
                assert_eq!(got, wanted, "{length}");
            }
        }
    }

    #[test]
    fn only_a_whole_line_of_blanks_is_blank() {
        #[tokio::main(flavor = "current_thread")]
        async fn blank(bytes: &[u8]) -> Vec<bool> {
            let mut lines = Some(Lines::new(bytes, Redactor::default()));
            let mut blank = Vec::new();
            while let Some(piece) = Lines::next(&mut lines).await {
                blank.push(piece.is_blank_line());
            }
            blank
        }
        assert_eq!(blank(b"\na\n \t\r\n\n"), [true, false, true, true]);
        assert_eq!(blank(&vec![b' '; CAP + 3]), [false, false]);
    }

    #[test]
    fn what_follows_a_long_line_is_a_line_of_its_own() {
        let mut bytes = vec![b'x'; CAP + 3];
        bytes.extend_from_slice(b"\nnext\n");
        let texts: Vec<_> = read(&bytes)
            .into_iter()
            .map(|(text, _)| text.len())
            .collect();
        assert_eq!(texts, [CAP, 3, 4]);
    }

    #[test]
    fn a_secret_across_two_pieces_is_found() {
        let token = [("ARGO_TOKEN".into(), "0123456789".into())];
        let mut bytes = vec![b'x'; CAP - 4];
        bytes.extend_from_slice(b"0123456789 end\n");
        let pieces = read_with(&bytes, Redactor::new(&[], &token));
        let lengths: Vec<_> = pieces
            .iter()
            .map(|(text, more)| (text.len(), *more))
            .collect();
        assert_eq!(lengths, [(CAP - 4, true), (7, false)]);
        assert_eq!(pieces[1].0, "*** end");
    }

    #[test]
    fn a_credential_that_nobody_gave_to_argocd_is_cut() {
        let lines = "fetch https://ghp_1@h: \u{fffd}\n-----BEGIN PRIVATE KEY-----\nMHcC\n-----END PRIVATE KEY-----\n";
        let texts: Vec<_> = read(lines.as_bytes())
            .into_iter()
            .map(|(text, _)| text)
            .collect();
        let expected = [
            "fetch https://***@h: \u{fffd}",
            "-----BEGIN PRIVATE KEY-----",
            "***",
            "***-----END PRIVATE KEY-----",
        ];
        assert_eq!(texts, expected);
        assert_eq!(
            read(b"token=x\xff").first().unwrap().0,
            &b"token=***\xff"[..]
        );
    }

    #[test]
    fn a_line_that_is_never_finished_can_be_taken() {
        let mut lines = Lines::new(&b""[..], Redactor::default());
        lines.buffer.extend_from_slice(b"half");
        assert_eq!(
            lines.rest().map(|piece| piece.text),
            Some(Bytes::from_static(b"half"))
        );
    }
}
