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
LATE_MAX_S = 0.1  # nine of ten; of the tenth a busy machine of two cores may keep the agent from running itself
LATEST_MAX_S = 0.5
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
                    self.came.append(time.monotonic())
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
    """How late each was, the latest last, by the even beat that the schedule is: the earliest sets the beat."""
    beat = QUICK_MS / 1000
    offsets = [at - came[0] - n * beat for n, at in enumerate(came)]
    return sorted(offset - min(offsets) for offset in offsets)


def queued_s(pid):
    """How long the agent's loop was ready to run and no processor ran it, in all, by the kernel's own account: that is this
    machine's lateness and not a target's."""
    with open(f"/proc/{pid}/schedstat", encoding="ascii") as file:
        return int(file.read().split()[1]) / 1e9


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
    stalls, first, targets.kept_most = Stalls(), len(targets.came), 0
    queued_before = queued_s(pid)
    seen = _watch(pid, seconds)
    queued = queued_s(pid) - queued_before
    came, late_machine_s = targets.came[first:], stalls.stop()
    targets.hang = False
    beats = int(seconds * 1000 / QUICK_MS)
    late = latenesses_s(came) if came else [seconds]
    late_s, latest_s = late[len(late) * 9 // 10], late[-1]
    half = len(seen) // 2
    figures = {key: most(seen, key) for key in seen[0]}
    print(f"    {targets.kept_most} hung at once for {seconds:.0f} s; the quick check came {len(came)} times of {beats}, late by: "
          f"{distribution(late)}; the agent's loop was ready and not run for {queued:.2f} s; this machine stalled for "
          f"{late_machine_s:.2f} s; before {before} KiB, then {figures}")
    count(targets.kept_most >= HUNG_N * 0.9, f"{HUNG_N} checks hang at once", begun, f"{targets.kept_most}")
    count(late_s <= LATE_MAX_S + late_machine_s and latest_s <= LATEST_MAX_S + late_machine_s and len(came) >= beats - 2 - late_machine_s * 1000 / QUICK_MS,
          "a hung target delays no other check by more than 100 ms", begun,
          f"{late_s:.3f} s late, the latest {latest_s:.3f} s, machine {late_machine_s:.2f} s, came {len(came)} times of {beats}")
    count(most(seen[half:], "kib") <= most(seen[:half], "kib") + GROWN_MAX_KIB and figures["kib"] <= before + MORE_MAX_KIB,
          "memory is bounded", begun, f"{most(seen[:half], 'kib')}, then {most(seen[half:], 'kib')} KiB, before {before}")
    # One run of a check at a time: a thread each at the most, the pool's, and a few for the loop and the wire.
    count(figures["threads"] <= HUNG_N + 40 and figures["descriptors"] <= 2 * HUNG_N + 100,
          "threads and descriptors are bounded", begun, f"{figures}")
