//! Filters that a describe call documents and that no table of fields has.
//!
//! Most are compared with what the reply shows: `network-interface.attachment.device-index` with
//! `NetworkInterfaces[].Attachment.DeviceIndex`. Some name what nothing here ever has (a product
//! code, an Outpost): they match nothing, as in AWS for such a fleet. A few are about what is not
//! simulated, so that neither a match nor none would be true: they are refused in those words, and
//! not as what EC2 does not know.
//!
//! The names are those of the EC2 API Reference; `tests/filters` holds that none is missing.

use serde_json::Value;
use wirelab_model::ApiError;

use crate::error;

/// What a filter is compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shown {
    /// What the reply has there: members from the outside to the inside, each element of lists.
    At(&'static str),
    /// What is the same for all.
    Is(&'static str),
    /// Nothing: no resource here has such a thing.
    Nothing,
    /// Unknown.
    NotSimulated,
}

macro_rules! shown {
    ($($operation:literal { $($name:literal = $shown:expr;)* })*) => {
        &[$(($operation, &[$(($name, $shown)),*])),*]
    };
}

use Shown::{At, Is, NotSimulated, Nothing};

type OfOperation = (&'static str, &'static [(&'static str, Shown)]);

const SHOWN: &[OfOperation] = shown! {
    "DescribeAddresses" {
        "network-border-group" = At("NetworkBorderGroup");
    }
    "DescribeImages" {
        "block-device-mapping.delete-on-termination" = At("BlockDeviceMappings.Ebs.DeleteOnTermination");
        "block-device-mapping.device-name" = At("BlockDeviceMappings.DeviceName");
        "block-device-mapping.encrypted" = At("BlockDeviceMappings.Ebs.Encrypted");
        "block-device-mapping.snapshot-id" = NotSimulated;
        "block-device-mapping.volume-size" = At("BlockDeviceMappings.Ebs.VolumeSize");
        "block-device-mapping.volume-type" = At("BlockDeviceMappings.Ebs.VolumeType");
        "ena-support" = At("EnaSupport");
        "free-tier-eligible" = NotSimulated;
        "image-allowed" = Is("true");
        "kernel-id" = Nothing;
        "manifest-location" = At("ImageLocation");
        "platform" = Nothing;
        "product-code" = Nothing;
        "product-code.type" = Nothing;
        "ramdisk-id" = Nothing;
        "source-image-id" = NotSimulated;
        "source-image-region" = NotSimulated;
        "source-instance-id" = Nothing;
        "sriov-net-support" = At("SriovNetSupport");
        "state-reason-code" = Nothing;
        "state-reason-message" = Nothing;
    }
    "DescribeInstanceStatus" {
        "attached-ebs-status.status" = NotSimulated;
        "event.description" = Nothing;
        "event.instance-event-id" = Nothing;
        "event.not-after" = Nothing;
        "event.not-before" = Nothing;
        "event.not-before-deadline" = Nothing;
        "operator.principal" = Nothing;
    }
    "DescribeInstanceTypes" {
        "auto-recovery-supported" = NotSimulated;
        "current-generation" = At("CurrentGeneration");
        "dedicated-hosts-supported" = NotSimulated;
        "ebs-info.attachment-limit-type" = NotSimulated;
        "ebs-info.ebs-optimized-info.baseline-bandwidth-in-mbps" = NotSimulated;
        "ebs-info.ebs-optimized-info.baseline-iops" = NotSimulated;
        "ebs-info.ebs-optimized-info.baseline-throughput-in-mbps" = NotSimulated;
        "ebs-info.ebs-optimized-info.maximum-bandwidth-in-mbps" = NotSimulated;
        "ebs-info.ebs-optimized-info.maximum-iops" = NotSimulated;
        "ebs-info.ebs-optimized-info.maximum-throughput-in-mbps" = NotSimulated;
        "ebs-info.ebs-optimized-support" = NotSimulated;
        "ebs-info.encryption-support" = NotSimulated;
        "ebs-info.maximum-ebs-attachments" = NotSimulated;
        "ebs-info.nvme-support" = NotSimulated;
        "free-tier-eligible" = NotSimulated;
        "hibernation-supported" = NotSimulated;
        "instance-storage-info.disk.count" = NotSimulated;
        "instance-storage-info.disk.size-in-gb" = NotSimulated;
        "instance-storage-info.disk.type" = NotSimulated;
        "instance-storage-info.encryption-support" = NotSimulated;
        "instance-storage-info.nvme-support" = NotSimulated;
        "instance-storage-info.total-size-in-gb" = NotSimulated;
        "instance-storage-supported" = At("InstanceStorageSupported");
        "memory-info.size-in-mib" = At("MemoryInfo.SizeInMiB");
        "network-info.bandwidth-weightings" = NotSimulated;
        "network-info.efa-info.maximum-efa-interfaces" = NotSimulated;
        "network-info.efa-supported" = NotSimulated;
        "network-info.encryption-in-transit-supported" =
            At("NetworkInfo.EncryptionInTransitSupported");
        "network-info.flexible-ena-queues-support" = NotSimulated;
        "nitro-enclaves-support" = NotSimulated;
        "nitro-tpm-info.supported-versions" = NotSimulated;
        "nitro-tpm-support" = NotSimulated;
        "processor-info.supported-features" = NotSimulated;
        "processor-info.sustained-clock-speed-in-ghz" = NotSimulated;
        "reboot-migration-support" = NotSimulated;
        "supported-boot-mode" = NotSimulated;
        "vcpu-info.default-cores" = At("VCpuInfo.DefaultCores");
        "vcpu-info.default-threads-per-core" = At("VCpuInfo.DefaultThreadsPerCore");
        "vcpu-info.valid-cores" = NotSimulated;
        "vcpu-info.valid-threads-per-core" = At("VCpuInfo.ValidThreadsPerCore");
    }
    "DescribeInstances" {
        "affinity" = Nothing;
        "block-device-mapping.attach-time" = At("BlockDeviceMappings.Ebs.AttachTime");
        "boot-mode" = At("BootMode");
        "capacity-reservation-id" = Nothing;
        "capacity-reservation-specification.capacity-reservation-preference" =
            At("CapacityReservationSpecification.CapacityReservationPreference");
        "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-id" = Nothing;
        "capacity-reservation-specification.capacity-reservation-target.capacity-reservation-resource-group-arn" =
            Nothing;
        "current-instance-boot-mode" = At("CurrentInstanceBootMode");
        "ebs-optimized" = At("EbsOptimized");
        "ena-support" = At("EnaSupport");
        "enclave-options.enabled" = At("EnclaveOptions.Enabled");
        "hibernation-options.configured" = At("HibernationOptions.Configured");
        "host-id" = Nothing;
        "ipv6-address" = At("NetworkInterfaces.Ipv6Addresses.Ipv6Address");
        "kernel-id" = Nothing;
        "maintenance-options.auto-recovery" = At("MaintenanceOptions.AutoRecovery");
        "metadata-options.http-protocol-ipv4" = Is("enabled");
        "metadata-options.http-protocol-ipv6" = At("MetadataOptions.HttpProtocolIpv6");
        "metadata-options.instance-metadata-tags" = At("MetadataOptions.InstanceMetadataTags");
        "metadata-options.state" = At("MetadataOptions.State");
        "network-interface.addresses.association.allocation-id" =
            At("NetworkInterfaces.PrivateIpAddresses.Association.AllocationId");
        "network-interface.addresses.association.association-id" =
            At("NetworkInterfaces.PrivateIpAddresses.Association.AssociationId");
        "network-interface.addresses.association.carrier-ip" = Nothing;
        "network-interface.addresses.association.customer-owned-ip" = Nothing;
        "network-interface.addresses.association.ip-owner-id" =
            At("NetworkInterfaces.PrivateIpAddresses.Association.IpOwnerId");
        "network-interface.addresses.association.public-dns-name" =
            At("NetworkInterfaces.PrivateIpAddresses.Association.PublicDnsName");
        "network-interface.addresses.primary" = At("NetworkInterfaces.PrivateIpAddresses.Primary");
        "network-interface.addresses.private-dns-name" =
            At("NetworkInterfaces.PrivateIpAddresses.PrivateDnsName");
        "network-interface.association.allocation-id" = At("NetworkInterfaces.Association.AllocationId");
        "network-interface.association.association-id" = At("NetworkInterfaces.Association.AssociationId");
        "network-interface.association.carrier-ip" = Nothing;
        "network-interface.association.customer-owned-ip" = Nothing;
        "network-interface.association.ip-owner-id" = At("NetworkInterfaces.Association.IpOwnerId");
        "network-interface.association.public-dns-name" = At("NetworkInterfaces.Association.PublicDnsName");
        "network-interface.association.public-ip" = At("NetworkInterfaces.Association.PublicIp");
        "network-interface.attachment.attach-time" = NotSimulated;
        "network-interface.attachment.attachment-id" = At("NetworkInterfaces.Attachment.AttachmentId");
        "network-interface.attachment.delete-on-termination" =
            At("NetworkInterfaces.Attachment.DeleteOnTermination");
        "network-interface.attachment.device-index" = At("NetworkInterfaces.Attachment.DeviceIndex");
        "network-interface.attachment.network-card-index" =
            At("NetworkInterfaces.Attachment.NetworkCardIndex");
        "network-interface.attachment.status" = At("NetworkInterfaces.Attachment.Status");
        "network-interface.deny-all-igw-traffic" = NotSimulated;
        "network-interface.group-name" = At("NetworkInterfaces.Groups.GroupName");
        "network-interface.ipv4-prefixes.ipv4-prefix" = Nothing;
        "network-interface.ipv6-address" = At("NetworkInterfaces.Ipv6Addresses.Ipv6Address");
        "network-interface.ipv6-native" = NotSimulated;
        "network-interface.ipv6-prefixes.ipv6-prefix" = Nothing;
        "network-interface.operator.principal" = Nothing;
        "network-interface.outpost-arn" = Nothing;
        "network-interface.private-dns-name" = At("NetworkInterfaces.PrivateDnsName");
        "network-interface.private-ip-address" = At("NetworkInterfaces.PrivateIpAddress");
        "network-interface.public-dns-name" = At("NetworkInterfaces.Association.PublicDnsName");
        "network-interface.requester-id" = Nothing;
        "network-performance-options.bandwidth-weighting" = Is("default");
        "operator.managed" = Is("false");
        "operator.principal" = Nothing;
        "outpost-arn" = Nothing;
        "placement-group-name" = Nothing;
        "placement-partition-number" = Nothing;
        "private-dns-name-options.enable-resource-name-dns-a-record" =
            At("PrivateDnsNameOptions.EnableResourceNameDnsARecord");
        "private-dns-name-options.enable-resource-name-dns-aaaa-record" =
            At("PrivateDnsNameOptions.EnableResourceNameDnsAAAARecord");
        "product-code" = Nothing;
        "product-code.type" = Nothing;
        "ramdisk-id" = Nothing;
        "reason" = At("StateTransitionReason");
        "requester-id" = Nothing;
        "spot-instance-request-id" = Nothing;
        "state-reason-code" = At("StateReason.Code");
        "state-reason-message" = At("StateReason.Message");
        "tpm-support" = Nothing;
        "usage-operation-update-time" = At("UsageOperationUpdateTime");
    }
    "DescribeLaunchTemplateVersions" {
        "ebs-optimized" = At("LaunchTemplateData.EbsOptimized");
        "host-resource-group-arn" = Nothing;
        "http-endpoint" = At("LaunchTemplateData.MetadataOptions.HttpEndpoint");
        "http-protocol-ipv4" = Nothing;
        "http-tokens" = At("LaunchTemplateData.MetadataOptions.HttpTokens");
        "iam-instance-profile" = At("LaunchTemplateData.IamInstanceProfile.Arn");
        "image-id" = At("LaunchTemplateData.ImageId");
        "instance-type" = At("LaunchTemplateData.InstanceType");
        "kernel-id" = Nothing;
        "license-configuration-arn" = Nothing;
        "network-card-index" = At("LaunchTemplateData.NetworkInterfaces.NetworkCardIndex");
        "ram-disk-id" = Nothing;
    }
    "DescribeNetworkInterfaces" {
        "attachment.attach-time" = NotSimulated;
        "attachment.delete-on-termination" = At("Attachment.DeleteOnTermination");
        "operator.principal" = Nothing;
        "requester-id" = NotSimulated;
    }
    "DescribeSubnets" {
        "enable-lni-at-device-index" = Nothing;
    }
    "DescribeVolumes" {
        "fast-restored" = Is("false");
        "operator.managed" = Is("false");
        "operator.principal" = Nothing;
        "snapshot-id" = NotSimulated;
    }
    "DescribeVolumesModifications" {
        "modification-state" = At("ModificationState");
        "original-iops" = At("OriginalIops");
        "original-size" = At("OriginalSize");
        "original-volume-type" = At("OriginalVolumeType");
        "originalMultiAttachEnabled" = At("OriginalMultiAttachEnabled");
        "start-time" = At("StartTime");
        "target-iops" = At("TargetIops");
        "target-size" = At("TargetSize");
        "target-volume-type" = At("TargetVolumeType");
        "targetMultiAttachEnabled" = At("TargetMultiAttachEnabled");
        "volume-id" = At("VolumeId");
    }
    "DescribeVpcEndpointServices" {
        "service-region" = At("ServiceRegion");
        "supported-ip-address-types" = At("SupportedIpAddressTypes");
    }
    "DescribeVpcs" {
        "ipv6-cidr-block-association.ipv6-pool" = At("Ipv6CidrBlockAssociationSet.Ipv6Pool");
    }
    "DescribeVpnConnections" {
        "customer-gateway-configuration" = At("CustomerGatewayConfiguration");
    }
    "DescribeVpnGateways" {
        "availability-zone" = Nothing;
    }
    "SearchTransitGatewayRoutes" {
        "prefix-list-id" = Nothing;
    }
};

/// What a filter of the operation is compared with, if it is one of these.
pub(crate) fn of(operation: &str, name: &str) -> Option<Shown> {
    let (_, filters) = SHOWN.iter().find(|(it, _)| *it == operation)?;
    let found = filters.iter().find(|(it, _)| *it == name);
    found.map(|(_, shown)| *shown)
}

/// The names of the operation's filters.
pub(crate) fn names(operation: &str) -> impl Iterator<Item = &'static str> + use<> {
    let found = SHOWN.iter().find(|(it, _)| *it == operation);
    let filters = found.map_or(&[][..], |(_, filters)| filters);
    filters.iter().map(|(name, _)| *name)
}

impl Shown {
    /// The values that `name` is compared with, of a resource that the reply shows so.
    ///
    /// # Errors
    /// The filter is not simulated.
    pub(crate) fn values(
        self,
        name: &str,
        shown: impl FnOnce() -> Value,
    ) -> Result<Vec<String>, ApiError> {
        match self {
            Self::At(path) => Ok(at(&shown(), path)),
            Self::Is(value) => Ok(vec![value.to_owned()]),
            Self::Nothing => Ok(Vec::new()),
            Self::NotSimulated => Err(error::filter_not_simulated(name)),
        }
    }
}

/// The scalars of a value at a path.
fn at(value: &Value, path: &str) -> Vec<String> {
    let mut found = vec![value];
    for member in path.split('.') {
        let next = found.into_iter().flat_map(elements);
        found = next.filter_map(|it| it.get(member)).collect();
    }
    let scalars = found.into_iter().flat_map(elements);
    let text = |it: &Value| match it {
        Value::String(text) => Some(text.clone()),
        Value::Bool(_) | Value::Number(_) => Some(it.to_string()),
        _ => None,
    };
    scalars.filter_map(text).collect()
}

fn elements(value: &Value) -> impl Iterator<Item = &Value> {
    match value {
        Value::Array(all) => all.iter(),
        one => std::slice::from_ref(one).iter(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::at;

    #[test]
    fn a_path_goes_through_lists() {
        let shown = json!({ "A": [{ "B": [1, 2] }, { "B": true }, { "C": "x" }], "D": null });
        assert_eq!(at(&shown, "A.B"), ["1", "2", "true"]);
        assert_eq!(at(&shown, "A.C"), ["x"]);
        assert!(at(&shown, "D").is_empty() && at(&shown, "A").is_empty());
    }
}
