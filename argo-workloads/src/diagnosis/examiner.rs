//! The examination of the facts, and its memory from one look to the next.

use jiff::Timestamp;

use super::{
    before_abort::BeforeAbort,
    context::Context,
    facts::Facts,
    finding::Finding,
    report::{self, Candidate},
    rules::RULES,
    thresholds::Thresholds,
};

/// Looks at the facts of one deployment again and again. It remembers the causes that it saw
/// before a Rollout was aborted: the abort removes them from the facts.
#[derive(Clone, Debug, Default)]
pub struct Examiner {
    before_abort: BeforeAbort,
}

impl Examiner {
    /// Returns the findings of this moment, the worst and oldest first. A finding stands as
    /// long as its cause does; remembering the findings that come and go is the job of
    /// [`Timeline`](super::Timeline).
    pub fn examine(
        &mut self,
        facts: &mut Facts,
        thresholds: &Thresholds,
        now: Timestamp,
    ) -> Vec<Finding> {
        facts.forget_strangers();
        let context = Context::new(facts, thresholds, now);
        let mut candidates: Vec<_> = RULES
            .iter()
            .flat_map(|rule| Candidate::of(rule, &context))
            .collect();
        candidates.extend(self.before_abort.recall(&context, &candidates));
        report::findings(candidates, &context)
    }
}

/// Returns the findings of this moment to a caller that looks only once.
pub fn examine(facts: &mut Facts, thresholds: &Thresholds, now: Timestamp) -> Vec<Finding> {
    Examiner::default().examine(facts, thresholds, now)
}
