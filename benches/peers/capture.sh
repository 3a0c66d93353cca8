#!/usr/bin/env bash
# recorder run, tcpdump and dumpcap on the same packets: CPU time a packet, and drops.
#
# usage: capture.sh [RUNS.jsonl]      (root; prints a table, keeps one line of JSON a run)
#   SECONDS_EACH=5 ROUNDS=3 SIZES="64 1500" RATES="50000 100000" BUFFER_MIB=32
#   PROGRAMS="recorder recorder-handshakes tcpdump dumpcap" FILTER="tcp port 443" RECORDER_OPTIONS="…"
#
# Two network namespaces and a veth between them; our own sender in one, pinned to one processor, the
# program under test in the other, pinned to another. CPU time is that of all threads of the process
# (/proc/PID/task/*/schedstat), from when it is listening until it has taken what was sent.
set -euo pipefail
cd "$(dirname "$0")/../.."

seconds=${SECONDS_EACH:-5} rounds=${ROUNDS:-3} buffer=${BUFFER_MIB:-32}
sizes=${SIZES:-64 1500} rates=${RATES:-50000 100000}
programs=${PROGRAMS:-recorder recorder-handshakes tcpdump dumpcap} filter=${FILTER:-tcp port 443}
recorder_options=${RECORDER_OPTIONS:---ring 256MiB --slow 1h}
runs=${1:-}

missing() {
    echo "capture.sh: skipped: $*" >&2
    [ "${POPKIT_PEERS:-}" = require ] && exit 1
    exit 0
}

[ "$(id -u)" = 0 ] || missing "needs root for network namespaces and packet sockets"
for program in ip taskset $programs; do
    [[ $program == recorder* ]] || command -v "$program" >/dev/null || missing "$program is not installed"
done
[ "$(nproc)" -ge 2 ] || missing "needs two processors, one to send and one to capture"
near=popkit-near-$$ far=popkit-far-$$
ip netns add "$near" 2>/dev/null || missing "network namespaces are not permitted here"

target=${CARGO_TARGET_DIR:-target}/release
out=$(mktemp -d) pid=
finish() {
    [ -z "$pid" ] || kill "$pid" 2>/dev/null || true
    ip netns delete "$near" 2>/dev/null || true
    ip netns delete "$far" 2>/dev/null || true
    rm -rf "$out"
}
trap finish EXIT
trap 'exit 130' INT TERM
trap 'echo "capture.sh: line $LINENO failed: $BASH_COMMAND" >&2' ERR
set -E

cargo build --quiet --release -p popkit-examples --bin recorder
cargo build --quiet --release -p popkit-benches --bin flood --bin capture_table
runs=${runs:-$out/runs.jsonl}
: >"$runs"

ip netns add "$far"
ip -n "$near" link add near type veth peer name far netns "$far"
for end in near far; do
    namespace=$([ $end = near ] && echo "$near" || echo "$far")
    # Nothing but what we send.
    ip netns exec "$namespace" sysctl -qw net.ipv6.conf.$end.disable_ipv6=1 2>/dev/null || true
    ip -n "$namespace" link set $end mtu 9000 up
done

arrived() { ip netns exec "$far" cat /sys/class/net/far/statistics/rx_packets; }

cpu_ns() { cat /proc/"$1"/task/*/schedstat | awk '{ ns += $1 } END { printf "%d", ns }'; }

# Starts a program in the background and waits until it says that it is listening.
start() {
    local folder=$out/$1 said="recording|listening on|Capturing on" within
    rm -rf "$folder" && mkdir "$folder"
    case $1 in
        recorder*)
            local keep=whole
            [ "$1" = recorder ] || keep=${1#recorder-}
            # shellcheck disable=SC2086 # one word an option
            set -- "$target/recorder" run --interface far --filter "$filter" --out "$folder" \
                --snaplen "$keep" $recorder_options
            ;;
        # As many bytes of files as the ring of ours has memory: the newest are kept.
        tcpdump) set -- tcpdump -n -i far -B $((buffer * 1024)) -w "$folder/ring.pcap" -C 64 -W 4 -Z root "$filter" ;;
        dumpcap) set -- dumpcap -i far -B "$buffer" -w "$folder/ring.pcapng" -b filesize:65536 -b files:4 -f "$filter" ;;
    esac
    RUST_LOG=info NO_COLOR=1 ip netns exec "$far" taskset -c 1 "$@" >"$folder/out" 2>"$folder/err" &
    pid=$!
    for within in $(seq 100); do
        grep -qE "$said" "$folder/err" && return
        kill -0 $pid 2>/dev/null || break
        sleep 0.1
    done
    echo "capture.sh: $1 does not listen: $(tail -n 1 "$folder/err")" >&2
    exit 1
}

# What it says was lost, once it has ended.
dropped() {
    local said=$out/$1/err
    case $1 in
        recorder*) sed 's/\x1b\[[0-9;]*m//g' "$said" | grep -oE 'dropped_by_(kernel|ring)=[0-9]+' | awk -F= '{ n += $2 } END { print n + 0 }' ;;
        tcpdump) awk '/dropped by (kernel|interface)/ { n += $1; said = 1 } END { print n + 0; exit !said }' "$said" ;;
        dumpcap) grep -oE "received/dropped on interface '?far'?: [0-9]+/[0-9]+" "$said" | awk -F/ '{ print $NF }' ;;
    esac
}

measure() {
    local program=$1 size=$2 rate=$3 before cpu sent packets lost
    start "$program"
    before=$(arrived)
    cpu=$(cpu_ns "$pid")
    sent=$(ip netns exec "$near" taskset -c 0 "$target/flood" --interface near --size "$size" \
        --rate "$rate" --packets $((rate * seconds)) --flows 1000)
    # The last block is handed over when its time is up, within a second for all three.
    sleep 1.2
    cpu=$(($(cpu_ns "$pid") - cpu))
    packets=$(($(arrived) - before))
    kill -TERM "$pid"
    wait "$pid" || true
    pid=
    lost=$(dropped "$program")
    rm -rf "${out:?}/$program"
    printf '{"program":"%s","size":%d,"rate":%d,"arrived":%d,"achieved":%s,"cpu_ns":%d,"dropped":%d}\n' \
        "$program" "$size" "$rate" "$packets" "$(grep -oE '"rate":[0-9]+' <<<"$sent" | cut -d: -f2)" \
        "$cpu" "$lost" | tee -a "$runs" >&2
}

for _ in $(seq "$rounds"); do
    for size in $sizes; do
        for rate in $rates; do
            for program in $programs; do
                measure "$program" "$size" "$rate"
            done
        done
    done
done

echo "Linux $(uname -r); $(tcpdump --version 2>&1 | sed -n 1,2p | paste -sd' '); $(dumpcap --version | head -n 1)"
echo "$rounds rounds in turn, $seconds s each; kernel buffers of $buffer MiB; files on $(stat -f -c %T "$out")"
echo
"$target/capture_table" <"$runs"
