//! One summary of those of several applications.

use std::time::Duration;

use argo_core::text::counted;

use super::{Outcome, Summary};
use crate::exit;

/// Makes one summary of those of several applications. `argocd` is its exit code, if it ended by
/// itself.
pub fn together(apps: Vec<Summary>, argocd: Option<i32>) -> Summary {
    let codes: Vec<i32> = apps.iter().map(|app| app.exit).collect();
    let worst = apps.iter().min_by_key(|app| weight(app.outcome));
    let (outcome, reason) = worst.map_or((Outcome::Succeeded, String::new()), |app| {
        (app.outcome, app.reason.clone())
    });
    Summary {
        app: counted(apps.len(), "application"),
        outcome,
        reason,
        argocd_exit: argocd,
        elapsed: apps
            .iter()
            .map(|app| app.elapsed)
            .max()
            .unwrap_or(Duration::ZERO),
        workloads: apps.iter().flat_map(|app| app.workloads.clone()).collect(),
        pods: apps.iter().map(|app| app.pods).sum(),
        findings: apps.iter().flat_map(|app| app.findings.clone()).collect(),
        events: apps.iter().flat_map(|app| app.events.clone()).collect(),
        exit: code(argocd, &codes),
        apps,
        ..Summary::default()
    }
}

/// The worst outcome is that of the run.
fn weight(outcome: Outcome) -> usize {
    match outcome {
        Outcome::Interrupted => 0,
        Outcome::Failed => 1,
        Outcome::TimedOut => 2,
        Outcome::Paused => 3,
        Outcome::Waiting => 4,
        Outcome::Succeeded => 5,
    }
}

/// The codes that count, the first one that occurs wins.
const ORDER: [i32; 6] = [
    exit::FAILED,
    exit::NO_PERMISSION,
    exit::SUPERSEDED,
    exit::PAUSED,
    exit::NOTHING_FOUND,
    exit::TIMEOUT,
];

/// Returns the exit code of all: argocd's own if it failed, that of a signal, or else the first
/// of the order. `codes` are those that each application would have had alone.
fn code(argocd: Option<i32>, codes: &[i32]) -> i32 {
    if let Some(code) = argocd.filter(|code| *code != exit::OK) {
        return code;
    }
    if let Some(signal) = codes.iter().find(|code| **code > exit::SIGNAL) {
        return *signal;
    }
    let first = ORDER.into_iter().find(|code| codes.contains(code));
    let other = || codes.iter().copied().find(|code| *code != exit::OK);
    first.or_else(other).unwrap_or(exit::OK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn argocd_comes_first_then_the_order() {
        for (argocd, codes, wanted) in [
            (None, &[0, 0, 0][..], 0),
            (Some(0), &[0, 0], 0),
            (Some(20), &[0, 20, 70], 20),
            (Some(20), &[0, 1], 20),
            (Some(0), &[0, 71, 77], 77),
            (Some(0), &[70, 72, 0, 73], 73),
            (None, &[70, 72], 72),
            (None, &[70, 0], 70),
            (None, &[77, 1, 71], 1),
            (Some(0), &[71, 70], 71),
            (None, &[130, 0, 1], 130),
            (None, &[0, 126], 126),
        ] {
            assert_eq!(code(argocd, codes), wanted, "{argocd:?} {codes:?}");
        }
    }
}
