//! References: from `instance.app.private_ip_address` to its value.

use std::net::IpAddr;

use serde_json::{Map, Value, json};
use wirelab_model::{Instance, InstanceId, IpNet, NetworkInterface, Resources};
use wirelab_simulator::host::{Attachment, HostSpec};
use wirelab_simulator::{CapturePoint, SegmentSpec};

use crate::error::suggest;
use crate::names::Names;
use crate::plan::{FillError, IntentEnd};

/// Everything that references lead to.
#[derive(Clone, Copy)]
pub(crate) struct Resolver<'a> {
    pub(crate) names: &'a Names,
    pub(crate) resources: &'a Resources,
    pub(crate) hosts: &'a [HostSpec],
    pub(crate) segments: &'a [SegmentSpec],
    pub(crate) variant: &'a Map<String, Value>,
    pub(crate) draws: &'a Map<String, Value>,
}

impl<'a> Resolver<'a> {
    /// The value of a reference: an id for `network_acl.db`, a member of the resource for
    /// `nat_gateway.out.state`, an address for `instance.app.private_ip_address` or
    /// `host.office.eth0`, a value for `variant.a.b` and `draw.c`.
    pub(crate) fn value(self, reference: &str) -> Result<Value, FillError> {
        let found = match reference.split_once('.') {
            Some(("variant", path)) => member(self.variant, path),
            Some(("draw", path)) => member(self.draws, path),
            Some(("host", rest)) => self.host_value(rest),
            Some((kind, rest)) => self.resource_value(kind, rest),
            None => None,
        };
        found.ok_or_else(|| self.nothing(reference))
    }

    /// The one address that a reference or literal stands for.
    pub(crate) fn address(self, text: &str) -> Result<IpAddr, FillError> {
        if let Ok(address) = text.parse() {
            return Ok(address);
        }
        let value = match text.split('.').collect::<Vec<_>>()[..] {
            ["instance", _] => self.value(&format!("{text}.private_ip_address")),
            ["nat_gateway" | "address", _] => self.value(&format!("{text}.public_ip")),
            ["host", _] => self.value(&format!("{text}.address")),
            [name] if self.is_machine("instance", name) => {
                return self.address(&format!("instance.{name}"));
            }
            [name] if self.is_machine("host", name) => {
                return self.address(&format!("host.{name}"));
            }
            _ => self.value(text),
        };
        let value = value.map_err(|_| self.nothing(text))?;
        let address = value.as_str().and_then(|text| text.parse().ok());
        address.ok_or_else(|| FillError {
            reference: text.to_owned(),
            hint: Some("it is no address".to_owned()),
        })
    }

    /// Whether there is a machine `kind.name`; the name alone is clear, since no host may have an
    /// instance's name.
    fn is_machine(self, kind: &str, name: &str) -> bool {
        let mut hosts = self.hosts.iter().filter(|host| host.name == name);
        hosts.any(|host| matches!(host.attachment, Attachment::Instance(_)) == (kind == "instance"))
    }

    /// Every address that an end of an intended flow stands for.
    pub(crate) fn end(self, text: &str) -> Result<IntentEnd, FillError> {
        let full = ["instance", "host"]
            .into_iter()
            .find(|kind| self.is_machine(kind, text))
            .map(|kind| format!("{kind}.{text}"));
        let text = full.as_deref().unwrap_or(text);
        let blocks = match text.split_once('.') {
            _ if text.parse::<IpNet>().is_ok() => vec![text.parse().expect("it was just parsed")],
            _ if text.parse::<IpAddr>().is_ok() => vec![self.address(text)?.into()],
            Some(("instance", name)) if !name.contains('.') => self.instance_blocks(text)?,
            Some(("host", name)) if !name.contains('.') => self.host_blocks(name, text)?,
            Some(("security_group", _)) => self.group_blocks(text)?,
            Some(("subnet" | "vpc", _)) => self.cidr_blocks(text)?,
            Some(("segment", name)) => {
                let segment = self.segments.iter().find(|it| it.name == name);
                vec![segment.ok_or_else(|| self.nothing(text))?.cidr]
            }
            _ => vec![self.address(text)?.into()],
        };
        let host = match text.split_once('.') {
            Some(("instance" | "host", name)) if !name.contains('.') => Some(name.into()),
            _ => None,
        };
        Ok(IntentEnd {
            text: text.to_owned(),
            blocks,
            host,
        })
    }

    /// The capture point that `instance.app`, `network_interface.app-1`, `host.office` or
    /// `host.office.eth1` stands for.
    pub(crate) fn capture_point(self, reference: &str) -> Result<CapturePoint, FillError> {
        let parts: Vec<&str> = reference.split('.').collect();
        let point = match parts[..] {
            ["instance", name] => self.names.id(&format!("network_interface.{name}")),
            ["network_interface", _] => self.names.id(reference),
            ["host", name] => return self.host_point(reference, name, None),
            ["host", name, interface] => return self.host_point(reference, name, Some(interface)),
            _ => None,
        };
        let id = point.ok_or_else(|| self.nothing(reference))?;
        let mut interfaces = self.resources.network_interfaces.keys();
        let interface = interfaces.find(|it| it.as_str() == id).cloned();
        interface
            .map(CapturePoint::Interface)
            .ok_or_else(|| self.nothing(reference))
    }

