"""connectorctl, a command line: every command, with what it prints."""

import os
import subprocess

from common import *

PROGRAM = os.path.join(os.environ["PYTHONPATH"], "bin", "connectorctl")
HOST, PORT = URL.removeprefix("http://").split(":")


def ctl(*words):
    ended = subprocess.run(
        [sys.executable, PROGRAM, *words],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        # It keeps its environments and its log in the home directory.
        env={**os.environ, "HOME": DIRECTORY, "PYTHONIOENCODING": "utf-8"},
    )
    return [ended.returncode, [line.strip() for line in ended.stdout.splitlines() if line.strip()]]


def cells(answer):
    """The words of a table, without its lines."""
    return [cell.strip() for line in answer[1] for cell in line.split("│") if "│" in line and cell.strip()]


def documents(answer):
    """The configurations that it prints as JSON, each after a line that says so."""
    lines, found = answer[1], []
    for at, line in enumerate(lines):
        if line == "Complete JSON response:":
            end = lines.index("}", at)
            found.append(json.loads("".join(lines[at + 1 : end + 1])))
    return found


def state():
    return cells(ctl("status", SOURCE))[-1]


# `get` may come too early after `create`, which does not wait and does not look at what it was answered.
def created():
    return documents(ctl("create", json.dumps({"name": SOURCE, "config": source()})))


show("set-env", ctl("set-env", "test", "--server", HOST, "--port", PORT)[0])
show("list", cells(ctl("list")))
wanted = {**source(), "tasks.max": "1"}
until("create", created, [wanted])
until("status", state, "RUNNING")
show("list", cells(ctl("list")))
show("get", documents(ctl("get", SOURCE)))
show("get, as a table", sorted(cells(ctl("get", SOURCE))))
changed = {**wanted, "batch.size": "3"}
until("update", lambda: documents(ctl("update", SOURCE, json.dumps(changed)))[-1:], [changed])
until("status after the update", state, "RUNNING")
show("pause", ctl("pause", SOURCE))
until("status of one that pauses", state, "PAUSED")
show("resume", cells(ctl("resume")))
until("status of one that goes on", state, "RUNNING")
until("restart", lambda: cells(ctl("restart", SOURCE))[-1], "Restarted successfully")
until("status after the restart", state, "RUNNING")
show("status of nobody", cells(ctl("status", "nobody")))
show("get of nobody", ctl("get", "nobody"))
show("pause of nobody", cells(ctl("pause", "nobody")))
until("delete", lambda: [ctl("delete", SOURCE), cells(ctl("list"))][-1], ["Connector Name"])
