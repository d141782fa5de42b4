//! What was promised, whether it was kept, and the page that says so.

use std::fmt::Write as _;

use crate::recount::Tally;
use crate::script::{Counts, Scenario};
use crate::stack::Stack;
use crate::trial::Outcome;

const BEGIN: &str = "<!-- chaos: written by `cargo xtask chaos` -->";
/// From the least to the most careful.
const CLASSES: [&str; 3] = ["volatile", "buffered", "durable"];
const END: &str = "<!-- /chaos -->";

/// The promises that a trial has broken, in one line each. Stock stacks have promised nothing.
#[must_use]
pub fn broken(outcome: &Outcome) -> Vec<String> {
    let name = format!("{} {}", outcome.plan.stack.name(), outcome.plan.scenario.name());
    let mut broken: Vec<String> = outcome.given_up.iter().map(|reason| format!("{name}: given up: {reason}")).collect();
    if outcome.plan.stack != Stack::Nexus {
        return broken;
    }
    for (class, tally) in &outcome.tallies {
        let all_arrive = class == "durable" || (class == "buffered" && outcome.plan.scenario == Scenario::Network);
        if tally.sent == 0 {
            broken.push(format!("{name}: no {class} message was sent"));
        }
        let kept = if all_arrive { tally.is_exact() } else { Tally { lost: 0, ..tally.clone() }.is_exact() };
        if !kept {
            broken.push(format!("{name}: {class}: {}", figures(tally)));
            broken.extend(tally.examples.iter().map(|example| format!("    {example}")));
        }
    }
    broken
}

fn figures(tally: &Tally) -> String {
    format!(
        "{} sent, {} lost ({} silently), {} doubled, {} repeated, {} again after a kill, {} out of order, {} invented",
        tally.sent,
        tally.lost,
        tally.lost_silently,
        tally.doubled,
        tally.repeated,
        tally.again_after_kill,
        tally.out_of_order,
        tally.invented
    )
}

/// The table of one scenario.
#[must_use]
pub fn table(outcomes: &[&Outcome]) -> String {
    let mut table = String::from(
        "| stack | class | sent | lost | of these silently | taken twice by the server | handled twice by a process | out of order |\n\
         |---|---|--:|--:|--:|--:|--:|--:|\n",
    );
    for outcome in outcomes {
        for (class, tally) in classes(outcome) {
            let _ = writeln!(
                table,
                "| {} | {class} | {} | {} | {} | {} | {} | {} |",
                outcome.plan.stack.title(),
                count(tally.sent),
                share(tally.lost, tally.sent),
                count(tally.lost_silently),
                count(tally.doubled),
                count(tally.repeated),
                count(tally.out_of_order),
            );
        }
    }
    table
}

/// The classes of an outcome.
fn classes(outcome: &Outcome) -> impl Iterator<Item = (&'static str, &Tally)> {
    CLASSES.iter().filter_map(|class| Some((*class, outcome.tallies.get(*class)?)))
}

/// The page `docs/reliability.md`.
#[must_use]
pub fn page(outcomes: &[Outcome], command: &str) -> String {
    let mut page = String::from(
        "# Reliability\nWhat became of every message when the network was cut and processes were killed, in Nexus and in the \
         official Socket.IO\npackages. Two users send each other messages of every class through a proxy for each that cuts \
         connections at any byte (RST and\nFIN), lets bytes stand still, swallows one direction, and refuses connections: at \
         the same points of every stack's run,\nwhich the seed decides. Client, client and server are processes. Each writes \
         down what it sees, and the journals are\ncompared afterwards.\n\n",
    );
    let _ = writeln!(page, "Written by `{command}`.");
    for scenario in [Scenario::Network, Scenario::Kills] {
        let of: Vec<&Outcome> = outcomes.iter().filter(|outcome| outcome.plan.scenario == scenario).collect();
        let Some(first) = of.first() else { continue };
        let _ = match scenario {
            Scenario::Network => writeln!(page, "\n## The network fails, processes live"),
            Scenario::Kills => writeln!(page, "\n## The server and one client are killed as well"),
        };
        let _ = writeln!(page, "{}\n", faults(first.counts));
        page.push_str(&table(&of));
    }
    page.push_str(
        "\n## How to read it\n\
         - *sent*: the client had accepted the message; a durable one then is in its store. A few are fewer where a kill came\n  \
           before. *lost*: the other user's program never got it. *silently*: and the sender was not told; what a killed process\n  \
           had in memory is among them.\n\
         - A message that the server took twice was shown twice to the other user. *handled twice by a process*: the same\n  \
           message of the server came to the same process again. After a kill the next process may be given again what the\n  \
           one before had handled, and knows it by its `uniqueId`.\n\
         - Nexus promises that buffered messages arrive once, in order, unless a process died, and that durable ones do in any\n  \
           case. The command fails when one did not. Volatile messages may be lost in any stack, and the server was set to\n  \
           refuse some durable messages for now, as a busy one does.\n\
         - socket.io has no class that outlives a process. `retries` is tried as documented: `retries: 3, ackTimeout: 10000`, with\n  \
           connection state recovery on the server. Reconnection delays are the same everywhere, 50 ms to 500 ms.\n\
         - Where a stock client's `retries` give up, its acknowledgement tells the sender; that counts as told.\n\
         - At most ten messages of a class are underway each way, in every stack. A faster sender would lose more with\n  \
           each cut where messages are lost at all.\n\
         - Nexus keeps what a user has not got in an inbox of 100, told apart from silence: who misses more is told how many.\n  \
           These users get more than a hundred in a second, so the server is given `--inbox-entries 2000`.\n",
    );
    page
}

