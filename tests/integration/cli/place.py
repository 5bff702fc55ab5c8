"""One real member with the embedded engine on loopback, its operators' keys and files, no agents."""
import json
import os
import pty
import re
import select
import socket
import subprocess
import time

ROLES = {"sre-1": "on-call-sre", "cmd-1": "dr-commander", "dev-1": "developer", "net-1": "network-admin",
         "auto-1": "automation"}
# What the steps' actions take: agents of this room never run them, but a topology is refused without.
PG = 'pg_ctl = "/usr/lib/postgresql/15/bin/pg_ctl"; data_directory = "/var/lib/postgresql/15/main";'
WEB = 'args: { url = "http://127.0.0.1:1/"; };'


class Failure(Exception):
    """What was expected did not hold."""


def expect(holds, what):
    if not holds:
        raise Failure(what)


def free_ports(number):
    sockets = [socket.socket() for _ in range(number)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Place:
    def __init__(self, directory, build):
        self.directory = directory
        self.drover_program = os.path.join(build, "coordinator", "cli", "drover")
        self.member_program = os.path.join(build, "coordinator", "drover-coordinator")
        self.agents_port, self.operators_port = free_ports(2)
        self.member = None
        for name in ("keys", "state"):
            os.mkdir(self.path(name))
        self.make_keys()
        self.write("topology.conf", self.topology())
        self.write("pins.conf", self.pins())
        for who in list(ROLES) + ["stranger"]:
            self.write(f"{who}.conf", f'key = "{self.path("keys", who + ".key")}";\n'
                                      f'pins = "{self.path("pins.conf")}";\ntimeout = "3s";\n')
        self.write("m1.conf", f'name = "m1";\nkey = "{self.path("keys", "m1.key")}";\n'
                              f'state = "{self.path("state")}";\ntopology = "{self.path("topology.conf")}";\n'
                              f'recording_directory = "{self.path("recording")}";\n'
                              'engine: { kind = "embedded"; };\nsecrets: { };\n')

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def write(self, name, text):
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def make_keys(self):
        kinds = {"m1": "member", "east-db1": "agent", "west-db1": "agent", "mon1": "agent"}
        kinds.update({who: "operator" for who in list(ROLES) + ["stranger"]})
        for name, kind in kinds.items():
            made = self.drover("keygen", "--kind", kind, name, "--out", self.path("keys"), who=None)
            expect(made.returncode == 0, f"keygen {name}: {made.stderr}")
        for name in ("east-db1", "west-db1"):
            os.mkdir(self.path("keys", name))
            made = self.drover("keygen", "--kind", "guard", name, "--out", self.path("keys", name), who=None)
            expect(made.returncode == 0, f"keygen guard {name}: {made.stderr}")

    def public(self, *parts):
        with open(self.path("keys", *parts), encoding="utf-8") as file:
            return dict(re.findall(r'(\w+) = "([^"]*)"', file.read()))

    def keys_of(self, name):
        public = self.public(name + ".pub")
        values = list(public.items())
        return "; ".join(f'{key} = "{value}"' for key, value in values if key in ("curve_key", "sign_key")) + ";"

    def guard_key(self, name):
        public = self.public(name, name + ".pub")
        return public.get("guard_key") or public.get("sign_key")

    def pins(self):
        return ('cluster = "bud";\n'
                'regions: ({ name = "east"; kind = "data"; }, { name = "west"; kind = "data"; },\n'
                '  { name = "mon"; kind = "monitoring"; });\n'
                f'members: ({{ name = "m1"; agents_address = "tcp://127.0.0.1:{self.agents_port}";\n'
                f'  operators_address = "tcp://127.0.0.1:{self.operators_port}"; {self.keys_of("m1")} }});\n')

    def agent(self, name, region, gate):
        guard = f' gate = true; guard_key = "{self.guard_key(name)}";' if gate else ""
        return f'{{ name = "{name}"; region = "{region}"; {self.keys_of(name)}{guard} }}'

    def topology(self):
        operators = ",\n  ".join(f'{{ name = "{who}"; person = "P {who}"; role = "{role}"; {self.keys_of(who)} }}'
                                 for who, role in ROLES.items())
        agents = ",\n  ".join([self.agent("east-db1", "east", True), self.agent("west-db1", "west", True),
                               self.agent("mon1", "mon", False)])
        return self.pins() + f'''initial_region = "east";
document: {{ name = "Bud DR"; version = "1.0"; date = "2026-01-25"; status = "active"; }};
lease: {{ lease = "6s"; renew = "1s"; fence = "2s"; }};
policy: {{ automatic = true; hold_down = "3s"; settle = "5s"; silent = "3s"; }};
objectives: ({{ tier = 1; rto = "4h"; rpo = "1h"; }}, {{ tier = 2; rto = "8h"; rpo = "4h"; }});
agents: (
  {agents});
components: (
  {{ name = "pg"; kind = "postgresql"; tier = 1; guarded = true; endpoints: (
      {{ region = "east"; address = "127.0.0.1:5432"; agents = ["east-db1"];
        args: {{ patroni_urls = "http://127.0.0.1:8008"; pg_addresses = "127.0.0.1:5432";
          front_host = "127.0.0.1"; front_port = 5000; slot_name = "region_east"; {PG} }}; }},
      {{ region = "west"; address = "127.0.0.1:5433"; agents = ["west-db1"];
        args: {{ patroni_urls = "http://127.0.0.1:8009"; pg_addresses = "127.0.0.1:5433";
          front_host = "127.0.0.1"; front_port = 5001; slot_name = "region_west"; {PG} }}; }}); }},
  {{ name = "app"; kind = "http"; tier = 2; needs = ["pg"]; endpoints: (
      {{ region = "east"; agents = ["east-db1"]; {WEB} }}, {{ region = "west"; agents = ["west-db1"]; {WEB} }}); }});
links: ({{ name = "pg-stream"; kind = "stream"; component = "pg"; target_lag = "1m"; alert_lag = "1m";
  rpo = "1h"; }});
checks: (
  {{ name = "pg-east"; kind = "postgresql"; component = "pg"; agent = "east-db1"; vital = true; }},
  {{ name = "pg-west"; kind = "postgresql"; component = "pg"; agent = "west-db1"; vital = true; }},
  {{ name = "pg-lag"; kind = "pg_replication"; component = "pg"; agent = "west-db1"; link = "pg-stream";
    interval = "1s"; timeout = "1s"; }},
  {{ name = "out-east"; kind = "tcp"; component = "pg"; region = "east"; outside = true; vital = true; }},
  {{ name = "out-west"; kind = "tcp"; component = "pg"; region = "west"; outside = true; vital = true; }});
plans: (
  {{ name = "failover"; kind = "failover"; steps: (
      {{ name = "promote"; action = "patroni_promote"; component = "pg"; timeout = "30s";
        intent = "PostgreSQL takes writes in the target"; }},
      {{ name = "check"; action = "verify"; component = "app"; needs = ["promote"]; timeout = "20s"; }}); }},
  {{ name = "switchover"; kind = "switchover"; steps: (
      {{ name = "handoff"; action = "patroni_handoff"; component = "pg"; at = "source"; before_fence = true; }},
      {{ name = "sign-off"; action = "approval"; approval = "network-admin"; before_fence = true; at = "source"; }},
      {{ name = "call"; action = "manual"; approval = "network-admin"; before_fence = true; at = "source";
        args: {{ instructions = "Call the provider and have rack 4 switched off"; }}; }},
      {{ name = "promote"; action = "patroni_promote"; component = "pg"; }}); }});
operators: (
  {operators});
'''

    # -- the member

    def start(self):
        self.log = open(self.path("m1.log"), "ab")  # pylint: disable=consider-using-with
        self.member = subprocess.Popen([self.member_program, "--config", self.path("m1.conf")],
                                       stderr=self.log, stdout=self.log)
        self.wait(lambda: self.ask("status").get("phase") == "serving", 15, "the member opens its first epoch")

    def stop(self, kill=False):
        if self.member is not None and self.member.poll() is None:
            if kill:
                self.member.kill()
            else:
                self.member.terminate()
            code = self.member.wait(10)
            expect(kill or code == 0, f"the member stopped with {code}: {self.log_text()[-2000:]}")
        self.member = None
        self.log.close()
        expect("Sanitizer" not in self.log_text(), "a sanitizer spoke")

    def log_text(self):
        with open(self.path("m1.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    # -- the command line

    def drover(self, *argv, who="sre-1", env=None, text=None, timeout=40):
        config = ["--config", self.path(f"{who}.conf")] if who else []
        merged = {k: v for k, v in os.environ.items() if not k.startswith("DROVER")}
        merged.update(env or {})
        return subprocess.run([self.drover_program, *config, *argv], capture_output=True, text=True, env=merged,
                              timeout=timeout, check=False, input=text if text is not None else "")

    def ask(self, *argv, who="sre-1"):
        result = self.drover(*argv, "--json", who=who)
        try:
            return json.loads(result.stdout)
        except json.JSONDecodeError:
            return {}

    def at_terminal(self, *argv, typed="", who="sre-1", seconds=20):
        """Runs it on a terminal of its own; answers once it asks. Returns (exit code, what was shown)."""
        pid, terminal = pty.fork()
        if pid == 0:
            os.environ.pop("NO_COLOR", None)
            os.environ["TERM"] = "xterm"
            os.execv(self.drover_program, [self.drover_program, "--config", self.path(f"{who}.conf"), *argv])
        shown, told, deadline = b"", False, time.monotonic() + seconds
        while time.monotonic() < deadline:
            if select.select([terminal], [], [], 0.2)[0]:
                try:
                    piece = os.read(terminal, 65536)
                except OSError:
                    break
                if not piece:
                    break
                shown += piece
            if not told and typed and b"Type" in shown and shown.rstrip().endswith(b">"):
                os.write(terminal, typed.encode() + b"\n")
                told = True
        else:
            os.kill(pid, 9)
        _, status = os.waitpid(pid, 0)
        os.close(terminal)
        return os.waitstatus_to_exitcode(status), shown.decode("utf-8", "replace")

    @staticmethod
    def wait(condition, seconds, what):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            value = condition()
            if value:
                return value
            time.sleep(0.1)
        raise Failure(f"not within {seconds} s: {what}")
