//! What a machine is before it runs: attachment, kernel, settings, routes, servers.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{CustomerGatewayId, InstanceId, IpNet, Seed, SimDuration, UnixTime};
use wirelab_wire::MacAddr;

use super::program::tls::TlsServerSpec;
use super::tcp::Keepalive;

/// A machine: an EC2 instance's operating system, or a machine outside AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostSpec {
    /// Name, unique in the world: what `exec` and traffic refer to.
    pub name: SmolStr,
    /// How it is attached to the network.
    pub attachment: Attachment,
    /// Which kernel it shows on the wire.
    pub kernel: KernelProfile,
    /// Sysctls and the like.
    pub settings: HostSettings,
    /// Routes beyond the connected and the default ones.
    pub routes: Vec<HostRoute>,
    /// `iptables` argument lists, applied in order at start: `-A INPUT -p tcp --dport 22 -j DROP`.
    pub firewall: Vec<String>,
    /// Programs that listen.
    pub servers: Vec<ServerSpec>,
}

/// How a machine is attached.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Attachment {
    /// The operating system of an instance: its interfaces follow the instance's ENIs.
    Instance(InstanceId),
    /// A machine outside AWS.
    Outside {
        /// Interfaces, in the order of their indices.
        interfaces: Vec<OutsideInterface>,
        /// The tunnel interface `tun0`, after the others, of a machine that is a customer gateway.
        customer_gateway: Option<TunnelSpec>,
        /// Next hop of the default route.
        default_gateway: Option<IpAddr>,
    },
}

/// An interface on a segment outside AWS.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OutsideInterface {
    /// `eth0`.
    pub name: SmolStr,
    /// The segment.
    pub segment: SmolStr,
    /// Address with the prefix length of the segment.
    pub address: IpNet,
    /// IPv6 address with the prefix length of the segment.
    pub ipv6_address: Option<IpNet>,
    /// Next hop of the default route for IPv6.
    pub ipv6_gateway: Option<IpAddr>,
    /// MTU in octets.
    pub mtu: u16,
}

/// The inside of a site-to-site VPN on a customer gateway.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TunnelSpec {
    /// Whose VPN connections.
    pub customer_gateway: CustomerGatewayId,
    /// MTU inside the tunnel in octets.
    pub mtu: u16,
    /// The tunnel of each connection that it sends by while that is up, 1 or 2; `None`: the first
    /// that is.
    pub preferred_tunnel: Option<u8>,
    /// Whether it takes packets from a tunnel that it does not send by, as devices for static VPNs
    /// should (Site-to-Site VPN guide, "Tunnel options"): AWS chooses for itself.
    pub asymmetric: bool,
}

impl TunnelSpec {
    /// A device that sends by the first tunnel and takes from both.
    #[must_use]
    pub const fn new(customer_gateway: CustomerGatewayId, mtu: u16) -> Self {
        Self {
            customer_gateway,
            mtu,
            preferred_tunnel: None,
            asymmetric: true,
        }
    }
}

/// An interface as it is now; the fabric keeps it in step with the ENI or the segment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct InterfaceConfig {
    /// `ens5`, `eth0`, `tun0`.
    pub name: SmolStr,
    /// Hardware address.
    pub mac: MacAddr,
    /// Addresses with their prefix lengths, the primary one first.
    pub addresses: Vec<IpNet>,
    /// MTU in octets, as the driver or DHCP set it.
    pub mtu: u16,
    /// Next hops of default routes through this interface: one an IP version at most.
    pub gateways: Vec<IpAddr>,
    /// Name servers that DHCP gave.
    pub resolvers: Vec<IpAddr>,
    /// Domains to search that DHCP gave.
    pub search: Vec<SmolStr>,
}

/// The kernels whose behaviour on the wire is known segment by segment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KernelProfile {
    /// Linux 6.18: four linear SYN timeouts, window scale 10.
    #[default]
    Linux618,
    /// Linux 6.1 (Amazon Linux 2023): exponential SYN timeouts, window scale 7.
    Linux61,
}

