//! Ports of UDP sockets and of raw ones.

use super::Stack;

impl Stack {
    /// `bind()` of a UDP socket.
    pub(crate) fn bind_udp(&mut self, port: u16) {
        self.udp_ports.insert(port, None);
    }

    /// `connect()` of a UDP socket.
    pub(crate) fn connect_udp(&mut self, port: u16) {
        let counter = self.identification.rotate_left(5) ^ port;
        self.udp_ports.entry(port).or_insert(Some(counter));
    }

    pub(crate) fn unbind_udp(&mut self, port: u16) {
        self.udp_ports.remove(&port);
    }

    /// UDP ports bound, in order.
    pub(crate) fn udp_bound(&self) -> impl Iterator<Item = u16> {
        self.udp_ports.keys().copied()
    }

    /// A raw socket wants segments for this port that belong to no connection.
    pub(crate) fn hear(&mut self, port: u16) {
        self.overheard.insert(port);
    }

    pub(crate) fn stop_hearing(&mut self, ports: &[u16]) {
        self.overheard.retain(|port| !ports.contains(port));
    }
}
