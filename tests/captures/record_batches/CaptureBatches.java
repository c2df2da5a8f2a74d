// Writes the java-*.hex files here: record batches as Kafka's own Java library (kafka-clients 4.3.1) encodes them.
// java -cp 'kafka-clients.jar:lz4-java.jar:snappy-java.jar:zstd-jni.jar:slf4j-api.jar' CaptureBatches.java <directory>
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.nio.file.*;
import java.util.HexFormat;
import org.apache.kafka.common.compress.Compression;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.record.*;
import org.apache.kafka.common.record.internal.*;

public class CaptureBatches {
  static final long TIME = 1_700_000_000_000L;

  static byte[] bytes(String text) { return text == null ? null : text.getBytes(StandardCharsets.UTF_8); }

  static SimpleRecord[] records() {
    Header[] headers = {new RecordHeader("trace", bytes("abc")), new RecordHeader("empty", bytes("")),
                        new RecordHeader("null", (byte[]) null)};
    return new SimpleRecord[] {
        new SimpleRecord(TIME, bytes("key"), bytes("value")),
        new SimpleRecord(TIME + 5, null, bytes("no key")),
        new SimpleRecord(TIME - 5, bytes("tombstone"), null),
        new SimpleRecord(TIME + 70_000, bytes(""), bytes("")),
        new SimpleRecord(TIME + 1, bytes("headers"), bytes("x".repeat(300)), headers),
    };
  }

  static void write(String directory, String name, MemoryRecords records) throws Exception {
    ByteBuffer buffer = records.buffer().duplicate();
    byte[] all = new byte[buffer.remaining()];
    buffer.get(all);
    Files.writeString(Path.of(directory, "java-" + name + ".hex"), HexFormat.of().formatHex(all) + "\n");
  }

  public static void main(String[] arguments) throws Exception {
    String directory = arguments[0];
    write(directory, "none", MemoryRecords.withRecords(Compression.NONE, records()));
    write(directory, "gzip", MemoryRecords.withRecords(Compression.gzip().build(), records()));
    write(directory, "snappy", MemoryRecords.withRecords(Compression.snappy().build(), records()));
    write(directory, "lz4", MemoryRecords.withRecords(Compression.lz4().build(), records()));
    write(directory, "zstd", MemoryRecords.withRecords(Compression.zstd().build(), records()));
    write(directory, "idempotent", MemoryRecords.withIdempotentRecords(
        RecordBatch.MAGIC_VALUE_V2, 0L, Compression.NONE, 4711L, (short) 3, 17, 2, records()));
    write(directory, "transactional", MemoryRecords.withTransactionalRecords(
        Compression.zstd().build(), 4711L, (short) 3, 17, records()));
    write(directory, "commit", MemoryRecords.withEndTransactionMarker(
        42L, TIME, 2, 4711L, (short) 3, new EndTransactionMarker(ControlRecordType.COMMIT, 9)));
    write(directory, "abort", MemoryRecords.withEndTransactionMarker(
        42L, TIME, 2, 4711L, (short) 3, new EndTransactionMarker(ControlRecordType.ABORT, 9)));
  }
}
