"""traffic_shift behind a real dns_update: BIND, two caches of unbound, and the sessions of an old region's HAProxy; and the verify that
stands in front of a DNS step, while HAProxy is down and while it is up."""
import re
import socket
import subprocess
import time

from balancer import Echo
from names import EAST, WEST
from servers import accepts, free_port, wait_for

KEY, TTL_S, SESSIONS_N = "bm90LXRvLWJlLXVzZWQtYW55d2hlcmUtZWxzZQ==", 2, 20


class Shift:
    def __init__(self, runner, checks, lab):
        self.runner, self.checks, self.lab = runner, checks, lab
        self.bind, self.caches, self.front, self.admin = free_port(), [free_port(), free_port()], free_port(), free_port()
        self.health_port, folder = free_port(), lab.directory_for("shift")
        lab.write("shift/zone", f"$TTL {TTL_S}\n@ SOA ns hostmaster 1 60 60 600 {TTL_S}\n@ NS ns\nns A 127.0.0.1\napi A {EAST}\n")
        config = lab.write("shift/named.conf", f"""options {{ directory "{folder}"; listen-on port {self.bind} {{ 127.0.0.1; }};
  listen-on-v6 {{ none; }}; recursion no; pid-file none; session-keyfile "{folder}/session.key"; dnssec-validation no; }};
controls {{ }};
key "drover" {{ algorithm hmac-sha256; secret "{KEY}"; }};
zone "shift.test" {{ type primary; file "{folder}/zone"; update-policy {{ grant drover name api.shift.test. A TXT; }}; }};
""")
        lab.start("shift-named", ["named", "-f", "-n", "1", "-c", config])
        self.unbounds = [self.cache(i, port) for i, port in enumerate(self.caches)]
        self.echo = Echo("old")
        self.proxy_config = lab.write("shift/haproxy.cfg", f"""
global
  stats socket ipv4@127.0.0.1:{self.admin} level user
defaults
  mode tcp
  timeout connect 2s
  timeout client 5m
  timeout server 5m
frontend api
  bind 127.0.0.1:{self.front}
  default_backend api
backend api
  server s1 127.0.0.1:{self.echo.port}
listen health
  mode http
  bind 127.0.0.1:{self.health_port}
  http-request return status 200
""")
        self.proxy = self.balancer()
        runner.secret("tsig", KEY)
        wait_for("BIND and the caches answer", lambda: all(self.dig(port) == [EAST] for port in (self.bind, *self.caches)))

    def cache(self, index, port):
        config = self.lab.write(f"shift/unbound{index}.conf", f"""server:
  interface: 127.0.0.1@{port}
  do-daemonize: no
  username: ""
  chroot: ""
  pidfile: ""
  use-syslog: no
  num-threads: 1
  do-ip6: no
  do-not-query-localhost: no
  module-config: "iterator"
  local-zone: "test." nodefault
  access-control: 127.0.0.0/8 allow
remote-control:
  control-enable: no
stub-zone:
  name: "shift.test"
  stub-addr: 127.0.0.1@{self.bind}
""")
        process = self.lab.start(f"unbound{index}", ["unbound", "-d", "-c", config])
        wait_for("unbound", lambda: accepts(port))
        return process

    def balancer(self):
        process = self.lab.start("shift-haproxy", ["haproxy", "-db", "-f", self.proxy_config])
        wait_for("HAProxy", lambda: accepts(self.front) and accepts(self.health_port))
        return process

    def dig(self, port):
        done = subprocess.run(["dig", "+short", "+time=2", "@127.0.0.1", "-p", str(port), "api.shift.test", "A"], capture_output=True,
                              text=True, timeout=20)
        return done.stdout.split()

    def arguments(self, value, **more):
        return {"name": "api.shift.test", "type": "A", "value": value, "servers": f"127.0.0.1:{self.bind}",
                "resolvers": ",".join(f"127.0.0.1:{port}" for port in self.caches), "old_socket": f"127.0.0.1:{self.admin}",
                "old_frontends": "api", "every_ms": "50", **more}

    def run(self, value, timeout_ms=5000, lines=(), **more):
        return self.runner.run("traffic_shift", self.arguments(value, **more), timeout_ms=timeout_ms, lines=lines)

    def move(self, value, epoch):
        return self.runner.run("dns_update", {
            "servers": f"127.0.0.1:{self.bind}", "zone": "shift.test", "name": "api.shift.test", "type": "A", "value": value,
            "ttl": str(TTL_S), "key_name": "drover", "key_secret_ref": "tsig"}, epoch=epoch)

    def all(self):
        self.measured()
        self.partly()
        self.verified_first()

    def measured(self):
        c = self.checks
        clients = [socket.create_connection(("127.0.0.1", self.front), 5) for _ in range(SESSIONS_N)]
        c.result("looking only, the traffic is where it was", self.run(WEST, lines=["observe_only"]), "FAILED", detail="95 % not reached")
        wait_for("caches are filled", lambda: all(self.dig(port) == [EAST] for port in self.caches))
        c.result("BIND is moved", self.move(WEST, 5), detail=f"is {WEST}")
        process = self.runner.start("traffic_shift", self.arguments(WEST), timeout_ms=30000)
        time.sleep(0.3)
        for client in clients[1:]:
            client.close()
        wait_for("both caches have the new address", lambda: all(self.dig(port) == [WEST] for port in self.caches))
        time.sleep(1.0)
        clients[0].close()
        out, _ = process.communicate(timeout=40)
        found = re.search(r"95 % after ([\d.]+) s, 99 % after ([\d.]+) s, 100 % after ([\d.]+) s; authorities 1/1; resolvers 2/2, "
                          r"TTL left (\d+) s; old sessions 20 to 0", out)
        if c.that("the outcome tells when 95, 99 and 100 % had followed, and of whom", found and '"OK"' in out, out):
            at_95, at_99, at_100, ttl_s = (float(text) for text in found.groups())
            c.that("95 % when the caches had followed, within the TTL", at_95 <= TTL_S + 1.5 and 1 <= ttl_s <= TTL_S, out)
            c.that("the last session a second later", 0.7 <= at_100 - at_95 and at_99 == at_100, out)
        c.result("the traffic is observed there", self.run(WEST), observed=True, detail="100 % after 0.")
        said = self.runner.typed("traffic_shift", self.arguments(WEST))
        c.that("traffic_shift: the printed command, typed, shows the address at each, and HAProxy's sessions",
               said[0].count(WEST) == 3 and EAST not in said[0] and said[0].splitlines()[-2:] == ["api,0", "health,0"], said)

    def partly(self):
        c = self.checks
        c.result("not in time, with the numbers so far", self.run(EAST, timeout_ms=400), "TIMEOUT", detail="100 % not reached; authorities 0/1")
        self.lab.stop(self.unbounds[1])
        self.lab.stop(self.proxy)
        c.result("who does not answer holds nothing up, and is told", self.run(WEST), detail="resolvers 1/2, TTL left 0 s; old sessions not reachable")
        c.result("nobody answers", self.run(WEST, timeout_ms=400, servers=None, resolvers=f"127.0.0.1:{self.caches[1]}"), "TIMEOUT",
                 detail="not reached")
        c.result("nothing to measure", self.run(WEST, servers=None, resolvers=None, old_socket=None, old_frontends=None), "CONFIG",
                 detail="nothing to measure")

    def verified_first(self):
        """SEED-15: what the plan puts in front of the DNS step, against the balancer that the name is about to point to."""
        c, arguments = self.checks, {"url": "http://127.0.0.1/health", "connect_to": f"127.0.0.1:{self.health_port}"}
        down = self.runner.run("verify", arguments, timeout_ms=1000)
        c.that("while the standby's HAProxy is down the verify in front of the DNS step fails", down["code"] == 1 and down["err"] != "OK", down)
        self.proxy = self.balancer()
        c.result("and it passes when HAProxy answers", self.runner.run("verify", arguments))
