"""What comes and goes: one flap changes nothing, and a suspicion that ends within the hold-down moves nothing."""

import contextlib
import http.client
import time

from e2e.world import Stalls

from .stage import PATIENCE_S, TIMING
from .table import Setting

ROUNDS = 5
TRIES = 3  # a round on a machine that stood still itself says nothing
# Shorter than the interval of the checks: at most one reading in a row is bad, of three that it takes.
FLAP_S = TIMING.check / 1000 * 0.8
STALL_S = 0.4
WELL = ("well", "well", "well")


def _height(stage):
    """Of the members' own history: what comes from now on lies above it."""
    return stage.fleet.ask("timeline")["height"]


def _class_changes(stage, height):
    """Those above that height. An answer holds so many records at the most: page by page."""
    texts, more = [], True
    while more:
        page = stage.fleet.ask("timeline", "--from", str(height + 1))
        texts += [row["text"] for row in page["records"] if row["kind"] == "region"]
        more, height = page["more"], page["next_from"] - 1
    return texts


def _flap(stage, before, after):
    """Returns True when it lasted no longer than it should."""
    begun = time.monotonic()
    before()
    time.sleep(FLAP_S)
    after()
    return time.monotonic() - begun < FLAP_S + STALL_S


def _flaps(stage, before, after):
    """Every class change that the flaps brought, and how many of them were as short as they should be."""
    for _ in range(TRIES):
        height, short_n, stalls = _height(stage), 0, Stalls()
        for _ in range(ROUNDS):
            short_n += _flap(stage, before, after)
            time.sleep(1.5 * TIMING.check / 1000)  # a good reading between two flaps
        stage.settle(WELL)
        changes, late_s = _class_changes(stage, height), stalls.stop()
        if not changes or (short_n == ROUNDS and late_s < STALL_S):
            break
        print(f"    this machine stalled for {late_s:.1f} s, {ROUNDS - short_n} flaps lasted too long: once more")
    return changes


def one_flap_changes_nothing(stage, count):
    agent = stage.fleet.process("east-db1/agent")
    ways = {"the link between the regions": (lambda: stage.lab.cut("east", "west"), lambda: stage.lab.heal("east", "west")),
            "the link to the members": (lambda: stage.lab.cut("east", "watch"), lambda: stage.lab.heal("east", "watch")),
            "the agent": (agent.sigstop, agent.sigcont)}
    for name, (before, after) in ways.items():
        begun = time.monotonic()
        changes = _flaps(stage, before, after)
        count(not changes, f"{ROUNDS} flaps of {name}, {FLAP_S:.2f} s each, change no verdict", begun, "; ".join(changes))


def a_suspicion_that_ends_moves_nothing(stage, count):
    begun = time.monotonic()
    stage.bring(Setting(cuts="PD PM"))
    stage.settle(("region-dark", "well", "well"))
    told = stage.fleet.ask("explain")
    gates = {gate["gate"]: gate for gate in told["gates"]}
    held = gates["the suspicion lasted for the hold-down"]
    verdict = told["regions"][0]["verdict"]
    count(told["phase"] == "suspect" and not held["passes"] and held["would_need"].endswith("of suspicion"),
          "a dark region is suspected, and the hold-down runs", begun, f"{told['phase']}, {held}")
    count("the suspicion runs" in verdict["next"] and "seen to fail from west, watch" in verdict["agree"]
          and "silent: east-db1" in verdict["seen"], "explain says so in words", begun, f"{verdict}")
    stage.bring(Setting())
    said = stage.settle(WELL)
    status = stage.fleet.ask("status")
    count(said == WELL and status["phase"] == "serving" and status["epoch"] == 1 and not status["executions"],
          "it came back within the hold-down: nothing has moved", begun, f"{said}, {status}")


def _patroni(stage, method, path, body=None):
    with contextlib.suppress(OSError, http.client.HTTPException):  # it is frozen, or starts its PostgreSQL
        return stage.lab.patroni("east-db1", method, path, body)[0]
    return None


def a_dead_leader_is_patronis_own_trouble(stage, count):
    """The PostgreSQL of the Patroni leader dies, and only that. Patroni is held back until the death is seen, so that there
    is something to judge; then it starts the database again as it always does. All that while it is the component's
    trouble, the region's never, and nothing moves."""
    begun, height = time.monotonic(), _height(stage)
    stage.fleet.wait(lambda: _patroni(stage, "PATCH", "/config", {"pause": None}) == 200, 60, "Patroni goes on")
    stage.fleet.wait(lambda: _patroni(stage, "GET", "/primary") == 200, 60, "Patroni has its leader")
    patroni, killed = stage.lab.process("east-db1", "patroni"), stage.lab.postmaster("east-db1")
    patroni.sigstop()
    try:
        killed.kill()
        stage.fleet.wait(lambda: stage.classes()[0] == "component", PATIENCE_S, "the death is seen")
    finally:
        patroni.sigcont()
    verdict = stage.regions()["east"]["verdict"]
    stage.fleet.wait(lambda: _patroni(stage, "GET", "/primary") == 200, 100, "Patroni started it again")
    said = stage.settle(WELL, 100)
    changes = [text for text in _class_changes(stage, height) if text.startswith("region east:")]
    worse = [text for text in changes if text.rsplit(" ", 1)[1] not in ("component", "link-only", "well")]
    count(said == WELL and changes and not worse, "a dead leader that Patroni starts again is a component's trouble", begun,
          f"{said}, {'; '.join(changes)}; {verdict}")
    status, again = stage.fleet.ask("status"), stage.lab.postmaster("east-db1")
    count(status["phase"] == "serving" and status["epoch"] == 1 and not status["executions"] and again.pid != killed.pid,
          "it was waited for: nothing has moved", begun, f"{status}, postmaster {killed.pid}, then {again.pid}")


def run(stage, options, count):
    if options.only:
        return
    one_flap_changes_nothing(stage, count)
    a_suspicion_that_ends_moves_nothing(stage, count)
    a_dead_leader_is_patronis_own_trouble(stage, count)
