//! The process that plays the cluster. It reads commands from stdin, one per line, and answers
//! each with one line.
//!
//! | command | effect |
//! |---|---|
//! | `flood LINES` | one pod with a log of so many lines, which ends once it was read |
//! | `took` | nothing; the answer is how long the last flood took in µs, from the request to its last byte |
//! | `streams PODS` | so many pods, each with one line |
//! | `logs` | nothing; the answer is how many logs were asked for since the last `streams` |
//! | `busy LINES` | each of those pods writes so many lines, three at a time, and ends |
//! | `first PODS` | so many pods come into being, one each 25 ms, each with a line that says when |
//! | `calm PODS SECONDS` | beside an endless flood so many pods write each 20 ms a line that says when |
//! | `steady PODS RATE SECONDS` | so many pods write together so many lines a second, and end |
//! | `many SECONDS` | each of the pods of `streams` writes five lines a second that say when |
//! | `end` | everything ends well |

use std::{
    io::{self, BufRead, Write},
    net::SocketAddr,
    sync::Arc,
    time::Duration,
};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use serde_json::{Value, json};
use simcluster::api::ApiServer;
use tokio::sync::mpsc;

use crate::{
    flood::{Flood, TEXT},
    front::{self, POD, Shared},
    scene::{Pod, Scene, now},
};

type Failure = Box<dyn std::error::Error + Send + Sync>;

/// The text before the time in a line.
pub const MARK: &str = "written at ";

/// Serves until stdin ends.
///
/// # Errors
///
/// Without ports.
pub fn run() -> Result<(), Failure> {
    // A connection for each log.
    let (_, most) = getrlimit(Resource::RLIMIT_NOFILE)?;
    setrlimit(Resource::RLIMIT_NOFILE, most, most)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    runtime.block_on(serve())?;
    runtime.shutdown_background();
    Ok(())
}

async fn serve() -> Result<(), Failure> {
    let scene = Scene::new()?;
    let start = |tls| {
        ApiServer::builder(scene.store.clone(), scene.logs.clone())
            .tls(tls)
            .start()
    };
    let (api, api_tls) = (start(false).await?, start(true).await?);
    let (config, authority) = front::certificate()?;
    let shared = Arc::new(Shared::default());
    let behind = behind(&api)?;
    let plain = front::start(&shared, behind, None)?;
    let tls = front::start(&shared, behind, Some(config))?;
    say(&json!({
        "api": api.kubeconfig(), "api_tls": api_tls.kubeconfig(), "authority": authority,
        "plain": format!("http://{plain}"), "tls": format!("https://{tls}"),
        "api_url": api.url(),
    }))?;
    let mut stage = Stage {
        scene,
        shared,
        servers: [api, api_tls],
        asked: 0,
        pods: Vec::new(),
    };
    let mut told = lines();
    while let Some(line) = told.recv().await {
        let answer = stage.told(&line).await?;
        say(&answer)?;
    }
    Ok(())
}

fn behind(api: &ApiServer) -> Result<SocketAddr, Failure> {
    let url = api.url();
    Ok(url.trim_start_matches("http://").parse()?)
}

fn say(value: &Value) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    writeln!(stdout, "{value}")?;
    stdout.flush()
}

fn lines() -> mpsc::UnboundedReceiver<String> {
    let (tell, told) = mpsc::unbounded_channel();
    std::thread::spawn(move || {
        for line in io::stdin().lock().lines().map_while(Result::ok) {
            if tell.send(line).is_err() {
                return;
            }
        }
    });
    told
}

struct Stage {
    scene: Scene,
    shared: Arc<Shared>,
    servers: [ApiServer; 2],
    asked: usize,
    pods: Vec<Pod>,
}

impl Stage {
    async fn told(&mut self, line: &str) -> Result<Value, Failure> {
        let mut words = line.split(' ');
        let what = words.next().unwrap_or_default();
        let numbers: Vec<u64> = words.map(str::parse).collect::<Result<_, _>>()?;
        let number = |at: usize| numbers.get(at).copied().unwrap_or_default();
        match what {
            "flood" => self.flood(number(0))?,
            "took" => {
                let took = self.shared.took().unwrap_or_default();
                return Ok(json!(u64::try_from(took.as_micros())?));
            }
            "streams" => self.streams(number(0))?,
            "logs" => return Ok(json!(self.asked() - self.asked)),
            "busy" => self.busy(number(0)).await?,
            "first" => self.first(number(0)).await?,
            "calm" => self.calm(number(0), number(1)).await?,
            "steady" => self.steady(number(0), number(1), number(2)).await?,
            "many" => self.many(number(0)).await,
            "end" => self.end()?,
            other => return Err(format!("what is {other}?").into()),
        }
        Ok(Value::Null)
    }

