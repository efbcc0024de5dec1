//! TeamCity: service messages, with limits for the text of a build problem.

use argo_core::text::cap;
use jiff::Timestamp;

use super::pipeline::{Pipeline, Problem, push_line};

/// The most characters of a problem's description.
const DESCRIPTION: usize = 4000;
/// The most characters of a problem's identity.
const IDENTITY: usize = 60;

#[derive(Debug)]
pub(super) struct Teamcity;

impl Pipeline for Teamcity {
    fn fold(&self, title: &str, lines: &[String], _: Timestamp, out: &mut Vec<u8>) {
        let title = escape(title);
        out.extend_from_slice(format!("##teamcity[blockOpened name='{title}']\n").as_bytes());
        for line in lines {
            push_line(line, out);
        }
        out.extend_from_slice(format!("##teamcity[blockClosed name='{title}']\n").as_bytes());
    }

    fn problem(&self, problem: &Problem, out: &mut Vec<u8>) {
        let text = format!("{}: {}", problem.title, problem.text);
        let description = fit(&text, DESCRIPTION);
        let identity = identity(&problem.identity);
        let message =
            format!("##teamcity[buildProblem description='{description}' identity='{identity}']\n");
        out.extend_from_slice(message.as_bytes());
    }
}

/// Escapes as much of a text as fits into so many characters.
fn fit(text: &str, most: usize) -> String {
    let mut room = most;
    loop {
        let escaped = escape(&cap(text, room));
        let over = escaped.chars().count().saturating_sub(most);
        if over == 0 || room == 0 {
            return escaped;
        }
        room = room.saturating_sub(over);
    }
}

/// Returns an identity within the limit: the start of the name, and a number made from all of
/// it.
fn identity(name: &str) -> String {
    let hash = name.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
    });
    let plain = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    // TeamCity wants a Java identifier, and a namespace may begin with a digit.
    let first = if name.starts_with(|c: char| c.is_ascii_digit()) {
        "_"
    } else {
        ""
    };
    let start = name.chars().map(plain).take(IDENTITY - 18);
    format!("{first}{}_{hash:016x}", start.collect::<String>())
}

/// Escapes the value of an attribute.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '\'' | '|' | '[' | ']' => out.extend(['|', character]),
            '\n' => out.push_str("|n"),
            '\r' => out.push_str("|r"),
            c if c.is_ascii() => out.push(c),
            c => {
                let mut units = [0; 2];
                for unit in c.encode_utf16(&mut units) {
                    out.push_str(&format!("|0x{unit:04X}"));
                }
            }
        }
    }
    out
}
