"""How a lease ends early, what is promised and proved, and what becomes of the gate when the host,
its disk, its ruleset or its agent misbehave."""
import contextlib
import os
import re
import shutil
import signal
import subprocess
import threading
import time

from cases import (ACCEPTED, FENCED, KEPT, NEW, OPEN_US, SHUT, SLACK_US, _last_us, _see, _shut)
from room import (EARLY_MS, OTHER, REDIS, STORE, T_MS, V_MS, Store, Writer, now_us, sh, until)

PROMISED, NO_LEASE, BUSY = 8, 9, 13
NO_SPACE_TEXT = "No space left"
PROMISERS = "r2-db1:r2-db1-guard,r2-db2:r2-db2-guard"


@contextlib.contextmanager
def _stores(room, *ports):
    stores = [Store(room.net, port) for port in ports or (STORE,)]
    try:
        yield stores[0]
    finally:
        for store in stores:
            store.close()


def _refusal(name):
    """The number of a refusal, from the header that all of drover shares."""
    here = os.path.dirname(os.path.abspath(__file__))
    with open(os.path.join(here, "..", "..", "..", "proto", "message.h")) as file:
        return int(re.search(rf"X\({name}, (\d+),", file.read()).group(1))


def a_majority_of_denials_ends_the_lease_at_once(room):
    room.fresh()
    closed, waiting = _refusal("CLOSED_HERE"), _refusal("WAITING")
    with _stores(room) as store:
        _see(room.lease(2)["verdict"] == ACCEPTED, "no lease")
        writers = [Writer(room.net, **KEPT), Writer(room.net, **NEW)]
        time.sleep(0.3)
        room.client("begin lease 2")
        for what, give in (("a minority", f"who=m1 refusal={closed}"),
                           ("one member twice", f"who=m1,m1 refusal={closed}"),
                           ("another's key", f"who=m1,m2:m1 refusal={closed}"),
                           ("waiting members", f"who=m1,m2,m3 refusal={waiting}"),
                           ("yes", "who=m1,m2,m3"),
                           ("an older epoch's", f"who=m1,m2,m3 refusal={closed} signed_epoch=1"),
                           ("an older epoch's made ours",
                            f"who=m1,m2,m3 refusal={closed} signed_epoch=1 alter=epoch")):
            said = room.client(f"give denial 2 {give} newest=3")
            _see(said["verdict"] != ACCEPTED and said["left"] > 0, f"{what} ends it: {said}")
        said = room.client(f"give denial 2 who=m1,m3 refusal={closed} newest=3")
        _see(said["verdict"] == ACCEPTED and said["left"] == 0, f"a majority's does not: {said}")
        time.sleep(0.2)
        for writer in writers:
            writer.stop()
        last = _last_us(store, *writers)
        _see(last <= said["after_us"], f"written {(last - said['after_us']) / 1000:.1f} ms after")
        _see(not any(w.acked and w.acked[-1] > said["after_us"] for w in writers), "answered after")
        _shut(room, "after the denial")
        return f"last write {(said['after_us'] - last) / 1000:.1f} ms before the answer"


def a_fence_is_proved_and_lasts(room):
    room.fresh()
    with _stores(room, STORE, REDIS) as store:
        _see(room.lease(4)["verdict"] == ACCEPTED, "no lease")
        writer = Writer(room.net, **KEPT)
        held = room.client("begin lease 4")["nonce"]
        time.sleep(0.2)
        said = room.client("fence 3")
        _see(said["left"] > 0 and not said["proved"], f"an older epoch's order fences: {said}")
        said = room.client("fence 4")
        last = _last_us(store, writer.stop())
        _see(said["proved"] and said["proof_ok"] and said["fenced"] == 4, f"no proof: {said}")
        _see(last <= said["after_us"], "written after the proof")
        took_ms = (said["after_us"] - said["before_us"]) / 1000
        after = room.client(f"give certificate 4 who=m1,m2,m3 nonce={held}")
        _see(after["verdict"] == FENCED, f"a certificate that was on its way: {after}")
        _see(room.lease(4)["begun"] == FENCED, "the fenced epoch is asked for")
        _shut(room, "fenced")
        for how in (signal.SIGTERM, signal.SIGKILL):
            room.stop(how)
            room.start()
            _see(room.lease(4)["verdict"] != ACCEPTED, f"accepted after {how.name}")
            _shut(room, f"after {how.name}")
            _see(until(2, lambda: room.client("status")["proof_ok"]), "no proof after a restart")
        _see(room.lease(5)["verdict"] == ACCEPTED and room.is_open(), "the next epoch is refused")
        _see(not room.client("status")["proved"], "a proof while it holds a newer lease")
        return f"order to proof {took_ms:.1f} ms"


