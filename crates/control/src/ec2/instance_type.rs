//! Instance types by name (Amazon EC2 API Reference: `DescribeInstanceTypes`,
//! `DescribeInstanceCreditSpecifications`); what they allow is in `model`.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::describe::{Field, Reader};
use crate::transaction::Transaction;
use crate::view::{each, one};
use crate::{error, network};

/// The type called `name`.
///
/// # Errors
/// A name that is in none of the families that are known.
pub(crate) fn known(name: &str) -> Result<InstanceType, ApiError> {
    InstanceType::find(name).ok_or_else(|| {
        let names: Vec<_> = InstanceType::names().collect();
        error::instance_type(name, error::nearest(name, names.iter().map(String::as_str)))
    })
}

/// Whether an instance of the type can have the interface as it is, with its addresses and
/// settings.
pub(crate) fn check_interface(
    kind: &InstanceType,
    interface: &NetworkInterface,
) -> Result<(), ApiError> {
    let most = kind.addresses_per_interface;
    let longest = interface
        .private_ip_addresses
        .len()
        .max(interface.ipv6_addresses.len());
    if longest > most {
        return Err(error::private_address_limit(
            &interface.network_interface_id,
            most,
        ));
    }
    let untouched = ConnectionTracking::default();
    if kind.nitro_generation == NitroGeneration::Xen
        && interface.connection_tracking_configuration != untouched
    {
        return Err(error::unsupported(
            "Connection tracking timeouts can be configured on Nitro-based instances only",
        ));
    }
    Ok(())
}

/// As [`check_interface`], for the instance that the interface is attached to, if there is one.
pub(crate) fn check_attached(
    tx: &Transaction<'_>,
    interface: &NetworkInterface,
) -> Result<(), ApiError> {
    let attachment = interface.attachment.as_ref();
    let Some(id) = attachment.and_then(|it| it.instance_id.as_ref()) else {
        return Ok(());
    };
    check_interface(&known(&tx.get::<Instance>(id)?.instance_type)?, interface)
}

/// A type with its name.
struct Named {
    name: String,
    kind: InstanceType,
}

impl Named {
    fn is_burstable(&self) -> bool {
        is_burstable(&self.name)
    }

    fn hypervisor(&self) -> &'static str {
        match self.kind.nitro_generation {
            NitroGeneration::Xen => "xen",
            NitroGeneration::Nitro | NitroGeneration::NitroV6 => "nitro",
        }
    }

    /// Of the families before Nitro there is T2 alone, which has none.
    fn ena_support(&self) -> &'static str {
        match self.kind.nitro_generation {
            NitroGeneration::Xen => "unsupported",
            NitroGeneration::Nitro | NitroGeneration::NitroV6 => "required",
        }
    }

    /// `Up to 12.5 Gigabit`, where that is not always there; of T2 in words (EC2 instance types
    /// guide, "Network specifications").
    fn performance(&self) -> String {
        if self.kind.nitro_generation == NitroGeneration::Xen {
            let is_large = self.name.ends_with("xlarge");
            return if is_large {
                "Moderate"
            } else {
                "Low to Moderate"
            }
            .to_owned();
        }
        let burst = gigabits(self.kind.burst_bps);
        match self.kind.burst_bps > self.kind.baseline_bps {
            true => format!("Up to {burst} Gigabit"),
            false => format!("{burst} Gigabit"),
        }
    }
}

/// What a type's processors are. Arm's families have a `g` behind their generation: `m7g`, `c6gn`.
pub(crate) fn architecture(name: &str) -> &'static str {
    let family = name.split('.').next().unwrap_or_default();
    let behind = family.trim_start_matches(|it: char| it.is_ascii_lowercase());
    let behind = behind.trim_start_matches(|it: char| it.is_ascii_digit());
    match behind.starts_with('g') || family == "a1" {
        true => "arm64",
        false => "x86_64",
    }
}

/// Threads of a core: two, but for Arm's processors, AMD's from the seventh generation on, the
/// families of T2, and types of one virtual CPU.
pub(crate) fn threads_per_core(name: &str, vcpus: u32) -> u32 {
    let family = name.split('.').next().unwrap_or_default();
    let digit = |it: char| it.to_digit(10);
    let generation = family.chars().find_map(digit).unwrap_or_default();
    let is_amd = family.ends_with('a') && generation >= 7;
    let is_split = architecture(name) == "arm64" || is_amd || family == "t2";
    if is_split || vcpus < 2 { 1 } else { 2 }
}

