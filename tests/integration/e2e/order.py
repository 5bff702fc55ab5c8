"""The documents' order of recovery (SEED-74 to SEED-81, SEED-88) on real servers: PostgreSQL, Redis, Keycloak over that
PostgreSQL, ClickHouse, MinIO and Prometheus are real; the bud services are HTTP stand-ins (services.py). In the standby region all but
the two replicated stores are scaled down until the plan's steps bring them up."""

import dataclasses
import json
import os
import re
import secrets
import sys
import threading
import time

import parts
from fleet import Fleet, topology

from .scenarios import scenario
from .world import World, expect, expect_pace

TARGET = "west"
SLOW = "budcluster"  # of tier 2: so long it takes to come up
SLOW_S = 15
CRASHING = "budsim"  # of tier 3: its first start ends in a crash
PACE_S = 1


@dataclasses.dataclass(frozen=True)
class Service:
    tier: int
    port: int
    path: str
    needs: tuple        # components: it answers only while these do
    step: str
    after: tuple = ()   # steps
    real: bool = False


SERVICES = {
    "minio": Service(1, 9002, "/minio/health/live", (), "lead-minio", real=True),
    "clickhouse": Service(3, 8123, "/ping", (), "recover-clickhouse", real=True),
    "keycloak": Service(1, 8180, "/realms/bud/.well-known/openid-configuration", ("postgresql",), "scale-keycloak",
                        ("promote-postgresql", "promote-redis", "lead-minio"), real=True),
    "budapp": Service(1, 8101, "/health", ("postgresql", "redis", "minio", "keycloak"), "scale-budapp",
                      ("promote-postgresql", "promote-redis", "scale-keycloak")),
    "budgateway": Service(1, 8102, "/health", ("redis", "keycloak"), "scale-budgateway", ("promote-redis", "scale-keycloak")),
    "budcluster": Service(2, 8103, "/health", ("postgresql", "redis", "keycloak"), "scale-budcluster",
                          ("promote-postgresql", "promote-redis", "scale-keycloak", "verify-tier1")),
    "monitoring": Service(2, 9090, "/-/ready", (), "scale-monitoring", ("verify-tier1",), real=True),
    "budsim": Service(3, 8104, "/health", ("postgresql", "budcluster"), "scale-budsim",
                      ("promote-postgresql", "scale-budcluster", "scale-monitoring")),
    "budmetrics": Service(3, 8105, "/health", ("clickhouse",), "scale-budmetrics",
                          ("recover-clickhouse", "scale-budcluster", "scale-monitoring")),
    "budnotify": Service(3, 8106, "/health", ("redis",), "scale-budnotify",
                         ("promote-redis", "scale-budcluster", "scale-monitoring")),
    "devtools": Service(4, 8107, "/health", ("postgresql",), "scale-devtools",
                        ("scale-budsim", "scale-budmetrics", "scale-budnotify")),
}

# Of a plan's steps those that another one's needs name are over before it begins.
EDGES = {"promote-postgresql": (), "promote-redis": (), "verify-tier1": ("scale-budapp", "scale-budgateway"),
         "dns-api": ("verify-tier1",), **{service.step: service.after for service in SERVICES.values()}}
TIERS = {"promote-postgresql": 1, "promote-redis": 1, "verify-tier1": 1, "dns-api": 1,
         **{service.step: service.tier for service in SERVICES.values()}}

# Nothing of a row begins before the rows above it are over; ClickHouse begins with the stores, and only budmetrics waits for it.
ROWS = (("promote-postgresql", "promote-redis", "lead-minio"), ("scale-keycloak",), ("scale-budapp", "scale-budgateway"),
        ("verify-tier1",), ("scale-budcluster", "scale-monitoring"), ("scale-budsim", "scale-budmetrics", "scale-budnotify"),
        ("scale-devtools",))

