"""Another member leads inside a region: asked for twice, killed half-way, hindered, typed. It moves once."""

from driver import OTHER
from moves import until


class Component:
    def __init__(self, driver, checks, moves, short):
        """short: in a room of another Patroni; a region that follows is moved there alone."""
        self.short = short
        self.driver, self.lab, self.checks, self.moves = driver, driver.lab, checks, moves
        self.execution = 100

    def leased(self, kind, arguments):
        """The epoch is where the data is."""
        region = self.moves.active
        self.driver.epoch += 1
        self.moves.must(f"{region}-db1", kind, arguments(region), region=region)

    def step(self):
        """Of an execution of its own."""
        self.execution += 1
        return {"lines": [f"execution {self.execution}"]}

    # -- Patroni ------------------------------------------------------------------------------------------------------

    def leads(self, region):
        """(name, timeline) of the member that Patroni names leader."""
        for host in self.driver.members(region):
            status, body = self.lab.patroni(host, "GET", "/cluster")[:2]
            leaders = [m for m in body["members"] if m["role"] in ("leader", "standby_leader") and "timeline" in m] if status == 200 else []
            if leaders:
                return leaders[0]["name"], leaders[0]["timeline"]
        return None

    def settled(self, region):
        return until(f"one leads {region}", lambda: self.leads(region))

    def patroni(self):
        c, d, region = self.checks, self.driver, self.moves.active
        arguments, at = d.patroni(region), f"{region}-db1"
        self.leased("patroni_promote", d.patroni)
        before, epochs = self.settled(region), self.epochs(region)
        step = self.step()
        r = d.run(at, "patroni_switchover", dict(arguments, within_ms="100"), region=region, **step)
        after = self.settled(region)
        c.result("another member leads inside the region, told with its time", r, observed=False,
                 detail=f"{after[0]} leads instead of {before[0]}, moved in ")
        c.result("a move longer than allowed is told, and is well", r, detail="s, longer than 0.1 s, timeline")
        c.figure(f"patroni_switchover: {r['took_ms']:.0f} ms: {r['detail']}")
        c.that("it moved by one timeline", after[0] != before[0] and after[1] == before[1] + 1, [before, after])
        c.result("the same step once more moves nothing", d.run(at, "patroni_switchover", arguments, region=region, **step),
                 observed=True, detail=f"{after[0]} leads instead of {before[0]}")
        c.that("nothing was moved by it", self.settled(region) == after)
        c.that("no epoch was raised by it", self.epochs(region) == epochs, [epochs, self.epochs(region)])
        self.follows(OTHER[region]) if self.short else self.killed(region, arguments, after)

    def killed(self, region, arguments, after):
        """And what hinders it, and what is typed."""
        c, d, at = self.checks, self.driver, f"{region}-db1"
        r = d.killed_then_run(at, "patroni_switchover", arguments, 1.5, region=region, **self.step())
        c.result(f"patroni_switchover killed at {r['after_s']:.2f} s ends well", r)
        again = self.settled(region)
        c.that("killed and run again it moved once", again[0] != after[0] and again[1] == after[1] + 1, [after, again])
        self.hindered(region, arguments, again)
        self.typed(region, arguments, again)

    def epochs(self, region):
        return self.lab.sql(self.moves.leader(region), "SELECT epoch FROM drover.epoch ORDER BY epoch")

    def hindered(self, region, arguments, before):
        c, d, at = self.checks, self.driver, f"{region}-db1"
        c.result("an older epoch moves no leader", d.run(at, "patroni_switchover", arguments, region=region, epoch=d.epoch - 1,
                                                         **self.step()), "STALE", detail="larger")
        c.result("looking only, no leader is moved", d.run(
            at, "patroni_switchover", arguments, region=region, lines=self.step()["lines"] + ["observe_only"]), "FAILED",
            detail="still led by")
        self.lab.patroni(at, "PATCH", "/config", {"pause": True})
        c.result("a paused Patroni is not moved", d.run(at, "patroni_switchover", arguments, region=region, **self.step()),
                 "PRECONDITION", detail="paused")
        self.lab.patroni(at, "PATCH", "/config", {"pause": None})
        c.result("Patroni's own refusal is told", d.run(
            at, "patroni_switchover", dict(arguments, candidate="nobody"), region=region, **self.step()), "PRECONDITION",
            detail="candidate")
        c.that("whatever hindered it, the same member leads", self.settled(region) == before)

    def follows(self, region):
        """In a region that follows the other one it is the standby leader that moves."""
        c, d = self.checks, self.driver
        before = self.settled(region)
        r = d.run(f"{region}-db1", "patroni_switchover", d.patroni(region), region=region, **self.step())
        after = self.settled(region)
        c.result("a region that follows has another leader, too", r, observed=False, detail=f"leads instead of {before[0]}")
        c.that("and still nobody there takes writes", after[0] != before[0] and self.moves.leader(region) is None, [before, after])

    def typed(self, region, arguments, before):
        c, d, at = self.checks, self.driver, f"{region}-db1"
        candidate = next(host for host in d.members(region) if host != before[0])
        arguments = dict(arguments, candidate=candidate)
        command, look = d.printed("patroni_switchover", arguments)
        said = d.types(at, command)
        looked = until("the printed look names the candidate", lambda: d.types(at, look).stdout.count("leader") == 1
                       and self.leads(region) and self.leads(region)[0] == candidate, 60)
        c.that("patroni_switchover: the printed command, typed, moves the leader", said.returncode == 0 and looked, said)
        c.result("patroni_switchover: what was typed is found by the action",
                 d.run(at, "patroni_switchover", arguments, region=region, **self.step()), observed=True,
                 detail=f"{candidate} leads already")

    # -- Redis --------------------------------------------------------------------------------------------------------

    def redis(self):
        c, d, region = self.checks, self.driver, self.moves.active
        arguments, at = d.redis(region), f"{region}-db1"
        self.leased("redis_promote", d.redis)
        before = self.moves.redis_master(region)
        self.lab.redis(before, "SET", "component", "kept")
        c.result("looking only, no master is moved", d.run(
            at, "sentinel_failover", arguments, region=region, lines=self.step()["lines"] + ["observe_only"]), "FAILED",
            detail="still")
        c.result("an older epoch moves no master", d.run(at, "sentinel_failover", arguments, region=region, epoch=d.epoch - 1,
                                                         **self.step()), "STALE", detail="larger")
        step = self.step()
        r = d.run(at, "sentinel_failover", dict(arguments, within_ms="100"), region=region, **step)
        after = self.moves.redis_master(region)
        c.result("another member is the master, told with its time", r, observed=False, detail=" is the master instead of ")
        c.result("a master's move longer than allowed is told, and is well", r, detail="s, longer than 0.1 s")
        c.figure(f"sentinel_failover: {r['took_ms']:.0f} ms: {r['detail']}")
        c.that("it moved, and has what was written", after not in (None, before)
               and str(self.lab.redis(after, "GET", "component")) == "kept", [before, after])
        c.result("the same step at the Sentinels once more moves nothing",
                 d.run(at, "sentinel_failover", arguments, region=region, **step), observed=True)
        c.that("the master was left alone by it", self.moves.redis_master(region) == after)
        r = d.killed_then_run(at, "sentinel_failover", arguments, 0.3, region=region, **self.step())
        c.result(f"sentinel_failover killed at {r['after_s']:.3f} s ends well", r)
        c.that("killed and run again the master moved once", self.moves.redis_master(region) == before)
        self.given_up(region, arguments, before)
        self.redis_typed(region, arguments, before)
        other = OTHER[region]
        c.result("where no Sentinel watches, nobody is moved", d.run(
            f"{other}-db1", "sentinel_failover", d.redis(other), region=other, **self.step()), "NO_QUORUM")

    def given_up(self, region, arguments, before):
        """The replica may not be told to lead: Sentinels end such a move after their failover-timeout, which is 10 s."""
        other = next(host for host in self.driver.members(region) if host != before)
        self.lab.redis(other, "ACL", "SETUSER", "default", "-slaveof", "-replicaof")
        r = self.driver.run(f"{region}-db1", "sentinel_failover", arguments, region=region, **self.step())
        self.lab.redis(other, "ACL", "SETUSER", "default", "+slaveof", "+replicaof")
        self.checks.result("a move that the Sentinels give up is told as that", r, "FAILED", detail="gave it up")

    @staticmethod
    def taken(said):
        return said if said.stdout.split() == ["OK"] else None

    def redis_typed(self, region, arguments, before):
        c, d, at = self.checks, self.driver, f"{region}-db1"
        command, look = d.printed("sentinel_failover", arguments)
        # INPROG, when it was moved a moment ago.
        said = until("a Sentinel takes what is typed", lambda: self.taken(d.types(at, command)))
        moved = self.lab.hosts[next(host for host in d.members(region) if host != before)].address
        looked = until("the printed look names the other member", lambda: d.types(at, look).stdout.count(moved) >= 3, 60)
        c.that("sentinel_failover: the printed command, typed, moves the master", said.returncode == 0 and looked, said)
        self.lab.redis(before, "REPLICAOF", moved, "6379")  # some 10 s before the Sentinels do
