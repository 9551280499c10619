//! What a record says of the interface and its tags, beside the packet: versions 8 to 11.

use smol_str::SmolStr;
use wirelab_model::{
    FlowField, FlowLog, FlowMetadata, InterfaceType, NetworkInterface, Resources, Tag,
    TagFieldResource,
};

/// What the log's format asks for beyond version 7, as far as it is the interface's.
pub(super) fn metadata(
    log: &FlowLog,
    interface: &NetworkInterface,
    resources: &Resources,
) -> Option<Box<FlowMetadata>> {
    let names = log.log_format.split(['$', '{', '}', ' ']);
    let mut fields = names.filter_map(FlowField::from_name);
    if !fields.any(|field| field.version() > 7) {
        return None;
    }
    let attachment = interface.attachment.as_ref();
    let instance = attachment.and_then(|it| it.instance_id.as_ref());
    let instance = instance.and_then(|id| resources.instances.get(id));
    let instance_tags = instance.map_or(&[][..], |it| &it.tags);
    Some(Box::new(FlowMetadata {
        instance_tags: tags(log, TagFieldResource::Instance, instance_tags),
        interface_tags: tags(log, TagFieldResource::NetworkInterface, &interface.tag_set),
        interface_type: interface_type(interface.interface_type).map(Into::into),
        ..FlowMetadata::default()
    }))
}

/// The values of the tags that the log asks for.
fn tags(log: &FlowLog, resource: TagFieldResource, tags: &[Tag]) -> [Option<SmolStr>; 2] {
    let mut specifications = log.tag_field_specifications.iter();
    let keys = specifications.find(|it| it.resource_type == resource);
    let keys = keys.map_or(&[][..], |it| &it.tag_keys);
    [0, 1].map(|index| {
        let key = keys.get(index)?;
        let tag = tags.iter().find(|tag| tag.key == *key)?;
        Some(tag.value.clone())
    })
}

/// Interfaces of instances have none.
const fn interface_type(of: InterfaceType) -> Option<&'static str> {
    match of {
        InterfaceType::Interface => None,
        InterfaceType::NatGateway => Some("nat_gateway"),
        InterfaceType::TransitGateway => Some("transit_gateway"),
        InterfaceType::VpcEndpoint => Some("vpc_endpoint"),
    }
}