PROGRAM = """#!/bin/bash
# [observe] NAME: brings a service of the region up, and waits until it answers.
here={directory}/$DROVER_REGION
well() {{ curl -fso /dev/null --max-time 5 "$(cat "$here/$1.url")"; }}
[ "$1" != observe ] || {{ well "$2"; exit; }}
rm -f "$here/$1.crashed"
touch "$here/$1.wanted"
until [ -e "$here/$1.good" ] && well "$1"; do
    [ ! -e "$here/$1.crashed" ] || {{ echo "$1 crashed" >&2; exit 1; }}
    sleep 0.3
done
"""
CLICKHOUSE = """<yandex><logger><level>warning</level><console>1</console></logger>
<http_port>{port}</http_port><tcp_port>9100</tcp_port><listen_host>{host}</listen_host>
<path>{path}/</path><tmp_path>{path}/tmp/</tmp_path><users_config>{path}/users.xml</users_config>
<default_profile>default</default_profile><default_database>default</default_database>
<mark_cache_size>5368709</mark_cache_size><timezone>UTC</timezone></yandex>
"""
CLICKHOUSE_USERS = """<yandex><profiles><default><log_queries>0</log_queries></default></profiles>
<users><drover><password>{password}</password><networks><ip>::/0</ip></networks><profile>default</profile>
<quota>default</quota></drover></users><quotas><default/></quotas></yandex>
"""
PROMETHEUS = ("global:\n  scrape_interval: 1s\nscrape_configs:\n- job_name: self\n  static_configs:\n  - targets: ['{host}:{port}']\n")


def _step(name, action, component, rest):
    needs = ", ".join(f'"{need}"' for need in EDGES[name])
    return f'        {{ name = "{name}"; action = "{action}"; component = "{component}"; needs = [{needs}]; {rest} }}'


def _steps():
    rows = [_step("promote-postgresql", "patroni_promote", "postgresql", "timeout = 30000; retries = 3;"),
            _step("promote-redis", "redis_promote", "redis", "timeout = 30000; retries = 3;")]
    rows += [_step(service.step, "exec", name, 'timeout = 300000; retries = 1; mandated = true; '
                   f'args: {{ program = "bring"; arg1 = "{name}"; observe = "yes"; }};') for name, service in SERVICES.items()]
    rows += [_step("verify-tier1", "verify", "budapp", "timeout = 60000; tier = 1;"),
             _step("dns-api", "dns_update", "api", 'timeout = 15000; retries = 3; approval = "network-admin"; mandated = true;')]
    return "\n" + ",\n".join(rows)


