//! The flows that are meant to work, as the packets that each control must pass for them.

use std::net::IpAddr;

use ipnet::IpNet;
use wirelab_model::{
    IcmpTypeCode, InterfaceType, IpProtocol, NetworkInterface, PortRange, Resources,
};

use super::control::{Control, Direction};
use wirelab_simulator::reach::{Dimension, Interval, IpVersion, PacketSet, Region};

/// Ports from which a NAT gateway sends (`facts.md` 2.4: Amazon VPC User Guide, NAT gateways).
const NAT_PORTS: PortRange = PortRange {
    from: 1024,
    to: 65535,
};

/// One kind of flow that is meant to work: who opens it, to whom, and from which ports.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Intent {
    /// Who opens flows.
    pub clients: Vec<IpNet>,
    /// Who answers.
    pub servers: Vec<IpNet>,
    /// Its protocol.
    pub protocol: IpProtocol,
    /// TCP and UDP: the servers' ports.
    pub ports: PortRange,
    /// TCP and UDP: the ports from which the clients' systems open connections; replies go there.
    pub client_ports: PortRange,
    /// ICMP: which messages; `None` is all.
    pub icmp: Option<IcmpTypeCode>,
}

impl Intent {
    /// Requests and their replies.
    fn packets(&self) -> PacketSet {
        let mut packets = self.requests();
        for (client, server) in self.pairs() {
            let replies = self.one_way(server, client, true);
            replies.into_iter().for_each(|it| packets.insert(it));
        }
        packets
    }

    /// The packets that open these flows.
    pub(crate) fn requests(&self) -> PacketSet {
        let mut packets = PacketSet::empty();
        for (client, server) in self.pairs() {
            let requests = self.one_way(client, server, false);
            requests.into_iter().for_each(|it| packets.insert(it));
        }
        packets
    }

    fn pairs(&self) -> impl Iterator<Item = (&IpNet, &IpNet)> {
        let clients = self.clients.iter();
        clients.flat_map(|client| self.servers.iter().map(move |server| (client, server)))
    }

    fn one_way(&self, from: &IpNet, to: &IpNet, reply: bool) -> Vec<Region> {
        let version = IpVersion::of(from);
        if version != IpVersion::of(to) {
            return Vec::new();
        }
        let (source_ports, destination_ports) = self.fields(reply);
        let regions = Region::rule_protocol(version, self.protocol).into_iter();
        regions
            .filter_map(|region| {
                region
                    .with(Dimension::Source, *from)?
                    .with(Dimension::Destination, *to)?
                    .with(Dimension::SourcePort, source_ports)?
                    .with(Dimension::DestinationPort, destination_ports)?
                    .with(Dimension::Reply, Interval::single(u128::from(reply)))
            })
            .collect()
    }

    /// The two port fields of a request or of a reply.
    fn fields(&self, reply: bool) -> (Interval, Interval) {
        match (self.protocol, self.icmp) {
            (IpProtocol::TCP | IpProtocol::UDP, _) if reply => {
                (self.ports.into(), self.client_ports.into())
            }
            (IpProtocol::TCP | IpProtocol::UDP, _) => (self.client_ports.into(), self.ports.into()),
            (IpProtocol::ICMP | IpProtocol::ICMPV6, Some(icmp)) => icmp_fields(icmp, reply),
            _ => (Interval::PORTS, Interval::PORTS),
        }
    }

    /// The same flows as they look beyond the NAT gateways: their servers outside, opened from a
    /// gateway's own address and ports.
    fn translated(&self, resources: &Resources) -> Option<Self> {
        let inside = |net: &IpNet| {
            let mut blocks = resources.vpcs.values().flat_map(|vpc| &vpc.cidr_blocks);
            blocks.any(|block| IpNet::from(*block).contains(net))
        };
        let servers: Vec<_> = self
            .servers
            .iter()
            .filter(|it| !inside(it))
            .copied()
            .collect();
        let gateways = resources.nat_gateways.values();
        let addresses = gateways.flat_map(|it| &it.nat_gateway_addresses);
        let clients = addresses.map(|it| IpAddr::from(it.private_ip).into());
        let translated = Self {
            clients: clients.collect(),
            servers,
            client_ports: NAT_PORTS,
            ..self.clone()
        };
        (!translated.clients.is_empty() && !translated.servers.is_empty()).then_some(translated)
    }

    /// Each address widened to its subnet: network ACLs guard subnets, and an entry for the
    /// subnet of an instance is the least that outlives the instance.
    fn by_subnet(&self, resources: &Resources) -> Self {
        let widen = |nets: &[IpNet]| nets.iter().map(|net| subnet_of(resources, net)).collect();
        Self {
            clients: widen(&self.clients),
            servers: widen(&self.servers),
            ..self.clone()
        }
    }
}

/// Echo requests are answered by echo replies; other messages are one-way.
fn icmp_fields(icmp: IcmpTypeCode, reply: bool) -> (Interval, Interval) {
    let one = |value: i16| u128::try_from(value).map_or(Interval::OCTET, Interval::single);
    match (icmp.icmp_type, reply) {
        (8, true) => (Interval::single(0), Interval::single(0)),
        (kind, _) => (one(kind), one(icmp.code)),
    }
}