def nothing_is_proved_while_a_knock_gets_in(room):
    room.fresh(more=f'knock = ["127.0.0.1:{OTHER}"];')
    with _stores(room):
        other = Store(room.net, OTHER)
        try:
            _see(room.lease(1)["verdict"] == ACCEPTED, "no lease")
            _see(not room.client("fence 1")["proved"], "proved although a knock gets in")
            _see(not until(1.3, lambda: room.client("status")["proved"]), "proved later")
        finally:
            other.close()
        _see(until(2, lambda: room.client("status")["proof_ok"]), "no proof when it is refused")
        # A rule taken out by hand, just before the order.
        room.fresh()
        _see(room.lease(1)["verdict"] == ACCEPTED, "no lease")
        room.net.nft("flush chain inet drover local")
        _see(not room.client("fence 1")["proved"], "proved without the rules")
        _see(until(2, lambda: room.client("status")["proof_ok"]), "not mended and proved")
        _see(not room.is_open(to="127.0.0.1", source=None), "let in after the proof")


def promises_of_all_extend_a_live_lease_and_only_that(room):
    room.fresh()
    with _stores(room):
        said = room.client("begin promise 1")
        _see(said["verdict"] == NO_LEASE, f"promises are asked for without a lease: {said}")
        _see(room.lease(1)["verdict"] == ACCEPTED, "no lease")
        time.sleep(1.5)
        asked = room.client("begin promise 1")
        for what, give in (("one missing", "who=r2-db1:r2-db1-guard"),
                           ("one twice", "who=r2-db1:r2-db1-guard,r2-db1:r2-db1-guard"),
                           ("agents' keys", "who=r2-db1,r2-db2"),
                           ("one guard's key", "who=r2-db1:r2-db1-guard,r2-db2:r2-db1-guard"),
                           ("members", "who=m1,m2,m3"),
                           ("ourselves", "who=r2-db1:r2-db1-guard,r1-db1:r1-db1-guard"),
                           ("a refusal", f"who={PROMISERS} refusal=11"),
                           ("a refusal made a yes", f"who={PROMISERS} refusal=11 alter=refusal"),
                           ("a lease's question", f"who={PROMISERS} purpose=1"),
                           ("another epoch's", f"who={PROMISERS} signed_epoch=2")):
            said = room.client(f"give promises 1 {give}")
            _see(said["verdict"] != ACCEPTED and not said["by_promise"] and
                 said["left"] < T_MS - 1400, f"{what}: {said}")
        said = room.client(f"give certificate 1 who={PROMISERS} purpose=3")
        _see(said["verdict"] != ACCEPTED, f"promises as a certificate: {said}")
        said = room.client(f"give promises 1 who={PROMISERS} nonce={asked['nonce']}")
        _see(said["verdict"] == ACCEPTED and said["by_promise"] and said["left"] > T_MS - 300,
             f"all of them: {said}")
        time.sleep((T_MS - 700) / 1000)
        _see(room.is_open(), "not open although extended")
        asked = room.client("begin promise 1")
        until(2, lambda: not room.client("status")["left"])
        said = room.client(f"give promises 1 who={PROMISERS} nonce={asked['nonce']}")
        _see(said["verdict"] != ACCEPTED and said["left"] == 0, f"a dead lease is revived: {said}")
        _shut(room, "when the promise has run out")


