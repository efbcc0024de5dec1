//! Makes the output of other programs safe to print.
//!
//! Log lines and event messages reach two readers besides people: the terminal, which
//! obeys escape sequences, and the runner of a pipeline, which obeys commands in the
//! output of a step. Neither may hear a container speak. [`text`] is for lines, [`json`]
//! for the content of JSON strings; a line that holds nothing dangerous is copied as it
//! is, after one look at its bytes.
//!
//! | reader | obeys | here |
//! |---|---|---|
//! | GitHub Actions | `##[command]` anywhere in a line | `## [command]` |
//! | | `::command::` at the start of a line | stands behind our prefix; [`disarm_start`] without one |
//! | Azure Pipelines | `##vso[…]`, `##[…]` anywhere | `## vso[…]` |
//! | TeamCity | `##teamcity[…]` anywhere | `## teamcity[…]` |
//! | GitLab CI | `section_start:…\r\e[0K`, `\r` clears the line | no `\r`, no `\e[0K` |
//! | Buildkite | `--- ` and the like at the start of a line, APC, OSC | as GitHub's `::`; no APC, no OSC |
//! | Jenkins | notes behind concealing colour `\e[8m` | no `\e[8m` |
//! | terminals | OSC, DCS, CSI, `\b`, `\r`, C1 | none of them |
//!
//! A blank is put into the marker and not a zero-width space: the runners of GitHub and
//! Azure look for their markers with .NET's `IndexOf(string)` (`ActionCommand.cs`,
//! `Command.cs`), which compares as the culture does and sees no zero-width characters.
//! For the same reason markers are found across such characters.

mod overwritten;

use std::str;

/// The capabilities of the reader.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// True if colours (SGR sequences) are kept; they are closed at the end of the line.
    pub colour: bool,
    /// True if the reader is a terminal and not a pipeline. Then only the last state of a line
    /// that overwrites itself is shown, however short it is, and markers of pipelines stay.
    pub terminal: bool,
}

/// Returns text of the cluster as one line that no terminal obeys.
pub(crate) fn printable(text: &str) -> String {
    let mut out = Vec::with_capacity(text.len());
    self::text(text.trim().as_bytes(), &mut out, Options::default());
    String::from_utf8_lossy(&out).replace('\t', " ")
}

/// Appends one line to `out`, valid UTF-8 and without any control character but tab and
/// the escape of a colour.
///
/// The line comes without its newline; one inside becomes a blank.
pub fn text(line: &[u8], out: &mut Vec<u8>, options: Options) {
    let found = Found::of(line, look);
    if !found.needs_work(line, options) {
        out.extend_from_slice(line);
        return;
    }
    let start = out.len();
    Cleaner::new(out, options).line(&String::from_utf8_lossy(line));
    // Last: a control character between the two # of a marker has hidden it until now.
    if !options.terminal {
        break_markers(out, start);
    }
}

/// True if no line among these bytes holds anything dangerous: [`text`] would copy each as it
/// is, and [`json`] would escape quotes and backslashes alone. It stops at the first doubt, so it
/// costs little where it does not help.
pub fn is_plain(lines: &[u8]) -> bool {
    let is_plain = |bits: Bits| bits.iter().fold(0, |all, bits| all | bits) == 0;
    let (blocks, rest) = lines.as_chunks::<BLOCK>();
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    let mut pages = blocks.chunks(PAGE);
    is_plain(doubtful([0; BLOCK], &last))
        && pages.all(|page| is_plain(page.iter().fold([0; BLOCK], doubtful)))
}

/// Blocks that are looked at before a doubt counts.
const PAGE: usize = 32;

/// Records the bytes of a block that are not plain: control characters except line feeds, `#`,
/// and what is not ASCII. A byte of the last kind is negative, and so below a blank.
#[inline]
fn doubtful(mut bits: Bits, block: &[u8; BLOCK]) -> Bits {
    for (bits, byte) in bits.iter_mut().zip(block) {
        let is_low = (byte.cast_signed() < 0x20) & (*byte != b'\n');
        *bits |= u8::from(is_low | (*byte == b'#') | (*byte == 0x7f));
    }
    bits
}

