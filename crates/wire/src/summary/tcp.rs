//! TCP, and what its well-known ports carry.

use std::fmt;

use super::{dns, print_end_points, shows_sequence, text};
use crate::{IpPacket, TcpFlags, TcpOption, TcpOptions, TcpSegment};

pub(super) fn print(
    packet: &IpPacket,
    segment: &TcpSegment,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    print_end_points(packet, segment.source_port, segment.destination_port, f)?;
    let length = segment.payload.len();
    write!(f, "Flags {}", segment.flags)?;
    if length > 0 || shows_sequence(segment.flags) {
        write!(f, ", seq {}", segment.sequence)?;
    }
    if length > 0 {
        let next = segment
            .sequence
            .wrapping_add(u32::try_from(length).expect("a payload is below 64 KiB"));
        write!(f, ":{next}")?;
    }
    if segment.flags.contains(TcpFlags::ACK) {
        write!(f, ", ack {}", segment.acknowledgment)?;
    }
    write!(f, ", win {}", segment.window)?;
    if segment.flags.contains(TcpFlags::URG) {
        write!(f, ", urg {}", segment.urgent_pointer)?;
    }
    print_options(&segment.options, f)?;
    write!(f, ", length {length}")?;
    if length == 0 {
        return Ok(());
    }
    print_payload(segment, f)
}

fn print_options(options: &TcpOptions, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if options.is_empty() {
        return Ok(());
    }
    f.write_str(", options [")?;
    for (index, option) in options.iter().enumerate() {
        if index > 0 {
            f.write_str(",")?;
        }
        print_option(&option, f)?;
        if option == TcpOption::EndOfList {
            break;
        }
    }
    f.write_str("]")
}

fn print_option(option: &TcpOption, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match option {
        TcpOption::EndOfList => f.write_str("eol"),
        TcpOption::Nop => f.write_str("nop"),
        TcpOption::MaximumSegmentSize(size) => write!(f, "mss {size}"),
        TcpOption::WindowScale(shift) => write!(f, "wscale {shift}"),
        TcpOption::SackPermitted => f.write_str("sackOK"),
        TcpOption::Timestamps { value, echo_reply } => write!(f, "TS val {value} ecr {echo_reply}"),
        TcpOption::Sack(blocks) => {
            write!(f, "sack {} ", blocks.len())?;
            blocks
                .iter()
                .try_for_each(|(left, right)| write!(f, "{{{left}:{right}}}"))
        }
        TcpOption::Unknown { kind, data } => print_unknown_option(*kind, data, f),
    }
}

fn print_unknown_option(kind: u8, data: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match (kind, data) {
        (19, _) => {
            f.write_str("md5 shared secret not supplied with -M, can't check - ")?;
            print_hex(data, f)
        }
        (34, []) => f.write_str("tfo  cookiereq"),
        (34, _) => {
            f.write_str("tfo  cookie ")?;
            print_hex(data, f)
        }
        (_, []) => write!(f, "unknown-{kind}"),
        _ => {
            write!(f, "unknown-{kind} 0x")?;
            print_hex(data, f)
        }
    }
}

fn print_hex(data: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    data.iter().try_for_each(|octet| write!(f, "{octet:02x}"))
}

fn print_payload(segment: &TcpSegment, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let uses = |port| segment.source_port == port || segment.destination_port == port;
    let payload = &segment.payload;
    if uses(25) {
        text::print_line("SMTP", payload, f)
    } else if uses(179) {
        f.write_str(": BGP")
    } else if uses(22) {
        text::print_ssh(payload, f)
    } else if uses(21) {
        text::print_line("FTP", payload, f)
    } else if uses(80) || uses(8080) {
        text::print_http(payload, f)
    } else if uses(53) {
        dns::print_over_tcp(payload, f)
    } else {
        Ok(())
    }
}
