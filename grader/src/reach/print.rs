//! Rules in words.

use wirelab_model::{NetworkAclEntry, RuleAction, RulePeer, SecurityGroupRule};

/// `rule 100 allow tcp 32768-60999 from 10.0.1.0/24`.
pub(crate) fn entry(entry: &NetworkAclEntry) -> String {
    let number = if entry.is_default() {
        "*".to_owned()
    } else {
        entry.rule_number.to_string()
    };
    let action = match entry.rule_action {
        RuleAction::Allow => "allow",
        RuleAction::Deny => "deny",
    };
    let what = match (entry.port_range, entry.icmp_type_code) {
        (Some(ports), _) if !ports.is_all() => format!(" {ports}"),
        (_, Some(icmp)) if icmp.icmp_type >= 0 => {
            icmp_fields(i32::from(icmp.icmp_type), i32::from(icmp.code))
        }
        _ => String::new(),
    };
    let side = if entry.egress { "to" } else { "from" };
    format!(
        "rule {number} {action} {}{what} {side} {}",
        entry.protocol, entry.cidr_block
    )
}

/// ` type 3 code 4`, ` type 3`.
fn icmp_fields(icmp_type: i32, code: i32) -> String {
    if code < 0 {
        format!(" type {icmp_type}")
    } else {
        format!(" type {icmp_type} code {code}")
    }
}

/// `tcp 5432 from sg-...`.
pub(crate) fn rule(rule: &SecurityGroupRule) -> String {
    let what = match rule.ports() {
        Some(ports) if !ports.is_all() => format!(" {ports}"),
        Some(_) => String::new(),
        None if rule.from_port >= 0 => icmp_fields(rule.from_port, rule.to_port),
        None => String::new(),
    };
    let peer = match &rule.peer {
        RulePeer::Cidr(cidr) => cidr.to_string(),
        RulePeer::Group(group) => group.to_string(),
        RulePeer::PrefixList(list) => list.to_string(),
    };
    let side = if rule.is_egress { "to" } else { "from" };
    format!("{}{what} {side} {peer}", rule.ip_protocol)
}
