//! A machine that routes: route, TTL, FORWARD chain, MTU.

use wirelab_model::SimTime;
use wirelab_wire::{IcmpError, IpPacket, Unreachable};

use super::firewall::{Hook, Verdict};
use super::output::HostDrop;
use super::route::{Resolved, RouteError};
use super::stack::{Stack, names};

impl Stack {
    /// `ip_rcv_finish`, `ip_forward`: the route first, then TTL, MTU and firewall.
    pub(crate) fn forward(&mut self, now: SimTime, from: usize, mut packet: Box<IpPacket>) {
        let destination = packet.header.destination;
        let Some(resolved) = self.routes.resolve(destination, &self.interfaces) else {
            return self.no_route(now, packet);
        };
        if packet.header.ttl <= 1 {
            self.send_error(now, &packet, IcmpError::TtlExceeded);
            self.drop_packet(packet, HostDrop::TtlExpired);
            return;
        }
        if self.is_too_long(now, &packet, &resolved) {
            return;
        }
        if !packet.decrement_ttl() {
            return;
        }
        let names = names(&self.interfaces, Some(from), Some(resolved.interface));
        let verdict =
            self.firewall
                .filter(Hook::Forward, &mut packet, names, Some(resolved.mtu), now);
        match verdict {
            Verdict::Accept => self.emit(&resolved, packet),
            Verdict::Drop { rule } => self.drop_packet(packet, HostDrop::Firewall { rule }),
            Verdict::Reject { rule, with } => {
                self.reject(now, &packet, with);
                self.drop_packet(packet, HostDrop::Firewall { rule });
            }
        }
    }

    /// `ip_error`: says so, unless a route drops it silently.
    fn no_route(&mut self, now: SimTime, packet: Box<IpPacket>) {
        let destination = packet.header.destination;
        let source = packet.header.source;
        let code = match self.routes.error(destination) {
            RouteError::Invalid => None,
            RouteError::Net => Some(Unreachable::Net),
            RouteError::Host => Some(Unreachable::Host),
            RouteError::Denied => Some(Unreachable::AdministrativelyProhibited),
        };
        if let Some(code) = code
            && (destination.is_ipv6() || self.rate_limit.allow_route_error(source, now))
        {
            self.send_error(now, &packet, IcmpError::Unreachable(code));
        }
        self.drop_packet(packet, HostDrop::NoRoute { destination });
    }

    /// RFC 1191 section 4: a packet with DF that does not fit is reported and dropped.
    fn is_too_long(&mut self, now: SimTime, packet: &IpPacket, resolved: &Resolved) -> bool {
        let size = packet.total_len();
        if size <= usize::from(resolved.mtu) || !packet.dont_fragment() {
            return false;
        }
        let needed = Unreachable::FragmentationNeeded {
            next_hop_mtu: resolved.mtu,
        };
        let icmp_sent = self.send_error(now, packet, IcmpError::Unreachable(needed));
        let reason = HostDrop::MtuExceeded {
            mtu: resolved.mtu,
            size,
            icmp_sent,
        };
        self.drop_packet(Box::new(packet.clone()), reason);
        true
    }
}