fn faults(counts: Counts) -> String {
    let mut text = format!(
        "Up to {} cuts, {} stalls, {} silences and {} refusals",
        counts.cuts, counts.stalls, counts.silences, counts.refusals
    );
    if counts.server_kills > 0 {
        let _ = write!(
            text,
            "; {} times `kill -9` of the server and {} of a client",
            counts.server_kills, counts.client_kills
        );
    }
    text.push_str(" in each run.");
    text
}

/// The README with the small table in place of the one that it has between the marks; `None` if it has no marks.
#[must_use]
pub fn in_readme(readme: &str, outcomes: &[Outcome]) -> Option<String> {
    let (before, rest) = readme.split_once(BEGIN)?;
    let (_, after) = rest.split_once(END)?;
    let mut table = String::from("| lost / doubled / out of order | network faults | and `kill -9` |\n|---|--:|--:|\n");
    for stack in Stack::ALL {
        for class in CLASSES.iter().filter(|class| **class != "volatile") {
            let cell = |scenario| {
                let of = |outcome: &&Outcome| outcome.plan.stack == stack && outcome.plan.scenario == scenario;
                let tally = outcomes.iter().find(of).and_then(|outcome| outcome.tallies.get(*class));
                tally.map_or("-".to_owned(), |tally| {
                    let doubled = count(tally.doubled + tally.repeated);
                    format!("{} / {doubled} / {}", count(tally.lost), count(tally.out_of_order))
                })
            };
            let (network, kills) = (cell(Scenario::Network), cell(Scenario::Kills));
            if (network.as_str(), kills.as_str()) == ("-", "-") {
                continue;
            }
            let _ = writeln!(table, "| {}, {class} | {network} | {kills} |", stack.title());
        }
    }
    Some(format!("{before}{BEGIN}\n{table}{END}{after}"))
}

/// `12,345`.
fn count(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::new();
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A number with its share of a whole.
fn share(part: u64, whole: u64) -> String {
    if part == 0 || whole == 0 {
        return count(part);
    }
    format!("{} ({:.2} %)", count(part), part as f64 * 100.0 / whole as f64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;
    use std::time::Duration;

    use super::*;
    use crate::trial::Plan;

    fn outcome(stack: Stack, scenario: Scenario, tallies: &[(&str, Tally)]) -> Outcome {
        Outcome {
            plan: Plan { stack, scenario, messages: 10, seed: 1, folder: PathBuf::new() },
            tallies: tallies
                .iter()
                .map(|(class, tally)| ((*class).to_owned(), tally.clone()))
                .collect::<BTreeMap<_, _>>(),
            counts: Counts::default(),
            faults: 0,
            connections: 2,
            given_up: None,
            time: Duration::ZERO,
        }
    }

    fn lost(lost: u64) -> Tally {
        Tally { sent: 20, lost, ..Tally::default() }
    }

    #[test]
    fn promises_depend_on_class_and_scenario() {
        use Scenario::{Kills, Network};
        for (class, scenario, tally, kept) in [
            ("durable", Kills, lost(0), true),
            ("durable", Kills, lost(1), false),
            ("durable", Kills, Tally { again_after_kill: 3, ..lost(0) }, true),
            ("durable", Network, Tally { doubled: 1, ..lost(0) }, false),
            ("durable", Network, Tally::default(), false),
            ("buffered", Network, lost(1), false),
            ("buffered", Kills, lost(1), true),
            ("buffered", Kills, Tally { doubled: 1, ..lost(1) }, false),
            ("volatile", Network, lost(9), true),
            ("volatile", Network, Tally { out_of_order: 1, ..lost(9) }, false),
        ] {
            let found = broken(&outcome(Stack::Nexus, scenario, &[(class, tally.clone())]));
            assert_eq!(found.is_empty(), kept, "{class} {scenario:?} {tally:?}: {found:?}");
            assert!(broken(&outcome(Stack::Stock, scenario, &[(class, tally)])).is_empty());
        }
        let given_up = Outcome { given_up: Some("stuck".to_owned()), ..outcome(Stack::Stock, Network, &[]) };
        assert_eq!(broken(&given_up), ["stock network: given up: stuck"]);
    }

    #[test]
    fn the_readme_gets_its_table_between_the_marks() {
        let outcomes = [outcome(Stack::Nexus, Scenario::Kills, &[("durable", lost(0)), ("buffered", lost(1234))])];
        let readme = format!("a\n{BEGIN}\nold\n{END}\nb\n");
        let written = in_readme(&readme, &outcomes).unwrap();
        assert!(written.starts_with("a\n") && written.ends_with("\nb\n") && !written.contains("old"), "{written}");
        assert!(written.contains("| Nexus, durable | - | 0 / 0 / 0 |\n"), "{written}");
        assert!(written.contains("| Nexus, buffered | - | 1,234 / 0 / 0 |\n"), "{written}");
        assert_eq!(in_readme(&written, &outcomes).as_ref(), Some(&written));
        assert_eq!(in_readme("no marks", &outcomes), None);
    }

    #[test]
    fn shares_are_given_where_there_is_one() {
        assert_eq!((share(0, 9), share(5, 0), share(1, 200)), ("0".into(), "5".into(), "1 (0.50 %)".into()));
    }
}
