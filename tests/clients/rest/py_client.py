"""kafka-connect-py, the library: everything it can ask for, through the life of connectors."""

from kafka_connect import KafkaConnect
from requests.exceptions import HTTPError

from common import *

client = KafkaConnect(url=URL)


def conflict(error):
    return isinstance(error, HTTPError) and ("409" in str(error))


def calm(call, *arguments, **named):
    return while_rebalancing(lambda: call(*arguments, **named), conflict)


def refused(step, call, *arguments):
    try:
        answer = call(*arguments)
    except HTTPError as error:
        response = error.response
        show(step, [response.status_code, response.json()] if response is not None else json.loads(str(error)))
        return
    raise AssertionError(f"{step}: not refused but {answer!r}")


def state():
    return states(client.get_connector_status(SOURCE))


show("cluster", sorted(client.get_cluster_info()))
show("no connectors", client.list_connectors())
show("plugins", file_connectors(client.list_connector_plugins()))
show("valid", findings(client.validate_connector_config("FileStreamSource", source())))
show("not valid", findings(client.validate_connector_config("FileStreamSink", {"connector.class": "FileStreamSink", "tasks.max": "many"})))

created = calm(client.create_connector, {"name": SOURCE, "config": source()})
show("created", {**created, "tasks": None})
until("runs", state, ["RUNNING", "RUNNING"])
show("list", client.list_connectors())
show("list, status", client.list_connectors(expand="status"))
show("list, info", client.list_connectors(expand="info"))
show("list by pattern", client.list_connectors(pattern=PREFIX))
show("list by another pattern", client.list_connectors(pattern="nobody"))
show("list by state", client.list_connectors(state="running"))
show("list by another state", client.list_connectors(expand="status", state="paused"))
show("connector", client.get_connector(SOURCE))
show("config", client.get_connector_config(SOURCE))
show("status", client.get_connector_status(SOURCE))
show("tasks", client.list_connector_tasks(SOURCE))
show("status of a task", client.get_connector_task_status(SOURCE, 0))
until("topics", lambda: client.list_connector_topics(SOURCE), {SOURCE: {"topics": [TOPIC]}})
client.reset_connector_topics(SOURCE)
until("topics, reset", lambda: client.list_connector_topics(SOURCE), {SOURCE: {"topics": []}})

updated = calm(client.update_connector, SOURCE, source(**{"batch.size": "10"}))
show("updated", updated["config"])
until("runs with another configuration", state, ["RUNNING", "RUNNING"])
client.pause_connector(SOURCE)
until("pauses", state, ["PAUSED", "PAUSED"])
client.resume_connector(SOURCE)
until("goes on", state, ["RUNNING", "RUNNING"])
client.stop_connector(SOURCE)
until("stopped", state, ["STOPPED"])
client.resume_connector(SOURCE)
until("goes on after a stop", state, ["RUNNING", "RUNNING"])

show("restart", calm(client.restart_connector, SOURCE))
until("runs after a restart", state, ["RUNNING", "RUNNING"])
show("restart of everything", states(calm(client.restart_connector, SOURCE, include_tasks=True)))
until("runs after a restart of everything", state, ["RUNNING", "RUNNING"])
# The restart before may still be under way: Java's worker goes on saying RUNNING until it begins with it.
show("restart of what failed", len(states(calm(client.restart_connector, SOURCE, include_tasks=True, only_failed=True))))
calm(client.restart_connector_task, SOURCE, 0)
until("runs after a restart of its task", state, ["RUNNING", "RUNNING"])

calm(client.create_connector, {"name": BAD, "config": failing_sink()})
until("fails", lambda: states(client.get_connector_status(BAD)), ["RUNNING", "FAILED"])
show("has a trace", bool(client.get_connector_status(BAD)["tasks"][0]["trace"]))
calm(client.restart_all_connectors, include_tasks=True, only_failed=True, pattern=BAD)
until("fails again", lambda: states(client.get_connector_status(BAD)), ["RUNNING", "FAILED"])
client.pause_all_connectors(pattern=PREFIX)
until("all pause", lambda: client.list_connectors(expand="status", pattern=SOURCE)[SOURCE]["status"]["connector"]["state"], "PAUSED")
client.resume_all_connectors(pattern=PREFIX)
until("all go on", state, ["RUNNING", "RUNNING"])
client.stop_all_connectors(pattern=PREFIX)
until("all stop", state, ["STOPPED"])

refused("connector that is not there", client.get_connector, "nobody")
refused("config that is not there", client.get_connector_config, "nobody")
refused("status that is not there", client.get_connector_status, "nobody")
refused("task that is not there", client.get_connector_task_status, SOURCE, 7)
refused("restart of nobody", client.restart_connector, "nobody")
refused("pause of nobody", client.pause_connector, "nobody")
refused("delete of nobody", client.delete_connector, "nobody")
refused("the same name again", client.create_connector, {"name": SOURCE, "config": source()})
refused("no class", client.create_connector, {"name": "x", "config": {"topic": "t"}})
refused("wrong value", client.update_connector, SOURCE, source(**{"tasks.max": "many"}))
refused("another name", client.update_connector, SOURCE, source("somebody"))

calm(client.delete_connector, BAD)
calm(client.delete_all_connectors, pattern=PREFIX)
until("all are gone", client.list_connectors, [])