    fn host_point(
        self,
        reference: &str,
        name: &str,
        interface: Option<&str>,
    ) -> Result<CapturePoint, FillError> {
        let interfaces = self.host_interfaces(name);
        let found = match interface {
            None => interfaces.first(),
            Some(wanted) => interfaces.iter().find(|(its, _)| *its == wanted),
        };
        let (interface, _) = found.ok_or_else(|| self.nothing(reference))?;
        Ok(CapturePoint::HostInterface {
            host: name.into(),
            interface: (*interface).into(),
        })
    }

    /// Names and addresses of the interfaces of a machine outside AWS.
    fn host_interfaces(self, name: &str) -> Vec<(&'a str, Option<IpNet>)> {
        let host = self.hosts.iter().find(|it| it.name == name);
        let Some(Attachment::Outside {
            interfaces,
            customer_gateway,
            ..
        }) = host.map(|host| &host.attachment)
        else {
            return Vec::new();
        };
        let mut found: Vec<(&str, Option<IpNet>)> = interfaces
            .iter()
            .map(|it| (it.name.as_str(), Some(it.address)))
            .collect();
        if customer_gateway.is_some() {
            found.push(("tun0", None));
        }
        found
    }

    fn host_value(self, rest: &str) -> Option<Value> {
        let Some((name, wanted)) = rest.split_once('.') else {
            let is_host = self.hosts.iter().any(|it| it.name == rest);
            return is_host.then(|| json!(rest));
        };
        let interfaces = self.host_interfaces(name);
        let (_, address) = match wanted {
            "address" => interfaces.first()?,
            _ => interfaces.iter().find(|(its, _)| *its == wanted)?,
        };
        Some(json!(address.as_ref()?.addr()))
    }

    fn resource_value(self, kind: &str, rest: &str) -> Option<Value> {
        let (name, path) = rest.split_once('.').unwrap_or((rest, ""));
        let id = self.names.id(&format!("{kind}.{name}"))?;
        match (kind, path) {
            (_, "") => Some(json!(id)),
            ("instance", "private_ip_address") => Some(json!(self.primary(id)?.private_ip_address)),
            ("instance", "ipv6_address") => Some(json!(self.primary(id)?.ipv6_addresses.first()?)),
            ("instance", "public_ip") => {
                let association = self
                    .primary(id)?
                    .private_ip_addresses
                    .first()?
                    .association
                    .as_ref();
                Some(json!(association?.public_ip))
            }
            ("instance", "network_interface") => {
                Some(json!(self.primary(id)?.network_interface_id))
            }
            ("nat_gateway", "public_ip" | "private_ip" | "network_interface_id") => {
                let gateway = self.json(kind, id)?;
                let address = gateway.pointer("/NatGatewayAddresses/0")?;
                address.get(pascal(path)).cloned()
            }
            _ => {
                let path: String = path
                    .split('.')
                    .map(|part| format!("/{}", pascal(part)))
                    .collect();
                let resource = self.json(kind, id)?;
                // EC2's `CidrBlock` of a VPC is the first of those that it has.
                let first = || resource.pointer(&format!("{path}s/0"));
                resource.pointer(&path).or_else(first).cloned()
            }
        }
    }

    /// What `vpc.data` has, in snake case; of a list also its first: `cidr_block`, `cidr_blocks`.
    fn members(self, kind: &str, id: &str) -> Vec<String> {
        let resource = self.json(kind, id);
        let members = resource.as_ref().and_then(Value::as_object);
        let mut names = Vec::new();
        for (name, value) in members.into_iter().flatten() {
            let name = snake(name);
            match name.strip_suffix('s').filter(|_| value.is_array()) {
                Some(first) => names.extend([first.to_owned(), name.clone()]),
                None => names.push(name),
            }
        }
        names
    }

    fn json(self, kind: &str, id: &str) -> Option<Value> {
        let all = serde_json::to_value(self.resources).ok()?;
        let kind = match kind {
            "address" => "addresses",
            "prefix_list" => "managed_prefix_list",
            kind => kind,
        };
        let plural = [kind.to_owned(), format!("{kind}s"), format!("{kind}es")];
        plural
            .iter()
            .find_map(|kind| all.get(kind)?.get(id).cloned())
    }

