//! Volumes of instances (Amazon EC2 API Reference: `DescribeVolumes`, `DeleteVolume`); how they are
//! changed is in [`super::volume_modification`].
//!
//! Nothing of a disk is simulated, but every instance has one, and who reads an instance reads it
//! next (Terraform does, after every launch, and makes the instance anew if the disk is not what
//! was asked for): so what `BlockDeviceMappings` say of volumes is kept and shown
//! ([`super::block_device`] reads it), with tags. A volume's id follows from its instance's and its
//! device's name. It goes with its instance, or stays, `available`, until it is deleted.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::*;

use crate::clock::iso8601;
use crate::describe::{Field, Reader};
use crate::ec2::volume_modification::Modification;
use crate::state::State;
use crate::transaction::Transaction;
use crate::view::{done, each, maybe, one};
use crate::{error, network};

/// A volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Volume {
    pub(super) id: SmolStr,
    pub(super) disk: Disk,
    created: UnixTime,
    zone: SmolStr,
    /// Whose it is, until that is gone.
    instance: Option<InstanceId>,
    /// Those of the last day and the last one, by their time.
    pub(super) modifications: Vec<Modification>,
    tags: Vec<Tag>,
}

impl Volume {
    /// The volume as it is at a moment: one that is being modified is what it was.
    fn at(&self, now: SimTime) -> Self {
        let mut volume = self.clone();
        let last = volume.modifications.last();
        if let Some(original) = last.and_then(|it| it.original_at(now)) {
            volume.disk.configuration = original.clone();
        }
        volume
    }
}

/// What a volume is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Disk {
    /// `/dev/xvda`.
    pub(crate) device: SmolStr,
    pub(crate) configuration: Configuration,
    pub(crate) encrypted: bool,
    pub(crate) kms_key_id: Option<SmolStr>,
    pub(crate) delete_on_termination: bool,
}

/// What of a volume can be modified.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Configuration {
    /// GiB.
    pub(crate) size: u32,
    /// `gp3`.
    pub(crate) kind: SmolStr,
    pub(crate) iops: Option<u32>,
    /// MiB a second.
    pub(crate) throughput: Option<u32>,
}

/// All volumes. Shared until changed, as every call keeps a copy of the state.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Volumes {
    /// Of each instance, by device.
    attached: Arc<BTreeMap<InstanceId, Vec<Volume>>>,
    /// Those that have stayed when their instance went.
    left: Arc<BTreeMap<SmolStr, Volume>>,
}

impl Volumes {
    pub(super) fn all(&self) -> impl Iterator<Item = &Volume> {
        self.attached.values().flatten().chain(self.left.values())
    }

    /// Those of an instance; none, once that is gone.
    pub(crate) fn of(&self, instance: &InstanceId) -> Option<&Vec<Volume>> {
        self.attached.get(instance)
    }

    /// When the last of them that is being modified will be what it is to be.
    pub(crate) fn settled_at(&self, now: SimTime) -> Option<SimTime> {
        let last = self.all().filter_map(|it| it.modifications.last());
        let ends = last.map(Modification::takes_effect);
        ends.filter(|at| *at > now).max()
    }

    pub(super) fn find_mut(&mut self, id: &str) -> Option<&mut Volume> {
        if self.left.contains_key(id) {
            return Arc::make_mut(&mut self.left).get_mut(id);
        }
        let attached = Arc::make_mut(&mut self.attached);
        attached.values_mut().flatten().find(|it| it.id == id)
    }
}

fn id(instance: &InstanceId, device: &str) -> SmolStr {
    let space = IdSpace {
        scenario: instance.as_str().into(),
        names_seed: 0,
    };
    let hex = space.hex17("", "", "vol", &IdSource::Named(device));
    format_smolstr!("vol-{hex}")
}

