"""The jobs of logs.sh. CPU time is of the process itself, from /proc/PID/task/*/schedstat."""

import glob, json, os, shutil, signal, socket, statistics, subprocess, sys, time

RELAY, WORK, ROUNDS = os.path.abspath(sys.argv[1]), sys.argv[2], int(sys.argv[3])
JOBS = sys.argv[4:] or ["file", "udp", "disk", "synced", "killed", "latency"]
LOAD = WORK + "/load"
NG = os.environ.get("POPKIT_SYSLOG_NG")
COUNT, SIZE = 400_000, 256
BACKLOG, RATE = 120_000, 40_000


def port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def until_open(number):
    for _ in range(500):
        with socket.socket() as s:
            if s.connect_ex(("127.0.0.1", number)) == 0:
                return
        time.sleep(0.02)
    raise SystemExit(f"nobody listens on {number}")


# --- the candidates: a command line for (folder, input port, what to do)

def relay(sync):
    def command(d, into, udp, out):
        listen = ["--udp", f"127.0.0.1:{udp}"] if udp else []
        to = f"out=file:{d}/out.log?format=rfc5424" if out is None else f"out=tcp://127.0.0.1:{out}?framing=lf"
        return [RELAY, "--tcp", f"127.0.0.1:{into}", *listen, "--spool", d + "/spool",
                "--sync", sync, "--to", to], {"RUST_LOG": "error"}
    return command


RSYSLOG_QUEUES = {
    "memory": 'queue.type="linkedList" queue.size="200000" queue.dequeueBatchSize="1024"',
    "disk": 'queue.type="disk" queue.size="5000000" queue.filename="q" queue.maxFileSize="128m" '
            'queue.dequeueBatchSize="1024" queue.checkpointInterval="1000" queue.saveOnShutdown="on"',
}
RSYSLOG_QUEUES["disk, synced"] = RSYSLOG_QUEUES["disk"] + ' queue.syncQueueFiles="on"'


def rsyslog(queue):
    def command(d, into, udp, out):
        text = f'global(workDirectory="{d}/spool")\nmain_queue(queue.type="fixedArray" queue.size="200000" queue.dequeueBatchSize="2048")\n'
        text += f'module(load="imptcp" threads="2")\ninput(type="imptcp" port="{into}" address="127.0.0.1" ruleset="r")\n'
        if udp:
            text += f'module(load="imudp" batchSize="128")\ninput(type="imudp" port="{udp}" address="127.0.0.1" ruleset="r" rcvbufSize="8m")\n'
        template = 'template="RSYSLOG_SyslogProtocol23Format"'
        if out is None:
            action = f'action(type="omfile" file="{d}/out.log" {template} flushOnTXEnd="on" ioBufferSize="256k")'
        else:
            action = (f'action(type="omfwd" target="127.0.0.1" port="{out}" protocol="tcp" {template} '
                      f'action.resumeRetryCount="-1" action.resumeInterval="1" {RSYSLOG_QUEUES[queue]})')
        text += 'ruleset(name="r"%s){%s}\n' % ("" if out is None else ' queue.type="direct"', action)
        open(d + "/conf", "w").write(text)
        return ["rsyslogd", "-n", "-f", d + "/conf", "-i", d + "/pid"], {}
    return command


def syslog_ng(buffer):
    def command(d, into, udp, out):
        text = ("@version: 3.35\noptions { use-dns(no); keep-hostname(yes); chain-hostnames(no); stats-freq(0); "
                "log-fifo-size(2000000); flush-lines(1000); time-reopen(1); log-iw-size(100000); threaded(yes); };\n"
                f"source s {{ network(ip(127.0.0.1) port({into}) transport(tcp) flags(syslog-protocol) log-iw-size(100000) log-fetch-limit(1000)); ")
        if udp:
            text += f"network(ip(127.0.0.1) port({udp}) transport(udp) flags(syslog-protocol) so-rcvbuf(8388608)); "
        text += "};\n"
        disk = {"memory": "", "reliable": f'disk-buffer(reliable(yes) disk-buf-size(2147483648) mem-buf-size(163840000) dir("{d}/spool"))'}[buffer]
        if out is None:
            text += f'destination o {{ file("{d}/out.log" flags(syslog-protocol)); }};\n'
        else:
            text += f'destination o {{ network("127.0.0.1" port({out}) transport(tcp) flags(syslog-protocol) {disk}); }};\n'
        text += "log { source(s); destination(o); flags(flow-control); };\n"
        open(d + "/conf", "w").write(text)
        root = NG or ""
        environment = {}
        modules = []
        if NG:
            environment["LD_LIBRARY_PATH"] = ":".join(glob.glob(NG + "/usr/lib/*-linux-*") + [NG + "/usr/lib/syslog-ng"])
            modules = ["--module-path=" + next(p for p in glob.glob(NG + "/usr/lib/syslog-ng/*") if os.path.isdir(p))]
        return [root + "/usr/sbin/syslog-ng", *modules, "-F", "--no-caps", "--worker-threads=2", "-f", d + "/conf",
                "-p", d + "/pid", "-R", d + "/persist", "-c", d + "/ctl"], environment
    return command


