//! A name server that says what the one of a capture said.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;

use bytes::Bytes;
use wirelab_wire::{IpHeader, IpPacket, IpVersionFields, Ipv4Fields, Transport, UdpDatagram};

use super::ParityError;
use super::capture;

/// The port of name servers.
const PORT: u16 = 53;
/// Octets of a DNS message before the question: identifier, flags, counts.
const HEADER: usize = 12;

/// Answers by server and question, as octets.
#[derive(Debug)]
pub(super) struct Names {
    answers: BTreeMap<(IpAddr, Vec<u8>), Bytes>,
}

impl Names {
    /// Learns every answer over UDP in a capture.
    pub(super) fn learn(file: &Path) -> Result<Self, ParityError> {
        let mut answers = BTreeMap::new();
        for (_, frame) in capture::read(file)? {
            if let Some(packet) = frame.packet()
                && let Transport::Udp(udp) = &packet.transport
                && udp.source_port == PORT
                && let Some(question) = question(&udp.payload)
            {
                let key = (packet.source(), question);
                answers.entry(key).or_insert_with(|| udp.payload.clone());
            }
        }
        Ok(Self { answers })
    }

    /// The answer to a query; none to what the capture does not answer.
    pub(super) fn on_packet(&self, packet: &IpPacket) -> Option<IpPacket> {
        let Transport::Udp(query) = &packet.transport else {
            return None;
        };
        let key = (packet.destination(), question(&query.payload)?);
        let known = self.answers.get(&key)?;
        let mut payload = known.to_vec();
        payload[..2].copy_from_slice(query.payload.get(..2)?);
        Some(IpPacket {
            header: IpHeader {
                source: packet.header.destination,
                destination: packet.header.source,
                ttl: 64,
                traffic_class: 0,
                version: IpVersionFields::V4(Ipv4Fields::default()),
            },
            transport: Transport::Udp(UdpDatagram {
                source_port: PORT,
                destination_port: query.source_port,
                payload: Bytes::from(payload),
            }),
        })
    }
}

/// Name, type and class of a message's only question.
fn question(message: &[u8]) -> Option<Vec<u8>> {
    let mut at = HEADER;
    loop {
        let len = usize::from(*message.get(at)?);
        at += 1 + len;
        if len == 0 {
            break;
        }
    }
    message.get(HEADER..at + 4).map(<[u8]>::to_ascii_lowercase)
}
