"""s3_direction against two real MinIO, with a rule of replication each way."""
import re

from minio import USER, Minio
from servers import PASSWORD, Paused, free_port, wait_for


class Direction:
    def __init__(self, runner, checks, lab):
        self.runner, self.checks, self.lab = runner, checks, lab
        self.runner.secret("minio", PASSWORD)
        self.east, self.west = Minio(lab, "east"), Minio(lab, "west")
        for server in (self.east, self.west):
            server.ready()
            server.bucket("models")
        self.east.bucket("plain")
        self.east.replicate("models", self.west)
        self.west.replicate("models", self.east)

    def arguments(self, server, role, **more):
        return {"url": server.url, "user": USER, "password_ref": "minio", "bucket": "models", "role": role, **more}

    def run(self, server, role, epoch=1, timeout_ms=10000, lines=(), **more):
        return self.runner.run("s3_direction", self.arguments(server, role, **more), epoch=epoch, timeout_ms=timeout_ms, lines=lines)

    def rules(self, server):
        return server.call("GET", "/models/", "replication=")

    def states(self):
        return [re.findall(r"</ID><Status>(\w+)", self.rules(server))[0] for server in (self.east, self.west)]

    def leads(self, source, target, key):
        """What is written at the source arrives, and what was written before it at the target does not come back."""
        target.put("models", f"{key}-back")
        source.put("models", f"{key}-there")
        wait_for("it arrives", lambda: f"{key}-there" in self.listed(target), 30)
        # Listed and not asked for: MinIO fetches what it lacks from the other side.
        return f"{key}-there" in self.listed(source) and f"{key}-back" not in self.listed(source)

    def listed(self, server):
        return server.call("GET", "/models/", "list-type=2")

    def all(self):
        c, before = self.checks, self.rules(self.west)
        c.result("s3 looking only, nothing is turned", self.run(self.west, "target", lines=["observe_only"]), "FAILED", detail="1 of its rules")
        c.result("s3 the standby's rule is switched off", self.run(self.west, "target"), observed=False, detail="models is a target")
        c.result("s3 again it is observed", self.run(self.west, "target"), observed=True)
        c.result("s3 the active region's is on, and has the epoch's mark", self.run(self.east, "source"), observed=False)
        c.that("s3 it leads one way", self.leads(self.east, self.west, "first"))
        c.result("s3 the other way: first the old source", self.run(self.east, "target", epoch=2), observed=False)
        c.result("s3 then the new one", self.run(self.west, "source", epoch=2, rule="all"), observed=False)
        c.that("s3 it leads the other way", self.leads(self.west, self.east, "second"))
        c.that("s3 all else of the rule is as it was", self.rules(self.west) == before, [before, self.rules(self.west)])
        c.result("s3 an older epoch does not turn it back", self.run(self.west, "target", epoch=1), "STALE", detail="epoch 2")
        said = self.runner.typed("s3_direction", self.arguments(self.east, "source"))
        c.that("s3 the printed command, typed, turns it", said[:2] == ("", "<Rule><ID>all</ID><Status>Enabled") and
               self.states() == ["Enabled"] * 2, said)
        c.result("s3 which the action finds", self.run(self.east, "source", epoch=2), observed=True)
        c.result("s3 and the action puts it back", self.run(self.east, "target", epoch=2), observed=False)
        self.killed()
        self.refused()
        self.away()

    def killed(self):
        for turn in range(4):
            role = ("target", "source")[turn % 2]
            self.runner.kill("s3_direction", self.arguments(self.west, role), 0.06, epoch=2)
            self.checks.result(f"s3 killed on its way to {role} and run again", self.run(self.west, role, epoch=2))
        self.checks.that("s3 it is as before", self.states() == ["Disabled", "Enabled"], self.states())

    def refused(self):
        c = self.checks
        c.result("s3 a wrong secret", self.run(self.west, "target", password_ref="wrong", epoch=2), "AUTH", detail="SignatureDoesNotMatch")
        self.runner.exchanged(c, "s3_direction", "minio", lambda: self.run(self.west, "source", epoch=2))
        c.result("s3 no bucket", self.run(self.west, "target", bucket="nowhere", epoch=2), "NOT_FOUND", detail="NoSuchBucket")
        c.result("s3 a bucket without rules is no source", self.run(self.east, "source", bucket="plain", epoch=2), "PRECONDITION",
                 detail="no rule of replication")
        c.result("s3 and is a target already", self.run(self.east, "target", bucket="plain", epoch=2), observed=True)
        c.result("s3 no rule of that name", self.run(self.west, "target", rule="others", epoch=2), "PRECONDITION", detail="no rule others")
        c.result("s3 a name with an address in it", self.run(self.west, "target", bucket="a/../b"), "CONFIG", detail="bucket")
        c.result("s3 nobody listens", self.run(self.west, "target", url=f"http://127.0.0.1:{free_port()}"), "REFUSED")
        with Paused(self.west.process):
            c.result("s3 it hangs", self.run(self.west, "target", timeout_ms=700, epoch=2), "TIMEOUT")

    def away(self):
        """The other region is gone, as in a failover."""
        self.run(self.west, "target", epoch=2)
        self.east.stop()
        for _ in range(3):  # MinIO looks for the other server in its own time, before it says anything
            found = self.run(self.west, "source", epoch=3, timeout_ms=4000)
            if "emote" in found["detail"]:
                break
        self.checks.result("s3 with the other region gone no rule can be switched on, and that is told", found, "TIMEOUT", detail="emote")
        self.checks.that("s3 the bucket is written under the new epoch all the same",
                         self.west.call("GET", "/models/drover/epoch") == "drover epoch 3\n")
        self.east.start()
        self.east.ready()
        self.checks.result("s3 once it is back it is", self.run(self.west, "source", epoch=3, timeout_ms=20000), observed=False)
        self.west.stop()
        self.east.stop()
