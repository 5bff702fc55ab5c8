"""Processes in hosts: started through nsenter and setpriv, which exec, so that the pid is the
program's own."""

import os
import pwd
import signal
import subprocess
import time

from . import net
from .base import LabError, tail

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


def start_stamp(pid):
    """The start time of a pid in clock ticks since boot; with the pid it names a process for good.
    None: not alive."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            fields = file.read().rsplit(")", 1)[1].split()
    except (OSError, IndexError):
        return None
    if fields[0] in "ZX":
        return None
    return int(fields[19])


def owner_ids(user):
    entry = pwd.getpwnam(user)
    return entry.pw_uid, entry.pw_gid


def prefix_argv(namespace, user=None):
    if not os.path.exists(net.namespace_path(namespace)):
        raise LabError(f"{namespace} is not there: the host is off")
    argv = ["nsenter", f"--net={net.namespace_path(namespace)}"]
    if user:
        argv += ["setpriv", f"--reuid={user}", f"--regid={owner_ids(user)[1]}", "--init-groups"]
    return argv


def environment(home, extra=None):
    """Nothing of the caller's environment reaches the servers, but what the test names."""
    values = {"PATH": PATH, "LANG": "C.UTF-8", "HOME": home, "TZ": "UTC"}
    values.update(extra or {})
    return values


class Process:
    """One process of a host. It can be made from a recorded pid too, then there is no exit code."""

    def __init__(self, host, name, pid, stamp, log, instrument=False, popen=None):
        self.host = host
        self.name = name
        self.pid = pid
        self.stamp = stamp
        self.log = log
        self.instrument = instrument
        self.popen = popen

    def __repr__(self):
        return f"<{self.host}-{self.name} pid {self.pid}>"

    def record(self):
        return {
            "host": self.host,
            "name": self.name,
            "pid": self.pid,
            "stamp": self.stamp,
            "log": self.log,
            "instrument": self.instrument,
        }

    def alive(self):
        if self.popen is not None:
            return self.popen.poll() is None
        return self.stamp is not None and start_stamp(self.pid) == self.stamp

    def send(self, number):
        """Sends a signal; a process that has ended already is not an error."""
        if self.alive():
            try:
                os.kill(self.pid, number)
            except ProcessLookupError:
                pass

    def sigstop(self):
        self.send(signal.SIGSTOP)

    def sigcont(self):
        self.send(signal.SIGCONT)

    def wait(self, timeout_s):
        """True when it has ended within the time."""
        deadline = time.monotonic() + timeout_s
        while self.alive():
            if time.monotonic() >= deadline:
                return False
            time.sleep(0.01)
        return True

    @property
    def exit_code(self):
        return self.popen.poll() if self.popen is not None else None

    def kill(self):
        self.send(signal.SIGKILL)
        if not self.wait(10):
            raise LabError(f"{self} is still there after SIGKILL")

    def stop(self, timeout_s=10.0, sig=signal.SIGTERM):
        """Asks it to end (a stopped one is continued first), kills it when it does not; returns the
        exit code or None."""
        self.send(sig)
        self.send(signal.SIGCONT)
        if not self.wait(timeout_s):
            self.kill()
        return self.exit_code

    def log_tail(self, lines=15):
        return tail(self.log, lines)


def spawn(host, argv, log, env=None, name="process", user=None, cwd=None, instrument=False):
    """Starts argv in the host's namespace with its output appended to the log."""
    argv = prefix_argv(host.namespace, user) + list(argv)
    with open(log, "ab") as output:
        popen = subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=environment(host.directory, env),
            cwd=cwd or host.directory,
            start_new_session=True,
        )
    return Process(host.name, name, popen.pid, start_stamp(popen.pid), log, instrument, popen)


def run(host, argv, env=None, text=None, timeout_s=30.0, check=True, user=None, cwd=None):
    """Runs argv to its end in the host's namespace; returns subprocess.CompletedProcess with text
    output."""
    try:
        done = subprocess.run(
            prefix_argv(host.namespace, user) + list(argv),
            input=text,
            capture_output=True,
            text=True,
            env=environment(host.directory, env),
            cwd=cwd or host.directory,
            timeout=timeout_s,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise LabError(f"{host.name}: {argv[0]} did not end within {timeout_s:g} s") from error
    if check and done.returncode != 0:
        output = (done.stderr.strip() or done.stdout.strip())[-2000:]
        raise LabError(f"{host.name}: {argv[0]} ended with {done.returncode}: {output}")
    return done
