"""dns_route53 and dns_cloudflare against the stand-ins of standins.py."""
import boto3
from botocore.config import Config

from names import EAST, WEST
from see import Tests
import servers
from standins import Cloudflare, Route53

ACCESS = "AKIAIOSFODNN7EXAMPLE"


class Case:
    """What both providers have to do alike. A subclass has `kind`, `stand_in`, `own` arguments, and looks by itself."""
    name, ttl = "api.bud.test", "60"

    def __init__(self, runner, checks, lab):
        self.runner, self.checks, self.lab, self.epoch = runner, checks, lab, 5
        self.certificate = servers.certificate(lab, self.kind, 30)
        runner.secret(self.kind, self.secret)
        self.open()

    def arguments(self, value, **more):
        return {"url": f"https://localhost:{self.stand_in.port}{self.base}", "connect_to": f"127.0.0.1:{self.stand_in.port}",
                "ca": self.certificate, "zone": "bud.test", "zone_id": self.stand_in.zone, "name": self.name, "type": "A", "value": value,
                "ttl": self.ttl, "protected": "status.bud.test", **self.own, **more}

    def run(self, value, epoch=None, timeout_ms=10000, lines=(), **more):
        return self.runner.run(self.kind, self.arguments(value, **more), epoch=epoch or self.epoch, timeout_ms=timeout_ms, lines=lines)

    def faulty(self, sentence, faults, *wanted, timeout_ms=10000, **more):
        self.stand_in.faults = list(faults)
        result = self.run(*wanted[:1], timeout_ms=timeout_ms, epoch=self.next())
        self.stand_in.faults = []
        return self.checks.result(sentence, result, *wanted[1:], **more)

    def next(self):
        self.epoch += 1
        return self.epoch

    def all(self):
        c = self.checks
        try:
            self.credential()
            c.result("looking only, nothing is changed", self.run(WEST, lines=["observe_only"]), "FAILED", detail=EAST)
            c.result("the record is changed", self.run(WEST, old_value=EAST), observed=False, detail=f"is {WEST}, ttl {self.ttl}, epoch 5")
            c.that("the provider has the new address", self.look(self.name, "A") == [WEST], self.look(self.name, "A"))
            texts = ['"drover-epoch=5"', '"v=spf1 -all"']
            c.that("the epoch stands beside it, and other people's text", self.look(self.name, "TXT") == texts, self.look(self.name, "TXT"))
            c.result("the change is observed", self.run(WEST), observed=True)
            c.result("a name that was not there", self.run(EAST, name="new.bud.test"), observed=False)
            c.result("an alias, its epoch under a name of its own", self.run("lb.west.bud.test", name="www.bud.test", type="CNAME"),
                     observed=False)
            c.result("which is observed", self.run("lb.west.bud.test.", name="www.bud.test", type="CNAME"), observed=True)
            for turn in range(4):
                value = (EAST, WEST)[turn % 2]
                self.runner.kill(self.kind, self.arguments(value), 0.1, epoch=self.next())
                c.result(f"killed on its way to {value}, and run again", self.run(value))
                c.that("the provider has it", self.look(self.name, "A") == [value], self.look(self.name, "A"))
            self.typed()
            self.own_cases()
            self.troubles()
            self.refused()
        finally:
            self.stand_in.end()

    def typed(self):
        """By hand only the address moves: the epoch beside it stays, and is ours still."""
        c = self.checks
        said = self.runner.typed(self.kind, self.arguments(EAST))
        c.that(f"{self.kind}: the printed command, typed, moves the name, and its look says so",
               said[2] == 0 and EAST in said[1] and self.look(self.name, "A") == [EAST], said)
        c.result(f"{self.kind}: what was typed is found by the action", self.run(EAST), observed=True)
        self.stand_in.asked.clear()

    def troubles(self):
        c, throttle = self.checks, ("GET", "throttle")
        self.faulty("throttled twice, it waits and asks again", [throttle, ("POST", "throttle")], EAST)
        c.that("and it is done", self.look(self.name, "A") == [EAST])
        self.faulty("a service that is not available for a moment", [("GET", "busy")], WEST)
        self.faulty("throttled for longer than there is time", [throttle] * 9, EAST, "BUSY", timeout_ms=900, detail="throttles us")
        self.faulty("an answer that is not one", [("GET", "garbage")], EAST, "FAILED" if self.kind == "dns_cloudflare" else "FORMAT")
        self.faulty("an answer to the change that is not one", [("POST", "garbage")], EAST,
                    "FAILED" if self.kind == "dns_cloudflare" else "FORMAT")
        self.faulty("a connection that is cut", [("POST", "cut")], EAST, "CLOSED")
        self.faulty("a provider that hangs", [("GET", "hang")], EAST, "TIMEOUT", timeout_ms=700)
        self.faulty("somebody deletes the record in between: it is read again", [("POST", self.delete)], EAST, observed=False)
        c.that("and made again, once", self.look(self.name, "A") == [EAST], self.look(self.name, "A"))
        c.result("a newer epoch stands there", self.run(WEST, epoch=self.epoch - 1), "STALE", detail="larger")

    def refused(self):
        c, here = self.checks, self.look(self.name, "A")
        self.runner.exchanged(c, self.kind, self.kind, lambda: self.run(here[0]))
        c.result("a value that is not the expected one", self.run(WEST, epoch=self.next(), old_value="10.9.9.9"), "STALE",
                 detail="stale prerequisite")
        c.result("a protected name", self.run(WEST, name="Status.bud.test."), "DENIED", detail="protected")
        c.result("a name of several addresses", self.run(WEST, name="many.bud.test"), "UNSUPPORTED", detail="expected one")
        c.result("a zone that is not there", self.run(WEST, zone_id="Z9"), "NOT_FOUND", detail="404")
        c.result("credentials in the clear", self.run(WEST, url="http://127.0.0.1:1"), "CONFIG", detail="https://")
        c.result("a certificate of nobody we trust", self.run(WEST, ca=None), "AUTH")
        c.result("no provider", self.run(WEST, connect_to=f"127.0.0.1:{servers.free_port()}"), "REFUSED")
        c.that("after all that nothing has changed", self.look(self.name, "A") == here, self.look(self.name, "A"))


