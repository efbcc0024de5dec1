//! The rows that `argocd app wait` prints: the health of each resource, which Argo CD 3 keeps
//! out of the Application.
//!
//! argocd writes its rows through a tabwriter (`cmd/argocd/commands/app.go`): cells are two
//! blanks or more apart, an empty cell is nothing but blanks, and how many depends on the rows
//! that are written at the same time. So the cells are told by what stands in them: a kind
//! begins with a capital, and states are words of their own.

use argo_core::{GroupKind, ObjectName};
use argo_workloads::resources::{Health, Report};

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
    "GROUP",
    "KIND",
    "NAMESPACE",
    "NAME",
    "STATUS",
    "HEALTH",
    "HOOK",
    "MESSAGE",
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
    let cells = [
        cell(0)?,
        cell(1)?,
        cell(2)?,
        cell(3)?,
        cell(4)?,
        cell(5)?,
        cell(6)?,
    ];
    of_cells(cells)
}

/// Reads a row. Returns `None` for any other line, and for hooks and whatever Argo CD does not
/// compare, whose cells mean something else.
fn report(line: &[u8]) -> Option<Report> {
    let line = std::str::from_utf8(line)
        .ok()
        .filter(|line| line.len() <= LONGEST)?;
    let (time, rest) = line.split_once("  ")?;
    // The header has a word there, and the summary a label.
    time.parse::<jiff::Timestamp>().ok()?;
    let mut cells = rest
        .split("  ")
        .map(str::trim)
        .filter(|cell| !cell.is_empty())
        .peekable();
    let group = cells.next_if(|cell| !is_kind(cell)).unwrap_or_default();
    let kind = cells.next().filter(|cell| is_kind(cell))?;
    let first = cells.next().filter(|cell| !is_state(cell))?;
    let second = cells.next_if(|cell| !is_state(cell));
    let (namespace, name) = second.map_or(("", first), |second| (first, second));
    let status = cells
        .next_if(|cell| SYNC.contains(cell))
        .unwrap_or_default();
    let health = cells.next().unwrap_or_default();
    let hook = cells
        .next_if(|cell| PHASES.contains(cell))
        .unwrap_or_default();
    of_cells([group, kind, namespace, name, status, health, hook])
}

/// The words of a sync state.
const SYNC: [&str; 3] = ["Synced", "OutOfSync", "Unknown"];
/// The words of a hook's phase, or of the result of a sync.
const RESULTS: [&str; 7] = [
    "Running",
    "Succeeded",
    "Failed",
    "Error",
    "Terminating",
    "Pruned",
    "PruneSkipped",
];
/// The phases of a sync.
const PHASES: [&str; 6] = [
    "PreSync",
    "Sync",
    "PostSync",
    "SyncFail",
    "PreDelete",
    "PostDelete",
];

fn is_kind(cell: &str) -> bool {
    cell.starts_with(|first: char| first.is_ascii_uppercase())
}

fn is_state(cell: &str) -> bool {
    SYNC.contains(&cell) || RESULTS.contains(&cell) || Health::parse(cell).is_some()
}

fn of_cells([group, kind, namespace, name, status, health, hook]: [&str; 7]) -> Option<Report> {
    if kind.is_empty() || name.is_empty() || !hook.is_empty() || RESULTS.contains(&status) {
        return None;
    }
    let sync = SYNC.contains(&status).then(|| status.to_owned());
    let health = Health::parse(health);
    (sync.is_some() || health.is_some()).then(|| Report {
        name: ObjectName {
            kind: GroupKind::new(group, kind),
            namespace: namespace.into(),
            name: name.into(),
        },
        sync,
        health,
        message: None,
    })
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
                "Ingress.networking.k8s.io rep-ing/front",
                "Synced",
                Some(Health::Progressing),
            ),
            (
                "2026-11-23T23:50:23+00:00            Service         shop                    db  OutOfSync  Missing              ",
                "Service shop/db",
                "OutOfSync",
                Some(Health::Missing),
            ),
            (
                "2026-11-23T23:50:30+00:00          ConfigMap        shop            web-config    Synced                                ",
                "ConfigMap shop/web-config",
                "Synced",
                None,
            ),
        ] {
            assert_eq!(
                read(line),
                Some((name.to_owned(), sync.to_owned(), health)),
                "{line}"
            );
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
        let told: Vec<_> = lines
            .iter()
            .map(|line| rows.line(line.as_bytes()))
            .collect();
        assert_eq!(told[0], None);
        assert_eq!(told[1], None);
        let ingress = told[2].as_ref().unwrap();
        assert_eq!(
            (&*ingress.name.name, ingress.health),
            ("front", Some(Health::Progressing))
        );
        assert_eq!(
            ingress.name.kind,
            GroupKind::new("networking.k8s.io", "Ingress")
        );
    }

    #[test]
    fn other_lines_are_no_rows() {
        for line in [
            "TIMESTAMP                  GROUP        KIND    NAMESPACE                  NAME    STATUS    HEALTH        HOOK  MESSAGE",
            "2026-11-23T23:50:25+00:00  batch         Job        shop            db-migrate   Running   Synced     PreSync  job.batch/db-migrate created",
            "Name:               argocd/rep-ing",
            "2026-11-28T12:40:56+00:00                      Namespace                           rep-ing   Running   Synced                  namespace/rep-ing created",
            "2026-11-23T23:50:25+00:00  short",
            "",
        ] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}
