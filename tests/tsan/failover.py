"""One failover and the old region's return under ThreadSanitizer, with every question an operator asks.

Times are double those of the other scenarios: an instrumented program is some ten times slower, and a
renewal that comes late on a busy machine is not what is looked for here."""
import sys
import time

from e2e.world import World, expect
from fleet import Timing

TIMING = {"lease": 10000, "renew": 1200, "fence": 3000, "gate_early": 800, "wait": 10310, "promise": 10310,
          "hold_down": 3000, "settle": 5000, "silent": 4000, "check_timeout": 950}
QUESTIONS = [["status"], ["explain"], ["regions"], ["components"], ["links"], ["agents"], ["members"], ["rules"],
             ["executions"], ["timeline"], ["whoami"], ["config", "show"]]


def ask_everything(world):
    """Refusals and usage are answers too: what counts is that the command line and a member met."""
    for words in QUESTIONS:
        done = world.fleet.drover(*words, "--json", check=False)
        print(f"drover {' '.join(words)}: exit {done.returncode}, {len(done.stdout)} characters")
        expect(done.returncode >= 0 and done.returncode != 86, f"drover {words}: {done.stderr[-500:]}")


def failover(build):
    with World(build, timing=Timing(**TIMING)) as world:
        world.judges_start(rate_hz=10)
        ask_everything(world)
        world.kill_region()
        world.wait_writable("west", 90)
        world.failed_over(90)
        world.lab.poweron("east", wait=False)
        world.fleet.wait(lambda: world.recovering("east-db1"), 90, "the old primary recovers")
        ask_everything(world)
        time.sleep(3)
        world.one_writer(world.judged())


if __name__ == "__main__":
    failover(sys.argv[1])
    print("1 passed, 0 failed")
