//! The binary `nexus-server`: reads the settings, runs the application, stops on SIGTERM or SIGINT.

use std::{
    env,
    error::Error,
    io::{self, IsTerminal, Write},
    process::ExitCode,
};

use clap::Parser;
use nexus_server::app::{App, Args, Secret, Settings};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::EnvFilter;

/// Exit code for settings that the server can't be started with, as clap has it for arguments.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let args = Args::parse();
    let settings = match Settings::new(&args, |name| env::var_os(name)) {
        Ok(settings) => settings,
        Err(error) => return fail(&error, USAGE),
    };
    match EnvFilter::try_new(&args.log) {
        Ok(filter) => tracing_subscriber::fmt()
            .with_env_filter(filter)
            .with_writer(io::stderr)
            .with_ansi(io::stderr().is_terminal())
            .init(),
        Err(error) => return fail(&error, USAGE),
    }
    match run(settings) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&*error, 1),
    }
}

#[tokio::main]
async fn run(settings: Settings) -> Result<(), Box<dyn Error>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    let (demo, secret_is_made_up) = (settings.demo, settings.secret_is_made_up);
    if settings.secret.is_short() {
        tracing::warn!("JWT_SECRET has fewer than {} bytes: it can be guessed from a token", Secret::SAFE_BYTES);
    }
    let app = App::bind(settings).await?;
    if demo {
        tracing::warn!("demo: POST /demo/token gives a token for any user to whoever asks");
    }
    if secret_is_made_up {
        tracing::warn!("demo: the secret is made up, so tokens end with this process");
    }
    writeln!(io::stdout(), "listening on http://{}", app.local_addr())?;
    app.run(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
    .await;
    Ok(())
}

fn fail(error: &(dyn Error + 'static), code: u8) -> ExitCode {
    // With standard error closed there is nobody to tell.
    let _ = writeln!(io::stderr(), "nexus-server: {error}");
    ExitCode::from(code)
}
