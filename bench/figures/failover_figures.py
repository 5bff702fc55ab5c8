"""What the failovers of failover.py are summed up to."""

from .table import Figure

DECIDE = "decide: from the deciding fact to the actions ({hosts} database host(s) a region, 3 members on etcd, fsync on)"
DARK = "dark: region killed to the first write, judged from outside (T 5 s, no hold-down, no DNS TTL, probes at {hz} Hz)"
SPEED = "speed: region killed to the first acknowledged write, by lease; the bound is W: no member said yes after the death"
CUT = "cut: region cut off but alive, from the end of its lease (T 5 s, W 5.21 s, no hold-down)"
TIMERS = "timers: how late drover's own clocks ring"
PEERS_DARK = ("Patroni ttl 5: 4.8 s, default 29.0 s; pg_auto_failover tuned 6.5 s, default 50.4 s; booth expire 9: 7.2 s, "
              "30: 26.6 s; Sentinel down-after 5 s: 5.4 s")


def _spans(stories, start, end, factor=1000.0):
    """end - start of each story that has both."""
    pairs = [(getattr(story, start), getattr(story, end)) for story in stories]
    return [factor * (b - a) for a, b in pairs if a is not None and b is not None]


def _past(stories, due, seen):
    """How far `seen` lies behind the due moment, in ms."""
    found = []
    for story in stories:
        expected, actual = due(story), getattr(story, seen)
        if expected is not None and actual is not None:
            found.append(1000.0 * (actual - expected))
    return found


def of_decide(stories, hosts):
    group = DECIDE.format(hosts=hosts)
    firsts = [first for story in stories for first, _last in story.ages_ms]
    lasts = [last for story in stories for _first, last in story.ages_ms]
    return [
        Figure(group, "fact 203 applied -> last action of the first wave begun", "ms", _spans(stories, "decided_s", "acted_s"),
               "p99 <= 25 ms", "etcd put p50 1.8, p99 3.1 ms; in between lie two facts, two certificates and three fsyncs of our own"),
        Figure(group, "  203 -> CLOSE applied at a majority", "ms", _spans(stories, "decided_s", "closed_s")),
        Figure(group, "  CLOSE -> OPEN applied at a majority", "ms", _spans(stories, "closed_s", "opened_s")),
        Figure(group, "  OPEN -> certified in the other region", "ms", _spans(stories, "opened_s", "certified_s"),
               "<= 50 ms from detection", "booth 180 ms at expire 1, 530 ms at 9, 2600 ms at 30"),
        Figure(group, "  certified -> last action of the first wave begun", "ms", _spans(stories, "certified_s", "acted_s")),
        Figure(group, "fact 203 applied -> first PostgreSQL write", "ms", _spans(stories, "decided_s", "postgres_s"),
               "<= 400 ms under Patroni", "Patroni in one cluster 130-170 ms; standby cluster by REST 250-310 ms"),
        Figure(group, "fact 203 applied -> first Redis write", "ms", _spans(stories, "decided_s", "redis_s"),
               "<= 100 ms", "Sentinel 350-380 ms; REPLICAOF NO ONE 0.5 ms"),
        Figure(group, "age of a fact when the first member has applied it", "ms", firsts),
        Figure(group, "age of a fact when the last member has applied it", "ms", lasts),
    ]


def of_dark(stories, hz):
    group = DARK.format(hz=hz)
    return [
        Figure(group, "dark -> first PostgreSQL write in the other region", "s", _spans(stories, "dark_s", "postgres_s", 1.0),
               "<= 5.5 s, never two writers", PEERS_DARK, 2),
        Figure(group, "dark -> first Redis write in the other region", "s", _spans(stories, "dark_s", "redis_s", 1.0),
               "", "Sentinel down-after 5 s: 5.4 s", 2),
        Figure(group, "dark -> decided (rule 203)", "s", _spans(stories, "dark_s", "decided_s", 1.0), digits=2),
        Figure(group, "dark -> certified", "s", _spans(stories, "dark_s", "certified_s", 1.0), digits=2),
        Figure(group, "certified -> first PostgreSQL write", "ms", _spans(stories, "certified_s", "postgres_s"),
               "<= 400 ms under Patroni", "standby cluster by REST 250-310 ms"),
        Figure(group, "certified -> first Redis write", "ms", _spans(stories, "certified_s", "redis_s"),
               "<= 100 ms", "Sentinel 350-380 ms"),
        Figure(group, "outage of the client, with a DNS TTL of 1 s", "s", [s.client_outage_s for s in stories if s.client_outage_s],
               digits=2),
        Figure(group, "runs in which the judge did not prove one writer", "", [sum(not s.one_writer for s in stories)] if stories
               else []),
    ]


