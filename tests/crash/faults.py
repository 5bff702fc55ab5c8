#!/usr/bin/python3
"""Faults under a running lease: one process, one real fleet, one case after the other.

    faults.py --group NAME [--engine embedded|etcd] [--seed N] [--build DIR] [--only WORD] [--list]

The region that serves must go on serving through whatever the lease does not need, must be shut in time
when the lease cannot be renewed, and must serve again once the fault is over; a move of the lease that
cannot be made durable does not happen; whoever is hit says so. Both gates are watched all the time."""
import argparse
import contextlib
import os
import random
import re
import resource
import shutil
import signal
import sys
import tempfile
import time
import traceback

from fleet import REGIONS, ROOT, START_S, Fleet, Wrong, exit_text, until

STEADY = (6000, 500, 1500, 500, 6300)  # T, renewals, soft fence, earliness, wait in ms: fleet.py
LONG_S = 7.5                           # longer than T
PATIENCE_S = 240
ENOSPC, EROFS, EIO, EMFILE, EAGAIN, ENOMEM, ECONNRESET, ENOBUFS = 28, 30, 5, 24, 11, 12, 104, 105
WRITES = "write,open,rename,truncate,unlink"


TRIES_MAX = 3  # of a case whose gate was shut: a machine that stalls for T does that, but not each time


class Shut(Wrong):
    """The lease was lost under a fault that it should not feel."""