def a_promise_given_binds_over_a_restart_for_its_whole_length(room):
    room.fresh()
    with _stores(room):
        _see(room.lease(3)["verdict"] == ACCEPTED, "no lease")
        said = room.client("promise r2-db1 r2 4")
        _see(said["refusal"] == _refusal("HOLDS_LEASE") and said["promise_ok"],
             f"promised while leased: {said}")
        room.client("fence 3")
        for what, line in (("an unknown key", "promise r2-db1 r2 4 key=m1"),
                           ("another's key", "promise r2-db1 r2 4 key=r2-db2"),
                           ("another region", "promise r2-db1 r1 4"),
                           ("our own agent", "promise r1-db1 r1 4")):
            said = room.client(line)
            _see(said["err"] != 0 and said["promised"] == 0 and not said["promise_ok"],
                 f"{what}: {said}")
        said = room.client("promise r2-db1 r2 2")
        _see(said["refusal"] == _refusal("KNOWS_NEWER"), f"an older epoch: {said}")
        asked = room.client("begin lease 5")  # a question on its way when the promise is given
        said = room.client("promise r2-db1 r2 4")
        _see(said["refusal"] == 0 and said["promise_ok"] and said["promise_left"] > V_MS - 100,
             f"not promised: {said}")
        said = room.client(f"give certificate 5 who=m1,m2,m3 nonce={asked['nonce']}")
        _see(said["verdict"] == PROMISED and said["left"] == 0, f"a newer epoch: {said}")
        time.sleep(1)
        room.stop(signal.SIGKILL)
        restarted = now_us()
        room.start()
        said = room.client("status")
        _see(said["promised"] == 4 and said["promise_left"] > V_MS - 500, f"restarted: {said}")
        while True:
            said = room.lease(5)
            if said["verdict"] == ACCEPTED:
                break
            _see(now_us() - restarted < (V_MS + 1500) * 1000, f"never accepted again: {said}")
            _see(not room.is_open(), "open while promised")
            time.sleep(0.05)
        held_ms = (said["after_us"] - restarted) / 1000
        _see(held_ms >= V_MS, f"accepted after {held_ms:.0f} ms of {V_MS}")
        _see(room.is_open(), "not open after the promise")
        return f"held {held_ms:.0f} ms after the restart, V is {V_MS}"


def a_ruleset_flushed_by_another_is_mended(room):
    room.fresh()
    with _stores(room):
        worst_ms = 0.0
        harm = ("flush ruleset", "delete table inet drover", "flush table inet drover",
                "flush chain inet drover arriving", "delete chain inet drover inward",
                "flush chain inet drover outward\nflush chain inet drover inward",
                f"add element inet drover open {{ {STORE} }}",
                f"add element inet drover open {{ {STORE} timeout 1h }}",
                "insert rule inet drover arriving accept",
                "flush ruleset\ntable inet drover { set open { type ipv4_addr; }\n"
                "chain inward { type filter hook forward priority 0; }\n}")
        for commands in harm:
            if not room.net.nft(commands, check=False):
                room.net.nft("flush chain inet drover inward\n" + commands)
            begun = now_us()
            _see(until(1.2, lambda: not room.is_open() and not room.is_open(
                to="127.0.0.1", source=None), every=0.02), f"{commands!r} is not mended")
            worst_ms = max(worst_ms, (now_us() - begun) / 1000)
            time.sleep(0.3)
            _shut(room, f"after {commands!r}")
        _see(room.lease(1)["verdict"] == ACCEPTED, "no lease")
        for commands in ("flush ruleset", "flush set inet drover open"):
            room.net.nft(commands)
            _see(until(1.2, lambda: "set open" in _table(room) and room.is_open()),
                 f"leased, {commands!r}: not made anew")
        room.net.nft(f"delete element inet drover open {{ {STORE} }}\n"
                     f"add element inet drover open {{ {STORE} }}")
        _see(until(1.2, lambda: re.search(rf"{STORE} timeout \S+ expires", _table(room))),
             "leased, an element without an end: left there")
        until(T_MS / 1000, lambda: not room.client("status")["left"])
        _shut(room, "after the lease")
        return f"{len(harm)} kinds, the slowest mended after {worst_ms:.0f} ms"


def _table(room):
    return sh("ip", "netns", "exec", room.net.host, "nft", "list", "table", "inet", "drover",
              check=False)


