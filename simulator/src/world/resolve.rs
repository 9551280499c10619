//! What a machine gets to know of a name, without a packet.

use std::net::{IpAddr, Ipv4Addr};

use wirelab_model::{InstanceId, IpNet, Vpc};

use super::World;
use crate::service::addresses_of;

/// The Amazon resolver of every VPC.
const AMAZON: IpAddr = IpAddr::V4(Ipv4Addr::new(169, 254, 169, 253));

impl World {
    /// The IPv4 addresses that the name servers of an instance's machine would give for a name:
    /// the Amazon resolver of its VPC while that answers, or public ones. Servers of one's own are
    /// not asked.
    #[must_use]
    pub fn resolve(&self, instance: &InstanceId, name: &str) -> Vec<IpAddr> {
        let resources = &self.topology.resources;
        let number = self.by_instance.get(instance);
        let instance = resources.instances.get(instance);
        let vpc = instance.and_then(|it| resources.vpcs.get(&it.vpc_id));
        let (Some(number), Some(vpc)) = (number, vpc) else {
            return Vec::new();
        };
        let interfaces = self.machines[*number as usize].host.interfaces().iter();
        let mut servers = interfaces.flat_map(|it| &it.resolvers);
        let found = servers.find_map(|server| {
            if *server == AMAZON || Some(*server) == own_resolver(vpc) {
                vpc.enable_dns_support.then_some(Some(&vpc.vpc_id))
            } else {
                crate::reach::is_public(*server).then_some(None)
            }
        });
        found.map_or_else(Vec::new, |view| addresses_of(name, view, self.context()))
    }
}

/// The second address of the first block.
fn own_resolver(vpc: &Vpc) -> Option<IpAddr> {
    let block = IpNet::from(*vpc.cidr_blocks.first()?);
    block.hosts().nth(1)
}
