"""Processor and memory of agent, guard and member: idle, and with 100 HTTP checks a second, beside peers
that do the same checks in the same seconds. All of it in one network namespace of its own."""

import concurrent.futures
import contextlib
import http.client
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "..", "tests"))
import notes  # noqa: E402

from . import machine  # noqa: E402
from .table import Figure  # noqa: E402

CHECKS_N = 100
PORT = 8090  # of the target, as drover sees it; each peer has its own, so that its requests are counted
PORTS = {"drover": PORT, "HAProxy": PORT + 1, "monit": PORT + 2, "blackbox-exporter": PORT + 3}
COUNT_PORT, PEER_PORT, BLACKBOX_PORT = 8100, 8101, 8102
GROUP = "load: {what}, over {seconds} s"
AIMS = {("agent", "cpu"): "<= 2.5 % of a core", ("agent", "rss"): "<= 17 MiB", ("agent", "private"): "<= 5 MiB",
        ("guard", "private"): "<= 2 MiB"}
KNOWN = {"cpu": "monit 0.8 %; HAProxy 2.1-2.5 %; blackbox-exporter 17.3 %",
         "rss": "monit 7.4 MiB; HAProxy 15.7 MiB; blackbox-exporter 22 MiB; the linked libraries alone 9.9 MiB"}


