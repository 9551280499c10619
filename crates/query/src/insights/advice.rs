//! What looks unintended: names that no event has, and habits from other languages.

use wirelab_flowlog::{Field, LogFormat};
use wirelab_model::IpNet;

use super::ast::{Arithmetic, Expr, ExprKind, Span};

/// The name of `known` that is nearest to `name`, within two slips.
pub(super) fn nearest<'a>(name: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let slips = if name.len() < 4 { 1 } else { 2 };
    known
        .map(|known| (strsim::osa_distance(known, name), known))
        .filter(|(distance, _)| *distance <= slips)
        .min()
        .map(|(_, known)| known)
}

/// What was meant by a field that no event has.
pub(super) fn field<'a>(
    name: &str,
    known: impl Iterator<Item = &'a str> + Clone,
    format: Option<&LogFormat>,
) -> Option<String> {
    let upper = name.to_uppercase();
    if is_word_of_flow_logs(&upper) {
        return Some(format!("text stands in quotes: `\"{upper}\"`"));
    }
    // A column of `stats` without an alias is called as it is written: `count(*)`.
    let mut columns = known.clone().filter(|known| known.ends_with(')'));
    if let Some(column) = columns.find(|known| is_call_of(known, name)) {
        return Some(format!("the column is called `{column}`"));
    }
    match name.to_lowercase().as_str() {
        "true" | "false" => {
            return Some(format!(
                "there is no `{name}`: conditions have the values 1 and 0"
            ));
        }
        "null" => return Some("`not ispresent(x)` asks for a missing field".to_owned()),
        _ => {}
    }
    let bare = |text: &str| text.replace(['-', '_', '@'], "").to_lowercase();
    let record_name = Field::ALL.iter().find(|f| bare(f.name()) == bare(name));
    let by_record = record_name.map(|field| field.insights_name());
    let same = known.clone().find(|known| bare(known) == bare(name));
    let meant = same.or_else(|| by_record.filter(|meant| known.clone().any(|k| k == *meant)));
    if let Some(meant) = meant.or_else(|| nearest(name, known)) {
        return Some(format!("did you mean `{meant}`?"));
    }
    let field = Field::ALL
        .iter()
        .find(|f| f.insights_name() == name || f.name() == name)?;
    format.map(|_| format!("the flow log's format has no `${{{field}}}`"))
}

fn is_call_of(column: &str, name: &str) -> bool {
    let function = column.split('(').next().unwrap_or_default();
    function.trim_end().eq_ignore_ascii_case(name)
}

/// The milliseconds of UTC that a readable date or time means.
pub(super) fn millis(text: &str) -> Option<i64> {
    let text = text.trim().trim_end_matches(['Z', 'z']);
    let clock: jiff::civil::DateTime = text.parse().ok()?;
    let moment = jiff::tz::TimeZone::UTC.to_timestamp(clock).ok()?;
    Some(moment.as_millisecond())
}

fn is_word_of_flow_logs(name: &str) -> bool {
    ["ACCEPT", "REJECT", "OK", "NODATA", "SKIPDATA"].contains(&name)
}

/// What to say about `like "text"`.
pub(super) fn like(text: &str, value: &str) -> Option<(String, String)> {
    if let Some(cidr) = prefix(text) {
        let mut message = format!("`like \"{text}\"` finds a substring anywhere, not a prefix");
        let first = format!("1{}", text.split('.').next().unwrap_or_default());
        if first.parse::<u8>().is_ok() {
            message.push_str(&format!(": it also matches `1{text}`"));
        }
        return Some((
            message,
            format!("write `isIpv4InSubnet({value}, \"{cidr}\")`"),
        ));
    }
    let wildcard = text.chars().find(|c| matches!(c, '%' | '*'))?;
    let message = format!("`{wildcard}` in `like \"{text}\"` is no wildcard but the character");
    let hint = "`like` finds a substring anywhere; for patterns write a regex: `like /.../`";
    Some((message, hint.to_owned()))
}