class Amazon(Case):
    kind, base, secret = "dns_route53", "", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"
    own = {"user": ACCESS, "password_ref": "dns_route53"}

    def open(self):
        self.stand_in = Route53(self.certificate, self.lab.path("dns_route53.key"), ACCESS, self.secret)
        self.sdk = boto3.client("route53", endpoint_url=f"https://localhost:{self.stand_in.port}", verify=self.certificate, region_name="us-east-1",
                                aws_access_key_id=ACCESS, aws_secret_access_key=self.secret, config=Config(proxies={}, retries={"max_attempts": 0}))
        self.sdk_change("CREATE", self.name, "A", EAST)
        self.sdk_change("CREATE", self.name, "TXT", '"v=spf1 -all"')
        self.sdk_change("CREATE", "many.bud.test", "A", EAST, WEST)
        self.stand_in.records[("alias.bud.test.", "A", "")] = {"alias": "lb.bud.test."}
        self.stand_in.records[("weighted.bud.test.", "A", "one")] = {"ttl": 60, "values": [EAST]}

    def sdk_change(self, action, name, kind, *values):
        return self.sdk.change_resource_record_sets(HostedZoneId=self.stand_in.zone, ChangeBatch={"Changes": [{
            "Action": action, "ResourceRecordSet": {"Name": name, "Type": kind, "TTL": 60, "ResourceRecords": [{"Value": v} for v in values]}}]})

    def look(self, name, kind):
        """By AWS's own SDK, which signs and reads with no line of ours."""
        rows = self.sdk.list_resource_record_sets(HostedZoneId=self.stand_in.zone, StartRecordName=name, StartRecordType=kind, MaxItems="1")
        return sorted(v["Value"] for row in rows["ResourceRecordSets"] if (row["Name"], row["Type"]) == (name + ".", kind)
                      for v in row["ResourceRecords"])

    def delete(self):
        self.stand_in.records = {key: value for key, value in self.stand_in.records.items() if key[:2] != (self.name + ".", "A")}

    def credential(self):
        probe, path = Tests(self.runner.probe_program, self.lab), self.runner.secrets[self.kind][0]

        def ask(ref, user=ACCESS):
            return probe.probe("http", {"url": f"https://127.0.0.1:{self.stand_in.port}/2013-04-01/hostedzone/{self.stand_in.zone}/rrset?maxitems=1",
                                        "ca": self.certificate, "sign_service": "route53", "user": user, "password_ref": ref,
                                        "expect_body": "<ListResourceRecordSetsResponse"}, 5000, f"secret key {path}")
        c, right = self.checks, ask("key")
        c.that("an http check looks at Route 53's zone with a signed request", right["err"] == "OK" and right["good"], right)
        c.that("and tells that a wrong secret is refused", ask("wrong")["err"] == "AUTH")
        c.that("or a key that is not known", ask("key", "AKIAOTHER")["err"] == "AUTH")

    def own_cases(self):
        c = self.checks
        self.stand_in.pending_n = 2
        c.result("it waits until all servers have the change", self.run(EAST, epoch=self.next()), observed=False)
        asked = [path for method, path in self.stand_in.asked if "/change/" in path]
        c.that("by asking for the change itself", len(asked) == 2, asked)
        self.stand_in.pending_n = 99
        c.result("a change that stays pending is no success", self.run(WEST, epoch=self.next(), timeout_ms=1500), "TIMEOUT", detail="PENDING")
        self.stand_in.pending_n = 0
        c.result("a wrong secret", self.run(WEST, password_ref="wrong"), "AUTH", detail="SignatureDoesNotMatch")
        c.result("a wrong key", self.run(WEST, user="AKIAOTHER"), "AUTH", detail="InvalidClientTokenId")
        c.result("an alias record of Route 53", self.run(WEST, name="alias.bud.test"), "UNSUPPORTED", detail="alias record")
        c.result("a record with a routing policy", self.run(WEST, name="weighted.bud.test"), "UNSUPPORTED", detail="routing policy")

        def other():
            self.sdk_change("UPSERT", self.name, "TXT", '"drover-epoch=99"')
        self.stand_in.faults = [("POST", other)]
        c.result("a newer epoch that comes in between is not overwritten", self.run(EAST, epoch=self.next()), "STALE", detail="99")
        c.that("not even for a moment", self.look(self.name, "A") == [WEST], self.look(self.name, "A"))
        self.sdk_change("UPSERT", self.name, "TXT", '"v=spf1 -all"')


