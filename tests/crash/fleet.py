"""A small real fleet for the crash and fault loops: two regions with a guard and an agent each, one
member with the embedded engine or three on etcd, every program under the fault shim.

Agents, members and operators share one network namespace, each guard has its own: its kernel's gate
and, behind it, a port that stands for the store. The shim of each program is steered while it runs,
through a file that both have mapped."""
import ctypes
import json
import mmap
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(0, os.path.join(ROOT, "tests/integration/engine"))

REGIONS = ("east", "west")
GUARDS = {"east": "east-db1", "west": "west-db1"}
CALLS = ("sync", "write", "rename", "open", "unlink", "truncate", "alloc", "send")
DISK = "sync,write,rename,open,unlink,truncate"
ACTS = ("", "before", "after", "tear", "errno", "wait", "lie", "retry")
FIELDS = ("act", "calls", "at", "many", "errno", "wait_ms", "size_min", "wall_ms", "calls_n", "hits_n")
STORE, NOBODY = 5432, 65534
START_S = 240  # of a whole fleet; a second on a quiet machine
# The lease's numbers in ms: T, renewals, soft fence, the gate's earliness, wait and promise.
CALM, HASTY = (4000, 500, 1200, 400, 4200), (1500, 200, 600, 200, 1650)
STEPS = ("first", "second", "third")
libc = ctypes.CDLL(None, use_errno=True)


class Wrong(Exception):
    """What must never be."""


def until(seconds, what, why, every=0.05):
    """The value of what() once it is true. The bound is for a machine that is busy with others."""
    end = time.monotonic() + seconds
    while True:
        value = what()
        if value:
            return value
        if time.monotonic() > end:
            raise Wrong(f"not within {seconds:.0f} s: {why}")
        time.sleep(every)


class Control:
    """The shim's plan, shared with a running program."""

    def __init__(self, path):
        self.path, self.seen = path, 0
        with open(path, "wb") as file:
            file.write(bytes(8 * len(FIELDS)))
        with open(path, "r+b") as file:
            self.map = mmap.mmap(file.fileno(), 8 * len(FIELDS))

    def put(self, field, value):
        struct.pack_into("<q", self.map, 8 * FIELDS.index(field), value)

    def get(self, field):
        return struct.unpack_from("<q", self.map, 8 * FIELDS.index(field))[0]

    def arm(self, calls, act, at=1, many=False, errno=0, wait_ms=0, size_min=0):
        self.clear()
        self.put("calls_n", 0)
        mask = sum(1 << i for i, name in enumerate(CALLS) if name in calls.split(","))
        for field, value in (("calls", mask), ("at", at), ("many", int(many)), ("errno", errno),
                             ("wait_ms", wait_ms), ("size_min", size_min), ("act", ACTS.index(act))):
            self.put(field, value)

    def clear(self):
        self.put("act", 0)

    def hits(self):
        """How often it was met since the last time this was asked."""
        now = self.get("hits_n")
        new, self.seen = now - self.seen, now
        return new


class Program:
    """One program of the fleet: started, killed, started again, its log kept."""

    def __init__(self, fleet, name, namespace, argv, state):
        self.fleet, self.name, self.namespace, self.argv = fleet, name, namespace, argv
        self.state = state
        os.makedirs(state, exist_ok=True)
        self.control = Control(fleet.path(name + ".control"))
        self.log_path = fleet.path(name + ".log")
        self.process, self.starts_n, self.refused = None, 0, []

    def start(self, shadow=None, group=None):
        env = {"PATH": os.environ["PATH"], "LD_PRELOAD": self.fleet.shim,
               "FAULT_DIR": self.state, "FAULT_CONTROL": self.control.path}
        if shadow:
            env["FAULT_SHADOW"] = shadow
        if group:
            env["FAULT_GROUP"] = str(group)
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["nsenter", f"--net=/run/netns/{self.namespace}"] + self.argv, env=env, stdout=log,
                stderr=log, stdin=subprocess.DEVNULL, cwd="/", process_group=group)
        self.starts_n += 1

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
        if self.process is not None:
            self.process.wait(20)

    def log_size(self):
        return os.path.getsize(self.log_path) if os.path.exists(self.log_path) else 0

    def log(self, since=0):
        with open(self.log_path, "rb") as file:
            file.seek(since)
            return file.read().decode(errors="replace")


