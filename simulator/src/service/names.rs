//! Names that Amazon gives: of instances, endpoints and services; and those on the internet.
//!
//! | name | leads to |
//! | --- | --- |
//! | `ip-10-0-1-5.ec2.internal` | that address, if an interface of the asking VPC has it |
//! | `ec2-3-208-1-2.compute-1.amazonaws.com` | the private address for the VPC itself, and for a peer that the owner lets (`AllowDnsResolutionFromRemoteVpc`); the public one for all others |
//! | `vpce-ID-HASH.SERVICE.REGION.vpce.amazonaws.com` | the endpoint's interfaces, for everybody |
//! | `ssm.us-east-1.amazonaws.com` | the endpoint's interfaces where private DNS is on, else public addresses |
//! | names of addresses | the private or public name |

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use hickory_proto::rr::rdata::{A, AAAA, NS, PTR};
use hickory_proto::rr::{RData, RecordType};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{
    AWS_SERVICES, AwsService, NetworkInterface, Vpc, VpcEndpoint, VpcEndpointType,
    private_dns_name, public_dns_name, read_private_name, read_public_name,
};

use super::resolver::{Answer, Said, Soa, View};
use crate::dns;
use crate::fabric::service_addresses;

/// TTL of Amazon's own names in seconds.
const TTL: u32 = 60;
/// TTL of names on the internet in seconds.
const INTERNET_TTL: u32 = 300;

/// Names on the internet and their addresses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct PublicNames(BTreeMap<SmolStr, Vec<IpAddr>>);

impl PublicNames {
    /// Adds names, in lower case; what a name had before is replaced.
    pub(crate) fn extend(&mut self, names: impl IntoIterator<Item = (SmolStr, Vec<IpAddr>)>) {
        let lower = |(name, addresses): (SmolStr, Vec<IpAddr>)| {
            (SmolStr::new(name.to_ascii_lowercase()), addresses)
        };
        self.0.extend(names.into_iter().map(lower));
    }
}

/// The zone that Amazon hides in the VPC of an interface endpoint with private DNS.
pub(super) struct HiddenZone<'a> {
    /// Without a final dot.
    pub(super) name: SmolStr,
    endpoint: &'a VpcEndpoint,
    service: &'static AwsService,
}

/// Whether the asking VPC has `enableDnsSupport` and `enableDnsHostnames`, without which no private
/// zone answers.
pub(super) fn has_both_attributes(view: View<'_>) -> bool {
    own_vpc(view).is_some_and(|it| it.enable_dns_support && it.enable_dns_hostnames)
}

/// The hidden zone of the asking VPC that covers a name.
pub(super) fn hidden_zone<'a>(view: View<'a>, name: &str) -> Option<HiddenZone<'a>> {
    if !has_both_attributes(view) {
        return None;
    }
    let endpoints = view.context.resources.vpc_endpoints.values();
    let own = endpoints.filter(|it| {
        Some(&it.vpc_id) == view.vpc
            && it.private_dns_enabled
            && it.is_available()
            && is_interface(it)
    });
    let zones = own.filter_map(|endpoint| {
        let (service, region) = AwsService::find(&endpoint.service_name)?;
        Some(HiddenZone {
            name: service.public_name(region),
            endpoint,
            service,
        })
    });
    let mut covering = zones.filter(|zone| {
        let rest = name.strip_suffix(zone.name.as_str());
        rest.is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    });
    covering.next()
}

impl HiddenZone<'_> {
    pub(super) fn ask(&self, view: View<'_>, name: &str, kind: RecordType) -> Said {
        if name == self.name || has_names_below(self.service) {
            return addresses(name, kind, TTL, &interfaces_of(view, self.endpoint));
        }
        Said::NoName(soa(&self.name))
    }
}

/// What Amazon's own names say, if it is one of them.
pub(super) fn ask(view: View<'_>, name: &str, kind: RecordType) -> Option<Said> {
    ask_reverse(view, name, kind)
        .or_else(|| ask_instance(view, name, kind))
        .or_else(|| ask_endpoint(view, name, kind))
        .or_else(|| ask_service(view, name, kind))
}

/// What the scenario says is on the internet.
pub(super) fn ask_internet(view: View<'_>, name: &str, kind: RecordType) -> Said {
    match view.context.names.0.get(name) {
        Some(found) => addresses(name, kind, INTERNET_TTL, found),
        None => ask_registries(view, name, kind),
    }
}

