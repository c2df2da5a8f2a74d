import java.io.BufferedOutputStream;
import java.io.File;
import java.io.PrintStream;
import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.lang.reflect.Modifier;
import java.lang.reflect.ParameterizedType;
import java.nio.ByteBuffer;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Random;
import java.util.TreeSet;
import java.util.jar.JarFile;
import org.apache.kafka.common.Uuid;
import org.apache.kafka.common.message.ApiMessageType;
import org.apache.kafka.common.message.RequestHeaderData;
import org.apache.kafka.common.message.ResponseHeaderData;
import org.apache.kafka.common.protocol.Message;
import org.apache.kafka.common.protocol.MessageUtil;
import org.apache.kafka.common.protocol.types.BoundField;
import org.apache.kafka.common.protocol.types.RawTaggedField;
import org.apache.kafka.common.protocol.types.Schema;
import org.apache.kafka.common.protocol.types.TaggedFields;
import org.apache.kafka.common.protocol.types.Type;
import org.apache.kafka.common.record.internal.BaseRecords;
import org.apache.kafka.common.record.internal.MemoryRecords;

/**
 * Writes random messages, encoded by Kafka's own classes, as lines "api_key,version,kind,hex": those of all APIs at all
 * versions, the headers, and the data records found in the jars of the class path. Kafka's run-time schemas say which
 * fields a version has and which may be null; reflection sets them.
 *
 * <p>Arguments: seed, instances of each message and version.
 */
public class RandomMessages {
    private static final String[] TEXT = {"a", "Z", "-", ".", "\"", "\\", "\n", "\u00e9", "\u20ac", "\ud83c\udf0a"};
    private static final String[] DATA_PACKAGES = {"org/apache/kafka/common/message/", "org/apache/kafka/coordinator/"};

    private final Random random;
    private final int instances;
    private final PrintStream out;
    private final Map<Class<?>, TreeSet<Integer>> knownTags = new HashMap<>();

    private RandomMessages(long seed, int instances, PrintStream out) {
        this.random = new Random(seed);
        this.instances = instances;
        this.out = out;
    }

    public static void main(String[] arguments) throws Exception {
        try (PrintStream out = new PrintStream(new BufferedOutputStream(System.out, 1 << 16))) {
            var messages = new RandomMessages(Long.parseLong(arguments[0]), Integer.parseInt(arguments[1]), out);
            messages.apis();
            messages.data();
        }
    }

    private void apis() throws Exception {
        for (ApiMessageType api : ApiMessageType.values()) {
            if (api.lowestSupportedVersion() > api.highestSupportedVersion(true)) {
                continue;  // removed
            }
            short key = api.apiKey();
            every(api.newRequest().getClass(), key, "request");
            every(api.newResponse().getClass(), key, "response");
            for (short v = api.lowestSupportedVersion(); v <= api.highestSupportedVersion(true); ++v) {
                print(key, v, "reqheader:v" + v, make(RequestHeaderData.class, api.requestHeaderVersion(v)),
                    api.requestHeaderVersion(v));
                print(key, v, "resheader:v" + v, make(ResponseHeaderData.class, api.responseHeaderVersion(v)),
                    api.responseHeaderVersion(v));
            }
        }
    }

    private void data() throws Exception {
        for (String path : System.getProperty("java.class.path").split(File.pathSeparator)) {
            if (!path.endsWith(".jar")) {
                continue;
            }
            try (JarFile jar = new JarFile(path)) {
                for (var entries = jar.entries(); entries.hasMoreElements();) {
                    String name = entries.nextElement().getName();
                    if (isData(name)) {
                        dataClass(Class.forName(name.substring(0, name.length() - 6).replace('/', '.')));
                    }
                }
            }
        }
    }

    private static boolean isData(String path) {
        boolean inPackage = path.startsWith(DATA_PACKAGES[0])
            || path.startsWith(DATA_PACKAGES[1]) && path.contains("/generated/");
        return inPackage && path.endsWith(".class") && !path.contains("$") && !path.endsWith("JsonConverter.class")
            && !path.endsWith("RequestData.class") && !path.endsWith("ResponseData.class")
            && !path.endsWith("HeaderData.class");
    }

    private void dataClass(Class<?> type) throws Exception {
        if (Message.class.isAssignableFrom(type) && !Modifier.isAbstract(type.getModifiers())) {
            every(type, (short) -1, "data:" + type.getSimpleName());
        }
    }

    private void every(Class<?> type, short key, String kind) throws Exception {
        Message empty = (Message) type.getConstructor().newInstance();
        for (short v = empty.lowestSupportedVersion(); v <= empty.highestSupportedVersion(); ++v) {
            print(key, v, kind, unset(type, v), v);
            for (int i = 0; i < instances; ++i) {
                print(key, v, kind, make(type, v), v);
            }
        }
    }

    private void print(short key, short version, String kind, Message message, short messageVersion) {
        ByteBuffer bytes = MessageUtil.toByteBufferAccessor(message, messageVersion).buffer();
        StringBuilder line = new StringBuilder();
        line.append(key).append(',').append(version).append(',').append(kind).append(',');
        while (bytes.hasRemaining()) {
            int value = bytes.get() & 0xff;
            line.append(Character.forDigit(value >> 4, 16)).append(Character.forDigit(value & 15, 16));
        }
        out.print(line.append('\n'));
    }

    private static Schema schema(Class<?> type, short version) throws Exception {
        Schema[] schemas = (Schema[]) type.getField("SCHEMAS").get(null);
        return schemas[version];
    }

