"""What the programs that use somebody's client of the REST API have in common: what to run, and how to tell of it.

A program is started with the worker's address, a prefix for names, and a directory with `in.txt`. Lines that begin with
`= ` are compared between workers.
"""

import json
import sys
import time

URL, PREFIX, DIRECTORY = sys.argv[1:4]
SOURCE, SINK, BAD = (f"{PREFIX}-{name}" for name in ("src", "snk", "bad"))
TOPIC = f"{PREFIX}-lines"
# A loaded machine is slow.
PATIENCE = 120


def source(name=SOURCE, **more):
    """A source as people write it, with a number where Connect has text."""
    return {
        "name": name,
        "connector.class": "FileStreamSource",
        "tasks.max": 1,
        "file": f"{DIRECTORY}/in.txt",
        "topic": TOPIC,
        **more,
    }


def sink(name, file, tasks=1):
    return {"name": name, "connector.class": "FileStreamSink", "tasks.max": tasks, "file": file, "topics": TOPIC}


def failing_sink():
    return sink(BAD, f"{DIRECTORY}/no/such/directory/out.txt")


def show(step, value=None):
    print(f"= {step}: {json.dumps(value, sort_keys=True)}", flush=True)


def until(what, ask, wanted):
    """Asks until the answer is what is wanted; an answer that cannot be had yet is none."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            answer = ask()
        except Exception as error:  # Clients have exceptions of their own for what is not there yet.
            answer = repr(error)
        if answer == wanted:
            show(what, answer)
            return
        if time.monotonic() > deadline:
            raise AssertionError(f"{what}: never {wanted!r}, at last {answer!r}")
        time.sleep(0.1)


def while_rebalancing(call, conflict):
    """Repeats what is refused because the group rebalances, as every user of Connect does; gives what the call gives."""
    deadline = time.monotonic() + PATIENCE
    while True:
        try:
            return call()
        except Exception as error:
            if not conflict(error) or time.monotonic() > deadline:
                raise
        time.sleep(0.2)


def states(status):
    """The states in a status: the connector's, then its tasks'."""
    return [status["connector"]["state"], *(task["state"] for task in status["tasks"])]


def findings(validation):
    """What a validation has found, without what is said of every key."""
    errors = {item["value"]["name"]: item["value"]["errors"] for item in validation["configs"] if item["value"]["errors"]}
    return {"name": validation["name"], "error_count": validation["error_count"], "errors": errors}


def file_connectors(plugins):
    return sorted((plugin["class"], plugin["type"]) for plugin in plugins if ".file." in plugin["class"])
