"""Small helpers of the lab's own tests."""

import socket

FRONT = {"east": "10.77.1.10", "west": "10.77.2.10"}


def expect(condition, what):
    if not condition:
        raise AssertionError(what)


def raises(kind, work):
    try:
        work()
    except kind as error:
        return str(error)
    raise AssertionError(f"{kind.__name__} was expected")


def reach(lab, host_name, address, port, timeout_s=0.7):
    """open, refused or silent: what a connection attempt from a host meets."""
    try:
        with lab.inside(host_name):
            socket.create_connection((address, port), timeout_s).close()
        return "open"
    except ConnectionRefusedError:
        return "refused"
    except TimeoutError:
        return "silent"
