//! `TestDNSAnswer`: what a name server of a public zone says (RFC 1034, section 4.3.2).

use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::json;
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::*;

use super::hosted_zone::name_servers;
use super::{domain_name, own_zone};
use crate::describe::Reader;
use crate::error;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TestDnsAnswer {
    #[serde(rename = "HostedZoneId")]
    hosted_zone_id: SmolStr,
    #[serde(rename = "RecordName")]
    record_name: SmolStr,
    #[serde(rename = "RecordType")]
    record_type: RecordSetType,
    /// Who asks makes no difference: records of locations are not simulated.
    #[serde(default, rename = "ResolverIP")]
    _resolver: Option<IgnoredAny>,
    #[serde(default, rename = "EDNS0ClientSubnetIP")]
    _subnet: Option<IgnoredAny>,
    #[serde(default, rename = "EDNS0ClientSubnetMask")]
    _mask: Option<IgnoredAny>,
}

pub(super) fn test_dns_answer(reader: &Reader<'_>, request: TestDnsAnswer) -> Reply {
    let zone = own_zone(
        reader.resources(),
        &request.hosted_zone_id,
        reader.account(),
    )?;
    if zone.private_zone {
        return Err(error::invalid_input(
            "TestDNSAnswer does not support private hosted zones.",
        ));
    }
    let name = domain_name(&request.record_name)?;
    if !zone.covers(&name) {
        return Err(error::invalid_input(format_args!(
            "{name} is not in the zone {}",
            zone.name
        )));
    }
    let (code, data) = answer(zone, &name, request.record_type);
    Ok(json!({
        "Nameserver": name_servers(zone).first(),
        "RecordName": name.trim_end_matches('.'),
        "RecordType": request.record_type,
        "RecordData": data,
        "ResponseCode": code,
        "Protocol": "UDP",
    }))
}

/// The code and the values.
fn answer(zone: &HostedZone, name: &str, kind: RecordSetType) -> (&'static str, Vec<SmolStr>) {
    let exists = |name: &str| {
        let mut records = zone.records.iter();
        let below = format_smolstr!(".{name}");
        records.any(|it| it.name == name || it.name.ends_with(below.as_str()))
    };
    let mut source = SmolStr::from(name);
    if !exists(name) {
        // The wildcard of the closest name that exists (RFC 4592, section 3.3.1).
        let mut rest = name;
        let closest = loop {
            let Some((_, parent)) = rest.split_once('.') else {
                return ("NXDOMAIN", Vec::new());
            };
            if exists(parent) {
                break parent;
            }
            rest = parent;
        };
        source = format_smolstr!("*.{closest}");
        if !exists(&source) {
            return ("NXDOMAIN", Vec::new());
        }
    }
    let of = |name: &str, kind| {
        let mut records = zone.records.iter();
        records.find(|it| it.name == name && it.record_type == kind)
    };
    let found = of(&source, kind).or_else(|| of(&source, RecordSetType::CNAME));
    let values = found.map_or_else(Vec::new, |record| match &record.alias_target {
        None => record.values.clone(),
        Some(target) => of(&target.dns_name, kind).map_or_else(Vec::new, |it| it.values.clone()),
    });
    ("NOERROR", values)
}
