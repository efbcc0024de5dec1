//! The steps of a follower.

use std::time::Duration;

use super::{response::OpenResponse, retry::Wake};

/// The follower's current step.
#[derive(Debug)]
pub(super) enum Phase {
    /// There is nothing to read.
    Idle,
    /// The pod is being read.
    Asking,
    /// The pod will be read at this time.
    Pausing {
        until: Duration,
        wake: Wake,
    },
    /// A response is requested or open.
    Reading(Box<OpenResponse>),
    Done,
}

impl Phase {
    pub(super) fn is_done(&self) -> bool {
        matches!(self, Self::Done)
    }

    /// Time at which the step has to be looked at.
    pub(super) fn deadline(&self) -> Option<Duration> {
        match self {
            Self::Idle | Self::Asking | Self::Done => None,
            Self::Pausing { until, .. } => Some(*until),
            Self::Reading(open) => Some(open.watchdog.deadline()),
        }
    }

    pub(super) fn open(&self) -> Option<&OpenResponse> {
        match self {
            Self::Reading(open) => Some(open),
            _ => None,
        }
    }

    pub(super) fn open_mut(&mut self) -> Option<&mut OpenResponse> {
        match self {
            Self::Reading(open) => Some(open),
            _ => None,
        }
    }

    /// Takes the response, which leaves nothing to read.
    pub(super) fn take_open(&mut self) -> Option<OpenResponse> {
        match std::mem::replace(self, Self::Idle) {
            Self::Reading(open) => Some(*open),
            other => {
                *self = other;
                None
            }
        }
    }
}
