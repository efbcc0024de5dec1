//! The process that is measured: it tracks the application, its events and its logs, put
//! together as `argo-assistant` does it.

use std::{
    collections::BTreeSet,
    io::BufRead,
    path::PathBuf,
    pin::pin,
    sync::Arc,
    time::{Duration, Instant},
};

use argo_benches::crowd;
use argo_core::{AppRef, TrackEvent, client};
use argo_events::{ClusterEvents, EventConfig, EventItem, EventStream};
use argo_logs::{LogConfig, LogEvent, LogStream};
use argo_workloads::{TrackConfig, track};
use futures::StreamExt;
use nix::sys::resource::{UsageWho, getrusage};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::Result;

/// Time without news after which everything counts as known.
const QUIET: Duration = Duration::from_secs(2);

/// Prints the cost once everything is known, and after `stop` the cost since `churn`.
pub(crate) async fn follow(kubeconfig: PathBuf, tracked: usize) -> Result<()> {
    let mut seen = Seen::new(tracked);
    let options = client::Options::default().kubeconfig(kubeconfig);
    let connection = client::connect(&options).await?;
    let (to_events, events) = mpsc::unbounded_channel();
    let (to_logs, pods) = mpsc::unbounded_channel();
    let app = AppRef::new("shop", "argocd");
    let mut events = EventStream::new(
        ClusterEvents::new(connection.clone()),
        UnboundedReceiverStream::new(events),
        EventConfig::default(),
    );
    let pods = UnboundedReceiverStream::new(pods);
    let logs = LogStream::new(connection.clone(), pods, LogConfig::default());
    let mut tracked = pin!(track(connection.into(), app, TrackConfig::default()));
    let mut logs = pin!(logs);
    let mut orders = orders();
    let (mut said, mut churning) = (false, None);
    loop {
        tokio::select! {
            biased;
            Some(event) = tracked.next() => {
                seen.tracked(&event);
                if let Some(pod) = event.pod_event() {
                    let _ = to_logs.send(pod);
                }
                let _ = to_events.send(event);
            }
            Some(item) = events.next() => seen.event(&item),
            Some(event) = logs.next() => seen.log(&event),
            Some(order) = orders.recv() => {
                if order == "churn" {
                    churning = Some((Instant::now(), used()?));
                    continue;
                }
                let (since, before) = churning.ok_or("stopped before it was churned")?;
                let share = (used()? - before).as_secs_f64() / since.elapsed().as_secs_f64();
                println!("{:>9.1}%", share * 100.0);
                return Ok(());
            }
            () = tokio::time::sleep(QUIET), if seen.synced && !said => {
                said = true;
                seen.say()?;
                continue;
            }
        }
        if !said {
            seen.cpu = used()?;
        }
    }
}

/// The things seen so far, and the time from the start until they were.
struct Seen {
    began: Instant,
    /// Pods of the application.
    tracked: usize,
    synced: bool,
    pods: BTreeSet<Arc<str>>,
    logs: usize,
    events: usize,
    notices: usize,
    /// The last of the pods.
    known: Duration,
    /// The last of the old events of the application.
    told: Duration,
    cpu: Duration,
}

impl Seen {
    fn new(tracked: usize) -> Self {
        Self {
            tracked,
            began: Instant::now(),
            synced: false,
            pods: BTreeSet::new(),
            logs: 0,
            events: 0,
            notices: 0,
            known: Duration::ZERO,
            told: Duration::ZERO,
            cpu: Duration::ZERO,
        }
    }

    fn tracked(&mut self, event: &TrackEvent) {
        match event {
            TrackEvent::Applied(tracked) if &*tracked.object.kind.kind == "Pod" => {
                let is_new = self.pods.insert(Arc::clone(&tracked.object.name));
                self.known = if is_new {
                    self.began.elapsed()
                } else {
                    self.known
                };
            }
            TrackEvent::Synced => self.synced = true,
            _ => {}
        }
    }

    fn event(&mut self, item: &EventItem) {
        match item {
            EventItem::Event(_) => {
                self.events += 1;
                self.told = self.began.elapsed();
            }
            _ => self.notices += 1,
        }
    }

    fn log(&mut self, event: &LogEvent) {
        match event {
            LogEvent::Lines(_) => self.logs += 1,
            _ => self.notices += 1,
        }
    }

    fn say(&self) -> Result<()> {
        let tracked = self.tracked;
        let logs = tracked * crowd::CONTAINERS.len();
        let all = self.pods.len() == tracked && self.logs == logs;
        assert!(
            all && self.events == tracked * crowd::EVENTS && self.notices == 0,
            "{} pods, {} logs, {} events, {} notices",
            self.pods.len(),
            self.logs,
            self.events,
            self.notices
        );
        println!(
            "{:>7.2} s {:>7.2} s {:>7.2} s {:>5} MiB {:>5} MiB",
            self.known.as_secs_f64(),
            self.told.as_secs_f64(),
            self.cpu.as_secs_f64(),
            status("VmHWM")? / 1024,
            status("VmRSS")? / 1024
        );
        Ok(())
    }
}

/// Lines of stdin; reading it must not wait in the runtime.
fn orders() -> mpsc::UnboundedReceiver<String> {
    let (sender, receiver) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin()
            .lock()
            .lines()
            .map_while(std::result::Result::ok)
        {
            let _ = sender.send(line);
        }
    });
    receiver
}

/// CPU time so far.
fn used() -> Result<Duration> {
    let usage = getrusage(UsageWho::RUSAGE_SELF)?;
    let micros = |time: nix::sys::time::TimeVal| time.tv_sec() * 1_000_000 + time.tv_usec();
    Ok(Duration::from_micros(u64::try_from(
        micros(usage.user_time()) + micros(usage.system_time()),
    )?))
}

/// Returns a line of `/proc/self/status`, in KiB.
fn status(name: &str) -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text
        .lines()
        .find(|line| line.starts_with(name))
        .ok_or("no such line")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}
