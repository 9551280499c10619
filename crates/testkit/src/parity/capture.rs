//! Reading captures: classic pcap, microseconds, either byte order.

use std::path::Path;

use wirelab_model::SimTime;
use wirelab_wire::{ArpFrame, ArpPacket, Frame, IpPacket, LinkFrame, MacAddr, link};

use super::ParityError;

/// IP packets and ARP with their times; everything else is left out.
pub(super) type Packets = Vec<(SimTime, LinkFrame)>;

/// Octets of the file's and of each record's header.
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
/// Octets of an Ethernet header, and the EtherType of ARP.
const ETHERNET_HEADER: usize = 14;
const ARP: u16 = 0x0806;

pub(super) fn read(path: &Path) -> Result<Packets, ParityError> {
    let octets = std::fs::read(path).map_err(|error| ParityError::at(path, error))?;
    parse(&octets).map_err(|error| ParityError::at(path, error))
}

fn parse(octets: &[u8]) -> Result<Packets, String> {
    let swapped = match octets.get(..4) {
        Some([0xd4, 0xc3, 0xb2, 0xa1]) => false,
        Some([0xa1, 0xb2, 0xc3, 0xd4]) => true,
        _ => return Err("is no pcap file with microseconds; convert it by editcap -F pcap".into()),
    };
    let word = |at: usize| -> Option<u32> {
        let four: [u8; 4] = octets.get(at..at + 4)?.try_into().ok()?;
        Some(if swapped {
            u32::from_be_bytes(four)
        } else {
            u32::from_le_bytes(four)
        })
    };
    let link_type = link::LinkType(word(20).ok_or("is cut in its header")?);
    let mut packets = Vec::new();
    let mut at = FILE_HEADER;
    while at < octets.len() {
        let header = (word(at), word(at + 4), word(at + 8), word(at + 12));
        let (Some(seconds), Some(micros), Some(kept), Some(whole)) = header else {
            return Err(format!("is cut at octet {at}"));
        };
        let start = at + RECORD_HEADER;
        at = start + kept as usize;
        let frame = octets.get(start..at).ok_or("is cut in a packet")?;
        // Only the headers may have been kept; lengths come from the original.
        let mut frame = frame.to_vec();
        frame.resize(whole as usize, 0);
        let time = u64::from(seconds) * 1_000_000_000 + u64::from(micros) * 1000;
        if let Some(frame) = read_frame(link_type, &frame) {
            packets.push((SimTime::from_nanos(time), frame));
        }
    }
    Ok(packets)
}

fn read_frame(link_type: link::LinkType, octets: &[u8]) -> Option<LinkFrame> {
    let mac = |at: usize| Some(MacAddr(*octets.get(at..)?.first_chunk::<6>()?));
    let is_ethernet = link_type == link::LinkType::ETHERNET;
    let macs = || {
        if is_ethernet {
            (mac(0), mac(6))
        } else {
            (None, None)
        }
    };
    let (destination, source) = macs();
    let destination = destination.unwrap_or_default();
    let source = source.unwrap_or_default();
    match link::decode(link_type, octets) {
        Ok(decoded) => Some(LinkFrame::Ip(Frame {
            destination,
            source,
            packet: IpPacket::parse(decoded.packet).ok()?,
        })),
        Err(link::LinkError::NotIp(ARP)) if is_ethernet => Some(LinkFrame::Arp(ArpFrame {
            destination,
            source,
            packet: ArpPacket::parse(octets.get(ETHERNET_HEADER..)?)?,
        })),
        Err(_) => None,
    }
}
