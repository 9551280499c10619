//! NAT gateway (`facts.md` 2.4, rulings D2).

use std::collections::BTreeMap;
use std::net::IpAddr;

use wirelab_model::{
    NatGatewayAddressStatus, NatGatewayId, NatGatewayState, NetworkInterfaceId, SimDuration,
    SimTime,
};
use wirelab_wire::TcpFlags;

use super::internet_gateway::cut;
use super::packet::{Ends, Fragment, ICMP, TCP, UDP};
use super::{Coming, Made, MadeBy, Packet, Plain, Verdict, Why};

/// A mapping that was idle for so long is gone.
const IDLE: SimDuration = SimDuration::from_secs(350);
/// After both FINs or an RST: the simulator's own number.
const CLOSING: SimDuration = SimDuration::from_secs(60);
/// Largest packet through a NAT gateway.
const NAT_MTU: u16 = 8500;

/// The connections of one gateway by the flow as the inside sends it.
#[derive(Clone, Debug, Default)]
pub(super) struct Mappings {
    by_inside: BTreeMap<Ends, Mapping>,
    /// The flows of datagrams whose first fragment came by.
    datagrams: BTreeMap<(IpAddr, IpAddr, u8, u32), Ends>,
    pub(super) complaints: Vec<String>,
}

impl Mappings {
    /// The flow of a packet; later fragments belong to that of the first one, and to none if that
    /// did not come by.
    fn flow_of(&mut self, packet: &Packet) -> Option<Ends> {
        match packet.fragment {
            Fragment::Whole => {}
            Fragment::First => {
                self.datagrams.insert(packet.datagram(), packet.ends());
            }
            Fragment::Later => return self.datagrams.get(&packet.datagram()).copied(),
        }
        Some(packet.ends())
    }
}

#[derive(Clone, Debug)]
struct Mapping {
    address: IpAddr,
    port: u16,
    last: SimTime,
    fins: (bool, bool),
    reset: bool,
}

impl Mapping {
    fn lives(&self, now: SimTime) -> bool {
        let closing = self.reset || self.fins == (true, true);
        now.since(self.last) < if closing { CLOSING } else { IDLE }
    }

    fn see(&mut self, now: SimTime, from_inside: bool, packet: &Packet) {
        self.last = now;
        if packet.protocol == TCP {
            self.reset |= packet.has(TcpFlags::RST);
            if packet.has(TcpFlags::FIN) {
                if from_inside {
                    self.fins.0 = true;
                } else {
                    self.fins.1 = true;
                }
            }
        }
    }

    /// The flow as the gateway sends it.
    fn outside(&self, inside: &Ends) -> Ends {
        let mut outside = *inside;
        outside.source = self.address;
        outside.source_port = self.port;
        if inside.protocol == ICMP {
            outside.destination_port = self.port;
        }
        outside
    }
}

impl Plain {
    /// The gateway that an interface belongs to.
    pub(super) fn nat_of(&self, id: &NetworkInterfaceId) -> Option<NatGatewayId> {
        let mut all = self.resources.nat_gateways.values();
        let nat = all.find(|nat| {
            let mut addresses = nat.nat_gateway_addresses.iter();
            addresses.any(|it| it.network_interface_id == *id)
        })?;
        Some(nat.nat_gateway_id.clone())
    }

    /// The primary interface of a gateway that is in service.
    pub(super) fn interface_of_nat(&self, nat: &NatGatewayId) -> Option<NetworkInterfaceId> {
        let gateway = self.resources.nat_gateways.get(nat);
        let gateway = gateway.filter(|it| it.state == NatGatewayState::Available)?;
        let primary = gateway.nat_gateway_addresses.first()?;
        Some(primary.network_interface_id.clone())
    }

