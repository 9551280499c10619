//! The table of flow-log fields: names, versions and types as the user guide lists them.
//!
//! It is here because two parts read it: the control plane, which refuses what no version has, and
//! `flowlog`, which writes and reads records.

use std::fmt;

/// How a field is typed in Parquet. In text everything is a string.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlowFieldType {
    /// `STRING`.
    Text,
    /// `INT_32`.
    Int32,
    /// `INT_64`.
    Int64,
}

macro_rules! fields {
    ($($name:ident = $text:literal, $insights:literal, $version:literal, $kind:ident;)*) => {
        /// One field of a flow-log record, versions 2 to 11.
        ///
        /// [`FlowRecord`](crate::FlowRecord) carries what versions 2 to 5 say and, where a log
        /// asks for it, what versions 8 to 11 do. ECS tasks (version 7) are not simulated: they are
        /// known here so that logs of real accounts can be read, and are written as `-`. So are
        /// the fields that only transit gateways' logs have (version 6).
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FlowField {
            $(#[doc = concat!("`", $text, "`, version ", $version, ".")] $name,)*
        }

        impl FlowField {
            /// Every field, in the order of the user guide's table.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The name in a format string and a header line: `pkt-srcaddr`.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }

            /// The name under which Logs Insights discovers the field: `pktSrcAddr`.
            ///
            /// The 14 fields of the default format have the documented names (`startTime`, not
            /// `start`); AWS is silent on the others, which are camel-cased at their hyphens.
            #[must_use]
            pub const fn insights_name(self) -> &'static str {
                match self { $(Self::$name => $insights,)* }
            }

            /// The record version that introduced the field.
            #[must_use]
            pub const fn version(self) -> u8 {
                match self { $(Self::$name => $version,)* }
            }

            /// Its type in Parquet.
            #[must_use]
            pub const fn kind(self) -> FlowFieldType {
                match self { $(Self::$name => FlowFieldType::$kind,)* }
            }
        }
    };
}

