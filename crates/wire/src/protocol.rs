//! IANA protocol numbers that have a value of their own here.

/// RFC 792.
pub const ICMP: u8 = 1;
/// RFC 9293.
pub const TCP: u8 = 6;
/// RFC 768.
pub const UDP: u8 = 17;
/// RFC 4443.
pub const ICMPV6: u8 = 58;
