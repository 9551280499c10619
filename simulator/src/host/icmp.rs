//! ICMP of a machine: answers, errors it sends, errors it gets (RFC 792, RFC 1122 section 3.2.2; of
//! IPv6: RFC 4443). An ICMPv6 error is told programs in the words of ICMP.

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::{
    IcmpError, IcmpMessage, Icmpv6Message, IpPacket, IpVersionFields, QuotedPacket, Transport,
    Unreachable, protocol,
};

use super::firewall::RejectWith;
use super::stack::{Stack, StackEvent, TcpNews};
use super::tcp::{Ends, SocketError, reset_for};

/// `icmp_ratelimit`: one error a second and destination ...
const ERROR_INTERVAL: SimDuration = SimDuration::from_secs(1);
/// ... after a burst of six (`XRLIM_BURST_FACTOR`).
const ERROR_BURST: u64 = 6;

/// An ICMP message a program waits for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Heard {
    /// An answer to an echo request.
    EchoReply {
        from: IpAddr,
        identifier: u16,
        sequence: u16,
        ttl: u8,
        /// Octets of ICMP, header included.
        size: usize,
    },
    /// A TCP segment for the raw socket of a program, by its local port.
    Segment {
        from: std::net::SocketAddr,
        port: u16,
    },
    /// An error about something this machine sent.
    Error {
        from: IpAddr,
        /// TTL it arrived with.
        ttl: u8,
        what: ErrorKind,
        about: About,
    },
}

/// Which error.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum ErrorKind {
    Unreachable(Unreachable),
    TimeExceeded(u8),
}

/// What an ICMP error quotes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct About {
    pub(crate) destination: IpAddr,
    pub(crate) protocol: u8,
    pub(crate) ports: Option<(u16, u16)>,
    /// Identifier and sequence number of a quoted echo request.
    pub(crate) echo: Option<(u16, u16)>,
}

/// Token bucket for errors, per destination (`icmpv4_xrlim_allow`).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct RateLimit {
    /// `net.ipv4.icmp_ratelimit`; zero: no limit.
    pub(crate) interval: SimDuration,
    peers: BTreeMap<IpAddr, (SimTime, u64)>,
}

/// What a packet without a route may have saved (`ip_rt_error_burst`), in intervals.
const ROUTE_ERROR_BURST: u64 = 5;

impl Default for RateLimit {
    fn default() -> Self {
        Self {
            interval: ERROR_INTERVAL,
            peers: BTreeMap::new(),
        }
    }
}

impl RateLimit {
    /// `ip_error`: a packet without a route takes from the same bucket before the error does.
    pub(super) fn allow_route_error(&mut self, to: IpAddr, now: SimTime) -> bool {
        let price = ERROR_INTERVAL.as_nanos();
        self.take(to, now, price, price * ROUTE_ERROR_BURST)
    }

    /// Takes a token for an error to `to`, if there is one.
    fn allow(&mut self, to: IpAddr, now: SimTime) -> bool {
        let price = self.interval.as_nanos();
        self.take(to, now, price, price * ERROR_BURST)
    }

    fn take(&mut self, to: IpAddr, now: SimTime, price: u64, full: u64) -> bool {
        let (last, tokens) = self.peers.get(&to).copied().unwrap_or((now, full));
        let tokens = (tokens + now.since(last).as_nanos()).min(full);
        let allowed = tokens >= price;
        let left = if allowed { tokens - price } else { tokens };
        self.peers.insert(to, (now, left));
        allowed
    }
}

impl Stack {
    /// An ICMP message for this machine.
    pub(crate) fn on_icmp(&mut self, now: SimTime, packet: &IpPacket) {
        let Some(message) = packet.as_icmp() else {
            return;
        };
        match message {
            IcmpMessage::EchoRequest { .. } => self.answer_echo(now, packet),
            IcmpMessage::EchoReply {
                identifier,
                sequence,
                payload,
            } => self.events.push_back(StackEvent::Icmp(Heard::EchoReply {
                from: packet.header.source,
                identifier: *identifier,
                sequence: *sequence,
                ttl: packet.header.ttl,
                size: payload.len() + 8,
            })),
            IcmpMessage::DestinationUnreachable { code, quoted } => {
                self.on_icmp_error(now, packet, ErrorKind::Unreachable(*code), quoted);
            }
            IcmpMessage::TimeExceeded { code, quoted } => {
                self.on_icmp_error(now, packet, ErrorKind::TimeExceeded(*code), quoted);
            }
            IcmpMessage::Other { .. } => {}
        }
    }

