//! Networks outside AWS: segments, the internet, and who is on them.
//!
//! A segment is a LAN without a router of its own: a frame goes to the machine that has the next
//! hop's address. The internet is a segment on which any public address can be reached.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::CustomerGatewayId;

use super::{Place, Transit, Walk};
use crate::event::SegmentSpec;
use crate::path::PassDetail;
use crate::trace::Watch;
use crate::verdict::{Hop, PacketDrop, SegmentDrop};

/// A machine's interface outside AWS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Port {
    /// Number of the machine.
    pub(crate) host: u32,
    /// Index of its interface.
    pub(crate) interface: u32,
}

/// What a port is plugged into.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Socket {
    /// A segment, by its number.
    Segment(u32),
    /// The VPN connections of a customer gateway.
    Tunnel(CustomerGatewayId),
}

/// Every segment and every machine on one.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sites {
    segments: Vec<SegmentSpec>,
    neighbors: BTreeMap<(u32, IpAddr), Port>,
    customer_gateways: BTreeMap<CustomerGatewayId, CustomerDevice>,
}

/// The machine that is a customer gateway, seen from its tunnels.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct CustomerDevice {
    /// Its tunnel interface.
    pub(crate) port: Port,
    /// The tunnel it sends by while that is up, 1 or 2.
    pub(crate) preferred_tunnel: Option<u8>,
    /// It takes packets from a tunnel that it does not send by.
    pub(crate) asymmetric: bool,
}

/// The built-in segment's number.
const INTERNET: u32 = 0;

impl Default for Sites {
    fn default() -> Self {
        let internet = SegmentSpec {
            name: SegmentSpec::INTERNET.into(),
            cidr: wirelab_model::IpNet::V4(wirelab_model::Ipv4Net::default()),
            mtu: 1500,
        };
        Self {
            segments: vec![internet],
            neighbors: BTreeMap::new(),
            customer_gateways: BTreeMap::new(),
        }
    }
}

impl Sites {
    /// Adds a segment. `false` if there is one of this name.
    pub(crate) fn add_segment(&mut self, segment: SegmentSpec) -> bool {
        let is_new = self.segment(&segment.name).is_none();
        if is_new {
            self.segments.push(segment);
        }
        is_new
    }

    /// The number of a segment.
    pub(crate) fn segment(&self, name: &str) -> Option<u32> {
        let at = self.segments.iter().position(|it| it.name == name)?;
        u32::try_from(at).ok()
    }

    /// Plugs a machine's interface into a segment.
    pub(crate) fn plug(&mut self, segment: u32, address: IpAddr, port: Port) {
        self.neighbors.insert((segment, address), port);
    }

    /// Makes a machine's interface the inside of a customer gateway's tunnels.
    pub(crate) fn plug_tunnel(&mut self, gateway: CustomerGatewayId, device: CustomerDevice) {
        self.customer_gateways.insert(gateway, device);
    }

    /// The machine that is a customer gateway.
    pub(crate) fn customer_gateway(&self, id: &CustomerGatewayId) -> Option<&CustomerDevice> {
        self.customer_gateways.get(id)
    }

    /// Every customer gateway that a machine plays.
    pub(crate) fn customer_gateways(&self) -> impl Iterator<Item = (&CustomerGatewayId, Port)> {
        let all = self.customer_gateways.iter();
        all.map(|(id, device)| (id, device.port))
    }

    fn neighbor(&self, segment: u32, address: IpAddr) -> Option<Port> {
        self.neighbors.get(&(segment, address)).copied()
    }

    /// The machine that has an address on what a port is plugged into.
    pub(crate) fn neighbor_on(&self, socket: &Socket, address: IpAddr) -> Option<Port> {
        match socket {
            Socket::Segment(segment) => self.neighbor(*segment, address),
            Socket::Tunnel(_) => None,
        }
    }

    /// The machines on a segment that a frame to all reaches: on the internet none but whoever it
    /// is for, since its parts are no common link.
    pub(crate) fn ports_on(&self, segment: u32, to: Option<IpAddr>) -> BTreeSet<Port> {
        if segment == INTERNET {
            let found = to.and_then(|it| self.neighbor(segment, it));
            return found.into_iter().collect();
        }
        let all = self.neighbors.iter();
        let on_it = all.filter(|((number, _), _)| *number == segment);
        on_it.map(|(_, port)| *port).collect()
    }

    /// Whether it is the internet, where any public address can be reached.
    pub(crate) fn is_internet(&self, socket: &Socket) -> bool {
        *socket == Socket::Segment(INTERNET)
    }

    /// The machine that has a public address.
    pub(crate) fn on_internet(&self, address: IpAddr) -> Option<Port> {
        self.neighbor(INTERNET, address)
    }
}

impl<W: Watch> Walk<'_, W> {
    /// A machine outside AWS sends a frame to `next_hop` on a segment.
    pub(crate) fn segment(&mut self, from: Port, segment: u32, next_hop: IpAddr, transit: Transit) {
        let spec = &self.sites.segments[segment as usize];
        let size = transit.packet.total_len();
        let hop = || Hop::Segment(spec.name.clone());
        if size > usize::from(spec.mtu) {
            let reason = PacketDrop::MtuExceeded {
                mtu: spec.mtu,
                size: u32::try_from(size).unwrap_or(u32::MAX),
                icmp_sent: false,
            };
            self.watch.deny(&transit, hop(), reason);
            if !W::GOES_ON {
                return;
            }
        }
        if let Some(port) = self.sites.neighbor(segment, next_hop) {
            self.watch
                .pass(&transit.packet, || (hop(), PassDetail::Plain));
            let from = Some(from);
            let place = Place::Outside { port, from };
            self.send(self.config.latency.segment, place, transit);
        } else if segment == INTERNET {
            self.internet(transit);
        } else {
            let reason = SegmentDrop::NoNeighbor {
                segment: spec.name.clone(),
                next_hop,
            };
            self.watch.deny(&transit, hop(), reason);
        }
    }
}
