//! ICMP: RFC 792 and the codes of RFC 1122, 1191 and 1812.

use std::fmt;
use std::net::Ipv4Addr;

use crate::quoted::second_word;
use crate::{IcmpMessage, QuotedPacket, Unreachable, protocol};

pub(super) fn print(message: &IcmpMessage, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    f.write_str("ICMP ")?;
    match message {
        IcmpMessage::EchoRequest {
            identifier,
            sequence,
            ..
        } => write!(f, "echo request, id {identifier}, seq {sequence}")?,
        IcmpMessage::EchoReply {
            identifier,
            sequence,
            ..
        } => write!(f, "echo reply, id {identifier}, seq {sequence}")?,
        IcmpMessage::DestinationUnreachable { code, quoted } => {
            let Ok(packet) = QuotedPacket::parse(quoted) else {
                return f.write_str("[|icmp]");
            };
            if *code == Unreachable::Port && second_word(quoted, &packet).is_none() {
                return f.write_str("[|icmp]");
            }
            print_unreachable(*code, &packet, quoted, f)?;
        }
        IcmpMessage::TimeExceeded { code, .. } => match code {
            0 => f.write_str("time exceeded in-transit")?,
            1 => f.write_str("ip reassembly time exceeded")?,
            code => write!(f, "time exceeded-#{code}")?,
        },
        IcmpMessage::Other {
            icmp_type,
            code,
            rest,
            payload,
        } => print_other(*icmp_type, *code, *rest, payload, f)?,
    }
    write!(f, ", length {}", 8 + message.data().len())
}

fn print_unreachable(
    code: Unreachable,
    quoted: &QuotedPacket,
    octets: &[u8],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let to = quoted.header.destination;
    match code.code() {
        0 => write!(f, "net {to} unreachable"),
        1 => write!(f, "host {to} unreachable"),
        2 => write!(f, "{to} protocol {} unreachable", quoted.protocol),
        3 => print_port_unreachable(quoted, octets, f),
        4 => match code {
            Unreachable::FragmentationNeeded { next_hop_mtu } if next_hop_mtu != 0 => {
                write!(f, "{to} unreachable - need to frag (mtu {next_hop_mtu})")
            }
            _ => write!(f, "{to} unreachable - need to frag"),
        },
        5 => write!(f, "{to} unreachable - source route failed"),
        6 => write!(f, "net {to} unreachable - unknown"),
        7 => write!(f, "host {to} unreachable - unknown"),
        8 => write!(f, "{to} unreachable - source host isolated"),
        9 => write!(f, "net {to} unreachable - admin prohibited"),
        10 => write!(f, "host {to} unreachable - admin prohibited"),
        11 => write!(f, "net {to} unreachable - tos prohibited"),
        12 => write!(f, "host {to} unreachable - tos prohibited"),
        13 => write!(f, "host {to} unreachable - admin prohibited filter"),
        14 => write!(f, "host {to} unreachable - host precedence violation"),
        15 => write!(f, "host {to} unreachable - precedence cutoff"),
        code => write!(f, "{to} unreachable - #{code}"),
    }
}

fn print_port_unreachable(
    quoted: &QuotedPacket,
    octets: &[u8],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let to = quoted.header.destination;
    let port = second_word(octets, quoted).unwrap_or(0);
    match quoted.protocol {
        protocol::TCP => write!(f, "{to} tcp port {port} unreachable"),
        protocol::UDP => write!(f, "{to} udp port {port} unreachable"),
        other => write!(f, "{to} protocol {other} port {port} unreachable"),
    }
}

fn print_other(
    icmp_type: u8,
    code: u8,
    rest: [u8; 4],
    payload: &[u8],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let [a, b, c, d] = rest;
    let (identifier, sequence) = (u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d]));
    match icmp_type {
        0 => write!(f, "echo reply, id {identifier}, seq {sequence}"),
        4 => f.write_str("source quench"),
        5 => print_redirect(code, Ipv4Addr::from(rest), payload, f),
        8 => write!(f, "echo request, id {identifier}, seq {sequence}"),
        9 => f.write_str("router advertisement"),
        10 => f.write_str("router solicitation"),
        12 if code == 0 => write!(f, "parameter problem - octet {a}"),
        12 => write!(f, "parameter problem - code {code}"),
        13 => write!(f, "time stamp query id {identifier} seq {sequence}"),
        14 => write!(f, "time stamp reply id {identifier} seq {sequence}"),
        15 => f.write_str("information request"),
        16 => f.write_str("information reply"),
        17 => f.write_str("address mask request"),
        other => write!(f, "type-#{other}"),
    }
}

fn print_redirect(
    code: u8,
    gateway: Ipv4Addr,
    payload: &[u8],
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    let Ok(quoted) = QuotedPacket::parse(payload) else {
        return f.write_str("[|icmp]");
    };
    let to = quoted.header.destination;
    match code {
        0 => write!(f, "redirect {to} to net {gateway}"),
        1 => write!(f, "redirect {to} to host {gateway}"),
        2 => write!(f, "redirect-tos {to} to net {gateway}"),
        3 => write!(f, "redirect-tos {to} to host {gateway}"),
        code => write!(f, "redirect-#{code} {to} to {gateway}"),
    }
}
