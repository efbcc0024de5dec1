//! The rows that `argocd app wait` prints: the health of each resource, which Argo CD 3 keeps
//! out of the Application.
//!
//! argocd writes each row through a tabwriter of its own (`cmd/argocd/commands/app.go`, format
//! `%s\t%5s\t%10s\t%10s\t%20s\t%8s\t%7s\t%10s\t%s`): a cell is padded on the left to its least
//! width, and two blanks follow. So an empty cell can be told by its width alone.

use argo_core::{GroupKind, ObjectName};
use argo_workloads::resources::{Health, Report};

/// The least widths of the cells between time and message.
const WIDTHS: [usize; 7] = [5, 10, 10, 20, 8, 7, 10];
/// The most bytes of a row; longer lines are none.
const LONGEST: usize = 16 << 10;

/// Reads the rows that argocd prints while it waits, and its last table.
#[derive(Clone, Debug, Default)]
pub struct Rows {
    /// The columns of the last table, once its header was read.
    columns: Option<[usize; 8]>,
}

/// The header of the last table.
const HEADER: [&str; 8] = [
    "GROUP", "KIND", "NAMESPACE", "NAME", "STATUS", "HEALTH", "HOOK", "MESSAGE",
];

impl Rows {
    /// Reads a line. Returns what it says of a resource.
    pub fn line(&mut self, line: &[u8]) -> Option<Report> {
        if let Some(report) = report(line) {
            return Some(report);
        }
        let line = std::str::from_utf8(line).ok()?;
        if let Some(columns) = &self.columns {
            return row_of_table(line, columns);
        }
        self.columns = header(line);
        None
    }
}

/// Returns the columns, if the line is the header of the last table.
fn header(line: &str) -> Option<[usize; 8]> {
    let words: Vec<&str> = line.split_ascii_whitespace().collect();
    if words != HEADER {
        return None;
    }
    let mut columns = [0; 8];
    let mut from = 0;
    for (column, word) in columns.iter_mut().zip(HEADER) {
        *column = from + line.get(from..)?.find(word)?;
        from = *column + word.len();
    }
    Some(columns)
}

/// Reads a row of the last table, whose cells stand under the header.
fn row_of_table(line: &str, columns: &[usize; 8]) -> Option<Report> {
    let cell = |number: usize| {
        let end = columns[number + 1].min(line.len());
        line.get(columns[number].min(end)..end).map(str::trim)
    };
    let cells = [cell(0)?, cell(1)?, cell(2)?, cell(3)?, cell(4)?, cell(5)?, cell(6)?];
    of_cells(cells)
}

/// Reads a row. Returns `None` for any other line, and for hooks, whose cells mean something
/// else.
fn report(line: &[u8]) -> Option<Report> {
    let line = std::str::from_utf8(line).ok().filter(|line| line.len() <= LONGEST)?;
    let (time, rest) = line.split_once("  ")?;
    // The header has a word there, and the summary a label.
    time.parse::<jiff::Timestamp>().ok()?;
    let (cells, _) = cells(rest)?;
    of_cells(cells)
}

fn of_cells([group, kind, namespace, name, status, health, hook]: [&str; 7]) -> Option<Report> {
    if kind.is_empty() || name.is_empty() || !hook.is_empty() {
        return None;
    }
    let sync = matches!(status, "Synced" | "OutOfSync" | "Unknown").then(|| status.to_owned());
    Some(Report {
        name: ObjectName {
            kind: GroupKind::new(group, kind),
            namespace: namespace.into(),
            name: name.into(),
        },
        sync,
        health: Health::parse(health),
        message: None,
    })
}

/// Cuts the cells off; the rest is the message.
fn cells(mut rest: &str) -> Option<([&str; 7], &str)> {
    let mut cells = [""; 7];
    for (cell, width) in cells.iter_mut().zip(WIDTHS) {
        let is_empty = rest.bytes().take(width).all(|byte| byte == b' ');
        let end = match is_empty {
            true => width,
            false => {
                let start = rest.len() - rest.trim_start_matches(' ').len();
                rest[start..].find("  ").map_or(rest.len(), |at| start + at)
            }
        };
        *cell = rest.get(..end)?.trim();
        // The last cell of an old row may lack its padding.
        rest = rest.get(end..)?.strip_prefix("  ").unwrap_or_default();
    }
    Some((cells, rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(String, String, Option<Health>)> {
        let report = report(line.as_bytes())?;
        let name = report.name;
        Some((
            format!("{} {}/{}", name.kind, name.namespace, name.name),
            report.sync.unwrap_or_default(),
            report.health,
        ))
    }

    #[test]
    fn rows_of_a_real_argocd() {
        for (line, name, sync, health) in [
            (
                "2026-11-28T12:40:56+00:00  networking.k8s.io     Ingress     rep-ing                 front    Synced  Progressing              ingress.networking.k8s.io/front created",
                "Ingress.networking.k8s.io rep-ing/front", "Synced", Some(Health::Progressing),
            ),
            (
                "2026-11-23T23:50:23+00:00            Service         shop                    db  OutOfSync  Missing              ",
                "Service shop/db", "OutOfSync", Some(Health::Missing),
            ),
            (
                "2026-11-28T12:40:56+00:00                      Namespace                           rep-ing   Running   Synced                  namespace/rep-ing created",
                "Namespace /rep-ing", "", None,
            ),
            (
                "2026-11-23T23:50:30+00:00          ConfigMap        shop            web-config    Synced                                ",
                "ConfigMap shop/web-config", "Synced", None,
            ),
        ] {
            assert_eq!(read(line), Some((name.to_owned(), sync.to_owned(), health)), "{line}");
        }
    }

    #[test]
    fn the_last_table_is_read_by_its_columns() {
        let mut rows = Rows::default();
        let lines = [
            "GROUP              KIND        NAMESPACE  NAME     STATUS   HEALTH       HOOK  MESSAGE",
            "                   Namespace              rep-ing  Running  Synced             namespace/rep-ing created",
            "networking.k8s.io  Ingress     rep-ing    front    Synced   Progressing        ingress.networking.k8s.io/front created",
        ];
        let told: Vec<_> = lines.iter().map(|line| rows.line(line.as_bytes())).collect();
        assert_eq!(told[0], None);
        assert_eq!(told[1].as_ref().unwrap().sync, None);
        let ingress = told[2].as_ref().unwrap();
        assert_eq!((&*ingress.name.name, ingress.health), ("front", Some(Health::Progressing)));
        assert_eq!(ingress.name.kind, GroupKind::new("networking.k8s.io", "Ingress"));
    }

    #[test]
    fn other_lines_are_no_rows() {
        for line in [
            "TIMESTAMP                  GROUP        KIND    NAMESPACE                  NAME    STATUS    HEALTH        HOOK  MESSAGE",
            "2026-11-23T23:50:25+00:00  batch         Job        shop            db-migrate   Running   Synced     PreSync  job.batch/db-migrate created",
            "Name:               argocd/rep-ing",
            "2026-11-23T23:50:25+00:00  short",
            "",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
