"""What opens the gate and what does not; and that it shuts by the deadline whoever is stopped."""
import os
import signal
import struct
import threading
import time

from room import (EARLY_MS, HOST4, HOST6, OUT4, OUT6, REPLICA4, RENEW_MS, STORE, T_MS, Store,
                  Writer, now_us, until)

ACCEPTED, UNKNOWN_NONCE, TOO_LATE, NO_MAJORITY, WRONG_EPOCH, OLD_EPOCH, FENCED = 0, 2, 3, 4, 5, 6, 7
SHUT, OPEN = 1, 2
SLACK_US = 20_000
OPEN_US = (T_MS - EARLY_MS) * 1000


def _see(condition, what):
    if not condition:
        raise AssertionError(what)


def _shut(room, what=""):
    said = room.client("status")
    _see(said["gate"] == SHUT and said["left"] == 0, f"{what}: guard says {said}")
    _see(not room.is_open(), f"{what}: let in from outside")


def _last_us(store, *writers):
    return max((stamp for w in writers for stamp in w.sent if stamp in store.taken), default=0)


def it_starts_closed_and_a_majority_opens(room):
    room.stop()
    room.net.nft("table inet drover {}\ndelete table inet drover")
    store = Store(room.net)
    try:
        _see(room.is_open(), "control: without a guard the store answers")
        before = Writer(room.net, kept=True)
        _see(until(2, lambda: len(before.acked) > 5), "control: a connection from before")
        room.fresh()
        _shut(room, "after the start")
        _see(not room.is_open(to=HOST6, source=OUT6), "IPv6 is let in")
        _see(not room.is_open(to="127.0.0.1", source=None), "a local user is let in")
        _see(not room.is_open(to="::1", source=None), "a local user is let in by IPv6")
        _see(not room.is_open(to=HOST4, source=None), "a local user is let in by our address")
        _see(room.is_open(source=REPLICA4), "replication is not let in")
        _see(until(1, lambda: not before.thread.is_alive()), "the old connection was not cut")
        _see(room.lease(1)["verdict"] == ACCEPTED, "a majority's certificate is refused")
        for to, source in ((HOST4, OUT4), (HOST6, OUT6), ("127.0.0.1", None), ("::1", None)):
            _see(room.is_open(to=to, source=source), f"not open for {source} to {to}")
    finally:
        store.close()


def nothing_less_than_a_majority_for_this_question_opens(room):
    room.fresh()
    store = Store(room.net)
    tried = 0
    try:
        first = room.client("begin lease 3")["nonce"]
        for what, give in (
                ("a minority", "who=m1"), ("nobody", ""), ("one signer twice", "who=m1,m1"),
                ("one signer thrice", "who=m2,m2,m2"), ("another's key", "who=m1,m2:m3"),
                ("one key for all", "who=m1,m2:m1,m3:m1"),
                ("no member", "who=m1,r2-db1,r1-db1"), ("our own guard", "who=m1,r1-db1-guard"),
                ("a no", "who=m1,m2,m3 refusal=1"), ("a no made a yes",
                                                     "who=m1,m2,m3 refusal=1 alter=refusal"),
                ("a bit of the signature", "who=m1,m2,m3 alter=signature"),
                ("a digest", "who=m1,m2,m3 alter=digest"),
                ("an older epoch made newer", "who=m1,m2,m3 signed_epoch=2 alter=epoch"),
                ("another lease", "who=m1,m2,m3 alter=lease"),
                ("another agent's", "who=m1,m2,m3 agent=r2-db1"),
                ("another agent's made ours", "who=m1,m2,m3 agent=r2-db1 alter=agent"),
                ("a command's", "who=m1,m2,m3 purpose=2"),
                ("a command's made a lease's", "who=m1,m2,m3 purpose=2 alter=purpose"),
                ("a promise's", "who=m1,m2,m3 purpose=3"),
                ("an old nonce", f"who=m1,m2,m3 nonce={'00' * 16}"),
                ("an old nonce made new", f"who=m1,m2,m3 nonce={'00' * 16} alter=nonce"),
                ("another epoch", "EPOCH4 who=m1,m2,m3")):
            epoch, give = (4, give[7:]) if give.startswith("EPOCH4") else (3, give)
            for call in ("certificate", "promises"):
                said = room.client(f"give {call} {epoch} {give}")
                _see(said["verdict"] != ACCEPTED or said["err"] != 0, f"{what} is accepted: {said}")
                _see(said["gate"] == SHUT and said["left"] == 0, f"{what} opens: {said}")
                tried += 1
        _shut(room, "after all of them")
        said = room.client(f"give certificate 3 who=m1,m2 nonce={first}")
        _see(said["verdict"] == ACCEPTED and room.is_open(), f"control: a true one: {said}")
    finally:
        store.close()
    return f"{tried} refused"


