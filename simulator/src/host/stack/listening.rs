//! Listening sockets.

use super::{Listener, Stack};

impl Stack {
    /// `listen()` on every address.
    pub(crate) fn listen(&mut self, port: u16) {
        self.listen_with(port, u32::MAX, None);
    }

    /// `listen()` of a program that may be slow to accept.
    pub(crate) fn listen_with(&mut self, port: u16, backlog: u32, receive_buffer: Option<u32>) {
        let listener = Listener {
            backlog,
            waiting: 0,
            receive_buffer,
        };
        self.listeners.insert(port, listener);
    }

    /// A connection waits for `accept()`.
    pub(crate) fn queue_for_accept(&mut self, port: u16) {
        if let Some(listener) = self.listeners.get_mut(&port) {
            listener.waiting += 1;
        }
    }

    /// `accept()` took one.
    pub(crate) fn accept_one(&mut self, port: u16) {
        if let Some(listener) = self.listeners.get_mut(&port) {
            listener.waiting = listener.waiting.saturating_sub(1);
        }
    }

    /// Every program has closed its listening and unconnected sockets; half-open connections are
    /// forgotten with them.
    pub(crate) fn stop_listening(&mut self) {
        self.listeners.clear();
        self.udp_ports.clear();
        self.overheard.clear();
        let requests: Vec<_> = self.requests.keys().copied().collect();
        for ends in requests {
            self.keep_request(ends, false);
        }
    }

    /// Ports that are listened on, in order.
    pub(crate) fn listening(&self) -> impl Iterator<Item = u16> {
        self.listeners.keys().copied()
    }
}