class Gate(threading.Thread):
    """Knocks at both regions' store ports as an ordinary user, from before the first guard until the
    end, and notes when which was open. Two open gates are the one thing that must never be."""

    def __init__(self, fleet):
        super().__init__(daemon=True)
        self.fleet, self.stopping, self.wrong = fleet, False, None
        self.open = {region: False for region in REGIONS}
        self.knocks_n, self.changes = 0, []
        self.down = set()  # regions whose store's host has no power
        self.listeners = {}
        for region in REGIONS:
            listener = self.socket(region)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind(("127.0.0.1", STORE))
            listener.listen(64)
            listener.setblocking(False)
            self.listeners[region] = listener

    def socket(self, region):
        """A socket of that region's namespace; this thread stays where it is."""
        home = os.open("/proc/thread-self/ns/net", os.O_RDONLY)
        there = os.open(f"/run/netns/{self.fleet.namespaces[region]}", os.O_RDONLY)
        try:
            if libc.setns(there, 0x40000000) != 0:
                raise OSError(ctypes.get_errno(), "setns")
            return socket.socket(socket.AF_INET, socket.SOCK_STREAM)
        finally:
            libc.setns(home, 0x40000000)
            os.close(there)
            os.close(home)

    def knock(self, region):
        if region in self.down:
            return False
        libc.setfsuid(NOBODY)
        try:
            link = self.socket(region)
        finally:
            libc.setfsuid(0)
        link.settimeout(0.5)
        try:
            link.connect(("127.0.0.1", STORE))
            self.listeners[region].accept()[0].close()
            return region not in self.down
        except OSError:
            return False
        finally:
            link.close()

    def run(self):
        while not self.stopping:
            # open before and after the other one was found open: both at that instant
            for one, other in (REGIONS, REGIONS[::-1]):
                if self.knock(one):
                    self.note(one, True)
                    if self.knock(other) and self.knock(one):
                        self.wrong = f"both gates were open at {time.monotonic():.3f}"
                else:
                    self.note(one, False)
                self.knocks_n += 1
            time.sleep(0.02)

    def note(self, region, is_open):
        if self.open[region] != is_open:
            self.changes.append((time.monotonic(), region, is_open))
        self.open[region] = is_open

    def stop(self):
        self.stopping = True
        if self.is_alive():
            self.join(5)
        for listener in self.listeners.values():
            listener.close()


