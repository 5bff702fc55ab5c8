"""Drives one `rogue` process, and watches a region while it is at work."""

import contextlib
import queue
import re
import socket
import sqlite3
import subprocess
import threading
import time

from lab import proc


class Rogue:
    """One part played in one host's namespace: words in, lines out."""

    def __init__(self, world, program, host, part, key=None, listen=None, topology=True):
        directory = world.fleet.directory
        argv = proc.prefix_argv(world.lab.hosts[host].namespace) + [
            program, part, "--pins", f"{directory}/pins.conf"]
        if topology:
            argv += ["--topology", f"{directory}/topology.conf"]
        if key:
            argv += ["--key", f"{directory}/keys/{key}.key"]
        if listen:
            argv += ["--listen", listen]
        self.lines, self.queue = [], queue.Queue()
        self.process = subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                        text=True, bufsize=1, env=proc.environment("/root"))
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()
        self.expect("ready", 10)

    def _read(self):
        for line in self.process.stdout:
            line = line.rstrip("\n")
            self.lines.append(line)
            self.queue.put(line)

    def expect(self, start, seconds):
        """The next line that starts so; what came before it is passed over."""
        deadline = time.monotonic() + seconds
        while True:
            try:
                line = self.queue.get(timeout=max(0.01, deadline - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"rogue did not say {start!r} within {seconds} s; last: {self.lines[-3:]}") from None
            if line.startswith("not understood"):
                raise AssertionError(line)
            if line.startswith(start):
                return line

    def tell(self, words, answer, seconds=10):
        while not self.queue.empty():
            self.queue.get_nowait()
        self.process.stdin.write(words + "\n")
        return self.expect(answer, seconds)

    def stats(self):
        return {name: int(value) for name, value in re.findall(r"(\w+)=(\d+)", self.tell("stats", "stats"))}

    def stop(self):
        with contextlib.suppress(OSError):
            self.process.stdin.write("quit\n")
            self.process.stdin.close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait(5)

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.stop()


class Watch:
    """Asks one agent's /writable ten times a second, from a neighbour: 200 while the lease is held."""

    def __init__(self, world, region, want=True):
        self.world, self.region, self.want = world, region, want
        self.address = world.fleet.databases(region)[0].address
        self.asked = self.wrong = 0
        self.wrong_at = []
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def writable(self):
        try:
            with socket.create_connection((self.address, 7421), timeout=1) as link:
                link.settimeout(1)
                link.sendall(b"GET /writable HTTP/1.0\r\nHost: agent\r\n\r\n")
                return b" 200 " in link.recv(256)
        except OSError:
            return False

    def _run(self):
        with self.world.lab.inside(f"{self.region}-near"):
            while not self._stop.is_set():
                self.asked += 1
                if self.writable() != self.want:
                    self.wrong += 1
                    self.wrong_at.append(time.monotonic())
                self._stop.wait(0.1)

    def __enter__(self):
        self._thread.start()
        self.begun = time.monotonic()
        return self

    def __exit__(self, *error):
        self._stop.set()
        self._thread.join(5)

    def check(self):
        """No sample was wrong. HAProxy would have taken the region out at the first one."""
        assert self.asked >= 5, f"only {self.asked} samples"
        first = [round(at - self.begun, 1) for at in self.wrong_at[:5]]
        assert self.wrong == 0, f"{self.region}: {self.wrong} of {self.asked} samples were not {self.want} (at {first} s)"


def ledger_rows(world, agent):
    path = f"{world.fleet.directory}/{agent}/agent/ledger.db"
    with contextlib.closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True, timeout=5)) as base:
        return base.execute("SELECT execution, step, attempt, epoch, outcome IS NOT NULL FROM commands").fetchall()


def memory_kib(pid):
    """(resident, descriptors) of a process."""
    import os
    with open(f"/proc/{pid}/status", encoding="utf-8") as status:
        rss = next(int(line.split()[1]) for line in status if line.startswith("VmRSS"))
    return rss, len(os.listdir(f"/proc/{pid}/fd"))