class Running:
    def __init__(self, candidate, name, udp=False, out=None, folder=None):
        self.folder = folder or f"{WORK}/{name}"
        if folder is None:
            shutil.rmtree(self.folder, ignore_errors=True)
            os.makedirs(self.folder + "/spool")
        self.into, self.udp = port(), port() if udp else None
        command, environment = candidate(self.folder, self.into, self.udp, out)
        log = open(self.folder + "/log", "ab")
        self.process = subprocess.Popen(command, env=dict(os.environ, **environment), stdout=log, stderr=log)
        until_open(self.into)
        self.began = self.cpu()

    def cpu(self):
        files = glob.glob(f"/proc/{self.process.pid}/task/*/schedstat")
        return sum(int(open(f).read().split()[0]) for f in files) / 1e9

    def spent(self):
        return self.cpu() - self.began

    def memory(self):
        lines = open(f"/proc/{self.process.pid}/status").read().splitlines()
        return next(int(l.split()[1]) for l in lines if l.startswith("VmHWM")) / 1024

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(20)
        except subprocess.TimeoutExpired:
            self.kill()

    def kill(self):
        self.process.kill()
        self.process.wait()


class Sink:
    def __init__(self, number, file):
        self.file = file
        self.process = subprocess.Popen([LOAD, "sink", f"127.0.0.1:{number}", file])
        until_open(number)

    def kill(self):
        self.process.kill()
        self.process.wait()


def send(protocol, to, count, rate=0):
    return float(subprocess.check_output([LOAD, "send", protocol, f"127.0.0.1:{to}", str(count), str(SIZE), str(rate)]))


def settle(file, full=None, patience=2.0):
    """Waits until the file has grown no more for a while, or is `full`; gives when it last grew."""
    last, since = -1, time.time()
    while time.time() - since < patience:
        size = os.path.getsize(file) if os.path.exists(file) else 0
        if size != last:
            last, since = size, time.time()
        if full and size >= full:
            break
        time.sleep(0.01)
    return since


def count(file, expected):
    if not os.path.exists(file):
        return {"there": 0, "missing": expected, "twice": 0}
    return json.loads(subprocess.check_output([LOAD, "count", file, str(expected)]))


# --- the jobs: each gives the numbers of one run

def to_file(candidate, protocol="tcp", rate=0):
    running = Running(candidate, "job", udp=protocol == "udp")
    began = time.time()
    send(protocol, running.udp or running.into, COUNT, rate)
    ended = settle(running.folder + "/out.log")
    tally = count(running.folder + "/out.log", COUNT)
    result = {"cpu": running.spent() * 1e6 / COUNT, "rss": running.memory(), "rate": COUNT / (ended - began), **tally}
    running.stop()
    return result


def through(candidate, messages=COUNT):
    out = port()
    file = WORK + "/sink.log"
    if os.path.exists(file):
        os.remove(file)
    sink = Sink(out, file)
    running = Running(candidate, "job", out=out)
    began = time.time()
    send("tcp", running.into, messages)
    ended = settle(file, messages * SIZE)
    result = {"cpu": running.spent() * 1e6 / messages, "rss": running.memory(), "rate": messages / (ended - began),
              **count(file, messages)}
    running.stop()
    sink.kill()
    return result


def killed(candidate):
    """A backlog while the sink is away, kill -9, both come back: how many are missing?"""
    out, file = port(), WORK + "/sink.log"
    if os.path.exists(file):
        os.remove(file)
    sink = Sink(out, file)
    running = Running(candidate, "job", out=out)
    sender = subprocess.Popen([LOAD, "send", "tcp", f"127.0.0.1:{running.into}", str(BACKLOG), str(SIZE), str(RATE)], stdout=subprocess.DEVNULL)
    time.sleep(BACKLOG / RATE * 0.3)
    sink.kill()
    sender.wait()
    time.sleep(1.5)
    running.kill()
    sink = Sink(out, file)
    running = Running(candidate, "job", out=out, folder=running.folder)
    settle(file, patience=5)
    tally = count(file, BACKLOG)
    running.stop()
    sink.kill()
    return tally