def a_full_disk_refuses_new_epochs_and_renews_the_old_one(room):
    room.stop()
    state = room.path("small")
    os.makedirs(state, exist_ok=True)
    room.fresh(state=state, wrap=(f"mount -t tmpfs -o size=64k,mode=700 tmpfs {state}",))
    inside = f"/proc/{room.guard.pid}/root{state}"
    with _stores(room):
        _see(room.lease(1)["verdict"] == ACCEPTED, "no lease")
        with contextlib.suppress(OSError), open(inside + "/fill", "wb", buffering=0) as file:
            while True:
                file.write(b"x" * 512)
        until(T_MS / 1000 + 1, lambda: room.client("status")["gate"] == SHUT)
        until(1, lambda: not room.client("status")["left"])
        for _ in range(2):
            said = room.lease(2)
            _see(said["verdict"] == BUSY and said["err"] != 0 and said["left"] == 0,
                 f"a new epoch without a disk: {said}")
            _shut(room, "without a disk")
        said = room.client("promise r2-db1 r2 3")
        _see(said["refusal"] == _refusal("NOT_ALLOWED"), f"promised while its own epoch may go on: {said}")
        _see(NO_SPACE_TEXT in room.logged(), "nothing is logged")
        for _ in range(3):
            said = room.lease(1)
            _see(said["verdict"] == ACCEPTED and room.is_open(), f"a renewal: {said}")
        said = room.client("fence 1")
        _see(not said["proved"] and said["left"] == 0, f"a proof that is not durable: {said}")
        _shut(room, "fenced without a disk")
        _see(room.lease(1)["verdict"] != ACCEPTED, "the order is forgotten")
        said = room.client("promise r2-db1 r2 3")
        _see(said["refusal"] == _refusal("CANNOT_PERSIST"), f"promised without a disk: {said}")
        os.unlink(inside + "/fill")
        room.client("fence 1")
        _see(until(2, lambda: room.client("status")["proof_ok"]), "not proved with room again")
        _see(room.lease(2)["verdict"] == ACCEPTED and room.is_open(), "not open with room again")


def what_cannot_be_read_leaves_the_host_closed(room):
    with _stores(room):
        for what, spoil in (("state", lambda: room.write("state/guard", "nonsense", 0o600)),
                            ("pins", lambda: room.write("pins.conf", "cluster = ")),
                            ("key", lambda: os.chmod(room.path("r1-db1-guard.key"), 0o644))):
            room.stop()
            room.net.nft("table inet drover {}\ndelete table inet drover")
            os.makedirs(room.path("state"), exist_ok=True)
            _see(room.is_open(), "control: open without a guard")
            spoil()
            guard = room.start(ready=False)
            _see(guard.wait(5) != 0, f"{what}: started all the same")
            _see(not room.is_open(), f"{what}: the host is open")
            shutil.rmtree(room.path("state"), ignore_errors=True)
            os.chmod(room.path("r1-db1-guard.key"), 0o600)
            room.write_pins()
        first = room.fresh()
        second = room.start(ready=False)
        _see(second.wait(5) != 0, "two guards share one state")
        _see(first.poll() is None, "the first one went")
        room.guard = first


def writers_that_the_agent_did_not_demote_are_killed(room):
    group, made = None, False
    for base in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified"):
        if not made and os.path.exists(f"{base}/cgroup.procs"):
            group = f"{base}/drover-guard-{os.getpid()}"
            with contextlib.suppress(OSError):
                os.mkdir(group)
                made = os.path.exists(f"{group}/cgroup.kill")
    writers = [subprocess.Popen(["/usr/bin/tail", "-f", "/dev/null"]) for _ in range(2)]
    room.write("writer.pid", f"{writers[0].pid}\nmore lines, as postmaster.pid has\n")
    entries = [f'{{ pidfile = "{room.path("writer.pid")}"; }}']
    if made:
        with open(f"{group}/cgroup.procs", "w") as file:
            file.write(str(writers[1].pid))
        entries.append(f'{{ cgroup = "{group}"; }}')
    try:
        room.fresh(more=f"writers: ({', '.join(entries)});")
        _see(room.lease(1)["verdict"] == ACCEPTED, "no lease")
        until(T_MS / 1000, lambda: room.client("status")["soft_due"])
        room.client("fence_done 1")
        until(T_MS / 1000, lambda: not room.client("status")["left"])
        time.sleep(0.3)
        _see(all(w.poll() is None for w in writers), "killed although the agent had fenced")
        said = room.lease(1)
        gone = until(T_MS / 1000 + 1, lambda: writers[0].poll() is not None)
        late_ms = (now_us() - said["asked_us"]) / 1000 - (T_MS - EARLY_MS)
        _see(gone, "the pidfile's process lives")
        _see(-50 <= late_ms <= EARLY_MS, f"killed {late_ms:.0f} ms after the gate shut")
        if made:
            _see(until(1, lambda: writers[1].poll() is not None), "the group's process lives")
        return f"killed {late_ms:.0f} ms after the gate, group {'killed' if made else 'NOT TESTED'}"
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
        if made:
            until(1, lambda: not open(f"{group}/cgroup.procs").read())
            os.rmdir(group)


