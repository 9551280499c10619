//! A container's bridge: one more hop between its programs and the machine's interface.
//!
//! Programs in a container (`docker exec NAME ...`) talk through `docker0`, which the machine
//! routes and masquerades. On the wire that shows in two ways only: what leaves has a TTL less by
//! one, and what comes with a TTL of one ends at the machine, with ICMP 11/0 to its sender. So the
//! answer to the PUT of a metadata token does not reach a container while the hop limit is one.

use wirelab_model::SimTime;
use wirelab_wire::{IcmpError, IpPacket};

use super::stack::Stack;

impl Stack {
    /// A packet leaves: was it a container's?
    pub(super) fn cross_bridge_out(&self, packet: &mut IpPacket) {
        let own = |port: u16| self.bridged.contains(&port);
        if packet.as_tcp().is_some_and(|it| own(it.source_port)) {
            packet.header.ttl = packet.header.ttl.saturating_sub(1);
        }
    }

    /// A packet comes: may it go on to a container? `false`: its TTL ends here.
    pub(super) fn cross_bridge_in(&mut self, now: SimTime, packet: &IpPacket) -> bool {
        let own = |port: u16| self.bridged.contains(&port);
        let is_theirs = packet.as_tcp().is_some_and(|it| own(it.destination_port));
        if !is_theirs || packet.header.ttl > 1 {
            return true;
        }
        self.send_error(now, packet, IcmpError::TtlExceeded);
        false
    }
}
