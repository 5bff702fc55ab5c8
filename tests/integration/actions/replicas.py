"""A hand-off while a replica of the own region runs and does not stream: it must wait, or refuse before it stops anything."""

import json
import os
import subprocess
import threading
import time

from lab.postgres import configuration_path
from moves import until

GAP_MOST_S = 1.0  # between two rows of a writer whom nobody stops; the machine is shared


class Writer:
    """Rows one after the other until it is told to stop; what was acknowledged, and the longest gap between two."""

    def __init__(self, lab, host):
        self.lab, self.host = lab, host
        self.rows, self.failures, self.longest_s, self.going = 0, [], 0.0, True
        self.mark = str(time.monotonic_ns())
        self.thread = threading.Thread(target=self.write, daemon=True)
        self.thread.start()

    def write(self):
        last = time.monotonic()
        while self.going:
            try:
                self.lab.sql(self.host, "INSERT INTO probe VALUES ('replicas', %s, %s)", (self.rows, self.mark), timeout_s=2)
                self.rows += 1
            except Exception as error:
                self.failures.append(str(error))
            self.longest_s = max(self.longest_s, time.monotonic() - last)
            last = time.monotonic()
            time.sleep(0.02)

    def stop(self):
        self.going = False
        self.thread.join()


class Replicas:
    def __init__(self, driver, checks, moves):
        self.driver, self.lab, self.checks, self.moves = driver, driver.lab, checks, moves

    def all(self):
        moves, active = self.moves, self.moves.active
        moves.replicas_stream()
        self.leader = moves.leader(active)
        self.replica = next(h for h in self.driver.members(active) if h != self.leader)
        self.address = (self.lab.hosts[self.replica].address,)
        self.arguments = dict(self.driver.patroni(active), **moves.local(self.leader))
        self.retry_every("300ms")
        try:
            self.refused()
            self.not_elected()
            self.taken_back_by_who_led()
        finally:
            self.stream()
        self.streams_again()
        moves.settle()
        self.taken_back_from_a_standby()
        moves.settle()
        self.retry_every("5s")

    def retry_every(self, interval):
        """How soon a standby asks again for its stream; PostgreSQL's own 5 s would be most of this test."""
        for host in self.driver.members("east") + self.driver.members("west"):
            self.lab.sql(host, f"ALTER SYSTEM SET wal_retrieve_retry_interval = '{interval}'")
            self.lab.sql(host, "SELECT pg_reload_conf()")

    def block(self):
        """The replica runs on and gets nothing any more; the other region's stream stays as it is."""
        self.lab.sql(self.leader, "ALTER ROLE replicator NOLOGIN")
        self.cut()
        until("the replica does not stream", lambda: self.lab.sql(
            self.leader, "SELECT count(*) FROM pg_stat_replication WHERE client_addr = %s::inet", self.address) == [(0,)])

    def cut(self):
        """Its walreceiver comes again, when it may."""
        self.lab.sql(self.leader, "SELECT pg_terminate_backend(pid) FROM pg_stat_replication WHERE client_addr = %s::inet", self.address)

    def stream(self):
        self.lab.sql(self.moves.leader(self.moves.active), "ALTER ROLE replicator LOGIN")

    def hand_off(self, **options):
        return self.driver.run(self.leader, "patroni_handoff", self.arguments, region=self.moves.active, **options)

    def take_back(self):
        active = self.moves.active
        self.driver.epoch += 1
        return self.driver.run(f"{active}-db1", "patroni_promote", self.driver.patroni(active), region=active)

    def refused(self):
        c = self.checks
        self.block()
        writer = Writer(self.lab, self.leader)
        until("the writer writes", lambda: writer.rows > 3)
        r = self.hand_off(timeout_ms=6000)
        writer.stop()
        c.result("a hand-off is refused while a replica runs and does not stream", r, "PRECONDITION",
                 detail=f"nothing was changed: replica {self.replica} is \"running\" and does not stream")
        c.that("it says what to do", "stop it, or tag it nofailover" in r["detail"], r["detail"])
        c.that("it waited for the replica first", 1500 < r["took_ms"] < 4000, r["took_ms"])
        c.that("nobody's writes were stopped", not writer.failures and writer.longest_s < GAP_MOST_S,
               (writer.failures[:2], writer.longest_s))
        status = self.lab.patroni(self.leader, "GET", "/patroni")[1]
        c.that("Patroni is not paused", not status.get("pause"), status)
        self.warned(status["patroni"]["version"])

    def warned(self, version):
        """Readiness warns by this check's word; 3.0 calls each replica "running", so nothing is said of it there."""
        url = f"http://{self.lab.hosts[self.leader].address}:8008"
        program = os.path.join(os.path.dirname(self.driver.program), "..", "probes", "probe_run")
        seen = json.loads(self.lab.run(self.leader, [program], text=f"kind patroni\ntimeout_ms 5000\narg url {url}\n").stdout)
        told = f"no stream {self.replica}" in seen["detail"]
        self.checks.that("the patroni check tells of it where Patroni does", told == (not version.startswith("3.0.")), seen)

    def tag(self, tags):
        """nofailover is said in the member's own file."""
        path = configuration_path(self.lab.hosts[self.replica])
        with open(path) as file:
            configuration = json.load(file)
        configuration["tags"] = tags
        with open(path, "w") as file:
            json.dump(configuration, file, indent=1)
        self.lab.patroni(self.replica, "POST", "/reload", {})
        until("the tag is known", lambda: [m.get("tags", {}) for m in self.lab.patroni(self.leader, "GET", "/cluster")[1]["members"]
                                           if m["name"] == self.replica] == [tags])

    def not_elected(self):
        c = self.checks
        self.tag({"nofailover": True})
        c.result("a replica that is never elected does not count", self.hand_off(), detail="lsn=")
        c.result("the hand-off is taken back", self.take_back(), observed=False, detail="the one that led before")
        c.that("by the member that led", self.moves.leader(self.moves.active) == self.leader)
        self.tag({})

    def taken_back_from_a_standby(self):
        """Patroni has made a standby of the stopped primary, as it does when it still takes the region for a standby cluster."""
        c, active = self.checks, self.moves.active
        leader = self.moves.leader(active)
        local = self.moves.local(leader)
        until("the other region streams", lambda: self.lab.sql(leader, "SELECT count(*) FROM pg_stat_replication") == [(2,)])
        c.result("a hand-off whose primary becomes a standby is done", self.driver.run(
            leader, "patroni_handoff", dict(self.driver.patroni(active), **local), region=active), detail="lsn=")
        signal_file = os.path.join(local["data_directory"], "standby.signal")
        with open(signal_file, "w"):
            pass
        subprocess.run(["chown", "postgres:", signal_file], check=True)
        c.result("the standby that it became is promoted", self.take_back(), observed=False, detail="the one that led before")
        c.that("it is the member that led", self.moves.leader(active) == leader)

    def taken_back_by_who_led(self):
        """Stopped behind the hand-off's back: the replica lost its stream in the moment before."""
        c, lab = self.checks, self.lab
        local = self.moves.local(self.leader)
        timeline = lab.sql(self.leader, "SELECT timeline_id FROM pg_control_checkpoint()")
        lab.sql(self.leader, "INSERT INTO probe VALUES ('replicas', -1, 'the replica never got it')")
        lab.patroni(self.leader, "PATCH", "/config", {
            "pause": True, "drover_handoff": True, "drover_handoff_leader": f"http://{lab.hosts[self.leader].address}:8008"})
        until("every member has noticed the pause", lambda: all(
            lab.patroni(h, "GET", "/patroni")[1].get("pause") for h in self.driver.members(self.moves.active)))
        subprocess.run(["runuser", "-u", "postgres", "--", local["pg_ctl"], "stop", "-D", local["data_directory"], "-m", "fast", "-w"],
                       check=True, stdout=subprocess.DEVNULL)
        c.result("a stopped region whose replica lacks rows is taken back", self.take_back(), observed=False)
        c.that("the member that has them leads", self.moves.leader(self.moves.active) == self.leader,
               self.moves.leader(self.moves.active))
        rows = lab.sql(self.moves.leader(self.moves.active), "SELECT count(*) FROM probe WHERE prober = 'replicas' AND id = -1")
        c.that("the row that only it has is there", rows == [(1,)], rows)
        now = lab.sql(self.leader, "SELECT timeline_id FROM pg_control_checkpoint()")
        c.that("on the same timeline: nobody has anything to rewind", now == timeline, (timeline, now))
        # A look at the DCS: GET /config tells the member's last round, seconds ago.
        config = lab.patroni(self.leader, "PATCH", "/config", {"drover_nothing": None})[1]
        left = [key for key in config if key.startswith("drover_handoff")]
        c.that("no mark of the hand-off is left", not left and not config.get("pause"), config)

    def streams_again(self):
        c = self.checks
        until("the other region streams again", lambda: self.lab.sql(
            self.leader, "SELECT count(*) FROM pg_replication_slots WHERE slot_name = %s AND active",
            (self.arguments["peer_slot_name"],)) == [(1,)])
        self.cut()
        r = self.hand_off()
        c.result("a replica that has just been mended is waited for", r, detail="lsn=")
        c.figure(f"patroni_handoff with a replica that comes back took {r['took_ms']:.0f} ms")
        back = self.take_back()
        c.result("and the hand-off is taken back", back, observed=False)
        c.figure(f"a hand-off was taken back in {back['took_ms']:.0f} ms")
