//! UDP, and what its well-known ports carry.

use std::fmt;

use super::{dns, nested, print_end_points};
use crate::link::LinkType;
use crate::{IpPacket, UdpDatagram};

/// Ports of BFD control packets: single hop (RFC 5881), multihop (RFC 5883).
const BFD_PORTS: [(u16, &str); 3] = [(3784, "Control"), (4784, "Multihop"), (6784, "Lag")];

/// A datagram whose data may be cut by fragmentation.
#[derive(Clone, Copy)]
pub(super) struct Datagram<'a> {
    pub(super) source_port: u16,
    pub(super) destination_port: u16,
    /// Octets of data, as the header says.
    pub(super) length: usize,
    /// Data that is there.
    pub(super) payload: &'a [u8],
}

impl<'a> From<&'a UdpDatagram> for Datagram<'a> {
    fn from(datagram: &'a UdpDatagram) -> Self {
        Self {
            source_port: datagram.source_port,
            destination_port: datagram.destination_port,
            length: datagram.payload.len(),
            payload: &datagram.payload,
        }
    }
}

pub(super) fn print(
    packet: &IpPacket,
    datagram: Datagram<'_>,
    f: &mut fmt::Formatter<'_>,
) -> fmt::Result {
    print_end_points(packet, datagram.source_port, datagram.destination_port, f)?;
    let uses = |port| datagram.source_port == port || datagram.destination_port == port;
    let payload = datagram.payload;
    let bfd = BFD_PORTS
        .iter()
        .find(|(port, _)| *port == datagram.destination_port);
    if uses(53) {
        dns::print(payload, f)
    } else if uses(123) {
        print_ntp(payload, f)
    } else if let Some((_, name)) = bfd {
        print_bfd(name, payload, f)
    } else if uses(8472) || uses(4789) {
        print_vxlan(payload, f)
    } else {
        write!(f, "UDP, length {}", datagram.length)
    }
}

fn print_ntp(payload: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const MODES: [&str; 8] = [
        "unspecified",
        "symmetric active",
        "symmetric passive",
        "Client",
        "Server",
        "Broadcast",
        "Control Message",
        "Reserved",
    ];
    let Some(first) = payload.first() else {
        return f.write_str(" [|ntp]");
    };
    let (version, mode) = (first >> 3 & 7, MODES[usize::from(first & 7)]);
    write!(f, "NTPv{version}, {mode}, length {}", payload.len())
}

/// RFC 5880 section 4.1.
fn print_bfd(name: &str, payload: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const STATES: [&str; 4] = ["AdminDown", "Down", "Init", "Up"];
    const FLAGS: [(u8, &str); 6] = [
        (0x20, "Poll"),
        (0x10, "Final"),
        (0x08, "Control Plane Independent"),
        (0x04, "Authentication Present"),
        (0x02, "Demand"),
        (0x01, "Multipoint"),
    ];
    let (&[first, second, ..], 24..) = (payload, payload.len()) else {
        return f.write_str(" [|bfd]");
    };
    if first >> 5 != 1 {
        let version = first >> 5;
        return write!(f, "BFDv{version}, Control, length: {}", payload.len());
    }
    let set: Vec<&str> = FLAGS
        .iter()
        .filter(|(bit, _)| second & bit != 0)
        .map(|(_, name)| *name)
        .collect();
    let flags = if set.is_empty() {
        "none".to_owned()
    } else {
        set.join(", ")
    };
    let state = STATES[usize::from(second >> 6)];
    let length = payload.len();
    write!(
        f,
        "BFDv1, {name}, State {state}, Flags: [{flags}], length: {length}"
    )
}

/// RFC 7348; the inner frame follows on the next line.
fn print_vxlan(payload: &[u8], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    const VNI_VALID: u8 = 0x08;
    let &[flags, _, _, _, a, b, c, _, ref frame @ ..] = payload else {
        return f.write_str("VXLAN [|vxlan]");
    };
    let letter = if flags & VNI_VALID == 0 {
        "invalid"
    } else {
        "I"
    };
    write!(f, "VXLAN, flags [{letter}] ({flags:#04x}), ")?;
    if flags & VNI_VALID == 0 {
        f.write_str("ERROR: I flag not set")?;
    } else {
        write!(f, "vni {}", u32::from_be_bytes([0, a, b, c]))?;
    }
    f.write_str(if f.alternate() { " " } else { "\n" })?;
    nested(LinkType::ETHERNET, frame, f)
}