def a_certificate_counts_once_and_from_its_question(room):
    room.fresh()
    store = Store(room.net)
    try:
        asked = room.client("begin lease 5")
        time.sleep(0.5)
        said = room.client(f"give certificate 5 who=m1,m3 nonce={asked['nonce']}")
        _see(said["left"] <= T_MS - 500, f"counted from the receipt: {said}")
        said = room.client("begin lease 4")
        _see(said["verdict"] == OLD_EPOCH, f"an older epoch may be asked for: {said}")
        newer = room.client("begin lease 5")
        said = room.client(f"give certificate 4 who=m1,m2,m3 nonce={newer['nonce']}")
        _see(said["verdict"] == WRONG_EPOCH, f"an older epoch: {said}")
        until(4, lambda: not room.client("status")["left"])
        said = room.client(f"give certificate 5 who=m1,m3 nonce={asked['nonce']}")
        _see(said["verdict"] == TOO_LATE, f"replayed: {said}")
        _shut(room, "replayed")
        room.stop()
        room.start()
        said = room.client(f"give certificate 5 who=m1,m3 nonce={newer['nonce']}")
        _see(said["verdict"] == UNKNOWN_NONCE, f"replayed after a restart: {said}")
        _shut(room, "replayed after a restart")
    finally:
        store.close()


def _until_the_end(room, during, writers, store):
    """A lease; `during` is done to the processes after half a second. When was the last write?"""
    said = room.lease(1)
    _see(said["verdict"] == ACCEPTED, f"no lease: {said}")
    ways = [Writer(room.net, **how) for how in writers]
    time.sleep(0.5)
    during()
    until(T_MS / 1000 + 0.5, lambda: False)
    for way in ways:
        way.stop()
    early = []
    for how, way in zip(writers, ways):
        last = _last_us(store, way)
        _see(last <= said["asked_us"] + OPEN_US + SLACK_US,
             f"{how}: written {(last - said['asked_us'] - OPEN_US) / 1000:.1f} ms too late")
        _see(last >= said["asked_us"] + OPEN_US - 150_000,
             f"{how}: shut {(said['asked_us'] + OPEN_US - last) / 1000:.1f} ms too early")
        early.append(f"{(last - said['asked_us'] - OPEN_US) / 1000:+.1f}")
    return "last writes at the deadline " + ", ".join(early) + " ms"


KEPT, NEW = {"kept": True}, {"kept": False}
KEPT6, LOCAL = {"kept": True, "to": HOST6, "source": OUT6}, {"kept": True, "source": None}


def without_renewal_the_last_write_is_before_the_deadline(room):
    room.fresh()
    store = Store(room.net)
    try:
        return _until_the_end(room, lambda: None, (KEPT, NEW, KEPT6, LOCAL), store)
    finally:
        store.close()


def what_the_store_sends_is_cut_as_well(room):
    """A client that says nothing: only the outgoing side of the gate stands between the two."""
    room.fresh()
    store = Store(room.net, pushes=True)
    try:
        said = room.lease(1)
        _see(said["verdict"] == ACCEPTED, "no lease")
        reader = Writer.__new__(Writer)
        reader.net, reader.to, reader.source, reader.port = room.net, HOST4, OUT4, STORE
        link = reader.connect()
        link.settimeout(0.1)
        latest = 0
        while now_us() < said["asked_us"] + OPEN_US + 400_000:
            try:
                data = link.recv(4096)
                latest = struct.unpack("<Q", data[-8:])[0] if len(data) % 8 == 0 else latest
            except TimeoutError:
                pass
        link.close()
        late_ms = (latest - said["asked_us"] - OPEN_US) / 1000
        _see(-150 <= late_ms <= SLACK_US / 1000, f"last heard {late_ms:+.1f} ms")
        return f"last heard {late_ms:+.1f} ms at the deadline"
    finally:
        store.close()


