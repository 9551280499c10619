//! Attributes of instances (Amazon EC2 API Reference: `DescribeInstanceAttribute`,
//! `ModifyInstanceAttribute`): those that the network heeds, and those that are kept because
//! scripts set and read them.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::Reader;
use crate::ec2::image::ROOT_DEVICE;
use crate::ec2::network_interface::{checked_groups, show_groups};
use crate::ec2::{instance_type, volume};
use crate::error;
use crate::request::{Flag, Text};
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::done;

/// What an instance has beside what packets meet.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Attributes {
    pub(crate) disable_api_stop: bool,
    pub(crate) disable_api_termination: bool,
    pub(crate) shutdown_behavior: ShutdownBehavior,
    pub(crate) ebs_optimized: bool,
    /// In base64. A change of it is read by no boot: a script runs at the first one.
    pub(crate) user_data: Option<SmolStr>,
    pub(crate) is_monitored: bool,
}

/// What becomes of an instance that shuts itself down.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ShutdownBehavior {
    #[default]
    Stop,
    Terminate,
}

/// The attributes of an instance.
pub(crate) fn of(state: &State, id: &InstanceId) -> Attributes {
    let launch = state.launches.get(id);
    launch.map_or_else(Attributes::default, |it| it.attributes.clone())
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "camelCase")]
enum Attribute {
    BlockDeviceMapping,
    DisableApiStop,
    DisableApiTermination,
    EbsOptimized,
    EnaSupport,
    EnclaveOptions,
    GroupSet,
    InstanceInitiatedShutdownBehavior,
    InstanceType,
    Kernel,
    ProductCodes,
    Ramdisk,
    RootDeviceName,
    SourceDestCheck,
    SriovNetSupport,
    UserData,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeInstanceAttribute {
    instance_id: InstanceId,
    attribute: Attribute,
}

pub(crate) fn describe_instance_attribute(
    reader: &Reader<'_>,
    request: DescribeInstanceAttribute,
) -> Reply {
    let instance = reader.get::<Instance>(&request.instance_id)?;
    let (name, value) = show(request.attribute, instance, reader.state);
    Ok(json!({ "InstanceId": request.instance_id, name: value }))
}

/// The member of the reply, and what is in it.
fn show(attribute: Attribute, instance: &Instance, state: &State) -> (&'static str, Value) {
    let kept = of(state, &instance.instance_id);
    let interfaces = &state.resources.network_interfaces;
    let primary = instance.network_interfaces.first();
    let primary = primary.and_then(|id| interfaces.get(id));
    let value = |value: Value| json!({ "Value": value });
    match attribute {
        Attribute::BlockDeviceMapping => {
            let id = &instance.instance_id;
            ("BlockDeviceMappings", volume::mappings(id, state))
        }
        Attribute::DisableApiStop => ("DisableApiStop", value(kept.disable_api_stop.into())),
        Attribute::DisableApiTermination => (
            "DisableApiTermination",
            value(kept.disable_api_termination.into()),
        ),
        Attribute::EbsOptimized => ("EbsOptimized", value(kept.ebs_optimized.into())),
        Attribute::EnaSupport => ("EnaSupport", value(true.into())),
        Attribute::EnclaveOptions => ("EnclaveOptions", json!({ "Enabled": false })),
        Attribute::GroupSet => {
            let groups = primary.map(|it| show_groups(&it.groups, &state.resources));
            ("Groups", json!(groups))
        }
        Attribute::InstanceInitiatedShutdownBehavior => (
            "InstanceInitiatedShutdownBehavior",
            value(json!(kept.shutdown_behavior)),
        ),
        Attribute::InstanceType => ("InstanceType", value(json!(instance.instance_type))),
        Attribute::Kernel => ("KernelId", json!({})),
        Attribute::ProductCodes => ("ProductCodes", json!([])),
        Attribute::Ramdisk => ("RamdiskId", json!({})),
        Attribute::RootDeviceName => ("RootDeviceName", value(ROOT_DEVICE.into())),
        Attribute::SourceDestCheck => {
            let check = primary.map(|it| it.source_dest_check);
            ("SourceDestCheck", value(json!(check)))
        }
        Attribute::SriovNetSupport => ("SriovNetSupport", json!({})),
        Attribute::UserData => match kept.user_data {
            Some(text) => ("UserData", value(json!(text))),
            None => ("UserData", json!({})),
        },
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifyInstanceAttribute {
    instance_id: InstanceId,
    /// With `Value`: another way to name one of those below.
    attribute: Option<Attribute>,
    value: Option<SmolStr>,
    source_dest_check: Option<Flag>,
    instance_type: Option<Text>,
    groups: Option<Vec<SecurityGroupId>>,
    disable_api_stop: Option<Flag>,
    disable_api_termination: Option<Flag>,
    instance_initiated_shutdown_behavior: Option<Text>,
    user_data: Option<OptionalText>,
    ebs_optimized: Option<Flag>,
    block_device_mappings: Option<Vec<DeviceChange>>,
}

/// What is to become of a volume when its instance is terminated; all else of it stays.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct DeviceChange {
    device_name: SmolStr,
    ebs: VolumeChange,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct VolumeChange {
    delete_on_termination: bool,
}

/// User data that is taken away has no value.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct OptionalText {
    value: Option<SmolStr>,
}

/// What is to be changed.
enum Change {
    SourceDestCheck(bool),
    InstanceType(SmolStr),
    Groups(Vec<SecurityGroupId>),
    DisableApiStop(bool),
    DisableApiTermination(bool),
    ShutdownBehavior(ShutdownBehavior),
    UserData(Option<SmolStr>),
    EbsOptimized(bool),
    BlockDevices(Vec<DeviceChange>),
}

impl ModifyInstanceAttribute {
    /// The one attribute that a call changes.
    fn change(self) -> Result<Change, ApiError> {
        let behavior = |it: Text| shutdown_behavior(&it.value);
        let behavior = self.instance_initiated_shutdown_behavior.map(behavior);
        let given = [
            self.source_dest_check
                .map(|it| Change::SourceDestCheck(it.value)),
            self.instance_type.map(|it| Change::InstanceType(it.value)),
            self.groups.map(Change::Groups),
            self.disable_api_stop
                .map(|it| Change::DisableApiStop(it.value)),
            self.disable_api_termination
                .map(|it| Change::DisableApiTermination(it.value)),
            behavior.transpose()?.map(Change::ShutdownBehavior),
            self.user_data.map(|it| Change::UserData(it.value)),
            self.ebs_optimized.map(|it| Change::EbsOptimized(it.value)),
            self.block_device_mappings.map(Change::BlockDevices),
            by_name(self.attribute, self.value)?,
        ];
        let mut given = given.into_iter().flatten();
        match (given.next(), given.next()) {
            (Some(change), None) => Ok(change),
            (None, _) => Err(error::missing_one_of(
                "SourceDestCheck, InstanceType, Groups, DisableApiStop, DisableApiTermination, \
                 InstanceInitiatedShutdownBehavior, UserData, EbsOptimized, BlockDeviceMappings, \
                 Attribute",
            )),
            _ => Err(error::combination(
                "Fields for multiple attribute types specified",
            )),
        }
    }
}

fn by_name(name: Option<Attribute>, value: Option<SmolStr>) -> Result<Option<Change>, ApiError> {
    let Some(name) = name else {
        return match value {
            None => Ok(None),
            Some(_) => Err(error::missing_parameter("Attribute")),
        };
    };
    let value = value.ok_or_else(|| error::missing_parameter("Value"))?;
    let flag = match value.as_str() {
        "true" => Ok(true),
        "false" => Ok(false),
        other => Err(error::invalid_value(
            other,
            "value",
            "true or false is wanted",
        )),
    };
    Ok(Some(match name {
        Attribute::SourceDestCheck => Change::SourceDestCheck(flag?),
        Attribute::DisableApiStop => Change::DisableApiStop(flag?),
        Attribute::DisableApiTermination => Change::DisableApiTermination(flag?),
        Attribute::EbsOptimized => Change::EbsOptimized(flag?),
        Attribute::InstanceType => Change::InstanceType(value),
        Attribute::UserData => Change::UserData(Some(value)),
        Attribute::InstanceInitiatedShutdownBehavior => {
            Change::ShutdownBehavior(shutdown_behavior(&value)?)
        }
        _ => {
            return Err(error::unsupported(
                "wirelab does not simulate a change of this attribute",
            ));
        }
    }))
}

fn shutdown_behavior(text: &str) -> Result<ShutdownBehavior, ApiError> {
    match text {
        "stop" => Ok(ShutdownBehavior::Stop),
        "terminate" => Ok(ShutdownBehavior::Terminate),
        other => Err(error::invalid_value(
            other,
            "instanceInitiatedShutdownBehavior",
            "stop or terminate is wanted",
        )),
    }
}

pub(crate) fn modify_instance_attribute(
    tx: &mut Transaction<'_>,
    request: ModifyInstanceAttribute,
) -> Reply {
    let instance = Arc::clone(tx.get::<Instance>(&request.instance_id)?);
    match request.change()? {
        Change::InstanceType(name) => change_type(tx, &instance, name)?,
        Change::Groups(groups) => {
            let interface = only_interface(&instance)?;
            let groups = checked_groups(tx, &instance.vpc_id, groups)?;
            tx.edit::<NetworkInterface>(interface)?.groups = groups;
        }
        Change::SourceDestCheck(check) => {
            let interface = only_interface(&instance)?;
            tx.edit::<NetworkInterface>(interface)?.source_dest_check = check;
        }
        Change::BlockDevices(changes) => {
            for it in changes {
                let change = (it.device_name.as_str(), it.ebs.delete_on_termination);
                volume::set_delete_on_termination(tx.state, &instance.instance_id, change)?;
            }
        }
        change => keep(tx, &instance, change)?,
    }
    Ok(done())
}

fn keep(tx: &mut Transaction<'_>, instance: &Instance, change: Change) -> Result<(), ApiError> {
    let needs_stop = matches!(change, Change::UserData(_) | Change::EbsOptimized(_));
    if needs_stop && instance.state != InstanceState::Stopped {
        let id = &instance.instance_id;
        return Err(error::incorrect_instance_state(id, "stopped"));
    }
    let Some(launch) = tx.state.launches.get_mut(&instance.instance_id) else {
        return Ok(());
    };
    let kept = &mut launch.attributes;
    match change {
        Change::DisableApiStop(flag) => kept.disable_api_stop = flag,
        Change::DisableApiTermination(flag) => kept.disable_api_termination = flag,
        Change::ShutdownBehavior(behavior) => kept.shutdown_behavior = behavior,
        Change::UserData(text) => {
            check_user_data(text.as_deref())?;
            kept.user_data = text;
        }
        Change::EbsOptimized(flag) => kept.ebs_optimized = flag,
        Change::SourceDestCheck(_)
        | Change::InstanceType(_)
        | Change::Groups(_)
        | Change::BlockDevices(_) => {
            unreachable!("not of the launch")
        }
    }
    Ok(())
}

/// User data has at most 16 KiB before it is written in base64 (EC2 User Guide, "Run commands when
/// you launch an EC2 instance with user data input").
pub(crate) fn check_user_data(text: Option<&str>) -> Result<(), ApiError> {
    const AT_MOST: usize = 16 << 10;
    let letters = text.unwrap_or_default().bytes();
    let letters = letters.filter(|it| !it.is_ascii_whitespace() && *it != b'=');
    match letters.count() * 3 / 4 > AT_MOST {
        true => Err(error::user_data_limit()),
        false => Ok(()),
    }
}

fn change_type(
    tx: &mut Transaction<'_>,
    instance: &Instance,
    name: SmolStr,
) -> Result<(), ApiError> {
    let id = &instance.instance_id;
    if instance.state != InstanceState::Stopped {
        return Err(error::incorrect_instance_state(id, "stopped"));
    }
    let kind = instance_type::known(&name)?;
    if instance.network_interfaces.len() > kind.interfaces {
        return Err(error::attachment_limit(id, &name, kind.interfaces));
    }
    for interface in &instance.network_interfaces {
        instance_type::check_interface(&kind, tx.get::<NetworkInterface>(interface)?)?;
    }
    let instance = tx.edit::<Instance>(id)?;
    instance.instance_type = name;
    instance.nitro_generation = kind.nitro_generation;
    Ok(())
}

/// The interface that a call on the instance means.
fn only_interface(instance: &Instance) -> Result<&NetworkInterfaceId, ApiError> {
    match instance.network_interfaces.as_slice() {
        [interface] => Ok(interface),
        _ => Err(error::invalid_parameter_value(format_args!(
            "There are multiple interfaces attached to instance '{}'. Please specify an interface \
            ID for the operation instead.",
            instance.instance_id
        ))),
    }
}
