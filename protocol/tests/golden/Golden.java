// Record batches written and read by Kafka's own Java classes (kafka-clients 4.3.0), for ../golden.rs to compare with.
//
//   java -cp 'LIBS/*' Golden.java write > java.txt        what Java writes, and how it reads that itself
//   java -cp 'LIBS/*' Golden.java read < ours.hex > ours.txt    how Java reads what ours wrote
//
// LIBS holds kafka-clients, slf4j-api, zstd-jni, lz4-java and snappy-java.

import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.HexFormat;
import java.util.Scanner;
import java.util.zip.CRC32C;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.TimestampType;
import org.apache.kafka.common.record.internal.*;
import org.apache.kafka.common.record.internal.Record;

public class Golden {
    static final long T = 1_700_000_000_000L;

    public static void main(String[] args) throws Exception {
        if (args[0].equals("write")) write();
        else {
            Scanner in = new Scanner(System.in);
            while (in.hasNext()) show(in.next(), ByteBuffer.wrap(HexFormat.of().parseHex(in.next())));
        }
    }

    static byte[] b(String s) { return s == null ? null : s.getBytes(StandardCharsets.UTF_8); }
    static SimpleRecord r(long t, String key, String value, Header... headers) { return new SimpleRecord(t, b(key), b(value), headers); }
    static Header h(String key, String value) { return new RecordHeader(key, b(value)); }

    /** The same many records that golden.rs appends: repetitive, and more than one block of any codec. */
    static SimpleRecord[] many(int count) {
        SimpleRecord[] records = new SimpleRecord[count];
        for (int i = 0; i < count; i++)
            records[i] = r(T + i, "key-" + i % 7, "{\"id\":" + i + ",\"name\":\"a record of the golden batch\",\"tags\":[" + "\"tag\",".repeat(i % 60) + "0]}");
        return records;
    }

    static void write() throws Exception {
        SimpleRecord plain = r(T, null, "first"), keyed = r(T + 5, "key", "second");
        show("no_key", MemoryRecords.withRecords(Compression.NONE, plain, r(T - 3, null, "earlier"), r(T + 100_000, null, "later")));
        show("key", MemoryRecords.withRecords(Compression.NONE, keyed, r(T + 6, "", "")));
        show("headers", MemoryRecords.withRecords(Compression.NONE,
            r(T, "key", "value", h("k", "1"), h("k", null), h("", ""), h("k", "3"), h("\u00e9", "x".repeat(200))), plain));
        show("null_value", MemoryRecords.withRecords(Compression.NONE, r(T, "key", null), r(T, null, null)));
        for (CompressionType type : CompressionType.values()) {
            Compression codec = Compression.of(type).build();
            show("codec_" + type.name, MemoryRecords.withRecords(codec, many(type == CompressionType.NONE ? 20 : 400)));
            show("codec_" + type.name + "_small", MemoryRecords.withRecords(codec, plain));
        }
        show("idempotent", MemoryRecords.withIdempotentRecords(Compression.NONE, 4711L, (short) 3, Integer.MAX_VALUE - 1, plain, keyed, plain));
        show("transactional", MemoryRecords.withTransactionalRecords(100L, Compression.gzip().build(), 4711L, (short) 3, 17, 9, plain, keyed));
        show("commit", MemoryRecords.withEndTransactionMarker(200L, T, 9, 4711L, (short) 3, new EndTransactionMarker(ControlRecordType.COMMIT, 5)));
        show("abort", MemoryRecords.withEndTransactionMarker(201L, T, 9, 4711L, (short) 4, new EndTransactionMarker(ControlRecordType.ABORT, 6)));
        show("log_append_time", appendTime(RecordBatch.MAGIC_VALUE_V2, Compression.NONE, plain, keyed));
        show("log_append_time_zstd", appendTime(RecordBatch.MAGIC_VALUE_V2, Compression.zstd().build(), plain, keyed));
        MemoryRecordsBuilder gaps = MemoryRecords.builder(ByteBuffer.allocate(4096), Compression.NONE, TimestampType.CREATE_TIME, 1000L);
        gaps.appendWithOffset(1003L, keyed);
        gaps.appendWithOffset(1070L, plain);
        gaps.overrideLastOffset(1099L);
        show("compacted", gaps.build());
        ByteBuffer empty = ByteBuffer.allocate(61);
        DefaultRecordBatch.writeEmptyHeader(empty, (byte) 2, 4711L, (short) 3, 20, 50L, 59L, 9, TimestampType.CREATE_TIME, T, true, false);
        empty.flip();
        show("empty", empty);
        for (byte magic : new byte[] {0, 1}) {
            show("v" + magic, MemoryRecords.withRecords(magic, 42L, Compression.NONE, plain, keyed, r(T, "key", null)));
            for (CompressionType type : new CompressionType[] {CompressionType.GZIP, CompressionType.SNAPPY, CompressionType.LZ4})
                show("v" + magic + "_" + type.name, MemoryRecords.withRecords(magic, 42L, Compression.of(type).build(), plain, keyed, r(T, null, null)));
        }
        show("v1_log_append_time", appendTime((byte) 1, Compression.NONE, plain, keyed));
        show("v1_log_append_time_gzip", appendTime((byte) 1, Compression.gzip().build(), plain, keyed));
        ByteBuffer all = ByteBuffer.allocate(4096);
        all.put(MemoryRecords.withRecords((byte) 0, 0L, Compression.gzip().build(), plain, keyed).buffer());
        all.put(MemoryRecords.withRecords((byte) 1, 2L, Compression.NONE, plain, keyed).buffer());
        all.put(MemoryRecords.withRecords(4L, Compression.NONE, 1, plain, keyed).buffer());
        all.put(MemoryRecords.withRecords(6L, Compression.lz4().build(), 2, plain, keyed).buffer());
        all.flip();
        show("all_formats", all);
    }