class Faults:
    def __init__(self, fleet, rng):
        self.fleet, self.rng = fleet, rng
        self.region = "east"

    # ---- who is who

    def agent(self, other=False):
        return self.fleet.programs[f"{self.other() if other else self.region}-db1"]

    def guard(self, other=False):
        return self.fleet.programs[f"{self.other() if other else self.region}-db1-guard"]

    def member(self):
        return self.fleet.programs["m1"]

    def other(self):
        return next(r for r in REGIONS if r != self.region)

    def case(self, name):
        for tries_n in range(1, TRIES_MAX + 1):
            try:
                figures = getattr(self, name)() or ""
                return f"{figures}{'' if tries_n == 1 else f' at try {tries_n}'}"
            except Shut:
                for program in self.fleet.programs.values():
                    program.control.clear()
                    program.control.put("wall_ms", 0)
                if tries_n == TRIES_MAX:
                    raise
            self.recovers()
        return ""

    # ---- the fault, and what is seen under it

    @contextlib.contextmanager
    def fault(self, program, calls, act, seconds=0, met=True, **more):
        """It lasts as long as the block, and at least so long."""
        program.control.hits()
        since, start = program.log_size(), time.monotonic()
        program.control.arm(calls, act, many=True, **more)
        try:
            yield since
            time.sleep(max(0.0, start + seconds - time.monotonic()))
        finally:
            program.control.clear()
        if met and program.control.hits() == 0:
            raise Wrong(f"{program.name} never met the fault: {calls} {act}")
        if not program.alive():
            raise Wrong(f"{program.name} ended ({exit_text(program.process)}) under {calls} {act}:\n"
                        f"{program.log(since)[-1500:]}")

    def kept(self, since):
        """The serving region's gate was open all the time."""
        shut = [at for at, region, is_open in self.fleet.gate.changes
                if region == self.region and not is_open and at >= since]
        if shut or not self.fleet.gate.open[self.region]:
            raise Shut(f"the gate of {self.region} was shut "
                        f"{shut[0] - since if shut else 0:.1f} s after the fault began")
        self.fleet.check()

    def shut_in_time(self):
        """By T after the last certificate that can have come; generous for a busy machine's knocks."""
        until(self.fleet.lease_ms / 1000 + 3, lambda: not self.fleet.gate.open[self.region],
              f"the gate of {self.region} is shut when its lease has run out")

    def recovers(self):
        self.fleet.serving(self.region, PATIENCE_S)

    @staticmethod
    def says(program, since, pattern, seconds=15):
        until(seconds, lambda: re.search(pattern, program.log(since)),
              f"{program.name} says {pattern!r}; it says {program.log(since)[-600:]}", 0.2)

    # ---- moves of the lease

    def declare(self, patience_s=20):
        """Asks for the move; True when it was answered with a yes."""
        end = time.monotonic() + patience_s
        while time.monotonic() < end:
            done = self.fleet.drover("declare", "--to", self.other(), "--kind", "switchover", "--plan",
                                     f"to-{self.other()}", "--reason", "a move", "--yes", "--timeout", "3s")
            if done.returncode == 0:
                return True
            time.sleep(0.2)
        return False

    def moved(self):
        """The move has come to its end, with the retries that a person would give it."""
        def over():
            executions = self.fleet.ask("executions").get("executions", [])
            latest = max(executions, key=lambda e: e["id"], default=None)
            if latest is None:
                return False
            for step in latest["steps"]:
                if step["state"] == "failed":
                    self.fleet.drover("step", "retry", str(latest["id"]), step["name"], "--timeout", "1s")
            if latest.get("paused"):
                self.fleet.drover("resume", str(latest["id"]), "--timeout", "1s")
            return latest["stage"] == "done"
        until(PATIENCE_S, over, "the move is done", 0.1)
        self.region = self.other()
        self.recovers()

    def epoch(self):
        return until(30, lambda: self.fleet.status().get("epoch"), "the members tell the epoch")

    # ---- cases: the disk

    def disk_keeps(self, program, calls, act, seconds=LONG_S, **more):
        """The lease is renewed without a disk."""
        start = time.monotonic()
        with self.fault(program, calls, act, seconds, met=program is self.member(), **more):
            pass
        self.kept(start)
        self.recovers()

    def slow_disk_of_the_member(self):
        start = time.monotonic()
        with self.fault(self.member(), "sync", "wait", LONG_S, wait_ms=10000) as since:
            if self.fleet.engine == "embedded":
                self.says(self.member(), since, r"log\.reachable reachable=0 .*has not answered")
        self.kept(start)
        self.recovers()
        self.fleet_moves()

    def rather_slow_disk_everywhere(self):
        """Each fsync takes 0.2 s: everything works, only later."""
        for program in self.fleet.programs.values():
            program.control.arm("sync", "wait", many=True, wait_ms=200)
        start = time.monotonic()
        time.sleep(LONG_S)
        self.kept(start)
        self.fleet_moves()
        for program in self.fleet.programs.values():
            program.control.clear()

    def slow_disk_of_guard_and_agent(self):
        for program in (self.guard(), self.agent()):
            self.disk_keeps(program, "sync", "wait", wait_ms=10000)

    def slow_disk_of_the_new_guard(self):
        """Its first certificate is too old when the disk has answered: it opens only with a later one."""
        guard = self.guard(other=True)
        with self.fault(guard, "sync", "wait", wait_ms=10000):
            self.wrongless_declare()
            until(30, lambda: guard.control.get("hits_n") > guard.control.seen, "the new guard writes")
            start = time.monotonic()
            while time.monotonic() < start + LONG_S:
                self.fleet.check()
                if self.fleet.gate.open[self.other()] and time.monotonic() < start + 5:
                    raise Wrong("the new region opened before its guard could write")
                time.sleep(0.05)
        self.moved()

    def slow_disk_of_the_old_guard(self):
        """It shuts before it asks its disk; without its proof the members wait their whole W."""
        guard = self.guard()
        with self.fault(guard, "sync", "wait", wait_ms=30000):
            self.wrongless_declare()
            self.shut_in_time()
            until(PATIENCE_S, lambda: self.fleet.gate.open[self.other()], "the new region opens all the same")
        self.moved()

    def fleet_moves(self):
        self.wrongless_declare()
        self.moved()

    def wrongless_declare(self):
        if not self.declare():
            raise Wrong(f"no move could be declared; {self.fleet.status()}")

    def broken_disk(self, program, errno, calls, pattern):
        """It keeps its lease. A move that this disk must remember does not happen until it can."""
        start = time.monotonic()
        before = self.epoch()
        with self.fault(program, calls, "errno", errno=errno, met=False):
            time.sleep(LONG_S)
            self.kept(start)
            self.fleet.status()
            since, declared_at = program.log_size(), time.monotonic()
            told = self.declare(3)
            time.sleep(3)
            self.fleet.check()
            if program is self.member() and self.fleet.engine == "embedded":
                if told or self.epoch() != before:
                    raise Wrong("a move was told although its member could not write")
                self.kept(start)
            if program is self.guard(other=True) and self.fleet.gate.open[self.other()]:
                raise Wrong("the new region was opened although its guard could not write")
            lines_n = program.log(since).count(" notes.write ")
            if lines_n > 3 * (time.monotonic() - declared_at) + 2:
                raise Wrong(f"{program.name} floods its log: notes.write {lines_n} times")
            if pattern:
                self.says(program, since if program is not self.member() else 0, pattern)
        if told:
            self.moved()
        else:
            self.recovers()
            self.fleet_moves()

    def full_disk_of_the_member(self):
        self.broken_disk(self.member(), ENOSPC, "write", r"log\.reachable reachable=0 .*full"
                         if self.fleet.engine == "embedded" else r"notes\.write .*No space left")

    def read_only_disk_of_the_member(self):
        self.broken_disk(self.member(), EROFS, WRITES, r"log\.reachable reachable=0 .*not writable: .*(readonly|unable|I/O)"
                         if self.fleet.engine == "embedded" else r"notes\.write .*Read-only")

    def failing_sync_of_the_member(self):
        self.broken_disk(self.member(), EIO, "sync", r"log\.reachable reachable=0 .*I/O"
                         if self.fleet.engine == "embedded" else r"notes\.write .*Input/output")

    def full_disk_of_the_new_guard(self):
        self.broken_disk(self.guard(other=True), ENOSPC, "write", r"store\.write .*No space left")

    def read_only_disk_of_the_new_guard(self):
        self.broken_disk(self.guard(other=True), EROFS, WRITES, r"store\.write .*Read-only")

    def full_disk_of_the_old_guard(self):
        guard = self.guard()
        with self.fault(guard, "write", "errno", errno=ENOSPC) as since:
            self.wrongless_declare()
            self.shut_in_time()
            self.says(guard, since, r"store\.write .*No space left")
        self.moved()

    def full_disk_of_the_new_agent(self):
        self.broken_disk(self.agent(other=True), ENOSPC, "write", r"command\.finished .*not begun")

    def read_only_disk_of_the_new_agent(self):
        self.broken_disk(self.agent(other=True), EROFS, WRITES, r"command\.finished .*not begun")

    # ---- descriptors: the real limit of a running process

    def no_descriptors(self, program, new=False):
        pid, start = program.process.pid, time.monotonic()
        used = len(os.listdir(f"/proc/{pid}/fd"))
        before = resource.prlimit(pid, resource.RLIMIT_NOFILE)
        resource.prlimit(pid, resource.RLIMIT_NOFILE, (used, before[1]))
        try:
            time.sleep(LONG_S)
            self.fleet.status()
            if not program.alive():
                raise Wrong(f"{program.name} ended ({exit_text(program.process)}) without descriptors: "
                            f"{program.log()[-800:]}")
            if not new:
                self.kept(start)
            told = self.declare(3)
            time.sleep(2)
            self.fleet.check()
        finally:
            if program.alive():
                resource.prlimit(pid, resource.RLIMIT_NOFILE, before)
        if not program.alive():
            raise Wrong(f"{program.name} ended ({exit_text(program.process)}) without descriptors: "
                        f"{program.log()[-800:]}")
        if told:
            self.moved()
        else:
            self.recovers()
            self.fleet_moves()

    def no_descriptors_for_the_member(self):
        self.no_descriptors(self.member())

    def no_descriptors_for_the_guard(self):
        self.no_descriptors(self.guard())

    def no_descriptors_for_the_agent(self):
        self.no_descriptors(self.agent())

    # ---- sending

    def no_sending(self, program, errno, keeps=False):
        """`keeps`: others answer for it."""
        start = time.monotonic()
        with self.fault(program, "send", "errno", LONG_S, errno=errno):
            if not keeps:
                self.shut_in_time()
        if keeps:
            self.kept(start)
        self.recovers()

    def the_agent_cannot_send(self):
        for errno in (ECONNRESET, ENOBUFS, EAGAIN):
            self.no_sending(self.agent(), errno)

    def the_guard_cannot_send(self):
        for errno in (ECONNRESET, EAGAIN):
            self.no_sending(self.guard(), errno)

    def the_member_cannot_send(self):
        """One of three is not missed; for the only one the standby's guard promises."""
        for errno in (ECONNRESET, ENOBUFS, EAGAIN):
            self.no_sending(self.member(), errno, keeps=True)

    def nobody_answers(self):
        """Neither member nor standby: then the lease runs out, and the gate is shut in time."""
        with self.fault(self.member(), "send", "errno", errno=EAGAIN):
            with self.fault(self.agent(other=True), "send", "errno", errno=EAGAIN):
                self.shut_in_time()
        self.recovers()

    # ---- allocations

    def no_memory(self, program, rounds_n=8):
        """One allocation fails, somewhere. It may end the program, which is started again by its
        service manager; it may not make it lie."""
        ends = {"went on": 0, "ensure": 0, "abort": 0, "exit": 0, "signal": 0}
        for _ in range(rounds_n):
            since = program.log_size()
            program.control.hits()
            program.control.arm("alloc", "errno", at=self.rng.randint(1, 150), errno=ENOMEM)
            until(30, lambda: program.control.get("hits_n") > program.control.seen, "an allocation fails")
            time.sleep(0.3)
            program.control.clear()
            if program.alive():
                ends["went on"] += 1
            else:
                code, said = program.process.returncode, program.log(since)
                end = "ensure" if "ensure.failed" in said else "abort" if code == -signal.SIGABRT else \
                    "exit" if code >= 0 else "signal"
                if code == 0 or (end == "exit" and not said.strip()):
                    raise Wrong(f"{program.name} ended without a word: {exit_text(program.process)}")
                ends[end] += 1
                program.start()
            self.recovers()
        return ends

    def no_memory_for_the_member(self):
        return self.no_memory(self.member())

    def no_memory_for_the_agent(self):
        return self.no_memory(self.agent())

    def no_memory_for_the_guard(self):
        return self.no_memory(self.guard())

    # ---- the wall clock

    def wall_clock(self, step_ms):
        """No wall clock takes part in the lease."""
        start = time.monotonic()
        for program in (self.member(), self.guard(), self.agent()):
            program.control.put("wall_ms", step_ms)
            time.sleep(LONG_S / 3)
        self.kept(start)
        for program in (self.member(), self.guard(), self.agent()):
            program.control.put("wall_ms", 0)
        time.sleep(1)
        self.kept(start)
        self.fleet_moves()

    def wall_clock_steps(self):
        for step_ms in (3600 * 1000, -10 * 365 * 86400 * 1000):
            self.wall_clock(step_ms)


