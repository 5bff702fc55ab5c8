"""Where a running quickstart lives, and its coming and going. All there is to know lies in its run directory:
the lab's own lab.json, and quickstart.json, which is written last and so says that the start was complete."""

import json
import os
import time

from fleet import Fleet, Timing
from fleet.topology import DATA
from lab import Lab, base, net, plan, registry, state
from lab.base import LabError

# A short lease with every rule in force: T 10 s instead of 30, hold-down 5 s instead of 60, DNS TTL 5 s
# instead of 60. Patroni's and Sentinel's own failovers would want the longer ones.
TIMING = Timing(lease=10000, renew=1500, fence=3000, gate_early=1000, wait=10400, promise=10400, tick=100,
                hold_down=5000, settle=5000, silent=3000, block=5000, check=1000, check_timeout=900)
DNS_TTL_S = 5
MEMORY_FULL_KB = 3_000_000  # with less than this to spare, one database host a region
EYE = "watch-ns1"           # where the operators sit


class Trouble(Exception):
    """For the person at the terminal: one sentence."""


def say(text=""):
    print(text, flush=True)


class Clock:
    """Seconds since the user pressed return."""

    def __init__(self, began_s=0):
        self.zero = time.monotonic() - began_s

    def say(self, text):
        say(f"{time.monotonic() - self.zero:4.0f}s  {text}")


class KeptFleet(Fleet):
    """A fleet that a later call finds again; its guards and agents are enabled at boot, as units are."""

    def _enabled(self, name, program, file, **options):
        argv = [self.program(program), "--config", f"{self.directory}/{name}/{file}.conf"]
        self.processes[f"{name}/{file}"] = self.lab.spawn(
            self.agents[name].name, argv, name=program, boot=True, **options)

    def start_guard(self, name):
        self._enabled(name, "drover-guard", "guard", ready_path=f"{self.directory}/{name}/g.sock")

    def start_agent(self, name):
        self._enabled(name, "drover-agent", "agent")

    def begin(self, clock):
        clock.say(f"drover: keys and files of {len(self.members)} members, {len(self.agents)} agents, "
                  f"{len(self.guarded)} guards, {len(self.operators)} operators")
        self.prepare()
        clock.say("drover: members, guards (every gate shut), agents")
        for name in self.members:
            self.start_member(name)
        for name in self.guarded:
            self.start_guard(name)
        for name in self.agents:
            self.start_agent(name)
        for region in DATA:
            self.lab.writable_check(region, [f"{h.address}:7421" for h in self.databases(region)])

    def region(self, name, status=None):
        return next((r for r in (status or self.status()).get("regions", []) if r["name"] == name), {})

    def gate_passes(self, words):
        return any(words in g["gate"] and g["passes"] for g in self.ask("explain").get("gates", []))


def note_path(run_dir):
    return f"{run_dir}/quickstart.json"


def is_up(run_dir):
    """Up and complete. A machine that was switched off leaves files and no namespaces."""
    try:
        values = state.State(run_dir).load()
    except LabError:
        return False
    return os.path.exists(note_path(run_dir)) and bool(net.namespaces(values["prefix"]))


def attach(run_dir):
    if not is_up(run_dir):
        raise Trouble("nothing is up. Type: ./quickstart")
    with open(note_path(run_dir), encoding="utf-8") as file:
        note = json.load(file)
    lab = Lab.attach(run_dir)
    return lab, KeptFleet(lab, note["build"], TIMING)


def _spare_kb():
    with open("/proc/meminfo", encoding="ascii") as file:
        rows = dict(line.split(":", 1) for line in file)
    return int(rows["MemAvailable"].split()[0])


def choose_small(small, full):
    return small or (not full and _spare_kb() < MEMORY_FULL_KB)


def up(run_dir, build, small, clock):
    """Brings everything up; whatever goes wrong, or Ctrl-C, takes it all away again."""
    if os.path.exists(run_dir) and os.listdir(run_dir):
        clock.say("an earlier start did not finish, or the machine was restarted: taking the rest away")
        down(run_dir)
    hosts = "one database host" if small else "two database hosts"
    clock.say(f"two regions with {hosts} each, a monitoring region with three members, on this machine alone")
    lab = Lab(run_dir, small=small, dns_ttl=DNS_TTL_S, say=lambda text: clock.say(f"lab: {text}"))
    try:
        lab.up()
        fleet = KeptFleet(lab, build, TIMING)
        fleet.begin(clock)
        fleet.wait(lambda: fleet.serving("east"), 60, "east holds the lease of epoch 1")
        clock.say("east holds the lease of epoch 1; its gates are open")
        fleet.wait(lambda: client_served(lab), 30, "the outside client is served")
        clock.say(f"the outside client is served: http://api.{plan.ZONE}/ leads to east")
        fleet.wait(lambda: fleet.gate_passes("standby region is ready") and fleet.gate_passes("settled")
                   and fleet.gate_passes("loss is known"), 90, "west is ready to take over")
        clock.say("west follows and is ready to take over; the members have settled")
        base.write_file(note_path(run_dir), json.dumps({"build": build, "small": small}))
    except BaseException:
        clock.say("did not come up: taking everything away again")
        # A second Ctrl-C must not stop the cleaning.
        ignore_signals()
        if lab.prefix is not None:
            lab.down()
        raise
    return lab, fleet


def ignore_signals():
    import signal
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)


def client_served(lab):
    try:
        address = lab.resolve(f"api.{plan.ZONE}")[0]
        return lab.http("client", address, "/health")[0] == 200
    except (LabError, OSError, IndexError):
        return False


def left_behind(run_dir, prefix):
    """What a `down` should have taken: in words, for people."""
    left = [f"namespace {name}" for name in net.namespaces(prefix)] if prefix else []
    if os.path.lexists(run_dir):
        left.append(run_dir)
    left += [f"{registry.DIRECTORY}/{e['prefix']}" for e in registry.entries() if e["run_dir"] == run_dir]
    for pid in filter(str.isdigit, os.listdir("/proc")):
        if int(pid) == os.getpid():
            continue
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as file:
                words = file.read().split(b"\0")
            if os.readlink(f"/proc/{pid}/cwd").startswith(f"{run_dir}/") or any(
                    word.startswith(f"{run_dir}/".encode()) for word in words):
                left.append(f"process {pid} {words[0].decode(errors='replace')}")
        except OSError:
            pass  # it ended meanwhile, or is the kernel's
    return left


def down(run_dir):
    """Takes everything away and looks whether it is gone. Fine when there is nothing."""
    prefix = None
    try:
        lab = Lab.attach(run_dir)
        prefix = lab.prefix
        lab.down()
    except LabError:
        # No lab.json: a start that was killed in its first moments, or nothing at all.
        for entry in registry.entries():
            if entry["run_dir"] == run_dir:
                prefix = entry["prefix"]
                registry.sweep()
        if os.path.isdir(run_dir) and os.listdir(run_dir):
            raise Trouble(f"{run_dir} is not empty and was not made by the quickstart; look at it, then remove it") from None
        if os.path.isdir(run_dir):
            os.rmdir(run_dir)
    left = left_behind(run_dir, prefix)
    if left:
        raise Trouble("still there: " + ", ".join(left))
    return prefix
