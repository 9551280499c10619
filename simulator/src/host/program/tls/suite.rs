//! Cipher suites, in the order of OpenSSL 3.0's default list [tls-tls13].

use serde::{Deserialize, Serialize};

use super::spec::{TlsRange, TlsVersion};

/// How the keys are agreed on and who signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum KeyExchange {
    /// TLS 1.3, whatever the certificate is.
    Any,
    EcdheEcdsa,
    EcdheRsa,
    DheRsa,
    Rsa,
}

/// How records are protected.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Bulk {
    Gcm,
    ChaCha20,
    /// With the octets of its MAC.
    Cbc(u8),
}

/// A cipher suite.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Suite {
    pub(crate) code: u16,
    pub(crate) exchange: KeyExchange,
    pub(crate) bulk: Bulk,
    /// Octets of the hash of the handshake.
    pub(crate) hash: u8,
    pub(crate) min: TlsVersion,
}

const fn suite(code: u16, exchange: KeyExchange, bulk: Bulk, hash: u8, min: TlsVersion) -> Suite {
    Suite {
        code,
        exchange,
        bulk,
        hash,
        min,
    }
}

use Bulk::{Cbc, ChaCha20, Gcm};
use KeyExchange::{Any, DheRsa, EcdheEcdsa, EcdheRsa, Rsa};
use TlsVersion::{Tls10, Tls12, Tls13};

const SUITES: [(&str, Suite); 30] = [
    ("TLS_AES_256_GCM_SHA384", suite(0x1302, Any, Gcm, 48, Tls13)),
    (
        "TLS_CHACHA20_POLY1305_SHA256",
        suite(0x1303, Any, ChaCha20, 32, Tls13),
    ),
    ("TLS_AES_128_GCM_SHA256", suite(0x1301, Any, Gcm, 32, Tls13)),
    (
        "ECDHE-ECDSA-AES256-GCM-SHA384",
        suite(0xc02c, EcdheEcdsa, Gcm, 48, Tls12),
    ),
    (
        "ECDHE-RSA-AES256-GCM-SHA384",
        suite(0xc030, EcdheRsa, Gcm, 48, Tls12),
    ),
    (
        "DHE-RSA-AES256-GCM-SHA384",
        suite(0x009f, DheRsa, Gcm, 48, Tls12),
    ),
    (
        "ECDHE-ECDSA-CHACHA20-POLY1305",
        suite(0xcca9, EcdheEcdsa, ChaCha20, 32, Tls12),
    ),
    (
        "ECDHE-RSA-CHACHA20-POLY1305",
        suite(0xcca8, EcdheRsa, ChaCha20, 32, Tls12),
    ),
    (
        "DHE-RSA-CHACHA20-POLY1305",
        suite(0xccaa, DheRsa, ChaCha20, 32, Tls12),
    ),
    (
        "ECDHE-ECDSA-AES128-GCM-SHA256",
        suite(0xc02b, EcdheEcdsa, Gcm, 32, Tls12),
    ),
    (
        "ECDHE-RSA-AES128-GCM-SHA256",
        suite(0xc02f, EcdheRsa, Gcm, 32, Tls12),
    ),
    (
        "DHE-RSA-AES128-GCM-SHA256",
        suite(0x009e, DheRsa, Gcm, 32, Tls12),
    ),
    (
        "ECDHE-ECDSA-AES256-SHA384",
        suite(0xc024, EcdheEcdsa, Cbc(48), 48, Tls12),
    ),
    (
        "ECDHE-RSA-AES256-SHA384",
        suite(0xc028, EcdheRsa, Cbc(48), 48, Tls12),
    ),
    (
        "DHE-RSA-AES256-SHA256",
        suite(0x006b, DheRsa, Cbc(32), 32, Tls12),
    ),
    (
        "ECDHE-ECDSA-AES128-SHA256",
        suite(0xc023, EcdheEcdsa, Cbc(32), 32, Tls12),
    ),
    (
        "ECDHE-RSA-AES128-SHA256",
        suite(0xc027, EcdheRsa, Cbc(32), 32, Tls12),
    ),
    (
        "DHE-RSA-AES128-SHA256",
        suite(0x0067, DheRsa, Cbc(32), 32, Tls12),
    ),
    (
        "ECDHE-ECDSA-AES256-SHA",
        suite(0xc00a, EcdheEcdsa, Cbc(20), 32, Tls10),
    ),
    (
        "ECDHE-RSA-AES256-SHA",
        suite(0xc014, EcdheRsa, Cbc(20), 32, Tls10),
    ),
    (
        "DHE-RSA-AES256-SHA",
        suite(0x0039, DheRsa, Cbc(20), 32, Tls10),
    ),
    (
        "ECDHE-ECDSA-AES128-SHA",
        suite(0xc009, EcdheEcdsa, Cbc(20), 32, Tls10),
    ),
    (
        "ECDHE-RSA-AES128-SHA",
        suite(0xc013, EcdheRsa, Cbc(20), 32, Tls10),
    ),
    (
        "DHE-RSA-AES128-SHA",
        suite(0x0033, DheRsa, Cbc(20), 32, Tls10),
    ),
    ("AES256-GCM-SHA384", suite(0x009d, Rsa, Gcm, 48, Tls12)),
    ("AES128-GCM-SHA256", suite(0x009c, Rsa, Gcm, 32, Tls12)),
    ("AES256-SHA256", suite(0x003d, Rsa, Cbc(32), 32, Tls12)),
    ("AES128-SHA256", suite(0x003c, Rsa, Cbc(32), 32, Tls12)),
    ("AES256-SHA", suite(0x0035, Rsa, Cbc(20), 32, Tls10)),
    ("AES128-SHA", suite(0x002f, Rsa, Cbc(20), 32, Tls10)),
];

impl Suite {
    /// OpenSSL's name.
    pub(crate) fn name(&self) -> &'static str {
        let found = SUITES.iter().find(|(_, suite)| suite.code == self.code);
        found.map_or("(NONE)", |(name, _)| name)
    }
}

/// The suite that OpenSSL calls so.
pub(crate) fn by_name(name: &str) -> Option<Suite> {
    let found = SUITES.iter().find(|(own, _)| *own == name);
    found.map(|(_, suite)| *suite)
}

/// What one side offers or accepts, in its order of preference.
pub(crate) fn of(range: &TlsRange) -> Vec<Suite> {
    let wanted = |name: &str, suite: &Suite| {
        suite.min == Tls13 || range.ciphers.is_empty() || range.ciphers.iter().any(|it| it == name)
    };
    let usable =
        |suite: &Suite| suite.min <= range.max && (suite.min == Tls13 || range.min < Tls13);
    let all = SUITES.iter();
    all.filter(|(name, suite)| wanted(name, suite) && usable(suite))
        .map(|(_, suite)| *suite)
        .collect()
}

impl Suite {
    /// Whether it is for `version`.
    pub(crate) fn fits(&self, version: TlsVersion) -> bool {
        (self.min == Tls13) == (version == Tls13) && self.min <= version
    }

    /// Whether a server with an RSA certificate and without DH parameters can use it.
    pub(crate) const fn suits_rsa(&self) -> bool {
        matches!(self.exchange, Any | EcdheRsa | Rsa)
    }
}