/// Appends the content of a JSON string to `out`, without its quotes: control characters
/// and markers of pipelines are escaped, so that nothing is lost.
pub fn json(line: &[u8], out: &mut Vec<u8>) {
    let found = Found::of(line, look_for_escapes);
    if !found.control && !found.wide && !found.hash {
        out.extend_from_slice(line);
    } else if found.wide {
        escape(String::from_utf8_lossy(line).as_bytes(), found.hash, out);
    } else {
        escape(line, found.hash, out);
    }
}

/// Appends a JSON string, with its quotes, of a line that [`is_plain`].
pub fn json_of_plain(line: &[u8], out: &mut Vec<u8>) {
    match str::from_utf8(line) {
        Ok(line) if line.len() <= SHORT => json_escape_simd::escape_into(line, out),
        _ => json_string(line, out),
    }
}

/// The longest line that `escape_into` gets: it makes room for six times the length first.
const SHORT: usize = 8 * 1024;

/// Appends a JSON string, with its quotes, of any line.
pub fn json_string(line: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    json(line, out);
    out.push(b'"');
}

/// Appends valid UTF-8 with its escapes. The text between them is copied as a whole.
fn escape(line: &[u8], has_hash: bool, out: &mut Vec<u8>) {
    let markers = if has_hash { markers(line) } else { Vec::new() };
    let mut markers = markers.into_iter().peekable();
    let mut copied = 0;
    each_candidate(line, |at| {
        let Some((code, length)) = special(&line[at..]) else {
            return;
        };
        if line[at] != b'#' || markers.next_if_eq(&(at + 1)).is_some() {
            out.extend_from_slice(&line[copied..at]);
            push_escape(out, code);
            copied = at + length;
        }
    });
    out.extend_from_slice(&line[copied..]);
}

/// Disarms commands that pipelines obey only at the start of a line. It is for output without
/// a prefix. The line starts at `start` of `out`.
pub fn disarm_start(out: &mut Vec<u8>, start: usize) {
    let line = &out[start..];
    let first = after_blanks(line);
    if line[first..].starts_with(b"::") {
        out.insert(start + first + 1, b' ');
    } else if HEADINGS.iter().any(|heading| line.starts_with(heading)) {
        out.insert(start, b' ');
    }
}

/// Group headings of Buildkite.
const HEADINGS: [&[u8]; 4] = [b"--- ", b"+++ ", b"~~~ ", b"^^^ "];

/// The kinds of special bytes that a line contains, found in one pass.
#[derive(Clone, Copy)]
struct Found {
    control: bool,
    hash: bool,
    wide: bool,
}

impl Found {
    /// Looks at the whole line. The loops have no branch and no early exit, so that the compiler
    /// handles many bytes at a time.
    fn of(line: &[u8], look: impl Fn(Bits, &[u8]) -> Bits) -> Self {
        let mut blocks = line.chunks_exact(BLOCK);
        let mut bits = blocks.by_ref().fold([0; BLOCK], &look);
        let mut last = [b' '; BLOCK];
        last[..blocks.remainder().len()].copy_from_slice(blocks.remainder());
        bits = look(bits, &last);
        let bits = bits.iter().fold(0, |all, bits| all | bits);
        Self {
            control: bits & 1 != 0,
            hash: bits & 2 != 0,
            wide: bits & 0x80 != 0,
        }
    }

    fn needs_work(self, line: &[u8], options: Options) -> bool {
        self.control
            || (self.wide && !is_clean_utf8(line))
            || (self.hash && !options.terminal && !markers(line).is_empty())
    }
}

const BLOCK: usize = 32;

/// The kinds of bytes seen so far at each position of a block: 1 for a control character, 2
/// for a `#`, 0x80 for a byte that is not ASCII.
type Bits = [u8; BLOCK];

