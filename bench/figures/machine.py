"""The machine and what processes use of it, from /proc."""

import dataclasses
import os
import platform
import time

MIB = 1024 * 1024


def _read(path):
    with open(path, encoding="utf-8") as file:
        return file.read()


def describe():
    model = next((line.split(":", 1)[1].strip() for line in _read("/proc/cpuinfo").splitlines() if line.startswith("model name")),
                 "unknown processor")
    memory_kib = int(_read("/proc/meminfo").split()[1])
    return f"{os.cpu_count()} x {model}, {memory_kib / 1024 / 1024:.1f} GiB, Linux {platform.release()}"


class Busy:
    """What share of all processors was busy since the start, with whatever ran: ours and others'."""

    def __init__(self):
        self.start = self._now()

    @staticmethod
    def _now():
        ticks = [int(word) for word in _read("/proc/stat").split("\n", 1)[0].split()[1:9]]
        return sum(ticks), ticks[3] + ticks[4]

    def percent(self):
        total, idle = self._now()
        total, idle = total - self.start[0], idle - self.start[1]
        return 100.0 * (total - idle) / total if total else 0.0


def load():
    return " ".join(f"{value:.2f}" for value in os.getloadavg())


@dataclasses.dataclass
class Usage:
    cpu_percent: float  # of one core
    wakeups_hz: float  # voluntary context switches of all threads
    rss_mib: float
    anon_mib: float  # RssAnon: what no file backs
    private_mib: float  # private pages, file-backed ones that were written to among them


def _times(pid):
    """(ns on a processor, voluntary switches) of all threads that live now."""
    on_cpu = switches = 0
    for thread in os.listdir(f"/proc/{pid}/task"):
        try:
            on_cpu += int(_read(f"/proc/{pid}/task/{thread}/schedstat").split()[0])
            status = _read(f"/proc/{pid}/task/{thread}/status")
        except OSError:
            continue  # ended in between
        switches += int(next(line.split()[1] for line in status.splitlines() if line.startswith("voluntary_ctxt")))
    return on_cpu, switches


def _process_ticks(pid):
    """CPU seconds of the process, threads that ended among them."""
    fields = _read(f"/proc/{pid}/stat").rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _kib(path, key):
    return sum(int(line.split()[1]) for line in _read(path).splitlines() if line.startswith(key + ":"))


def usage(pids, seconds):
    """{name: Usage} over the same seconds. pids: {name: [pid, ...]}; several are added up."""
    def snapshot():
        return {pid: (*_times(pid), _process_ticks(pid)) for group in pids.values() for pid in group}
    before, begun = snapshot(), time.monotonic()
    time.sleep(seconds)
    after, took = snapshot(), time.monotonic() - begun
    found = {}
    for name, group in pids.items():
        # Threads that ended in between took their schedstat with them; the process's own ticks have it.
        cpu_s = sum(max((after[p][0] - before[p][0]) / 1e9, after[p][2] - before[p][2] - 0.02) for p in group)
        private_kib = sum(_kib(f"/proc/{p}/smaps_rollup", key) for p in group for key in ("Private_Clean", "Private_Dirty"))
        found[name] = Usage(100.0 * cpu_s / took, sum(after[p][1] - before[p][1] for p in group) / took,
                            sum(_kib(f"/proc/{p}/status", "VmRSS") for p in group) * 1024 / MIB,
                            sum(_kib(f"/proc/{p}/status", "RssAnon") for p in group) * 1024 / MIB, private_kib * 1024 / MIB)
    return found
