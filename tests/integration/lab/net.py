"""Namespaces, veth pairs and cuts. Every host hangs on the wan namespace by its own pair, and the
wan routes /32s.

So every packet between two hosts passes one forward hook, and a cut is one rule there that drops:
no reset, no ICMP, silence for new and for established connections alike. The rules are always
written as a whole, in one transaction.
"""

import contextlib
import ctypes
import os
import subprocess
import time

from . import plan
from .base import LabError, until

NETNS_DIRECTORY = "/run/netns"
CLONE_NEWNET = 0x40000000
_libc = ctypes.CDLL(None, use_errno=True)


def _command(argv, text=None, check=True):
    try:
        done = subprocess.run(
            argv, input=text, capture_output=True, text=True, timeout=60, check=False
        )
    except FileNotFoundError as error:
        raise LabError(f"{argv[0]} is not installed: {error}") from error
    if check and done.returncode != 0:
        raise LabError(f"{' '.join(argv)}: {done.stderr.strip() or done.stdout.strip()}")
    return done


def namespace_path(namespace):
    return f"{NETNS_DIRECTORY}/{namespace}"


def wan_namespace(prefix):
    return f"{prefix}-wan"


def require_namespaces():
    """Says at once, in words, when this machine cannot hold a lab."""
    if os.geteuid() != 0:
        raise LabError("the lab needs root: it makes network namespaces")
    probe = f"drp{os.getpid()}"
    try:
        _command(["ip", "netns", "add", probe])
        _command(["ip", "-n", probe, "link", "add", "v0", "type", "veth", "peer", "name", "v1"])
        _command(
            ["nsenter", f"--net={namespace_path(probe)}", "nft", "-f", "-"],
            "table inet probe { }\n",
        )
    except LabError as error:
        raise LabError(
            f"network namespaces with veth and nftables are not allowed here: {error}"
        ) from error
    finally:
        _command(["ip", "netns", "del", probe], check=False)


@contextlib.contextmanager
def inside(namespace):
    """The calling thread, and only it, is in the namespace; sockets made here stay there
    afterwards."""
    if not os.path.exists(namespace_path(namespace)):
        raise LabError(f"{namespace} is not there: the host is off")
    with open("/proc/thread-self/ns/net", "rb") as home, open(
        namespace_path(namespace), "rb"
    ) as there:
        if _libc.setns(there.fileno(), CLONE_NEWNET) != 0:
            raise LabError(f"cannot enter {namespace}: {os.strerror(ctypes.get_errno())}")
        try:
            yield
        finally:
            if _libc.setns(home.fileno(), CLONE_NEWNET) != 0:
                # A thread that is stuck in the wrong namespace would send test traffic to the wrong
                # place.
                os.abort()


def _sysctl(namespace, values):
    with inside(namespace):
        for key, value in values.items():
            try:
                with open(f"/proc/sys/net/{key}", "w", encoding="ascii") as file:
                    file.write(value)
            except FileNotFoundError:
                pass  # a kernel without IPv6 has nothing to switch off


QUIET = {"ipv6/conf/all/disable_ipv6": "1", "ipv6/conf/default/disable_ipv6": "1"}


def make_wan(prefix):
    wan = wan_namespace(prefix)
    _command(["ip", "netns", "add", wan])
    _sysctl(
        wan,
        dict(
            QUIET,
            **{
                "ipv4/ip_forward": "1",
                "ipv4/conf/all/send_redirects": "0",
                "ipv4/conf/default/send_redirects": "0",
            },
        ),
    )
    _command(["ip", "-n", wan, "link", "set", "lo", "up"])
    # A host without power has no route; without this line the wan would answer for it with ICMP
    # unreachable.
    _command(["ip", "-n", wan, "route", "add", "blackhole", plan.WHOLE_NET])
    apply_cuts(prefix, [])


