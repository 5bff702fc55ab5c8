"""The lab as a whole: up, down, the doors to every host, processes, cuts. power.py has what kills
and boots regions."""

import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time

from . import (
    base,
    bind,
    etcd,
    haproxy,
    judge,
    manual,
    net,
    plan,
    postgres,
    power,
    proc,
    redis,
    registry,
    state,
)
from .base import LabError
from .credentials import Credentials

PACKAGE_PARENT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TOOLS = (
    "ip",
    "nft",
    "nsenter",
    "setpriv",
    "openssl",
    "etcd",
    "etcdctl",
    "patroni",
    "redis-server",
    "redis-sentinel",
    "haproxy",
    "named",
    "nsupdate",
)


def _app_prepare(lab, host):
    pass


def _app_start(lab, host):
    argv = [
        sys.executable,
        "-m",
        "lab.app",
        "--region",
        host.region,
        "--credentials",
        lab.credentials.directory,
    ]
    return lab.spawn(host.name, argv, env=lab.python_env(), name="app")


# What a service needs on its host's disk before its first start, and how it is started.
SERVICES = {
    "etcd": (etcd.prepare, etcd.start),
    "redis": (redis.prepare, redis.start),
    "sentinel": (redis.sentinel_prepare, redis.sentinel_start),
    "patroni": (postgres.prepare, postgres.start),
    "haproxy": (haproxy.prepare, haproxy.start),
    "app": (_app_prepare, _app_start),
    "named": (bind.prepare, bind.start),
    "resolver": (bind.resolver_prepare, bind.resolver_start),
}


