//! Traffic that passes an ENI and that no flow log of it shows.
//!
//! Amazon VPC User Guide, "Flow log limitations": DNS to the Amazon resolver, instance metadata,
//! the Amazon Time Sync Service, DHCP, Windows license activation.

use std::fmt;
use std::net::IpAddr;

use serde::Serialize;
use wirelab_wire::FiveTuple;

/// How many packets there were, by what they were for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub(super) struct Unlogged {
    /// The resolver at 169.254.169.253 and fd00:ec2::253.
    resolver: u64,
    /// DNS to what is two above the base of a network around the ENI: the resolver again, as far
    /// as a capture can tell without the VPC's CIDR block.
    probable_resolver: u64,
    metadata: u64,
    time_sync: u64,
    dhcp: u64,
    activation: u64,
}

impl Unlogged {
    /// Counts the packet if AWS does not log it; whether it does not.
    pub(super) fn count(&mut self, tuple: &FiveTuple, own: &[IpAddr]) -> bool {
        let Some(counter) = self.counter(tuple, own) else {
            return false;
        };
        *counter += 1;
        true
    }

    #[cfg(test)]
    pub(super) const fn total(&self) -> u64 {
        self.resolver
            + self.probable_resolver
            + self.metadata
            + self.time_sync
            + self.dhcp
            + self.activation
    }

    fn counter(&mut self, tuple: &FiveTuple, own: &[IpAddr]) -> Option<&mut u64> {
        let is_own = |address| own.contains(&address);
        let (peer, port) = if is_own(tuple.source) {
            (tuple.destination, tuple.destination_port)
        } else {
            (tuple.source, tuple.source_port)
        };
        if is_dhcp(tuple) {
            return Some(&mut self.dhcp);
        }
        if port == DNS && own.iter().any(|own| is_two_above_base(peer, *own)) {
            return Some(&mut self.probable_resolver);
        }
        match service(peer)? {
            253 => Some(&mut self.resolver),
            254 => Some(&mut self.metadata),
            123 => Some(&mut self.time_sync),
            _ => Some(&mut self.activation),
        }
    }
}

/// `5 instance metadata, 2 DHCP`, or nothing.
impl fmt::Display for Unlogged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counts = [
            (self.resolver, "the Amazon resolver"),
            (
                self.probable_resolver,
                "DNS at two above the network's base, probably the Amazon resolver",
            ),
            (self.metadata, "instance metadata"),
            (self.time_sync, "the Amazon time service"),
            (self.dhcp, "DHCP"),
            (self.activation, "Windows activation"),
        ];
        let told = counts.iter().filter(|(count, _)| *count > 0);
        let told: Vec<_> = told
            .map(|(count, what)| format!("{count} {what}"))
            .collect();
        f.write_str(&told.join(", "))
    }
}

const DNS: u16 = 53;
const UDP: u8 = 17;

fn is_dhcp(tuple: &FiveTuple) -> bool {
    let ports = [tuple.source_port, tuple.destination_port];
    let between = |pair: [u16; 2]| ports.iter().all(|port| pair.contains(port));
    tuple.protocol == UDP && (between([67, 68]) || between([546, 547]))
}

/// The last part of a link-local service address of AWS.
fn service(address: IpAddr) -> Option<u8> {
    let last = match address {
        IpAddr::V4(v4) => match v4.octets() {
            [169, 254, 169, last] => last,
            _ => return None,
        },
        IpAddr::V6(v6) => match v6.segments() {
            [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x253] => 253,
            [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x254] => 254,
            [0xfd00, 0x0ec2, 0, 0, 0, 0, 0, 0x123] => 123,
            _ => return None,
        },
    };
    [123, 250, 251, 253, 254].contains(&last).then_some(last)
}

/// Whether `peer` is the base plus two of a network of a VPC's size, /16 to /28, around `own`.
fn is_two_above_base(peer: IpAddr, own: IpAddr) -> bool {
    let (IpAddr::V4(peer), IpAddr::V4(own)) = (peer, own) else {
        return false;
    };
    let own = own.to_bits();
    (16..=28).any(|prefix| peer.to_bits() == (own & (u32::MAX << (32 - prefix))) + 2)
}

#[cfg(test)]
mod tests {
    use std::net::{Ipv4Addr, Ipv6Addr};

    use super::*;

    #[test]
    fn what_aws_does_not_log_is_told_apart_from_what_looks_like_it() {
        let own: IpAddr = Ipv4Addr::new(10, 0, 1, 5).into();
        let own6: IpAddr = Ipv6Addr::new(0xfd12, 0, 0, 0, 0, 0, 0, 5).into();
        let cases = [
            ("169.254.169.253", 53, true),
            ("169.254.169.254", 80, true),
            ("169.254.169.123", 123, true),
            ("169.254.169.250", 1688, true),
            ("169.254.1.1", 80, false),
            ("10.0.0.2", 53, true),
            ("10.0.0.2", 443, false),
            ("10.0.7.2", 53, false),
            ("10.0.1.9", 53, false),
            ("fd00:ec2::254", 80, true),
            ("fd00:ec2::25", 80, false),
        ];
        for (peer, port, unlogged) in cases {
            let peer: IpAddr = peer.parse().expect(peer);
            let own_end = if peer.is_ipv4() { own } else { own6 };
            let tuple = FiveTuple::new((own_end, 40000).into(), (peer, port).into(), UDP);
            for tuple in [tuple, tuple.reversed()] {
                let counted = Unlogged::default().count(&tuple, &[own, own6]);
                assert_eq!(counted, unlogged, "{tuple}");
            }
        }
        let any: IpAddr = Ipv4Addr::UNSPECIFIED.into();
        let all: IpAddr = Ipv4Addr::BROADCAST.into();
        let discover = FiveTuple::new((any, 68).into(), (all, 67).into(), UDP);
        let mut counts = Unlogged::default();
        assert!(counts.count(&discover, &[own]));
        assert_eq!(counts.to_string(), "1 DHCP");
    }
}
