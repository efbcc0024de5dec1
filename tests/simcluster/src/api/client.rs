//! A client for the tests: HTTP/1.1 over a bare socket, so that every byte and every ending of
//! an answer is seen.

use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use super::ApiServer;
use crate::clock::Clock;
use crate::logs::Logs;
use crate::store::Store;

/// A test fails if an answer takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// An empty cluster and its server.
pub(super) struct Cluster {
    pub(super) store: Store,
    pub(super) logs: Logs,
    pub(super) server: ApiServer,
}

impl Cluster {
    pub(super) async fn start() -> Self {
        Self::with(1.0, |builder| builder).await
    }

    pub(super) async fn with(
        speed: f64,
        change: impl FnOnce(super::Builder) -> super::Builder,
    ) -> Self {
        let (store, logs) = (Store::new(Clock::new(speed), 1), Logs::new());
        let builder = ApiServer::builder(store.clone(), logs.clone());
        let server = change(builder).start().await.unwrap();
        Self {
            store,
            logs,
            server,
        }
    }

    /// Sends `METHOD /path` and reads the whole answer.
    pub(super) async fn ask(&self, request: &str) -> Answer {
        self.send(request, &[], "").await.whole().await
    }

    pub(super) async fn open(&self, request: &str) -> Exchange {
        self.send(request, &[], "").await
    }

    pub(super) async fn send(&self, request: &str, headers: &[&str], body: &str) -> Exchange {
        let address = self.server.url().replace("http://", "");
        let mut stream = TcpStream::connect(&address).await.unwrap();
        let mut text = format!("{request} HTTP/1.1\r\nHost: {address}\r\n");
        for header in headers {
            text += &format!("{header}\r\n");
        }
        if !body.is_empty() {
            text += &format!("Content-Length: {}\r\n", body.len());
        }
        text += "\r\n";
        text += body;
        stream.write_all(text.as_bytes()).await.unwrap();
        Exchange {
            stream,
            buffer: Vec::new(),
            head: None,
        }
    }
}

/// End of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    /// By its length or its final chunk.
    Clean,
    /// By the end of the connection.
    Cut,
    /// By a RST.
    Reset,
}

/// A request that was sent.
pub(super) struct Exchange {
    stream: TcpStream,
    buffer: Vec<u8>,
    head: Option<Head>,
}

#[derive(Debug, Clone)]
pub(super) struct Head {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
}

/// A whole answer.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: Vec<(String, String)>,
    pub(super) chunks: Vec<Vec<u8>>,
    pub(super) end: End,
}

impl Answer {
    pub(super) fn body(&self) -> Vec<u8> {
        self.chunks.concat()
    }

    pub(super) fn text(&self) -> String {
        String::from_utf8(self.body()).unwrap()
    }

    pub(super) fn json(&self) -> Value {
        serde_json::from_slice(&self.body()).unwrap()
    }

    /// The events of a watch: type, name or kind, version.
    pub(super) fn events(&self) -> Vec<Value> {
        let body = self.text();
        body.lines()
            .map(|line| serde_json::from_str(line).unwrap())
            .collect()
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        let mut headers = self.headers.iter();
        let found = headers.find(|(header, _)| header.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }
}

impl Exchange {
    /// Status and headers; an error if the connection ends before.
    pub(super) async fn head(&mut self) -> Result<Head, End> {
        if let Some(head) = &self.head {
            return Ok(head.clone());
        }
        let text = self.until(b"\r\n\r\n").await?;
        let text = String::from_utf8(text).unwrap();
        let mut lines = text.lines();
        let status = lines
            .next()
            .unwrap()
            .split(' ')
            .nth(1)
            .unwrap()
            .parse()
            .unwrap();
        let headers = lines
            .filter_map(|line| line.split_once(": "))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let head = Head { status, headers };
        self.head = Some(head.clone());
        Ok(head)
    }

    /// The next chunk; the way the body ended if there is none.
    pub(super) async fn chunk(&mut self) -> Result<Vec<u8>, End> {
        self.head().await?;
        let size = String::from_utf8(self.until(b"\r\n").await?).unwrap();
        let size = usize::from_str_radix(size.trim(), 16).unwrap();
        let mut chunk = self.exactly(size + 2).await?;
        chunk.truncate(size);
        if chunk.is_empty() {
            Err(End::Clean)
        } else {
            Ok(chunk)
        }
    }

    /// The next event of a watch.
    pub(super) async fn event(&mut self) -> Result<Value, End> {
        Ok(serde_json::from_slice(&self.chunk().await?).unwrap())
    }

    pub(super) async fn whole(mut self) -> Answer {
        let head = match self.head().await {
            Ok(head) => head,
            Err(end) => {
                return Answer {
                    status: 0,
                    headers: Vec::new(),
                    chunks: Vec::new(),
                    end,
                };
            }
        };
        let length = head
            .headers
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case("content-length"));
        let mut chunks = Vec::new();
        let end = match length {
            _ if head.status == 204 || head.status == 304 => End::Clean,
            Some((_, length)) => match self.exactly(length.parse().unwrap()).await {
                Ok(body) => {
                    chunks.push(body);
                    End::Clean
                }
                Err(end) => end,
            },
            None => loop {
                match self.chunk().await {
                    Ok(chunk) => chunks.push(chunk),
                    Err(end) => break end,
                }
            },
        };
        Answer {
            status: head.status,
            headers: head.headers,
            chunks,
            end,
        }
    }

    async fn until(&mut self, mark: &[u8]) -> Result<Vec<u8>, End> {
        loop {
            let found = self
                .buffer
                .windows(mark.len())
                .position(|window| window == mark);
            if let Some(at) = found {
                return Ok(self.buffer.drain(..at + mark.len()).collect());
            }
            self.read().await?;
        }
    }

    async fn exactly(&mut self, len: usize) -> Result<Vec<u8>, End> {
        while self.buffer.len() < len {
            self.read().await?;
        }
        Ok(self.buffer.drain(..len).collect())
    }

    async fn read(&mut self) -> Result<(), End> {
        let read = tokio::time::timeout(PATIENCE, self.stream.read_buf(&mut self.buffer));
        match read.await.expect("nothing comes") {
            Ok(0) => Err(End::Cut),
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => Err(End::Reset),
            Err(error) => panic!("{error}"),
        }
    }
}
