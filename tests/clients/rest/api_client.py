"""kafka-connect-api: its objects for a cluster, connectors, tasks and loggers, through the life of a connector."""

from kafka_connect_api.errors import ConnectGenericException, GenericConflict
from kafka_connect_api.kafka_connect_api import Api, Cluster, Connector

from common import *

HOST, PORT = URL.removeprefix("http://").split(":")
api = Api(hostname=HOST, port=int(PORT))
cluster = Cluster(api)
connector = Connector(cluster, SOURCE)


def calm(call, *arguments, **named):
    return while_rebalancing(lambda: call(*arguments, **named), lambda error: isinstance(error, GenericConflict))


def refused(step, call):
    try:
        answer = call()
    except ConnectGenericException as error:
        show(step, [type(error).__name__, error.code, str(error.details[-1])])
        return
    raise AssertionError(f"{step}: not refused but {answer!r}")


def state():
    return states(connector.status)


show("cluster", sorted(cluster.get()))
show("kafka cluster", bool(cluster.kafka_cluster) and bool(cluster.version))
show("no connectors", cluster.connectors)
refused("exists", connector.exists)
show("created", {**calm(api.post, "/connectors", json={"name": SOURCE, "config": source()}), "tasks": None})
until("runs", state, ["RUNNING", "RUNNING"])
show("exists now", connector.exists())
show("connectors", sorted(cluster.connectors))
show("class", connector.connector_class)
show("config", connector.config)
show("tasks", [[task.id, task.config] for task in connector.tasks])
show("task", [connector.tasks[0].status, connector.tasks[0].state, connector.tasks[0].is_running()])
connector.config = source(**{"batch.size": 5})
until("other configuration", lambda: connector.config.get("batch.size"), "5")
until("runs with it", state, ["RUNNING", "RUNNING"])
connector.pause()
until("pauses", lambda: [connector.state, connector.tasks[0].state], ["PAUSED", "PAUSED"])
connector.resume()
until("goes on", state, ["RUNNING", "RUNNING"])
calm(connector.restart)
until("runs after a restart", state, ["RUNNING", "RUNNING"])
calm(connector.restart_all_tasks)
until("its tasks run after a restart", state, ["RUNNING", "RUNNING"])
calm(connector.cycle_connector)
until("runs after a cycle", state, ["RUNNING", "RUNNING"])

show("root logger", cluster.root_logger)
cluster.root_logger = "DEBUG"
show("root logger now", cluster.root_logger["level"])
cluster.root_logger = "INFO"
logger = next(name for name in cluster.loggers if name != "root")
show("a logger", logger in cluster.set_logger_log_level(logger, "WARN"))
show("a logger now", cluster.loggers[logger]["level"])
refused("no level", lambda: api.put("/admin/loggers/root", json={"level": "LOUD"}))

refused("the same name again", lambda: api.post("/connectors", json={"name": SOURCE, "config": source()}))
refused("no such task", lambda: api.post_raw(f"/connectors/{SOURCE}/tasks/9/restart"))
refused("no such path", lambda: api.get("/nowhere"))
calm(connector.delete)
until("gone", lambda: sorted(cluster.connectors), [])
refused("deleted twice", connector.delete)