/// Settings of a machine. The defaults are Linux's.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HostSettings {
    /// `net.ipv4.ip_forward`.
    pub ip_forward: bool,
    /// `net.ipv4.tcp_mtu_probing`: 0, 1 (after a black hole is suspected) or 2 (always).
    pub tcp_mtu_probing: u8,
    /// `net.ipv4.ip_local_port_range`, both ends included.
    pub local_port_range: (u16, u16),
    /// `net.ipv4.tcp_retries2`.
    pub tcp_retries2: u8,
    /// `net.ipv4.tcp_syn_retries`.
    pub tcp_syn_retries: u8,
    /// `net.ipv4.tcp_synack_retries`.
    pub tcp_synack_retries: u8,
    /// `net.ipv4.tcp_timestamps`.
    pub tcp_timestamps: bool,
    /// `net.ipv4.tcp_sack`.
    pub tcp_sack: bool,
    /// `net.ipv4.tcp_window_scaling`.
    pub tcp_window_scaling: bool,
    /// `net.ipv4.tcp_keepalive_time`.
    pub tcp_keepalive_time: SimDuration,
    /// `net.ipv4.tcp_keepalive_intvl`.
    pub tcp_keepalive_interval: SimDuration,
    /// `net.ipv4.tcp_keepalive_probes`.
    pub tcp_keepalive_probes: u8,
    /// `net.ipv4.tcp_fin_timeout`.
    pub tcp_fin_timeout: SimDuration,
    /// `net.ipv4.icmp_echo_ignore_all`.
    pub icmp_echo_ignore_all: bool,
    /// `net.ipv4.tcp_ecn`: 0 off, 1 asked for and accepted, 2 accepted when asked for.
    pub tcp_ecn: u8,
    /// `net.ipv4.ip_default_ttl`.
    pub ip_default_ttl: u8,
    /// Octets of kernel memory that the network driver spends on a packet beyond its data
    /// (`skb->truesize`): the window that a connection announces depends on it. None for a driver
    /// that receives into pages.
    pub driver_overhead: Option<u32>,
    /// `net.ipv4.ip_no_pmtu_disc`: send without DF and ignore ICMP 3/4.
    pub ip_no_pmtu_disc: bool,
    /// `nameserver` lines of its own `/etc/resolv.conf`; empty: those that DHCP gave.
    pub nameservers: Vec<IpAddr>,
    /// `search` line of its own `/etc/resolv.conf`; empty: the domain that DHCP gave.
    pub search: Vec<SmolStr>,
}

impl HostSettings {
    /// What a socket with `SO_KEEPALIVE` and no times of its own goes by.
    pub(crate) const fn keepalive(&self) -> Keepalive {
        Keepalive {
            time: self.tcp_keepalive_time,
            interval: self.tcp_keepalive_interval,
            probes: self.tcp_keepalive_probes,
        }
    }

    /// Whether it means anything as `tcp_mtu_probing`: 0 to 2 (Linux `ip-sysctl.rst`). The kernel
    /// takes any octet.
    #[must_use]
    pub const fn takes_mtu_probing(value: u8) -> bool {
        value <= 2
    }

    /// Whether the kernel takes them for `ip_local_port_range`: not turned round, and no privileged
    /// ports at `ip_unprivileged_port_start` 1024 (`ipv4_local_port_range` in `sysctl_net_ipv4.c`).
    #[must_use]
    pub const fn takes_port_range(low: u16, high: u16) -> bool {
        low <= high && low >= 1024
    }
}

impl Default for HostSettings {
    fn default() -> Self {
        Self {
            ip_forward: false,
            tcp_mtu_probing: 0,
            local_port_range: (32768, 60999),
            tcp_retries2: 15,
            tcp_syn_retries: 6,
            tcp_synack_retries: 5,
            tcp_timestamps: true,
            tcp_sack: true,
            tcp_window_scaling: true,
            tcp_keepalive_time: SimDuration::from_secs(7200),
            tcp_keepalive_interval: SimDuration::from_secs(75),
            tcp_keepalive_probes: 9,
            tcp_fin_timeout: SimDuration::from_secs(60),
            icmp_echo_ignore_all: false,
            tcp_ecn: 2,
            ip_default_ttl: 64,
            driver_overhead: None,
            ip_no_pmtu_disc: false,
            nameservers: Vec::new(),
            search: Vec::new(),
        }
    }
}

/// A route of a machine's own table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostRoute {
    /// Destination block; `0.0.0.0/0` for the default.
    pub destination: IpNet,
    /// Next hop; none for a directly connected block.
    pub via: Option<IpAddr>,
    /// Interface; without it, the one whose block holds `via`.
    pub device: Option<SmolStr>,
    /// MTU in octets that overrides the interface's.
    pub mtu: Option<u16>,
    /// MSS in octets to announce, overriding what follows from the MTU.
    pub advmss: Option<u16>,
}

