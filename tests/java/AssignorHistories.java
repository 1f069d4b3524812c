package org.apache.kafka.connect.runtime.distributed;

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.lang.reflect.Proxy;
import java.util.Collection;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.Set;
import java.util.TreeMap;
import java.util.TreeSet;
import java.util.stream.Collectors;
import org.apache.kafka.common.utils.LogContext;
import org.apache.kafka.common.utils.Time;
import org.apache.kafka.connect.runtime.distributed.WorkerCoordinator.ConnectorsAndTasks;
import org.apache.kafka.connect.storage.ClusterConfigState;
import org.apache.kafka.connect.util.ConnectorTaskId;

/**
 * Plays histories of rebalances to Kafka's own assignor and prints what it decides, for a comparison with ours.
 *
 * <p>A line {@code H maxDelayMs} begins a history; a line {@code now last generation connectors members} with tabs between
 * is one round, where connectors is {@code name=tasks,...} and members is {@code id:work work;...} with {@code name} for a
 * connector and {@code name/3} for a task.
 */
public class AssignorHistories {
    private static long now;

    public static void main(String[] arguments) throws Exception {
        Time time = (Time) Proxy.newProxyInstance(Time.class.getClassLoader(), new Class<?>[] {Time.class},
            (proxy, method, values) -> now);
        BufferedReader in = new BufferedReader(new InputStreamReader(System.in));
        IncrementalCooperativeAssignor assignor = null;
        for (String line = in.readLine(); line != null; line = in.readLine()) {
            if (line.startsWith("H ")) {
                assignor = new IncrementalCooperativeAssignor(new LogContext(), time, Integer.parseInt(line.substring(2)));
                continue;
            }
            System.out.println(round(assignor, line.split("\t", -1)));
        }
    }

    private static String round(IncrementalCooperativeAssignor assignor, String[] fields) {
        now = Long.parseLong(fields[0]);
        Map<String, ConnectorsAndTasks> members = new HashMap<>();
        for (String member : fields[4].split(";")) {
            int colon = member.indexOf(':');
            members.put(member.substring(0, colon), work(member.substring(colon + 1)));
        }
        var decided = assignor.performTaskAssignment(configured(fields[3]), Integer.parseInt(fields[1]),
            Integer.parseInt(fields[2]), members);
        Map<String, String> answers = new TreeMap<>();
        for (String member : members.keySet()) {
            answers.put(member, member
                + " +" + text(decided.newlyAssignedConnectors(member), decided.newlyAssignedTasks(member))
                + " -" + text(decided.newlyRevokedConnectors(member), decided.newlyRevokedTasks(member)));
        }
        return assignor.delay + "\t" + String.join("\t", answers.values());
    }

    private static ConnectorsAndTasks work(String text) {
        Set<String> connectors = new TreeSet<>();
        Set<ConnectorTaskId> tasks = new TreeSet<>();
        for (String piece : text.isEmpty() ? new String[0] : text.split(" ")) {
            int slash = piece.indexOf('/');
            if (slash < 0) {
                connectors.add(piece);
            } else {
                tasks.add(new ConnectorTaskId(piece.substring(0, slash), Integer.parseInt(piece.substring(slash + 1))));
            }
        }
        return new ConnectorsAndTasks.Builder().with(connectors, tasks).build();
    }

    private static ClusterConfigState configured(String text) {
        Map<String, Integer> counts = new HashMap<>();
        Map<String, Map<String, String>> configs = new HashMap<>();
        for (String connector : text.isEmpty() ? new String[0] : text.split(",")) {
            int equals = connector.indexOf('=');
            counts.put(connector.substring(0, equals), Integer.parseInt(connector.substring(equals + 1)));
            configs.put(connector.substring(0, equals), Map.of());
        }
        return new ClusterConfigState(0, null, counts, configs, Map.of(), Map.of(), Map.of(), Map.of(), Map.of(), Set.of(),
            Set.of());
    }

    private static String text(Collection<String> connectors, Collection<ConnectorTaskId> tasks) {
        List<String> pieces = new TreeSet<>(connectors).stream().collect(Collectors.toList());
        new TreeSet<>(tasks).forEach(task -> pieces.add(task.connector() + "/" + task.task()));
        return String.join(" ", pieces);
    }
}
