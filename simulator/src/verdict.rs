//! Where a packet was judged and what became of it.
//!
//! Every drop names the resource, the rule and the direction, in one sentence a learner can act on.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{
    FlowDirection, InstanceId, InternetGatewayId, IpNet, NatGatewayId, NatGatewayState,
    NetworkAclEntry, NetworkAclId, NetworkInterfaceId, RouteTableId, RouteTarget, RuleAction,
    SecurityGroupId, SubnetId, TransitGatewayId, TransitGatewayRouteTableId, VpcId,
    VpnConnectionId, VpnGatewayId,
};

use crate::host::HostDrop;

/// A place that judges packets.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Hop {
    /// An interface itself: attachment, instance state, largest packet.
    Interface(NetworkInterfaceId),
    /// The source/destination check of an interface.
    SourceDestCheck(NetworkInterfaceId),
    /// The security groups of an interface.
    SecurityGroup {
        /// The interface.
        interface: NetworkInterfaceId,
        /// Its groups.
        groups: Vec<SecurityGroupId>,
        /// Direction, seen from the interface.
        direction: FlowDirection,
    },
    /// A subnet's network ACL.
    NetworkAcl {
        /// The list.
        acl: NetworkAclId,
        /// The subnet whose boundary is crossed.
        subnet: SubnetId,
        /// Outbound or inbound list.
        egress: bool,
    },
    /// A subnet's route table.
    RouteTable {
        /// The table.
        route_table: RouteTableId,
        /// The subnet it routes for.
        subnet: SubnetId,
    },
    /// An internet gateway.
    InternetGateway(InternetGatewayId),
    /// The routers between internet gateway and machine.
    Internet,
    /// A NAT gateway.
    NatGateway(NatGatewayId),
    /// A transit gateway.
    TransitGateway(TransitGatewayId),
    /// A virtual private gateway.
    VpnGateway(VpnGatewayId),
    /// A site-to-site VPN connection.
    VpnConnection(VpnConnectionId),
    /// A segment outside AWS.
    Segment(SmolStr),
    /// A machine.
    Host(SmolStr),
    /// The VPC's own router.
    Vpc(VpcId),
}

