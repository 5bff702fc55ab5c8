"""Tests of the judge's pure functions: /usr/bin/python3 -m unittest lab.judge_test, from
tests/integration."""

import json
import os
import tempfile
import unittest

from . import judge

MS = 1_000_000


def write(number, sent_ms, done_ms, ok=True, region="east"):
    return {
        "id": number,
        "sent": sent_ms * MS,
        "done": done_ms * MS,
        "ok": ok,
        "region": region if ok else None,
    }


def probe(
    region, sent_ms, done_ms, outcome="accepted", store="postgres", vantage="outside", number=0
):
    return {
        "region": region,
        "target": f"{region}-db1",
        "store": store,
        "vantage": vantage,
        "id": number,
        "sent": sent_ms * MS,
        "done": done_ms * MS,
        "outcome": outcome,
    }


def run(region, first_ms, last_ms, step_ms=50, **rest):
    return [probe(region, at, at + 2, **rest) for at in range(first_ms, last_ms + 1, step_ms)]


class Outage(unittest.TestCase):
    def test_longest_gap_is_between_two_acknowledgements(self):
        gap = judge.outage(
            [write(1, 0, 5), write(2, 10, 15), write(3, 20, 1020, ok=False), write(4, 900, 905)]
        )
        self.assertEqual((gap["gap_ns"], gap["start"], gap["end"]), (890 * MS, 15 * MS, 905 * MS))

    def test_an_outage_that_has_not_ended_is_open(self):
        gap = judge.outage([write(1, 0, 5), write(2, 10, 510, ok=False)])
        self.assertTrue(gap["open"])
        self.assertEqual(gap["gap_ns"], 505 * MS)

    def test_an_outage_that_ended_before_the_last_attempt_is_not_open(self):
        gap = judge.outage([write(1, 0, 5), write(2, 400, 405), write(3, 410, 420, ok=False)])
        self.assertFalse(gap["open"])

    def test_acknowledgements_count_in_the_order_in_which_they_came(self):
        gap = judge.outage([write(1, 0, 300), write(2, 10, 20), write(3, 30, 310)])
        self.assertEqual((gap["start"], gap["end"]), (20 * MS, 300 * MS))

    def test_nothing_written_is_no_outage(self):
        self.assertIsNone(judge.outage([]))

    def test_nothing_acknowledged_is_an_outage_all_along(self):
        gap = judge.outage([write(1, 0, 50, ok=False), write(2, 10, 60, ok=False)])
        self.assertEqual((gap["gap_ns"], gap["open"]), (60 * MS, True))


class Rows(unittest.TestCase):
    def test_lost_rows_are_the_acknowledged_ones_that_are_missing(self):
        attempts = [write(1, 0, 1), write(2, 2, 3), write(3, 4, 5, ok=False), write(4, 6, 7)]
        self.assertEqual(judge.lost(attempts, [1, 3]), [2, 4])

    def test_a_row_without_an_acknowledgement_is_not_a_loss(self):
        attempts = [write(1, 0, 1), write(2, 2, 3, ok=False)]
        self.assertEqual(judge.lost(attempts, [1, 2]), [])
        self.assertEqual(judge.unacknowledged(attempts, [1, 2]), [2])

    def test_an_unknown_probe_with_its_row_counts_as_accepted(self):
        silent = dict(probe("east", 0, 500, "silent", number=7), unknown=True)
        other = dict(probe("east", 600, 1100, "silent", number=8), unknown=True)
        outcomes = [
            a["outcome"]
            for a in judge.with_rows(
                [silent, other], [("outside", "east-db1", 7), ("near", "east-db1", 8)]
            )
        ]
        self.assertEqual(outcomes, ["accepted", "silent"])


class Spans(unittest.TestCase):
    def test_a_refusal_ends_a_span(self):
        found = judge.spans(
            run("east", 0, 100) + [probe("east", 150, 151, "refused")] + run("east", 200, 300)
        )
        self.assertEqual([s.count for s in found], [3, 3])

    def test_a_silence_ends_a_span(self):
        found = judge.spans(
            run("east", 0, 100) + [probe("east", 150, 650, "silent")] + run("east", 700, 750)
        )
        self.assertEqual([s.count for s in found], [3, 2])

    def test_a_long_pause_of_the_prober_ends_a_span(self):
        self.assertEqual(len(judge.spans(run("east", 0, 100) + run("east", 1200, 1300))), 2)

    def test_another_vantage_does_not_end_a_span(self):
        found = judge.spans(
            run("east", 0, 300, vantage="near") + [probe("east", 150, 151, "silent")]
        )
        self.assertEqual([s.count for s in found], [7])

    def test_the_edges_are_the_outermost_stamps(self):
        span = judge.spans([probe("east", 10, 40), probe("east", 20, 30)])[0]
        self.assertEqual(
            (span.first_sent, span.first_done, span.last_sent, span.last_done),
            (10 * MS, 30 * MS, 20 * MS, 40 * MS),
        )


