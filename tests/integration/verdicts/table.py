"""The expected table, read from the file that the core's unit test includes; and that it is what the rules say."""

import dataclasses
import os
import re

from . import rules

PATH = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../unit/core/verdict_table.inc")


@dataclasses.dataclass(frozen=True)
class Setting:
    """What stands how. The default: all is well."""
    cuts: str = ""
    agent_p: str = "alive"
    store: str = "healthy"
    agent_d: str = "alive"
    vantage: str = "alive"

    def __str__(self):
        words = [f"cut {self.cuts}" if self.cuts else "no cut"]
        words += [f"{name} {value}" for name, value, usual in (
            ("P's agent", self.agent_p, "alive"), ("P's store", self.store, "healthy"),
            ("D's agent", self.agent_d, "alive"), ("M's vantage", self.vantage, "alive")) if value != usual]
        return ", ".join(words)


def read():
    """Setting -> the classes of P, D and M."""
    rows = {}
    with open(PATH, encoding="utf-8") as file:
        text = file.read()
    for name, arguments in re.findall(r"^(ROW|ROW_ALL)\(([^)]*)\)", text, re.MULTILINE):
        words = re.findall(r'"([^"]*)"', arguments)
        setting, classes = Setting(*words[:5]), words[5:] * (3 if name == "ROW_ALL" else 1)
        if len(classes) != 3 or setting in rows:
            raise ValueError(f"not three classes, or twice: {arguments}")
        rows[setting] = tuple(classes)
    return rows


def faults(rows):
    """Where table and rules differ, and which combination is missing."""
    wanted = {Setting(*setting): rules.expected(*setting) for setting in rules.combinations()}
    found = [f"{setting}: the table says {rows.get(setting)}, the rules {classes}"
             for setting, classes in wanted.items() if rows.get(setting) != classes]
    return found + [f"{setting}: no such combination" for setting in rows if setting not in wanted]


# Why a row is not in CI: it could be on real servers like any other (`run --all` brings all 152), but each takes some five
# seconds. What is left out are combinations of a cut with a way to be unwell that CI shows with another cut, and what looks
# the same from outside: a killed agent like a stopped one, a hung or wrong store like a stopped one. The core's unit test
# judges every row.
# Beside every cut with all well, with P's agents stopped and with P's store stopped: each other way to be unwell,
# without a cut (but for the killed, who look like the stopped) and with one.
# (agents of P, store of P, agents of D, vantage of M) -> that cut.
ONE_CUT_IN_CI = {
    ("alive", "hung", "alive", "alive"): "PM", ("alive", "wrong-role", "alive", "alive"): "DM",
    ("alive", "all-hung", "alive", "alive"): "PD", ("killed", "healthy", "alive", "alive"): "PD",
    ("alive", "healthy", "stopped", "alive"): "PD PM", ("alive", "healthy", "killed", "alive"): "DM",
    ("alive", "healthy", "alive", "stopped"): "PD", ("alive", "healthy", "alive", "killed"): "PM",
}
EVERY_CUT_IN_CI = [("alive", "healthy", "alive", "alive"), ("stopped", "healthy", "alive", "alive"),
                   ("alive", "stopped", "alive", "alive")]


def walk(rows, everything):
    """In an order in which one setting differs from the next in little: links one by one within each group.
    Without `everything`: the rows of CI."""
    gray = ["", "PD", "PD PM", "PM", "PM DM", "PD PM DM", "PD DM", "DM"]
    groups = {}
    for setting in rows:
        key = (setting.agent_p, setting.store, setting.agent_d, setting.vantage)
        groups.setdefault(key, []).append(setting)
    for key, settings in groups.items():
        for setting in sorted(settings, key=lambda setting: gray.index(setting.cuts)):
            one = key in ONE_CUT_IN_CI and (setting.cuts == ONE_CUT_IN_CI[key] or
                                            (setting.cuts == "" and "killed" not in key))
            if everything or one or key in EVERY_CUT_IN_CI:
                yield setting
