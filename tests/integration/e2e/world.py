"""One lab with drover in it, its judges running, and the questions every scenario asks."""

import contextlib
import random
import threading
import time

from fleet import Fleet, Timing, TooSlow
from lab import Lab, plan


class Failure(Exception):
    pass


def expect(condition, what):
    if not condition:
        raise Failure(what)


def expect_pace(condition, what):
    """For what a machine that stood still can miss without a fault of drover: how long something took, how much a disturbance
    did, who of two came first. In vain, the scenario is run once more."""
    if not condition:
        raise TooSlow(what)


class Stalls:
    """How much later than asked for a thread of this machine was woken, in all: what a bound in time must not
    lay at drover's door. 20 ms a wake-up are the machine's ordinary lateness and are not counted."""

    def __init__(self):
        self.late_s, self.done = 0.0, threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)
        self.thread.start()

    def watch(self):
        before = time.monotonic()
        while not self.done.wait(0.01):
            now = time.monotonic()
            self.late_s += max(0.0, now - before - 0.03)
            before = now

    def stop(self):
        self.done.set()
        self.thread.join()
        return self.late_s


class World:
    """small: one database host a region. Everything is taken down on leaving."""

    def __init__(self, build, timing=None, engine="etcd", members=3, dns_ttl=1, small=True, snapshot_every=4000,
                 fleet=Fleet):
        self.lab = Lab(small=small, dns_ttl=dns_ttl)
        self.build, self.timing, self.engine, self.members_n = build, timing or Timing(), engine, members
        self.dns_ttl, self.snapshot_every = dns_ttl, snapshot_every
        self.make_fleet = fleet
        self.writer = self.probers = self.stalls = None
        self.stalled_s = 0.0

    def __enter__(self):
        self.lab.__enter__()
        try:
            self.fleet = self.make_fleet(self.lab, self.build, self.timing, self.members_n, self.engine, self.snapshot_every)
            self.fleet.start(wait=False)
            self.fleet.wait(lambda: self.writable("east"), 30, "the primary region serves")
            # The gates before an automatic decision want a settled group and a ready standby.
            time.sleep((self.timing.settle + 1000) / 1000)
        except BaseException:
            self.lab.__exit__(None, None, None)
            raise
        return self

    def __exit__(self, *error):
        with contextlib.suppress(Exception):
            self.judges_stop()
        if error[0] is not None:
            self.show_logs()
        with contextlib.suppress(Exception):
            self.fleet.stop()
        self.lab.__exit__(*error)

    def show_logs(self):
        for handle in self.fleet.processes.values():
            print(f"--- {handle.log}")
            with contextlib.suppress(OSError):
                print(handle.log_tail(25))

    # -- the judges

    def judges_start(self, rate_hz=20):
        self.stalls = Stalls()
        self.writer = self.lab.writer_start(rate_hz=rate_hz, timeout_s=0.3)
        self.probers = self.lab.probers_start(rate_hz=20)
        time.sleep(2)

    def judges_stop(self):
        if self.writer is not None:
            self.lab.writer_stop(self.writer)
            self.lab.probers_stop(self.probers)
            self.stalled_s = self.stalls.stop()
            self.writer = None

    def judged(self):
        self.judges_stop()
        # As a client finds it, through the gates: behind a shut one, a store of the lost region may call itself a primary.
        serving = [region for region in ("east", "west") if self.writable(region)]
        expect(len(serving) == 1, f"regions that serve at the end: {serving or 'none'}")
        report = self.lab.judge(self.leader(serving[0]))
        print("    " + self.lab.judge_text(report).replace("\n", "\n    "))
        return report

    def one_writer(self, report):
        expect(report["probes"] > 0, "no probe was made")
        expect(report["one_writer_proved"], f"two regions may have accepted writes: {report['stores']}")

    def nothing_lost(self, region, since_ns=0):
        """Every row that the writer was told is stored, of those sent since then, stands in the region's database."""
        writes, _ = self.lab.logs_of_judge()
        names = [line["writer"] for line in writes if "writer" in line]
        rows = {row[0] for row in self.lab.sql(self.leader(region), "SELECT id FROM ledger WHERE writer = ANY(%s)", (names,))}
        lost = [line["id"] for line in writes if line.get("ok") and line["sent"] >= since_ns and line["id"] not in rows]
        expect(not lost, f"{len(lost)} acknowledged rows are not in {region}: {lost[:10]}")

    def gap_s(self, report):
        return report["stores"]["postgres"]["gap_s"]

    def outage_within(self, report, extra_s=1.0):
        bound = max(self.timing.lease, self.timing.hold_down) / 1000 + self.dns_ttl + extra_s
        print(f"    bound of the outage: {bound:.2f} s; this machine stalled for {self.stalled_s:.2f} s besides")
        expect_pace(report["outage_s"] <= bound + self.stalled_s,
                    f"outage {report['outage_s']:.2f} s, at most {bound:.2f} s and the stalls' {self.stalled_s:.2f} s are allowed")

    def served_on(self, report, region="east", most_s=2.0):
        """The gate was not shut, as its guard tells, and no client had to wait."""
        log = self.log(f"{region}-db1/guard")
        expect("gate.open" in log and "gate.shut" not in log, "the gate was shut")
        expect_pace(report["outage_s"] < most_s + self.stalled_s,
                    f"the client saw {report['outage_s']:.1f} s without a write; this machine stalled for {self.stalled_s:.2f} s")

    # -- looking

    def recovering(self, host):
        """None while it does not answer."""
        import psycopg2
        try:
            return self.lab.sql(host, "SELECT pg_is_in_recovery()")[0][0]
        except psycopg2.Error:
            return None

    def leader(self, region):
        """The region's database host whose PostgreSQL takes writes; the first while none does."""
        hosts = [host.name for host in self.fleet.databases(region)]
        return next((host for host in hosts if len(hosts) > 1 and self.recovering(host) is False), hosts[0])

    def writable(self, region):
        return any(self._writable_at(region, host.address) for host in self.fleet.databases(region))

    def _writable_at(self, region, address):
        """From a neighbour inside the region, through the gate, as a real client would."""
        import psycopg2
        password = self.lab.secret("pg-app.password")
        try:
            with self.lab.inside(f"{region}-near"):
                link = psycopg2.connect(host=address, dbname="bud", user="bud_app",
                                        password=password, connect_timeout=2)
            with link, link.cursor() as cursor:
                cursor.execute("SELECT pg_is_in_recovery()")
                return not cursor.fetchone()[0]
        except psycopg2.Error:
            return False

    def streams(self, region):
        """A standby streams from the region's PostgreSQL."""
        rows = self.lab.sql(self.leader(region), "SELECT application_name FROM pg_stat_replication WHERE state='streaming'")
        return any(name.startswith(plan.other_region(region)) for (name,) in rows)

    def wait_writable(self, region, seconds):
        self.fleet.wait(lambda: self.writable(region), seconds, f"{region} takes writes")

    def never_writable(self, region, seconds):
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            expect(not self.writable(region), f"{region} became writable")
            time.sleep(0.3)

    def log(self, name):
        with open(self.fleet.processes[name].log, encoding="utf-8", errors="replace") as text:
            return text.read()

    def finished_steps(self, agent):
        """step -> attempts that ended well, from the agent's own log."""
        done = {}
        for line in self.log(agent).splitlines():
            if "command.finished" in line and "state=2" in line:
                words = dict(word.split("=", 1) for word in line.split() if "=" in word)
                done.setdefault(words["step"], set()).add(words["attempt"])
        return done

    def failed_over(self, seconds=40):
        """The plan's steps are all done, as the agent of the standby region tells."""
        wanted = {"promote-postgresql", "promote-redis", "dns-api", "verify-web"}

        def all_done():
            done = set()
            for name in self.fleet.guarded:
                done |= set(self.finished_steps(f"{name}/agent"))
            return wanted <= done
        self.fleet.wait(all_done, seconds, "every step of the failover is done")

    def approve(self, execution, step, who="net-1", seconds=60):
        """Waits until the step asks for it, then gives the approval."""
        def state():
            for found in self.fleet.ask("executions")["executions"]:
                if found["id"] == execution:
                    expect(found["stage"] not in ("aborted",), f"execution {execution} was aborted")
                    return next((s["state"] for s in found["steps"] if s["name"] == step), None)
            return None
        self.fleet.wait(lambda: state() == "needs-approval", seconds, f"step {step} asks for its approval")

        # The member that is asked may not have read that far yet: it knows of no such execution, or step. And one whose
        # answer was lost has taken it: the step goes on.
        def approved():
            return (self.fleet.drover("approve", str(execution), step, who=who, check=False).returncode == 0
                    or state() not in ("needs-approval", "waiting", None))
        self.fleet.wait(approved, seconds, f"the approval of step {step} is taken")

    def stage(self, execution):
        return next((e["stage"] for e in self.fleet.ask("executions")["executions"] if e["id"] == execution), None)

    def kill_region(self, region="east"):
        self.lab.poweroff(region)

    @staticmethod
    def jitter(most_s):
        time.sleep(random.uniform(0, most_s))
