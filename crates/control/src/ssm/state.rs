//! What Systems Manager keeps: the commands that were sent, and what became of them.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{InstanceId, UnixTime};

use crate::realm::Realm;

/// Everything.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Ssm {
    /// Commands by account and Region, in the order in which they were sent.
    pub(crate) commands: BTreeMap<Realm, Vec<Command>>,
    /// Instances whose agent reaches the service, at the last moment at which that mattered.
    pub(crate) managed: BTreeSet<InstanceId>,
    /// Roles of Default Host Management Configuration, where it was turned on.
    pub(crate) host_management: BTreeMap<Realm, HostManagement>,
    /// Scripts that wait to be run.
    pub(crate) waiting: Vec<Script>,
}

/// What an account has said of Default Host Management Configuration in a Region.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HostManagement {
    /// The role's name, with or without its path.
    pub(crate) role: SmolStr,
    pub(crate) modified: UnixTime,
}

/// A script that an instance is to run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Script {
    /// Of which command.
    pub command_id: SmolStr,
    /// Where.
    pub instance: InstanceId,
    /// Its lines.
    pub lines: Vec<SmolStr>,
    /// Seconds until it is killed.
    pub timeout: u64,
    /// Where it begins.
    pub directory: SmolStr,
}

/// A command that was sent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Command {
    pub(crate) id: SmolStr,
    pub(crate) comment: Option<SmolStr>,
    /// Of the document, as they were given.
    pub(crate) parameters: BTreeMap<SmolStr, Vec<SmolStr>>,
    /// Whether instances were named by their ids.
    pub(crate) by_id: bool,
    pub(crate) targets: Vec<Target>,
    pub(crate) requested: UnixTime,
    pub(crate) invocations: BTreeMap<InstanceId, Option<Ended>>,
}

/// A property of instances, and the values that it may have.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(crate) struct Target {
    pub(crate) key: SmolStr,
    pub(crate) values: Vec<SmolStr>,
}

/// How a script ended on an instance.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ended {
    pub(crate) at: UnixTime,
    pub(crate) status: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
    pub(crate) timed_out: bool,
}

impl Ssm {
    /// A script has ended.
    pub(crate) fn end(&mut self, command_id: &str, instance: &InstanceId, ended: Ended) {
        let mut commands = self.commands.values_mut().flatten();
        let found = commands.find(|it| it.id == command_id);
        if let Some(invocation) = found.and_then(|it| it.invocations.get_mut(instance)) {
            *invocation = Some(ended);
        }
    }
}