def a_stopped_guard_does_not_keep_the_gate_open(room):
    room.fresh()
    store = Store(room.net)
    try:
        said = _until_the_end(room, lambda: room.guard.send_signal(signal.SIGSTOP), (KEPT, NEW),
                              store)
        room.guard.send_signal(signal.SIGCONT)
        _see(until(1, lambda: room.client("status")["gate"] == SHUT), "after going on")
        _see(not room.is_open(), "after going on: let in")
        return said
    finally:
        store.close()


def a_stopped_agent_and_guard_do_not_keep_it_open(room):
    room.fresh()
    store = Store(room.net)

    def both():
        os.kill(room.client.process.pid, signal.SIGSTOP)
        room.guard.send_signal(signal.SIGSTOP)
    try:
        return _until_the_end(room, both, (KEPT, LOCAL), store)
    finally:
        room.guard.send_signal(signal.SIGCONT)
        os.kill(room.client.process.pid, signal.SIGCONT)
        store.close()


def a_killed_guard_does_not_keep_it_open(room):
    room.fresh()
    store = Store(room.net)
    try:
        return _until_the_end(room, lambda: room.stop(signal.SIGKILL), (KEPT, NEW), store)
    finally:
        store.close()


def a_guard_started_anew_has_no_lease_and_prolongs_none(room):
    room.fresh()
    store = Store(room.net)

    def anew():
        room.stop(signal.SIGKILL)
        room.start()
        said = room.client("status")
        _see(said["left"] == 0 and said["accepted"] == 1, f"a lease after a restart: {said}")
        _see(room.client("promise r2-db1 r2 9")["refusal"] != 0,
             "it promises to hold no lease while its predecessor's gate is open")
    try:
        said = _until_the_end(room, anew, (KEPT, NEW), store)
        _shut(room, "when the predecessor's lease is over")
        _see(room.lease(1)["verdict"] == ACCEPTED and room.is_open(), "a new certificate")
        return said
    finally:
        store.close()


def renewals_refuse_no_write(room):
    """Ten seconds of renewals; in the second half somebody else works on the host's ruleset."""
    guard = room.fresh()
    store = Store(room.net)
    took, stop = [], threading.Event()

    def churn():
        while not stop.wait(0.02):
            room.net.nft("table ip other { chain c { ip saddr 192.0.2.1 drop; }\n}\n"
                         "delete table ip other")
    other = threading.Thread(target=churn)
    ticks = os.sysconf("SC_CLK_TCK")

    def processor_s():
        fields = open(f"/proc/{guard.pid}/stat").read().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / ticks
    try:
        _see(room.lease(1)["verdict"] == ACCEPTED, "no lease")
        writers = [Writer(room.net, **how) for how in (KEPT, NEW, KEPT6, LOCAL)]
        begun, used = time.monotonic(), processor_s()
        while time.monotonic() - begun < 10:
            said = room.lease(1)
            _see(said["verdict"] == ACCEPTED, f"a renewal: {said}")
            took.append(said["after_us"] - said["before_us"])
            if time.monotonic() - begun > 5 and not other.is_alive():
                used = processor_s() - used
                other.start()
            time.sleep(RENEW_MS / 1000)
        stop.set()
        other.join()
        for writer in writers:
            writer.stop()
            lost_n = len(writer.sent) - len(writer.acked)
            _see(not writer.refused and len(writer.acked) > 500 and lost_n <= 2,
                 f"{writer.to}: {len(writer.refused)} refused, {lost_n} unanswered of "
                 f"{len(writer.sent)} writes")
        took.sort()
        return (f"{sum(len(w.acked) for w in writers)} writes; a renewal takes "
                f"{took[len(took) // 2] / 1000:.1f} ms, at most {took[-1] / 1000:.1f}; "
                f"{used / 5 * 100:.1f} % of a processor")
    finally:
        stop.set()
        store.close()