    /// A route leads from `from` to a NAT gateway.
    pub(super) fn to_nat(
        &mut self,
        from: &NetworkInterfaceId,
        nat: &NatGatewayId,
        packet: &mut Packet,
    ) -> Verdict {
        let id = self.interface_of_nat(nat);
        let id = id.ok_or_else(|| Why::new("NAT gateway not available", nat))?;
        let crosses = self.interface(from).subnet_id != self.interface(&id).subnet_id;
        let coming = Coming {
            crosses,
            direct: false,
            auto_tracked: false,
        };
        self.arrive(&id, packet, coming)
    }

    /// The network ACL has let a packet in to a NAT gateway's interface.
    pub(super) fn at_nat(
        &mut self,
        nat: &NatGatewayId,
        id: &NetworkInterfaceId,
        packet: &mut Packet,
    ) -> Verdict {
        let gateway = self.resources.nat_gateways[nat].clone();
        if gateway.state != NatGatewayState::Available {
            return Err(Why::new("NAT gateway not available", nat));
        }
        let forwards = matches!(packet.protocol, TCP | UDP | ICMP)
            && (packet.protocol == UDP || packet.fragment == Fragment::Whole);
        if !forwards {
            return Err(Why::new("NAT gateway does not forward it", nat));
        }
        let mut own = gateway.nat_gateway_addresses.iter();
        if own.any(|it| IpAddr::V4(it.private_ip) == packet.destination) {
            self.from_outside(nat, id, packet)
        } else {
            self.from_inside(nat, id, packet)
        }
    }

    fn from_inside(
        &mut self,
        nat: &NatGatewayId,
        id: &NetworkInterfaceId,
        packet: &mut Packet,
    ) -> Verdict {
        let now = self.now;
        self.forget(nat);
        let known = self.mappings.entry(nat.clone()).or_default();
        let Some(inside) = known.flow_of(packet) else {
            return Err(Why::new("NAT gateway has no such connection", nat));
        };
        let is_known = known.by_inside.contains_key(&inside);
        let begins = match packet.protocol {
            TCP => packet.opens(),
            ICMP => packet.is_echo_request(),
            _ => true,
        };
        if !is_known && !begins {
            if packet.protocol == TCP && !packet.has(TcpFlags::RST) {
                self.made.push(Made {
                    packet: reset(packet),
                    from: MadeBy::Gateway(id.clone()),
                });
            }
            return Err(Why::new("NAT gateway does not know the connection", nat));
        }
        if let Some(mapping) = known.by_inside.get_mut(&inside) {
            mapping.see(now, true, packet);
        }
        self.fits(packet, NAT_MTU.into(), MadeBy::Gateway(id.clone()), nat)?;
        if !is_known {
            self.map(nat, &inside)?;
        }
        let mapping = &self.mappings[nat].by_inside[&inside];
        let outside = mapping.outside(&inside);
        packet.source = outside.source;
        if packet.fragment != Fragment::Later {
            packet.source_port = outside.source_port;
            packet.destination_port = outside.destination_port;
        }
        packet.clamp(NAT_MTU);
        let rest = cut(packet, NAT_MTU.into());
        self.send_pieces(packet, rest, &MadeBy::Gateway(id.clone()));
        self.from_gateway(id, packet)
    }

    /// Takes the address and port that the gateway is seen to have picked, if it might.
    fn map(&mut self, nat: &NatGatewayId, inside: &Ends) -> Result<(), Why> {
        let (seen, port) = match self.seen {
            Some(seen) => seen,
            None => (self.primary_address(nat), inside.source_port),
        };
        let Some(address) = self.own_address(nat, seen) else {
            let mut others = self.resources.nat_gateways.keys();
            if others.any(|it| it != nat && self.own_address(it, seen).is_some()) {
                self.circled = true;
                return Err(Why::new("two translations", nat));
            }
            let known = self.mappings.entry(nat.clone()).or_default();
            let text = format!("{nat}: it may not take the address {seen}");
            known.complaints.push(text);
            return Err(Why::new("a foreign address", nat));
        };
        let mapping = Mapping {
            address,
            port,
            last: self.now,
            fins: (false, false),
            reset: false,
        };
        let outside = mapping.outside(inside);
        let known = self.mappings.entry(nat.clone()).or_default();
        let twin = |(other, mapping): (&Ends, &Mapping)| mapping.outside(other) == outside;
        if known.by_inside.iter().any(twin) {
            let text = format!("{nat}: port {port} serves two connections to {outside:?}");
            known.complaints.push(text);
        }
        if port < 1024 && self.seen.is_some() {
            known
                .complaints
                .push(format!("{nat}: port {port} is out of range"));
        }
        known.by_inside.insert(*inside, mapping);
        Ok(())
    }

