//! Service Quotas' operations: what the quotas of VPC and EC2 are, and how they are raised
//! (Service Quotas API Reference).
//!
//! A request is granted at once: it is `PENDING` in its own reply, as in AWS, and `APPROVED` for
//! whoever asks next; from then on the account may have so many in the Region. Quotas that count
//! something which is not simulated are not listed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use smol_str::{SmolStr, format_smolstr};
use wirelab_model::{ApiError, Reply, UnixTime};

use crate::clock::iso8601;
use crate::describe::Reader;
use crate::error;
use crate::operation::{
    Handler, Operation, operations, read_request, read_signature, write_request, write_signature,
};
use crate::page::page_from;
use crate::quota::Quotas;
use crate::realm::Realm;
use crate::request;
use crate::transaction::Transaction;

operations! {
    GetAWSDefaultServiceQuota Read get_default, [];
    GetRequestedServiceQuotaChange Read get_request, [];
    GetServiceQuota Read get, [];
    ListAWSDefaultServiceQuotas Read list_default, [];
    ListRequestedServiceQuotaChangeHistory Read history, [];
    ListRequestedServiceQuotaChangeHistoryByQuota Read history_of_quota, [];
    ListServiceQuotas Read list, [];
    ListServices Read services, [];
    RequestServiceQuotaIncrease Write increase, [];
}

/// Entries on a page.
const PAGE: usize = 100;

const SERVICES: [(&str, &str); 2] = [
    ("ec2", "Amazon Elastic Compute Cloud (Amazon EC2)"),
    ("vpc", "Amazon Virtual Private Cloud (Amazon VPC)"),
];

/// Requests to raise quotas, by whose they are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct ServiceQuotas(BTreeMap<Realm, Vec<Increase>>);

/// A request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Increase {
    id: SmolStr,
    quota_code: SmolStr,
    wanted: usize,
    created: UnixTime,
    requester: SmolStr,
}

impl ServiceQuotas {
    fn of(&self, realm: &Realm) -> &[Increase] {
        self.0.get(realm).map_or(&[], Vec::as_slice)
    }

    /// The quotas of a realm, where `begun` are those of one that has asked for nothing.
    pub(crate) fn applied(&self, begun: &Quotas, realm: &Realm) -> Quotas {
        let mut quotas = begun.clone();
        for increase in self.of(realm) {
            if let Some(quota) = QUOTAS.iter().find(|it| it.code == increase.quota_code) {
                *(quota.place)(&mut quotas) = increase.wanted;
            }
        }
        quotas
    }
}

/// A quota as the service has it.
#[derive(Debug)]
struct Quota {
    service: &'static str,
    code: &'static str,
    name: &'static str,
    /// The most that can be had.
    most: usize,
    place: fn(&mut Quotas) -> &mut usize,
}

macro_rules! quotas {
    ($($service:literal $code:literal $name:literal $place:ident $most:literal;)*) => {
        &[$(Quota {
            service: $service,
            code: $code,
            name: $name,
            most: $most,
            place: |quotas| &mut quotas.$place,
        }),*]
    };
}

