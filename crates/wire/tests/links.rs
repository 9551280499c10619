//! Foreign link layers, held against libpcap's own reading of them.

use std::process::Command;

use wirelab_wire::link::{Decoded, LinkError, LinkType, decode};
use wirelab_wire::{IpPacket, TcpFlags, TcpSegment, summary};

fn packet() -> IpPacket {
    let (source, destination) = ([10, 0, 1, 5].into(), [10, 0, 2, 10].into());
    let syn = TcpSegment::new(40000, 443, TcpFlags::SYN).with_numbers(7, 0);
    IpPacket::tcp(source, destination, syn)
}

/// Every link type with a header in front of the same packet.
fn frames() -> Vec<(LinkType, Vec<u8>)> {
    const SLL: [u8; 16] = [0, 4, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, 8, 0];
    const SLL2: [u8; 20] = [8, 0, 0, 0, 0, 0, 0, 2, 0, 1, 4, 6, 2, 0, 0, 0, 0, 1, 0, 0];
    let ethernet = |tags: &[u8]| [&[2; 12], tags, &[8, 0]].concat();
    let headers = [
        (LinkType::ETHERNET, ethernet(&[])),
        (LinkType::ETHERNET, ethernet(&[0x81, 0, 0x20, 5])),
        (
            LinkType::ETHERNET,
            ethernet(&[0x88, 0xa8, 0, 9, 0x81, 0, 0, 5]),
        ),
        (LinkType::RAW, Vec::new()),
        (LinkType::IPV4, Vec::new()),
        (LinkType::NULL, vec![2, 0, 0, 0]),
        (LinkType::LOOP, vec![0, 0, 0, 2]),
        (LinkType::LINUX_SLL, SLL.to_vec()),
        (LinkType::LINUX_SLL2, SLL2.to_vec()),
    ];
    let bytes = packet().to_bytes();
    headers
        .into_iter()
        .map(|(link, header)| (link, [&header[..], &bytes].concat()))
        .collect()
}

/// A savefile of one frame, written byte by byte.
fn savefile(link: LinkType, frame: &[u8]) -> Vec<u8> {
    let length = u32::try_from(frame.len()).expect("a small frame");
    let words = [
        0xa1b2_c3d4,
        0x0004_0002,
        0,
        0,
        65535,
        link.0,
        0,
        0,
        length,
        length,
    ];
    let header = words.into_iter().flat_map(u32::to_le_bytes);
    header.chain(frame.iter().copied()).collect()
}

#[test]
fn the_packet_is_found_where_tcpdump_finds_it() {
    for (link, frame) in frames() {
        let file = tempfile::NamedTempFile::new().expect("a temporary file");
        std::fs::write(file.path(), savefile(link, &frame)).expect("room");
        let output = Command::new("tcpdump")
            .args(["-nn", "-S", "-t", "-r"])
            .arg(file.path())
            .output()
            .expect("tcpdump is installed");
        let theirs = String::from_utf8_lossy(&output.stdout).into_owned();
        let ours = summary::line(link, &frame);
        assert!(
            theirs.trim_end().ends_with(&ours),
            "{link}: {theirs} {ours}"
        );
        let decoded = decode(link, &frame).expect("a packet");
        assert_eq!(IpPacket::parse(decoded.packet), Ok(packet()), "{link}");
    }
}

#[test]
fn what_the_link_layer_tells_is_kept() {
    let told = |(link, frame): &(LinkType, Vec<u8>)| {
        let Decoded { vlan, outgoing, .. } = decode(*link, frame).expect("a packet");
        (vlan, outgoing)
    };
    let told: Vec<_> = frames().iter().map(told).collect();
    let nothing = (None, None);
    let (tagged, sent) = ((Some(5), None), (None, Some(true)));
    assert_eq!(
        told,
        [
            nothing, tagged, tagged, nothing, nothing, nothing, nothing, sent, sent
        ]
    );
}

#[test]
fn a_frame_without_ip_says_what_it_is() {
    let arp = [&[0xff; 6][..], &[2; 6], &[8, 6], &[0; 28]].concat();
    assert_eq!(
        decode(LinkType::ETHERNET, &arp),
        Err(LinkError::NotIp(0x0806))
    );
    let radio = LinkType(127);
    assert_eq!(decode(radio, &arp), Err(LinkError::Unsupported(radio)));
    for (link, frame) in frames() {
        let header = frame.len() - packet().total_len();
        for end in 0..header {
            let cut = decode(link, &frame[..end]);
            assert_eq!(cut, Err(LinkError::Truncated { available: end }), "{link}");
        }
    }
}

#[test]
fn a_report_keeps_an_encapsulated_packet_on_one_line() {
    let syn = "10.0.1.5.40000 > 10.0.2.10.443: Flags [S], seq 7, win 0, length 0";
    assert_eq!(format!("{:#}", packet().summary()), syn);
    let (_, inner) = frames().swap_remove(0);
    let payload = [&[8, 0, 0, 0, 0, 0, 7, 0][..], &inner].concat();
    let outer = IpPacket::udp(
        "10.0.9.1:65000".parse().expect("an end point"),
        "10.0.9.2:4789".parse().expect("an end point"),
        payload,
    );
    assert_eq!(
        format!("{:#}", outer.summary()),
        format!("10.0.9.1.65000 > 10.0.9.2.4789: VXLAN, flags [I] (0x08), vni 7 IP {syn}")
    );
}
