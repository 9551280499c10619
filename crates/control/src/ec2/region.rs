//! The Region and its zones (Amazon EC2 API Reference: `DescribeAvailabilityZones`,
//! `DescribeRegions`).

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use smol_str::SmolStr;
use wirelab_model::Reply;

use crate::describe::{Field, Reader};
use crate::network;
use crate::view::one;

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

type Zone = (SmolStr, SmolStr);

const FIELDS: &[Field<Zone>] = &[
    ("zone-name", |it, _| one(&it.0)),
    ("zone-id", |it, _| one(&it.1)),
    ("state", |_, _| one("available")),
    ("zone-type", |_, _| one("availability-zone")),
];

pub(crate) fn describe_availability_zones(
    reader: &Reader<'_>,
    request: DescribeAvailabilityZones,
) -> Reply {
    reader.check_filters(FIELDS)?;
    let region = reader.region();
    let mut shown = Vec::new();
    for zone in network::zones(region) {
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

pub(crate) fn describe_regions(reader: &Reader<'_>, request: DescribeRegions) -> Reply {
    let region = reader.region();
    let named = request.region_names.is_empty() || request.region_names.contains(region);
    let shown = named.then(|| {
        json!({
            "RegionName": region,
            "Endpoint": format!("ec2.{region}.amazonaws.com"),
            "OptInStatus": "opt-in-not-required",
        })
    });
    Ok(json!({ "Regions": shown.into_iter().collect::<Vec<_>>() }))
}
