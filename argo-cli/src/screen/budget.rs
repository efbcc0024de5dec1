//! A limit for the container logs on the screen.

use crate::view::View;

/// The default in GitLab, whose jobs lose what is beyond 4 MiB: the rest of the output needs
/// room too.
const GITLAB: u64 = 3 << 20;

/// The bytes of container logs that the screen still takes.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LogBudget {
    limit: Option<u64>,
    spent: u64,
    /// True once the reader was told that the budget is used up.
    is_told: bool,
}

impl LogBudget {
    /// Creates the budget of a form. `asked` is the user's, 0 for no limit.
    pub fn new(asked: Option<u64>, view: View) -> Self {
        let default = (view == View::Gitlab).then_some(GITLAB);
        Self {
            limit: asked.or(default).filter(|limit| *limit > 0),
            ..Self::default()
        }
    }

    /// Returns the limit.
    pub fn limit(&self) -> Option<u64> {
        self.limit
    }

    /// Returns the bytes that are left; `None` without a limit.
    pub(super) fn left(&self) -> Option<usize> {
        let left = self.limit?.saturating_sub(self.spent);
        Some(usize::try_from(left).unwrap_or(usize::MAX))
    }

    /// True if the logs have used up their budget.
    pub fn is_spent(&self) -> bool {
        self.limit.is_some_and(|limit| self.spent >= limit)
    }

    pub(super) fn spend(&mut self, bytes: usize) {
        self.spent = self.spent.saturating_add(bytes as u64);
    }

    /// True the first time that the budget is found used up.
    pub(super) fn takes_leave(&mut self) -> bool {
        let news = self.is_spent() && !self.is_told;
        self.is_told |= news;
        news
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gitlab_has_a_budget_and_zero_means_none() {
        assert_eq!(LogBudget::new(None, View::Gitlab).limit(), Some(3 << 20));
        assert_eq!(LogBudget::new(Some(0), View::Gitlab).limit(), None);
        assert_eq!(LogBudget::new(None, View::Github).limit(), None);
        let mut budget = LogBudget::new(Some(10), View::Text);
        budget.spend(9);
        assert!(!budget.is_spent() && !budget.takes_leave());
        budget.spend(1);
        assert!(budget.is_spent() && budget.takes_leave() && !budget.takes_leave());
    }
}
