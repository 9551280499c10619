//! A name server that is the authority for its zones (RFC 1034 section 4.3.2, RFC 1035), and a
//! client that asks one question.

use std::net::IpAddr;

use bytes::Bytes;
use hickory_proto::op::{Message, ResponseCode};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, NS, SOA};
use hickory_proto::rr::{RData, Record, RecordType};
use serde::{Deserialize, Serialize};
use wirelab_model::Stream;

use super::{Act, Done, Inbox};
use crate::dns;
use crate::host::spec::{DnsData, DnsRecord, ServerSpec};

/// Aliases that are followed in one answer.
const ALIASES: usize = 8;
/// TTL of a zone's SOA record and so of negative answers.
const NEGATIVE_TTL: u32 = 300;

/// The answer to a query; nothing for octets that are none. `udp`: cut to what the client takes.
pub(crate) fn answer(spec: &ServerSpec, octets: &[u8], udp: bool) -> Option<Bytes> {
    let ServerSpec::Dns { zones, records, .. } = spec else {
        return None;
    };
    let query = dns::read(octets)?;
    let question = query.queries.first()?;
    let mut response = dns::response_to(&query);
    response.metadata.recursion_available = false;
    let name = question.name().to_ascii().to_ascii_lowercase();
    let name = name.trim_end_matches('.');
    let inside =
        |zone: &&smol_str::SmolStr| name == zone.as_str() || name.ends_with(&format!(".{zone}"));
    match zones.iter().filter(inside).max_by_key(|zone| zone.len()) {
        None => response.metadata.response_code = ResponseCode::Refused,
        Some(zone) => {
            response.metadata.authoritative = true;
            fill(&mut response, zone, records, name, question.query_type());
        }
    }
    let limit = udp.then(|| dns::udp_limit(&query));
    dns::write(&response, limit)
}

fn fill(response: &mut Message, zone: &str, records: &[DnsRecord], name: &str, kind: RecordType) {
    let mut name = name.to_owned();
    let mut found = false;
    if name == zone {
        response.add_answers(apex(zone, kind));
    }
    for _ in 0..ALIASES {
        let at_name = records.iter().filter(|it| it.name == name);
        let mut alias = None;
        for record in at_name {
            found = true;
            let (own, data) = match &record.data {
                DnsData::Address(IpAddr::V4(address)) => (RecordType::A, RData::A(A(*address))),
                DnsData::Address(IpAddr::V6(address)) => {
                    (RecordType::AAAA, RData::AAAA(AAAA(*address)))
                }
                DnsData::Alias(target) => {
                    let Some(absolute) = dns::absolute(target) else {
                        continue;
                    };
                    alias = Some(target.to_string());
                    (RecordType::CNAME, RData::CNAME(CNAME(absolute)))
                }
            };
            let Some(owner) = dns::absolute(&name) else {
                continue;
            };
            if own == kind || own == RecordType::CNAME || kind == RecordType::ANY {
                response.add_answer(Record::from_rdata(owner, record.ttl, data));
            }
        }
        match alias {
            Some(target) if !matches!(kind, RecordType::CNAME | RecordType::ANY) => name = target,
            _ => break,
        }
    }
    if response.answers.is_empty() {
        let below = format!(".{name}");
        let exists = found || name == zone || records.iter().any(|it| it.name.ends_with(&below));
        if !exists {
            response.metadata.response_code = ResponseCode::NXDomain;
        }
        response.add_authorities(authority(zone));
    }
}

/// What the top of a zone has in any case (RFC 1035 section 5.2): its start of authority, and its
/// name server.
fn apex(zone: &str, kind: RecordType) -> Vec<Record> {
    let is_asked = |own: RecordType| kind == own || kind == RecordType::ANY;
    let soa = authority(zone).filter(|_| is_asked(RecordType::SOA));
    let server = dns::absolute(&format!("ns1.{zone}"));
    let server = server
        .zip(dns::absolute(zone))
        .map(|(server, owner)| Record::from_rdata(owner, NEGATIVE_TTL, RData::NS(NS(server))));
    let server = server.filter(|_| is_asked(RecordType::NS));
    soa.into_iter().chain(server).collect()
}

