//! `[security_group.*]`.

use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{IpProtocol, SecurityGroupId, SecurityGroupRuleId};

use crate::build::{Builder, name_tag};
use crate::fields::{Fields, Text};
use crate::rule::{self, Rule};

/// `[security_group.x] vpc, description, ingress, egress`. Without `egress` the group has AWS's
/// default: everything may leave. Groups may name each other, so all are made before their rules.
pub(super) fn create_all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("security_group") {
        let _ = create(builder, &name, &fields);
        let _ = (fields.texts("ingress"), fields.node("egress"));
        fields.finish();
    }
}

/// Rules come after transit gateways: groups behind one can be named only once it is attached.
pub(super) fn all_rules(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("security_group") {
        let id = builder.names.id(&format!("security_group.{name}")).cloned();
        if let Some(id) = id {
            rules(builder, &name, &fields, &id);
        }
    }
}

fn create(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<SmolStr> {
    let vpc = builder.required_id(fields, "vpc");
    let description = fields
        .text("description")
        .map_or_else(|| name.to_owned(), |it| it.text);
    let parameters = json!({
        "VpcId": vpc?,
        "GroupName": name,
        "Description": description,
        "TagSpecifications": name_tag("security-group", name),
    });
    builder.create(
        fields,
        "security_group",
        name,
        "CreateSecurityGroup",
        parameters,
        "/GroupId",
    )
}

fn rules(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>, id: &SmolStr) {
    for text in fields.texts("ingress") {
        authorize(builder, name, id, &text, false);
    }
    if fields.has("egress") {
        let everything = json!({ "GroupId": id, "SecurityGroupRuleIds": outbound(builder, id) });
        builder.call(fields.span(), name, "RevokeSecurityGroupEgress", everything);
    }
    for text in fields.texts("egress") {
        authorize(builder, name, id, &text, true);
    }
}

/// The outbound rules that a group is born with: for IPv4, and for IPv6 if its VPC has it.
fn outbound(builder: &Builder<'_>, id: &SmolStr) -> Vec<SecurityGroupRuleId> {
    let groups = &builder.control.resources().security_groups;
    let group = groups.get(&SecurityGroupId::new(id.clone()));
    let rules = group.iter().flat_map(|it| &it.rules);
    let outbound = rules.filter(|it| it.is_egress);
    outbound
        .map(|it| it.security_group_rule_id.clone())
        .collect()
}

fn authorize(builder: &mut Builder<'_>, name: &str, id: &SmolStr, text: &Text, egress: bool) {
    let Some(rule) = rule::group_rule(text, egress, builder.sink) else {
        return;
    };
    let Some(permission) = permission(builder, id, &rule) else {
        return;
    };
    let operation = if egress {
        "AuthorizeSecurityGroupEgress"
    } else {
        "AuthorizeSecurityGroupIngress"
    };
    let parameters = json!({ "GroupId": id, "IpPermissions": [permission] });
    builder.call(&text.span, name, operation, parameters);
}

fn permission(builder: &Builder<'_>, own: &str, rule: &Rule) -> Option<Value> {
    let matching = &rule.matching;
    let mut permission = json!({ "IpProtocol": matching.protocol.to_string() });
    match matching.protocol {
        IpProtocol::TCP | IpProtocol::UDP => {
            permission["FromPort"] = json!(matching.ports.from);
            permission["ToPort"] = json!(matching.ports.to);
        }
        IpProtocol::ICMP | IpProtocol::ICMPV6 => {
            permission["FromPort"] = json!(matching.icmp.icmp_type);
            permission["ToPort"] = json!(matching.icmp.code);
        }
        IpProtocol::All => permission["IpProtocol"] = json!("-1"),
        IpProtocol::Number(_) => {}
    }
    let peer = &rule.peer;
    if peer.text.contains("security_group") {
        let group = builder.id("security_group", peer)?;
        let owner = builder.owner(&group).account;
        let pair = if owner == builder.owner(own).account {
            json!({ "GroupId": group })
        } else {
            json!({ "GroupId": group, "UserId": owner })
        };
        permission["UserIdGroupPairs"] = json!([pair]);
    } else if peer.text.contains("prefix_list") {
        let list = builder.id("prefix_list", peer)?;
        permission["PrefixListIds"] = json!([{ "PrefixListId": list }]);
    } else if peer.text.contains(':') {
        permission["Ipv6Ranges"] = json!([{ "CidrIpv6": peer.text }]);
    } else {
        permission["IpRanges"] = json!([{ "CidrIp": peer.text }]);
    }
    Some(permission)
}
