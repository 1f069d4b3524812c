// Writes the four hot messages in every version with Kafka's own classes, one line each: name, sample, version, hex.
// Run with any kafka-clients jar from 4.3 on:
//   java -cp 'libs/*' protocol/tests/wire/golden/Messages.java > protocol/tests/wire/golden/messages.txt
import java.nio.ByteBuffer;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.List;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.FetchRequestData;
import org.apache.kafka.common.message.FetchResponseData;
import org.apache.kafka.common.message.ListOffsetsRequestData;
import org.apache.kafka.common.message.ListOffsetsResponseData;
import org.apache.kafka.common.message.MetadataRequestData;
import org.apache.kafka.common.message.MetadataResponseData;
import org.apache.kafka.common.message.ProduceRequestData;
import org.apache.kafka.common.message.ProduceResponseData;
import org.apache.kafka.common.protocol.ApiMessage;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.record.internal.MemoryRecords;

class Messages {
    static final Uuid ID = new Uuid(0x0102030405060708L, 0x090a0b0c0d0e0f10L);

    static void print(String sample, int version, ApiMessage message) {
        ByteBuffer buffer = MessageUtil.toByteBufferAccessor(message, (short) version).buffer();
        byte[] bytes = new byte[buffer.remaining()];
        buffer.get(bytes);
        String name = message.getClass().getSimpleName().replace("Data", "");
        System.out.println(name + " " + sample + " " + version + " " + HexFormat.of().formatHex(bytes));
    }

    static MemoryRecords records(String text) {
        return MemoryRecords.readableRecords(ByteBuffer.wrap(text.getBytes()));
    }

    static void produce(int v) {
        var partitions = List.of(
            new ProduceRequestData.PartitionProduceData().setIndex(1).setRecords(records("batch one")),
            new ProduceRequestData.PartitionProduceData().setIndex(2).setRecords(null));
        var topic = new ProduceRequestData.TopicProduceData().setPartitionData(partitions);
        if (v >= 13) topic.setTopicId(ID); else topic.setName("orders");
        var topics = new ProduceRequestData.TopicProduceDataCollection();
        topics.add(topic);
        print("full", v, new ProduceRequestData().setTransactionalId("etl").setAcks((short) -1).setTimeoutMs(30000).setTopicData(topics));
        print("least", v, new ProduceRequestData().setAcks((short) 1).setTimeoutMs(0));

        var partition = new ProduceResponseData.PartitionProduceResponse().setIndex(1).setErrorCode((short) 6)
            .setBaseOffset(1234567890123L).setLogAppendTimeMs(1700000000000L);
        if (v >= 5) partition.setLogStartOffset(17);
        if (v >= 8) partition.setErrorMessage("no").setRecordErrors(List.of(
            new ProduceResponseData.BatchIndexAndErrorMessage().setBatchIndex(3).setBatchIndexErrorMessage("bad")));
        if (v >= 10) partition.setCurrentLeader(new ProduceResponseData.LeaderIdAndEpoch().setLeaderId(4).setLeaderEpoch(5));
        var answer = new ProduceResponseData.TopicProduceResponse().setPartitionResponses(
            List.of(partition, new ProduceResponseData.PartitionProduceResponse().setIndex(2).setBaseOffset(-1)));
        if (v >= 13) answer.setTopicId(ID); else answer.setName("orders");
        var answers = new ProduceResponseData.TopicProduceResponseCollection();
        answers.add(answer);
        var response = new ProduceResponseData().setResponses(answers).setThrottleTimeMs(9);
        if (v >= 10) {
            var endpoints = new ProduceResponseData.NodeEndpointCollection();
            endpoints.add(new ProduceResponseData.NodeEndpoint().setNodeId(4).setHost("broker4").setPort(9094).setRack("r4"));
            response.setNodeEndpoints(endpoints);
        }
        print("full", v, response);
        print("least", v, new ProduceResponseData());
    }