    /// The gateway's address that `seen` is or, of a public one, stands for, if new connections may
    /// take it: those that are on their way in or out may not.
    fn own_address(&self, nat: &NatGatewayId, seen: IpAddr) -> Option<IpAddr> {
        let mut all = self.resources.nat_gateways[nat]
            .nat_gateway_addresses
            .iter();
        let own = all.find(|it| {
            let public = it.public_ip.map(IpAddr::V4);
            it.status == NatGatewayAddressStatus::Succeeded
                && (IpAddr::V4(it.private_ip) == seen || public == Some(seen))
        })?;
        Some(IpAddr::V4(own.private_ip))
    }

    fn primary_address(&self, nat: &NatGatewayId) -> IpAddr {
        let primary = self.resources.nat_gateways[nat]
            .nat_gateway_addresses
            .first();
        let primary = primary.expect("a gateway in service has an address");
        IpAddr::V4(primary.private_ip)
    }

    /// Connections that were idle for too long are forgotten, and those of addresses that the
    /// gateway has no more.
    fn forget(&mut self, nat: &NatGatewayId) {
        let now = self.now;
        let addresses = &self.resources.nat_gateways[nat].nat_gateway_addresses;
        let has = |address| {
            let mut own = addresses.iter();
            own.any(|it| IpAddr::V4(it.private_ip) == address)
        };
        let known = self.mappings.entry(nat.clone()).or_default();
        known
            .by_inside
            .retain(|_, it| it.lives(now) && has(it.address));
    }

    fn from_outside(
        &mut self,
        nat: &NatGatewayId,
        id: &NetworkInterfaceId,
        packet: &mut Packet,
    ) -> Verdict {
        let now = self.now;
        self.forget(nat);
        let known = self.mappings.entry(nat.clone()).or_default();
        let sought = match &packet.about {
            Some(about) => Some(**about),
            None => known.flow_of(packet).map(|it| it.turned()),
        };
        let mut all = known.by_inside.iter_mut();
        let found = all.find(|(inside, mapping)| Some(mapping.outside(inside)) == sought);
        let is_answer = packet.protocol != ICMP || packet.is_echo_reply() || packet.about.is_some();
        let Some((inside, mapping)) = found.filter(|_| is_answer) else {
            return Err(Why::new("NAT gateway has no such connection", nat));
        };
        packet.destination = inside.source;
        if let Some(about) = &mut packet.about {
            **about = *inside;
        } else {
            mapping.see(now, false, packet);
            if packet.fragment != Fragment::Later {
                packet.destination_port = inside.source_port;
            }
            if packet.protocol == ICMP {
                packet.source_port = inside.source_port;
            }
        }
        self.fits(packet, NAT_MTU.into(), MadeBy::Gateway(id.clone()), nat)?;
        packet.clamp(NAT_MTU);
        let rest = cut(packet, NAT_MTU.into());
        self.send_pieces(packet, rest, &MadeBy::Gateway(id.clone()));
        self.from_gateway(id, packet)
    }
}

/// The RST that answers a segment of an unknown connection, as from its destination.
fn reset(packet: &Packet) -> Packet {
    let mut answer = packet.clone();
    std::mem::swap(&mut answer.source, &mut answer.destination);
    std::mem::swap(&mut answer.source_port, &mut answer.destination_port);
    answer.flags = if packet.has(TcpFlags::ACK) {
        0x04
    } else {
        0x14
    };
    answer.size = 40;
    answer.mss = None;
    answer
}
