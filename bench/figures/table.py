"""Figures: a name, what was measured, the aim, the peer. Pure functions over lists of numbers."""

import dataclasses
import math
import statistics


@dataclasses.dataclass
class Figure:
    group: str
    name: str
    unit: str
    values: list
    aim: str = ""
    peer: str = ""
    digits: int = 0


def percentile(values, percent):
    """The smallest value that at least `percent` of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, math.ceil(len(ordered) * percent / 100) - 1)]


def summary(values):
    """p99 only where it says more than the maximum."""
    found = {"n": len(values), "min": min(values), "median": statistics.median(values), "max": max(values)}
    if len(values) >= 100:
        found["p99"] = percentile(values, 99)
    return found


def _number(value, digits):
    return f"{value:.{digits}f}"


def render(figures):
    """Lines for people; a figure without values says so rather than vanish."""
    lines = []
    for group in dict.fromkeys(figure.group for figure in figures):
        mine = [figure for figure in figures if figure.group == group]
        wide = max(len(figure.name) for figure in mine)
        lines += ["", group, f"  {'':{wide}}  {'n':>4}  {'min':>8}  {'median':>8}  {'p99':>8}  {'max':>8}"]
        for figure in mine:
            if not figure.values:
                lines.append(f"  {figure.name:{wide}}  {0:>4}  not measured")
                continue
            said = summary(figure.values)
            cells = [_number(said[key], figure.digits) if key in said else "-" for key in ("min", "median", "p99", "max")]
            row = f"  {figure.name:{wide}}  {said['n']:>4}  " + "  ".join(f"{cell:>8}" for cell in cells) + f"  {figure.unit}"
            lines.append(row.rstrip())
            lines += [f"  {'':{wide}}  {label} {text}" for label, text in (("aim:", figure.aim), ("peer:", figure.peer)) if text]
    return "\n".join(lines)


def as_json(figures):
    return [dict(dataclasses.asdict(figure), **(summary(figure.values) if figure.values else {"n": 0})) for figure in figures]
