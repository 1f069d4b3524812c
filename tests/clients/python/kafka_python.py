"""kafka-python's life with a broker: BOOTSTRAP OURS THEIRS. Reads topic OURS, fills topic THEIRS, and cleans up the rest."""

import sys
import threading

from kafka import KafkaAdminClient, KafkaConsumer, KafkaProducer, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.structs import OffsetAndMetadata

from common import CODECS, TIMESTAMP, check_ours, equal, eventually, headers, key, say, value

BOOTSTRAP, OURS, THEIRS = sys.argv[1:4]
TOPIC = f"{THEIRS}-work"
GROUP = f"{THEIRS}-group"
COUNT = 300


def produce_every_codec():
    for n, codec in enumerate(CODECS):
        producer = KafkaProducer(
            bootstrap_servers=BOOTSTRAP,
            compression_type=None if codec == "none" else codec,
            enable_idempotence=True,
        )
        sent = producer.send(
            THEIRS, key=key(codec), value=value(codec), headers=headers(codec), partition=0, timestamp_ms=TIMESTAMP + n
        )
        equal(f"offset of {codec}", sent.get(30).offset, n)
        producer.close()
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, acks=1)
    producer.send(THEIRS, key=b"gone", value=None, partition=0, timestamp_ms=TIMESTAMP + len(CODECS)).get(30)
    producer.close()


def read_ours():
    consumer = KafkaConsumer(bootstrap_servers=BOOTSTRAP, auto_offset_reset="earliest", enable_auto_commit=False)
    consumer.assign([TopicPartition(OURS, 0)])
    records = []
    while len(records) < len(CODECS) + 1:
        for batch in consumer.poll(1000).values():
            records += [(r.key, r.value, list(r.headers), r.timestamp) for r in batch]
    consumer.close()
    check_ours(records)


class Member(threading.Thread):
    """A group member that polls until it is told to stop, and then commits."""

    def __init__(self, name, seen, assigned):
        super().__init__(daemon=True)
        self.consumer = KafkaConsumer(
            TOPIC,
            bootstrap_servers=BOOTSTRAP,
            group_id=GROUP,
            client_id=name,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            heartbeat_interval_ms=200,
        )
        # It knows the partitions before it joins: two generations at once are more than this client can take.
        equal("partitions", self.consumer.partitions_for_topic(TOPIC), {0, 1, 2})
        self.name, self.seen, self.assigned = name, seen, assigned
        self.stopping = threading.Event()

    def run(self):
        while not self.stopping.is_set():
            for partition, records in self.consumer.poll(100).items():
                with self.seen["lock"]:
                    self.seen["offsets"].update((partition.partition, r.offset) for r in records)
            with self.assigned:
                self.assigned.owned[self.name] = {p.partition for p in self.consumer.assignment()}
                self.assigned.notify_all()
        self.consumer.commit()
        self.consumer.close()

    def stop(self):
        self.stopping.set()
        self.join(60)
        equal(f"{self.name} has stopped", self.is_alive(), False)


def wait_until(condition, what, fulfilled):
    with condition:
        if not condition.wait_for(fulfilled, timeout=60):
            raise AssertionError(f"{what}: {condition.owned}")


def a_group_rebalances(admin):
    seen = {"lock": threading.Lock(), "offsets": set()}
    assigned = threading.Condition()
    assigned.owned = {}
    first = Member("first", seen, assigned)
    first.start()
    wait_until(assigned, "one member has all", lambda: assigned.owned.get("first") == {0, 1, 2})
    second = Member("second", seen, assigned)
    second.start()

    def shared():
        first, second = (assigned.owned.get(name, set()) for name in ("first", "second"))
        return first and second and not first & second and first | second == {0, 1, 2}

    wait_until(assigned, "two members share", shared)
    described = admin.describe_groups([GROUP])[GROUP]
    equal("members", len(described["members"]), 2)
    wait_until(assigned, "all is read", lambda: len(seen["offsets"]) == COUNT)
    second.stop()
    wait_until(assigned, "the first member has all again", lambda: assigned.owned["first"] == {0, 1, 2})
    first.stop()
    committed = admin.list_group_offsets({GROUP: None})[GROUP]
    equal("records behind commits", sum(c.offset for c in committed.values()), COUNT)


def administer(admin):
    partition = TopicPartition(TOPIC, 0)
    admin.create_partitions({TOPIC: 4})
    resource = ConfigResource(ConfigResourceType.TOPIC, TOPIC, {"retention.ms": "3600000"})
    admin.alter_configs([resource])
    described = [ConfigResource(ConfigResourceType.TOPIC, TOPIC)]
    eventually("retention.ms", lambda: "3600000" in repr(admin.describe_configs(described)), True)
    admin.delete_records({partition: 5})
    ends = admin.list_partition_offsets({partition: OffsetSpec.EARLIEST})
    equal("log start", ends[partition].offset, 5)
    by_time = admin.list_partition_offsets({TopicPartition(THEIRS, 0): TIMESTAMP + 2})
    equal("offset by time", by_time[TopicPartition(THEIRS, 0)].offset, 2)
    equal("group is listed", GROUP in repr(admin.list_groups()), True)
    admin.alter_group_offsets(GROUP, {partition: OffsetAndMetadata(7, "moved", -1)})
    equal("altered offset", admin.list_group_offsets({GROUP: [partition]})[GROUP][partition].offset, 7)
    admin.delete_group_offsets(GROUP, [partition])
    equal("brokers", len(admin.describe_cluster()["brokers"]), 1)
    admin.delete_groups([GROUP])
    admin.delete_topics([TOPIC])
    eventually("topic is there", lambda: TOPIC in admin.list_topics(), False)


def main():
    admin = KafkaAdminClient(bootstrap_servers=BOOTSTRAP)
    say("create topics")
    admin.create_topics({TOPIC: {"num_partitions": 3, "replication_factor": 1}})
    admin.create_topics({THEIRS: {"num_partitions": 1, "replication_factor": 1, "configs": {"cleanup.policy": "compact"}}})
    say("produce with every codec")
    produce_every_codec()
    say("read what kconnect wrote")
    read_ours()
    say("a group rebalances")
    producer = KafkaProducer(bootstrap_servers=BOOTSTRAP, linger_ms=5)
    for n in range(COUNT):
        producer.send(TOPIC, value=b"%d" % n, partition=n % 3)
    producer.close()
    a_group_rebalances(admin)
    say("administer")
    administer(admin)
    admin.close()
    say("done")


main()