def the_watchdog_is_petted_only_when_lease_or_gate_is_sure(room):
    device = room.path("watchdog")
    with contextlib.suppress(FileNotFoundError):
        os.unlink(device)
    os.mkfifo(device)
    fifo = os.open(device, os.O_RDWR | os.O_NONBLOCK)

    def pets(seconds):
        with contextlib.suppress(BlockingIOError):
            os.read(fifo, 4096)
        time.sleep(seconds)
        try:
            return len(os.read(fifo, 4096))
        except BlockingIOError:
            return 0
    more = f'watchdog = "{device}";'
    try:
        room.fresh(more=more)
        _see(pets(2.2) >= 2, "not petted with the gate shut")
        _see(room.lease(1)["verdict"] == ACCEPTED, "no lease")
        _see(pets(1.2) >= 1, "not petted with a lease")
        said = room.lease(1)
        room.stop(signal.SIGKILL)
        room.start(more=more)
        left = (said["asked_us"] + OPEN_US - now_us()) / 1e6
        _see(left > 1.5, "control: too slow to see it")
        _see(pets(left - 0.3) == 0, "petted with an open gate and no lease")
        _see(pets(1.6) >= 1, "not petted when the gate is shut again")
        room.guard.send_signal(signal.SIGSTOP)
        _see(pets(1.2) == 0, "control: petted by a stopped guard")
    finally:
        room.stop()
        os.close(fifo)


def hold_keeps_the_gate_until_it_is_told(room):
    room.stop()
    room.write_pins(on_quorum_loss="hold")
    try:
        room.fresh()
        with _stores(room) as store:
            room.tell_numbers("failsafe")
            _see(room.lease(1)["left"] == 0, "a question that does not tell of hold got a lease")
            room.tell_numbers("hold")
            _see(room.lease(1)["left"] > 0, "no lease")
            writer = Writer(room.net, **KEPT)
            time.sleep(T_MS / 1000 + 1.5)
            _see(not writer.refused and writer.thread.is_alive(), "shut without being told")
            closed = _refusal("CLOSED_HERE")
            said = room.client(f"give denial 1 who=m1,m2 refusal={closed} newest=2")
            _see(said["left"] == 0, f"a majority's denial: {said}")
            _shut(room, "denied")
            _see(_last_us(store, writer.stop()) <= said["after_us"], "written after the denial")
            _see(room.lease(2)["verdict"] == ACCEPTED, "no new lease")
            room.guard.send_signal(signal.SIGSTOP)
            _see(until(T_MS / 1000 + 0.2, lambda: not room.is_open(), every=0.1),
                 "open although the guard is stopped")
    finally:
        room.stop()
        room.write_pins()


