"""The jobs of dns.sh. Servers on CPU 0, dnsperf and the upstream on CPU 1; CPU time is of the server's process,
from /proc/PID/task/*/schedstat, over what dnsperf had answered."""

import glob, os, random, re, shutil, signal, socket, statistics, subprocess, sys, time

BIN, WORK, ROUNDS = os.path.abspath(sys.argv[1]), sys.argv[2], int(sys.argv[3])
JOBS = sys.argv[4:] or ["cached", "zone", "cold", "memory"]
NAMES, SECONDS, COLD, MANY = 10_000, 2, 4_000, 1_000_000
FIRST_PORT = 15300


def written(name, text):
    path = f"{WORK}/{name}"
    with open(path, "w") as file:
        file.write(text)
    return path


def zone():
    lines = ["$ORIGIN bench.example.", "$TTL 86400", "@ SOA ns hostmaster 1 3600 600 86400 300", "@ NS ns", "ns A 127.0.0.1"]
    lines += [f"h{n} A 10.{n >> 16}.{n >> 8 & 255}.{n & 255}" for n in range(NAMES)]
    lines += ["*.many A 192.0.2.1"]
    return written("bench.zone", "\n".join(lines) + "\n")


class Server:
    """One that runs, on CPU 0 unless told otherwise."""

    def __init__(self, port, command, cpu=0):
        self.port = port
        self.log = open(f"{WORK}/{port}.log", "w")
        self.process = subprocess.Popen(["taskset", "-c", str(cpu), *command], stdout=self.log, stderr=self.log, cwd=WORK)
        for _ in range(200):
            if self.answers():
                return
            if self.process.poll() is not None:
                break
            time.sleep(0.05)
        self.log.flush()
        raise SystemExit(f"{command[0]} does not answer: {open(self.log.name).read()[-500:]}")

    def answers(self):
        query = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02h1\x05bench\x07example\x00\x00\x01\x00\x01"
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asker:
            asker.settimeout(0.3)
            asker.sendto(query, ("127.0.0.1", self.port))
            try:
                return asker.recv(4096)[:2] == query[:2]
            except OSError:
                return False

    def pids(self):
        pids, todo = [], [self.process.pid]
        while todo:
            pid = todo.pop()
            pids.append(pid)
            for path in glob.glob(f"/proc/{pid}/task/*/children"):
                with open(path) as children:
                    todo += map(int, children.read().split())
        return pids

    def cpu_ns(self):
        total = 0
        for pid in self.pids():
            for path in glob.glob(f"/proc/{pid}/task/*/schedstat"):
                with open(path) as stat:
                    total += int(stat.read().split()[0])
        return total

    def rss(self):
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/status") as status:
                total += int(re.search(r"VmRSS:\s+(\d+)", status.read())[1]) * 1024
        return total

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()


def nsd(port, cpu=0):
    conf = written(f"nsd{port}.conf", f"""
server: ip-address: 127.0.0.1@{port}
  server-count: 1
  username: ""
  chroot: ""
  zonesdir: "{WORK}"
  pidfile: "{WORK}/nsd{port}.pid"
  xfrdfile: "{WORK}/nsd{port}.xfrd"
  zonelistfile: "{WORK}/nsd{port}.list"
  rrl-ratelimit: 0
remote-control: control-enable: no
zone: name: bench.example
  zonefile: bench.zone
""")
    return Server(port, ["nsd", "-d", "-c", conf], cpu)


def unbound(port, upstream):
    conf = written(f"unbound{port}.conf", f"""
server: directory: "{WORK}"
  chroot: ""
  username: ""
  pidfile: "{WORK}/unbound{port}.pid"
  interface: 127.0.0.1@{port}
  access-control: 127.0.0.0/8 allow
  num-threads: 1
  do-daemonize: no
  use-syslog: no
  do-not-query-localhost: no
  module-config: "iterator"
  msg-cache-size: 1g
  rrset-cache-size: 2g
  minimal-responses: yes
  rrset-roundrobin: no
  so-rcvbuf: 0
remote-control: control-enable: no
forward-zone: name: "."
  forward-addr: 127.0.0.1@{upstream}
""")
    return Server(port, ["unbound", "-d", "-c", conf])


