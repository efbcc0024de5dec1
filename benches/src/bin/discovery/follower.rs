//! The process that is measured: it tracks the application and its events.

use std::{
    collections::BTreeSet,
    io::BufRead,
    path::PathBuf,
    pin::pin,
    time::{Duration, Instant},
};

use argo_core::{AppRef, TrackEvent, client};
use argo_events::{EventItem, EventStream};
use argo_workloads::{TrackConfig, track};
use futures::StreamExt;
use nix::sys::resource::{UsageWho, getrusage};
use tokio::sync::mpsc;
use tokio_stream::wrappers::UnboundedReceiverStream;

use crate::{Result, crowd};

/// Nothing came for so long: all is known.
const QUIET: Duration = Duration::from_secs(2);

/// Says what it took when all is known, and after `stop` what it took since `churn`.
pub(crate) async fn follow(kubeconfig: PathBuf) -> Result<()> {
    let began = Instant::now();
    let options = client::Options {
        kubeconfig: Some(kubeconfig),
        ..client::Options::default()
    };
    let connection = client::connect(&options).await?;
    let (to_events, tracked) = mpsc::unbounded_channel();
    let events =
        EventStream::builder(connection.clone()).build(UnboundedReceiverStream::new(tracked));
    let app = AppRef::new("shop", "argocd");
    let mut tracked = pin!(track(connection.into(), app, TrackConfig::default()));
    let mut events = pin!(events);
    let mut orders = orders();
    let (mut pods, mut with_events) = (BTreeSet::new(), BTreeSet::new());
    let (mut known, mut cpu, mut synced, mut said, mut other) =
        (began.elapsed(), Duration::ZERO, false, false, 0);
    let mut churning = None;
    loop {
        tokio::select! {
            Some(event) = tracked.next() => {
                if let TrackEvent::Applied(tracked) = &event && &*tracked.object.kind.kind == "Pod" {
                    pods.insert(tracked.object.name.clone());
                }
                synced |= matches!(event, TrackEvent::Synced);
                let _ = to_events.send(event);
            }
            Some(item) = events.next() => match item {
                EventItem::Event(event) => {
                    with_events.insert(event.object.name.clone());
                }
                EventItem::Notice(_) => other += 1,
            },
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
            () = tokio::time::sleep(QUIET), if synced && !said => {
                assert!(pods.len() == crowd::TRACKED && other == 0, "{} pods", pods.len());
                said = true;
                println!("{:>3}/{:<3} {:>6.2} s {:>6.2} s {:>5} MiB {:>5} MiB", pods.len(), with_events.len(),
                    known.as_secs_f64(), cpu.as_secs_f64(), status("VmHWM")? / 1024, status("VmRSS")? / 1024);
                continue;
            }
        }
        if !said {
            (known, cpu) = (began.elapsed(), used()?);
        }
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

/// A line of `/proc/self/status`, in KiB.
fn status(name: &str) -> Result<u64> {
    let text = std::fs::read_to_string("/proc/self/status")?;
    let line = text
        .lines()
        .find(|line| line.starts_with(name))
        .ok_or("no such line")?;
    Ok(line.split_whitespace().nth(1).ok_or("no number")?.parse()?)
}
