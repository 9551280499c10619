//! What roles allow: policies of their own, and policies that are attached.

use serde::Deserialize;
use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::{Reply, percent_encoded};

use super::document::check_identity;
use super::{check_name, page, rests_on_story, role, role_mut};
use crate::describe::Reader;
use crate::error;
use crate::transaction::Transaction;
use crate::view::done;

/// Managed policies of a role, at most.
const ATTACHED_AT_MOST: usize = 10;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Put {
    role_name: SmolStr,
    policy_name: SmolStr,
    policy_document: String,
}

pub(super) fn put(tx: &mut Transaction<'_>, request: Put) -> Reply {
    check_name("policyName", &request.policy_name, 128)?;
    check_identity(&request.policy_document)?;
    let role = role_mut(tx, &request.role_name)?;
    role.policies
        .insert(request.policy_name, request.policy_document);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Named {
    role_name: SmolStr,
    policy_name: SmolStr,
}

pub(super) fn get(reader: &Reader<'_>, request: Named) -> Reply {
    let role = role(reader, &request.role_name)?;
    let document = role.policies.get(&request.policy_name);
    let document = document.ok_or_else(|| error::no_role_policy(&request.policy_name))?;
    Ok(json!({
        "RoleName": role.name,
        "PolicyName": request.policy_name,
        "PolicyDocument": percent_encoded(document),
    }))
}

pub(super) fn delete(tx: &mut Transaction<'_>, request: Named) -> Reply {
    let role = role_mut(tx, &request.role_name)?;
    match role.policies.remove(&request.policy_name) {
        Some(_) => Ok(done()),
        None => Err(error::no_role_policy(&request.policy_name)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct Attachment {
    role_name: SmolStr,
    policy_arn: SmolStr,
}

/// AWS has many policies of its own, so any ARN of one is taken; an account's own has to be there,
/// where accounts begin empty.
pub(super) fn attach(tx: &mut Transaction<'_>, request: Attachment) -> Reply {
    let arn = request.policy_arn;
    let place = arn.strip_prefix("arn:aws:iam::");
    let owner = place.and_then(|it| it.split_once(":policy/"));
    let is_there = owner.is_some_and(|(owner, _)| {
        let own = tx.state.iam.policies.get(&tx.owner);
        owner == "aws"
            || own.is_some_and(|it| it.contains_key(&arn))
            || (owner == tx.owner && rests_on_story(tx.config))
    });
    if !is_there {
        return Err(error::no_policy(&arn));
    }
    let role = role_mut(tx, &request.role_name)?;
    if role.attached.contains(&arn) {
        return Ok(done());
    }
    if role.attached.len() >= ATTACHED_AT_MOST {
        return Err(error::iam_limit("PoliciesPerRole", ATTACHED_AT_MOST));
    }
    role.attached.push(arn);
    Ok(done())
}

pub(super) fn detach(tx: &mut Transaction<'_>, request: Attachment) -> Reply {
    let role = role_mut(tx, &request.role_name)?;
    let at = role
        .attached
        .iter()
        .position(|it| *it == request.policy_arn);
    let at = at.ok_or_else(|| error::no_policy(&request.policy_arn))?;
    role.attached.remove(at);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct List {
    role_name: SmolStr,
    marker: Option<SmolStr>,
    max_items: Option<usize>,
}

pub(super) fn list(reader: &Reader<'_>, request: List) -> Reply {
    let role = role(reader, &request.role_name)?;
    let names = role.policies.keys().map(|it| (it.clone(), it.clone()));
    let asked = (request.marker.as_ref(), request.max_items);
    page("PolicyNames", names, asked, |name| json!(name))
}

pub(super) fn list_attached(reader: &Reader<'_>, request: List) -> Reply {
    let role = role(reader, &request.role_name)?;
    let arns = role.attached.iter().map(|it| (it.clone(), it));
    let asked = (request.marker.as_ref(), request.max_items);
    page("AttachedPolicies", arns, asked, |arn| {
        let name = arn.rsplit('/').next();
        json!({ "PolicyName": name, "PolicyArn": arn })
    })
}
