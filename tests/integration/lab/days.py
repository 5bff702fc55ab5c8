"""Days of the calendar (UTC), for what is dated by the day."""

import datetime
import time


def today(days_ago=0):
    return (datetime.datetime.now(datetime.timezone.utc).date() - datetime.timedelta(days=days_ago)).isoformat()


def away_from_midnight(seconds):
    """Returns at once, or after the midnight that is nearer than that: what follows sees one day."""
    left_s = 86400 - time.time() % 86400
    if left_s <= seconds:
        time.sleep(left_s + 1)