    fn instance(self, id: &str) -> Option<&'a Instance> {
        let instance = self.resources.instances.get(&InstanceId::new(id))?;
        Some(instance)
    }

    fn primary(self, id: &str) -> Option<&'a NetworkInterface> {
        let interface = self.instance(id)?.network_interfaces.first()?;
        self.resources
            .network_interfaces
            .get(interface)
            .map(|it| &**it)
    }

    fn instance_blocks(self, text: &str) -> Result<Vec<IpNet>, FillError> {
        let instance = self.names.id(text).and_then(|id| self.instance(id));
        let instance = instance.ok_or_else(|| self.nothing(text))?;
        let interfaces = instance.network_interfaces.iter();
        let interfaces = interfaces.filter_map(|id| self.resources.network_interfaces.get(id));
        Ok(interfaces.flat_map(|it| interface_blocks(it)).collect())
    }

    fn host_blocks(self, name: &str, text: &str) -> Result<Vec<IpNet>, FillError> {
        let interfaces = self.host_interfaces(name);
        let addresses = interfaces.iter().filter_map(|(_, address)| *address);
        let blocks: Vec<IpNet> = addresses.map(|net| net.addr().into()).collect();
        if blocks.is_empty() {
            return Err(self.nothing(text));
        }
        Ok(blocks)
    }

    fn group_blocks(self, text: &str) -> Result<Vec<IpNet>, FillError> {
        let id = self.names.id(text).ok_or_else(|| self.nothing(text))?;
        let members = self.resources.network_interfaces.values();
        let members = members.filter(|it| it.groups.iter().any(|group| group.as_str() == id));
        Ok(members
            .flat_map(|it| {
                let ipv6 = it.ipv6_addresses.iter().copied().map(IpAddr::V6);
                std::iter::once(IpAddr::V4(it.private_ip_address)).chain(ipv6)
            })
            .map(IpNet::from)
            .collect())
    }

    fn cidr_blocks(self, text: &str) -> Result<Vec<IpNet>, FillError> {
        let id = self.names.id(text).ok_or_else(|| self.nothing(text))?;
        let vpcs = self
            .resources
            .vpcs
            .values()
            .filter(|it| it.vpc_id.as_str() == id);
        let mut blocks: Vec<IpNet> = vpcs
            .flat_map(|it| {
                let ipv6 = it.ipv6_cidr_blocks.iter().copied().map(IpNet::V6);
                it.cidr_blocks.iter().copied().map(IpNet::V4).chain(ipv6)
            })
            .collect();
        let subnets = self
            .resources
            .subnets
            .values()
            .filter(|it| it.subnet_id.as_str() == id);
        blocks.extend(subnets.flat_map(|it| {
            let ipv6 = it.ipv6_cidr_block.map(IpNet::V6);
            std::iter::once(IpNet::V4(it.cidr_block)).chain(ipv6)
        }));
        Ok(blocks)
    }

    fn nothing(self, reference: &str) -> FillError {
        if let Some(hint) = self.no_member(reference) {
            let (reference, hint) = (reference.to_owned(), Some(hint));
            return FillError { reference, hint };
        }
        let names: Vec<&str> = self.names.iter().map(|(name, _)| name).collect();
        let near = crate::error::nearest(reference, names.iter().copied());
        let of_kind = reference.split('.').next().unwrap_or_default();
        let siblings = names
            .into_iter()
            .filter(|name| name.split('.').next() == Some(of_kind));
        FillError {
            reference: reference.to_owned(),
            hint: near
                .map(|near| format!("did you mean `{near}`?"))
                .or_else(|| suggest(reference, siblings)),
        }
    }

    /// What is said of a member that a resource lacks; `None`: there is no such resource.
    fn no_member(self, reference: &str) -> Option<String> {
        let (kind, rest) = reference.split_once('.')?;
        let (name, wanted) = rest.split_once('.')?;
        let id = self.names.id(&format!("{kind}.{name}"))?;
        let members = self.members(kind, id);
        let near = crate::error::nearest(wanted, members.iter().map(String::as_str));
        let of = format!("`{kind}.{name}`");
        Some(match near {
            Some(near) => format!("of {of}, did you mean `{near}`?"),
            None => format!("{of} has {}", members.join(", ")),
        })
    }
}

/// `CidrBlocks` as `cidr_blocks`.
fn snake(pascal: &str) -> String {
    let mut snake = String::new();
    for letter in pascal.chars() {
        if letter.is_ascii_uppercase() && !snake.is_empty() {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    snake
}

fn interface_blocks(interface: &NetworkInterface) -> Vec<IpNet> {
    let mut blocks = Vec::new();
    for address in &interface.private_ip_addresses {
        blocks.push(IpAddr::V4(address.private_ip_address).into());
        let public = address.association.as_ref().map(|it| it.public_ip);
        blocks.extend(public.map(|public| IpNet::from(IpAddr::V4(public))));
    }
    let ipv6 = interface.ipv6_addresses.iter();
    blocks.extend(ipv6.map(|address| IpNet::from(IpAddr::V6(*address))));
    blocks
}

fn member(values: &Map<String, Value>, path: &str) -> Option<Value> {
    let mut parts = path.split('.');
    let mut value = values.get(parts.next()?)?;
    for part in parts {
        value = value.get(part)?;
    }
    Some(value.clone())
}

/// `private_ip_address` as `PrivateIpAddress`.
fn pascal(snake: &str) -> String {
    let words = snake.split('_').map(|word| {
        let mut letters = word.chars();
        let first = letters.next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(letters).collect::<String>()
    });
    words.collect()
}