GROUPS = {
    "slow": ["slow_disk_of_the_member", "slow_disk_of_guard_and_agent", "rather_slow_disk_everywhere",
             "slow_disk_of_the_new_guard", "slow_disk_of_the_old_guard"],
    "disk": ["full_disk_of_the_member", "read_only_disk_of_the_member", "failing_sync_of_the_member",
             "full_disk_of_the_old_guard"],
    "new_guard": ["full_disk_of_the_new_guard", "read_only_disk_of_the_new_guard"],
    "new_agent": ["full_disk_of_the_new_agent", "read_only_disk_of_the_new_agent"],
    "calls": ["no_descriptors_for_the_member", "no_descriptors_for_the_guard",
              "no_descriptors_for_the_agent", "wall_clock_steps"],
    "send": ["the_agent_cannot_send", "the_guard_cannot_send", "the_member_cannot_send",
             "nobody_answers"],
    "memory": ["no_memory_for_the_member", "no_memory_for_the_agent", "no_memory_for_the_guard"],
    "etcd": ["slow_disk_of_the_member", "full_disk_of_the_member", "read_only_disk_of_the_member",
             "the_member_cannot_send", "no_memory_for_the_member"],
}


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--group", choices=list(GROUPS), required=True)
    parser.add_argument("--only", default="")
    parser.add_argument("--build", default=os.path.join(ROOT, "build/dev"))
    parser.add_argument("--seed", default="1")
    args = parser.parse_args()
    base = tempfile.mkdtemp(prefix="drover-crash-", dir="/dev/shm")
    failed = 0
    try:
        with Fleet(base, os.path.abspath(args.build), "etcd" if args.group == "etcd" else "embedded",
                   STEADY) as fleet:
            until(START_S, lambda: fleet.status().get("data_as_of_ms"), "a TICK was applied")
            faults = Faults(fleet, random.Random(f"{args.seed} {args.group}"))
            for name in GROUPS[args.group]:
                if args.only not in name:
                    continue
                start = time.monotonic()
                try:
                    figures = faults.case(name)
                    fleet.check()
                    print(f"ok     {name}: {figures or ''} ({time.monotonic() - start:.1f} s)", flush=True)
                except Exception as error:  # the other cases need another fleet
                    failed += 1
                    where = traceback.extract_tb(error.__traceback__)[1:3]
                    print(f"FAILED {name}: {type(error).__name__} {error} "
                          f"({', '.join(f'{f.name}:{f.lineno}' for f in where)})\n{fleet.tails(1200)}")
                    break
    except Wrong as error:
        failed += 1
        print(f"FAILED {args.group}: {error}")
    finally:
        shutil.rmtree(base, ignore_errors=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
