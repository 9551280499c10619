//! Attaching interfaces to instances, and their attributes (Amazon EC2 API Reference:
//! `AttachNetworkInterface`, `ModifyNetworkInterfaceAttribute` and their kin).

use serde::Deserialize;
use serde_json::json;
use wirelab_model::*;

use crate::describe::Reader;
use crate::ec2::network_interface::{
    checked_groups, checked_timeouts, refuse_managed, show_attachment, show_groups,
};
use crate::ec2::{address, instance_type};
use crate::error;
use crate::request::{Flag, Text};
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::done;

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct AttachNetworkInterface {
    network_interface_id: NetworkInterfaceId,
    instance_id: InstanceId,
    device_index: u16,
    #[serde(default)]
    network_card_index: u16,
}

pub(crate) fn attach_network_interface(
    tx: &mut Transaction<'_>,
    request: AttachNetworkInterface,
) -> Reply {
    let interface = tx
        .get::<NetworkInterface>(&request.network_interface_id)?
        .clone();
    let instance = tx.get::<Instance>(&request.instance_id)?.clone();
    refuse_managed(&interface)?;
    if request.network_card_index != 0 {
        return Err(error::invalid_parameter_value(
            "Instances have one network card, 0",
        ));
    }
    if interface.attachment.is_some() {
        return Err(error::interface_in_use(&request.network_interface_id));
    }
    if !matches!(
        instance.state,
        InstanceState::Running | InstanceState::Stopped
    ) {
        return Err(error::incorrect_state(format_args!(
            "Instance '{}' is not 'running' or 'stopped'.",
            request.instance_id
        )));
    }
    let subnet = tx.get::<Subnet>(&instance.subnet_id)?;
    if subnet.availability_zone != interface.availability_zone {
        return Err(error::invalid_parameter_value(format_args!(
            "You may not attach a network interface to an instance if they are not in the same \
            availability zone"
        )));
    }
    let attachment_id = attach(
        tx,
        &request.network_interface_id,
        &request.instance_id,
        request.device_index,
    )?;
    Ok(json!({ "AttachmentId": attachment_id, "NetworkCardIndex": 0 }))
}

/// Ties an interface to an instance, at a device index that is free.
pub(crate) fn attach(
    tx: &mut Transaction<'_>,
    interface_id: &NetworkInterfaceId,
    instance_id: &InstanceId,
    device_index: u16,
) -> Result<AttachmentId, ApiError> {
    let attachment_id = AttachmentId::new(tx.new_text_id(AttachmentId::PREFIX));
    let instance = tx.get::<Instance>(instance_id)?;
    let others = instance.network_interfaces.clone();
    let kind = instance_type::known(&instance.instance_type)?;
    if others.len() >= kind.interfaces {
        let name = &instance.instance_type;
        return Err(error::attachment_limit(instance_id, name, kind.interfaces));
    }
    instance_type::check_interface(&kind, tx.get::<NetworkInterface>(interface_id)?)?;
    let index_of = |tx: &Transaction<'_>, id: &NetworkInterfaceId| {
        let interface = tx.resources().network_interfaces.get(id);
        interface
            .and_then(|it| it.attachment.as_ref())
            .map(|it| it.device_index)
    };
    if others
        .iter()
        .any(|id| index_of(tx, id) == Some(device_index))
    {
        return Err(error::invalid_parameter_value(format_args!(
            "Instance '{instance_id}' already has an interface attached at device index \
            '{device_index}'."
        )));
    }
    let before = others
        .iter()
        .filter(|id| index_of(tx, id) < Some(device_index))
        .count();
    let instance = tx.edit::<Instance>(instance_id)?;
    instance
        .network_interfaces
        .insert(before, interface_id.clone());
    tx.edit::<NetworkInterface>(interface_id)?.attachment = Some(NetworkInterfaceAttachment {
        attachment_id: attachment_id.clone(),
        instance_id: Some(instance_id.clone()),
        device_index,
    });
    address::follow_interface(&mut tx.state.resources, interface_id, Some(instance_id));
    Ok(attachment_id)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DetachNetworkInterface {
    attachment_id: AttachmentId,
    #[serde(default, rename = "Force")]
    _force: bool,
}

pub(crate) fn detach_network_interface(
    tx: &mut Transaction<'_>,
    request: DetachNetworkInterface,
) -> Reply {
    let of_id = |it: &&NetworkInterface| {
        let attachment = it.attachment.as_ref();
        attachment.is_some_and(|it| it.attachment_id == request.attachment_id)
    };
    let interface = tx
        .each::<NetworkInterface>()
        .find(of_id)
        .ok_or_else(|| error::attachment_not_found(&request.attachment_id))?
        .clone();
    refuse_managed(&interface)?;
    if interface
        .attachment
        .as_ref()
        .is_some_and(|it| it.device_index == 0)
    {
        return Err(error::not_permitted(
            "The network interface at device index 0 and network card index 0 cannot be detached.",
        ));
    }
    detach(tx.state, &interface.network_interface_id);
    Ok(done())
}

