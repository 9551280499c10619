//! The fabric: what is between machines.
//!
//! A packet's way through a VPC, with the file that knows each step:
//!
//! 1. A machine sends it; its interface captures it, checks its source and asks the security groups
//!    ([`network_interface`], [`security_group`], [`conntrack`]).
//! 2. If it leaves the subnet, the network ACL is asked ([`network_acl`]); the flow log counts it.
//! 3. The subnet's route table says where it leads ([`route_table`], [`lpm`]): to another
//!    interface, or to a gateway ([`internet_gateway`], [`egress_only_internet_gateway`],
//!    [`nat_gateway`], [`peering`], [`transit_gateway`], [`vpn_gateway`] and [`vpn_tunnel`],
//!    [`vpc_endpoint`]). What comes in by a gateway may be led to an appliance first ([`ingress`]).
//!    What goes to a link-local service takes none of these steps ([`link_local`]).
//! 4. On arrival the same is asked in the mirror image, and the machine gets it.
//!
//! Inside one place a walk is synchronous; between places a packet waits in the world's queue for
//! the latency of the way. A walk reads the [`Plan`], changes the [`State`], tells its
//! [`Watch`] everything and leaves what goes on in a list of [`Sent`].

mod compile;
mod conntrack;
mod egress_only_internet_gateway;
mod endpoint_metrics;
mod header;
mod ingress;
mod instance;
pub(crate) mod instance_metrics;
mod internet_gateway;
mod link_local;
mod lpm;
mod mtu;
mod nat_capacity;
mod nat_gateway;
mod nat_metrics;
mod nat_table;
mod network_acl;
mod network_interface;
mod peering;
mod plan;
mod quoted;
mod region;
mod route_table;
mod security_group;
mod site;
mod transit_gateway;
mod transit_metrics;
mod vpc_endpoint;
mod vpn_gateway;
mod vpn_metrics;
mod vpn_tunnel;
mod way;

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{
    EgressOnlyInternetGatewayId, SimDuration, SimTime, TransitGatewayAttachmentId,
    TransitGatewayId, VpcEndpointId, VpnConnectionId,
};
use wirelab_wire::{IpPacket, MacAddr};

pub(crate) use endpoint_metrics::METRICS as ENDPOINT_METRICS;
use endpoint_metrics::Processed;
#[cfg(test)]
pub(crate) use instance::Counters;
use instance::LinkLocalSecond;
pub(crate) use instance::counters;
pub(crate) use instance_metrics::{
    NETWORK as INSTANCE_NETWORK_METRICS, STATUS as INSTANCE_STATUS_METRICS,
};
pub(crate) use link_local::ADDRESSES as LINK_LOCAL_ADDRESSES;
pub use link_local::LinkLocal;
pub(crate) use nat_metrics::METRICS as NAT_GATEWAY_METRICS;
pub(crate) use network_interface::Via;
pub(crate) use plan::{Interface as PlanInterface, InterfaceIndex, Owner, Plan, Topology};
use plan::{SubnetIndex, VpcIndex};
pub(crate) use site::{CustomerDevice, Port, Sites, Socket};
pub(crate) use transit_metrics::METRICS as TRANSIT_GATEWAY_METRICS;
pub(crate) use vpc_endpoint::service_addresses;
pub(crate) use vpn_metrics::METRICS as VPN_METRICS;

use crate::config::FabricConfig;
use crate::metrics::Metrics;
use crate::trace::Watch;
use crate::verdict::{Hop, PacketDrop};

use conntrack::Conntrack;
use nat_table::NatTable;
use vpn_tunnel::Tunnels;

/// A packet on its way, with what is known of it besides its bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Transit {
    /// In one place from machine to machine: what moves is small.
    pub(crate) packet: Box<IpPacket>,
    /// It still has the source it was sent with, and no middlebox has forwarded it: security group
    /// references match it.
    pub(crate) direct: bool,
    /// Number of the machine that sent it first.
    pub(crate) host: Option<u32>,
    /// Number of the client program it belongs to.
    pub(crate) traffic: Option<u32>,
}

