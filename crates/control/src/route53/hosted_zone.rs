//! Hosted zones.

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::*;

use super::record::order;
use super::{VpcRequest, conflicts, domain_name, keep, own_zone, show_vpc};
use crate::describe::Reader;
use crate::error;
use crate::transaction::Transaction;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateHostedZone {
    #[serde(rename = "Name")]
    name: SmolStr,
    #[serde(rename = "VPC")]
    vpc: Option<VpcRequest>,
    #[serde(rename = "CallerReference")]
    caller_reference: SmolStr,
    #[serde(rename = "HostedZoneConfig")]
    config: Option<ZoneConfig>,
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ZoneConfig {
    comment: Option<SmolStr>,
    private_zone: Option<bool>,
}

pub(super) fn create_hosted_zone(tx: &mut Transaction<'_>, request: CreateHostedZone) -> Reply {
    let name = domain_name(&request.name)?;
    let config = request.config.unwrap_or_default();
    let resources = tx.resources();
    let reference = &request.caller_reference;
    let mut zones = resources.hosted_zones.values();
    if zones.any(|it| it.owner_id == tx.owner && it.caller_reference == *reference) {
        return Err(error::hosted_zone_exists(reference));
    }
    if config.private_zone == Some(true) && request.vpc.is_none() {
        return Err(error::invalid_input(
            "When you're creating a private hosted zone (when you specify true for PrivateZone), you \
            must also specify values for VPCId and VPCRegion.",
        ));
    }
    let vpc = match request.vpc {
        None => None,
        Some(vpc) => {
            if vpc.find(resources)?.owner_id != tx.owner {
                return Err(error::not_authorized(&vpc.id));
            }
            if conflicts(resources, &name, &vpc.id) {
                return Err(error::conflicting_domain(&name, &vpc.id));
            }
            Some(vpc.value())
        }
    };
    let text = tx.new_text_id(HostedZoneId::PREFIX);
    let id = HostedZoneId::new(format_smolstr!("Z{}", text[2..].to_ascii_uppercase()));
    let zone = HostedZone {
        hosted_zone_id: id.clone(),
        records: first_records(&name, vpc.is_some(), tx),
        name,
        caller_reference: request.caller_reference,
        comment: config.comment,
        private_zone: vpc.is_some(),
        vpcs: vpc.into_iter().collect(),
        authorizations: Vec::new(),
        served_vpcs: Vec::new(),
        served_records: Vec::new(),
        owner_id: tx.owner.clone(),
        tags: Vec::new(),
    };
    let mut reply = json!({
        "HostedZone": show(&zone),
        "Location": format!("https://route53.amazonaws.com/2013-04-01/hostedzone/{id}"),
    });
    if zone.private_zone {
        reply["VPC"] = zone.vpcs.first().map_or(Value::Null, show_vpc);
    } else {
        reply["DelegationSet"] = json!({ "NameServers": name_servers(&zone) });
    }
    reply["ChangeInfo"] = keep(tx, zone, None);
    Ok(reply)
}

/// NS and SOA, which every zone has. Those of private zones are always the same.
fn first_records(name: &SmolStr, private: bool, tx: &Transaction<'_>) -> Vec<RecordSet> {
    let bits = tx.bits("delegation-set", name);
    let server = |at: u64, top: &str| {
        let number = if private {
            at * 512
        } else {
            at * 512 + (bits >> (8 * at)) % 512
        };
        let second = if private {
            0
        } else {
            (bits >> (8 * at + 4)) % 64
        };
        format_smolstr!("ns-{number}.awsdns-{second:02}.{top}.")
    };
    let servers = vec![
        server(3, "co.uk"),
        server(0, "com"),
        server(2, "org"),
        server(1, "net"),
    ];
    let authority = format_smolstr!(
        "{} awsdns-hostmaster.amazon.com. 1 7200 900 1209600 86400",
        servers[0]
    );
    let record = |record_type, ttl, values| RecordSet {
        name: name.clone(),
        record_type,
        ttl: Some(ttl),
        values,
        alias_target: None,
    };
    vec![
        record(RecordSetType::NS, 172_800, servers),
        record(RecordSetType::SOA, 900, vec![authority]),
    ]
}

pub(super) fn name_servers(zone: &HostedZone) -> Vec<SmolStr> {
    let mut records = zone.records.iter();
    let servers = records.find(|it| it.record_type == RecordSetType::NS && it.name == zone.name);
    let values = servers.into_iter().flat_map(|it| &it.values);
    values.map(|it| it.trim_end_matches('.').into()).collect()
}

fn show(zone: &HostedZone) -> Value {
    json!({
        "Id": format!("/hostedzone/{}", zone.hosted_zone_id),
        "Name": zone.name,
        "CallerReference": zone.caller_reference,
        "Config": { "Comment": zone.comment, "PrivateZone": zone.private_zone },
        "ResourceRecordSetCount": zone.records.len(),
    })
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ZoneRequest {
    id: SmolStr,
}

pub(super) fn get_hosted_zone(reader: &Reader<'_>, request: ZoneRequest) -> Reply {
    let zone = own_zone(reader.resources(), &request.id, reader.account())?;
    let mut reply = json!({ "HostedZone": show(zone) });
    if zone.private_zone {
        reply["VPCs"] = zone.vpcs.iter().map(show_vpc).collect();
    } else {
        reply["DelegationSet"] = json!({ "NameServers": name_servers(zone) });
    }
    Ok(reply)
}

#[derive(Deserialize)]
pub(super) struct Nothing {}

pub(super) fn get_hosted_zone_count(reader: &Reader<'_>, _: Nothing) -> Reply {
    let zones = reader.resources().hosted_zones.values();
    let own = zones.filter(|it| it.owner_id == *reader.account());
    Ok(json!({ "HostedZoneCount": own.count() }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct UpdateComment {
    id: SmolStr,
    comment: Option<SmolStr>,
}

/// Without a comment the old one goes.
pub(super) fn update_comment(tx: &mut Transaction<'_>, request: UpdateComment) -> Reply {
    let mut zone = own_zone(tx.resources(), &request.id, &tx.owner)?.clone();
    zone.comment = request.comment.filter(|it| !it.is_empty());
    let shown = show(&zone);
    let zones = &mut tx.state.resources.hosted_zones;
    zones.insert(zone.hosted_zone_id.clone(), zone.into());
    Ok(json!({ "HostedZone": shown }))
}

pub(super) fn delete_hosted_zone(tx: &mut Transaction<'_>, request: ZoneRequest) -> Reply {
    let zone = own_zone(tx.resources(), &request.id, &tx.owner)?;
    let own = |it: &RecordSet| {
        it.name == zone.name && matches!(it.record_type, RecordSetType::NS | RecordSetType::SOA)
    };
    if !zone.records.iter().all(own) {
        return Err(error::hosted_zone_not_empty());
    }
    let id = zone.hosted_zone_id.clone();
    tx.state.resources.hosted_zones.remove(&id);
    Ok(json!({ "ChangeInfo": super::change::submit(tx, None) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub(super) struct ListHostedZones {
    marker: Option<SmolStr>,
    max_items: Option<usize>,
    hosted_zone_type: Option<SmolStr>,
}

/// Longest page of a list.
const PAGE: usize = 100;

pub(super) fn list_hosted_zones(reader: &Reader<'_>, request: ListHostedZones) -> Reply {
    let private_only = request.hosted_zone_type.as_deref() == Some("PrivateHostedZone");
    let owner = reader.account();
    let zones = reader.resources().hosted_zones.values();
    let zones = zones.filter(|it| it.owner_id == *owner);
    let start = request.marker.clone().unwrap_or_default();
    let zones = zones.filter(|it| it.hosted_zone_id.as_str() >= start.as_str());
    let zones: Vec<_> = zones
        .filter(|it| it.private_zone || !private_only)
        .collect();
    let limit = request.max_items.unwrap_or(PAGE).clamp(1, PAGE);
    let shown: Vec<_> = zones.iter().take(limit).map(|it| show(it)).collect();
    let next = zones.get(limit).map(|it| it.hosted_zone_id.to_string());
    Ok(json!({
        "HostedZones": shown,
        "Marker": request.marker,
        "IsTruncated": next.is_some(),
        "NextMarker": next,
        "MaxItems": limit.to_string(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListHostedZonesByName {
    #[serde(rename = "DNSName")]
    dns_name: Option<SmolStr>,
    #[serde(rename = "HostedZoneId")]
    hosted_zone_id: Option<SmolStr>,
    #[serde(rename = "MaxItems")]
    max_items: Option<usize>,
}

/// From a name on, in the order of labels from the last to the first; zones of one name by id.
pub(super) fn list_hosted_zones_by_name(
    reader: &Reader<'_>,
    request: ListHostedZonesByName,
) -> Reply {
    if request.hosted_zone_id.is_some() && request.dns_name.is_none() {
        return Err(error::invalid_input(
            "HostedZoneId may be given only together with DNSName.",
        ));
    }
    let name = request.dns_name.as_deref().map(domain_name).transpose()?;
    let id = request.hosted_zone_id.as_deref().unwrap_or_default();
    let id = id.trim_start_matches("/hostedzone/");
    let start = name.as_deref().map(|name| (order(name), id));
    let owner = reader.account();
    let zones = reader.resources().hosted_zones.values();
    let zones = zones.filter(|it| it.owner_id == *owner);
    let placed = zones.map(|it| ((order(&it.name), it.hosted_zone_id.as_str()), it));
    let mut placed: Vec<_> = placed
        .filter(|(place, _)| start.as_ref().is_none_or(|start| place >= start))
        .collect();
    placed.sort_by(|(one, _), (other, _)| one.cmp(other));
    let zones: Vec<_> = placed.into_iter().map(|(_, zone)| zone).collect();
    let limit = request.max_items.unwrap_or(PAGE).clamp(1, PAGE);
    let next = zones.get(limit);
    Ok(json!({
        "HostedZones": zones.iter().take(limit).map(|it| show(it)).collect::<Vec<_>>(),
        "DNSName": name,
        "HostedZoneId": request.hosted_zone_id,
        "IsTruncated": next.is_some(),
        "NextDNSName": next.map(|it| &it.name),
        "NextHostedZoneId": next.map(|it| &it.hosted_zone_id),
        "MaxItems": limit.to_string(),
    }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct ListHostedZonesByVpc {
    #[serde(rename = "VPCId")]
    vpc_id: VpcId,
    #[serde(rename = "VPCRegion")]
    _vpc_region: SmolStr,
    #[serde(rename = "MaxItems")]
    max_items: Option<usize>,
}

pub(super) fn list_hosted_zones_by_vpc(
    reader: &Reader<'_>,
    request: ListHostedZonesByVpc,
) -> Reply {
    let zones = reader.resources().hosted_zones.values();
    let id = &request.vpc_id;
    let zones = zones.filter(|it| it.private_zone && it.vpcs.iter().any(|it| it.vpc_id == *id));
    let limit = request.max_items.unwrap_or(PAGE).clamp(1, PAGE);
    let shown = zones.take(limit).map(|it| {
        json!({
            "HostedZoneId": it.hosted_zone_id,
            "Name": it.name,
            "Owner": { "OwningAccount": it.owner_id },
        })
    });
    Ok(json!({
        "HostedZoneSummaries": shown.collect::<Vec<_>>(),
        "MaxItems": limit.to_string(),
    }))
}
