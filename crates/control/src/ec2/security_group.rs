//! Security groups (Amazon EC2 API Reference: `CreateSecurityGroup` and its kin; Amazon VPC User
//! Guide, "Security group rules"). Calls on rules are in [`super::security_group_rule`].

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::ec2::{default_vpc, permission};
use crate::error;
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{each, one, tags};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct CreateSecurityGroup {
    group_name: SmolStr,
    description: String,
    vpc_id: Option<VpcId>,
}

pub(crate) fn create_security_group(
    tx: &mut Transaction<'_>,
    request: CreateSecurityGroup,
) -> Reply {
    let vpc_id = request.vpc_id.or_else(|| default_vpc::id(tx));
    let vpc_id = vpc_id.ok_or_else(error::vpc_not_specified)?;
    tx.get::<Vpc>(&vpc_id)?;
    check_name(&request.group_name)?;
    if request.description.is_empty() && !tx.is_structural() {
        return Err(error::missing_parameter("GroupDescription"));
    }
    check_description("security group", &request.description)?;
    if tx.each::<SecurityGroup>().count() >= tx.quotas().security_groups {
        return Err(error::group_limit());
    }
    let same = |it: &SecurityGroup| it.vpc_id == vpc_id && it.group_name == request.group_name;
    if tx.each::<SecurityGroup>().any(same) {
        return Err(error::group_duplicate(&request.group_name, &vpc_id));
    }
    let mut group = new_group(tx, &vpc_id, request.group_name, request.description);
    group.tags = tx.tags::<SecurityGroup>()?;
    let reply = json!({
        "GroupId": group.group_id,
        "SecurityGroupArn": arn(&group, &tx.region),
        "Tags": tags(&group.tags),
    });
    tx.put(group);
    Ok(reply)
}

fn check_name(name: &str) -> Result<(), ApiError> {
    if name == "default" {
        return Err(error::group_reserved(name));
    }
    if name.is_empty() || name.len() > 255 || name.starts_with("sg-") {
        return Err(error::invalid_parameter_value(format_args!(
            "Value ({name}) for parameter GroupName is invalid. It has 1 to 255 characters and \
            does not begin with sg-"
        )));
    }
    Ok(())
}

/// Descriptions of groups and rules: up to 255 characters of a small set (`CreateSecurityGroup`,
/// `AuthorizeSecurityGroupIngress`).
pub(crate) fn check_description(of: &str, text: &str) -> Result<(), ApiError> {
    const MARKS: &str = " ._-:/()#,@[]+=&;{}!$*";
    let allowed = |c: char| c.is_ascii_alphanumeric() || MARKS.contains(c);
    if text.chars().count() < 256 && text.chars().all(allowed) {
        return Ok(());
    }
    Err(error::invalid_parameter_value(format_args!(
        "Invalid {of} description. Valid descriptions are strings less than 256 characters from \
         the following set:  a-zA-Z0-9. _-:/()#,@[]+=&;{{}}!$*"
    )))
}

/// The group that a VPC is born with: all from itself, all to anywhere.
pub(crate) fn create_default(tx: &mut Transaction<'_>, vpc_id: &VpcId) {
    let text = "default VPC security group";
    let mut group = new_group(tx, vpc_id, "default".into(), text.to_owned());
    let peer = RulePeer::Group(group.group_id.clone());
    let from_itself = rule_for_all(tx, &group.group_id, false, peer);
    group.rules.insert(0, from_itself);
    tx.put(group);
}

/// A group with the outbound rules that every group is born with.
fn new_group(
    tx: &mut Transaction<'_>,
    vpc_id: &VpcId,
    group_name: SmolStr,
    description: String,
) -> SecurityGroup {
    let group_id = tx.new_id::<SecurityGroup>();
    let vpc = tx.resources().vpcs.get(vpc_id);
    let ipv6 = vpc.is_some_and(|vpc| !vpc.ipv6_cidr_blocks.is_empty());
    let mut anywhere: Vec<IpNet> = vec!["0.0.0.0/0".parse().expect("a CIDR block")];
    if ipv6 {
        anywhere.push("::/0".parse().expect("a CIDR block"));
    }
    let rules = anywhere
        .into_iter()
        .map(|cidr| rule_for_all(tx, &group_id, true, RulePeer::Cidr(cidr)))
        .collect();
    SecurityGroup {
        group_id,
        group_name,
        description,
        vpc_id: vpc_id.clone(),
        rules,
        owner_id: tx.owner.clone(),
        tags: Vec::new(),
    }
}