class Place:
    """A network namespace with nothing but a loopback, and the processes in it; all gone on leaving."""

    def __init__(self, build):
        self.build, self.name = build, f"drbench{os.getpid()}"
        self.processes, self.public = {}, {}

    def __enter__(self):
        self.home = tempfile.mkdtemp(prefix="drover-bench-")
        os.chmod(self.home, 0o711)
        subprocess.run(["ip", "netns", "add", self.name], check=True)
        subprocess.run(["ip", "-n", self.name, "link", "set", "lo", "up"], check=True)
        return self

    def __exit__(self, *_):
        for process in self.processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGTERM)
        for process in self.processes.values():
            try:
                process.wait(5)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()
        subprocess.run(["ip", "netns", "del", self.name], check=False)
        shutil.rmtree(self.home, ignore_errors=True)

    def program(self, name):
        for folder in ("coordinator", "coordinator/cli", "agent", "agent/guard"):
            path = f"{self.build}/{folder}/{name}"
            if os.path.isfile(path):
                return path
        raise RuntimeError(f"{name} is not built in {self.build}")

    def write(self, name, text, mode=0o644):
        path = f"{self.home}/{name}"
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def start(self, name, argv):
        """`ip netns exec` becomes the program, so its pid is the program's."""
        with open(f"{self.home}/{name}.log", "ab") as log:
            self.processes[name] = subprocess.Popen(["ip", "netns", "exec", self.name, *argv], stdout=log, stderr=log,
                                                    stdin=subprocess.DEVNULL)
        return self.processes[name].pid

    def log(self, name):
        with open(f"{self.home}/{name}.log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def await_line(self, name, wanted, seconds):
        end = time.monotonic() + seconds
        while not re.search(wanted, self.log(name)):
            if time.monotonic() > end or self.processes[name].poll() is not None:
                raise RuntimeError(f"{name} did not say {wanted!r}: {self.log(name)[-800:]}")
            time.sleep(0.1)

    # -- drover's own files

    def keygen(self, kind, name):
        subprocess.run([self.program("drover"), "keygen", "--kind", kind, name, "--out", self.home], check=True,
                       capture_output=True, timeout=30)
        with open(f"{self.home}/{name}.pub", encoding="utf-8") as file:
            self.public[name] = dict(re.findall(r'(\w+)\s*=\s*"([0-9a-f]+)"', file.read()))

    def topology(self, checks_n):
        def keys(name):
            found = self.public[name]
            return f'curve_key = "{found["curve_key"]}"; sign_key = "{found["sign_key"]}";'

        def agent(name, region, port):
            return (f'{{ name = "{name}"; region = "{region}"; {keys(name)} guard_key = "{self.public[name + "-guard"]["guard_key"]}"; '
                    f'gate = true; peer_address = "tcp://127.0.0.1:{port}"; }}')
        pins = ('cluster = "bench";\ninitial_region = "east";\n'
                'lease: { lease = "30s"; renew = "5s"; fence = "8s"; gate_early = "2s"; wait = "32s"; promise = "32s"; tick = "1s"; '
                'drift_ppm = 10000; on_quorum_loss = "failsafe"; };\n'
                'regions: ( { name = "east"; kind = "data"; }, { name = "west"; kind = "data"; }, { name = "watch"; '
                'kind = "monitoring"; } );\n'
                f'members: ( {{ name = "m1"; agents_address = "tcp://127.0.0.1:7401"; operators_address = "tcp://127.0.0.1:7402"; '
                f'{keys("m1")} }} );\n'
                f'agents: ( {agent("east-db1", "east", 7411)}, {agent("west-db1", "west", 7412)} );\n')
        checks = ",\n".join(
            f'  {{ name = "web-{n:03}"; kind = "http"; component = "web"; agent = "east-db1"; interval = "1s"; timeout = "900ms"; '
            f'args: {{ url = "http://127.0.0.1:{PORT}/{n}"; }}; }}' for n in range(checks_n))
        ends = ", ".join(f'{{ region = "{region}"; address = "http://127.0.0.1:{PORT}"; agents = ["{region}-db1"]; }}'
                         for region in ("east", "west"))
        return pins, (pins + 'document: { name = "Bench"; version = "1.0"; date = "2026-01-25"; status = "test"; };\n'
                      'policy: { automatic = false; hold_down = "60s"; settle = "30s"; silent = "5s"; };\n'
                      'objectives: ( { tier = 1; rto = "4h"; rpo = "1h"; } );\n'
                      f'components: ( {{ name = "web"; kind = "http"; tier = 1; endpoints: ( {ends} ); }} );\n'
                      f'checks: (\n{checks}\n);\n'
                      'plans: ( { name = "failover"; kind = "failover"; steps: ( { name = "look"; action = "verify"; '
                      'component = "web"; timeout = 15000; intent = "The other region answers"; } ); } );\n')

    def drover(self, checks_n):
        """One member on the embedded engine, one guarded agent that holds the lease. {name: [pid]}"""
        self.keygen("member", "m1")
        for name in ("east-db1", "west-db1"):
            self.keygen("agent", name)
            self.keygen("guard", f"{name}-guard")
        pins, topology = self.topology(checks_n)
        self.write("pins.conf", pins)
        self.write("topology.conf", topology)
        for folder in ("member", "agent", "guard"):
            os.makedirs(f"{self.home}/{folder}")
        notes.begin(f"{self.home}/member")
        self.write("coordinator.conf", f'name = "m1";\nkey = "{self.home}/m1.key";\nstate = "{self.home}/member";\n'
                   f'topology = "{self.home}/topology.conf";\nengine: {{ kind = "embedded"; path = "{self.home}/member/log.db"; }};\n')
        self.write("guard.conf", f'name = "east-db1";\nkey = "{self.home}/east-db1-guard.key";\npins = "{self.home}/pins.conf";\n'
                   f'state = "{self.home}/guard";\nsocket = "{self.home}/g.sock";\ngate: {{ ports = [5432]; }};\n')
        self.write("agent.conf", f'name = "east-db1";\nkey = "{self.home}/east-db1.key";\npins = "{self.home}/pins.conf";\n'
                   f'state = "{self.home}/agent";\nworkers = 8;\nallow = [];\nguard_socket = "{self.home}/g.sock";\n'
                   'peer_listen = "tcp://127.0.0.1:7411";\nwritable_listen = "127.0.0.1:7421";\n')
        pids = {name: [self.start(name, [self.program(program), "--config", f"{self.home}/{file}.conf"])]
                for name, program, file in (("member", "drover-coordinator", "coordinator"), ("guard", "drover-guard", "guard"),
                                            ("agent", "drover-agent", "agent"))}
        self.await_line("agent", r" lease\.held ", 20)
        self.await_line("agent", r" topology\.adopted ", 20)
        return pids

    # -- what is checked, and the peers

    def target(self):
        """HAProxy answers each request by itself; it counts what it was asked."""
        text = ("global\n  maxconn 2000\n  nbthread 1\n"
                "defaults\n  mode http\n  timeout client 5s\n  timeout connect 5s\n  timeout server 5s\n"
                + "".join(f"frontend {name}\n  bind 127.0.0.1:{port}\n"
                          "  http-request return status 200 content-type text/plain string ok\n" for name, port in PORTS.items())
                + f"frontend count\n  bind 127.0.0.1:{COUNT_PORT}\n  http-request use-service prometheus-exporter\n")
        self.start("target", ["haproxy", "-db", "-f", self.write("target.cfg", text)])

    def asked(self):
        """{who: requests so far}"""
        done = subprocess.run(["ip", "netns", "exec", self.name, "curl", "-s", f"http://127.0.0.1:{COUNT_PORT}/metrics"],
                              capture_output=True, text=True, timeout=10, check=True)
        found = re.findall(r'haproxy_frontend_http_requests_total\{proxy="([^"]+)"\} (\d+)', done.stdout)
        return {name: int(count) for name, count in found if name in PORTS}

    def haproxy(self):
        servers = "\n".join(f"  server s{n:03} 127.0.0.1:{PORTS['HAProxy']} check inter 1s" for n in range(CHECKS_N))
        text = ("global\n  nbthread 1\ndefaults\n  mode http\n  timeout client 5s\n  timeout connect 1s\n  timeout server 1s\n"
                f"frontend idle\n  bind 127.0.0.1:{PEER_PORT}\n  default_backend many\n"
                f"backend many\n  option httpchk GET /haproxy\n{servers}\n")
        return [self.start("haproxy", ["haproxy", "-db", "-f", self.write("peer.cfg", text)])]

    def monit(self, program):
        hosts = "\n".join(f"check host h{n:03} with address 127.0.0.1\n  if failed port {PORTS['monit']} protocol http request /monit "
                          "with timeout 1 seconds then alert" for n in range(CHECKS_N))
        path = self.write("monitrc", f"set daemon 1\nset log {self.home}/monit.out\nset pidfile {self.home}/monit.pid\n"
                          f"set idfile {self.home}/monit.id\nset statefile {self.home}/monit.state\n{hosts}\n", 0o600)
        return [self.start("monit", [program, "-I", "-c", path])]

    def blackbox(self, program):
        path = self.write("blackbox.yml", "modules:\n  web:\n    prober: http\n    timeout: 900ms\n")
        return [self.start("blackbox", [program, f"--config.file={path}", f"--web.listen-address=127.0.0.1:{BLACKBOX_PORT}"])]


class BlackboxDriver:
    """Asks the exporter as Prometheus would: 100 probes a second, evenly, over kept connections."""

    def __init__(self, place):
        self.place, self.stopping = place, threading.Event()
        self.thread = threading.Thread(target=self._drive)

    def _ask(self, kept, number):
        if not hasattr(kept, "link"):
            with inside(self.place.name):
                kept.link = http.client.HTTPConnection("127.0.0.1", BLACKBOX_PORT, timeout=2)
                kept.link.connect()
        kept.link.request("GET", f"/probe?module=web&target=http://127.0.0.1:{PORTS['blackbox-exporter']}/{number}")
        kept.link.getresponse().read()

    def _drive(self):
        kept, due = threading.local(), time.monotonic()
        with concurrent.futures.ThreadPoolExecutor(4) as pool:
            number = 0
            while not self.stopping.is_set():
                pool.submit(self._ask, kept, number % CHECKS_N)
                number, due = number + 1, due + 1 / CHECKS_N
                self.stopping.wait(max(0.0, due - time.monotonic()))

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.thread.join(10)


@contextlib.contextmanager
def inside(namespace):
    """This thread's sockets are opened in that namespace."""
    import ctypes
    libc = ctypes.CDLL(None, use_errno=True)
    with open("/proc/thread-self/ns/net", encoding="utf-8") as home, open(f"/run/netns/{namespace}", encoding="utf-8") as there:
        if libc.setns(there.fileno(), 0x40000000) != 0:
            raise OSError(ctypes.get_errno(), "setns")
        try:
            yield
        finally:
            libc.setns(home.fileno(), 0x40000000)


def _peers(place, options):
    pids = {"HAProxy": place.haproxy()}
    monit = shutil.which(options.monit)
    blackbox = shutil.which(options.blackbox)
    if monit:
        pids["monit"] = place.monit(monit)
    if blackbox:
        pids["blackbox-exporter"] = place.blackbox(blackbox)
    return pids


def _one_run(options, checks_n, peers):
    """({name: Usage}, {who: requests a second that the target saw}), both over the same seconds"""
    with Place(options.build) as place, contextlib.ExitStack() as stack:
        place.target()
        pids = place.drover(checks_n)
        if peers:
            pids |= _peers(place, options)
            time.sleep(2)
            if "blackbox-exporter" in pids:
                stack.enter_context(BlackboxDriver(place))
        time.sleep(5)
        before, begun = place.asked(), time.monotonic()
        used = machine.usage(pids, options.seconds)
        after, took = place.asked(), time.monotonic() - begun
        for name, process in place.processes.items():
            if process.poll() is not None:
                raise RuntimeError(f"{name} ended by itself: {place.log(name)[-500:]}")
        return used, {name: (after[name] - before[name]) / took for name in after}


def _figures(group, runs, rates):
    figures, names = [], list(dict.fromkeys(name for run in runs for name in run))
    rows = (("cpu", "cpu_percent", "% of a core", 2), ("rss", "rss_mib", "MiB RSS", 1), ("private", "private_mib", "MiB private", 1),
            ("anonymous", "anon_mib", "MiB anonymous", 1), ("wake-ups", "wakeups_hz", "/s", 0))
    for name in names:
        seen = [rate["drover" if name == "agent" else name] for rate in rates if name == "agent" or name in PORTS]
        if seen:
            figures.append(Figure(group, f"{name}: requests that the target saw", "/s", seen, digits=1))
        mine = [run[name] for run in runs if name in run]
        for row, field, unit, digits in rows:
            peer = KNOWN.get(row, "") if name == "agent" else ""
            figures.append(Figure(group, f"{name}: {row}", unit, [getattr(use, field) for use in mine], AIMS.get((name, row), ""),
                                  peer, digits))
    for peer in names:
        if peer in ("agent", "guard", "member"):
            continue
        ratios = [(run["agent"].cpu_percent / rate["drover"]) / (run[peer].cpu_percent / rate[peer])
                  for run, rate in zip(runs, rates) if peer in run and run[peer].cpu_percent > 0 and rate[peer] > 0]
        figures.append(Figure(group, f"agent / {peer}: cpu for one check, same seconds", "x", ratios, digits=2))
    return figures


def measure(options, say):
    figures = []
    for what, checks_n, peers in (("idle: one check a second, T 30 s", 1, False),
                                  (f"{CHECKS_N} HTTP checks a second, each peer the same", CHECKS_N, True)):
        runs, rates = [], []
        for run in range(options.load_runs):
            say(f"load: {what}: run {run + 1} of {options.load_runs}, {options.seconds} s")
            used, rate = _one_run(options, checks_n, peers)
            runs.append(used)
            rates.append(rate)
        figures += _figures(GROUP.format(what=what, seconds=options.seconds), runs, rates)
    return figures
