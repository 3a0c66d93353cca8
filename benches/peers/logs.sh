#!/usr/bin/env bash
# relay beside rsyslog and syslog-ng: CPU per message, memory, latency, loss. Loopback only.
#
# usage: benches/peers/logs.sh [ROUNDS [JOB…]]     prints Markdown; each job ROUNDS times, in turn (3)
# jobs: file udp disk synced killed latency; all by default
#
# Wants rsyslogd (Debian: rsyslog). syslog-ng-core cannot be installed beside it: unpack its package
# somewhere (dpkg -x) and set POPKIT_SYSLOG_NG to that folder. Who is not there is left out.
set -euo pipefail
cd "$(dirname "$0")/../.."
cargo build --quiet --release -p popkit-examples --bin relay
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
rustc --edition 2024 -O benches/peers/syslog_load.rs -o "$work/load"
target=${CARGO_TARGET_DIR:-target}
python3 benches/peers/logs.py "$target/release/relay" "$work" "${1:-3}" "${@:2}"
