//! Long rollouts in which nothing happens: neither silence nor a wall.

use std::time::Duration;

use super::{
    matrix::Case,
    stage::{self, Stage},
};

const HALF_AN_HOUR: Duration = Duration::from_secs(30 * 60);

/// Plays a case for half an hour and returns everything that is on the screen.
async fn half_an_hour(name: &str) -> String {
    let mut stage = Stage::open(&Case::find(name).scenario(), stage::config()).await;
    stage.play(HALF_AN_HOUR).await;
    stage.argocd_times_out();
    String::from_utf8(stage.text).unwrap()
}

/// Returns the longest time between two lines, in seconds.
fn longest_pause(shown: &str) -> i64 {
    let times = shown.lines().filter_map(|line| {
        let time: jiff::civil::DateTime = line.get(..19)?.parse().ok()?;
        Some(
            time.to_zoned(jiff::tz::TimeZone::UTC)
                .ok()?
                .timestamp()
                .as_second(),
        )
    });
    let times: Vec<i64> = times.collect();
    let pauses = times.windows(2).map(|pair| pair[1] - pair[0]);
    pauses.max().unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn half_an_hour_of_a_rollout_that_hangs_is_a_page() {
    for name in ["statefulset-never-ready", "init-hangs"] {
        let shown = half_an_hour(name).await;
        assert!(shown.lines().count() < 60, "{name}:\n{shown}");
        let pause = longest_pause(&shown);
        assert!(
            pause <= 5 * 60 + 1,
            "{name}: silent for {pause} s:\n{shown}"
        );
        insta::assert_snapshot!(name.replace('-', "_"), shown);
    }
}
