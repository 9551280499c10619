//! A second, plain evaluation of the network, to hold the simulator's against.
//!
//! Written from the specification alone (`facts.md`; its sections are cited), one short file a
//! component, for a reader and not for speed: it scans lists where the fabric compiles tables. It
//! reads [`Resources`], one packet at a time and what it remembers of the flows it saw, and shares
//! no code with the simulator. What the specification leaves open (which port a NAT gateway picks)
//! it takes from what was observed, and checks that it was allowed.

#![expect(
    clippy::wrong_self_convention,
    reason = "a packet goes `to_` a gateway and comes `from_` it: nothing is converted"
)]

mod egress_only_internet_gateway;
mod ingress;
mod interface;
mod internet_gateway;
mod nat_gateway;
mod network_acl;
mod packet;
mod peering;
mod route_table;
mod security_group;
mod tracking;
mod transit_gateway;
mod vpn;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::net::IpAddr;

use smol_str::SmolStr;
use wirelab_model::{
    CustomerGatewayId, EgressOnlyInternetGatewayId, FlowAction, InstanceId, NatGatewayId,
    NetworkInterface, NetworkInterfaceId, Resources, SimTime, VpcId, VpnConnectionId,
};

pub use packet::{Ends, Fragment, Packet};

use nat_gateway::Mappings;
use tracking::Tracking;

/// Why a packet is dropped, in the two words that every observer can compare.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Why {
    /// The component and what it minds.
    pub what: &'static str,
    /// The resource.
    pub at: String,
}

impl Why {
    pub(crate) fn new(what: &'static str, at: impl ToString) -> Self {
        Self {
            what,
            at: at.to_string(),
        }
    }
}

/// `no route at rtb-0123`.
impl fmt::Display for Why {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}", self.what, self.at)
    }
}

/// Where a packet ends.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fate {
    /// At an interface (its id) or a machine outside AWS (its name).
    Delivered(String),
    /// Nowhere.
    Dropped(Why),
}

/// `delivered to eni-0123`, `dropped: no route at rtb-0123`.
impl fmt::Display for Fate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Delivered(to) => write!(f, "delivered to {to}"),
            Self::Dropped(why) => write!(f, "dropped: {why}"),
        }
    }
}

/// One packet's end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// As it was there, translated or not.
    pub packet: Packet,
    /// Its end.
    pub fate: Fate,
}

/// One packet in a flow log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Counted {
    /// The interface.
    pub interface: NetworkInterfaceId,
    /// Away from its owner.
    pub egress: bool,
    /// What security groups and network ACL said.
    pub action: FlowAction,
    /// Addresses and ports in the packet's header; ports of ICMP are 0.
    pub ends: Ends,
}

/// Address and port (or identifier of an echo) that a packet comes from.
pub type Source = (IpAddr, u16);

/// How a packet comes to an interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Coming {
    /// The subnet's boundary is crossed.
    crosses: bool,
    /// Nothing forwarded or translated it since it was sent: group references match.
    direct: bool,
    /// It passed something whose flows security groups always track.
    auto_tracked: bool,
}

/// Where a packet ends, or why nowhere.
type Verdict = Result<String, Why>;

/// A packet that the network itself makes, and where it is put in.
#[derive(Clone, Debug)]
struct Made {
    packet: Packet,
    from: MadeBy,
}

#[derive(Clone, Debug)]
enum MadeBy {
    /// The router of an interface's subnet, to whoever has the destination address in the VPC.
    Router(NetworkInterfaceId),
    /// The interface of a gateway, into its VPC.
    Gateway(NetworkInterfaceId),
    /// The internet, or a gateway towards it.
    Internet,
    /// A VPN tunnel, towards a customer's device.
    Tunnel(String),
    /// A VPN tunnel, from the customer.
    Customer(VpnConnectionId),
}

/// The evaluator, with what it remembers.
#[derive(Clone, Debug, Default)]
pub struct Plain {
    /// The resources as the data plane obeys them.
    pub resources: Resources,
    /// Machines on the internet by address.
    pub outside: BTreeMap<IpAddr, SmolStr>,
    /// Customers' VPN devices: name and address.
    pub devices: BTreeMap<CustomerGatewayId, (SmolStr, IpAddr)>,
    /// Whether the operating system is on, of the instances that have one; their state alone does
    /// not tell while they shut down and reboot.
    pub powered: BTreeMap<InstanceId, bool>,
    /// VPN connections that are gone and whose devices do not know it yet.
    pub unnoticed: BTreeSet<VpnConnectionId>,
    /// What flow logs of every interface would count, so far.
    pub counted: Vec<Counted>,
    now: SimTime,
    tracking: BTreeMap<NetworkInterfaceId, Tracking>,
    mappings: BTreeMap<NatGatewayId, Mappings>,
    /// Flows that left by egress-only internet gateways.
    egress_only: BTreeMap<EgressOnlyInternetGatewayId, Tracking>,
    /// The source that the packet was seen with at its end: a NAT gateway's choice.
    seen: Option<Source>,
    made: Vec<Made>,
    /// Gateways that a packet came by.
    hops: u8,
    /// A packet went in a circle until its time was over, or through two NAT gateways. How often
    /// each hop saw it depends on who takes from the TTL, which nobody documents; what the first
    /// gateway chose nobody saw: nothing that follows can be compared.
    pub circled: bool,
}

