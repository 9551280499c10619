//! The named queries of the template, under the names and with the limits of the user guide's list
//! ("Query flow logs using Amazon Athena", predefined queries). The guide says what each is about
//! and publishes no text: the SQL is ours. A query is there if the log has every field it reads.

use wirelab_model::FlowField;
use wirelab_model::FlowField::{
    Action, Bytes, DstAddr, DstPort, InstanceId, InterfaceId, Packets, PktDstAddr, PktSrcAddr,
    Protocol, SrcAddr, SrcPort, Start, SubnetId, Type,
};

/// One named query.
pub(super) struct Query {
    pub(super) name: &'static str,
    pub(super) about: &'static str,
    /// The fields that it reads.
    pub(super) reads: &'static [FlowField],
    /// `TABLE` is the table's name.
    pub(super) sql: &'static str,
}

/// All of them, in the order of the guide.
pub(super) const QUERIES: [Query; 16] = [
    Query {
        name: "VpcFlowLogsAcceptedTraffic",
        about: "TCP connections that security groups and network ACLs allowed",
        reads: &[
            Start, SrcAddr, SrcPort, DstAddr, DstPort, Protocol, Action, Packets, Bytes,
        ],
        sql: "SELECT from_unixtime(start) AS time, srcaddr, srcport, dstaddr, dstport, packets, \
              bytes FROM TABLE WHERE action = 'ACCEPT' AND protocol = 6 ORDER BY time LIMIT 50",
    },
    Query {
        name: "VpcFlowLogsAdminPortTraffic",
        about: "The 10 addresses with the most traffic at ports of administrators' web applications",
        reads: &[SrcAddr, DstAddr, DstPort, Protocol, Bytes],
        sql: "SELECT srcaddr, dstaddr, dstport, sum(bytes) AS bytes FROM TABLE \
              WHERE protocol = 6 AND dstport IN (8000, 8080, 8443, 8888, 9090) \
              GROUP BY srcaddr, dstaddr, dstport ORDER BY bytes DESC LIMIT 10",
    },
    Query {
        name: "VpcFlowLogsIPv4Traffic",
        about: "All bytes of IPv4",
        reads: &[Type, Bytes],
        sql: "SELECT sum(bytes) AS bytes FROM TABLE WHERE type = 'IPv4'",
    },
    Query {
        name: "VpcFlowLogsIPv6Traffic",
        about: "All bytes of IPv6",
        reads: &[Type, Bytes],
        sql: "SELECT sum(bytes) AS bytes FROM TABLE WHERE type = 'IPv6'",
    },
    Query {
        name: "VpcFlowLogsRejectedTCPTraffic",
        about: "TCP connections that security groups or network ACLs refused",
        reads: &[Start, SrcAddr, DstAddr, DstPort, Protocol, Action, Packets],
        sql: "SELECT srcaddr, dstaddr, dstport, sum(packets) AS packets, \
              from_unixtime(min(start)) AS first_seen FROM TABLE \
              WHERE action = 'REJECT' AND protocol = 6 \
              GROUP BY srcaddr, dstaddr, dstport ORDER BY packets DESC LIMIT 50",
    },
    Query {
        name: "VpcFlowLogsRejectedTraffic",
        about: "Traffic that security groups or network ACLs refused",
        reads: &[SrcAddr, DstAddr, DstPort, Protocol, Action, Packets],
        sql: "SELECT srcaddr, dstaddr, dstport, protocol, sum(packets) AS packets FROM TABLE \
              WHERE action = 'REJECT' \
              GROUP BY srcaddr, dstaddr, dstport, protocol ORDER BY packets DESC LIMIT 50",
    },
    Query {
        name: "VpcFlowLogsSshRdpTraffic",
        about: "Traffic of SSH and RDP",
        reads: &[
            Start,
            InterfaceId,
            SrcAddr,
            SrcPort,
            DstAddr,
            DstPort,
            Protocol,
            Action,
            Packets,
        ],
        sql: "SELECT from_unixtime(start) AS time, interface_id, srcaddr, srcport, dstaddr, \
              dstport, packets, action FROM TABLE WHERE protocol IN (6, 17) \
              AND (dstport IN (22, 3389) OR srcport IN (22, 3389)) ORDER BY time LIMIT 50",
    },
    Query {
        name: "VpcFlowLogsTopTalkers",
        about: "The 50 addresses with the most traffic",
        reads: &[SrcAddr, Bytes],
        sql: "SELECT srcaddr, sum(bytes) AS bytes FROM TABLE \
              GROUP BY srcaddr ORDER BY bytes DESC LIMIT 50",
    },
    Query {
        name: "VpcFlowLogsTopTalkersPacketLevel",
        about: "The 50 addresses in packets (not of interfaces on the way) with the most traffic",
        reads: &[PktSrcAddr, Bytes],
        sql: "SELECT pkt_srcaddr, sum(bytes) AS bytes FROM TABLE \
              GROUP BY pkt_srcaddr ORDER BY bytes DESC LIMIT 50",
    },
    Query {
        name: "VpcFlowLogsTopTalkingInstances",
        about: "The 50 instances with the most traffic",
        reads: &[InstanceId, Bytes],
        sql: "SELECT instance_id, sum(bytes) AS bytes FROM TABLE WHERE instance_id <> '-' \
              GROUP BY instance_id ORDER BY bytes DESC LIMIT 50",
    },
    Query {
        name: "VpcFlowLogsTopTalkingSubnets",
        about: "The 50 subnets with the most traffic",
        reads: &[SubnetId, Bytes],
        sql: "SELECT subnet_id, sum(bytes) AS bytes FROM TABLE WHERE subnet_id <> '-' \
              GROUP BY subnet_id ORDER BY bytes DESC LIMIT 50",
    },
    Query {
        name: "VpcFlowLogsTopTCPTraffic",
        about: "TCP traffic of each source address",
        reads: &[SrcAddr, Protocol, Packets, Bytes],
        sql: "SELECT srcaddr, sum(packets) AS packets, sum(bytes) AS bytes FROM TABLE \
              WHERE protocol = 6 GROUP BY srcaddr ORDER BY bytes DESC LIMIT 50",
    },
    Query {
        name: "VpcFlowLogsTotalBytesTransferred",
        about: "The 50 pairs of source and destination with the most bytes",
        reads: &[SrcAddr, DstAddr, Bytes],
        sql: "SELECT srcaddr, dstaddr, sum(bytes) AS bytes FROM TABLE \
              GROUP BY srcaddr, dstaddr ORDER BY bytes DESC LIMIT 50",
    },
    Query {
        name: "VpcFlowLogsTotalBytesTransferredPacketLevel",
        about: "The 50 pairs of source and destination in packets with the most bytes",
        reads: &[PktSrcAddr, PktDstAddr, Bytes],
        sql: "SELECT pkt_srcaddr, pkt_dstaddr, sum(bytes) AS bytes FROM TABLE \
              GROUP BY pkt_srcaddr, pkt_dstaddr ORDER BY bytes DESC LIMIT 50",
    },
    Query {
        name: "VpcFlowLogsTrafficFrmSrcAddr",
        about: "Traffic from one source address: put yours in",
        reads: &[
            Start, SrcAddr, DstAddr, DstPort, Protocol, Action, Packets, Bytes,
        ],
        sql: "SELECT from_unixtime(start) AS time, srcaddr, dstaddr, dstport, protocol, action, \
              packets, bytes FROM TABLE WHERE srcaddr = '192.0.2.1' ORDER BY time LIMIT 50",
    },
    Query {
        name: "VpcFlowLogsTrafficToDstAddr",
        about: "Traffic to one destination address: put yours in",
        reads: &[
            Start, SrcAddr, DstAddr, DstPort, Protocol, Action, Packets, Bytes,
        ],
        sql: "SELECT from_unixtime(start) AS time, srcaddr, dstaddr, dstport, protocol, action, \
              packets, bytes FROM TABLE WHERE dstaddr = '192.0.2.1' ORDER BY time LIMIT 50",
    },
];
