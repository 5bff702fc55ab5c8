"""Three places and an outside, as namespaces, for one run of a peer; all gone on leaving. Links, cuts and processes
are the integration lab's own."""

import contextlib
import os
import re
import shutil
import signal
import tempfile
import time

from lab import net, plan, proc
from lab.base import raw_ns

HOLDER, OTHER, THIRD, OUTSIDE = "east", "west", "watch", "outside"
HOSTS = (("s1", HOLDER, "10.77.1.11"), ("s1-near", HOLDER, "10.77.1.50"), ("s2", OTHER, "10.77.2.11"),
         ("s2-near", OTHER, "10.77.2.50"), ("third", THIRD, "10.77.3.11"), ("client", OUTSIDE, "10.77.9.2"))
DIRECTORY = "drover-peers-"
_made = 0


def _made_by(fits):
    """Prefixes of namespaces, and run directories, that benches with such a pid have made."""
    names = os.listdir(net.NETNS_DIRECTORY) if os.path.isdir(net.NETNS_DIRECTORY) else []
    found = [re.fullmatch(r"(peers(\d+)x\d+)-.*", name) for name in names]
    prefixes = {match.group(1) for match in found if match and fits(int(match.group(2)))}
    found = [re.fullmatch(rf"{DIRECTORY}(\d+)-.*", name) for name in os.listdir(tempfile.gettempdir())]
    return prefixes, [f"{tempfile.gettempdir()}/{match.group(0)}" for match in found if match and fits(int(match.group(1)))]


def _take_away(fits):
    prefixes, directories = _made_by(fits)
    for prefix in prefixes:
        net.kill_all(net.namespaces(prefix), signal.SIGKILL)
        net.drop_all(prefix)
    for directory in directories:
        shutil.rmtree(directory, ignore_errors=True)


def sweep():
    """Takes away what a bench that was killed left behind: its pid is in the names."""
    _take_away(lambda pid: proc.start_stamp(pid) is None)


def abandon():
    """Ends all that this process has made, for one that must end now."""
    _take_away(lambda pid: pid == os.getpid())


def directory():
    path = tempfile.mkdtemp(prefix=f"{DIRECTORY}{os.getpid()}-")
    os.chmod(path, 0o755)  # boothd gives root up
    return path


def isolation():
    """nftables' words for: that region is alone."""
    region = plan.region_net(HOLDER)
    return [(region, f"!= {region}"), (f"!= {region}", region)]


def deafness():
    """Nothing reaches that region; what it sends arrives."""
    region = plan.region_net(HOLDER)
    return [(f"!= {region}", region)]


class Place:
    def __init__(self):
        global _made
        _made += 1
        self.prefix = f"peers{os.getpid()}x{_made}"
        self.processes = {}

    def __enter__(self):
        self.home = directory()
        self.hosts = {name: plan.Host(name, region, "", address, (), f"{self.prefix}-{name}", self.home)
                      for name, region, address in HOSTS}
        try:
            net.make_wan(self.prefix)
            net.make_hosts(self.prefix, list(self.hosts.values()))
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        names = net.namespaces(self.prefix)
        with contextlib.suppress(Exception):
            net.kill_all(names, signal.SIGCONT, timeout_s=0)
        with contextlib.suppress(Exception):
            net.kill_all(names, signal.SIGKILL)
        for process in self.processes.values():
            process.wait(5)
        net.drop_all(self.prefix)
        shutil.rmtree(self.home, ignore_errors=True)

    # -- processes and files

    def write(self, name, text):
        path = f"{self.home}/{name}"
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        return path

    def start(self, host, name, argv, env=None):
        key = f"{host}/{name}"
        self.processes[key] = proc.spawn(self.hosts[host], argv, f"{self.home}/{host}-{name}.log", env, name)
        return self.processes[key]

    def process(self, host, name):
        return self.processes[f"{host}/{name}"]

    def log(self, host, name):
        with open(f"{self.home}/{host}-{name}.log", encoding="utf-8", errors="replace") as file:
            return file.read()

    def inside(self, host):
        return net.inside(self.hosts[host].namespace)

    # -- cuts

    def cut(self, rules):
        """Returns the moment at which the kernel has the rules, in s."""
        net.apply_cuts(self.prefix, rules)
        return raw_ns() / 1e9

    def heal(self):
        net.apply_cuts(self.prefix, [])
        disarm(self.prefix)


def arm(prefix, trigger, region=plan.region_net(HOLDER)):
    """The kernel itself cuts the region off at the first packet that fits: that one is dropped, and from then on
    everything that leaves or enters the region."""
    rules = f"""
add table inet strike
flush table inet strike
table inet strike {{
  set struck {{ type nf_proto; size 4; flags dynamic; }}
  chain cuts {{
    type filter hook forward priority 10; policy accept;
    {trigger} add @struck {{ meta nfproto }} drop
    ip saddr {region} ip daddr != {region} meta nfproto @struck drop
    ip saddr != {region} ip daddr {region} meta nfproto @struck drop
  }}
}}
"""
    _nft(prefix, ["-f", "-"], rules)


def _nft(prefix, argv, text=None, check=True):
    return net._command(["nsenter", f"--net={net.namespace_path(net.wan_namespace(prefix))}", "nft", *argv], text, check)


def struck(prefix, seconds):
    """Waits for the cut that arm() made ready; the moment in s, or None when no packet fitted."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if "elements" in _nft(prefix, ["list", "set", "inet", "strike", "struck"]).stdout:
            return raw_ns() / 1e9
        time.sleep(0.01)
    return None


def disarm(prefix):
    _nft(prefix, ["delete", "table", "inet", "strike"], check=False)


def wait(condition, seconds, step_s=0.05):
    """The first true value of the condition, or its last when time is up."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value or time.monotonic() > end:
            return value
        time.sleep(step_s)
