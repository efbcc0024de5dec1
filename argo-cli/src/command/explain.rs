//! `explain`: the answer to "why do I see nothing?".

use std::fmt::Write as _;

use argo_core::{Notice, text::chain};
use argo_workloads::{Explanation, explain as explained};
use jiff::Timestamp;

use super::{env, print, tell, warn};
use crate::{
    args::ExplainArgs,
    cluster,
    error::Failure,
    sanitize::printable,
    settings::{Format, Settings},
    streams::{clients, track_config},
    way,
};

/// Prints for each object in the application's namespaces whether it is followed, and why.
pub(super) async fn explain(args: ExplainArgs, settings: Settings) -> Result<i32, Failure> {
    way::needs_cluster(&args.target)?;
    if args.target.apps.len() > 1 {
        return Err(Failure::usage("explain is about one application at a time"));
    }
    let clusters = cluster::connect(&args.target, &env).await?;
    tell(&clusters.notes);
    let config = track_config(&args.target, Timestamp::now());
    let answer = explained(clients(&clusters), args.target.app(), config)
        .await
        .map_err(|error| Failure::usage(chain(&error)))?;
    warn(&answer.notices.iter().map(in_words).collect::<Vec<_>>());
    let text = match settings.format {
        Format::Text => table(&answer.objects),
        Format::Json => objects(&answer.objects),
    };
    print(&text)
}

fn in_words(notice: &Notice) -> String {
    match &notice.hint {
        Some(hint) => format!("{} ({hint})", notice.message),
        None => notice.message.clone(),
    }
}

/// Formats four columns, each as wide as its widest cell.
fn table(explanations: &[Explanation]) -> String {
    let rows: Vec<_> = explanations.iter().map(row).collect();
    let width = |column: usize| {
        rows.iter()
            .map(|row| row[column].chars().count())
            .max()
            .unwrap_or(0)
    };
    let widths = [width(0), width(1), width(2)];
    let mut text = String::new();
    for [followed, kind, name, why] in &rows {
        let line = format!(
            "{followed:<0$}  {kind:<1$}  {name:<2$}  {why}",
            widths[0], widths[1], widths[2]
        );
        text.push_str(line.trim_end());
        text.push('\n');
    }
    if rows.is_empty() {
        text.push_str(
            "There is nothing in the namespaces of the application that could be followed.\n",
        );
    }
    text
}

fn row(explanation: &Explanation) -> [String; 4] {
    let object = &explanation.object;
    let name = match &*object.namespace {
        "" => object.name.to_string(),
        namespace => format!("{namespace}/{}", object.name),
    };
    let followed = if explanation.followed {
        "followed"
    } else {
        "ignored"
    };
    [
        followed.to_owned(),
        object.kind.kind.to_string(),
        name,
        printable(&explanation.why),
    ]
}

fn objects(explanations: &[Explanation]) -> String {
    let mut text = String::new();
    for explanation in explanations {
        let object = &explanation.object;
        let line = serde_json::json!({
            "followed": explanation.followed, "group": &*object.kind.group, "kind": &*object.kind.kind,
            "namespace": &*object.namespace, "name": &*object.name, "why": explanation.why,
        });
        let written = writeln!(text, "{line}");
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    text
}
