//! What a [`World`](crate::World) is set up with.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{Seed, SimDuration, UnixTime};

/// Everything a world needs to know before its first input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WorldConfig {
    /// Its `traffic` part feeds every random stream of the data plane.
    pub seed: Seed,
    /// Virtual UTC of [`SimTime::ZERO`](wirelab_model::SimTime::ZERO).
    pub starts: UnixTime,
    /// The Region's name, for flow records: `us-east-1`.
    pub region: SmolStr,
    /// How the network behaves.
    pub fabric: FabricConfig,
    /// What is reported.
    pub observe: Observe,
}

/// Which events a world yields. Turning one off changes none of the others and no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Observe {
    /// [`Event::Captured`](crate::Event::Captured).
    pub captures: bool,
    /// [`Event::FlowRecord`](crate::Event::FlowRecord) and the observation of the first record.
    pub flow_records: bool,
    /// [`Event::Dropped`](crate::Event::Dropped).
    pub drops: bool,
    /// [`Observation::MetricData`](wirelab_model::Observation::MetricData).
    pub metrics: bool,
}

impl Default for Observe {
    /// Everything.
    fn default() -> Self {
        Self {
            captures: true,
            flow_records: true,
            drops: true,
            metrics: true,
        }
    }
}

/// Whether a security group lets in an ICMP error about a flow it tracks although no rule allows
/// ICMP. AWS's texts disagree (ruling C1); network ACLs filter such errors in either case.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum IcmpRelated {
    /// A rule is needed.
    #[default]
    Strict,
    /// The flow suffices: a tracked one, or one that passes untracked.
    Related,
}

/// How the network behaves: AWS's numbers by default.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FabricConfig {
    /// Ruling C1.
    pub icmp_related: IcmpRelated,
    /// Whether a transit gateway answers oversize packets from VPC attachments with ICMP 3/4
    /// (ruling C4); `false` is the classic black hole.
    pub tgw_pmtud: bool,
    /// Largest packet in octets through a peering connection between Regions; 1500 before 2025
    /// (`facts.md` 2.6).
    pub inter_region_mtu: u16,
    /// One-way latencies by kind of way.
    pub latency: Latency,
    /// Bits per second of one flow of an instance, which spaces the packets of a burst (EC2 User
    /// Guide, "Amazon EC2 instance network bandwidth"); all flows together have what the instance
    /// type allows.
    pub interface_bps: u64,
    /// Bits per second of a segment outside AWS.
    pub segment_bps: u64,
    /// Routers between an internet gateway and a machine on the internet; each takes one TTL.
    pub internet_hops: u8,
    /// Largest number of tracked connections of an instance, in place of its type's; beyond it
    /// packets that need a new entry are dropped.
    pub conntrack_limit: Option<u32>,
    /// Idle timeouts.
    pub timeouts: Timeouts,
    /// Site-to-site VPN tunnels.
    pub vpn: VpnConfig,
    /// Flow-log delivery.
    pub flow_logs: FlowLogConfig,
    /// From the end of a minute to its metrics in CloudWatch (ours: AWS says "near real-time").
    pub metrics_delay: SimDuration,
}

/// One-way latencies. Constant, so that nothing is reordered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Latency {
    /// Between interfaces of one Availability Zone.
    pub same_zone: SimDuration,
    /// Between Availability Zones.
    pub cross_zone: SimDuration,
    /// Through a NAT gateway, besides the ways to and from it.
    pub nat_gateway: SimDuration,
    /// Through a transit gateway.
    pub transit_gateway: SimDuration,
    /// Between an internet gateway and a machine on the internet.
    pub internet: SimDuration,
    /// Between a VPN gateway and a customer gateway.
    pub vpn: SimDuration,
    /// Across a segment outside AWS.
    pub segment: SimDuration,
}

/// Idle timeouts of the network's state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Timeouts {
    /// Security group tracking: a TCP connection whose handshake is not complete (ours).
    pub tcp_opening: SimDuration,
    /// Security group tracking: after both FINs (ruling D6).
    pub tcp_closing: SimDuration,
    /// Security group tracking: ICMP (ours).
    pub icmp: SimDuration,
    /// Security group tracking: protocols other than TCP, UDP and ICMP (`facts.md` 2.1).
    pub other: SimDuration,
    /// NAT gateway mappings (Amazon VPC User Guide, "NAT gateway basics").
    pub nat_gateway: SimDuration,
    /// NAT gateway: TCP mappings after both FINs or an RST (ours).
    pub nat_gateway_closing: SimDuration,
}

/// How VPN tunnels behave (Site-to-Site VPN guide, "Quotas").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct VpnConfig {
    /// Bits per second of a tunnel, in each direction.
    pub tunnel_bps: u64,
    /// Packets per second of a tunnel, in each direction.
    pub tunnel_pps: u64,
    /// How long a tunnel carries more than that before packets wait (ours).
    pub burst: SimDuration,
    /// How long packets wait at most; the rest is dropped (ours).
    pub queue: SimDuration,
    /// How long the customer's device takes to notice that AWS's end is gone. AWS's own timeout
    /// is an option of the tunnel.
    pub customer_dpd_timeout: SimDuration,
    /// How long it takes to negotiate a tunnel again (ours).
    pub negotiation: SimDuration,
}

impl Default for VpnConfig {
    fn default() -> Self {
        Self {
            tunnel_bps: 1_250_000_000,
            tunnel_pps: 140_000,
            burst: SimDuration::from_millis(10),
            queue: SimDuration::from_millis(50),
            customer_dpd_timeout: SimDuration::from_secs(30),
            negotiation: SimDuration::from_secs(5),
        }
    }
}

/// When flow-log records become readable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FlowLogConfig {
    /// From the end of a window to its records in CloudWatch Logs: about 5 minutes.
    pub cloudwatch_delay: SimDuration,
    /// From the end of a window to its records in S3: about 10 minutes.
    pub s3_delay: SimDuration,
}

impl Default for FabricConfig {
    fn default() -> Self {
        Self {
            icmp_related: IcmpRelated::Strict,
            tgw_pmtud: true,
            inter_region_mtu: 8500,
            latency: Latency::default(),
            interface_bps: 5_000_000_000,
            segment_bps: 1_000_000_000,
            internet_hops: 11,
            conntrack_limit: None,
            timeouts: Timeouts::default(),
            vpn: VpnConfig::default(),
            flow_logs: FlowLogConfig::default(),
            metrics_delay: SimDuration::from_secs(60),
        }
    }
}

impl Default for Latency {
    fn default() -> Self {
        Self {
            same_zone: SimDuration::from_micros(75),
            cross_zone: SimDuration::from_micros(350),
            nat_gateway: SimDuration::from_micros(60),
            transit_gateway: SimDuration::from_micros(150),
            internet: SimDuration::from_millis(12),
            vpn: SimDuration::from_millis(8),
            segment: SimDuration::from_micros(50),
        }
    }
}

impl Default for Timeouts {
    fn default() -> Self {
        Self {
            tcp_opening: SimDuration::from_secs(120),
            tcp_closing: SimDuration::from_secs(60),
            icmp: SimDuration::from_secs(30),
            other: SimDuration::from_secs(600),
            nat_gateway: SimDuration::from_secs(350),
            nat_gateway_closing: SimDuration::from_secs(60),
        }
    }
}

impl Default for FlowLogConfig {
    fn default() -> Self {
        Self {
            cloudwatch_delay: SimDuration::from_secs(300),
            s3_delay: SimDuration::from_secs(600),
        }
    }
}
