//! What volumes can be: what `BlockDeviceMappings` say of a new instance's, and what one can be
//! modified to (Amazon EC2 API Reference: `RunInstances`, `EbsBlockDevice`, `ModifyVolume`; Amazon
//! EBS User Guide, "Amazon EBS volume types").

use serde::Deserialize;
use smol_str::SmolStr;
use wirelab_model::ApiError;

use crate::ec2::image::{ROOT_DEVICE, ROOT_SIZE, ROOT_TYPE};
use crate::ec2::volume::{Configuration, Disk};
use crate::error;

/// One device of a new instance.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct Mapping {
    device_name: SmolStr,
    ebs: Option<Ebs>,
    /// Volumes of the host, which no type has here: NVMe ones are there without being named.
    virtual_name: Option<SmolStr>,
    /// That a device of the image is not wanted.
    no_device: Option<SmolStr>,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Ebs {
    volume_size: Option<u32>,
    volume_type: Option<SmolStr>,
    iops: Option<u32>,
    throughput: Option<u32>,
    encrypted: Option<bool>,
    kms_key_id: Option<SmolStr>,
    delete_on_termination: Option<bool>,
    snapshot_id: Option<SmolStr>,
}

/// Up to so many GiB a gp2 volume does 128 MiB a second, a larger one 250.
const GP2_SLOW_TO: u32 = 170;
/// So many operations a second it takes for a MiB a second.
const IOPS_PER_MIBPS: u32 = 4;

/// What may be asked for, and what there is without asking; 0: it has to be asked for.
type Offer = ((u32, u32), u32);

/// A type of volume.
struct Type {
    name: &'static str,
    /// GiB.
    sizes: (u32, u32),
    iops: Option<Offer>,
    /// At most so many a GiB; what is there without asking is, whatever the size.
    iops_per_gib: u32,
    throughput: Option<Offer>,
    is_bootable: bool,
}

const TYPES: [Type; 7] = [
    Type {
        name: "gp2",
        sizes: (1, 16_384),
        iops: None,
        iops_per_gib: 0,
        throughput: None,
        is_bootable: true,
    },
    Type {
        name: "gp3",
        sizes: (1, 65_536),
        iops: Some(((3_000, 80_000), 3_000)),
        iops_per_gib: 500,
        throughput: Some(((125, 2_000), 125)),
        is_bootable: true,
    },
    Type {
        name: "io1",
        sizes: (4, 16_384),
        iops: Some(((100, 64_000), 0)),
        iops_per_gib: 50,
        throughput: None,
        is_bootable: true,
    },
    Type {
        name: "io2",
        sizes: (4, 65_536),
        iops: Some(((100, 256_000), 0)),
        iops_per_gib: 1_000,
        throughput: None,
        is_bootable: true,
    },
    Type {
        name: "st1",
        sizes: (125, 16_384),
        iops: None,
        iops_per_gib: 0,
        throughput: None,
        is_bootable: false,
    },
    Type {
        name: "sc1",
        sizes: (125, 16_384),
        iops: None,
        iops_per_gib: 0,
        throughput: None,
        is_bootable: false,
    },
    Type {
        name: "standard",
        sizes: (1, 1_024),
        iops: None,
        iops_per_gib: 0,
        throughput: None,
        is_bootable: true,
    },
];

/// The volumes of a new instance: the image's, as the mappings change it, and those beside it.
///
/// # Errors
/// What no volume can be.
pub(crate) fn disks(mappings: &[Mapping]) -> Result<Vec<Disk>, ApiError> {
    let mut disks = Vec::new();
    for (index, mapping) in mappings.iter().enumerate() {
        let device = &mapping.device_name;
        if device.is_empty() || mappings[..index].iter().any(|it| it.device_name == *device) {
            return Err(error::block_device(format_args!(
                "The device '{device}' is used in more than one block-device mapping"
            )));
        }
        let is_root = device == ROOT_DEVICE;
        if is_root && (mapping.no_device.is_some() || mapping.virtual_name.is_some()) {
            return Err(error::block_device("The root device cannot be suppressed"));
        }
        match &mapping.ebs {
            Some(ebs) => disks.push(ebs.disk(device, is_root)?),
            None if is_root => disks.push(Ebs::default().disk(device, true)?),
            None => {}
        }
    }
    if !disks.iter().any(|it| it.device == ROOT_DEVICE) {
        disks.insert(0, Ebs::default().disk(&ROOT_DEVICE.into(), true)?);
    }
    Ok(disks)
}

impl Ebs {
    fn disk(&self, device: &SmolStr, is_root: bool) -> Result<Disk, ApiError> {
        if let Some(id) = &self.snapshot_id {
            return Err(error::snapshot_not_found(id));
        }
        let least = if is_root { ROOT_SIZE } else { 0 };
        let kind = self.kind(is_root)?;
        let size = match self.volume_size {
            Some(size) => size,
            None if is_root => ROOT_SIZE,
            None => {
                return Err(error::missing_parameter("size or snapshotId"));
            }
        };
        if size < least {
            return Err(error::block_device(format_args!(
                "Volume of size {size}GB is smaller than the image's, expect size >= {least}GB"
            )));
        }
        kind.check_size(size)?;
        if self.kms_key_id.is_some() && self.encrypted != Some(true) {
            return Err(error::key_without_encryption());
        }
        Ok(Disk {
            device: device.clone(),
            configuration: kind.configuration(size, self.iops, self.throughput)?,
            encrypted: self.encrypted.unwrap_or(false),
            kms_key_id: self.kms_key_id.clone(),
            delete_on_termination: self.delete_on_termination.unwrap_or(is_root),
        })
    }

