"""`drover status --watch` as a person has it: in a terminal of 80 by 24, which is drawn here from the bytes that come."""

import os
import pty
import re
import struct
import subprocess
import termios
import threading
import time
from fcntl import ioctl

ROWS, COLUMNS = 24, 80
PIECE = re.compile(rb"\033\[[?0-9;]*[A-Za-z]|\r|\n|[^\033\r\n]")


class Terminal:
    """What a VT100 shows. What the program must not do is kept in `wrong`: scroll, or write beyond a row."""

    def __init__(self):
        self.cells = [[" "] * COLUMNS for _ in range(ROWS)]
        self.row = self.column = 0
        self.wraps, self.wrong, self.pictures_n = True, [], 0

    def feed(self, data):
        for piece in PIECE.findall(data):
            if piece == b"\033[H":
                self.row = self.column = 0
                self.pictures_n += 1
            elif piece == b"\033[K":
                self.cells[self.row][min(self.column, COLUMNS - 1):] = [" "] * (COLUMNS - min(self.column, COLUMNS - 1))
            elif piece in (b"\033[?7l", b"\033[?7h"):
                self.wraps = piece.endswith(b"h")
            elif piece == b"\r":
                self.column = 0
            elif piece == b"\n":
                self.down()
            elif not piece.startswith(b"\033"):
                self.put(piece.decode("ascii", "replace"))
            elif not piece.endswith(b"m"):
                self.wrong.append(f"an unknown sequence {piece!r}")

    def down(self):
        if self.row == ROWS - 1:
            self.wrong.append("it scrolls")
        self.row = min(self.row + 1, ROWS - 1)

    def put(self, letter):
        if self.column >= COLUMNS:
            self.wrong.append(f"a row of more than {COLUMNS} columns")
            return
        self.cells[self.row][self.column] = letter
        self.column += 1

    def lines(self):
        return ["".join(row).rstrip() for row in self.cells]


class Watching:
    def __init__(self, fleet, who="sre-2"):
        self.terminal, self.lock = Terminal(), threading.Lock()
        self.master, self.slave = pty.openpty()
        ioctl(self.slave, termios.TIOCSWINSZ, struct.pack("HHHH", ROWS, COLUMNS, 0, 0))
        self.before = termios.tcgetattr(self.slave)
        argv = [fleet.program("drover"), "--config", f"{fleet.directory}/{who}.conf", "status", "--watch"]

        def own_terminal():  # as a login has it
            os.setsid()
            ioctl(self.slave, termios.TIOCSCTTY, 0)
        with fleet.lab.inside("watch-ns1"):
            self.process = subprocess.Popen(argv, stdin=self.slave, stdout=self.slave, stderr=self.slave, preexec_fn=own_terminal)
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        rest = b""
        while True:
            try:
                data = rest + os.read(self.master, 65536)
            except OSError:
                return
            cut = data.rfind(b"\033") if b"\033" in data[-8:] else len(data)  # a sequence may come in two parts
            with self.lock:
                self.terminal.feed(data[:cut])
            rest = data[cut:]

    def shows(self, *wanted):
        """A picture in which a row has each of these."""
        with self.lock:
            lines = self.terminal.lines()
        return lines if all(any(text in line for line in lines) for text in wanted) else None

    def quiet(self):
        """No key that is typed is seen: the terminal does not say it again."""
        return not termios.tcgetattr(self.slave)[3] & (termios.ECHO | termios.ICANON)

    def end(self):
        """By q: (exit code, is the terminal as it was, seconds that took)."""
        begun = time.monotonic()
        os.write(self.master, b"q")
        code = self.process.wait(timeout=5)
        took_s = time.monotonic() - begun
        time.sleep(0.2)  # what it wrote last is read
        same = termios.tcgetattr(self.slave) == self.before and self.terminal.wraps
        return code, same, took_s

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
        os.close(self.slave)
        os.close(self.master)
