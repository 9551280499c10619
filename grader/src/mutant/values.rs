//! Mistakes in one word: an operator, a field, an aggregate, a literal.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::Made;
use super::text::{Kind, Token};

/// Comparisons, and what is written for them by mistake: the boundary, then the opposite.
const COMPARISONS: [(&str, &[&str]); 8] = [
    ("=", &["!="]),
    ("==", &["!="]),
    ("!=", &["="]),
    ("<>", &["="]),
    ("<", &["<=", ">="]),
    ("<=", &["<", ">"]),
    (">", &[">=", "<="]),
    (">=", &[">", "<"]),
];

/// Fields that are taken for each other, in both languages' spelling.
const FIELDS: [(&str, &[&str]); 22] = [
    ("srcAddr", &["dstAddr"]),
    ("dstAddr", &["srcAddr"]),
    ("srcPort", &["dstPort"]),
    ("dstPort", &["srcPort"]),
    ("pktSrcAddr", &["pktDstAddr", "srcAddr"]),
    ("pktDstAddr", &["pktSrcAddr", "dstAddr"]),
    ("packets", &["bytes"]),
    ("bytes", &["packets"]),
    ("startTime", &["endTime"]),
    ("endTime", &["startTime"]),
    ("start", &["end"]),
    ("end", &["start"]),
    ("srcaddr", &["dstaddr"]),
    ("dstaddr", &["srcaddr"]),
    ("srcport", &["dstport"]),
    ("dstport", &["srcport"]),
    ("pkt_srcaddr", &["pkt_dstaddr", "srcaddr"]),
    ("pkt_dstaddr", &["pkt_srcaddr", "dstaddr"]),
    ("`start`", &["`end`"]),
    ("`end`", &["`start`"]),
    ("tcpFlags", &["protocol"]),
    ("tcp_flags", &["protocol"]),
];

/// Aggregates that are taken for each other.
const AGGREGATES: [(&str, &[&str]); 6] = [
    ("sum", &["max", "avg", "count"]),
    ("avg", &["sum", "max"]),
    ("min", &["max"]),
    ("max", &["min"]),
    ("count_distinct", &["count"]),
    ("approx_distinct", &["count"]),
];

/// Words in quotes that are taken for each other.
const WORDS: [(&str, &str); 8] = [
    ("ACCEPT", "REJECT"),
    ("REJECT", "ACCEPT"),
    ("ingress", "egress"),
    ("egress", "ingress"),
    ("OK", "NODATA"),
    ("NODATA", "OK"),
    ("SKIPDATA", "NODATA"),
    ("TCP", "UDP"),
];

/// Functions that answer yes or no.
const CONDITIONS: [&str; 4] = [
    "isIpv4InSubnet",
    "isIpv6InSubnet",
    "isIpInSubnet",
    "ispresent",
];

/// Operators of arithmetic that are taken for each other.
const ARITHMETIC: [(&str, &str); 4] = [("+", "-"), ("-", "+"), ("*", "/"), ("/", "*")];

pub(super) fn mutate(made: &mut Made<'_>) {
    for (index, is_idle) in idle(made).into_iter().enumerate() {
        if is_idle {
            continue;
        }
        match made.tokens[index].kind {
            Kind::Symbol => symbol(made, index),
            Kind::Word => word(made, index),
            Kind::Number => number(made, index),
            Kind::Text => text(made, index),
        }
    }
}

/// Which tokens only order rows, where no order counts: those of `sort` and ORDER BY. That of a
/// window or an aggregate is in brackets, and counts.
fn idle(made: &Made<'_>) -> Vec<bool> {
    let ordered = made.counts.order || has_limit(made);
    let mut sorts = false;
    let sort = |(index, token): (usize, &Token<'_>)| {
        let sql = token.is("order") && made.is(index + 1, "by");
        let insights = token.is("sort") && (index == 0 || made.is(index - 1, "|"));
        if token.depth == 0 && (sql || insights) {
            sorts = true;
        } else if token.depth == 0 && (token.is("|") || token.is(";")) {
            sorts = false;
        }
        sorts && !ordered
    };
    made.tokens.iter().enumerate().map(sort).collect()
}

