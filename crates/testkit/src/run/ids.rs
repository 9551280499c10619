//! The ids that replies told, and those of what belongs to them.

use serde_json::Value;
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{NatGatewayId, NetworkInterfaceId, SecurityGroupId, VpnConnectionId};

use super::Run;

impl Run {
    /// The id with the prefix `kind` that the call `name` answered first.
    pub(crate) fn id(&self, kind: &str, name: &str) -> Option<&SmolStr> {
        self.ids.get(&(name.into(), kind.into()))
    }

    /// Replaces `$kind:name` by ids; `None` if one is unknown.
    pub(super) fn resolve(&self, value: &Value) -> Option<Value> {
        match value {
            Value::String(text) => match text.strip_prefix('$') {
                None => Some(value.clone()),
                Some(reference) => {
                    let (kind, name) = reference.split_once(':')?;
                    Some(Value::from(self.reference(kind, name)?.as_str()))
                }
            },
            Value::Array(all) => {
                let all: Option<Vec<_>> = all.iter().map(|it| self.resolve(it)).collect();
                Some(Value::Array(all?))
            }
            Value::Object(members) => {
                let members = members.iter();
                let members: Option<serde_json::Map<_, _>> = members
                    .map(|(key, value)| Some((key.clone(), self.resolve(value)?)))
                    .collect();
                Some(Value::Object(members?))
            }
            _ => Some(value.clone()),
        }
    }

    /// An id that a reply told, or one of what belongs to it now: `aclassoc-of` a subnet,
    /// `eipassoc-of` an instance's interface, `sgr-of` a group (an inbound rule), `natip-of` and
    /// `nateipassoc-of` a NAT gateway (its last address), `vpn-attach-of` a VPN connection.
    fn reference(&self, kind: &str, name: &str) -> Option<SmolStr> {
        let all = self.control.resources();
        match kind {
            "aclassoc-of" => {
                let subnet = self.id("subnet", name)?;
                let mut associations = all.network_acls.values().flat_map(|it| &it.associations);
                let found = associations.find(|it| it.subnet_id.as_str() == subnet)?;
                Some(found.network_acl_association_id.as_str().into())
            }
            "eipassoc-of" => {
                let interface = NetworkInterfaceId::new(self.id("eni", name)?.as_str());
                let mut addresses = all.addresses.values();
                let here = Some(&interface);
                let found = addresses.find(|it| it.network_interface_id.as_ref() == here)?;
                Some(found.association_id.as_ref()?.as_str().into())
            }
            "natip-of" | "nateipassoc-of" => {
                let id = NatGatewayId::new(self.id("nat", name)?.as_str());
                let last = all.nat_gateways.get(&id)?.nat_gateway_addresses.last()?;
                match kind {
                    "natip-of" => Some(format_smolstr!("{}", last.private_ip)),
                    _ => Some(last.association_id.as_ref()?.as_str().into()),
                }
            }
            "vpn-attach-of" => {
                let id = VpnConnectionId::new(self.id("vpn", name)?.as_str());
                let mut attachments = all.transit_gateway_attachments.values();
                let own = attachments.find(|it| it.vpn_connection_id() == Some(&id))?;
                Some(own.transit_gateway_attachment_id.as_str().into())
            }
            "sgr-of" => {
                let group = SecurityGroupId::new(self.id("sg", name)?.as_str());
                let rules = &all.security_groups.get(&group)?.rules;
                let rule = rules.iter().find(|it| !it.is_egress)?;
                Some(rule.security_group_rule_id.as_str().into())
            }
            _ => self.id(kind, name).cloned(),
        }
    }

    /// Remembers the ids in a reply.
    pub(super) fn learn(&mut self, name: &SmolStr, reply: &Value) {
        match reply {
            Value::String(text) => {
                if let Some((kind, number)) = text.rsplit_once('-')
                    && number.len() == 17
                    && number.bytes().all(|it| it.is_ascii_hexdigit())
                {
                    let key = (name.clone(), SmolStr::from(kind));
                    self.ids.entry(key).or_insert_with(|| text.into());
                }
            }
            Value::Array(all) => all.iter().for_each(|it| self.learn(name, it)),
            Value::Object(members) => members.values().for_each(|it| self.learn(name, it)),
            _ => {}
        }
    }
}
