//! Deadlines, sleep, probes and samples.

use std::time::Duration;

use tracing::debug;

use super::{Manager, State, connection::Transport};
use crate::{
    manager::{
        error::ConnectError,
        event::{Event, Output},
        ids::ConnectTicket,
        link::{Link, Probe, Stage},
        status::{DisconnectReason, Quality},
        timers::Timer,
        wire,
    },
    socketio::{Namespace, Packet},
    time::Timestamp,
};

/// What comes this much after a question was not waiting for this side to read it.
const BUFFERED: Duration = Duration::from_secs(1);

impl Manager {
    /// Takes the time of an input, which never goes back, and notices that it comes far too late.
    pub(super) fn advance(&mut self, now: Timestamp) {
        let slept = self.poll_timeout().is_some_and(|due| now > due + self.config.sleep_tolerance);
        self.now = self.now.max(now);
        if slept {
            self.on_woke();
            // What was due, and accuses nobody, is done now: left undone, it would make the next input seem late as well.
            self.on_timeout();
        }
    }

    /// Ends an input: a transport that takes nothing is given up, and the store gets the changes that have gathered.
    pub(super) fn settle(&mut self) {
        let limit = self.config.limits.unsent_hard_bytes;
        if self.link().is_some_and(|link| link.unsent_bytes() > limit) {
            self.connection_ended(DisconnectReason::SlowTransport, None, Transport::Open);
        }
        self.ask_store();
    }

    pub(super) fn on_timeout(&mut self) {
        while let Some(timer) = self.timers.pop_expired(self.now) {
            self.on_timer(timer);
        }
        self.expire_tickets();
        while let Some(due) = self.namespaces.pop_due(self.now) {
            self.on_namespace_due(due);
        }
        self.expire_acks();
        self.expire_queued();
        self.durable_due();
    }

    fn on_timer(&mut self, timer: Timer) {
        let failed = match timer {
            Timer::Open => DisconnectReason::OpenTimeout,
            Timer::Token if self.is_ready() => return self.renewed(None),
            Timer::Token => DisconnectReason::TokenUnavailable("the token provider did not answer in time".to_owned()),
            Timer::Heartbeat => DisconnectReason::PingTimeout,
            Timer::Verify => DisconnectReason::Unresponsive,
            Timer::Authentication => return self.authentication_timed_out(),
            Timer::Attachment => return self.protocol_broken("Socket.IO: an attachment did not come".to_owned()),
            Timer::Stable => return self.backoff.reset(),
            Timer::Retry => return self.retry_now(),
            Timer::Probe => return self.send_probe(),
            Timer::ProbeTimeout => return self.probe_lost(),
            Timer::Report => return self.report_positions(),
            Timer::BackgroundGrace => return self.rest_in_background(),
        };
        self.connection_ended(failed, None, Transport::Open);
    }

    fn expire_tickets(&mut self) {
        let expired: Vec<ConnectTicket> =
            self.tickets.iter().filter(|(_, at)| **at <= self.now).map(|(ticket, _)| *ticket).collect();
        for ticket in expired {
            self.tickets.remove(&ticket);
            let error = match self.link().map(|link| link.stage) {
                Some(Stage::NeedAnswer { .. }) => ConnectError::AuthenticationTimeout,
                _ => ConnectError::TimedOut { last: self.last_failure.clone() },
            };
            self.tell(Event::ConnectResolved { ticket, result: Err(error) });
        }
    }

    /// This side slept: nobody else is to blame for what did not come meanwhile.
    pub(super) fn on_woke(&mut self) {
        debug!("woke from sleep");
        self.counters.sleeps += 1;
        self.woke_at = Some(self.now);
        let until = self.now + self.config.verify_timeout;
        for timer in Timer::OF_SILENCE {
            self.timers.defer(timer, until);
        }
        for deadline in self.tickets.values_mut() {
            *deadline = (*deadline).max(until);
        }
        self.namespaces.defer(until);
        self.acks.hold(until);
        self.durable.hold(until);
        if self.timers.is_set(Timer::Stable) {
            self.timers.set(Timer::Stable, self.now + self.config.reconnect.stable_after);
        }
        self.verify();
    }

