import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ArrayNode;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.BufferedReader;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.Future;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.admin.Admin;
import org.apache.kafka.clients.admin.AlterConfigOp;
import org.apache.kafka.clients.admin.ConfigEntry;
import org.apache.kafka.clients.admin.NewPartitions;
import org.apache.kafka.clients.admin.NewTopic;
import org.apache.kafka.clients.admin.OffsetSpec;
import org.apache.kafka.clients.admin.RecordsToDelete;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.clients.producer.RecordMetadata;
import org.apache.kafka.common.KafkaFuture;
import org.apache.kafka.common.Node;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.config.ConfigResource;
import org.apache.kafka.common.header.Header;
import org.apache.kafka.common.header.internals.RecordHeader;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The Java client library as a client program: one JSON request per line in, one JSON answer per line out. */
public final class Client {
    private static final Duration TIMEOUT = Duration.ofSeconds(30);
    private static final int SIZE_LIMIT = 8 << 20;
    private static final ObjectMapper JSON = new ObjectMapper();

    private interface Operation {
        void run(JsonNode request, ObjectNode answer) throws Exception;
    }

    private final String bootstrap;
    private final Admin admin;
    private final Map<String, Operation> operations = new HashMap<>();

    private Client(String bootstrap) {
        this.bootstrap = bootstrap;
        this.admin = Admin.create(Map.of("bootstrap.servers", bootstrap));
        operations.put("about", this::about);
        operations.put("metadata", this::metadata);
        operations.put("describe_cluster", this::describeCluster);
        operations.put("create_topic", this::createTopic);
        operations.put("delete_topic", this::deleteTopic);
        operations.put("create_partitions", this::createPartitions);
        operations.put("describe_configs", this::describeConfigs);
        operations.put("incremental_alter_configs", this::incrementalAlterConfigs);
        operations.put("delete_records", this::deleteRecords);
        operations.put("list_offsets", this::listOffsets);
        operations.put("offset_for_time", this::offsetForTime);
        operations.put("produce", this::produce);
        operations.put("fetch", this::fetch);
        operations.put("group_consume", this::groupConsume);
    }

