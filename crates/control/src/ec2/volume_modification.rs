//! Modifications of volumes (Amazon EC2 API Reference: `ModifyVolume`,
//! `DescribeVolumesModifications`; Amazon EBS User Guide, "Amazon EBS Elastic Volumes").
//!
//! A volume is `modifying` for some seconds, and then what it is to be; it is `optimizing` for as
//! long as its data take to move, and may be modified again when that is `completed`: four times in
//! 24 hours. All of this follows from the moment of the call, so nothing has to happen for it. AWS
//! gives one figure for the time: six hours for a full TiB. Nothing is on the disks here, and each
//! takes as long as a full one.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use super::block_device::Wanted;
use super::image::ROOT_DEVICE;
use super::volume::{Configuration, Volume};
use crate::clock::iso8601;
use crate::control::ControlConfig;
use crate::describe::{Field, Reader};
use crate::error;
use crate::transaction::Transaction;

/// `modifying`: the guide says "a few seconds".
const MODIFYING: SimDuration = SimDuration::from_secs(5);
/// `optimizing` of a TiB.
const OPTIMIZING: SimDuration = SimDuration::from_secs(6 * 3_600);
const DAY: SimDuration = SimDuration::from_secs(24 * 3_600);
/// So many modifications of a volume begin in 24 hours.
const A_DAY: usize = 4;

/// A modification of a volume.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Modification {
    started: SimTime,
    original: Configuration,
    target: Configuration,
}

impl Modification {
    /// When the volume is what it is to be.
    pub(super) fn takes_effect(&self) -> SimTime {
        self.started + MODIFYING
    }

    fn completed(&self) -> SimTime {
        let gibibytes = u64::from(self.target.size);
        let nanos = OPTIMIZING.as_nanos() / 1_024 * gibibytes;
        self.takes_effect() + SimDuration::from_nanos(nanos)
    }

    /// What the volume was, for as long as it is that still.
    pub(super) fn original_at(&self, now: SimTime) -> Option<&Configuration> {
        (now < self.takes_effect()).then_some(&self.original)
    }

    fn state(&self, now: SimTime) -> &'static str {
        if now < self.takes_effect() {
            "modifying"
        } else if now < self.completed() {
            "optimizing"
        } else {
            "completed"
        }
    }

    /// In per cent.
    fn progress(&self, now: SimTime) -> u64 {
        let whole = self.completed().since(self.started).as_nanos();
        let done = now.since(self.started).as_nanos().min(whole);
        let per_cent = u128::from(done) * 100 / u128::from(whole);
        u64::try_from(per_cent).unwrap_or(100)
    }

    fn show(&self, id: &str, now: SimTime, config: &ControlConfig) -> Value {
        let (original, target) = (&self.original, &self.target);
        let completed = self.completed();
        let utc = |at: SimTime| iso8601(config.starts.at(at));
        json!({
            "VolumeId": id,
            "ModificationState": self.state(now),
            "Progress": self.progress(now),
            "StartTime": utc(self.started),
            "EndTime": (now >= completed).then(|| utc(completed)),
            "OriginalSize": original.size,
            "OriginalVolumeType": original.kind,
            "OriginalIops": original.iops,
            "OriginalThroughput": original.throughput,
            "OriginalMultiAttachEnabled": false,
            "TargetSize": target.size,
            "TargetVolumeType": target.kind,
            "TargetIops": target.iops,
            "TargetThroughput": target.throughput,
            "TargetMultiAttachEnabled": false,
        })
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct ModifyVolume {
    volume_id: SmolStr,
    size: Option<u32>,
    volume_type: Option<SmolStr>,
    iops: Option<u32>,
    throughput: Option<u32>,
}

pub(crate) fn modify_volume(tx: &mut Transaction<'_>, request: ModifyVolume) -> Reply {
    let id = request.volume_id;
    let (now, config) = (tx.state.now, tx.config);
    let is_owned = tx.owns(&id);
    let volume = tx.state.volumes.find_mut(&id).filter(|_| is_owned);
    let volume = volume.ok_or_else(|| error::volume_not_found(&id))?;
    let wanted = Wanted {
        size: request.size,
        kind: request.volume_type,
        iops: request.iops,
        throughput: request.throughput,
    };
    let numbers = [wanted.size, wanted.iops, wanted.throughput];
    if wanted.kind.is_none() && numbers.iter().all(Option::is_none) {
        return Err(error::missing_one_of("Size, VolumeType, Iops, Throughput"));
    }
    check_rate(volume, now, config)?;
    let original = volume.disk.configuration.clone();
    let target = original.modified(&wanted, volume.disk.device == ROOT_DEVICE)?;
    volume.disk.configuration = target.clone();
    let modification = Modification {
        started: now,
        original,
        target,
    };
    let shown = modification.show(&id, now, config);
    volume.modifications.retain(|it| it.started + DAY > now);
    volume.modifications.push(modification);
    Ok(json!({ "VolumeModification": shown }))
}

/// The one before must be completed, and there must not have been too many.
fn check_rate(volume: &Volume, now: SimTime, config: &ControlConfig) -> Result<(), ApiError> {
    let all = &volume.modifications;
    let last = all.last().map_or("completed", |it| it.state(now));
    if last != "completed" {
        let state = last.to_ascii_uppercase();
        return Err(error::volume_modification_state(&volume.id, &state));
    }
    let mut recent = all.iter().filter(|it| it.started + DAY > now);
    match recent.clone().count() < A_DAY {
        true => Ok(()),
        false => {
            let first = recent.next().map_or(now, |it| it.started);
            let next = iso8601(config.starts.at(first + DAY));
            Err(error::volume_modification_rate(A_DAY, &next))
        }
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeVolumesModifications {
    #[serde(default)]
    volume_ids: Vec<SmolStr>,
}

/// Filters are compared with what is shown.
const FIELDS: &[Field<Volume>] = &[];

/// Of each volume the last one.
pub(crate) fn describe_volumes_modifications(
    reader: &Reader<'_>,
    request: DescribeVolumesModifications,
) -> Reply {
    reader.check_filters(FIELDS)?;
    let all = reader.state.volumes.all();
    let mut own: Vec<&Volume> = all.filter(|it| reader.owns(&it.id)).collect();
    own.sort_by(|one, other| one.id.cmp(&other.id));
    let wanted = &request.volume_ids;
    for id in wanted {
        match own.iter().find(|it| it.id == *id) {
            None => return Err(error::volume_not_found(id)),
            Some(it) if it.modifications.is_empty() => {
                return Err(error::volume_modification_not_found(id));
            }
            Some(_) => {}
        }
    }
    let show = |it: &Volume| {
        let last = it.modifications.last();
        let last = last.map(|last| last.show(&it.id, reader.state.now, reader.config));
        last.unwrap_or_default()
    };
    let mut chosen = Vec::new();
    for volume in own {
        let named = wanted.is_empty() || wanted.contains(&volume.id);
        let is_modified = named && !volume.modifications.is_empty();
        if is_modified && reader.passes_shown(volume, &[], FIELDS, &show)? {
            chosen.push(volume);
        }
    }
    reader.page("VolumesModifications", chosen, |it| it.id.to_string(), show)
}
