//! Faults: wrong answers, delays and lost connections on demand.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use serde::Deserialize;
use tokio::sync::watch;

use super::access::Rule;
use super::body::{Ending, Outgoing};
use super::connection::{Connection, Hangup};
use super::request_log::LoggedRequest;

/// One thing that goes wrong with the requests that it matches.
///
/// ```yaml
/// on: { verb: log, namespace: shop, container: app, nth: 2 }
/// do: { kind: reset, after: { chunks: 3 } }
/// ```
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Fault {
    /// Requests that it strikes.
    #[serde(default)]
    pub on: Match,
    /// Action on those requests.
    #[serde(rename = "do")]
    pub action: Action,
}

/// Selects the requests that agree with every field that is set.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Match {
    /// `get`, `list`, `watch`, `log`, `create`, `update`, `patch`, `delete`, `deletecollection`.
    #[serde(default)]
    pub verb: Option<String>,
    /// Full name with subresource, if any: `pods`, `pods/log`, `deployments.apps`.
    #[serde(default)]
    pub resource: Option<String>,
    /// Namespace; `""` for requests across all of them.
    #[serde(default)]
    pub namespace: Option<String>,
    /// Name of the object.
    #[serde(default)]
    pub name: Option<String>,
    /// Container named by a log request.
    #[serde(default)]
    pub container: Option<String>,
    /// Path, for requests that ask for no resource: `/version`.
    #[serde(default)]
    pub path: Option<String>,
    /// Only requests over the connection of this number, from 1.
    #[serde(default)]
    pub connection: Option<u64>,
    /// Only the nth request that agrees with all of the above, from 1.
    #[serde(default)]
    pub nth: Option<u64>,
    /// At most so many times.
    #[serde(default)]
    pub count: Option<u64>,
    /// With this probability, from 0 to 1.
    #[serde(default)]
    pub probability: Option<f64>,
    /// Seed of the decisions by `probability`.
    #[serde(default)]
    pub seed: u64,
}

/// Action on a request. Without an `after`, where it is optional, it happens before the
/// first byte of the answer.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    tag = "kind",
    rename_all = "kebab-case",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Action {
    /// The connection is reset: a TCP RST. What the client has not read yet may be lost.
    Reset {
        /// Part of the body that is sent before.
        #[serde(default)]
        after: Option<After>,
    },
    /// The connection is closed without an end of the answer.
    Cut {
        /// Part of the body that is sent before.
        #[serde(default)]
        after: Option<After>,
    },
    /// The answer ends as if it were complete.
    End {
        /// Part of the body that is sent before.
        #[serde(default)]
        after: After,
    },
    /// Sends nothing more, on a connection that stays open.
    Stall {
        /// Part of the body that is sent before.
        #[serde(default)]
        after: Option<After>,
    },
    /// The answer begins later.
    Delay {
        /// Virtual milliseconds.
        millis: u64,
    },
    /// A refusal with a Status object.
    Status {
        /// HTTP status.
        code: u16,
        /// `Retry-After` in seconds.
        #[serde(default)]
        retry_after: Option<u64>,
        /// Message; a usual one if not set.
        #[serde(default)]
        message: Option<String>,
    },
    /// 429 as priority and fairness answers it: text, not a Status.
    Throttle {
        /// `Retry-After` in seconds.
        #[serde(default = "one")]
        retry_after: u64,
    },
    /// The token of the request expires: 401 now and for ever.
    ExpireToken,
    /// 403.
    Forbid,
    /// The history of changes is dropped, then the request is served: a watch from before gets 410.
    Compact,
    /// The API server goes down with this request and comes back.
    Restart {
        /// Way in which it goes down.
        #[serde(default)]
        shutdown: Shutdown,
        /// Virtual milliseconds until it is started again.
        #[serde(default)]
        down_millis: u64,
    },
}

fn one() -> u64 {
    1
}

/// Way in which the API server goes down.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Shutdown {
    /// SIGKILL: [`ApiServer::stop`](super::ApiServer::stop).
    #[default]
    Kill,
    /// SIGTERM: [`ApiServer::terminate`](super::ApiServer::terminate).
    Term,
}

/// Part of a body that is sent first: up to the limit that is reached first, or no part without limits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct After {
    /// Bytes.
    #[serde(default)]
    pub bytes: Option<u64>,
    /// Chunks: events of a watch, steps of a log.
    #[serde(default)]
    pub chunks: Option<u64>,
}

impl After {
    pub(super) fn is_reached(self) -> bool {
        self.bytes.is_none() && self.chunks.is_none()
            || self.bytes == Some(0)
            || self.chunks == Some(0)
    }

    /// Splits off the part of a chunk that is still sent. Returns it with the rest of the limits.
    pub(super) fn take(self, mut chunk: Bytes) -> (Bytes, Self) {
        let limit = self
            .bytes
            .and_then(|bytes| usize::try_from(bytes).ok())
            .unwrap_or(usize::MAX);
        chunk.truncate(limit);
        let left = Self {
            bytes: self.bytes.map(|bytes| bytes - chunk.len() as u64),
            chunks: self.chunks.map(|chunks| chunks - 1),
        };
        (chunk, left)
    }
}

impl Match {
    fn agrees(&self, request: &LoggedRequest) -> bool {
        let same = |wanted: &Option<String>, actual: &str| {
            wanted.as_deref().is_none_or(|wanted| wanted == actual)
        };
        same(&self.verb, &request.verb)
            && same(&self.resource, &request.resource)
            && same(&self.namespace, &request.namespace)
            && same(&self.name, &request.name)
            && same(&self.container, &request.container)
            && same(&self.path, &request.path)
            && self
                .connection
                .is_none_or(|number| number == request.connection)
    }
}

