//! `explain`: the answer to "why do I see nothing?".

use std::fmt::Write as _;

use argo_core::{AppRef, Notice, text::chain};
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
pub(super) async fn explain(mut args: ExplainArgs, settings: Settings) -> Result<i32, Failure> {
    args.target.apps = way::looked_at(&args.target, &env).await?;
    let clusters = cluster::connect(&args.target, &env).await?;
    tell(&clusters.notes);
    let are_several = args.target.apps.len() > 1;
    let mut text = String::new();
    for app in &args.target.apps {
        let config = track_config(&args.target, Timestamp::now());
        let answer = explained(clients(&clusters), app.clone(), config)
            .await
            .map_err(|error| Failure::usage(chain(&error)))?;
        let notices = answer.notices.iter().map(|notice| match are_several {
            true => format!("{app}: {}", in_words(notice)),
            false => in_words(notice),
        });
        warn(&notices.collect::<Vec<_>>());
        let about = are_several.then_some(app);
        text.push_str(&match (settings.format, about) {
            (Format::Text, Some(app)) => format!("{app}\n{}", table(&answer.objects)),
            (Format::Text, None) => table(&answer.objects),
            (Format::Json, about) => objects(&answer.objects, about),
        });
    }
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

/// Returns a line of JSON for each object, with its application if there are several.
fn objects(explanations: &[Explanation], about: Option<&AppRef>) -> String {
    let mut text = String::new();
    for explanation in explanations {
        let object = &explanation.object;
        let mut line = serde_json::json!({
            "followed": explanation.followed, "group": &*object.kind.group, "kind": &*object.kind.kind,
            "namespace": &*object.namespace, "name": &*object.name, "why": explanation.why,
        });
        if let Some(app) = about {
            line["app"] = app.to_string().into();
        }
        let written = writeln!(text, "{line}");
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
    text
}
