//! What a machine itself stops, asked without sending anything: its routes and its own firewall.

use std::collections::BTreeSet;
use std::net::IpAddr;

use wirelab_model::{IpNet, SimTime};
use wirelab_wire::IpPacket;

use super::Host;
use super::firewall::{Firewall, Hook, Verdict};
use super::stack::{Stack, names};

/// The blocks and numbers by which a machine tells packets apart.
#[derive(Clone, Debug, Default)]
pub(crate) struct Distinctions {
    pub(crate) blocks: BTreeSet<IpNet>,
    /// Ports, and types and codes of ICMP: first and last.
    pub(crate) numbers: BTreeSet<(u16, u16)>,
}

impl Host {
    /// What its routes and rules look at.
    pub(crate) fn distinctions(&self) -> Distinctions {
        let mut found = Distinctions::default();
        let lines = self.stack.routes.lines();
        found
            .blocks
            .extend(lines.iter().map(|it| it.route.destination));
        self.stack.firewall.add_distinctions(&mut found);
        found
    }

    /// Whether a packet from the network to one of its addresses gets past its firewall, and what
    /// it says to that, if anything, gets out.
    pub(crate) fn lets_in(&self, now: SimTime, packet: IpPacket, answer: Option<IpPacket>) -> bool {
        let mut firewall = self.stack.firewall.afresh();
        comes_in(&self.stack, &mut firewall, now, packet)
            && answer.is_none_or(|it| goes_out(&self.stack, &mut firewall, now, it))
    }

    /// Whether a packet of its own gets out, and what comes back to it, if anything, gets in.
    pub(crate) fn lets_out(
        &self,
        now: SimTime,
        packet: IpPacket,
        answer: Option<IpPacket>,
    ) -> bool {
        let mut firewall = self.stack.firewall.afresh();
        goes_out(&self.stack, &mut firewall, now, packet)
            && answer.is_none_or(|it| comes_in(&self.stack, &mut firewall, now, it))
    }
}

fn comes_in(stack: &Stack, firewall: &mut Firewall, now: SimTime, mut packet: IpPacket) -> bool {
    let interface = stack.interface_of(packet.destination());
    let names = names(&stack.interfaces, interface, None);
    firewall.filter(Hook::Input, &mut packet, names, None, now) == Verdict::Accept
}

fn goes_out(stack: &Stack, firewall: &mut Firewall, now: SimTime, mut packet: IpPacket) -> bool {
    let Some(resolved) = stack.resolve(packet.destination()) else {
        return false;
    };
    let names = names(&stack.interfaces, None, Some(resolved.interface));
    let mtu = Some(resolved.mtu);
    firewall.filter(Hook::Output, &mut packet, names, mtu, now) == Verdict::Accept
}

impl Stack {
    /// The interface that has an address.
    fn interface_of(&self, address: IpAddr) -> Option<usize> {
        let mut interfaces = self.interfaces.iter();
        interfaces.position(|it| it.addresses.iter().any(|own| own.addr() == address))
    }
}