    static MemoryRecords appendTime(byte magic, Compression codec, SimpleRecord... records) {
        MemoryRecordsBuilder builder = MemoryRecords.builder(ByteBuffer.allocate(4096), magic, codec, TimestampType.LOG_APPEND_TIME, 7L, T + 1_000_000);
        for (SimpleRecord record : records) builder.append(record);
        return builder.build();
    }

    static void show(String name, MemoryRecords records) { show(name, records.buffer().duplicate()); }

    static void show(String name, ByteBuffer bytes) {
        byte[] raw = new byte[bytes.remaining()];
        bytes.duplicate().get(raw);
        System.out.println("= " + name);
        System.out.println(HexFormat.of().formatHex(raw));
        for (RecordBatch batch : MemoryRecords.readableRecords(ByteBuffer.wrap(raw)).batches()) {
            batch.ensureValid();
            System.out.print("batch magic=" + batch.magic() + " next=" + batch.nextOffset() + " codec=" + batch.compressionType().name
                + " time=" + batch.timestampType() + " max=" + batch.maxTimestamp());
            if (batch.magic() == 2)
                System.out.print(" base=" + batch.baseOffset() + " leader_epoch=" + batch.partitionLeaderEpoch() + " producer=" + batch.producerId() + "/"
                    + batch.producerEpoch() + "/" + batch.baseSequence() + ".." + batch.lastSequence() + " transactional=" + batch.isTransactional()
                    + " control=" + batch.isControlBatch() + " count=" + batch.countOrNull());
            System.out.println();
            StringBuilder lines = new StringBuilder();
            int count = 0;
            for (Record record : batch) {
                record.ensureValid();
                count++;
                lines.append("record " + record.offset() + " " + record.timestamp() + " " + text(record.key()) + " " + text(record.value()));
                for (Header header : record.headers())
                    lines.append(" " + text(ByteBuffer.wrap(b(header.key()))) + "=" + text(header.value() == null ? null : ByteBuffer.wrap(header.value())));
                lines.append('\n');
                if (batch.isControlBatch()) {
                    EndTransactionMarker marker = EndTransactionMarker.deserialize(record);
                    lines.append("marker " + marker.controlType() + " " + marker.coordinatorEpoch() + '\n');
                }
            }
            // Many records are shown by the checksum of what would be shown.
            if (count > 20) lines = new StringBuilder("records " + text(ByteBuffer.wrap(b(lines.toString()))) + '\n');
            System.out.print(lines);
        }
        System.out.println();
    }

    static String text(ByteBuffer bytes) {
        if (bytes == null) return "null";
        byte[] raw = new byte[bytes.remaining()];
        bytes.duplicate().get(raw);
        if (raw.length <= 16) return "x" + HexFormat.of().formatHex(raw);
        CRC32C crc = new CRC32C();
        crc.update(raw);
        return raw.length + "#" + Long.toHexString(crc.getValue());
    }
}
