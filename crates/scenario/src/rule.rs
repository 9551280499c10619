//! The one-line grammar of rules: network ACL entries, security group rules, intents.
//!
//! `[NUMBER allow|deny] PROTOCOL [PORTS | TYPE/CODE] from|to PEER`

use wirelab_model::{IcmpTypeCode, IpProtocol, PortRange};

use crate::fields::{Sink, Text};

/// What a rule is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Matching {
    pub(crate) protocol: IpProtocol,
    /// Destination ports of TCP and UDP; all of them if not said.
    pub(crate) ports: PortRange,
    /// Type and code of ICMP; -1 for any.
    pub(crate) icmp: IcmpTypeCode,
}

/// A security group's rule, or what follows the action of a network ACL's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Rule {
    pub(crate) matching: Matching,
    pub(crate) peer: Text,
}

/// A network ACL's entry.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) number: u16,
    pub(crate) action: String,
    pub(crate) rule: Rule,
}

/// Reads `100 allow tcp 3306 from 10.0.0.0/16`.
pub(crate) fn entry(text: &Text, egress: bool, sink: &Sink) -> Option<Entry> {
    let words: Vec<&str> = text.text.split_whitespace().collect();
    let parsed = match words.as_slice() {
        [number, action @ ("allow" | "deny"), rest @ ..] => number
            .parse()
            .map_err(|_| format!("`{number}` is no rule number"))
            .and_then(|number| Ok((number, *action, rule(rest, egress, text)?))),
        _ => Err("an entry begins with its number and `allow` or `deny`".to_owned()),
    };
    match parsed {
        Ok((number, action, rule)) => Some(Entry {
            number,
            action: action.to_owned(),
            rule,
        }),
        Err(why) => {
            let word = if egress { "to" } else { "from" };
            let hint = format!("write `100 allow tcp 443 {word} 10.0.0.0/16`");
            refuse(text, "network ACL entry", &why, hint, sink)
        }
    }
}

/// Reads `tcp 3306 from security_group.mysql`.
pub(crate) fn group_rule(text: &Text, egress: bool, sink: &Sink) -> Option<Rule> {
    let words: Vec<&str> = text.text.split_whitespace().collect();
    match rule(&words, egress, text) {
        Ok(rule) => Some(rule),
        Err(why) => {
            let word = if egress { "to" } else { "from" };
            let hint =
                format!("write `tcp 443 {word} 10.0.0.0/16` or `{word} security_group.NAME`");
            refuse(text, "security group rule", &why, hint, sink)
        }
    }
}

fn refuse<T>(text: &Text, what: &str, why: &str, hint: String, sink: &Sink) -> Option<T> {
    let message = format!("`{}` is no {what}: {why}", text.text);
    sink.explain(&text.span, message, "", Some(hint));
    None
}

fn rule(words: &[&str], egress: bool, text: &Text) -> Result<Rule, String> {
    let wanted = if egress { "to" } else { "from" };
    let (matching, peer) = match words {
        [protocol, word, peer] if *word == wanted => (matching(protocol, "")?, peer),
        [protocol, detail, word, peer] if *word == wanted => (matching(protocol, detail)?, peer),
        _ => return Err(format!("it does not end in `{wanted} PEER`")),
    };
    Ok(Rule {
        matching,
        peer: Text {
            text: (*peer).to_owned(),
            span: text.span.clone(),
        },
    })
}

/// Reads protocol and its ports or type: `tcp` `443`, `udp` `1024-65535`, `icmp` `3/4`, `all`.
pub(crate) fn matching(protocol: &str, detail: &str) -> Result<Matching, String> {
    let protocol: IpProtocol = protocol.parse().map_err(|error| format!("{error}"))?;
    let mut matching = Matching {
        protocol,
        ports: PortRange::ALL,
        icmp: IcmpTypeCode {
            code: -1,
            icmp_type: -1,
        },
    };
    match protocol {
        _ if detail.is_empty() => {}
        IpProtocol::TCP | IpProtocol::UDP => matching.ports = ports(detail)?,
        IpProtocol::ICMP | IpProtocol::ICMPV6 => matching.icmp = icmp(detail)?,
        _ => return Err(format!("`{protocol}` has no ports")),
    }
    Ok(matching)
}

fn ports(text: &str) -> Result<PortRange, String> {
    let bad = || format!("`{text}` is no port or range such as `1024-65535`");
    let (from, to) = text.split_once('-').unwrap_or((text, text));
    let from = from.parse().map_err(|_| bad())?;
    let to = to.parse().map_err(|_| bad())?;
    if from > to {
        return Err(bad());
    }
    Ok(PortRange { from, to })
}

fn icmp(text: &str) -> Result<IcmpTypeCode, String> {
    let bad = || format!("`{text}` is no ICMP type such as `8`, or type and code such as `3/4`");
    let (icmp_type, code) = text.split_once('/').unwrap_or((text, "-1"));
    Ok(IcmpTypeCode {
        icmp_type: icmp_type.parse().map_err(|_| bad())?,
        code: code.parse().map_err(|_| bad())?,
    })
}
