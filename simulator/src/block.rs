//! Blocks of addresses, asked once a rule a packet.

use std::net::IpAddr;

use wirelab_model::IpNet;

/// Whether the block holds the address, as [`IpNet::contains`](ipnet::Contains) says, which
/// computes both ends of the block first.
#[inline]
pub(crate) fn holds(block: &IpNet, address: IpAddr) -> bool {
    match (block, address) {
        (IpNet::V4(net), IpAddr::V4(address)) => {
            let differs = u32::from(net.addr()) ^ u32::from(address);
            differs.leading_zeros() >= u32::from(net.prefix_len())
        }
        (IpNet::V6(net), IpAddr::V6(address)) => {
            let differs = u128::from(net.addr()) ^ u128::from(address);
            differs.leading_zeros() >= u32::from(net.prefix_len())
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use wirelab_model::Ipv4Net;

    use super::*;

    proptest! {
        #[test]
        fn a_block_holds_what_lies_between_its_ends(
            net in any::<u32>(),
            length in 0_u8..=32,
            differs in any::<u32>(),
            near in 0_u32..32,
        ) {
            let block = Ipv4Net::new(net.into(), length).expect("a length");
            let address = std::net::Ipv4Addr::from(net ^ (differs >> near));
            prop_assert_eq!(holds(&IpNet::V4(block), address.into()), block.contains(&address));
        }
    }
}
