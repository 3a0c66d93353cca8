#!/usr/bin/env bash
# `probe pcap` against tshark on the same capture, as whole processes: CPU seconds, user and system.
set -euo pipefail
cd "$(dirname "$0")/../.."
command -v tshark >/dev/null || { echo "skipped: tshark is not installed"; exit 0; }
cargo build --quiet --release -p popkit-examples -p popkit-benches --bin probe --bin tls_mix
target=${CARGO_TARGET_DIR:-target}/release
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
"$target/tls_mix" "$folder/mix.pcap"
TIMEFORMAT='%U %S'
cpu() { { time "$@" >"$folder/out" 2>"$folder/err"; } 2>&1 | awk '{ print $1 + $2 }'; }
ours=() theirs=()
for _ in 1 2 3; do
    ours+=("$(cpu "$target/probe" pcap "$folder/mix.pcap")")
    handshakes=$(wc -l <"$folder/out")
    theirs+=("$(cpu tshark -r "$folder/mix.pcap" -Y tls.handshake -T fields -e frame.time_epoch \
        -e tcp.stream -e tls.handshake.type -e tls.handshake.extensions_server_name -e tls.handshake.ja3)")
done
median() { printf '%s\n' "$@" | sort -g | sed -n 2p; }
a=$(median "${ours[@]}") b=$(median "${theirs[@]}")
echo "| program | CPU seconds | handshakes | tshark ÷ it |"
echo "|---|---|---|---|"
awk -v a="$a" -v b="$b" -v n="$handshakes" 'BEGIN {
    printf "| probe pcap | %.2f | %d | %.0f |\n| tshark | %.2f | | 1 |\n", a, n, b / a, b }'
