//! The life of an instance (Amazon EC2 API Reference: `StartInstances`, `StopInstances`,
//! `TerminateInstances`, `RebootInstances`; EC2 User Guide, "Instance lifecycle").

use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::ec2::{Settled, instance_attribute, interface_attachment, network_interface};
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
    if tx.state.public_when_started.remove(id) {
        give_public_address(tx, id)?;
    }
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
    if take_public_address(tx, id)? {
        tx.state.public_when_started.insert(id.clone());
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
    tx.state.public_when_started.remove(id);
    tx.settle_after::<Instance>(id, tx.config.delays.instance_stop);
    Ok(())
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
            for interface in instance.network_interfaces.clone() {
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

/// What `DescribeInstanceStatus` says of an instance's checks: status and reachability.
fn checks(state: InstanceState) -> (&'static str, Option<&'static str>) {
    match state {
        InstanceState::Running => ("ok", Some("passed")),
        InstanceState::Pending => ("initializing", Some("initializing")),
        _ => ("not-applicable", None),
    }
}

const STATUS_FIELDS: &[Field<Instance>] = &[
    ("availability-zone", |it, resources| {
        let subnet = resources.subnets.get(&it.subnet_id);
        maybe(subnet.map(|it| &it.availability_zone))
    }),
    ("event.code", |_, _| Vec::new()),
    ("instance-state-code", |it, _| one(code(it.state))),
    ("instance-state-name", |it, _| one(word(it.state))),
    ("instance-status.status", |it, _| one(checks(it.state).0)),
    ("instance-status.reachability", |it, _| {
        maybe(checks(it.state).1)
    }),
    ("operator.managed", |_, _| one(false)),
    ("system-status.status", |it, _| one(checks(it.state).0)),
    ("system-status.reachability", |it, _| {
        maybe(checks(it.state).1)
    }),
];

pub(crate) fn describe_instance_status(
    reader: &Reader<'_>,
    request: DescribeInstanceStatus,
) -> Reply {
    let mut chosen = reader.select(&request.instance_ids, STATUS_FIELDS)?;
    chosen.retain(|it| request.include_all_instances || it.state == InstanceState::Running);
    reader.page(
        "InstanceStatuses",
        chosen,
        |it| it.instance_id.to_string(),
        |it| {
            let (status, reachability) = checks(it.state);
            let details = reachability.map(|it| json!([{ "Name": "reachability", "Status": it }]));
            let status = json!({ "Status": status, "Details": details });
            let subnet = reader.resources().subnets.get(&it.subnet_id);
            json!({
                "InstanceId": it.instance_id,
                "AvailabilityZone": subnet.map(|it| &it.availability_zone),
                "InstanceState": show(it.state),
                "InstanceStatus": status,
                "SystemStatus": status,
            })
        },
    )
}
