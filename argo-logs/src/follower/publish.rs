//! Turns what a response brought into actions.

use super::{Action, Follower, Hole, gap::Gap, notices::Report};
use crate::reader::ReadItem;

impl Follower {
    /// Hands out the items that the response brought.
    pub(super) fn publish(&mut self) {
        let in_doubt = self.runs.current().is_some_and(|run| run.in_doubt);
        let mut items = self.printed.take_items();
        for item in items.drain(..) {
            match item {
                ReadItem::Lines(batch) => self.actions.push_back(Action::Emit(batch)),
                ReadItem::Gap { after, before } => {
                    self.hold(Gap::new(after, Some(before), in_doubt));
                }
                ReadItem::Repeat(since) => self.report(&Report::Repeated { since }),
            }
        }
        self.printed.reuse(items);
    }

    /// Holds a gap back until the pod had time to tell of a next run.
    pub(super) fn hold(&mut self, gap: Gap) {
        if let Some(gap) = self.runs.hold(gap) {
            self.report(&Report::Gap(gap));
        }
    }

    pub(super) fn report(&mut self, report: &Report) {
        let Some(notice) = self.reports.notice(report) else {
            return;
        };
        self.actions.push_back(match self.hole(report) {
            Some(hole) => Action::Missing(Box::new(Hole {
                notice: Some(notice),
                ..hole
            })),
            None => Action::Notice(notice),
        });
    }

    /// Says something that is not about lines of the current run.
    pub(super) fn say(&mut self, report: &Report) {
        let notice = self.reports.notice(report);
        self.actions.extend(notice.map(Action::Notice));
    }

    pub(super) fn report_all(&mut self, reports: impl IntoIterator<Item = Report>) {
        reports.into_iter().for_each(|report| self.report(&report));
    }
}
