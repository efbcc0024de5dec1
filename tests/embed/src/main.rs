//! A deploy tool that follows its deployment: lines, events, findings and the verdict.
//!
//! The example `deploy_tool` of argo-cli as a crate of its own.

use std::{error::Error, time::Duration};

use argo_assistant::{
    FollowConfig, FollowEvent,
    argo_core::{AppRef, client},
    argo_logs::Lines,
    argo_workloads::diagnosis::FindingEvent,
    follow,
};
use futures::StreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let [app, namespace] = arguments().ok_or("usage: deploy_tool APP APP_NAMESPACE")?;
    let options = client::Options::inferred(|name| std::env::var_os(name));
    let connection = client::connect(&options).await?;
    let config = FollowConfig::default().grace(Duration::from_secs(20));
    let mut events = follow(connection, AppRef::new(app, namespace), config);
    while let Some(event) = events.next().await {
        match event {
            FollowEvent::Lines(lines) => print(&lines),
            FollowEvent::Event(event) => println!("{}: {}", event.object, event.message),
            FollowEvent::Finding(FindingEvent::Found(finding)) => {
                println!("FOUND {}: {}", finding.workload, finding.sentence);
            }
            FollowEvent::Done(verdict) if verdict.is_success() => println!("{verdict}"),
            FollowEvent::Done(verdict) => return Err(verdict.to_string().into()),
            _ => {}
        }
    }
    Ok(())
}

fn arguments() -> Option<[String; 2]> {
    std::env::args().skip(1).collect::<Vec<_>>().try_into().ok()
}

fn print(lines: &Lines) {
    let (pod, container) = (&lines.origin.pod.name, &lines.origin.container);
    for line in lines.batch.lines() {
        println!("{pod}/{container} {}", String::from_utf8_lossy(line.text));
    }
}
