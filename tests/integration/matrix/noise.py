"""A bad network between the regions: packets are lost, delayed, doubled and overtake each other. The kernel of a test machine
may be without netem; so the wan sends what passes between regions through a TUN device, and a program (this file, run in the wan's
namespace) holds each packet back as told. What the judges send and are sent, from outside, passes untouched.

    python3 -m matrix.noise DEVICE LOSS% DELAY_MS JITTER_MS DOUBLED%       until it is ended; then the wan is as before
"""

import fcntl
import heapq
import os
import random
import select
import stat
import struct
import subprocess
import sys
import tempfile
import time

from lab import net, plan
from lab.base import LabError, until

DEVICE = "noise0"
MARK, TABLE = 33, 133
TUNSETIFF, IFF_TUN, IFF_NO_PI = 0x400454CA, 0x0001, 0x1000
QUEUED_MAX = 20000
ROUTED = ("east", "west", "watch")


class Noise:
    """As a context manager; between all regions of the lab, in both directions."""

    def __init__(self, lab, loss=0, delay_ms=0, jitter_ms=0, doubled=0):
        self.lab, self.wan, self.process = lab, net.wan_namespace(lab.prefix), None
        self.figures = [str(figure) for figure in (loss, delay_ms, jitter_ms, doubled)]

    def _in_wan(self, *argv, text=None, check=True):
        return subprocess.run(["nsenter", f"--net={net.namespace_path(self.wan)}", *argv], input=text, text=True,
                              capture_output=True, timeout=30, check=check)

    def __enter__(self):
        self.log_path = f"{self.lab.run_dir}/logs/noise.log"
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                ["nsenter", f"--net={net.namespace_path(self.wan)}", sys.executable, "-m", "matrix.noise", DEVICE, *self.figures],
                env=self.lab.python_env() | {"PATH": os.environ["PATH"]}, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        until("the noise's device is up", self._up, 40, 0.05)
        with net.inside(self.wan):
            for name in ("all", DEVICE):
                with open(f"/proc/sys/net/ipv4/conf/{name}/rp_filter", "w", encoding="ascii") as file:
                    file.write("0")
        self._in_wan("ip", "rule", "add", "fwmark", str(MARK), "lookup", str(TABLE))
        self._in_wan("ip", "route", "add", "default", "dev", DEVICE, "table", str(TABLE))
        rows = [f"  iifname != {DEVICE} ip saddr {plan.region_net(a)} ip daddr {plan.region_net(b)} counter meta mark set {MARK}"
                for a in ROUTED for b in ROUTED if a != b]
        self._in_wan("nft", "-f", "-", text="table ip noise {\n chain through {\n  type filter hook prerouting priority mangle;\n"
                     + "\n".join(rows) + "\n }\n}\n")
        return self

    def _up(self):
        if self.process.poll() is not None:
            with open(self.log_path, encoding="utf-8") as log:
                raise LabError(f"the noise ended: {log.read()[-500:]}")
        return DEVICE in self._in_wan("ip", "-br", "link", "show", "up").stdout

    def __exit__(self, *_):
        self._in_wan("nft", "delete", "table", "ip", "noise", check=False)
        self._in_wan("ip", "rule", "del", "fwmark", str(MARK), check=False)
        self.process.terminate()
        self.process.wait(10)
        self.process = None

    def told(self):
        """What the program counted, as {word: number}; it writes each second."""
        with open(self.log_path, encoding="utf-8") as log:
            lines = [line for line in log if line.startswith("packets=")]
        return {key: int(value) for key, value in (word.split("=") for word in lines[-1].split())} if lines else {}


def _tun_path():
    """The kernel's own node, or one made on the spot where a container has none."""
    if os.path.exists("/dev/net/tun"):
        return "/dev/net/tun"
    path = f"{tempfile.mkdtemp()}/tun"
    os.mknod(path, 0o600 | stat.S_IFCHR, os.makedev(10, 200))
    return path


def main(device, loss, delay_ms, jitter_ms, doubled):
    tun = os.open(_tun_path(), os.O_RDWR | os.O_NONBLOCK)
    fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH", device.encode(), IFF_TUN | IFF_NO_PI))
    subprocess.run(["ip", "link", "set", device, "up", "txqueuelen", "5000"], check=True, timeout=10)
    held, number = [], 0
    count = dict.fromkeys(("packets", "lost", "doubled", "overtaken", "dropped"), 0)
    latest_due, told = 0.0, time.monotonic()
    while True:
        now = time.monotonic()
        wait_s = min(max(0.0, held[0][0] - now), 0.5) if held else 0.5
        if select.select([tun], [], [], wait_s)[0]:
            try:
                packet = os.read(tun, 65536)
            except BlockingIOError:
                packet = b""
            now = time.monotonic()
            count["packets"] += 1
            lost = random.random() * 100 < loss
            count["lost"] += lost
            copies = 0 if lost else 1 + (random.random() * 100 < doubled)
            count["doubled"] += copies == 2
            for _ in range(copies):
                due = now + (delay_ms + random.uniform(-jitter_ms, jitter_ms)) / 1000
                count["overtaken"] += due < latest_due
                latest_due = max(latest_due, due)
                number += 1
                if packet and len(held) < QUEUED_MAX:
                    heapq.heappush(held, (due, number, packet))
                else:
                    count["dropped"] += 1
        now = time.monotonic()
        while held and held[0][0] <= now:
            try:
                os.write(tun, heapq.heappop(held)[2])
            except OSError:
                count["dropped"] += 1
        if now - told > 1:
            told = now
            print(" ".join(f"{key}={value}" for key, value in count.items()), flush=True)


if __name__ == "__main__":
    main(sys.argv[1], *(float(word) for word in sys.argv[2:6]))
