//! Longest-prefix match.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::IpNet;

/// A table from blocks to values: one sorted list a prefix length, longest first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Lpm<T> {
    v4: Vec<Level<u32, T>>,
    v6: Vec<Level<u128, T>>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Level<A, T> {
    mask: A,
    length: u8,
    entries: Vec<(A, T)>,
}

impl<T> Default for Lpm<T> {
    fn default() -> Self {
        Self {
            v4: Vec::new(),
            v6: Vec::new(),
        }
    }
}

impl<T> Lpm<T> {
    /// Enters `block`, unless it is there already: who comes first has priority.
    pub(crate) fn insert(&mut self, block: IpNet, value: T) {
        match block {
            IpNet::V4(net) => {
                let mask = u32::from(net.netmask());
                insert(
                    &mut self.v4,
                    net.prefix_len(),
                    mask,
                    u32::from(net.addr()) & mask,
                    value,
                );
            }
            IpNet::V6(net) => {
                let mask = u128::from(net.netmask());
                insert(
                    &mut self.v6,
                    net.prefix_len(),
                    mask,
                    u128::from(net.addr()) & mask,
                    value,
                );
            }
        }
    }

    /// The value of the longest block that holds `address`.
    pub(crate) fn lookup(&self, address: IpAddr) -> Option<&T> {
        match address {
            IpAddr::V4(address) => lookup(&self.v4, u32::from(address)),
            IpAddr::V6(address) => lookup(&self.v6, u128::from(address)),
        }
    }
}

fn insert<A: Copy + Ord, T>(
    levels: &mut Vec<Level<A, T>>,
    length: u8,
    mask: A,
    network: A,
    value: T,
) {
    let at = match levels.binary_search_by(|level| length.cmp(&level.length)) {
        Ok(at) => at,
        Err(at) => {
            let entries = Vec::new();
            levels.insert(
                at,
                Level {
                    mask,
                    length,
                    entries,
                },
            );
            at
        }
    };
    let entries = &mut levels[at].entries;
    if let Err(place) = entries.binary_search_by_key(&network, |entry| entry.0) {
        entries.insert(place, (network, value));
    }
}

fn lookup<A, T>(levels: &[Level<A, T>], address: A) -> Option<&T>
where
    A: Copy + Ord + std::ops::BitAnd<Output = A>,
{
    levels.iter().find_map(|level| {
        let network = address & level.mask;
        let found = level
            .entries
            .binary_search_by_key(&network, |entry| entry.0);
        found.ok().map(|at| &level.entries[at].1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_default_route_matches_what_nothing_else_does() {
        let mut table = Lpm::default();
        for (block, value) in [
            ("0.0.0.0/0", 'd'),
            ("10.0.0.0/16", 'l'),
            ("10.0.3.0/24", 's'),
        ] {
            table.insert(block.parse().expect("a block"), value);
        }
        let find = |text: &str| table.lookup(text.parse().expect("an address")).copied();
        assert_eq!(find("10.0.3.9"), Some('s'));
        assert_eq!(find("10.0.4.9"), Some('l'));
        assert_eq!(find("10.1.4.9"), Some('d'));
        assert_eq!(find("fd00::1"), None);
    }

    proptest! {
        #[test]
        fn the_table_agrees_with_a_search_of_the_whole_list(
            blocks in prop::collection::vec((any::<u32>(), 0_u8..=32), 1..20),
            address in any::<u32>(),
            pick in any::<prop::sample::Index>(),
            near in any::<bool>(),
        ) {
            // Half of the addresses are near a block, else few would match.
            let address = if near { pick.get(&blocks).0 ^ (address & 0xff) } else { address };
            let address = std::net::Ipv4Addr::from(address);
            let nets: Vec<_> = blocks
                .iter()
                .map(|(net, len)| wirelab_model::Ipv4Net::new((*net).into(), *len).expect("a length"))
                .collect();
            let mut table = Lpm::default();
            for (index, net) in nets.iter().enumerate() {
                table.insert(IpNet::V4(*net), index);
            }
            let matching = nets.iter().filter(|net| net.contains(&address));
            let longest = matching.map(|net| net.prefix_len()).max();
            let wanted = longest.and_then(|length| {
                nets.iter().position(|net| net.contains(&address) && net.prefix_len() == length)
            });
            prop_assert_eq!(table.lookup(address.into()).copied(), wanted);
        }
    }
}
