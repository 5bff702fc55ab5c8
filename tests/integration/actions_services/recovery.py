"""clickhouse_recover against two real ClickHouse with their keeper: behind, cut off from it, read-only."""
import signal

from parts_of_it import ClickHouse, Keeper
from servers import PASSWORD, Paused, free_port, wait_for


class Soon(ClickHouse):
    """It looks each second, and not each minute, whether its keeper's session has ended."""

    def configure(self, inter):
        super().configure(inter + "<merge_tree><zookeeper_session_expiration_check_period>1"
                          "</zookeeper_session_expiration_check_period></merge_tree>")


class Recovery:
    def __init__(self, runner, checks, lab):
        self.runner, self.checks, self.lab = runner, checks, lab
        self.runner.secret("clickhouse", PASSWORD)
        self.keeper = Keeper(lab)
        self.lost, self.ours = Soon(lab, "ch1", self.keeper), Soon(lab, "ch2", self.keeper)
        for server in (self.lost, self.ours):
            server.query("CREATE DATABASE bud")
            server.query("CREATE TABLE bud.ev (d Date, n UInt64) ENGINE = ReplicatedMergeTree('/bud/ev', '{replica}') "
                         "PARTITION BY d ORDER BY n")
            server.query("CREATE TABLE bud.canary (name String, n UInt64, at UInt64) ENGINE = "
                         "ReplicatedReplacingMergeTree('/bud/canary', '{replica}', n) PARTITION BY tuple() ORDER BY name")
        self.ours.query("CREATE TABLE bud.alone (d Date, n UInt64) ENGINE = MergeTree PARTITION BY d ORDER BY n")

    def arguments(self, **more):
        return {"url": self.ours.url, "user": "drover", "password_ref": "clickhouse", "tables": "bud.ev,bud.canary",
                "epoch_table": "bud.canary", **more}

    def run(self, epoch=2, timeout_ms=20000, lines=(), **more):
        return self.runner.run("clickhouse_recover", self.arguments(**more), epoch=epoch, timeout_ms=timeout_ms, lines=lines)

    def queued(self):
        return int(self.ours.query("SELECT sum(queue_size) FROM system.replicas"))

    def readonly(self):
        return self.ours.query("SELECT max(is_readonly) FROM system.replicas").strip() == "1"

    def all(self):
        c = self.checks
        c.result("clickhouse looking only", self.run(lines=["observe_only"]), "FAILED", detail="without our epoch")
        c.result("clickhouse takes writes: the epoch is written", self.run(), observed=False, detail="2 tables take writes")
        c.result("clickhouse again it is observed", self.run(), observed=True)
        c.result("clickhouse an older epoch is refused", self.run(epoch=1), "STALE", detail="epoch 2")
        self.ours.query("SYSTEM STOP FETCHES bud.ev")
        self.lost.query("INSERT INTO bud.ev VALUES ('2026-01-01', 1)")
        wait_for("it is queued", self.queued)
        c.result("clickhouse what is queued later does not undo it", self.run(sync_ms=500), observed=True, detail="our epoch is there")
        self.ours.query("SYSTEM START FETCHES bud.ev")
        c.result("clickhouse what can be fetched is waited for", self.run(epoch=3))
        c.that("clickhouse it has the row", self.ours.query("SELECT n FROM bud.ev").strip() == "1")
        said = self.runner.typed("clickhouse_recover", self.arguments())
        c.that("clickhouse the printed commands, typed", said[0].endswith("done") and "bud.ev\t0\t0\t0" in said[1], said)
        c.result("clickhouse what was typed is found by the action", self.run(epoch=3), observed=True)
        self.refused()
        self.gone()

    def refused(self):
        c = self.checks
        c.result("clickhouse a wrong password", self.run(epoch=3, password_ref="wrong"), "AUTH")
        self.runner.exchanged(c, "clickhouse_recover", "clickhouse", lambda: self.run(epoch=3))
        c.result("clickhouse a table that is not replicated", self.run(epoch=3, tables="bud.alone"), "NOT_FOUND", detail="bud.alone")
        c.result("clickhouse a name with a query in it", self.run(epoch=3, tables="bud.ev; DROP"), "CONFIG", detail="database.table")
        c.result("clickhouse nobody listens", self.run(epoch=3, url=f"http://127.0.0.1:{free_port()}"), "REFUSED")
        with Paused(self.ours.process):
            c.result("clickhouse it hangs", self.run(epoch=3, timeout_ms=700), "TIMEOUT")

    def gone(self):
        """The other region is lost with what nobody had fetched, and with the keeper; one stands up here."""
        c = self.checks
        self.ours.query("SYSTEM STOP FETCHES bud.ev")
        self.lost.query("INSERT INTO bud.ev VALUES ('2026-01-02', 2)")
        wait_for("it is queued", self.queued)
        self.lab.stop(self.lost.process, signal.SIGKILL)
        self.ours.query("SYSTEM START FETCHES bud.ev")
        c.result("clickhouse what only the lost region has does not hold it up, and is told", self.run(epoch=4, sync_ms=1500), observed=False,
                 detail="wait for what only another replica has")
        self.keeper.process.kill()
        self.keeper.process.wait()
        wait_for("it is read-only", self.readonly, 40)
        c.result("clickhouse read-only without a keeper", self.run(epoch=5, timeout_ms=2500), "TIMEOUT", detail="no keeper answers")
        self.runner.kill("clickhouse_recover", self.arguments(sync_ms=100), 0.3, epoch=5)
        self.lab.start("zookeeper", self.keeper.process.args)
        c.result("clickhouse once a keeper stands it takes writes", self.run(epoch=5, timeout_ms=40000, sync_ms=500), observed=False)
        self.ours.query("INSERT INTO bud.ev VALUES ('2026-01-03', 3)")
        c.that("clickhouse and so it does", self.ours.query("SELECT max(n) FROM bud.ev").strip() == "3")