/// Why a packet was dropped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DropReason {
    /// No rule of the interface's groups allows it, and no tracked connection does.
    SecurityGroup {
        /// The interface.
        interface: NetworkInterfaceId,
        /// Direction, seen from the interface.
        direction: FlowDirection,
        /// The groups on it.
        groups: Vec<SecurityGroupId>,
    },
    /// The first matching entry of the network ACL denies it.
    NetworkAcl {
        /// The list.
        acl: NetworkAclId,
        /// The subnet whose boundary is crossed.
        subnet: SubnetId,
        /// The entry, which says direction and number.
        entry: Box<NetworkAclEntry>,
    },
    /// The interface's connection tracking table is full (`conntrack_allowance_exceeded`).
    ConntrackAllowance {
        /// The interface.
        interface: NetworkInterfaceId,
        /// Entries.
        limit: u32,
    },
    /// Neither from nor to the interface's own addresses.
    SourceDestCheck {
        /// The interface.
        interface: NetworkInterfaceId,
        /// Ingress: the destination is foreign; egress: the source is.
        direction: FlowDirection,
        /// That address.
        address: IpAddr,
    },
    /// No route of the table matches.
    NoRoute {
        /// The table.
        route_table: RouteTableId,
        /// Where the packet was going.
        destination: IpAddr,
    },
    /// The route's target is gone or out of service.
    Blackhole {
        /// The table.
        route_table: RouteTableId,
        /// The route's block.
        destination: IpNet,
        /// Where the route leads.
        target: RouteTarget,
    },
    /// Longer than the hop carries, with DF set or where nothing is fragmented.
    MtuExceeded {
        /// What the hop carries, in octets.
        mtu: u16,
        /// IP total length in octets.
        size: u32,
        /// Whether the sender was told by ICMP 3/4.
        icmp_sent: bool,
    },
    /// The TTL reached zero.
    TtlExpired {
        /// Whether the sender was told by ICMP 11/0.
        icmp_sent: bool,
    },
    /// No interface in the VPC has the destination address.
    UnknownDestination {
        /// The VPC.
        vpc: VpcId,
        /// That address.
        destination: IpAddr,
    },
    /// A link-local or reserved address at which nothing answers this packet.
    NoSuchService {
        /// That address.
        destination: IpAddr,
    },
    /// The interface is not attached to an instance.
    NotAttached {
        /// The interface.
        interface: NetworkInterfaceId,
    },
    /// The interface's instance has no machine in this world.
    NoMachine {
        /// The interface.
        interface: NetworkInterfaceId,
    },
    /// The instance is not running.
    InstanceNotRunning {
        /// The instance.
        instance: InstanceId,
    },
    /// The internet gateway found no public address for the packet's source.
    NoPublicAddress {
        /// The gateway.
        internet_gateway: InternetGatewayId,
        /// The private source.
        source: IpAddr,
    },
    /// A public address that no interface and no machine has.
    NoSuchPublicAddress {
        /// That address.
        destination: IpAddr,
    },
    /// The VPC of the public address has no internet gateway.
    NoInternetGateway {
        /// The VPC.
        vpc: VpcId,
    },
    /// The NAT gateway is not in service.
    NatNotAvailable {
        /// The gateway.
        nat_gateway: NatGatewayId,
        /// Its state.
        state: NatGatewayState,
    },
    /// All ports towards this destination are taken (`ErrorPortAllocation`).
    NatPortsExhausted {
        /// The gateway.
        nat_gateway: NatGatewayId,
        /// The destination.
        destination: IpAddr,
        /// Its port.
        port: u16,
    },
    /// From outside to the NAT gateway, and no mapping is waiting for it.
    NatNoMapping {
        /// The gateway.
        nat_gateway: NatGatewayId,
    },
    /// From inside, mid-connection, and the mapping is gone: idle for too long, or never this
    /// gateway's. An RST goes back for TCP.
    NatMappingExpired {
        /// The gateway.
        nat_gateway: NatGatewayId,
        /// Whether an RST went to the sender.
        rst_sent: bool,
    },
    /// The NAT gateway forwards no such thing: a protocol other than TCP, UDP and ICMP, or a
    /// fragment of TCP or ICMP.
    NatUnsupported {
        /// The gateway.
        nat_gateway: NatGatewayId,
        /// IANA number.
        protocol: u8,
        /// Whether it was a fragment.
        fragment: bool,
    },
    /// The transit gateway is not attached to the VPC, or not in service there.
    TransitNotAttached {
        /// The gateway.
        transit_gateway: TransitGatewayId,
        /// The VPC.
        vpc: VpcId,
    },
    /// The attachment has no subnet in the sender's Availability Zone.
    TransitNoZone {
        /// The gateway.
        transit_gateway: TransitGatewayId,
        /// The zone.
        availability_zone: SmolStr,
    },
    /// The attachment is associated with no route table, or none of the table's routes matches
    /// (`PacketDropCountNoRoute`).
    TransitNoRoute {
        /// The gateway.
        transit_gateway: TransitGatewayId,
        /// The table, if one is associated.
        route_table: Option<TransitGatewayRouteTableId>,
        /// Where the packet was going.
        destination: IpAddr,
    },
    /// A blackhole route of the transit gateway (`PacketDropCountBlackhole`).
    TransitBlackhole {
        /// The gateway.
        transit_gateway: TransitGatewayId,
        /// The table.
        route_table: TransitGatewayRouteTableId,
        /// The route's block.
        destination: IpNet,
    },
    /// No VPN connection of the gateway has a route to the destination.
    VpnNoRoute {
        /// The gateway's id.
        gateway: SmolStr,
        /// Where the packet was going.
        destination: IpAddr,
    },
    /// Both tunnels of the VPN connection are down, or it is not in service.
    VpnTunnelDown {
        /// The connection.
        vpn_connection: VpnConnectionId,
    },
    /// No machine is the customer gateway of the VPN connection.
    VpnNoCustomerGateway {
        /// The connection.
        vpn_connection: VpnConnectionId,
    },
    /// The gateway is not attached to a VPC, or the VPC has no such address: a VPC is no transit
    /// network.
    NotTransit {
        /// The gateway's id.
        gateway: SmolStr,
        /// Where the packet was going.
        destination: IpAddr,
    },
    /// Nobody on the segment has the next hop's address.
    NoNeighbor {
        /// The segment.
        segment: SmolStr,
        /// The next hop.
        next_hop: IpAddr,
    },
    /// The machine dropped it.
    Host {
        /// The machine.
        host: SmolStr,
        /// Why.
        reason: HostDrop,
    },
}