def pdns(port, upstream):
    place = f"{WORK}/pdns{port}"
    os.makedirs(place, exist_ok=True)
    with open(place + "/recursor.conf", "w") as conf:
        conf.write(f"local-address=127.0.0.1\nlocal-port={port}\nsocket-dir={place}\nthreads=1\ndnssec=off\n"
                   f"forward-zones-recurse=.=127.0.0.1:{upstream}\nquiet=yes\nloglevel=1\npdns-distributes-queries=no\n"
                   "max-cache-entries=4000000\nmax-packetcache-entries=4000000\n"
                   "disable-packetcache=no\nhint-file=no\nserver-down-max-fails=0\n")
    return Server(port, ["pdns_recursor", f"--config-dir={place}"])


def ours(port, upstream):
    # A flood of misses is above what a server is asked by default.
    return Server(port, [BIN + "/resolver", "--listen", f"127.0.0.1:{port}", "--forward", f"127.0.0.1:{upstream}",
                         "--forward-rate", "1000000", "--cache", "2GiB"])


def echo(way):
    return lambda port, upstream: Server(port, [BIN + "/udp_echo", f"127.0.0.1:{port}", way])


RESOLVERS = [("echo, single calls", echo("single"), None), ("echo, batches of 64", echo("batch"), None),
             ("resolver", ours, None), ("unbound", unbound, "unbound"), ("pdns-recursor", pdns, "pdns_recursor")]
RESOLVERS = [(name, start) for name, start, program in RESOLVERS if program is None or shutil.which(program)]


def dnsperf(port, queries, *options):
    said = subprocess.run(["taskset", "-c", "1", "dnsperf", "-s", "127.0.0.1", "-p", str(port), "-d", queries, *options],
                          capture_output=True, text=True).stdout
    number = lambda what: float((re.search(what + r":\s+([\d.]+)", said) or [0, "0"])[1])
    codes = (re.search(r"Response codes:\s+(.*)", said) or ["", ""])[1]
    if "SERVFAIL" in codes or "REFUSED" in codes:
        print(f"port {port}: not all were answered: {codes}", file=sys.stderr)
    return {"done": number("Queries completed"), "lost": number("Queries lost"),
            "latency": number(r"Average Latency \(s\)")}


def table(title, head, rows):
    print(f"\n{title}\n\n| {' | '.join(head)} |\n|{'---|' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")
    sys.stdout.flush()


def spread(values):
    return (max(values) - min(values)) / statistics.median(values) * 100


def quartiles(values):
    """The middle, and where the middle half lies."""
    if len(values) < 2:
        return f"{values[0]:.2f}"
    low, middle, high = statistics.quantiles(values, n=4, method="inclusive")
    return f"{middle:.2f} ({low:.2f} to {high:.2f})"


def cost(candidates, title):
    """CPU per answer at as much load as dnsperf gives, a hundred questions in flight."""
    queries = written("queries.txt", "".join(f"h{n}.bench.example A\n" for n in random.sample(range(NAMES), NAMES)))
    running = [(name, start()) for name, start in candidates]
    spent, rates, lost = ({name: [] for name, _ in running} for _ in range(3))
    try:
        for _, server in running:
            dnsperf(server.port, queries, "-n", "2", "-q", "20", "-t", "2")
        for _ in range(ROUNDS):
            for name, server in running:
                before = server.cpu_ns()
                result = dnsperf(server.port, queries, "-l", str(SECONDS), "-q", "100", "-c", "4", "-t", "1")
                done = max(1, result["done"])
                spent[name].append((server.cpu_ns() - before) / done / 1e3)
                rates[name].append(done / SECONDS)
                lost[name].append(result["lost"])
    finally:
        for _, server in running:
            server.stop()
    floor = running[0][0]
    ours = next(name for name, _ in running if name.startswith("resolver"))
    # Round by round: neighbours on a shared machine slow all candidates of a round alike.
    ratio = lambda over, under: [a / b for a, b in zip(spent[over], spent[under])]
    rows = []
    for name, _ in running:
        rows.append([name, f"{statistics.median(spent[name]):.2f}", f"{spread(spent[name]):.0f} %", quartiles(ratio(name, floor)),
                     quartiles(ratio(ours, name)), f"{statistics.median(rates[name]):,.0f}", f"{sum(lost[name]):.0f}"])
    table(title, ["server", "CPU µs an answer", "spread", "× echo", "resolver ÷ it", "answers/s", "lost"], rows)


