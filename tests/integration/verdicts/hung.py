"""A hundred checks of one agent whose targets accept and say nothing: no other check waits for them, and memory, threads
and descriptors stay bounded however long they hang."""

import os
import re
import select
import socket
import threading
import time

from e2e.world import Stalls

HUNG_N = 100
INTERVAL_MS, TIMEOUT_MS = 5000, 4900  # as good as always hung
QUICK_MS = 500
LATE_MAX_S = 0.1  # each of them, less what this machine kept the agent or us from running meanwhile
HOST, AGENT = "west-near", "west-db1"
HUNG_PORT, QUICK_PORT = 7901, 7902
# What a hundred open connections with their buffers, and the threads that wait for them, may take at most.
MORE_MAX_KIB = 48 * 1024
GROWN_MAX_KIB = 4 * 1024
KINDS = (("http", "web", 'url = "http://{address}/";'), ("redis", "redis", 'address = "{address}";'),
         ("postgresql", "postgresql", 'address = "{address}"; user = "drover"; password_ref = "postgres"; database = "bud";'))


def checks(lab):
    """Rows for the topology: they fail at once until the targets are told to hang."""
    address = lab.host(HOST).address
    rows = []
    for n in range(HUNG_N):
        kind, component, args = KINDS[n % len(KINDS)]
        rows.append(f'    {{ name = "hung-{n}"; kind = "{kind}"; component = "{component}"; agent = "{AGENT}"; '
                    f"interval = {INTERVAL_MS}; timeout = {TIMEOUT_MS}; "
                    f'args: {{ {args.format(address=f"{address}:{HUNG_PORT}")} }}; }},\n')
    rows.append(f'    {{ name = "quick"; kind = "tcp"; component = "web"; agent = "{AGENT}"; interval = {QUICK_MS}; '
                f'timeout = {QUICK_MS - 100}; args: {{ address = "{address}:{QUICK_PORT}"; }}; }},\n')
    return "".join(rows)


class Targets:
    """Closes each connection at once, or keeps it and says nothing; notes when the quick check came."""

    def __init__(self, lab):
        self.hang, self.done, self.came, self.kept = False, threading.Event(), [], []
        self.kept_most = 0
        self.machine = lambda: 0.0  # for how long, in all, this machine ran something else than the agent or us
        with lab.inside(HOST):
            self.doors = [socket.create_server((lab.host(HOST).address, port), backlog=256)
                          for port in (HUNG_PORT, QUICK_PORT)]
        self.thread = threading.Thread(target=self.serve, daemon=True)
        self.thread.start()

    def serve(self):
        while not self.done.is_set():
            ready = select.select(self.doors + self.kept, [], [], 0.2)[0]
            for door in ready:
                if door in self.kept:
                    if not door.recv(4096):  # the probe has given up
                        self.kept.remove(door)
                        door.close()
                    continue
                peer = door.accept()[0]
                if door is self.doors[1]:
                    self.came.append((time.monotonic(), self.machine()))
                if door is self.doors[0] and self.hang:
                    self.kept.append(peer)
                    self.kept_most = max(self.kept_most, len(self.kept))
                else:
                    peer.close()

    def stop(self):
        self.done.set()
        self.thread.join()
        for sock in self.doors + self.kept:
            sock.close()


def latenesses_s(came):
    """How late each was, and how much of it is not the machine's, by the even beat that the schedule is: the earliest sets
    the beat. A check that is late by the machine is so by what it waited since the one before."""
    beat = QUICK_MS / 1000
    offsets = [at - came[0][0] - n * beat for n, (at, _) in enumerate(came)]
    late = [offset - min(offsets) for offset in offsets]
    waited = [0.0] + [after[1] - before[1] for before, after in zip(came, came[1:])]
    return late, [max(0.0, each - machine) for each, machine in zip(late, waited)]


def queued_s(pid):
    """How long the agent's loop, and this program's thread that is asked, were ready to run and no processor ran them, in
    all, by the kernel's own account: that is this machine's lateness and not a target's."""
    waited_ns = 0
    for path in (f"/proc/{pid}/schedstat", "/proc/thread-self/schedstat"):
        with open(path, encoding="ascii") as file:
            waited_ns += int(file.read().split()[1])
    return waited_ns / 1e9


def distribution(late):
    """Of the latenesses, sorted: how they lie."""
    if not late:
        return "none came"
    parts = [(f"{share} %", late[min(len(late) - 1, len(late) * share // 100)]) for share in (50, 75, 90, 95, 99)]
    return ", ".join(f"{name} {value * 1000:.0f} ms" for name, value in parts + [("the latest", late[-1])])


def _figures(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        text = file.read()
    return {"kib": int(re.search(r"VmRSS:\s+(\d+)", text)[1]), "threads": int(re.search(r"Threads:\s+(\d+)", text)[1]),
            "descriptors": len(os.listdir(f"/proc/{pid}/fd"))}


def _watch(pid, seconds):
    seen, end = [], time.monotonic() + seconds
    while time.monotonic() < end:
        seen.append(_figures(pid))
        time.sleep(0.25)
    return seen


def most(seen, key):
    return max(figures[key] for figures in seen)


def run(stage, options, count):
    if options.only and options.only not in "hung targets":
        return
    begun, targets = time.monotonic(), stage.targets
    seconds = options.minutes * 60 if options.minutes else 20
    pid = stage.fleet.process(f"{AGENT}/agent").pid
    before = most(_watch(pid, 3), "kib")
    targets.hang = True
    _watch(pid, 2 * INTERVAL_MS / 1000)  # until each has begun to hang
    stalls = Stalls()
    targets.machine = lambda: queued_s(pid) + stalls.late_s
    time.sleep(2 * QUICK_MS / 1000)  # from here on each is told with the machine's account
    first, targets.kept_most = len(targets.came), 0
    seen = _watch(pid, seconds)
    came, late_machine_s = targets.came[first:], stalls.stop()
    targets.hang, targets.machine = False, lambda: 0.0
    beats = int(seconds * 1000 / QUICK_MS)
    late, own = latenesses_s(came) if came else ([seconds], [seconds])
    half = len(seen) // 2
    figures = {key: most(seen, key) for key in seen[0]}
    print(f"    {targets.kept_most} hung at once for {seconds:.0f} s; the quick check came {len(came)} times of {beats}, late by: "
          f"{distribution(sorted(late))}; less what the machine ran others for: {distribution(sorted(own))}; this machine stalled for "
          f"{late_machine_s:.2f} s; before {before} KiB, then {figures}")
    count(targets.kept_most >= HUNG_N * 0.9, f"{HUNG_N} checks hang at once", begun, f"{targets.kept_most}")
    count(max(own) <= LATE_MAX_S and len(came) >= beats - 2 - late_machine_s * 1000 / QUICK_MS,
          "a hung target delays no other check by more than 100 ms", begun,
          f"{max(own):.3f} s late, {max(late):.3f} s with the machine's own, came {len(came)} times of {beats}")
    count(most(seen[half:], "kib") <= most(seen[:half], "kib") + GROWN_MAX_KIB and figures["kib"] <= before + MORE_MAX_KIB,
          "memory is bounded", begun, f"{most(seen[:half], 'kib')}, then {most(seen[half:], 'kib')} KiB, before {before}")
    # One run of a check at a time: a thread each at the most, the pool's, and a few for the loop and the wire.
    count(figures["threads"] <= HUNG_N + 40 and figures["descriptors"] <= 2 * HUNG_N + 100,
          "threads and descriptors are bounded", begun, f"{figures}")
