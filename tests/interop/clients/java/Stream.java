import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.node.ObjectNode;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.Properties;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicLong;
import org.apache.kafka.clients.consumer.ConsumerRecord;
import org.apache.kafka.clients.consumer.KafkaConsumer;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.KafkaException;
import org.apache.kafka.common.TopicPartition;
import org.apache.kafka.common.serialization.ByteArrayDeserializer;
import org.apache.kafka.common.serialization.ByteArraySerializer;

/** The Java client library as a worker of the cluster rows: `Stream produce|consume CONFIG` (see cluster_faults/stream.py). */
public final class Stream {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final int FILLER = 200;
    private static final CountDownLatch ended = new CountDownLatch(1);
    private static final PrintStream out = new PrintStream(System.out, false, StandardCharsets.UTF_8);
    private static volatile boolean stopping;

    private static byte[] valueOf(String name, long number) {
        String head = name + " " + number + " ";
        String filler = String.valueOf((char) ('a' + number % 26)).repeat(FILLER - head.length());
        return (head + filler).getBytes(StandardCharsets.UTF_8);
    }

    private static String headOf(byte[] value) {
        String[] words = new String(value, StandardCharsets.UTF_8).split(" ", 3);
        boolean right = words.length == 3 && words[1].matches("\\d+")
                && java.util.Arrays.equals(valueOf(words[0], Long.parseLong(words[1])), value);
        return right ? words[0] + " " + words[1] : "damaged: " + new String(value, StandardCharsets.UTF_8);
    }

    private static ObjectNode event(String name) {
        return JSON.createObjectNode().put("event", name).put("at", System.nanoTime() / 1e9);
    }

    private static synchronized void tell(ObjectNode event) {
        out.println(event);
    }

    private static Properties settings(JsonNode config) {
        var settings = new Properties();
        settings.put("bootstrap.servers", config.get("bootstrap").asText());
        settings.put("reconnect.backoff.max.ms", "500");
        if (config.has("settings")) {
            JsonNode own = config.get("settings");
            own.fieldNames().forEachRemaining(name -> settings.put(name, own.get(name).asText()));
        }
        return settings;
    }

    private static void produce(JsonNode config) throws InterruptedException {
        var settings = settings(config);
        settings.putIfAbsent("linger.ms", "2");
        settings.put("acks", "all");
        settings.put("enable.idempotence", "true");
        settings.put("delivery.timeout.ms", "600000");
        settings.put("max.block.ms", "600000");
        int partitions = config.get("partitions").asInt();
        double rate = config.get("rate").asDouble();
        String topic = config.get("topic").asText(), name = config.get("name").asText();
        var producer = new KafkaProducer<>(settings, new ByteArraySerializer(), new ByteArraySerializer());
        producer.partitionsFor(topic);
        tell(event("ready"));
        var answered = new AtomicLong();
        long began = System.nanoTime(), sent = 0;
        while (!stopping) {
            long due = (long) ((System.nanoTime() - began) / 1e9 * rate);
            for (; sent < due && !stopping; sent++) {
                long number = sent;
                int partition = (int) (number % partitions);
                producer.send(new ProducerRecord<>(topic, partition, null, valueOf(name, number)), (where, error) -> {
                    answered.incrementAndGet();
                    if (error == null) {
                        tell(event("ack").put("p", partition).put("o", where.offset()).put("n", number));
                    } else {
                        tell(event("failed").put("p", partition).put("n", number).put("error", error.toString()));
                    }
                });
            }
            Thread.sleep(5);
            out.flush();
        }
        producer.close(Duration.ofSeconds(config.path("flush_seconds").asInt(60)));
        tell(event("end").put("sent", sent).put("left", sent - answered.get()));
    }

    private static void consume(JsonNode config) {
        var settings = settings(config);
        settings.put("enable.auto.commit", "false");
        settings.put("auto.offset.reset", "none"); // an offset out of range would be a loss
        try (var consumer = new KafkaConsumer<>(settings, new ByteArrayDeserializer(), new ByteArrayDeserializer())) {
            List<TopicPartition> all = new ArrayList<>();
            for (int partition = 0; partition < config.get("partitions").asInt(); partition++) {
                all.add(new TopicPartition(config.get("topic").asText(), partition));
            }
            consumer.assign(all);
            all.forEach(partition -> consumer.seek(partition, 0));
            tell(event("ready"));
            while (!stopping) {
                try {
                    for (ConsumerRecord<byte[], byte[]> record : consumer.poll(Duration.ofMillis(100))) {
                        tell(event("read").put("p", record.partition()).put("o", record.offset()).put("v", headOf(record.value())));
                    }
                } catch (KafkaException error) {
                    tell(event("error").put("error", error.toString()));
                }
                out.flush();
            }
        }
    }

    public static void main(String[] arguments) throws Exception {
        Runtime.getRuntime().addShutdownHook(new Thread(() -> {
            stopping = true;
            try {
                ended.await(90, TimeUnit.SECONDS);
            } catch (InterruptedException interrupted) {
                Thread.currentThread().interrupt();
            }
        }));
        try {
            JsonNode config = JSON.readTree(arguments[1]);
            if (arguments[0].equals("produce")) {
                produce(config);
            } else {
                consume(config);
            }
        } finally {
            out.flush();
            ended.countDown();
        }
    }
}