def latency(candidate):
    out = port()
    running = Running(candidate, "job", out=out)
    text = subprocess.check_output([LOAD, "latency", f"127.0.0.1:{running.into}", f"127.0.0.1:{out}", "1000"])
    running.stop()
    return json.loads(text)


def direct():
    number = port()
    return json.loads(subprocess.check_output([LOAD, "latency", f"127.0.0.1:{number}", f"127.0.0.1:{number}", "1000"]))


def rounds(job, candidates):
    results = {name: [] for name in candidates}
    for _ in range(ROUNDS):
        for name, candidate in candidates.items():
            results[name].append(job(candidate))
    return results


def middle(runs, key):
    return statistics.median(run[key] for run in runs)


def table(title, results):
    ours = middle(next(iter(results.values())), "cpu")
    print(f"\n{title}\n\n| candidate | CPU µs a message | × ours | spread | messages/s | RSS MiB | missing |\n|---|---|---|---|---|---|---|")
    for name, runs in results.items():
        cpu = [run["cpu"] for run in runs]
        spread = (max(cpu) - min(cpu)) / statistics.median(cpu)
        print(f"| {name} | {middle(runs, 'cpu'):.2f} | {middle(runs, 'cpu') / ours:.1f} | {spread:.0%} | "
              f"{middle(runs, 'rate'):,.0f} | {middle(runs, 'rss'):.0f} | {', '.join(str(run['missing']) for run in runs)} |", flush=True)


def main():
    has_rsyslog = shutil.which("rsyslogd") is not None
    has_ng = NG is not None or os.path.exists("/usr/sbin/syslog-ng")
    for there, name in ((has_rsyslog, "rsyslog"), (has_ng, "syslog-ng")):
        if not there:
            print(f"skipped: {name} is not here", file=sys.stderr)

    def with_peers(ours, from_rsyslog, from_ng):
        peers = dict(ours)
        if has_rsyslog:
            peers |= {name: rsyslog(queue) for name, queue in from_rsyslog.items()}
        if has_ng:
            peers |= {name: syslog_ng(buffer) for name, buffer in from_ng.items()}
        return peers

    memory = with_peers({"relay, none": relay("none"), "relay, durable": relay("durable")}, {"rsyslog": "memory"}, {"syslog-ng": "memory"})
    disk = with_peers({"relay, none": relay("none"), "relay, batch": relay("batch"), "relay, durable": relay("durable")},
                      {"rsyslog, disk queue": "disk", "rsyslog, memory": "memory"},
                      {"syslog-ng, reliable": "reliable", "syslog-ng, memory": "memory"})
    if "file" in JOBS:
        table(f"TCP → file, {COUNT:,} messages of {SIZE} B", rounds(to_file, memory))
    if "udp" in JOBS:
        table("UDP → file, offered 50,000/s", rounds(lambda c: to_file(c, "udp", 50_000), memory))
    if "disk" in JOBS:
        table("TCP → disk → TCP, and peers in memory", rounds(through, disk))
    if "synced" in JOBS and has_rsyslog:
        synced = {"relay, durable": relay("durable"), "rsyslog, disk queue synced": rsyslog("disk, synced")}
        table("The same, synced, 2,000 messages", rounds(lambda c: through(c, 2_000), synced))
    if "killed" in JOBS:
        print(f"\nkill -9 with a backlog of about {BACKLOG:,}\n\n| candidate | missing | twice |\n|---|---|---|")
        for name, runs in rounds(killed, {k: v for k, v in disk.items() if "memory" not in k}).items():
            print(f"| {name} | {', '.join(str(r['missing']) for r in runs)} | {', '.join(str(r['twice']) for r in runs)} |", flush=True)
    if "latency" in JOBS:
        print("\nLatency of one message every 2 ms, µs\n\n| candidate | p50 | p99 |\n|---|---|---|")
        ways = rounds(lambda c: latency(c) if c else direct(), {"no relay between": None, **disk})
        for name, runs in ways.items():
            print(f"| {name} | {middle(runs, 'p50'):.0f} | {middle(runs, 'p99'):.0f} |", flush=True)


main()