/// Gives a new instance its volumes.
pub(crate) fn make(tx: &mut Transaction<'_>, instance: &InstanceId, disks: &[Disk], tags: &[Tag]) {
    let resources = tx.resources();
    let Some(it) = resources.instances.get(instance).map(Arc::clone) else {
        return;
    };
    let zone = resources.subnets.get(&it.subnet_id);
    let zone = zone.map(|it| it.availability_zone.clone());
    let zone = zone.unwrap_or_default();
    let volume = |disk: &Disk| Volume {
        id: id(instance, &disk.device),
        disk: disk.clone(),
        created: it.launch_time,
        zone: zone.clone(),
        instance: Some(instance.clone()),
        modifications: Vec::new(),
        tags: tags.to_vec(),
    };
    let mut volumes: Vec<Volume> = disks.iter().map(volume).collect();
    volumes.sort_by(|one, other| one.disk.device.cmp(&other.disk.device));
    let realm = tx.realm().clone();
    for volume in &volumes {
        tx.state.realms.note(&volume.id, &realm, tx.config);
    }
    Arc::make_mut(&mut tx.state.volumes.attached).insert(instance.clone(), volumes);
}

/// What becomes of the volumes of an instance that is gone.
pub(crate) fn leave(state: &mut State, instance: &InstanceId) {
    let gone = Arc::make_mut(&mut state.volumes.attached).remove(instance);
    for mut volume in gone.into_iter().flatten() {
        if !volume.disk.delete_on_termination {
            volume.instance = None;
            Arc::make_mut(&mut state.volumes.left).insert(volume.id.clone(), volume);
        }
    }
}

/// The tags of a volume, if there is one of that id.
pub(crate) fn tags_mut<'s>(state: &'s mut State, id: &str) -> Option<&'s mut Vec<Tag>> {
    state.volumes.find_mut(id).map(|it| &mut it.tags)
}

/// The tags of every volume, by its id.
pub(crate) fn all_tags(state: &State) -> impl Iterator<Item = (&str, &[Tag])> {
    let all = state.volumes.all();
    all.map(|it| (it.id.as_str(), it.tags.as_slice()))
}

/// `BlockDeviceMappings` of an instance.
pub(crate) fn mappings(instance: &InstanceId, state: &State) -> Value {
    let mapping = |it: &Volume| {
        json!({
            "DeviceName": it.disk.device,
            "Ebs": {
                "AttachTime": iso8601(it.created),
                "DeleteOnTermination": it.disk.delete_on_termination,
                "Status": "attached",
                "VolumeId": it.id,
            },
        })
    };
    let own = state.volumes.of(instance).into_iter().flatten();
    own.map(mapping).collect()
}

/// Filters of instances by their volumes.
pub(crate) const INSTANCE_FIELDS: &[Field<Vec<Volume>>] = &[
    ("block-device-mapping.delete-on-termination", |all, _| {
        each(all.iter().map(|it| it.disk.delete_on_termination))
    }),
    ("block-device-mapping.device-name", |all, _| {
        each(all.iter().map(|it| &it.disk.device))
    }),
    ("block-device-mapping.status", |all, _| {
        each(all.iter().map(|_| "attached"))
    }),
    ("block-device-mapping.volume-id", |all, _| {
        each(all.iter().map(|it| &it.id))
    }),
];

