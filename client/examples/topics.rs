//! Creates, lists, describes and deletes topics: `topics SERVERS create NAME PARTITIONS`, `topics SERVERS list`,
//! `topics SERVERS describe NAME`, `topics SERVERS delete NAME`.

#![expect(clippy::print_stdout, reason = "it is what this program is for")]

use std::error::Error;

use kconnect_client::admin::{Admin, NewTopic};
use kconnect_client::config::AdminConfig;

const USAGE: &str =
    "usage: topics SERVERS (create NAME PARTITIONS | list | describe NAME | delete NAME)";

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let arguments: Vec<&str> = arguments.iter().map(|argument| &**argument).collect();
    let [servers, command @ ..] = &arguments[..] else {
        return Err(USAGE.into());
    };
    let admin = Admin::new(&AdminConfig::new(servers))?;
    match command {
        ["create", name, partitions] => {
            let mut topic = NewTopic::new(*name);
            topic.num_partitions = Some(partitions.parse()?);
            admin.create_topic(&topic).await?;
            println!("created {name}");
        }
        ["list"] => {
            for topic in admin.list_topics().await? {
                println!("{}", topic.name);
            }
        }
        ["describe", name] => {
            for partition in &admin.describe_topic(name).await?.partitions {
                let leader = partition.leader.map(|leader| leader.to_string());
                let leader = leader.as_deref().unwrap_or("none");
                println!("{name}-{}: leader {leader}", partition.index);
            }
        }
        ["delete", name] => {
            admin.delete_topic(name).await?;
            println!("deleted {name}");
        }
        _ => return Err(USAGE.into()),
    }
    admin.close().await;
    Ok(())
}