    static void fetch(int v) {
        var partition = new FetchRequestData.FetchPartition().setPartition(1).setFetchOffset(1234567890123L).setPartitionMaxBytes(1048576);
        if (v >= 5) partition.setLogStartOffset(17);
        if (v >= 9) partition.setCurrentLeaderEpoch(5);
        if (v >= 12) partition.setLastFetchedEpoch(4);
        var topic = new FetchRequestData.FetchTopic().setPartitions(List.of(partition,
            new FetchRequestData.FetchPartition().setPartition(2).setFetchOffset(0)));
        if (v >= 13) topic.setTopicId(ID); else topic.setTopic("orders");
        var request = new FetchRequestData().setMaxWaitMs(500).setMinBytes(1).setMaxBytes(52428800)
            .setIsolationLevel((byte) 1).setTopics(List.of(topic));
        if (v >= 15) request.setReplicaState(new FetchRequestData.ReplicaState().setReplicaId(7)); else request.setReplicaId(7);
        if (v >= 7) {
            var forgotten = new FetchRequestData.ForgottenTopic().setPartitions(List.of(8, 9));
            if (v >= 13) forgotten.setTopicId(ID); else forgotten.setTopic("payments");
            request.setSessionId(77).setSessionEpoch(3).setForgottenTopicsData(List.of(forgotten));
        }
        if (v >= 11) request.setRackId("r1");
        print("full", v, request);
        print("least", v, new FetchRequestData());

        var read = new FetchResponseData.PartitionData().setPartitionIndex(1).setErrorCode((short) 74).setHighWatermark(20)
            .setLastStableOffset(19).setRecords(records("batch one")).setAbortedTransactions(
                List.of(new FetchResponseData.AbortedTransaction().setProducerId(1000).setFirstOffset(12)));
        if (v >= 5) read.setLogStartOffset(2);
        if (v >= 11) read.setPreferredReadReplica(3);
        if (v >= 12) read.setDivergingEpoch(new FetchResponseData.EpochEndOffset().setEpoch(6).setEndOffset(11))
            .setCurrentLeader(new FetchResponseData.LeaderIdAndEpoch().setLeaderId(4).setLeaderEpoch(5));
        var answer = new FetchResponseData.FetchableTopicResponse().setPartitions(List.of(read,
            new FetchResponseData.PartitionData().setPartitionIndex(2).setHighWatermark(-1).setAbortedTransactions(null).setRecords(null)));
        if (v >= 13) answer.setTopicId(ID); else answer.setTopic("orders");
        var response = new FetchResponseData().setThrottleTimeMs(9).setResponses(List.of(answer));
        if (v >= 7) response.setErrorCode((short) 70).setSessionId(77);
        if (v >= 16) {
            var endpoints = new FetchResponseData.NodeEndpointCollection();
            endpoints.add(new FetchResponseData.NodeEndpoint().setNodeId(4).setHost("broker4").setPort(9094).setRack(null));
            response.setNodeEndpoints(endpoints);
        }
        print("full", v, response);
        print("least", v, new FetchResponseData());
    }

    static void listOffsets(int v) {
        var partition = new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(1).setTimestamp(v >= 11 ? -6 : v >= 9 ? -5 : v >= 8 ? -4 : v >= 7 ? -3 : -2);
        if (v >= 4) partition.setCurrentLeaderEpoch(5);
        var topic = new ListOffsetsRequestData.ListOffsetsTopic().setName("orders").setPartitions(List.of(partition,
            new ListOffsetsRequestData.ListOffsetsPartition().setPartitionIndex(2).setTimestamp(1700000000000L)));
        var request = new ListOffsetsRequestData().setReplicaId(-1).setTopics(List.of(topic));
        if (v >= 2) request.setIsolationLevel((byte) 1);
        if (v >= 10) request.setTimeoutMs(30000);
        print("full", v, request);
        print("least", v, new ListOffsetsRequestData().setReplicaId(-1));

        var answer = new ListOffsetsResponseData.ListOffsetsPartitionResponse().setPartitionIndex(1).setErrorCode((short) 78)
            .setTimestamp(1700000000000L).setOffset(1234567890123L);
        if (v >= 4) answer.setLeaderEpoch(5);
        var response = new ListOffsetsResponseData().setTopics(List.of(new ListOffsetsResponseData.ListOffsetsTopicResponse()
            .setName("orders").setPartitions(List.of(answer, new ListOffsetsResponseData.ListOffsetsPartitionResponse().setPartitionIndex(2)))));
        if (v >= 2) response.setThrottleTimeMs(9);
        print("full", v, response);
        print("least", v, new ListOffsetsResponseData());
    }