/// Records the kinds of the bytes of a block.
fn look(mut bits: Bits, block: &[u8]) -> Bits {
    for (bits, byte) in bits.iter_mut().zip(block) {
        let control = ((*byte < 0x20) & (*byte != b'\t')) | (*byte == 0x7f);
        *bits |= u8::from(control) | (u8::from(*byte == b'#') << 1) | (byte & 0x80);
    }
    bits
}

/// Does the work of [`look`] for JSON, where a tab, a quote and a backslash count as control
/// characters.
fn look_for_escapes(mut bits: Bits, block: &[u8]) -> Bits {
    for (bits, byte) in bits.iter_mut().zip(block) {
        let control = is_escaped_ascii(*byte);
        *bits |= u8::from(control) | (u8::from(*byte == b'#') << 1) | (byte & 0x80);
    }
    bits
}

fn is_escaped_ascii(byte: u8) -> bool {
    (byte < 0x20) | (byte == 0x7f) | (byte == b'"') | (byte == b'\\')
}

/// Calls `found` with each position where something [`special`] may begin. Other bytes are
/// skipped many at a time.
#[inline]
fn each_candidate(line: &[u8], mut found: impl FnMut(usize)) {
    let (blocks, rest) = line.as_chunks::<BLOCK>();
    let mut last = [b' '; BLOCK];
    last[..rest.len()].copy_from_slice(rest);
    for (number, block) in blocks.iter().chain([&last]).enumerate() {
        let marks = candidates(block);
        for (word, marks) in marks.as_chunks::<8>().0.iter().enumerate() {
            let mut marks = u64::from_le_bytes(*marks);
            while marks != 0 {
                let byte = marks.trailing_zeros() / 8;
                found(number * BLOCK + word * 8 + byte as usize);
                marks &= marks - 1;
            }
        }
    }
}

/// Returns 1 for each byte with which something [`special`] may begin, 0 for the others.
fn candidates(block: &[u8; BLOCK]) -> Bits {
    let mut marks = [0; BLOCK];
    for (mark, byte) in marks.iter_mut().zip(block) {
        let wide = (*byte == 0xc2) | (*byte == 0xe2);
        *mark = u8::from(is_escaped_ascii(*byte) | (*byte == b'#') | wide);
    }
    marks
}

/// Returns the character at the start and its length if it may have to be escaped. It is a
/// control character, one that JSON escapes, a line or paragraph separator (at which some
/// readers end a line), or a `#`, which may be part of a marker.
#[inline]
fn special(text: &[u8]) -> Option<(u32, usize)> {
    match *text {
        [byte @ (..0x20 | b'"' | b'\\' | b'#' | 0x7f), ..] => Some((byte.into(), 1)),
        [0xc2, last @ ..0xa0, ..] => Some((last.into(), 2)),
        [0xe2, 0x80, last @ (0xa8 | 0xa9), ..] => Some((0x2000 | u32::from(last - 0x80), 3)),
        _ => None,
    }
}

/// True if the line is valid UTF-8 without C1 controls (U+0080 to U+009F).
fn is_clean_utf8(line: &[u8]) -> bool {
    let c1 = |at: usize| line.get(at + 1).is_some_and(|next| *next < 0xa0);
    str::from_utf8(line).is_ok() && !memchr::memchr_iter(0xc2, line).any(c1)
}

/// Writes the text of one line and leaves out its control characters.
struct Cleaner<'a> {
    out: &'a mut Vec<u8>,
    options: Options,
    /// True while a colour is on.
    open: bool,
    /// True once it is known that no control string ends in the rest of the line.
    endless: bool,
}

impl<'a> Cleaner<'a> {
    fn new(out: &'a mut Vec<u8>, options: Options) -> Self {
        Self {
            out,
            options,
            open: false,
            endless: false,
        }
    }

    fn line(mut self, line: &str) {
        let line = line.trim_end_matches(['\r', '\n']);
        let shown = overwritten::last_state(line, self.options.terminal);
        let mut rest = &*shown;
        while let Some(at) = rest.find(|c: char| c != '\t' && c.is_control()) {
            self.out.extend_from_slice(&rest.as_bytes()[..at]);
            rest = self.control(&rest[at..]);
        }
        self.out.extend_from_slice(rest.as_bytes());
        if self.open {
            self.out.extend_from_slice(b"\x1b[0m");
        }
    }

