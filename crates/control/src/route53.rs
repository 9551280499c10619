//! Route 53's operations (Amazon Route 53 API Reference), as far as zones of VPCs need them.
//!
//! The service is global and called `route53` in calls. A change is shown at once and `PENDING`;
//! the resolvers of VPCs answer by it when it is `INSYNC`. Zones are their owner's; a VPC of
//! another account may be associated by *its* owner once the zone's owner has authorised it
//! (`facts.md` row 45).

mod alias;
mod answer;
mod association;
mod change;
mod hosted_zone;
mod record;
mod tag;

use serde::Deserialize;
use serde_json::{Value, json};
use smol_str::SmolStr;
use wirelab_model::*;

use crate::ec2::Settled;
use crate::error;
use crate::operation::{
    Handler, Operation, operations, read_request, read_signature, write_request, write_signature,
};
use crate::request;
use crate::state::State;
use crate::transaction::Transaction;

operations! {
    AssociateVPCWithHostedZone Write association::associate, [];
    ChangeResourceRecordSets Write record::change_resource_record_sets, [];
    ChangeTagsForResource Write tag::change, [];
    CreateHostedZone Write hosted_zone::create_hosted_zone, [];
    CreateVPCAssociationAuthorization Write association::create_authorization, [];
    DeleteHostedZone Write hosted_zone::delete_hosted_zone, [];
    DeleteVPCAssociationAuthorization Write association::delete_authorization, [];
    DisassociateVPCFromHostedZone Write association::disassociate, [];
    GetChange Read change::get_change, [];
    GetHostedZone Read hosted_zone::get_hosted_zone, [];
    GetHostedZoneCount Read hosted_zone::get_hosted_zone_count, [];
    ListHostedZones Read hosted_zone::list_hosted_zones, [];
    ListHostedZonesByName Read hosted_zone::list_hosted_zones_by_name, [];
    ListHostedZonesByVPC Read hosted_zone::list_hosted_zones_by_vpc, [];
    ListResourceRecordSets Read record::list_resource_record_sets, [];
    ListTagsForResource Read tag::list, [];
    ListTagsForResources Read tag::list_of_many, [];
    ListVPCAssociationAuthorizations Read association::list_authorizations, [];
    TestDNSAnswer Read answer::test_dns_answer, [];
    UpdateHostedZoneComment Write hosted_zone::update_comment, [];
}

/// A VPC as calls write it.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct VpcRequest {
    #[serde(rename = "VPCRegion")]
    region: SmolStr,
    #[serde(rename = "VPCId")]
    id: VpcId,
}

impl VpcRequest {
    /// The VPC, if there is one in the Region.
    fn find<'a>(&self, resources: &'a Resources) -> Result<&'a Vpc, ApiError> {
        let vpc = resources.vpcs.get(&self.id);
        let vpc = vpc.filter(|it| it.region == self.region);
        let vpc = vpc.ok_or_else(|| error::zone_vpc_not_found(&self.id))?;
        Ok(vpc)
    }

    fn value(self) -> ZoneVpc {
        ZoneVpc {
            vpc_region: self.region,
            vpc_id: self.id,
        }
    }
}

/// The zone `id`, which may be written as `/hostedzone/ID`.
fn zone<'a>(resources: &'a Resources, id: &str) -> Result<&'a HostedZone, ApiError> {
    let id = HostedZoneId::new(id.trim_start_matches("/hostedzone/"));
    let zone = resources.hosted_zones.get(&id);
    let zone = zone.ok_or_else(|| error::no_such_hosted_zone(&id))?;
    Ok(zone)
}

/// The caller's own zone.
fn own_zone<'a>(
    resources: &'a Resources,
    id: &str,
    owner: &str,
) -> Result<&'a HostedZone, ApiError> {
    let found = zone(resources, id)?;
    if found.owner_id == owner {
        Ok(found)
    } else {
        Err(error::no_such_hosted_zone(&found.hosted_zone_id))
    }
}

/// Keeps a changed zone, begins its way to the resolvers, and shows `ChangeInfo`.
fn keep(tx: &mut Transaction<'_>, zone: HostedZone, comment: Option<SmolStr>) -> Value {
    let id = zone.hosted_zone_id.clone();
    let zones = &mut tx.state.resources.hosted_zones;
    zones.insert(id.clone(), zone.into());
    let delay = tx.config.delays.route53_change;
    tx.settle_after::<HostedZone>(&id, delay);
    change::submit(tx, comment)
}

/// What was asked for becomes what is served.
pub(crate) fn settle(id: &HostedZoneId, state: &mut State) -> Settled {
    if let Some(zone) = state.resources.hosted_zones.get(id) {
        let mut zone = HostedZone::clone(zone);
        zone.served_records = zone.records.clone();
        zone.served_vpcs = zone.vpcs.clone();
        let zones = &mut state.resources.hosted_zones;
        zones.insert(id.clone(), zone.into());
    }
    Settled::Lasting
}

/// Whether a private zone of this name is associated with the VPC.
fn conflicts(resources: &Resources, name: &str, vpc: &VpcId) -> bool {
    let mut zones = resources.hosted_zones.values();
    zones.any(|it| it.private_zone && it.name == name && it.vpcs.iter().any(|it| it.vpc_id == *vpc))
}

/// A domain name as Route 53 keeps it: in lower case, with the final dot.
///
/// # Errors
/// `InvalidDomainName`.
fn domain_name(text: &str) -> Result<SmolStr, ApiError> {
    let name = text.to_ascii_lowercase().replace("\\052", "*");
    let bare = name.strip_suffix('.').unwrap_or(&name);
    let label = |label: &str| {
        let fits = |it: char| it.is_ascii_alphanumeric() || "-_*".contains(it);
        (1..=63).contains(&label.len()) && label.chars().all(fits)
    };
    if bare.len() > 255 || !bare.split('.').all(label) {
        return Err(error::invalid_domain_name(text));
    }
    Ok(format!("{bare}.").into())
}

fn show_vpc(vpc: &ZoneVpc) -> Value {
    json!({ "VPCRegion": vpc.vpc_region, "VPCId": vpc.vpc_id })
}
