//! `[network_acl.*]`.

use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::IpProtocol;

use crate::build::{Builder, name_tag};
use crate::fields::{Fields, Text};
use crate::rule;

/// `[network_acl.x] vpc, ingress, egress`. The final denies are AWS's.
pub(super) fn all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("network_acl") {
        let _ = network_acl(builder, &name, &fields);
        fields.finish();
    }
}

fn network_acl(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let vpc = builder.required_id(fields, "vpc");
    let (ingress, egress) = (fields.texts("ingress"), fields.texts("egress"));
    let parameters = json!({
        "VpcId": vpc?,
        "TagSpecifications": name_tag("network-acl", name),
    });
    let (operation, pointer) = ("CreateNetworkAcl", "/NetworkAcl/NetworkAclId");
    let id = builder.create(fields, "network_acl", name, operation, parameters, pointer)?;
    ingress
        .iter()
        .for_each(|text| entry(builder, name, &id, text, false));
    egress
        .iter()
        .for_each(|text| entry(builder, name, &id, text, true));
    Some(())
}

fn entry(builder: &mut Builder<'_>, name: &str, acl: &SmolStr, text: &Text, egress: bool) {
    let Some(entry) = rule::entry(text, egress, builder.sink) else {
        return;
    };
    let matching = &entry.rule.matching;
    let block = if entry.rule.peer.text.contains(':') {
        "Ipv6CidrBlock"
    } else {
        "CidrBlock"
    };
    let mut parameters = json!({
        "NetworkAclId": acl,
        "RuleNumber": entry.number,
        "Protocol": matching.protocol,
        "RuleAction": entry.action,
        "Egress": egress,
        block: entry.rule.peer.text,
    });
    match matching.protocol {
        IpProtocol::TCP | IpProtocol::UDP => parameters["PortRange"] = json!(matching.ports),
        IpProtocol::ICMP | IpProtocol::ICMPV6 => {
            parameters["IcmpTypeCode"] = json!(matching.icmp);
        }
        _ => {}
    }
    builder.call(&text.span, name, "CreateNetworkAclEntry", parameters);
}
