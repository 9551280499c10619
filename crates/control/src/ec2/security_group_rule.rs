//! Rules of security groups (Amazon EC2 API Reference: `AuthorizeSecurityGroupIngress` and its
//! kin).
//!
//! A call is all or nothing: one duplicate refuses every rule of it.

use ipnet::{IpNet, Ipv4Net, Ipv6Net};
use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::ec2::permission::{self, IpPermission, Meant, Permissions, RuleKey};
use crate::ec2::{prefix_list, security_group, security_group_reference};
use crate::error;
use crate::kind::Kind;
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{done, one};

/// Request types that say which rules of which group, in either form, and one thing more.
macro_rules! rules_requests {
    ($($name:ident { $($further:ident: $list:ty)? })*) => {$(
        #[derive(Deserialize)]
        #[serde(rename_all = "PascalCase", deny_unknown_fields)]
        pub(crate) struct $name {
            group_id: Option<SecurityGroupId>,
            group_name: Option<SmolStr>,
            #[serde(default)]
            ip_permissions: Vec<IpPermission>,
            ip_protocol: Option<IpProtocol>,
            from_port: Option<i32>,
            to_port: Option<i32>,
            cidr_ip: Option<Ipv4Net>,
            source_security_group_name: Option<SmolStr>,
            source_security_group_owner_id: Option<SmolStr>,
            $(#[serde(default)]
            $further: $list,)?
        }

        impl $name {
            fn into_rules(self) -> Rules {
                Rules {
                    group_id: self.group_id,
                    group_name: self.group_name,
                    permissions: Permissions {
                        ip_permissions: self.ip_permissions,
                        ip_protocol: self.ip_protocol,
                        from_port: self.from_port,
                        to_port: self.to_port,
                        cidr_ip: self.cidr_ip,
                        source_security_group_name: self.source_security_group_name,
                        source_security_group_owner_id: self.source_security_group_owner_id,
                    },
                }
            }
        }
    )*};
}

rules_requests! {
    Authorize {}
    Revoke { security_group_rule_ids: Vec<SecurityGroupRuleId> }
}

/// `UpdateSecurityGroupRuleDescriptionsIngress` and `...Egress`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct UpdateDescriptions {
    group_id: Option<SecurityGroupId>,
    group_name: Option<SmolStr>,
    #[serde(default)]
    ip_permissions: Vec<IpPermission>,
    #[serde(default)]
    security_group_rule_descriptions: Vec<RuleDescription>,
}

/// Which rules of which group.
struct Rules {
    group_id: Option<SecurityGroupId>,
    group_name: Option<SmolStr>,
    permissions: Permissions,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RuleDescription {
    security_group_rule_id: SecurityGroupRuleId,
    description: Option<SmolStr>,
}

impl Rules {
    fn group(&self, tx: &Transaction<'_>) -> Result<SecurityGroup, ApiError> {
        let (id, name) = (self.group_id.clone(), self.group_name.as_deref());
        let id = security_group::find(tx.each(), tx.each(), id, name)?;
        tx.get::<SecurityGroup>(&id)
            .map(|group| SecurityGroup::clone(group))
    }