def cold(upstream):
    """One question at a time, each name once: what a miss costs and takes."""
    rows, found = [], {}
    for turn in range(ROUNDS):
        for index, (name, start) in enumerate(RESOLVERS[2:]):
            queries = written("cold.txt", "".join(f"c{turn}x{n}.many.bench.example A\n" for n in range(COLD)))
            server = start(FIRST_PORT + 50 + index, upstream)
            try:
                before = server.cpu_ns()
                result = dnsperf(server.port, queries, "-n", "1", "-q", "1", "-c", "1", "-t", "2")
                cpu = (server.cpu_ns() - before) / max(1, result["done"]) / 1e3
                found.setdefault(name, []).append((result["latency"] * 1e6, cpu, result["lost"]))
            finally:
                server.stop()
    for name, runs in found.items():
        latency, cpu, lost = zip(*runs)
        rows.append([name, f"{statistics.median(latency):.0f}", f"{spread(latency):.0f} %", f"{statistics.median(cpu):.0f}", f"{sum(lost):.0f}"])
    table(f"Cold forwarding to NSD, {COLD:,} names once each, one at a time",
          ["server", "latency µs", "spread", "CPU µs a miss", "lost"], rows)


def memory(upstream):
    """How much a million answers of one address take, by what the process grows."""
    queries = written("many.txt", "".join(f"host-{n}.many.bench.example A\n" for n in range(MANY)))
    rows = []
    for index, (name, start) in enumerate(RESOLVERS[2:]):
        server = start(FIRST_PORT + 70 + index, upstream)
        try:
            before = server.rss()
            result = dnsperf(server.port, queries, "-n", "1", "-q", "60", "-c", "4", "-t", "5")
            grown = server.rss() - before
            rows.append([name, f"{result['done']:,.0f}", f"{result['lost']:.0f}", f"{grown / 2**20:.0f}", f"{grown / max(1, result['done']):.0f}"])
        finally:
            server.stop()
    table(f"{MANY:,} names with one address, resident memory grown", ["server", "answered", "lost", "MiB", "B an entry"], rows)


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    path = zone()
    upstream = nsd(FIRST_PORT, cpu=1)
    try:
        if "cached" in JOBS:
            cost([(name, lambda start=start, port=FIRST_PORT + 1 + n: start(port, upstream.port))
                  for n, (name, start) in enumerate(RESOLVERS)], f"From the cache, {NAMES:,} names, one thread")
        if "zone" in JOBS:
            port = FIRST_PORT + 30
            cost([("echo, single calls", lambda: echo("single")(port, 0)), ("echo, batches of 64", lambda: echo("batch")(port + 1, 0)),
                  ("resolver --zone", lambda: Server(port + 2, [BIN + "/resolver", "--listen", f"127.0.0.1:{port + 2}",
                                                               "--zone", f"bench.example={path}"])),
                  ("nsd", lambda: nsd(port + 3))], f"From a zone of {NAMES:,} names, one thread")
        if "cold" in JOBS:
            cold(upstream.port)
        if "memory" in JOBS:
            memory(upstream.port)
    finally:
        upstream.stop()


main()
