//! The life of an instance (Amazon EC2 API Reference: `StartInstances`, `StopInstances`,
//! `TerminateInstances`, `ModifyInstanceAttribute`; EC2 User Guide, "Instance lifecycle").

use std::sync::Arc;

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::Reader;
use crate::ec2::network_interface::{checked_groups, show_groups};
use crate::ec2::{Settled, instance, instance_type, interface_attachment, network_interface};
use crate::request::{Flag, Text};
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::done;
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
    instance.state = InstanceState::Stopping;
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
    instance.state = InstanceState::ShuttingDown;
    tx.state.public_when_started.remove(id);
    tx.settle_after::<Instance>(id, tx.config.delays.instance_stop);
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
pub(crate) struct ModifyInstanceAttribute {
    instance_id: InstanceId,
    source_dest_check: Option<Flag>,
    instance_type: Option<Text>,
    groups: Option<Vec<SecurityGroupId>>,
}

pub(crate) fn modify_instance_attribute(
    tx: &mut Transaction<'_>,
    request: ModifyInstanceAttribute,
) -> Reply {
    let instance = tx.get::<Instance>(&request.instance_id)?.clone();
    let given = [
        request.source_dest_check.is_some(),
        request.instance_type.is_some(),
        request.groups.is_some(),
    ];
    match given.iter().filter(|given| **given).count() {
        1 => {}
        0 => {
            return Err(error::missing_one_of(
                "SourceDestCheck, InstanceType, Groups",
            ));
        }
        _ => {
            return Err(error::combination(
                "Fields for multiple attribute types specified",
            ));
        }
    }
    if let Some(text) = request.instance_type {
        if instance.state != InstanceState::Stopped {
            return Err(error::incorrect_instance_state(
                &request.instance_id,
                "stopped",
            ));
        }
        let kind = instance_type::known(&text.value)?;
        if instance.network_interfaces.len() > kind.interfaces {
            let limit = kind.interfaces;
            return Err(error::attachment_limit(
                &request.instance_id,
                &text.value,
                limit,
            ));
        }
        for id in &instance.network_interfaces {
            instance_type::check_interface(&kind, tx.get::<NetworkInterface>(id)?)?;
        }
        let instance = tx.edit::<Instance>(&request.instance_id)?;
        instance.instance_type = text.value;
        instance.nitro_generation = kind.nitro_generation;
        return Ok(done());
    }
    let [interface] = instance.network_interfaces.as_slice() else {
        return Err(error::invalid_parameter_value(format_args!(
            "There are multiple interfaces attached to instance '{}'. Please specify an interface \
            ID for the operation instead.",
            request.instance_id
        )));
    };
    if let Some(groups) = request.groups {
        let groups = checked_groups(tx, &instance.vpc_id, groups)?;
        tx.edit::<NetworkInterface>(interface)?.groups = groups;
    }
    if let Some(flag) = request.source_dest_check {
        tx.edit::<NetworkInterface>(interface)?.source_dest_check = flag.value;
    }
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeInstanceAttribute {
    instance_id: InstanceId,
    attribute: InstanceAttribute,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum InstanceAttribute {
    GroupSet,
    InstanceType,
    SourceDestCheck,
}

pub(crate) fn describe_instance_attribute(
    reader: &Reader<'_>,
    request: DescribeInstanceAttribute,
) -> Reply {
    let instance = reader.get::<Instance>(&request.instance_id)?;
    let interfaces = &reader.resources().network_interfaces;
    let primary = instance.network_interfaces.first();
    let primary = primary.and_then(|id| interfaces.get(id));
    let (name, value) = match request.attribute {
        InstanceAttribute::GroupSet => {
            let groups = primary.map(|it| show_groups(&it.groups, reader.resources()));
            ("Groups", json!(groups))
        }
        InstanceAttribute::InstanceType => {
            ("InstanceType", json!({ "Value": instance.instance_type }))
        }
        InstanceAttribute::SourceDestCheck => {
            let value = primary.map(|it| it.source_dest_check);
            ("SourceDestCheck", json!({ "Value": value }))
        }
    };
    Ok(json!({ "InstanceId": request.instance_id, name: value }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeInstanceStatus {
    #[serde(default)]
    instance_ids: Vec<InstanceId>,
    #[serde(default)]
    include_all_instances: bool,
}

pub(crate) fn describe_instance_status(
    reader: &Reader<'_>,
    request: DescribeInstanceStatus,
) -> Reply {
    let mut chosen = reader.select(&request.instance_ids, instance::FIELDS)?;
    chosen.retain(|it| request.include_all_instances || it.state == InstanceState::Running);
    reader.page(
        "InstanceStatuses",
        chosen,
        |it| it.instance_id.to_string(),
        |it| {
            let status: SmolStr = match it.state {
                InstanceState::Running => "ok".into(),
                InstanceState::Pending => "initializing".into(),
                _ => "not-applicable".into(),
            };
            let subnet = reader.resources().subnets.get(&it.subnet_id);
            json!({
                "InstanceId": it.instance_id,
                "AvailabilityZone": subnet.map(|it| &it.availability_zone),
                "InstanceState": show(it.state),
                "InstanceStatus": { "Status": status },
                "SystemStatus": { "Status": status },
            })
        },
    )
}
