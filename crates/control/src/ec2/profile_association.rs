//! Instance profiles of instances (Amazon EC2 API Reference: `AssociateIamInstanceProfile`,
//! `DisassociateIamInstanceProfile`, `ReplaceIamInstanceProfileAssociation`,
//! `DescribeIamInstanceProfileAssociations`). A launch with a profile makes an association, too.
//!
//! What an instance's metadata service and Systems Manager know of its role goes with the call; an
//! association is `associating` and `disassociating` for some seconds, which AWS does not count.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::clock::iso8601;
use crate::control::ControlConfig;
use crate::describe::{Field, Reader};
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::one;
use crate::{error, iam};

/// `associating` and `disassociating` (ours).
const DELAY: SimDuration = SimDuration::from_secs(5);
/// What ids of associations begin with.
const PREFIX: &str = "iip-assoc";

/// The associations of all accounts, by id.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ProfileAssociations(Arc<BTreeMap<SmolStr, Association>>);

/// An instance profile of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Association {
    id: SmolStr,
    instance: InstanceId,
    profile: IamInstanceProfile,
    made: UnixTime,
    /// Whether it ends, or has ended.
    is_leaving: bool,
    /// When it is what it is becoming.
    settled: SimTime,
}

impl ProfileAssociations {
    /// When the last of them is what it is becoming.
    pub(crate) fn settled_at(&self, now: SimTime) -> Option<SimTime> {
        let ends = self.0.values().map(|it| it.settled);
        ends.filter(|at| *at > now).max()
    }

    /// Those of an instance that have not ended.
    fn of(&self, instance: &InstanceId, now: SimTime) -> impl Iterator<Item = &Association> {
        let own = self.0.values().filter(move |it| it.instance == *instance);
        own.filter(move |it| !it.is_over(now))
    }
}

impl Association {
    fn is_over(&self, now: SimTime) -> bool {
        self.is_leaving && now >= self.settled
    }

    fn state(&self, now: SimTime) -> &'static str {
        match (self.is_leaving, now < self.settled) {
            (false, true) => "associating",
            (false, false) => "associated",
            (true, true) => "disassociating",
            (true, false) => "disassociated",
        }
    }

    fn show(&self, now: SimTime) -> Value {
        json!({
            "AssociationId": self.id,
            "InstanceId": self.instance,
            "IamInstanceProfile": self.profile,
            "State": self.state(now),
            "Timestamp": iso8601(self.made),
        })
    }
}

/// How calls name a profile: by name or ARN.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Specification {
    arn: Option<SmolStr>,
    name: Option<SmolStr>,
}

impl Specification {
    /// The profile, which must be there where accounts begin empty.
    pub(super) fn profile(&self, tx: &Transaction<'_>) -> Result<IamInstanceProfile, ApiError> {
        let is_told = tx.is_structural() || iam::rests_on_story(tx.config);
        let from_arn = || Some(iam::profile_name(self.arn.as_ref()?));
        let name = self.name.as_deref().or_else(from_arn);
        let name = name.ok_or_else(|| error::missing_one_of("Arn, Name"))?;
        if !is_told && !tx.state.iam.has_profile(&tx.owner, name) {
            return Err(self.missing(name));
        }
        let mut profile = tx.state.iam.profile(&tx.owner, name, tx.config);
        if let Some(arn) = &self.arn {
            profile.arn = arn.clone();
        }
        Ok(profile)
    }

    fn missing(&self, name: &str) -> ApiError {
        error::invalid_parameter_value(match &self.arn {
            Some(arn) => format!(
                "Value ({arn}) for parameter iamInstanceProfile.arn is invalid. Invalid IAM \
                 Instance Profile ARN"
            ),
            None => format!(
                "Value ({name}) for parameter iamInstanceProfile.name is invalid. Invalid IAM \
                 Instance Profile name"
            ),
        })
    }
}

/// Gives an instance a profile and its role; the id of the association.
pub(super) fn associate(
    tx: &mut Transaction<'_>,
    id: &InstanceId,
    profile: IamInstanceProfile,
) -> Result<SmolStr, ApiError> {
    let now = tx.state.now;
    let association = Association {
        id: tx.new_text_id(PREFIX).into(),
        instance: id.clone(),
        profile: profile.clone(),
        made: tx.utc(),
        is_leaving: false,
        settled: if tx.is_structural() { now } else { now + DELAY },
    };
    let role = role(tx.state, tx.config, &tx.owner, &profile);
    let since = tx.utc();
    let instance = tx.edit::<Instance>(id)?;
    instance.iam_instance_profile = Some(profile);
    instance.iam_role = role;
    instance.iam_role_since = Some(since);
    let all = Arc::make_mut(&mut tx.state.profile_associations.0);
    all.retain(|_, it| !it.is_over(now));
    let id = association.id.clone();
    all.insert(id.clone(), association);
    Ok(id)
}

fn role(
    state: &State,
    config: &ControlConfig,
    account: &str,
    profile: &IamInstanceProfile,
) -> Option<SmolStr> {
    let name = iam::profile_name(&profile.arn);
    state.iam.role_of_profile(account, name, config)
}

/// Lets an association end.
fn leave(tx: &mut Transaction<'_>, id: &str) {
    let settled = tx.state.now + DELAY;
    let all = Arc::make_mut(&mut tx.state.profile_associations.0);
    if let Some(it) = all.get_mut(id) {
        it.is_leaving = true;
        it.settled = settled;
    }
}

