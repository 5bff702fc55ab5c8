"""Counts what passed and failed, and prints one line each."""

import traceback


class Checks:
    def __init__(self):
        self.passed, self.failed = 0, 0
        self.names = []  # of what passed
        self.figures = []

    def that(self, sentence, holds, found=""):
        if holds:
            self.passed += 1
            self.names.append(sentence)
            print(f"ok    {sentence}", flush=True)
        else:
            self.failed += 1
            print(f"FAIL  {sentence}: {found}", flush=True)
        return bool(holds)

    def result(self, sentence, result, err="OK", observed=None, detail=""):
        holds = (result["err"] == err and (observed is None or result["observed"] == observed)
                 and detail.lower() in result["detail"].lower() and result["code"] == (0 if err == "OK" else 1))
        return self.that(sentence, holds, result)

    def section(self, name, work):
        print(f"--    {name}", flush=True)
        try:
            work()
        except Exception:
            self.failed += 1
            print(f"FAIL  {name}: it did not run to its end\n{traceback.format_exc()}", flush=True)

    def figure(self, text):
        self.figures.append(text)

    def end(self):
        for figure in self.figures:
            print(f"figure  {figure}")
        print(f"{self.passed} passed, {self.failed} failed")
        return 0 if self.failed == 0 else 1
