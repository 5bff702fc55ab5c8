"""What scenarios of stores and operators need: other numbers in the topology, full disks, shifted wall clocks."""

import contextlib
import os
import re
import shutil
import signal
import struct
import subprocess
import time

import psycopg2

from e2e.world import World, expect
from fleet import Timing
from lab.base import LabError

from . import common

# A lease so long that 3 s without its agent are well short of the soft fence, which comes 16 s after the last question.
common.WORLDS["patient"] = lambda build: World(
    build, timing=Timing(lease=20000, wait=20600, promise=20600, fence=4000, gate_early=1000, hold_down=3000))

# A fleet as any other, beside the network's: so the two can stand at one time.
common.WORLDS["house"] = World

OTHER = {"east": "west", "west": "east"}


# -- the topology

def topology_text(world):
    with open(f"{world.fleet.directory}/topology.conf", encoding="utf-8") as file:
        return file.read()


def apply(world, text, reason, check=True):
    """drover config apply of a whole text; the result of the command."""
    path = f"{world.fleet.directory}/changed.conf"
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return world.fleet.drover("config", "apply", path, "--reason", reason, check=check)


def replaced(text, changes):
    for old, new in changes:
        expect(re.search(old, text), f"the topology has no {old}")
        text = re.sub(old, new, text)
    return text


def rpo(seconds):
    """Replacements that make the objective, and with it what is a lag worth an alert, as small as this."""
    return [(r'rpo = "1h"', f'rpo = "{seconds}s"'), (r'target_lag = "\dm"', f'target_lag = "{seconds}s"'),
            (r'alert_lag = "\dm"', f'alert_lag = "{seconds}s"')]


@contextlib.contextmanager
def other_numbers(world, changes):
    """The topology with its patterns replaced, and as it was when the block has ended well."""
    text = topology_text(world)
    apply(world, replaced(text, changes), "numbers of this scenario")
    yield
    apply(world, text, "as before")


# -- looking

def follows(world, region):
    """The other region's PostgreSQL streams from this one's and its Redis is linked; False while either does not answer."""
    other = OTHER[region]
    try:
        rows = world.lab.sql(f"{region}-db1", "SELECT count(*) FROM pg_stat_replication WHERE state='streaming'", timeout_s=3)
        link = world.lab.redis(f"{other}-db1", "INFO", "replication")
    except (psycopg2.Error, LabError, OSError):
        return False
    return rows[0][0] >= 1 and "master_link_status:up" in link


def gate(world, words):
    """The gate of `drover explain` whose sentence holds the words; {} while nobody answers."""
    gates = world.fleet.ask("explain")["gates"]
    return next(found for found in gates if words in found["gate"])


def gates_shut(world):
    return [found["gate"] for found in world.fleet.ask("explain")["gates"] if not found["passes"]]


def wait_gate(world, words, passes, seconds):
    return world.fleet.wait(lambda: (found := gate(world, words))["passes"] == passes and found, seconds,
                            f"the gate \"{words}\" {'passes' if passes else 'is shut'}")


def region_class(world, region):
    return next(found for found in world.fleet.ask("explain")["regions"] if found["name"] == region)["class"]


def wait_class(world, region, wanted, seconds):
    world.fleet.wait(lambda: region_class(world, region) == wanted, seconds, f"{region} is {wanted}")


def served_again(world, region, seconds=90):
    """As before a scenario: the region writes, the other one follows it, both stores, and every gate but the signals'
    would let a failover through."""
    other = OTHER[region]
    world.wait_writable(region, seconds)
    world.fleet.wait(lambda: world.recovering(f"{other}-db1"), seconds, f"{other} recovers")
    world.fleet.wait(lambda: follows(world, region), seconds, f"{other} follows {region}")
    signals = {"the region's own voice is silent", "the outside view says it does not serve",
               "no member attested its lease lately", "the suspicion lasted for the hold-down"}
    world.fleet.wait(lambda: set(gates_shut(world)) <= signals, seconds, f"nothing but health keeps {region}")


def executions(world):
    return [found["id"] for found in world.fleet.ask("executions")["executions"]]


