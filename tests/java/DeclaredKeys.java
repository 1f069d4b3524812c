import java.lang.reflect.Field;
import java.lang.reflect.Method;
import java.util.TreeMap;
import org.apache.kafka.clients.admin.AdminClientConfig;
import org.apache.kafka.clients.consumer.ConsumerConfig;
import org.apache.kafka.clients.producer.ProducerConfig;
import org.apache.kafka.common.config.ConfigDef;
import org.apache.kafka.connect.runtime.ConnectorConfig;
import org.apache.kafka.connect.runtime.SinkConnectorConfig;
import org.apache.kafka.connect.runtime.SourceConnectorConfig;
import org.apache.kafka.connect.runtime.TopicCreationConfig;
import org.apache.kafka.connect.runtime.distributed.Crypto;
import org.apache.kafka.connect.runtime.distributed.DistributedConfig;
import org.apache.kafka.connect.runtime.standalone.StandaloneConfig;

/**
 * Prints every key that Kafka declares, for a comparison with ours.
 *
 * <p>One line a key, with tabs between: definition, name, type, default, importance, group, order in the group, width, name
 * for display, dependents. A default of {@code *} says that the key is required, one of {@code ~} that it is null.
 */
public class DeclaredKeys {
    public static void main(String[] arguments) throws Exception {
        print("Standalone", staticField(StandaloneConfig.class, "CONFIG"));
        Method distributed = DistributedConfig.class.getDeclaredMethod("config", Crypto.class);
        distributed.setAccessible(true);
        print("Distributed", (ConfigDef) distributed.invoke(null, Crypto.SYSTEM));
        print("Connector", ConnectorConfig.configDef());
        print("Source", SourceConnectorConfig.configDef());
        print("Sink", SinkConnectorConfig.configDef());
        print("Topics", TopicCreationConfig.defaultGroupConfigDef());
        print("GroupOfTopics", TopicCreationConfig.configDef("GROUP", (short) -1, -1));
        print("Producer", ProducerConfig.configDef());
        print("Consumer", ConsumerConfig.configDef());
        print("Admin", AdminClientConfig.configDef());
    }

    private static ConfigDef staticField(Class<?> owner, String name) throws Exception {
        Field field = owner.getDeclaredField(name);
        field.setAccessible(true);
        return (ConfigDef) field.get(null);
    }

    private static void print(String definition, ConfigDef keys) {
        for (ConfigDef.ConfigKey key : new TreeMap<>(keys.configKeys()).values()) {
            if (key.internalConfig) {
                continue;
            }
            String value = !key.hasDefault() ? "*"
                : key.defaultValue == null ? "~" : ConfigDef.convertToString(key.defaultValue, key.type);
            System.out.println(String.join("\t", definition, key.name, key.type.name(), value, key.importance.name(),
                key.group == null ? "~" : key.group, Integer.toString(key.orderInGroup), key.width.name(), key.displayName,
                String.join(",", key.dependents)));
        }
    }
}