    /// An ICMPv6 message for this machine. Neighbour discovery is the fabric's business.
    pub(crate) fn on_icmpv6(&mut self, now: SimTime, packet: &IpPacket) {
        let Some(message) = packet.as_icmpv6() else {
            return;
        };
        let (kind, quoted) = match message {
            Icmpv6Message::EchoRequest { .. } => return self.answer_echo(now, packet),
            Icmpv6Message::EchoReply {
                identifier,
                sequence,
                payload,
            } => {
                let reply = Heard::EchoReply {
                    from: packet.header.source,
                    identifier: *identifier,
                    sequence: *sequence,
                    ttl: packet.header.ttl,
                    size: payload.len() + 8,
                };
                return self.events.push_back(StackEvent::Icmp(reply));
            }
            Icmpv6Message::DestinationUnreachable { code, quoted } => {
                (ErrorKind::Unreachable(unreachable_v4(*code)), quoted)
            }
            Icmpv6Message::PacketTooBig { mtu, quoted } => {
                let next_hop_mtu = u16::try_from(*mtu).unwrap_or(u16::MAX);
                let code = Unreachable::FragmentationNeeded { next_hop_mtu };
                (ErrorKind::Unreachable(code), quoted)
            }
            Icmpv6Message::TimeExceeded { code, quoted } => {
                (ErrorKind::TimeExceeded(*code), quoted)
            }
            Icmpv6Message::Other { .. } => return,
        };
        self.on_icmp_error(now, packet, kind, quoted);
    }

    fn answer_echo(&mut self, now: SimTime, packet: &IpPacket) {
        if self.echo_ignore {
            return;
        }
        if let Some(mut reply) = packet.echo_reply() {
            self.stamp(now, &mut reply);
            self.output_in_pieces(now, reply);
        }
    }

    /// Gives a packet that belongs to no connection its TTL and identification.
    fn stamp(&mut self, now: SimTime, packet: &mut IpPacket) {
        let next = self.next_identification(now);
        packet.header.ttl = self.tcp.ttl;
        if let IpVersionFields::V4(fields) = &mut packet.header.version {
            fields.identification = next;
        }
    }

    fn on_icmp_error(&mut self, now: SimTime, packet: &IpPacket, kind: ErrorKind, quoted: &[u8]) {
        let Ok(about) = QuotedPacket::parse(quoted) else {
            return;
        };
        if let ErrorKind::Unreachable(Unreachable::FragmentationNeeded { next_hop_mtu }) = kind {
            self.learn_path_mtu(now, &about, next_hop_mtu);
        }
        if about.protocol == protocol::TCP
            && let Some(news) = tcp_news(kind, about.header.is_ipv4())
        {
            self.on_quoted_tcp(now, &about, news);
        }
        self.events.push_back(StackEvent::Icmp(Heard::Error {
            from: packet.header.source,
            ttl: packet.header.ttl,
            what: kind,
            about: About {
                destination: about.header.destination,
                protocol: about.protocol,
                ports: about.ports,
                echo: about
                    .echo_identifier
                    .map(|identifier| (identifier, quoted_sequence(quoted, about.header_len))),
            },
        }));
    }

    fn learn_path_mtu(&mut self, now: SimTime, about: &QuotedPacket, next_hop_mtu: u16) {
        let destination = about.header.destination;
        if !self.tcp.dont_fragment && destination.is_ipv4() {
            return;
        }
        if let Some(resolved) = self.resolve(destination) {
            self.routes.learn(
                destination,
                next_hop_mtu,
                about.total_len,
                resolved.mtu,
                now,
            );
        }
    }

