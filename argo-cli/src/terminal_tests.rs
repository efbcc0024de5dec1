use super::*;
use crate::{replay, summary::Row};

fn size(columns: usize, rows: usize) -> Size {
    Size { columns, rows }
}

fn table(rows: &[Row], size: Size) -> Vec<String> {
    let table = Table {
        app: "shop",
        elapsed: Duration::from_secs(134),
        rows,
        causes: &[],
        argocd: Some("Progressing".to_owned()),
        counts: Counts {
            lines: 1204,
            warnings: 9,
        },
        colors: false,
        reads_keys: true,
    };
    table.lines(size)
}

fn rows(count: usize) -> Vec<Row> {
    let mut rows = Vec::new();
    for number in 0..count {
        let mut row = replay::tests::summary().workloads.remove(number % 2);
        row.object.name = format!("工作负载-{number}-with-a-long-name").into();
        rows.push(row);
    }
    rows
}

#[test]
fn lines_are_narrower_than_the_terminal_and_take_a_third_of_it() {
    for (columns, height) in [(80, 24), (200, 50), (40, 12), (20, 9), (21, 3), (1, 1)] {
        for count in [0, 1, 2, 5, 40] {
            let lines = table(&rows(count), size(columns, height));
            assert!(lines.len() <= (height / 3).max(3), "{lines:?}");
            for line in lines {
                assert!(
                    console::measure_text_width(&line) < columns.max(2),
                    "{line}"
                );
            }
        }
    }
}

#[test]
fn what_failed_comes_first() {
    let lines = table(&rows(2), size(120, 24));
    assert!(lines[1].starts_with("✘ Deployment/"), "{lines:?}");
    assert!(lines[2].starts_with("✔ Deployment/"), "{lines:?}");
    assert!(lines[1].contains("0/1") && lines[1].contains("progress deadline"));
    assert!(lines[3].starts_with("argocd: Progressing · 1204 lines · 9 warnings"));
}

/// A terminal as far as the table uses one: it breaks lines at its width, and reflows them.
#[derive(Default)]
struct Screen {
    lines: Vec<String>,
}

impl Screen {
    fn feed(&mut self, bytes: &[u8], columns: usize) {
        let mut text = std::str::from_utf8(bytes).unwrap();
        while let Some(at) = text.find("\r\x1b[") {
            self.write(&text[..at]);
            let rest = &text[at + 3..];
            let end = rest.find('A').unwrap();
            let mut up: usize = rest[..end].parse().unwrap();
            while up > 0 {
                let line = self
                    .lines
                    .pop()
                    .expect("the table is below what was written");
                let rows = console::measure_text_width(&line).div_ceil(columns).max(1);
                assert!(rows <= up, "erased a part of {line:?}");
                up -= rows;
            }
            text = rest[end + 1..].strip_prefix("\x1b[J").unwrap();
        }
        self.write(text);
    }

    fn write(&mut self, text: &str) {
        assert!(text.is_empty() || text.ends_with('\n'), "{text:?}");
        self.lines.extend(text.lines().map(str::to_owned));
    }
}

#[test]
fn lines_scroll_above_the_table_and_nothing_is_left_of_it() {
    let mut live = Live::new(true);
    let mut screen = Screen::default();
    let mut written = Vec::new();
    let start = Instant::now();
    for turn in 0..200_u32 {
        // The terminal becomes narrower and wider while it runs.
        let columns = [100, 100, 60, 33, 120][turn as usize % 5];
        let line = format!("line {turn} {}", "x".repeat(turn as usize % 90));
        live.take(&mut format!("{line}\n").into_bytes());
        written.push(line);
        let size = size(columns, 30);
        let lines = table(&rows(turn as usize % 7), size);
        let frame = live.draw(lines.clone(), size, start + PAUSE * turn);
        assert!(frame.stderr.is_empty());
        screen.feed(&frame.stdout, columns);
        let end = screen.lines.len() - lines.len();
        assert_eq!(screen.lines[end..], lines);
        assert_eq!(screen.lines[..end], written);
    }
    screen.feed(&live.clear(size(120, 30)).stdout, 120);
    assert_eq!(screen.lines, written);
}

#[test]
fn a_piped_stdout_gets_lines_only() {
    let mut live = Live::new(false);
    live.take(&mut b"one\n".to_vec());
    let frame = live.draw(table(&rows(2), size(80, 24)), size(80, 24), Instant::now());
    assert_eq!(frame.stdout, b"one\n");
    assert!(!frame.stderr.is_empty());
    live.take(&mut b"two\n".to_vec());
    let frame = live.clear(size(80, 24));
    assert_eq!(frame.stdout, b"two\n");
    assert!(frame.stderr.ends_with(b"A\x1b[J"));
}

#[test]
fn nothing_is_written_if_nothing_changed() {
    let mut live = Live::new(true);
    let lines = table(&rows(2), size(80, 24));
    let now = Instant::now();
    assert_ne!(
        live.draw(lines.clone(), size(80, 24), now),
        Frame::default()
    );
    assert!(!live.may_draw(now + PAUSE / 2) && live.may_draw(now + PAUSE));
    assert_eq!(
        live.draw(lines.clone(), size(80, 24), now),
        Frame::default()
    );
    assert_ne!(live.draw(lines, size(79, 24), now), Frame::default());
}
