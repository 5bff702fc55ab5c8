"""The embedded engine: killed, damaged, without room."""
import os
import random
import shutil
import subprocess
import time

from lab import Client, append_many, check, check_facts, quiet


def embedded(path, *more, environment=None):
    client = Client("--engine", "embedded", "--path", path, *more, environment=environment)
    client.line("open OK")
    return client


def embedded_keeps_every_acknowledged_fact_through_100_kills(world):
    path = os.path.join(world.directory("kills"), "log.db")
    acks, wanted, at = {}, [], 0
    for _ in range(100):
        client = embedded(path, "--from", 1, "--quiet")
        batch = wanted + ["k-%d" % i for i in range(at, at + 150)]
        at += 150
        try:
            client.process.stdin.write("".join("append %s v-%s\n" % (k, k) for k in batch))
        except BrokenPipeError:
            pass
        time.sleep(random.uniform(0.0, 0.08))
        client.kill()
        for key, ack in client.acks().items():
            check(key not in acks or acks[key][2] == ack[2], "%s moved" % key)
            acks[key] = ack
        wanted = [k for k in batch if k not in acks][-100:]
    client = embedded(path, "--from", 1)
    client.await_facts(len(acks))
    head = client.ask("head", "head ").split()[2]
    client.wait(lambda lines: any(l.startswith("fact %s " % head) for l in lines), "head not met")
    check_facts(client.facts(), acks, "kills")
    for fact in client.facts():
        check(fact[5] == "v-" + fact[2], "%s holds %s" % (fact[2], fact[5]))
    print("    %d facts acknowledged across 100 kills" % len(acks))
    check(len(acks) > 500, "only %d facts were acknowledged" % len(acks))
    client.quit()


def embedded_compacts_and_recovers_by_snapshot(world):
    path = os.path.join(world.directory("compact"), "log.db")
    client = embedded(path, "--from", 1)
    append_many(client, "a", 5000)
    client.await_facts(5000)
    check(client.ask("compact 4500", "compact ") == "compact PRECONDITION", "without a snapshot")
    check(client.ask("snapshot 4500 1048576", "stored ") == "stored OK", "snapshot")
    check(client.ask("compact 4500", "compact ") == "compact OK", "compaction")
    at = client.count()
    client.say("subscribe 7")
    client.line("compacted 4501", 10, at)
    check(client.ask("load", "loaded ").startswith("loaded OK 4500 1048576 "), "load")
    check(client.ask("append a-3 again", "ack a-3").split()[2:4] == ["4", "existed"], "key freed")
    at = len(client.facts())
    client.say("subscribe 4501")
    client.await_facts(at + 500)
    check([int(f[1]) for f in client.facts()[at:]] == list(range(4501, 5001)), "a gap")
    check(client.ask("snapshot 4400 10", "stored ") == "stored STALE", "older snapshot")
    check(client.ask("head", "head ") == "head OK 5000", "head")
    client.quit()
    client = embedded(path, "--from", 4400)
    client.line("compacted 4501")
    client.quit()


def embedded_knows_its_log_again(world):
    directory = world.directory("memory")
    path = os.path.join(directory, "log.db")
    client = embedded(path, "--from", 1)
    append_many(client, "a", 10)
    client.await_facts(10)
    second = Client("--engine", "embedded", "--path", path)
    check(second.line("open ").startswith("open BUSY"), "two processes share one file")
    cluster, highest = client.ask("memory", "memory ").split()[1:3]
    client.quit()
    shutil.copy(path, os.path.join(directory, "old.db"))
    client = embedded(path, "--from", 1, "--cluster", cluster, "--highest", highest)
    append_many(client, "b", 10)
    client.await_facts(20)
    highest, highest_key = client.ask("memory", "memory ").split()[2:]
    client.quit()
    other = embedded(os.path.join(directory, "old.db"), "--from", 1)
    append_many(other, "c", 15)
    other.await_facts(25)
    other.quit()
    shutil.copy(os.path.join(directory, "old.db"), os.path.join(directory, "forked.db"))
    quiet("sqlite3", os.path.join(directory, "old.db"), "delete from facts where \"index\" > 10;"
          "update sqlite_sequence set seq = 10")
    for name, words in (("old.db", "ends at fact 10"), ("new.db", "another log"),
                        ("forked.db", "holds another fact at index 20")):
        client = embedded(os.path.join(directory, name), "--from", 1, "--cluster", cluster,
                          "--highest", highest, "--highest-key", highest_key)
        check(words in client.line("went_back"), client.lines[-1])
        check(client.ask("append c x", "fail c") == "fail c WENT_BACK", "append")
        check(not client.facts(), "facts of another log were delivered")
        client.quit()


