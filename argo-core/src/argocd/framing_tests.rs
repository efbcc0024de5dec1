use proptest::prelude::*;

use super::*;

/// Frames as texts, with the error that ends them.
fn read(pieces: &[&[u8]]) -> Vec<String> {
    let mut frames = Frames::default();
    let mut read = Vec::new();
    let shown = |frame: Result<Frame, Error>| match frame {
        Ok(Frame::Message(json)) => json.get().to_owned(),
        Ok(Frame::KeepAlive) => ":".to_owned(),
        Err(error) => format!("error: {error}"),
    };
    for piece in pieces {
        frames.push(piece).unwrap();
        while let Some(frame) = frames.next_frame() {
            read.push(shown(frame));
        }
    }
    read.extend(frames.last_frame().map(shown));
    read
}

#[test]
fn both_forms_are_read() {
    assert_eq!(
        read(&[b"{\"result\":{\"a\":1}}\n{\"result\":{\"a\":2}}\n"]),
        ["{\"a\":1}", "{\"a\":2}"]
    );
    let events = b"data: {\"result\":{\"a\":1}} \n\n\n:\n\ndata: {\"result\":{\"a\":2}} \n\n\n";
    assert_eq!(read(&[events]), ["{\"a\":1}", ":", "{\"a\":2}"]);
    assert_eq!(
        read(&[b"data: {\"result\":{}} \n:\n\n:\n\n"]),
        ["{}", ":", ":"]
    );
    assert_eq!(
        read(&[b"event: x\r\ndata:{\"result\":[1]}\r\n\r\n"]),
        ["[1]"]
    );
}

#[test]
fn an_error_comes_with_or_without_a_newline() {
    let error = r#"{"error":{"grpc_code":7,"http_code":403,"message":"permission denied","http_status":"Forbidden"}}"#;
    for text in [
        error.to_owned(),
        format!("{error}\n"),
        format!("data: {error} \n\n\n"),
    ] {
        assert_eq!(read(&[text.as_bytes()]), ["error: permission denied (403)"]);
    }
    assert_eq!(read(&[b"{}\n"]), ["error: an error without a text (0)"]);
}

#[test]
fn a_piece_of_a_message_is_nothing_when_the_stream_is_cut() {
    assert_eq!(
        read(&[b"{\"result\":{\"a\":1}}\n{\"result\":{\"a\""]),
        ["{\"a\":1}"]
    );
    assert_eq!(read(&[b"data: {\"res"]), [""; 0]);
    assert!(read(&[b"<html>\n"])[0].starts_with("error: the answer is not one of Argo CD's API"));
}

#[test]
fn a_message_of_32_mib_is_one_message() {
    let long = "x".repeat(32 << 20);
    let text = format!("data: {{\"result\":\"{long}\"}} \n\n\n");
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(64 << 10).collect();
    let read = read(&pieces);
    assert_eq!((read.len(), read[0].len()), (1, long.len() + 2));
}

#[test]
fn a_message_without_an_end_is_given_up() {
    let mut frames = Frames::default();
    let piece = vec![b'x'; 16 << 20];
    let error = (0..20).find_map(|_| frames.push(&piece).err());
    assert_eq!(error, Some(Error::TooLarge(LARGEST)));
}

fn part() -> impl Strategy<Value = Vec<u8>> {
    let message = "[a-z:\\n ]{0,12}".prop_map(|text| {
        let text = serde_json::to_string(&text).unwrap();
        format!("{{\"result\":{text}}}")
    });
    prop_oneof![
        message
            .clone()
            .prop_map(|json| format!("{json}\n").into_bytes()),
        message.prop_map(|json| format!("data: {json} \n\n\n").into_bytes()),
        Just(b":\n\n".to_vec()),
        Just(b"\r\n".to_vec()),
        Just(b"{\"error\":{\"message\":\"m\"}}\n".to_vec()),
    ]
}

proptest! {
    #[test]
    fn frames_do_not_depend_on_the_pieces(
        parts in prop::collection::vec(part(), 0..12),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..8),
        ends in any::<bool>(),
    ) {
        let mut text: Vec<u8> = parts.concat();
        if !ends {
            text.extend_from_slice(b"{\"error\":{\"message\":\"m\"}}");
        }
        let mut at: Vec<usize> = cuts.iter().map(|cut| cut.index(text.len() + 1)).collect();
        at.sort_unstable();
        let mut pieces = Vec::new();
        let mut start = 0;
        for end in at.into_iter().chain([text.len()]) {
            pieces.push(&text[start..end]);
            start = end;
        }
        prop_assert_eq!(read(&pieces), read(&[&text]));
    }
}