fields! {
    Version = "version", "version", 2, Int32;
    AccountId = "account-id", "accountId", 2, Text;
    InterfaceId = "interface-id", "interfaceId", 2, Text;
    SrcAddr = "srcaddr", "srcAddr", 2, Text;
    DstAddr = "dstaddr", "dstAddr", 2, Text;
    SrcPort = "srcport", "srcPort", 2, Int32;
    DstPort = "dstport", "dstPort", 2, Int32;
    Protocol = "protocol", "protocol", 2, Int32;
    Packets = "packets", "packets", 2, Int64;
    Bytes = "bytes", "bytes", 2, Int64;
    Start = "start", "startTime", 2, Int64;
    End = "end", "endTime", 2, Int64;
    Action = "action", "action", 2, Text;
    LogStatus = "log-status", "logStatus", 2, Text;
    VpcId = "vpc-id", "vpcId", 3, Text;
    SubnetId = "subnet-id", "subnetId", 3, Text;
    InstanceId = "instance-id", "instanceId", 3, Text;
    TcpFlags = "tcp-flags", "tcpFlags", 3, Int32;
    Type = "type", "type", 3, Text;
    PktSrcAddr = "pkt-srcaddr", "pktSrcAddr", 3, Text;
    PktDstAddr = "pkt-dstaddr", "pktDstAddr", 3, Text;
    Region = "region", "region", 4, Text;
    AzId = "az-id", "azId", 4, Text;
    SublocationType = "sublocation-type", "sublocationType", 4, Text;
    SublocationId = "sublocation-id", "sublocationId", 4, Text;
    PktSrcAwsService = "pkt-src-aws-service", "pktSrcAwsService", 5, Text;
    PktDstAwsService = "pkt-dst-aws-service", "pktDstAwsService", 5, Text;
    FlowDirection = "flow-direction", "flowDirection", 5, Text;
    TrafficPath = "traffic-path", "trafficPath", 5, Int32;
    ResourceType = "resource-type", "resourceType", 6, Text;
    TgwId = "tgw-id", "tgwId", 6, Text;
    TgwAttachmentId = "tgw-attachment-id", "tgwAttachmentId", 6, Text;
    TgwSrcVpcAccountId = "tgw-src-vpc-account-id", "tgwSrcVpcAccountId", 6, Text;
    TgwDstVpcAccountId = "tgw-dst-vpc-account-id", "tgwDstVpcAccountId", 6, Text;
    TgwSrcVpcId = "tgw-src-vpc-id", "tgwSrcVpcId", 6, Text;
    TgwDstVpcId = "tgw-dst-vpc-id", "tgwDstVpcId", 6, Text;
    TgwSrcSubnetId = "tgw-src-subnet-id", "tgwSrcSubnetId", 6, Text;
    TgwDstSubnetId = "tgw-dst-subnet-id", "tgwDstSubnetId", 6, Text;
    TgwSrcEni = "tgw-src-eni", "tgwSrcEni", 6, Text;
    TgwDstEni = "tgw-dst-eni", "tgwDstEni", 6, Text;
    TgwSrcAzId = "tgw-src-az-id", "tgwSrcAzId", 6, Text;
    TgwDstAzId = "tgw-dst-az-id", "tgwDstAzId", 6, Text;
    TgwPairAttachmentId = "tgw-pair-attachment-id", "tgwPairAttachmentId", 6, Text;
    PacketsLostNoRoute = "packets-lost-no-route", "packetsLostNoRoute", 6, Int64;
    PacketsLostBlackhole = "packets-lost-blackhole", "packetsLostBlackhole", 6, Int64;
    PacketsLostMtuExceeded = "packets-lost-mtu-exceeded", "packetsLostMtuExceeded", 6, Int64;
    PacketsLostTtlExpired = "packets-lost-ttl-expired", "packetsLostTtlExpired", 6, Int64;
    EcsClusterArn = "ecs-cluster-arn", "ecsClusterArn", 7, Text;
    EcsClusterName = "ecs-cluster-name", "ecsClusterName", 7, Text;
    EcsContainerInstanceArn = "ecs-container-instance-arn", "ecsContainerInstanceArn", 7, Text;
    EcsContainerInstanceId = "ecs-container-instance-id", "ecsContainerInstanceId", 7, Text;
    EcsContainerId = "ecs-container-id", "ecsContainerId", 7, Text;
    EcsSecondContainerId = "ecs-second-container-id", "ecsSecondContainerId", 7, Text;
    EcsServiceName = "ecs-service-name", "ecsServiceName", 7, Text;
    EcsTaskDefinitionArn = "ecs-task-definition-arn", "ecsTaskDefinitionArn", 7, Text;
    EcsTaskArn = "ecs-task-arn", "ecsTaskArn", 7, Text;
    EcsTaskId = "ecs-task-id", "ecsTaskId", 7, Text;
    RejectReason = "reject-reason", "rejectReason", 8, Text;
    ResourceId = "resource-id", "resourceId", 9, Text;
    EncryptionStatus = "encryption-status", "encryptionStatus", 10, Int32;
    InstanceTag = "instance-tag", "instanceTag", 11, Text;
    InstanceTag2 = "instance-tag-2", "instanceTag2", 11, Text;
    InterfaceTag = "interface-tag", "interfaceTag", 11, Text;
    InterfaceTag2 = "interface-tag-2", "interfaceTag2", 11, Text;
    AsgTag = "asg-tag", "asgTag", 11, Text;
    AsgTag2 = "asg-tag-2", "asgTag2", 11, Text;
    InterfaceType = "interface-type", "interfaceType", 11, Text;
    NextHopInterfaceId = "next-hop-interface-id", "nextHopInterfaceId", 11, Text;
    NextHopSubnetId = "next-hop-subnet-id", "nextHopSubnetId", 11, Text;
    NextHopAzId = "next-hop-az-id", "nextHopAzId", 11, Text;
    NextHopVpcId = "next-hop-vpc-id", "nextHopVpcId", 11, Text;
    NextHopInterfaceType = "next-hop-interface-type", "nextHopInterfaceType", 11, Text;
}

impl FlowField {
    /// The fields of the default format, in its order.
    pub const DEFAULT: &'static [Self] = Self::ALL.split_at(14).0;

    /// The field of that name; `None` if no version has it.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|field| field.name() == name)
    }

    /// Whether only the flow logs of transit gateways have the field.
    #[must_use]
    pub const fn is_of_transit_gateway(self) -> bool {
        self.version() == 6
    }

    /// The column name in Parquet and in the tables that Athena's documentation makes:
    /// `pkt_srcaddr`.
    #[must_use]
    pub fn column_name(self) -> String {
        self.name().replace('-', "_")
    }
}

impl fmt::Display for FlowField {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_format_is_version_2_alone_and_ends_with_log_status() {
        assert!(FlowField::DEFAULT.iter().all(|field| field.version() == 2));
        assert_eq!(FlowField::DEFAULT.last(), Some(&FlowField::LogStatus));
        assert_eq!(
            FlowField::ALL.iter().filter(|f| f.version() == 2).count(),
            14
        );
    }

    #[test]
    fn undocumented_insights_names_are_the_names_camel_cased_at_hyphens() {
        for field in FlowField::ALL.iter().filter(|field| field.version() > 2) {
            let mut camel = String::new();
            for part in field.name().split('-') {
                // `srcaddr` and `dstaddr` keep the capital of the documented `srcAddr`.
                let part = part.replace("addr", "Addr");
                let (head, tail) = part.split_at(1);
                let head = if camel.is_empty() {
                    head.to_owned()
                } else {
                    head.to_uppercase()
                };
                camel.push_str(&head);
                camel.push_str(tail);
            }
            assert_eq!(field.insights_name(), camel);
        }
    }
}