class Lab:
    """See README.md. As a context manager it comes up on entering and goes down on leaving."""

    def __init__(
        self, run_dir=None, small=False, dns_ttl=60, members=3, primary="east", keep=False, say=None
    ):
        if members not in (1, 3, 5):
            raise LabError(f"members is {members}, expected 1, 3 or 5")
        if primary not in plan.DATA_REGIONS:
            raise LabError(
                f"primary is {primary!r}, expected one of {', '.join(plan.DATA_REGIONS)}"
            )
        self.options = {"small": small, "dns_ttl": dns_ttl, "members": members, "primary": primary}
        self.run_dir = os.path.abspath(run_dir) if run_dir else None
        self.keep = keep  # True: a failed up() is left for a look; down() leaves the run directory
        self.say = say or (lambda text: None)  # told in words how far up() is
        self.boot_before = []  # callables (lab, host), run for each booting host before its services
        self.owner = None  # the pid whose death makes this lab an orphan (see registry.py)
        self.prefix = None
        self.hosts = {}
        self.handles = {}

    @classmethod
    def attach(cls, run_dir):
        """The lab that is up in run_dir, from any process."""
        values = state.State(os.path.abspath(run_dir)).load()
        lab = cls(
            run_dir,
            **{key: values["options"][key] for key in ("small", "dns_ttl", "members", "primary")},
        )
        lab.options = values["options"]
        lab._place(values["prefix"])
        return lab

    def __enter__(self):
        self.owner = os.getpid()
        self.up()
        return self

    def __exit__(self, *_):
        self.down()

    def _place(self, prefix):
        self.prefix = prefix
        self.state = state.State(self.run_dir)
        self.credentials = Credentials(self.run_dir)
        self.hosts = plan.hosts(
            prefix, self.run_dir, self.options["small"], self.options["members"]
        )

    # -- up and down -------------------------------------------------------------------------------

    def up(self):
        """Brings everything up and returns when both stores replicate and the app answers; on
        failure takes it down."""
        net.require_namespaces()
        missing = [tool for tool in TOOLS if shutil.which(tool, path=proc.PATH) is None]
        if missing:
            raise LabError(f"not installed: {', '.join(missing)}")
        postgres.require()
        self._make_run_dir()
        try:
            self.say("namespaces, links, credentials")
            net.make_wan(self.prefix)
            net.make_hosts(self.prefix, self.hosts.values())
            self.credentials.create([h for h in self.hosts.values() if h.role == "member"])
            power.first_boot(self)
        except BaseException:
            self._say_logs()
            if not self.keep:
                self.down()
            raise
        return self

    def _make_run_dir(self):
        if self.run_dir is None:
            self.run_dir = tempfile.mkdtemp(prefix="drover-lab-")
        if os.path.exists(os.path.join(self.run_dir, "lab.json")):
            raise LabError(f"a lab is up in {self.run_dir}: take it down first")
        if os.path.exists(self.run_dir) and os.listdir(self.run_dir):
            # down() removes the whole directory: it must never be one that holds anything else.
            raise LabError(f"{self.run_dir} is not empty; the run directory must be new or empty")
        base.make_directory(self.run_dir, 0o711)
        self._place(net.new_prefix())
        self.state.create({"prefix": self.prefix, "options": self.options})
        registry.add(self.prefix, self.run_dir, self.owner)
        for name in ("logs", "hosts", "s"):
            base.make_directory(f"{self.run_dir}/{name}", 0o755)
        for host in self.hosts.values():
            haproxy.require_socket_length(host)
            base.make_directory(host.directory, 0o755)
        readable = subprocess.run(
            [
                "setpriv",
                f"--reuid={proc.owner_ids('postgres')[0]}",
                "--clear-groups",
                "ls",
                f"{self.run_dir}/hosts",
            ],
            capture_output=True,
            check=False,
        )
        if readable.returncode != 0:
            self.down()
            raise LabError(
                f"{self.run_dir} cannot be reached by other users: its parents need x for all"
            )

    def _say_logs(self):
        """The last words of every server, for a lab that did not come up."""
        for name in sorted(os.listdir(f"{self.run_dir}/logs")):
            text = base.tail(f"{self.run_dir}/logs/{name}", 6)
            if text:
                print(f"--- {name}\n{text}", file=sys.stderr)

    def down(self):
        """Removes everything: processes, System V segments, namespaces, the run directory (unless
        keep)."""
        if self.prefix is None:
            return
        names = net.namespaces(self.prefix)
        net.kill_all(names, signal.SIGKILL)
        for handle in self.handles.values():
            if handle.popen is not None:
                handle.popen.wait()
        for host in self.hosts.values():
            segment = postgres.segment(host) if host.role == "db" else None
            if segment is not None:
                subprocess.run(["ipcrm", "-m", str(segment)], capture_output=True, check=False)
        net.drop_all(self.prefix)
        net.unmount_below(self.run_dir)
        if not self.keep:
            shutil.rmtree(self.run_dir)
        else:
            os.rename(self.state.path, self.state.path + ".down")
        registry.remove(self.prefix)
        self.prefix = None

    def reap(self):
        """Collects the exit codes of children that were killed, so that no zombie stays while this
        process lives."""
        for handle in self.handles.values():
            if handle.popen is not None:
                handle.popen.poll()

    # -- doors -------------------------------------------------------------------------------------

    def host(self, name):
        if name not in self.hosts:
            raise LabError(f"no host {name!r}; there are: {', '.join(self.hosts)}")
        return self.hosts[name]

    def region_hosts(self, region):
        return [host for host in self.hosts.values() if host.region == region]

    def region_dbs(self, region):
        return [host for host in self.region_hosts(region) if host.role == "db"]

    def secret(self, name):
        return self.credentials.text(name)

    def credential(self, name):
        return self.credentials.path(name)

    def inside(self, host_name):
        return net.inside(self.host(host_name).namespace)

    def run(
        self, host_name, argv, env=None, text=None, timeout=30.0, check=True, user=None, cwd=None
    ):
        return proc.run(self.host(host_name), argv, env, text, timeout, check, user, cwd)

    def sql(
        self, host_name, statement, arguments=None, user="postgres", db=plan.SCOPE, timeout_s=10
    ):
        return postgres.sql(
            self, self.host(host_name).name, statement, arguments, user, db, timeout_s
        )

    def patroni(self, host_name, method, path, body=None, timeout_s=5.0):
        return postgres.rest(self, self.host(host_name).name, method, path, body, timeout_s)

    def redis(self, host_name, *words, timeout_s=3.0):
        return redis.call(self, self.host(host_name).name, *words, timeout_s=timeout_s)

    def sentinel(self, host_name, *words, timeout_s=3.0):
        return redis.call(
            self, self.host(host_name).name, *words, port=plan.SENTINEL_PORT, timeout_s=timeout_s
        )

    def etcdctl(self, host_name, *arguments, timeout_s=10.0, check=True):
        return etcd.ctl(
            self, self.host(host_name).name, *arguments, timeout_s=timeout_s, check=check
        )

    def lookup(self, name, kind="A"):
        return bind.lookup(self, name, kind)

    def resolve(self, name, kind="A"):
        return bind.lookup(self, name, kind, bind.RESOLVER)

    def dns_update(self, lines):
        """Lines of nsupdate, signed with the lab's key."""
        return bind.update(self, lines)

    def http(self, host_name, address, path, port=plan.FRONT_WEB_PORT, timeout_s=3.0):
        """(status, text) of a GET that the host sends."""
        return manual.http_get(self, host_name, address, path, port, timeout_s)

    # -- processes ---------------------------------------------------------------------------------

    def python_env(self):
        return {
            "PYTHONPATH": PACKAGE_PARENT,
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
        }

    def spawn(
        self,
        host_name,
        argv,
        env=None,
        name="process",
        user=None,
        cwd=None,
        instrument=False,
        boot=False,
        ready_path=None,
    ):
        """Starts a process on a host; its output is appended to RUN/logs/<host>-<name>.log.

        boot: it is enabled, as a unit is: every later poweron() starts it again before the host's
        services, and waits up to 10 s for ready_path (a socket, say) to appear, which is removed
        first. Enabled ones start in the order given.
        """
        host = self.host(host_name)
        log = f"{self.run_dir}/logs/{host.name}-{name}.log"
        handle = proc.spawn(host, argv, log, env, name, user, cwd, instrument)
        with self.state.edit() as values:
            if boot:
                unit = {
                    "host": host.name,
                    "argv": list(argv),
                    "env": env,
                    "name": name,
                    "user": user,
                    "cwd": cwd,
                    "ready_path": ready_path,
                }
                values["boot"] = [
                    u for u in values["boot"] if (u["host"], u["name"]) != (host.name, name)
                ] + [unit]
            values["processes"] = [
                p
                for p in values["processes"]
                if (p["host"], p["name"]) != (host.name, name)
                or proc.start_stamp(p["pid"]) == p["stamp"]
            ]
            values["processes"].append(handle.record())
        self.handles[handle.pid] = handle
        return handle

    def _handle(self, record):
        known = self.handles.get(record["pid"])
        if known is not None and known.stamp == record["stamp"]:
            return known
        return proc.Process(**record)

    def processes(self, host_name=None):
        """Handles of all started processes that are alive."""
        handles = [self._handle(record) for record in self.state.load()["processes"]]
        return [h for h in handles if (host_name is None or h.host == host_name) and h.alive()]

    def disable(self, host_name, name):
        """Takes back spawn's boot=True."""
        with self.state.edit() as values:
            values["boot"] = [
                u for u in values["boot"] if (u["host"], u["name"]) != (host_name, name)
            ]

    def process(self, host_name, name):
        """The youngest living process of that name on the host, or None."""
        found = [h for h in self.processes(self.host(host_name).name) if h.name == name]
        return found[-1] if found else None

    def postmaster(self, host_name):
        host = self.host(host_name)
        pid = postgres.postmaster_pid(host)
        stamp = proc.start_stamp(pid) if pid else None
        if stamp is None:
            return None
        return proc.Process(
            host.name, "postmaster", pid, stamp, f"{self.run_dir}/logs/{host.name}-patroni.log"
        )

    def service_start(self, host_name, name):
        host = self.host(host_name)
        if name not in host.services:
            raise LabError(
                f"{host.name} has no service {name!r}; it has: {', '.join(host.services)}"
            )
        if self.process(host.name, name) is not None:
            raise LabError(f"{name} runs on {host.name} already")
        return SERVICES[name][1](self, host)

    def service_stop(self, host_name, name, sig=signal.SIGTERM, timeout_s=15.0):
        handle = self.process(host_name, name)
        if handle is None:
            raise LabError(f"{name} does not run on {host_name}")
        return handle.stop(timeout_s, sig)

    def patroni_after(self, host_name, path):
        """From now on a boot of the host starts Patroni only when path is there, as a unit's
        ExecStartPre would have it; the boot itself removes it, as a file on /run."""
        with self.state.edit() as values:
            values["start_after"][f"{self.host(host_name).name} patroni"] = path

    # -- cuts and power ----------------------------------------------------------------------------

    def cut(self, a, b, oneway=False):
        """Silence between two regions or hosts; oneway: only packets from a to b are dropped."""
        power.cut(self, a, b, oneway)

    def heal(self, a=None, b=None):
        power.heal(self, a, b)

    def isolate(self, region):
        """Cuts a region off from everything outside it; inside it everything goes on."""
        power.isolate(self, region)

    def rejoin(self, region):
        power.rejoin(self, region)

    def poweroff(self, name):
        """A region or one host: its links first (silence), then SIGKILL, then the kernel's own
        state."""
        power.poweroff(self, name)

    def poweron(self, name, wait=False, services=None):
        """Boots it with its old disks; services: only these (None: all). wait: until its stores
        answer."""
        power.poweron(self, name, wait, services)

    def writable_check(self, region, addresses, path="/writable"):
        """The region's front opens its store ports only while one of the addresses answers 200 ([]:
        always)."""
        self.options.setdefault("writable_check", {})[region] = {
            "addresses": list(addresses),
            "path": path,
        }
        with self.state.edit() as values:
            values["options"] = self.options
        host = self.host(f"{region}-front")
        haproxy.prepare(self, host)
        if self.process(host.name, "haproxy") is not None:
            self.service_stop(host.name, "haproxy")
            self.service_start(host.name, "haproxy")
            base.until(
                f"HAProxy on {host.name} is back",
                lambda: haproxy.command(self, host.name, "show info"),
                10,
                0.02,
            )

    # -- the judge ---------------------------------------------------------------------------------

    def _fresh_log(self, name):
        """The path for a new log of the judge; one that is there is kept under a number, which the
        judge ignores."""
        path = f"{self.run_dir}/logs/{name}.jsonl"
        if os.path.exists(path):
            number = 1
            while os.path.exists(f"{path}.{number}"):
                number += 1
            os.rename(path, f"{path}.{number}")
        return path

    def writer_start(self, rate_hz=10, timeout_s=1.0, name="writer"):
        argv = [
            sys.executable,
            "-m",
            "lab.writer",
            "--log",
            self._fresh_log(name),
            "--rate-hz",
            str(rate_hz),
            "--timeout-s",
            str(timeout_s),
        ]
        return self.spawn("client", argv, env=self.python_env(), name=name, instrument=True)

    def writer_stop(self, writer=None):
        (writer or self.process("client", "writer")).stop(10)

    def probers_start(self, rate_hz=20, timeout_s=0.5, vantages=("outside", "east", "west")):
        """One prober outside for all stores, one neighbour in each region for that region's own."""
        return [self._prober_start(vantage, rate_hz, timeout_s) for vantage in vantages]

    def _prober_start(self, vantage, rate_hz, timeout_s):
        host_name = "client" if vantage == "outside" else f"{vantage}-near"
        argv = [
            sys.executable,
            "-m",
            "lab.prober",
            "--vantage",
            vantage,
            "--rate-hz",
            str(rate_hz),
            "--timeout-s",
            str(timeout_s),
            "--credentials",
            self.credentials.directory,
            "--log",
            self._fresh_log(f"prober-{vantage}"),
        ]
        for region in plan.DATA_REGIONS:
            if vantage in ("outside", region):
                for host in self.region_dbs(region):
                    for store in ("postgres", "redis"):
                        argv += ["--target", f"{host.name},{region},{store},{host.address}"]
        return self.spawn(
            host_name, argv, env=self.python_env(), name=f"prober-{vantage}", instrument=True
        )

    def probers_stop(self, probers=None):
        for prober in probers or [h for h in self.processes() if h.name.startswith("prober-")]:
            prober.stop(5)

    def serving(self):
        """The host whose PostgreSQL is not in recovery; LabError unless there is exactly one."""
        found = []
        for region in plan.DATA_REGIONS:
            for host in self.region_dbs(region):
                try:
                    if postgres.writable(self, host.name):
                        found.append(host.name)
                except (OSError, LabError, postgres.psycopg2.Error):
                    pass
        if len(found) != 1:
            raise LabError(f"expected one writable PostgreSQL, found: {', '.join(found) or 'none'}")
        return found[0]

    def logs_of_judge(self):
        """(lines of the writer, lines of all probers)"""
        folder = f"{self.run_dir}/logs"
        names = sorted(n for n in os.listdir(folder) if n.endswith(".jsonl"))

        def lines(kind):
            named = [n for n in names if n.startswith(kind)]
            return [line for n in named for line in judge.read_lines(f"{folder}/{n}")]

        return lines("writer"), lines("prober")

    def judge(self, host_name=None):
        """The report; rows are read from host_name, or from the one PostgreSQL that takes
        writes."""
        host_name = host_name or self.serving()
        writes, probes = self.logs_of_judge()
        names = [line["writer"] for line in writes if "writer" in line]
        if len(names) > 1:
            raise LabError(f"{len(names)} writers ran at once; numbers of two cannot be told apart")
        rows = self.sql(host_name, "SELECT id FROM ledger WHERE writer = ANY(%s)", (names,))
        probes = judge.with_rows(probes, self._probe_rows(probes))
        return judge.report(writes, probes, [row[0] for row in rows])

    def _probe_rows(self, probes):
        """(vantage, target, id) of every probe's row that any PostgreSQL which answers still has.

        It settles what became of writes whose answer never came. Rows that a rewind took are gone.
        """
        vantages = {line["prober"]: line["vantage"] for line in probes if "prober" in line}
        ids = sorted({line["id"] for line in probes if line.get("unknown")})
        found = set()
        for host in self.hosts.values() if ids else ():
            if host.role == "db":
                try:
                    found.update(
                        self.sql(
                            host.name,
                            "SELECT prober, target, id FROM probe"
                            " WHERE prober = ANY(%s) AND id = ANY(%s)",
                            (list(vantages), ids),
                            timeout_s=3,
                        )
                    )
                except (OSError, LabError, postgres.psycopg2.Error):
                    pass  # dead, or fenced
        return {(vantages[prober], target, number) for prober, target, number in found}

    @staticmethod
    def judge_text(report):
        return judge.render(report)

    def status(self):
        """A plain value for people and scripts."""
        values = self.state.load()
        hosts = {}
        for host in self.hosts.values():
            alive = {h.name: h.pid for h in self.processes(host.name)}
            hosts[host.name] = {
                "address": host.address,
                "processes": alive,
                "missing": [s for s in host.services if s not in alive],
            }
        return {
            "run_dir": self.run_dir,
            "prefix": self.prefix,
            "options": values["options"],
            "cuts": values["cuts"],
            "isolated": values["isolated"],
            "off": values["off"],
            "hosts": hosts,
            "time": time.time(),
        }
