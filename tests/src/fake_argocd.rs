//! A server that answers like Argo CD's API, or like the proxies before it, by a script.
//!
//! It speaks only as much HTTP/1.1 as the client does: GET without a body, one request for each
//! connection.

use std::{
    io,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use tokio::{
    io::{AsyncBufReadExt, AsyncWriteExt, BufReader},
    net::{TcpListener, TcpStream},
    task::JoinSet,
};

/// A request: its path with the query, and its headers in one text.
#[derive(Clone, Debug)]
pub struct Request {
    /// Path and query.
    pub path: String,
    /// The header lines.
    pub headers: String,
}

/// A step of an answer.
#[derive(Clone, Debug)]
pub enum Step {
    /// The status line and the headers; the connection's end is the end of the body.
    Head(u16, &'static str),
    /// Bytes of the body.
    Body(Vec<u8>),
    /// Nothing for a while.
    Wait(Duration),
    /// Nothing any more, while the connection stays open.
    Hang,
}

/// Returns an answer of one piece.
pub fn answer(status: u16, body: &str) -> Vec<Step> {
    vec![
        Step::Head(status, "application/json"),
        Step::Body(body.as_bytes().to_vec()),
    ]
}

/// Returns the beginning of a stream of events and its messages.
pub fn events(messages: &[String]) -> Vec<Step> {
    let message = |text: &String| Step::Body(format!("data: {text} \n\n\n").into_bytes());
    let head = Step::Head(200, "text/event-stream");
    [head]
        .into_iter()
        .chain(messages.iter().map(message))
        .collect()
}

type Script = dyn Fn(&Request, usize) -> Vec<Step> + Send + Sync;

/// A running server. It stops when it is dropped.
pub struct FakeArgocd {
    /// `HOST:PORT`.
    pub address: String,
    seen: Arc<Mutex<Vec<Request>>>,
    task: tokio::task::AbortHandle,
}

impl FakeArgocd {
    /// Starts a server. The script gets each request and the number of earlier requests with
    /// the same path, queries aside.
    pub async fn start(
        script: impl Fn(&Request, usize) -> Vec<Step> + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?.to_string();
        let seen = Arc::default();
        let task = tokio::spawn(serve(listener, Arc::new(script), Arc::clone(&seen)));
        Ok(Self {
            address,
            seen,
            task: task.abort_handle(),
        })
    }

    /// Returns the requests so far.
    pub fn requests(&self) -> Vec<Request> {
        self.seen
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Drop for FakeArgocd {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(listener: TcpListener, script: Arc<Script>, seen: Arc<Mutex<Vec<Request>>>) {
    let mut connections = JoinSet::new();
    while let Ok((stream, _)) = listener.accept().await {
        connections.spawn(connection(stream, Arc::clone(&script), Arc::clone(&seen)));
    }
}

async fn connection(
    stream: TcpStream,
    script: Arc<Script>,
    seen: Arc<Mutex<Vec<Request>>>,
) -> io::Result<()> {
    let mut stream = BufReader::new(stream);
    let Some(request) = read(&mut stream).await? else {
        return Ok(());
    };
    let steps = {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let path = |request: &Request| request.path.split('?').next().map(str::to_owned);
        let earlier = seen
            .iter()
            .filter(|other| path(other) == path(&request))
            .count();
        seen.push(request.clone());
        script(&request, earlier)
    };
    for step in steps {
        match step {
            Step::Head(status, kind) => {
                let head = format!(
                    "HTTP/1.1 {status} X\r\nContent-Type: {kind}\r\nDate: Sat, 28 Nov 2026 06:52:10 GMT\r\nConnection: close\r\n\r\n"
                );
                stream.write_all(head.as_bytes()).await?;
            }
            Step::Body(bytes) => stream.write_all(&bytes).await?,
            Step::Wait(time) => tokio::time::sleep(time).await,
            Step::Hang => std::future::pending().await,
        }
        stream.flush().await?;
    }
    stream.shutdown().await
}

async fn read(stream: &mut BufReader<TcpStream>) -> io::Result<Option<Request>> {
    let mut first = String::new();
    if stream.read_line(&mut first).await? == 0 {
        return Ok(None);
    }
    let mut headers = String::new();
    loop {
        let mut line = String::new();
        if stream.read_line(&mut line).await? == 0 || line == "\r\n" {
            break;
        }
        headers.push_str(&line);
    }
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    Ok(Some(Request { path, headers }))
}
