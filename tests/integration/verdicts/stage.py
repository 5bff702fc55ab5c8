"""A real fleet that can be put into any row of the table and back: P is east, D is west, M is watch."""

import contextlib
import json
import os
import pwd
import signal
import subprocess
import time

from fleet import Fleet, Timing, topology
from fleet.fleet import FleetError
from lab import Lab, postgres
from lab.base import until

from . import hung
from .table import Setting

REGIONS = {"P": "east", "D": "west", "M": "watch"}
AGENTS = {"agent_p": "east-db1", "agent_d": "west-db1", "vantage": "watch-eye"}
LINKS = {"PD": ("east", "west"), "PM": ("east", "watch"), "DM": ("west", "watch")}
# A lease of ten minutes: no row lasts as long, so what is judged is the verdict and not what the fence made of it.
# Hysteresis and hold-down are the product's own: three failures in a row, three seconds of silence.
TIMING = Timing(lease=600000, renew=5000, fence=90000, gate_early=40000, wait=613000, promise=613000, hold_down=600000,
                settle=4000, silent=3000, check=700, check_timeout=650)
FAILURES = 3
# From a change until all has been seen that can be: the silence, or the failures in a row, the report (1 s) and the tick.
SETTLED_S = max(TIMING.silent, FAILURES * TIMING.check + TIMING.check_timeout) / 1000 + 1.0
PATIENCE_S = 60.0


def room_topology(text):
    """Redis counts as vital, too, so that one store's trouble is not yet the region's; and the standby's public
    page is one that a standby can serve."""
    def once(text, old, new):
        if text.count(old) != 1:
            raise ValueError(f"{old!r} is {text.count(old)} times in the topology")
        return text.replace(old, new)
    for region in topology.DATA:
        text = once(text, f'name = "{region}-redis"; kind = "redis"; component = "redis";',
                    f'name = "{region}-redis"; kind = "redis"; component = "redis"; vital = true;')
    text = once(text, 'url = "http://10.77.2.10/health"', 'url = "http://10.77.2.10/live"')
    return text.replace("failures = 2;", f"failures = {FAILURES};")


