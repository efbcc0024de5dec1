//! A cluster whose answers are written in the test, and a log of what its followers say.

use std::{
    collections::VecDeque,
    sync::{Arc, Mutex},
    time::Duration,
};

use argo_core::{Notice, ObjectRef, PodEvent, resource::Pod};
use argo_logs::{
    AskError, LogBody, LogConfig, LogEvent, LogResponse, LogSource, LogStream, Lost, OpenError,
    OpenParams, Refused, StoreKind,
};
use futures::StreamExt;
use jiff::Timestamp;

/// A cluster whose answers are written in the test; the last one is repeated.
pub(super) struct Scripted {
    pod: Pod,
    answers: Mutex<VecDeque<Answer>>,
}

#[derive(Clone)]
pub(super) enum Answer {
    /// These lines, and then a broken connection.
    Cut(String),
    /// These lines; the response stays open.
    Open(String),
    Refused(u16, &'static str),
}

impl Scripted {
    pub(super) fn new(pod: &Pod, answers: impl IntoIterator<Item = Answer>) -> Self {
        Self {
            pod: pod.clone(),
            answers: Mutex::new(answers.into_iter().collect()),
        }
    }
}

#[async_trait::async_trait]
impl LogSource for Scripted {
    async fn open(&self, _: &ObjectRef, _: &OpenParams) -> Result<LogResponse, OpenError> {
        let next = {
            let mut answers = self.answers.lock().unwrap();
            match answers.len() {
                1 => answers[0].clone(),
                _ => answers.pop_front().unwrap(),
            }
        };
        let lines = |text: String| futures::stream::iter([Ok(bytes::Bytes::from(text))]);
        let body = match next {
            Answer::Refused(status, message) => {
                return Err(OpenError::Refused(Refused {
                    status,
                    message: message.to_owned(),
                    ..Refused::default()
                }));
            }
            Answer::Cut(text) => {
                let lost = futures::stream::iter([Err(Lost("reset".to_owned()))]);
                LogBody::from_stream(lines(text).chain(lost))
            }
            Answer::Open(text) => {
                LogBody::from_stream(lines(text).chain(futures::stream::pending()))
            }
        };
        Ok(LogResponse::new(Some(Timestamp::now()), body))
    }

    async fn pod(&self, _: &ObjectRef) -> Result<Option<Pod>, AskError> {
        Ok(Some(self.pod.clone()))
    }
}

/// Lists the items of a stream: `text` of the cluster, `store: text`, `Code: message`.
#[derive(Default)]
pub(super) struct Said(pub(super) Vec<String>);

impl Said {
    fn take(&mut self, event: LogEvent) {
        match event {
            LogEvent::Lines(lines) => {
                let store = lines.store.map_or("", StoreKind::as_str);
                let between = if store.is_empty() { "" } else { ": " };
                self.0.extend(
                    lines.batch.lines().map(|line| {
                        format!("{store}{between}{}", String::from_utf8_lossy(line.text))
                    }),
                );
            }
            LogEvent::Notice(Notice { code, message, .. }) => {
                self.0.push(format!("{code:?}: {message}"));
            }
            _ => {}
        }
    }

    pub(super) fn has(&self, text: &str) -> bool {
        self.0.iter().any(|said| said.contains(text))
    }

    pub(super) fn of_store(&self) -> Vec<&str> {
        let parts = self.0.iter().filter_map(|said| said.split_once(": "));
        let lines = parts.filter(|(store, _)| matches!(*store, "loki" | "victorialogs"));
        lines.map(|(_, text)| text).collect()
    }
}

/// Follows the pods until `is_enough`, then ends the deploy; all that was said.
pub(super) async fn followed(
    source: Scripted,
    pods: Vec<PodEvent>,
    config: LogConfig,
    is_enough: impl Fn(&Said) -> bool,
) -> Said {
    let (sender, receiver) = tokio::sync::mpsc::unbounded_channel();
    for event in pods {
        sender.send(event).unwrap();
    }
    let mut sender = Some(sender);
    let pods = tokio_stream::wrappers::UnboundedReceiverStream::new(receiver);
    let mut stream = LogStream::from_source(Arc::new(source), pods, config);
    let mut said = Said::default();
    let all = async {
        while let Some(event) = stream.next().await {
            said.take(event);
            if is_enough(&said) {
                sender = None;
            }
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(40), all).await;
    assert!(in_time.is_ok(), "{:#?}", said.0);
    drop(sender);
    said
}
