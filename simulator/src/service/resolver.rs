//! The Route 53 Resolver of a VPC, at the VPC's base plus two and at 169.254.169.253.
//!
//! Who answers for a name, in this order (Amazon VPC User Guide, "DNS attributes for your VPC";
//! Route 53 Developer Guide, "Resolver"; `facts.md` 2.8):
//!
//! 1. the zone with the longest fitting name among the private hosted zones that are associated
//!    with the VPC and the hidden zones of its interface endpoints with private DNS;
//! 2. Amazon's own names: private and public ones of EC2, those of endpoints and services;
//! 3. the public DNS: public hosted zones, and what the scenario says is on the internet.
//!
//! It follows CNAMEs, and aliases to other names. Answers of several addresses are turned round
//! from one query to the next. Whether a public name of EC2 leads to a private or a public address
//! depends on who asks: see [`super::names`].

use std::net::IpAddr;

use bytes::Bytes;
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::SOA;
use hickory_proto::rr::{DNSClass, Name, RData, Record, RecordType};
use wirelab_model::{HostedZone, VpcId};

use super::Context;
use super::names;
use super::zone::{self, Found};
use crate::dns;

/// Names that a CNAME or an alias may lead through.
const CHAIN_MAX: usize = 8;

/// One record of an answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    /// Without a final dot.
    pub(super) name: String,
    pub(super) ttl: u32,
    pub(super) data: RData,
}

/// Who says that there is nothing, and for how long that may be kept.
#[derive(Clone, Debug)]
pub(super) struct Soa {
    pub(super) zone: String,
    pub(super) server: String,
    pub(super) ttl: u32,
}

/// What somebody says about a name.
#[derive(Clone, Debug)]
pub(super) enum Said {
    Answers(Vec<Answer>),
    /// The name exists, without such a record.
    NoData(Soa),
    /// The name does not exist.
    NoName(Soa),
}

/// Who asks, in which world.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    /// The VPC whose resolver is asked; none is a resolver on the internet.
    pub(super) vpc: Option<&'a VpcId>,
    pub(super) context: Context<'a>,
}

/// The answer to a query that came from an interface of the VPC; nothing for what is no query.
pub(super) fn answer(octets: &[u8], vpc: &VpcId, udp: bool, context: Context<'_>) -> Option<Bytes> {
    let vpc = Some(vpc);
    answer_seen(octets, udp, View { vpc, context })
}

/// The answer of a resolver on the internet: it sees what is public, and public addresses alone.
pub(crate) fn ask_public(octets: &[u8], udp: bool, context: Context<'_>) -> Option<Bytes> {
    let vpc = None;
    answer_seen(octets, udp, View { vpc, context })
}

/// The IPv4 addresses of a name: as the resolver of a VPC knows them, or a public one.
pub(crate) fn addresses_of(name: &str, vpc: Option<&VpcId>, context: Context<'_>) -> Vec<IpAddr> {
    let mut found = Vec::new();
    let name = name.to_ascii_lowercase();
    View { vpc, context }.follow(&name, RecordType::A, &mut found, CHAIN_MAX);
    let addresses = found.iter().filter_map(|it| match &it.data {
        RData::A(address) => Some(IpAddr::V4(address.0)),
        _ => None,
    });
    addresses.collect()
}

fn answer_seen(octets: &[u8], udp: bool, view: View<'_>) -> Option<Bytes> {
    let Some(query) = dns::read(octets) else {
        return malformed(octets);
    };
    if query.metadata.message_type != MessageType::Query {
        return None;
    }
    let mut message = dns::response_to(&query);
    let question = query.queries.first();
    match question.filter(|_| query.metadata.op_code == OpCode::Query) {
        None => message.metadata.response_code = ResponseCode::NotImp,
        Some(question) if question.query_class() != DNSClass::IN => {
            message.metadata.response_code = ResponseCode::Refused;
        }
        Some(question) => {
            let name = question.name().to_ascii().to_ascii_lowercase();
            let name = name.trim_end_matches('.');
            fill(&mut message, view, name, question.query_type());
        }
    }
    dns::write(&message, udp.then(|| dns::udp_limit(&query)))
}

/// What has an id and no sense is answered FORMERR.
fn malformed(octets: &[u8]) -> Option<Bytes> {
    let header = octets.get(..12)?;
    let id = u16::from_be_bytes([header[0], header[1]]);
    let mut message = Message::new(id, MessageType::Response, OpCode::Query);
    message.metadata.response_code = ResponseCode::FormErr;
    dns::write(&message, None)
}

fn fill(message: &mut Message, view: View<'_>, name: &str, kind: RecordType) {
    let mut found = Vec::new();
    let end = view.follow(name, kind, &mut found, CHAIN_MAX);
    let turn = usize::from(message.metadata.id);
    let (links, mut rest): (Vec<_>, Vec<_>) = found
        .into_iter()
        .partition(|it| matches!(it.data, RData::CNAME(_)));
    if !rest.is_empty() {
        let by = turn % rest.len();
        rest.rotate_left(by);
    }
    let records = links.into_iter().chain(rest);
    message.add_answers(records.filter_map(|it| {
        let name = dns::absolute(&it.name)?;
        Some(Record::from_rdata(name, it.ttl, it.data))
    }));
    let soa = match end {
        End::Complete => return,
        End::Failed => {
            message.metadata.response_code = ResponseCode::ServFail;
            return;
        }
        End::NoData(soa) => soa,
        End::NoName(soa) => {
            message.metadata.response_code = ResponseCode::NXDomain;
            soa
        }
    };
    message.add_authorities(soa.record());
}

