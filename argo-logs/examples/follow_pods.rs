//! Prints the logs of all pods of a namespace: `follow_pods NAMESPACE`.
//!
//! A tracker usually chooses the pods; here a watch of them is enough.
#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::{error::Error, future::ready, sync::Arc};

use argo_core::{
    GroupKind, ObjectRef, PodEvent, WatchConfig, WatchEvent, client, resource::Pod, watch,
};
use argo_logs::{LogConfig, LogEvent, LogStream};
use futures::StreamExt;
use kube::Api;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments = std::env::args().nth(1);
    let namespace = arguments.ok_or("usage: follow_pods NAMESPACE")?;
    let connection =
        client::connect(&client::Options::inferred(|name| std::env::var_os(name))).await?;
    let pods: Api<Pod> = Api::namespaced(connection.client.clone(), &namespace);
    let pods = watch(pods, WatchConfig::default()).filter_map(|event| ready(pod_event(event)));
    let mut logs = LogStream::new(connection, pods, LogConfig::default().tail(10));
    while let Some(event) = logs.next().await {
        match event {
            LogEvent::Lines(lines) => {
                for line in lines.batch.lines() {
                    let text = String::from_utf8_lossy(line.text);
                    println!(
                        "{}/{} {text}",
                        lines.origin.pod.name, lines.origin.container
                    );
                }
            }
            LogEvent::Notice(notice) => println!("{}", notice.message),
            LogEvent::Ended(origin) => println!("{}/{} ended", origin.pod.name, origin.container),
            _ => {}
        }
    }
    Ok(())
}

fn pod_event(event: WatchEvent<Pod>) -> Option<PodEvent> {
    match event {
        WatchEvent::Applied(pod) => Some(PodEvent::Applied {
            pod: Arc::new(pod),
            workload: None,
            is_new: false,
        }),
        WatchEvent::Deleted(pod) => Some(PodEvent::Removed(ObjectRef::from_meta(
            GroupKind::new("", "Pod"),
            &pod.metadata,
        ))),
        _ => None,
    }
}
