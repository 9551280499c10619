//! Frames as tcpdump reads them: a pcap stream of one interface, or of `any`.

use std::io::{self, Write};

use wirelab_filter::LinkType;
use wirelab_simulator::Captured;

/// The snapshot length that tcpdump asks for when nothing is said: 256 KiB.
pub(super) const SNAPLEN: u32 = 262_144;

/// Index of a machine's first interface behind `lo`, as Linux numbers them.
pub(super) const FIRST_INDEX: u32 = 2;
/// tcpdump prints the name that an interface index has on the computer it runs on. These have none
/// there: a question mark is printed, and replaced by the simulated interface's name.
pub(super) const NAMELESS_INDEX: u32 = 0x7fff_0000;

/// `LINUX_SLL_OUTGOING` and its kin, linux/if_packet.h.
const TO_US: u8 = 0;
const BROADCAST: u8 = 1;
const MULTICAST: u8 = 2;
const FROM_US: u8 = 4;
/// Octets of an Ethernet header, which "cooked" frames do not have.
const ETHERNET_HEADER: usize = 14;

/// The octets of a frame under `link`, as captured on the interface with number `index`.
pub(super) fn bytes(link: LinkType, captured: &Captured, index: u32) -> Vec<u8> {
    let frame = captured.frame.to_bytes();
    if link != LinkType::LINUX_SLL2 {
        return frame;
    }
    let mut cooked = Vec::with_capacity(frame.len() + 6);
    // Protocol, two octets of zeros, interface, ARPHRD_ETHER.
    cooked.extend(&frame[12..ETHERNET_HEADER]);
    cooked.extend([0, 0]);
    cooked.extend(index.to_be_bytes());
    cooked.extend(1_u16.to_be_bytes());
    cooked.extend([packet_type(captured, &frame), 6]);
    cooked.extend(&frame[6..12]);
    cooked.extend([0, 0]);
    cooked.extend(&frame[ETHERNET_HEADER..]);
    cooked
}

fn packet_type(captured: &Captured, frame: &[u8]) -> u8 {
    match frame {
        _ if captured.outbound => FROM_US,
        [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, ..] => BROADCAST,
        [first, ..] if first & 1 == 1 => MULTICAST,
        _ => TO_US,
    }
}

/// The beginning of a stream with nanoseconds (draft-ietf-opsawg-pcap).
pub(super) fn write_header(sink: &mut impl Write, link: LinkType, snaplen: u32) -> io::Result<()> {
    sink.write_all(&0xa1b2_3c4d_u32.to_le_bytes())?;
    sink.write_all(&[2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0])?;
    sink.write_all(&snaplen.to_le_bytes())?;
    sink.write_all(&link.0.to_le_bytes())
}

/// One packet, captured `at_nanos` after the Unix epoch, cut to `snaplen`.
pub(super) fn write_packet(
    sink: &mut impl Write,
    at_nanos: u64,
    bytes: &[u8],
    snaplen: u32,
) -> io::Result<()> {
    let cut = bytes.len().min(snaplen as usize);
    let too_late = || io::Error::other("a moment after the year 2106 has no place in a pcap");
    let seconds = u32::try_from(at_nanos / 1_000_000_000).map_err(|_| too_late())?;
    let fields = [
        seconds,
        (at_nanos % 1_000_000_000) as u32,
        cut as u32,
        bytes.len() as u32,
    ];
    for field in fields {
        sink.write_all(&field.to_le_bytes())?;
    }
    sink.write_all(&bytes[..cut])
}