/// The zone's start of authority, for negative answers (RFC 2308).
fn authority(zone: &str) -> Option<Record> {
    let server = dns::absolute(&format!("ns1.{zone}"))?;
    let mail = dns::absolute(&format!("hostmaster.{zone}"))?;
    let soa = SOA::new(server, mail, 1, 7200, 900, 1_209_600, NEGATIVE_TTL);
    Some(Record::from_rdata(
        dns::absolute(zone)?,
        NEGATIVE_TTL,
        RData::SOA(soa),
    ))
}

/// A message in an inbox, after its two octets of length (RFC 1035 section 4.2.2).
fn next_framed(inbox: &mut Inbox) -> Option<Vec<u8>> {
    let [a, b] = inbox.peek(2)[..] else {
        return None;
    };
    let length = usize::from(u16::from_be_bytes([a, b]));
    if inbox.len() < 2 + length {
        return None;
    }
    inbox.skip(2);
    Some(inbox.take(length))
}

/// Queries over one TCP connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct NameSession {
    index: usize,
    inbox: Inbox,
}

impl NameSession {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            inbox: Inbox::default(),
        }
    }

    pub(crate) fn on_data(&mut self, specs: &[ServerSpec], data: Vec<Bytes>) -> Vec<Act> {
        self.inbox.extend(data);
        let mut acts = Vec::new();
        let Some(spec) = specs.get(self.index).map(ServerSpec::inside) else {
            return acts;
        };
        while let Some(query) = next_framed(&mut self.inbox) {
            if matches!(spec, ServerSpec::Resolver { .. }) {
                acts.push(Act::Ask(query.into()));
                continue;
            }
            match answer(spec, &query, false) {
                Some(octets) => acts.push(Act::Send(dns::framed(&octets))),
                None => acts.push(Act::Close),
            }
        }
        acts
    }
}

/// What became of a question.
pub(crate) enum Reply {
    /// Not the answer to it.
    Other,
    /// Ask again over TCP.
    Truncated,
    /// As the exchange ends.
    Act(Act),
}

/// A client with one question.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct DnsClient {
    id: u16,
    query: Bytes,
    inbox: Inbox,
}

impl DnsClient {
    pub(crate) fn new(name: &str, kind: &str, stream: Stream) -> Self {
        let mut stream = stream;
        let id = stream.next_u32() as u16;
        let kind = kind.parse().unwrap_or(RecordType::A);
        Self {
            id,
            query: dns::query(id, name, kind, None, true).unwrap_or_default(),
            inbox: Inbox::default(),
        }
    }

    /// The question as a datagram.
    pub(crate) fn query(&self) -> Bytes {
        self.query.clone()
    }

    pub(crate) fn start_tcp(&self) -> Vec<Act> {
        vec![Act::Send(dns::framed(&self.query))]
    }

    /// Reads an answer.
    pub(crate) fn read(&self, octets: &[u8]) -> Reply {
        let message = dns::read(octets).filter(|message| dns::answers(message, self.id));
        let Some(message) = message else {
            return Reply::Other;
        };
        if message.metadata.truncation {
            return Reply::Truncated;
        }
        Reply::Act(match message.metadata.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => Act::Done(Done {
                status: None,
                last: true,
            }),
            other => Act::Failed(dns::code_word(other).into()),
        })
    }

    pub(crate) fn on_data(&mut self, data: Vec<Bytes>) -> Vec<Act> {
        self.inbox.extend(data);
        let message = next_framed(&mut self.inbox);
        match message.map(|octets| self.read(&octets)) {
            Some(Reply::Act(act)) => vec![act],
            _ => Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_of_a_zone_has_its_authority_and_its_server() {
        let spec = ServerSpec::Dns {
            port: 53,
            zones: vec!["example.internal".into()],
            records: Vec::new(),
        };
        let kinds = |asked: RecordType, name: &str| -> Vec<String> {
            let query = dns::query(1, name, asked, None, true).expect("a query");
            let octets = answer(&spec, &query, true).expect("an answer");
            let message = dns::read(&octets).expect("a message");
            let answers = message.answers.iter();
            answers.map(|it| it.record_type().to_string()).collect()
        };
        assert_eq!(kinds(RecordType::SOA, "example.internal"), ["SOA"]);
        assert_eq!(kinds(RecordType::NS, "example.internal"), ["NS"]);
        assert_eq!(kinds(RecordType::ANY, "example.internal"), ["SOA", "NS"]);
        assert_eq!(kinds(RecordType::A, "example.internal").len(), 0);
        assert_eq!(kinds(RecordType::NS, "a.example.internal").len(), 0);
    }
}
