//! Who is where in the network of a run, and who could come to it.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;
use wirelab_model::{InterfaceType, NetworkInterfaceId};
use wirelab_session::Run;

/// The addresses of a network.
pub(super) struct World {
    taken: BTreeSet<Ipv4Addr>,
    blocks: Vec<Ipv4Net>,
    /// The NAT gateways' interfaces, and their private addresses.
    pub(super) nat_gateways: Vec<(NetworkInterfaceId, Ipv4Addr)>,
}

impl World {
    pub(super) fn of(run: &Run) -> Self {
        let resources = run.control().resources();
        let interfaces = resources.network_interfaces.values();
        let blocks = resources.vpcs.values();
        let gateways = interfaces
            .clone()
            .filter(|it| it.interface_type == InterfaceType::NatGateway);
        Self {
            nat_gateways: gateways
                .map(|it| (it.network_interface_id.clone(), it.private_ip_address))
                .collect(),
            taken: interfaces
                .flat_map(|it| it.private_ip_addresses.iter())
                .map(|it| it.private_ip_address)
                .collect(),
            blocks: blocks.flat_map(|it| it.cidr_blocks.clone()).collect(),
        }
    }

    /// Whether an address is that of a VPC.
    pub(super) fn is_here(&self, address: Ipv4Addr) -> bool {
        self.blocks.iter().any(|block| block.contains(&address))
    }

    /// Whether a machine that is not there yet could have that address.
    pub(super) fn is_free(&self, address: Ipv4Addr) -> bool {
        self.is_here(address) && !self.taken.contains(&address)
    }

    /// An address that nobody has, in the block of a VPC that `beside` is in, or else close to it.
    pub(super) fn newcomer(&mut self, beside: Ipv4Addr) -> Ipv4Addr {
        let block = self.blocks.iter().find(|block| block.contains(&beside));
        let nearby = Ipv4Net::new(beside, 16).map_or_else(|_| Ipv4Net::default(), |it| it.trunc());
        // From its end, less the two that no machine has.
        let last = u32::from(block.unwrap_or(&nearby).broadcast());
        let mut free = (2..).map(|back| Ipv4Addr::from(last.wrapping_sub(back)));
        let found = free.find(|it| *it != beside && !self.taken.contains(it));
        let found = found.unwrap_or(beside);
        self.taken.insert(found);
        found
    }
}

/// The interface of a machine that is not there yet.
pub(super) fn interface(address: Ipv4Addr) -> NetworkInterfaceId {
    // Fibonacci hashing: addresses that differ give ids that look as different as EC2's.
    let digits = u64::from(u32::from(address)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    NetworkInterfaceId::new(format!("eni-0{digits:016x}"))
}