/// What the root and the top-level domains say of a name that nobody else knows. The root's name
/// is empty here.
fn ask_registries(view: View<'_>, name: &str, kind: RecordType) -> Said {
    let top = name.rsplit('.').next().unwrap_or_default();
    let known = TOP_LEVEL_DOMAINS.contains(&top);
    let (zone, domain) = match known {
        true => (top, registry(top)),
        false => ("", "root-servers.net".to_owned()),
    };
    let soa = Soa {
        zone: zone.to_owned(),
        server: format!("a.{domain}"),
        ttl: INTERNET_TTL,
    };
    if name != zone {
        let below = format!(".{name}");
        let mut all = view.context.names.0.keys();
        return match all.any(|it| it.ends_with(&below)) {
            true => Said::NoData(soa),
            false => Said::NoName(soa),
        };
    }
    if kind != RecordType::NS {
        return Said::NoData(soa);
    }
    let servers = ('a'..='m').filter_map(|letter| dns::absolute(&format!("{letter}.{domain}")));
    let answers = servers.map(|server| Answer {
        name: name.to_owned(),
        ttl: REGISTRY_TTL,
        data: RData::NS(NS(server)),
    });
    Said::Answers(answers.collect())
}

/// Where the name servers of a top-level domain are.
fn registry(top: &str) -> String {
    match top {
        "com" | "net" => "gtld-servers.net".to_owned(),
        top => format!("nic.{top}"),
    }
}

/// Those that a learner may ask about (IANA, "Root Zone Database").
const TOP_LEVEL_DOMAINS: [&str; 24] = [
    "app", "au", "aws", "biz", "ca", "ch", "cloud", "co", "com", "de", "dev", "edu", "eu", "fr",
    "gov", "info", "io", "jp", "me", "net", "nl", "org", "uk", "us",
];

/// TTL of the root's and the registries' own records in seconds.
const REGISTRY_TTL: u32 = 172_800;

/// `ip-...` and `ec2-...` of every Region that has a VPC.
fn ask_instance(view: View<'_>, name: &str, kind: RecordType) -> Option<Said> {
    let vpcs = &view.context.resources.vpcs;
    let regions = vpcs.values().map(|it| &it.region);
    let own = own_vpc(view).map(|it| it.region.as_str());
    for region in regions {
        if let Some(private) = read_private_name(region, name) {
            let here = own == Some(region.as_str());
            let found = here && interface_at(view, private).is_some();
            return Some(if found {
                addresses(name, kind, TTL, &[private.into()])
            } else {
                Said::NoName(soa(domain(name)))
            });
        }
        if let Some(public) = read_public_name(region, name) {
            return Some(match seen_from(view, public) {
                Some(address) => addresses(name, kind, TTL, &[address]),
                None => Said::NoName(soa(domain(name))),
            });
        }
    }
    let own_domain = own.is_some_and(|region| name == domain(&private_dns_name(region, NOWHERE)));
    own_domain.then(|| Said::NoData(soa(name)))
}

const NOWHERE: Ipv4Addr = Ipv4Addr::UNSPECIFIED;

/// What a public name leads to, for who asks. An interface has one only in a VPC with
/// `enableDnsHostnames`.
fn seen_from(view: View<'_>, public: Ipv4Addr) -> Option<IpAddr> {
    let (interface, private) = behind(view, public)?;
    let vpc = vpc_of(view, interface)?;
    if !vpc.enable_dns_hostnames {
        return None;
    }
    let inside = Some(&interface.vpc_id) == view.vpc || lets_peer_resolve(view, vpc);
    Some(if inside {
        private.into()
    } else {
        public.into()
    })
}

/// Whether the owner of a peered VPC lets the asking one see private addresses
/// (`AllowDnsResolutionFromRemoteVpc` of its side; both DNS attributes of both VPCs).
fn lets_peer_resolve(view: View<'_>, vpc: &Vpc) -> bool {
    let resources = view.context.resources;
    let named = |it: &Vpc| it.enable_dns_support && it.enable_dns_hostnames;
    let Some(asking) = own_vpc(view).filter(|it| named(vpc) && named(it)) else {
        return false;
    };
    let mut connections = resources.vpc_peering_connections.values();
    connections.any(|it| {
        let own = it.ends(&vpc.vpc_id).map(|(own, _)| own);
        it.connects(&vpc.vpc_id, &asking.vpc_id)
            && own.is_some_and(|own| own.allow_dns_resolution_from_remote_vpc)
    })
}

fn vpc_of<'a>(view: View<'a>, interface: &NetworkInterface) -> Option<&'a Arc<Vpc>> {
    view.context.resources.vpcs.get(&interface.vpc_id)
}

/// The interface and private address behind a public address.
fn behind(view: View<'_>, public: Ipv4Addr) -> Option<(&NetworkInterface, Ipv4Addr)> {
    let plan = view.context.plan;
    let (index, private) = plan.behind_public(public.into())?;
    let id = plan.interface_id(index);
    let interface = view.context.resources.network_interfaces.get(id)?;
    match private {
        IpAddr::V4(private) => Some((interface, private)),
        IpAddr::V6(_) => None,
    }
}

/// The VPC that asks.
fn own_vpc(view: View<'_>) -> Option<&Arc<Vpc>> {
    view.context.resources.vpcs.get(view.vpc?)
}

/// The interface of the asking VPC with the address.
fn interface_at(view: View<'_>, address: Ipv4Addr) -> Option<&NetworkInterface> {
    let id = view.context.plan.interface_in(view.vpc?, address.into())?;
    let interface = view.context.resources.network_interfaces.get(id)?;
    Some(interface)
}

