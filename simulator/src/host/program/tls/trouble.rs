//! What goes wrong with TLS, and how curl 7.88 with OpenSSL 3.0 words it.

use serde::{Deserialize, Serialize};

pub(crate) const CLOSE_NOTIFY: u8 = 0;
pub(crate) const UNEXPECTED_MESSAGE: u8 = 10;
pub(crate) const HANDSHAKE_FAILURE: u8 = 40;
pub(crate) const BAD_CERTIFICATE: u8 = 42;
pub(crate) const CERTIFICATE_EXPIRED: u8 = 45;
pub(crate) const UNKNOWN_CA: u8 = 48;
pub(crate) const DECODE_ERROR: u8 = 50;
pub(crate) const PROTOCOL_VERSION: u8 = 70;
pub(crate) const UNRECOGNIZED_NAME: u8 = 112;
pub(crate) const NO_APPLICATION_PROTOCOL: u8 = 120;

/// Why a connection ended before its time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Trouble {
    /// The peer's alert.
    Alert(u8),
    /// The peer does not speak TLS.
    NotTls,
    /// The peer chose a version that was not offered.
    Version,
    /// The peer broke the protocol.
    Broken,
    /// Nobody that is trusted has signed the certificate.
    UnknownIssuer,
    /// Its own subject has signed it.
    SelfSigned,
    /// Past its date.
    Expired,
    /// For other names than this one.
    WrongName(String),
}

impl Trouble {
    /// The alert that the side that found it sends; none for what is no TLS.
    pub(crate) const fn alert(&self) -> Option<u8> {
        match self {
            Self::Alert(_) | Self::NotTls => None,
            Self::Version => Some(PROTOCOL_VERSION),
            Self::Broken => Some(DECODE_ERROR),
            Self::UnknownIssuer | Self::SelfSigned => Some(UNKNOWN_CA),
            Self::Expired => Some(CERTIFICATE_EXPIRED),
            Self::WrongName(_) => Some(BAD_CERTIFICATE),
        }
    }

    /// Whether the client that found it closes with the rest of the server's flight unread: OpenSSL
    /// reads record by record, so the kernel answers the close with RST [tls-unknown-ca].
    pub(crate) const fn leaves_unread(&self) -> bool {
        matches!(
            self,
            Self::UnknownIssuer | Self::SelfSigned | Self::Expired | Self::WrongName(_)
        )
    }

    /// OpenSSL's number for what is wrong with a certificate (`X509_V_ERR_...`).
    pub(crate) const fn x509_code(&self) -> u8 {
        match self {
            Self::Expired => 10,
            Self::SelfSigned => 18,
            Self::UnknownIssuer => 20,
            _ => 0,
        }
    }

    /// The status and the text of `curl: (35) ...`.
    pub(crate) fn curl(&self) -> (i32, String) {
        let openssl = |code: &str, text: &str| {
            let text = format!("OpenSSL/3.0.19: error:{code}:SSL routines::{text}");
            (35, text)
        };
        let problem = |text: &str| (60, format!("SSL certificate problem: {text}"));
        match self {
            Self::Alert(number) => {
                let code = format!("0A{:06X}", 1000 + u32::from(*number));
                openssl(&code, alert_text(*number))
            }
            Self::NotTls => openssl("0A00010B", "wrong version number"),
            Self::Version => openssl("0A000102", "unsupported protocol"),
            Self::Broken => openssl("0A000126", "unexpected eof while reading"),
            Self::UnknownIssuer => problem("unable to get local issuer certificate"),
            Self::SelfSigned => problem("self-signed certificate"),
            Self::Expired => problem("certificate has expired"),
            Self::WrongName(host) => {
                let text = "SSL: no alternative certificate subject name matches target host name";
                (60, format!("{text} '{host}'"))
            }
        }
    }
}

/// `SSL_R_SSLV3_ALERT_...` and its likes; their numbers are 1000 and the alert's.
const fn alert_text(number: u8) -> &'static str {
    match number {
        UNEXPECTED_MESSAGE => "sslv3 alert unexpected message",
        HANDSHAKE_FAILURE => "sslv3 alert handshake failure",
        BAD_CERTIFICATE => "sslv3 alert bad certificate",
        CERTIFICATE_EXPIRED => "sslv3 alert certificate expired",
        UNKNOWN_CA => "tlsv1 alert unknown ca",
        DECODE_ERROR => "tlsv1 alert decode error",
        PROTOCOL_VERSION => "tlsv1 alert protocol version",
        UNRECOGNIZED_NAME => "tlsv1 unrecognized name",
        NO_APPLICATION_PROTOCOL => "tlsv1 alert no application protocol",
        _ => "reason(1000)",
    }
}
