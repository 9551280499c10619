//! Between whom a counterexample goes: machines that a capture has, where filters leave it open.
//!
//! A packet that shows a missing flag is read more easily if its addresses and ports are those of
//! the network at hand, and not of one that nobody has.

use std::collections::BTreeMap;

use super::shape::Kind;
use crate::frames::Frames;

/// So many of each kind are tried.
const MOST: usize = 48;

/// The conversations of a capture: who speaks with whom, about what.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    flows: Vec<Flow>,
}

/// Which addresses a packet has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Family {
    V4,
    V6,
    Arp,
}

impl Family {
    const fn of(kind: Kind) -> Self {
        match kind {
            Kind::V4 { .. } => Self::V4,
            Kind::V6(_) => Self::V6,
            Kind::Arp => Self::Arp,
        }
    }
}

/// One direction of a conversation, by its first packet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Flow {
    family: Family,
    pub(super) macs: [u8; 12],
    pub(super) source: Vec<u8>,
    pub(super) destination: Vec<u8>,
    pub(super) protocol: u8,
    /// Of protocols that have any.
    pub(super) ports: Option<(u16, u16)>,
}

impl Seen {
    /// The conversations of a capture of Ethernet frames, those with the most packets first. One
    /// with a port of every client is one: it is told by the server's.
    #[must_use]
    pub fn of(frames: &Frames) -> Self {
        let mut known: BTreeMap<_, (usize, Flow, usize)> = BTreeMap::new();
        for (number, (frame, _)) in frames.iter().enumerate() {
            let Some(flow) = flow(frame) else { continue };
            let server = flow.ports.map(|(from, to)| (from.min(to), from < to));
            let ends = (flow.source.clone(), flow.destination.clone());
            let key = (flow.family, ends, flow.protocol, server);
            let (packets, ..) = known.entry(key).or_insert((0, flow, number));
            *packets += 1;
        }
        let mut known: Vec<_> = known.into_values().collect();
        known.sort_by_key(|(packets, _, first)| (std::cmp::Reverse(*packets), *first));
        let flows = known.into_iter().map(|(_, flow, _)| flow).collect();
        Self { flows }
    }

    /// Those whose addresses a shape has, of this protocol first. Others lend their addresses only
    /// if one machine sends to another: nobody asks for a web page as DHCP asks for an address,
    /// from 0.0.0.0 to everybody.
    pub(super) fn of_shape(&self, kind: Kind, protocol: u8) -> Vec<&Flow> {
        let family = Family::of(kind);
        let own = self.flows.iter().filter(|flow| flow.family == family);
        let (same, others): (Vec<_>, Vec<_>) = own.partition(|flow| flow.protocol == protocol);
        let same = same.into_iter().take(MOST);
        let others = others.into_iter().filter(|flow| flow.is_between_machines());
        same.chain(others.take(MOST)).collect()
    }
}

impl Flow {
    /// Whether its frames are for a group or for everybody.
    pub(super) const fn is_to_many(&self) -> bool {
        self.macs[0] & 1 == 1
    }

    fn is_between_machines(&self) -> bool {
        let is_one = |address: &[u8]| match self.family {
            Family::V6 => address[0] != 0xff && address[..15] != [0; 15],
            Family::V4 | Family::Arp => (1..224).contains(&address[0]) && address[0] != 127,
        };
        // ARP asks everybody about one.
        let to_many = self.family != Family::Arp && self.is_to_many();
        !to_many && is_one(&self.source) && is_one(&self.destination)
    }
}

/// Who sends a frame to whom; `None` if it has no addresses that are known here.
fn flow(frame: &[u8]) -> Option<Flow> {
    let macs = frame.get(..12)?.try_into().ok()?;
    let network = frame.get(14..)?;
    let at = |from: usize, size: usize| network.get(from..from + size).map(<[u8]>::to_vec);
    let (family, addresses, protocol, transport) = match frame.get(12..14)? {
        [0x08, 0x00] => {
            let is_later = network.get(6)? & 0x1f != 0 || *network.get(7)? != 0;
            let header = usize::from(network.first()? & 0xf) * 4;
            let transport = (!is_later).then_some(header);
            (Family::V4, (12, 16, 4), *network.get(9)?, transport)
        }
        [0x86, 0xdd] => (Family::V6, (8, 24, 16), *network.get(6)?, Some(40)),
        [0x08, 0x06] => (Family::Arp, (14, 24, 4), 0, None),
        _ => return None,
    };
    let port = |from: usize| {
        let octets = network.get(from..from + 2)?;
        Some(u16::from_be_bytes([octets[0], octets[1]]))
    };
    let has_ports = matches!(protocol, 6 | 17 | 132);
    let transport = transport.filter(|_| has_ports);
    let (source, destination, size) = addresses;
    Some(Flow {
        family,
        macs,
        source: at(source, size)?,
        destination: at(destination, size)?,
        protocol,
        ports: transport.and_then(|at| Some((port(at)?, port(at + 2)?))),
    })
}
