//! Sends each line of standard input as a record: `produce SERVERS TOPIC [KEY=VALUE...]`, the latter configuration under
//! Kafka's own names, such as `compression.type=zstd`. `KEY<tab>VALUE` lines have a key.

#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::error::Error;
use std::time::Duration;

use kconnect_client::config::{ProducerConfig, Properties};
use kconnect_client::producer::{Producer, ProducerRecord};
use tokio::io::{AsyncBufReadExt, BufReader};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(servers), Some(topic)) = (arguments.next(), arguments.next()) else {
        return Err("usage: produce SERVERS TOPIC [KEY=VALUE...]".into());
    };
    let mut properties = Properties::default();
    properties.set("bootstrap.servers", servers);
    for argument in arguments {
        let (key, value) = argument.split_once('=').ok_or("no = in KEY=VALUE")?;
        properties.set(key, value);
    }
    let config =
        ProducerConfig::from_properties(&mut properties).map_err(kconnect_client::Error::from)?;
    let producer = Producer::new(config)?;

    let mut lines = BufReader::new(tokio::io::stdin()).lines();
    let mut sent = 0;
    while let Some(line) = lines.next_line().await? {
        let mut record = ProducerRecord::to(&topic);
        match line.split_once('\t') {
            Some((key, value)) => record = record.key(key.as_bytes()).value(value.as_bytes()),
            None => record = record.value(line.as_bytes()),
        }
        // Serialized into its batch already: the line is not needed any more.
        producer.enqueue(record).await?;
        sent += 1;
    }
    // Fails if one of them was not acknowledged.
    producer.flush().await?;
    println!("{sent} records are acknowledged");
    producer.close(Duration::from_secs(10)).await;
    Ok(())
}