    /// A volume beside the image's is gp2 if nothing is said (API Reference, `EbsBlockDevice`).
    fn kind(&self, is_root: bool) -> Result<&'static Type, ApiError> {
        let default = if is_root { ROOT_TYPE } else { "gp2" };
        Type::named(self.volume_type.as_deref().unwrap_or(default), is_root)
    }
}

/// What a volume is to become; what is not said stays.
#[derive(Default)]
pub(crate) struct Wanted {
    pub(crate) size: Option<u32>,
    pub(crate) kind: Option<SmolStr>,
    pub(crate) iops: Option<u32>,
    pub(crate) throughput: Option<u32>,
}

impl Configuration {
    /// This, modified. Of another type the API Reference's defaults hold. A root volume cannot
    /// become what no instance boots from, and none becomes `standard`.
    ///
    /// # Errors
    /// What no volume can be, and one that is smaller.
    pub(crate) fn modified(&self, wanted: &Wanted, is_root: bool) -> Result<Self, ApiError> {
        let size = wanted.size.unwrap_or(self.size);
        if size < self.size {
            return Err(error::volume_shrinks());
        }
        let name = wanted.kind.as_ref().unwrap_or(&self.kind);
        let stays = *name == self.kind;
        let kind = Type::named(name, is_root)?;
        if !stays && kind.name == "standard" {
            let why = "it is not supported as the target of a modification";
            return Err(error::invalid_value(name, "volumeType", why));
        }
        kind.check_size(size)?;
        // What a gp2 volume does, its gp3 successor does at least (EBS User Guide).
        let succeeds = self.kind == "gp2" && kind.name == "gp3";
        let usual = |offer: Option<Offer>, own: Option<u32>, default: u32| {
            let own = match own {
                Some(own) if stays => own,
                Some(own) if succeeds => own.max(default),
                _ => default,
            };
            offer.map(|_| own)
        };
        let iops = wanted.iops.or_else(|| usual(kind.iops, self.iops, 3_000));
        let of_size = succeeds.then_some(if self.size > GP2_SLOW_TO { 250 } else { 128 });
        let own = self.throughput.or(of_size);
        let usual = || usual(kind.throughput, own, 125);
        kind.configuration(size, iops, wanted.throughput.or_else(usual))
    }
}

impl Type {
    fn named(name: &str, is_root: bool) -> Result<&'static Self, ApiError> {
        let found = TYPES.iter().find(|it| it.name == name);
        let found = found.filter(|it| it.is_bootable || !is_root);
        found.ok_or_else(|| {
            error::invalid_value(name, "volumeType", "there is no such type of volume here")
        })
    }

    fn check_size(&self, size: u32) -> Result<(), ApiError> {
        match (self.sizes.0..=self.sizes.1).contains(&size) {
            true => Ok(()),
            false => Err(error::volume_value(size, "size", self.name, self.sizes)),
        }
    }

    /// A volume's; gp2 has the operations that its size brings, and of what spins nothing is told.
    fn configuration(
        &self,
        size: u32,
        iops: Option<u32>,
        throughput: Option<u32>,
    ) -> Result<Configuration, ApiError> {
        let of_size = (self.name == "gp2").then(|| (size * 3).clamp(100, 16_000));
        let iops = self.offered("iops", self.iops, iops)?;
        let throughput = self.offered("throughput", self.throughput, throughput)?;
        let usual = self.iops.map_or(0, |it| it.1);
        if let Some(iops) = iops
            && iops > usual.max(size * self.iops_per_gib)
        {
            return Err(error::iops_of_size(iops, size, self.iops_per_gib));
        }
        if let (Some(throughput), Some(iops)) = (throughput, iops)
            && throughput * IOPS_PER_MIBPS > iops
        {
            return Err(error::throughput_of_iops(throughput, iops));
        }
        Ok(Configuration {
            size,
            kind: self.name.into(),
            iops: iops.or(of_size),
            throughput,
        })
    }

    /// What a volume has of something: what was asked for, or what there is anyway.
    fn offered(
        &self,
        what: &str,
        offer: Option<Offer>,
        asked: Option<u32>,
    ) -> Result<Option<u32>, ApiError> {
        match (offer, asked) {
            (None, Some(_)) => Err(error::not_of_volume(what, self.name)),
            (None, None) => Ok(None),
            (Some((_, 0)), None) => Err(error::missing_parameter(what)),
            (Some((_, usual)), None) => Ok(Some(usual)),
            (Some(((least, most), _)), Some(asked)) if (least..=most).contains(&asked) => {
                Ok(Some(asked))
            }
            (Some((range, _)), Some(asked)) => {
                Err(error::volume_value(asked, what, self.name, range))
            }
        }
    }
}
