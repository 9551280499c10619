//! NTP version 4 (RFC 5905) in client and server mode.

use bytes::Bytes;
use wirelab_model::{Stream, UnixTime};

/// Octets of a message without extensions.
const LENGTH: usize = 48;
/// Seconds from 1900, NTP's beginning, to 1970.
const ERA: u64 = 2_208_988_800;
const CLIENT: u8 = 3;
const SERVER: u8 = 4;

/// Nanoseconds between two questions of a server to its own source: 2^4 s.
const POLL: u64 = 16_000_000_000;

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
    let times = Times::of(query, source, at.as_nanos());
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
    octets[16..24].copy_from_slice(&timestamp(times.reference));
    // What the client called its transmit time comes back as the origin.
    octets[24..32].copy_from_slice(&query[40..48]);
    octets[32..40].copy_from_slice(&timestamp(times.received));
    octets[40..48].copy_from_slice(&timestamp(times.sent));
    Some(octets.into())
}

/// The server's times in an answer (RFC 5905 section 7.3), in nanoseconds since 1970.
struct Times {
    /// When its clock was set last: once in each [`POLL`].
    reference: u64,
    received: u64,
    /// When the answer leaves, as the server foresees it: it has to look at its clock first.
    sent: u64,
}

impl Times {
    fn of(query: &[u8], source: Source, now: u64) -> Self {
        let phase = u64::from(u32::from_be_bytes(source.reference)) * 1_000_003 % POLL;
        // 12 to 28 us, as the lowest bits of the client's clock have it.
        let work = 12_000 + u64::from(query[46]) * 62 + u64::from(query[47]) / 2;
        Self {
            reference: now.saturating_sub(1 + (now + phase) % POLL),
            received: now,
            sent: now + work,
        }
    }
}

/// 32 bits of seconds since 1900, 32 bits of fraction.
fn timestamp(nanos: u64) -> [u8; 8] {
    let seconds = (nanos / 1_000_000_000).wrapping_add(ERA) as u32;
    let fraction = ((nanos % 1_000_000_000) << 32) / 1_000_000_000;
    (u64::from(seconds) << 32 | fraction).to_be_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_answer_says_when_the_clock_was_set_when_the_question_came_and_when_it_left() {
        let source = Source {
            stratum: 3,
            reference: [169, 254, 169, 122],
        };
        let query = query(&mut Stream::new(1, "client"));
        let mut references = Vec::new();
        for second in 0..64 {
            let nanos = (1_750_000_000 + second) * 1_000_000_000;
            let at = UnixTime::from_nanos(nanos);
            let octets = answer(&query, source, at).expect("an answer");
            assert!(answers(&octets, &query));
            let [set, came, left] = [16, 32, 40].map(|at| octets[at..at + 8].to_vec());
            // RFC 5905 section 8: T2 is before T3, and the clock was set before both.
            assert!(set < came && came < left, "{set:?} {came:?} {left:?}");
            references.push(set);
        }
        references.dedup();
        assert!((4..=5).contains(&references.len()), "each 16 s");
    }
}
