//! TLS 1.0 to 1.3 (RFC 5246, RFC 8446) on both sides, as OpenSSL 3.0 shows it on the wire: hellos
//! octet by octet, certificates, records of the right lengths, alerts. What is encrypted is noise
//! (`record`).
//!
//! [`TlsClient`] and [`TlsServer`] are sans-IO: octets of the connection in, octets to send and
//! plain octets out. `wrap` puts them around the programs of this folder. [tls-...] names a golden
//! capture.

pub(crate) mod certificate;
mod client;
mod hello;
mod record;
mod server;
mod spec;
mod suite;
mod trouble;
pub(crate) mod wrap;

use bytes::Bytes;
use wirelab_model::Stream;

pub(crate) use client::TlsClient;
pub(crate) use hello::Caller;
pub(crate) use server::TlsServer;
pub use spec::{TlsClientSpec, TlsRange, TlsServerSpec, TlsVersion};
pub(crate) use trouble::Trouble;

const ENCRYPTED_EXTENSIONS: u8 = 8;
const CERTIFICATE: u8 = 11;
const SERVER_KEY_EXCHANGE: u8 = 12;
const SERVER_HELLO_DONE: u8 = 14;
const CERTIFICATE_VERIFY: u8 = 15;
const CLIENT_KEY_EXCHANGE: u8 = 16;
const FINISHED: u8 = 20;
const NEW_SESSION_TICKET: u8 = 4;
/// Octets of `verify_data` up to TLS 1.2.
const VERIFY_DATA: usize = 12;

/// What came of octets that arrived.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    /// One `send()` each.
    pub(crate) send: Vec<Bytes>,
    /// Plain octets for the program.
    pub(crate) data: Vec<Bytes>,
    /// The handshake has just been completed.
    pub(crate) opened: bool,
    /// The peer sent close_notify.
    pub(crate) closed: bool,
    /// The connection is of no use any more.
    pub(crate) trouble: Option<Trouble>,
}

/// Octets that look random.
pub(crate) fn noise(stream: &mut Stream, len: usize) -> Vec<u8> {
    let mut octets = Vec::with_capacity(len + 8);
    while octets.len() < len {
        octets.extend(stream.next_u64().to_be_bytes());
    }
    octets.truncate(len);
    octets
}

fn draw_32(stream: &mut Stream) -> [u8; 32] {
    let mut octets = [0; 32];
    for eight in octets.chunks_mut(8) {
        eight.copy_from_slice(&stream.next_u64().to_be_bytes());
    }
    octets
}

fn draw(stream: &mut Stream) -> hello::Drawn {
    hello::Drawn {
        random: draw_32(stream),
        session: draw_32(stream),
        share: draw_32(stream),
    }
}

/// Takes the next whole handshake message: its type and body.
fn next_message(messages: &mut Vec<u8>) -> Option<(u8, Vec<u8>)> {
    let [kind, a, b, c] = *messages.first_chunk::<4>()?;
    let len = u32::from_be_bytes([0, a, b, c]) as usize;
    let body = messages.get(4..4 + len)?.to_vec();
    messages.drain(..4 + len);
    Some((kind, body))
}

/// The octets of an alert: fatal but for close_notify.
const fn alert(description: u8) -> [u8; 2] {
    [
        if description == trouble::CLOSE_NOTIFY {
            1
        } else {
            2
        },
        description,
    ]
}
