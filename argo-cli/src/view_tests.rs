//! Plays each row of the table in `docs/output.md`.

use clap::ValueEnum;

use super::*;
use crate::{pages::page, settings::Settings};

/// Returns the rows of the table, each as its cells without the code marks.
fn rows() -> Vec<Vec<String>> {
    let page = page("output.md").unwrap_or_default();
    let lines = page
        .lines()
        .skip_while(|line| !line.starts_with("| `--output`"));
    let rows = lines.skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| {
        let cells = row.trim_matches('|').split('|');
        cells
            .map(|cell| cell.trim().replace('`', "").trim_matches('–').to_owned())
            .collect()
    })
    .collect()
}

#[test]
fn each_row_of_the_table_is_true() {
    let rows = rows();
    assert!(rows.len() >= 25 || page("output.md").is_none(), "{rows:?}");
    for row in rows {
        let [flag, variables, terminals, width, view, colours] = &row[..] else {
            panic!("{row:?}")
        };
        let lookup = |name: &str| {
            let pairs = variables.split_whitespace();
            let mut pairs = pairs.filter_map(|pair| pair.split_once('='));
            let (_, value) = pairs.find(|(key, _)| *key == name)?;
            Some(value.to_owned())
        };
        // The flag's variable is read by the command line.
        let named = lookup("ARGO_ASSISTANT_OUTPUT").filter(|_| flag.is_empty());
        let flag = named.as_deref().unwrap_or(flag);
        let flag = match flag {
            "" => OutputFlag::Auto,
            flag => OutputFlag::from_str(flag, true).unwrap(),
        };
        let choice = choose(&Surroundings {
            flag,
            variables: &lookup,
            stdout: terminals.contains("stdout"),
            stderr: terminals.contains("stderr"),
            columns: width.parse().ok(),
        });
        let settings = Settings::read(&lookup, choice).0;
        let yes = if settings.colors { "yes" } else { "no" };
        let said = (choice.view.name(), yes);
        assert_eq!(said, (view.as_str(), colours.as_str()), "{row:?}");
    }
}

#[test]
fn each_form_has_a_row() {
    let rows = rows();
    for flag in OutputFlag::value_variants() {
        let name = flag.to_possible_value().unwrap().get_name().to_owned();
        let has_row = page("output.md").is_none() || rows.iter().any(|row| row[4] == name);
        assert!(has_row || name == "auto", "{name}");
    }
}
