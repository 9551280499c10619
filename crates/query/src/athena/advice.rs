//! What to write instead: hints on names and types that do not fit, and notes on conditions that
//! are right but hold for no record.
//!
//! `WHERE start > now() - interval '1' hour` fails with Trino's text for a bigint and a timestamp,
//! and the hint says that `start` is seconds since 1970 and what makes a timestamp of it. `WHERE
//! action = 'reject'` does not fail and finds nothing; the note says that the value is written in
//! upper case.

use datafusion::logical_expr::Expr as Plan;

use super::ast::{Expr, Item, Kind, Select};
use super::error::Fault;
use super::expr::MISMATCH;
use super::functions::parse_timestamp;
use super::operators::Typed;
use super::plan::Planner;
use super::types::Type;

/// The values of columns of flow logs that have few.
///
/// Source: Amazon VPC User Guide, "Available fields".
const VALUES: &[(&str, &[&str])] = &[
    ("action", &["ACCEPT", "REJECT"]),
    ("log_status", &["OK", "NODATA", "SKIPDATA"]),
    ("flow_direction", &["ingress", "egress"]),
    ("type", &["IPv4", "IPv6", "EFA"]),
];

/// Columns of addresses.
const ADDRESSES: &[&str] = &["srcaddr", "dstaddr", "pkt_srcaddr", "pkt_dstaddr"];

/// Protocols that people call by name, and their numbers (IANA, "Protocol Numbers").
const PROTOCOLS: &[(&str, u8)] = &[
    ("icmp", 1),
    ("tcp", 6),
    ("udp", 17),
    ("gre", 47),
    ("esp", 50),
    ("icmpv6", 58),
];

/// The value of flow logs that a name without quotes may have meant.
pub(super) fn value_named(name: &str) -> Option<&'static str> {
    let mut values = VALUES.iter().flat_map(|(_, values)| values.iter().copied());
    values.find(|value| value.eq_ignore_ascii_case(name))
}

/// What to do where two types do not meet.
pub(super) fn on_types(a: &Type, b: &Type) -> Option<String> {
    let either = |is: fn(&Type) -> bool| is(a) || is(b);
    let point = Type::is_point;
    let interval = |ty: &Type| matches!(ty, Type::DayTime | Type::YearMonth);
    let number = either(Type::is_number);
    let text = either(Type::is_text);
    let hint = if number && text {
        "Trino compares no numbers with texts: write a number's value without quotes and a text's \
         in quotes, or CAST one of them"
    } else if text && either(point) {
        "write DATE '2024-03-05' or TIMESTAMP '2024-03-05 00:00:00', or CAST the text"
    } else if number && either(point) {
        "a number of seconds since 1970 becomes a timestamp by from_unixtime(start), a timestamp \
         such a number by to_unixtime(t)"
    } else if number && either(interval) {
        "a number of seconds since 1970 becomes a timestamp by from_unixtime(start); an interval \
         of an hour is 3600 of them"
    } else if text && either(|ty| *ty == Type::IpAddress) {
        "write IPADDRESS '10.0.1.5', or CAST the text AS IPADDRESS"
    } else {
        return None;
    };
    Some(hint.to_owned())
}

/// What to do where `+` or `-` does not take two types.
pub(super) fn on_arithmetic(a: &Type, b: &Type) -> Option<String> {
    let point = Type::is_point;
    if point(a) && b.is_number() {
        return Some("a span of time is INTERVAL '1' HOUR or INTERVAL '7' DAY".to_owned());
    }
    if (a.is_number() && b.is_text()) || (a.is_text() && b.is_number()) {
        return Some("a text becomes a number by CAST(x AS bigint); texts are joined by ||".into());
    }
    on_types(a, b)
}

/// The fault of a comparison, with a hint if a number meets a protocol's name or a date.
pub(super) fn on_protocol(fault: Fault, sides: &[&Expr]) -> Fault {
    let date = sides.iter().find_map(|side| match &*side.kind {
        Kind::Text(text) => parse_timestamp(text).is_some().then_some(text),
        _ => None,
    });
    if let Some(text) = date.filter(|_| fault.code == MISMATCH && fault.message.contains("bigint"))
    {
        let start = if text.trim().len() > 10 {
            ""
        } else {
            " 00:00:00"
        };
        return fault.with_hint(format!(
            "start and end are seconds since 1970: from_unixtime(start) >= TIMESTAMP \
             '{text}{start}'"
        ));
    }
    let named = sides.iter().find_map(|side| {
        let Kind::Text(text) = &*side.kind else {
            return None;
        };
        PROTOCOLS
            .iter()
            .find(|(name, _)| text.eq_ignore_ascii_case(name))
    });
    match named.filter(|_| fault.code == MISMATCH) {
        Some((name, number)) => fault.with_hint(format!(
            "protocols are numbers in flow logs: {name} is {number} (tcp 6, udp 17, icmp 1)"
        )),
        None => fault,
    }
}

/// The fault of a clause, with a hint if the name that it does not find is an alias of the SELECT
/// list.
pub(super) fn on_alias(fault: Fault, select: &Select, clause: &str) -> Fault {
    if fault.code != "COLUMN_NOT_FOUND" {
        return fault;
    }
    let alias = select.items.iter().find_map(|item| match item {
        Item::One(_, Some(alias)) => {
            let text = format!("Column '{}' ", alias.key());
            fault.message.starts_with(&text).then_some(&alias.text)
        }
        _ => None,
    });
    match alias {
        Some(alias) => {
            let hint = format!(
                "{clause} does not see the alias {alias}: repeat the expression, or put the query \
                 into FROM (…) and ask for {alias} around it"
            );
            fault.with_hint(hint)
        }
        None => fault,
    }
}