/// Types with disks of their own: a `d` behind their generation, `m5d`, `c6gd`.
fn has_disks(name: &str) -> bool {
    let family = name.split('.').next().unwrap_or_default();
    let behind = family.trim_start_matches(|it: char| it.is_ascii_lowercase());
    behind.contains('d')
}

/// Types whose processors have credits: the families of T.
fn is_burstable(name: &str) -> bool {
    let mut letters = name.chars();
    letters.next() == Some('t') && letters.next().is_some_and(|it| it.is_ascii_digit())
}

/// Bits per second in gigabits, with the digits that they need: `12.5`.
fn gigabits(bps: u64) -> String {
    let (whole, rest) = (bps / 1_000_000_000, bps % 1_000_000_000 / 1_000_000);
    let text = format!("{whole}.{rest:03}");
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeInstanceTypes {
    #[serde(default)]
    instance_types: Vec<SmolStr>,
}

const FIELDS: &[Field<Named>] = &[
    ("bare-metal", |_, _| one(false)),
    ("burstable-performance-supported", |it, _| {
        one(it.is_burstable())
    }),
    ("hypervisor", |it, _| one(it.hypervisor())),
    ("instance-type", |it, _| one(&it.name)),
    ("network-info.ipv4-addresses-per-interface", |it, _| {
        one(it.kind.addresses_per_interface)
    }),
    ("network-info.ena-support", |it, _| one(it.ena_support())),
    ("network-info.ipv6-addresses-per-interface", |it, _| {
        one(it.kind.addresses_per_interface)
    }),
    ("network-info.ipv6-supported", |_, _| one(true)),
    ("network-info.maximum-network-cards", |_, _| one(1)),
    ("network-info.maximum-network-interfaces", |it, _| {
        one(it.kind.interfaces)
    }),
    ("network-info.network-performance", |it, _| {
        one(it.performance())
    }),
    ("processor-info.supported-architecture", |it, _| {
        one(architecture(&it.name))
    }),
    ("supported-root-device-type", |_, _| one("ebs")),
    ("supported-usage-class", |_, _| each(USAGE_CLASSES)),
    ("supported-virtualization-type", |_, _| one("hvm")),
    ("vcpu-info.default-vcpus", |it, _| one(it.kind.vcpus)),
];

const USAGE_CLASSES: [&str; 2] = ["on-demand", "spot"];

/// The types of the tables: what the simulation knows of them, which is their network, processors
/// and memory.
pub(crate) fn describe_instance_types(
    reader: &Reader<'_>,
    request: DescribeInstanceTypes,
) -> Reply {
    reader.check_filters(FIELDS)?;
    let mut types = Vec::new();
    let names: Vec<String> = match request.instance_types.is_empty() {
        true => InstanceType::names().collect(),
        false => request
            .instance_types
            .iter()
            .map(ToString::to_string)
            .collect(),
    };
    for name in names {
        let kind = known(&name)?;
        types.push(Named { name, kind });
    }
    let mut chosen = Vec::new();
    for it in &types {
        if reader.passes_shown(it, &[], FIELDS, &show)? {
            chosen.push(it);
        }
    }
    reader.page("InstanceTypes", chosen, |it| it.name.clone(), show)
}

fn show(it: &Named) -> Value {
    let number = |text: String| text.parse::<f64>().ok();
    let threads = threads_per_core(&it.name, it.kind.vcpus);
    let (baseline, peak) = (gigabits(it.kind.baseline_bps), gigabits(it.kind.burst_bps));
    json!({
        "InstanceType": it.name,
        "BareMetal": false,
        "Hypervisor": it.hypervisor(),
        "SupportedUsageClasses": USAGE_CLASSES,
        "SupportedRootDeviceTypes": ["ebs"],
        "SupportedVirtualizationTypes": ["hvm"],
        "BurstablePerformanceSupported": it.is_burstable(),
        "ProcessorInfo": { "SupportedArchitectures": [architecture(&it.name)] },
        "CurrentGeneration": true,
        "InstanceStorageSupported": has_disks(&it.name),
        "MemoryInfo": { "SizeInMiB": it.kind.memory_mib },
        "VCpuInfo": {
            "DefaultVCpus": it.kind.vcpus,
            "DefaultCores": it.kind.vcpus / threads,
            "DefaultThreadsPerCore": threads,
            "ValidThreadsPerCore": (1..=threads).collect::<Vec<_>>(),
        },
        "NetworkInfo": {
            "NetworkPerformance": it.performance(),
            "MaximumNetworkInterfaces": it.kind.interfaces,
            "MaximumNetworkCards": 1,
            "DefaultNetworkCardIndex": 0,
            "NetworkCards": [{
                "NetworkCardIndex": 0,
                "NetworkPerformance": it.performance(),
                "MaximumNetworkInterfaces": it.kind.interfaces,
                "BaselineBandwidthInGbps": number(baseline),
                "PeakBandwidthInGbps": number(peak),
            }],
            "Ipv4AddressesPerInterface": it.kind.addresses_per_interface,
            "Ipv6AddressesPerInterface": it.kind.addresses_per_interface,
            "Ipv6Supported": true,
            "EnaSupport": it.ena_support(),
            "EncryptionInTransitSupported": it.kind.encrypts_in_transit,
        },
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeInstanceTypeOfferings {
    #[serde(default)]
    location_type: LocationType,
}

/// What a type is offered in.
#[derive(Clone, Copy, Default, Deserialize, Serialize)]
#[serde(rename_all = "kebab-case")]
enum LocationType {
    #[default]
    Region,
    AvailabilityZone,
    AvailabilityZoneId,
    Outpost,
}

/// A type and where it is offered.
type Offering = (String, SmolStr);

const OFFERING_FIELDS: &[Field<Offering>] = &[
    ("instance-type", |it, _| one(&it.0)),
    ("location", |it, _| one(&it.1)),
];

/// Every type of the tables can be launched in every zone; there are no Outposts.
pub(crate) fn describe_instance_type_offerings(
    reader: &Reader<'_>,
    request: DescribeInstanceTypeOfferings,
) -> Reply {
    reader.check_filters(OFFERING_FIELDS)?;
    let kind = request.location_type;
    let region = reader.region();
    let locations: Vec<SmolStr> = match kind {
        LocationType::Region => vec![region.clone()],
        LocationType::AvailabilityZone => network::zones(region).map(|it| it.0).collect(),
        LocationType::AvailabilityZoneId => network::zones(region).map(|it| it.1).collect(),
        LocationType::Outpost => Vec::new(),
    };
    let mut offerings: Vec<Offering> = Vec::new();
    for name in InstanceType::names() {
        for location in &locations {
            let offering = (name.clone(), location.clone());
            if reader.passes(&offering, &[], OFFERING_FIELDS)? {
                offerings.push(offering);
            }
        }
    }
    let show =
        |it: &Offering| json!({ "InstanceType": it.0, "LocationType": kind, "Location": it.1 });
    let key = |it: &Offering| format!("{}/{}", it.0, it.1);
    reader.page(
        "InstanceTypeOfferings",
        offerings.iter().collect(),
        key,
        show,
    )
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeCredits {
    #[serde(default)]
    instance_ids: Vec<InstanceId>,
}

const CREDIT_FIELDS: &[Field<Instance>] = &[("instance-id", |it, _| one(&it.instance_id))];

/// How instances of T pay for bursts: by their family's default, which nothing here changes.
/// Without ids those that pay without limit are shown (API Reference,
/// "DescribeInstanceCreditSpecifications").
pub(crate) fn describe_credits(reader: &Reader<'_>, request: DescribeCredits) -> Reply {
    let ids = &request.instance_ids;
    for id in ids {
        let kind = &reader.get::<Instance>(id)?.instance_type;
        if !is_burstable(kind) {
            return Err(error::unsupported(format_args!(
                "The instance {id} is not of a burstable type: {kind}"
            )));
        }
    }
    let mut chosen = reader.select::<Instance>(ids, CREDIT_FIELDS)?;
    chosen.retain(|it| match ids.is_empty() {
        true => is_burstable(&it.instance_type) && credits(&it.instance_type) == "unlimited",
        false => true,
    });
    let member = "InstanceCreditSpecifications";
    reader.page(
        member,
        chosen,
        |it| it.instance_id.to_string(),
        |it| {
            json!({
                "InstanceId": it.instance_id,
                "CpuCredits": credits(&it.instance_type),
            })
        },
    )
}

/// EC2 User Guide, "Unlimited mode for burstable performance instances".
fn credits(kind: &str) -> &'static str {
    match kind.starts_with("t2.") {
        true => "standard",
        false => "unlimited",
    }
}