/// Names and codes are Service Quotas' own; the most is what the Amazon VPC User Guide ("Amazon VPC
/// quotas") says, and where it says nothing ours.
const QUOTAS: &[Quota] = quotas! {
    "ec2" "L-0263D0A3" "EC2-VPC Elastic IPs" addresses 5000;
    "ec2" "L-3E6EC3A3" "VPN connections per region" vpn_connections 1000;
    "ec2" "L-43872EB7" "Route tables per transit gateway" route_tables_per_transit_gateway 200;
    "ec2" "L-4FB7FF5D" "Customer gateways per region" customer_gateways 1000;
    "ec2" "L-62499967" "Pending peering attachments per transit gateway"
        pending_peerings_per_transit_gateway 100;
    "ec2" "L-7029FAB6" "Virtual private gateways per region" vpn_gateways 1000;
    "ec2" "L-A1B5A36F" "Peering attachments per transit gateway" peerings_per_transit_gateway 500;
    "ec2" "L-A2478D36" "Transit gateways per account" transit_gateways 100;
    "ec2" "L-B91E5754" "VPN connections per VGW" vpn_connections_per_gateway 100;
    "ec2" "L-E0233F82" "Attachments per transit gateway" attachments_per_transit_gateway 20000;
    "vpc" "L-085A6257" "IPv6 CIDR blocks per VPC" ipv6_cidr_blocks_per_vpc 50;
    "vpc" "L-0EA8095F" "Inbound or outbound rules per security group" rules_per_security_group 200;
    "vpc" "L-1B52E74A" "Gateway VPC endpoints per Region" gateway_endpoints 255;
    "vpc" "L-29B6F2EB" "Interface VPC endpoints per VPC" interface_endpoints_per_vpc 1000;
    "vpc" "L-2AEEBF1A" "Rules per network ACL" entries_per_network_acl 40;
    "vpc" "L-2AFB9258" "Security groups per network interface" security_groups_per_interface 16;
    "vpc" "L-407747CB" "Subnets per VPC" subnets_per_vpc 1000;
    "vpc" "L-45FE3B85" "Egress-only internet gateways per Region"
        egress_only_internet_gateways 1000;
    "vpc" "L-589F43AA" "Route tables per VPC" route_tables_per_vpc 1000;
    "vpc" "L-5F53652F" "Elastic IP address quota per NAT gateway" elastic_ips_per_nat_gateway 8;
    "vpc" "L-7E9ECCDB" "Active VPC peering connections per VPC"
        vpc_peering_connections_per_vpc 125;
    "vpc" "L-83CA0A9D" "IPv4 CIDR blocks per VPC" cidr_blocks_per_vpc 50;
    "vpc" "L-93826ACB" "Routes per route table" routes_per_table 1000;
    "vpc" "L-B4A6D682" "Network ACLs per VPC" network_acls_per_vpc 1000;
    "vpc" "L-DC9F7029" "Outstanding VPC peering connection requests"
        outstanding_vpc_peering_connections 1000;
    "vpc" "L-E79EC296" "VPC security groups per Region" security_groups 10000;
    "vpc" "L-F678F1CE" "VPCs per Region" vpcs 1000;
    "vpc" "L-FE5A380F" "NAT gateways per Availability Zone" nat_gateways_per_zone 1000;
};

fn find(service: &str, code: &str) -> Result<&'static Quota, ApiError> {
    let mut all = of_service(service)?;
    all.find(|it| it.code == code).ok_or_else(error::no_quota)
}