/// Forgets the associations of an instance that is gone.
pub(super) fn forget(state: &mut State, id: &InstanceId) {
    if state
        .profile_associations
        .0
        .values()
        .any(|it| it.instance == *id)
    {
        let all = Arc::make_mut(&mut state.profile_associations.0);
        all.retain(|_, it| it.instance != *id);
    }
}

/// Brings all instances in step with the roles that their profiles have now.
pub(super) fn heed_roles(state: &mut State, config: &ControlConfig) {
    let instances = state.resources.instances.values();
    let roles = instances.filter_map(|it| {
        let profile = it.iam_instance_profile.as_ref()?;
        Some((Arc::clone(it), role(state, config, &it.owner_id, profile)))
    });
    let changed: Vec<_> = roles.filter(|(it, role)| it.iam_role != *role).collect();
    let now = config.starts.at(state.now);
    for (mut instance, role) in changed {
        let changes = Arc::make_mut(&mut instance);
        changes.iam_role = role;
        changes.iam_role_since = Some(now);
        let id = instance.instance_id.clone();
        state.resources.instances.insert(id, instance);
    }
}

fn shown(tx: &Transaction<'_>, id: &str) -> Reply {
    let it = tx.state.profile_associations.0.get(id);
    let it = it.map(|it| it.show(tx.state.now));
    Ok(json!({ "IamInstanceProfileAssociation": it }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AssociateProfile {
    iam_instance_profile: Specification,
    instance_id: InstanceId,
}

/// An instance has one at most, also while the last one leaves.
pub(crate) fn associate_profile(tx: &mut Transaction<'_>, request: AssociateProfile) -> Reply {
    let id = &request.instance_id;
    let ends = [InstanceState::ShuttingDown, InstanceState::Terminated];
    if ends.contains(&tx.get::<Instance>(id)?.state) {
        return Err(error::incorrect_instance_state(id, "running"));
    }
    let associations = &tx.state.profile_associations;
    if associations.of(id, tx.state.now).next().is_some() {
        return Err(error::profile_association_exists(id));
    }
    let profile = request.iam_instance_profile.profile(tx)?;
    let association = associate(tx, id, profile)?;
    shown(tx, &association)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DisassociateProfile {
    association_id: SmolStr,
}

pub(crate) fn disassociate_profile(
    tx: &mut Transaction<'_>,
    request: DisassociateProfile,
) -> Reply {
    let id = request.association_id;
    let instance = active(tx, &id)?;
    leave(tx, &id);
    let instance = tx.edit::<Instance>(&instance)?;
    instance.iam_instance_profile = None;
    instance.iam_role = None;
    shown(tx, &id)
}

/// The instance of an association that is there and does not end.
fn active(tx: &Transaction<'_>, id: &str) -> Result<InstanceId, ApiError> {
    let found = tx.state.profile_associations.0.get(id);
    let found = found.filter(|it| tx.owns(id) && !it.is_over(tx.state.now));
    match found {
        None => Err(error::profile_association_not_found(id)),
        Some(it) if it.is_leaving => Err(error::profile_association_inactive(id)),
        Some(it) => Ok(it.instance.clone()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ReplaceProfile {
    iam_instance_profile: Specification,
    association_id: SmolStr,
}

/// Of a running instance: the new association has an id of its own.
pub(crate) fn replace_profile(tx: &mut Transaction<'_>, request: ReplaceProfile) -> Reply {
    let id = request.association_id;
    let instance = active(tx, &id)?;
    if tx.get::<Instance>(&instance)?.state != InstanceState::Running {
        return Err(error::profile_association_inactive(&id));
    }
    let profile = request.iam_instance_profile.profile(tx)?;
    leave(tx, &id);
    let association = associate(tx, &instance, profile)?;
    shown(tx, &association)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeProfileAssociations {
    #[serde(default)]
    association_ids: Vec<SmolStr>,
}

/// An association, and its state.
type Described = (Association, &'static str);

const FIELDS: &[Field<Described>] = &[
    ("instance-id", |it, _| one(&it.0.instance)),
    ("state", |it, _| one(it.1)),
];

pub(crate) fn describe_profile_associations(
    reader: &Reader<'_>,
    request: DescribeProfileAssociations,
) -> Reply {
    reader.check_filters(FIELDS)?;
    let now = reader.state.now;
    let all = reader.state.profile_associations.0.values();
    let own = all.filter(|it| reader.owns(&it.id) && !it.is_over(now));
    let own: Vec<Described> = own.map(|it| (it.clone(), it.state(now))).collect();
    let wanted = &request.association_ids;
    let is_missing = |id: &&SmolStr| !own.iter().any(|it| it.0.id == **id);
    if let Some(id) = wanted.iter().find(is_missing) {
        return Err(error::profile_association_not_found(id));
    }
    let mut chosen = Vec::new();
    for it in &own {
        let named = wanted.is_empty() || wanted.contains(&it.0.id);
        if named && reader.passes(it, &[], FIELDS)? {
            chosen.push(it);
        }
    }
    let member = "IamInstanceProfileAssociations";
    reader.page(
        member,
        chosen,
        |it| it.0.id.to_string(),
        |it| it.0.show(now),
    )
}
