//! Prints what happens to the objects of an application:
//! `cargo run -p argo-workloads --example follow_app -- shop argocd`.
#![expect(clippy::print_stdout, reason = "an example prints")]

use std::{env, error::Error};

use argo_core::{AppRef, TrackEvent, client};
use argo_workloads::{TrackConfig, track};
use futures::StreamExt;

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = env::args().skip(1);
    let (name, namespace) = (args.next(), args.next());
    let app = AppRef::new(
        name.ok_or("usage: follow_app APP APP_NAMESPACE")?,
        namespace.unwrap_or_else(|| "argocd".to_owned()),
    );
    let options = client::Options::inferred(|name| env::var_os(name));
    let connection = client::connect(&options).await?;
    let mut events = Box::pin(track(connection.into(), app, TrackConfig::default()));
    while let Some(event) = events.next().await {
        match event {
            TrackEvent::Applied(tracked) => println!("{} of {}", tracked.object, tracked.root),
            TrackEvent::Removed(object) => println!("{object} is gone"),
            TrackEvent::Notice(notice) => println!("{}", notice.message),
            TrackEvent::Synced => println!("all that was there is known"),
            _ => {}
        }
    }
    Ok(())
}
