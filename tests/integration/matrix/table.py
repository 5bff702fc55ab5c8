"""The numbered scenarios of partitions and pauses, and where each is proved: a scenario of this room, or a test of another
room. check() holds the table against the sources: a number without a proof, or a proof that is not there, is a finding."""

import dataclasses
import glob
import os
import re

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))))

# 7, 11, 14, 21, 28, 32, 36 and 45 were merged into others and do not exist.
NUMBERS = {
    1: "The active region loses its power.",
    2: "The active region is cut from everybody; its processes live on.",
    3: "The standby region is cut from everybody.",
    4: "The replication link alone is cut; both regions see the members.",
    5: "The active region is cut from the members alone; its users reach it.",
    6: "A one-way cut between the active region and the members.",
    8: "A cut between any two messages of a renewal.",
    9: "The active region reaches a minority of the members, and a minority that rotates.",
    10: "The members are split two to one, the log's leader alone; and three to two, the leader among the two.",
    12: "All members are away for long.",
    13: "The holder's agent is stopped beyond its lease, and goes on.",
    15: "A pause shorter than the lease.",
    16: "The wall clock steps, of any process.",
    17: "The holder's machine is suspended, and wakes.",
    18: "Clocks run apart, to the bound and beyond.",
    19: "The disk of a member is slow.",
    20: "The disk of a member is full or refuses while it votes.",
    22: "A member comes back under its name without its disk.",
    23: "The agent is killed, the database lives.",
    24: "The database is dead, the agent lives.",
    25: "The agent says all is well, from outside nothing is.",
    26: "From outside all is well, the agent's link is down.",
    27: "The old primary comes back after the failover.",
    29: "Two operators declare at two members in one second.",
    30: "An operator declares while the automatic decision is taken; an operator cancels at each step.",
    31: "An operator declares without a majority of the members.",
    33: "Messages are lost, late, doubled and out of order, on every link.",
    34: "The active region's link flaps.",
    35: "A second disaster right after the failover.",
    37: "A step hangs, fails, or loses its agent in the middle of a plan.",
    38: "Replication lags beyond the objective, or its lag is unknown, when the region is lost.",
    39: "The standby region is not fit.",
    40: "An agent with other numbers than the members'.",
    41: "Members are added one by one under load and cuts; one is removed.",
    42: "A new leader, or members started anew, without history.",
    43: "Unknown, wrong and revoked keys, and a flood of them.",
    44: "A connection is half-open: the peer is gone without a word.",
    46: "A planned switchover, and the link is lost in the middle of it.",
}

# A room of other tests -> the files in which its names stand, and how a name's definition looks there.
PLACES = {
    "e2e": ("tests/integration/e2e/*.py", r"^def {}\("),
    "guard": ("tests/integration/guard/*cases.py", r"^def {}\("),
    "adversary": ("tests/integration/adversary/c*.py", r"^def {}\("),
    "engine": ("tests/integration/engine/*_tests.py", r"^def {}\("),
    "cli": ("tests/integration/cli/*.py", r"^def {}\("),
    "replay": ("tests/integration/replay/cases.py", r"^def {}\("),
    "unit": ("tests/unit/**/*.c", r"^static void {}\(void \*\*"),
    "sim": ("tests/sim/*.[ch]", r'"{}"'),  # a mutant by its option: switched off, the simulator's judge must notice
    "crash": ("tests/crash/**/*.[ch]", r"\b{}\b"),
    "model": ("tests/model/table.txt", r"\b{}\b"),
}


@dataclasses.dataclass(frozen=True)
class Scenario:
    """A scenario of this room. world: the name of a world in worlds.py; spoils: the fleet is not as before afterwards."""
    number: int
    function: object
    world: str
    spoils: bool

    @property
    def name(self):
        return self.function.__name__


@dataclasses.dataclass(frozen=True)
class Reference:
    """A test of another room, and what of the number it proves."""
    number: int
    place: str
    name: str
    proves: str


SCENARIOS, REFERENCES = [], []


def scenario(number, world="fleet", spoils=False):
    """Registers a function of a world under its number; one function may stand under several numbers."""
    def register(function):
        SCENARIOS.append(Scenario(number, function, world, spoils))
        return function
    return register


def refer(number, place, name, proves):
    REFERENCES.append(Reference(number, place, name, proves))


def _defined(reference):
    pattern, shape = PLACES[reference.place]
    wanted = re.compile(shape.format(re.escape(reference.name)), re.MULTILINE)
    for path in glob.glob(f"{ROOT}/{pattern}", recursive=True):
        with open(path, encoding="utf-8") as file:
            if wanted.search(file.read()):
                return True
    return False


def check():
    """Findings in words; none when every number is proved by something that is there."""
    found = []
    for entry in SCENARIOS + REFERENCES:
        if entry.number not in NUMBERS:
            found.append(f"{entry.name}: there is no number {entry.number}")
    for scenario_ in SCENARIOS:
        if not scenario_.function.__doc__:
            found.append(f"{scenario_.name} does not say what must hold")
    for reference in REFERENCES:
        if reference.place not in PLACES:
            found.append(f"number {reference.number}: there is no place {reference.place}")
        elif not _defined(reference):
            found.append(f"number {reference.number}: {reference.place} has no {reference.name}")
    for number, sentence in NUMBERS.items():
        if not any(entry.number == number for entry in SCENARIOS + REFERENCES):
            found.append(f"number {number} is not proved by anything: {sentence}")
    return found


def show():
    for number, sentence in NUMBERS.items():
        print(f"{number:2} {sentence}")
        for entry in SCENARIOS:
            if entry.number == number:
                print(f"     here: {entry.name}")
        for entry in REFERENCES:
            if entry.number == number:
                print(f"     {entry.place}: {entry.name}: {entry.proves}")
