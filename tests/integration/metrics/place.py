"""A member, three agents and one guard on loopback in a network of their own, two Redis servers that replicate, and the
monitoring as it is shipped: deploy/prometheus with its addresses and times replaced, nothing else."""

import datetime
import http.server
import json
import os
import re
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.parse
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))
sys.path.insert(0, os.path.join(ROOT, "tests"))
import notes  # noqa: E402

MEMBER, PROMETHEUS, PRIMARY, ALERTMANAGER, HOOK = 7403, 9090, 9091, 9093, 8080
AGENTS = {"east-db1": ("east", 7423), "west-db1": ("west", 7424), "mon1": ("mon", 7425)}
REDIS = {"east": 6401, "west": 6402}
OPERATORS = {"sre-1": "on-call-sre", "net-1": "network-admin", "cmd-1": "dr-commander"}
PATIENCE_S = 60  # for what must come; a loaded machine starts a dozen programs here


class Failure(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failure(what)


def wait(condition, what, seconds=PATIENCE_S):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            value = condition()
        except (OSError, KeyError, IndexError, json.JSONDecodeError, subprocess.TimeoutExpired):
            value = None  # not there yet
        if value:
            return value
        time.sleep(0.2)
    raise Failure(f"not within {seconds} s: {what}")


def fetch(port, path, timeout=10):
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=timeout) as answer:
        return answer.read().decode()


SAMPLE = re.compile(r"^(\w+)(?:\{(.*)\})? (\S+)$")


def samples(port):
    """A loop that is late by more than two seconds answers 503: asked again."""
    found = {}
    for line in wait(lambda: fetch(port, "/metrics"), f"the metrics of port {port}").splitlines():
        match = SAMPLE.match(line)
        if match:
            labels = dict(re.findall(r'(\w+)="((?:[^"\\]|\\.)*)"', match.group(2) or ""))
            found.setdefault(match.group(1), []).append((labels, float(match.group(3))))
    return found


def value(port, series, **labels):
    for found, number in samples(port).get(series, []):
        if all(found.get(name) == wanted for name, wanted in labels.items()):
            return number
    return None


class Hook(http.server.BaseHTTPRequestHandler):
    """Alertmanager's webhook, and the page that a check looks at."""
    heard = []  # (when, path, alert's labels, "firing" or "resolved")

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\n")

    def do_POST(self):
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        for alert in body["alerts"]:
            Hook.heard.append((time.monotonic(), self.path, alert["labels"], alert["status"]))
        self.send_response(200)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_):
        pass