def declare(world, target, *more, who="sre-1", kind="failover", reason="the region is lost", check=True):
    return world.fleet.drover("declare", "--to", target, "--kind", kind, "--reason", reason, "--yes", *more, who=who,
                              check=check)


# -- processes

def again(world, name, start, env=None):
    """The process is killed and started anew, with more in its environment."""
    world.fleet.process(name).kill()
    if env is None:
        return start()
    spawn = world.lab.spawn
    world.lab.spawn = lambda *words, **options: spawn(*words, env=env, **options)
    try:
        return start()
    finally:
        world.lab.spawn = spawn


class WallClock:
    """The wall clock of one process, which is started anew for it."""

    def __init__(self, world, name, start):
        self.path = f"{world.lab.run_dir}/wall-{name.replace('/', '-')}"
        self.name, self.set_s = name, 0
        self.set(0)
        library = f"{world.build}/tests/integration/matrix/libmatrix_wall_clock.so"
        handle = again(world, name, start, {"LD_PRELOAD": library, "WALL_CLOCK_OFFSET": self.path})
        time.sleep(0.5)
        expect(handle.alive(), f"{name} does not live with a clock of its own")

    def set(self, offset_s):
        with open(os.open(self.path, os.O_WRONLY | os.O_CREAT, 0o644), "r+b") as file:
            file.write(struct.pack("q", offset_s))
        self.set_s = offset_s


# -- disks

class SmallDisk:
    """A member's state on a file system of its own, which can be filled, made read-only, and taken away for good."""

    def __init__(self, world, name):
        self.world, self.name, self.home, self.mounted = world, name, f"{world.fleet.directory}/{name}", 0

    def __enter__(self):
        self.world.fleet.process(self.name).kill()
        aside = self.home + ".aside"
        os.rename(self.home, aside)
        os.mkdir(self.home)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "size=16m", "matrix", self.home], check=True)
        self.mounted = 1
        shutil.copytree(aside, self.home, dirs_exist_ok=True)
        self.conf = f"{aside}/coordinator.conf"
        lives = self.world.log(self.name).count("member.started")
        self.world.fleet.start_member(self.name)
        # Whoever asks the log next must not read of the life before.
        self.world.fleet.wait(lambda: self.world.log(self.name).count("member.started") > lives, 60, f"{self.name} runs on it")
        return self

    def __exit__(self, *error):
        while self.mounted:
            self.writable()

    def fill(self):
        with contextlib.suppress(OSError), open(f"{self.home}/filler", "wb", buffering=0) as file:
            while True:
                file.write(bytes(65536))
        with contextlib.suppress(OSError), open(f"{self.home}/filler.rest", "wb", buffering=0) as file:
            while True:
                file.write(b"x")

    def free(self):
        for name in ("filler", "filler.rest"):
            os.remove(f"{self.home}/{name}")

    def read_only(self):
        """Whoever opens a file by its path finds a disk that takes no writes."""
        subprocess.run(["mount", "-t", "tmpfs", "-o", "ro,size=64k", "matrix", self.home], check=True)
        self.mounted += 1

    def writable(self):
        subprocess.run(["umount", "-l", self.home], check=True)
        self.mounted -= 1

    def replace(self):
        """Another disk, empty, in a member that is started anew."""
        self.world.fleet.process(self.name).kill()
        self.__exit__()
        shutil.copy(self.conf, f"{self.home}/coordinator.conf")
        self.world.fleet.start_member(self.name)


# -- doors

@contextlib.contextmanager
def port_dropped(world, host, port):
    """Whoever asks this port of the host, from the host itself too, hears nothing."""
    table = "matrix_drop"
    world.lab.run(host, ["nft", "-f", "-"], text=f"table inet {table} {{ chain in {{ type filter hook input priority 0; "
                                                 f"tcp dport {port} drop; }}; }}\n")
    try:
        yield
    finally:
        world.lab.run(host, ["nft", "delete", "table", "inet", table])


def engines(world, stop=None, start=None):
    for n in stop or ():
        world.lab.service_stop(f"watch-m{n}", "etcd", sig=signal.SIGKILL)
    for n in start or ():
        world.lab.service_start(f"watch-m{n}", "etcd")


def passed_s(since):
    return time.monotonic() - since
