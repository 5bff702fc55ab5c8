"""dns_powerdns against a real PowerDNS over SQLite, judged by dig."""
import json
import os
import sqlite3
import subprocess
import urllib.error
import urllib.request

from see import Tests
from servers import Paused, free_port, wait_for

SCHEMA = "/usr/share/pdns-backend-sqlite3/schema/schema.sqlite3.sql"
EAST, WEST = "10.77.1.10", "10.77.2.10"


class PowerDns:
    def __init__(self, runner, checks, lab):
        self.runner, self.checks, self.lab = runner, checks, lab
        self.port, self.web, self.key = free_port(), free_port(), os.urandom(12).hex()
        self.url, self.epoch = f"http://127.0.0.1:{self.web}", 1
        folder = lab.directory_for("pdns")
        with open(SCHEMA) as schema, sqlite3.connect(f"{folder}/zones.sqlite3") as database:
            database.executescript(schema.read())
        lab.write("pdns/pdns.conf", f"launch=gsqlite3\ngsqlite3-database={folder}/zones.sqlite3\ndaemon=no\nguardian=no\n"
                  f"socket-dir={folder}\nlocal-address=127.0.0.1\nlocal-port={self.port}\napi=yes\napi-key={self.key}\nwebserver=yes\n"
                  f"webserver-address=127.0.0.1\nwebserver-port={self.web}\ncache-ttl=0\nquery-cache-ttl=0\nnegquery-cache-ttl=0\n"
                  "zone-cache-refresh-interval=0\n", mode=0o600)
        runner.secret("pdns", self.key)
        self.process = lab.start("pdns_server", ["pdns_server", f"--config-dir={folder}"])
        wait_for("PowerDNS answers", lambda: self.call("GET", "")[0] == 200)
        status, body = self.call("POST", "/zones", {"name": "bud.test.", "kind": "Native", "nameservers": ["ns1.bud.test."], "rrsets": [
            {"name": "api.bud.test.", "type": "A", "ttl": 60, "records": [{"content": EAST, "disabled": False}]},
            {"name": "api.bud.test.", "type": "TXT", "ttl": 60, "records": [{"content": '"v=spf1 -all"', "disabled": False}]}]})
        if status != 201:
            raise RuntimeError(f"no zone: {status} {body}")

    def call(self, method, path, value=None):
        request = urllib.request.Request(f"{self.url}/api/v1/servers/localhost{path}", method=method, headers={"X-API-Key": self.key},
                                         data=json.dumps(value).encode() if value is not None else None)
        try:
            with urllib.request.urlopen(request, timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.read().decode()

    def lookup(self, name, kind):
        done = subprocess.run(["dig", "+short", "+time=2", "@127.0.0.1", "-p", str(self.port), name, kind], capture_output=True,
                              text=True, timeout=20, check=True)
        return sorted(done.stdout.split("\n")[:-1])

    def arguments(self, value, **more):
        return {"url": self.url, "token_ref": "pdns", "zone": "bud.test", "name": "api.bud.test", "type": "A", "value": value,
                "ttl": "5", "protected": "status.bud.test", "servers": f"127.0.0.1:{self.port}", **more}

    def run(self, value, epoch=None, timeout_ms=10000, lines=(), **more):
        return self.runner.run("dns_powerdns", self.arguments(value, **more), epoch=epoch or self.epoch, timeout_ms=timeout_ms, lines=lines)

    def credential(self):
        """The API's key, tried by a look at the zone: PowerDNS has one key, for looking and for changing."""
        probe, path = Tests(self.runner.probe_program, self.lab), self.runner.secrets["pdns"][0]

        def ask(ref, **more):
            return probe.probe("http", {"url": f"{self.url}/api/v1/servers/localhost/zones/bud.test.", "token_ref": ref,
                                        "token_header": "x-api-key", **more}, 5000, f"secret pdns {path}")
        c, right, wrong = self.checks, ask("pdns", expect_body="bud.test."), ask("wrong")
        c.that("an http check looks at the zone with the key", right["err"] == "OK" and right["good"] and right["value"] == 200, right)
        c.that("and tells that a wrong key is refused", wrong["err"] == "AUTH", wrong)
        c.that("or a key that is not sent as one", ask("pdns", token_header="x-other")["err"] == "AUTH")

    def all(self):
        c = self.checks
        self.credential()
        self.epoch = 5
        c.result("looking only, nothing is changed", self.run(WEST, lines=["observe_only"]), "FAILED", detail=EAST)
        c.result("the record is changed", self.run(WEST, old_value=EAST), observed=False, detail=f"is {WEST}, ttl 5, epoch 5")
        c.that("PowerDNS says the new address", self.lookup("api.bud.test", "A") == [WEST], self.lookup("api.bud.test", "A"))
        texts = ['"drover-epoch=5"', '"v=spf1 -all"']
        c.that("the epoch stands beside it, and other people's text", self.lookup("api.bud.test", "TXT") == texts,
               self.lookup("api.bud.test", "TXT"))
        c.result("the change is observed", self.run(WEST), observed=True)
        said = self.runner.typed("dns_powerdns", self.arguments(EAST))
        c.that("the printed command, typed, changes the record", self.lookup("api.bud.test", "A") == [EAST] and EAST in said[1], said)
        c.result("dns_powerdns: what was typed is found by the action", self.run(EAST), observed=True)
        c.result("and the action changes it back", self.run(WEST), observed=False)
        c.result("a name that was not there", self.run(EAST, name="new.bud.test"), observed=False)
        c.result("an alias, its epoch under a name of its own", self.run("lb.west.bud.test", name="www.bud.test", type="CNAME"),
                 observed=False)
        c.that("as dig sees it", self.lookup("www.bud.test", "CNAME") == ["lb.west.bud.test."]
               and self.lookup("_drover-epoch.www.bud.test", "TXT") == ['"drover-epoch=5"'])
        c.result("which is observed", self.run("lb.west.bud.test.", name="www.bud.test", type="CNAME"), observed=True)
        for turn in range(8):
            self.epoch += 1
            value = (EAST, WEST)[turn % 2]
            self.runner.kill("dns_powerdns", self.arguments(value), 0.03, epoch=self.epoch)
            c.result(f"killed on its way to {value}, and run again", self.run(value))
            c.that("PowerDNS says it", self.lookup("api.bud.test", "A") == [value])
        self.race()
        self.refused()

    def race(self):
        """Two at once. Without a condition in the API the smaller epoch may overwrite; the larger writes again as long as it
        looks, and when both have ended a repetition of the larger makes it so, and of the smaller nothing."""
        low, high = self.epoch + 1, self.epoch + 2
        self.epoch = high
        for _ in range(4):
            runs = [self.runner.start("dns_powerdns", self.arguments(value), epoch=epoch) for epoch, value in ((low, WEST), (high, EAST))]
            for process in runs:
                process.communicate(timeout=40)
        self.checks.result("after two at once the larger epoch holds", self.run(EAST))
        self.checks.result("and the smaller is refused", self.run(WEST, epoch=low), "STALE", detail="larger")
        self.checks.that("nothing is doubled", self.lookup("api.bud.test", "A") == [EAST], self.lookup("api.bud.test", "A"))

    def refused(self):
        c = self.checks
        c.result("a value that is not the expected one", self.run(WEST, old_value="10.9.9.9"), "STALE", detail="stale prerequisite")
        c.result("a protected name", self.run(WEST, name="Status.bud.test."), "DENIED", detail="protected")
        c.result("a name outside the zone", self.run(WEST, name="api.other.test"), "CONFIG", detail="not in zone")
        self.runner.exchanged(c, "dns_powerdns", "pdns", lambda: self.run(EAST))
        c.result("a wrong key", self.run(WEST, token_ref="wrong"), "AUTH", detail="401")
        c.result("a zone that is not there", self.run(WEST, zone="test", name="api.test"), "NOT_FOUND", detail="404")
        c.result("what PowerDNS itself refuses", self.run("lb.bud.test", type="CNAME"), "FAILED", detail="HTTP 422")
        c.result("an authority that is gone is named", self.run(EAST, servers=f"127.0.0.1:{self.port},127.0.0.1:{free_port()}"),
                 detail="not reached")
        with Paused(self.process):
            c.result("PowerDNS that hangs", self.run(WEST, timeout_ms=700), "TIMEOUT")
        c.result("no PowerDNS", self.run(WEST, url=f"http://127.0.0.1:{free_port()}"), "REFUSED")
        c.that("after all that nothing has changed", self.lookup("api.bud.test", "A") == [EAST])
