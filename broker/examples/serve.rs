//! Runs a broker on its own, as `kconnect broker` does: `serve [ADDRESS [DIRECTORY]]`.

use std::error::Error;

use kconnect_broker::{Broker, Options, Profile};

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let mut options = Options::default();
    if let Some(listen) = arguments.next() {
        options.listen = listen.parse()?;
    }
    options.dir = arguments
        .next()
        .filter(|dir| !dir.is_empty())
        .map(Into::into);
    options.profile = match arguments.next().as_deref() {
        None | Some("4.3") => Profile::Kafka43,
        Some("3.9") => Profile::Kafka39,
        Some("2.8") => Profile::Kafka28,
        Some("redpanda") => Profile::Redpanda,
        Some(other) => return Err(format!("no such profile: {other}").into()),
    };
    let broker = Broker::start(options).await?;
    #[expect(clippy::print_stdout, reason = "whoever started this wants to know")]
    {
        println!("bootstrap.servers={}", broker.bootstrap_servers());
    }
    tokio::signal::ctrl_c().await?;
    broker.stop().await;
    Ok(())
}
