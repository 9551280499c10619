//! The record layer (RFC 8446 section 5, RFC 5246 section 6): what each direction protects, and how
//! long it becomes.
//!
//! There is no cryptography here. Protected octets are the plain ones under a key stream that both
//! sides draw from what the hellos say, so they look like noise, have the lengths of the real
//! thing, and cannot be read with keys. The peer reads them back; nobody checks a tag.

use serde::{Deserialize, Serialize};
use wirelab_model::{Stream, hex};

use super::spec::TlsVersion;
use super::suite::{Bulk, Suite};
use crate::host::program::Inbox;
use crate::host::program::octets::{prefixed, put_u16};

pub(crate) const CHANGE_CIPHER_SPEC: u8 = 20;
pub(crate) const ALERT: u8 = 21;
pub(crate) const HANDSHAKE: u8 = 22;
pub(crate) const APPLICATION_DATA: u8 = 23;
/// Octets of a record before they are protected.
const FRAGMENT_MAX: usize = 16_384;
/// Octets of an AEAD's tag.
const TAG: usize = 16;
/// Octets of a block of AES.
const BLOCK: usize = 16;

/// A record as it arrived: its type and what it holds.
pub(crate) type Record = (u8, Vec<u8>);

/// What the next octets are.
pub(crate) enum Next {
    /// A whole record.
    Record(Record),
    /// More has to arrive.
    Wait,
    /// No TLS.
    Nonsense,
}

/// Takes the next record off what has arrived.
pub(crate) fn take(inbox: &mut Inbox) -> Next {
    let head = inbox.peek(5);
    let plausible = match head[..] {
        [kind, major, ..] => (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&kind) && major == 3,
        [kind] => (CHANGE_CIPHER_SPEC..=APPLICATION_DATA).contains(&kind),
        [] => true,
    };
    if !plausible {
        return Next::Nonsense;
    }
    let [kind, _, _, a, b] = head[..] else {
        return Next::Wait;
    };
    let length = usize::from(u16::from_be_bytes([a, b]));
    if inbox.len() < 5 + length {
        return Next::Wait;
    }
    inbox.skip(5);
    Next::Record((kind, inbox.take(length)))
}

/// A record in the clear.
pub(crate) fn plain(kind: u8, version: u16, body: &[u8]) -> Vec<u8> {
    let mut out = vec![kind];
    put_u16(&mut out, version);
    prefixed::<2>(&mut out, |out| out.extend(body));
    out
}

/// How one direction protects its records.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Protection {
    version: TlsVersion,
    bulk: Bulk,
    /// `encrypt_then_mac` was agreed on (RFC 7366).
    encrypt_then_mac: bool,
    keys: Stream,
}

impl Protection {
    /// Of the direction `label`, between these two hellos.
    pub(crate) fn new(
        version: TlsVersion,
        suite: &Suite,
        encrypt_then_mac: bool,
        randoms: [&[u8; 32]; 2],
        label: &str,
    ) -> Self {
        let [client, server]: [String; 2] = randoms.map(|random| hex(random));
        Self {
            version,
            bulk: suite.bulk,
            encrypt_then_mac,
            keys: Stream::new(0, &format!("tls/{client}/{server}/{label}")),
        }
    }

    fn under_keys(&mut self, octets: &mut [u8]) {
        for eight in octets.chunks_mut(8) {
            let key = self.keys.next_u64().to_be_bytes();
            for (octet, key) in eight.iter_mut().zip(key) {
                *octet ^= key;
            }
        }
    }

    fn noise(&mut self, len: usize) -> Vec<u8> {
        let mut octets = vec![0; len];
        self.under_keys(&mut octets);
        octets
    }

    /// `octets` in as many records as they need, each with its header.
    pub(crate) fn seal(&mut self, kind: u8, octets: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(octets.len() + 64);
        for fragment in octets.chunks(FRAGMENT_MAX) {
            let body = self.protect(kind, fragment);
            let (outer, version) = match self.version {
                TlsVersion::Tls13 => (APPLICATION_DATA, TlsVersion::Tls12),
                version => (kind, version),
            };
            out.extend(plain(outer, version.code(), &body));
        }
        out
    }

    fn protect(&mut self, kind: u8, fragment: &[u8]) -> Vec<u8> {
        match (self.version, self.bulk) {
            (TlsVersion::Tls13, _) => {
                let mut inner = [fragment, &[kind]].concat();
                self.under_keys(&mut inner);
                [inner, self.noise(TAG)].concat()
            }
            (_, Bulk::Gcm) => {
                let nonce = self.noise(8);
                let mut inner = fragment.to_vec();
                self.under_keys(&mut inner);
                [nonce, inner, self.noise(TAG)].concat()
            }
            (_, Bulk::ChaCha20) => {
                let mut inner = fragment.to_vec();
                self.under_keys(&mut inner);
                [inner, self.noise(TAG)].concat()
            }
            (_, Bulk::Cbc(mac)) => self.protect_blocks(fragment, usize::from(mac)),
        }
    }

    /// CBC: explicit IV from TLS 1.1 on, MAC inside or outside, padding to whole blocks.
    fn protect_blocks(&mut self, fragment: &[u8], mac: usize) -> Vec<u8> {
        let iv = if self.version >= TlsVersion::Tls11 {
            BLOCK
        } else {
            0
        };
        let mut out = self.noise(iv);
        let mut inner = fragment.to_vec();
        let tag = self.noise(mac);
        if !self.encrypt_then_mac {
            inner.extend(&tag);
        }
        let padding = BLOCK - 1 - inner.len() % BLOCK;
        inner.resize(inner.len() + padding + 1, padding as u8);
        self.under_keys(&mut inner);
        out.extend(inner);
        if self.encrypt_then_mac {
            out.extend(tag);
        }
        out
    }

    /// What a record of the peer holds; nothing for one that is too short.
    pub(crate) fn open(&mut self, (kind, body): Record) -> Option<Record> {
        let mut body = body;
        match (self.version, self.bulk) {
            (TlsVersion::Tls13, _) => {
                self.strip(&mut body, TAG)?;
                let kind = body.pop()?;
                Some((kind, body))
            }
            (_, Bulk::Gcm) => {
                self.noise(8);
                body = body.get(8..)?.to_vec();
                self.strip(&mut body, TAG)?;
                Some((kind, body))
            }
            (_, Bulk::ChaCha20) => {
                self.strip(&mut body, TAG)?;
                Some((kind, body))
            }
            (_, Bulk::Cbc(mac)) => Some((kind, self.open_blocks(&body, usize::from(mac))?)),
        }
    }

    /// Reads all but the last `tag` octets, which go.
    fn strip(&mut self, body: &mut Vec<u8>, tag: usize) -> Option<()> {
        body.truncate(body.len().checked_sub(tag)?);
        self.under_keys(body);
        self.noise(tag);
        Some(())
    }

    fn open_blocks(&mut self, body: &[u8], mac: usize) -> Option<Vec<u8>> {
        let iv = if self.version >= TlsVersion::Tls11 {
            BLOCK
        } else {
            0
        };
        self.noise(iv);
        self.noise(mac);
        let (outside, inside) = if self.encrypt_then_mac {
            (mac, 0)
        } else {
            (0, mac)
        };
        let mut inner = body.get(iv..body.len().checked_sub(outside)?)?.to_vec();
        self.under_keys(&mut inner);
        let padding = usize::from(*inner.last()?) + 1;
        inner.truncate(inner.len().checked_sub(padding + inside)?);
        Some(inner)
    }
}
