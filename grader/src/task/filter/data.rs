//! The data of a packet, where a filter reads them: what tcpdump prints of a packet stops in front
//! of them, and would not show why one filter keeps it and another does not.

use wirelab_filter::Filter;
use wirelab_wire::{Bytes, Frame, Transport};

/// So many octets are shown.
const SHOWN: usize = 16;

/// `data: 16 03 01 00 c8 01 | ......`, if what one of the filters makes of the frame depends on
/// its data.
pub(super) fn line(octets: &[u8], filters: [&Filter; 2]) -> Option<String> {
    let frame = Frame::parse(octets).ok()?;
    let data = data(&frame.packet.transport)?.clone();
    if data.is_empty() || !depends(&frame, data.len(), filters) {
        return None;
    }
    let shown = &data[..data.len().min(SHOWN)];
    let hex: Vec<_> = shown.iter().map(|octet| format!("{octet:02x}")).collect();
    let text: String = shown.iter().map(|octet| letter(*octet)).collect();
    let more = if data.len() > SHOWN { " ..." } else { "" };
    Some(format!("data: {}{more} | {text}", hex.join(" ")))
}

/// As `tcpdump -A` prints octets.
const fn letter(octet: u8) -> char {
    match octet {
        0x20..=0x7e => octet as char,
        _ => '.',
    }
}

const fn data(transport: &Transport) -> Option<&Bytes> {
    match transport {
        Transport::Tcp(segment) => Some(&segment.payload),
        Transport::Udp(datagram) => Some(&datagram.payload),
        _ => None,
    }
}

/// Whether some filter decides otherwise with other data of the same length.
fn depends(frame: &Frame, len: usize, filters: [&Filter; 2]) -> bool {
    let keeps = |frame: &Frame| {
        let octets = frame.to_bytes();
        let len = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        filters.map(|filter| filter.matches(&octets, len))
    };
    let before = keeps(frame);
    (0..=u8::MAX).any(|octet| {
        let mut other = frame.clone();
        let data = Bytes::from(vec![octet; len]);
        match &mut other.packet.transport {
            Transport::Tcp(segment) => segment.payload = data,
            Transport::Udp(datagram) => datagram.payload = data,
            _ => return false,
        }
        keeps(&other) != before
    })
}

#[cfg(test)]
mod tests {
    use wirelab_filter::LinkType;
    use wirelab_filter::equal::{Domain, Equality, compare};

    use super::*;

    #[test]
    fn data_are_shown_where_a_filter_reads_them_and_nowhere_else() {
        let filter = |text| Filter::compile(text, LinkType::ETHERNET).expect("a filter");
        let shown = |yours, wanted| {
            let (yours, wanted) = (filter(yours), filter(wanted));
            match compare(&yours, &wanted, None, Domain::of_scope("")) {
                Equality::Different(it) => line(&it.frame, [&yours, &wanted]),
                other => panic!("{other:?}"),
            }
        };
        let request = "tcp[((tcp[12] & 0xf0) >> 2):4] = 0x47455420";
        let data = shown("tcp port 443 and tcp[32:4] = 0x47455420", request);
        assert!(data.expect("data").contains("| GET "));
        assert_eq!(shown("tcp port 443", "port 443"), None);
    }
}
