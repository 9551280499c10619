//! ClientHello and ServerHello, as OpenSSL 3.0 under curl writes them [tls-tls13, tls-version];
//! libpq sets other options.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::spec::{TlsClientSpec, TlsVersion};
use super::suite::{self, Bulk, Suite};
use crate::host::program::octets::{Reader, prefixed, put_u16};

pub(crate) const CLIENT_HELLO: u8 = 1;
pub(crate) const SERVER_HELLO: u8 = 2;

const SERVER_NAME: u16 = 0;
const SUPPORTED_GROUPS: u16 = 10;
const EC_POINT_FORMATS: u16 = 11;
const SIGNATURE_ALGORITHMS: u16 = 13;
const ALPN: u16 = 16;
const PADDING: u16 = 21;
const ENCRYPT_THEN_MAC: u16 = 22;
const EXTENDED_MASTER_SECRET: u16 = 23;
const SESSION_TICKET: u16 = 35;
const SUPPORTED_VERSIONS: u16 = 43;
const PSK_KEY_EXCHANGE_MODES: u16 = 45;
const POST_HANDSHAKE_AUTH: u16 = 49;
const KEY_SHARE: u16 = 51;
const RENEGOTIATION_INFO: u16 = 0xff01;

/// `TLS_EMPTY_RENEGOTIATION_INFO_SCSV`.
const RENEGOTIATION_SCSV: u16 = 0x00ff;
pub(crate) const X25519: u16 = 29;
/// The elliptic curves, then (TLS 1.3) the finite fields.
const GROUPS: [u16; 10] = [
    X25519, 0x17, 0x1e, 0x19, 0x18, 0x100, 0x101, 0x102, 0x103, 0x104,
];
const CURVES: usize = 5;
const SIGNATURES: [u16; 20] = [
    0x0403, 0x0503, 0x0603, 0x0807, 0x0808, 0x0809, 0x080a, 0x080b, 0x0804, 0x0805, 0x0806, 0x0401,
    0x0501, 0x0601, 0x0303, 0x0301, 0x0302, 0x0402, 0x0502, 0x0602,
];
const POINT_FORMATS: [u8; 4] = [3, 0, 1, 2];

/// The program that has set OpenSSL's options.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Caller {
    /// `SSL_OP_NO_TICKET`, `SSL_OP_TLSEXT_PADDING` (in `SSL_OP_ALL`), and authentication after the
    /// handshake (`Curl_ossl_connect_step1`).
    Curl,
    /// None of these (`initialize_SSL` in `fe-secure-openssl.c`).
    Libpq,
}

/// What of the hello is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Drawn {
    pub(crate) random: [u8; 32],
    pub(crate) session: [u8; 32],
    pub(crate) share: [u8; 32],
}

/// A handshake message with its header.
pub(crate) fn message(kind: u8, body: impl FnOnce(&mut Vec<u8>)) -> Vec<u8> {
    let mut out = vec![kind];
    prefixed::<3>(&mut out, body);
    out
}

fn extension(out: &mut Vec<u8>, kind: u16, body: impl FnOnce(&mut Vec<u8>)) {
    put_u16(out, kind);
    prefixed::<2>(out, body);
}

fn put_u16s(out: &mut Vec<u8>, values: impl IntoIterator<Item = u16>) {
    for value in values {
        put_u16(out, value);
    }
}

/// The ClientHello.
pub(crate) fn client_hello(spec: &TlsClientSpec, caller: Caller, drawn: &Drawn) -> Vec<u8> {
    let modern = spec.range.max == TlsVersion::Tls13;
    let legacy = spec.range.max.min(TlsVersion::Tls12).code();
    let mut body = Vec::new();
    put_u16(&mut body, legacy);
    body.extend(drawn.random);
    // A session id makes TLS 1.3 look like a resumption (RFC 8446 section D.4).
    prefixed::<1>(&mut body, |out| {
        if modern {
            out.extend(drawn.session);
        }
    });
    prefixed::<2>(&mut body, |out| {
        put_u16s(out, suite::of(&spec.range).iter().map(|it| it.code));
        put_u16(out, RENEGOTIATION_SCSV);
    });
    body.extend([1, 0]);
    let mut extensions = client_extensions(spec, caller, drawn);
    // Some servers choke on hellos of 256 to 511 octets (RFC 7685).
    let length = 4 + body.len() + 2 + extensions.len();
    if modern && caller == Caller::Curl && (256..512).contains(&length) {
        let padding = (512 - length).saturating_sub(4).max(1);
        extension(&mut extensions, PADDING, |out| out.extend(vec![0; padding]));
    }
    message(CLIENT_HELLO, |out| {
        out.extend(body);
        prefixed::<2>(out, |out| out.extend(extensions));
    })
}

