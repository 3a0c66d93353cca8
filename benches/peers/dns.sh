#!/usr/bin/env bash
# CPU time per cached query over loopback: ours beside unbound, pdns-recursor and servers that only send datagrams
# back, in turns, 10,000 names, the server on one core and dnsperf on the other. Prints a table for RESULTS.md.
#
# usage: benches/peers/dns.sh [SECONDS-A-ROUND] [ROUNDS]
# needs: dnsperf, unbound, pdns-recursor, python3 (Debian names); two cores
set -euo pipefail
cd "$(dirname "$0")/../.."
seconds=${1:-4} rounds=${2:-7}
for program in dnsperf unbound python3 taskset; do
    command -v "$program" >/dev/null || { echo "skipped: $program is not installed" >&2; exit 0; }
done
cargo build --quiet --release -p popkit-benches --bin dns_floor
exec python3 benches/peers/dns.py "${CARGO_TARGET_DIR:-target}/release/dns_floor" "$seconds" "$rounds"