impl DropReason {
    /// Whether flow logs show it as REJECT: only security groups and network ACLs do.
    #[must_use]
    pub const fn is_reject(&self) -> bool {
        matches!(
            self,
            Self::SecurityGroup { .. } | Self::NetworkAcl { .. } | Self::ConntrackAllowance { .. }
        )
    }
}

/// `rule 200 deny tcp 32768-60999 to 10.0.1.0/24`; the final deny is `rule *`.
#[derive(Clone, Copy, Debug)]
pub struct EntryText<'a>(pub &'a NetworkAclEntry);

impl fmt::Display for EntryText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entry = self.0;
        if entry.is_default() {
            return f.write_str("rule * deny all");
        }
        let action = match entry.rule_action {
            RuleAction::Allow => "allow",
            RuleAction::Deny => "deny",
        };
        write!(f, "rule {} {action} {}", entry.rule_number, entry.protocol)?;
        if let Some(ports) = entry.port_range.filter(|ports| !ports.is_all()) {
            write!(f, " {ports}")?;
        }
        if let Some(icmp) = entry.icmp_type_code.filter(|icmp| icmp.icmp_type >= 0) {
            write!(f, " type {}", icmp.icmp_type)?;
            if icmp.code >= 0 {
                write!(f, " code {}", icmp.code)?;
            }
        }
        let word = if entry.egress { "to" } else { "from" };
        write!(f, " {word} {}", entry.cidr_block)
    }
}

pub(crate) const fn direction_word(direction: FlowDirection) -> &'static str {
    match direction {
        FlowDirection::Ingress => "inbound",
        FlowDirection::Egress => "outbound",
    }
}

fn list(ids: &[SecurityGroupId]) -> String {
    let ids: Vec<_> = ids.iter().map(SecurityGroupId::as_str).collect();
    ids.join(", ")
}

/// One sentence without a full stop.
impl fmt::Display for DropReason {
    #[rustfmt::skip]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::SecurityGroup { interface, direction, groups } => write!(
                f, "no {} rule of {} on {interface} allows it",
                direction_word(*direction), list(groups),
            ),
            Self::NetworkAcl { acl, entry, .. } => write!(
                f, "matched {} {} of {acl}",
                if entry.egress { "outbound" } else { "inbound" }, EntryText(entry),
            ),
            Self::ConntrackAllowance { interface, limit } =>
                write!(f, "the connection tracking table of {interface} is full ({limit} entries)"),
            Self::SourceDestCheck { interface, direction, address } => write!(
                f, "source/destination check of {interface}: {} {address} is not its own",
                if *direction == FlowDirection::Egress { "source" } else { "destination" },
            ),
            Self::NoRoute { route_table, destination } =>
                write!(f, "no route of {route_table} matches {destination}"),
            Self::Blackhole { route_table, destination, target } =>
                write!(f, "route {destination} of {route_table} is a blackhole: {} is gone", TargetText(target)),
            Self::MtuExceeded { mtu, size, icmp_sent } => write!(
                f, "{size} octets exceed the MTU {mtu}; {}",
                if *icmp_sent { "ICMP 3/4 went to the sender" } else { "the sender is not told" },
            ),
            Self::TtlExpired { icmp_sent } => write!(
                f, "the TTL reached 0; {}",
                if *icmp_sent { "ICMP 11/0 went to the sender" } else { "the sender is not told" },
            ),
            Self::UnknownDestination { vpc, destination } =>
                write!(f, "no interface in {vpc} has the address {destination}"),
            Self::NoSuchService { destination } => write!(f, "nothing answers at {destination}"),
            Self::NotAttached { interface } => write!(f, "{interface} is not attached to an instance"),
            Self::NoMachine { interface } => write!(f, "no machine runs behind {interface}"),
            Self::InstanceNotRunning { instance } => write!(f, "{instance} is not running"),
            Self::NoPublicAddress { internet_gateway, source } =>
                write!(f, "{internet_gateway} has no public address for {source}"),
            Self::NoSuchPublicAddress { destination } =>
                write!(f, "nobody on the internet has the address {destination}"),
            Self::NoInternetGateway { vpc } => write!(f, "{vpc} has no internet gateway"),
            Self::NoNeighbor { segment, next_hop } =>
                write!(f, "nobody on segment `{segment}` has the address {next_hop}"),
            Self::Host { host, reason } => write!(f, "host `{host}`: {reason}"),
            _ => self.fmt_gateway(f),
        }
    }
}

