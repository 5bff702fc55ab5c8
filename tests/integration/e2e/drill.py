"""A drill in the standby region, with a step that takes its time: whatever moves the lease does not wait for it."""

from .world import expect

STEPS = """
        { name = "look"; action = "verify"; component = "web"; timeout = 60000; args: { expect_body = "nobody says this"; };
          intent = "A look that lasts as long as it may"; }"""


def _executions(world):
    return {e["id"]: e for e in world.fleet.ask("executions")["executions"]}


def begins(world):
    """It is refused until the active region is well, so it is asked for until then."""
    def declared():
        return world.fleet.drover("declare", "--to", "west", "--kind", "drill", "--reason", "a drill", "--yes", check=False).returncode == 0
    world.fleet.wait(declared, 30, "the drill is declared")
    world.fleet.wait(lambda: _executions(world)[1]["steps"][0]["state"] == "running", 10, "its step is at work")
    again = world.fleet.drover("declare", "--to", "west", "--kind", "reprotect", "--reason", "beside it", "--yes", check=False)
    expect(again.returncode == 3, f"a reprotect beside the drill: exit {again.returncode}: {again.stdout}{again.stderr}")


def was_interrupted(world):
    """The automatic failover is the next execution; the drill's records say what they are of."""
    drill, move = _executions(world)[1], _executions(world)[2]
    expect(drill["stage"] == "interrupted" and drill["superseded_by"] == 2 and drill["drill"], f"{drill['stage']}")
    expect(move["kind"] == "failover" and move["automatic"] and not move["drill"], f"{move['kind']}")
    shown = world.fleet.drover("executions").stdout
    expect("EXECUTION 1  DRILL in west" in shown and "interrupted by 2" in shown, shown)
    texts = [record["text"] for record in world.fleet.ask("timeline", "1")["records"]]
    expect(texts and all(text.startswith("DRILL  ") for text in texts), f"{texts}")
    print(f"    {texts[-1]}")
