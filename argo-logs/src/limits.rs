//! The user's limits on the lines that are shown.

use std::time::Duration;

use regex::bytes::Regex;

use crate::{Batch, LogConfig};

/// The least time between two notices about one container.
const TELL_EVERY: Duration = Duration::from_secs(10);
/// A burst may be this many seconds' worth of lines.
const BURST: u64 = 5;

/// The limits for one container. Lines left out because of a number are counted and
/// reported; lines left out because of a pattern are not.
#[derive(Debug, Default)]
pub(crate) struct Limits {
    include: Option<Regex>,
    exclude: Option<Regex>,
    /// True if the last whole line or first piece was shown; later pieces follow it.
    shows_line: bool,
    max_lines: Option<u64>,
    shown: u64,
    beyond_max: u64,
    rate: Option<Bucket>,
    beyond_rate: u64,
    told: Option<Duration>,
}

impl Limits {
    pub(crate) fn new(config: &LogConfig) -> Self {
        Self {
            include: config.include.clone(),
            exclude: config.exclude.clone(),
            max_lines: config.max_lines_per_container,
            rate: config.rate.map(Bucket::full),
            ..Self::default()
        }
    }

    /// Removes lines that are not shown from a batch. Returns a message to be shown after
    /// it.
    pub(crate) fn admit(&mut self, batch: &mut Batch, now: Duration) -> Option<String> {
        self.match_lines(batch);
        self.limit_rate(batch, now);
        self.limit_lines(batch)
    }

    /// Time at which [`due`](Self::due) has a message.
    pub(crate) fn deadline(&self) -> Option<Duration> {
        (self.beyond_rate > 0).then(|| self.told.unwrap_or_default() + TELL_EVERY)
    }

    /// Returns the message about lines left out, if it is due.
    pub(crate) fn due(&mut self, now: Duration) -> Option<String> {
        let due = self.deadline().is_some_and(|deadline| now >= deadline);
        due.then(|| self.tell_rate(now)).flatten()
    }

    /// Returns the messages about lines left out and not reported yet.
    pub(crate) fn finish(&mut self, now: Duration) -> Vec<String> {
        let more = std::mem::take(&mut self.beyond_max);
        let more = (more > 0).then(|| format!("{} left out at the end", lines(more)));
        self.tell_rate(now).into_iter().chain(more).collect()
    }

    fn match_lines(&mut self, batch: &mut Batch) {
        if self.include.is_none() && self.exclude.is_none() {
            return;
        }
        batch.retain(|line| {
            if !line.continuation {
                let included = self.include.as_ref().is_none_or(|r| r.is_match(line.text));
                let excluded = self.exclude.as_ref().is_some_and(|r| r.is_match(line.text));
                self.shows_line = included && !excluded;
            }
            self.shows_line
        });
    }

    fn limit_rate(&mut self, batch: &mut Batch, now: Duration) {
        let Some(bucket) = &mut self.rate else {
            return;
        };
        let wanted = batch.len() as u64;
        let granted = bucket.take(wanted, now);
        if granted < wanted {
            if self.beyond_rate == 0 {
                self.told = Some(now);
            }
            self.beyond_rate += wanted - granted;
            truncate(batch, granted);
        }
    }

    fn limit_lines(&mut self, batch: &mut Batch) -> Option<String> {
        let max = self.max_lines?;
        let (wanted, granted) = (batch.len() as u64, max - self.shown);
        if wanted <= granted {
            self.shown += wanted;
            return None;
        }
        truncate(batch, granted);
        self.shown = max;
        let first = self.beyond_max == 0;
        self.beyond_max += wanted - granted;
        first.then(|| format!("only the first {} are shown", lines(max)))
    }

    fn tell_rate(&mut self, now: Duration) -> Option<String> {
        let left_out = std::mem::take(&mut self.beyond_rate);
        let rate = self.rate.as_ref()?.rate;
        self.told = Some(now);
        (left_out > 0).then(|| {
            let left_out = lines(left_out);
            format!("{left_out} left out: more than {} a second", lines(rate))
        })
    }
}

/// A token bucket, one token a line.
#[derive(Debug)]
struct Bucket {
    rate: u64,
    /// Thousandths of a token.
    tokens: u64,
    filled: Duration,
}

