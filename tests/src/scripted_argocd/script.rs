//! The language of scripts.

use std::{
    io::{self, Write},
    path::PathBuf,
};

use serde::{Deserialize, Serialize};

/// Steps, one after another.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Script {
    /// The steps.
    pub steps: Vec<Step>,
}

/// One thing to do.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Step {
    /// Writes to stdout.
    Print(Text),
    /// Writes to stderr.
    Error(Text),
    /// Does nothing for so many seconds.
    Sleep(f64),
    /// Does nothing until there is such a file.
    Await(PathBuf),
    /// Closes a pipe.
    Close(Pipe),
    /// Starts another process that inherits the pipes.
    Fork(Fork),
    /// Catches a signal from here on.
    On(Trap),
    /// Exits.
    Exit(u8),
    /// Sends itself a signal.
    Die(String),
    /// Writes what it was given to a file, as JSON.
    Dump(PathBuf),
    /// Waits for an application, as argocd does.
    Follow(Follow),
    /// Waits for a signal.
    Hang,
}

/// Text to write.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Text {
    /// A line.
    Line(String),
    /// More than a line, or less.
    Piece {
        /// The text; `\xNN` in it stands for a byte.
        text: String,
        /// Number of repetitions.
        #[serde(default = "once")]
        repeat: usize,
        /// A newline at the end of all.
        #[serde(default = "yes")]
        newline: bool,
    },
}

fn once() -> usize {
    1
}

fn yes() -> bool {
    true
}

/// Pipe to write to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Pipe {
    /// File descriptor 1.
    Stdout,
    /// File descriptor 2.
    Stderr,
}

/// Another process.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Fork {
    /// Steps of the process.
    pub steps: Vec<Step>,
    /// In a process group of its own.
    #[serde(default)]
    pub detached: bool,
}

/// Steps on a signal.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Trap {
    /// Its name: `SIGTERM`.
    pub signal: String,
    /// A line for stdout.
    #[serde(default)]
    pub print: Option<String>,
    /// The exit code; without one it goes on.
    #[serde(default)]
    pub exit: Option<u8>,
}

/// An application to wait for.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Follow {
    /// `http://host:port`; default `ARGO_SIM_SERVER`.
    #[serde(default)]
    pub server: Option<String>,
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub app: String,
}

impl Script {
    /// Reads YAML, or JSON which is a part of it.
    ///
    /// # Errors
    ///
    /// Describes the fault and its place.
    pub fn parse(text: &str) -> Result<Self, String> {
        // By way of JSON: serde_yaml_ng wants tags (`!print`) for enums.
        let value: serde_json::Value =
            serde_yaml_ng::from_str(text).map_err(|error| error.to_string())?;
        serde_json::from_value(value).map_err(|error| error.to_string())
    }
}

impl Text {
    /// Writes it; any number of repetitions takes no more memory than a few.
    ///
    /// # Errors
    ///
    /// The reader is gone.
    pub fn write(&self, out: &mut dyn Write) -> io::Result<()> {
        let (text, repeat, newline) = match self {
            Self::Line(text) => (text, 1, true),
            Self::Piece {
                text,
                repeat,
                newline,
            } => (text, *repeat, *newline),
        };
        let once = unescaped(text);
        let at_once = (CHUNK / once.len().max(1)).clamp(1, repeat.max(1));
        let chunk = once.repeat(at_once);
        for _ in 0..repeat / at_once {
            out.write_all(&chunk)?;
        }
        out.write_all(&chunk[..once.len() * (repeat % at_once)])?;
        if newline {
            out.write_all(b"\n")?;
        }
        out.flush()
    }
}

/// Bytes of repetitions written at once.
const CHUNK: usize = 64 << 10;

fn unescaped(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\\x") {
        bytes.extend_from_slice(before.as_bytes());
        let byte = after
            .get(..2)
            .and_then(|digits| u8::from_str_radix(digits, 16).ok());
        match byte {
            Some(byte) => bytes.push(byte),
            None => bytes.extend_from_slice(b"\\x"),
        }
        rest = if byte.is_some() { &after[2..] } else { after };
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &Text) -> Vec<u8> {
        let mut bytes = Vec::new();
        text.write(&mut bytes).unwrap();
        bytes
    }

    #[test]
    fn every_repetition_is_written() {
        for repeat in [0, 1, 2, CHUNK / 3, CHUNK, CHUNK * 2 + 1] {
            let text = Text::Piece {
                text: "abc".to_owned(),
                repeat,
                newline: false,
            };
            assert_eq!(written(&text), b"abc".repeat(repeat), "{repeat}");
        }
    }

    #[test]
    fn a_script_in_yaml() {
        let script = Script::parse(
            "steps:\n\
             - print: one\n\
             - error: { text: 'a\\xff\\xZZ', repeat: 2, newline: false }\n\
             - on: { signal: SIGTERM, exit: 20 }\n\
             - fork: { steps: [ { sleep: 1.5 } ] }\n\
             - hang\n",
        )
        .unwrap();
        let [
            Step::Print(print),
            Step::Error(error),
            Step::On(trap),
            Step::Fork(fork),
            Step::Hang,
        ] = &script.steps[..]
        else {
            panic!("{script:?}");
        };
        assert_eq!(written(print), b"one\n");
        assert_eq!(written(error), b"a\xff\\xZZa\xff\\xZZ");
        assert_eq!((trap.signal.as_str(), trap.exit), ("SIGTERM", Some(20)));
        assert!(!fork.detached);
    }

    #[test]
    fn a_word_that_is_none_is_an_error() {
        for text in [
            "steps: [ { jump: 1 } ]",
            "steps: [ { on: { sig: 1 } } ]",
            "step: []",
        ] {
            assert!(Script::parse(text).is_err(), "{text}");
        }
    }
}
