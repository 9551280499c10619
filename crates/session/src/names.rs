//! What resources are called: those of the scenario file by the names they have there, what was
//! made since by its `Name` tag, as the console shows it.
//!
//! `web`, tagged on an instance that was launched in a sandbox, is `instance.web` then, and its
//! primary interface `network_interface.web`. A security group and a prefix list without the tag
//! have a name all the same. A name that says not which (two subnets of it, or one with a space) is
//! no name; what is gone gives its name free.

use wirelab_control::tagged;
use wirelab_model::{
    Caller, InstanceId, InstanceState, NatGatewayId, NatGatewayState, PrefixListId, Resources,
    SecurityGroupId, Tag, TransitGatewayAttachedResource, TransitGatewayAttachmentId,
};
use wirelab_scenario::Names;

use crate::run::Run;
use crate::session::Session;

impl Session {
    /// The names of everything there is.
    #[must_use]
    pub fn names(&self) -> Names {
        self.run().names()
    }

    /// What has no name of its own, by kind: it has no `Name` tag, one that is no word, or one that
    /// others of its kind have too.
    #[must_use]
    pub fn nameless(&self) -> Vec<Nameless> {
        let names = self.names();
        let resources = self.run().control().resources();
        let all = tagged(resources).into_iter();
        let found = all.filter(|(id, ..)| names.name_of(id).is_none());
        let found = found.filter_map(|(id, resource_type, tags)| {
            let kind = kind(resources, id, resource_type)?;
            Some(Nameless {
                kind,
                id: id.to_owned(),
                tag: name(resources, id, resource_type, tags).map(str::to_owned),
            })
        });
        let mut found: Vec<Nameless> = found.collect();
        found.sort();
        found
    }

    /// The same as a caller means them: what is theirs first, where others have a name too.
    #[must_use]
    pub fn names_for(&self, caller: &Caller) -> Names {
        let control = self.run().control();
        let is_theirs = |id: &str| {
            let (account, region) = control.owner_of(id);
            *account == caller.account && *region == caller.region
        };
        let made = self.run().made();
        let theirs = made.iter().filter(|(_, id, _)| is_theirs(id));
        let theirs = self.plan().names.and(theirs.map(borrowed));
        theirs.and(made.iter().map(borrowed))
    }
}

/// A resource that no name means alone.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Nameless {
    /// `instance`, as scenario files have it.
    pub kind: String,
    /// The `Name` tag, or a group's or list's own name.
    pub tag: Option<String>,
    /// The id.
    pub id: String,
}

impl Run {
    /// The names of everything there is.
    #[must_use]
    pub fn names(&self) -> Names {
        self.plan().names.and(self.made().iter().map(borrowed))
    }

    fn made(&self) -> Vec<Made<'_>> {
        let resources = self.control().resources();
        let made = tagged(resources).into_iter();
        let made = made.filter_map(|(id, resource_type, tags)| {
            let name = name(resources, id, resource_type, tags)?;
            Some((kind(resources, id, resource_type)?, id, name.to_owned()))
        });
        let mut made: Vec<Made<'_>> = made.collect();
        let interfaces = interfaces(resources, &made);
        made.extend(interfaces);
        made
    }
}

/// Kind, id, name.
type Made<'r> = (String, &'r str, String);

fn borrowed<'a>((kind, id, name): &'a Made<'_>) -> (&'a str, &'a str, &'a str) {
    (kind, id, name)
}

const INTERFACE: &str = "network_interface";

/// The tag, or what else it is called.
fn name<'r>(
    resources: &'r Resources,
    id: &str,
    resource_type: &str,
    tags: &'r [Tag],
) -> Option<&'r str> {
    let tag = tags.iter().find(|it| it.key == "Name");
    if let Some(tag) = tag {
        return Some(tag.value.as_str());
    }
    match resource_type {
        "security-group" => {
            let group = resources.security_groups.get(&SecurityGroupId::new(id))?;
            Some(group.group_name.as_str())
        }
        "prefix-list" => {
            let list = resources.managed_prefix_lists.get(&PrefixListId::new(id))?;
            Some(list.prefix_list_name.as_str())
        }
        _ => None,
    }
}

/// The kind of resource as scenario files have it; none if it is gone.
fn kind(resources: &Resources, id: &str, resource_type: &str) -> Option<String> {
    let kind = match resource_type {
        "natgateway" => {
            let state = resources.nat_gateways.get(&NatGatewayId::new(id))?.state;
            let is_gone = matches!(state, NatGatewayState::Deleted | NatGatewayState::Failed);
            (!is_gone).then_some("nat_gateway")?
        }
        "instance" => {
            let state = resources.instances.get(&InstanceId::new(id))?.state;
            (state != InstanceState::Terminated).then_some("instance")?
        }
        "transit-gateway-attachment" => {
            let id = TransitGatewayAttachmentId::new(id);
            let attachment = resources.transit_gateway_attachments.get(&id)?;
            if attachment.state.has_ended() {
                return None;
            }
            match attachment.resource {
                TransitGatewayAttachedResource::Vpc(_) => "transit_gateway_vpc_attachment",
                TransitGatewayAttachedResource::Vpn(_) => "transit_gateway_vpn_attachment",
                TransitGatewayAttachedResource::Peering(_) => "transit_gateway_peering_attachment",
            }
        }
        "elastic-ip" => "address",
        "vpc-flow-log" => "flow_log",
        "hostedzone" => "hosted_zone",
        other => return Some(other.replace('-', "_")),
    };
    Some(kind.to_owned())
}

/// Names of interfaces without a tag, by whose they are: `web`, `web-1` the next one's.
fn interfaces<'r>(resources: &'r Resources, made: &[Made<'r>]) -> Vec<Made<'r>> {
    let is_tagged = |id: &str| {
        let mut tagged = made.iter();
        tagged.any(|(kind, its, _)| kind == INTERFACE && *its == id)
    };
    let mut all = Vec::new();
    for (kind, id, name) in made {
        let own: Vec<&str> = match kind.as_str() {
            "instance" => {
                let instance = resources.instances.get(&InstanceId::new(*id));
                let own = instance.map(|it| it.network_interfaces.iter());
                own.into_iter().flatten().map(|it| it.as_str()).collect()
            }
            "nat_gateway" => {
                let gateway = resources.nat_gateways.get(&NatGatewayId::new(*id));
                let own = gateway.map(|it| it.nat_gateway_addresses.iter());
                let own = own.into_iter().flatten();
                own.map(|it| it.network_interface_id.as_str()).collect()
            }
            _ => continue,
        };
        for (at, id) in own.into_iter().enumerate().filter(|(_, id)| !is_tagged(id)) {
            let name = match at {
                0 => name.clone(),
                at => format!("{name}-{at}"),
            };
            all.push((INTERFACE.to_owned(), id, name));
        }
    }
    all
}
