//! The checksums of a made packet, and a packet with the checksum that a filter asks for.

use super::shape::{Kind, Shape};

/// Ones' complement sum of 16-bit words (RFC 1071), folded.
fn sum(octets: &[u8], start: u32) -> u16 {
    let words = octets.chunks(2).map(|pair| match pair {
        [high, low] => u32::from(u16::from_be_bytes([*high, *low])),
        _ => u32::from(pair[0]) << 8,
    });
    let mut sum = words.fold(start, |sum, word| {
        let sum = sum + word;
        (sum & 0xffff) + (sum >> 16)
    });
    sum = (sum & 0xffff) + (sum >> 16);
    sum as u16
}

/// Where a checksum is, and what it covers.
struct Sum {
    /// First octet of the field.
    field: usize,
    covers: std::ops::Range<usize>,
    /// The sum of the pseudo-header.
    start: u32,
    /// A word that means nothing and is covered.
    spare: Option<usize>,
    is_udp: bool,
}

/// Writes the checksums. Where `kept` says that a filter reads one, the checksum stays as it is, if
/// a word that no filter reads can be chosen so that it is right; it is written otherwise.
pub(super) fn write(shape: &Shape, frame: &mut [u8], kept: impl Fn(usize) -> bool) {
    for sum in sums(shape, frame) {
        let wanted = u16::from_be_bytes([frame[sum.field], frame[sum.field + 1]]);
        let is_kept = kept(sum.field) || kept(sum.field + 1);
        put(frame, sum.field, 0);
        if let (true, Some(spare)) = (is_kept, sum.spare.filter(|it| !kept(*it) && !kept(it + 1))) {
            put(frame, spare, 0);
            let there = self::sum(&frame[sum.covers.clone()], sum.start);
            // there + spare = not wanted, in ones' complement.
            let spare_value = self::sum(&[], u32::from(!wanted) + u32::from(!there));
            put(frame, spare, spare_value);
        }
        let value = !self::sum(&frame[sum.covers.clone()], sum.start);
        // RFC 768: zero says that there is none; both are zero to the sum.
        put(
            frame,
            sum.field,
            if sum.is_udp && value == 0 {
                0xffff
            } else {
                value
            },
        );
    }
    if is_sctp(shape, frame) {
        let at = shape.transport() as usize;
        frame[at + 8..at + 12].fill(0);
        let crc = crc32c(&frame[at..]);
        frame[at + 8..at + 12].copy_from_slice(&crc.to_le_bytes());
    }
}

fn put(frame: &mut [u8], at: usize, value: u16) {
    frame[at..at + 2].copy_from_slice(&value.to_be_bytes());
}

fn is_fragment(shape: &Shape, frame: &[u8]) -> bool {
    let at = shape.network as usize;
    match shape.kind {
        Kind::V4 { .. } => u16::from_be_bytes([frame[at + 6], frame[at + 7]]) & 0x3fff != 0,
        Kind::V6(super::shape::Between::Fragment) => true,
        _ => false,
    }
}

fn is_sctp(shape: &Shape, frame: &[u8]) -> bool {
    shape.kind != Kind::Arp
        && frame[shape.protocol() as usize] == 132
        && !is_fragment(shape, frame)
        && frame.len() >= shape.transport() as usize + 12
}

/// The checksums of a frame: IPv4's, the transport's, that of a quoted header. A fragment's
/// transport checksum is of the whole, so any is right.
fn sums(shape: &Shape, frame: &[u8]) -> Vec<Sum> {
    let (at, transport) = (shape.network as usize, shape.transport() as usize);
    let mut sums = Vec::new();
    if shape.kind == Kind::Arp {
        return sums;
    }
    if !shape.is_v6() {
        sums.push(Sum {
            field: at + 10,
            covers: at..transport,
            start: 0,
            spare: Some(at + 4),
            is_udp: false,
        });
    }
    if is_fragment(shape, frame) || frame.len() < transport + 8 {
        return sums;
    }
    let protocol = frame[shape.protocol() as usize];
    let addresses = if shape.is_v6() {
        at + 8..at + 40
    } else {
        at + 12..at + 20
    };
    let length = (frame.len() - transport) as u32;
    let pseudo = u32::from(sum(&frame[addresses], u32::from(protocol))) + length;
    let pseudo = (pseudo & 0xffff) + (pseudo >> 16);
    let of = |offset: usize, start, spare: Option<usize>| Sum {
        field: transport + offset,
        covers: transport..frame.len(),
        start,
        spare: spare.map(|it| transport + it),
        is_udp: protocol == 17,
    };
    match protocol {
        6 if frame.len() >= transport + 20 => sums.push(of(16, pseudo, Some(6))),
        17 => sums.push(of(6, pseudo, None)),
        1 if !shape.is_v6() => {
            if matches!(frame[transport], 3 | 4 | 5 | 11 | 12) && frame.len() >= transport + 28 {
                sums.insert(
                    0,
                    Sum {
                        field: transport + 18,
                        covers: transport + 8..transport + 28,
                        start: 0,
                        spare: Some(transport + 12),
                        is_udp: false,
                    },
                );
            }
            sums.push(of(2, 0, Some(4)));
        }
        58 if shape.is_v6() => sums.push(of(2, pseudo, Some(4))),
        _ => {}
    }
    sums
}

/// SCTP's checksum (RFC 9260, appendix A).
fn crc32c(octets: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for octet in octets {
        crc ^= u32::from(*octet);
        for _ in 0..8 {
            crc = if crc & 1 == 1 {
                crc >> 1 ^ 0x82f6_3b78
            } else {
                crc >> 1
            };
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_are_those_of_the_rfcs() {
        // RFC 1071, section 3.
        assert_eq!(
            sum(&[0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7], 0),
            0xddf2
        );
        // RFC 3720, appendix B.4: 32 octets of zeros.
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
    }
}
