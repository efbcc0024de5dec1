//! YAML files of other programs.

use serde_json::Value;

/// Reads the first document of a file, as kubectl does; `Null` if there is none. Of two entries of one name the last
/// one counts.
///
/// Everything is read by way of [`Value`], since a reader of YAML for each type is a large part of a program. A number
/// is therefore no text, as in kubectl, which goes through JSON too.
///
/// # Errors
///
/// The place and the reason, without the text around it, which may be a secret.
pub fn yaml(bytes: &[u8]) -> Result<Value, String> {
    let options = serde_saphyr::options! {
        with_snippet: false,
        duplicate_keys: serde_saphyr::DuplicateKeyPolicy::LastWins,
    };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(&text(bytes)?, options)
        .map_err(|error| error.to_string())?;
    Ok(documents.into_iter().next().unwrap_or_default())
}

/// Decodes UTF-8, or UTF-16 as PowerShell writes it.
fn text(bytes: &[u8]) -> Result<String, String> {
    let utf16 = |of: fn([u8; 2]) -> u16| {
        let units = bytes[2..]
            .chunks_exact(2)
            .map(|pair| of([pair[0], pair[1]]));
        String::from_utf16(&units.collect::<Vec<_>>()).map_err(|_| "it is not UTF-16".to_owned())
    };
    match bytes {
        [0xff, 0xfe, ..] => utf16(u16::from_le_bytes),
        [0xfe, 0xff, ..] => utf16(u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => utf8(rest),
        bytes => utf8(bytes),
    }
}

fn utf8(bytes: &[u8]) -> Result<String, String> {
    let text = str::from_utf8(bytes).map_err(|_| "it is not UTF-8")?;
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_first_document_counts_whatever_its_encoding() {
        let text = "a: 1\na: ü\n---\nb: 2\n";
        let utf16: Vec<u8> = [0xfeff]
            .into_iter()
            .chain(text.encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        for bytes in [
            text.as_bytes(),
            &[b"\xef\xbb\xbf", text.as_bytes()].concat(),
            &utf16,
        ] {
            assert_eq!(yaml(bytes), Ok(json!({"a": "ü"})));
        }
        assert_eq!(yaml(b""), Ok(Value::Null));
        assert_eq!(yaml(b"# nothing\n"), Ok(Value::Null));
        assert_eq!(yaml(b"\xff"), Err("it is not UTF-8".to_owned()));
    }

    #[test]
    fn an_error_shows_no_text_of_the_file() {
        let error = yaml(b"users: [{token: s3cret, x: [}").unwrap_err();
        assert!(!error.contains("s3cret"), "{error}");
    }
}
