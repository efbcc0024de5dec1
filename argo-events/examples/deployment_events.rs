//! Prints the events of one Deployment: `deployment_events NAMESPACE NAME`.
//!
//! A tracker usually reports the objects of an application; here one object is enough.
#![expect(clippy::print_stdout, reason = "an example prints what it found")]

use std::{error::Error, sync::Arc};

use argo_core::{GroupKind, ObjectRef, TrackEvent, Tracked, TrackedBody, client};
use argo_events::{ClusterEvents, EventConfig, EventItem, EventStream};
use futures::{StreamExt, stream};
use k8s_openapi::api::apps::v1::Deployment;
use kube::Api;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (namespace, name) = arguments
        .next()
        .zip(arguments.next())
        .ok_or("usage: deployment_events NAMESPACE NAME")?;
    let connection =
        client::connect(&client::Options::inferred(|name| std::env::var_os(name))).await?;
    let deployments: Api<Deployment> = Api::namespaced(connection.client.clone(), &namespace);
    let metadata = deployments.get_metadata(&name).await?.metadata;
    let object = ObjectRef::from_meta(GroupKind::new("apps", "Deployment"), &metadata);
    let tracked = TrackEvent::Applied(Tracked::root(
        object,
        TrackedBody::Other(Arc::new(metadata)),
    ));
    let tracked = stream::iter([tracked]).chain(stream::pending());
    let source = ClusterEvents::new(connection);
    let mut events = EventStream::new(source, tracked, EventConfig::default());
    while let Some(item) = events.next().await {
        let line = match item {
            EventItem::Event(event) => format!("{} {} {}", event.time, event.reason, event.message),
            EventItem::Notice(notice) => notice.message,
            _ => continue,
        };
        println!("{line}");
    }
    Ok(())
}
