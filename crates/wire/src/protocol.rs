//! IANA protocol numbers that have a value of their own here.

/// RFC 792.
pub const ICMP: u8 = 1;
/// RFC 9293.
pub const TCP: u8 = 6;
/// RFC 768.
pub const UDP: u8 = 17;
/// IPv6's fragment header (RFC 8200 section 4.5).
pub const IPV6_FRAGMENT: u8 = 44;
/// RFC 4443.
pub const ICMPV6: u8 = 58;