/// `10.0.1.` as a block: `10.0.1.0/24`.
fn prefix(text: &str) -> Option<String> {
    let octets: Vec<&str> = text.strip_suffix('.')?.split('.').collect();
    let octet = |text: &&str| text.parse::<u8>().is_ok();
    if octets.len() > 3 || !octets.iter().all(octet) {
        return None;
    }
    let zeros = ".0".repeat(4 - octets.len());
    Some(format!("{}{zeros}/{}", octets.join("."), 8 * octets.len()))
}

/// What to say about a comparison of `value` with a block of addresses.
pub(super) fn block(text: &str, value: &Expr) -> Option<(String, String)> {
    let is_block = text.contains('/') && text.parse::<IpNet>().is_ok();
    is_block.then(|| {
        let message = format!("no address is the text `{text}`: `=` does not look into a block");
        (
            message,
            format!("write `isIpInSubnet({value}, \"{text}\")`"),
        )
    })
}

/// What to say about a comparison of `value` with an address that has a `*` in it.
pub(super) fn wildcard(text: &str, value: &Expr) -> Option<(String, String)> {
    let cidr = prefix(text.strip_suffix('*')?)?;
    let message = format!("no address is the text `{text}`: `*` is no wildcard");
    Some((
        message,
        format!("write `isIpv4InSubnet({value}, \"{cidr}\")`"),
    ))
}

/// What to write where `@timestamp` is compared with `now()`, and which part of that is meant.
pub(super) fn seconds(left: &Expr, right: &Expr) -> Option<(Span, String)> {
    let is_time = |expr: &Expr| matches!(&expr.kind, ExprKind::Field(name) if name == "@timestamp");
    let side = match (is_time(left), is_time(right)) {
        (true, false) => right,
        (false, true) => left,
        _ => return None,
    };
    let is_now = |expr: &Expr| matches!(&expr.kind, ExprKind::Call { name, .. } if name == "now");
    let is_sum = |expr: &Expr| match &expr.kind {
        ExprKind::Arithmetic(first, rest) => {
            let adds = |it: &Arithmetic| matches!(it, Arithmetic::Add | Arithmetic::Subtract);
            is_now(first) && rest.iter().all(|(operator, _)| adds(operator))
        }
        _ => is_now(expr),
    };
    let hint = "in milliseconds it is `(now() - 3600) * 1000`";
    is_sum(side).then(|| (side.span, hint.to_owned()))
}

/// Protocols that people know by name, and their numbers.
const PROTOCOLS: [(&str, u8); 8] = [
    ("icmp", 1),
    ("tcp", 6),
    ("udp", 17),
    ("gre", 47),
    ("esp", 50),
    ("ah", 51),
    ("icmpv6", 58),
    ("sctp", 132),
];

/// What to write for a word that a flow log has as a number.
pub(super) fn number_for(field: &str, word: &str) -> Option<(String, String)> {
    let is_word = word.starts_with(|c: char| c.is_ascii_alphabetic());
    let (message, example) = match field {
        "protocol" => (
            "flow logs have protocols as numbers",
            "6 is TCP, 17 is UDP, 1 is ICMP",
        ),
        "srcPort" | "dstPort" => ("flow logs have ports as numbers", "22 is SSH, 443 is HTTPS"),
        "tcpFlags" => (
            "flow logs have TCP flags as a number",
            "2 is SYN, 18 is SYN-ACK, 4 is RST",
        ),
        _ => return None,
    };
    let lower = word.to_lowercase();
    let known = PROTOCOLS
        .iter()
        .find(|(name, _)| *name == lower && field == "protocol");
    let hint = match known {
        Some((_, number)) => format!("write `{field} = {number}`"),
        None => example.to_owned(),
    };
    is_word.then(|| (message.to_owned(), hint))
}

/// What to say about a text that differs from a flow log's word in its letters' case only.
pub(super) fn word_case(text: &str) -> Option<String> {
    let upper = text.to_uppercase();
    let differs = upper != text && is_word_of_flow_logs(&upper);
    differs.then(|| format!("text is compared exactly: write `\"{upper}\"`"))
}
