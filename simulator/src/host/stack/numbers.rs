//! Numbers that the stack draws: sequence numbers, identifications, ephemeral ports.

use std::net::{IpAddr, SocketAddr};

use super::Stack;
use crate::host::tcp::{Draws, Ends};

impl Stack {
    pub(super) fn draw(&mut self) -> Draws {
        Draws {
            initial_sequence: self.draws.next_u32(),
            timestamp_offset: self.draws.next_u32(),
            identification: self.draws.next_u32() as u16,
        }
    }

    /// A number for a message of a program: the id of a DNS query.
    pub(crate) fn draw_u16(&mut self) -> u16 {
        self.draws.next_u32() as u16
    }

    /// The next identification of a packet that belongs to no connection; never 0.
    pub(crate) fn next_identification(&mut self) -> u16 {
        self.identification = self.identification.wrapping_add(1).max(1);
        self.identification
    }

    /// A free port of the ephemeral range. Linux takes odd and even ones for different purposes;
    /// `connect()` prefers those with the parity of the range's start.
    pub(crate) fn ephemeral_port(&mut self, remote: SocketAddr, local: IpAddr) -> Option<u16> {
        let (low, high) = self.port_range;
        let size = u32::from(high - low) + 1;
        let start = self.draws.range(0, u64::from(size) - 1) as u32 & !1;
        let candidates = (0..size).step_by(2).chain((1..size).step_by(2));
        let mut offsets = candidates.map(|step| (start + step) % size);
        offsets
            .find(|offset| {
                let port = low + *offset as u16;
                let ends = Ends {
                    local: SocketAddr::new(local, port),
                    remote,
                };
                !self.in_use(&ends)
                    && !self.listeners.contains(&port)
                    && !self.udp_ports.contains(&port)
            })
            .map(|offset| low + offset as u16)
    }
}