class Stage:
    def __init__(self, build):
        self.lab = Lab(small=True, dns_ttl=1)
        self.build, self.at, self.frozen = build, Setting(), []

    def __enter__(self):
        self.lab.__enter__()
        plain = topology.text
        topology.text = lambda fleet: room_topology(plain(fleet)).replace("checks: (\n", "checks: (\n" + hung.checks(self.lab), 1)
        self.targets = hung.Targets(self.lab)
        try:
            self.fleet = Fleet(self.lab, self.build, TIMING)
            self.fleet.start(wait=False)
            found = self.fleet.drover("config", "check", f"{self.fleet.directory}/topology.conf", check=False)
            if found.returncode != 0:
                raise FleetError(f"the room's topology: {found.stdout}{found.stderr}")
            # The front must not shut with its agent: agents and stores are separate columns of the table.
            for region in topology.DATA:
                self.lab.writable_check(region, [])
            # Patroni only watches: a store that the room stops stays stopped.
            until("Patroni pauses", lambda: self.lab.patroni("east-db1", "PATCH", "/config", {"pause": True})[0] == 200, 30)
            self.settle(("well", "well", "well"), 90)
        except BaseException:
            self.show_logs()
            self.targets.stop()
            self.lab.__exit__(None, None, None)
            raise
        finally:
            topology.text = plain
        return self

    def __exit__(self, *error):
        for pid in self.frozen:
            _send(pid, signal.SIGCONT)
        if error[0] is not None:
            self.show_logs()
        self.fleet.stop()
        self.targets.stop()
        self.lab.__exit__(*error)

    def show_logs(self):
        for handle in getattr(self, "fleet", self).__dict__.get("processes", {}).values():
            print(f"--- {handle.log}\n{handle.log_tail(12)}")

    # -- looking

    def regions(self):
        return {region["name"]: region for region in self.fleet.ask("explain")["regions"]}

    def classes(self):
        regions = self.regions()
        return tuple(regions[name]["class"] for name in REGIONS.values())

    def settle(self, expected, patience_s=PATIENCE_S):
        """Until the classes are the expected ones and stay so for as long as anything can still come in.
        Returns what was said last."""
        deadline, since, said = time.monotonic() + patience_s, None, None
        while True:
            now = time.monotonic()
            with contextlib.suppress(FleetError, json.JSONDecodeError, subprocess.TimeoutExpired):
                said = self.classes()
            if said != expected:
                since = None
            elif since is None:
                since = now
            if since is not None and now - since >= SETTLED_S:
                return said
            if now >= deadline and since is None:
                return said
            time.sleep(0.2)

    # -- acting

    def bring(self, setting):
        """Links last when they are cut, first when they heal: a store is changed while nothing is in the way."""
        for cut in self.at.cuts.split():
            if cut not in setting.cuts.split():
                self.lab.heal(*LINKS[cut])
        self.change_store(self.at.store, setting.store)
        for column in AGENTS:
            self.change_agent(AGENTS[column], getattr(self.at, column), getattr(setting, column))
        for cut in setting.cuts.split():
            if cut not in self.at.cuts.split():
                self.lab.cut(*LINKS[cut])
        self.at = setting

    def change_agent(self, name, before, after):
        if before == after:
            return
        handle = self.fleet.process(f"{name}/agent")
        if before == "stopped":
            handle.sigcont()
        elif before == "killed":
            self.fleet.start_agent(name)
            handle = self.fleet.process(f"{name}/agent")
        if after == "stopped":
            handle.sigstop()
        elif after == "killed":
            handle.kill()

    def change_store(self, before, after):
        if before == after:
            return
        for pid in self.frozen:
            _send(pid, signal.SIGCONT)
        self.frozen = []
        host = self.lab.host("east-db1")
        signal_file = f"{postgres.data_directory(host)}/standby.signal"
        if before in ("stopped", "wrong-role"):
            if before == "wrong-role":
                self.postgres_ctl("stop")
                os.unlink(signal_file)
            self.postgres_ctl("start")
        if after == "stopped":
            self.postgres_ctl("stop", "immediate")
        elif after == "wrong-role":
            self.postgres_ctl("stop")
            with open(signal_file, "w", encoding="ascii"):
                os.chown(signal_file, *_owner("postgres"))
            self.postgres_ctl("start")
        elif after in ("hung", "all-hung"):
            self.freeze(self.lab.postmaster("east-db1").pid)
            if after == "all-hung":
                self.freeze(self.lab.process("east-db1", "redis").pid)

    def freeze(self, pid):
        """The process, then its children: the parent makes no new one meanwhile."""
        _send(pid, signal.SIGSTOP)
        for child in [pid] + _children(pid):
            _send(child, signal.SIGSTOP)
            self.frozen.append(child)

    def postgres_ctl(self, verb, mode="fast"):
        host = self.lab.host("east-db1")
        data = postgres.data_directory(host)
        argv = [f"{postgres.BIN}/pg_ctl", verb, "-D", data, "-w", "-t", "40", "-s"]
        argv += ["-m", mode] if verb == "stop" else ["-l", f"{data}/../by-hand.log"]
        # Its own output would keep the pipe open as long as the server lives.
        done = subprocess.run(["nsenter", f"--net=/run/netns/{host.namespace}", "setpriv", "--reuid=postgres",
                               "--regid=postgres", "--init-groups", *argv], stdin=subprocess.DEVNULL,
                              stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, timeout=60, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"pg_ctl {verb}: exit code {done.returncode}; see {data}/../by-hand.log")


def _owner(user):
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def _send(pid, number):
    try:
        os.kill(pid, number)
    except ProcessLookupError:
        pass


def _children(pid):
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as file:
        return [int(word) for word in file.read().split()]