def a_real_redis_takes_no_write_after_the_deadline(room):
    """redis-server itself behind the gate; the writer's keys are read back on its own socket."""
    redis_socket = room.path("redis.sock")
    server = subprocess.Popen(
        ["ip", "netns", "exec", room.net.host, "redis-server", "--port", str(REDIS), "--bind",
         "10.99.0.1", "--protected-mode", "no", "--save", "", "--appendonly", "no",
         "--unixsocket", redis_socket, "--dir", room.directory],
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    class Resp:
        reply_size = len(b"+OK\r\n")

        @staticmethod
        def encode(stamp):
            word = str(stamp)
            return (f"*3\r\n$3\r\nSET\r\n${len(word)}\r\n{word}\r\n"
                    "$1\r\n1\r\n").encode()

    def keys():
        return {int(word) for word in
                sh("redis-cli", "-s", redis_socket, "--raw", "keys", "*").split()}
    try:
        _see(until(5, lambda: os.path.exists(redis_socket)), "redis-server does not start")
        room.fresh()
        said = room.lease(1)
        _see(said["verdict"] == ACCEPTED, "no lease")
        kept = Writer(room.net, port=REDIS, tongue=Resp, **KEPT)
        new = Writer(room.net, port=REDIS, tongue=Resp, **NEW)
        time.sleep(T_MS / 1000 + 0.5)
        kept.stop()
        new.stop()
        taken = keys()
        last = max(taken)
        _see(len(taken) > 300, f"only {len(taken)} writes")
        late_ms = (last - said["asked_us"] - OPEN_US) / 1000
        _see(-150 <= late_ms <= SLACK_US / 1000, f"last write {late_ms:+.1f} ms")
        return f"{len(taken)} keys, the last {late_ms:+.1f} ms at the deadline"
    finally:
        server.terminate()
        server.wait(5)


def garbage_and_floods_on_the_socket_change_nothing(room):
    guard = room.fresh()
    socket_path = room.path("guard.sock")
    with _stores(room):
        for packet in ("00", "01", "ff" * 40, "0103", "01" + "03" + "00" * 10 + "ffff",
                       "0109" + "00" * 12, "01030000000000000000000000" + "00" * 8000):
            said = room.client(f"raw {packet}")
            _see(said["received"] <= 0, f"an answer to {packet[:20]}: {said}")
            room.client(f"connect {socket_path}")
        said = room.lease(1)
        _see(said["verdict"] == ACCEPTED, f"after the garbage: {said}")
        # A flood: the same certificate as fast as the guard takes it, from one connection.
        others = [type(room.client)(room.client_program) for _ in range(2)]
        ticks = os.sysconf("SC_CLK_TCK")

        def processor_s():
            fields = open(f"/proc/{guard.pid}/stat").read().rpartition(")")[2].split()
            return (int(fields[11]) + int(fields[12])) / ticks
        stop = threading.Event()

        def flood(client):
            client(f"connect {socket_path}")
            while not stop.is_set():
                client("begin lease 1")
        threads = [threading.Thread(target=flood, args=(client,)) for client in others]
        for thread in threads:
            thread.start()
        time.sleep(0.2)
        begun, used = time.monotonic(), processor_s()
        waits = []
        while time.monotonic() - begun < 2:
            said = room.lease(1)
            waits.append((said["after_us"] - said["before_us"]) / 1000)
        used = (processor_s() - used) / (time.monotonic() - begun)
        stop.set()
        for thread in threads:
            thread.join()
        for client in others:
            client.close()
        _see(used < 0.5, f"a flood takes {used * 100:.0f} % of a processor at real-time priority")
        _see(max(waits) < 500, f"a renewal waits {max(waits):.0f} ms")
        return f"flooded: {used * 100:.0f} % of a processor, a renewal at most {max(waits):.0f} ms"


def it_is_small_and_stays_so(room):
    guard = room.fresh()

    def private_kib():
        text = open(f"/proc/{guard.pid}/status").read()
        return int(re.search(r"RssAnon:\s+(\d+)", text).group(1))
    for _ in range(100):
        room.lease(1)
    first = private_kib()
    for _ in range(400):
        room.lease(1)
    later = private_kib()
    files = len(os.listdir(f"/proc/{guard.pid}/fd"))
    policy = os.sched_getscheduler(guard.pid)
    _see(policy == os.SCHED_RR, f"scheduled as {policy}")
    _see(later - first <= 64, f"grows: {first} KiB, {later} KiB after 400 renewals")
    _see(files <= 10, f"{files} descriptors")
    _see(later <= 2048, f"{later} KiB of private memory")
    locked = int(re.search(r"VmLck:\s+(\d+)", open(f"/proc/{guard.pid}/status").read()).group(1))
    return f"private {later} KiB, {locked} KiB locked, {files} descriptors"