/// How the search for a name ended.
enum End {
    Complete,
    NoData(Soa),
    NoName(Soa),
    /// The chain is too long.
    Failed,
}

impl<'a> View<'a> {
    /// Asks for a name and every name that it leads to.
    fn follow(self, name: &str, kind: RecordType, found: &mut Vec<Answer>, left: usize) -> End {
        let Some(left) = left.checked_sub(1) else {
            return End::Failed;
        };
        match self.ask(name, kind, left) {
            Said::NoData(soa) => End::NoData(soa),
            Said::NoName(soa) => End::NoName(soa),
            Said::Answers(answers) => {
                let link = answers.iter().find_map(|it| match &it.data {
                    RData::CNAME(target) if kind != RecordType::CNAME => Some(text(&target.0)),
                    _ => None,
                });
                found.extend(answers);
                match link {
                    Some(target) => self.follow(&target, kind, found, left),
                    None => End::Complete,
                }
            }
        }
    }

    fn ask(self, name: &str, kind: RecordType, left: usize) -> Said {
        let zone = self.private_zone(name);
        let hidden = names::hidden_zone(self, name);
        let length = zone.map_or(0, |it| it.name.len());
        match hidden {
            // Names of zones have a final dot, those of endpoints have none.
            Some(hidden) if hidden.name.len() + 1 > length => hidden.ask(self, name, kind),
            _ => match zone {
                Some(zone) => self.ask_zone(zone, name, kind, left),
                None => self.ask_public(name, kind, left),
            },
        }
    }

    /// The private zone with the longest name that covers `name` for this VPC, which needs both of
    /// its DNS attributes for that (Amazon VPC User Guide, "DNS attributes for your VPC").
    fn private_zone(self, name: &str) -> Option<&'a HostedZone> {
        if !names::has_both_attributes(self) {
            return None;
        }
        self.longest_zone(name, |zone| {
            let mut vpcs = zone.served_vpcs.iter();
            zone.private_zone && vpcs.any(|it| Some(&it.vpc_id) == self.vpc)
        })
    }

    fn longest_zone(
        self,
        name: &str,
        fits: impl Fn(&HostedZone) -> bool,
    ) -> Option<&'a HostedZone> {
        let dotted = format!("{name}.");
        let zones = self.context.resources.hosted_zones.values();
        let zones = zones.map(AsRef::as_ref);
        let fitting = zones.filter(|zone: &&HostedZone| zone.covers(&dotted) && fits(zone));
        fitting.max_by_key(|zone| zone.name.len())
    }

    fn ask_zone(self, zone: &HostedZone, name: &str, kind: RecordType, left: usize) -> Said {
        match zone::look_up(zone, name, kind) {
            Found::Said(said) => said,
            Found::Alias(target) => {
                let mut found = Vec::new();
                match self.follow(target, kind, &mut found, left) {
                    End::Complete => {}
                    End::NoData(soa) | End::NoName(soa) => return Said::NoData(soa),
                    End::Failed => {}
                }
                let own = found.into_iter().filter(|it| it.data.record_type() == kind);
                let renamed = own.map(|it| Answer {
                    name: name.to_owned(),
                    ttl: zone::alias_ttl(),
                    data: it.data,
                });
                Said::Answers(renamed.collect())
            }
        }
    }

    fn ask_public(self, name: &str, kind: RecordType, left: usize) -> Said {
        if let Some(said) = names::ask(self, name, kind) {
            return said;
        }
        match self.longest_zone(name, |it| !it.private_zone) {
            Some(zone) => self.ask_zone(zone, name, kind, left),
            None => names::ask_internet(self, name, kind),
        }
    }
}

impl Soa {
    fn record(&self) -> Option<Record> {
        let server = dns::absolute(&self.server)?;
        // Verisign runs the root zone's and the largest registry's.
        let theirs = ["root-servers.net", "gtld-servers.net"];
        let is_theirs = theirs.iter().any(|it| self.server.ends_with(it));
        let soa = if is_theirs {
            let contact = dns::absolute("nstld.verisign-grs.com")?;
            SOA::new(server, contact, 1, 1800, 900, 604_800, 86_400)
        } else {
            let contact = dns::absolute("awsdns-hostmaster.amazon.com")?;
            SOA::new(server, contact, 1, 7200, 900, 1_209_600, 86_400)
        };
        let zone = dns::absolute(&self.zone)?;
        Some(Record::from_rdata(zone, self.ttl, RData::SOA(soa)))
    }
}

/// A name without its final dot, in lower case.
pub(super) fn text(name: &Name) -> String {
    let text = name.to_ascii().to_ascii_lowercase();
    text.trim_end_matches('.').to_owned()
}