/// The VPC has an IPv6 block: its default group lets everything out by IPv6, too, unless its
/// outbound rules have been changed.
pub(crate) fn follow_ipv6(tx: &mut Transaction<'_>, vpc_id: &VpcId) {
    let anywhere = |text: &str| RulePeer::Cidr(text.parse().expect("a CIDR block"));
    let untouched = |it: &SecurityGroup| {
        let mut outbound = it.rules.iter().filter(|rule| rule.is_egress);
        let all_ipv4 = |rule: &SecurityGroupRule| {
            rule.ip_protocol == IpProtocol::All && rule.peer == anywhere("0.0.0.0/0")
        };
        outbound.next().is_some_and(all_ipv4) && outbound.next().is_none()
    };
    let default = tx
        .each::<SecurityGroup>()
        .find(|it| it.vpc_id == *vpc_id && it.group_name == "default")
        .filter(|it| untouched(it))
        .cloned();
    if let Some(mut group) = default {
        let rule = rule_for_all(tx, &group.group_id, true, anywhere("::/0"));
        group.rules.push(rule);
        tx.put(group);
    }
}

fn rule_for_all(
    tx: &mut Transaction<'_>,
    group_id: &SecurityGroupId,
    is_egress: bool,
    peer: RulePeer,
) -> SecurityGroupRule {
    let id = tx.new_text_id(SecurityGroupRuleId::PREFIX);
    SecurityGroupRule {
        security_group_rule_id: SecurityGroupRuleId::new(id),
        group_id: group_id.clone(),
        is_egress,
        ip_protocol: IpProtocol::All,
        from_port: -1,
        to_port: -1,
        peer,
        description: None,
    }
}

