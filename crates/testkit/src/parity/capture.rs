//! Reading captures: classic pcap, microseconds, either byte order.

use std::path::Path;

use wirelab_model::SimTime;
use wirelab_wire::{IpPacket, link};

use super::ParityError;

/// IP packets with their times; everything else, such as ARP, is left out.
pub(super) type Packets = Vec<(SimTime, IpPacket)>;

/// Octets of the file's and of each record's header.
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;

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
        if let Ok(decoded) = link::decode(link_type, &frame)
            && let Ok(packet) = IpPacket::parse(decoded.packet)
        {
            packets.push((SimTime::from_nanos(time), packet));
        }
    }
    Ok(packets)
}
