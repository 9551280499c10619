//! IP protocols as rules name them.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// An IANA protocol number, or all of them (`-1` in the EC2 API).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum IpProtocol {
    /// `-1`: every protocol.
    All,
    /// One protocol by its IANA number.
    Number(u8),
}

impl IpProtocol {
    /// ICMP, RFC 792.
    pub const ICMP: Self = Self::Number(1);
    /// TCP, RFC 9293.
    pub const TCP: Self = Self::Number(6);
    /// UDP, RFC 768.
    pub const UDP: Self = Self::Number(17);
    /// ICMPv6, RFC 4443.
    pub const ICMPV6: Self = Self::Number(58);

    /// Whether the protocol `number` is meant.
    #[must_use]
    pub fn matches(self, number: u8) -> bool {
        self == Self::All || self == Self::Number(number)
    }

    /// The number as the network ACL API writes it: `-1`, `6`.
    #[must_use]
    pub fn number(self) -> String {
        match self {
            Self::All => "-1".to_owned(),
            Self::Number(number) => number.to_string(),
        }
    }
}

/// `all`, `tcp`, `udp`, `icmp`, `icmpv6`, or the number.
impl fmt::Display for IpProtocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::All => f.write_str("all"),
            Self::ICMP => f.write_str("icmp"),
            Self::TCP => f.write_str("tcp"),
            Self::UDP => f.write_str("udp"),
            Self::ICMPV6 => f.write_str("icmpv6"),
            Self::Number(number) => write!(f, "{number}"),
        }
    }
}

/// A text that names no protocol.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a protocol; use tcp, udp, icmp, icmpv6, a number from 0 to 255, or all (-1)")]
pub struct ProtocolError(String);

impl FromStr for IpProtocol {
    type Err = ProtocolError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "-1" | "all" => Ok(Self::All),
            "icmp" => Ok(Self::ICMP),
            "tcp" => Ok(Self::TCP),
            "udp" => Ok(Self::UDP),
            "icmpv6" => Ok(Self::ICMPV6),
            _ => text
                .parse()
                .map(Self::Number)
                .map_err(|_| ProtocolError(text.to_owned())),
        }
    }
}

impl Serialize for IpProtocol {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.number())
    }
}

impl<'de> Deserialize<'de> for IpProtocol {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}