fn client_extensions(spec: &TlsClientSpec, caller: Caller, drawn: &Drawn) -> Vec<u8> {
    let mut out = Vec::new();
    if let Some(name) = &spec.server_name {
        extension(&mut out, SERVER_NAME, |out| {
            prefixed::<2>(out, |out| {
                out.push(0);
                prefixed::<2>(out, |out| out.extend(name.bytes()));
            });
        });
    }
    extension(&mut out, EC_POINT_FORMATS, |out| out.extend(POINT_FORMATS));
    let modern = spec.range.max == TlsVersion::Tls13;
    let groups = if modern {
        &GROUPS[..]
    } else {
        &GROUPS[..CURVES]
    };
    extension(&mut out, SUPPORTED_GROUPS, |out| {
        prefixed::<2>(out, |out| put_u16s(out, groups.iter().copied()));
    });
    if caller == Caller::Libpq {
        extension(&mut out, SESSION_TICKET, |_| {});
    }
    if !spec.alpn.is_empty() {
        extension(&mut out, ALPN, |out| put_protocols(out, &spec.alpn));
    }
    extension(&mut out, ENCRYPT_THEN_MAC, |_| {});
    extension(&mut out, EXTENDED_MASTER_SECRET, |_| {});
    if modern && caller == Caller::Curl {
        extension(&mut out, POST_HANDSHAKE_AUTH, |_| {});
    }
    if spec.range.max >= TlsVersion::Tls12 {
        extension(&mut out, SIGNATURE_ALGORITHMS, |out| {
            prefixed::<2>(out, |out| put_u16s(out, SIGNATURES));
        });
    }
    if modern {
        extension(&mut out, SUPPORTED_VERSIONS, |out| {
            let all = (spec.range.min.code()..=spec.range.max.code()).rev();
            prefixed::<1>(out, |out| put_u16s(out, all));
        });
        extension(&mut out, PSK_KEY_EXCHANGE_MODES, |out| out.extend([1, 1]));
        extension(&mut out, KEY_SHARE, |out| {
            prefixed::<2>(out, |out| put_share(out, &drawn.share));
        });
    }
    out
}

fn put_protocols(out: &mut Vec<u8>, protocols: &[SmolStr]) {
    prefixed::<2>(out, |out| {
        for protocol in protocols {
            prefixed::<1>(out, |out| out.extend(protocol.bytes()));
        }
    });
}

fn put_share(out: &mut Vec<u8>, share: &[u8; 32]) {
    put_u16(out, X25519);
    prefixed::<2>(out, |out| out.extend(share));
}

/// What of a ClientHello matters for the answer.
#[derive(Debug)]
pub(crate) struct ClientHello {
    pub(crate) random: [u8; 32],
    pub(crate) session: Vec<u8>,
    pub(crate) suites: Vec<u16>,
    pub(crate) versions: Vec<u16>,
    pub(crate) server_name: Option<String>,
    pub(crate) protocols: Vec<String>,
    /// Numbers of all extensions.
    extensions: Vec<u16>,
}

impl ClientHello {
    /// Reads the body of the message.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let legacy = reader.u16()?;
        let random = reader.take(32)?.try_into().ok()?;
        let session = reader.prefixed::<1>()?.0.to_vec();
        let suites = u16s(reader.prefixed::<2>()?);
        reader.prefixed::<1>()?;
        let mut hello = Self {
            random,
            session,
            suites,
            versions: (TlsVersion::Tls10.code()..=legacy).collect(),
            server_name: None,
            protocols: Vec::new(),
            extensions: Vec::new(),
        };
        let mut extensions = if reader.is_empty() {
            reader
        } else {
            reader.prefixed::<2>()?
        };
        while !extensions.is_empty() {
            let kind = extensions.u16()?;
            let body = extensions.prefixed::<2>()?;
            hello.extensions.push(kind);
            hello.read_extension(kind, body)?;
        }
        Some(hello)
    }

    fn read_extension(&mut self, kind: u16, mut body: Reader<'_>) -> Option<()> {
        match kind {
            SERVER_NAME => {
                let mut list = body.prefixed::<2>()?;
                list.u8()?;
                let name = list.prefixed::<2>()?.0;
                self.server_name = Some(String::from_utf8_lossy(name).into_owned());
            }
            ALPN => {
                let mut list = body.prefixed::<2>()?;
                while !list.is_empty() {
                    let name = list.prefixed::<1>()?.0;
                    self.protocols
                        .push(String::from_utf8_lossy(name).into_owned());
                }
            }
            SUPPORTED_VERSIONS => self.versions = u16s(body.prefixed::<1>()?),
            _ => {}
        }
        Some(())
    }

    fn has(&self, kind: u16) -> bool {
        self.extensions.contains(&kind)
    }
}

fn u16s(mut reader: Reader<'_>) -> Vec<u16> {
    std::iter::from_fn(|| reader.u16()).collect()
}

/// What the server has decided.
#[derive(Debug)]
pub(crate) struct Choice {
    pub(crate) version: TlsVersion,
    pub(crate) suite: Suite,
    pub(crate) protocol: Option<String>,
    /// The name asked for is one of the server's.
    pub(crate) knows_name: bool,
}