class EightFleet(Fleet):
    """The lab's fleet, and on each front the services of its region."""

    def prepare(self):
        self.services = f"{self.directory}/services"
        self.passwords = {name: secrets.token_hex(12) for name in ("keycloak", "clickhouse", "minio")}
        for name in ("keycloak", "clickhouse"):
            self._write(f"{self.services}/{name}.secret", self.passwords[name], 0o600)
        super().prepare()
        self._realm()
        self._write(f"{self.directory}/exec/bring", PROGRAM.format(directory=self.services), 0o755)
        self._region()
        self._topology()

    def start(self, wait=True):
        super().start(wait)
        self.lab.spawn(self.front(TARGET).name, [sys.executable, "-m", "e2e.services", f"{self.services}/{TARGET}"],
                       env=self.lab.python_env(), name="services")

    def url(self, name, region):
        return f"http://{self.front(region).address}:{SERVICES[name].port}{SERVICES[name].path}"

    # -- the servers

    def _realm(self):
        """As Keycloak made it; a real login of its own for this run."""
        folder = os.path.dirname(parts.need("keycloak"))
        self.keycloak = f"{folder}/postgresql/bin/kc.sh"
        with open(f"{folder}/realm.sql", encoding="utf-8") as file:
            text = file.read().replace("@CLIENT-SECRET@", self.passwords["keycloak"])
        path = self._write(f"{self.services}/realm.sql", text, 0o600)
        host = self.databases("east")[0]
        self.lab.run(host.name, ["psql", "-qX1", "-v", "ON_ERROR_STOP=1", "-o", "/dev/null", "-h", host.address, "-U", "bud_app",
                                 "-d", "bud", "-f", path], env={"PGPASSFILE": self.lab.credential("pgpass")}, timeout=60)

    def _keycloak(self, home, host, port):
        return {"argv": [self.keycloak, "start", "--optimized", "--cache=local", "--http-enabled=true", "--hostname-strict=false",
                         f"--http-host={host}", f"--http-port={port}"],
                "env": {"KC_DB_URL": "jdbc:postgresql://127.0.0.1:5000/bud", "KC_DB_SCHEMA": "keycloak", "KC_DB_USERNAME": "bud_app",
                        "KC_DB_PASSWORD": self.lab.secret("pg-app.password"), "JAVA_HOME": "", "HOME": home,
                        "JAVA_OPTS_APPEND": "-XX:TieredStopAtLevel=1 -Xmx512m"}}

    def _clickhouse(self, home, host, port):
        self._write(f"{home}/users.xml", CLICKHOUSE_USERS.format(password=self.passwords["clickhouse"]), 0o600)
        return {"argv": ["clickhouse-server", "--config-file=" + self._write(
            f"{home}/config.xml", CLICKHOUSE.format(path=home, host=host, port=port), 0o600)]}

    def _minio(self, home, host, port):
        return {"argv": [parts.need("minio"), "server", f"{home}/data", "--address", f"{host}:{port}"],
                "env": {"MINIO_ROOT_USER": "drover", "MINIO_ROOT_PASSWORD": self.passwords["minio"], "MINIO_BROWSER": "off",
                        "MINIO_CI_CD": "1", "HOME": home}}

    def _monitoring(self, home, host, port):
        config = self._write(f"{home}/prometheus.yml", PROMETHEUS.format(host=host, port=port))
        return {"argv": ["prometheus", f"--config.file={config}", f"--storage.tsdb.path={home}/data",
                         f"--web.listen-address={host}:{port}"]}

    def _region(self):
        place, host, found = f"{self.services}/{TARGET}", self.front(TARGET).address, {}
        for name, service in SERVICES.items():
            home = f"{place}/{name}"
            os.makedirs(home, exist_ok=True)
            needs = [need if need not in SERVICES else self.url(need, TARGET) for need in service.needs]
            found[name] = {"host": host, "port": service.port, "url": self.url(name, TARGET), "needs": needs}
            if service.real:
                found[name].update(getattr(self, f"_{name}")(home, host, service.port))
            self._write(f"{place}/{name}.url", self.url(name, TARGET))
        found[SLOW]["slow_s"], found[CRASHING]["crashes"] = SLOW_S, 1
        told = {"pgpass": self.lab.credential("pgpass"), "redis": self.lab.secret("redis.password")}
        self._write(f"{place}/services.json", json.dumps({"services": found, "secrets": told}), 0o600)

    # -- the files

    def _secrets(self):
        rows = "".join(f'    {name} = "{self.services}/{name}.secret";\n' for name in ("keycloak", "clickhouse"))
        return super()._secrets().replace("};\n", f"{rows}}};\n")

    def _agent_files(self, name, host):
        super()._agent_files(name, host)
        path = f"{self.directory}/{name}/agent.conf"
        if name in self.guarded:
            with open(path, encoding="utf-8") as file:
                text = file.read()
            expect("allow = [" in text, f"no actions are allowed in {path}")
            self._write(path, text.replace("allow = [", f'exec_directory = "{self.directory}/exec";\nallow = ["exec", ', 1))

    def _components(self):
        rows = []
        for name, service in SERVICES.items():
            kind = {"minio": "s3", "clickhouse": "clickhouse"}.get(name, "http")
            needs = ", ".join(f'"{need}"' for need in service.needs)
            endpoints = [topology._endpoint(region, self.url(name, region), [self.databases(region)[0].name],
                                            {"url": self.url(name, region)}) for region in topology.DATA]
            rows.append(topology._component(name, kind, f"tier = {service.tier}; needs = [{needs}];", endpoints))
        return rows

    def _check(self, name):
        """The redis checks of the lab measure a link each, so none says how Redis itself is."""
        agent = self.databases(TARGET)[0]
        base = f"http://{self.front(TARGET).address}:{SERVICES[name].port}" if name in SERVICES else f"{agent.address}:6379"
        kind, args = {
            "redis": ("redis", f'address = "{base}"; password_ref = "redis";'),
            "keycloak": ("oidc", f'url = "{base}/realms/bud"; client_id = "drover"; client_secret_ref = "keycloak";'),
            "clickhouse": ("clickhouse", f'url = "{base}"; user = "drover"; password_ref = "clickhouse";'),
            "monitoring": ("prometheus", f'url = "{base}"; query = "up"; min = 1;'),
        }.get(name) or ("http", f'url = "{self.url(name, TARGET)}";')
        return (f'    {{ name = "{TARGET}-{name}-serves"; kind = "{kind}"; component = "{name}"; agent = "{agent.name}"; '
                f"interval = 2000; timeout = 1900; failures = 2; passes = 1; args: {{ {args} }}; }}")

    def _topology(self):
        path = f"{self.directory}/topology.conf"
        with open(path, encoding="utf-8") as file:
            text = file.read()
        checks = [self._check(name) for name in (*SERVICES, "redis")]
        for old, new in (('objectives: ( { tier = 1; rto = "4h"; rpo = "1h"; } );\n',
                          'objectives: ( { tier = 1; rto = "4h"; rpo = "1h"; }, { tier = 2; rto = "8h"; rpo = "4h"; },\n'
                          '              { tier = 3; rto = "24h"; rpo = "24h"; }, { tier = 4; rto = "72h"; rpo = "7d"; } );\n'),
                         ("components: (\n", "components: (\n" + ",\n".join(self._components()) + ",\n"),
                         ("checks: (\n", "checks: (\n" + ",\n".join(checks) + ",\n"), (topology.STEPS_AFTER, _steps())):
            expect(old in text, f"the lab's topology has no {old[:20]!r}")
            text = text.replace(old, new, 1)
        self._write(path, text)


