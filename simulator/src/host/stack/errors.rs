//! What ICMP errors mean for connections.

use std::net::SocketAddr;

use wirelab_model::SimTime;
use wirelab_wire::QuotedPacket;

use super::{Stack, StackEvent};
use crate::host::tcp::{Ends, Request, SocketError};

/// What an ICMP error means for a connection.
#[derive(Clone, Copy, Debug)]
pub(crate) enum TcpNews {
    /// The path MTU has fallen; the route knows.
    PathMtu,
    /// An error for the program.
    Error(SocketError),
    /// The same, and the segment found no way: the network is to blame, not its load (RFC 6069).
    NoWay(SocketError),
}

impl Stack {
    /// Tells the connection that an ICMP error quotes.
    pub(crate) fn on_quoted_tcp(&mut self, now: SimTime, quoted: &QuotedPacket, what: TcpNews) {
        let (Some((source, destination)), Some(sequence)) = (quoted.ports, quoted.tcp_sequence)
        else {
            return;
        };
        let ends = Ends {
            local: SocketAddr::new(quoted.header.source, source),
            remote: SocketAddr::new(quoted.header.destination, destination),
        };
        let Some(id) = self.by_ends.get(&ends).copied() else {
            self.on_error_about_request(ends, sequence, what);
            return;
        };
        self.with(now, id, |connection, cx| match what {
            TcpNews::PathMtu => connection.on_path_mtu(sequence, cx),
            TcpNews::Error(error) => connection.on_unreachable(error, sequence),
            TcpNews::NoWay(error) => {
                connection.on_unreachable(error, sequence);
                connection.revert_backoff(sequence, cx);
            }
        });
        self.events.push_back(StackEvent::Touched(id));
    }

    /// A SYN-ACK that cannot arrive ends the handshake (`tcp_req_err`); other errors do not.
    fn on_error_about_request(&mut self, ends: Ends, sequence: u32, what: TcpNews) {
        let ends_it = matches!(
            what,
            TcpNews::Error(SocketError::HostUnreachable | SocketError::NetUnreachable)
                | TcpNews::NoWay(_)
        );
        let ours = self.requests.get(&ends).map(Request::initial_sequence);
        if ends_it && ours == Some(sequence) {
            self.keep_request(ends, false);
        }
    }
}
