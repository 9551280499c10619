//! Refuses what libpcap would look up: an answer must mean the same on every machine, and reading a
//! filter must not send a packet.

use crate::error::FilterError;
use crate::hint;
use crate::lex::{Kind, Token};

/// What a name at some place would be.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Expects {
    /// A host or a network: looked up by DNS.
    Host,
    /// A service or protocol from the machine's own tables, or a word that libpcap knows.
    Local,
}

/// Finds the first name that would be looked up.
pub(crate) fn check(expression: &str, tokens: &[Token<'_>]) -> Result<(), FilterError> {
    let mut expects = Expects::Host;
    for (at, token) in tokens.iter().enumerate() {
        match token.kind {
            Kind::Word if LOCAL.contains(&token.text) => expects = Expects::Local,
            Kind::Word if JOINS.contains(&token.text) => {}
            Kind::Word if KEYWORDS.contains(&token.text) => expects = Expects::Host,
            Kind::Word | Kind::Escaped if expects == Expects::Host => {
                return Err(FilterError::Name {
                    name: token.text.to_owned(),
                    span: token.span.clone(),
                    hint: hint::about_shell(expression, tokens)
                        .or_else(|| hint_behind(&tokens[..at], tokens.get(at + 1)))
                        .or_else(|| hint_for(token.text)),
                });
            }
            _ => {}
        }
    }
    Ok(())
}

/// About a name where the qualifier in front of it says what it should be.
fn hint_behind(before: &[Token<'_>], next: Option<&Token<'_>>) -> Option<String> {
    let words = before.iter().rev().map(|token| token.text);
    let clause = || words.clone().take_while(|word| !JOINS.contains(word));
    let last = words.clone().next()?;
    let hint = match last {
        "less" | "greater" => format!("`{last}` takes a number of octets: `{last} 100`"),
        "gateway" => "`gateway` needs a name that is looked up; write `ether host \
                      02:00:00:00:00:01 and not host 10.0.1.1`"
            .to_owned(),
        "host" | "src" | "dst" if clause().any(|word| word == "ether") => {
            format!("write the MAC address itself: `ether {last} 02:00:00:00:00:01`")
        }
        "net" => "write the block itself: `net 10.0.1.0/24`".to_owned(),
        "host" | "src" | "dst" if next.is_some_and(|next| next.is("/")) => {
            format!(
                "write the block itself: `{}net 10.0.1.0/24`",
                direction(last)
            )
        }
        "host" => "write the address itself: `host 10.0.1.5`".to_owned(),
        _ => return None,
    };
    Some(hint)
}

fn direction(word: &str) -> String {
    match word {
        "src" | "dst" => format!("{word} "),
        _ => String::new(),
    }
}

fn hint_for(name: &str) -> Option<String> {
    if let Some(hint) = hint::of_word(name) {
        return Some(hint);
    }
    let keywords = JOINS.iter().chain(LOCAL).chain(KEYWORDS);
    let (distance, keyword) = keywords
        .map(|keyword| (strsim::damerau_levenshtein(keyword, name), keyword))
        .min_by_key(|(distance, _)| *distance)?;
    if distance <= 1 + name.len() / 5 {
        Some(format!("did you mean `{keyword}`?"))
    } else {
        Some("write the address itself, such as `host 10.0.1.5`".to_owned())
    }
}

/// Operators: what came before them still qualifies what comes after (`port 80 or https`).
const JOINS: &[&str] = &["and", "or", "not"];

/// Qualifiers after which names come from the machine's own tables or from libpcap.
const LOCAL: &[&str] = &[
    "port",
    "portrange",
    "proto",
    "protochain",
    "type",
    "subtype",
    "dir",
    "direction",
    "llc",
    "on",
    "ifname",
    "rset",
    "ruleset",
    "reason",
    "action",
];

/// Every other word of the language (libpcap's scanner.l).
const KEYWORDS: &[&str] = &[
    "dst",
    "src",
    "link",
    "ether",
    "ppp",
    "slip",
    "fddi",
    "tr",
    "wlan",
    "arp",
    "rarp",
    "ip",
    "sctp",
    "tcp",
    "udp",
    "icmp",
    "igmp",
    "igrp",
    "pim",
    "vrrp",
    "carp",
    "radio",
    "ip6",
    "icmp6",
    "ah",
    "esp",
    "atalk",
    "aarp",
    "decnet",
    "lat",
    "sca",
    "moprc",
    "mopdl",
    "iso",
    "esis",
    "es-is",
    "isis",
    "is-is",
    "l1",
    "l2",
    "iih",
    "lsp",
    "snp",
    "csnp",
    "psnp",
    "clnp",
    "stp",
    "ipx",
    "netbeui",
    "host",
    "net",
    "mask",
    "gateway",
    "address1",
    "address2",
    "address3",
    "address4",
    "addr1",
    "addr2",
    "addr3",
    "addr4",
    "ra",
    "ta",
    "less",
    "greater",
    "byte",
    "broadcast",
    "multicast",
    "len",
    "length",
    "inbound",
    "outbound",
    "ifindex",
    "vlan",
    "mpls",
    "pppoed",
    "pppoes",
    "geneve",
    "vxlan",
    "lane",
    "metac",
    "bcc",
    "oam",
    "oamf4",
    "oamf4ec",
    "oamf4sc",
    "sc",
    "ilmic",
    "vpi",
    "vci",
    "connectmsg",
    "metaconnect",
    "rnr",
    "rulenum",
    "srnr",
    "subrulenum",
    "sio",
    "opc",
    "dpc",
    "sls",
    "icmptype",
    "icmpcode",
    "icmp-echoreply",
    "icmp-unreach",
    "icmp-sourcequench",
    "icmp-redirect",
    "icmp-echo",
    "icmp-routeradvert",
    "icmp-routersolicit",
    "icmp-timxceed",
    "icmp-paramprob",
    "icmp-tstamp",
    "icmp-tstampreply",
    "icmp-ireq",
    "icmp-ireqreply",
    "icmp-maskreq",
    "icmp-maskreply",
    "icmp6type",
    "icmp6code",
    "icmp6-destinationrunreach",
    "icmp6-packettoobig",
    "icmp6-timeexceeded",
    "icmp6-parameterproblem",
    "icmp6-echo",
    "icmp6-echoreply",
    "icmp6-multicastlistenerquery",
    "icmp6-multicastlistenerreportv1",
    "icmp6-multicastlistenerdone",
    "icmp6-routersolicit",
    "icmp6-routeradvert",
    "icmp6-neighborsolicit",
    "icmp6-neighboradvert",
    "icmp6-redirect",
    "icmp6-routerrenum",
    "icmp6-nodeinformationquery",
    "icmp6-nodeinformationresponse",
    "icmp6-ineighbordiscoverysolicit",
    "icmp6-ineighbordiscoveryadvert",
    "icmp6-multicastlistenerreportv2",
    "icmp6-homeagentdiscoveryrequest",
    "icmp6-homeagentdiscoveryreply",
    "icmp6-mobileprefixsolicit",
    "icmp6-mobileprefixadvert",
    "icmp6-certpathsolicit",
    "icmp6-certpathadvert",
    "icmp6-multicastrouteradvert",
    "icmp6-multicastroutersolicit",
    "icmp6-multicastroutertermination",
    "tcpflags",
    "tcp-fin",
    "tcp-syn",
    "tcp-rst",
    "tcp-push",
    "tcp-ack",
    "tcp-urg",
    "tcp-ece",
    "tcp-cwr",
];
