// kafka-connect-client, the client in AKHQ: everything it can ask for, through the life of connectors.
// Arguments and output are those of the programs in ../rest.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.MapperFeature;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.SerializationFeature;
import com.fasterxml.jackson.databind.json.JsonMapper;
import java.util.ArrayList;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Objects;
import java.util.TreeMap;
import java.util.concurrent.Callable;
import org.sourcelab.kafka.connect.apiclient.Configuration;
import org.sourcelab.kafka.connect.apiclient.KafkaConnectClient;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorDefinition;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorPluginConfigDefinition;
import org.sourcelab.kafka.connect.apiclient.request.dto.ConnectorStatus;
import org.sourcelab.kafka.connect.apiclient.request.dto.NewConnectorDefinition;
import org.sourcelab.kafka.connect.apiclient.request.post.PostConnectorRestart;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.ConcurrentConfigModificationException;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.InvalidRequestException;
import org.sourcelab.kafka.connect.apiclient.rest.exceptions.ResourceNotFoundException;

public class RestClient {
    private static final ObjectMapper JSON = JsonMapper.builder()
        .enable(MapperFeature.SORT_PROPERTIES_ALPHABETICALLY)
        .enable(SerializationFeature.ORDER_MAP_ENTRIES_BY_KEYS)
        .build();
    // A loaded machine is slow.
    private static final long PATIENCE_MS = 120_000;

    private final KafkaConnectClient client;
    private final String source;
    private final String topic;
    private final String directory;

    private RestClient(String url, String prefix, String directory) {
        this.client = new KafkaConnectClient(new Configuration(url));
        this.source = prefix + "-src";
        this.topic = prefix + "-lines";
        this.directory = directory;
    }

    public static void main(String[] arguments) throws Exception {
        new RestClient(arguments[0], arguments[1], arguments[2]).live();
    }

    private void live() throws Exception {
        show("cluster", notNull(client.getConnectServerVersion().getVersion(), client.getConnectServerVersion().getCommit(),
            client.getConnectServerVersion().getKafkaClusterId()));
        show("no connectors", client.getConnectors());
        show("plugins", client.getConnectorPlugins().stream().filter(plugin -> plugin.getClassName().contains(".file."))
            .map(plugin -> plugin.getClassName() + " " + plugin.getType()).sorted().toList());
        validate();
        create();
        look();
        change();
        restart();
        refuse();
        calm(() -> client.deleteConnector(source));
        until("gone", client::getConnectors, List.of());
    }

    private void validate() throws Exception {
        var definition = ConnectorPluginConfigDefinition.newBuilder().withName("FileStreamSource")
            .withConfig("connector.class", "FileStreamSource").withConfig("tasks.max", "none").build();
        var result = client.validateConnectorPluginConfig(definition);
        Map<String, Object> errors = new TreeMap<>();
        for (var config : result.getConfigs()) {
            if (!config.getValue().getErrors().isEmpty()) {
                errors.put(config.getValue().getName(), config.getValue().getErrors());
            }
        }
        show("validation", List.of(result.getName(), result.getErrorCount(), errors));
    }

    private void create() throws Exception {
        ConnectorDefinition created = calm(() -> client.addConnector(NewConnectorDefinition.newBuilder()
            .withName(source).withConfig(config()).build()));
        show("created", List.of(created.getName(), created.getType(), new TreeMap<>(created.getConfig())));
        until("runs", this::states, List.of("RUNNING", "RUNNING"));
    }

    private void look() throws Exception {
        show("list", client.getConnectors());
        show("list with everything", client.getConnectorsWithAllExpandedMetadata().getMappedStatuses());
        show("definitions", client.getConnectorsWithAllExpandedMetadata().getMappedDefinitions());
        show("list with statuses", client.getConnectorsWithExpandedStatus().getAllStatuses());
        show("list with definitions", client.getConnectorsWithExpandedInfo().getAllDefinitions());
        show("connector", client.getConnector(source));
        show("config", client.getConnectorConfig(source));
        show("status", client.getConnectorStatus(source));
        show("tasks", client.getConnectorTasks(source));
        show("task", client.getConnectorTaskStatus(source, 0));
        until("topics", () -> client.getConnectorTopics(source).getTopics(), List.of(topic));
        show("reset of topics", client.resetConnectorTopics(source));
        until("topics, reset", () -> client.getConnectorTopics(source).getTopics(), List.of());
    }

