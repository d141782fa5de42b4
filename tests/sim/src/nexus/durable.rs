//! Durable events: one after another, committed, then acknowledged.

use std::time::Duration;

use nexus_core::{
    ByteString,
    mutation::{Mutation, is_taken_out},
    socketio::{Payload, delivery::Outcome},
};
use nexus_server::{
    delivery::Reply,
    store::{LedgerKey, Recorded},
};

use super::server::Packet;
use crate::world::{Step, World};

/// A durable event whose effect and outcome are about to be committed.
#[derive(Debug, Clone)]
pub(crate) struct Commit {
    pub(super) ledger: LedgerKey,
    pub(super) client: usize,
    pub(super) number: u64,
    pub(super) recorded: Recorded,
    pub(super) lowest: u64,
    /// Of the server's process: another one knows nothing of it.
    pub(super) life: u64,
}

impl World<'_> {
    /// Runs the handler of the next event of a lane, if none is running.
    pub(super) fn run_next(&mut self, ledger: &LedgerKey) {
        let Some(lane) = self.server.durable.get_mut(ledger) else { return };
        let Some((_, job)) = lane.next_job() else { return };
        let refused = self.active && self.choices.percent("rejected by the handler", 2);
        let outcome = if refused { Outcome::Rejected { code: "no".into() } } else { Outcome::Done };
        let Ok(ack) = Payload::from_value(&job.number) else { return };
        let Some(recorded) = lane.record(outcome, ack) else { return };
        let commit = Commit {
            ledger: ledger.clone(),
            client: job.client,
            number: job.number,
            recorded,
            lowest: lane.lowest(),
            life: self.server.life,
        };
        if is_taken_out(Mutation::AcknowledgementAfterCommit) {
            let early = lane.finish(commit.recorded.clone());
            self.reply_all(early);
        }
        self.commits.push(commit);
        let index = self.commits.len() - 1;
        self.plan_within("server commits", Duration::from_millis(200), Step::ServerCommits(index));
    }

    /// The disk is done with a commit, or not.
    pub(crate) fn server_commits(&mut self, index: usize) {
        let Some(commit) = self.commits.get(index).cloned().filter(|commit| commit.life == self.server.life) else {
            return;
        };
        let fate = if self.active { self.choices.below("commit of the server", 100) } else { 0 };
        match fate {
            95..97 => {
                self.oracle.report.server_commits_failed += 1;
                self.server_fails(&commit.ledger, "storage_busy");
            }
            97 => self.crash_server(),
            98 => {
                self.commit(&commit);
                self.crash_server();
            }
            _ => {
                self.commit(&commit);
                let replies =
                    self.server.durable.get_mut(&commit.ledger).map(|lane| lane.finish(commit.recorded.clone()));
                self.reply_all(replies.unwrap_or_default());
                self.check_ledger(&commit.ledger);
                self.run_next(&commit.ledger);
            }
        }
        self.pump_waiting();
    }

    fn server_fails(&mut self, ledger: &LedgerKey, code: &'static str) {
        let after = Duration::from_millis(self.choices.below("retry after", 3_000));
        let lane = self.server.durable.get_mut(ledger);
        let replies = lane.map(|lane| lane.fail(after, &ByteString::from_static(code)));
        self.reply_all(replies.unwrap_or_default());
        self.run_next(ledger);
    }

    fn commit(&mut self, commit: &Commit) {
        let state = self.server.disk.ledgers.entry(commit.ledger.clone()).or_default();
        state.lowest = state.lowest.max(commit.lowest);
        let lowest = state.lowest;
        state.outcomes.retain(|known| known.id >= lowest);
        state.outcomes.push(commit.recorded.clone());
        let namespace = &commit.ledger.namespace;
        if commit.recorded.outcome == Outcome::Done {
            self.oracle.report.effects += 1;
            self.model.effect(commit.client, namespace, commit.number);
        } else {
            self.model.rejected_by_server(commit.client, namespace, commit.number);
        }
        self.check_ledger(&commit.ledger);
    }

    pub(super) fn reply_all(&mut self, replies: Vec<Reply<Packet>>) {
        for reply in replies {
            let payload = reply.payload();
            self.acknowledge(&reply.waiter, payload);
        }
    }
}
