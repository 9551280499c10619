//! What alias records may stand for (Amazon Route 53 API Reference, `AliasTarget`): a record set of
//! the same zone, or an interface endpoint. Load balancers, distributions and the like do not exist
//! here, so that nothing with their zones is found.

use wirelab_model::*;

use crate::error;

/// Whether there is what the alias stands for, once the changes are made.
///
/// # Errors
/// `InvalidChangeBatch`, with each thing that is wrong.
pub(super) fn check(
    record: &RecordSet,
    target: &AliasTarget,
    zone: &HostedZone,
    resources: &Resources,
) -> Result<(), ApiError> {
    let kind = record.record_type;
    if matches!(kind, RecordSetType::NS | RecordSetType::SOA) {
        return Err(error::invalid_change_batch(format_args!(
            "Alias record sets of type {kind:?} are not supported: [name='{}']",
            record.name
        )));
    }
    let id = target.hosted_zone_id.trim_start_matches("/hostedzone/");
    let (lies_within, is_found) = match id == zone.hosted_zone_id.as_str() {
        true => of_zone(target, kind, zone),
        false => of_endpoint(id, target, resources),
    };
    let attempt = format!(
        "Tried to create an alias that targets {}, type {kind:?} in zone {id}",
        target.dns_name
    );
    let mut wrong = Vec::new();
    if !lies_within {
        wrong.push(format!(
            "{attempt}, but the alias target name does not lie within the target zone"
        ));
    }
    if !is_found {
        wrong.push(format!("{attempt}, but that target was not found"));
    }
    match wrong.is_empty() {
        true => Ok(()),
        false => Err(error::invalid_change_batch(wrong.join(", "))),
    }
}

/// Whether the name lies in the zone, and the zone has it with that type.
fn of_zone(target: &AliasTarget, kind: RecordSetType, zone: &HostedZone) -> (bool, bool) {
    let mut records = zone.records.iter();
    let is_found = records.any(|it| it.name == target.dns_name && it.record_type == kind);
    (zone.covers(&target.dns_name), is_found)
}

/// The same of the names that endpoints have in a zone of theirs.
fn of_endpoint(id: &str, target: &AliasTarget, resources: &Resources) -> (bool, bool) {
    let name = target.dns_name.trim_end_matches('.');
    let name = name.strip_prefix("dualstack.").unwrap_or(name);
    let endpoints = resources.vpc_endpoints.values();
    let names = endpoints.flat_map(|it| &it.dns_entries);
    let mut of_zone = names.filter(|it| it.hosted_zone_id == id).peekable();
    let is_zone = of_zone.peek().is_some();
    let is_found = of_zone.any(|it| it.dns_name == name);
    (is_zone && name.ends_with("amazonaws.com"), is_found)
}