# -- what is found


def standings(world):
    found = {}
    for component in world.fleet.ask("components")["components"]:
        if component["region"] == TARGET:
            found[component["name"]] = (component["standing"], tuple(component["roots"]))
    return found


def done(world):
    time.sleep(PACE_S)
    return any(execution["stage"] == "done" for execution in world.fleet.ask("executions")["executions"])


class Told:
    """What is said of the target's components while it goes on, each (standing, roots) once."""

    def __init__(self, world):
        self.world, self.seen, self.over = world, {}, threading.Event()
        self.thread = threading.Thread(target=self.look, daemon=True)
        self.thread.start()

    def look(self):
        while not self.over.wait(PACE_S):
            try:
                for name, standing in standings(self.world).items():
                    self.seen.setdefault(name, set()).add(standing)
            except Exception:  # a member that did not answer just then
                continue

    def stop(self):
        self.over.set()
        self.thread.join()
        return self.seen


def all_green(world):
    time.sleep(PACE_S)
    found = standings(world)
    return all(found[name][0] == "well" for name in (*SERVICES, "postgresql", "redis"))


def ended_before(first, then, what):
    expect(first <= then, f"{what}: {then} is before {first}")


def by_the_audit(world, execution):
    """By the stamps and by the log's own order: no step begins before those that it needs are over, and the rows of the documents
    follow each other."""
    steps = {step["name"]: step for step in execution["steps"]}
    expect(set(steps) == set(EDGES), f"steps {sorted(steps)}")
    expect(all(step["state"] == "done" for step in steps.values()), f"{[s for s in steps.values() if s['state'] != 'done']}")
    begun, over = {}, {}
    for record in world.fleet.ask("timeline", str(execution["id"]))["records"]:
        for name in EDGES:
            if record["text"].startswith(f"step {name} starts at "):
                begun.setdefault(name, record["height"])
            elif record["text"].startswith(f"step {name} done by "):
                over[name] = record["height"]
    for name, needs in EDGES.items():
        for need in needs:
            ended_before(steps[need]["finished_ms"], steps[name]["started_ms"], f"{name} after {need}")
            ended_before(over[need], begun[name], f"the audit of {name} after that of {need}")
    over_ms = 0
    for row in ROWS:
        ended_before(over_ms, min(steps[name]["started_ms"] for name in row), f"{row} after the rows above")
        over_ms = max(steps[name]["finished_ms"] for name in row)
    expect_pace(steps["dns-api"]["finished_ms"] < steps[SERVICES[SLOW].step]["finished_ms"], "tier 1 waited for tier 2")
    expect(steps[SERVICES[SLOW].step]["took_ms"] >= SLOW_S * 1000, f"{SLOW} was not slow")
    expect(steps[SERVICES[CRASHING].step]["attempt"] == 2, f"{CRASHING} was not tried again")
    print("    " + ", ".join(sorted(steps, key=lambda name: steps[name]["started_ms"])))
    return steps