    /// Asks an established connection for a sign of life: the answer, or any frame that comes a while later. Where it
    /// can't be asked, the heartbeat has to do.
    pub(super) fn verify(&mut self) {
        let now = self.now;
        if let Some(link) = self.link_mut().filter(|link| link.is_probed()) {
            link.verified_since = now;
            self.timers.set(Timer::Verify, now + self.config.verify_timeout);
            self.send_probe();
        }
    }

    /// Something came. At once after the question it may have waited in the buffers of this side since before the
    /// connection died.
    pub(super) fn heard(&mut self) {
        let settled = BUFFERED.min(self.config.verify_timeout / 2);
        if self.link().is_some_and(|link| self.now.saturating_since(link.verified_since) >= settled) {
            self.timers.cancel(Timer::Verify);
        }
    }

    /// Sends a probe, in place of one that may be under way.
    pub(super) fn send_probe(&mut self) {
        let nonce = self.ids.probes.next();
        let sent_at = self.now;
        let Some(link) = self.link_mut().filter(|link| link.can_probe()) else { return };
        link.probe = Some(Probe { nonce, sent_at });
        let (connection, can_ping) = (link.connection, link.can_ping);
        self.counters.probes += 1;
        self.timers.cancel(Timer::Probe);
        self.timers.set(Timer::ProbeTimeout, self.now + self.config.probe.timeout);
        if can_ping {
            return self.outputs.push_back(Output::Ping { connection, nonce });
        }
        self.transmit_packet(&Packet::Connect { namespace: wire::probe_namespace(), data: None });
        if let Some(link) = self.link_mut() {
            link.asked(nonce);
        }
    }

    /// Whether this answer to a CONNECT is one to a probe. A server that accepts the namespace is not asked again.
    pub(super) fn is_probe_answer(&mut self, namespace: &Namespace, accepted: bool) -> bool {
        if *namespace != wire::probe_namespace() {
            return false;
        }
        let Some(nonce) = self.link_mut().and_then(|link| link.answered(accepted)) else { return false };
        if accepted {
            self.transmit_packet(&Packet::Disconnect { namespace: namespace.clone() });
        }
        self.on_pong(nonce);
        // A late answer makes room for the next question, which is due if the connection is in doubt.
        if self.timers.is_set(Timer::Verify) {
            self.send_probe();
        } else {
            self.schedule_probe();
        }
        true
    }

    pub(super) fn on_pong(&mut self, nonce: u64) {
        self.heard();
        let Some(link) = self.link_mut() else { return };
        if link.probe.is_none_or(|probe| probe.nonce != nonce) {
            return;
        }
        let probe = link.probe.take();
        if probe.is_some_and(|probe| probe.sent_at >= link.verified_since) {
            self.timers.cancel(Timer::Verify);
        }
        self.timers.cancel(Timer::ProbeTimeout);
        if let Some(probe) = probe {
            // Waking replaces a probe that is under way, so this one spans no sleep.
            self.record(self.now.saturating_since(probe.sent_at));
        }
        self.schedule_probe();
    }

    fn probe_lost(&mut self) {
        if let Some(link) = self.link_mut() {
            link.probe = None;
        }
        self.counters.probes_lost += 1;
        let estimate = self.latency.estimate();
        self.regrade(|grader| grader.lost(estimate));
        self.schedule_probe();
    }

    /// Plans the next probe, the sooner the worse the connection is. There is none in the background.
    pub(super) fn schedule_probe(&mut self) {
        let is_probing = self.timers.is_set(Timer::ProbeTimeout);
        if self.is_background || is_probing || !self.link().is_some_and(Link::can_probe) {
            return;
        }
        let interval = self.config.probe.interval;
        let interval: Duration = match self.quality() {
            Quality::Excellent => interval * 2,
            Quality::Good => interval,
            Quality::Fair => interval / 2,
            Quality::Poor | Quality::Offline => interval / 4,
        };
        self.timers.set(Timer::Probe, self.now + interval);
    }

    /// A round trip that began at this time has ended.
    pub(super) fn sample(&mut self, began_at: Timestamp) {
        if self.woke_at.is_none_or(|woke_at| began_at > woke_at) {
            self.record(self.now.saturating_since(began_at));
        }
    }

    fn record(&mut self, rtt: Duration) {
        self.latency.sample(rtt);
        if let Some(estimate) = self.latency.estimate()
            && matches!(self.state, State::Live(_))
        {
            self.regrade(|grader| grader.measured(estimate));
        }
    }
}
