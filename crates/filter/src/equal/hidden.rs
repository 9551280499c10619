//! What a filter reads of a packet and tcpdump's plain line does not show.
//!
//! Two filters may differ about the time to live, an option, the length: then the line of the
//! packet that tells them apart looks as ordinary as any. These are named as filters name them:
//!
//! ```text
//! IP 10.0.1.5.40000 > 10.0.2.10.443: Flags [S], seq 1, win 64240, length 0
//! ip[8] = 1, tcp[20] = 2
//! ```

use crate::Filter;
use crate::machine::{self, Load};

/// So many are named.
const MOST: usize = 6;

/// The fields that one of the filters reads of `frame`, in the order in which it does, without
/// those that the plain line shows and those that only say where others are.
#[must_use]
pub fn fields(frame: &[u8], filters: [&Filter; 2]) -> Vec<String> {
    let mut named: Vec<String> = Vec::new();
    for filter in filters {
        let steps = machine::steps(filter.program());
        let length = u32::try_from(frame.len()).unwrap_or(u32::MAX);
        let mut see = |load: Load| {
            let name = match load {
                Load::Length => Some(format!("len = {length}")),
                Load::Octets { at, size } => name(frame, at as usize, size),
            };
            if let Some(name) = name.filter(|it| !named.contains(it)) {
                named.push(name);
            }
        };
        machine::run_watched(&steps, frame, length, &mut see);
    }
    named.truncate(MOST);
    named
}

/// `ip[8] = 1` for what stands there, unless the plain line has it.
fn name(frame: &[u8], at: usize, size: usize) -> Option<String> {
    let octets = frame.get(at..at + size)?;
    let number = octets
        .iter()
        .fold(0_u32, |sum, it| sum << 8 | u32::from(*it));
    let tag = if frame.get(12..14) == Some(&[0x81, 0]) {
        4
    } else {
        0
    };
    let network = 14 + tag;
    if at < 12 {
        return Some(said("ether", at, size, number));
    }
    let at = at.checked_sub(network)?;
    let header = Header::of(frame.get(network..)?)?;
    if at < header.length {
        let is_shown = match header.version {
            4 => at == 9 || (12..20).contains(&at) || at == 0 && header.length == 20,
            _ => at == 6 || at >= 8,
        };
        // Don't Fragment alone is what nearly every packet has.
        let is_whole = header.version == 4 && at == 6 && size == 2 && number & 0x3fff == 0;
        let name = if header.version == 4 { "ip" } else { "ip6" };
        return (!is_shown && !is_whole).then(|| said(name, at, size, number));
    }
    let at = at - header.length;
    let name = match header.protocol {
        _ if !header.is_first => return None,
        6 => "tcp",
        17 => "udp",
        1 if header.version == 4 => "icmp",
        58 if header.version == 6 => "icmp6",
        _ => return None,
    };
    let is_shown = match name {
        // Ports, flags; a header without options; data, which are printed elsewhere.
        "tcp" => {
            let words = frame.get(network + header.length + 12)? >> 4;
            at < 4 || at == 13 || at == 12 && words == 5 || at >= 4 * usize::from(words)
        }
        "udp" => !(4..8).contains(&at),
        _ => at < 2,
    };
    (!is_shown).then(|| said(name, at, size, number))
}

fn said(header: &str, at: usize, size: usize, number: u32) -> String {
    match size {
        1 => format!("{header}[{at}] = {number}"),
        2 if (header, at) == ("ip", 6) => format!("ip[6:2] = {number:#06x}"),
        2 => format!("{header}[{at}:2] = {number}"),
        _ => format!("{header}[{at}:{size}] = {number:#010x}"),
    }
}

/// What an IP header says of the one behind it.
struct Header {
    version: u8,
    length: usize,
    protocol: u8,
    /// Whether the next header is here, and not in an earlier fragment.
    is_first: bool,
}

impl Header {
    fn of(packet: &[u8]) -> Option<Self> {
        let first = *packet.first()?;
        Some(match first >> 4 {
            4 => Self {
                version: 4,
                length: 4 * usize::from(first & 0xf),
                protocol: *packet.get(9)?,
                is_first: packet.get(6)? & 0x1f == 0 && *packet.get(7)? == 0,
            },
            6 => Self {
                version: 6,
                length: 40,
                protocol: *packet.get(6)?,
                is_first: true,
            },
            _ => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Domain, Equality, compare};
    use super::*;
    use crate::LinkType;

    fn told(yours: &str, wanted: &str) -> String {
        let filter = |text| Filter::compile(text, LinkType::ETHERNET).expect("a filter");
        let (yours, wanted) = (filter(yours), filter(wanted));
        match compare(&yours, &wanted, None, Domain::default()) {
            Equality::Different(it) => fields(&it.frame, [&yours, &wanted]).join(", "),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_the_plain_line_does_not_show_is_named() {
        let syn = "tcp port 443 and tcp[13] & 2 != 0";
        let but = |clause: &str| told(&format!("{syn} and not {clause}"), syn);
        assert_eq!(but("ip[8] = 1"), "ip[8] = 1");
        assert_eq!(but("ip[1] = 0x10"), "ip[1] = 16");
        assert_eq!(but("tcp[18:2] > 0"), "tcp[18:2] = 1");
        assert!(but("greater 60").contains("len = 60"));
        let everybody = told("udp and not ether broadcast", "udp");
        assert!(everybody.contains("ether[2:4] = 0xffffffff"), "{everybody}");
        assert!(told("icmp", "icmp and ip[6:2] & 0x3fff = 0").contains("ip[6:2] = 0x"));
        assert_eq!(
            told("icmp[0] = 3 and icmp[6:2] < 1500", "icmp[0] = 3"),
            "icmp[6:2] = 1500"
        );
        assert_eq!(told("tcp port 443", "tcp port 80"), "");
    }
}
