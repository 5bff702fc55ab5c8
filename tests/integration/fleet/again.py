"""A scenario whose wait ended in vain is run once more, at most AGAIN_MAX times in a room, and it is said.

A bound in seconds can be missed because the machine stood still, and so can a disturbance that was to be strong enough
(TooSlow). What the judges found can not: a failure of any other kind, above all "two regions may have accepted writes",
is final at once."""

import traceback

from lab.base import LabError

from .fleet import FleetError

AGAIN_MAX = 2


class TooSlow(Exception):
    """It took longer, or came in another order, than the scenario needs to say anything."""


_used = []


def once_more(name, run):
    """run(), and after a wait in vain run() again. Whatever the last of them raises is raised."""
    try:
        return run()
    except (FleetError, LabError, TooSlow) as error:
        if len(_used) >= AGAIN_MAX:
            raise
        _used.append(name)
        traceback.print_exc()
        print(f"AGAIN  {name}: {error}", flush=True)
    return run()
