"""Secrets that the fleet was given are where they were put, and nowhere else: not in what its programs were started with, wrote
down, logged, answer or leave behind."""
import base64
import os
import re
import time

# What is asked once more by command line: everything that an operator may print or send on.
ASKED = (("status", "--json"), ("executions", "--json"), ("readiness", "--json"), ("report", "1"))

ZEROS = bytes(1 << 16)


class Told(Exception):
    pass


def _forms(text):
    """A secret as it is, and as protocols write it: base64 (alone, and behind a user's name), hex."""
    raw = text.encode()
    yield raw
    yield raw.hex().encode()
    for offset in range(3):  # base64 of it wherever it stands in a longer text, less what its neighbours decide
        coded = base64.b64encode(b"\0" * offset + raw + b"\0" * 3)
        yield coded[-(-offset * 8 // 6):(offset + len(raw)) * 8 // 6]


def _needles(fleet):
    folder, found = fleet.lab.credentials.directory, {}
    for name in os.listdir(folder):
        if name.endswith((".password", ".secret")):
            found[name] = fleet.lab.secret(name)
    for name in os.listdir(f"{fleet.directory}/keys"):
        if name.endswith(".key"):
            with open(f"{fleet.directory}/keys/{name}", encoding="utf-8") as file:
                fields = dict(re.findall(r'(\w+)\s*=\s*"([^"]+)"', file.read()))
            found.update({f"{name} {field}": value for field, value in fields.items() if "secret" in field})
    if len(found) < 10:
        raise Told(f"only {len(found)} secrets to look for")
    return {name: [form for form in _forms(text) if len(form) >= 12] for name, text in found.items()}


def _files(fleet):
    roots = [fleet.directory] + [f"{host.directory}/etcd" for host in fleet.lab.hosts.values()]
    for root in roots:
        for folder, _, names in os.walk(root):
            if folder != f"{fleet.directory}/keys":
                for name in names:
                    yield f"{folder}/{name}"
    logs = f"{fleet.lab.run_dir}/logs"
    for name in os.listdir(logs):
        if "drover" in name:
            yield f"{logs}/{name}"


def _texts(fleet):
    """(where, bytes) of everything."""
    for path in _files(fleet):
        try:
            if os.path.isfile(path):
                with open(path, "rb") as file:
                    blocks = iter(lambda: file.read(len(ZEROS)), b"")  # etcd lays its logs out with 64 MB of zeros
                    yield path, b"".join(block for block in blocks if block != ZEROS)
        except FileNotFoundError:
            continue  # a snapshot that was replaced meanwhile
    for name, process in fleet.processes.items():
        for kind in ("cmdline", "environ") if process.alive() else ():
            try:
                with open(f"/proc/{process.pid}/{kind}", "rb") as file:
                    yield f"{kind} of {name}", file.read()
            except OSError:
                continue  # it was of the region that was killed
    for words in ASKED:
        done = fleet.drover(*words, check=False)
        if len(done.stdout) < 100:
            raise Told(f"drover {' '.join(words)} says next to nothing: {done.stdout}{done.stderr}")
        yield f"drover {' '.join(words)}", done.stdout.encode() + done.stderr.encode()


def _no_core(fleet):
    """None of them leaves its memory behind in a core file."""
    for name, process in fleet.processes.items():
        if not process.alive():
            continue
        with open(f"/proc/{process.pid}/limits", encoding="ascii") as file:
            line = next(line for line in file if line.startswith("Max core file size"))
        if line.split()[4] != "0":
            raise Told(f"{name} may leave a core file: {line.strip()}")


def look(fleet):
    begun, needles, looked_n, bytes_n = time.monotonic(), _needles(fleet), 0, 0
    for where, text in _texts(fleet):
        looked_n, bytes_n = looked_n + 1, bytes_n + len(text)
        for name, forms in needles.items():
            if any(form in text for form in forms):
                raise Told(f"{name} stands in {where}")
    _no_core(fleet)
    print(f"    {len(needles)} secrets are in none of {looked_n} files, logs, arguments and answers ({bytes_n // 1024} KiB, "
          f"{time.monotonic() - begun:.1f} s)")
