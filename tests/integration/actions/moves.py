"""Whole moves between the regions, for the tests that need one: planned, by force, and back."""

import time

from driver import OTHER, PG_BIN


def until(sentence, test, timeout_s=30.0, pause_s=0.1):
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            value = test()
            if value:
                return value
        except Exception as error:
            value = error
        if time.monotonic() > deadline:
            raise AssertionError(f"not in {timeout_s} s: {sentence}; last: {value!r}")
        time.sleep(pause_s)


class Moves:
    def __init__(self, driver, checks):
        self.driver, self.lab, self.checks = driver, driver.lab, checks
        self.active = "east"

    def local(self, host):
        return {"pg_ctl": f"{PG_BIN}/pg_ctl", "run_as": "postgres",
                "data_directory": f"{self.lab.hosts[host].directory}/postgres/data"}

    def leader(self, region):
        """The host whose PostgreSQL takes writes, or None."""
        for host in self.driver.members(region):
            try:
                if self.lab.sql(host, "SELECT pg_is_in_recovery()", timeout_s=2) == [(False,)]:
                    return host
            except Exception:
                continue
        return None

    def must(self, host, action, arguments, **options):
        result = self.driver.run(host, action, arguments, **options)
        self.checks.result(f"{action} on {host}", result)
        return result

    def planned(self):
        """A switchover as the plan does it. Returns {"pg": ms, "redis": ms} of the promotions."""
        driver, source = self.driver, self.active
        target = OTHER[source]
        at, there = f"{source}-db1", f"{target}-db1"
        leader = self.leader(source)
        number = int(time.time() * 1000) % 10**9
        self.lab.sql(leader, "INSERT INTO probe VALUES ('moves', %s, 'last')", (number,))
        self.lab.redis(self.redis_master(source), "SET", "moves", str(number))
        handed = self.must(leader, "patroni_handoff", dict(driver.patroni(source), **self.local(leader)), region=source)
        position = handed["detail"].split()[0].removeprefix("lsn=")
        self.must(at, "redis_handoff", driver.redis(source), region=source)
        driver.epoch += 1
        self.must(there, "pg_await_position", dict(driver.patroni(target), position=position), region=target)
        pg = self.must(there, "patroni_promote", driver.patroni(target), region=target)
        redis = self.must(there, "redis_promote", driver.redis(target), region=target)
        self.must(at, "redis_demote", driver.redis(source), region=source)
        self.must(at, "pg_rejoin", dict(driver.patroni(source), rebuild="yes"), region=source, timeout_ms=60000)
        self.active = target
        rows = self.lab.sql(self.leader(target), "SELECT count(*) FROM probe WHERE prober = 'moves' AND id = %s", (number,))
        self.checks.that("the last row before the hand-off is there", rows == [(1,)], rows)
        value = self.lab.redis(self.redis_master(target), "GET", "moves")
        self.checks.that("the last key before the hand-off is there", str(value) == str(number), value)
        return {"pg": pg["took_ms"], "redis": redis["took_ms"]}

    def redis_master(self, region):
        for host in self.driver.members(region):
            try:
                if self.lab.redis(host, "ROLE")[0] == "master":
                    return host
            except Exception:
                continue
        return None

    def settle(self):
        """Both regions as they should be with the active one as it is; whatever a test left behind."""
        driver, active = self.driver, self.active
        other = OTHER[active]
        driver.epoch += 1
        result = driver.run(f"{active}-db1", "patroni_promote", driver.patroni(active), region=active, timeout_ms=60000)
        assert result["err"] == "OK", result
        result = driver.run(f"{active}-db1", "redis_promote", driver.redis(active), region=active)
        assert result["err"] == "OK", result
        until("redis_demote of the other region", lambda: driver.run(
            f"{other}-db1", "redis_demote", driver.redis(other), region=other)["err"] == "OK")
        result = driver.run(f"{other}-db1", "pg_rejoin", dict(driver.patroni(other), rebuild="yes"), region=other,
                            timeout_ms=90000)
        assert result["err"] == "OK", result
        self.redis_linked(other)
        self.replicas_stream()

    def replicas_stream(self):
        """The active region's own replicas have what its leader has: who takes back a hand-off is Patroni's choice."""
        region = self.active
        leader = until("somebody leads", lambda: self.leader(region), 60)
        for host in self.driver.members(region):
            if host != leader:
                address = self.lab.hosts[host].address
                until(f"PostgreSQL on {host} streams from {leader}", lambda a=address: self.lab.sql(
                    leader, "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming' AND client_addr = %s::inet", (a,))
                    == [(1,)], 60)

    def redis_linked(self, region):
        for host in self.driver.members(region):
            until(f"Redis on {host} replicates",
                  lambda h=host: "master_link_status:up" in str(self.lab.redis(h, "INFO", "replication")))
