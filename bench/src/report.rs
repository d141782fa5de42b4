//! Medians, ratios, and the page they are written to.

use std::fmt::Write;

/// Goals for the figures of our server, as a share of a peer's.
const FAN_OUT_OF_NODE: f64 = 1.0 / 4.0;
const ACKS_OF_NODE: f64 = 1.0 / 2.5;
const CPU_OF_BARE: f64 = 1.4;
const IDLE_KIB: f64 = 12.0;

/// What was measured of one server, a value for each round.
pub(crate) struct ServerFigures {
    name: &'static str,
    pub(crate) idle_kib: Vec<f64>,
    pub(crate) fan_out: Vec<f64>,
    pub(crate) busy_fan_out: Vec<f64>,
    pub(crate) acks: Vec<f64>,
}

/// What was measured of one client, a value for each round.
pub(crate) struct ClientFigures {
    name: &'static str,
    /// CPU milliseconds per 1,000 events, which come in a second.
    pub(crate) cpu_per_second: Vec<f64>,
    pub(crate) rss_mib: Vec<f64>,
}

/// Everything that one run measured.
pub(crate) struct Report {
    machine: Vec<String>,
    pub(crate) servers: Option<Vec<ServerFigures>>,
    pub(crate) clients: Option<Vec<ClientFigures>>,
    pub(crate) codec: Option<String>,
}

impl ServerFigures {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, idle_kib: Vec::new(), fan_out: Vec::new(), busy_fan_out: Vec::new(), acks: Vec::new() }
    }
}

impl ClientFigures {
    pub(crate) fn new(name: &'static str) -> Self {
        Self { name, cpu_per_second: Vec::new(), rss_mib: Vec::new() }
    }
}

impl Report {
    pub(crate) fn new(machine: Vec<String>) -> Self {
        Self { machine, servers: None, clients: None, codec: None }
    }

    pub(crate) fn to_markdown(&self) -> String {
        let mut page = String::from(
            "# Benchmarks\nWritten by `cargo xtask bench`, which measures everything in one run and in turn, so that \
             ratios hold even where\nthe machine is noisy. A figure is the median of its rounds, with the lowest and \
             the highest in parentheses.\n\n",
        );
        for line in &self.machine {
            line_of(&mut page, &format!("- {line}"));
        }
        if let Some(servers) = &self.servers {
            servers_section(&mut page, servers);
        }
        if let Some(clients) = &self.clients {
            clients_section(&mut page, clients);
        }
        if let Some(codec) = &self.codec {
            line_of(&mut page, "\n## Codec");
            line_of(&mut page, "Encoding and decoding of packets, beside a bare `serde_json` parse of the same bytes.");
            line_of(&mut page, &format!("\n```text\n{}\n```", codec.trim()));
        }
        page
    }
}

