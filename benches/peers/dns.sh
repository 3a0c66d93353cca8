#!/usr/bin/env bash
# resolver beside unbound, pdns-recursor, NSD and a server that only echoes: CPU per answer from the cache and
# from a zone, latency of what is not cached, memory of many entries. Loopback only.
#
# usage: benches/peers/dns.sh [ROUNDS [JOB…]]     prints Markdown; each job ROUNDS times, in turn (5)
# jobs: cached zone cold memory; all by default
#
# Wants dnsperf and nsd, which is everybody's upstream; unbound and pdns-recursor (Debian names) are left out
# where they are not there.
set -euo pipefail
cd "$(dirname "$0")/../.."
for program in dnsperf nsd; do
    command -v "$program" >/dev/null || { echo "skipped: $program is not installed" >&2; exit 0; }
done
cargo build --quiet --release -p popkit-examples --bin resolver
cargo build --quiet --release -p popkit-benches --bin udp_echo
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
target=${CARGO_TARGET_DIR:-target}
python3 benches/peers/dns.py "$target/release" "$work" "${1:-5}" "${@:2}"