    /// Handles the sequence that starts with a control character and returns the text after it.
    fn control<'t>(&mut self, text: &'t str) -> &'t str {
        let mut chars = text.chars();
        let first = chars.next();
        let rest = chars.as_str();
        match first {
            Some('\r' | '\n') => {
                self.out.push(b' ');
                rest.trim_start_matches(['\r', '\n'])
            }
            Some('\x1b') => self.escape(rest),
            Some('\u{9b}') => after_sequence(rest).1,
            Some('\u{90}' | '\u{98}' | '\u{9d}'..='\u{9f}') => self.after_string(rest),
            _ => rest,
        }
    }

    /// Reads the sequence after an escape character and returns the rest of the text.
    fn escape<'t>(&mut self, text: &'t str) -> &'t str {
        let rest = text.get(1..).unwrap_or_default();
        match text.bytes().next() {
            Some(b'[') => {
                let (sequence, after) = after_sequence(rest);
                self.colour(sequence);
                after
            }
            Some(b']' | b'P' | b'X' | b'^' | b'_') => self.after_string(rest),
            _ => after_short_escape(text),
        }
    }

    /// Returns the text after a control string (OSC, DCS, APC, PM, SOS) and its terminator.
    /// If there is no terminator only the start is dropped, lest the line be lost.
    fn after_string<'t>(&mut self, text: &'t str) -> &'t str {
        // A line of nothing but openings would be searched to its end for each of them.
        if self.endless {
            return text;
        }
        let end = string_end(text);
        self.endless = end.is_none();
        &text[end.unwrap_or_default()..]
    }

    /// Keeps a colour, if colours are wanted and it hides nothing.
    fn colour(&mut self, sequence: &str) {
        let Some(parameters) = sequence.strip_suffix('m') else {
            return;
        };
        let plain = parameters
            .bytes()
            .all(|b| matches!(b, b'0'..=b'9' | b';' | b':'));
        if !plain || !self.options.colour || conceals(parameters) {
            return;
        }
        // Zeros alone, or nothing, turn all colours off.
        self.open = parameters.bytes().any(|b| matches!(b, b'1'..=b'9'));
        self.out.extend_from_slice(b"\x1b[");
        self.out.extend_from_slice(sequence.as_bytes());
    }
}

/// True if a colour makes text invisible (8); 8 is also a number of a colour after
/// `38;5`, `48;5` and `58;5`, and a part of one after `38;2`.
fn conceals(parameters: &str) -> bool {
    let mut parameters = parameters.split(';');
    while let Some(parameter) = parameters.next() {
        match parameter.trim_start_matches('0') {
            "8" => return true,
            "38" | "48" | "58" => {
                let numbers = match parameters.next() {
                    Some("5") => 1,
                    Some("2") => 3,
                    _ => 0,
                };
                for _ in 0..numbers {
                    parameters.next();
                }
            }
            _ => {}
        }
    }
    false
}

/// Splits after the parameters, intermediates and final byte of a control sequence
/// (ECMA-48 5.4). One that is not complete ends before the first byte that cannot
/// belong to it, and is no sequence.
fn after_sequence(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let end = bytes
        .iter()
        .position(|b| !(0x20..=0x3f).contains(b))
        .unwrap_or(bytes.len());
    match bytes.get(end) {
        Some(0x40..=0x7e) => text.split_at(end + 1),
        _ => ("", &text[end..]),
    }
}

/// Returns the end of a control string, which is after a BEL or ST. It searches for both in
/// one pass, because a line may hold half a million control strings.
fn string_end(text: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let end = |(at, byte): (usize, &u8)| match (byte, bytes.get(at + 1)) {
        (0x07, _) => Some(at + 1),
        (0x1b, Some(b'\\')) | (0xc2, Some(0x9c)) => Some(at + 2),
        _ => None,
    };
    bytes.iter().enumerate().find_map(end)
}

