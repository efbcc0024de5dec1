//! Lines that overwrite themselves: progress bars.

use std::borrow::Cow;

/// The most bytes of a line whose states are shown one after the other in a pipeline. In a
/// longer one only the last state says something.
const SHORT: usize = 200;

/// Returns the last state of a line that returns to its start or steps back. `always` is for
/// terminals; in a pipeline a short line stays as it is.
pub(super) fn last_state(line: &str, always: bool) -> Cow<'_, str> {
    if !always && line.len() <= SHORT {
        return line.into();
    }
    let state = last_written(line);
    if state.contains('\u{8}') {
        stepped_back(state).into()
    } else {
        state.into()
    }
}

/// Returns the text after the last return to the start of the line that has text after it.
fn last_written(line: &str) -> &str {
    let mut end = line.len();
    while let Some((start, after)) = last_return(&line[..end]) {
        let state = &line[after..end];
        if is_visible(state) {
            return state;
        }
        end = start;
    }
    &line[..end]
}

/// Returns the start and the end of the last return: a carriage return, or a sequence that moves
/// to the first column or erases the line.
fn last_return(line: &str) -> Option<(usize, usize)> {
    let carriage = line.rfind('\r').map(|at| (at, at + 1));
    let from = carriage.map_or(0, |(_, after)| after);
    let mut sequences = line[from..].rmatch_indices("\x1b[");
    let sequence = sequences.find_map(|(at, _)| {
        let at = from + at;
        Some((at, at + returns(&line[at..])?))
    });
    sequence.or(carriage)
}

/// Returns the length of the sequence at the start if it returns to the start of the line: CHA
/// (`G`) to the first column, EL (`K`) of the whole line or up to here.
fn returns(text: &str) -> Option<usize> {
    const RETURNS: [&str; 5] = ["\x1b[G", "\x1b[0G", "\x1b[1G", "\x1b[2K", "\x1b[1K"];
    let found = RETURNS.iter().find(|sequence| text.starts_with(**sequence));
    found.map(|sequence| sequence.len())
}

/// True if a reader would see something of the text.
fn is_visible(text: &str) -> bool {
    let mut chars = text.chars();
    while let Some(character) = chars.next() {
        if character == '\x1b' {
            // Skips to the final byte; a sequence without one is not visible either.
            chars.by_ref().skip(1).find(char::is_ascii_alphabetic);
        } else if !character.is_control() && !character.is_whitespace() {
            return true;
        }
    }
    false
}

/// Applies backspaces: each steps back over one character, which the next one replaces.
fn stepped_back(text: &str) -> String {
    let (mut shown, mut cursor) = (Vec::<char>::new(), 0_usize);
    for character in text.chars() {
        if character == '\u{8}' {
            cursor = cursor.saturating_sub(1);
            continue;
        }
        match shown.get_mut(cursor) {
            Some(place) => *place = character,
            None => shown.push(character),
        }
        cursor += 1;
    }
    shown.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bar(state: impl Fn(usize) -> String) -> String {
        (1..=100).map(state).collect()
    }

    #[test]
    fn only_the_last_state_of_a_long_line_is_left() {
        for (line, wanted) in [
            (bar(|n| format!("\rimport {n} of 100")), "import 100 of 100"),
            (bar(|n| format!("{n} %\r")), "100 %"),
            (bar(|n| format!("\r\x1b[K{n} %")), "\x1b[K100 %"),
            (bar(|n| format!("\x1b[2K\x1b[1G{n} %")), "100 %"),
            (
                bar(|n| format!("\x1b[2K\x1b[G{n} %")) + "\x1b[2K\x1b[G",
                "100 %",
            ),
            (
                bar(|n| format!("\x1b[32m{n:3}\x1b[0m\r")) + "\r\x1b[0K  ",
                "\x1b[32m100\x1b[0m",
            ),
            (
                format!("done: {}", bar(|n| format!("{n:3}%\u{8}\u{8}\u{8}\u{8}"))),
                "done: 100%",
            ),
        ] {
            assert_eq!(last_state(&line, false), wanted, "{line:?}");
            assert_eq!(last_state(&line, true), wanted, "{line:?}");
        }
    }

    #[test]
    fn other_lines_stay() {
        let long = "x".repeat(1000);
        let erased = format!("{long}\x1b[K\x1b[0m");
        for line in ["10%\r50%\r100%", &long, &erased, "\r\r", ""] {
            assert_eq!(last_state(line, false), line);
        }
        assert_eq!(last_state("10%\r50%\r100%", true), "100%");
    }

    /// A line may hold half a million returns without a text between them.
    #[test]
    fn a_line_of_returns_takes_no_time() {
        for returns in ["\r\x1b[2K", "\r\x1b[m", "\x1b[2K\x1b[m"] {
            let line = format!("text{}", returns.repeat(150_000));
            assert_eq!(last_state(&line, false), "text");
        }
    }
}
