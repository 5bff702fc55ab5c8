"""The servers built from Go modules (parts/build): the path of each by its name."""

import pathlib
import subprocess

HERE = pathlib.Path(__file__).resolve().parent


def need(name):
    """The path of a part's program, which is built if it is not in the cache: minutes, the first time."""
    done = subprocess.run([str(HERE / "build"), name], stdout=subprocess.PIPE, text=True, check=True)
    return done.stdout.split()[-1]