    /// Sends an ICMP error about `packet`, within the rate limit; "fragmentation needed" has none.
    pub(crate) fn send_error(&mut self, now: SimTime, packet: &IpPacket, error: IcmpError) -> bool {
        let to = packet.header.source;
        let limited = !matches!(
            error,
            IcmpError::Unreachable(Unreachable::FragmentationNeeded { .. })
        );
        // Nor is there a limit on what goes back to the machine itself.
        let limited = limited && !self.is_local(to);
        if limited && !self.rate_limit.allow(to, now) {
            return false;
        }
        let Some(resolved) = self.resolve(to) else {
            return false;
        };
        // A packet addressed to this machine is answered from that address.
        let from = if self.is_local(packet.header.destination) {
            packet.header.destination
        } else {
            resolved.source
        };
        if from.is_ipv4() != packet.header.source.is_ipv4() {
            return false;
        }
        let Some(mut message) = packet.icmp_error(from, error) else {
            return false;
        };
        self.stamp(now, &mut message);
        self.output(now, message);
        true
    }

    pub(crate) fn port_unreachable(&mut self, now: SimTime, packet: &IpPacket) {
        self.send_error(now, packet, IcmpError::Unreachable(Unreachable::Port));
    }

    /// A firewall rule says no and says so.
    pub(crate) fn reject(&mut self, now: SimTime, packet: &IpPacket, with: RejectWith) {
        let RejectWith::Icmp(code) = with else {
            self.reject_with_reset(now, packet);
            return;
        };
        self.send_error(now, packet, IcmpError::Unreachable(code));
    }

    fn reject_with_reset(&mut self, now: SimTime, packet: &IpPacket) {
        let Transport::Tcp(segment) = &packet.transport else {
            return;
        };
        let ends = Ends {
            local: std::net::SocketAddr::new(packet.header.destination, segment.destination_port),
            remote: std::net::SocketAddr::new(packet.header.source, segment.source_port),
        };
        if let Some(reset) = reset_for(ends, segment) {
            self.output(now, reset);
        }
    }
}

/// What an error means for TCP. "No way" is code 0 or 1 of ICMP (`tcp_v4_err`), but code 0 alone of
/// ICMPv6 (`tcp_v6_err`).
fn tcp_news(kind: ErrorKind, over_ipv4: bool) -> Option<TcpNews> {
    Some(match kind {
        ErrorKind::Unreachable(Unreachable::Net) => TcpNews::NoWay(SocketError::NetUnreachable),
        ErrorKind::Unreachable(Unreachable::Host) if over_ipv4 => {
            TcpNews::NoWay(SocketError::HostUnreachable)
        }
        ErrorKind::Unreachable(code) => {
            error_of(code, over_ipv4).map_or(TcpNews::PathMtu, TcpNews::Error)
        }
        ErrorKind::TimeExceeded(_) => TcpNews::Error(SocketError::HostUnreachable),
    })
}

/// The error a program sees (`icmp_err_convert`, `icmpv6_err_convert`); none for a path MTU.
pub(super) const fn error_of(code: Unreachable, over_ipv4: bool) -> Option<SocketError> {
    Some(match code {
        Unreachable::AdministrativelyProhibited if !over_ipv4 => SocketError::Denied,
        Unreachable::FragmentationNeeded { .. } => return None,
        Unreachable::Net => SocketError::NetUnreachable,
        Unreachable::Port | Unreachable::Protocol => SocketError::Refused,
        _ => SocketError::HostUnreachable,
    })
}

/// The code of ICMP that says what an ICMPv6 code does (RFC 7915 section 5.2).
const fn unreachable_v4(code: u8) -> Unreachable {
    match code {
        0 => Unreachable::Net,
        1 => Unreachable::AdministrativelyProhibited,
        3 => Unreachable::Host,
        4 => Unreachable::Port,
        other => Unreachable::Other(other),
    }
}

fn quoted_sequence(quoted: &[u8], header_len: usize) -> u16 {
    match quoted.get(header_len + 6..header_len + 8) {
        Some(&[high, low]) => u16::from_be_bytes([high, low]),
        _ => 0,
    }
}
