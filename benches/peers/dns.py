#!/usr/bin/env python3
"""Runs the candidates of dns.sh in turns and prints medians: CPU time from the scheduler's own accounting."""

import glob
import os
import re
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

FLOOR, SECONDS, ROUNDS = sys.argv[1], sys.argv[2], int(sys.argv[3])
NAMES, UPSTREAM = 10_000, 15399
QUIET = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}


def candidates(folder):
    """Name, port, command."""
    with open(f"{folder}/unbound.conf", "w") as conf:
        conf.write(f"""server:
  directory: "{folder}"
  chroot: ""
  username: ""
  pidfile: ""
  interface: 127.0.0.1@15301
  num-threads: 1
  do-daemonize: no
  use-syslog: no
  do-not-query-localhost: no
  module-config: "iterator"
  msg-cache-size: 64m
  rrset-cache-size: 128m
  minimal-responses: yes
  so-rcvbuf: 4m
remote-control:
  control-enable: no
forward-zone:
  name: "."
  forward-addr: 127.0.0.1@{UPSTREAM}
""")
    os.mkdir(f"{folder}/pdns")
    with open(f"{folder}/pdns/recursor.conf", "w") as conf:
        conf.write(f"""local-address=127.0.0.1
local-port=15302
threads=1
pdns-distributes-queries=no
dnssec=off
forward-zones=.=127.0.0.1:{UPSTREAM}
dont-query=
socket-dir={folder}/pdns
max-packetcache-entries=100000
write-pid=no
""")
    us = ["taskset", "-c", "0"]
    found = [
        ("echo, recvfrom and sendto", 15311, us + [FLOOR, "echo", "127.0.0.1:15311"]),
        ("echo, recvmmsg and sendmmsg", 15312, us + [FLOOR, "echo-mmsg", "127.0.0.1:15312"]),
        ("dns-core, forwarding", 15313, us + [FLOOR, "forward", "127.0.0.1:15313", f"127.0.0.1:{UPSTREAM}"]),
        ("dns-core, its own zone", 15314, us + [FLOOR, "zone", "127.0.0.1:15314"]),
        ("unbound", 15301, us + ["unbound", "-d", "-c", f"{folder}/unbound.conf"]),
    ]
    if shutil.which("pdns_recursor"):
        found.append(("pdns-recursor", 15302, us + ["pdns_recursor", f"--config-dir={folder}/pdns"]))
    return found


def cpu_ns(pid):
    return sum(int(open(f).read().split()[0]) for f in glob.glob(f"/proc/{pid}/task/*/schedstat"))


def perf(folder, port, *args):
    """Queries answered and lost."""
    command = ["taskset", "-c", "1", "dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", f"{folder}/queries"]
    said = subprocess.run(command + list(args), capture_output=True, text=True).stdout
    number = lambda what: int(re.search(what + r":\s+(\d+)", said)[1])
    return number("Queries completed"), number("Queries lost")


def wait_for(port):
    """Any datagram back will do."""
    query = b"\0\x07\x01\0\0\x01\0\0\0\0\0\0\x05host1\x05bench\x07example\0\0\x01\0\x01"
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(0.2)
        for _ in range(50):
            try:
                asking.sendto(query, ("127.0.0.1", port))
                asking.recv(4096)
                return
            except OSError:
                time.sleep(0.05)
    raise SystemExit(f"nobody answers at port {port}")


def main():
    folder = tempfile.mkdtemp()
    running = []
    try:
        with open(f"{folder}/queries", "w") as queries:
            queries.writelines(f"host{(n * 7919) % NAMES}.bench.example A\n" for n in range(NAMES))
        upstream = subprocess.Popen(["taskset", "-c", "1", FLOOR, "zone", f"127.0.0.1:{UPSTREAM}"], **QUIET)
        running.append(upstream)
        wait_for(UPSTREAM)
        found = candidates(folder)
        servers = {}
        for name, port, command in found:
            servers[name] = subprocess.Popen(command, cwd=folder, **QUIET)
            running.append(servers[name])
            wait_for(port)
            # Every name once, slowly enough that none is lost, then once more.
            perf(folder, port, "-n", "1", "-q", "50", "-Q", "5000")
            perf(folder, port, "-n", "1", "-q", "50")
        costs = {name: [] for name in servers}
        for _ in range(ROUNDS):
            for name, port, _ in found:
                before = cpu_ns(servers[name].pid)
                answered, lost = perf(folder, port, "-l", SECONDS, "-q", "100", "-c", "4")
                costs[name].append((cpu_ns(servers[name].pid) - before) / max(1, answered))
                if lost > answered / 1000:
                    print(f"{name}: {lost} of {answered} lost", file=sys.stderr)
        floor = statistics.median(costs["echo, recvfrom and sendto"])
        unbound = statistics.median(costs["unbound"])
        print("| one thread, 10,000 cached A | µs CPU a query | × echo | × unbound | spread |")
        print("|---|---|---|---|---|")
        for name, all_costs in costs.items():
            median = statistics.median(all_costs)
            low, _, high = statistics.quantiles(all_costs, n=4)
            spread = (high - low) / median * 100
            print(f"| {name} | {median / 1000:.2f} | {median / floor:.2f} | {median / unbound:.2f} | {spread:.0f} % |")
    finally:
        for process in running:
            process.send_signal(signal.SIGTERM)
        for process in running:
            try:
                process.wait(3)
            except subprocess.TimeoutExpired:
                process.kill()
        shutil.rmtree(folder, ignore_errors=True)


main()
