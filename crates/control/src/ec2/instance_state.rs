//! The life of an instance (Amazon EC2 API Reference: `StartInstances`, `StopInstances`,
//! `TerminateInstances`, `RebootInstances`; EC2 User Guide, "Instance lifecycle").

use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::ec2::{
    Settled, instance_attribute, interface_attachment, network_interface, profile_association,
    volume,
};
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{done, maybe, one, word};
use crate::{error, network};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct StartInstances {
    instance_ids: Vec<InstanceId>,
}

/// `StopInstances` and `TerminateInstances`.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct InstancesRequest {
    instance_ids: Vec<InstanceId>,
    #[serde(default, rename = "Force")]
    _force: Option<IgnoredAny>,
    #[serde(default, rename = "SkipOsShutdown")]
    _skip_os_shutdown: Option<IgnoredAny>,
}

pub(crate) fn start_instances(tx: &mut Transaction<'_>, request: StartInstances) -> Reply {
    change_all(tx, "StartingInstances", &request.instance_ids, start)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct MonitorInstances {
    instance_ids: Vec<InstanceId>,
}

/// Metrics come every minute in any case; what is asked for is shown.
pub(crate) fn monitor_instances(tx: &mut Transaction<'_>, request: MonitorInstances) -> Reply {
    monitor(tx, &request.instance_ids, true)
}

pub(crate) fn unmonitor_instances(tx: &mut Transaction<'_>, request: MonitorInstances) -> Reply {
    monitor(tx, &request.instance_ids, false)
}

fn monitor(tx: &mut Transaction<'_>, ids: &[InstanceId], is_monitored: bool) -> Reply {
    let word = if is_monitored { "pending" } else { "disabling" };
    let mut shown = Vec::new();
    for id in ids {
        tx.get::<Instance>(id)?;
        if let Some(launch) = tx.state.launches.get_mut(id) {
            launch.attributes.is_monitored = is_monitored;
        }
        shown.push(json!({ "InstanceId": id, "Monitoring": { "State": word } }));
    }
    Ok(json!({ "InstanceMonitorings": shown }))
}

pub(crate) fn stop_instances(tx: &mut Transaction<'_>, request: InstancesRequest) -> Reply {
    change_all(tx, "StoppingInstances", &request.instance_ids, stop)
}

pub(crate) fn terminate_instances(tx: &mut Transaction<'_>, request: InstancesRequest) -> Reply {
    change_all(tx, "TerminatingInstances", &request.instance_ids, terminate)
}

fn change_all(
    tx: &mut Transaction<'_>,
    member: &str,
    ids: &[InstanceId],
    change: impl Fn(&mut Transaction<'_>, &InstanceId) -> Result<(), ApiError>,
) -> Reply {
    let mut shown = Vec::new();
    for id in ids {
        let before = tx.get::<Instance>(id)?.state;
        change(tx, id)?;
        shown.push(json!({
            "InstanceId": id,
            "CurrentState": show(tx.get::<Instance>(id)?.state),
            "PreviousState": show(before),
        }));
    }
    Ok(json!({ member: shown }))
}

fn start(tx: &mut Transaction<'_>, id: &InstanceId) -> Result<(), ApiError> {
    let now = tx.utc();
    let instance = tx.edit::<Instance>(id)?;
    match instance.state {
        InstanceState::Running | InstanceState::Pending => return Ok(()),
        InstanceState::Stopped => {}
        _ => return Err(wrong_state(id, "started")),
    }
    instance.state = InstanceState::Pending;
    instance.launch_time = now;
    note_end(tx, id, None);
    regain_public_address(tx, id)?;
    tx.settle_after::<Instance>(id, tx.config.delays.instance_start);
    Ok(())
}

fn stop(tx: &mut Transaction<'_>, id: &InstanceId) -> Result<(), ApiError> {
    let instance = tx.edit::<Instance>(id)?;
    match instance.state {
        InstanceState::Stopped | InstanceState::Stopping => return Ok(()),
        InstanceState::Running | InstanceState::Pending => {}
        _ => return Err(wrong_state(id, "stopped")),
    }
    if instance_attribute::of(tx.state, id).disable_api_stop {
        return Err(error::protected(id, "stopped", "disableApiStop"));
    }
    tx.edit::<Instance>(id)?.state = InstanceState::Stopping;
    note_end(tx, id, Some(tx.utc()));
    if take_public_address(tx, id)? {
        tx.state.wants_public_address.insert(id.clone());
    }
    tx.settle_after::<Instance>(id, tx.config.delays.instance_stop);
    Ok(())
}

fn terminate(tx: &mut Transaction<'_>, id: &InstanceId) -> Result<(), ApiError> {
    let instance = tx.edit::<Instance>(id)?;
    if matches!(
        instance.state,
        InstanceState::Terminated | InstanceState::ShuttingDown
    ) {
        return Ok(());
    }
    if instance_attribute::of(tx.state, id).disable_api_termination {
        return Err(error::protected(id, "terminated", "disableApiTermination"));
    }
    tx.edit::<Instance>(id)?.state = InstanceState::ShuttingDown;
    note_end(tx, id, Some(tx.utc()));
    tx.state.wants_public_address.remove(id);
    tx.settle_after::<Instance>(id, tx.config.delays.instance_stop);
    Ok(())
}

fn note_end(tx: &mut Transaction<'_>, id: &InstanceId, at: Option<UnixTime>) {
    if let Some(launch) = tx.state.launches.get_mut(id) {
        launch.ended = at;
    }
}

/// `StateTransitionReason` and `StateReason` of an instance that somebody had stopped or terminated
/// at that moment, if anybody has (API Reference, `StateReason`).
pub(crate) fn reasons(state: InstanceState, ended: Option<UnixTime>) -> (String, Value) {
    match (state, ended) {
        (InstanceState::Pending, _) => {
            let reason = json!({ "Code": "pending", "Message": "pending" });
            (String::new(), reason)
        }
        (InstanceState::Running, _) | (_, None) => (String::new(), Value::Null),
        (_, Some(at)) => {
            let moment = iso8601(at).replace('T', " ");
            let seconds = moment.split(['.', 'Z']).next().unwrap_or_default();
            let code = "Client.UserInitiatedShutdown";
            let message = format!("{code}: User initiated shutdown");
            (
                format!("User initiated ({seconds} GMT)"),
                json!({ "Code": code, "Message": message }),
            )
        }
    }
}

pub(crate) fn reboot_instances(tx: &mut Transaction<'_>, request: StartInstances) -> Reply {
    for id in &request.instance_ids {
        reboot(tx, id)?;
    }
    Ok(done())
}

/// The state stays; what a reboot means to the machine is the data plane's. Of terminated instances
/// it is not heeded.
fn reboot(tx: &mut Transaction<'_>, id: &InstanceId) -> Result<(), ApiError> {
    let instance = tx.edit::<Instance>(id)?;
    match instance.state {
        InstanceState::Running => instance.reboots += 1,
        InstanceState::Terminated | InstanceState::ShuttingDown => {}
        _ => return Err(wrong_state(id, "rebooted")),
    }
    Ok(())
}

fn wrong_state(id: &InstanceId, verb: &str) -> ApiError {
    ApiError::client(
        "IncorrectInstanceState",
        format!("The instance '{id}' is not in a state from which it can be {verb}."),
    )
}

/// A public address of Amazon's, which the instance has while it runs.
pub(crate) fn give_public_address(
    tx: &mut Transaction<'_>,
    id: &InstanceId,
) -> Result<(), ApiError> {
    let interfaces = &tx.get::<Instance>(id)?.network_interfaces;
    let Some(primary) = interfaces.first().cloned() else {
        return Ok(());
    };
    let salt = format!("{id}/{}", tx.state.now.as_nanos());
    let public_ip = network::public_address(tx, &salt);
    let interface = tx.edit::<NetworkInterface>(&primary)?;
    if let Some(address) = interface.private_ip_addresses.first_mut()
        && address.association.is_none()
    {
        address.association = Some(InterfaceAssociation {
            public_ip,
            allocation_id: None,
            association_id: None,
        });
    }
    Ok(())
}

/// Gives an instance a new public address of Amazon's if it had one and none is in its place: when
/// an Elastic IP address leaves it, or when it starts (EC2 User Guide, "Amazon EC2 instance IP
/// addressing": not to an instance of several interfaces, and not to one with an Elastic IP address
/// at a secondary address).
pub(crate) fn regain_public_address(
    tx: &mut Transaction<'_>,
    id: &InstanceId,
) -> Result<(), ApiError> {
    let instance = tx.get::<Instance>(id)?;
    let runs = matches!(
        instance.state,
        InstanceState::Pending | InstanceState::Running
    );
    let [only] = instance.network_interfaces.as_slice() else {
        return Ok(());
    };
    let addresses = &tx.get::<NetworkInterface>(only)?.private_ip_addresses;
    let has_another = addresses.iter().any(|it| it.association.is_some());
    if runs && !has_another && tx.state.wants_public_address.remove(id) {
        give_public_address(tx, id)?;
    }
    Ok(())
}

/// Takes Amazon's public address away, if there is one; Elastic IP addresses stay.
fn take_public_address(tx: &mut Transaction<'_>, id: &InstanceId) -> Result<bool, ApiError> {
    let interfaces = tx.get::<Instance>(id)?.network_interfaces.clone();
    let mut taken = false;
    for id in interfaces {
        for address in &mut tx.edit::<NetworkInterface>(&id)?.private_ip_addresses {
            let is_amazons = |it: &InterfaceAssociation| it.allocation_id.is_none();
            if address.association.as_ref().is_some_and(is_amazons) {
                address.association = None;
                taken = true;
            }
        }
    }
    Ok(taken)
}

/// `pending` becomes `running`, `stopping` `stopped`, `shutting-down` `terminated`.
pub(crate) fn settle(id: &InstanceId, state: &mut State) -> Settled {
    let Some(instance) = state.resources.instances.get_mut(id) else {
        return Settled::Lasting;
    };
    let instance = Arc::make_mut(instance);
    match instance.state {
        InstanceState::Pending => instance.state = InstanceState::Running,
        InstanceState::Stopping => instance.state = InstanceState::Stopped,
        InstanceState::ShuttingDown => {
            instance.state = InstanceState::Terminated;
            let interfaces = instance.network_interfaces.clone();
            volume::leave(state, id);
            profile_association::forget(state, id);
            for interface in interfaces {
                let goes = state.delete_on_termination.contains(&interface);
                interface_attachment::detach(state, &interface);
                if goes {
                    network_interface::delete(state, &interface);
                }
            }
            return Settled::Gone;
        }
        InstanceState::Running | InstanceState::Stopped | InstanceState::Terminated => {}
    }
    Settled::Lasting
}

/// EC2's numbers for states.
pub(crate) fn code(state: InstanceState) -> u8 {
    match state {
        InstanceState::Pending => 0,
        InstanceState::Running => 16,
        InstanceState::ShuttingDown => 32,
        InstanceState::Terminated => 48,
        InstanceState::Stopping => 64,
        InstanceState::Stopped => 80,
    }
}

pub(crate) fn show(state: InstanceState) -> Value {
    json!({ "Code": code(state), "Name": state })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeInstanceStatus {
    #[serde(default)]
    instance_ids: Vec<InstanceId>,
    #[serde(default)]
    include_all_instances: bool,
}

/// An instance and how its checks are.
struct Checked {
    instance: Instance,
    zone: Option<SmolStr>,
    /// Status, and reachability.
    checks: (&'static str, Option<&'static str>),
}

impl Checked {
    fn new(instance: &Instance, reader: &Reader<'_>) -> Self {
        let delays = &reader.config.delays;
        let now = reader.config.starts.at(reader.state.now).as_nanos();
        let age = SimDuration::from_nanos(now.saturating_sub(instance.launch_time.as_nanos()));
        let is_new = age < delays.instance_start + delays.status_checks;
        let checks = match instance.state {
            InstanceState::Pending => ("initializing", Some("initializing")),
            InstanceState::Running if is_new && delays.status_checks > SimDuration::ZERO => {
                ("initializing", Some("initializing"))
            }
            InstanceState::Running => ("ok", Some("passed")),
            _ => ("not-applicable", None),
        };
        let subnet = reader.resources().subnets.get(&instance.subnet_id);
        Self {
            instance: instance.clone(),
            zone: subnet.map(|it| it.availability_zone.clone()),
            checks,
        }
    }

    fn show(&self) -> Value {
        let (status, reachability) = self.checks;
        let details = reachability.map(|it| json!([{ "Name": "reachability", "Status": it }]));
        let status = json!({ "Status": status, "Details": details });
        json!({
            "InstanceId": self.instance.instance_id,
            "AvailabilityZone": self.zone,
            "InstanceState": show(self.instance.state),
            "InstanceStatus": status,
            "SystemStatus": status,
        })
    }
}

const STATUS_FIELDS: &[Field<Checked>] = &[
    ("availability-zone", |it, _| maybe(it.zone.as_ref())),
    ("availability-zone-id", |it, _| {
        maybe(it.zone.as_deref().and_then(network::zone_id))
    }),
    ("event.code", |_, _| Vec::new()),
    ("instance-state-code", |it, _| one(code(it.instance.state))),
    ("instance-state-name", |it, _| one(word(it.instance.state))),
    ("instance-status.status", |it, _| one(it.checks.0)),
    ("instance-status.reachability", |it, _| maybe(it.checks.1)),
    ("operator.managed", |_, _| one(false)),
    ("system-status.status", |it, _| one(it.checks.0)),
    ("system-status.reachability", |it, _| maybe(it.checks.1)),
];

pub(crate) fn describe_instance_status(
    reader: &Reader<'_>,
    request: DescribeInstanceStatus,
) -> Reply {
    reader.check_filters(STATUS_FIELDS)?;
    let (_, unfiltered) = reader.arguments.by_filters(|_| true);
    let mut chosen = Vec::new();
    for instance in reader
        .with(&unfiltered)
        .select(&request.instance_ids, &[])?
    {
        let checked = Checked::new(instance, reader);
        let is_wanted = request.include_all_instances || instance.state == InstanceState::Running;
        if is_wanted
            && reader.passes_shown(&checked, &instance.tags, STATUS_FIELDS, &Checked::show)?
        {
            chosen.push(checked);
        }
    }
    reader.page(
        "InstanceStatuses",
        chosen.iter().collect(),
        |it| it.instance.instance_id.to_string(),
        Checked::show,
    )
}
