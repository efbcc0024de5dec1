use super::*;

const PIPELINE: Options = Options {
    colour: false,
    terminal: false,
};
const COLOUR: Options = Options {
    colour: true,
    terminal: false,
};
const TERMINAL: Options = Options {
    colour: true,
    terminal: true,
};

fn cleaned(line: &[u8], options: Options) -> String {
    let mut out = b"kept ".to_vec();
    text(line, &mut out, options);
    String::from_utf8(out)
        .unwrap()
        .strip_prefix("kept ")
        .unwrap()
        .to_owned()
}

fn encoded(line: &[u8]) -> String {
    let mut out = Vec::new();
    json(line, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn pipelines_hear_no_commands() {
    for (line, expected) in [
        // GitHub.
        ("##[error]owned", "## [error]owned"),
        ("x ##[set-output name=a;]b", "x ## [set-output name=a;]b"),
        ("###[group]x", "### [group]x"),
        ("##[a]##[b]", "## [a]## [b]"),
        ("#\x00#\x01[error]", "## [error]"),
        ("#\x1b[31m#\x1b[0m[error]", "## [error]"),
        ("#\u{200b}#\u{feff}[error]", "#\u{200b}# \u{feff}[error]"),
        // Azure.
        (
            "##vso[task.setvariable variable=x]y",
            "## vso[task.setvariable variable=x]y",
        ),
        ("##VsO[task.complete]", "## VsO[task.complete]"),
        ("##v\u{ad}so[task.complete]", "## v\u{ad}so[task.complete]"),
        ("##\u{34f}vso\u{fe0f}[x]", "## \u{34f}vso\u{fe0f}[x]"),
        // TeamCity.
        (
            "##teamcity[buildStatus status='SUCCESS']",
            "## teamcity[buildStatus status='SUCCESS']",
        ),
        // GitLab.
        (
            "section_start:1:x[collapsed=true]\r\x1b[0Khead",
            "section_start:1:x[collapsed=true] head",
        ),
        ("our prefix\rgone?", "our prefix gone?"),
        (
            "progress 1%\r\r\nprogress 2%\r\n",
            "progress 1% progress 2%",
        ),
        // Buildkite.
        ("a\x1b_bk;t=1\x07b\x1b]1338;url='x'\x07c", "abc"),
        // Jenkins.
        ("\x1b[8mha:////x\x1b[0mtext", "ha:////xtext"),
        // No markers.
        ("## heading [x]", "## heading [x]"),
        ("##vsop[x]", "##vsop[x]"),
        ("#[derive(Debug)]", "#[derive(Debug)]"),
        ("::1 - GET /", "::1 - GET /"),
    ] {
        assert_eq!(cleaned(line.as_bytes(), PIPELINE), expected, "{line:?}");
    }
}

#[test]
fn terminals_hear_nothing_but_colours() {
    for (line, plain, colour) in [
        ("\x1b[1;31mred\x1b[0m", "red", "\x1b[1;31mred\x1b[0m"),
        ("\x1b[31mred", "red", "\x1b[31mred\x1b[0m"),
        ("\x1b[31mred\x1b[m.", "red.", "\x1b[31mred\x1b[m."),
        ("\x1b[0;32mok", "ok", "\x1b[0;32mok\x1b[0m"),
        ("\x1b[38;5;0mblack", "black", "\x1b[38;5;0mblack\x1b[0m"),
        ("\x1b[38;5;8mgrey\x1b[0m", "grey", "\x1b[38;5;8mgrey\x1b[0m"),
        (
            "\x1b[38;2;8;8;8mgrey\x1b[0m",
            "grey",
            "\x1b[38;2;8;8;8mgrey\x1b[0m",
        ),
        ("\x1b[1;08mhidden", "hidden", "hidden"),
        ("\x1b[2J\x1b[1;1H\x1b[?25l\x1b[>4;1mx", "x", "x"),
        ("\x1b]0;title\x07x\x1b]52;c;aGk=\x1b\\y", "xy", "xy"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link", "link"),
        (
            "\x1bP+q544e\x1b\\x\x1b^pm\x1b\\y\x1bXsos\x1b\\z",
            "xyz",
            "xyz",
        ),
        ("\x1b]0;never ended", "0;never ended", "0;never ended"),
        ("a\x1b(B\x1bc\x1b7\x1b#8b", "ab", "ab"),
        ("a\x1b[12", "a", "a"),
        ("a\x1b[12é", "aé", "aé"),
        ("a\x1b", "a", "a"),
        ("a\x1bé", "aé", "aé"),
        ("a\u{9b}2Jb\u{9d}0;t\u{9c}c\u{85}d", "abcd", "abcd"),
        ("a\x08\x07\x00\x7fb\tc", "ab\tc", "ab\tc"),
    ] {
        assert_eq!(cleaned(line.as_bytes(), PIPELINE), plain, "{line:?}");
        assert_eq!(cleaned(line.as_bytes(), COLOUR), colour, "{line:?}");
    }
}

#[test]
fn a_terminal_shows_the_last_state_of_a_line() {
    assert_eq!(cleaned(b"10%\r50%\r100%\r", TERMINAL), "100%");
    assert_eq!(cleaned(b"##[group]x", TERMINAL), "##[group]x");
}

#[test]
fn invalid_utf8_is_shown_as_such() {
    assert_eq!(
        cleaned(b"a\xff\xfeb\xc2", PIPELINE),
        "a\u{fffd}\u{fffd}b\u{fffd}"
    );
    assert_eq!(cleaned(b"\x9b2J", PIPELINE), "\u{fffd}2J");
    assert_eq!(cleaned(b"\x1b]0;\xff\x07x", PIPELINE), "x");
    assert_eq!(encoded(b"a\xffb"), "a\u{fffd}b");
}

#[test]
fn json_loses_nothing_and_says_nothing_to_a_pipeline() {
    for (line, expected) in [
        ("plain ä 😀", "plain ä 😀"),
        ("a\"b\\c\td\r\n", r#"a\"b\\c\td\r\n"#),
        (
            "\x1b[31m\x00\x7f\u{9b}\u{2028}",
            r"\u001b[31m\u0000\u007f\u009b\u2028",
        ),
        (
            "##[error]x ##vso[y] ##teamcity[z]",
            r"#\u0023[error]x #\u0023vso[y] #\u0023teamcity[z]",
        ),
        ("###[x]", r"##\u0023[x]"),
        ("# ## heading", "# ## heading"),
        ("", ""),
    ] {
        assert_eq!(encoded(line.as_bytes()), expected);
        let decoded: String = serde_json::from_str(&format!("\"{expected}\"")).unwrap();
        assert_eq!(decoded, line);
    }
}

#[test]
fn without_a_prefix_the_start_is_disarmed() {
    for (line, expected) in [
        ("::error::x", ": :error::x"),
        (
            " \u{a0}\u{200b}::add-mask::x",
            " \u{a0}\u{200b}: :add-mask::x",
        ),
        ("--- heading", " --- heading"),
        ("^^^ +++", " ^^^ +++"),
        ("---", "---"),
        ("a ::error::", "a ::error::"),
        ("", ""),
    ] {
        let mut out = format!("before\n{line}").into_bytes();
        disarm_start(&mut out, "before\n".len());
        assert_eq!(
            String::from_utf8(out).unwrap(),
            format!("before\n{expected}")
        );
    }
}

/// The pieces of hostile lines.
const PIECES: [&[u8]; 34] = [
    b"#",
    b"#",
    b"[",
    b"]",
    b"v",
    b"so[",
    b"teamcity[",
    b"::",
    b"\x1b",
    b"\x1b[",
    b"31",
    b"m",
    b";",
    b"8",
    b"K",
    b"\x1b]",
    b"\x07",
    b"\x1b\\",
    b"\x1bP",
    b"\r",
    b"\n",
    b"\t",
    b"\x00",
    b"\x7f",
    b"\xc2\x9b",
    b"\xc2\x9c",
    b"\xc2\x9d",
    b"\xff",
    b"\xe2\x80\x8b",
    b"\xc3\xa4",
    b" ",
    b"a",
    b"\xc2",
    b"(",
];

/// Lines of random pieces (xorshift64*), the same ones each time.
fn hostile_lines(number: usize) -> impl Iterator<Item = Vec<u8>> {
    let mut random = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        random ^= random >> 12;
        random ^= random << 25;
        random ^= random >> 27;
        usize::try_from(random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 40).unwrap()
    };
    (0..number).map(move |_| {
        let pieces = next() % 14;
        (0..pieces)
            .flat_map(|_| PIECES[next() % PIECES.len()])
            .copied()
            .collect()
    })
}

/// The text without its colours, which must all be whole.
fn without_colours(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once("\x1b[") {
        out.push_str(before);
        let (parameters, after) = after.split_once('m').unwrap();
        assert!(
            parameters.bytes().all(|b| matches!(b, b'0'..=b';')),
            "{text:?}"
        );
        rest = after;
    }
    out + rest
}

#[test]
fn no_line_gets_through() {
    for line in hostile_lines(60_000) {
        for options in [PIPELINE, COLOUR, TERMINAL] {
            let shown = cleaned(&line, options);
            let visible = without_colours(&shown);
            assert!(
                !visible.chars().any(|c| c.is_control() && c != '\t'),
                "{line:?} {shown:?}"
            );
            assert!(options.colour || visible == shown, "{line:?} {shown:?}");
            let seen: String = visible.replace('\u{200b}', "").to_lowercase();
            let marker = ["##[", "##vso[", "##teamcity["]
                .iter()
                .any(|marker| seen.contains(marker));
            assert!(!marker || options.terminal, "{line:?} {shown:?}");
            assert_eq!(cleaned(shown.as_bytes(), options), shown, "{line:?}");
        }
        let json = encoded(&line);
        let decoded: String = serde_json::from_str(&format!("\"{json}\"")).unwrap();
        assert_eq!(decoded, String::from_utf8_lossy(&line));
        let marker = ["##[", "##vso[", "##teamcity["]
            .iter()
            .any(|marker| json.contains(marker));
        assert!(
            !marker && !json.chars().any(char::is_control),
            "{line:?} {json:?}"
        );
    }
}

/// Wherever it stands: the bytes are looked at in blocks.
#[test]
fn json_escapes_what_it_must_at_any_place() {
    for length in 0..70 {
        let before = "é".repeat(length / 2) + &"x".repeat(length % 2);
        for (character, expected) in [
            ("\"", "\\\""),
            ("\\", "\\\\"),
            ("\t", "\\t"),
            ("\x1f", "\\u001f"),
            ("\x7f", "\\u007f"),
            ("\u{80}", "\\u0080"),
            ("\u{9f}", "\\u009f"),
            ("\u{a0}", "\u{a0}"),
            ("\u{2028}", "\\u2028"),
            ("\u{2029}", "\\u2029"),
            ("\u{202a}", "\u{202a}"),
            ("#", "#"),
            ("##[", "#\\u0023["),
        ] {
            let plain = "y".repeat(length);
            for before in [&before, &plain] {
                let line = format!("{before}{character}{character}z");
                let expected = format!("{before}{expected}{expected}z");
                assert_eq!(encoded(line.as_bytes()), expected);
            }
        }
    }
}

/// Each of these would take minutes if the work grew with the square of the length.
#[test]
fn a_hostile_megabyte_takes_no_longer_than_another() {
    for piece in [
        "##[",
        "\x1b]",
        "\x1b]\x07",
        "\x1b[1;",
        "\x1b[31m",
        "#\u{200b}",
        "\r",
        "\u{9c}\u{9b}",
    ] {
        let line = piece.repeat((1 << 20) / piece.len());
        for options in [PIPELINE, COLOUR, TERMINAL] {
            cleaned(line.as_bytes(), options);
        }
        encoded(line.as_bytes());
    }
}

#[test]
fn clean_lines_are_not_touched() {
    for line in [
        "",
        "a",
        "tab\tand # and ## and ::",
        "Grüße 😀 日本語 \u{a0}x",
        "{\"level\":\"info\"}",
    ] {
        assert!(
            !Found::of(line.as_bytes(), look).needs_work(line.as_bytes(), PIPELINE),
            "{line}"
        );
        assert_eq!(cleaned(line.as_bytes(), PIPELINE), line);
    }
}

fn plain_string(line: &[u8]) -> String {
    let mut out = Vec::new();
    json_of_plain(line, &mut out);
    String::from_utf8(out).unwrap()
}

#[test]
fn a_long_plain_line_takes_little_more_memory_than_its_length() {
    let line = vec![b'x'; 1 << 20];
    let mut out = Vec::new();
    json_of_plain(&line, &mut out);
    assert_eq!(out.len(), line.len() + 2);
    assert!(out.capacity() < 3 * line.len(), "{}", out.capacity());
    for length in [SHORT - 1, SHORT, SHORT + 1] {
        let line = "\"".repeat(length);
        let expected = format!("\"{}\"", encoded(line.as_bytes()));
        assert_eq!(plain_string(line.as_bytes()), expected);
    }
}

/// Many lines are looked at together; what they have between them is no doubt.
#[test]
fn plain_lines_come_out_as_each_alone() {
    let mut plain = 0;
    for line in hostile_lines(60_000) {
        if line.contains(&b'\n') || !is_plain(&line) {
            continue;
        }
        plain += 1;
        assert_eq!(cleaned(&line, PIPELINE).as_bytes(), line);
        let quoted = [&line[..], &br#"\"\"#[..], &line[..]].concat();
        for line in [line, quoted] {
            assert_eq!(plain_string(&line), format!("\"{}\"", encoded(&line)));
        }
    }
    assert!(plain > 1000, "{plain}");
    for before in [0, 1, 31, 32, 1023, 1024, 1025, 3000] {
        for byte in 0..=255 {
            let mut lines = vec![b'x'; before];
            lines.extend([byte, b'y']);
            let expected = byte == b'\n' || (matches!(byte, 0x20..0x7f) && byte != b'#');
            assert_eq!(is_plain(&lines), expected, "{byte:#x} behind {before}");
        }
    }
}
