//! What a scenario says of TLS on either side.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::SimDuration;

use super::suite;

/// A version of the protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum TlsVersion {
    /// RFC 2246.
    Tls10,
    /// RFC 4346.
    Tls11,
    /// RFC 5246.
    Tls12,
    /// RFC 8446.
    Tls13,
}

impl TlsVersion {
    /// As it stands in messages: 0x0303 for 1.2.
    pub(crate) const fn code(self) -> u16 {
        match self {
            Self::Tls10 => 0x0301,
            Self::Tls11 => 0x0302,
            Self::Tls12 => 0x0303,
            Self::Tls13 => 0x0304,
        }
    }

    pub(crate) const fn from_code(code: u16) -> Option<Self> {
        Some(match code {
            0x0301 => Self::Tls10,
            0x0302 => Self::Tls11,
            0x0303 => Self::Tls12,
            0x0304 => Self::Tls13,
            _ => return None,
        })
    }
}

impl std::str::FromStr for TlsVersion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Ok(match text {
            "1.0" => Self::Tls10,
            "1.1" => Self::Tls11,
            "1.2" => Self::Tls12,
            "1.3" => Self::Tls13,
            _ => return Err("TLS has the versions 1.0, 1.1, 1.2 and 1.3".to_owned()),
        })
    }
}

/// Which versions and cipher suites one side takes part in.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsRange {
    /// Lowest version.
    pub min: TlsVersion,
    /// Highest version.
    pub max: TlsVersion,
    /// Suites up to TLS 1.2, by OpenSSL's names; empty: OpenSSL's default list.
    pub ciphers: Vec<SmolStr>,
}

impl TlsRange {
    /// Whether `name` is a suite that [`Self::ciphers`] may list.
    #[must_use]
    pub fn knows_cipher(name: &str) -> bool {
        suite::by_name(name).is_some()
    }

    pub(crate) fn has(&self, version: TlsVersion) -> bool {
        self.min <= version && version <= self.max
    }
}

/// TLS in front of a server.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsServerSpec {
    /// Versions 1.2 and 1.3 if not said otherwise, as nginx has it.
    pub range: TlsRange,
    /// Names and addresses in its certificate, the first one the subject's; `*.example.com` stands
    /// for one label.
    /// Without any the certificate is for the name that the client asks for.
    pub names: Vec<SmolStr>,
    /// Common name of the issuer; the first of [`Self::names`]: self-signed.
    pub issuer: SmolStr,
    /// End of the certificate's validity, from the start of the run.
    pub expires: SimDuration,
    /// What it chooses from of the client's ALPN list.
    pub alpn: Vec<SmolStr>,
    /// Refuse clients that do not ask for one of its names (nginx's `ssl_reject_handshake`).
    pub strict_sni: bool,
    /// Where a client has to ask for TLS (PostgreSQL): take those that do not as well. RDS does not
    /// (`rds.force_ssl`).
    pub optional: bool,
}

impl TlsServerSpec {
    /// The issuer that every client trusts.
    pub const PUBLIC_ISSUER: &'static str = "Amazon RSA 2048 M02";
}

impl Default for TlsServerSpec {
    fn default() -> Self {
        Self {
            range: TlsRange {
                min: TlsVersion::Tls12,
                max: TlsVersion::Tls13,
                ciphers: Vec::new(),
            },
            names: Vec::new(),
            issuer: Self::PUBLIC_ISSUER.into(),
            expires: SimDuration::from_secs(365 * 86_400),
            alpn: vec!["http/1.1".into()],
            strict_sni: false,
            optional: false,
        }
    }
}

/// TLS under a client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsClientSpec {
    /// Versions 1.0 to 1.3 if not said otherwise, as OpenSSL 3.0 offers.
    pub range: TlsRange,
    /// Whom it asks for (SNI) and expects in the certificate. A client that knows an address only
    /// sends no SNI; unless [`Self::address`] is said, it checks the issuer and the dates, but no
    /// name.
    pub server_name: Option<SmolStr>,
    /// The address that it expects in the certificate (RFC 9110 section 4.3.5), which is asked for
    /// by no SNI (RFC 6066 section 3).
    pub address: Option<IpAddr>,
    /// What it offers in ALPN.
    pub alpn: Vec<SmolStr>,
    /// Common names of further issuers that it trusts.
    pub trusts: Vec<SmolStr>,
    /// Look at the certificate (`false`: curl's `-k`).
    pub verify: bool,
    /// Look at the name after the handshake, as curl does; OpenSSL does so during the handshake.
    pub late_name_check: bool,
}

impl Default for TlsClientSpec {
    fn default() -> Self {
        Self {
            range: TlsRange {
                min: TlsVersion::Tls10,
                max: TlsVersion::Tls13,
                ciphers: Vec::new(),
            },
            server_name: None,
            address: None,
            alpn: vec!["h2".into(), "http/1.1".into()],
            trusts: Vec::new(),
            verify: true,
            late_name_check: false,
        }
    }
}
