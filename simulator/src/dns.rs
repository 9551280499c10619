//! DNS messages (RFC 1035), as stub resolvers ask and resolvers answer.
//!
//! hickory-proto reads and writes them. Messages are values of a moment: what machines and services
//! keep are names and numbers.

use std::net::IpAddr;

use bytes::Bytes;
use hickory_proto::op::{Edns, Message, MessageType, OpCode, Query, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use hickory_proto::rr::{DNSClass, Name, RData, RecordType};

/// Longest message in a UDP datagram without EDNS (RFC 1035 section 4.2.1).
pub(crate) const UDP_MAX: u16 = 512;

/// The port of DNS.
pub(crate) const PORT: u16 = 53;
/// The EDNS option COOKIE (RFC 7873 section 4).
const COOKIE: u16 = 10;

/// A query for one name and type; nothing for a text that is no name.
pub(crate) fn query(
    id: u16,
    name: &str,
    kind: RecordType,
    payload: Option<u16>,
    recurse: bool,
) -> Option<Bytes> {
    query_of(DNSClass::IN, id, name, kind, payload, recurse)
}

/// The same of any class.
pub(crate) fn query_of(
    class: DNSClass,
    id: u16,
    name: &str,
    kind: RecordType,
    payload: Option<u16>,
    recurse: bool,
) -> Option<Bytes> {
    let mut message = Message::new(id, MessageType::Query, OpCode::Query);
    message.metadata.recursion_desired = recurse;
    let mut question = Query::query(absolute(name)?, kind);
    question.set_query_class(class);
    message.add_query(question);
    if let Some(payload) = payload {
        let mut edns = Edns::new();
        edns.set_max_payload(payload).set_version(0);
        // A client cookie (RFC 7873), which dig sends with every query.
        let cookie = (u64::from(id) << 48 | u64::from(id)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        let octets = cookie.to_be_bytes().to_vec();
        edns.options_mut()
            .insert(EdnsOption::Unknown(COOKIE, octets));
        message.set_edns(edns);
        // dig asks so: it would like to know whether the data were verified.
        message.metadata.authentic_data = true;
    }
    message.to_vec().ok().map(Bytes::from)
}

/// A message; nothing for octets that are none.
pub(crate) fn read(octets: &[u8]) -> Option<Message> {
    Message::from_vec(octets).ok()
}

/// The name as an absolute one.
pub(crate) fn absolute(text: &str) -> Option<Name> {
    let mut name = Name::from_ascii(text).ok()?;
    name.set_fqdn(true);
    Some(name)
}

/// The answer to a query, empty as yet.
pub(crate) fn response_to(query: &Message) -> Message {
    let id = query.metadata.id;
    let mut message = Message::response(id, query.metadata.op_code);
    message.metadata.recursion_desired = query.metadata.recursion_desired;
    message.metadata.recursion_available = true;
    message.add_queries(query.queries.iter().cloned());
    if query.edns.is_some() {
        let mut edns = Edns::new();
        edns.set_max_payload(4096).set_version(0);
        message.set_edns(edns);
    }
    message
}

/// The message in octets; over UDP one that is too long loses its answers and says so (TC).
pub(crate) fn write(message: &Message, limit: Option<u16>) -> Option<Bytes> {
    let octets = message.to_vec().ok()?;
    if limit.is_none_or(|limit| octets.len() <= usize::from(limit)) {
        return Some(octets.into());
    }
    let mut short = message.truncate();
    short.metadata.truncation = true;
    short.to_vec().ok().map(Bytes::from)
}

/// How long an answer may be that comes by UDP.
pub(crate) fn udp_limit(query: &Message) -> u16 {
    let edns = query.edns.as_ref();
    edns.map_or(UDP_MAX, |edns| edns.max_payload().max(UDP_MAX))
}

/// The addresses of one type in an answer.
pub(crate) fn addresses(message: &Message) -> Vec<IpAddr> {
    let records = message.answers.iter();
    records
        .filter_map(|record| match &record.data {
            RData::A(address) => Some(IpAddr::V4(address.0)),
            RData::AAAA(address) => Some(IpAddr::V6(address.0)),
            _ => None,
        })
        .collect()
}

/// The name that has the addresses in an answer, without its final dot.
pub(crate) fn owner(message: &Message) -> Option<String> {
    let mut records = message.answers.iter();
    let found = records.find(|it| matches!(it.data, RData::A(_) | RData::AAAA(_)))?;
    Some(found.name.to_ascii().trim_end_matches('.').to_owned())
}

/// The names in an answer that stand for others (CNAME), without their final dots.
pub(crate) fn aliases(message: &Message) -> Vec<String> {
    let records = message.answers.iter();
    let found = records.filter(|it| matches!(it.data, RData::CNAME(_)));
    let names = found.map(|it| it.name.to_ascii().trim_end_matches('.').to_owned());
    names.collect()
}

/// The name that an answer to a reverse query tells, without its final dot.
pub(crate) fn pointer(message: &Message) -> Option<String> {
    message.answers.iter().find_map(|it| match &it.data {
        RData::PTR(name) => Some(name.0.to_ascii().trim_end_matches('.').to_owned()),
        _ => None,
    })
}

/// Whether the message is an answer to the query with this id.
pub(crate) fn answers(message: &Message, id: u16) -> bool {
    message.metadata.id == id && message.metadata.message_type == MessageType::Response
}

/// How a response code is called: `NXDOMAIN`.
pub(crate) fn code_word(code: ResponseCode) -> &'static str {
    match code {
        ResponseCode::NoError => "NOERROR",
        ResponseCode::FormErr => "FORMERR",
        ResponseCode::ServFail => "SERVFAIL",
        ResponseCode::NXDomain => "NXDOMAIN",
        ResponseCode::NotImp => "NOTIMP",
        ResponseCode::Refused => "REFUSED",
        _ => "RESERVED",
    }
}

/// `53.1.0.10.in-addr.arpa` for 10.0.1.53.
pub(crate) fn reverse_name(address: IpAddr) -> String {
    match address {
        IpAddr::V4(address) => {
            let [a, b, c, d] = address.octets();
            format!("{d}.{c}.{b}.{a}.in-addr.arpa")
        }
        IpAddr::V6(address) => {
            let mut name = String::new();
            for octet in address.octets().into_iter().rev() {
                for nibble in [octet & 15, octet >> 4] {
                    name += &format!("{nibble:x}.");
                }
            }
            name + "ip6.arpa"
        }
    }
}

/// The address that a reverse name asks about.
pub(crate) fn read_reverse_name(name: &str) -> Option<IpAddr> {
    let labels = name.strip_suffix(".in-addr.arpa")?;
    let mut octets: Vec<_> = labels.split('.').collect();
    octets.reverse();
    (octets.len() == 4).then(|| octets.join(".").parse().ok())?
}

/// A message over TCP: two octets of length, then the message (RFC 1035 section 4.2.2).
pub(crate) fn framed(message: &Bytes) -> Bytes {
    let length = u16::try_from(message.len()).unwrap_or(u16::MAX);
    let mut octets = length.to_be_bytes().to_vec();
    octets.extend_from_slice(message);
    octets.into()
}
