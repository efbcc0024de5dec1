//! The cost of a log line: to find it, to read its time, to compare it with the lines shown
//! before, and to show it.

#![allow(missing_docs, reason = "criterion's macros make public functions")]

use std::{hint::black_box, sync::Arc, time::Duration};

use argo_assistant::{
    render::{Origin, Renderer},
    sanitize,
    settings::Settings,
};
use argo_benches::{flood::Flood, scene::now};
use argo_core::{GroupKind, Level, ObjectRef};
use argo_logs::{
    Batch, Line,
    engine::{Action, ContainerView, Follower, FollowerConfig, Run},
};
use bytes::Bytes;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

/// A read of a stream at full speed.
const READ: u64 = 1700;

fn followed() -> Follower {
    let mut follower = Follower::new(FollowerConfig {
        pod: ObjectRef {
            kind: GroupKind::new("", "Pod"),
            namespace: "shop".into(),
            name: "web-1".into(),
            uid: "u".into(),
        },
        container: "app".into(),
        is_new: true,
        tail: None,
        since: None,
        last_read: std::time::Duration::ZERO,
        seed: 1,
    });
    let view = ContainerView {
        current: Some(Run {
            id: "containerd://1".into(),
            restart: 0,
            started_at: None,
            finished_at: None,
            running: true,
        }),
        ..ContainerView::default()
    };
    follower.status(view, Duration::ZERO);
    let opened = std::iter::from_fn(|| follower.next_action())
        .any(|action| matches!(action, Action::Open(_)));
    assert!(opened, "it asks for the log");
    follower.opened(None, Duration::ZERO);
    follower
}

/// Reads of a log as they come from a connection, without the framing of HTTP.
fn reads(count: u64) -> Vec<Bytes> {
    let mut body = Vec::new();
    Flood::until(now(), READ * count)
        .send(0, &mut body)
        .unwrap_or_default();
    let mut text = Vec::new();
    for line in body
        .split_inclusive(|byte| *byte == b'\n')
        .filter(|line| line.len() > 40)
    {
        text.extend_from_slice(line);
    }
    let size = text.len() / usize::try_from(count).unwrap_or(1);
    text.chunks(size).map(Bytes::copy_from_slice).collect()
}

fn emitted(follower: &mut Follower) -> usize {
    let mut lines = 0;
    while let Some(action) = follower.next_action() {
        if let Action::Emit(batch) = black_box(action) {
            lines += batch.len();
        }
    }
    lines
}

fn follow(c: &mut Criterion) {
    let reads = reads(200);
    let mut group = c.benchmark_group("follower");
    group.throughput(Throughput::Elements(READ * 200));
    group.sample_size(20);
    group.bench_function("bytes: split, timestamp, hash, window", |b| {
        b.iter(|| {
            let mut follower = followed();
            let mut lines = 0;
            for read in &reads {
                follower.bytes(read.clone());
                lines += emitted(&mut follower);
            }
            assert_eq!(lines as u64, READ * 200);
        });
    });
    group.finish();
}

const PLAIN: &str = "GET /shop/cart?item=4711 200 1532 \"-\" Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 Chrome/120.0 Safari/537.36";

fn batch(texts: &[&str]) -> Batch {
    let lines = (0..READ).map(|n| {
        let text = texts[usize::try_from(n).unwrap_or(0) % texts.len()];
        Line::new(
            Some(1_764_000_000_000_000_000 + i64::try_from(n).unwrap_or(0) * 50_000),
            text.as_bytes(),
        )
    });
    Batch::from_lines(Arc::from("containerd://1"), 0, lines)
}

fn renderer(format: &str) -> Option<Renderer> {
    let lookup = |name: &str| (name == "LOG_FORMAT").then(|| format.to_owned());
    let (settings, _) = Settings::of_pipe(&lookup);
    Some(Renderer::new(
        settings,
        false,
        jiff::Timestamp::now(),
        "shop".to_owned(),
    ))
}

fn origin(pod: &str) -> Origin<'_> {
    Origin {
        app: None,
        id: u32::from(pod != "web-1"),
        namespace: "shop",
        workload: Some(&"Deployment/web"),
        pod,
        uid: pod,
        container: "app",
        restart: 0,
        store: None,
    }
}

fn render(c: &mut Criterion) {
    let mut group = c.benchmark_group("render");
    group.throughput(Throughput::Elements(READ));
    for format in ["text", "json"] {
        for (name, texts) in [
            ("plain", &[PLAIN][..]),
            ("quotes and colours", &["{\"a\":\"\x1b[31mé\x1b[0m\"}"]),
        ] {
            let (batch, mut out) = (batch(texts), Vec::new());
            let Some(mut renderer) = renderer(format) else {
                continue;
            };
            group.bench_function(format!("{format}, {name}"), |b| {
                b.iter(|| {
                    out.clear();
                    renderer.lines(&origin("web-1"), |_| Level::Info, &batch, &mut out);
                    black_box(&out);
                });
            });
        }
    }
    group.throughput(Throughput::Elements(2));
    let line = Batch::from_lines(
        Arc::from("containerd://1"),
        0,
        [Line::new(Some(1), PLAIN.as_bytes())].into_iter(),
    );
    for format in ["text", "json"] {
        let Some(mut renderer) = renderer(format) else {
            continue;
        };
        let mut out = Vec::new();
        group.bench_function(
            format!("{format}, two containers in turn, a line each"),
            |b| {
                b.iter(|| {
                    out.clear();
                    for pod in ["web-1", "web-2"] {
                        renderer.lines(&origin(pod), |_| Level::Info, &line, &mut out);
                    }
                    black_box(&out);
                });
            },
        );
    }
    group.finish();
}

fn clean(c: &mut Criterion) {
    let mut group = c.benchmark_group("sanitize");
    group.throughput(Throughput::Elements(1));
    let options = sanitize::Options::default();
    for (name, text) in [
        ("plain", PLAIN),
        (
            "colours",
            "\x1b[32mok\x1b[0m 200 \x1b[1mGET\x1b[0m /shop/cart",
        ),
        ("a marker", "see ##[error] and ##vso[task.complete]"),
    ] {
        let mut out = Vec::new();
        group.bench_function(format!("text, {name}"), |b| {
            b.iter(|| {
                out.clear();
                sanitize::text(black_box(text.as_bytes()), &mut out, options);
            });
        });
        group.bench_function(format!("json, {name}"), |b| {
            b.iter(|| {
                out.clear();
                sanitize::json(black_box(text.as_bytes()), &mut out);
            });
        });
    }
    group.finish();
}

fn short() -> Criterion {
    Criterion::default()
        .warm_up_time(Duration::from_millis(300))
        .measurement_time(Duration::from_secs(1))
        .configure_from_args()
}

criterion_group! { name = benches; config = short(); targets = follow, render, clean }
criterion_main!(benches);
