//! What the server takes back: tokens, and with them the sessions that they let in.

use nexus_server::session::SlotId;

use crate::{
    coverage::Fault,
    scenario::Planted,
    world::{Key, World},
};

impl World<'_> {
    /// The tokens of a client, or of all clients of its user, are good no longer. Who is connected with them is sent away.
    pub(super) fn revoke(&mut self, client: usize) {
        let whole_user = self.choices.below("revoked", 2) == 1;
        let Some(user) = self.clients.get(client).map(|it| it.user.clone()) else { return };
        let is_meant = |index: usize, of: &str| if whole_user { of == user } else { index == client };
        let meant: Vec<usize> = self
            .clients
            .iter()
            .enumerate()
            .filter(|(index, it)| is_meant(*index, &it.user))
            .map(|(index, _)| index)
            .collect();
        for index in meant {
            self.met(Fault::Revocation, index);
            self.oracle.report.revocations += 1;
            let valid_from = self.clients.get(index).map_or(0, |it| it.token + 1);
            self.server.disk.valid_from.insert(index, valid_from);
            self.model.revoked(index, valid_from);
            let sockets = self.server.sockets.iter().filter(|(_, socket)| socket.client == index);
            let places: Vec<(Key, SlotId)> = sockets.map(|(place, _)| *place).collect();
            for (key, slot) in places {
                self.send_away(key, slot);
            }
        }
    }

    fn send_away(&mut self, key: Key, slot: SlotId) {
        if self.scenario.planted == Some(Planted::RevokedHears) {
            if let Some(socket) = self.server.sockets.get(&(key, slot)) {
                self.model.session_ended(&socket.namespace, &socket.sid);
            }
            return;
        }
        if let Some(connection) = self.connections.get_mut(&key) {
            connection.session.end(self.now, slot);
        }
        self.pump_session(key);
    }
}