    public static void main(String[] arguments) throws Exception {
        Client client = new Client(arguments[0]);
        PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            out.println(client.answer(JSON.readTree(line)));
            out.flush();
        }
        client.admin.close(Duration.ofSeconds(5));
    }

    private ObjectNode answer(JsonNode request) {
        ObjectNode answer = JSON.createObjectNode().put("ok", true);
        try {
            operations.get(request.get("op").asText()).run(request, answer);
            return answer;
        } catch (Exception error) {
            return JSON.createObjectNode().put("ok", false).put("error", String.valueOf(error));
        }
    }

    private static <T> T get(KafkaFuture<T> future) throws Exception {
        return future.get(TIMEOUT.toMillis(), TimeUnit.MILLISECONDS);
    }

    private static String topicOf(JsonNode request) {
        return request.get("topic").asText();
    }

    private static TopicPartition partitionOf(JsonNode request) {
        return new TopicPartition(topicOf(request), request.get("partition").asInt());
    }

    private static Map<String, String> strings(JsonNode object) {
        Map<String, String> entries = new HashMap<>();
        object.fields().forEachRemaining(entry -> entries.put(entry.getKey(), entry.getValue().asText()));
        return entries;
    }

    private void about(JsonNode request, ObjectNode answer) throws Exception {
        Properties properties = new Properties();
        try (InputStream in = Admin.class.getResourceAsStream("/kafka/kafka-version.properties")) {
            properties.load(in);
        }
        answer.put("version", properties.getProperty("version"));
    }

    // Administration

    private void metadata(JsonNode request, ObjectNode answer) throws Exception {
        var topic = get(admin.describeTopics(List.of(topicOf(request))).allTopicNames()).get(topicOf(request));
        answer.put("brokers", get(admin.describeCluster().nodes()).size());
        ArrayNode partitions = answer.putArray("partitions");
        topic.partitions().forEach(partition -> partitions.add(partition.partition()));
    }

    private void describeCluster(JsonNode request, ObjectNode answer) throws Exception {
        var cluster = admin.describeCluster();
        ArrayNode brokers = answer.putArray("brokers");
        for (Node node : get(cluster.nodes())) {
            brokers.add(node.id());
        }
        answer.put("controller", get(cluster.controller()).id()).put("cluster_id", get(cluster.clusterId()));
    }

    private void createTopic(JsonNode request, ObjectNode answer) throws Exception {
        NewTopic topic = new NewTopic(topicOf(request), request.get("partitions").asInt(), (short) 1);
        get(admin.createTopics(List.of(topic.configs(strings(request.get("configs"))))).all());
    }

    private void deleteTopic(JsonNode request, ObjectNode answer) throws Exception {
        get(admin.deleteTopics(List.of(topicOf(request))).all());
    }

    private void createPartitions(JsonNode request, ObjectNode answer) throws Exception {
        NewPartitions total = NewPartitions.increaseTo(request.get("total").asInt());
        get(admin.createPartitions(Map.of(topicOf(request), total)).all());
    }

    private void describeConfigs(JsonNode request, ObjectNode answer) throws Exception {
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topicOf(request));
        ObjectNode configs = answer.putObject("configs");
        for (ConfigEntry entry : get(admin.describeConfigs(List.of(resource)).all()).get(resource).entries()) {
            configs.put(entry.name(), entry.value());
        }
    }

    private void incrementalAlterConfigs(JsonNode request, ObjectNode answer) throws Exception {
        List<AlterConfigOp> changes = new ArrayList<>();
        strings(request.get("set")).forEach((name, value) ->
            changes.add(new AlterConfigOp(new ConfigEntry(name, value), AlterConfigOp.OpType.SET)));
        request.get("delete").forEach(name ->
            changes.add(new AlterConfigOp(new ConfigEntry(name.asText(), ""), AlterConfigOp.OpType.DELETE)));
        ConfigResource resource = new ConfigResource(ConfigResource.Type.TOPIC, topicOf(request));
        get(admin.incrementalAlterConfigs(Map.of(resource, changes)).all());
    }

    private void deleteRecords(JsonNode request, ObjectNode answer) throws Exception {
        TopicPartition partition = partitionOf(request);
        var before = RecordsToDelete.beforeOffset(request.get("before").asLong());
        var deleted = admin.deleteRecords(Map.of(partition, before)).lowWatermarks().get(partition);
        answer.put("low", get(deleted).lowWatermark());
    }

    private void listOffsets(JsonNode request, ObjectNode answer) throws Exception {
        answer.put("earliest", offset(request, OffsetSpec.earliest()));
        answer.put("latest", offset(request, OffsetSpec.latest()));
    }

    private void offsetForTime(JsonNode request, ObjectNode answer) throws Exception {
        long found = offset(request, OffsetSpec.forTimestamp(request.get("timestamp").asLong()));
        answer.put("offset", found < 0 ? null : Long.valueOf(found));
    }

    private long offset(JsonNode request, OffsetSpec spec) throws Exception {
        TopicPartition partition = partitionOf(request);
        return get(admin.listOffsets(Map.of(partition, spec)).partitionResult(partition)).offset();
    }

    // Records

    private void produce(JsonNode request, ObjectNode answer) throws Exception {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("acks", "all");
        settings.put("compression.type", request.get("codec").asText());
        settings.put("enable.idempotence", String.valueOf(request.get("idempotent").asBoolean()));
        settings.put("max.in.flight.requests.per.connection", request.get("idempotent").asBoolean() ? "5" : "1");
        settings.put("max.request.size", String.valueOf(SIZE_LIMIT));
        settings.put("linger.ms", "5");
        List<Future<RecordMetadata>> sent = new ArrayList<>();
        try (var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer())) {
            for (JsonNode record : request.get("records")) {
                sent.add(producer.send(recordIn(request, record)));
            }
            producer.flush();
        }
        ArrayNode offsets = answer.putArray("offsets");
        for (Future<RecordMetadata> acknowledged : sent) {
            offsets.add(acknowledged.get().offset());
        }
    }

    private static ProducerRecord<byte[], byte[]> recordIn(JsonNode request, JsonNode record) throws Exception {
        Long timestamp = record.get("timestamp").isNull() ? null : Long.valueOf(record.get("timestamp").asLong());
        List<Header> headers = new ArrayList<>();
        for (JsonNode header : record.get("headers")) {
            headers.add(new RecordHeader(header.get(0).asText(), header.get(1).binaryValue()));
        }
        TopicPartition partition = partitionOf(request);
        byte[] key = record.get("key").binaryValue();
        byte[] value = record.get("value").binaryValue();
        return new ProducerRecord<>(partition.topic(), partition.partition(), timestamp, key, value, headers);
    }

    private KafkaConsumer<byte[], byte[]> consumer(Map<String, String> extra) {
        Properties settings = new Properties();
        settings.put("bootstrap.servers", bootstrap);
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        settings.putAll(extra);
        return new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private void fetch(JsonNode request, ObjectNode answer) {
        String count = request.get("count").asText();
        try (var consumer = consumer(Map.of("max.poll.records", count))) {
            consumer.assign(List.of(partitionOf(request)));
            consumer.seek(partitionOf(request), request.get("start").asLong());
            collect(consumer, request.get("count").asInt(), answer.putArray("records"));
        }
    }

    private void groupConsume(JsonNode request, ObjectNode answer) {
        try (var consumer = consumer(Map.of("group.id", request.get("group").asText()))) {
            consumer.subscribe(List.of(topicOf(request)));
            var last = collect(consumer, request.get("count").asInt(), answer.putArray("records"));
            var position = new TopicPartition(last.topic(), last.partition());
            consumer.commitSync(Map.of(position, new OffsetAndMetadata(last.offset() + 1)));
        }
    }

    /** Adds up to `count` records to `out` and returns the last of them. */
    private static ConsumerRecord<byte[], byte[]> collect(
            KafkaConsumer<byte[], byte[]> consumer, int count, ArrayNode out) {
        ConsumerRecord<byte[], byte[]> last = null;
        long deadline = System.nanoTime() + TIMEOUT.toNanos();
        while (out.size() < count && System.nanoTime() < deadline) {
            for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(500))) {
                if (out.size() < count) {
                    recordOut(record, out.addObject());
                    last = record;
                }
            }
        }
        return last;
    }

    private static void recordOut(ConsumerRecord<byte[], byte[]> record, ObjectNode out) {
        out.put("offset", record.offset()).put("timestamp", record.timestamp());
        out.put("key", record.key()).put("value", record.value());
        ArrayNode headers = out.putArray("headers");
        for (Header header : record.headers()) {
            headers.addArray().add(header.key()).add(header.value());
        }
    }
}
