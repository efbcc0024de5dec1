//! The cost of a run about many applications.

use std::{collections::BTreeSet, time::Duration};

use simcluster::{api::LoggedRequest, cluster::Cluster};

use super::{WELL, application, cluster, sync};

/// The cost of a run once all is known and nothing happens any more.
#[derive(Debug)]
struct Cost {
    /// The most memory at a time, KiB.
    memory: usize,
    /// Processor time, hundredths of a second; printed only, as others may use the processor too.
    #[expect(dead_code, reason = "read by Debug only")]
    processor: usize,
    /// Different requests: how often a watch is opened anew depends on the time.
    requests: usize,
}

/// The cost of a run about so many applications of ten pods.
async fn cost(apps: usize) -> Cost {
    let names: Vec<String> = (0..apps).map(|number| format!("app-{number:02}")).collect();
    let others = names.iter().map(|name| application(name, WELL, 10));
    let cluster = cluster(&others.collect::<Vec<_>>()).await;
    let mut args: Vec<&str> = names.iter().map(String::as_str).collect();
    args.push("argocd");
    let mut run = sync(&cluster, &args).script("steps: [hang]").start();
    run.drain_until(all_is_known(&cluster, apps)).await;
    let pid = run.child.id().unwrap();
    let cost = Cost {
        memory: peak_memory(pid),
        processor: processor_time(pid),
        requests: different_requests(&cluster),
    };
    run.signal(nix::sys::signal::Signal::SIGTERM);
    assert_eq!(run.end().await.code(), Some(143));
    cost
}

/// Waits until each log is followed and the events of each namespace are watched, which the
/// program opens last.
async fn all_is_known(cluster: &Cluster, apps: usize) {
    let known = |requests: &[LoggedRequest]| {
        let logs = requests
            .iter()
            .filter(|it| it.verb == "log" && it.query.contains("follow=true"));
        let events = requests
            .iter()
            .filter(|it| it.verb == "watch" && it.resource.starts_with("events"));
        let namespaces: BTreeSet<&str> = events.map(|it| it.namespace.as_str()).collect();
        let own = namespaces.iter().filter(|name| name.starts_with("app-"));
        (logs.count(), own.count())
    };
    let all = async {
        loop {
            let now = known(&cluster.api().requests());
            if now == (apps * 10, apps) {
                break;
            }
            assert!(now.0 <= apps * 10, "a log is followed twice");
            // A look copies every request, so it is not taken as often as elsewhere.
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    let in_time = tokio::time::timeout(Duration::from_secs(120), all).await;
    let now = known(&cluster.api().requests());
    assert!(in_time.is_ok(), "logs and namespaces: {now:?}");
}

fn read(pid: u32, file: &str) -> String {
    std::fs::read_to_string(format!("/proc/{pid}/{file}")).unwrap()
}

fn peak_memory(pid: u32) -> usize {
    let status = read(pid, "status");
    let peak = status.lines().find(|line| line.starts_with("VmHWM"));
    let number = peak.unwrap().split_whitespace().nth(1);
    number.unwrap().parse().unwrap()
}

fn processor_time(pid: u32) -> usize {
    let stat = read(pid, "stat");
    // The name of the program may have blanks and brackets.
    let fields = stat.rsplit(')').next().unwrap();
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |place: usize| fields[place].parse::<usize>().unwrap();
    ticks(11) + ticks(12)
}

fn different_requests(cluster: &Cluster) -> usize {
    let requests = cluster.api().requests().into_iter();
    let different: BTreeSet<_> = requests
        .map(|it| (it.verb, it.resource, it.namespace, it.name, it.container))
        .collect();
    different.len()
}

#[tokio::test]
async fn fifty_applications_cost_fifty_times_what_one_costs() {
    let [one, ten, fifty] = [cost(1).await, cost(10).await, cost(50).await];
    println!("1: {one:?}\n10: {ten:?}\n50: {fifty:?}");
    // Forty more cost no more than four and a half times what nine more cost.
    let more = |of: fn(&Cost) -> usize| {
        (
            of(&fifty).saturating_sub(of(&ten)),
            of(&ten).saturating_sub(of(&one)),
        )
    };
    let (requests, of_nine) = more(|cost| cost.requests);
    assert!(
        requests * 9 <= of_nine * 42,
        "{requests} requests after {of_nine}"
    );
    let (memory, of_nine) = more(|cost| cost.memory);
    assert!(
        memory * 9 <= of_nine.max(4096) * 60,
        "{memory} KiB after {of_nine}"
    );
}