impl Plain {
    /// The end of a packet that an interface's machine sends at `now`, and of each packet that the
    /// network makes because of it. `seen` is the source that it was observed with; `None`: a NAT
    /// gateway takes its primary address and leaves the port.
    pub fn depart(
        &mut self,
        now: SimTime,
        interface: &NetworkInterfaceId,
        packet: &Packet,
        seen: Option<Source>,
    ) -> Vec<Outcome> {
        self.judge(now, packet, seen, |it, packet| {
            it.from_machine(interface, packet)
        })
    }

    /// The same for a machine on the internet.
    pub fn depart_outside(
        &mut self,
        now: SimTime,
        packet: &Packet,
        seen: Option<Source>,
    ) -> Vec<Outcome> {
        self.judge(now, packet, seen, Self::on_the_internet)
    }

    /// The same for a customer's VPN device.
    pub fn depart_device(
        &mut self,
        now: SimTime,
        customer: &CustomerGatewayId,
        packet: &Packet,
        seen: Option<Source>,
    ) -> Vec<Outcome> {
        self.judge(now, packet, seen, |it, packet| {
            it.from_customer(customer, packet)
        })
    }

    /// What is wrong with the NAT gateways' choices, if anything is.
    #[must_use]
    pub fn complaints(&self) -> Vec<String> {
        let all = self.mappings.values();
        all.flat_map(|mappings| mappings.complaints.iter().cloned())
            .collect()
    }

    fn judge(
        &mut self,
        now: SimTime,
        packet: &Packet,
        seen: Option<Source>,
        walk: impl FnOnce(&mut Self, &mut Packet) -> Verdict,
    ) -> Vec<Outcome> {
        self.now = now;
        self.seen = seen;
        self.made.clear();
        self.hops = 0;
        let mut outcomes = Vec::new();
        let mut packet = packet.clone();
        let verdict = walk(self, &mut packet);
        outcomes.push(Self::outcome(packet, verdict));
        while let Some(mut made) = self.made.pop() {
            let verdict = match &made.from {
                MadeBy::Router(in_vpc_of) => {
                    let vpc = self.interface(in_vpc_of).vpc_id.clone();
                    let Some(to) = self.interface_at(&vpc, made.packet.destination) else {
                        continue;
                    };
                    let coming = Coming {
                        crosses: true,
                        direct: false,
                        auto_tracked: false,
                    };
                    self.arrive(&to, &mut made.packet, coming)
                }
                MadeBy::Gateway(from) => self.from_gateway(&from.clone(), &mut made.packet),
                MadeBy::Internet => self.on_the_internet(&mut made.packet),
                MadeBy::Tunnel(device) => Ok(device.clone()),
                MadeBy::Customer(id) => self.out_of_tunnel(&id.clone(), &mut made.packet),
            };
            outcomes.push(Self::outcome(made.packet, verdict));
        }
        outcomes
    }

    fn outcome(packet: Packet, verdict: Verdict) -> Outcome {
        let fate = match verdict {
            Ok(to) => Fate::Delivered(to),
            Err(why) => Fate::Dropped(why),
        };
        Outcome { packet, fate }
    }

    fn interface(&self, id: &NetworkInterfaceId) -> &NetworkInterface {
        let found = self.resources.network_interfaces.get(id);
        found.expect("the walk came by this interface")
    }

    /// The interface in `vpc` that has `address`.
    fn interface_at(&self, vpc: &VpcId, address: IpAddr) -> Option<NetworkInterfaceId> {
        let all = self.resources.network_interfaces.values();
        let mut there = all.filter(|it| it.vpc_id == *vpc && owns(it, address));
        there.next().map(|it| it.network_interface_id.clone())
    }

    fn count(
        &mut self,
        interface: &NetworkInterfaceId,
        egress: bool,
        allowed: bool,
        packet: &Packet,
    ) {
        let mut ends = packet.ends();
        if packet.is_icmp() {
            (ends.source_port, ends.destination_port) = (0, 0);
        }
        let action = if allowed {
            FlowAction::Accept
        } else {
            FlowAction::Reject
        };
        self.counted.push(Counted {
            interface: interface.clone(),
            egress,
            action,
            ends,
        });
    }
}

/// Whether `address` is one of the interface's own.
fn owns(interface: &NetworkInterface, address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => interface
            .private_ip_addresses
            .iter()
            .any(|it| it.private_ip_address == address),
        IpAddr::V6(address) => interface.ipv6_addresses.contains(&address),
    }
}