impl Transit {
    /// A fragment of this packet.
    fn piece(&self, packet: IpPacket) -> Self {
        Self {
            packet: Box::new(packet),
            ..*self
        }
    }

    /// A packet that the network itself makes because of this one.
    fn answer(&self, packet: IpPacket) -> Self {
        Self {
            packet: Box::new(packet),
            direct: true,
            host: None,
            traffic: self.traffic,
        }
    }
}

/// Whom a machine sends a packet to on its link.
///
/// AWS forwards by addresses alone: what has moved to another interface is found there at once,
/// whoever the frame was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NextHop {
    pub(crate) address: IpAddr,
    /// What the machine's neighbour table has for it. Zero where there is no frame: in a tunnel,
    /// and for a packet that is only thought.
    pub(crate) mac: MacAddr,
}

impl NextHop {
    /// That of a packet that is in no frame.
    pub(crate) const fn unframed(address: IpAddr) -> Self {
        let mac = MacAddr([0; 6]);
        Self { address, mac }
    }
}

/// Where a packet will be next.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Place {
    /// The machine of an interface sends it.
    Depart {
        interface: InterfaceIndex,
        next_hop: NextHop,
    },
    /// It comes to an interface.
    Arrive { interface: InterfaceIndex, via: Via },
    /// It has waited for the allowances of the instance that it comes to.
    Admitted { interface: InterfaceIndex, via: Via },
    /// The machine of an interface gets it.
    Machine(InterfaceIndex),
    /// A machine outside AWS sends it.
    DepartOutside {
        port: Port,
        socket: Socket,
        next_hop: NextHop,
    },
    /// A machine outside AWS gets it.
    Outside {
        port: Port,
        /// Its neighbor that sent the frame; none for the internet's routers and tunnels.
        from: Option<Port>,
    },
    /// Somebody on the internet sends it.
    DepartInternet,
    /// An internet gateway gets it from the internet.
    FromInternet,
    /// AWS's end of a VPN connection gets it.
    FromVpn(VpnConnectionId),
    /// A transit gateway gets it from another by a peering attachment.
    FromPeer {
        gateway: TransitGatewayId,
        attachment: TransitGatewayAttachmentId,
    },
    /// The interface of a NAT or transit gateway sends it into its VPC.
    FromGateway(InterfaceIndex),
    /// A service of AWS's gets it.
    Service(Service),
    /// A service of AWS's sends it.
    FromService(Service),
}

/// A service of AWS's, by the way that leads to it: what answers there is in [`crate::service`].
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub(crate) enum Service {
    /// Resolver, metadata and time, as an interface's machine sees them.
    LinkLocal(InterfaceIndex),
    /// Behind an interface of an interface endpoint.
    Endpoint(InterfaceIndex),
    /// Behind a gateway endpoint.
    Gateway(VpcEndpointId),
    /// At a public address.
    Public(IpAddr),
}

impl Place {
    /// Whether a packet that is sent here leaves its node: a gateway and its interface are one, and
    /// so are a machine and its own.
    pub(crate) const fn is_elsewhere(&self) -> bool {
        !matches!(
            self,
            Self::Machine(_) | Self::FromGateway(_) | Self::Admitted { .. }
        )
    }
}

/// A packet that goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Sent {
    pub(crate) after: SimDuration,
    pub(crate) place: Place,
    pub(crate) transit: Transit,
}

/// Everything of the fabric that outlives a packet.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct State {
    /// Seed of the random streams.
    seed: u64,
    interfaces: Vec<InterfaceState>,
    pub(crate) tunnels: Tunnels,
    /// Flows through egress-only internet gateways.
    egress_only: BTreeMap<EgressOnlyInternetGatewayId, Conntrack>,
    next_identification: u16,
}

