"""Members, agents and guards, started where they belong, with keys made on the spot."""

import dataclasses
import json
import os
import pwd
import re
import subprocess
import sys
import time

from lab import plan, postgres

sys.path.append(os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", ".."))
import notes  # noqa: E402

from . import topology

OPERATORS = {"sre-1": ("Amara Okafor", "on-call-sre"), "sre-2": ("Bengt Larsson", "on-call-sre"),
             "net-1": ("Chiara Neri", "network-admin"), "dev-1": ("Deniz Aydin", "developer"),
             "robot": ("Nightly automation", "automation")}
INSIDE_OPERATORS = {"dba-1": ("Eshe Mwangi", "database-admin")}  # approves where members change places


@dataclasses.dataclass
class Timing:
    """All in ms. The defaults are for tests: the same code, a shorter lease."""
    lease: int = 5000
    renew: int = 700
    fence: int = 1500
    gate_early: int = 500
    wait: int = 5210  # the least that the check accepts, by T (1+rho)/(1-rho) + tick, is 5202
    promise: int = 5210
    tick: int = 100
    hold_down: int = 2000
    settle: int = 4000
    silent: int = 2000
    block: int = 1000
    check: int = 1000
    check_timeout: int = 900
    automatic: bool = True
    on_quorum_loss: str = "failsafe"
    redis_lag: str = 'target_lag = "5m"; alert_lag = "5m";'
    announced: str = ""  # steps of the failover that the monitoring region's agent runs beside all others
    sessions: bool = False  # the fronts' HAProxy is looked at
    drill: str = ""  # steps of a drill
    inside: bool = False  # plans that stay inside a region, which then has two members of each store
    names_last: bool = False  # a name moves only when the application was seen to answer behind its load balancer


class FleetError(Exception):
    pass


class Fleet:
    def __init__(self, lab, build, timing=None, members=3, engine="etcd", snapshot_every=4000):
        self.lab, self.build, self.timing = lab, build, timing or Timing()
        self.agent_late_s = 0  # so long after a machine's boot its agent starts
        self.engine = engine
        self.first_wait = False  # members start without notes, as on a new machine
        self.snapshot_every = snapshot_every
        self.directory = f"{lab.run_dir}/drover"
        self.members = {f"m{n}": lab.hosts[f"watch-m{n}"] for n in range(1, members + 1)}
        self.guarded = [h.name for r in topology.DATA for h in self.databases(r)]
        self.agents = {name: lab.hosts[name] for name in self.guarded}
        self.agents["watch-eye"] = lab.hosts["watch-ns1"]
        self.operators = {**OPERATORS, **(INSIDE_OPERATORS if self.timing.inside else {})}
        self.processes = {}
        self._public, self._public_next = {}, {}

    # -- who and where

    def databases(self, region):
        return [h for h in self.lab.hosts.values() if h.region == region and h.role == "db"]

    def front(self, region):
        return self.lab.hosts[f"{region}-front"]

    def program(self, name):
        for place in ("coordinator", "coordinator/cli", "agent", "agent/guard", "tests/integration/adversary", "."):
            path = f"{self.build}/{place}/{name}"
            if os.path.isfile(path):
                return path
        raise FleetError(f"{name} is not built in {self.build}")

    def public(self, name):
        return self._public[name]

    def public_next(self, name):
        """While keys are exchanged; None otherwise."""
        return self._public_next.get(name)

    # -- files

    def _write(self, path, text, mode=0o644):
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as out:
            out.write(text)
        return path

    def _keygen(self, kind, name, place="keys"):
        keys = f"{self.directory}/{place}"
        os.makedirs(keys, mode=0o711, exist_ok=True)
        result = subprocess.run([self.program("drover"), "keygen", "--kind", kind, name, "--out", keys],
                                capture_output=True, text=True, timeout=30, check=False)
        if result.returncode != 0:
            raise FleetError(f"keygen {name}: {result.stderr or result.stdout}")
        with open(f"{keys}/{name}.pub", encoding="utf-8") as public:
            fields = dict(re.findall(r'(\w+)\s*=\s*"([0-9a-f]+)"', public.read()))
        # a guard's .pub names its key guard_key; everything else curve_key and sign_key
        fields.setdefault("sign_key", fields.get("guard_key", fields.get("sign_public", "")))
        fields.setdefault("curve_key", fields.get("curve_public", ""))
        if place == "keys":
            self._public[name] = fields
        return fields

    def _secrets(self):
        wanted = {"postgres": "pg-drover.password", "patroni": "patroni-rest.password", "redis": "redis.password",
                  "tsig": "tsig.secret"}
        rows = "".join(f'    {name} = "{self.lab.credential(place)}";\n' for name, place in wanted.items())
        return f"secrets: {{\n{rows}}};\n"

    def _soft_fence(self, host):
        rows = []
        region, peer = host.region, plan.other_region(host.region)
        for action, component, args in (("patroni_demote", "postgresql", topology.database_args),
                                        ("redis_demote", "redis", topology.redis_args)):
            mine, other = args(self, region), args(self, peer)
            mine.update({f"peer_{key}": value for key, value in other.items() if key.startswith(("front", "slot"))})
            text = " ".join(f'{key} = "{value}";' for key, value in mine.items() if not key.startswith("front"))
            rows.append(f'    {{ action = "{action}"; component = "{component}"; args: {{ {text} }}; }}')
        return "soft_fence: (\n" + ",\n".join(rows) + "\n);\n"

    def _agent_files(self, name, host):
        home = f"{self.directory}/{name}"
        os.makedirs(f"{home}/agent", exist_ok=True)
        text = (f'name = "{name}";\nkey = "{self.directory}/keys/{name}.key";\npins = "{self.directory}/pins.conf";\n'
                f'state = "{home}/agent";\nworkers = 8;\n{self._secrets()}')
        if name not in self.guarded:
            allowed = '"http_call"' if self.timing.announced else ""
            self._write(f"{home}/agent.conf", text + f"allow = [{allowed}];\n")
            return
        os.makedirs(f"{home}/guard", exist_ok=True)
        os.makedirs(f"{home}/boot", exist_ok=True)
        self.lab.patroni_after(name, f"{home}/boot/postgresql")
        text += (f'guard_socket = "{home}/g.sock";\nboot_directory = "{home}/boot";\npeer_listen = "tcp://{host.address}:7411";\n'
                 f'writable_listen = "{host.address}:7421";\n'
                 'allow = ["patroni_demote", "patroni_promote", "patroni_handoff", "pg_await_position", "redis_demote", '
                 '"redis_promote", "redis_handoff", "dns_update", "verify", "pg_rejoin", "patroni_switchover", "sentinel_failover"];\n')
        self._write(f"{home}/agent.conf", text + self._soft_fence(host))
        others = [h.address for h in self.databases(host.region) if h.name != name]
        sources = ", ".join(f'"{address}"' for address in others)
        uids = ", ".join(str(pwd.getpwnam(user).pw_uid) for user in ("root", "postgres", "redis"))
        self._write(f"{home}/guard.conf",
                    f'name = "{name}";\nkey = "{self.directory}/keys/{name}-guard.key";\n'
                    f'pins = "{self.directory}/pins.conf";\nstate = "{home}/guard";\nsocket = "{home}/g.sock";\n'
                    f"gate: {{ ports = [5432, 6379]; exempt_sources = [{sources}]; exempt_uids = [{uids}]; }};\n"
                    f'writers: ( {{ pidfile = "{postgres.data_directory(host)}/postmaster.pid"; }} );\n'
                    f'knock = ["{host.address}:5432", "{host.address}:6379"];\n')

    def _engine(self, home):
        if self.engine == "embedded":
            return f'engine: {{ kind = "embedded"; path = "{home}/log.db"; }};\n'
        endpoints = ", ".join(f'"https://{h.address}:2379"' for h in self.members.values())
        return (f'engine: {{ kind = "etcd"; endpoints = [{endpoints}]; ca = "{self.lab.credential("etcd-ca.pem")}"; '
                f'cert = "{self.lab.credential("etcd-client.pem")}"; '
                f'key = "{self.lab.credential("etcd-client-key.pem")}"; prefix = "/drover/lab/"; }};\n')

    def _identities(self):
        """Name and kind of everybody who has keys."""
        return ([(name, "member") for name in self.members] + [(name, "agent") for name in self.agents]
                + [(f"{name}-guard", "guard") for name in self.guarded] + [(name, "operator") for name in self.operators])

    def _write_topology(self):
        self._write(f"{self.directory}/pins.conf", topology.pins(self))
        self._write(f"{self.directory}/topology.conf", topology.text(self))

    def next_keys_make(self):
        """New keys of everybody in keys-next; the topology's files name both. Nobody uses them yet."""
        self._public_next = {name: self._keygen(kind, name, "keys-next") for name, kind in self._identities()}
        self._write_topology()

    def next_key_take(self, name):
        """Its new key file stands in the place of the old one, which is kept in keys-old."""
        os.makedirs(f"{self.directory}/keys-old", mode=0o711, exist_ok=True)
        for suffix in ("key", "pub"):
            os.rename(f"{self.directory}/keys/{name}.{suffix}", f"{self.directory}/keys-old/{name}.{suffix}")
            os.rename(f"{self.directory}/keys-next/{name}.{suffix}", f"{self.directory}/keys/{name}.{suffix}")

    def next_keys_only(self):
        """The topology's files name the new keys alone."""
        self._public, self._public_next = self._public_next, {}
        self._write_topology()

    def prepare(self):
        """Keys and files of everybody."""
        # A return that went its own way is then told by the timelines' histories, not by a time-out.
        self.lab.sql(f"{self.lab.options['primary']}-db1",
                     "GRANT EXECUTE ON FUNCTION pg_read_file(text, bigint, bigint, boolean) TO drover")
        for name, kind in self._identities():
            self._keygen(kind, name)
        self._write_topology()
        for name in self.members:
            home = f"{self.directory}/{name}"
            os.makedirs(home, exist_ok=True)
            if not self.first_wait:
                notes.begin(home)
            self._write(f"{home}/coordinator.conf",
                        f'name = "{name}";\nkey = "{self.directory}/keys/{name}.key";\nstate = "{home}";\n'
                        f'topology = "{self.directory}/topology.conf";\nsnapshot_every = {self.snapshot_every};\n'
                        f'recording_directory = "{home}/recording";\n'
                        f"{self._engine(home)}")
        for name, host in self.agents.items():
            self._agent_files(name, host)
        for name in self.operators:
            self._write(f"{self.directory}/{name}.conf",
                        f'key = "{self.directory}/keys/{name}.key";\npins = "{self.directory}/pins.conf";\ntimeout = "5s";\n')

    # -- processes

    def start_member(self, name):
        self.processes[name] = self.lab.spawn(
            self.members[name].name,
            [self.program("drover-coordinator"), "--config", f"{self.directory}/{name}/coordinator.conf"], name=f"drover-{name}")
        return self.processes[name]

    def start_guard(self, name):
        key = f"{name}/guard"
        self.processes[key] = self.lab.spawn(
            name, [self.program("drover-guard"), "--config", f"{self.directory}/{name}/guard.conf"], name="drover-guard")
        return self.processes[key]

    def data_directory(self, host):
        """As the region's endpoint has it, one path for all of its hosts: where there are two, each agent finds its own host's there."""
        if not self.timing.inside:
            return postgres.data_directory(host)
        place = f"{self.lab.run_dir}/data"
        os.makedirs(place, exist_ok=True)
        return place

    def start_agent(self, name, late_s=0):
        key = f"{name}/agent"
        argv = [self.program("drover-agent"), "--config", f"{self.directory}/{name}/agent.conf"]
        if self.timing.inside and name in self.guarded:
            host = self.agents[name]
            argv = ["unshare", "--mount", "/bin/sh", "-c", 'mount --bind "$0" "$1"; shift; exec "$@"',
                    postgres.data_directory(host), self.data_directory(host), *argv]
        if late_s:
            argv = ["/bin/sh", "-c", f'sleep {late_s}; exec "$@"', "sh", *argv]
        self.processes[key] = self.lab.spawn(self.agents[name].name, argv, name="drover-agent")
        return self.processes[key]

    def boot_host(self, _lab, host):
        """What systemd does: the guard before any store, which waits for its socket (gated.conf); the agent beside it."""
        if host.name in self.guarded:
            socket = f"{self.directory}/{host.name}/g.sock"
            if os.path.lexists(socket):
                os.unlink(socket)  # it is on /run
            self.start_guard(host.name)
            self.wait(lambda: os.path.exists(socket), 30, f"the guard of {host.name} serves")
            self.start_agent(host.name, self.agent_late_s)

    def start(self, wait=True):
        self.prepare()
        for name in self.members:
            self.start_member(name)
        for name in self.guarded:
            self.start_guard(name)
        for name in self.agents:
            self.start_agent(name)
        self.lab.boot_before.append(self.boot_host)
        for region in topology.DATA:
            self.lab.writable_check(region, [f"{h.address}:7421" for h in self.databases(region)])
        if wait:
            self.wait(lambda: self.serving("east"), 30, "east holds the lease")

    def process(self, name):
        return self.processes[name]

    def stop(self):
        for handle in self.processes.values():
            if handle.alive():
                handle.sigcont()
                handle.stop(timeout_s=5)

    # -- asking and telling

    def drover(self, *argv, who="sre-1", check=True, timeout=30):
        """Runs the command line on the outside client's host, as an operator at home would."""
        result = self.lab.run("watch-ns1", [self.program("drover"), "--config", f"{self.directory}/{who}.conf", *argv],
                              timeout=timeout, check=False)
        if check and result.returncode != 0:
            raise FleetError(f"drover {' '.join(argv)}: exit {result.returncode}: {result.stdout}{result.stderr}")
        return result

    def ask(self, *argv, who="sre-1", timeout=30):
        return json.loads(self.drover(*argv, "--json", who=who, timeout=timeout).stdout)

    def status(self):
        try:
            return self.ask("status")
        except (FleetError, json.JSONDecodeError, subprocess.TimeoutExpired):
            return {}

    def serving(self, region):
        status = self.status()
        return bool(status) and status.get("open") and status.get("owner") == region and self.leased(region)

    def leased(self, region):
        agents = self.ask("agents").get("agents", [])
        mine = [a for a in agents if a.get("name") in self.guarded and a.get("region") == region]
        return bool(mine) and all((a.get("guard") or {}).get("lease_left_ms", 0) > 0 for a in mine)

    @staticmethod
    def wait(condition, seconds, what):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            try:
                value = condition()
            except (FleetError, json.JSONDecodeError, KeyError):
                value = None
            if value:
                return value
            time.sleep(0.2)
        raise FleetError(f"not within {seconds} s: {what}")