class Place:
    def __init__(self, build, directory):
        self.build, self.directory = build, directory
        self.processes, self.clusters = {}, None
        self.hook = http.server.ThreadingHTTPServer(("127.0.0.1", HOOK), Hook)
        self.hook.daemon_threads = True
        threading.Thread(target=self.hook.serve_forever, daemon=True).start()

    @staticmethod
    def value(series, **labels):
        return value(MEMBER, series, **labels)

    def path(self, *parts):
        return os.path.join(self.directory, *parts)

    def write(self, name, text):
        os.makedirs(os.path.dirname(self.path(name)), exist_ok=True)
        with open(self.path(name), "w", encoding="utf-8") as file:
            file.write(text)
        return self.path(name)

    def program(self, name):
        for place in ("coordinator", "coordinator/cli", "agent", "agent/guard"):
            if os.path.isfile(f"{self.build}/{place}/{name}"):
                return f"{self.build}/{place}/{name}"
        raise Failure(f"{name} is not built in {self.build}")

    # -- processes

    def start(self, name, *argv):
        with open(self.path(f"{name}.log"), "ab") as log:
            self.processes[name] = subprocess.Popen(argv, stdout=log, stderr=log, stdin=subprocess.DEVNULL)

    def stop(self, name):
        process = self.processes.pop(name)
        process.kill()
        process.wait(10)

    def close(self):
        for name in list(self.processes):
            self.stop(name)
        if self.clusters is not None:
            self.clusters.end()
        self.hook.shutdown()

    def log(self, name):
        with open(self.path(f"{name}.log"), encoding="utf-8", errors="replace") as file:
            return file.read()

    # -- keys and files

    def keygen(self, kind, name, directory="keys"):
        os.makedirs(self.path(directory), exist_ok=True)
        subprocess.run([self.program("drover"), "keygen", "--kind", kind, name, "--out", self.path(directory)],
                       check=True, capture_output=True, timeout=60)

    def public(self, name, *fields):
        with open(self.path("keys", f"{name}.pub"), encoding="utf-8") as file:
            found = dict(re.findall(r'(\w+) = "([^"]*)"', file.read()))
        return " ".join(f'{field} = "{found[field]}";' for field in fields)

    def pins(self):
        agents = []
        for name, (region, _) in AGENTS.items():
            guard = "" if region == "mon" else " gate = true; " + self.public(f"{name}-guard", "guard_key")
            agents.append(f'{{ name = "{name}"; region = "{region}"; {self.public(name, "curve_key", "sign_key")}{guard} }}')
        return ('cluster = "bud";\ninitial_region = "east";\nlease: { lease = "6s"; renew = "1s"; fence = "2s"; };\n'
                'regions: ({ name = "east"; kind = "data"; }, { name = "west"; kind = "data"; },\n'
                '  { name = "mon"; kind = "monitoring"; });\n'
                'members: ({ name = "m1"; agents_address = "tcp://127.0.0.1:7401"; '
                f'operators_address = "tcp://127.0.0.1:7402"; {self.public("m1", "curve_key", "sign_key")} }});\n'
                f'agents: ({", ".join(agents)});\n')

    def checks(self):
        pace, rows = 'interval = "1s"; timeout = 900;', []
        for region, port in REDIS.items():
            at = f'agent = "{region}-db1"; {pace} args: {{ address = "127.0.0.1:{port}";'
            rows += [f'{{ name = "{region}-redis"; kind = "redis"; component = "redis"; link = "redis"; vital = true; {at} }}; }}',
                     f'{{ name = "{region}-canary"; kind = "redis_canary"; component = "redis"; link = "canary"; {at} '
                     'key = "drover:canary"; }; }',
                     f'{{ name = "{region}-seen"; kind = "tcp"; component = "redis"; region = "{region}"; outside = true; '
                     f'vital = true; {pace} args: {{ address = "127.0.0.1:{port}"; }}; }}']
        there = f'agent = "mon1"; region = "east"; {pace}'
        rows += [f'{{ name = "page"; kind = "http"; component = "web"; {there} args: {{ url = "http://127.0.0.1:{HOOK}/"; }}; }}',
                 f'{{ name = "refused"; kind = "tcp"; component = "web"; {there} failures = 1; '
                 'args: { address = "127.0.0.1:1"; }; }',
                 f'{{ name = "certificate"; kind = "certificate"; component = "web"; {there} '
                 f'args: {{ file = "{self.path("web.crt")}"; }}; }}',
                 f'{{ name = "secrets"; kind = "secret_age"; component = "web"; {there} }}',
                 f'{{ name = "full"; kind = "backup"; component = "redis"; {there} failures = 1; args: {{ store = "directory"; '
                 f'path = "{self.path("backups")}"; backup = "full"; max_age = 90000; }}; }}']
        return ",\n  ".join(rows + self.clusters.checks())

    def topology(self):
        ends = ", ".join(f'{{ region = "{region}"; address = "127.0.0.1:{port}"; agents = ["{region}-db1"]; '
                         f'args: {{ redis_addresses = "127.0.0.1:{port}"; front_host = "127.0.0.1"; front_port = {port}; }}; }}'
                         for region, port in REDIS.items())
        webs = ", ".join(f'{{ region = "{region}"; agents = ["{region}-db1"]; args: {{ url = "http://127.0.0.1:{HOOK}/"; }}; }}'
                         for region in REDIS)
        people = ", ".join(f'{{ name = "{who}"; person = "P {who}"; role = "{role}"; '
                           f'{self.public(who, "curve_key", "sign_key")} }}' for who, role in OPERATORS.items())
        after = ('{ name = "promote"; action = "redis_promote"; component = "redis"; }, '
                 '{ name = "look"; action = "verify"; component = "web"; needs = ["promote"]; }')
        return self.pins() + f'''
document: {{ name = "Room"; version = "1"; date = "2026-01-25"; status = "test"; }};
policy: {{ automatic = true; hold_down = "3s"; settle = "5s"; silent = "3s"; }};
objectives: ({{ tier = 1; rto = "4h"; rpo = "1h"; }});
components: ({{ name = "redis"; kind = "redis"; tier = 1; guarded = true; endpoints: ({ends}); }},
  {{ name = "web"; kind = "http"; tier = 1; needs = ["redis"]; endpoints: ({webs}); }}, {", ".join(self.clusters.components())});
links: ({{ name = "redis"; kind = "async"; component = "redis"; target_lag = "1m"; alert_lag = "5m"; rpo = "1h"; }},
  {{ name = "canary"; kind = "canary"; component = "redis"; target_lag = "1m"; }});
checks: ({self.checks()});
backups: ({{ component = "redis"; type = "full"; every = "1d"; keep = "7d"; location = "a directory"; }});
plans: ({{ name = "failover"; kind = "failover"; steps: ({after}); }},
  {{ name = "switchover"; kind = "switchover"; steps: (
    {{ name = "sign-off"; action = "approval"; approval = "network-admin"; before_fence = true; at = "source"; }}, {after}); }});
operators: ({people});
'''

    def files(self):
        for name in AGENTS:
            self.keygen("agent", name)
            if name != "mon1":
                self.keygen("guard", f"{name}-guard")
        old = time.time() - 31 * 86400
        os.utime(self.path("keys/mon1.key"), (old, old))
        self.keygen("member", "m1")
        for who in OPERATORS:
            self.keygen("operator", who)
        pins = self.write("pins.conf", self.pins())
        self.write("topology.conf", self.topology())
        os.makedirs(self.path("m1"))
        notes.begin(self.path("m1"))
        self.write("m1.conf", f'name = "m1"; key = "{self.path("keys/m1.key")}"; state = "{self.path("m1")}";\n'
                              f'topology = "{self.path("topology.conf")}"; http_listen = "127.0.0.1:{MEMBER}";\n'
                              'engine: { kind = "embedded"; };\n')
        for name, (_, port) in AGENTS.items():
            os.makedirs(self.path(name, "guard"))
            guard = "" if name == "mon1" else f'guard_socket = "{self.path(name, "g.sock")}";\n'
            self.write(f"{name}.conf", f'name = "{name}"; key = "{self.path("keys", name + ".key")}"; pins = "{pins}";\n'
                                       f'state = "{self.path(name)}"; http_listen = "127.0.0.1:{port}";\n{guard}'
                                       f'secrets: {{ stores = "{self.clusters.secret}"; }};\n'
                                       'allow = ["redis_promote", "verify"];\n')
        self.write("guard.conf", f'name = "east-db1"; key = "{self.path("keys/east-db1-guard.key")}"; pins = "{pins}";\n'
                                 f'state = "{self.path("east-db1/guard")}"; socket = "{self.path("east-db1/g.sock")}";\n'
                                 f'gate: {{ ports = [{REDIS["east"]}]; exempt_uids = [0]; }};\n')
        for who in OPERATORS:
            self.write(f"{who}.conf", f'key = "{self.path("keys", who + ".key")}"; pins = "{pins}"; timeout = "5s";\n')
        old = datetime.date.today() - datetime.timedelta(days=9)
        self.write(f"backups/full-{old.isoformat()}.tar", "backup" * 1000)
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", self.path("web.key"), "-out",
                        self.path("web.crt"), "-days", "90", "-subj", "/CN=web"], check=True, capture_output=True, timeout=60)

    # -- drover and its stores

    def start_fleet(self):
        from elections import Clusters  # pylint: disable=import-outside-toplevel  it knows this file
        os.makedirs(self.path("stores"))
        self.clusters = Clusters(self.path("stores"))
        self.files()
        for region, port in REDIS.items():
            follows = [] if region == "east" else ["--replicaof", "127.0.0.1", str(REDIS["east"])]
            self.start(f"redis-{region}", "redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir",
                       self.directory, "--dbfilename", f"{region}.rdb", *follows)
        self.start("m1", self.program("drover-coordinator"), "--config", self.path("m1.conf"))
        self.start("guard", self.program("drover-guard"), "--config", self.path("guard.conf"))
        for name in AGENTS:
            self.start(name, self.program("drover-agent"), "--config", self.path(f"{name}.conf"))

    def drover(self, *argv, who="sre-1"):
        return subprocess.run([self.program("drover"), "--config", self.path(f"{who}.conf"), *argv], capture_output=True,
                              text=True, timeout=60, check=False, stdin=subprocess.DEVNULL)

    # -- the monitoring, as shipped

    def shipped(self, name, *replacements):
        with open(f"{ROOT}/deploy/prometheus/{name}", encoding="utf-8") as file:
            text = file.read()
        for pattern, by in replacements:
            text, n = re.subn(pattern, by, text)
            expect(n > 0, f"deploy/prometheus/{name} has nothing like {pattern}")
        return self.write(f"monitoring/{name}", text)

    def start_monitoring(self):
        self.shipped("drover.rules.yml", (r"interval: 10s", "interval: 1s"))
        members = f'"127.0.0.1:{MEMBER}"'
        agents = ", ".join(f'"127.0.0.1:{port}"' for _, port in AGENTS.values())
        config = self.shipped("prometheus.yml", (r"(scrape|evaluation)_interval: 1[05]s", r"\1_interval: 1s"),
                              (r"scrape_timeout: 5s", "scrape_timeout: 1s"),
                              (r'\["10\.73\.0\.11:.*\]', f"[{members}]"), (r'\["10\.71\.0\.11:.*\]', f"[{agents}]"),
                              (r'\["10\.73\.0\.21:.*\]', f'["127.0.0.1:{ALERTMANAGER}"]'),
                              (r'\["10\.71\.0\.40:9090"\]', f'["127.0.0.1:{PRIMARY}"]'),
                              (r'\["10\.72\.0\.40:9090"\]', '["127.0.0.1:9092"]'))
        primary = self.write("monitoring/primary.yml", 'global: { scrape_interval: 1s, evaluation_interval: 1s }\n'
                             f'rule_files: ["{self.path("monitoring/primary.rules.yml")}"]\n'
                             'scrape_configs: [{ job_name: self, static_configs: [{ targets: ["127.0.0.1:9091"] }] }]\n')
        self.write("monitoring/primary.rules.yml", 'groups: [{ name: region, rules: [{ record: "region:up:sum", expr: "sum(up)" }] }]\n')
        manager = self.shipped("alertmanager.yml", (r"pagerduty_configs:\n *- routing_key_file: .*",
                                                    f"webhook_configs:\n      - url: http://127.0.0.1:{HOOK}/on-call"),
                               (r"http://10\.[^/]*/", f"http://127.0.0.1:{HOOK}/"), (r"group_wait: \d+s", "group_wait: 0s"),
                               (r"group_interval: \w+", "group_interval: 1s"), (r"repeat_interval: 1m", "repeat_interval: 1s"))
        for name, port, file, more in (("prometheus", PROMETHEUS, config, ["--rules.alert.resend-delay=1s"]),
                                       ("primary", PRIMARY, primary, [])):
            self.start(name, "prometheus", f"--config.file={file}", f"--web.listen-address=127.0.0.1:{port}",
                       f"--storage.tsdb.path={self.path('monitoring', name)}", "--log.level=warn", *more)
        self.start("alertmanager", "prometheus-alertmanager", f"--config.file={manager}", "--cluster.listen-address=",
                   f"--web.listen-address=127.0.0.1:{ALERTMANAGER}", f"--storage.path={self.path('monitoring/alertmanager')}",
                   "--log.level=warn")

    @staticmethod
    def query(expr, port=PROMETHEUS):
        try:
            answer = json.loads(fetch(port, "/api/v1/query?" + urllib.parse.urlencode({"query": expr})))
        except urllib.error.HTTPError as error:
            raise Failure(f"{expr}: {error.read().decode()}") from error
        expect(answer["status"] == "success", f"{expr}: {answer}")
        result = answer["data"]["result"]
        return result if answer["data"]["resultType"] == "vector" else [{"metric": {}, "value": result}]
