//! ARP (RFC 826) on one line.

use std::fmt::{self, Write};
use std::net::Ipv4Addr;

use crate::MacAddr;
use crate::link::LinkType;

/// What follows the link-layer header; tags are not expected around ARP.
pub(super) fn body(link: LinkType, frame: &[u8]) -> &[u8] {
    let header = match link {
        LinkType::LINUX_SLL => 16,
        LinkType::LINUX_SLL2 => 20,
        _ => 14,
    };
    frame.get(header..).unwrap_or_default()
}

pub(crate) fn print(body: &[u8], out: &mut impl Write) -> fmt::Result {
    let Some(packet) = body.first_chunk::<28>() else {
        return out.write_str("ARP [|arp]");
    };
    let mac = |at: usize| {
        let mut octets = [0; 6];
        octets.copy_from_slice(&packet[at..at + 6]);
        MacAddr(octets)
    };
    let address =
        |at: usize| Ipv4Addr::new(packet[at], packet[at + 1], packet[at + 2], packet[at + 3]);
    let length = body.len();
    match packet[7] {
        1 => {
            write!(out, "ARP, Request who-has {}", address(24))?;
            if mac(18) != MacAddr::default() {
                write!(out, " ({})", mac(18))?;
            }
            write!(out, " tell {}, length {length}", address(14))
        }
        2 => {
            let (sender, hardware) = (address(14), mac(8));
            write!(out, "ARP, Reply {sender} is-at {hardware}, length {length}")
        }
        operation => write!(out, "ARP, Unknown ({operation}), length {length}"),
    }
}
