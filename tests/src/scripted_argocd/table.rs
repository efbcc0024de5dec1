//! The rows that `argocd app wait` prints while it waits (argo-cd
//! `cmd/argocd/commands/app.go`, `getResourceStates` and `waitOnApplicationStatus`).

use std::collections::BTreeMap;

use serde_json::Value;

/// A resource, as a row shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Row {
    /// API group.
    pub group: String,
    /// Kind.
    pub kind: String,
    /// Namespace.
    pub namespace: String,
    /// Name.
    pub name: String,
    /// Sync status; the phase of a hook.
    pub status: String,
    /// Health; the result of the sync for a hook and for what is not compared.
    pub health: String,
    /// PreSync, Sync, PostSync or SyncFail.
    pub hook: String,
    /// Message of the sync about it.
    pub message: String,
}

/// Key of a resource.
pub type Key = (String, String, String, String);

impl Row {
    /// Returns the key of the resource.
    pub fn key(&self) -> Key {
        let Self {
            group,
            kind,
            namespace,
            name,
            ..
        } = self.clone();
        (group, kind, namespace, name)
    }

    fn of(resource: &Value) -> Self {
        let field = |name: &str| text(resource, name);
        Self {
            group: field("/group"),
            kind: field("/kind"),
            namespace: field("/namespace"),
            name: field("/name"),
            ..Self::default()
        }
    }

    /// From `status.resources[]`.
    fn of_status(resource: &Value) -> Self {
        Self {
            status: text(resource, "/status"),
            health: text(resource, "/health/status"),
            ..Self::of(resource)
        }
    }

    /// From `status.operationState.syncResult.resources[]`.
    fn of_result(resource: &Value) -> Self {
        Self {
            status: text(resource, "/hookPhase"),
            health: text(resource, "/status"),
            hook: text(resource, "/hookType"),
            message: text(resource, "/message"),
            ..Self::of(resource)
        }
    }

    /// Takes over what is new; true if there was something.
    fn merge(&mut self, newer: Self) -> bool {
        let fields = [
            (&mut self.status, newer.status),
            (&mut self.health, newer.health),
            (&mut self.hook, newer.hook),
            (&mut self.message, newer.message),
        ];
        fields.into_iter().fold(false, |changed, (field, new)| {
            if new.is_empty() || *field == new {
                return changed;
            }
            *field = new;
            true
        })
    }

    fn cells(&self) -> [&str; 7] {
        let Self {
            group,
            kind,
            namespace,
            name,
            status,
            health,
            hook,
            ..
        } = self;
        [group, kind, namespace, name, status, health, hook]
    }
}

/// A text in a JSON document, or an empty one.
pub fn text(value: &Value, pointer: &str) -> String {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .unwrap_or_default()
        .to_owned()
}

fn list<'a>(value: &'a Value, pointer: &str) -> &'a [Value] {
    value
        .pointer(pointer)
        .and_then(Value::as_array)
        .map_or(&[], Vec::as_slice)
}

/// All rows of an Application: what the last sync touched, then the rest.
pub fn rows(application: &Value) -> Vec<Row> {
    let resources = list(application, "/status/resources")
        .iter()
        .map(Row::of_status);
    let mut compared: BTreeMap<Key, Row> = resources.map(|row| (row.key(), row)).collect();
    let mut rows = Vec::new();
    for result in list(application, "/status/operationState/syncResult/resources") {
        let mut row = Row::of_result(result);
        if let Some(known) = compared.remove(&row.key()).filter(|_| row.hook.is_empty()) {
            row.status = known.status;
            row.health = known.health;
        }
        rows.push(row);
    }
    rows.extend(compared.into_values());
    rows
}

/// Rows printed so far.
#[derive(Debug, Default)]
pub struct Table {
    rows: BTreeMap<Key, Row>,
    has_header: bool,
}

/// A resource that became Degraded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Degradation {
    /// The health it had, empty where none was known.
    pub from: String,
}

impl Table {
    /// Returns the rows to print now, and whether argocd gives up.
    pub fn update(&mut self, application: &Value, time: &str) -> (String, Option<Degradation>) {
        let mut changed = Vec::new();
        let mut degradation = None;
        for row in rows(application) {
            let Some(known) = self.rows.get_mut(&row.key()) else {
                self.rows.insert(row.key(), row.clone());
                changed.push(row);
                continue;
            };
            let was_fine = !matches!(known.health.as_str(), "Unknown" | "Degraded");
            if was_fine && row.health == "Degraded" {
                degradation = Some(Degradation {
                    from: known.health.clone(),
                });
            }
            if known.merge(row) {
                changed.push(known.clone());
            }
        }
        // It gives up before it prints what made it.
        let shown = if degradation.is_some() {
            Vec::new()
        } else {
            changed
        };
        (self.print(&shown, time), degradation)
    }