/// Why a function of Trino is not there, and what answers instead.
fn refused(name: &str) -> Option<String> {
    let hint = match name {
        "approx_set" | "empty_approx_set" | "make_set_digest" => {
            "HyperLogLog sketches are not supported here: approx_distinct(x) counts"
        }
        "tdigest_agg"
        | "qdigest_agg"
        | "value_at_quantile"
        | "values_at_quantiles"
        | "quantile_at_value" => {
            "digests are not supported here: approx_percentile(x, 0.99) answers"
        }
        "uuid" | "shuffle" => {
            return Some(format!(
                "{name} answers otherwise each time, and the same query has the same rows here: \
                 to_hex(md5(to_utf8(text))) makes an id, and an order, of what is there"
            ));
        }
        "checksum" => "the sum is of Trino's own hash: compare count(*) and sums",
        "numeric_histogram" => "write count(*) with GROUP BY width_bucket(x, from, to, n)",
        _ => return None,
    };
    Some(hint.to_owned())
}

/// What does in Trino what a function of another dialect, or of Logs Insights, does.
pub(super) fn habit(name: &str) -> Option<String> {
    if let Some(hint) = refused(name) {
        return Some(hint);
    }
    let instead = match name {
        "to_timestamp" => {
            "from_unixtime(start) of seconds, date_parse(text, '%Y-%m-%d %H:%i:%s') of a text"
        }
        "ifnull" | "nvl" | "isnull" => "coalesce(a, b)",
        "getdate" | "sysdate" => "current_timestamp",
        "len" | "strlen" => "length(text)",
        "charindex" | "instr" | "locate" => "strpos(text, part)",
        "to_char" | "strftime" => "date_format(t, '%Y-%m-%d') or format_datetime(t, 'yyyy-MM-dd')",
        "str_to_date" | "strptime" => "date_parse(text, '%Y-%m-%d')",
        "to_date" => "date(text)",
        "datediff" | "timestampdiff" => "date_diff('day', from, to)",
        "dateadd" | "timestampadd" => "date_add('day', n, t)",
        "date_part" | "datepart" => "extract(field FROM t)",
        "unix_timestamp" => "to_unixtime(t)",
        "string_agg" | "group_concat" => "listagg(x, ',') WITHIN GROUP (ORDER BY x)",
        "median" | "percentile_cont" | "pct" => "approx_percentile(x, 0.5)",
        "count_distinct" => "count(DISTINCT x), or approx_distinct(x)",
        "collect_list" => "array_agg(x)",
        "collect_set" => "array_agg(DISTINCT x)",
        "array_contains" => "contains(array, x)",
        "array_length" | "size" => "cardinality(array)",
        "iff" => "if(condition, a, b)",
        "left" => "substr(text, 1, n)",
        "right" => "substr(text, -n)",
        "isipv4insubnet" | "isipv6insubnet" | "isipinsubnet" | "cidrmatch" | "cidr_match" => {
            "contains('10.0.0.0/8', CAST(srcaddr AS IPADDRESS))"
        }
        "isvalidip" | "isvalidipv4" | "isvalidipv6" => "TRY_CAST(srcaddr AS IPADDRESS) IS NOT NULL",
        "inet_aton" | "inet" | "toipaddress" => "CAST(srcaddr AS IPADDRESS)",
        "bin" => "date_trunc('minute', from_unixtime(start)), or start - start % 300",
        "datefloor" => "date_trunc('hour', t)",
        "frommillis" => "from_unixtime(ms / 1e3)",
        "tomillis" => "to_unixtime(t) * 1000",
        "strcontains" => "strpos(text, part) > 0, or text LIKE '%part%'",
        "startswith" => "starts_with(text, part)",
        "ispresent" => "x IS NOT NULL",
        "isempty" | "isblank" => "x IS NULL OR x = ''",
        "tolower" => "lower(text)",
        "toupper" => "upper(text)",
        "earliest" => "min_by(x, start)",
        "latest" => "max_by(x, start)",
        "regexp_matches" | "regexp" | "rlike" => "regexp_like(text, pattern)",
        _ => return None,
    };
    Some(format!("in Trino: {instead}"))
}

impl Planner<'_> {
    /// Notes that an equality with a text holds for no flow log, if that is known.
    pub(super) fn note_text(&self, value: &Typed, text: &Expr) {
        let (Plan::Column(column), Kind::Text(text)) = (&value.expr, &*text.kind) else {
            return;
        };
        let stored = self.stored.borrow();
        let Some(name) = stored.get(&column.name).map(String::as_str) else {
            return;
        };
        if ADDRESSES.contains(&name) && text.contains('/') {
            self.note(format!(
                "{name} holds single addresses, none equals '{text}': \
                 contains('{text}', CAST({name} AS IPADDRESS)) asks for those of a network"
            ));
        }
        let values = VALUES.iter().find(|(known, _)| *known == name);
        let Some((_, values)) = values.filter(|(_, values)| !values.contains(&text.as_str()))
        else {
            return;
        };
        if let Some(meant) = values.iter().find(|known| known.eq_ignore_ascii_case(text)) {
            self.note(format!(
                "no {name} equals '{text}': texts compare by case, and flow logs write {meant}"
            ));
        }
    }

    fn note(&self, note: String) {
        let mut notes = self.notes.borrow_mut();
        if !notes.contains(&note) {
            notes.push(note);
        }
    }
}
