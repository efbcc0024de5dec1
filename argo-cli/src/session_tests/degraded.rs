//! argocd gives up on a Degraded resource, which may recover.

use super::*;

const DEGRADED: Exited = Exited {
    exit: ArgocdExit::Code(20),
    degraded: true,
};

#[test]
fn what_is_degraded_may_heal_and_argocd_runs_again() {
    let degraded = Exited {
        exit: ArgocdExit::Code(20),
        degraded: true,
    };
    let mut run = Run::new(Config {
        argocd: recovering(),
        grace: Duration::from_secs(5),
        ..config()
    });
    run.tell(Input::Argocd(degraded), 1).until(2, 5);
    assert!(run.done.is_empty());
    run.tell(Input::Tick, 6).tell(Input::Argocd(SUCCESS), 20);
    assert_eq!(run.result(), (vec!["again", "drain"], 0));
}

#[test]
fn what_does_not_heal_ends_as_argocd_did() {
    let mut run = Run::new(Config {
        argocd: recovering(),
        grace: Duration::from_secs(5),
        ..config()
    });
    run.tell(deployment(0), 1)
        .tell(crashing(5), 1)
        .tell(Input::Argocd(DEGRADED), 2)
        .until(3, 8);
    assert_eq!(run.result(), (vec!["drain"], 20));
}

#[test]
fn argocd_runs_again_three_times_at_most() {
    let mut run = Run::new(Config {
        argocd: recovering(),
        grace: Duration::from_secs(1),
        ..config()
    });
    for second in [10, 20, 30, 40] {
        run.tell(Input::Argocd(DEGRADED), second)
            .until(second + 1, second + 2);
    }
    assert_eq!(run.result(), (vec!["again", "again", "again", "drain"], 20));
}

#[test]
fn our_own_time_also_ends_what_may_heal() {
    let mut run = Run::new(Config {
        argocd: recovering(),
        timeout: Some(Duration::from_secs(20)),
        ..config()
    });
    run.tell(Input::Argocd(DEGRADED), 10).until(11, 20);
    assert_eq!(run.result(), (vec!["drain"], 70));
}
