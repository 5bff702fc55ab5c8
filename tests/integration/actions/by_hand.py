"""A planned switchover of the stores, and a demotion, by nothing but the printed commands; each action finds its wish fulfilled."""

import time

from driver import OTHER
from moves import until


class ByHand:
    def __init__(self, stores):
        self.driver, self.lab, self.checks, self.moves = stores.driver, stores.lab, stores.checks, stores.moves

    def found(self, host, kind, arguments, region):
        """By the action of this kind: nothing is left to do."""
        r = self.driver.run(host, kind, arguments, region=region, timeout_ms=60000)
        self.checks.result(f"{kind}: what was typed is found by the action", r, observed=True)
        return r

    def typed(self, host, kind, arguments, shown):
        """Types the command, then the look until it shows what it should."""
        d = self.driver
        command, look = d.printed(kind, arguments)
        said = d.types(host, command)
        looked = until(f"{kind}, typed, shows it", lambda: shown(d.types(host, look)), 60)
        self.checks.that(f"{kind}: the printed command, typed, ends well, and its look says so", said.returncode == 0 and looked, said)

    def all(self):
        d, c, source = self.driver, self.checks, self.moves.active
        target, at, leader = OTHER[source], f"{source}-db1", self.moves.leader(source)
        number = int(time.time() * 1000) % 10**9
        self.lab.sql(leader, "INSERT INTO probe VALUES ('moves', %s, 'last')", (number,))
        self.lab.redis(self.moves.redis_master(source), "SET", "moves", str(number))
        position = self.hand_off(source, leader)
        d.epoch += 1
        self.take_over(target, position)
        self.typed(at, "redis_demote", d.redis(source), lambda said: said.stdout.split().count("slave") == len(d.members(source)))
        self.found(at, "redis_demote", d.redis(source), source)
        self.typed(at, "pg_rejoin", d.patroni(source), lambda said: said.stdout.split() == ["t|streaming"] * len(d.members(source)))
        self.found(at, "pg_rejoin", d.patroni(source), source)
        self.moves.active = target
        rows = self.lab.sql(self.moves.leader(target), "SELECT count(*) FROM probe WHERE prober = 'moves' AND id = %s", (number,))
        value = self.lab.redis(self.moves.redis_master(target), "GET", "moves")
        c.that("by hand, too, the last row and the last key are there", rows == [(1,)] and str(value) == str(number), [rows, value])
        self.demoted(target)

    def hand_off(self, source, leader):
        d, c = self.driver, self.checks
        arguments = dict(d.patroni(source), **self.moves.local(leader))
        command, look = d.printed("patroni_handoff", arguments)
        # "go on only when every member says true": a person looks again
        first, second, rest = command.index("# 1."), command.index("# 2."), command.index("# 3.")
        d.types(leader, command[first:second])
        until("every Patroni is paused", lambda: d.types(leader, command[second:rest]).stdout.count("true") == len(d.members(source)))
        said = d.types(leader, command[rest:])
        looked = d.types(leader, look).stdout.split()
        c.that("patroni_handoff: the printed commands, typed, stop it cleanly, and nobody takes writes",
               "shut down" in said.stdout and "f" not in looked and self.moves.leader(source) is None, [said, looked])
        handed = self.found(leader, "patroni_handoff", arguments, source)
        self.typed(leader, "redis_handoff", d.redis(source), lambda said: "NOREPLICAS" in said.stdout + said.stderr)
        self.found(leader, "redis_handoff", d.redis(source), source)
        return handed["detail"].split()[0].removeprefix("lsn=")

    def take_over(self, target, position):
        d, there = self.driver, f"{target}-db1"
        arguments = dict(d.patroni(target), position=position)
        until("the target has the position", lambda: "t" in d.typed(there, "pg_await_position", arguments)[0].split())
        self.checks.that("pg_await_position: the printed command, typed, says t", True)
        self.found(there, "pg_await_position", arguments, target)
        self.typed(there, "patroni_promote", d.patroni(target), lambda said: said.stdout.strip() == "f")
        self.found(there, "patroni_promote", d.patroni(target), target)
        self.typed(there, "redis_promote", d.redis(target), lambda said: said.stdout.split()[0] == "master")
        self.found(there, "redis_promote", d.redis(target), target)

    def demoted(self, active):
        """The soft fence by hand, and taken back by the action."""
        d = self.driver
        self.typed(f"{active}-db1", "patroni_demote", d.patroni(active), lambda said: "f" not in said.stdout.split() and "t" in said.stdout.split())
        self.found(f"{active}-db1", "patroni_demote", d.patroni(active), active)
        self.moves.settle()