def embedded_refuses_damage(world):
    directory = world.directory("damage")
    path = os.path.join(directory, "log.db")
    client = embedded(path, "--from", 1)
    for i in range(20):
        client.say("blob a-%d 100000" % i) # pages that are full to the brim
    client.await_facts(20)
    client.quit()
    whole = open(path, "rb").read()
    refused = 0
    for i in range(12):
        broken = bytearray(whole)
        at = 4096 * random.randrange(8, len(whole) // 4096 - 2) + random.randrange(200, 4000)
        for k in range(40):
            broken[at + k] ^= 0x5A
        name = os.path.join(directory, "broken%d.db" % i)
        open(name, "wb").write(broken)
        client = Client("--engine", "embedded", "--path", name)
        refused += client.line("open ").startswith("open FORMAT")
        client.kill()
    check(refused == 12, "%d of 12 damaged files were refused" % refused)
    name = os.path.join(directory, "text.db")
    open(name, "w").write("this is no database, it is a text of some length\n" * 30)
    client = Client("--engine", "embedded", "--path", name)
    check(client.line("open ").startswith("open FORMAT"), client.lines[-1])
    quiet("sqlite3", os.path.join(directory, "other.db"), "create table t(a); insert into t values(1)")
    client = Client("--engine", "embedded", "--path", os.path.join(directory, "other.db"))
    check(client.line("open ").startswith("open FORMAT"), client.lines[-1])


def inner_disk_full(directory):
    """Runs in a mount namespace of its own, with a small tmpfs on `directory`."""
    quiet("mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", directory)
    client = embedded(os.path.join(directory, "log.db"), "--from", 1, "--once")
    append_many(client, "a", 20)
    client.await_acks(20)
    hog = os.open(os.path.join(directory, "hog"), os.O_WRONLY | os.O_CREAT)
    try:
        while True:
            os.write(hog, b"x" * 4096)
    except OSError:
        os.close(hog)
    for i in range(8):
        client.say("blob full-%d 100000" % i)
    client.wait(lambda lines: sum("full-" in l and l.startswith(("ack", "fail")) for l in lines) == 8,
                "unanswered")
    failed = [l for l in client.lines if l.startswith("fail full-")]
    check(failed and all(l.endswith("NO_SPACE") for l in failed), "%s" % failed)
    client.line("reachable 0", 10)
    check("not writable" in client.ask("describe", "describe"), client.lines[-1])
    check(client.ask("head", "head ").startswith("head OK"), "reading must go on")
    time.sleep(1.2)
    at = client.count()
    os.remove(os.path.join(directory, "hog"))
    client.line("reachable 1", 5, at)
    for i in range(8):
        client.say("blob full-%d 100000" % i)
    client.wait(lambda lines: sum(l.startswith("ack full-") for l in lines) >= 8, "not recovered")
    acks = client.acks()
    client.await_facts(28)
    check(len(client.facts()) == 28, "%d facts" % len(client.facts()))
    check_facts(client.facts(), acks, "disk full")
    client.quit()


def embedded_recovers_when_the_disk_has_room_again(world):
    directory = world.directory("full")
    done = subprocess.run(["unshare", "-m", "--propagation", "private", "/usr/bin/python3",
                           os.path.join(os.path.dirname(os.path.abspath(__file__)), "run"),
                           "--client", Client.program, "--inner",
                           directory], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          timeout=60)
    check(done.returncode == 0, done.stdout[-700:])


def embedded_answers_while_the_disk_hangs(world):
    """A hanging fsync stops nothing but the appends: the loop goes on, the engine tells."""
    directory = world.directory("hang")
    hang, library = os.path.join(directory, "hang"), os.path.join(directory, "slow_sync.so")
    here = os.path.dirname(os.path.abspath(__file__))
    quiet("cc", "-shared", "-fPIC", "-D_GNU_SOURCE", "-o", library,
          os.path.join(here, "slow_sync.c"), "-ldl")
    # A sanitizer's library must come first; the loader says nothing when there is none.
    linked = quiet("ldd", Client.program).split()
    preload = [word for word in linked if word.startswith("/") and "libasan" in word] + [library]
    client = embedded(os.path.join(directory, "log.db"), "--from", 1,
                      environment={"LD_PRELOAD": " ".join(preload), "DROVER_SLOW_SYNC": hang})
    append_many(client, "a", 10)
    client.await_facts(10)
    open(hang, "w").close()
    began = time.monotonic()
    append_many(client, "b", 10)
    while time.monotonic() - began < 2:
        asked = time.monotonic()
        check(client.ask("head", "head ") == "head OK 10", client.lines[-1])
        client.ask("describe", "describe ")
        check(time.monotonic() - asked < 0.5, "the loop hung with the disk")
        time.sleep(0.1)
    client.line("reachable 0", 5)
    check(3 <= time.monotonic() - began < 5, "told after %.1f s" % (time.monotonic() - began))
    check(len(client.acks()) == 10 and len(client.facts()) == 10, "acknowledged without a disk")
    at = client.count()
    os.remove(hang)
    client.line("reachable 1", 5, at)
    client.await_facts(20)
    client.await_acks(20)
    check_facts(client.facts(), client.acks(), "hang")
    client.quit()


TESTS = [
    embedded_keeps_every_acknowledged_fact_through_100_kills,
    embedded_compacts_and_recovers_by_snapshot,
    embedded_knows_its_log_again,
    embedded_refuses_damage,
    embedded_recovers_when_the_disk_has_room_again,
    embedded_answers_while_the_disk_hangs,
]