/// The subnet that holds a block; the block itself if none does.
pub(crate) fn subnet_of(resources: &Resources, net: &IpNet) -> IpNet {
    let blocks = resources.subnets.values().flat_map(|subnet| {
        let v6 = subnet.ipv6_cidr_block.map(IpNet::from);
        std::iter::once(IpNet::from(subnet.cidr_block)).chain(v6)
    });
    let mut blocks = blocks.filter(|block| block.contains(net));
    blocks.next().unwrap_or(*net)
}

/// What `control` must pass so that the intended flows work, widened to what its rules can say.
///
/// "Fragmentation needed" (RFC 1191) is part of every flow and may come from any router, so it is
/// always meant.
pub(super) fn meant(control: &Control, resources: &Resources, intents: &[Intent]) -> PacketSet {
    let place = Place::of(control, resources);
    let mut meant = PacketSet::empty();
    for region in fragmentation_needed() {
        meant.insert(region);
    }
    for intent in intents {
        for seen in std::iter::once(intent.clone()).chain(intent.translated(resources)) {
            let seen = match control {
                Control::NetworkAcl { .. } => seen.by_subnet(resources),
                Control::SecurityGroups { .. } => seen,
            };
            meant = meant.union(&place.passing(&seen.packets()));
        }
    }
    meant.widen(control.blind_to())
}

fn fragmentation_needed() -> Vec<Region> {
    let regions = Region::rule_protocol(IpVersion::V4, IpProtocol::ICMP).into_iter();
    let four = regions.filter_map(|region| {
        region
            .with(Dimension::SourcePort, Interval::single(3))?
            .with(Dimension::DestinationPort, Interval::single(4))
    });
    // ICMPv6 "packet too big", RFC 4443 section 3.2.
    let six = Region::rule_protocol(IpVersion::V6, IpProtocol::ICMPV6).into_iter();
    let six = six.filter_map(|region| {
        region
            .with(Dimension::SourcePort, Interval::single(2))?
            .with(Dimension::DestinationPort, Interval::single(0))
    });
    four.chain(six).collect()
}

/// Whose packets pass a control on its own side.
pub(super) struct Place {
    direction: Direction,
    /// The subnet's block, or the interface's addresses.
    addresses: Vec<IpNet>,
    /// It carries packets of others (NAT gateway, transit gateway, appliance).
    forwards: bool,
}

impl Place {
    pub(super) fn of(control: &Control, resources: &Resources) -> Self {
        let (addresses, forwards) = match control {
            Control::NetworkAcl { subnet, .. } => {
                let mut interfaces = resources.network_interfaces.values();
                let forwards = interfaces.any(|it| it.subnet_id == *subnet && forwards(it));
                let subnet = resources.subnets.get(subnet).into_iter();
                let blocks = subnet.flat_map(|it| {
                    let v6 = it.ipv6_cidr_block.map(IpNet::from);
                    std::iter::once(IpNet::from(it.cidr_block)).chain(v6)
                });
                (blocks.collect(), forwards)
            }
            Control::SecurityGroups { interface, .. } => {
                let interface = resources.network_interfaces.get(interface);
                let own = interface.into_iter().flat_map(|it| {
                    let v4 = it.private_ip_addresses.iter();
                    let v4 = v4.map(|it| IpAddr::from(it.private_ip_address));
                    v4.chain(it.ipv6_addresses.iter().copied().map(IpAddr::from))
                });
                let own = own.map(IpNet::from);
                (own.collect(), interface.is_some_and(|it| forwards(it)))
            }
        };
        Self {
            direction: control.direction(),
            addresses,
            forwards,
        }
    }

    /// Whether a block is here.
    pub(super) fn is_here(&self, net: &IpNet) -> bool {
        self.addresses.iter().any(|own| own.contains(net))
    }

    /// Whether packets of others pass.
    pub(super) const fn forwards(&self) -> bool {
        self.forwards
    }

    /// Everything whose other side is here too: it never leaves.
    pub(super) fn to_itself(&self, remote: Dimension) -> PacketSet {
        let mut packets = PacketSet::empty();
        for net in &self.addresses {
            for region in Region::rule_protocol(IpVersion::of(net), IpProtocol::All) {
                region
                    .with(remote, *net)
                    .into_iter()
                    .for_each(|it| packets.insert(it));
            }
        }
        packets
    }

    /// The part of `packets` that may pass here.
    fn passing(&self, packets: &PacketSet) -> PacketSet {
        if self.forwards {
            packets.clone()
        } else {
            self.own(packets)
        }
    }

    /// The part of `packets` whose local side is here.
    pub(super) fn own(&self, packets: &PacketSet) -> PacketSet {
        let mut own = PacketSet::empty();
        for net in &self.addresses {
            let here = packets
                .regions()
                .iter()
                .filter(|it| it.version == IpVersion::of(net));
            here.filter_map(|it| it.clone().with(self.direction.local(), *net))
                .for_each(|it| own.insert(it));
        }
        own
    }
}

fn forwards(interface: &NetworkInterface) -> bool {
    !interface.source_dest_check || interface.interface_type != InterfaceType::Interface
}
