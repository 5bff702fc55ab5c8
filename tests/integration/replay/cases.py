"""The cases. A name is a sentence."""

import glob
import json
import os
import struct
import subprocess
import zlib

FACT, QUESTION, DECISION = 1, 5, 9
RECORD_HEAD = 33
NOT_VERIFIED, REFUSED, USAGE = 10, 3, 2


def expect(holds, what):
    if not holds:
        raise AssertionError(what)


class Recordings:
    """directory/MEMBER/*.drec, and the drover that reads them."""

    def __init__(self, drover, directory, timing):
        self.drover, self.directory, self.timing = drover, directory, timing

    def members(self):
        return sorted(name for name in os.listdir(self.directory) if name.startswith("m"))

    def files(self, member):
        return sorted(glob.glob(f"{self.directory}/{member}/*.drec"))

    def replay(self, *argv):
        return subprocess.run([self.drover, "replay", *argv], capture_output=True, text=True, timeout=60, check=False)

    def asked(self, *argv):
        result = self.replay(*argv, "--json")
        expect(result.returncode == 0, f"exit {result.returncode}: {result.stdout}{result.stderr}")
        return json.loads(result.stdout)

    def facts(self, member):
        """The decisions about facts of a member's first run."""
        return [line for line in self.asked(self.files(member)[0], "--print")["lines"] if " fact." in line]

    def altered(self, name, change):
        """A copy of m1's recording with its records changed; checksums are right again."""
        with open(self.files("m1")[0], "rb") as file:
            whole = file.read()
        at = 14 + 2 + struct.unpack_from("<H", whole, 14)[0] + 4
        records, start = [], at
        while at + RECORD_HEAD <= len(whole):
            size, kind = struct.unpack_from("<IB", whole, at)
            end = at + RECORD_HEAD + size + 4
            if end > len(whole):
                break
            records.append((kind, whole[at:at + 29], bytearray(whole[at + RECORD_HEAD:end - 4])))
            at = end
        body = b""
        for kind, head, payload in change(records):
            one = head + struct.pack("<I", zlib.crc32(head)) + payload
            body += one + struct.pack("<I", zlib.crc32(one))
        path = f"{self.directory}/{name}.drec"
        with open(path, "wb") as file:
            file.write(whole[:start] + body)
        return path


def every_members_recording_replays_identically(recordings):
    expect(recordings.members() == ["m1", "m2", "m3"], f"members {recordings.members()}")
    for member in recordings.members():
        for files in [[one] for one in recordings.files(member)] + [recordings.files(member)]:
            told = recordings.asked(*files)
            print(f"    {member}: {told['inputs']} inputs, {told['facts']} facts, {told['questions']} questions, "
                  f"{told['decisions']} decisions")
            expect(told["identical"] and told["differences"] == 0, f"{files}: {told.get('difference')}")
            expect(told["facts"] > 0, f"{files}: no fact")
    expect(recordings.asked(*recordings.files("m1"))["questions"] > 10, "no question was recorded")


def a_killed_members_recordings_can_be_read(recordings):
    """It began again from the log's snapshot, which is recorded too."""
    expect(len(recordings.files("m2")) == 2, f"of m2: {recordings.files('m2')}")
    printed = recordings.replay(recordings.files("m2")[1], "--print").stdout
    expect("log.snapshot_taken index=" in printed and "member.caught_up" in printed, printed)


def all_members_decided_the_same_about_every_fact(recordings):
    first, third = recordings.facts("m1"), recordings.facts("m3")
    second = recordings.facts("m2")
    both = min(len(first), len(third))
    expect(first[:both] == third[:both], "m1 and m3 differ")
    expect(second == first[:len(second)], "m2, which was killed, differs from m1")
    text = "\n".join(first[:min(both, len(second))])
    for word in ("kind=open", "kind=close", "kind=request", "phase=closed epoch=2", "phase=serving epoch=3"):
        expect(word in text, f"no {word} among the decisions")


def a_written_answer_is_what_is_printed(recordings):
    """The recorded lines are the printed ones, byte for byte."""
    lines = []

    def keep(records):
        lines.extend(payload[32:].decode() for kind, _, payload in records if kind == DECISION)
        return records
    recordings.altered("kept", keep)
    printed = recordings.replay(recordings.files("m1")[0], "--print").stdout
    expect(printed.startswith("".join(lines)), "the recorded decision log is not the printed one")


