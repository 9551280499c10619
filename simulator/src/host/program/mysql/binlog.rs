//! Events of a binary log, version 4 with checksums (MySQL 8.0 source documentation, "Replication
//! Protocol").

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimTime, Stream};

use super::{PACKET_MAX, VERSION, packets};
use crate::host::program::Moment;
use crate::host::program::tls::noise;

const ROTATE: u8 = 4;
const FORMAT_DESCRIPTION: u8 = 15;
const HEARTBEAT: u8 = 27;
const WRITE_ROWS: u8 = 30;
const FILE: &str = "binlog.000002";
const SERVER_ID: u32 = 1;
/// Octets of an event's header and of its CRC-32.
const HEADER: usize = 19;
const CHECKSUM: usize = 4;
/// Length of the fixed part of each type of event, from 1 on.
const POST_HEADERS: [u8; 41] = [
    0, 13, 0, 8, 0, 0, 0, 0, 4, 0, 4, 0, 0, 0, 98, 0, 4, 26, 8, 0, 0, 0, 8, 8, 8, 2, 0, 0, 0, 10,
    10, 10, 42, 42, 0, 18, 52, 0, 10, 40, 0,
];

/// Where one replica stands in the log.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Binlog {
    position: u32,
    /// Number of the next packet.
    sequence: u8,
    /// When the next event is written.
    pub(super) next: SimTime,
}

impl Binlog {
    pub(super) const fn new(next: SimTime) -> Self {
        Self {
            position: 157,
            sequence: 1,
            next,
        }
    }

    /// A rotation to where the log stands, and how its events look.
    pub(super) fn opening(&mut self, moment: Moment) -> Bytes {
        let mut rotate = u64::from(self.position).to_le_bytes().to_vec();
        rotate.extend(FILE.bytes());
        let mut format = vec![4, 0];
        let mut version = VERSION.as_bytes().to_vec();
        version.resize(50, 0);
        format.extend(version);
        format.extend([0; 4]);
        format.push(HEADER as u8);
        format.extend(POST_HEADERS);
        // Checksums are CRC-32.
        format.push(1);
        let rotate = self.framed(ROTATE, 0, &rotate, &[0; CHECKSUM], moment);
        let format = self.framed(FORMAT_DESCRIPTION, 0, &format, &[0; CHECKSUM], moment);
        self.send(&[rotate, format])
    }

    /// Rows, or a heartbeat if there is nothing to send.
    pub(super) fn event(&mut self, bytes: u32, stream: &mut Stream, moment: Moment) -> Bytes {
        let sum = noise(stream, CHECKSUM);
        let event = if bytes == 0 {
            self.framed(HEARTBEAT, 0, FILE.as_bytes(), &sum, moment)
        } else {
            let rows = noise(stream, (bytes as usize).min(PACKET_MAX / 2));
            let len = (HEADER + rows.len() + CHECKSUM) as u32;
            self.position = self.position.wrapping_add(len);
            self.framed(WRITE_ROWS, self.position, &rows, &sum, moment)
        };
        self.send(&[event])
    }

    /// An event with its header, behind the octet that says that it is no error.
    fn framed(&self, kind: u8, next: u32, body: &[u8], sum: &[u8], moment: Moment) -> Vec<u8> {
        let at = match kind {
            ROTATE | HEARTBEAT => 0,
            _ => moment.starts.at(moment.now).as_secs() as u32,
        };
        let mut out = vec![0];
        out.extend(at.to_le_bytes());
        out.push(kind);
        out.extend(SERVER_ID.to_le_bytes());
        out.extend(((HEADER + body.len() + sum.len()) as u32).to_le_bytes());
        out.extend(next.to_le_bytes());
        // An event made for this stream alone is artificial.
        out.extend(if next == 0 { [0x20, 0] } else { [0, 0] });
        out.extend(body);
        out.extend(sum);
        out
    }

    fn send(&mut self, bodies: &[Vec<u8>]) -> Bytes {
        let octets = packets(self.sequence, bodies);
        self.sequence = self.sequence.wrapping_add(bodies.len() as u8);
        octets
    }
}