def make_hosts(prefix, hosts):
    """Makes the namespaces of the given hosts and their links to the wan."""
    wan = wan_namespace(prefix)
    for host in hosts:
        _command(["ip", "netns", "add", host.namespace])
        _sysctl(host.namespace, QUIET)
    lines = []
    for host in hosts:
        lines.append(f"link add {host.name} type veth peer name eth0 netns {host.namespace}")
        lines.append(f"link set {host.name} up")
        lines.append(f"addr add {plan.WAN_ADDRESS}/32 dev {host.name}")
        lines.append(f"route add {host.address}/32 dev {host.name}")
    _command(["ip", "-n", wan, "-batch", "-"], "\n".join(lines) + "\n")
    for host in hosts:
        _command(
            ["ip", "-n", host.namespace, "-batch", "-"],
            "\n".join(
                [
                    "link set lo up",
                    "link set eth0 up",
                    f"addr add {host.address}/32 dev eth0",
                    f"route add {plan.WAN_ADDRESS}/32 dev eth0 src {host.address}",
                    f"route add default via {plan.WAN_ADDRESS} dev eth0 src {host.address}",
                ]
            )
            + "\n",
        )


def drop_hosts(prefix, hosts):
    """Removes links and namespaces; kernel state of the host (sockets, nftables) goes with them, as
    in a reboot."""
    wan = wan_namespace(prefix)
    for host in hosts:
        _command(["ip", "-n", wan, "link", "del", host.name], check=False)
        _command(["ip", "netns", "del", host.namespace], check=False)


def drop_all(prefix):
    for name in namespaces(prefix):
        _command(["ip", "netns", "del", name], check=False)


def namespaces(prefix):
    try:
        return sorted(name for name in os.listdir(NETNS_DIRECTORY) if name.startswith(prefix + "-"))
    except FileNotFoundError:
        return []


def pids(namespace):
    """Processes whose main thread is in the namespace."""
    try:
        inode = os.stat(namespace_path(namespace)).st_ino
    except FileNotFoundError:
        return []
    found = []
    for entry in os.listdir("/proc"):
        if not entry.isdigit() or int(entry) == os.getpid():
            continue
        try:
            if os.stat(f"/proc/{entry}/ns/net").st_ino == inode:
                found.append(int(entry))
        except OSError:
            pass  # it ended meanwhile
    return found


def kill_all(namespace_names, signal_number, keep=(), timeout_s=10.0):
    """Signals every process of the namespaces until none but `keep` is left."""
    keep = set(keep)

    def left():
        rest = [
            pid
            for name in namespace_names
            for pid in pids(name)
            if pid not in keep and not _zombie(pid)
        ]
        for pid in rest:
            try:
                os.kill(pid, signal_number)
            except ProcessLookupError:
                pass
        return not rest

    until(f"processes of {', '.join(namespace_names)} are gone", left, timeout_s, 0.02)


def unmount_below(directory):
    """Detaches what a test mounted inside a directory: a killed one cannot, and the directory could
    not be removed."""
    with open("/proc/self/mounts", encoding="utf-8", errors="replace") as file:
        points = [line.split()[1] for line in file]
    for point in reversed(points):  # the youngest first: one may lie within another
        if point.startswith(f"{directory}/"):
            _command(["umount", "--lazy", point])


def _zombie(pid):
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            return file.read().rsplit(")", 1)[1].split()[0] in "ZX"
    except (OSError, IndexError):
        return True


def apply_cuts(prefix, rules):
    """rules: list of (source, destination) in nftables' words, an address or net each, or None for
    anything."""
    lines = [
        "add table inet lab",
        "flush table inet lab",
        "table inet lab {",
        " chain cuts {",
        "  type filter hook forward priority 0; policy accept;",
    ]
    for source, destination in rules:
        match = []
        if source:
            match.append(f"ip saddr {source}")
        if destination:
            match.append(f"ip daddr {destination}")
        lines.append(f"  {' '.join(match)} counter drop")
    lines += [" }", "}"]
    _command(
        ["nsenter", f"--net={namespace_path(wan_namespace(prefix))}", "nft", "-f", "-"],
        "\n".join(lines) + "\n",
    )


def new_prefix():
    """A prefix that no namespace of this machine has."""
    while True:
        prefix = "dr" + os.urandom(3).hex()
        if not namespaces(prefix):
            return prefix
        time.sleep(0.01)
