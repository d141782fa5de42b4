//! The recount: what became of every message, from the journals that the processes wrote.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::Path;

use serde::Deserialize;

/// A line of a sender's journal.
#[derive(Debug, Deserialize)]
struct SentLine {
    class: String,
    n: u64,
    state: State,
}

/// How far a sender is with a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// It is about to be handed to the client.
    Intent,
    /// The client has accepted it.
    Sent,
    /// The client has said that the server has it.
    Done,
    /// The client has said that it is lost, or that nobody knows.
    Told,
}

/// A line of a receiver's journal, written by the handler of a message.
#[derive(Debug, Deserialize)]
struct ReceivedLine {
    sender: String,
    class: String,
    n: u64,
    /// The server's id: a message that the server took twice has two.
    id: String,
    /// Which process of this receiver it was.
    life: u64,
}

/// What became of the messages of one class.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Tally {
    /// Accepted by their client.
    pub sent: u64,
    /// Of these, those that their receiver never handled.
    pub lost: u64,
    /// Of the lost ones, those that nobody told the sender about.
    pub lost_silently: u64,
    /// Messages that the server took more than once.
    pub doubled: u64,
    /// Times when one process of a receiver handled the same message of the server's again.
    pub repeated: u64,
    /// Times when a receiver's next process handled again what one before had.
    pub again_after_kill: u64,
    /// Messages that came first behind a later one of their sender.
    pub out_of_order: u64,
    /// Received messages that nobody has sent.
    pub invented: u64,
    /// The first few of the troubles, for people.
    pub examples: Vec<String>,
}

/// The most examples that a tally keeps.
const EXAMPLES: usize = 5;

impl Tally {
    /// Whether everything that was sent was handled once, in order.
    #[must_use]
    pub fn is_exact(&self) -> bool {
        self.lost == 0 && self.doubled == 0 && self.repeated == 0 && self.out_of_order == 0 && self.invented == 0
    }

    fn trouble(&mut self, what: impl FnOnce() -> String) {
        if self.examples.len() < EXAMPLES {
            self.examples.push(what());
        }
    }

    fn add(&mut self, other: Self) {
        self.sent += other.sent;
        self.lost += other.lost;
        self.lost_silently += other.lost_silently;
        self.doubled += other.doubled;
        self.repeated += other.repeated;
        self.again_after_kill += other.again_after_kill;
        self.out_of_order += other.out_of_order;
        self.invented += other.invented;
        let room = EXAMPLES.saturating_sub(self.examples.len());
        self.examples.extend(other.examples.into_iter().take(room));
    }
}

/// Counts again, by class, what two users have sent each other, from their journals in a folder.
///
/// # Errors
/// When a journal can't be read.
pub fn recount(folder: &Path, users: [&str; 2]) -> io::Result<BTreeMap<String, Tally>> {
    let mut tallies: BTreeMap<String, Tally> = BTreeMap::new();
    let [one, other] = users;
    for (sender, receiver) in [(one, other), (other, one)] {
        let sent = lines::<SentLine>(&folder.join(format!("{sender}.sent.jsonl")))?;
        let received = lines::<ReceivedLine>(&folder.join(format!("{receiver}.received.jsonl")))?;
        for (class, tally) in compare(sender, &sent, &received) {
            tallies.entry(class).or_default().add(tally);
        }
    }
    Ok(tallies)
}

fn compare(sender: &str, sent: &[SentLine], received: &[ReceivedLine]) -> BTreeMap<String, Tally> {
    let mut classes: BTreeSet<&str> = sent.iter().map(|line| line.class.as_str()).collect();
    let received: Vec<&ReceivedLine> = received.iter().filter(|line| line.sender == sender).collect();
    classes.extend(received.iter().map(|line| line.class.as_str()));
    let tally = |class: &str| {
        let of = |state: State| -> BTreeSet<u64> {
            sent.iter().filter(|line| line.class == class && line.state == state).map(|line| line.n).collect()
        };
        let received = received.iter().copied().filter(|line| line.class == class);
        one_class(&format!("{sender} {class}"), &of(State::Intent), &of(State::Sent), &of(State::Told), received)
    };
    classes.iter().map(|class| ((*class).to_owned(), tally(class))).collect()
}