/// Unties an interface from its instance.
pub(crate) fn detach(state: &mut State, id: &NetworkInterfaceId) {
    state.delete_on_termination.remove(id);
    address::follow_interface(&mut state.resources, id, None);
    let Some(interface) = state.resources.network_interfaces.get_mut(id) else {
        return;
    };
    let interface = std::sync::Arc::make_mut(interface);
    let instance_id = interface.attachment.take().and_then(|it| it.instance_id);
    let instance = instance_id.and_then(|id| state.resources.instances.get_mut(&id));
    if let Some(instance) = instance {
        let instance = std::sync::Arc::make_mut(instance);
        instance.network_interfaces.retain(|it| it != id);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifyNetworkInterfaceAttribute {
    network_interface_id: NetworkInterfaceId,
    description: Option<Text>,
    source_dest_check: Option<Flag>,
    groups: Option<Vec<SecurityGroupId>>,
    attachment: Option<AttachmentChange>,
    connection_tracking_specification: Option<ConnectionTracking>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct AttachmentChange {
    attachment_id: AttachmentId,
    delete_on_termination: bool,
}

impl ModifyNetworkInterfaceAttribute {
    /// EC2 takes one attribute in a call.
    fn check_one(&self) -> Result<(), ApiError> {
        let given = [
            self.description.is_some(),
            self.source_dest_check.is_some(),
            self.groups.is_some(),
            self.attachment.is_some(),
            self.connection_tracking_specification.is_some(),
        ];
        match given.iter().filter(|given| **given).count() {
            0 => Err(error::missing_one_of(
                "Description, SourceDestCheck, Groups, Attachment, ConnectionTrackingSpecification",
            )),
            1 => Ok(()),
            _ => Err(error::combination(
                "Fields for multiple attribute types specified",
            )),
        }
    }
}

pub(crate) fn modify_network_interface_attribute(
    tx: &mut Transaction<'_>,
    request: ModifyNetworkInterfaceAttribute,
) -> Reply {
    request.check_one()?;
    let id = request.network_interface_id;
    let mut interface = NetworkInterface::clone(tx.get::<NetworkInterface>(&id)?);
    if request.groups.is_some() || request.source_dest_check.is_some() {
        refuse_managed(&interface)?;
    }
    if let Some(text) = request.description {
        interface.description = text.value.to_string();
    }
    if let Some(flag) = request.source_dest_check {
        interface.source_dest_check = flag.value;
    }
    if let Some(groups) = request.groups {
        if groups.is_empty() {
            return Err(error::missing_parameter("Groups"));
        }
        interface.groups = checked_groups(tx, &interface.vpc_id, groups)?;
    }
    if let Some(timeouts) = request.connection_tracking_specification {
        interface.connection_tracking_configuration = checked_timeouts(timeouts)?;
        instance_type::check_attached(tx, &interface)?;
    }
    if let Some(change) = request.attachment {
        let attachment = interface.attachment.as_ref();
        if attachment.is_none_or(|it| it.attachment_id != change.attachment_id) {
            return Err(error::attachment_not_found(&change.attachment_id));
        }
        if change.delete_on_termination {
            tx.state.delete_on_termination.insert(id);
        } else {
            tx.state.delete_on_termination.remove(&id);
        }
    }
    tx.put(interface);
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ResetNetworkInterfaceAttribute {
    network_interface_id: NetworkInterfaceId,
    source_dest_check: Option<SmolStr>,
}

/// The one attribute that can be reset: whether packets must be from or to the interface. What its
/// value is called makes no difference.
pub(crate) fn reset_network_interface_attribute(
    tx: &mut Transaction<'_>,
    request: ResetNetworkInterfaceAttribute,
) -> Reply {
    if request.source_dest_check.is_none() {
        return Err(error::missing_parameter("SourceDestCheck"));
    }
    let interface = tx.edit::<NetworkInterface>(&request.network_interface_id)?;
    refuse_managed(interface)?;
    interface.source_dest_check = true;
    Ok(done())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeNetworkInterfaceAttribute {
    network_interface_id: NetworkInterfaceId,
    attribute: InterfaceAttribute,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
enum InterfaceAttribute {
    Description,
    GroupSet,
    SourceDestCheck,
    Attachment,
}

pub(crate) fn describe_network_interface_attribute(
    reader: &Reader<'_>,
    request: DescribeNetworkInterfaceAttribute,
) -> Reply {
    let interface = reader.get::<NetworkInterface>(&request.network_interface_id)?;
    let (name, value) = match request.attribute {
        InterfaceAttribute::Description => {
            ("Description", json!({ "Value": interface.description }))
        }
        InterfaceAttribute::GroupSet => {
            ("Groups", show_groups(&interface.groups, reader.resources()))
        }
        InterfaceAttribute::SourceDestCheck => (
            "SourceDestCheck",
            json!({ "Value": interface.source_dest_check }),
        ),
        InterfaceAttribute::Attachment => {
            let attachment = interface.attachment.as_ref();
            let shown = attachment.map(|it| show_attachment(it, interface, reader.state));
            ("Attachment", json!(shown))
        }
    };
    Ok(json!({ "NetworkInterfaceId": request.network_interface_id, name: value }))
}
