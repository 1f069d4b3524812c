"""librdkafka's life with a broker, through confluent-kafka: BOOTSTRAP OURS THEIRS, as in kafka_python.py."""

import sys
import time

from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, IsolationLevel, Producer, TopicPartition
from confluent_kafka.admin import (
    AdminClient,
    AlterConfigOpType,
    ConfigEntry,
    ConfigResource,
    NewPartitions,
    NewTopic,
    OffsetSpec,
    ResourceType,
)

from common import CODECS, TIMESTAMP, check_ours, equal, eventually, headers, key, say, value

BOOTSTRAP, OURS, THEIRS = sys.argv[1:4]
TOPIC = f"{THEIRS}-work"
GROUP = f"{THEIRS}-group"
COUNT = 300


def done(futures):
    """What each of an admin call's futures gives."""
    return {what: future.result(30) for what, future in futures.items()}


def delivered(error, _message):
    if error is not None:
        raise AssertionError(f"a record was not delivered: {error}")


def produce_every_codec():
    for n, codec in enumerate(CODECS):
        producer = Producer({"bootstrap.servers": BOOTSTRAP, "compression.type": codec, "enable.idempotence": True})
        producer.produce(
            THEIRS,
            key=key(codec),
            value=value(codec),
            headers=headers(codec),
            partition=0,
            timestamp=TIMESTAMP + n,
            on_delivery=delivered,
        )
        equal("left", producer.flush(30), 0)
    producer = Producer({"bootstrap.servers": BOOTSTRAP})
    producer.produce(THEIRS, key=b"gone", partition=0, timestamp=TIMESTAMP + len(CODECS), on_delivery=delivered)
    equal("left", producer.flush(30), 0)


def consumer(**more):
    config = {"bootstrap.servers": BOOTSTRAP, "auto.offset.reset": "earliest", "enable.auto.commit": False}
    return Consumer(config | {name.replace("_", "."): value for name, value in more.items()})


def read_ours():
    reader = consumer(group_id=f"{GROUP}-reader")
    reader.assign([TopicPartition(OURS, 0, 0)])
    records = []
    while len(records) < len(CODECS) + 1:
        for r in reader.consume(10, 1):
            equal("error", r.error(), None)
            records.append((r.key(), r.value(), list(r.headers() or []), r.timestamp()[1]))
    reader.close()
    check_ours(records)


def a_group_rebalances(admin, strategy):
    group = f"{GROUP}-{strategy}"
    more = {"group_id": group, "partition_assignment_strategy": strategy, "heartbeat_interval_ms": 200}
    first, second = consumer(**more), consumer(**more)
    seen = set()
    deadline = time.monotonic() + 60

    def poll(members, until, what):
        while not until():
            if time.monotonic() > deadline:
                raise AssertionError(f"{what}: {[m.assignment() for m in members]}")
            for member in members:
                for r in member.consume(100, 0.05):
                    equal("error", r.error(), None)
                    seen.add((r.partition(), r.offset()))

    def owned(member):
        return {p.partition for p in member.assignment()}

    first.subscribe([TOPIC])
    poll([first], lambda: owned(first) == {0, 1, 2}, "one member has all")
    second.subscribe([TOPIC])
    both = [first, second]

    def shared():
        return owned(first) and owned(second) and owned(first) | owned(second) == {0, 1, 2}

    poll(both, lambda: shared() and not owned(first) & owned(second), "two members share")
    described = done(admin.describe_consumer_groups([group]))[group]
    equal("members", len(described.members), 2)
    poll(both, lambda: len(seen) == COUNT, "all is read")
    second.close()
    poll([first], lambda: owned(first) == {0, 1, 2}, "the first member has all again")
    first.commit(offsets=[TopicPartition(TOPIC, p, COUNT // 3) for p in range(3)], asynchronous=False)
    first.close()
    listed = done(admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group)]))[group]
    equal("records behind commits", sum(p.offset for p in listed.topic_partitions), COUNT)
    moved = ConsumerGroupTopicPartitions(group, [TopicPartition(TOPIC, 0, 7)])
    done(admin.alter_consumer_group_offsets([moved]))
    done(admin.delete_consumer_groups([group]))


def administer(admin):
    done(admin.create_partitions([NewPartitions(TOPIC, 4)]))
    resource = ConfigResource(ResourceType.TOPIC, TOPIC)
    entry = ConfigEntry("retention.ms", "3600000", incremental_operation=AlterConfigOpType.SET)
    done(admin.incremental_alter_configs([ConfigResource(ResourceType.TOPIC, TOPIC, incremental_configs=[entry])]))
    retention = lambda: done(admin.describe_configs([resource]))[resource]["retention.ms"].value
    eventually("retention.ms", retention, "3600000")
    deleted = done(admin.delete_records([TopicPartition(TOPIC, 0, 5)]))
    equal("log start", [d.low_watermark for d in deleted.values()], [5])
    partition = TopicPartition(THEIRS, 0)
    by_time = done(
        admin.list_offsets(
            {partition: OffsetSpec.for_timestamp(TIMESTAMP + 2)}, isolation_level=IsolationLevel.READ_COMMITTED
        )
    )
    equal("offset by time", by_time[partition].offset, 2)
    newest = done(admin.list_offsets({partition: OffsetSpec.max_timestamp()}))
    equal("offset of the newest", newest[partition].offset, len(CODECS))
    equal("broker", len(admin.describe_cluster().result(30).nodes), 1)
    equal("groups", admin.list_consumer_groups().result(30).errors, [])
    done(admin.delete_topics([TOPIC]))
    eventually("topic is there", lambda: TOPIC in admin.list_topics().topics, False)


def main():
    admin = AdminClient({"bootstrap.servers": BOOTSTRAP})
    say("create topics")
    done(admin.create_topics([NewTopic(TOPIC, 3, 1), NewTopic(THEIRS, 1, 1, config={"cleanup.policy": "compact"})]))
    say("produce with every codec")
    produce_every_codec()
    say("read what kconnect wrote")
    read_ours()
    say("groups rebalance")
    producer = Producer({"bootstrap.servers": BOOTSTRAP, "linger.ms": 5})
    for n in range(COUNT):
        producer.produce(TOPIC, value=b"%d" % n, partition=n % 3, on_delivery=delivered)
    equal("left", producer.flush(30), 0)
    for strategy in ("range", "cooperative-sticky"):
        a_group_rebalances(admin, strategy)
    say("administer")
    administer(admin)
    say("done")


main()
