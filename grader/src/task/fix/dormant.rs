//! What a repair left behind that opens nothing now: rules that wait for somebody to meet them.
//!
//! The exact sets know only of controls that guard something and of packets that can come by. A
//! rule for the whole internet in a group that no interface has is in none of them, and is in all
//! once the next machine is started with it. So it is said, and costs nothing.

use wirelab_model::{
    NetworkAcl, NetworkAclEntry, Resources, RuleAction, RulePeer, SecurityGroup, SecurityGroupRule,
};

use super::Aftermath;
use super::least::named;
use crate::finding::{Finding, FindingKind};
use crate::reach;

/// So many rules are shown.
const SHOWN: usize = 4;

/// One remark a group that nothing has and a list that no subnet has, with the rules that are new
/// there, and one about rules for IPv6 where nobody has it. `unmet` is what controls let in beyond
/// what is meant, and none can meet.
pub(super) fn rules(after: &Aftermath<'_>, unmet: &[reach::Excess]) -> Vec<Finding> {
    let names = &after.run.plan().names;
    let before = after.untouched.control().resources();
    let now = after.run.control().resources();
    let groups = now.security_groups.values().filter_map(|group| {
        let id = named(names, group.group_id.as_str());
        let why = match group.group_name.as_str() {
            "default" => "the next one that is given none has it",
            _ => "the next one that is given it is open so far",
        };
        let what = format!("{id} lets more in than before, and no interface has it: {why}");
        Some((what, of_group(before, now, group)?))
    });
    let lists = now.network_acls.values().filter_map(|acl| {
        let id = named(names, acl.network_acl_id.as_str());
        let what = format!("{id} lets more pass than before, and no subnet has it");
        Some((what, of_list(before, acl)?))
    });
    let of_v6 = unmet.iter().filter(|it| it.sample.source.is_ipv6());
    let of_v6: Vec<_> = of_v6.map(|it| it.rule.clone()).collect();
    let what = "you also let IPv6 in where nobody has it: whoever gets it is open so far";
    let of_v6 = (!of_v6.is_empty()).then(|| (what.to_owned(), of_v6));
    let found = groups.chain(lists).chain(of_v6);
    let found = found.map(|(what, mut rules)| {
        let more = rules.len().saturating_sub(SHOWN);
        rules.truncate(SHOWN);
        let mut finding = Finding::new(FindingKind::Dormant, what);
        finding.evidence = rules.iter().map(|it| named(names, it)).collect();
        match more {
            0 => finding,
            more => finding.evidence(format!("and {more} more")),
        }
    });
    found.collect()
}

/// The rules that are new in a group that no interface has: what others may send to whoever gets
/// it. That all may go out, and that all may speak in the default group, is what VPCs begin with.
fn of_group(before: &Resources, now: &Resources, group: &SecurityGroup) -> Option<Vec<String>> {
    let id = &group.group_id;
    let mut interfaces = now.network_interfaces.values();
    if interfaces.any(|it| it.groups.contains(id)) {
        return None;
    }
    let earlier = before.security_groups.get(id);
    let earlier = earlier.map_or(&[][..], |it| &it.rules);
    let is_new = |rule: &&SecurityGroupRule| {
        let same =
            |it: &SecurityGroupRule| it.security_group_rule_id == rule.security_group_rule_id;
        let among_itself = rule.peer == RulePeer::Group(id.clone());
        !rule.is_egress && !among_itself && !earlier.iter().any(same)
    };
    let new: Vec<_> = group.rules.iter().filter(is_new).map(reach::rule).collect();
    (!new.is_empty()).then_some(new)
}

/// The entries that are new in a list that no subnet has, and let something pass. A new VPC's own
/// list lets everything pass from the beginning.
fn of_list(before: &Resources, acl: &NetworkAcl) -> Option<Vec<String>> {
    let earlier = before.network_acls.get(&acl.network_acl_id);
    let is_new_vpcs = acl.is_default && earlier.is_none();
    if !acl.associations.is_empty() || is_new_vpcs {
        return None;
    }
    let is_new = |entry: &&NetworkAclEntry| {
        let is_old = earlier.is_some_and(|it| it.entries.contains(entry));
        entry.rule_action == RuleAction::Allow && !is_old
    };
    let new: Vec<_> = acl
        .entries
        .iter()
        .filter(is_new)
        .map(reach::entry)
        .collect();
    (!new.is_empty()).then_some(new)
}
