"""The judge: pure functions over the logs of the writer and the probers. It asks no server and
believes no coordinator.

An accepted write was committed at an unknown instant between its `sent` and its `done`. Whatever is
called certain here follows from the order of those stamps alone; whatever is called possible cannot
be excluded by them.
"""

import dataclasses
import json

# Two accepted writes further apart than this do not vouch for the time between them.
GAP_MAX_NS = 1_000_000_000
# One region's PostgreSQL against the other's Redis counts too: a region may write or not.
ANY = "any"


@dataclasses.dataclass(frozen=True)
class Span:
    """A run of accepted writes at one store from one vantage, with no refusal and no silence among
    them."""

    region: str
    target: str
    store: str
    vantage: str
    first_sent: int
    first_done: int
    last_sent: int
    last_done: int
    count: int


@dataclasses.dataclass(frozen=True)
class Overlap:
    """Two regions took writes between start and end; certain when no order of commits could avoid
    it."""

    store: str
    start: int
    end: int
    certain: bool
    one: Span
    other: Span


def read_lines(path):
    """The JSON lines of a log; a last line that was cut off by a kill is left out."""
    values = []
    with open(path, encoding="utf-8") as file:
        for line in file:
            if line.endswith("\n"):
                values.append(json.loads(line))
    return values


def outage(attempts):
    """The longest time without an acknowledged write, from the acknowledgement before to the one
    after.

    Returns {gap_ns, start, end, open}: open when it had not ended at the last attempt. None without
    attempts.
    """
    if not attempts:
        return None
    stamps = sorted(a["done"] for a in attempts if a["ok"])
    first = min(a["sent"] for a in attempts)
    last = max(a["done"] for a in attempts)
    edges = [first] + stamps + [last]
    best = None
    for i in range(1, len(edges)):
        gap = edges[i] - edges[i - 1]
        if best is None or gap > best["gap_ns"]:
            best = {
                "gap_ns": gap,
                "start": edges[i - 1],
                "end": edges[i],
                "open": i == len(edges) - 1,
            }
    return best


def lost(attempts, rows):
    """Numbers that were acknowledged and are not among the rows of the finally serving database."""
    return sorted({a["id"] for a in attempts if a["ok"]} - set(rows))


def unacknowledged(attempts, rows):
    """Rows that are there although the client was told of a failure, or nothing: allowed, but worth
    knowing."""
    return sorted(set(rows) & {a["id"] for a in attempts if not a["ok"]})


def with_rows(attempts, rows):
    """Attempts whose outcome was unknown become accepted when their row, (vantage, target, id), is
    in the store."""
    found = set(rows)
    return [
        (
            dict(a, outcome="accepted")
            if a.get("unknown") and (a["vantage"], a["target"], a["id"]) in found
            else a
        )
        for a in attempts
    ]


def from_writer(attempts):
    """The writer's acknowledged rows as accepted writes in the region whose front answered."""
    return [
        {
            "vantage": "writer",
            "target": f"{a['region']}-front",
            "region": a["region"],
            "store": "postgres",
            "id": a["id"],
            "sent": a["sent"],
            "done": a["done"],
            "outcome": "accepted",
        }
        for a in attempts
        if a["ok"]
    ]


def _span(run):
    head = run[0]
    return Span(
        head["region"],
        head["target"],
        head["store"],
        head["vantage"],
        min(a["sent"] for a in run),
        min(a["done"] for a in run),
        max(a["sent"] for a in run),
        max(a["done"] for a in run),
        len(run),
    )


def spans(attempts, gap_max_ns=GAP_MAX_NS):
    """All spans of the attempts, by the time of their first write."""
    groups = {}
    for attempt in attempts:
        key = (attempt["region"], attempt["target"], attempt["store"], attempt["vantage"])
        groups.setdefault(key, []).append(attempt)
    found = []
    for group in groups.values():
        run = []
        for attempt in sorted(group, key=lambda a: a["sent"]):
            accepted = attempt["outcome"] == "accepted"
            if run and (not accepted or attempt["sent"] - run[-1]["done"] > gap_max_ns):
                found.append(_span(run))
                run = []
            if accepted:
                run.append(attempt)
        if run:
            found.append(_span(run))
    return sorted(found, key=lambda s: (s.first_sent, s.target, s.store, s.vantage))


def _pairs(found, store):
    chosen = [s for s in found if store in (ANY, s.store)]
    for i, one in enumerate(chosen):
        for other in chosen[i + 1 :]:
            if one.region != other.region:
                yield one, other


def overlaps(found, store=ANY):
    """Every pair of spans of two regions that touch; see Overlap."""
    result = []
    for one, other in _pairs(found, store):
        start = max(one.first_sent, other.first_sent)
        end = min(one.last_done, other.last_done)
        if start <= end:
            certain = one.first_done < other.last_sent and other.first_done < one.last_sent
            result.append(Overlap(store, start, end, certain, one, other))
    return result


