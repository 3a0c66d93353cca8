# List the recipes.
default:
    @just --list

# What CI runs.
check: fmt clippy docs features loom test

# Formatting.
fmt:
    cargo fmt --all --check

# Lints, warnings denied.
clippy:
    cargo clippy --workspace --all-targets --all-features -- -D warnings

# Documentation, warnings denied.
docs:
    RUSTDOCFLAGS="-D warnings" cargo doc --workspace --no-deps --all-features

# Every crate builds with each of its features alone.
features:
    .ci/features

# The tests.
test:
    cargo test --workspace

# The model checker over the ring's atomics.
loom:
    RUSTFLAGS="--cfg loom" CARGO_TARGET_DIR=target/loom cargo test -p ring-capture --release --test loom

# Undefined behaviour in the ring, where the nightly toolchain has Miri.
miri:
    .ci/nightly miri

# Data races in the ring, where the nightly toolchain has rust-src.
tsan:
    .ci/nightly tsan

# A hundred million values through one detector: some minutes.
long:
    .ci/nightly long

# Write the seeds of anomaly's snapshot fuzz target anew, after a change of the format.
fuzz-seed:
    cargo test -p anomaly --features alerts,snapshots --test fuzz_snapshots -- --ignored --exact write_the_seed

# Fuzz every parser for a minute each (needs the nightly toolchain and cargo-fuzz).
fuzz seconds="60":
    .ci/fuzz {{seconds}}

# Criterion benches.
bench:
    cargo bench -p popkit-benches

# The ring against its peers as ratios of CPU time.
bench-report:
    cargo run --release -p popkit-benches --bin ring_report

# Beside programs that are not ours (root, network namespaces; says what is missing).
bench-peers:
    for script in benches/peers/*.sh; do $script; done

# Parsing and framing beside other crates: what benches/RESULTS.md quotes.
log-report:
    cargo run --release -p popkit-benches --bin log_report

# Which share of labelled incidents a detector finds, at so many false episodes a week.
recall series="140" incidents="1000":
    cargo run --release -p popkit-benches --bin anomaly_recall -- {{series}} {{incidents}}

# Cut the power of a loop device under the log (root).
power-cut rounds="100":
    ROUNDS={{rounds}} cargo test -p log-pipeline --test power_cut -- --ignored --exact nothing_acknowledged_is_lost_when_the_power_goes --nocapture

# Look for torn packets for a minute, under triggers.
soak:
    cargo run --release -p popkit-benches --bin ring_soak

# Make the capture that the demo replays where nothing better is permitted.
demo-capture:
    cargo run --release --bin recorder -- demo --seconds 6 --rate 60 --out target/demo-capture --save-ring target/demo.pcapng
    gzip -9nc target/demo.pcapng > examples/assets/demo.pcapng.gz

# Licences and advisories (needs cargo-deny).
deny:
    cargo deny check