/// The group by id or, in the default VPC alone, by name (`GroupName` of the API); `groups` and
/// `vpcs` are those that the caller sees.
pub(crate) fn find<'a>(
    mut groups: impl Iterator<Item = &'a SecurityGroup>,
    mut vpcs: impl Iterator<Item = &'a Vpc>,
    id: Option<SecurityGroupId>,
    name: Option<&str>,
) -> Result<SecurityGroupId, ApiError> {
    match (id, name) {
        (Some(id), None) => Ok(id),
        (None, Some(name)) => {
            let vpc = vpcs.find(|it| it.is_default);
            let vpc = &vpc.ok_or_else(error::no_vpc_for_group_name)?.vpc_id;
            let found = groups.find(|it| it.vpc_id == *vpc && it.group_name == name);
            let found = found.ok_or_else(|| error::group_not_in_default_vpc(name, vpc));
            found.map(|it| it.group_id.clone())
        }
        (None, None) => Err(error::missing_one_of("GroupId, GroupName")),
        (Some(_), Some(_)) => Err(error::combination("Only one of GroupId, GroupName")),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteSecurityGroup {
    group_id: Option<SecurityGroupId>,
    group_name: Option<SmolStr>,
}

pub(crate) fn delete_security_group(
    tx: &mut Transaction<'_>,
    request: DeleteSecurityGroup,
) -> Reply {
    let id = find(
        tx.each(),
        tx.each(),
        request.group_id,
        request.group_name.as_deref(),
    )?;
    let group = tx.get::<SecurityGroup>(&id)?;
    if group.group_name == "default" {
        return Err(error::cannot_delete_default(&id, &group.group_name));
    }
    let refers = |rule: &SecurityGroupRule| rule.peer == RulePeer::Group(id.clone());
    let referenced = tx
        .each::<SecurityGroup>()
        .filter(|other| other.group_id != id && other.vpc_id == group.vpc_id)
        .any(|other| other.rules.iter().any(refers));
    let used = tx
        .each::<NetworkInterface>()
        .any(|interface| interface.groups.contains(&id));
    // An endpoint keeps its groups while it has no subnet.
    let kept = tx
        .each::<VpcEndpoint>()
        .any(|endpoint| endpoint.groups.contains(&id));
    let used = used || kept;
    if referenced || used {
        return Err(error::group_in_use(&id));
    }
    tx.remove::<SecurityGroup>(&id);
    Ok(json!({ "Return": true, "GroupId": id }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeSecurityGroups {
    #[serde(default)]
    group_ids: Vec<SecurityGroupId>,
    #[serde(default)]
    group_names: Vec<SmolStr>,
}

type Rule = SecurityGroupRule;

macro_rules! rule_fields {
    ($($egress:literal $name:literal $value:expr;)*) => {
        &[
            ("group-id", |it, _| one(&it.group_id)),
            ("group-name", |it, _| one(&it.group_name)),
            ("description", |it, _| one(&it.description)),
            ("owner-id", |it, _| one(&it.owner_id)),
            ("vpc-id", |it, _| one(&it.vpc_id)),
            $(($name, |it, resources| {
                let value: fn(&Rule, &Resources) -> Option<String> = $value;
                let rules = it.rules.iter().filter(|rule| rule.is_egress == $egress);
                each(rules.filter_map(|rule| value(rule, resources)))
            })),*
        ]
    };
}

const FIELDS: &[Field<SecurityGroup>] = rule_fields! {
    false "ip-permission.protocol" |rule, _| Some(permission::protocol_text(rule.ip_protocol));
    false "ip-permission.from-port" |rule, _| Some(rule.from_port.to_string());
    false "ip-permission.to-port" |rule, _| Some(rule.to_port.to_string());
    false "ip-permission.cidr" |rule, _| ipv4(rule);
    false "ip-permission.ipv6-cidr" |rule, _| ipv6(rule);
    false "ip-permission.group-id" |rule, _| group(rule);
    false "ip-permission.group-name" group_name;
    false "ip-permission.user-id" group_owner;
    false "ip-permission.prefix-list-id" |rule, _| prefix_list(rule);
    true "egress.ip-permission.protocol"
        |rule, _| Some(permission::protocol_text(rule.ip_protocol));
    true "egress.ip-permission.from-port" |rule, _| Some(rule.from_port.to_string());
    true "egress.ip-permission.to-port" |rule, _| Some(rule.to_port.to_string());
    true "egress.ip-permission.cidr" |rule, _| ipv4(rule);
    true "egress.ip-permission.ipv6-cidr" |rule, _| ipv6(rule);
    true "egress.ip-permission.group-id" |rule, _| group(rule);
    true "egress.ip-permission.group-name" group_name;
    true "egress.ip-permission.user-id" group_owner;
    true "egress.ip-permission.prefix-list-id" |rule, _| prefix_list(rule);
};

fn ipv4(rule: &Rule) -> Option<String> {
    match rule.peer {
        RulePeer::Cidr(IpNet::V4(cidr)) => Some(cidr.to_string()),
        _ => None,
    }
}

fn ipv6(rule: &Rule) -> Option<String> {
    match rule.peer {
        RulePeer::Cidr(IpNet::V6(cidr)) => Some(cidr.to_string()),
        _ => None,
    }
}

fn group(rule: &Rule) -> Option<String> {
    match &rule.peer {
        RulePeer::Group(id) => Some(id.to_string()),
        _ => None,
    }
}

fn referenced<'r>(rule: &Rule, resources: &'r Resources) -> Option<&'r SecurityGroup> {
    match &rule.peer {
        RulePeer::Group(id) => resources.security_groups.get(id).map(AsRef::as_ref),
        _ => None,
    }
}

fn group_name(rule: &Rule, resources: &Resources) -> Option<String> {
    referenced(rule, resources).map(|it| it.group_name.to_string())
}

fn group_owner(rule: &Rule, resources: &Resources) -> Option<String> {
    referenced(rule, resources).map(|it| it.owner_id.to_string())
}

fn prefix_list(rule: &Rule) -> Option<String> {
    match &rule.peer {
        RulePeer::PrefixList(id) => Some(id.to_string()),
        _ => None,
    }
}

pub(crate) fn describe_security_groups(
    reader: &Reader<'_>,
    request: DescribeSecurityGroups,
) -> Reply {
    let mut ids = request.group_ids;
    for name in &request.group_names {
        ids.push(find(reader.each(), reader.each(), None, Some(name))?);
    }
    reader.describe("SecurityGroups", &ids, FIELDS, |it| {
        show(it, reader.region(), reader.state)
    })
}

fn show(group: &SecurityGroup, region: &str, state: &State) -> Value {
    let (egress, ingress): (Vec<_>, Vec<_>) = group.rules.iter().partition(|rule| rule.is_egress);
    json!({
        "GroupId": group.group_id,
        "GroupName": group.group_name,
        "Description": group.description,
        "VpcId": group.vpc_id,
        "IpPermissions": permission::show(&ingress, group, state),
        "IpPermissionsEgress": permission::show(&egress, group, state),
        "SecurityGroupArn": arn(group, region),
        "OwnerId": group.owner_id,
        "Tags": tags(&group.tags),
    })
}

fn arn(group: &SecurityGroup, region: &str) -> String {
    format!(
        "arn:aws:ec2:{region}:{}:security-group/{}",
        group.owner_id, group.group_id
    )
}