class Flare(Case):
    kind, base, secret = "dns_cloudflare", "/client/v4", "YQSn-xWAQiiEh9qM58wZNnyQS7FUdoqGIUAbrh7T"
    own = {"token_ref": "dns_cloudflare"}

    def open(self):
        self.stand_in = Cloudflare(self.certificate, self.lab.path("dns_cloudflare.key"), self.secret)
        self.stand_in.make(name=self.name, type="A", content=EAST, ttl=60, comment="of the web team")
        self.stand_in.make(name=self.name, type="TXT", content='"v=spf1 -all"', ttl=60)
        for address in (EAST, WEST):
            self.stand_in.make(name="many.bud.test", type="A", content=address, ttl=60)
        self.stand_in.make(name="edge.bud.test", type="A", content=EAST, ttl=1, proxied=True)

    def look(self, name, kind):
        return sorted(r["content"] for r in self.stand_in.records if (r["name"], r["type"]) == (name, kind))

    def delete(self):
        self.stand_in.records = [r for r in self.stand_in.records if (r["name"], r["type"]) != (self.name, "A")]

    def credential(self):
        probe, path = Tests(self.runner.probe_program, self.lab), self.runner.secrets[self.kind][0]

        def ask(ref):
            return probe.probe("http", {"url": f"https://127.0.0.1:{self.stand_in.port}{self.base}/user/tokens/verify", "ca": self.certificate,
                                        "token_ref": ref, "expect_body": '"status": "active"'}, 5000, f"secret key {path}")
        right = ask("key")
        self.checks.that("an http check has Cloudflare verify the token", right["err"] == "OK" and right["good"], right)
        self.checks.that("and tells that a wrong one is refused", ask("wrong")["err"] == "AUTH")

    def own_cases(self):
        c = self.checks
        c.result("without the zone's id it is looked for", self.run(EAST, epoch=self.next(), zone_id=None), observed=False)
        c.result("a zone that the token does not see", self.run(EAST, zone_id=None, zone="other.test", name="api.other.test"), "NOT_FOUND",
                 detail="no zone other.test")
        record = next(r for r in self.stand_in.records if (r["name"], r["type"]) == (self.name, "A"))
        c.that("other people's comment stays", record["comment"] == "of the web team", record)
        c.result("a record that is proxied", self.run(WEST, name="edge.bud.test"), observed=False)
        record = next(r for r in self.stand_in.records if (r["name"], r["type"]) == ("edge.bud.test", "A"))
        c.that("stays proxied, with the TTL that Cloudflare wants of it", record["proxied"] and record["ttl"] == 1, record)
        c.result("which is observed", self.run(WEST, name="edge.bud.test"), observed=True)
        self.stand_in.page_size = 1
        c.result("a list in pages is read to its end", self.run(WEST, epoch=self.next()), observed=False)
        c.result("so several records on different pages are seen", self.run(WEST, name="many.bud.test"), "UNSUPPORTED")
        self.stand_in.page_size = 100
        self.stand_in.make(name=self.name, type="TXT", content='"drover-epoch=1"', ttl=60)
        c.result("an epoch that was made twice", self.run(EAST, epoch=self.next()), observed=False)
        c.that("is one again", self.look(self.name, "TXT") == [f'"drover-epoch={self.epoch}"', '"v=spf1 -all"'], self.look(self.name, "TXT"))
        c.result("a TTL that Cloudflare does not take", self.run(EAST, ttl="5"), "CONFIG", detail="30 or more")
        c.result("nor this zone", self.run(EAST, ttl="30"), "FAILED", detail="9021")
        c.result("a wrong token", self.run(WEST, token_ref="wrong"), "AUTH", detail="Authentication error")
        self.stand_in.retry_after = 300
        self.faulty("a block of five minutes is told at once", [("GET", "throttle")], WEST, "BUSY", detail="300 s")
        self.stand_in.retry_after = 1