/// Sets what becomes of the volume at a device when its instance is terminated.
pub(crate) fn set_delete_on_termination(
    state: &mut State,
    instance: &InstanceId,
    (device, is_deleted): (&str, bool),
) -> Result<(), ApiError> {
    match state.volumes.find_mut(&id(instance, device)) {
        Some(volume) => {
            volume.disk.delete_on_termination = is_deleted;
            Ok(())
        }
        None => Err(error::no_device(instance, device)),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeVolumes {
    #[serde(default)]
    volume_ids: Vec<SmolStr>,
}

const FIELDS: &[Field<Volume>] = &[
    ("attachment.attach-time", |it, _| {
        maybe(it.instance.as_ref().map(|_| iso8601(it.created)))
    }),
    ("attachment.delete-on-termination", |it, _| {
        maybe(it.instance.as_ref().map(|_| it.disk.delete_on_termination))
    }),
    ("attachment.device", |it, _| {
        maybe(it.instance.as_ref().map(|_| &it.disk.device))
    }),
    ("attachment.instance-id", |it, _| {
        maybe(it.instance.as_ref())
    }),
    ("attachment.status", |it, _| {
        maybe(it.instance.as_ref().map(|_| "attached"))
    }),
    ("availability-zone", |it, _| one(&it.zone)),
    ("availability-zone-id", |it, _| {
        maybe(network::zone_id(&it.zone))
    }),
    ("create-time", |it, _| one(iso8601(it.created))),
    ("encrypted", |it, _| one(it.disk.encrypted)),
    ("multi-attach-enabled", |_, _| one(false)),
    ("size", |it, _| one(it.disk.configuration.size)),
    ("status", |it, _| one(status(it))),
    ("volume-id", |it, _| one(&it.id)),
    ("volume-type", |it, _| one(&it.disk.configuration.kind)),
];

const fn status(volume: &Volume) -> &'static str {
    match volume.instance {
        Some(_) => "in-use",
        None => "available",
    }
}

pub(crate) fn describe_volumes(reader: &Reader<'_>, request: DescribeVolumes) -> Reply {
    reader.check_filters(FIELDS)?;
    let all = reader.state.volumes.all();
    let own = all.filter(|it| reader.owns(&it.id));
    let mut own: Vec<Volume> = own.map(|it| it.at(reader.state.now)).collect();
    own.sort_by(|one, other| one.id.cmp(&other.id));
    let wanted = &request.volume_ids;
    if let Some(unknown) = wanted.iter().find(|id| !own.iter().any(|it| it.id == **id)) {
        return Err(error::volume_not_found(unknown));
    }
    let mut chosen = Vec::new();
    for volume in &own {
        let named = wanted.is_empty() || wanted.contains(&volume.id);
        if named && reader.passes_shown(volume, &volume.tags, FIELDS, &show)? {
            chosen.push(volume);
        }
    }
    reader.page("Volumes", chosen, |it| it.id.to_string(), show)
}

fn show(volume: &Volume) -> Value {
    let since = iso8601(volume.created);
    let disk = &volume.disk;
    let Configuration {
        size,
        kind,
        iops,
        throughput,
    } = &disk.configuration;
    let attachment = |instance| {
        json!({
            "AttachTime": since,
            "DeleteOnTermination": disk.delete_on_termination,
            "Device": disk.device,
            "InstanceId": instance,
            "State": "attached",
            "VolumeId": volume.id,
        })
    };
    let attachments: Vec<Value> = volume.instance.iter().map(attachment).collect();
    json!({
        "VolumeId": volume.id,
        "VolumeType": kind,
        "Size": size,
        "Iops": iops,
        "Throughput": throughput,
        "State": status(volume),
        "AvailabilityZone": volume.zone,
        "CreateTime": since,
        "Encrypted": disk.encrypted,
        "KmsKeyId": disk.kms_key_id,
        "MultiAttachEnabled": false,
        "SnapshotId": "",
        "Attachments": attachments,
        "Tags": volume.tags,
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DeleteVolume {
    volume_id: SmolStr,
}

pub(crate) fn delete_volume(tx: &mut Transaction<'_>, request: DeleteVolume) -> Reply {
    let id = request.volume_id;
    let found = tx.state.volumes.all().find(|it| it.id == id);
    let found = found.filter(|_| tx.owns(&id));
    let volume = found.ok_or_else(|| error::volume_not_found(&id))?;
    if let Some(instance) = &volume.instance {
        return Err(error::volume_in_use(&id, instance));
    }
    Arc::make_mut(&mut tx.state.volumes.left).remove(&id);
    Ok(done())
}
