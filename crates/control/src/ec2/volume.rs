//! Root volumes (Amazon EC2 API Reference: `DescribeVolumes`).
//!
//! Nothing of a disk is simulated, but every instance has one, and who reads an instance reads it
//! next (Terraform does, after every launch): so each has a root volume of 8 GiB, whose id follows
//! from the instance's, as long as the instance is there.

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::ec2::image::ROOT_DEVICE;
use crate::error;
use crate::view::{maybe, one};

/// GiB.
const SIZE: u32 = 8;
const TYPE: &str = "gp3";

/// The id of an instance's volume.
pub(crate) fn id(instance: &Instance) -> SmolStr {
    let space = IdSpace {
        scenario: instance.instance_id.as_str().into(),
        names_seed: 0,
    };
    let hex = space.hex17("", "", "vol", &IdSource::Named(ROOT_DEVICE));
    format_smolstr!("vol-{hex}")
}

/// `BlockDeviceMappings` of an instance.
pub(crate) fn mappings(instance: &Instance) -> Value {
    if instance.state == InstanceState::Terminated {
        return json!([]);
    }
    json!([{
        "DeviceName": ROOT_DEVICE,
        "Ebs": {
            "AttachTime": iso8601(instance.launch_time),
            "DeleteOnTermination": true,
            "Status": "attached",
            "VolumeId": id(instance),
        },
    }])
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeVolumes {
    #[serde(default)]
    volume_ids: Vec<SmolStr>,
}

const FIELDS: &[Field<Instance>] = &[
    ("attachment.attach-time", |it, _| {
        one(iso8601(it.launch_time))
    }),
    ("attachment.delete-on-termination", |_, _| one(true)),
    ("attachment.device", |_, _| one(ROOT_DEVICE)),
    ("attachment.instance-id", |it, _| one(&it.instance_id)),
    ("attachment.status", |_, _| one("attached")),
    ("availability-zone", |it, resources| {
        maybe(zone(it, resources))
    }),
    ("create-time", |it, _| one(iso8601(it.launch_time))),
    ("encrypted", |_, _| one(false)),
    ("multi-attach-enabled", |_, _| one(false)),
    ("size", |_, _| one(SIZE)),
    ("status", |_, _| one("in-use")),
    ("volume-id", |it, _| one(id(it))),
    ("volume-type", |_, _| one(TYPE)),
];

fn zone<'r>(instance: &Instance, resources: &'r Resources) -> Option<&'r SmolStr> {
    let subnet = resources.subnets.get(&instance.subnet_id);
    subnet.map(|it| &it.availability_zone)
}

pub(crate) fn describe_volumes(reader: &Reader<'_>, request: DescribeVolumes) -> Reply {
    reader.check_filters(FIELDS)?;
    let all = reader.each::<Instance>();
    let all = all.filter(|it| it.state != InstanceState::Terminated);
    let all: Vec<_> = all.map(|it| (id(it), it)).collect();
    let wanted = &request.volume_ids;
    if let Some(unknown) = wanted.iter().find(|id| !all.iter().any(|it| it.0 == **id)) {
        return Err(error::volume_not_found(unknown));
    }
    let mut chosen = Vec::new();
    for (id, instance) in &all {
        let named = wanted.is_empty() || wanted.contains(id);
        if named && reader.passes(*instance, &[], FIELDS)? {
            chosen.push(*instance);
        }
    }
    let resources = reader.resources();
    reader.page(
        "Volumes",
        chosen,
        |it| id(it).to_string(),
        |it| show(it, resources),
    )
}

fn show(instance: &Instance, resources: &Resources) -> Value {
    let (id, since) = (id(instance), iso8601(instance.launch_time));
    json!({
        "VolumeId": id,
        "VolumeType": TYPE,
        "Size": SIZE,
        "Iops": 3000,
        "Throughput": 125,
        "State": "in-use",
        "AvailabilityZone": zone(instance, resources),
        "CreateTime": since,
        "Encrypted": false,
        "MultiAttachEnabled": false,
        "SnapshotId": "",
        "Attachments": [{
            "AttachTime": since,
            "DeleteOnTermination": true,
            "Device": ROOT_DEVICE,
            "InstanceId": instance.instance_id,
            "State": "attached",
            "VolumeId": id,
        }],
        "Tags": [],
    })
}
