"""The lab's own tests: the judge's pure ones, then one full lab through cuts, a dead region, a
promotion by hand, and the return of the old region WITHOUT any fence, which the judge must call
what it is: two regions that take writes.

Each live test is a function of the lab whose name is the sentence it proves; they run in order, on
one lab.
"""

import os
import sys
import time
import traceback
import unittest

from . import judge_test
from .base import LabError
from .lab import Lab
from .selftest_parts import PARTS
from .selftest_story import STORY


def _pure():
    suite = unittest.defaultTestLoader.loadTestsFromModule(judge_test)
    result = unittest.TextTestRunner(stream=sys.stdout, verbosity=0).run(suite)
    failed = len(result.failures) + len(result.errors)
    return result.testsRun - failed, failed


def _live(keep):
    began = time.monotonic()
    lab = Lab(
        dns_ttl=1,
        keep=keep,
        say=lambda text: print(f"{time.monotonic() - began:5.1f} s  {text}", flush=True),
    )
    lab.owner = None if keep else os.getpid()
    passed = failed = 0
    try:
        lab.up()
        print(f"up in {time.monotonic() - began:.1f} s", flush=True)
        for test in PARTS + STORY:
            start = time.monotonic()
            try:
                test(lab)
                passed += 1
                word = "ok    "
            except Exception:  # the next tests still tell something
                failed += 1
                word = "FAILED"
                traceback.print_exc(file=sys.stdout)
            print(f"{word} {time.monotonic() - start:5.1f} s  {test.__name__}", flush=True)
    except LabError as error:
        failed += 1
        print(f"FAILED: the lab did not come up: {error}", flush=True)
    finally:
        if not keep:
            lab.down()
    return passed, failed


def main(pure_only, keep):
    passed, failed = _pure()
    if not pure_only:
        more = _live(keep)
        passed, failed = passed + more[0], failed + more[1]
    print(f"{passed} passed, {failed} failed")
    return 1 if failed else 0
