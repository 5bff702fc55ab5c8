"""What every part of the lab uses: its error, the clock, waiting, small files. Nothing about
servers lives here."""

import os
import time


class LabError(Exception):
    """Anything the lab could not do; the message is for the person who runs the test."""


class Hopeless(LabError):
    """Ends until() at once: what is waited for cannot come any more."""


def raw_ns():
    """The one clock of all logs: it is not stepped or slewed and is the same in every namespace."""
    return time.clock_gettime_ns(time.CLOCK_MONOTONIC_RAW)


def until(what, check, timeout_s, step_s=0.1):
    """Calls check() until it returns something true and returns that; LabError names `what` when
    time is up.

    A check may raise while a server is still starting; the last exception ends up in the message.
    """
    deadline = time.monotonic() + timeout_s
    last = None
    while True:
        try:
            value = check()
            if value:
                return value
        except Hopeless:
            raise
        except Exception as exception:  # a server that is not up yet fails in many ways
            last = exception
        if time.monotonic() >= deadline:
            why = f" ({type(last).__name__}: {str(last).strip()})" if last else ""
            raise LabError(f"not reached within {timeout_s:g} s: {what}{why}")
        time.sleep(step_s)


def write_file(path, text, mode=0o644, owner=None):
    """Writes a whole file with its mode from the first byte on, so that a secret is never readable
    in between."""
    if os.path.exists(path):
        os.unlink(path)
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
    with os.fdopen(descriptor, "w", encoding="utf-8") as file:
        if owner is not None:
            os.fchown(file.fileno(), *owner)
        os.fchmod(file.fileno(), mode)
        file.write(text)
    return path


def make_directory(path, mode=0o755, owner=None):
    os.makedirs(path, exist_ok=True)
    os.chmod(path, mode)
    if owner is not None:
        os.chown(path, *owner)
    return path


def read_file(path):
    with open(path, encoding="utf-8", errors="replace") as file:
        return file.read()


def tail(path, lines=15):
    try:
        return "\n".join(read_file(path).splitlines()[-lines:])
    except OSError as error:
        return f"({error})"
