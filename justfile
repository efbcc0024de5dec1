# Tasks for people. `just` lists them; CI runs .ci/run.

_default:
    @just --list

# A rollout without a cluster
demo *ARGS:
    cargo demo {{ARGS}}

# All tests
test:
    cargo test --workspace

# What CI does
ci:
    .ci/run

# Format, clippy, docs
check:
    cargo fmt --all --check
    cargo clippy --workspace --all-targets -- -D warnings
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps

# The model of the log follower: many more hostile schedules than the tests run
model SCHEDULES="200000":
    MODEL_SCHEDULES={{SCHEDULES}} cargo test --release -p argo-logs model -- --nocapture

# Hostile schedules through the simulated cluster and the program: five containers a seed
faults SEEDS="60":
    FAULT_SEEDS={{SEEDS}} cargo test -p argo-tests --test suite log_connections_break -- --nocapture

# Write docs/findings.md anew from the rules
findings:
    UPDATE_DOCS=1 cargo test -p argo-workloads page

# The recording that `argo-assistant demo` plays
record-demo:
    cargo demo -- --record target/demo.ndjson || [ $? = 20 ]
    zstd --ultra -22 -f target/demo.ndjson -o argo-cli/demo.ndjson.zst

# Micro benchmarks, and the whole program beside curl and kubectl
bench:
    cargo bench --workspace

# A release archive in dist/; without a target a static one for Linux
dist *TARGET:
    packaging/dist {{TARGET}}

# The archive's program in an empty, read-only root, as a user that nobody knows
dist-test:
    packaging/test-static dist/argo-assistant-*-x86_64-unknown-linux-gnu/argo-assistant

# The images of the Dockerfile around that program, without a registry
image-test *ARGOCD:
    packaging/test-image dist/argo-assistant-*-x86_64-unknown-linux-gnu/argo-assistant {{ARGOCD}}

# Licences, bans, sources, advisories
deny:
    cargo deny check

# The documentation as a site in target/book
book:
    mdbook build