fn servers_section(page: &mut String, servers: &[ServerFigures]) {
    line_of(page, "\n## Servers");
    line_of(
        page,
        "Idle memory: resident KiB per WebSocket connection with one namespace joined, at 5,000, above the empty \
         server's.\nFan-out: CPU seconds (user and system) per million deliveries of an event of 200 bytes to a room \
         of 1,000, each\nbroadcast being sent when the one before has reached everybody; busy: eight under way at once, so \
         that a server may put\nseveral into one write. Acks: CPU seconds per 100,000 \
         acknowledged events, 100 connections\nwith one event each in flight. Every figure is of a fresh process. The \
         bare program does the same writes with\ntokio-tungstenite and nothing else: no sessions, heartbeats or\nchecks. It writes each delivery at once, and has queues for the busy fan-out.\n",
    );
    line_of(
        page,
        "| server | idle KiB/connection | fan-out CPU s/M | busy fan-out CPU s/M | acks CPU s/100k |\n|---|---|---|---|---|",
    );
    for server in servers {
        let cells =
            [&server.idle_kib, &server.fan_out, &server.busy_fan_out, &server.acks].map(|values| spread(values));
        line_of(page, &format!("| {} | {} |", server.name, cells.join(" | ")));
    }
    let [nexus, node, bare] = servers else { return };
    line_of(page, "\n| goal | measured | |\n|---|---|---|");
    let idle = median(&nexus.idle_kib);
    goal(page, "idle memory at most 12 KiB a connection", &format!("{idle:.1} KiB"), idle <= IDLE_KIB);
    let mut ratio = |what: &str, of: &[f64], to: &[f64], most: f64| {
        let ratio = median(of) / median(to);
        goal(page, what, &format!("{ratio:.2}"), ratio <= most);
    };
    ratio("fan-out CPU at most 0.25 of Node's", &nexus.fan_out, &node.fan_out, FAN_OUT_OF_NODE);
    ratio("fan-out CPU at most 1.4 of the bare program's", &nexus.fan_out, &bare.fan_out, CPU_OF_BARE);
    ratio("busy fan-out CPU at most 0.25 of Node's", &nexus.busy_fan_out, &node.busy_fan_out, FAN_OUT_OF_NODE);
    ratio("busy fan-out CPU at most 1.4 of the bare program's", &nexus.busy_fan_out, &bare.busy_fan_out, CPU_OF_BARE);
    ratio("ack CPU at most 0.4 of Node's", &nexus.acks, &node.acks, ACKS_OF_NODE);
    ratio("ack CPU at most 1.4 of the bare program's", &nexus.acks, &bare.acks, CPU_OF_BARE);
    let floor = |of: &[f64], to: &[f64]| median(of) / median(to);
    line_of(
        page,
        &format!(
            "\nThe bare program itself takes {:.2} of Node's CPU in the fan-out, {:.2} in the busy one, {:.2} in acks: what \
             the system\ntakes for each write is the same for all.",
            floor(&bare.fan_out, &node.fan_out),
            floor(&bare.busy_fan_out, &node.busy_fan_out),
            floor(&bare.acks, &node.acks),
        ),
    );
}

fn clients_section(page: &mut String, clients: &[ClientFigures]) {
    line_of(page, "\n## Clients");
    line_of(page, "One process that receives 1,000 events a second for ten seconds, each of 200 bytes.\n");
    line_of(page, "| client | CPU ms per second | resident MiB |\n|---|---|---|");
    for client in clients {
        line_of(
            page,
            &format!("| {} | {} | {} |", client.name, spread(&client.cpu_per_second), spread(&client.rss_mib)),
        );
    }
}

fn goal(page: &mut String, what: &str, measured: &str, met: bool) {
    line_of(page, &format!("| {what} | {measured} | {} |", if met { "met" } else { "missed" }));
}

fn line_of(page: &mut String, line: &str) {
    // Writing to a string can't fail.
    let _ = writeln!(page, "{line}");
}

fn spread(values: &[f64]) -> String {
    let lowest = values.iter().copied().fold(f64::INFINITY, f64::min);
    let highest = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    format!("{:.2} ({lowest:.2} - {highest:.2})", median(values))
}

/// The value in the middle.
pub(crate) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    match (sorted.get(middle), sorted.len() % 2) {
        (Some(high), 0) => {
            middle.checked_sub(1).and_then(|low| sorted.get(low)).map_or(*high, |low| (low + high) / 2.0)
        }
        (Some(exact), _) => *exact,
        (None, _) => f64::NAN,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_stands_in_the_middle() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(&[4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(&[]).is_nan());
    }

    #[test]
    fn a_report_says_which_goals_were_missed() {
        let figures = |name, fan_out| ServerFigures {
            name,
            idle_kib: vec![10.0],
            fan_out: vec![fan_out],
            busy_fan_out: vec![fan_out],
            acks: vec![1.0],
        };
        let mut report = Report::new(vec!["2 cores".to_owned()]);
        report.servers = Some(vec![figures("Nexus", 1.0), figures("Node", 6.0), figures("bare", 0.5)]);
        let page = report.to_markdown();
        assert!(page.contains("| fan-out CPU at most 0.25 of Node's | 0.17 | met |"), "{page}");
        assert!(page.contains("| fan-out CPU at most 1.4 of the bare program's | 2.00 | missed |"), "{page}");
    }
}
