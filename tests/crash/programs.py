#!/usr/bin/python3
"""Whole programs killed at their calls to the disk while a real fleet runs. One process, one fleet:

    programs.py --engine embedded|etcd [--power | --hosts] [--cycles N | --seconds S] [--seed N]
        [--build DIR]

Each move carries the region's lease to the other side and back, by `drover declare`; meanwhile one to
three programs are killed -9 at some call to their disk (with --power: and their disk loses what it may
lose; with --hosts: all of a host at once), and started again, often to be killed again while they
recover. Without --hosts, etcd is killed as well. README.md tells what is judged."""
import argparse
import collections
import json
import os
import random
import re
import shutil
import signal
import sys
import tempfile
import threading
import time

from fleet import DISK, HASTY, REGIONS, ROOT, START_S, STEPS, Fleet, Wrong, until
from hosts import cut_disk, hosts_of

AGENTS = ("east-db1", "west-db1")
PATIENCE_S = 240  # a move with its kills takes a second or two; this is for a machine that is busy


class Memory:
    """What each program has said of what it keeps. A later life must not know less."""

    def __init__(self, fleet):
        self.fleet = fleet
        self.offsets = collections.Counter()
        self.accepted, self.fenced = collections.Counter(), collections.Counter()
        self.yes, self.closed = collections.Counter(), collections.Counter()
        self.outcomes, self.records = {}, {}
        self.rules = [(re.compile(pattern), rule) for pattern, rule in (
            (r" guard\.started .*accepted=(\d+) fenced=(\d+)", self.guard_started),
            (r" gate\.open epoch=(\d+)", lambda n, e: self.raise_to(self.accepted, n, e)),
            (r" fence\.proved epoch=(\d+)", lambda n, e: self.raise_to(self.fenced, n, e)),
            (r" member\.started .*closed_epoch=(\d+)", self.member_started),
            (r" attest\.answer .*purpose=lease asked=(\d+) .*answer=0 ", self.said_yes),
            (r" command\.finished execution=(\d+) step=(\w+) attempt=(\d+) state=(\d+)",
             self.finished))]

    @staticmethod
    def raise_to(known, name, epoch):
        known[name] = max(known[name], int(epoch))

    def guard_started(self, name, accepted, fenced):
        if int(accepted) < self.accepted[name] or int(fenced) < self.fenced[name]:
            raise Wrong(f"{name} starts with accepted {accepted} and fenced {fenced}, but had opened for "
                        f"{self.accepted[name]} and proved the fence of {self.fenced[name]}")

    def member_started(self, name, closed):
        """A yes for e is given only once the close of e - 1 is durable."""
        if int(closed) < self.yes[name] - 1:
            raise Wrong(f"{name} starts with closed_epoch {closed} after a yes for {self.yes[name]}")
        self.raise_to(self.closed, name, closed)

    def said_yes(self, name, epoch):
        if int(epoch) < self.yes[name] or int(epoch) <= self.closed[name]:
            raise Wrong(f"{name} says yes for epoch {epoch} after {self.yes[name]}; closed: "
                        f"{self.closed[name]}")
        self.raise_to(self.yes, name, epoch)

    def finished(self, name, execution, step, attempt, state):
        """An attempt that ended well stays so: told again it is told the same."""
        key = (name, execution, step, attempt)
        if self.outcomes.get(key) == "2" and state != "2":
            raise Wrong(f"{name}: outcome {state} of {key} after it was told as done")
        self.outcomes[key] = state

    def read(self):
        for name, program in self.fleet.programs.items():
            text = program.log(self.offsets[name])
            text = text[:text.rfind("\n") + 1]
            self.offsets[name] += len(text.encode())
            for line in text.splitlines():
                for pattern, rule in self.rules:
                    found = pattern.search(line)
                    if found:
                        rule(name, *found.groups())

    def timeline(self):
        """The audit's chain: a record that was told is told again, the same, for ever."""
        for member in self.fleet.members:
            for record in self.fleet.ask("timeline", "--at", member).get("records", []):
                key = (member, record.get("height"))
                kept = json.dumps({k: v for k, v in record.items() if k != "member"}, sort_keys=True)
                if self.records.setdefault(key, kept) != kept:
                    raise Wrong(f"{member}: another record at height {key[1]}: {kept} was "
                                f"{self.records[key]}")


