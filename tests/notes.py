"""A member's notes, as coordinator/notes.c keeps them: those of a member that closed nothing yet.

A member that finds no notes attests no lease for a whole `lease.wait`: it may be one that lost them. A test
that is about something else, and starts a fleet of its own, need not wait for that."""
import os
import struct
import zlib

MAGIC = 0x65746F6E  # "note"


def begin(state):
    """Puts the notes into a member's state directory, unless there are some."""
    path = os.path.join(state, "notes")
    if not os.path.exists(path):
        words = struct.pack("<I5Q", MAGIC, 0, 0, 0, 0, 0)
        with open(path, "wb") as file:
            file.write(words + struct.pack("<I", zlib.crc32(words)))
