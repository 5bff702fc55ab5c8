"""A standby with another past than the primary that it streams from, on two PostgreSQL servers that both wrote alone."""
import os
import signal

import servers
from servers import PG, wait_for


def both_alone(pg):
    """The standby is promoted, and the primary, which wrote meanwhile, after it: each is on timeline 2, from another place."""
    pg.sql("SELECT pg_promote()", standby=True)
    pg.sql("INSERT INTO drover_probe VALUES ('alone', now())")
    pg.lab.stop(pg.process, signal.SIGINT)
    pg.lab.write("pg/standby.signal", "", "postgres", 0o600)
    pg.process = pg.lab.start("pg_primary", [PG + "/postgres", "-D", pg.data], "postgres")
    wait_for("the primary in recovery", lambda: pg.sql("SELECT pg_is_in_recovery()") == "t")
    pg.sql("SELECT pg_promote()")


def follow_again(pg):
    pg.lab.stop(pg.standby, signal.SIGINT)
    pg.lab.write("pgdr/standby.signal", "", "postgres", 0o600)
    pg.standby = pg.lab.start("pg_standby", [PG + "/postgres", "-D", pg.standby_data], "postgres")
    wait_for("the standby in recovery", lambda: pg.sql("SELECT pg_is_in_recovery()", standby=True) == "t")


def test_past(t, pg):
    """Takes the two servers apart: the last test of them."""
    def ask(standby=True, past=None, **more):
        port = pg.standby_port if standby else pg.port
        return t.probe("postgresql", {"address": f"127.0.0.1:{port}", "user": "drover", "password_ref": "right",
                                      "past": f"127.0.0.1:{past or pg.port}", **more}, 3000)

    t.see("postgresql past that may not be read", ask(), err="OK", good=True, warn=True,
          detail="standby, past not compared: permission denied")
    pg.sql("GRANT EXECUTE ON FUNCTION pg_read_file(text, bigint, bigint, boolean) TO drover")
    t.eventually("postgresql same past", ask, err="OK", good=True, warn=False, detail="standby")
    t.see("postgresql past of nobody", ask(past=servers.free_port()), err="OK", good=True, warn=True,
          detail="past not compared")
    t.see("postgresql past of a standby", ask(past=pg.standby_port), err="OK", good=True, warn=False)
    os.kill(pg.process.pid, signal.SIGSTOP)
    hung = ask()
    os.kill(pg.process.pid, signal.SIGCONT)
    t.see("postgresql past of a hung primary", hung, err="OK", good=True, warn=True, detail="past not compared")
    both_alone(pg)
    t.see("postgresql a primary is asked for no past", ask(standby=False, past=pg.standby_port), err="OK", good=True, warn=False)
    follow_again(pg)
    t.eventually("postgresql another past", ask, err="OK", good=False, role=2,
                 detail=f"standby, diverged from 127.0.0.1:{pg.port}, ")
