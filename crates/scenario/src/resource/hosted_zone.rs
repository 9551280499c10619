//! `[hosted_zone.*]`: Route 53 zones.

use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::{Instance, InstanceId, VpcEndpoint, VpcEndpointId};

use crate::build::Builder;
use crate::fields::{Fields, Text};

/// `[hosted_zone.x] name, vpcs, records`. Without `vpcs` it is a public zone. A VPC of another
/// account is authorised and associated.
pub(super) fn all(builder: &mut Builder<'_>, root: &Fields<'_>) {
    for (name, fields) in root.named("hosted_zone") {
        let _ = hosted_zone(builder, &name, &fields);
        fields.finish();
    }
}

fn hosted_zone(builder: &mut Builder<'_>, name: &str, fields: &Fields<'_>) -> Option<()> {
    let domain = fields.required_text("name");
    let texts = fields.texts("vpcs");
    let vpcs: Vec<_> = texts
        .iter()
        .filter_map(|it| builder.id("vpc", it))
        .collect();
    let records = fields.texts("records");
    let first = vpcs.first();
    let caller = builder.with_or_by(first.map(SmolStr::as_str), fields);
    let domain = domain?.text;
    let parameters = json!({
        "Name": domain,
        "CallerReference": name,
        "VPC": first.map(|id| vpc_value(builder, id)),
    });
    let (operation, pointer) = ("route53:CreateHostedZone", "/HostedZone/Id");
    let create = (operation, pointer);
    let id = builder.create_as(&caller, fields, "hosted_zone", name, create, parameters)?;
    let id: SmolStr = id.trim_start_matches("/hostedzone/").into();
    builder
        .names
        .bind(format!("hosted_zone.{name}"), id.clone());
    for vpc in vpcs.iter().skip(1) {
        let owner = builder.owner(vpc);
        let parameters = json!({ "HostedZoneId": id, "VPC": vpc_value(builder, vpc) });
        let mut steps = vec![(&owner, "route53:AssociateVPCWithHostedZone")];
        if owner.account != caller.account {
            steps.insert(0, (&caller, "route53:CreateVPCAssociationAuthorization"));
        }
        for (caller, operation) in steps {
            builder.call_as(caller, fields.span(), name, operation, parameters.clone());
        }
    }
    for text in &records {
        if let Some(change) = record(builder, text, &domain) {
            let parameters = json!({
                "HostedZoneId": id,
                "ChangeBatch": { "Changes": [change] },
            });
            let operation = "route53:ChangeResourceRecordSets";
            builder.call_as(&caller, &text.span, name, operation, parameters);
        }
    }
    Some(())
}

fn vpc_value(builder: &Builder<'_>, id: &str) -> Value {
    json!({ "VPCRegion": builder.owner(id).region, "VPCId": id })
}

/// `NAME TTL TYPE VALUE`, as in a zone file: a name without a final dot is in the zone, `@` is the
/// zone itself, several values are separated by commas. `NAME ALIAS vpc_endpoint.x` stands for the
/// endpoint.
fn record(builder: &Builder<'_>, text: &Text, domain: &str) -> Option<Value> {
    let words: Vec<&str> = text.text.split_whitespace().collect();
    let name = match words.first().copied() {
        Some("@") => domain.to_owned(),
        Some(name) if name.ends_with('.') => name.to_owned(),
        Some(name) => format!("{name}.{domain}"),
        None => String::new(),
    };
    let set = match words.as_slice() {
        [_, "ALIAS", target] => {
            let (host, zone) = alias(builder, target)?;
            json!({
                "Name": name,
                "Type": "A",
                "AliasTarget": {
                    "DNSName": host,
                    "HostedZoneId": zone,
                    "EvaluateTargetHealth": false,
                },
            })
        }
        [_, ttl, kind, ..] if ttl.parse::<u32>().is_ok() => {
            let at = text.text.find(kind).unwrap_or_default() + kind.len();
            let rest = text.text[at..].trim();
            let values: Vec<String> = match *kind {
                "TXT" => vec![rest.to_owned()],
                _ => rest
                    .split(',')
                    .map(|it| value(builder, it.trim()))
                    .collect(),
            };
            let values: Vec<_> = values.iter().map(|it| json!({ "Value": it })).collect();
            json!({
                "Name": name,
                "Type": kind,
                "TTL": ttl.parse::<u32>().ok(),
                "ResourceRecords": values,
            })
        }
        _ => {
            let message = format!("`{}` is no record", text.text);
            let hint = "write `db 60 A 10.0.1.5` or `api ALIAS vpc_endpoint.NAME`".to_owned();
            builder.sink.explain(&text.span, message, "", Some(hint));
            return None;
        }
    };
    Some(json!({ "Action": "UPSERT", "ResourceRecordSet": set }))
}

/// The first name of an endpoint, and its zone.
fn alias(builder: &Builder<'_>, target: &str) -> Option<(SmolStr, SmolStr)> {
    let id = builder.names.id(target)?;
    let endpoints = &builder.control.resources().vpc_endpoints;
    let endpoint: &VpcEndpoint = endpoints.get(&VpcEndpointId::new(id.clone()))?;
    let entry = endpoint.dns_entries.first()?;
    Some((entry.dns_name.clone(), entry.hosted_zone_id.clone()))
}

/// An instance's private address for its name; anything else as it stands.
fn value(builder: &Builder<'_>, text: &str) -> String {
    let address = || {
        let id = builder
            .names
            .id(text)
            .filter(|_| text.starts_with("instance."))?;
        let resources = builder.control.resources();
        let instance: &Instance = resources.instances.get(&InstanceId::new(id.clone()))?;
        let interface = instance.network_interfaces.first()?;
        let interface = resources.network_interfaces.get(interface)?;
        Some(interface.private_ip_address.to_string())
    };
    address().unwrap_or_else(|| text.to_owned())
}
