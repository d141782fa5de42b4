//! Sends durable messages until it is killed, and says which of them are accepted: `durable_sender URL DIRECTORY FIRST`.
//! Without FIRST it only sends what is left in the directory, and ends.

#![expect(clippy::print_stdout, reason = "the test that starts it reads what is accepted")]

use std::{env, error::Error, time::Duration};

use nexus_core::{
    driver::{Client, Notice},
    manager::Config,
};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<_> = env::args().skip(1).collect();
    let [url, directory, rest @ ..] = args.as_slice() else { return Err("URL DIRECTORY [FIRST]".into()) };
    let mut config = Config::new(url)?;
    config.reconnect.initial_delay = Duration::from_millis(20);
    config.reconnect.max_delay = Duration::from_millis(100);
    let client = Client::builder(config).store(directory).build()?;
    let mut notices = client.notices();
    match rest.first() {
        Some(first) => {
            let connecting = client.clone();
            tokio::spawn(async move { connecting.connect("ada", "good").await });
            tokio::task::yield_now().await;
            for label in first.parse::<u64>()?.. {
                client.emit_durable("realtime", "count", &label)?.accepted().await?;
                println!("accepted {label}");
            }
        }
        None => {
            client.connect("ada", "good").await?;
            println!("connected");
            let mut left = 0;
            loop {
                match notices.recv().await.ok_or("closed")? {
                    Notice::Restored { messages, unreadable } => {
                        left += messages.len();
                        println!("restored {} {unreadable}", messages.len());
                    }
                    Notice::Delivery { status, .. } if status.is_final() => {
                        left -= 1;
                        println!("{}", status.as_str());
                        if left == 0 {
                            break;
                        }
                    }
                    _ => {}
                }
            }
            client.close().await;
        }
    }
    Ok(())
}