impl Choice {
    pub(crate) fn encrypts_then_macs(&self, hello: &ClientHello) -> bool {
        hello.has(ENCRYPT_THEN_MAC) && matches!(self.suite.bulk, Bulk::Cbc(_))
    }
}

/// The ServerHello, in both shapes.
pub(crate) fn server_hello(hello: &ClientHello, choice: &Choice, drawn: &Drawn) -> Vec<u8> {
    let modern = choice.version == TlsVersion::Tls13;
    message(SERVER_HELLO, |out| {
        put_u16(out, choice.version.min(TlsVersion::Tls12).code());
        out.extend(drawn.random);
        let session = if modern {
            &hello.session[..]
        } else {
            &drawn.session
        };
        prefixed::<1>(out, |out| out.extend(session));
        put_u16(out, choice.suite.code);
        out.push(0);
        prefixed::<2>(out, |out| {
            if modern {
                extension(out, SUPPORTED_VERSIONS, |out| {
                    put_u16(out, choice.version.code());
                });
                extension(out, KEY_SHARE, |out| put_share(out, &drawn.share));
            } else {
                old_extensions(out, hello, choice);
            }
        });
    })
}

fn old_extensions(out: &mut Vec<u8>, hello: &ClientHello, choice: &Choice) {
    extension(out, RENEGOTIATION_INFO, |out| out.push(0));
    if choice.knows_name {
        extension(out, SERVER_NAME, |_| {});
    }
    if hello.has(EC_POINT_FORMATS) {
        extension(out, EC_POINT_FORMATS, |out| out.extend(POINT_FORMATS));
    }
    put_chosen_protocol(out, choice);
    if choice.encrypts_then_macs(hello) {
        extension(out, ENCRYPT_THEN_MAC, |_| {});
    }
    if hello.has(EXTENDED_MASTER_SECRET) {
        extension(out, EXTENDED_MASTER_SECRET, |_| {});
    }
}

fn put_chosen_protocol(out: &mut Vec<u8>, choice: &Choice) {
    if let Some(protocol) = &choice.protocol {
        let only = [SmolStr::from(protocol.as_str())];
        extension(out, ALPN, |out| put_protocols(out, &only));
    }
}

/// EncryptedExtensions (RFC 8446 section 4.3.1).
pub(crate) fn encrypted_extensions(kind: u8, choice: &Choice) -> Vec<u8> {
    message(kind, |out| {
        prefixed::<2>(out, |out| {
            if choice.knows_name {
                extension(out, SERVER_NAME, |_| {});
            }
            put_chosen_protocol(out, choice);
        });
    })
}

/// What of a ServerHello matters for what follows.
#[derive(Debug)]
pub(crate) struct ServerHello {
    pub(crate) random: [u8; 32],
    pub(crate) version: u16,
    pub(crate) suite: u16,
    pub(crate) encrypt_then_mac: bool,
}

impl ServerHello {
    /// Reads the body of the message.
    pub(crate) fn read(body: &[u8]) -> Option<Self> {
        let mut reader = Reader(body);
        let mut version = reader.u16()?;
        let random = reader.take(32)?.try_into().ok()?;
        reader.prefixed::<1>()?;
        let suite = reader.u16()?;
        reader.u8()?;
        let mut encrypt_then_mac = false;
        let mut extensions = reader.prefixed::<2>()?;
        while !extensions.is_empty() {
            let kind = extensions.u16()?;
            let mut body = extensions.prefixed::<2>()?;
            match kind {
                SUPPORTED_VERSIONS => version = body.u16()?,
                ENCRYPT_THEN_MAC => encrypt_then_mac = true,
                _ => {}
            }
        }
        Some(Self {
            random,
            version,
            suite,
            encrypt_then_mac,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::spec::TlsRange;
    use super::*;

    #[test]
    fn libpq_asks_for_a_ticket_and_neither_pads_nor_offers_to_say_later_who_it_is() {
        let spec = TlsClientSpec {
            range: TlsRange {
                min: TlsVersion::Tls12,
                ..TlsClientSpec::default().range
            },
            alpn: Vec::new(),
            ..TlsClientSpec::default()
        };
        let drawn = Drawn {
            random: [1; 32],
            session: [2; 32],
            share: [3; 32],
        };
        let hello = |caller| {
            let octets = client_hello(&spec, caller, &drawn);
            let read = ClientHello::read(&octets[4..]).expect("a hello");
            (octets.len(), read.extensions)
        };
        // psql 15 with sslmode=require, OpenSSL 3.0, an address for a host: a record of 288.
        let extensions = vec![11, 10, 35, 22, 23, 13, 43, 45, 51];
        assert_eq!(hello(Caller::Libpq), (288, extensions));
        let extensions = vec![11, 10, 22, 23, 49, 13, 43, 45, 51, 21];
        assert_eq!(hello(Caller::Curl), (512, extensions));
    }
}
