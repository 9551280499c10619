//! The Region and its zones (Amazon EC2 API Reference: `DescribeAvailabilityZones`,
//! `DescribeRegions`).

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::{REGIONS, Reply, is_region};

use crate::describe::{Field, Reader};
use crate::view::one;
use crate::{error, network};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeAvailabilityZones {
    #[serde(default)]
    zone_names: Vec<SmolStr>,
    #[serde(default)]
    zone_ids: Vec<SmolStr>,
    #[serde(default, rename = "AllAvailabilityZones")]
    _all_availability_zones: Option<IgnoredAny>,
}

/// Name and id.
type Zone = (SmolStr, SmolStr);

/// The Region of a zone: its name less the letter.
fn region_of(zone: &Zone) -> &str {
    &zone.0[..zone.0.len() - 1]
}

const FIELDS: &[Field<Zone>] = &[
    ("zone-name", |it, _| one(&it.0)),
    ("zone-id", |it, _| one(&it.1)),
    ("state", |_, _| one("available")),
    ("zone-type", |_, _| one("availability-zone")),
    ("region-name", |it, _| one(region_of(it))),
    ("group-name", |it, _| one(region_of(it))),
    ("group-long-name", |it, _| one(region_of(it))),
    ("network-border-group", |it, _| one(region_of(it))),
    ("opt-in-status", |_, _| one("opt-in-not-required")),
    ("message", |_, _| Vec::new()),
    ("parent-zone-id", |_, _| Vec::new()),
    ("parent-zone-name", |_, _| Vec::new()),
];

pub(crate) fn describe_availability_zones(
    reader: &Reader<'_>,
    request: DescribeAvailabilityZones,
) -> Reply {
    reader.check_filters(FIELDS)?;
    let region = reader.region();
    let zones: Vec<Zone> = network::zones(region).collect();
    let names = request.zone_names.iter();
    let mut unknown = names.filter(|name| zones.iter().all(|zone| zone.0 != **name));
    if let Some(name) = unknown.next() {
        return Err(error::no_zone(name));
    }
    let ids = request.zone_ids.iter();
    let mut unknown = ids.filter(|id| zones.iter().all(|zone| zone.1 != **id));
    if let Some(id) = unknown.next() {
        return Err(error::no_zone(id));
    }
    let mut shown = Vec::new();
    for zone in zones {
        let named = request.zone_names.is_empty() || request.zone_names.contains(&zone.0);
        let by_id = request.zone_ids.is_empty() || request.zone_ids.contains(&zone.1);
        if named && by_id && reader.passes(&zone, &[], FIELDS)? {
            shown.push(json!({
                "ZoneName": zone.0,
                "ZoneId": zone.1,
                "RegionName": region,
                "State": "available",
                "ZoneType": "availability-zone",
                "GroupName": region,
                "NetworkBorderGroup": region,
                "OptInStatus": "opt-in-not-required",
            }));
        }
    }
    Ok(json!({ "AvailabilityZones": shown }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(crate) struct DescribeRegions {
    #[serde(default)]
    region_names: Vec<SmolStr>,
    #[serde(default, rename = "AllRegions")]
    _all_regions: Option<IgnoredAny>,
}

const REGION_FIELDS: &[Field<&str>] = &[
    ("region-name", |it, _| one(it)),
    ("endpoint", |it, _| one(endpoint(it))),
    ("opt-in-status", |it, _| one(opt_in_status(it))),
];

/// Every Region may be called here, so each is one that the account has.
pub(crate) fn describe_regions(reader: &Reader<'_>, request: DescribeRegions) -> Reply {
    reader.check_filters(REGION_FIELDS)?;
    let names = &request.region_names;
    if let Some(unknown) = names.iter().find(|name| !is_region(name)) {
        let why = "AWS has no such Region";
        return Err(error::invalid_value(unknown, "RegionNames", why));
    }
    let mut shown = Vec::new();
    for region in REGIONS {
        let named = names.is_empty() || names.iter().any(|name| name == region);
        if named && reader.passes(&region, &[], REGION_FIELDS)? {
            shown.push(json!({
                "RegionName": region,
                "Endpoint": endpoint(region),
                "OptInStatus": opt_in_status(region),
            }));
        }
    }
    Ok(json!({ "Regions": shown }))
}

fn endpoint(region: &str) -> String {
    format!("ec2.{region}.amazonaws.com")
}

/// Regions that an account has without asking (AWS Account Management Reference Guide, "Enable or
/// disable AWS Regions in your account").
const WITHOUT_ASKING: [&str; 17] = [
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
];

fn opt_in_status(region: &str) -> &'static str {
    match WITHOUT_ASKING.contains(&region) {
        true => "opt-in-not-required",
        false => "opted-in",
    }
}
