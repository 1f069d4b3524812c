"""`kc`, the command line of kafka-connect-py, as people type it."""

import os
import subprocess
from urllib.parse import urlsplit

from common import *

KC = os.path.join(os.environ["PYTHONPATH"], "bin", "kc")


def kc(*words):
    """Runs a command; gives its lines, the last of them read as JSON where it is some."""
    ended = subprocess.run([sys.executable, KC, "--url", URL, *words], capture_output=True, text=True, timeout=PATIENCE)
    if ended.returncode:
        raise AssertionError(f"kc {words}: {ended.returncode}: {ended.stderr}")
    said = ended.stdout.strip()
    try:
        return json.loads(said)
    except json.JSONDecodeError:
        return said


def calm(*words):
    deadline = time.monotonic() + PATIENCE
    while True:
        said = kc(*words)
        if "409 Client Error" not in str(said) or time.monotonic() > deadline:
            return said
        time.sleep(0.2)


def state():
    return states(kc("status", SOURCE))


show("info", sorted(kc("info")))
show("list", kc("list"))
config = os.path.join(DIRECTORY, "connector.json")
with open(config, "w") as file:
    json.dump({"name": SOURCE, "config": source()}, file)
show("create", {**calm("create", "--config-file", config), "tasks": None})
until("runs", state, ["RUNNING", "RUNNING"])
show("list --expand status", kc("list", "--expand", "status"))
show("list --expand info", kc("list", "--expand", "info"))
show("list --state", kc("list", "--state", "RUNNING"))
show("get", kc("get", SOURCE))
show("config", kc("config", SOURCE))
show("update", calm("update", SOURCE, "--config-data", json.dumps(source(**{"batch.size": 7})))["config"])
until("runs updated", state, ["RUNNING", "RUNNING"])
show("list-tasks", kc("list-tasks", SOURCE))
show("task-status", kc("task-status", SOURCE, "0"))
show("list-plugins", file_connectors(kc("list-plugins")))
until("list-topics", lambda: kc("list-topics", SOURCE), {SOURCE: {"topics": [TOPIC]}})
show("reset-topics", kc("reset-topics", SOURCE))
show("restart --include-tasks", states(calm("restart", SOURCE, "--include-tasks")))
until("runs again", state, ["RUNNING", "RUNNING"])
show("restart-task", calm("restart-task", SOURCE, "0"))
until("its task runs again", state, ["RUNNING", "RUNNING"])
show("pause", kc("pause", SOURCE))
until("pauses", state, ["PAUSED", "PAUSED"])
show("resume", kc("resume", "--all", "--state", "PAUSED"))
until("goes on", state, ["RUNNING", "RUNNING"])
# It sends the configuration as a JSON text in a JSON text, which no worker takes.
show("validate-config", kc("validate-config", "FileStreamSource", "--config-data", json.dumps(source())))
show("get of nobody", kc("get", "nobody"))
show("create again", kc("create", "--config-file", config))
show("delete", calm("delete", SOURCE))
until("gone", lambda: kc("list"), [])