fn symbol(made: &mut Made<'_>, index: usize) {
    let is = made.tokens[index].text;
    arithmetic(made, index);
    searched(made, index);
    let known = COMPARISONS.iter().find(|(sign, _)| *sign == is);
    let Some((sign, others)) = known else {
        return;
    };
    let name = made.nth(sign);
    for other in *others {
        made.put(format!("{name} -> {other}"), index, other);
    }
}

fn arithmetic(made: &mut Made<'_>, index: usize) {
    let is = made.tokens[index].text;
    let Some((sign, other)) = ARITHMETIC.iter().find(|(sign, _)| *sign == is) else {
        return;
    };
    let stands = |at: usize| {
        made.tokens
            .get(at)
            .map(|it| (it.kind, it.is(")"), it.is("(")))
    };
    // `count(*)` and `select *` multiply nothing.
    let before = index.checked_sub(1).and_then(stands);
    let ends = before.is_some_and(|(kind, closes, _)| kind != Kind::Symbol || closes);
    let begins = stands(index + 1).is_some_and(|(kind, _, opens)| kind != Kind::Symbol || opens);
    let selects = index > 0 && (made.is(index - 1, "select") || made.is(index - 1, "distinct"));
    if ends && begins && !selects {
        let name = made.nth(sign);
        made.put(format!("{name} -> {other}"), index, other);
    }
}

/// A search for the text of an address in place of the address.
fn searched(made: &mut Made<'_>, index: usize) {
    let Some(address) = made.tokens.get(index + 1).copied() else {
        return;
    };
    let in_insights = address.text.starts_with('"');
    let is_other = |own: Ipv4Addr, other: Ipv4Addr| {
        // SQL's pattern is anchored at its beginning.
        in_insights || other.octets()[..3] == own.octets()[..3]
    };
    let is_held = |own: Ipv4Addr| super::holding_text(own).any(|other| is_other(own, other));
    let quoted = address.quoted();
    let quoted = quoted.filter(|it| it.parse::<Ipv4Addr>().is_ok_and(is_held));
    let (true, Some(quoted)) = (made.is(index, "=") || made.is(index, "=="), quoted) else {
        return;
    };
    let text = if in_insights {
        format!(" like \"{quoted}\"")
    } else {
        format!(" LIKE '{quoted}%'")
    };
    let name = made.nth("address =");
    let start = made.tokens[index].start;
    made.replace(format!("{name} -> like"), (start, address.end()), &text);
}

/// A search for the text of a block's first octets in place of the block.
fn prefix_searched(made: &mut Made<'_>, index: usize) {
    let [field, block, close] = [2, 4, 5].map(|at| made.tokens.get(index + at).copied());
    let (Some(field), Some(block), Some(close)) = (field, block, close) else {
        return;
    };
    let net = block.quoted().and_then(|it| it.parse::<Ipv4Net>().ok());
    let (true, Some(net)) = (made.is(index + 3, ",") && close.is(")"), net) else {
        return;
    };
    let whole = usize::from(net.prefix_len().div_ceil(8)).clamp(1, 3);
    let octets = net.network().octets();
    let octets: String = octets[..whole].iter().map(|it| format!("{it}.")).collect();
    let name = made.nth("block");
    let start = made.tokens[index].start;
    let text = format!("{} like \"{octets}\"", field.text);
    made.replace(format!("{name} -> like"), (start, close.end()), &text);
}