    static void metadata(int v) {
        var request = new MetadataRequestData();
        if (v >= 10) {
            request.setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setTopicId(ID).setName(null),
                new MetadataRequestData.MetadataRequestTopic().setName("orders")));
        } else {
            request.setTopics(List.of(new MetadataRequestData.MetadataRequestTopic().setName("orders")));
        }
        if (v >= 4) request.setAllowAutoTopicCreation(false);
        if (v >= 8 && v <= 10) request.setIncludeClusterAuthorizedOperations(true);
        if (v >= 8) request.setIncludeTopicAuthorizedOperations(true);
        print("full", v, request);
        print("least", v, new MetadataRequestData().setTopics(v == 0 ? List.of() : null));

        var partition = new MetadataResponseData.MetadataResponsePartition().setErrorCode((short) 9).setPartitionIndex(1).setLeaderId(2)
            .setReplicaNodes(Arrays.asList(2, 3, 1)).setIsrNodes(Arrays.asList(2, 3));
        if (v >= 5) partition.setOfflineReplicas(Arrays.asList(1));
        if (v >= 7) partition.setLeaderEpoch(5);
        var topic = new MetadataResponseData.MetadataResponseTopic().setName("orders").setPartitions(List.of(partition,
            new MetadataResponseData.MetadataResponsePartition().setErrorCode((short) 5).setPartitionIndex(2).setLeaderId(-1)));
        if (v >= 1) topic.setIsInternal(true);
        if (v >= 8) topic.setTopicAuthorizedOperations(0x0df8);
        if (v >= 10) topic.setTopicId(ID);
        var unknown = new MetadataResponseData.MetadataResponseTopic().setErrorCode((short) 100).setName(v >= 12 ? null : "");
        if (v >= 10) unknown.setTopicId(ID);
        var topics = new MetadataResponseData.MetadataResponseTopicCollection();
        topics.add(topic);
        topics.add(unknown);
        var brokers = new MetadataResponseData.MetadataResponseBrokerCollection();
        var broker = new MetadataResponseData.MetadataResponseBroker().setNodeId(2).setHost("broker2").setPort(9092);
        if (v >= 1) broker.setRack("r2");
        brokers.add(broker);
        brokers.add(new MetadataResponseData.MetadataResponseBroker().setNodeId(3).setHost("broker3").setPort(9093));
        var response = new MetadataResponseData().setBrokers(brokers).setTopics(topics);
        if (v >= 1) response.setControllerId(3);
        if (v >= 2) response.setClusterId("cluster");
        if (v >= 3) response.setThrottleTimeMs(9);
        if (v >= 8 && v <= 10) response.setClusterAuthorizedOperations(0x1f84);
        if (v >= 13) response.setErrorCode((short) 129);
        print("full", v, response);
        print("least", v, new MetadataResponseData());
    }

    public static void main(String[] arguments) {
        for (int v = 3; v <= 13; v++) produce(v);
        for (int v = 4; v <= 18; v++) fetch(v);
        for (int v = 1; v <= 11; v++) listOffsets(v);
        for (int v = 0; v <= 13; v++) metadata(v);
    }
}
