//! The algebra against brute force.

use std::net::{IpAddr, Ipv4Addr};

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;
use wirelab_model::{IpNet, IpProtocol, PortRange};

use super::{Dimension, IpVersion, Packet, PacketSet, Region};
use crate::testing::parse;

/// Few values, on and beside the edges that the generated boxes have.
const ADDRESSES: [u32; 6] = [
    0,
    0x0a00_0000,
    0x0a00_0105,
    0x0a00_02ff,
    0x0a01_0000,
    u32::MAX,
];
const PORTS: [u16; 8] = [0, 3, 4, 22, 1024, 32768, 60999, 65535];
const PROTOCOLS: [u8; 6] = [0, 1, 6, 17, 50, 255];

fn cidr() -> impl Strategy<Value = IpNet> {
    const BLOCKS: [&str; 6] = [
        "0.0.0.0/0",
        "10.0.0.0/16",
        "10.0.1.0/24",
        "10.0.1.5/32",
        "10.0.2.0/23",
        "128.0.0.0/1",
    ];
    select(&BLOCKS[..]).prop_map(|text| text.parse().expect("a block"))
}

fn ports() -> impl Strategy<Value = PortRange> {
    (select(&PORTS[..]), select(&PORTS[..])).prop_map(|(a, b)| PortRange {
        from: a.min(b),
        to: a.max(b),
    })
}

fn packet() -> impl Strategy<Value = Packet> {
    let address = || select(&ADDRESSES[..]).prop_map(|bits| IpAddr::V4(Ipv4Addr::from(bits)));
    let port = || select(&PORTS[..]);
    let parts = (
        address(),
        address(),
        select(&PROTOCOLS[..]),
        port(),
        port(),
        any::<bool>(),
    );
    parts.prop_map(|(source, destination, protocol, a, b, reply)| {
        let (source_port, destination_port) = match protocol {
            6 | 17 => (a, b),
            1 => (a & 255, b & 255),
            _ => (0, 0),
        };
        Packet {
            source,
            destination,
            protocol,
            source_port,
            destination_port,
            reply,
        }
    })
}

fn set() -> impl Strategy<Value = PacketSet> {
    let region = (cidr(), cidr(), select(&PROTOCOLS[..]), ports(), ports());
    vec(region, 0..4).prop_map(|parts| {
        let mut set = PacketSet::empty();
        for (source, destination, protocol, from, to) in parts {
            for region in Region::rule_protocol(IpVersion::V4, IpProtocol::Number(protocol)) {
                let region = region
                    .with(Dimension::Source, source)
                    .and_then(|it| it.with(Dimension::Destination, destination))
                    .and_then(|it| it.with(Dimension::SourcePort, from))
                    .and_then(|it| it.with(Dimension::DestinationPort, to));
                region.into_iter().for_each(|it| set.insert(it));
            }
        }
        set
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn set_operations_agree_with_membership(
        a in set(), b in set(), packets in vec(packet(), 40)
    ) {
        let union = a.clone().union(&b);
        let rest = a.clone().subtract(&b);
        let both = a.intersect(&b);
        for p in &packets {
            let (x, y) = (a.contains(p), b.contains(p));
            prop_assert_eq!(union.contains(p), x || y);
            prop_assert_eq!(rest.contains(p), x && !y);
            prop_assert_eq!(both.contains(p), x && y);
            prop_assert_eq!(union.clone().coalesce().contains(p), x || y);
        }
        // Inclusion and exclusion holds only if no packet is counted twice.
        prop_assert_eq!(union.count() + both.count(), a.count() + b.count());
        prop_assert_eq!(rest.count() + both.count(), a.count());
        prop_assert_eq!(union.clone().coalesce().count(), union.count());
    }

    #[test]
    fn a_sample_lies_in_its_set(a in set()) {
        prop_assert_eq!(a.sample().is_none(), a.is_empty());
        if let Some(sample) = a.sample() {
            prop_assert!(a.contains(&sample));
        }
    }

    #[test]
    fn widening_forgets_one_side_and_nothing_else(a in set(), p in packet(), other in packet()) {
        let wide = a.widen(&[Dimension::Source]);
        let moved = Packet { source: other.source, ..p };
        prop_assert_eq!(wide.contains(&p), wide.contains(&moved));
        prop_assert!(!a.contains(&p) || wide.contains(&p));
        let within = a.regions().iter().any(|region| {
            let addresses = IpVersion::V4.addresses().into();
            region.clone().replace(Dimension::Source, addresses).contains(&p)
        });
        prop_assert_eq!(wide.contains(&p), within);
    }
}

#[test]
fn boxes_count_what_they_hold() {
    let sides: [u128; 6] = [256, 1, 1, 65536, 28232, 2];
    let region = Region::rule_protocol(IpVersion::V4, IpProtocol::TCP).remove(0);
    let ports = PortRange {
        from: 32768,
        to: 60999,
    };
    let region = region
        .with(Dimension::Source, parse::<IpNet>("10.0.9.0/24"))
        .and_then(|it| it.with(Dimension::Destination, parse::<IpNet>("10.0.2.10/32")))
        .and_then(|it| it.with(Dimension::DestinationPort, ports))
        .expect("not empty");
    assert_eq!(region.count(), sides.iter().product());
    assert_eq!(
        PacketSet::all().count(),
        u128::MAX,
        "all of IPv6 is more than fits"
    );
}