#[derive(Clone, Debug, Default, Serialize, Deserialize)]
struct InterfaceState {
    conntrack: Conntrack,
    /// Packets to link-local services.
    link_local: LinkLocalSecond,
    /// On the primary interface of an instance: what its allowances have given.
    used: Option<Box<instance::Used>>,
    /// On the primary interface of a NAT gateway.
    nat: Option<Box<NatTable>>,
    /// Of an endpoint.
    processed: Processed,
}

impl State {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            interfaces: Vec::new(),
            tunnels: Tunnels::default(),
            egress_only: BTreeMap::new(),
            next_identification: 0,
        }
    }

    /// The same network while nobody sends: no connection, no translation, another seed.
    pub(crate) fn quiet(&self, seed: u64) -> Self {
        Self {
            seed,
            interfaces: Vec::new(),
            tunnels: self.tunnels.clone(),
            egress_only: BTreeMap::new(),
            next_identification: 0,
        }
    }

    /// Makes the state `quiet` again of which only the interfaces in `touched` were used.
    pub(crate) fn reset(&mut self, quiet: &Self, touched: impl Iterator<Item = InterfaceIndex>) {
        for index in touched {
            if let Some(interface) = self.interfaces.get_mut(index.get()) {
                *interface = InterfaceState::default();
            }
        }
        *self = Self {
            interfaces: std::mem::take(&mut self.interfaces),
            ..quiet.quiet(self.seed)
        };
    }

    fn interface(&mut self, index: InterfaceIndex) -> &mut InterfaceState {
        if index.get() >= self.interfaces.len() {
            self.interfaces
                .resize_with(index.get() + 1, InterfaceState::default);
        }
        &mut self.interfaces[index.get()]
    }
}

/// Whether there is anything whose metrics CloudWatch shows.
pub(crate) fn is_measured(plan: &Plan) -> bool {
    nat_metrics::is_measured(plan)
        || endpoint_metrics::is_measured(plan)
        || transit_metrics::is_measured(plan)
        || vpn_metrics::is_measured(plan)
}

/// The minute ends at `now`: every component samples what it has in service.
pub(crate) fn measure(plan: &Plan, state: &mut State, now: SimTime, metrics: &mut Metrics) {
    nat_metrics::measure(plan, state, now, metrics);
    endpoint_metrics::measure(plan, state, now, metrics);
    transit_metrics::measure(plan, metrics);
    vpn_metrics::measure(plan, state, now, metrics);
}

/// One packet's stay at one place.
pub(crate) struct Walk<'a, W> {
    pub(crate) now: SimTime,
    pub(crate) plan: &'a Plan,
    pub(crate) config: &'a FabricConfig,
    pub(crate) sites: &'a Sites,
    pub(crate) state: &'a mut State,
    pub(crate) watch: &'a mut W,
    /// How long the packet has waited here; it goes on so much later.
    pub(crate) delay: SimDuration,
    pub(crate) out: &'a mut Vec<Sent>,
}

