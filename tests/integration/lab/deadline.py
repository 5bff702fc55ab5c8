"""psycopg2 with a deadline on everything, connecting included: a silent server must cost a known
time, not a hang."""

import select
import threading
import time

import psycopg2
import psycopg2.extensions

_deadline = threading.local()


class Silence(Exception):
    """No answer by the deadline: what became of the statement is unknown."""


def set_deadline(left_s):
    """Bounds everything that this thread does with psycopg2 from now on."""
    _deadline.at = time.monotonic() + left_s


def _wait(connection):
    while True:
        state = connection.poll()
        if state == psycopg2.extensions.POLL_OK:
            return
        left_s = _deadline.at - time.monotonic()
        if left_s <= 0:
            raise Silence("no answer by the deadline")
        reading = [connection] if state == psycopg2.extensions.POLL_READ else []
        writing = [connection] if state == psycopg2.extensions.POLL_WRITE else []
        select.select(reading, writing, [], left_s)


def install():
    psycopg2.extensions.set_wait_callback(_wait)
