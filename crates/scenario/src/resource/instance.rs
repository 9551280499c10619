//! `[instance.*]`: the instance, its interfaces, and what the machine is.

use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{InstanceId, NetworkInterfaceId, SimDuration};
use wirelab_simulator::host::{Attachment, HostSpec};

use crate::build::{Builder, name_tag};
use crate::fields::{Fields, Text};
use crate::host::Machine;

/// A Linux image; which one is of no consequence.
const IMAGE: &str = "ami-0c02fb55956c7d316";

/// `[instance.x] subnet, private_ip_address, ipv6_addresses, ipv6_address_count, security_groups,
/// instance_type, public_ip, source_dest_check, interfaces`, and the keys of a machine, which
/// [`host`] reads.
pub(super) fn all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("instance") {
        let _ = instance(builder, &name, &fields);
    }
}

fn instance(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let primary = interface(builder, fields, 0);
    let kind = fields
        .text("instance_type")
        .map_or_else(|| "m6i.large".into(), |it| it.text);
    let check = fields.boolean("source_dest_check").unwrap_or(true);
    let secondary = fields.tables("interfaces");
    let mut interfaces = vec![primary?];
    for (index, fields) in secondary.iter().enumerate() {
        interfaces.push(interface(builder, fields, index + 1)?);
        fields.finish();
    }
    let metadata = metadata_options(fields);
    let role = fields.text("iam_role").map(|it| json!({ "Name": it.text }));
    let parameters = json!({
        "MetadataOptions": metadata,
        "IamInstanceProfile": role,
        "ImageId": IMAGE,
        "InstanceType": kind,
        "MinCount": 1,
        "MaxCount": 1,
        "NetworkInterfaces": interfaces,
        "TagSpecifications": name_tag("instance", name),
    });
    let pointer = "/Instances/0/InstanceId";
    let id = builder.create(
        fields,
        "instance",
        name,
        "RunInstances",
        parameters,
        pointer,
    )?;
    bind_interfaces(builder, name, &id);
    if !check {
        forward_for_others(builder, name, fields, &id);
    }
    Some(())
}

/// `metadata_options = { http_tokens = "required", http_put_response_hop_limit = 2,
/// http_endpoint = "disabled" }`.
fn metadata_options(fields: &Fields<'_>) -> Option<Value> {
    let node = fields.node("metadata_options")?;
    let fields = Fields::of(node, "`metadata_options`", fields.sink())?;
    let text = |key| fields.text(key).map(|it| it.text);
    let options = json!({
        "HttpTokens": text("http_tokens"),
        "HttpPutResponseHopLimit": fields.integer::<i64>("http_put_response_hop_limit"),
        "HttpEndpoint": text("http_endpoint"),
        "InstanceMetadataTags": text("instance_metadata_tags"),
    });
    fields.finish();
    Some(options)
}

/// `connection_tracking = { tcp_established_timeout = "350s", udp_timeout = "30s",
/// udp_stream_timeout = "60s" }` of an interface.
fn connection_tracking(fields: &Fields<'_>) -> Option<Value> {
    let node = fields.node("connection_tracking")?;
    let fields = Fields::of(node, "`connection_tracking`", fields.sink())?;
    let seconds = |key| {
        fields
            .parsed::<SimDuration>(key)
            .map(|it| it.as_nanos() / 1_000_000_000)
    };
    let timeouts = json!({
        "TcpEstablishedTimeout": seconds("tcp_established_timeout"),
        "UdpTimeout": seconds("udp_timeout"),
        "UdpStreamTimeout": seconds("udp_stream_timeout"),
    });
    fields.finish();
    Some(timeouts)
}

/// One item of `NetworkInterfaces`.
fn interface(builder: &Builder<'_>, fields: &Fields<'_>, index: usize) -> Option<Value> {
    let subnet = builder.required_id(fields, "subnet");
    let groups: Vec<Text> = fields.texts("security_groups");
    let groups: Vec<SmolStr> = groups
        .iter()
        .filter_map(|text| builder.id("security_group", text))
        .collect();
    let address = fields.text("private_ip_address").map(|it| it.text);
    let public = if index == 0 {
        fields.boolean("public_ip")
    } else {
        None
    };
    let mut interface = json!({ "DeviceIndex": index, "SubnetId": subnet? });
    if !groups.is_empty() {
        interface["Groups"] = json!(groups);
    }
    if let Some(address) = address {
        interface["PrivateIpAddress"] = json!(address);
    }
    let ipv6: Vec<Value> = fields
        .texts("ipv6_addresses")
        .into_iter()
        .map(|it| json!({ "Ipv6Address": it.text }))
        .collect();
    if !ipv6.is_empty() {
        interface["Ipv6Addresses"] = json!(ipv6);
    }
    if let Some(count) = fields.integer::<u16>("ipv6_address_count") {
        interface["Ipv6AddressCount"] = json!(count);
    }
    if let Some(public) = public {
        interface["AssociatePublicIpAddress"] = json!(public);
    }
    if let Some(timeouts) = connection_tracking(fields) {
        interface["ConnectionTrackingSpecification"] = timeouts;
    }
    Some(interface)
}

/// `network_interface.app` for the primary interface, `network_interface.app-1` for the next.
fn bind_interfaces(builder: &mut Builder<'_>, name: &str, id: &SmolStr) {
    for (index, interface) in interfaces_of(builder, id).iter().enumerate() {
        let name = match index {
            0 => format!("network_interface.{name}"),
            _ => format!("network_interface.{name}-{index}"),
        };
        builder.names.bind(name, interface.as_str());
    }
}

fn forward_for_others(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>, id: &SmolStr) {
    for interface in interfaces_of(builder, id) {
        let parameters = json!({
            "NetworkInterfaceId": interface,
            "SourceDestCheck": { "Value": false },
        });
        builder.call(
            fields.span(),
            name,
            "ModifyNetworkInterfaceAttribute",
            parameters,
        );
    }
}

fn interfaces_of(builder: &Builder<'_>, id: &SmolStr) -> Vec<NetworkInterfaceId> {
    let instances = &builder.control.resources().instances;
    let instance = instances.get(&InstanceId::new(id.clone()));
    instance
        .map(|it| it.network_interfaces.clone())
        .unwrap_or_default()
}

/// The machine of an instance.
pub(crate) fn host(builder: &Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<HostSpec> {
    for key in [
        "subnet",
        "private_ip_address",
        "security_groups",
        "instance_type",
    ] {
        let _ = fields.node(key);
    }
    for key in [
        "public_ip",
        "source_dest_check",
        "interfaces",
        "ipv6_addresses",
        "ipv6_address_count",
        "connection_tracking",
        "metadata_options",
        "iam_role",
    ] {
        let _ = fields.node(key);
    }
    // What a start-up script does with it is on the timeline.
    let _ = fields.node("mtu");
    let machine = Machine::read(builder, fields);
    fields.finish();
    let id = builder.names.id(&format!("instance.{name}"))?;
    let attachment = Attachment::Instance(InstanceId::new(id.clone()));
    Some(machine?.spec(name, attachment))
}
