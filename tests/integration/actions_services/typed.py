"""The command that the runbook prints for a step, typed as it stands into bash."""
import os
import re
import subprocess

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(os.path.dirname(HERE)))


def printed(drover, lab, kind, arguments, secrets):
    """(command, check) of one step in the example's topology, as this drover prints it; secrets: a directory."""
    with open(f"{ROOT}/deploy/examples/bud.conf", encoding="utf-8") as file:
        text = file.read()
    args = " ".join(f'{name} = "{value}";' for name, value in arguments.items())
    step = f'{{ name = "typed"; action = "{kind}"; agent = "r1-edge1"; args: {{ {args} }}; }}'
    text = text.replace("\nplans: (", f'\nplans: (\n    {{ name = "typed"; kind = "failover"; steps: ({step}); }},', 1)
    path = lab.write("typed.conf", text)
    done = subprocess.run([drover, "plan", "render", "typed", path, "--format", "commands", "--secrets", secrets],
                          capture_output=True, text=True, timeout=60, check=False)
    if done.returncode != 0:
        raise AssertionError(done.stderr)
    body = re.split(r"^# ==== .*typed.*\n", done.stdout, maxsplit=1, flags=re.M)[1]
    body = re.split(r"^# ==== |^# ---- ", body, maxsplit=1, flags=re.M)[0]
    command, _, check = body.partition("# it worked when:\n")
    return command, check


def typed(text):
    return subprocess.run(["bash", "-c", text], stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60, check=False)