impl DropReason {
    /// The reasons of NAT, transit and VPN gateways.
    #[rustfmt::skip]
    fn fmt_gateway(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NatNotAvailable { nat_gateway, state } =>
                write!(f, "{nat_gateway} is not in service ({})", nat_state(*state)),
            Self::NatPortsExhausted { nat_gateway, destination, port } =>
                write!(f, "{nat_gateway} has no free port towards {destination} port {port}"),
            Self::NatNoMapping { nat_gateway } =>
                write!(f, "{nat_gateway} has no connection that this answers"),
            Self::NatMappingExpired { nat_gateway, rst_sent } => write!(
                f, "{nat_gateway} does not know this connection (any more){}",
                if *rst_sent { "; RST went to the sender" } else { "" },
            ),
            Self::NatUnsupported { nat_gateway, protocol, fragment } => write!(
                f, "{nat_gateway} does not forward {} of protocol {protocol}",
                if *fragment { "fragments" } else { "packets" },
            ),
            Self::TransitNotAttached { transit_gateway, vpc } =>
                write!(f, "{transit_gateway} has no attachment in service in {vpc}"),
            Self::TransitNoZone { transit_gateway, availability_zone } =>
                write!(f, "the attachment of {transit_gateway} has no subnet in {availability_zone}"),
            Self::TransitNoRoute { transit_gateway, route_table: Some(table), destination } =>
                write!(f, "no route of {table} of {transit_gateway} matches {destination}"),
            Self::TransitNoRoute { transit_gateway, route_table: None, .. } =>
                write!(f, "the attachment to {transit_gateway} is associated with no route table"),
            Self::TransitBlackhole { route_table, destination, .. } =>
                write!(f, "route {destination} of {route_table} is a blackhole"),
            Self::VpnNoRoute { gateway, destination } =>
                write!(f, "no VPN connection of {gateway} has a route to {destination}"),
            Self::VpnTunnelDown { vpn_connection } => write!(f, "no tunnel of {vpn_connection} is up"),
            Self::VpnNoCustomerGateway { vpn_connection } =>
                write!(f, "no machine answers as the customer gateway of {vpn_connection}"),
            Self::NotTransit { gateway, destination } =>
                write!(f, "what enters by {gateway} ends in its VPC, and {destination} is not there"),
            // Every other reason is `fmt`'s own.
            _ => f.write_str("dropped"),
        }
    }
}

const fn nat_state(state: NatGatewayState) -> &'static str {
    match state {
        NatGatewayState::Pending => "pending",
        NatGatewayState::Failed => "failed",
        NatGatewayState::Available => "available",
        NatGatewayState::Deleting => "deleting",
        NatGatewayState::Deleted => "deleted",
    }
}

/// The id a route leads to, or `local`.
#[derive(Clone, Copy, Debug)]
pub struct TargetText<'a>(pub &'a RouteTarget);

impl TargetText<'_> {
    /// The id, or `local`.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match self.0 {
            RouteTarget::Local => "local",
            RouteTarget::InternetGateway(id) => id.as_str(),
            RouteTarget::VpnGateway(id) => id.as_str(),
            RouteTarget::NatGateway(id) => id.as_str(),
            RouteTarget::NetworkInterface(id) => id.as_str(),
            RouteTarget::TransitGateway(id) => id.as_str(),
        }
    }
}

impl fmt::Display for TargetText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