    private void change() throws Exception {
        Map<String, String> changed = config();
        changed.put("batch.size", "9");
        show("updated", calm(() -> client.updateConnectorConfig(source, changed)).getConfig());
        until("runs with another configuration", this::states, List.of("RUNNING", "RUNNING"));
        show("pause", client.pauseConnector(source));
        until("pauses", this::states, List.of("PAUSED", "PAUSED"));
        show("resume", client.resumeConnector(source));
        until("goes on", this::states, List.of("RUNNING", "RUNNING"));
        show("stop", client.stopConnector(source));
        until("stopped", this::states, List.of("STOPPED"));
        show("resume", client.resumeConnector(source));
        until("goes on after a stop", this::states, List.of("RUNNING", "RUNNING"));
    }

    private void restart() throws Exception {
        show("restart", calm(() -> client.restartConnector(source)));
        until("runs after a restart", this::states, List.of("RUNNING", "RUNNING"));
        show("restart of everything", calm(() -> client.restartConnector(
            new PostConnectorRestart(source).withIncludeTasks(true).withOnlyFailed(false))));
        until("runs after a restart of everything", this::states, List.of("RUNNING", "RUNNING"));
        show("restart of a task", calm(() -> client.restartConnectorTask(source, 0)));
        until("runs after a restart of its task", this::states, List.of("RUNNING", "RUNNING"));
    }

    private void refuse() throws Exception {
        refused("connector that is not there", () -> client.getConnector("nobody"));
        refused("status that is not there", () -> client.getConnectorStatus("nobody"));
        refused("task that is not there", () -> client.getConnectorTaskStatus(source, 7));
        refused("delete of nobody", () -> client.deleteConnector("nobody"));
        refused("the same name again", () -> client.addConnector(
            NewConnectorDefinition.newBuilder().withName(source).withConfig(config()).build()));
        refused("no class", () -> client.addConnector(
            NewConnectorDefinition.newBuilder().withName("x").withConfig("topic", "t").build()));
    }

    private Map<String, String> config() {
        Map<String, String> config = new HashMap<>();
        config.put("name", source);
        config.put("connector.class", "FileStreamSource");
        config.put("tasks.max", "1");
        config.put("file", directory + "/in.txt");
        config.put("topic", topic);
        return config;
    }

    private List<String> states() {
        ConnectorStatus status = client.getConnectorStatus(source);
        List<String> states = new ArrayList<>();
        states.add(status.getConnector().get("state"));
        status.getTasks().forEach(task -> states.add(task.getState()));
        return states;
    }

    private static boolean notNull(Object... values) {
        return List.of(values).stream().allMatch(Objects::nonNull);
    }

    private static void show(String step, Object value) throws Exception {
        JsonNode tree = JSON.valueToTree(value);
        System.out.println("= " + step + ": " + JSON.writeValueAsString(JSON.treeToValue(tree, Object.class)));
    }

    /** Asks until the answer is what is wanted. */
    private static void until(String what, Callable<? extends Collection<String>> ask, List<String> wanted) throws Exception {
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        while (true) {
            Object answer;
            try {
                answer = new ArrayList<>(ask.call());
            } catch (ResourceNotFoundException | ConcurrentConfigModificationException error) {
                answer = error;
            }
            if (wanted.equals(answer)) {
                show(what, answer);
                return;
            }
            if (System.currentTimeMillis() > deadline) {
                throw new AssertionError(what + ": never " + wanted + ", at last " + answer);
            }
            Thread.sleep(100);
        }
    }

    /** Repeats what is refused because the group rebalances. */
    private static <T> T calm(Callable<T> call) throws Exception {
        long deadline = System.currentTimeMillis() + PATIENCE_MS;
        while (true) {
            try {
                return call.call();
            } catch (ConcurrentConfigModificationException error) {
                if (System.currentTimeMillis() > deadline) {
                    throw error;
                }
            }
            Thread.sleep(200);
        }
    }

    private static void refused(String step, Callable<?> call) throws Exception {
        try {
            throw new AssertionError(step + ": not refused but " + call.call());
        } catch (InvalidRequestException error) {
            show(step, List.of(error.getClass().getSimpleName(), error.getErrorCode(), error.getMessage()));
        }
    }
}