    fn print(&mut self, rows: &[Row], time: &str) -> String {
        let mut lines = Vec::new();
        if !self.has_header {
            self.has_header = true;
            let [cells @ .., message] = HEADER;
            lines.push(line("TIMESTAMP", &cells, message));
        }
        lines.extend(
            rows.iter()
                .map(|row| line(time, &row.cells(), &row.message)),
        );
        aligned(&lines)
    }
}

/// The columns of the rows; while argocd waits, the time stands before them.
pub(super) const HEADER: [&str; 8] = [
    "GROUP",
    "KIND",
    "NAMESPACE",
    "NAME",
    "STATUS",
    "HEALTH",
    "HOOK",
    "MESSAGE",
];

/// `%s\t%5s\t%10s\t%10s\t%20s\t%8s\t%7s\t%10s\t%s\n`
fn line(time: &str, cells: &[&str; 7], message: &str) -> Vec<String> {
    let widths = [5, 10, 10, 20, 8, 7, 10];
    let mut line = vec![time.to_owned()];
    line.extend(
        cells
            .iter()
            .zip(widths)
            .map(|(cell, width)| format!("{cell:>width$}")),
    );
    line.push(message.to_owned());
    line
}

/// Aligns lines as Go's tabwriter does: each column as wide as its widest cell and two
/// blanks. A line break in a last cell ends the columns, and new ones begin after it.
pub fn aligned(lines: &[Vec<String>]) -> String {
    let breaks = |line: &Vec<String>| line.last().is_some_and(|cell| cell.contains('\n'));
    lines.split_inclusive(breaks).map(block).collect()
}

fn block(lines: &[Vec<String>]) -> String {
    let columns = lines.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = lines.iter().filter_map(|line| line.get(column));
        cells
            .map(|cell| cell.chars().count())
            .max()
            .unwrap_or_default()
            + 2
    };
    let widths: Vec<_> = (0..columns).map(width).collect();
    let mut out = String::new();
    for line in lines {
        let last = line.len().saturating_sub(1);
        for (cell, width) in line[..last].iter().zip(&widths) {
            out.push_str(&format!("{cell:<width$}"));
        }
        out.push_str(line.last().map_or("", String::as_str));
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn slow(status: &str, health: &str, message: &str) -> Value {
        let message = (!message.is_empty()).then(|| {
            json!({"resources": [
                {"group": "", "kind": "Namespace", "name": "slow", "status": "Synced",
                 "hookPhase": "Running", "message": "namespace/slow created"},
                {"group": "apps", "kind": "Deployment", "namespace": "slow", "name": "slow",
                 "status": "Synced", "hookPhase": "Running", "message": message},
            ]})
        });
        json!({"status": {
            "resources": [{"group": "apps", "kind": "Deployment", "namespace": "slow",
                           "name": "slow", "status": status, "health": {"status": health}}],
            "operationState": {"syncResult": message},
        }})
    }

    /// The rows of the recording `timeout-never-ready`.
    #[test]
    fn rows_stand_as_recorded() {
        let time = "2026-11-23T23:55:01+00:00";
        let mut table = Table::default();
        let mut printed = String::new();
        for (status, health, message) in [
            ("OutOfSync", "Missing", ""),
            ("OutOfSync", "Missing", ""),
            ("Synced", "Progressing", "deployment.apps/slow created"),
            ("Synced", "Progressing", ""),
        ] {
            printed += &table.update(&slow(status, health, message), time).0;
        }
        let wanted = "\
TIMESTAMP                  GROUP        KIND   NAMESPACE                  NAME    STATUS    HEALTH        HOOK  MESSAGE
2026-11-23T23:55:01+00:00   apps  Deployment        slow                  slow  OutOfSync  Missing              \n\
2026-11-23T23:55:01+00:00          Namespace                              slow   Running   Synced                  namespace/slow created
2026-11-23T23:55:01+00:00   apps  Deployment        slow                  slow    Synced  Progressing              deployment.apps/slow created
";
        assert_eq!(printed, wanted);
    }

    #[test]
    fn it_gives_up_on_a_change_to_degraded_and_only_then() {
        let mut table = Table::default();
        let health = |table: &mut Table, health| {
            table
                .update(&slow("Synced", health, ""), "")
                .1
                .map(|seen| seen.from)
        };
        assert_eq!(health(&mut table, "Degraded"), None, "at first sight");
        assert_eq!(health(&mut table, "Degraded"), None);
        assert_eq!(health(&mut table, "Progressing"), None);
        assert_eq!(
            health(&mut table, "Degraded").as_deref(),
            Some("Progressing")
        );
    }

    #[test]
    fn a_line_break_in_a_message_ends_the_columns() {
        let lines = [["a", "x\ny"], ["long", "z"]].map(|line| line.map(str::to_owned).to_vec());
        assert_eq!(aligned(&lines), "a  x\ny\nlong  z\n");
    }
}
