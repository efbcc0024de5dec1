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
    verdict::prose::{WIDTH, columns, padded, wrap},
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
            (Format::Text, Some(app)) => {
                format!("{app}\n{}", table(&answer.objects, settings.columns))
            }
            (Format::Text, None) => table(&answer.objects, settings.columns),
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

/// Formats four columns, each as wide as its widest cell. On a terminal that is too narrow the
/// reason is below the name.
fn table(explanations: &[Explanation], terminal: Option<usize>) -> String {
    let rows: Vec<_> = explanations.iter().map(row).collect();
    let width = |column: usize| rows.iter().map(|row| columns(&row[column])).max();
    let widths = [0, 1, 2, 3].map(|column| width(column).unwrap_or(0));
    let room = terminal.map(|terminal| terminal.saturating_sub(1));
    let fits = room.is_none_or(|room| widths.iter().sum::<usize>() + 6 <= room);
    let mut text = String::new();
    for [followed, kind, name, why] in &rows {
        let [first, second, third, _] = widths;
        let (followed, kind) = (padded(followed, first), padded(kind, second));
        let lines = match fits {
            true => vec![format!(
                "{followed}  {kind}  {}  {why}",
                padded(name, third)
            )],
            false => {
                let head = format!("{followed}  {}  {name}", kind.trim_end());
                let why = wrap(why, "    ", room.unwrap_or(WIDTH));
                std::iter::once(head).chain(why).collect()
            }
        };
        for line in lines {
            text.push_str(line.trim_end());
            text.push('\n');
        }
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

#[cfg(test)]
mod tests {
    use argo_core::{GroupKind, ObjectRef};

    use super::*;

    fn explanation(name: &str, why: &str) -> Explanation {
        Explanation {
            object: ObjectRef {
                kind: GroupKind::new("apps", "ReplicaSet"),
                namespace: "shop-prod".into(),
                name: name.into(),
                uid: name.into(),
            },
            followed: false,
            why: why.to_owned(),
        }
    }

    #[test]
    fn on_a_narrow_terminal_the_reason_is_below_the_name() {
        let all = [
            explanation(
                "old-7f9",
                "its tracking id is a copy of that of Deployment old",
            ),
            explanation("工作", "no tracking id"),
        ];
        assert_eq!(
            table(&all, None),
            "ignored  ReplicaSet  shop-prod/old-7f9  its tracking id is a copy of that of Deployment old\n\
             ignored  ReplicaSet  shop-prod/工作     no tracking id\n"
        );
        assert_eq!(table(&all, Some(200)), table(&all, None));
        assert_eq!(
            table(&all, Some(40)),
            "ignored  ReplicaSet  shop-prod/old-7f9\n    its tracking id is a copy of that\n    \
             of Deployment old\nignored  ReplicaSet  shop-prod/工作\n    no tracking id\n"
        );
    }
}