def by_the_journal(world):
    """By what the services themselves wrote down: none was started before the good answer of each that its step comes after."""
    started, good = {}, {}
    with open(f"{world.fleet.services}/{TARGET}/journal.jsonl", encoding="utf-8") as journal:
        for line in map(json.loads, journal):
            (started if line["what"] == "started" else good).setdefault(line["name"], line["at"])
    expect(set(started) == set(good) == set(SERVICES), f"started {sorted(started)}, good {sorted(good)}")
    of_step = {service.step: name for name, service in SERVICES.items()}
    for name, service in SERVICES.items():
        for step in service.after:
            if step in of_step:
                ended_before(good[of_step[step]], started[name], f"{name} after {of_step[step]}")


def by_the_report(world, steps):
    """Each tier's time is until the last of its own steps, and kept."""
    said = world.fleet.ask("report", "1")
    outage_ms = said["execution"]["outage_ms"]
    for tier in said["tiers"]:
        last_ms = max(step["finished_ms"] for name, step in steps.items() if TIERS[name] == tier["tier"])
        expect(tier["met"] and tier["rto"] == "met", f"{tier}")
        expect(tier["rto_actual_ms"] == last_ms - outage_ms, f"{tier}, its last step ended after {last_ms - outage_ms} ms")
    expect([tier["tier"] for tier in said["tiers"]] == [1, 2, 3, 4], f"{said['tiers']}")
    text = world.fleet.drover("report", "1").stdout
    expect(len(re.findall(r"^ +[1-4] .* pass$", text, re.MULTILINE)) == 4, text)
    print("    " + ", ".join(f"tier {tier['tier']} {tier['rto_actual_ms'] / 1000:.1f} s" for tier in said["tiers"]))


def by_what_was_told(seen):
    """While a need was down what hangs on it was told as depending on it, never on what it does not need."""
    for name, need in (("budapp", "keycloak"), ("budgateway", "keycloak"), ("budmetrics", "clickhouse"), ("budsim", "budcluster")):
        expect_pace(any(standing == "depending" and need in roots for standing, roots in seen[name]), f"{name} by {need}: {seen[name]}")
    needed = {name: set(service.needs) for name, service in SERVICES.items()}
    for _ in SERVICES:
        for name, needs in needed.items():
            needed[name] = needs.union(*(needed.get(need, set()) for need in needs))
    for name, needs in needed.items():
        wrong = [roots for _, roots in seen[name] if not set(roots) <= needs]
        expect(not wrong, f"{name} was told as depending on {wrong}")


@scenario
def eight_services_come_back_in_the_documents_order(build):
    """The region dies; by the audit and by the services' own journal nothing begins before what it needs is there, all eight are green,
    and tier 1 waits neither for a slow service of tier 2 nor for one of tier 3 that crashes first."""
    with World(build, fleet=EightFleet) as world:
        fleet = world.fleet
        told = Told(world)
        world.kill_region()
        fleet.wait(lambda: done(world), 600, "the failover is done")
        fleet.wait(lambda: all_green(world), 180, "all services are green")
        seen = told.stop()
        execution = fleet.ask("executions")["executions"][0]
        expect(execution["automatic"], f"{execution}")
        steps = by_the_audit(world, execution)
        by_the_journal(world)
        by_the_report(world, steps)
        by_what_was_told(seen)
        fleet.wait(lambda: fleet.ask("executions")["executions"][0]["services"]["green"], 60, "the execution's services are green")
