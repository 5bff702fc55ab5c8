"""One real fleet whose topology declares readiness, and the questions to it."""

import json
import os
import re
import shlex
import shutil
import subprocess
import time

from e2e.world import World
from fleet import Fleet, topology
from fleet.fleet import FleetError
from lab import plan, postgres
from lab.days import today

HEAL = "nft delete table inet cut"
PATIENCE_S = 90  # for a state that must come; a loaded machine has time for its checks, renewals and retries


class Failure(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failure(what)


class ReadyFleet(Fleet):
    """The lab's fleet and besides: secrets of its own, so that one can be spoilt without the others; a disk; a certificate."""

    def __init__(self, *args, **options):
        super().__init__(*args, **options)
        self.place = f"{self.directory}/ready"
        os.makedirs(self.place, mode=0o755, exist_ok=True)
        for name, source in (("tsig", "tsig.secret"), ("redis", "redis.password"), ("patroni", "patroni-rest.password"),
                             ("pg", "pg-drover.password")):
            for kind in ("good", "used"):
                shutil.copy(self.lab.credential(source), f"{self.place}/{name}.{kind}")
                os.chmod(f"{self.place}/{name}.{kind}", 0o600)
        # Users of their own, so that their passwords can be exchanged without the others'.
        self.lab.sql("east-db1", f"CREATE ROLE ready LOGIN IN ROLE pg_monitor PASSWORD '{self.lab.secret('pg-drover.password')}'")
        self.lab.redis("west-db1", "ACL", "SETUSER", "ready", "on", f">{self.lab.secret('redis.password')}", "~*", "+@all")
        self.certificate("good", 90)
        self.certificate("expired", -1)
        shutil.copy(f"{self.place}/good.crt", f"{self.place}/used.crt")
        self.backups = f"{self.place}/backups"
        os.makedirs(self.backups, mode=0o755, exist_ok=True)
        for days_ago in range(4):
            self.back_up(days_ago)
        self.disk, self.east_disk = f"{self.place}/disk", f"{self.place}/east-disk"
        for disk in (self.disk, self.east_disk):
            os.makedirs(disk, exist_ok=True)
            subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "drover-readiness", disk], check=True)

    def back_up(self, days_ago):
        """The full backup of that day, as a file whose name says so."""
        path = f"{self.backups}/full-{today(days_ago)}.tar"
        with open(path, "wb") as out:
            out.write(b"backup" * 1000)
        return path

    def stop(self):
        super().stop()
        for disk in (self.disk, self.east_disk):
            subprocess.run(["umount", "-l", disk], check=False)

    def certificate(self, name, days):
        """Valid from 30 days ago until so many days from now."""
        base = f"{self.place}/{name}"
        when = [time.strftime("%Y%m%d%H%M%SZ", time.gmtime(time.time() + d * 86400)) for d in (-30, days)]
        with open(f"{base}.cnf", "w", encoding="utf-8") as out:
            out.write("[req]\ndistinguished_name=d\n[d]\n[ca]\ndefault_ca=c\n[c]\n"
                      f"database={base}.idx\nserial={base}.srl\nnew_certs_dir={self.place}\ndefault_md=sha256\npolicy=p\n"
                      "[p]\ncommonName=supplied\n")
        for suffix, text in (("idx", ""), ("srl", "01\n")):
            with open(f"{base}.{suffix}", "w", encoding="utf-8") as out:
                out.write(text)
        for argv in (["req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", f"{base}.key", "-out", f"{base}.csr",
                      "-subj", "/CN=west", "-config", f"{base}.cnf"],
                     ["ca", "-batch", "-notext", "-selfsign", "-config", f"{base}.cnf", "-keyfile", f"{base}.key",
                      "-in", f"{base}.csr", "-out", f"{base}.crt", "-startdate", when[0], "-enddate", when[1]]):
            subprocess.run(["openssl", *argv], check=True, capture_output=True)

    def _secrets(self):
        rows = "".join(f'    {name}_ready = "{self.place}/{name}.used";\n' for name in ("tsig", "redis", "patroni", "pg"))
        return super()._secrets().replace("};\n", f"{rows}}};\n")

    # -- the topology

    def checks(self):
        west = self.databases("west")[0]
        ns1 = self.lab.hosts["watch-ns1"].address
        pace = 'agent = "west-db1"; interval = 1000; timeout = 900; failures = 2; passes = 1; ready = '
        resume = f"patronictl -c {postgres.configuration_path(west)} resume"
        return [
            f'{{ name = "west-stream"; kind = "pg_replication"; component = "postgresql"; link = "postgresql"; {pace} true; '
            f'fix = "{HEAL}"; args: {{ address = "{west.address}:5432"; user = "drover"; password_ref = "postgres"; '
            f'database = "{plan.SCOPE}"; }}; }}',
            f'{{ name = "west-members"; kind = "patroni"; component = "postgresql"; {pace} "blocker"; fix = "{resume}"; '
            f'args: {{ url = "http://{west.address}:8008"; members = 1; expect_role = "standby"; }}; }}',
            f'{{ name = "east-members"; kind = "patroni"; component = "postgresql"; {pace.replace("west-db1", "east-db1")} '
            f'"warning"; fix = "patronictl list"; args: {{ url = "http://{self.databases("east")[0].address}:8008"; members = 1; }}; }}',
            f'{{ name = "west-patroni-key"; kind = "patroni"; component = "postgresql"; {pace} true; '
            f'fix = "cp {self.place}/patroni.good {self.place}/patroni.used"; args: {{ url = "http://{west.address}:8008"; '
            'credential = true; user = "patroni"; password_ref = "patroni_ready"; }; }',
            f'{{ name = "east-rewind"; kind = "postgresql"; component = "postgresql"; {pace.replace("west-db1", "east-db1")} '
            f'true; ready_at = "active"; fix = "patronictl edit-config: wal_log_hints, slots"; '
            f'args: {{ address = "{self.databases("east")[0].address}:5432"; user = "drover"; password_ref = "postgres"; '
            f'database = "{plan.SCOPE}"; rewind = true; slot = "region_dr"; min_wal_keep = 1048576; }}; }}',
            f'{{ name = "west-redis-login"; kind = "redis"; component = "redis"; {pace} true; '
            f'fix = "cp {self.place}/redis.good {self.place}/redis.used"; '
            f'args: {{ address = "{west.address}:6379"; user = "ready"; password_ref = "redis_ready"; expect_role = "standby"; }}; }}',
            f'{{ name = "west-redis-rights"; kind = "redis"; component = "redis"; {pace} true; '
            f'fix = "REDISCLI_AUTH=$(cat {self.place}/redis.good) redis-cli -h {west.address} ACL SETUSER default +@all"; '
            f'args: {{ address = "{west.address}:6379"; password_ref = "redis"; rights = true; }}; }}',
            f'{{ name = "west-pg-login"; kind = "postgresql"; component = "postgresql"; {pace} true; '
            f'fix = "cp {self.place}/pg.good {self.place}/pg.used"; args: {{ address = "{west.address}:5432"; user = "ready"; '
            f'password_ref = "pg_ready"; database = "{plan.SCOPE}"; expect_role = "standby"; }}; }}',
            f'{{ name = "dns-key"; kind = "dns"; component = "api"; {pace} true; '
            f'fix = "cp {self.place}/tsig.good {self.place}/tsig.used"; args: {{ servers = "{ns1}:53"; '
            f'name = "api.{plan.ZONE}"; type = "A"; max_ttl = 60; zone = "{plan.ZONE}"; key_name = "drover."; '
            'key_secret_ref = "tsig_ready"; }; }',
            f'{{ name = "west-certificate"; kind = "certificate"; component = "web"; {pace} true; '
            f'fix = "cp {self.place}/good.crt {self.place}/used.crt"; args: {{ file = "{self.place}/used.crt"; }}; }}',
            f'{{ name = "west-full"; kind = "backup"; component = "postgresql"; {pace} false; args: {{ store = "directory"; '
            f'path = "{self.backups}"; backup = "full"; schedule = "daily"; keep = 259200; max_age = 180000; }}; }}',
            f'{{ name = "west-disk"; kind = "storage"; component = "postgresql"; {pace} true; '
            f'fix = "rm {self.disk}/ballast"; args: {{ path = "{self.disk}"; min_free_percent = 30; '
            'warn_free_percent = 31; }; }',
            *(f'{{ name = "{region}-size"; kind = "storage"; component = "postgresql"; '
              f'{pace.replace("west-db1", f"{region}-db1")} false; args: {{ path = "{disk}"; figure = "size"; }}; }}'
              for region, disk in (("west", self.disk), ("east", self.east_disk))),
        ]

    def ready_text(self, base, drill_days=1):
        text = base.replace("checks: (\n", "checks: (\n" + "".join(f"    {row},\n" for row in self.checks()), 1)
        text = re.sub(r'(name = "postgresql"; kind = "stream"; component = "postgresql"; )target_lag = "1m";',
                      rf'\1target_lag = 3000; rpo = 5000; ready = true; fix = "{HEAL}";', text, count=1)
        text = re.sub(r'(name = "(?:postgresql-canary|redis-canary|redis)"; kind = "\w+"; component = "\w+";)',
                      r"\1 ready = false;", text)
        text += 'backups: ( { component = "postgresql"; type = "full"; every = "1d"; keep = "3d"; location = "here"; } );\n'
        text += ('parity: ( { name = "size"; checks = ["east-size", "west-size"]; standby = 50; active = 100; ready = true; '
                 f'fix = "mount -o remount,size=16m {self.disk}"; }} );\n')
        return text + (f'drills: ( {{ name = "component-failover"; type = "component"; every = "30d"; '
                       f'last = "{today(drill_days)}"; }} );\n')


