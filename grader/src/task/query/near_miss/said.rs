//! What a reference query says of records: the addresses, blocks, words and numbers in it.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::Ipv4Net;
use wirelab_model::{Flow, FlowAction, FlowDirection, FlowRecord};

/// So many numbers of an answer are tried.
const NUMBERS: usize = 16;

/// The literals of a query.
#[derive(Debug, Default)]
pub(super) struct Said {
    texts: Vec<String>,
    pub(super) addresses: Vec<Ipv4Addr>,
    pub(super) nets: Vec<Ipv4Net>,
    /// In rising order.
    pub(super) numbers: Vec<u64>,
}

impl Said {
    pub(super) fn by(query: &str) -> Self {
        let mut said = Self {
            numbers: crate::mutant::numbers(query),
            ..Self::default()
        };
        for text in crate::mutant::texts(query) {
            if let Ok(net) = text.parse() {
                said.nets.push(net);
            } else if let Ok(address) = text.parse() {
                said.addresses.push(address);
            } else {
                said.texts.push(text.to_owned());
            }
        }
        said
    }

    /// The numbers of another query that this one does not name.
    pub(super) fn numbers_of(&self, query: &str) -> Self {
        let mut numbers = crate::mutant::numbers(query);
        numbers.retain(|it| !self.numbers.contains(it));
        numbers.truncate(NUMBERS);
        Self {
            numbers,
            ..Self::default()
        }
    }

    /// How many of the literals are true of the record.
    pub(super) fn fits(&self, record: &FlowRecord, flow: &Flow) -> usize {
        let addresses = [
            flow.srcaddr,
            flow.dstaddr,
            flow.pkt_srcaddr,
            flow.pkt_dstaddr,
        ];
        let has = |wanted: &dyn Fn(Ipv4Addr) -> bool| {
            let is_one = |it: &IpAddr| matches!(it, IpAddr::V4(it) if wanted(*it));
            addresses.iter().any(is_one)
        };
        let words = [
            record.interface_id.as_str(),
            match flow.action {
                FlowAction::Accept => "ACCEPT",
                FlowAction::Reject => "REJECT",
            },
            match flow.direction {
                FlowDirection::Ingress => "ingress",
                FlowDirection::Egress => "egress",
            },
        ];
        let numbers: [u64; 4] = [
            flow.srcport.into(),
            flow.dstport.into(),
            flow.protocol.into(),
            flow.tcp_flags.0.into(),
        ];
        let (texts, in_numbers) = (self.texts.iter(), self.numbers.iter());
        texts.filter(|it| words.contains(&it.as_str())).count()
            + in_numbers.filter(|it| numbers.contains(it)).count()
            + self
                .addresses
                .iter()
                .filter(|it| has(&|own| own == **it))
                .count()
            + self
                .nets
                .iter()
                .filter(|it| has(&|own| it.contains(&own)))
                .count()
    }
}