def handovers(found, store=ANY):
    """The times between the last write of one region and the first of another that came later:
    [(least, most)] in ns.

    `least` counts from the last `done` to the first `sent`, `most` the other way round; negative
    means together.
    """
    chosen = sorted((s for s in found if store in (ANY, s.store)), key=lambda s: s.first_sent)
    result = []
    for i, later in enumerate(chosen):
        before = [s for s in chosen[:i] if s.region != later.region]
        # Only a change of regions is a handover: nothing of the later region lies between.
        own = [s.last_done for s in chosen[:i] if s.region == later.region]
        before = [s for s in before if not own or s.last_done > max(own)]
        if before:
            result.append(
                (
                    later.first_sent - max(s.last_done for s in before),
                    later.first_done - max(s.last_sent for s in before),
                )
            )
    return result


def union_ns(intervals):
    """The time covered by [(start, end)], counted once where they overlap."""
    total, reach = 0, None
    for start, end in sorted(intervals):
        if reach is None or start > reach:
            total, reach = total + end - start, end
        elif end > reach:
            total, reach = total + end - reach, end
    return total


def report(writer_lines, probe_lines, rows, origin_ns=None):
    """Everything in one dict of plain values, times in seconds since the writer's (or first
    prober's) start."""
    writes = [line for line in writer_lines if "ok" in line]
    probes = [line for line in probe_lines if "outcome" in line]
    starts = [line["start"] for line in writer_lines + probe_lines if "start" in line]
    origin = origin_ns if origin_ns is not None else min(starts, default=0)

    def since(stamp):
        return round((stamp - origin) / 1e9, 6)

    found = spans(probes + from_writer(writes))
    result = {
        "attempts": len(writes),
        "acked": sum(a["ok"] for a in writes),
        "probes": len(probes),
        "failed": sum(not a["ok"] for a in writes),
        "lost": lost(writes, rows),
        "unacknowledged": unacknowledged(writes, rows),
        "outage_s": None,
        "stores": {},
    }
    gap = outage(writes)
    if gap:
        result.update(
            outage_s=round(gap["gap_ns"] / 1e9, 6),
            outage_open=gap["open"],
            outage_from_s=since(gap["start"]),
            outage_to_s=since(gap["end"]),
        )
    for store in ("postgres", "redis", ANY):
        both = overlaps(found, store)
        least = [pair[0] for pair in handovers(found, store)]
        result["stores"][store] = {
            "overlaps_certain": sum(o.certain for o in both),
            "overlaps_possible": len(both),
            "overlap_s": round(union_ns([(o.start, o.end) for o in both]) / 1e9, 6),
            "gap_s": round(min(least) / 1e9, 6) if least else None,
            "overlaps": [
                {
                    "from_s": since(o.start),
                    "to_s": since(o.end),
                    "certain": o.certain,
                    "one": f"{o.one.target} seen from {o.one.vantage}",
                    "other": f"{o.other.target} seen from {o.other.vantage}",
                }
                for o in both[:20]
            ],
        }
    result["two_writers"] = result["stores"][ANY]["overlaps_certain"] > 0
    result["one_writer_proved"] = (
        result["stores"][ANY]["overlaps_possible"] == 0 and len(probes) > 0
    )
    result["spans"] = [
        {
            "region": s.region,
            "target": s.target,
            "store": s.store,
            "vantage": s.vantage,
            "from_s": since(s.first_sent),
            "to_s": since(s.last_done),
            "count": s.count,
        }
        for s in found
    ]
    return result


def render(result):
    """The report in sentences."""
    lines = []
    if result["outage_s"] is not None:
        state = " and had not ended" if result["outage_open"] else ""
        lines.append(
            f"outage as the client saw it: {result['outage_s']:.3f} s "
            f"(from {result['outage_from_s']:.3f} s "
            f"to {result['outage_to_s']:.3f} s){state}"
        )
    lines.append(
        f"rows: {result['acked']} acknowledged of {result['attempts']}, "
        f"{len(result['lost'])} of them lost, "
        f"{len(result['unacknowledged'])} stored without an acknowledgement"
    )
    if result["lost"]:
        shown = ", ".join(str(n) for n in result["lost"][:20])
        lines.append(f"lost rows: {shown}{' ...' if len(result['lost']) > 20 else ''}")
    for store, values in result["stores"].items():
        if values["overlaps_certain"] or values["overlaps_possible"]:
            kind = "CERTAINLY" if values["overlaps_certain"] else "possibly"
            text = f"two regions {kind} took writes, for {values['overlap_s']:.3f} s"
        elif values["gap_s"] is None:
            text = "writes were taken in one region only"
        else:
            text = (
                "no instant had two writers; smallest gap between the regions "
                f"{values['gap_s']:.3f} s"
            )
        name = "both kinds together" if store == ANY else store
        lines.append(f"{name}: {text}")
    lines.append(f"probes: {result['probes']} direct write attempts")
    return "\n".join(lines)
