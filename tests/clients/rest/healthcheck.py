"""kafka-connect-healthcheck, the check that runs beside workers in pods: a connector that runs, one whose task fails."""

import requests
from kafka_connect_healthcheck.health import Health

from common import *

WORKER = URL.removeprefix("http://")


def check(worker=WORKER, percent=0, states="FAILED"):
    return Health(URL, worker, states.split(","), None, percent, ["connector", "task"]).get_health_result()


def send(method, path, body=None):
    answer = requests.request(method, URL + path, json=body)
    if answer.status_code >= 300:
        raise AssertionError(f"{method} {path}: {answer.status_code} {answer.text}")


def sent(method, path, body=None):
    until(f"{method} {path}", lambda: send(method, path, body), None)


show("nothing runs", check())
sent("PUT", f"/connectors/{SOURCE}/config", source())
until("runs", lambda: states(requests.get(f"{URL}/connectors/{SOURCE}/status").json()), ["RUNNING", "RUNNING"])
show("all is well", check())
sent("PUT", f"/connectors/{BAD}/config", failing_sink())
until("fails", lambda: states(requests.get(f"{URL}/connectors/{BAD}/status").json()), ["RUNNING", "FAILED"])
show("a task fails", check())
show("a task fails on another worker", check(worker="127.0.0.1:1"))
show("a quarter may fail", check(percent=25))
show("other states are bad", check(states="PAUSED,STOPPED"))
sent("PUT", f"/connectors/{SOURCE}/pause")
until("pauses", lambda: states(requests.get(f"{URL}/connectors/{SOURCE}/status").json()), ["PAUSED", "PAUSED"])
show("pauses are bad", sorted((failure["type"], failure["state"]) for failure in check(states="PAUSED")["failures"]))
for name in (BAD, SOURCE):
    sent("DELETE", f"/connectors/{name}")
until("gone", lambda: requests.get(f"{URL}/connectors").json(), [])
