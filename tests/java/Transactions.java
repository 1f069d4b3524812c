// Writes records in transactions that are committed or aborted, one transaction per line of standard input:
// the first line has the brokers, each other one "commit" or "abort", topic, key and value, separated by tabs.

import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.util.Map;
import org.apache.kafka.clients.producer.KafkaProducer;
import org.apache.kafka.clients.producer.ProducerRecord;
import org.apache.kafka.common.serialization.StringSerializer;

public class Transactions {
    public static void main(String[] arguments) throws Exception {
        BufferedReader input = new BufferedReader(new InputStreamReader(System.in));
        Map<String, Object> settings = Map.of(
            "bootstrap.servers", input.readLine(),
            "transactional.id", "transactions-" + ProcessHandle.current().pid());
        StringSerializer text = new StringSerializer();
        try (KafkaProducer<String, String> producer = new KafkaProducer<>(settings, text, text)) {
            producer.initTransactions();
            for (String line = input.readLine(); line != null; line = input.readLine()) {
                String[] fields = line.split("\t");
                producer.beginTransaction();
                producer.send(new ProducerRecord<>(fields[1], fields[2], fields[3]));
                producer.flush();
                if (fields[0].equals("commit")) {
                    producer.commitTransaction();
                } else {
                    producer.abortTransaction();
                }
            }
        }
    }
}