def ready_world(build):
    base = topology.text

    class ReadyWorld(World):
        def __enter__(self):
            topology.text = lambda fleet: fleet.ready_text(base(fleet))
            try:
                super().__enter__()
            finally:
                topology.text = base
            return self
    return ReadyWorld(build, fleet=ReadyFleet)


class Place:
    """Asking, breaking, mending."""

    def __init__(self, world):
        self.world, self.fleet, self.lab = world, world.fleet, world.lab
        self.secrets = [self.lab.secret(name) for name in ("tsig.secret", "redis.password", "patroni-rest.password",
                                                           "pg-drover.password")]

    # -- readiness

    def readiness(self, *options, region="west"):
        result = self.fleet.drover("readiness", region, "--json", *options, check=False)
        try:
            return result.returncode, json.loads(result.stdout)
        except json.JSONDecodeError:
            return result.returncode, {}

    @staticmethod
    def failing(answer):
        """But for the plans, which no new fleet has run: they have a case of their own."""
        return {line["name"]: line for line in answer.get("lines", [])
                if line["state"] != "good" and not line["name"].startswith("plan ")}

    def becomes(self, wanted, code, what, options=()):
        """Waits until exactly these lines fail: {name: (weight, part of its text)}."""
        seen = {}

        def there():
            nonlocal seen
            seen_code, answer = self.readiness(*options)
            seen = self.failing(answer)
            fits = bool(answer.get("lines")) and seen_code == code and set(seen) == set(wanted)
            return fits and all(seen[name]["weight"] == weight and part in seen[name]["text"]
                                for name, (weight, part) in wanted.items())
        try:
            self.fleet.wait(there, PATIENCE_S, what)
        except FleetError as error:
            lines = "; ".join(f"{line['weight']} {name}: {line['text']}" for name, line in seen.items()) or "no line"
            raise Failure(f"{error}, but: {lines}") from error
        for line in seen.values():
            expect(line["fix"], f"{line['name']} says nothing of how to mend it")
        return seen

    def ready(self):
        self.becomes({}, 0, "ready again")

    # -- mending by what was printed

    def restart(self, host, unit):
        kind = {"drover-agent": self.fleet.start_agent, "drover-guard": self.fleet.start_guard,
                "drover-coordinator": self.fleet.start_member}[unit]
        kind(host)

    def mend(self, fix):
        """Does what the line says: here systemd's part is played by the fleet."""
        told = re.match(r"on the host of (\S+): (.*)", fix)
        for command in (told.group(2) if told else fix).split("; "):
            words = shlex.split(command)
            if words[:2] == ["systemctl", "restart"]:
                self.restart(told.group(1), words[2])
            elif words[:2] == ["drover", "doctor"]:
                self.doctor(told.group(1) if told else "west-db1")
            elif words[0] == "drover":
                self.fleet.drover(*words[1:])
            else:
                self.lab.run("west-db1", ["sh", "-c", command])

    # -- doctor

    def doctor(self, host, *more, code=None, json_wanted=True):
        argv = ["doctor", f"{self.fleet.directory}/{host}", *more] + (["--json"] if json_wanted else [])
        at = self.fleet.agents.get(host) or self.fleet.members[host]
        result = self.lab.run(at.name, [self.fleet.program("drover"), "--config", f"{self.fleet.directory}/sre-1.conf",
                                        *argv], timeout=60, check=False)
        for secret in self.secrets:
            expect(secret not in result.stdout + result.stderr, "the doctor printed a secret")
        expect(code is None or result.returncode == code, f"exit {result.returncode}: {result.stdout}{result.stderr}")
        return json.loads(result.stdout) if json_wanted else result.stdout

    def wrong(self, wanted, *more, host="west-db1"):
        """Exactly these subjects are wrong: {subject: part of its text}; their lines."""
        answer = self.doctor(host, *more, code=10 if wanted else 0)
        seen = {line["subject"]: line for line in answer["lines"] if line["state"] == "wrong"}
        lines = "; ".join(f"{subject}: {line['text']}" for subject, line in seen.items()) or "nothing"
        expect(set(seen) == set(wanted), f"wrong is {lines}; expected {sorted(wanted)}")
        for subject, part in wanted.items():
            expect(part in seen[subject]["text"], f"{subject}: {seen[subject]['text']!r} lacks {part!r}")
            expect(seen[subject]["fix"], f"{subject} says nothing of how to mend it")
        return seen
