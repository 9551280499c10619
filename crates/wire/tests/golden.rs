//! Held against the real kernel's packets and the real tcpdump.

mod common;

use std::path::Path;
use std::process::Command;

use common::traces::{golden_files, read};
use wirelab_wire::link::{LinkType, decode};
use wirelab_wire::{Frame, IpHeader, IpPacket, QuotedPacket, Transport, protocol, summary};

fn tcpdump(path: &Path) -> String {
    let output = Command::new("tcpdump")
        .args(["-nn", "-S", "-t", "-r"])
        .arg(path)
        .output()
        .expect("tcpdump is installed");
    assert!(output.status.success(), "{}", path.display());
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn every_golden_packet_is_printed_as_tcpdump_prints_it() {
    let mut compared = 0;
    for path in golden_files() {
        let ours: String = read(&path)
            .iter()
            .map(|frame| summary::line(LinkType::ETHERNET, &frame.bytes) + "\n")
            .collect();
        let theirs = tcpdump(&path);
        for (number, (ours, theirs)) in ours.lines().zip(theirs.lines()).enumerate() {
            assert_eq!(ours, theirs, "{} line {number}", path.display());
            compared += 1;
        }
        assert_eq!(ours.lines().count(), theirs.lines().count());
    }
    assert!(compared > 10_000, "{compared} lines compared");
}

/// What a value cannot say: packets made by VXLAN (no UDP checksum), by offload (wrong checksums).
fn is_reproducible(path: &Path, packet: &IpPacket) -> bool {
    let name = path.file_name().and_then(|name| name.to_str());
    let name = name.expect("trace names are text");
    let is_vxlan = packet
        .as_udp()
        .is_some_and(|udp| udp.destination_port == 4789);
    !is_vxlan && !name.contains("offload-on") && !name.contains("overlay")
}

#[test]
fn every_golden_packet_is_written_as_it_was_read() {
    let mut compared = 0;
    for path in golden_files() {
        for captured in read(&path) {
            let bytes = captured.filled();
            let Ok(frame) = Frame::parse(&bytes) else {
                assert_eq!(bytes[12..14], [0x08, 0x06], "only ARP is no IP packet");
                continue;
            };
            let is_other = matches!(frame.packet.transport, Transport::Other { .. });
            assert!(
                !is_other || frame.packet.is_fragment(),
                "{}",
                path.display()
            );
            assert!(frame.wire_len() <= captured.wire_len);
            let is_whole = captured.bytes.len() == captured.wire_len;
            if !is_whole || !is_reproducible(&path, &frame.packet) {
                continue;
            }
            let written = frame.to_bytes();
            assert_eq!(written[..], bytes[..written.len()], "{}", path.display());
            assert_eq!(written.len(), frame.wire_len());
            compared += 1;
        }
    }
    assert!(compared > 8_000, "{compared} packets compared");
}

#[test]
fn icmp_errors_of_the_kernel_are_reproduced_from_the_packet_they_quote() {
    let mut reproduced = 0;
    for path in golden_files() {
        let packets: Vec<IpPacket> = read(&path)
            .iter()
            .filter(|frame| frame.bytes.len() == frame.wire_len)
            .filter_map(|frame| Some(Frame::parse(&frame.bytes).ok()?.packet))
            .collect();
        for error in &packets {
            let Some(quoted) = error.quoted() else {
                continue;
            };
            let about = QuotedPacket::parse(quoted).expect("a quoted packet");
            let same = |packet: &&IpPacket| {
                packet.header.identification() == about.header.identification()
                    && packet.five_tuple() == about.five_tuple()
                    && packet.total_len() == about.total_len
                    && about.tcp_sequence == packet.as_tcp().map(|tcp| tcp.sequence)
            };
            // The TTL of what a router quotes is one less than at the capture in front of it.
            let Some(mut original) = packets.iter().find(same).cloned() else {
                continue;
            };
            if error.as_icmp().is_none() {
                continue; // ICMPv6
            }
            original.header.ttl = about.header.ttl;
            let kind = error_kind(error);
            let mut ours = original
                .icmp_error(error.source(), kind)
                .expect("an error may be sent");
            ours.header = ours
                .header
                .with_identification(error.header.identification() as u16)
                .with_ttl(error.ttl());
            assert_eq!(&ours, error, "{}", path.display());
            reproduced += 1;
        }
    }
    assert!(reproduced > 50, "{reproduced} errors reproduced");
}

fn error_kind(error: &IpPacket) -> wirelab_wire::IcmpError {
    use wirelab_wire::{IcmpError, IcmpMessage};
    match error.as_icmp() {
        Some(IcmpMessage::DestinationUnreachable { code, .. }) => IcmpError::Unreachable(*code),
        Some(IcmpMessage::TimeExceeded { code: 0, .. }) => IcmpError::TtlExceeded,
        other => panic!("unexpected {other:?}"),
    }
}

#[test]
fn fragments_of_the_kernel_are_cut_and_joined_alike() {
    use wirelab_wire::Reassembler;
    let mut datagrams = 0;
    for path in golden_files() {
        let mut reassembler = Reassembler::new();
        let mut pieces: Vec<IpPacket> = Vec::new();
        for frame in read(&path) {
            let Ok(frame) = Frame::parse(&frame.filled()) else {
                continue;
            };
            if !frame.packet.is_fragment() || frame.packet.protocol() != protocol::ICMP {
                continue;
            }
            pieces.push(frame.packet.clone());
            let Some(whole) = reassembler.insert(0, frame.packet) else {
                continue;
            };
            let mtu = pieces.iter().map(IpPacket::total_len).max().unwrap_or(0);
            let fill = |piece: &&IpPacket| piece.total_len() == mtu;
            if pieces.iter().filter(fill).count() + 1 != pieces.len() {
                // Cut twice, by a host and by a router: joined above, not cut in one go.
                pieces.clear();
                continue;
            }
            // The kernel fills a fragment up to the MTU less at most 7 octets.
            let again = whole.fragment(u16::try_from(mtu + 7).expect("an MTU"));
            let shape = |pieces: &[IpPacket]| -> Vec<(IpHeader, usize)> {
                let shape = |piece: &IpPacket| (piece.header.clone(), piece.total_len());
                pieces.iter().map(shape).collect()
            };
            assert_eq!(shape(&again), shape(&pieces), "{}", path.display());
            pieces.clear();
            datagrams += 1;
        }
    }
    assert!(datagrams > 5, "{datagrams} datagrams");
}

#[test]
fn a_capture_cut_to_64_octets_still_tells_flow_and_length() {
    for path in golden_files() {
        for frame in read(&path) {
            let Ok(decoded) = decode(LinkType::ETHERNET, &frame.bytes) else {
                continue;
            };
            let whole = Frame::parse(&frame.filled()).expect("a whole frame").packet;
            // The header of IPv6 is twenty octets longer.
            let head = if decoded.packet[0] >> 4 == 6 { 70 } else { 50 };
            let cut = &decoded.packet[..decoded.packet.len().min(head)];
            let read = QuotedPacket::parse(cut).expect("a header");
            assert_eq!(read.total_len, whole.total_len(), "{}", path.display());
            assert_eq!(read.five_tuple(), whole.five_tuple(), "{}", path.display());
            let flags = whole.as_tcp().map(|tcp| tcp.flags);
            assert_eq!(read.tcp_flags, flags, "{}", path.display());
            if !whole.is_fragment() {
                assert_eq!(read.icmp_type_code, whole.icmp_type_code());
            }
        }
    }
}