class Fleet:
    """`engine`: embedded (one member) or etcd (three)."""
    count = 0

    def __init__(self, base, build, engine="embedded", numbers=CALM):
        Fleet.count += 1
        self.lease_ms, self.renew_ms, self.fence_ms, self.early_ms, self.wait_ms = numbers
        self.build, self.engine = build, engine
        self.directory = os.path.join(base, f"fleet{os.getpid()}-{Fleet.count}")
        os.makedirs(self.directory)
        os.chmod(base, 0o755)
        self.shim = os.path.join(build, "tests/crash/libfault_shim.so")
        tag = f"dc{os.getpid()}x{Fleet.count}"
        self.namespaces = {"all": tag, "east": tag + "e", "west": tag + "w"}
        self.members = ["m1"] if engine == "embedded" else ["m1", "m2", "m3"]
        self.etcd = self.gate = None
        self.programs = {}
        self.highest_epoch, self.behind = 0, {}

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def write(self, name, text, mode=0o644):
        path = self.path(name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        os.chmod(path, mode)
        return path

    # ---- files

    def keygen(self, kind, name):
        done = subprocess.run([self.drover_program(), "keygen", "--kind", kind, name, "--out",
                               self.path("keys")], capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise Wrong(f"keygen {name}: {done.stderr}")

    def public(self, name):
        with open(self.path("keys", name + ".pub"), encoding="utf-8") as file:
            return dict(re.findall(r'(\w+) = "([^"]*)"', file.read()))

    def keys_of(self, name):
        public = self.public(name)
        return " ".join(f'{key} = "{public[key]}";' for key in ("curve_key", "sign_key"))

    def drover_program(self):
        return os.path.join(self.build, "coordinator/cli/drover")

    def pins(self):
        members = ",\n  ".join(
            f'{{ name = "{m}"; agents_address = "tcp://127.0.0.1:{7401 + 10 * i}"; '
            f'operators_address = "tcp://127.0.0.1:{7402 + 10 * i}"; {self.keys_of(m)} }}'
            for i, m in enumerate(self.members))
        agents = []
        for i, region in enumerate(REGIONS):
            name = GUARDS[region]
            guard = self.public(name + "-guard")
            agents.append(f'{{ name = "{name}"; region = "{region}"; {self.keys_of(name)} gate = true; '
                          f'guard_key = "{guard.get("guard_key", guard.get("sign_key"))}"; '
                          f'peer_address = "tcp://127.0.0.1:{7501 + i}"; }}')
        return ('cluster = "crash";\ninitial_region = "east";\n'
                f'lease: {{ lease = {self.lease_ms}; renew = {self.renew_ms}; fence = {self.fence_ms}; '
                f'gate_early = {self.early_ms}; wait = {self.wait_ms}; promise = {self.wait_ms}; tick = 100; '
                'on_quorum_loss = "failsafe"; };\n'
                'regions: ({ name = "east"; kind = "data"; }, { name = "west"; kind = "data"; },\n'
                '  { name = "mon"; kind = "monitoring"; });\n'
                f"members: ({members});\nagents: ({', '.join(agents)});\n")

    def topology(self):
        def steps(region):
            return ",\n      ".join(
                f'{{ name = "{name}"; action = "exec"; agent = "{GUARDS[region]}"; timeout = "20s"; '
                f'retries = 9; {needs} args: {{ program = "mark"; }}; }}'
                for name, needs in zip(STEPS, ("", "", 'needs = ["first"];')))
        plans = ",\n  ".join(
            f'{{ name = "to-{region}"; kind = "switchover"; steps: (\n      {steps(region)}); }},\n'
            f'  {{ name = "marks-{region}"; kind = "reprotect"; steps: (\n      {steps(region)}); }}'
            for region in REGIONS)
        endpoints = ", ".join(f'{{ region = "{r}"; address = "127.0.0.1:{STORE}"; agents = ["{GUARDS[r]}"]; }}'
                              for r in REGIONS)
        return self.pins() + f'''document: {{ name = "crash"; version = "1"; date = "2026-01-25"; status = "active"; }};
policy: {{ automatic = false; hold_down = "1s"; settle = "1s"; silent = "2s"; block = "1s"; rearm_needed = false; }};
objectives: ({{ tier = 1; rto = "4h"; rpo = "1h"; }});
components: ({{ name = "store"; kind = "postgresql"; tier = 1; guarded = true; endpoints: ({endpoints}); }});
checks: (
  {{ name = "see-east"; kind = "tcp"; component = "store"; agent = "east-db1"; interval = "1s"; timeout = "900ms"; }},
  {{ name = "see-west"; kind = "tcp"; component = "store"; agent = "west-db1"; interval = "1s"; timeout = "900ms"; }});
plans: ({plans});
operators: ({{ name = "sre-1"; person = "P One"; role = "on-call-sre"; {self.keys_of("sre-1")} }});
'''

    def engine_text(self, member):
        if self.engine == "embedded":
            return 'engine: { kind = "embedded"; };\n'
        endpoints = ", ".join(f'"{e}"' for e in self.etcd.endpoints())
        c = self.etcd.certificates
        return (f'engine: {{ kind = "etcd"; endpoints = [{endpoints}]; ca = "{c.path("ca.crt")}"; '
                f'cert = "{c.path("client.crt")}"; key = "{c.path("client.key")}"; '
                'prefix = "/drover/crash/"; };\n')

    def program(self, name, namespace, argv, state):
        self.programs[name] = Program(self, name, self.namespaces[namespace], argv, self.path(state))

    def prepare(self):
        os.mkdir(self.path("keys"))
        os.mkdir(self.path("exec"))
        for m in self.members:
            self.keygen("member", m)
        for name in GUARDS.values():
            self.keygen("agent", name)
            self.keygen("guard", name + "-guard")
        self.keygen("operator", "sre-1")
        self.write("pins.conf", self.pins())
        self.write("topology.conf", self.topology())
        done = subprocess.run([self.drover_program(), "config", "check", self.path("topology.conf")],
                              capture_output=True, text=True, timeout=60)
        if done.returncode != 0:
            raise Wrong(f"the fleet's topology: {done.stdout}{done.stderr}")
        self.write("sre-1.conf", f'key = "{self.path("keys/sre-1.key")}";\n'
                                 f'pins = "{self.path("pins.conf")}";\ntimeout = "3s";\n')
        # one line for each run, and one write for each line: who runs twice is found
        self.write("exec/mark", '#!/bin/sh\necho "$DROVER_EXECUTION $DROVER_STEP" >> '
                                f'{self.path("marks")}\n[ ! -e {self.path("slow")} ] || sleep 0.3\n', 0o755)
        for m in self.members:
            self.write(f"{m}.conf", f'name = "{m}";\nkey = "{self.path("keys", m + ".key")}";\n'
                       f'state = "{self.path(m)}";\ntopology = "{self.path("topology.conf")}";\n'
                       f'snapshot_every = 200;\n{self.engine_text(m)}secrets: {{ }};\n')
            self.program(m, "all", [os.path.join(self.build, "coordinator/drover-coordinator"),
                                    "--config", self.path(f"{m}.conf")], m)
        for i, (region, name) in enumerate(GUARDS.items()):
            self.write(f"{name}-guard.conf", f'''name = "{name}"; key = "{self.path("keys", name)}-guard.key";
pins = "{self.path("pins.conf")}"; state = "{self.path(name + "-guard")}"; socket = "{self.path(name)}.sock";
gate: {{ ports = [{STORE}]; exempt_uids = [0]; }};
''')
            self.write(f"{name}.conf", f'''name = "{name}"; key = "{self.path("keys", name)}.key";
pins = "{self.path("pins.conf")}"; state = "{self.path(name)}"; guard_socket = "{self.path(name)}.sock";
peer_listen = "tcp://127.0.0.1:{7501 + i}"; exec_directory = "{self.path("exec")}"; allow = ["exec"]; workers = 4;
''')
            self.program(f"{name}-guard", region, [os.path.join(self.build, "agent/guard/drover-guard"),
                                                   "--config", self.path(f"{name}-guard.conf")],
                         f"{name}-guard")
            self.program(name, "all", [os.path.join(self.build, "agent/drover-agent"), "--config",
                                       self.path(f"{name}.conf")], name)

    # ---- life

    def __enter__(self):
        for name in self.namespaces.values():
            subprocess.run(["ip", "netns", "add", name], check=True, timeout=20)
            subprocess.run(["ip", "-n", name, "link", "set", "lo", "up"], check=True, timeout=20)
        try:
            if self.engine == "etcd":
                self.start_etcd()
            self.prepare()
            guards = [p for n, p in self.programs.items() if n.endswith("-guard")]
            for guard in guards:
                guard.start()
            for guard in guards:  # before a guard was ever there, nothing shuts its port
                until(START_S, lambda g=guard: "guard.started" in g.log(), f"{guard.name} starts")
            self.gate = Gate(self)
            self.gate.start()
            for program in self.programs.values():
                if program not in guards:
                    program.start()
            self.serving("east", START_S)
        except BaseException:
            self.__exit__()
            raise
        return self

    def start_etcd(self):
        import lab  # of tests/integration/engine
        netns = f"/run/netns/{self.namespaces['all']}"
        certificates = lab.Certificates(self.path("certificates"))
        os.mkdir(self.path("bin"))
        for name in ("etcd", "etcdctl"):  # in the fleet's namespace, by a program of the same name
            self.write(f"bin/{name}", f'#!/bin/sh\nexec nsenter --net={netns} /usr/bin/{name} "$@"\n', 0o755)
        os.environ["PATH"] = self.path("bin") + ":" + os.environ["PATH"]
        self.etcd = lab.Etcd(self.path("etcd"), certificates, n=1, ports=[2379, 2380],
                             more=["--unsafe-no-fsync"])
        self.etcd.start()
        self.etcd.wait()

    def __exit__(self, *_):
        for program in self.programs.values():
            program.control.clear()
            program.kill()
        if self.etcd is not None:
            self.etcd.stop()
        if self.gate is not None:
            self.gate.stop()
        for name in self.namespaces.values():
            subprocess.run(["ip", "netns", "del", name], capture_output=True, timeout=20)

    # ---- asking

    def drover(self, *argv, timeout=90, env=None):
        return subprocess.run(["nsenter", f"--net=/run/netns/{self.namespaces['all']}",
                               self.drover_program(), "--config", self.path("sre-1.conf"), *argv],
                              capture_output=True, text=True, timeout=timeout, env=env, input="")

    def ask(self, *argv):
        done = self.drover(*argv, "--json", "--timeout", "1s")
        try:
            return json.loads(done.stdout)
        except json.JSONDecodeError:
            return {}

    def status(self):
        """What the members say, when they do. An epoch that was told is never taken back."""
        status = self.ask("status")
        epoch = status.get("epoch", 0)
        if self.is_behind(status, "epoch", epoch and epoch < self.highest_epoch):
            raise Wrong(f"epoch {epoch} after epoch {self.highest_epoch} was told")
        self.highest_epoch = max(self.highest_epoch, epoch)
        self.check()
        return status

    def is_behind(self, answer, what, behind):
        """The only member answers with all that it knows, once it has caught up. One of three may be
        behind the others for a while: it is wrong when it stays so."""
        if not behind:
            self.behind.pop(what, None)
            return False
        if not answer.get("caught_up"):
            return False
        since = self.behind.setdefault(what, time.monotonic())
        return self.engine == "embedded" or time.monotonic() - since > 20

    def check(self):
        if self.gate is not None and self.gate.wrong:
            raise Wrong(self.gate.wrong)

    def serving(self, region, seconds):
        """That region holds the lease, and only its gate is open."""
        def holds():
            if not self.gate.open[region] or any(self.gate.open[r] for r in REGIONS if r != region):
                self.check()
                return False
            status = self.status()
            return status.get("owner") == region and status.get("open")
        try:
            return until(seconds, holds, f"{region} serves alone")
        except Wrong as error:
            raise Wrong(f"{error}; {json.dumps(self.status())[:1500]}\n{self.tails()}") from None

    def tails(self, bytes_n=700):
        return "\n".join(f"--- {name} (alive {p.alive()})\n{p.log()[-bytes_n:]}"
                         for name, p in self.programs.items())


def exit_text(process):
    code = process.returncode
    return signal.Signals(-code).name if code is not None and code < 0 else f"exit {code}"