impl<W: Watch> Walk<'_, W> {
    /// Takes the packet through the place it is at.
    pub(crate) fn step(&mut self, place: Place, transit: Transit) {
        match place {
            Place::Depart {
                interface,
                next_hop,
            } => self.depart(interface, next_hop, transit),
            Place::Arrive { interface, via } => self.arrive(interface, via, transit),
            Place::Admitted { interface, via } => self.admit(interface, via, transit),
            Place::DepartInternet => self.depart_internet(transit),
            Place::FromInternet => self.arrive_from_internet(transit),
            Place::FromVpn(connection) => self.arrive_from_vpn(&connection, transit),
            Place::FromPeer {
                gateway,
                attachment,
            } => self.arrive_from_peer(&gateway, &attachment, transit),
            Place::FromGateway(interface) => self.leave_gateway(interface, transit),
            Place::DepartOutside {
                port,
                socket: Socket::Segment(segment),
                next_hop,
            } => self.segment(port, segment, next_hop.address, transit),
            Place::DepartOutside {
                socket: Socket::Tunnel(gateway),
                ..
            } => self.enter_tunnel(&gateway, transit),
            Place::FromService(Service::LinkLocal(interface)) => {
                self.arrive_from_link_local(interface, transit);
            }
            Place::FromService(Service::Endpoint(interface)) => {
                self.leave_endpoint(interface, transit);
            }
            Place::FromService(Service::Gateway(id)) => {
                self.arrive_from_gateway_endpoint(&id, transit)
            }
            Place::FromService(Service::Public(_)) => self.internet(transit),
            // The caller's: machines and services are not in the fabric.
            Place::Machine(_) | Place::Outside { .. } | Place::Service(_) => {
                let after = SimDuration::ZERO;
                self.send(after, place, transit);
            }
        }
    }

    fn send(&mut self, after: SimDuration, place: Place, transit: Transit) {
        self.out.push(Sent {
            after: after + self.delay,
            place,
            transit,
        });
    }

    /// Sends the packet on in pieces of at most `mtu` octets.
    fn send_pieces(&mut self, after: SimDuration, place: Place, transit: Transit, mtu: u16) {
        // An explained probe stays one packet.
        if W::GOES_ON || !mtu::exceeds(&transit.packet, mtu) {
            return self.send(after, place, transit);
        }
        for packet in transit.packet.fragment(mtu) {
            let piece = transit.piece(packet);
            self.send(after, place.clone(), piece);
        }
    }

    /// Whether the packet may pass a hop that carries `mtu` octets; fragments are the caller's
    /// business.
    fn fits(&mut self, transit: &Transit, oversize: &Oversize, hop: impl FnOnce() -> Hop) -> bool {
        let packet = &transit.packet;
        if !mtu::exceeds(packet, oversize.mtu) {
            return true;
        }
        if oversize.fragments && !packet.dont_fragment() {
            return true;
        }
        let error = (oversize.tell)
            .filter(|_| packet.dont_fragment())
            .and_then(|it| Some((mtu::too_big(packet, it.address, oversize.mtu)?, it)));
        let reason = PacketDrop::MtuExceeded {
            mtu: oversize.mtu,
            size: u32::try_from(packet.total_len()).unwrap_or(u32::MAX),
            icmp_sent: error.is_some(),
        };
        self.watch.deny(transit, hop(), reason);
        if let Some((error, teller)) = error {
            self.tell(teller, transit.answer(error));
        }
        // No rule could let it on: an explained probe ends here as well.
        false
    }

    /// Sends a packet that the network made to the machine it is addressed to.
    fn tell(&mut self, teller: Teller, mut transit: Transit) {
        self.identify(&mut transit.packet);
        let place = match teller.by {
            TellBy::Interface(interface) => Place::FromGateway(interface),
            TellBy::Router(vpc) => {
                let destination = transit.packet.destination();
                let Some(interface) = self.plan.vpc(vpc).interface_of(destination) else {
                    return;
                };
                let via = Via::ROUTER;
                Place::Arrive { interface, via }
            }
        };
        if W::GOES_ON {
            return self.watch.told(place, transit);
        }
        self.send(self.config.latency.same_zone, place, transit);
    }

    /// Gives a packet that the network made an identification.
    fn identify(&mut self, packet: &mut IpPacket) {
        if let wirelab_wire::IpVersionFields::V4(fields) = &mut packet.header.version {
            fields.identification = self.state.next_identification;
            self.state.next_identification = self.state.next_identification.wrapping_add(1);
        }
    }
}

/// What a hop does with packets that are too long for it.
struct Oversize {
    mtu: u16,
    /// DF clear: cut in pieces rather than dropped.
    fragments: bool,
    /// DF set: who sends ICMP 3/4.
    tell: Option<Teller>,
}

/// Who tells a sender that its packet was dropped.
#[derive(Clone, Copy, Debug)]
struct Teller {
    address: IpAddr,
    by: TellBy,
}

#[derive(Clone, Copy, Debug)]
enum TellBy {
    /// The VPC's router, straight to the sender's interface.
    Router(VpcIndex),
    /// A gateway, through its own interface: its network ACL and flow log see it.
    Interface(InterfaceIndex),
}