    /** The default instance, but for records that must not be null and are by default. */
    private Message unset(Class<?> type, short version) throws Exception {
        return fill(type, version, schema(type, version), false);
    }

    private Message make(Class<?> type, short version) throws Exception {
        return fill(type, version, schema(type, version), true);
    }

    private Message fill(Class<?> type, short version, Schema schema, boolean set) throws Exception {
        Message message = (Message) type.getConstructor().newInstance();
        for (BoundField bound : schema.fields()) {
            if (bound.def.type instanceof TaggedFields tagged) {
                for (var field : tagged.fields().values()) {
                    setField(message, field.name, field.type, version, set);
                }
                if (set && random.nextInt(4) == 0) {
                    unknownTags(message);
                }
            } else {
                setField(message, bound.def.name, bound.def.type, version, set);
            }
        }
        return message;
    }

    private void unknownTags(Message message) throws Exception {
        TreeSet<Integer> tags = new TreeSet<>();
        for (int i = 1 + random.nextInt(3); i > 0; --i) {
            tags.add(random.nextBoolean() ? random.nextInt(12) : random.nextInt(100_000));
        }
        tags.removeAll(knownTags(message.getClass()));
        for (int tag : tags) {
            message.unknownTaggedFields().add(new RawTaggedField(tag, bytes()));
        }
    }

    private TreeSet<Integer> knownTags(Class<?> type) throws Exception {
        TreeSet<Integer> known = knownTags.get(type);
        if (known == null) {
            known = new TreeSet<>();
            for (Schema schema : (Schema[]) type.getField("SCHEMAS").get(null)) {
                for (BoundField bound : schema == null ? new BoundField[0] : schema.fields()) {
                    if (bound.def.type instanceof TaggedFields tagged) {
                        known.addAll(tagged.fields().keySet());
                    }
                }
            }
            knownTags.put(type, known);
        }
        return known;
    }

    private void setField(Message message, String name, Type type, short version, boolean set) throws Exception {
        Field field = find(message.getClass(), name);
        boolean needed = field.get(message) == null && !type.isNullable();
        if (!needed && (!set || random.nextInt(8) == 0)) {
            return;  // as it is by default
        }
        if (type.isNullable() && random.nextInt(4) == 0) {
            field.set(message, null);
        } else {
            field.set(message, value(field, type, version));
        }
    }

    private static Field find(Class<?> type, String snakeName) throws Exception {
        String plain = snakeName.replace("_", "");
        for (Field field : type.getDeclaredFields()) {
            if (!Modifier.isStatic(field.getModifiers()) && field.getName().equalsIgnoreCase(plain)) {
                field.setAccessible(true);
                return field;
            }
        }
        throw new NoSuchFieldException(type + "." + snakeName);
    }

    private Object value(Field field, Type type, short version) throws Exception {
        if (!type.isArray()) {
            return single(field.getType(), type, version);
        }
        Type elementType = type.arrayElementType().get();
        Class<?> holder = field.getType();
        java.lang.reflect.Type generic = holder == List.class ? field.getGenericType() : holder.getGenericSuperclass();
        Class<?> element = (Class<?>) ((ParameterizedType) generic).getActualTypeArguments()[0];
        @SuppressWarnings("unchecked")
        Collection<Object> values = holder == List.class
            ? new ArrayList<>() : (Collection<Object>) holder.getConstructor().newInstance();
        for (int i = random.nextInt(60) == 0 ? 126 + random.nextInt(4) : random.nextInt(4); i > 0; --i) {
            values.add(single(element, elementType, version));
        }
        return values;
    }

    private Object single(Class<?> type, Type schemaType, short version) throws Exception {
        if (schemaType instanceof Schema schema) {
            return fill(type, version, schema, true);
        }
        if (schemaType == Type.UINT16) {
            return (int) integer() & 0xffff;
        }
        if (schemaType == Type.UNSIGNED_INT32) {
            return integer() & 0xffffffffL;
        }
        if (type == boolean.class) {
            return random.nextBoolean();
        } else if (type == byte.class || type == Byte.class) {
            return (byte) integer();
        } else if (type == short.class || type == Short.class) {
            return (short) integer();
        } else if (type == int.class || type == Integer.class) {
            return (int) integer();
        } else if (type == long.class || type == Long.class) {
            return integer();
        } else if (type == double.class) {
            return random.nextInt(8) == 0 ? Double.POSITIVE_INFINITY : random.nextGaussian() * 1e6;
        } else if (type == String.class) {
            return text();
        } else if (type == Uuid.class) {
            return new Uuid(random.nextLong(), random.nextLong());
        } else if (type == byte[].class) {
            return bytes();
        } else if (type == ByteBuffer.class) {
            return ByteBuffer.wrap(bytes());
        } else if (BaseRecords.class.isAssignableFrom(type)) {
            return MemoryRecords.readableRecords(ByteBuffer.wrap(bytes()));
        }
        throw new IllegalArgumentException("no random value of " + type);
    }

    private long integer() {
        long magnitude = random.nextLong() >>> random.nextInt(64);
        return random.nextInt(4) == 0 ? ~magnitude : magnitude;
    }

    private String text() {
        StringBuilder text = new StringBuilder();
        for (int i = random.nextInt(16) == 0 ? 100 + random.nextInt(60) : random.nextInt(8); i > 0; --i) {
            text.append(TEXT[random.nextInt(TEXT.length)]);
        }
        return text.toString();
    }

    private byte[] bytes() {
        byte[] bytes = new byte[random.nextInt(16) == 0 ? 126 + random.nextInt(4) : random.nextInt(12)];
        random.nextBytes(bytes);
        return bytes;
    }
}
