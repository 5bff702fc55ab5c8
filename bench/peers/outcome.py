"""What one run came to, as it was seen from outside, and what many runs are summed up to."""

import dataclasses
import statistics

CASES = {
    "renewal": "cut off inside one renewal: the holder has its answers, its next message does not leave",
    "stopped": "the holder's daemon stopped by SIGSTOP, links whole, resumed after three times the lease",
    "isolated": "the holder's region cut off from all others, alive, its own clients go on writing",
    "oneway": "packets to the holder's region are lost, packets from it arrive",
    "majority": "all but the holder's own, or two of three, of those who decide are killed, and started again after two leases",
    "dead": "the holder's region loses links and power at once",
}


@dataclasses.dataclass
class Outcome:
    """One run. None: it cannot be said of this system."""
    system: str
    case: str
    two_s: float  # two regions held the right, or took writes, together
    outage_s: float  # the longest time that clients outside had no region to write to
    acked: int = None  # writes that were acknowledged to anybody
    lost: int = None  # of them, not in the store that serves in the end
    ended: str = ""  # where it serves in the end


def union(intervals):
    """Intervals that do not touch each other, in order, covering the same."""
    joined = []
    for start, end in sorted(intervals):
        if joined and start <= joined[-1][1]:
            joined[-1] = (joined[-1][0], max(end, joined[-1][1]))
        elif end > start:
            joined.append((start, end))
    return joined


def both_s(one, other):
    """How long intervals of the one and of the other ran together."""
    return sum(max(0.0, min(a[1], b[1]) - max(a[0], b[0])) for a in union(one) for b in union(other))


def longest_gap_s(intervals, begin, end):
    """The longest time within [begin, end] that no interval covers."""
    reach, longest = begin, 0.0
    for start, stop in union(intervals):
        if stop > begin and start < end:
            longest = max(longest, start - reach)
            reach = max(reach, stop)
    return max(longest, end - reach)


def _spread(values, digits):
    values = [value for value in values if value is not None]
    if not values:
        return "-"
    middle, low, high = (f"{value:.{digits}f}" for value in (statistics.median(values), min(values), max(values)))
    return middle if low == high else f"{middle} ({low}-{high})"


def table(outcomes):
    """Markdown: a row for each case and system, medians with least and most."""
    lines = ["| cut | system | runs | two at once, s | outage outside, s | acknowledged writes lost | of |",
             "|---|---|---|---|---|---|---|"]
    for case in CASES:
        for system in dict.fromkeys(outcome.system for outcome in outcomes):
            mine = [outcome for outcome in outcomes if (outcome.case, outcome.system) == (case, system)]
            if mine:
                lines.append(f"| {case} | {system} | {len(mine)} | {_spread([o.two_s for o in mine], 2)} | "
                             f"{_spread([o.outage_s for o in mine], 2)} | {_spread([o.lost for o in mine], 0)} | "
                             f"{_spread([o.acked for o in mine], 0)} |")
    return "\n".join(lines)