    /// The rules that the call describes; groups that are named are of the default VPC.
    fn meant(self, tx: &Transaction<'_>) -> Result<Vec<Meant>, ApiError> {
        let by_name = |name: &str| security_group::find(tx.each(), tx.each(), None, Some(name));
        self.permissions.rules(by_name)
    }
}

/// A group of another account must be said to be that account's (VPC Peering Guide, "Update your
/// security groups to reference peer security groups"), but in a scenario's file.
fn check_owner(
    tx: &Transaction<'_>,
    peer: &RulePeer,
    said: Option<&SmolStr>,
) -> Result<(), ApiError> {
    let RulePeer::Group(id) = peer else {
        return Ok(());
    };
    let said = match said {
        None if tx.is_structural() => return Ok(()),
        said => said.unwrap_or(&tx.owner),
    };
    let group = tx.resources().security_groups.get(id);
    match group.is_some_and(|it| it.owner_id != *said) {
        true => Err(SecurityGroup::missing(id)),
        false => Ok(()),
    }
}

/// What a new rule refers to is there, and may be referred to.
fn check_peer(
    tx: &mut Transaction<'_>,
    vpc_id: &VpcId,
    peer: &RulePeer,
    is_egress: bool,
) -> Result<(), ApiError> {
    match peer {
        RulePeer::Cidr(_) => {}
        RulePeer::Group(id) => security_group_reference::check(tx, vpc_id, id, is_egress)?,
        RulePeer::PrefixList(id) => prefix_list::refuse_deleted(tx, id)?,
    }
    Ok(())
}

pub(crate) fn authorize_ingress(tx: &mut Transaction<'_>, request: Authorize) -> Reply {
    authorize(tx, request, false)
}

pub(crate) fn authorize_egress(tx: &mut Transaction<'_>, request: Authorize) -> Reply {
    authorize(tx, request, true)
}

fn authorize(tx: &mut Transaction<'_>, request: Authorize, is_egress: bool) -> Reply {
    let rules = request.into_rules();
    let mut group = rules.group(tx)?;
    let tags = tx.tags_of("security-group-rule")?;
    let mut made = Vec::new();
    for meant in rules.meant(tx)? {
        let (key, description) = (meant.key, meant.description);
        check_owner(tx, &key.peer, meant.owner.as_ref())?;
        check_peer(tx, &group.vpc_id, &key.peer, is_egress)?;
        security_group::check_description("rule", description.as_deref().unwrap_or_default())?;
        let known =
            |rule: &SecurityGroupRule| rule.is_egress == is_egress && RuleKey::of(rule) == key;
        if group.rules.iter().any(known) {
            return Err(error::rule_duplicate(key));
        }
        let id = tx.new_text_id(SecurityGroupRuleId::PREFIX);
        let rule = SecurityGroupRule {
            security_group_rule_id: SecurityGroupRuleId::new(id),
            ..described(&group, is_egress, key, description)
        };
        if !tags.is_empty() {
            let id = rule.security_group_rule_id.clone();
            tx.state.rule_tags.insert(id, tags.clone());
        }
        made.push(rule.clone());
        group.rules.push(rule);
    }
    check_limit(tx, &group, is_egress)?;
    let shown: Vec<_> = made
        .iter()
        .map(|rule| show(rule, &group, tx.state))
        .collect();
    tx.put(group);
    Ok(json!({ "Return": true, "SecurityGroupRules": shown }))
}

/// Refuses a rule that none of the caller's groups has.
///
/// # Errors
/// `InvalidSecurityGroupRuleId.NotFound`.
pub(crate) fn require(tx: &Transaction<'_>, id: &SecurityGroupRuleId) -> Result<(), ApiError> {
    let mut rules = tx.each::<SecurityGroup>().flat_map(|it| &it.rules);
    let known = rules.any(|it| it.security_group_rule_id == *id);
    known
        .then_some(())
        .ok_or_else(|| error::rule_id_not_found(id))
}

fn check_limit(
    tx: &Transaction<'_>,
    group: &SecurityGroup,
    is_egress: bool,
) -> Result<(), ApiError> {
    let quota = tx.quotas().rules_per_security_group;
    if rule_count(group, is_egress, tx.resources()) > quota {
        return Err(error::group_rule_limit());
    }
    Ok(())
}

/// How many rules of one direction the quota counts: IPv4 and IPv6 separately, of which the larger
/// number matters. A reference to a group counts for both, a prefix list with its maximum size.
pub(crate) fn rule_count(group: &SecurityGroup, is_egress: bool, resources: &Resources) -> usize {
    let count = |version: AddressFamily| -> usize {
        let rules = group
            .rules
            .iter()
            .filter(|rule| rule.is_egress == is_egress);
        let weights = rules.map(|rule| match &rule.peer {
            RulePeer::Cidr(cidr) => usize::from(AddressFamily::of(*cidr) == version),
            RulePeer::Group(_) => 1,
            RulePeer::PrefixList(id) => {
                let list = resources.managed_prefix_lists.get(id);
                list.filter(|it| it.address_family == version)
                    .map_or(0, |it| it.weight())
            }
        });
        weights.sum()
    };
    count(AddressFamily::IPv4).max(count(AddressFamily::IPv6))
}

pub(crate) fn revoke_ingress(tx: &mut Transaction<'_>, request: Revoke) -> Reply {
    revoke(tx, request, false)
}

pub(crate) fn revoke_egress(tx: &mut Transaction<'_>, request: Revoke) -> Reply {
    revoke(tx, request, true)
}

fn revoke(tx: &mut Transaction<'_>, mut request: Revoke, is_egress: bool) -> Reply {
    let ids = std::mem::take(&mut request.security_group_rule_ids);
    let rules = request.into_rules();
    let mut group = rules.group(tx)?;
    let is_default = tx.get::<Vpc>(&group.vpc_id)?.is_default;
    let (mut revoked, mut unknown) = (Vec::new(), Vec::new());
    if ids.is_empty() {
        for meant in rules.meant(tx)? {
            match position(&group, is_egress, &meant.key) {
                Some(index) => revoked.push(group.rules.remove(index)),
                // In a default VPC this is no error (the action's page in the API reference).
                None if is_default => {
                    unknown.push(described(&group, is_egress, meant.key, meant.description));
                }
                None => return Err(error::rule_not_found()),
            }
        }
    } else {
        for id in &ids {
            let of_id = |rule: &SecurityGroupRule| {
                rule.security_group_rule_id == *id && rule.is_egress == is_egress
            };
            let index = group.rules.iter().position(of_id);
            let index = index.ok_or_else(|| error::rule_id_not_found(id))?;
            revoked.push(group.rules.remove(index));
        }
    }
    for rule in &revoked {
        tx.state.rule_tags.remove(&rule.security_group_rule_id);
    }
    let shown: Vec<_> = revoked.iter().map(show_revoked).collect();
    let mut reply = json!({ "Return": true, "RevokedSecurityGroupRules": shown });
    if !unknown.is_empty() {
        let unknown: Vec<_> = unknown.iter().collect();
        reply["UnknownIpPermissions"] = permission::show(&unknown, &group, tx.state);
    }
    tx.put(group);
    Ok(reply)
}

/// A rule that a call describes and no group has.
fn described(
    group: &SecurityGroup,
    is_egress: bool,
    key: RuleKey,
    description: Option<SmolStr>,
) -> SecurityGroupRule {
    SecurityGroupRule {
        security_group_rule_id: SecurityGroupRuleId::new(""),
        group_id: group.group_id.clone(),
        is_egress,
        ip_protocol: key.protocol,
        from_port: key.from_port,
        to_port: key.to_port,
        peer: key.peer,
        description,
    }
}

fn position(group: &SecurityGroup, is_egress: bool, key: &RuleKey) -> Option<usize> {
    group
        .rules
        .iter()
        .position(|rule| rule.is_egress == is_egress && RuleKey::of(rule) == *key)
}

pub(crate) fn update_ingress_descriptions(
    tx: &mut Transaction<'_>,
    request: UpdateDescriptions,
) -> Reply {
    update_descriptions(tx, request, false)
}

pub(crate) fn update_egress_descriptions(
    tx: &mut Transaction<'_>,
    request: UpdateDescriptions,
) -> Reply {
    update_descriptions(tx, request, true)
}

fn update_descriptions(
    tx: &mut Transaction<'_>,
    request: UpdateDescriptions,
    is_egress: bool,
) -> Reply {
    let rules = Rules {
        group_id: request.group_id,
        group_name: request.group_name,
        permissions: Permissions {
            ip_permissions: request.ip_permissions,
            ..Permissions::default()
        },
    };
    let mut group = rules.group(tx)?;
    if request.security_group_rule_descriptions.is_empty() {
        for meant in rules.meant(tx)? {
            let description = meant.description;
            let index = position(&group, is_egress, &meant.key);
            let index = index.ok_or_else(error::rule_not_found)?;
            security_group::check_description("rule", description.as_deref().unwrap_or_default())?;
            group.rules[index].description = description;
        }
    } else {
        for new in request.security_group_rule_descriptions {
            let id = &new.security_group_rule_id;
            security_group::check_description(
                "rule",
                new.description.as_deref().unwrap_or_default(),
            )?;
            rule_mut(&mut group, id)?.description = new.description;
        }
    }
    tx.put(group);
    Ok(done())
}

fn rule_mut<'a>(
    group: &'a mut SecurityGroup,
    id: &SecurityGroupRuleId,
) -> Result<&'a mut SecurityGroupRule, ApiError> {
    let mut rules = group.rules.iter_mut();
    rules
        .find(|rule| rule.security_group_rule_id == *id)
        .ok_or_else(|| error::rule_id_not_found(id))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifySecurityGroupRules {
    group_id: SecurityGroupId,
    security_group_rules: Vec<RuleUpdate>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct RuleUpdate {
    security_group_rule_id: SecurityGroupRuleId,
    security_group_rule: NewRule,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct NewRule {
    ip_protocol: IpProtocol,
    from_port: Option<i32>,
    to_port: Option<i32>,
    cidr_ipv4: Option<Ipv4Net>,
    cidr_ipv6: Option<Ipv6Net>,
    referenced_group_id: Option<SecurityGroupId>,
    prefix_list_id: Option<PrefixListId>,
    description: Option<SmolStr>,
}

impl NewRule {
    fn peer(&self) -> Result<RulePeer, ApiError> {
        let names = "CidrIpv4, CidrIpv6, PrefixListId, ReferencedGroupId";
        let block = |cidr| RulePeer::Cidr(canonical(cidr));
        let given = [
            self.cidr_ipv4.map(|cidr| block(IpNet::V4(cidr))),
            self.cidr_ipv6.map(|cidr| block(IpNet::V6(cidr))),
            self.prefix_list_id.clone().map(RulePeer::PrefixList),
            self.referenced_group_id.clone().map(RulePeer::Group),
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(peer), None) => Ok(peer),
            (None, _) => Err(error::missing_one_of(names)),
            (Some(_), Some(_)) => Err(error::combination(format_args!("Only one of {names}"))),
        }
    }
}

pub(crate) fn modify_security_group_rules(
    tx: &mut Transaction<'_>,
    request: ModifySecurityGroupRules,
) -> Reply {
    let mut group = SecurityGroup::clone(tx.get::<SecurityGroup>(&request.group_id)?);
    for update in request.security_group_rules {
        let new = update.security_group_rule;
        let peer = new.peer()?;
        let id = &update.security_group_rule_id;
        let is_egress = rule_mut(&mut group, id)?.is_egress;
        check_peer(tx, &group.vpc_id, &peer, is_egress)?;
        let (from_port, to_port) =
            permission::checked_ports(new.ip_protocol, new.from_port, new.to_port)?;
        let rule = rule_mut(&mut group, id)?;
        rule.ip_protocol = new.ip_protocol;
        rule.from_port = from_port;
        rule.to_port = to_port;
        rule.peer = peer;
        rule.description = new.description;
    }
    refuse_duplicates(&group)?;
    for is_egress in [false, true] {
        check_limit(tx, &group, is_egress)?;
    }
    tx.put(group);
    Ok(done())
}

fn refuse_duplicates(group: &SecurityGroup) -> Result<(), ApiError> {
    let mut seen = std::collections::BTreeSet::new();
    for rule in &group.rules {
        let key = RuleKey::of(rule);
        if !seen.insert((rule.is_egress, key.clone())) {
            return Err(error::rule_duplicate(key));
        }
    }
    Ok(())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeSecurityGroupRules {
    #[serde(default)]
    security_group_rule_ids: Vec<SecurityGroupRuleId>,
}

const FIELDS: &[Field<SecurityGroupRule>] = &[
    ("group-id", |it, _| one(&it.group_id)),
    ("security-group-rule-id", |it, _| {
        one(&it.security_group_rule_id)
    }),
];

pub(crate) fn describe_security_group_rules(
    reader: &Reader<'_>,
    request: DescribeSecurityGroupRules,
) -> Reply {
    reader.check_filters(FIELDS)?;
    let wanted = &request.security_group_rule_ids;
    let mut chosen = Vec::new();
    for group in reader.each::<SecurityGroup>() {
        for rule in &group.rules {
            let named = wanted.is_empty() || wanted.contains(&rule.security_group_rule_id);
            let tags = reader.state.rule_tags.get(&rule.security_group_rule_id);
            let tags = tags.map_or(&[][..], |it| &it[..]);
            if named && reader.passes(rule, tags, FIELDS)? {
                chosen.push((rule, group));
            }
        }
    }
    let known = |id: &&SecurityGroupRuleId| {
        reader.each::<SecurityGroup>().any(|it| {
            it.rules
                .iter()
                .any(|rule| rule.security_group_rule_id == **id)
        })
    };
    if let Some(unknown) = wanted.iter().find(|id| !known(id)) {
        return Err(error::rule_id_not_found(unknown));
    }
    reader.page(
        "SecurityGroupRules",
        chosen,
        |(rule, _)| rule.security_group_rule_id.to_string(),
        |(rule, group)| show(rule, group, reader.state),
    )
}

fn show(rule: &SecurityGroupRule, group: &SecurityGroup, state: &State) -> Value {
    let mut shown = json!({
        "SecurityGroupRuleId": rule.security_group_rule_id,
        "GroupId": rule.group_id,
        "GroupOwnerId": group.owner_id,
        "IsEgress": rule.is_egress,
        "IpProtocol": permission::protocol_text(rule.ip_protocol),
        "FromPort": rule.from_port,
        "ToPort": rule.to_port,
    });
    let (member, value) = match &rule.peer {
        RulePeer::Group(id) => {
            let mut info = security_group_reference::pair(id, group, state);
            if info["VpcId"].is_null() {
                let peer = state.resources.security_groups.get(id);
                info["VpcId"] = json!(peer.map(|it| &it.vpc_id));
            }
            ("ReferencedGroupInfo", info)
        }
        peer => show_peer(peer),
    };
    shown[member] = value;
    shown["Description"] = json!(rule.description);
    let tags = state.rule_tags.get(&rule.security_group_rule_id);
    shown["Tags"] = json!(tags.map_or(&[][..], |it| &it[..]));
    shown
}

/// The other end of a rule: the member that bears it, and its value.
fn show_peer(peer: &RulePeer) -> (&'static str, Value) {
    match peer {
        RulePeer::Cidr(IpNet::V4(cidr)) => ("CidrIpv4", json!(cidr)),
        RulePeer::Cidr(IpNet::V6(cidr)) => ("CidrIpv6", json!(cidr)),
        RulePeer::Group(id) => ("ReferencedGroupId", json!(id)),
        RulePeer::PrefixList(id) => ("PrefixListId", json!(id)),
    }
}

fn show_revoked(rule: &SecurityGroupRule) -> Value {
    let mut shown = json!({
        "SecurityGroupRuleId": rule.security_group_rule_id,
        "GroupId": rule.group_id,
        "IsEgress": rule.is_egress,
        "IpProtocol": permission::protocol_text(rule.ip_protocol),
        "FromPort": rule.from_port,
        "ToPort": rule.to_port,
    });
    let (member, value) = show_peer(&rule.peer);
    shown[member] = value;
    shown["Description"] = json!(rule.description);
    shown
}
