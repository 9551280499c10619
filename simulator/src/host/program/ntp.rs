//! NTP version 4 (RFC 5905) in client and server mode.

use bytes::Bytes;
use wirelab_model::{Stream, UnixTime};

/// Octets of a message without extensions.
const LENGTH: usize = 48;
/// Seconds from 1900, NTP's beginning, to 1970.
const ERA: u64 = 2_208_988_800;
const CLIENT: u8 = 3;
const SERVER: u8 = 4;

/// What a server says of itself.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Source {
    pub(crate) stratum: u8,
    /// Whom it follows itself: an IPv4 address.
    pub(crate) reference: [u8; 4],
}

/// A client's message as chrony sends it: a random transmit time and little else.
pub(crate) fn query(stream: &mut Stream) -> Bytes {
    let mut octets = vec![0; LENGTH];
    octets[0] = 4 << 3 | CLIENT;
    // Polls each 2^6 s; its precision is nobody's business.
    octets[2] = 6;
    octets[3] = 32;
    octets[40..48].copy_from_slice(&stream.next_u64().to_be_bytes());
    octets.into()
}

/// Whether `answer` answers `query`.
pub(crate) fn answers(answer: &[u8], query: &[u8]) -> bool {
    let mode = answer.first().map(|first| first & 7);
    mode == Some(SERVER) && answer.get(24..32) == query.get(40..48)
}

/// The answer to a client's message; nothing for anything else.
pub(crate) fn answer(query: &[u8], source: Source, at: UnixTime) -> Option<Bytes> {
    let query = query.get(..LENGTH)?;
    let (version, mode) = (query[0] >> 3 & 7, query[0] & 7);
    if mode != CLIENT {
        return None;
    }
    let now = timestamp(at.as_nanos());
    let mut octets = vec![0; LENGTH];
    octets[0] = version << 3 | SERVER;
    octets[1] = source.stratum;
    // Polled each 2^4 s; precise to 2^-20 s.
    octets[2] = 4;
    octets[3] = -20_i8 as u8;
    // Root delay and dispersion in units of 2^-16 s: 0.2 ms each.
    octets[4..8].copy_from_slice(&13_u32.to_be_bytes());
    octets[8..12].copy_from_slice(&13_u32.to_be_bytes());
    octets[12..16].copy_from_slice(&source.reference);
    octets[16..24].copy_from_slice(&now);
    // What the client called its transmit time comes back as the origin.
    octets[24..32].copy_from_slice(&query[40..48]);
    octets[32..40].copy_from_slice(&now);
    octets[40..48].copy_from_slice(&now);
    Some(octets.into())
}

/// 32 bits of seconds since 1900, 32 bits of fraction.
fn timestamp(nanos: u64) -> [u8; 8] {
    let seconds = (nanos / 1_000_000_000).wrapping_add(ERA) as u32;
    let fraction = ((nanos % 1_000_000_000) << 32) / 1_000_000_000;
    (u64::from(seconds) << 32 | fraction).to_be_bytes()
}