/// Returns the text after an escape of another kind: intermediate bytes and a final byte.
fn after_short_escape(text: &str) -> &str {
    let rest = text.trim_start_matches(|c| matches!(c, ' '..='/'));
    match rest.bytes().next() {
        Some(0x30..=0x7e) => &rest[1..],
        _ => rest,
    }
}

/// The texts that make a marker of a `##` before them.
const MARKERS: [&[u8]; 3] = [b"[", b"vso[", b"teamcity["];

fn break_markers(out: &mut Vec<u8>, start: usize) {
    let markers = markers(&out[start..]);
    if markers.is_empty() {
        return;
    }
    let line = out.split_off(start);
    let mut copied = 0;
    for at in markers {
        out.extend_from_slice(&line[copied..at]);
        out.push(b' ');
        copied = at;
    }
    out.extend_from_slice(&line[copied..]);
}

/// Returns the position after the second `#` of each marker.
fn markers(line: &[u8]) -> Vec<usize> {
    let second = |at: usize| {
        let second = after_invisible(line, at + 1);
        (line.get(second) == Some(&b'#')).then_some(second + 1)
    };
    let is_marker = |at: &usize| MARKERS.iter().any(|marker| stands_at(line, *at, marker));
    memchr::memchr_iter(b'#', line)
        .filter_map(second)
        .filter(is_marker)
        .collect()
}

fn stands_at(line: &[u8], mut at: usize, marker: &[u8]) -> bool {
    marker.iter().all(|wanted| {
        at = after_invisible(line, at);
        let same = line
            .get(at)
            .is_some_and(|byte| byte.eq_ignore_ascii_case(wanted));
        at += 1;
        same
    })
}

/// Returns the position after invisible text: colours, and characters without a width or a
/// weight of their own.
fn after_invisible(line: &[u8], mut at: usize) -> usize {
    while let Some(length) = invisible(&line[at.min(line.len())..]) {
        at += length;
    }
    at
}

fn invisible(line: &[u8]) -> Option<usize> {
    match line {
        [0x1b, b'[', rest @ ..] => {
            let end = rest.iter().position(|b| !matches!(b, b'0'..=b';'))?;
            (rest[end] == b'm').then_some(end + 3)
        }
        // U+00AD, U+034F.
        [0xc2, 0xad, ..] | [0xcd, 0x8f, ..] => Some(2),
        // U+200B to U+200F, U+202A to U+202E, U+2060 to U+206F, U+FEFF, U+FE00 to U+FE0F.
        [0xe2, 0x80, 0x8b..=0x8f | 0xaa..=0xae, ..]
        | [0xe2, 0x81, 0xa0..=0xaf, ..]
        | [0xef, 0xbb, 0xbf, ..]
        | [0xef, 0xb8, 0x80..=0x8f, ..] => Some(3),
        _ => None,
    }
}

/// Returns the position after blanks, which the runner trims before it looks for `::`.
fn after_blanks(line: &[u8]) -> usize {
    let mut at = 0;
    loop {
        let before = at;
        at = after_invisible(line, at);
        let text = str::from_utf8(&line[at..]).unwrap_or_default();
        at += text.len() - text.trim_start().len();
        if at == before {
            return at;
        }
    }
}

/// Escapes a character of the first plane as JSON does.
fn push_escape(out: &mut Vec<u8>, code: u32) {
    let digit = |shift: u32| b"0123456789abcdef"[(code >> shift & 0xf) as usize];
    match code {
        0x09 => out.extend_from_slice(b"\\t"),
        0x0a => out.extend_from_slice(b"\\n"),
        0x0d => out.extend_from_slice(b"\\r"),
        0x22 => out.extend_from_slice(b"\\\""),
        0x5c => out.extend_from_slice(b"\\\\"),
        _ => out.extend_from_slice(&[b'\\', b'u', digit(12), digit(8), digit(4), digit(0)]),
    }
}

#[cfg(test)]
#[path = "sanitize_tests.rs"]
mod tests;
