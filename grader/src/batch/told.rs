//! A journal as people read it: what was done when, with the names of the lab in place of ids.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use wirelab_model::{Call, SimTime};
use wirelab_scenario::Names;
use wirelab_session::{Entry, EntryKind};

/// An entry of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Done {
    /// When, virtual time; in JSON `00:25:00`.
    #[serde(with = "wirelab_session::elapsed")]
    pub at: SimTime,
    /// What: `ec2:DeleteNetworkAclEntry NetworkAclId=network_acl.primary RuleNumber=10`.
    pub what: String,
    /// Whether the learner took it back.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub taken_back: bool,
}

/// The whole journal in its order.
pub(super) fn journal(journal: &[Entry], names: &Names) -> Vec<Done> {
    let stands: BTreeSet<u64> = wirelab_session::effective(journal)
        .iter()
        .map(|entry| entry.seq)
        .collect();
    let done = journal.iter().map(|entry| Done {
        at: entry.at,
        what: what(&entry.kind, names),
        taken_back: entry.kind.moves() && !stands.contains(&entry.seq),
    });
    done.collect()
}

fn what(kind: &EntryKind, names: &Names) -> String {
    match kind {
        EntryKind::Call { caller, call } => {
            let mut call: Call = call.clone();
            let parameters = call.parameters.iter_mut();
            parameters.for_each(|(_, value)| name(value, names));
            let (caller, call) = (caller.clone(), call);
            EntryKind::Call { caller, call }.to_string()
        }
        EntryKind::Predict { task, answer } => {
            let lines = answer.lines().filter(|line| !line.starts_with('#'));
            let said: Vec<&str> = lines.filter(|line| !line.trim().is_empty()).collect();
            format!("prediction of {task}: {}", said.join(", "))
        }
        other => other.to_string(),
    }
}

/// Puts names in the place of ids.
fn name(value: &mut Value, names: &Names) {
    match value {
        Value::String(id) => {
            if let Some(known) = names.name_of(id) {
                *id = known.to_owned();
            }
        }
        Value::Array(items) => items.iter_mut().for_each(|it| name(it, names)),
        Value::Object(members) => members.values_mut().for_each(|it| name(it, names)),
        _ => {}
    }
}