def of_speeds(stories):
    """Per lease: each moment since the death, and how far it lies beyond W, which the lease's numbers give."""
    found = []
    for timing in sorted({story.timing.lease: story.timing for story in stories}.values(), key=lambda timing: timing.lease):
        mine = [story for story in stories if story.timing.lease == timing.lease]
        head = f"T {timing.lease / 1000:g} s, W {timing.wait / 1000:g} s"
        for what, moment in (("certified in the other region", "certified_s"), ("first PostgreSQL write there, direct", "postgres_s"),
                             ("first acknowledged write of the client, by DNS name (TTL 1 s)", "client_s")):
            spans = _spans(mine, "dark_s", moment, 1.0)
            found.append(Figure(SPEED, f"{head}: dark -> {what}", "s", spans, digits=2))
            found.append(Figure(SPEED, f"{head}:   of it beyond W", "s", [span - timing.wait / 1000 for span in spans], digits=2))
        found.append(Figure(SPEED, f"{head}: runs in which the judge did not prove one writer", "",
                            [sum(not story.one_writer for story in mine)]))
    return found


def _asked(story):
    """When the question of the last renewal was sent: the gate's deadline tells."""
    if story.gate_due_s is None:
        return None
    return story.gate_due_s - (story.timing.lease - story.timing.gate_early) / 1000


def _after_asked(milliseconds):
    return lambda story: None if _asked(story) is None else _asked(story) + milliseconds(story.timing) / 1000


def of_cut(stories):
    return [
        Figure(CUT, "lease end -> other region certified", "ms", _past(stories, _after_asked(lambda t: t.lease), "certified_s"),
               "W - T = 210 ms are the drift bound; <= 50 ms above it", "booth 180 ms at expire 1, 530 ms at 9, 2600 ms at 30"),
        Figure(CUT, "  of it: members' wait over (W) -> certified", "ms", _past(stories, _after_asked(lambda t: t.wait), "certified_s"),
               "<= 50 ms"),
        Figure(CUT, "certified -> first PostgreSQL write", "ms", _spans(stories, "certified_s", "postgres_s"),
               "<= 400 ms under Patroni", "standby cluster by REST 250-310 ms"),
        Figure(CUT, "certified -> first Redis write", "ms", _spans(stories, "certified_s", "redis_s"), "<= 100 ms",
               "Sentinel 350-380 ms"),
    ]


def of_timers(decide, cut):
    return [
        Figure(TIMERS, "kernel gate shut, after its deadline", "ms", _past(cut, lambda s: s.gate_due_s, "gate_shut_s"),
               "<= 20 ms", "etcd leases end 10-470 ms late"),
        Figure(TIMERS, "guard ends the lease, after T", "ms", _past(cut, _after_asked(lambda t: t.lease), "ended_s"), "<= 20 ms"),
        Figure(TIMERS, "agent begins the soft fence, after T - F", "ms",
               _past(cut, _after_asked(lambda t: t.lease - t.fence), "softened_s"), "<= 20 ms"),
        Figure(TIMERS, "hold-down over -> decided (203), by the members' own time", "ms",
               [s.hold_down_late_ms for s in decide if s.hold_down_late_ms is not None], "<= 20 ms"),
        Figure(TIMERS, "hold-down over -> CLOSE applied at a majority", "ms",
               [s.hold_down_late_ms + 1000 * (s.closed_s - s.decided_s) for s in decide
                if None not in (s.hold_down_late_ms, s.closed_s, s.decided_s)]),
    ]