/// Names a fault that was added.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FaultId(u64);

/// All that goes wrong in a server; cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct Faults {
    inner: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    next: u64,
    armed: Vec<Armed>,
    rules: Vec<Rule>,
    expired: BTreeSet<String>,
    open: Vec<Open>,
}

#[derive(Debug)]
struct Armed {
    id: FaultId,
    fault: Fault,
    seen: u64,
    fired: u64,
    chance: u64,
}

/// A stream that is on its way.
#[derive(Debug)]
struct Open {
    request: LoggedRequest,
    ending: watch::Sender<Option<Ending>>,
}

impl Faults {
    /// From now on this goes wrong as well. Of several faults that match one request each happens,
    /// in the order in which they were added, until one decides its answer.
    pub fn add(&self, fault: Fault) -> FaultId {
        let mut state = self.lock();
        state.next += 1;
        let id = FaultId(state.next);
        state.armed.push(Armed {
            id,
            chance: fault.on.seed,
            fault,
            seen: 0,
            fired: 0,
        });
        id
    }

    /// This goes wrong no more; answers whether it was there.
    pub fn remove(&self, id: FaultId) -> bool {
        let mut state = self.lock();
        let before = state.armed.len();
        state.armed.retain(|armed| armed.id != id);
        state.armed.len() < before
    }

    /// Removes all faults, rules and expired tokens. Streams that stall
    /// go on stalling.
    pub fn clear(&self) {
        let mut state = self.lock();
        state.armed.clear();
        state.rules.clear();
        state.expired.clear();
    }

    /// Returns the number of times that a fault has struck.
    #[must_use]
    pub fn fired(&self, id: FaultId) -> u64 {
        let state = self.lock();
        let armed = state.armed.iter().find(|armed| armed.id == id);
        armed.map_or(0, |armed| armed.fired)
    }

    /// Forbids requests: 403.
    pub fn forbid(&self, rule: Rule) {
        self.lock().rules.push(rule);
    }

    /// Lets a token expire: 401. Streams that are open go on, as they do in a real server.
    pub fn expire_token(&self, token: &str) {
        self.lock().expired.insert(token.to_owned());
    }

    /// Ends the watches and log streams that are open now and match, as `action` says: `reset`,
    /// `cut`, `end` or `stall`, at once. Answers how many; 0 for any other action. `nth`, `count`
    /// and `probability` do not count here.
    pub fn end_open(&self, on: &Match, action: &Action) -> usize {
        let ending = match action {
            Action::Reset { .. } => Ending::Hangup(Hangup::Reset),
            Action::Cut { .. } => Ending::Hangup(Hangup::Cut),
            Action::End { .. } => Ending::Clean,
            Action::Stall { .. } => Ending::Stall,
            _ => return 0,
        };
        let mut state = self.lock();
        state.open.retain(Open::is_on_its_way);
        let mut ended = 0;
        for open in state.open.iter().filter(|open| on.agrees(&open.request)) {
            open.ending.send_replace(Some(ending));
            ended += 1;
        }
        ended
    }

    /// Returns the number of open watches and log streams that match.
    #[must_use]
    pub fn open(&self, on: &Match) -> usize {
        let mut state = self.lock();
        state.open.retain(Open::is_on_its_way);
        let open = state.open.iter().filter(|open| on.agrees(&open.request));
        open.count()
    }

    /// Returns the actions on a request.
    pub(super) fn strike(&self, request: &LoggedRequest) -> Vec<Action> {
        let mut state = self.lock();
        let armed = state.armed.iter_mut();
        armed
            .filter(|armed| armed.fault.on.agrees(request))
            .filter_map(Armed::fire)
            .collect()
    }

    pub(super) fn rules(&self) -> Vec<Rule> {
        self.lock().rules.clone()
    }

    pub(super) fn is_expired(&self, token: &str) -> bool {
        self.lock().expired.contains(token)
    }

    /// Keeps an answer that is a stream within reach of [`Faults::end_open`].
    pub(super) fn register(
        &self,
        request: &LoggedRequest,
        body: &mut Outgoing,
        connection: &Arc<Connection>,
    ) {
        let ending = watch::Sender::new(None);
        body.listen(ending.subscribe(), connection);
        let mut state = self.lock();
        state.open.retain(Open::is_on_its_way);
        state.open.push(Open {
            request: request.clone(),
            ending,
        });
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    fn is_on_its_way(&self) -> bool {
        !self.ending.is_closed()
    }
}

impl Armed {
    /// Counts a request that agrees and answers what happens to it.
    fn fire(&mut self) -> Option<Action> {
        self.seen += 1;
        let on = &self.fault.on;
        if on.nth.is_some_and(|nth| nth != self.seen)
            || on.count.is_some_and(|count| self.fired >= count)
        {
            return None;
        }
        if let Some(probability) = on.probability
            && random(&mut self.chance) >= probability
        {
            return None;
        }
        self.fired += 1;
        Some(self.fault.action.clone())
    }
}

/// The next number from 0 to 1 (splitmix64).
fn random(state: &mut u64) -> f64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut mixed = *state;
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^= mixed >> 31;
    let high = u32::try_from(mixed >> 32).unwrap_or_default();
    f64::from(high) / (f64::from(u32::MAX) + 1.0)
}