/// Names of addresses of the VPC, and of public ones.
fn ask_reverse(view: View<'_>, name: &str, kind: RecordType) -> Option<Said> {
    let Some(IpAddr::V4(address)) = dns::read_reverse_name(name) else {
        return None;
    };
    let own = own_vpc(view).filter(|_| interface_at(view, address).is_some());
    let told = match own {
        Some(own) => private_dns_name(&own.region, address),
        None => {
            let (interface, _) = behind(view, address)?;
            let vpc = vpc_of(view, interface).filter(|it| it.enable_dns_hostnames)?;
            public_dns_name(&vpc.region, address)
        }
    };
    if kind != RecordType::PTR {
        return Some(Said::NoData(soa("in-addr.arpa")));
    }
    Some(Said::Answers(vec![Answer {
        name: name.to_owned(),
        ttl: TTL,
        data: RData::PTR(PTR(dns::absolute(&told)?)),
    }]))
}

/// Names of endpoints: regional ones lead to every interface, zonal ones to that of their zone.
fn ask_endpoint(view: View<'_>, name: &str, kind: RecordType) -> Option<Said> {
    if !name.ends_with(".vpce.amazonaws.com") {
        return None;
    }
    let resources = view.context.resources;
    for endpoint in resources.vpc_endpoints.values() {
        let mut entries = endpoint.dns_entries.iter();
        if !entries.any(|it| it.dns_name == name) {
            continue;
        }
        let zone = zone_in_name(endpoint, name);
        let ids = endpoint.network_interface_ids.iter();
        let interfaces = ids.filter_map(|id| resources.network_interfaces.get(id));
        let of_zone = interfaces.filter(|it| zone.is_none_or(|zone| zone == it.availability_zone));
        let found: Vec<IpAddr> = of_zone.map(|it| it.private_ip_address.into()).collect();
        return Some(addresses(name, kind, TTL, &found));
    }
    Some(Said::NoName(soa("vpce.amazonaws.com")))
}

/// `us-east-1a` of `vpce-ID-HASH-us-east-1a.SERVICE...`.
fn zone_in_name<'a>(endpoint: &VpcEndpoint, name: &'a str) -> Option<&'a str> {
    let label = name.split('.').next()?;
    let rest = label.strip_prefix(endpoint.vpc_endpoint_id.as_str())?;
    let (_, zone) = rest.strip_prefix('-')?.split_once('-')?;
    Some(zone)
}

/// Public names of AWS's services.
fn ask_service(view: View<'_>, name: &str, kind: RecordType) -> Option<Said> {
    // The internet knows the world's own Region before there is a VPC in it.
    let home = view.vpc.is_none().then_some(&view.context.config.region);
    let regions = view.context.resources.vpcs.values().map(|it| &it.region);
    home.into_iter().chain(regions).find_map(|region| {
        AWS_SERVICES.iter().find_map(|service| {
            let rest = name.strip_suffix(service.public_name(region).as_str())?;
            let below = rest.ends_with('.') && has_names_below(service);
            (rest.is_empty() || below).then(|| {
                let found = service_addresses(view.context.resources, service, region);
                addresses(name, kind, TTL, &found)
            })
        })
    })
}

/// Whether every name below the service's is one of it: buckets, registries, APIs.
fn has_names_below(service: &AwsService) -> bool {
    matches!(service.name, "s3" | "ecr.dkr" | "execute-api")
}

fn interfaces_of(view: View<'_>, endpoint: &VpcEndpoint) -> Vec<IpAddr> {
    let ids = endpoint.network_interface_ids.iter();
    let interfaces = ids.filter_map(|id| view.context.resources.network_interfaces.get(id));
    interfaces.map(|it| it.private_ip_address.into()).collect()
}

fn is_interface(endpoint: &VpcEndpoint) -> bool {
    endpoint.vpc_endpoint_type == VpcEndpointType::Interface
}

/// The addresses of the type that was asked for.
fn addresses(name: &str, kind: RecordType, ttl: u32, all: &[IpAddr]) -> Said {
    let answers = all.iter().filter_map(|address| {
        let data = match (address, kind) {
            (IpAddr::V4(address), RecordType::A) => RData::A(A(*address)),
            (IpAddr::V6(address), RecordType::AAAA) => RData::AAAA(AAAA(*address)),
            _ => return None,
        };
        Some(Answer {
            name: name.to_owned(),
            ttl,
            data,
        })
    });
    let answers: Vec<_> = answers.collect();
    if answers.is_empty() {
        return Said::NoData(soa(domain(name)));
    }
    Said::Answers(answers)
}

/// What comes after a name's first label.
fn domain(name: &str) -> &str {
    name.split_once('.').map_or(name, |(_, domain)| domain)
}

fn soa(zone: &str) -> Soa {
    Soa {
        zone: zone.to_owned(),
        server: "ns0.amzndns.com".to_owned(),
        ttl: TTL,
    }
}