class Loop:
    def __init__(self, fleet, rng, power, forget="", lie="", cut=False, store_first=False):
        self.fleet, self.rng, self.power = fleet, rng, power
        self.hosts = hosts_of(fleet, cut, store_first)
        self.etcd_dies = None if fleet.etcd is None or cut else 0.0  # when; 0: not now
        self.forget, self.lie = forget, lie  # mutants: each has to be found
        self.kills = collections.Counter()
        self.calls = collections.defaultdict(lambda: 12)  # of one move, as last seen
        self.moves_n = self.declared = self.unproved_n = 0
        self.memory = Memory(fleet)
        self.region = "east"
        self.told_done, self.promised = set(), 0
        self.struck = self.marks_size = 0
        self.trouble, self.stopping, self.calm = None, False, True
        self.thread = threading.Thread(target=self.nurse, daemon=True)

    def start(self, program, group=None):
        shadow = None
        if self.power:
            shadow = program.state + ".image"
            shutil.rmtree(shadow, ignore_errors=True)
            os.mkdir(shadow)
        if program.name == self.lie:
            program.control.arm("sync", "lie", many=True)
        program.start(shadow, group)

    def arm(self, program):
        if program.name == self.lie:
            return
        calls = self.rng.choice(["sync", "sync", "write", "rename,unlink,open,truncate", DISK, DISK])
        program.control.arm(calls, self.rng.choice(["before", "after", "after", "tear"]),
                            at=self.rng.randint(1, max(2, self.calls[program.name, calls])))
        program.armed = calls

    def nurse(self):
        """A thread: whoever was killed is started again, sometimes to die again while it recovers."""
        while not self.stopping and self.trouble is None:
            if self.forget in AGENTS:
                self.strike()
            try:
                if self.etcd_dies:
                    self.kill_etcd()
                for host in self.hosts:
                    dead = host.dead()
                    if dead:
                        self.revive(host, dead)
            except Exception as error:  # told by the one who waits for what will not come
                self.trouble = error
            time.sleep(0.01)

    def strike(self):
        """The agent that forgets dies once a move while a step runs: it forgets that the step began."""
        marks, program = self.fleet.path("marks"), self.fleet.programs[self.forget]
        size = os.path.getsize(marks) if os.path.exists(marks) else 0
        if self.struck < self.moves_n and size > self.marks_size and program.alive():
            program.process.kill()
            self.struck = self.moves_n
        self.marks_size = size

    def kill_etcd(self):
        """As the kernel does it, at any moment: what it wrote stays written, synced or not."""
        if time.monotonic() >= self.etcd_dies:
            self.etcd_dies = 0.0
            self.fleet.etcd.signal(0, signal.SIGKILL)
            self.fleet.etcd.start(0)
            self.kills["etcd"] += 1

    def revive(self, host, dead):
        unproved = host.unproved(dead)
        self.unproved_n += len(unproved)
        killed = unproved != dead
        again = host.programs if killed else unproved
        if killed:
            host.judge_end(host.name in (self.lie, self.forget))
            self.kills[host.name] += 1
        if killed and host.cut:
            host.lose_power()
            time.sleep(self.rng.choice([0, 0, 0, 0, 0.2, 2.0]))  # some outlast the lease
        for program in again:
            program.control.clear()
            if program.name == self.forget:
                shutil.rmtree(program.state)
                os.mkdir(program.state)
            if self.power:
                cut_disk(program, self.rng)
        if self.rng.random() < 0.5 and not self.calm:
            program = self.rng.choice(again)
            self.arm(program)
            program.control.put("at", self.rng.randint(1, 12))
        if killed:
            host.boot(self.start)
        else:
            for program in again:
                self.start(program, host.group())

    def well(self):
        if self.trouble is not None:
            raise Wrong(str(self.trouble)) from self.trouble

    def declare(self, kind, plan, to):
        """Until somebody says yes. What was said without an answer may have been heard or not."""
        def told():
            self.well()
            self.fleet.status()
            if self.latest() > self.declared:
                return True
            done = self.fleet.drover("declare", "--to", to, "--kind", kind, "--plan", plan, "--reason",
                                     f"move {self.moves_n}", "--yes", "--timeout", "2s")
            found = re.search(r"^execution (\d+)", done.stdout, re.M)
            if done.returncode == 0 and found:
                self.promised = int(found.group(1))
                return True
            return False
        self.promised = 0
        until(PATIENCE_S, told, f"{kind} to {to} is declared", 0.1)

    def executions(self):
        """What was told is there: the latest one, and that an old one is done."""
        answer = self.fleet.ask("executions")
        executions = {e["id"]: e for e in answer.get("executions", [])}
        number = max(executions, default=0)
        if self.fleet.is_behind(answer, "execution", number < self.promised):
            raise Wrong(f"execution {self.promised} was told and is gone; the latest is {number}")
        undone = [n for n in self.told_done if n in executions and executions[n]["stage"] != "done"]
        if self.fleet.is_behind(answer, "done", undone):
            raise Wrong(f"executions {undone} were told as done and are not")
        return executions

    def latest(self):
        return max(self.executions(), default=0)

    def over(self):
        """The latest execution is done; what failed by a kill is tried again, as a person would."""
        self.well()
        executions = self.executions()
        number = max(executions, default=0)
        if not executions:
            self.fleet.status()  # whoever has forgotten his executions has forgotten his epoch
        if number <= self.declared or number < self.promised:
            return 0
        execution = executions[number]
        for step in execution["steps"]:
            if step["state"] == "failed":
                self.fleet.drover("step", "retry", str(number), step["name"], "--timeout", "1s")
        if execution.get("paused"):
            self.fleet.drover("resume", str(number), "--timeout", "1s")
        if execution["stage"] == "done":
            self.told_done.add(number)
            return number
        return 0

    def marks(self, number):
        with open(self.fleet.path("marks"), encoding="utf-8") as file:
            lines = collections.Counter(line.strip() for line in file)
        twice = [line for line, n in lines.items() if n > 1]
        if twice:
            raise Wrong(f"run more than once: {twice}")
        ran = {line.split()[1].split("-")[0] for line in lines if line.split()[0] == str(number)}
        if len(ran) != len(STEPS):
            raise Wrong(f"execution {number} is done, but only its steps {sorted(ran)} ran")

    def move(self):
        self.moves_n += 1
        programs = list(self.fleet.programs.values())
        for program in programs:
            program.armed = None
        self.calm = False
        stays = self.rng.random() < 0.3
        to = next(r for r in REGIONS if r != self.region)
        for program in self.rng.sample(programs, self.rng.randint(2, 4)):
            self.arm(program)
        if self.etcd_dies is not None and (self.moves_n == 2 or self.rng.random() < 0.3):
            self.etcd_dies = time.monotonic() + self.rng.uniform(0, 0.8)
        if self.forget and self.forget not in AGENTS:
            self.arm(self.fleet.programs[self.forget])
        if stays:
            self.declare("reprotect", f"marks-{to}", to)
        else:
            self.declare("switchover", f"to-{to}", to)
        if self.lie:  # it never meets what kills the others
            time.sleep(self.rng.uniform(0, 0.3))
            self.fleet.programs[self.lie].process.kill()
        try:
            number = until(PATIENCE_S, self.over, "the execution is done", 0.05)
        except Wrong as error:
            raise Wrong(f"{error}: {json.dumps(self.executions().get(self.latest()))[:2500]}") from None
        self.declared = number
        for program in programs:  # how many calls it makes, for the next draw
            if program.armed and program.alive():
                self.calls[program.name, program.armed] = program.control.get("calls_n")
            elif program.armed:
                self.calls[program.name, program.armed] += 4
            if program.name != self.lie:
                program.control.clear()
        self.calm = True
        self.region = self.region if stays else to
        self.fleet.serving(self.region, PATIENCE_S)
        self.well()
        self.marks(number)
        self.memory.read()
        if self.moves_n % 10 == 0:
            self.memory.timeline()

    def run(self, cycles_n, seconds):
        for host in self.hosts:  # all under the image from now on
            if self.power or host.name == self.lie:
                for program in host.programs:
                    program.kill()
                if host.etcd is not None:
                    self.fleet.etcd.signal(0, signal.SIGKILL)
                if host.cut:
                    host.lose_power()
                host.boot(self.start)
        until(START_S, lambda: self.fleet.status().get("data_as_of_ms"), "a TICK was applied")
        self.fleet.serving("east", START_S)
        self.thread.start()
        end = time.monotonic() + seconds
        while self.moves_n < 3 or (sum(self.kills.values()) < cycles_n if cycles_n
                                   else time.monotonic() < end):
            self.move()
        self.memory.timeline()
        memory = self.memory
        if not (self.kills and memory.accepted and memory.yes and memory.outcomes and memory.records):
            raise Wrong(f"nothing was judged: {vars(memory)}"[:500])


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--engine", default="embedded")
    parser.add_argument("--power", action="store_true")
    parser.add_argument("--hosts", action="store_true")
    parser.add_argument("--cycles", type=int, default=0)
    parser.add_argument("--seconds", type=float, default=60)
    parser.add_argument("--build", default=os.path.join(ROOT, "build/dev"))
    parser.add_argument("--seed", default="1")
    parser.add_argument("--forget", default="", help="mutant: this program loses its state when killed")
    parser.add_argument("--lie", default="", help="mutant: this program's fsync does nothing (with --power)")
    parser.add_argument("--store-first", action="store_true",
                        help="mutant: the store is up before the guard (with --hosts)")
    args = parser.parse_args()
    base = tempfile.mkdtemp(prefix="drover-crash-", dir="/dev/shm")
    start = time.monotonic()
    loop = None
    try:
        with Fleet(base, os.path.abspath(args.build), args.engine, HASTY) as fleet:
            rng = random.Random(f"{args.seed} {args.engine} {args.power} {args.hosts}")
            loop = Loop(fleet, rng, args.power or args.hosts, args.forget, args.lie, args.hosts,
                        args.store_first)
            try:
                if args.forget in AGENTS:
                    fleet.write("slow", "")  # its steps then take long enough to die in them
                loop.run(args.cycles, args.seconds)
            except Wrong as error:
                raise Wrong(f"{error}\n{fleet.tails()}") from None
            finally:
                loop.stopping = True
                if loop.thread.is_alive():
                    loop.thread.join(5)
                for host in loop.hosts:
                    host.stop()
            knocks_n = fleet.gate.knocks_n
    except Wrong as error:
        print(f"FAILED after {loop.moves_n if loop else 0} moves, kills "
              f"{dict(loop.kills) if loop else {}}: {error}")
        return 1
    finally:
        shutil.rmtree(base, ignore_errors=True)
    kills_n = sum(loop.kills.values())
    took = time.monotonic() - start
    by = ", ".join(f"{name} {n}" for name, n in sorted(loop.kills.items()))
    print(f"ok {kills_n} kills in {loop.moves_n} moves of the lease, {kills_n / took:.1f}/s, epoch "
          f"{fleet.highest_epoch}, {knocks_n} looks at both gates, "
          f"{len(loop.memory.records)} records, {len(loop.memory.outcomes)} outcomes ({by})")
    return 0


if __name__ == "__main__":
    sys.exit(main())