fn of_service(service: &str) -> Result<impl Iterator<Item = &'static Quota> + use<'_>, ApiError> {
    match SERVICES.iter().any(|(code, _)| *code == service) {
        true => Ok(QUOTAS.iter().filter(move |it| it.service == service)),
        false => Err(error::no_quota()),
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Named {
    service_code: SmolStr,
    quota_code: SmolStr,
}

fn get(reader: &Reader<'_>, request: Named) -> Reply {
    let quota = find(&request.service_code, &request.quota_code)?;
    Ok(json!({ "Quota": show(quota, &mut reader.quotas(), reader.realm()) }))
}

fn get_default(reader: &Reader<'_>, request: Named) -> Reply {
    let quota = find(&request.service_code, &request.quota_code)?;
    let mut begun = reader.config.quotas.clone();
    Ok(json!({ "Quota": show(quota, &mut begun, reader.realm()) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct List {
    service_code: SmolStr,
    quota_code: Option<SmolStr>,
    max_results: Option<usize>,
    next_token: Option<SmolStr>,
}

fn list(reader: &Reader<'_>, request: List) -> Reply {
    list_of(reader, request, reader.quotas())
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ListDefault {
    service_code: SmolStr,
    max_results: Option<usize>,
    next_token: Option<SmolStr>,
}

fn list_default(reader: &Reader<'_>, request: ListDefault) -> Reply {
    let request = List {
        service_code: request.service_code,
        quota_code: None,
        max_results: request.max_results,
        next_token: request.next_token,
    };
    list_of(reader, request, reader.config.quotas.clone())
}

fn list_of(reader: &Reader<'_>, request: List, mut quotas: Quotas) -> Reply {
    let wanted = request.quota_code.as_deref();
    let all = of_service(&request.service_code)?;
    let all = all.filter(|it| wanted.is_none_or(|wanted| it.code == wanted));
    let all = all.map(|it| {
        let shown = show(it, &mut quotas, reader.realm());
        (SmolStr::new_static(it.code), shown)
    });
    let all: Vec<_> = all.collect();
    page(
        "Quotas",
        all,
        request.next_token.as_ref(),
        request.max_results,
    )
}

fn page(
    member: &str,
    all: Vec<(SmolStr, Value)>,
    token: Option<&SmolStr>,
    most: Option<usize>,
) -> Reply {
    let limit = most.unwrap_or(PAGE).clamp(1, PAGE);
    let page = page_from(all, token, limit).ok_or_else(error::quota_page)?;
    let (shown, next) = page;
    Ok(json!({ member: shown.collect::<Vec<_>>(), "NextToken": next }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Services {
    max_results: Option<usize>,
    next_token: Option<SmolStr>,
}

fn services(_: &Reader<'_>, request: Services) -> Reply {
    let all = SERVICES.map(|(code, name)| {
        let shown = json!({ "ServiceCode": code, "ServiceName": name });
        (SmolStr::new_static(code), shown)
    });
    let token = request.next_token.as_ref();
    page("Services", all.to_vec(), token, request.max_results)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct Request {
    service_code: SmolStr,
    quota_code: SmolStr,
    /// `15.0`.
    desired_value: SmolStr,
    /// There is nobody to talk to.
    #[serde(rename = "SupportCaseAllowed")]
    _support_case_allowed: Option<bool>,
}

fn increase(tx: &mut Transaction<'_>, request: Request) -> Reply {
    let quota = find(&request.service_code, &request.quota_code)?;
    let now = *(quota.place)(&mut tx.quotas());
    let wanted = whole(&request.desired_value)?;
    if wanted <= now {
        return Err(error::quota_not_higher(now));
    }
    if wanted > quota.most {
        return Err(error::quota_too_high(quota.most));
    }
    check_product(quota, wanted, tx.quotas())?;
    let realm = tx.realm().clone();
    let increase = Increase {
        id: tx
            .new_uuid("quota-request")
            .as_str()
            .replace('-', "")
            .into(),
        quota_code: quota.code.into(),
        wanted,
        created: tx.utc(),
        requester: format_smolstr!("arn:aws:iam::{}:root", realm.account),
    };
    let shown = show_increase(&increase, "PENDING", &realm);
    let all = &mut tx.state.service_quotas_mut().0;
    all.entry(realm).or_default().push(increase);
    Ok(json!({ "RequestedQuota": shown }))
}

/// Rules that an interface can have by its groups together (Amazon VPC User Guide, "Amazon VPC
/// quotas": "the quota for rules per security group multiplied by the quota for security groups per
/// network interface").
const RULES_PER_INTERFACE: usize = 1000;

fn check_product(quota: &Quota, wanted: usize, mut quotas: Quotas) -> Result<(), ApiError> {
    *(quota.place)(&mut quotas) = wanted;
    let (rules, groups) = (
        quotas.rules_per_security_group,
        quotas.security_groups_per_interface,
    );
    let is_factor = quota.code == "L-0EA8095F" || quota.code == "L-2AFB9258";
    match is_factor && rules * groups > RULES_PER_INTERFACE {
        true => Err(error::quota_product(rules, groups, RULES_PER_INTERFACE)),
        false => Ok(()),
    }
}

/// A number that is written with a point or without; what is behind the point counts for one more.
fn whole(text: &str) -> Result<usize, ApiError> {
    let (whole, rest) = text.split_once('.').unwrap_or((text, "0"));
    let more = rest.bytes().any(|it| it != b'0');
    let number = whole.parse::<usize>().ok();
    let number = number.and_then(|it| it.checked_add(usize::from(more)));
    number.ok_or_else(|| error::invalid_value(text, "DesiredValue", "a number is wanted"))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct ById {
    request_id: SmolStr,
}

fn get_request(reader: &Reader<'_>, request: ById) -> Reply {
    let mut all = reader.state.service_quotas.of(reader.realm()).iter();
    let found = all.find(|it| it.id == request.request_id);
    let found = found.ok_or_else(error::no_quota)?;
    Ok(json!({ "RequestedQuota": show_increase(found, "APPROVED", reader.realm()) }))
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct History {
    service_code: Option<SmolStr>,
    status: Option<SmolStr>,
    max_results: Option<usize>,
    next_token: Option<SmolStr>,
}

fn history(reader: &Reader<'_>, request: History) -> Reply {
    history_page(reader, request, None)
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
struct HistoryOfQuota {
    service_code: SmolStr,
    quota_code: SmolStr,
    status: Option<SmolStr>,
    max_results: Option<usize>,
    next_token: Option<SmolStr>,
}

fn history_of_quota(reader: &Reader<'_>, request: HistoryOfQuota) -> Reply {
    let quota = find(&request.service_code, &request.quota_code)?;
    let request = History {
        service_code: None,
        status: request.status,
        max_results: request.max_results,
        next_token: request.next_token,
    };
    history_page(reader, request, Some(quota.code))
}

fn history_page(reader: &Reader<'_>, request: History, code: Option<&str>) -> Reply {
    let is_wanted = |it: &&Increase| {
        let quota = QUOTAS.iter().find(|quota| quota.code == it.quota_code);
        let service = request.service_code.as_deref();
        let of_service = service.is_none_or(|code| quota.is_some_and(|it| it.service == code));
        of_service && code.is_none_or(|code| it.quota_code == code)
    };
    let any = request.status.as_ref().is_none_or(|it| it == "APPROVED");
    let all = reader.state.service_quotas.of(reader.realm()).iter();
    let all = all.filter(is_wanted).filter(|_| any);
    let all = all.map(|it| {
        let shown = show_increase(it, "APPROVED", reader.realm());
        (it.id.clone(), shown)
    });
    let (token, most) = (request.next_token.as_ref(), request.max_results);
    page("RequestedQuotas", all.collect(), token, most)
}

fn service_name(code: &str) -> Option<&'static str> {
    let found = SERVICES.iter().find(|it| it.0 == code);
    found.map(|it| it.1)
}

fn arn(quota: &Quota, realm: &Realm) -> String {
    let (region, account) = (&realm.region, &realm.account);
    let (service, code) = (quota.service, quota.code);
    format!("arn:aws:servicequotas:{region}:{account}:{service}/{code}")
}

fn show(quota: &Quota, quotas: &mut Quotas, realm: &Realm) -> Value {
    json!({
        "ServiceCode": quota.service,
        "ServiceName": service_name(quota.service),
        "QuotaArn": arn(quota, realm),
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "Value": *(quota.place)(quotas),
        "Unit": "None",
        "Adjustable": true,
        "GlobalQuota": false,
        "QuotaAppliedAtLevel": "ACCOUNT",
    })
}

fn show_increase(increase: &Increase, status: &str, realm: &Realm) -> Value {
    let quota = QUOTAS.iter().find(|it| it.code == increase.quota_code);
    let quota = quota.expect("it was asked for");
    let requester = json!({ "accountId": realm.account, "callerArn": increase.requester });
    json!({
        "Id": increase.id,
        "ServiceCode": quota.service,
        "ServiceName": service_name(quota.service),
        "QuotaCode": quota.code,
        "QuotaName": quota.name,
        "DesiredValue": increase.wanted,
        "Status": status,
        "Created": iso8601(increase.created),
        "LastUpdated": iso8601(increase.created),
        "Requester": requester.to_string(),
        "QuotaArn": arn(quota, realm),
        "GlobalQuota": false,
        "Unit": "None",
        "QuotaRequestedAtLevel": "ACCOUNT",
    })
}
