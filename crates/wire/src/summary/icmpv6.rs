//! ICMPv6: RFC 4443, and neighbour discovery (RFC 4861) as far as one line shows it.

use std::fmt;
use std::net::Ipv6Addr;

use crate::{Icmpv6Message, QuotedPacket, protocol};

pub(super) fn print(message: &Icmpv6Message, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("ICMP6, ")?;
    match message {
        Icmpv6Message::EchoRequest {
            identifier,
            sequence,
            ..
        } => write!(f, "echo request, id {identifier}, seq {sequence}")?,
        Icmpv6Message::EchoReply {
            identifier,
            sequence,
            ..
        } => write!(f, "echo reply, id {identifier}, seq {sequence}")?,
        Icmpv6Message::PacketTooBig { mtu, .. } => write!(f, "packet too big, mtu {mtu}")?,
        Icmpv6Message::DestinationUnreachable { code, quoted } => {
            f.write_str("destination unreachable, ")?;
            let Ok(quoted) = QuotedPacket::parse(quoted) else {
                return f.write_str("[|icmp6]");
            };
            if *code == PORT && quoted.ports.is_none() {
                return f.write_str("unreachable port [|icmp6]");
            }
            print_unreachable(*code, &quoted, f)?;
        }
        Icmpv6Message::TimeExceeded { code, quoted } => {
            f.write_str("time exceeded in-transit")?;
            print_time_exceeded(*code, quoted, f)?;
        }
        Icmpv6Message::Other {
            icmp_type, payload, ..
        } => print_other(*icmp_type, payload, f)?,
    }
    write!(f, ", length {}", 8 + message.data().len())
}

/// The code of "port unreachable".
const PORT: u8 = 4;

fn print_unreachable(code: u8, quoted: &QuotedPacket, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let to = quoted.header.destination;
    match code {
        0 => write!(f, "unreachable route {to}"),
        // The two spaces are tcpdump's.
        1 => write!(f, " unreachable prohibited {to}"),
        2 => write!(
            f,
            "beyond scope {to}, source address {}",
            quoted.header.source
        ),
        3 => write!(f, "unreachable address {to}"),
        PORT => print_port_unreachable(quoted, f),
        code => write!(f, "unknown unreach code ({code})"),
    }
}

fn print_port_unreachable(quoted: &QuotedPacket, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let to = quoted.header.destination;
    let (_, port) = quoted.ports.unwrap_or_default();
    let protocol = match quoted.protocol {
        protocol::TCP => "tcp",
        _ => "udp",
    };
    write!(f, "unreachable port, {to} {protocol} port {port}")
}

fn print_time_exceeded(code: u8, quoted: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (code, QuotedPacket::parse(quoted)) {
        (0, Ok(quoted)) => write!(f, " for {}", quoted.header.destination),
        (0, Err(_)) => f.write_str("[|icmp6]"),
        (1, _) => f.write_str(" (reassembly)"),
        (code, _) => write!(f, ", unknown code ({code})"),
    }
}

fn print_other(icmp_type: u8, payload: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let target = || {
        let octets: Option<[u8; 16]> = payload.get(..16)?.try_into().ok();
        octets.map(Ipv6Addr::from)
    };
    match (icmp_type, target()) {
        (4, _) => f.write_str("parameter problem"),
        (130, _) => f.write_str("multicast listener query"),
        (131, _) => f.write_str("multicast listener report"),
        (132, _) => f.write_str("multicast listener done"),
        (133, _) => f.write_str("router solicitation"),
        (134, _) => f.write_str("router advertisement"),
        (135, Some(target)) => write!(f, "neighbor solicitation, who has {target}"),
        (136, Some(target)) => write!(f, "neighbor advertisement, tgt is {target}"),
        (137, _) => f.write_str("redirect"),
        (143, _) => f.write_str("multicast listener report v2"),
        (other, _) => write!(f, "unknown icmp6 type ({other})"),
    }
}