    fn begin(&mut self) -> Result<(), Failure> {
        self.pods.clear();
        self.scene.begin()?;
        Ok(())
    }

    fn flood(&mut self, lines: u64) -> Result<(), Failure> {
        self.begin()?;
        let pod = self.scene.pod(POD)?;
        let done = self.shared.pour(Flood::until(now(), lines));
        let (store, logs) = (self.scene.store.clone(), self.scene.logs.clone());
        let after = Scene::of(store, logs);
        tokio::spawn(async move {
            done.notified().await;
            let ended = after.end(&pod).and_then(|()| after.complete());
            if let Err(error) = ended {
                let _ = writeln!(io::stderr(), "the flood cannot end: {error}");
            }
        });
        Ok(())
    }

    fn streams(&mut self, pods: u64) -> Result<(), Failure> {
        self.begin()?;
        self.asked = self.asked();
        for number in 0..pods {
            let mut pod = self.scene.pod(&format!("pod-{number:03}"))?;
            pod.line("up");
            self.pods.push(pod);
        }
        Ok(())
    }

    fn asked(&self) -> usize {
        let requests = self.servers.iter().flat_map(ApiServer::requests);
        requests
            .filter(|request| request.path.ends_with("/log"))
            .count()
    }

    async fn busy(&mut self, lines: u64) -> Result<(), Failure> {
        let text = [b'x'; TEXT];
        let three: Vec<u8> = [&text[..], b"\n"].concat().repeat(3);
        for _ in 0..lines / 3 {
            for pod in &mut self.pods {
                pod.write(&three);
            }
            // What was written is read before more is: chunks stay small.
            tokio::task::yield_now().await;
        }
        self.end()
    }

    fn end(&mut self) -> Result<(), Failure> {
        for pod in &self.pods {
            self.scene.end(pod)?;
        }
        self.scene.complete()?;
        Ok(())
    }

    /// The lines of all pods are spread over each fifth of a second.
    async fn many(&mut self, seconds: u64) {
        let turns = 20;
        let mut ticks = tokio::time::interval(Duration::from_millis(200) / turns);
        for tick in 0..seconds * 5 * u64::from(turns) {
            ticks.tick().await;
            let turn = usize::try_from(tick % u64::from(turns)).unwrap_or_default();
            for pod in self.pods.iter_mut().skip(turn).step_by(turns as usize) {
                pod.line(&format!("{MARK}{}", now()));
            }
        }
    }

    async fn first(&mut self, pods: u64) -> Result<(), Failure> {
        self.begin()?;
        for number in 0..pods {
            tokio::time::sleep(Duration::from_millis(25)).await;
            let mut pod = self.scene.pod(&format!("first-{number:03}"))?;
            pod.line(&format!("{MARK}{}", now()));
            self.pods.push(pod);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
        self.end()
    }

    async fn calm(&mut self, pods: u64, seconds: u64) -> Result<(), Failure> {
        self.flood(u64::from(u32::MAX))?;
        for number in 0..pods {
            self.pods
                .push(self.scene.pod(&format!("calm-{number:02}"))?);
        }
        tokio::time::sleep(Duration::from_secs(1)).await;
        for _ in 0..seconds * 50 {
            tokio::time::sleep(Duration::from_millis(20)).await;
            for pod in &mut self.pods {
                pod.line(&format!("{MARK}{}", now()));
            }
        }
        Ok(())
    }

    async fn steady(&mut self, pods: u64, rate: u64, seconds: u64) -> Result<(), Failure> {
        for number in 0..pods {
            self.pods
                .push(self.scene.pod(&format!("steady-{number:02}"))?);
        }
        let text = "x".repeat(TEXT);
        let mut beat = tokio::time::interval(Duration::from_millis(20));
        for number in 0..seconds * 50 {
            beat.tick().await;
            for line in 0..rate / 50 {
                let at = (number * (rate / 50) + line) % pods.max(1);
                if let Some(pod) = self.pods.get_mut(usize::try_from(at)?) {
                    pod.line(&text);
                }
            }
        }
        self.end()
    }
}
