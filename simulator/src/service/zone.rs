//! Answers out of a hosted zone (RFC 1034 section 4.3.2).
//!
//! Inside a zone nothing falls through: a name that it does not have does not exist, even if the
//! public DNS has it (Route 53 Developer Guide, "Working with private hosted zones").

use hickory_proto::rr::rdata::{A, AAAA, CNAME, MX, NS, PTR, SOA, SRV, TXT};
use hickory_proto::rr::{Name, RData, RecordType};
use wirelab_model::{HostedZone, RecordSet, RecordSetType};

use super::resolver::{Answer, Said, Soa};
use crate::dns;

/// Seconds for which answers of an alias may be kept.
const ALIAS_TTL: u32 = 60;
/// TTL of a zone's SOA record, which is less than its minimum and so that of negative answers.
const NEGATIVE_TTL: u32 = 900;

/// What a zone has at a name, before aliases are followed.
pub(super) enum Found<'a> {
    Said(Said),
    /// Another name, whose answers it gives as its own.
    Alias(&'a str),
}

/// Looks `name` up, which has no final dot.
pub(super) fn look_up<'a>(zone: &'a HostedZone, name: &str, kind: RecordType) -> Found<'a> {
    let dotted = format!("{name}.");
    if let Some(found) = at_name(zone, &dotted, name, kind) {
        return found;
    }
    let records = &zone.served_records;
    let below = format!(".{dotted}");
    let exists = |it: &RecordSet| it.name == dotted || it.name.ends_with(&below);
    if records.iter().any(exists) {
        return Found::Said(Said::NoData(soa(zone)));
    }
    let mut rest = dotted.as_str();
    while let Some((_, parent)) = rest.split_once('.') {
        if !zone.covers(parent) {
            break;
        }
        let wild = format!("*.{parent}");
        if let Some(found) = at_name(zone, &wild, name, kind) {
            return found;
        }
        if records.iter().any(|it| it.name == wild) {
            return Found::Said(Said::NoData(soa(zone)));
        }
        if records.iter().any(|it| it.name == parent) {
            // The closest name above that exists: wildcards further up do not reach below it.
            break;
        }
        rest = parent;
    }
    Found::Said(Said::NoName(soa(zone)))
}

/// What stands at `at`, given out under `name`.
fn at_name<'a>(zone: &'a HostedZone, at: &str, name: &str, kind: RecordType) -> Option<Found<'a>> {
    let sets = zone.served_records.iter().filter(|it| it.name == at);
    let mut fitting = sets
        .filter(|it| record_type(it.record_type) == kind || it.record_type == RecordSetType::CNAME);
    let set = fitting.next()?;
    if let Some(alias) = &set.alias_target {
        let target = alias.dns_name.trim_end_matches('.');
        return Some(Found::Alias(
            target.strip_prefix("dualstack.").unwrap_or(target),
        ));
    }
    let values = set.values.iter();
    let answers = values.filter_map(|value| {
        Some(Answer {
            name: name.to_owned(),
            ttl: set.ttl.unwrap_or(ALIAS_TTL),
            data: data(set.record_type, value)?,
        })
    });
    Some(Found::Said(Said::Answers(answers.collect())))
}

/// The zone's start of authority, for negative answers.
fn soa(zone: &HostedZone) -> Soa {
    let name = zone.name.trim_end_matches('.').to_owned();
    let own = zone.served_records.iter();
    let mut own = own.filter(|it| it.record_type == RecordSetType::SOA);
    let value = own.next().and_then(|it| it.values.first());
    let server = value.and_then(|it| it.split(' ').next());
    Soa {
        server: server.unwrap_or("ns-0.awsdns-00.com.").to_owned(),
        zone: name,
        ttl: NEGATIVE_TTL,
    }
}

/// The TTL that an alias's answers have.
pub(super) const fn alias_ttl() -> u32 {
    ALIAS_TTL
}

const fn record_type(kind: RecordSetType) -> RecordType {
    match kind {
        RecordSetType::A => RecordType::A,
        RecordSetType::AAAA => RecordType::AAAA,
        RecordSetType::CNAME => RecordType::CNAME,
        RecordSetType::MX => RecordType::MX,
        RecordSetType::NS => RecordType::NS,
        RecordSetType::PTR => RecordType::PTR,
        RecordSetType::SOA => RecordType::SOA,
        RecordSetType::SRV => RecordType::SRV,
        RecordSetType::TXT => RecordType::TXT,
    }
}

/// A value in zone-file form. The control plane has checked it; nothing for one that is none.
fn data(kind: RecordSetType, value: &str) -> Option<RData> {
    let words: Vec<_> = value.split_whitespace().collect();
    let name = |at: usize| -> Option<Name> { dns::absolute(words.get(at)?) };
    Some(match kind {
        RecordSetType::A => RData::A(A(value.parse().ok()?)),
        RecordSetType::AAAA => RData::AAAA(AAAA(value.parse().ok()?)),
        RecordSetType::CNAME => RData::CNAME(CNAME(name(0)?)),
        RecordSetType::NS => RData::NS(NS(name(0)?)),
        RecordSetType::PTR => RData::PTR(PTR(name(0)?)),
        RecordSetType::MX => RData::MX(MX::new(words.first()?.parse().ok()?, name(1)?)),
        RecordSetType::SRV => RData::SRV(SRV::new(
            words.first()?.parse().ok()?,
            words.get(1)?.parse().ok()?,
            words.get(2)?.parse().ok()?,
            name(3)?,
        )),
        RecordSetType::TXT => RData::TXT(TXT::new(quoted(value))),
        RecordSetType::SOA => RData::SOA(SOA::new(
            name(0)?,
            name(1)?,
            words.get(2)?.parse().ok()?,
            words.get(3)?.parse().ok()?,
            words.get(4)?.parse().ok()?,
            words.get(5)?.parse().ok()?,
            words.get(6)?.parse().ok()?,
        )),
    })
}

/// The strings in quotes of a TXT value.
fn quoted(value: &str) -> Vec<String> {
    let mut texts = Vec::new();
    let mut rest = value;
    while let Some((_, tail)) = rest.split_once('"') {
        let Some((text, tail)) = tail.split_once('"') else {
            break;
        };
        texts.push(text.to_owned());
        rest = tail;
    }
    texts
}