fn word(made: &mut Made<'_>, index: usize) {
    let is = made.tokens[index].text;
    let start = made.tokens[index].start;
    let called = made.is(index + 1, "(");
    let after_not = index > 0 && made.is(index - 1, "not");
    match is.to_ascii_lowercase().as_str() {
        connective @ ("and" | "or") => {
            let other = if connective == "and" { "or" } else { "and" };
            let name = made.nth(connective);
            made.put(format!("{name} -> {other}"), index, other);
        }
        "not" => {
            let name = made.nth("not");
            let next = made.tokens.get(index + 1).map_or(start, |next| next.start);
            made.replace(format!("without {name}"), (start, next), "");
        }
        negated @ ("in" | "like") if !after_not => {
            let name = made.nth(negated);
            made.put(format!("not {name}"), index, &format!("not {is}"));
        }
        order @ ("asc" | "desc") if made.counts.order || has_limit(made) => {
            let other = if order == "asc" { "desc" } else { "asc" };
            let name = made.nth(order);
            made.put(format!("{name} -> {other}"), index, other);
        }
        "distinct" => {
            let name = made.nth("DISTINCT");
            let next = made.tokens.get(index + 1).map_or(start, |next| next.start);
            made.replace(format!("without {name}"), (start, next), "");
        }
        _ => {}
    }
    if let (true, Some((aggregate, others))) = (called, known(&AGGREGATES, is)) {
        let name = made.nth(aggregate);
        for other in *others {
            made.put(format!("{name} -> {other}"), index, other);
        }
    }
    if is.eq_ignore_ascii_case("count") && made.is(index + 1, "(") && made.is(index + 2, "*") {
        let name = made.nth("count");
        let octets = (start, made.tokens[index + 2].end());
        made.replace(format!("{name} -> sum"), octets, "sum(packets");
    }
    let alias = index > 0 && made.is(index - 1, "as");
    if let (false, false, Some((field, others))) = (called, alias, known(&FIELDS, is)) {
        let name = made.nth(field);
        for other in *others {
            made.put(format!("{name} -> {other}"), index, other);
        }
    }
    let condition = CONDITIONS.iter().find(|it| it.eq_ignore_ascii_case(is));
    if let (true, false, Some(condition)) = (called, after_not, condition) {
        let name = made.nth(condition);
        made.replace(format!("not {name}"), (start, start), "not ");
    }
    if called && condition.is_some_and(|it| *it == "isIpv4InSubnet") {
        prefix_searched(made, index);
    }
}

/// Fields are told apart by case: `start` of SQL, `startTime` of Insights.
fn known<'a>(
    table: &'a [(&'a str, &'a [&'a str])],
    word: &str,
) -> Option<&'a (&'a str, &'a [&'a str])> {
    let exact = table.iter().find(|(name, _)| *name == word);
    exact.or_else(|| {
        table
            .iter()
            .find(|(name, _)| name.eq_ignore_ascii_case(word))
    })
}

/// Which rows a limit leaves depends on their order.
fn has_limit(made: &Made<'_>) -> bool {
    made.tokens.iter().any(|token| token.is("limit"))
}

fn number(made: &mut Made<'_>, index: usize) {
    let text = made.tokens[index].text;
    // `GROUP BY 1`, `ORDER BY 2` name columns.
    let by = (0..index).rev().find(|at| {
        let token = &made.tokens[*at];
        token.kind != Kind::Number && !token.is(",")
    });
    if by.is_some_and(|at| made.tokens[at].is("by")) {
        return;
    }
    let digits = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let Ok(number) = text[..digits].parse::<u64>() else {
        return;
    };
    let unit = &text[digits..];
    if unit.starts_with('.') {
        return;
    }
    let name = made.nth("number");
    made.put(
        format!("{name} + 1"),
        index,
        &format!("{}{unit}", number + 1),
    );
    if let Some(less) = number.checked_sub(1) {
        made.put(format!("{name} - 1"), index, &format!("{less}{unit}"));
    }
}

fn text(made: &mut Made<'_>, index: usize) {
    let token = made.tokens[index];
    let Some(quoted) = token.quoted() else {
        return;
    };
    let quote = &token.text[..1];
    let put = |made: &mut Made<'_>, name: String, text: &str| {
        made.put(name, index, &format!("{quote}{text}{quote}"));
    };
    if let Some((word, other)) = WORDS.iter().find(|(word, _)| *word == quoted) {
        let name = made.nth(&format!("\"{word}\""));
        put(made, format!("{name} -> {other}"), other);
    }
    if let Ok(net) = quoted.parse::<Ipv4Net>() {
        let name = made.nth("prefix");
        for (sign, length) in [
            ("-", net.prefix_len().checked_sub(1)),
            ("+", Some(net.prefix_len() + 1)),
        ] {
            let other = length.and_then(|length| Ipv4Net::new(net.addr(), length).ok());
            if let Some(other) = other {
                put(made, format!("{name} {sign} 1"), &other.to_string());
            }
        }
    } else if let Ok(address) = quoted.parse::<Ipv4Addr>() {
        let name = made.nth("address");
        let next = Ipv4Addr::from(u32::from(address).wrapping_add(1));
        put(made, format!("{name} + 1"), &next.to_string());
    }
}