/// A program that listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ServerSpec {
    /// An HTTP/1.1 server.
    Http {
        /// TCP port.
        port: u16,
        /// What it serves; any other path is answered 404.
        resources: Vec<HttpResource>,
        /// Time from the complete request to the answer.
        think: SimDuration,
    },
    /// `python3 -m http.server` in an empty folder: HTTP/1.0, `/` is listed, nothing else found.
    Python {
        /// TCP port.
        port: u16,
    },
    /// A PostgreSQL 15 server that trusts everybody.
    Postgres {
        /// TCP port.
        port: u16,
        /// What can be selected from.
        tables: Vec<PostgresTable>,
        /// Time from a query to its answer.
        think: SimDuration,
        /// How often the primary writes WAL that its replicas get.
        wal_every: SimDuration,
        /// How much WAL each time, in octets.
        wal_bytes: u32,
    },
    /// Sends back what it gets, over TCP and UDP.
    Echo {
        /// Port of both.
        port: u16,
    },
    /// Accepts, reads and never answers.
    Discard {
        /// TCP port.
        port: u16,
    },
    /// A MySQL 8 server that lets everybody in.
    Mysql {
        /// TCP port.
        port: u16,
        /// What can be selected from.
        tables: Vec<PostgresTable>,
        /// Time from a query to its answer.
        think: SimDuration,
        /// How often the source writes to its binary log, which its replicas get.
        binlog_every: SimDuration,
        /// Octets of each event.
        binlog_bytes: u32,
    },
    /// OpenSSH's server: public keys only.
    Ssh {
        /// TCP port.
        port: u16,
        /// Users whose key it knows; empty: everybody's.
        users: Vec<SmolStr>,
    },
    /// An NTP server at UDP port 123.
    Ntp,
    /// A name server, over UDP and TCP.
    Dns {
        /// Port of both.
        port: u16,
        /// Zones that it is the authority for; other names are refused.
        zones: Vec<SmolStr>,
        /// What is in the zones.
        records: Vec<DnsRecord>,
    },
    /// A resolver of the public DNS, over UDP and TCP: what Route 53's public zones, AWS's public
    /// names and the world's `public_dns` say, to whoever asks. Whom it asks in turn is not shown.
    Resolver {
        /// Port of both.
        port: u16,
    },
    /// An HTTP/1.1 server that answers every path with the address it is asked from, and a line
    /// end: what <https://checkip.amazonaws.com> does.
    CallersAddress {
        /// TCP port.
        port: u16,
    },
    /// A speed test over HTTP: `GET /down?bytes=N&rate=BITS` and `POST /up`.
    Bulk {
        /// TCP port.
        port: u16,
    },
    /// A server behind TLS.
    Tls {
        /// Versions, certificate.
        tls: TlsServerSpec,
        /// What speaks inside.
        inside: Box<Self>,
    },
}

/// A record of a name server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DnsRecord {
    /// Absolute name without the final dot.
    pub name: SmolStr,
    /// Seconds to live.
    pub ttl: u32,
    /// What it says.
    pub data: DnsData,
}

/// What a record says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum DnsData {
    /// A or AAAA.
    Address(IpAddr),
    /// CNAME: another name.
    Alias(SmolStr),
}

impl ServerSpec {
    /// What its process is called.
    #[must_use]
    pub const fn program(&self) -> &'static str {
        match self {
            Self::Http { .. } | Self::CallersAddress { .. } | Self::Bulk { .. } => "nginx",
            Self::Python { .. } => "python3",
            Self::Postgres { .. } => "postgres",
            Self::Mysql { .. } => "mysqld",
            Self::Ssh { .. } => "sshd",
            Self::Ntp => "chronyd",
            Self::Dns { .. } => "named",
            Self::Resolver { .. } => "unbound",
            Self::Echo { .. } | Self::Discard { .. } => "inetd",
            Self::Tls { inside, .. } => inside.program(),
        }
    }

    /// The port it listens on.
    #[must_use]
    pub const fn port(&self) -> u16 {
        match self {
            Self::Http { port, .. }
            | Self::Python { port }
            | Self::Postgres { port, .. }
            | Self::Mysql { port, .. }
            | Self::Ssh { port, .. }
            | Self::Dns { port, .. }
            | Self::Resolver { port }
            | Self::CallersAddress { port }
            | Self::Bulk { port }
            | Self::Echo { port }
            | Self::Discard { port } => *port,
            Self::Ntp => 123,
            Self::Tls { inside, .. } => inside.port(),
        }
    }

    /// The server behind its TLS, if it has any.
    #[must_use]
    pub const fn inside(&self) -> &Self {
        match self {
            Self::Tls { inside, .. } => inside.inside(),
            plain => plain,
        }
    }

    /// Whether it sets `TCP_NODELAY`: what says several things in a row does.
    pub(crate) const fn is_chatty(&self) -> bool {
        matches!(
            self,
            Self::Tls { .. } | Self::Mysql { .. } | Self::Ssh { .. }
        )
    }

    /// Whether it sets `SO_KEEPALIVE` on the connections that it accepts, with the machine's times:
    /// PostgreSQL does on each (`pq_init` in `pqcomm.c`; `tcp_keepalives_idle` is 0 by default).
    pub(crate) const fn keeps_alive(&self) -> bool {
        matches!(self.inside(), Self::Postgres { .. })
    }

    /// Whether it listens on TCP, and whether on UDP.
    #[must_use]
    pub const fn transports(&self) -> (bool, bool) {
        match self {
            Self::Ntp => (false, true),
            Self::Echo { .. } | Self::Dns { .. } | Self::Resolver { .. } => (true, true),
            _ => (true, false),
        }
    }
}

/// One thing an HTTP server serves.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HttpResource {
    /// `/health`; exact match, the query string not compared.
    pub path: SmolStr,
    /// Status code.
    pub status: u16,
    /// Octets of body.
    pub bytes: u32,
}

/// A table of the PostgreSQL server; its content follows from name, row and column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostgresTable {
    /// Name as in `FROM`.
    pub name: SmolStr,
    /// Column names.
    pub columns: Vec<SmolStr>,
    /// Number of rows.
    pub rows: u32,
    /// Octets of each value.
    pub value_bytes: u16,
}

/// What a machine has to know of its world.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HostConfig {
    /// `traffic` of it feeds the machine's random streams, which are named after the machine.
    pub seed: Seed,
    /// Virtual UTC of [`wirelab_model::SimTime::ZERO`].
    pub starts: UnixTime,
}
