"""Row by row: bring it about, and what the members say of the three regions is what the table says."""

import time

from . import table


def run(stage, rows, options, count):
    chosen = list(table.walk(rows, options.all))
    print(f"    {len(chosen)} of {len(rows)} rows on real servers; the others: --all, and why in table.py")
    for setting in chosen:
        if options.only not in str(setting):
            continue
        begun = time.monotonic()
        stage.bring(setting)
        brought = time.monotonic()
        said = stage.settle(rows[setting])
        good = said == rows[setting]
        if brought - begun > 2:
            print(f"    {brought - begun:.1f} s to bring it about")
        count(good, f"{setting}: {', '.join(rows[setting])}", begun, f"P, D, M are {', '.join(said)}")
        if not good:
            for region in stage.regions().values():
                print(f"    {region}")
    stage.bring(table.Setting())
    begun = time.monotonic()
    said = stage.settle(("well", "well", "well"))
    count(said == ("well", "well", "well"), "all healed: well again", begun, f"P, D, M are {', '.join(said)}")
    status = stage.fleet.ask("status")
    count(status["epoch"] == 1 and status["owner"] == "east" and not status["executions"],
          "through all of it the lease stayed where it was", begun, f"{status}")
