"""A host of the fleet: its programs, and with `cut` its power. Whoever of them meets the fault kills all
at that instant (the shim kills its process group, of which a `sleep` is the first), the kernel forgets
its gate, the store is dead until the guard has started, and every disk loses what it may lose."""
import os
import signal
import subprocess
import time

from fleet import GUARDS, REGIONS, START_S, Wrong, exit_text, until
from power import cut_power

UNPROVED = "wire test: a known key's frame did not come through"


class Host:
    def __init__(self, fleet, name, programs, cut, store_first=False):
        self.fleet, self.name, self.programs = fleet, name, programs
        self.cut, self.store_first = cut, store_first  # store_first: a mutant, which must be found
        self.region = name if name in REGIONS else None
        self.etcd = fleet.etcd if cut and name == "mon" else None
        self.leader = None

    def group(self):
        return self.leader.pid if self.cut else None

    def dead(self):
        return [p for p in self.programs if not p.alive()]

    def etcd_alive(self):
        return self.etcd is not None and self.etcd.process[0].poll() is None

    def judge_end(self, expected):
        """Killed by the shim, and nobody of a host that lost its power lives on."""
        if self.cut:
            until(60, lambda: self.dead() == self.programs and not self.etcd_alive(),
                  f"all of host {self.name} is without power")
        hits_n = sum([p.control.hits() for p in self.programs])
        for program in self.dead():
            killed = program.process.returncode == -signal.SIGKILL and (hits_n > 0 or expected)
            if not killed:
                raise Wrong(f"{program.name} ended by itself ({exit_text(program.process)}):\n"
                            f"{program.log()[-1500:]}")

    @staticmethod
    def unproved(dead):
        """They start only when their wire was proved; 10 s were too short on this machine."""
        return [p for p in dead
                if p.process.returncode == 1 and UNPROVED in p.log()[-1000:]]

    def lose_power(self):
        """What goes with it beside the processes: the kernel's gate, and the store behind it."""
        if self.region is not None:
            self.fleet.gate.down.add(self.region)
            subprocess.run(["ip", "netns", "exec", self.fleet.namespaces[self.region], "nft", "flush",
                            "ruleset"], check=True, timeout=60)
        if self.leader is not None:
            self.leader.kill()
            self.leader.wait(20)
        self.leader = subprocess.Popen(["sleep", "infinity"], process_group=0)

    def boot(self, start):
        """start(program), the guard first: the store comes up only behind its shut gate. A host may
        lose its power again while it boots: what was not started yet is not, and what was just being
        started dies with the rest."""
        if self.etcd is not None:
            self.etcd.group = self.group()
            self.etcd.start(0)
        for program in self.programs:
            if not self.has_power():
                break
            guard = self.cut and program.name.endswith("-guard")
            since = program.log_size()
            if guard and self.store_first:
                self.fleet.gate.down.discard(self.region)
                time.sleep(0.3)
            start(program, self.group())
            if guard:
                until(START_S, lambda p=program, s=since: not p.alive() or "guard.started" in p.log(s),
                      f"{program.name} starts")
                if program.alive():
                    self.fleet.gate.down.discard(self.region)
        if not self.has_power():
            for program in self.programs:
                program.kill()
            if self.etcd_alive():
                self.etcd.signal(0, signal.SIGKILL)

    def has_power(self):
        return not self.cut or self.leader.poll() is None

    def stop(self):
        if self.leader is not None:
            self.leader.kill()
            self.leader.wait(20)


def hosts_of(fleet, cut, store_first=False):
    """Each program alone; or, where hosts are cut: east, west, and the members with their etcd."""
    if not cut:
        return [Host(fleet, name, [program], False) for name, program in fleet.programs.items()]
    of = fleet.programs
    return [Host(fleet, region, [of[name + "-guard"], of[name]], True, store_first)
            for region, name in GUARDS.items()] + \
        [Host(fleet, "mon", [of[m] for m in fleet.members], True)]


def cut_disk(program, rng):
    """Its disk after a power cut. A life that was ended before the shim had read its directory, or that
    never began, has changed nothing there."""
    image = program.state + ".image"
    if os.path.exists(os.path.join(image, "names")):
        cut_power(program.state, image, rng)
        os.unlink(os.path.join(image, "names"))