def a_flipped_byte_is_named_with_its_offset(recordings):
    with open(recordings.files("m1")[0], "rb") as file:
        whole = bytearray(file.read())
    whole[len(whole) // 2] ^= 1
    path = f"{recordings.directory}/flipped.drec"
    with open(path, "wb") as file:
        file.write(whole)
    result = recordings.replay(path)
    expect(result.returncode == NOT_VERIFIED and "offset" in result.stderr and "damaged" in result.stderr,
           f"exit {result.returncode}: {result.stdout}{result.stderr}")


def an_altered_answer_is_a_difference(recordings):
    def alter(records):
        at = next(i for i, (kind, _, _) in enumerate(records) if kind == QUESTION)
        records[at][2][1] = 3 if records[at][2][1] != 3 else 4
        return records
    result = recordings.replay(recordings.altered("answer", alter))
    expect(result.returncode == NOT_VERIFIED and "another answer" in result.stdout, result.stdout + result.stderr)


def a_fact_that_was_taken_out_is_a_difference(recordings):
    def alter(records):
        close = next(i for i, (kind, _, payload) in enumerate(records) if kind == DECISION and b"kind=close" in payload)
        return records[:close - 1] + records[close:]
    result = recordings.replay(recordings.altered("out", alter))
    expect(result.returncode == NOT_VERIFIED and "DIFFERENT" in result.stdout and "kind=close" in result.stdout,
           result.stdout + result.stderr)


def an_altered_line_is_shown_beside_the_right_one(recordings):
    def alter(records):
        at = next(i for i, (kind, _, payload) in enumerate(records) if kind == DECISION and b"kind=close" in payload)
        payload = records[at][2]
        payload[:] = payload.replace(b"epoch=1", b"epoch=7")
        return records
    result = recordings.replay(recordings.altered("line", alter))
    expect(result.returncode == NOT_VERIFIED and "epoch=7" in result.stdout and "epoch=1" in result.stdout,
           result.stdout + result.stderr)


def a_cut_end_is_told_and_no_difference(recordings):
    with open(recordings.files("m1")[0], "rb") as file:
        whole = file.read()
    path = f"{recordings.directory}/cut.drec"
    with open(path, "wb") as file:
        file.write(whole[:-7])
    told = recordings.asked(path)
    expect(told["identical"] and told["cut"], f"{told}")


def something_else_is_no_recording(recordings):
    result = recordings.replay("/etc/passwd")
    expect(result.returncode == NOT_VERIFIED and "expected a recording" in result.stderr, result.stderr)
    expect(recordings.replay("/nowhere.drec").returncode == USAGE, "a file that is not there")


def _left(told, epoch=2):
    """How an epoch was left: 1 by the switchover, 2 by the failover."""
    return next(one for one in told["epochs"] if one["epoch"] == epoch)


def a_longer_wait_ends_so_much_later(recordings):
    wait = recordings.timing.wait
    told = recordings.asked(recordings.files("m1")[0], "--set", "lease.wait=9s", "--set", "lease.promise=9s")
    was, now = _left(told), _left(told["what_if"])
    print(f"    wait over {was['waited_ms']} ms, with 9 s {now['waited_ms']} ms")
    longer = now["waited_ms"] - was["waited_ms"]
    # A wait that was over before the close came ends with it; then less than the difference is seen.
    was_over = was["waited_ms"] - was["closed_ms"] < 100
    expect(not was["proved"] and (0 < longer <= 9000 - wait if was_over else longer == 9000 - wait), f"{was} {now}")
    expect(now["closed_ms"] is not None and was["begun_ms"] == now["begun_ms"], f"{was} {now}")


HOLD_DOWN = "the suspicion lasted for the hold-down"


def fence_proofs_end_a_wait_whatever_its_length(recordings):
    """East was there when it was handed over: its guards proved their fence."""
    told = recordings.asked(recordings.files("m1")[0], "--set", "lease.wait=9s", "--set", "lease.promise=9s")
    was, now = _left(told, 1), _left(told["what_if"], 1)
    expect(was["proved"] and now["proved"], f"{was} {now}")
    expect(was["waited_ms"] - was["closed_ms"] < recordings.timing.wait, f"{was}")
    result = recordings.replay(recordings.files("m1")[0], "--print")
    expect("attest.fence_proved epoch=1" in result.stdout, result.stdout)


def _later(was, now, by_ms):
    """Behind the recorded failover the world is another one (the standby was promoted): it may be never. The core's ages count
    what TICKs say has passed, the moments here are when they were written: a busy member's differ by some tens of ms."""
    return now is None or now - was >= max(1, by_ms - 200)


def a_longer_hold_down_begins_the_failover_later(recordings):
    """The suspicion counts from the last sign of life: just longer than it had lasted when the failover began."""
    recorded = _left(recordings.asked(recordings.files("m1")[0]))
    lasted = next(gate["value"] for gate in recorded["gates"] if gate["gate"] == HOLD_DOWN)
    for more in (1, 3000):
        told = recordings.asked(recordings.files("m1")[0], "--set", f"policy.hold_down={lasted + more}ms")
        was, now = _left(told), _left(told["what_if"])
        print(f"    begun {was['begun_ms']} ms, with a hold-down of {lasted + more} ms {now['begun_ms']} ms")
        expect(was["automatic"] and now["suspect_ms"] == was["suspect_ms"], f"{was} {now}")
        expect(_later(was["begun_ms"], now["begun_ms"], more), f"{was} {now}")
        shut = [gate["gate"] for gate in now["gates"] if not gate["passes"]]
        expect(shut == [HOLD_DOWN], f"gates that would not have passed: {shut}")


def a_shorter_hold_down_begins_it_earlier(recordings):
    told = recordings.asked(recordings.files("m1")[0], "--set", "policy.hold_down=0ms")
    was, now = _left(told), _left(told["what_if"])
    print(f"    begun {was['begun_ms']} ms, without a hold-down {now['begun_ms']} ms")
    expect(now["begun_ms"] is not None and now["begun_ms"] <= was["begun_ms"], f"{was} {now}")


def a_longer_silence_suspects_the_region_later(recordings):
    told = recordings.asked(recordings.files("m1")[0], "--set", f"policy.silent={recordings.timing.silent + 4000}ms")
    was, now = _left(told), _left(told["what_if"])
    # The recorded suspicion may have waited for the outside view; the other one waits for silence.
    print(f"    suspected {was['suspect_ms']} ms, with 4 s more of silence {now['suspect_ms']} ms")
    expect(_later(was["suspect_ms"], now["suspect_ms"], 1000), f"{was} {now}")
    same = recordings.asked(recordings.files("m1")[0], "--set", f"policy.silent={recordings.timing.silent}ms")
    # By the reports instead of the members' views, which are a round older: not to the millisecond the same.
    same_ms = _left(same["what_if"])["suspect_ms"]
    expect(abs(same_ms - was["suspect_ms"]) <= 2000, f"the same silence, another time: {was['suspect_ms']} and {same_ms}")


def unchanged_numbers_change_nothing(recordings):
    told = recordings.asked(recordings.files("m1")[0], "--set", f"lease.wait={recordings.timing.wait}ms")
    was, now = _left(told), _left(told["what_if"])
    for key in ("suspect_ms", "begun_ms"):
        expect(was[key] == now[key], f"{key}: {was} {now}")
    # The counted close comes without the log's way to it; a wait that was over by then ends with it.
    expect(abs(was["waited_ms"] - now["waited_ms"]) <= 500, f"waited_ms: {was} {now}")
    expect(was["closed_ms"] >= now["closed_ms"] and was["opened_ms"] >= now["opened_ms"], f"{was} {now}")


def numbers_that_no_topology_may_have_are_refused(recordings):
    result = recordings.replay(recordings.files("m1")[0], "--set", "lease.lease=20s")
    expect(result.returncode == REFUSED and "finding 123, lease.wait" in result.stderr,
           f"exit {result.returncode}: {result.stderr}")
    result = recordings.replay(recordings.files("m1")[0], "--set", "lease.color=20s")
    expect(result.returncode == USAGE and "policy.hold_down" in result.stderr, result.stderr)


CASES = [every_members_recording_replays_identically, a_killed_members_recordings_can_be_read,
         all_members_decided_the_same_about_every_fact, a_written_answer_is_what_is_printed,
         a_flipped_byte_is_named_with_its_offset, an_altered_answer_is_a_difference,
         a_fact_that_was_taken_out_is_a_difference, an_altered_line_is_shown_beside_the_right_one,
         a_cut_end_is_told_and_no_difference, something_else_is_no_recording, a_longer_wait_ends_so_much_later, fence_proofs_end_a_wait_whatever_its_length,
         a_longer_hold_down_begins_the_failover_later, a_shorter_hold_down_begins_it_earlier,
         a_longer_silence_suspects_the_region_later, unchanged_numbers_change_nothing, numbers_that_no_topology_may_have_are_refused]