impl Bucket {
    fn full(rate: u64) -> Self {
        Self {
            rate,
            tokens: Self::room(rate),
            filled: Duration::ZERO,
        }
    }

    fn room(rate: u64) -> u64 {
        rate.saturating_mul(BURST * 1000)
    }

    fn take(&mut self, wanted: u64, now: Duration) -> u64 {
        let millis = now.saturating_sub(self.filled).as_millis();
        let millis = u64::try_from(millis).unwrap_or(u64::MAX);
        // The part below a millisecond counts next time.
        self.filled += Duration::from_millis(millis);
        let fresh = millis.saturating_mul(self.rate);
        self.tokens = self.tokens.saturating_add(fresh).min(Self::room(self.rate));
        let granted = wanted.min(self.tokens / 1000);
        self.tokens -= granted * 1000;
        granted
    }
}

fn truncate(batch: &mut Batch, len: u64) {
    batch.truncate(usize::try_from(len).unwrap_or(usize::MAX));
}

fn lines(count: u64) -> String {
    match count {
        1 => "1 line".to_owned(),
        count => format!("{count} lines"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Line;

    fn batch(texts: &[&str]) -> Batch {
        let lines = texts.iter().map(|text| Line::new(Some(0), text.as_bytes()));
        Batch::from_lines("A".into(), 0, lines)
    }

    fn texts(batch: &Batch) -> Vec<String> {
        let text = |line: Line<'_>| String::from_utf8_lossy(line.text).into_owned();
        batch.lines().map(text).collect()
    }

    #[test]
    fn patterns_decide_for_whole_lines() {
        let regex = |text| Regex::new(text).unwrap();
        let config = LogConfig::default().include(regex("a")).exclude(regex("b"));
        let mut limits = Limits::new(&config);
        let piece = |text: &'static [u8], continues, continuation| {
            let mut line = Line::new(Some(0), text);
            (line.continues, line.continuation) = (continues, continuation);
            line
        };
        let pieces = [
            piece(b"a1", true, false),
            piece(b"b2", false, true),
            piece(b"b3", true, false),
            piece(b"a4", false, true),
            piece(b"a5", false, false),
        ];
        let mut batch = Batch::from_lines("A".into(), 0, pieces.into_iter());
        assert_eq!(limits.admit(&mut batch, Duration::ZERO), None);
        assert_eq!(texts(&batch), ["a1", "b2", "a5"]);
    }

    #[test]
    fn beyond_the_maximum_is_told_once_and_counted_at_the_end() {
        let mut limits = Limits::new(&LogConfig::default().max_lines_per_container(3));
        let (mut first, mut second, mut third) =
            (batch(&["1", "2"]), batch(&["3", "4"]), batch(&["5"]));
        assert_eq!(limits.admit(&mut first, Duration::ZERO), None);
        let told = limits.admit(&mut second, Duration::ZERO);
        assert_eq!(told.as_deref(), Some("only the first 3 lines are shown"));
        assert_eq!(limits.admit(&mut third, Duration::ZERO), None);
        assert_eq!((first.len(), second.len(), third.len()), (2, 1, 0));
        assert_eq!(
            limits.finish(Duration::ZERO),
            ["2 lines left out at the end"]
        );
        assert!(limits.finish(Duration::ZERO).is_empty());
    }

    #[test]
    fn a_burst_passes_and_a_flood_is_counted_every_ten_seconds() {
        let mut limits = Limits::new(&LogConfig::default().rate(2));
        let mut shown = 0;
        let (mut told, second) = (Vec::new(), Duration::from_secs(1));
        for now in 0..30 {
            let mut batch = batch(&["x"; 10]);
            told.extend(limits.admit(&mut batch, second * now));
            told.extend(limits.due(second * now));
            shown += batch.len();
        }
        assert_eq!(shown, 10 + 29 * 2);
        assert_eq!(
            told,
            [
                "88 lines left out: more than 2 lines a second",
                "88 lines left out: more than 2 lines a second"
            ]
        );
        let rest = limits.finish(second * 30);
        assert_eq!(rest, ["56 lines left out: more than 2 lines a second"]);
        assert_eq!(limits.deadline(), None);
    }
}