fn one_class<'a>(
    name: &str,
    intended: &BTreeSet<u64>,
    sent: &BTreeSet<u64>,
    told: &BTreeSet<u64>,
    received: impl Iterator<Item = &'a ReceivedLine>,
) -> Tally {
    let mut tally = Tally { sent: sent.len() as u64, ..Tally::default() };
    // For each number the ids under which it came, and the lives that saw each.
    let mut seen: BTreeMap<u64, BTreeMap<&str, BTreeSet<u64>>> = BTreeMap::new();
    let mut highest = 0;
    for line in received {
        let n = line.n;
        if !intended.contains(&n) {
            tally.invented += 1;
            tally.trouble(|| format!("{name} {n}: nobody has sent it"));
            continue;
        }
        let ids = seen.entry(n).or_default();
        if ids.is_empty() {
            if n < highest {
                tally.out_of_order += 1;
                tally.trouble(|| format!("{name} {n}: came behind {highest}"));
            }
            highest = highest.max(n);
        } else if !ids.contains_key(line.id.as_str()) && ids.len() == 1 {
            tally.doubled += 1;
            tally.trouble(|| format!("{name} {n}: the server took it twice"));
        }
        let lives = ids.entry(&line.id).or_default();
        if lives.contains(&line.life) {
            tally.repeated += 1;
            tally.trouble(|| format!("{name} {n}: handled again as {} in life {}", line.id, line.life));
        } else if !lives.is_empty() {
            tally.again_after_kill += 1;
        }
        lives.insert(line.life);
    }
    for n in sent.iter().filter(|n| !seen.contains_key(n)) {
        tally.lost += 1;
        if !told.contains(n) {
            tally.lost_silently += 1;
            tally.trouble(|| format!("{name} {n}: lost, and nobody was told"));
        }
    }
    tally
}

/// The lines of a journal. A process that was killed may have left half a line at its end; then it had not seen what
/// it was about to write.
fn lines<T: for<'a> Deserialize<'a>>(path: &Path) -> io::Result<Vec<T>> {
    let text = match fs::read_to_string(path) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(error),
    };
    let complete = text.rsplit_once('\n').map_or("", |(complete, _)| complete);
    let parse = |line: &str| {
        serde_json::from_str(line)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}: {line}", path.display())))
    };
    complete.lines().map(parse).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(n: u64, state: State) -> SentLine {
        SentLine { class: "durable".to_owned(), n, state }
    }

    fn got(n: u64, id: &str, life: u64) -> ReceivedLine {
        ReceivedLine { sender: "ada".to_owned(), class: "durable".to_owned(), n, id: id.to_owned(), life }
    }

    fn tally(sent: &[SentLine], received: &[ReceivedLine]) -> Tally {
        compare("ada", sent, received).remove("durable").unwrap()
    }

    fn all_sent(count: u64) -> Vec<SentLine> {
        (1..=count).flat_map(|n| [sent(n, State::Intent), sent(n, State::Sent)]).collect()
    }

    #[test]
    fn once_each_in_order_is_exact() {
        let tally = tally(&all_sent(3), &[got(1, "a", 0), got(2, "b", 0), got(3, "c", 0)]);
        assert!(tally.is_exact());
        assert_eq!((tally.sent, tally.examples.len()), (3, 0));
    }

    #[test]
    fn every_trouble_is_told_apart() {
        let mut journal = all_sent(5);
        journal.push(sent(5, State::Told));
        let received = [
            got(1, "a", 0),
            got(3, "c", 0),
            got(2, "b", 0), // behind 3
            got(2, "B", 0), // the server took it again
            got(3, "c", 0), // handled again by the same process
            got(3, "c", 1), // and by the next
            got(9, "i", 1), // nobody sent it
        ];
        let tally = tally(&journal, &received);
        assert!(!tally.is_exact());
        assert_eq!((tally.lost, tally.lost_silently, tally.out_of_order), (2, 1, 1));
        assert_eq!((tally.doubled, tally.repeated, tally.again_after_kill, tally.invented), (1, 1, 1, 1));
        assert_eq!(tally.examples.len(), EXAMPLES);
    }

    #[test]
    fn what_was_only_about_to_be_sent_counts_neither_way() {
        let tally_without = tally(&[sent(1, State::Intent)], &[]);
        assert_eq!((tally_without.sent, tally_without.lost), (0, 0));
        let tally_with = tally(&[sent(1, State::Intent)], &[got(1, "a", 0)]);
        assert!(tally_with.is_exact());
    }

    #[test]
    fn journals_are_read_up_to_their_last_whole_line() {
        let folder = std::env::temp_dir().join(format!("nexus-recount-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(
            folder.join("ada.sent.jsonl"),
            "{\"class\":\"buffered\",\"n\":1,\"state\":\"intent\"}\n{\"class\":\"buffered\",\"n\":1,\"state\":\"sent\"}\n{\"cla",
        )
        .unwrap();
        let tallies = recount(&folder, ["ada", "bob"]).unwrap();
        assert_eq!(tallies.get("buffered").map(|tally| (tally.sent, tally.lost_silently)), Some((1, 1)));
        fs::write(folder.join("bob.received.jsonl"), "nonsense\n").unwrap();
        assert!(recount(&folder, ["ada", "bob"]).is_err());
        fs::remove_dir_all(folder).unwrap();
    }
}