class Overlaps(unittest.TestCase):
    def test_one_region_after_the_other_is_clean(self):
        found = judge.spans(run("east", 0, 100) + run("west", 200, 300))
        self.assertEqual(judge.overlaps(found), [])
        self.assertEqual(judge.handovers(found)[0], (98 * MS, 102 * MS))

    def test_two_regions_at_once_are_certain(self):
        both = judge.overlaps(judge.spans(run("east", 0, 500) + run("west", 225, 725)))
        self.assertEqual([(o.certain, o.start, o.end) for o in both], [(True, 225 * MS, 502 * MS)])

    def test_a_single_write_inside_the_other_regions_span_is_certain(self):
        both = judge.overlaps(judge.spans(run("east", 0, 500) + [probe("west", 210, 230)]))
        self.assertEqual([o.certain for o in both], [True])

    def test_touching_intervals_of_two_single_writes_are_only_possible(self):
        both = judge.overlaps(judge.spans([probe("east", 0, 40), probe("west", 30, 60)]))
        self.assertEqual([o.certain for o in both], [False])

    def test_the_last_write_of_one_touching_the_first_of_the_other_is_only_possible(self):
        both = judge.overlaps(
            judge.spans(run("east", 0, 100) + [probe("west", 101, 103)] + run("west", 150, 300))
        )
        self.assertEqual([o.certain for o in both], [False])

    def test_two_members_of_one_region_are_not_two_regions(self):
        second = [dict(a, target="east-db2") for a in run("east", 0, 100)]
        self.assertEqual(judge.overlaps(judge.spans(run("east", 0, 100) + second)), [])

    def test_there_and_back_without_overlap_is_clean(self):
        log = (
            run("east", 0, 100)
            + [probe("east", at, at + 1, "refused") for at in range(150, 900, 50)]
            + run("west", 300, 500)
            + [probe("west", at, at + 1, "refused") for at in range(550, 1000, 50)]
            + run("east", 950, 1200)
        )
        found = judge.spans(log)
        self.assertEqual(judge.overlaps(found), [])
        self.assertEqual([least for least, _ in judge.handovers(found)], [198 * MS, 448 * MS])

    def test_without_refusals_between_there_and_back_is_an_overlap(self):
        found = judge.spans(run("east", 0, 1000) + run("west", 310, 410))
        self.assertTrue(judge.overlaps(found)[0].certain)

    def test_one_store_here_and_the_other_there_is_an_overlap_of_any(self):
        found = judge.spans(run("east", 0, 500, store="redis") + run("west", 225, 725))
        self.assertEqual(judge.overlaps(found, "postgres"), [])
        self.assertEqual(judge.overlaps(found, "redis"), [])
        self.assertEqual(len(judge.overlaps(found, judge.ANY)), 1)

    def test_the_writers_rows_are_evidence_too(self):
        log = judge.from_writer([write(i, i * 100, i * 100 + 5) for i in range(5)]) + run(
            "west", 125, 325
        )
        self.assertTrue(judge.overlaps(judge.spans(log))[0].certain)

    def test_a_negative_gap_tells_of_an_overlap(self):
        found = judge.spans(run("east", 0, 500) + run("west", 225, 725))
        self.assertLess(min(least for least, _ in judge.handovers(found)), 0)


class Report(unittest.TestCase):
    def test_time_is_counted_once_where_intervals_overlap(self):
        self.assertEqual(judge.union_ns([(0, 10), (5, 20), (30, 40)]), 30)

    def test_without_probes_nothing_is_proved(self):
        report = judge.report([{"start": 0, "writer": "w"}, write(1, 0, 5)], [], [1])
        self.assertFalse(report["one_writer_proved"])
        self.assertFalse(report["two_writers"])

    def test_a_clean_failover_reads_as_one(self):
        writes = (
            [write(i, i * 100, i * 100 + 3) for i in range(10)]
            + [write(i, i * 100, i * 100 + 900, ok=False) for i in range(10, 20)]
            + [write(i, i * 100, i * 100 + 3, region="west") for i in range(20, 30)]
        )
        probes = run("east", 0, 950) + run("west", 1900, 3000)
        report = judge.report(
            [{"start": 0, "writer": "w"}] + writes,
            [{"start": 0}] + probes,
            [i for i in range(30) if i != 9],
        )
        self.assertEqual(
            (report["lost"], report["two_writers"], report["one_writer_proved"]), ([9], False, True)
        )
        self.assertAlmostEqual(report["outage_s"], 1.1)
        self.assertIn("no instant had two writers", judge.render(report))

    def test_a_split_reads_as_one(self):
        report = judge.report([], [{"start": 0}] + run("east", 0, 500) + run("west", 225, 725), [])
        self.assertTrue(report["two_writers"])
        self.assertIn("CERTAINLY", judge.render(report))

    def test_a_line_that_was_cut_off_is_left_out(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "log")
            with open(path, "w", encoding="utf-8") as file:
                file.write(json.dumps({"id": 1}) + '\n{"id": 2, "se')
            self.assertEqual(judge.read_lines(path), [{"id": 1}])


if __name__ == "__main__":
    unittest.main()
