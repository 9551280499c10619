//! TCP options in wire order (RFC 9293 section 3.1).

use bytes::Bytes;

use crate::TcpOption;

/// Reads an options field; `None` if a length is wrong or something follows the end of the list.
///
/// `etherparse` stops at the end of the list and skips what it does not know; a capture that is
/// written again must not change, so every octet is kept here.
pub(crate) fn parse(mut field: &[u8]) -> Option<Vec<TcpOption>> {
    let mut options = Vec::new();
    let mut ended = false;
    while let Some((&kind, tail)) = field.split_first() {
        match kind {
            0 => {
                ended = true;
                options.push(TcpOption::EndOfList);
                field = tail;
            }
            _ if ended => return None,
            1 => {
                options.push(TcpOption::Nop);
                field = tail;
            }
            _ => {
                let len = usize::from(*tail.first()?);
                let data = field.get(2..len)?;
                options.push(option(kind, data));
                field = &field[len..];
            }
        }
    }
    Some(options)
}

fn option(kind: u8, data: &[u8]) -> TcpOption {
    match (kind, data) {
        (2, &[a, b]) => TcpOption::MaximumSegmentSize(u16::from_be_bytes([a, b])),
        (3, &[shift]) => TcpOption::WindowScale(shift),
        (4, []) => TcpOption::SackPermitted,
        (5, edges) if edges.len() % 8 == 0 => TcpOption::Sack(sack_blocks(edges)),
        (8, &[a, b, c, d, e, f, g, h]) => TcpOption::Timestamps {
            value: u32::from_be_bytes([a, b, c, d]),
            echo_reply: u32::from_be_bytes([e, f, g, h]),
        },
        _ => TcpOption::Unknown {
            kind,
            data: Bytes::copy_from_slice(data),
        },
    }
}

fn sack_blocks(edges: &[u8]) -> Vec<(u32, u32)> {
    let edge = |bytes: &[u8]| {
        u32::from_be_bytes(bytes.try_into().expect("a block is two edges of 4 octets"))
    };
    edges
        .chunks_exact(8)
        .map(|block| (edge(&block[..4]), edge(&block[4..])))
        .collect()
}
