//! One flow-log record as a value; `flowlog` gives it its formats.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use crate::{InstanceId, NetworkInterfaceId, SubnetId, UnixTime, VpcId};

/// Whether security group and network ACL let the flow pass at this interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FlowAction {
    /// Both allowed it. A later drop elsewhere leaves this as it is.
    Accept,
    /// One of them refused it.
    Reject,
}

/// Seen from the interface.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum FlowDirection {
    /// Towards the interface's owner.
    Ingress,
    /// Away from it.
    Egress,
}

/// Whether a record stands for traffic.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum LogStatus {
    /// Logged as usual.
    Ok,
    /// No traffic in the interval.
    NoData,
    /// Records were lost.
    SkipData,
}

/// The record's `tcp-flags`: OR over the interval of FIN 1, SYN 2, RST 4 and SYN-ACK 18. A segment
/// with ACK or PSH alone adds nothing (`facts.md` row 104: Amazon VPC User Guide, flow log
/// records).
#[derive(
    Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize,
)]
pub struct TcpFlags(pub u8);

/// The record's `traffic-path`: where an egress packet went next.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum TrafficPath {
    /// Another resource in the same VPC.
    SameVpc = 1,
    /// An internet gateway or gateway endpoint.
    InternetGateway = 2,
    /// A virtual private gateway.
    VpnGateway = 3,
    /// Peering within the Region.
    IntraRegionPeering = 4,
    /// Peering between Regions.
    InterRegionPeering = 5,
    /// A local gateway.
    LocalGateway = 6,
    /// A gateway endpoint, from a Nitro instance.
    GatewayEndpointNitro = 7,
    /// An internet gateway, from a Nitro instance.
    InternetGatewayNitro = 8,
}

/// One flow of one interface in one aggregation interval.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowRecord {
    /// Owner of the interface.
    pub account_id: SmolStr,
    /// The recorded interface.
    pub interface_id: NetworkInterfaceId,
    /// OK, NODATA or SKIPDATA. With the latter two, only `account_id`, `interface_id`, `start` and
    /// `end` carry values and `flow` is `None`.
    pub log_status: LogStatus,
    /// First packet of the flow in the interval; for NODATA the interval's start. Printed in
    /// seconds.
    pub start: UnixTime,
    /// Last packet of the flow in the interval; for NODATA the interval's end. Printed in seconds.
    pub end: UnixTime,
    /// The flow.
    pub flow: Option<Flow>,
    /// Where the interface is.
    pub place: Place,
    /// What versions 8 to 11 add; `None` where the log's format has none of their fields.
    pub metadata: Option<Box<FlowMetadata>>,
}

/// The traffic half of a [`FlowRecord`].
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Flow {
    /// `srcaddr`: outgoing, always the interface's primary private address.
    pub srcaddr: IpAddr,
    /// `dstaddr`: incoming, always the interface's primary private address.
    pub dstaddr: IpAddr,
    /// `pkt-srcaddr`: the source in the packet header.
    pub pkt_srcaddr: IpAddr,
    /// `pkt-dstaddr`: the destination in the packet header.
    pub pkt_dstaddr: IpAddr,
    /// 0 for ICMP.
    pub srcport: u16,
    /// 0 for ICMP.
    pub dstport: u16,
    /// IANA number.
    pub protocol: u8,
    /// Packets in the interval.
    pub packets: u64,
    /// Sum of the IP total lengths.
    pub bytes: u64,
    /// ACCEPT or REJECT.
    pub action: FlowAction,
    /// `flow-direction`.
    pub direction: FlowDirection,
    /// `tcp-flags`; zero for other protocols.
    pub tcp_flags: TcpFlags,
    /// `traffic-path`; egress only.
    pub traffic_path: Option<TrafficPath>,
    /// `pkt-src-aws-service`.
    pub pkt_src_aws_service: Option<SmolStr>,
    /// `pkt-dst-aws-service`.
    pub pkt_dst_aws_service: Option<SmolStr>,
}

/// The record's fields that say where the interface is.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Place {
    /// `vpc-id`.
    pub vpc_id: Option<VpcId>,
    /// `subnet-id`.
    pub subnet_id: Option<SubnetId>,
    /// `instance-id`; `None` (`-`) for interfaces of AWS services.
    pub instance_id: Option<InstanceId>,
    /// `region`.
    pub region: SmolStr,
    /// `az-id`: `use1-az1`.
    pub az_id: Option<SmolStr>,
}

/// What versions 8 to 11 of the record add. `None` is `-` in the log.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowMetadata {
    /// `reject-reason`: `BPA` or `EC`.
    pub reject_reason: Option<SmolStr>,
    /// `resource-id`: of a regional NAT gateway.
    pub resource_id: Option<SmolStr>,
    /// `encryption-status`: 0 none, 1 by Nitro, 2 by the application, 3 both.
    pub encryption_status: Option<u8>,
    /// `instance-tag` and `instance-tag-2`: values as they are; the log percent-encodes them.
    pub instance_tags: [Option<SmolStr>; 2],
    /// `interface-tag` and `interface-tag-2`.
    pub interface_tags: [Option<SmolStr>; 2],
    /// `asg-tag` and `asg-tag-2`.
    pub asg_tags: [Option<SmolStr>; 2],
    /// `interface-type` of an interface that a service made: `nat_gateway`.
    pub interface_type: Option<SmolStr>,
    /// The five `next-hop-*` fields.
    pub next_hop: NextHop,
}

/// The interface that an outgoing packet reaches next, or that an incoming one was sent by.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct NextHop {
    /// `next-hop-interface-id`.
    pub interface_id: Option<NetworkInterfaceId>,
    /// `next-hop-subnet-id`.
    pub subnet_id: Option<SubnetId>,
    /// `next-hop-az-id`.
    pub az_id: Option<SmolStr>,
    /// `next-hop-vpc-id`.
    pub vpc_id: Option<VpcId>,
    /// `next-hop-interface-type`.
    pub interface_type: Option<SmolStr>,
}
