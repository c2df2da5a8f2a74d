import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.IOException;
import java.io.InputStream;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import org.apache.kafka.clients.consumer.CommitFailedException;
import org.apache.kafka.clients.consumer.ConsumerRebalanceListener;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.consumer.OffsetAndMetadata;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.errors.FencedInstanceIdException;
import org.apache.kafka.common.errors.RebalanceInProgressException;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;

/** The Java client library as a worker: a member of a group until SIGTERM, which writes events (see rebalance/worker.py). */
public final class Worker implements ConsumerRebalanceListener {
    private static final Duration BATCH = Duration.ofMillis(100);
    private static final ObjectMapper JSON = new ObjectMapper();

    private final PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    private final String topic;
    private final KafkaConsumer<byte[], byte[]> consumer;
    private final Map<TopicPartition, Long> positions = new HashMap<>(); // processed and not committed
    private final CountDownLatch left = new CountDownLatch(1);
    private volatile boolean ended;
    private int commits;

    private Worker(JsonNode config) {
        topic = config.get("topic").asText();
        consumer = new KafkaConsumer<>(settings(config), new ByteArrayDeserializer(), new ByteArrayDeserializer());
    }

    private static Properties settings(JsonNode config) {
        var settings = new Properties();
        settings.put("bootstrap.servers", config.get("bootstrap").asText());
        settings.put("group.id", config.get("group").asText());
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "earliest");
        settings.put("fetch.max.wait.ms", "100");
        settings.put("reconnect.backoff.max.ms", "500");
        settings.put("default.api.timeout.ms", "10000");
        settings.put("max.poll.records", "100");
        settings.put("max.poll.interval.ms", "30000"); // also the rebalance timeout
        if (!config.get("instance").isNull()) {
            settings.put("group.instance.id", config.get("instance").asText());
        }
        String strategy = config.get("strategy").asText();
        if (strategy.equals("consumer")) {
            settings.put("group.protocol", "consumer");
            if (config.has("assignor")) {
                settings.put("group.remote.assignor", config.get("assignor").asText());
            }
        } else {
            settings.put("group.protocol", "classic");
            settings.put("session.timeout.ms", config.get("session_ms").asText());
            settings.put("heartbeat.interval.ms", config.get("heartbeat_ms").asText());
            settings.put("partition.assignment.strategy", assignors(strategy));
        }
        return settings;
    }

    /** Kafka's names of strategies, separated by "+", as classes. */
    private static String assignors(String strategies) {
        var classes = Map.of("range", "RangeAssignor", "cooperative-sticky", "CooperativeStickyAssignor",
                "roundrobin", "RoundRobinAssignor", "sticky", "StickyAssignor");
        return String.join(",", List.of(strategies.split("\\+")).stream()
                .map(name -> "org.apache.kafka.clients.consumer." + classes.get(name)).toList());
    }

    private void write(String kind, ObjectNode fields) {
        fields.put("t", System.nanoTime() / 1e6).put("e", kind); // CLOCK_MONOTONIC on Linux
        out.println(fields);
        if (out.checkError()) { // flushes; who started this process is gone
            Runtime.getRuntime().halt(1);
        }
    }

    private void write(String kind, Collection<TopicPartition> partitions, Integer generation) {
        var fields = JSON.createObjectNode();
        var numbers = fields.putArray("partitions");
        partitions.forEach(place -> numbers.add(place.partition()));
        if (kind.equals("assigned")) {
            fields.put("generation", generation);
        }
        write(kind, fields);
    }

    private void note(Exception error) {
        write("note", JSON.createObjectNode().put("text", error.toString()));
    }

    @Override
    public void onPartitionsAssigned(Collection<TopicPartition> partitions) {
        write("assigned", partitions, consumer.groupMetadata().generationId());
    }

    @Override
    public void onPartitionsRevoked(Collection<TopicPartition> partitions) {
        commit();
        positions.keySet().removeAll(partitions);
        write("revoked", partitions, null);
    }

    @Override
    public void onPartitionsLost(Collection<TopicPartition> partitions) {
        positions.keySet().removeAll(partitions);
        write("lost", partitions, null);
    }

    private void commit() {
        if (positions.isEmpty()) {
            return;
        }
        int identity = ++commits;
        var fields = JSON.createObjectNode().put("id", identity);
        var offsets = fields.putObject("offsets");
        var wanted = new HashMap<TopicPartition, OffsetAndMetadata>();
        positions.forEach((place, offset) -> {
            offsets.put(Integer.toString(place.partition()), offset);
            wanted.put(place, new OffsetAndMetadata(offset));
        });
        write("commit", fields);
        var outcome = JSON.createObjectNode().put("id", identity);
        try {
            consumer.commitSync(wanted);
            positions.clear();
            write("committed", outcome);
        } catch (RebalanceInProgressException error) {
            write("refused", outcome.put("error", error.toString()).put("rebalancing", true));
        } catch (CommitFailedException | FencedInstanceIdException error) {
            write("refused", outcome.put("error", error.toString()).put("rebalancing", false));
        } catch (KafkaException error) {
            write("unsure", outcome.put("error", error.toString()));
        }
    }

    private void process(ConsumerRecord<byte[], byte[]> record) {
        var fields = JSON.createObjectNode().put("p", record.partition()).put("o", record.offset());
        write("record", fields.put("v", Long.parseLong(new String(record.value(), StandardCharsets.US_ASCII))));
        positions.put(new TopicPartition(topic, record.partition()), record.offset() + 1);
    }

    private static String version() throws IOException {
        try (InputStream in = KafkaConsumer.class.getResourceAsStream("/kafka/kafka-version.properties")) {
            var properties = new Properties();
            properties.load(in);
            return properties.getProperty("version");
        }
    }

    private void run() throws IOException {
        Runtime.getRuntime().addShutdownHook(new Thread(this::leave));
        write("version", JSON.createObjectNode().put("version", "kafka-clients " + version()));
        consumer.subscribe(List.of(topic), this);
        while (!ended) {
            try {
                consumer.poll(BATCH).forEach(this::process);
                commit();
            } catch (FencedInstanceIdException error) {
                note(error);
                break; // another process has this member's place
            } catch (KafkaException error) {
                note(error);
            }
        }
        consumer.close();
        left.countDown();
    }

    private void leave() {
        ended = true;
        try {
            left.await(15, TimeUnit.SECONDS);
        } catch (InterruptedException error) {
            Thread.currentThread().interrupt();
        }
        out.flush();
        Runtime.getRuntime().halt(left.getCount() == 0 ? 0 : 1);
    }

    public static void main(String[] arguments) throws Exception {
        var worker = new Worker(JSON.readTree(arguments[0]));
        worker.run();
    }
}
