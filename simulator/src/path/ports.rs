//! Source ports: what becomes of a probe from the others that its sender may take.
//!
//! Every connection takes another port, and a rule that lets some of them through makes a fault
//! that comes and goes. Rules tell ports apart by ranges, so the sender's ports are cut where those
//! of the hops on the way change their mind, and one of each piece is sent.

use super::{Origin, PathReport, Probe, ProbeProtocol, explain};
use crate::host::{Host, HostSettings};
use crate::reach::fields::{Marks, Rules};
use crate::reach::{Interval, Ranges};
use crate::world::World;

/// The ports that a sender may take, by what becomes of the probe and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SourcePorts {
    /// From these both arrive.
    pub delivered: Ranges,
    /// From these one of them is dropped.
    pub dropped: Ranges,
}

impl SourcePorts {
    /// Every port that the sender may take.
    #[must_use]
    pub fn all(&self) -> Ranges {
        self.delivered.union(&self.dropped)
    }

    /// Whether some get through and some do not.
    #[must_use]
    pub fn differ(&self) -> bool {
        !self.delivered.is_empty() && !self.dropped.is_empty()
    }
}

/// Sends the probe of `report` from the other source ports that its sender may take: a machine's
/// `ip_local_port_range`, a NAT gateway's range, Linux's default for who is neither. `None` for
/// ICMP, and for a probe that names its port. By network ACLs and security groups; a machine's own
/// firewall is asked for the port of the report alone.
#[must_use]
pub fn source_ports(world: &World, report: &PathReport) -> Option<SourcePorts> {
    let taken = report.source_port?;
    if report.probe.source_port.is_some() || report.probe.protocol == ProbeProtocol::Icmp {
        return None;
    }
    let rules = Rules::new(&world.topology.resources);
    let mut marks = Marks::default();
    let ways = [Some(&report.forward), report.back.as_ref()];
    for step in ways.into_iter().flatten().flat_map(|way| &way.steps) {
        rules.at(&step.hop, &mut marks);
    }
    let own = range(world, &report.probe.from);
    let pieces = marks.ports().into_iter();
    let pieces = pieces.filter_map(|piece| piece.intersect(own));
    let (delivered, dropped): (Vec<_>, Vec<_>) = pieces.partition(|piece| {
        if piece.contains(taken.into()) {
            return report.reachable();
        }
        let middle = piece.low + (piece.high - piece.low) / 2;
        let probe = Probe {
            source_port: u16::try_from(middle).ok(),
            ..report.probe.clone()
        };
        explain(world, &probe).is_ok_and(|report| report.reachable())
    });
    Some(SourcePorts {
        delivered: Ranges::of(delivered),
        dropped: Ranges::of(dropped),
    })
}

/// A NAT gateway's (Amazon VPC User Guide, "NAT gateway basics").
const NAT_GATEWAY: Interval = Interval {
    low: 1024,
    high: 65_535,
};

/// The ephemeral ports of who sends.
fn range(world: &World, from: &Origin) -> Interval {
    let own = match from {
        Origin::Host(name) => world.host(name),
        Origin::Interface { id, .. } if world.is_nat_gateways(id) => return NAT_GATEWAY,
        _ => None,
    };
    let default = HostSettings::default().local_port_range;
    let (low, high) = own.map_or(default, Host::local_port_range);
    Interval::new(low.into(), high.into()).unwrap_or(Interval::PORTS)
}
