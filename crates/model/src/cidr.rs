//! CIDR blocks: `ipnet`'s types with EC2's habits.

use ipnet::IpNet;

/// A text that is no CIDR block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a CIDR block such as `10.0.0.0/16`")]
pub struct CidrError(String);

/// Reads `10.0.0.0/16`; the prefix length is required, host bits are kept.
///
/// # Errors
/// A text that is not an address with a prefix length.
pub fn parse_cidr(text: &str) -> Result<IpNet, CidrError> {
    text.parse().map_err(|_| CidrError(text.to_owned()))
}

/// The block with its host bits cleared, as EC2 stores it: `100.68.0.18/18` is `100.68.0.0/18`
/// (Amazon VPC User Guide, CreateNetworkAclEntry).
#[must_use]
pub fn canonical(cidr: IpNet) -> IpNet {
    cidr.trunc()
}
