#!/usr/bin/env bash
# CPU time and memory of a probe: `probe connect --metrics` beside blackbox_exporter, in turns, on loopback,
# the same server, each asked over its /probe page. Prints a table for RESULTS.md.
#
# usage: benches/peers/probe.sh [PROBES-A-ROUND] [ROUNDS]
# needs: nginx, openssl, python3, prometheus-blackbox-exporter (Debian names)
set -euo pipefail
cd "$(dirname "$0")/../.."
count=${1:-300} rounds=${2:-9}
for program in nginx openssl python3 prometheus-blackbox-exporter; do
    command -v "$program" >/dev/null || { echo "skipped: $program is not installed" >&2; exit 0; }
done
cargo build --quiet --release -p popkit-examples --bin probe
probe=${CARGO_TARGET_DIR:-target}/release/probe

dir=$(mktemp -d)
pids=()
trap 'for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done; rm -rf "$dir"' EXIT
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 30 -subj /CN=BenchRoot \
    -addext basicConstraints=critical,CA:TRUE -keyout "$dir/ca.key" -out "$dir/ca.pem" 2>/dev/null
openssl req -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=edge.test \
    -keyout "$dir/key.pem" -out "$dir/csr.pem" 2>/dev/null
printf 'subjectAltName=DNS:edge.test,IP:127.0.0.1\n' >"$dir/ext"
openssl x509 -req -in "$dir/csr.pem" -CA "$dir/ca.pem" -CAkey "$dir/ca.key" -CAcreateserial -days 30 \
    -extfile "$dir/ext" -out "$dir/cert.pem" 2>/dev/null

cat >"$dir/nginx.conf" <<CONF
daemon off; master_process off; pid $dir/pid; error_log $dir/error.log;
events {}
http { access_log off; client_body_temp_path $dir/a; proxy_temp_path $dir/b; fastcgi_temp_path $dir/c;
uwsgi_temp_path $dir/d; scgi_temp_path $dir/e; ssl_session_tickets off;
server { listen 127.0.0.1:18443 ssl; ssl_certificate $dir/cert.pem; ssl_certificate_key $dir/key.pem;
ssl_protocols TLSv1.3; return 204; } }
CONF
cat >"$dir/blackbox.yml" <<CONF
modules:
  tls:
    prober: tcp
    timeout: 5s
    tcp:
      tls: true
      tls_config: { ca_file: $dir/ca.pem, server_name: edge.test }
CONF
nginx -c "$dir/nginx.conf" -p "$dir" & pids+=($!)
prometheus-blackbox-exporter --config.file="$dir/blackbox.yml" --web.listen-address=127.0.0.1:19115 \
    --log.level=error & pids+=($!); blackbox=$!
"$probe" connect --ca "$dir/ca.pem" --server-name edge.test --metrics 127.0.0.1:19116 & pids+=($!); ours=$!
sleep 1
prometheus-blackbox-exporter --version 2>&1 | head -1

python3 - "$blackbox" "$ours" "$count" "$rounds" <<'PYTHON'
import http.client, os, statistics, sys

blackbox, ours, count, rounds = map(int, sys.argv[1:])
peers = [("blackbox_exporter", blackbox, 19115, "/probe?module=tls&target=127.0.0.1:18443"),
         ("probe connect", ours, 19116, "/probe?target=127.0.0.1:18443")]

def cpu_ns(pid):
    """Nanoseconds on a CPU, of all its threads."""
    total = 0
    for task in os.listdir(f"/proc/{pid}/task"):
        with open(f"/proc/{pid}/task/{task}/schedstat") as stat:
            total += int(stat.read().split()[0])
    return total

def rss_kib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))

def probe(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    page = connection.getresponse().read().decode()
    connection.close()
    assert "\nprobe_success 1\n" in page, page

spent = {name: [] for name, *_ in peers}
for turn in range(rounds + 1):
    for name, pid, port, path in peers:
        before = cpu_ns(pid)
        for _ in range(count):
            probe(port, path)
        if turn:  # the first warms up
            spent[name].append((cpu_ns(pid) - before) / count / 1e6)
print("| prober | CPU ms a probe | spread | RSS MiB |\n|---|---|---|---|")
medians = {}
for name, pid, *_ in peers:
    quarters = statistics.quantiles(spent[name], n=4)
    medians[name] = quarters[1]
    spread = (quarters[2] - quarters[0]) / quarters[1] * 100
    print(f"| {name} | {quarters[1]:.3f} | {spread:.0f} % | {rss_kib(pid) / 1024:.1f} |")
print(f"Ratio: {medians['blackbox_exporter'] / medians['probe connect']:.1f} ×")
PYTHON
