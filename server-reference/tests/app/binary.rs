use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Output, Stdio},
};

use crate::test_app::SECRET;

fn command(args: &[&str], variables: &[(&str, &str)]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_nexus-server"));
    // Where nothing else is said data goes to the folder in which it is started.
    command.env_clear().current_dir(env!("CARGO_TARGET_TMPDIR")).args(args).envs(variables.iter().copied());
    command
}

fn output(args: &[&str], variables: &[(&str, &str)]) -> Output {
    command(args, variables).output().unwrap()
}

/// Starts a server and returns it with its first line.
fn start(args: &[&str], variables: &[(&str, &str)]) -> (Child, String) {
    let mut command = command(args, variables);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut line = String::new();
    BufReader::new(child.stdout.as_mut().unwrap()).read_line(&mut line).unwrap();
    (child, line)
}

/// Signals the server and returns its exit code and what it logged.
fn stop(mut child: Child, signal: &str) -> (Option<i32>, String) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
    let mut log = String::new();
    child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
    (child.wait().unwrap().code(), log)
}

#[test]
fn it_refuses_to_start_without_a_secret_and_says_what_to_do() {
    let output = output(&[], &[]);
    assert_eq!(output.status.code(), Some(2));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("JWT_SECRET") && text.contains("--demo"), "{text}");
    assert!(output.stdout.is_empty());
}

#[test]
fn it_refuses_settings_without_effect() {
    for name in ["REDIS_URL", "DATABASE_URL", "TLS_CERT", "TLS_KEY", "FCM_SERVICE_ACCOUNT", "API_KEY"] {
        let output = output(&["--demo"], &[(name, "/somewhere")]);
        assert_eq!(output.status.code(), Some(2), "{name}");
        let text = String::from_utf8(output.stderr).unwrap();
        assert!(text.contains(name) && !text.contains("/somewhere"), "{text}");
    }
    let output = output(&["--demo"], &[("RATE_LIMIT_MESSAGES_PER_MINUTE", "200")]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn it_refuses_bad_values() {
    for (args, variables) in [
        (&["--demo", "--port", "70000"][..], &[][..]),
        (&["--demo"], &[("BIND", "somewhere")]),
        (&["--demo"], &[("ALLOWED_ORIGIN", "example.com")]),
        (&["--demo"], &[("LOG", "info,=[")]),
    ] {
        assert_eq!(output(args, variables).status.code(), Some(2), "{args:?} {variables:?}");
    }
}

#[test]
fn help_names_the_variables_and_shows_no_values() {
    let variables = [("JWT_SECRET", SECRET), ("JWT_ISSUER", "issuer-value"), ("LOG", "log-value")];
    let output = output(&["--help"], &variables);
    let text = String::from_utf8(output.stdout).unwrap();
    for name in ["JWT_SECRET", "ALLOWED_ORIGIN", "PORT", "BIND", "LOG", "JWT_ISSUER", "JWT_AUDIENCE"] {
        assert!(text.contains(name), "{name} is not in {text}");
    }
    for value in [SECRET, "issuer-value", "log-value"] {
        assert!(!text.contains(value), "{text}");
    }
}

#[test]
fn it_says_where_it_listens_and_stops_on_signals() {
    for (signal, args, variables) in [
        ("-TERM", &["--demo"][..], &[("PORT", "0")][..]),
        (
            "-INT",
            &["--data-dir", "signals"],
            &[("PORT", "0"), ("BIND", "127.0.0.1"), ("JWT_SECRET", SECRET), ("LOG", "trace")],
        ),
    ] {
        let (child, line) = start(args, variables);
        let port = line.trim().strip_prefix("listening on http://127.0.0.1:").unwrap_or_else(|| panic!("{line}"));
        assert_ne!(port.parse::<u16>().unwrap(), 0);
        let (code, log) = stop(child, signal);
        assert_eq!(code, Some(0), "{log}");
        assert!(!log.contains(SECRET), "{log}");
    }
}

#[test]
fn a_data_folder_that_cannot_be_used_is_told_in_one_line() {
    let file = concat!(env!("CARGO_TARGET_TMPDIR"), "/file");
    std::fs::write(file, "").unwrap();
    let folder = format!("{file}/data");
    let output = output(&["--demo", "--port", "0", "--data-dir", &folder], &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.starts_with(&format!("nexus-server: the data folder {folder} can't be written")), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
}

#[test]
fn a_folder_has_one_server() {
    let (child, line) = start(&["--demo", "--port", "0", "--data-dir", "shared"], &[]);
    assert!(line.starts_with("listening"), "{line}");
    let output = output(&["--demo", "--port", "0", "--data-dir", "shared"], &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains("shared is in use by another server"), "{text}");
    assert_eq!(stop(child, "-TERM").0, Some(0));
}

#[test]
fn a_port_in_use_is_told() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = taken.local_addr().unwrap().port().to_string();
    let output = output(&["--demo", "--port", &port], &[]);
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).unwrap();
    assert!(text.contains(&format!("can't listen on 127.0.0.1:{port}")), "{text}");
}
