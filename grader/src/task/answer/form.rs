//! The forms in which people write one value: names and ids, numbers, blocks, ranges, words.

use std::net::IpAddr;

use ipnet::IpNet;
use wirelab_scenario::Names;

/// The full name of what is called by its short one, `replica`, where one of its kind is asked for.
pub(super) fn full_name(names: &Names, expected: &[String], value: &str) -> Option<String> {
    let kinds = expected.iter().filter_map(|it| {
        let name = names
            .id(it)
            .map(|_| it.as_str())
            .or_else(|| names.name_of(it));
        name?.split_once('.').map(|(kind, _)| kind)
    });
    let mut full = kinds.map(|kind| format!("{kind}.{}", value.trim()));
    full.find(|it| names.id(it).is_some())
}

/// Whether `given` is one of the forms of `expected`: a value, or a resource of the scenario by its
/// id, full name or short name. Words may follow a resource: `network_acl.app ingress`.
pub(crate) fn same(names: &Names, expected: &str, given: &str) -> bool {
    if values_equal(expected, given) {
        return true;
    }
    let (resource, rest) = expected.split_once(' ').unwrap_or((expected, ""));
    let full = names
        .id(resource)
        .map_or_else(|| names.name_of(resource), |_| Some(resource));
    let Some(full) = full else {
        return false;
    };
    let id = names.id(full).map(|id| id.as_str());
    let short = full.split_once('.').map(|(_, short)| short);
    let mut forms = [Some(full), id, short].into_iter().flatten();
    forms.any(|form| words_equal(&format!("{form} {rest}"), given))
}

pub(super) fn values_equal(expected: &str, given: &str) -> bool {
    if let (Some(a), Some(b)) = (number(expected), number(given)) {
        return a == b;
    }
    if let (Some(a), Some(b)) = (block(expected), block(given)) {
        return a == b;
    }
    if let (Some(a), Some(b)) = (range(expected), range(given)) {
        return a == b;
    }
    words_equal(expected, given)
}

/// `1446`, `1 446`, `1,446`, `1446 bytes`, `rule 100`, `0x5a6`; a port as `443/tcp`, `tcp 443`,
/// `:443`; a remark may follow in parentheses; `*` is the number of the final deny.
pub(super) fn number(text: &str) -> Option<u64> {
    const KINDS: [&str; 5] = ["port", "tcp", "udp", "rule", "mtu"];
    const UNITS: [&str; 13] = [
        "/tcp", "/udp", "octets", "bytes", "byte", "b", "minutes", "minute", "min", "seconds",
        "second", "ms", "s",
    ];
    let text = text.trim().to_lowercase();
    if text == "*" {
        return Some(32767);
    }
    let text = match text.split_once('(') {
        Some((number, remark)) if remark.ends_with(')') => number.trim_end(),
        _ => &text,
    };
    let kind = KINDS.iter().find_map(|kind| text.strip_prefix(kind));
    let text = kind
        .unwrap_or(text)
        .trim_start_matches(['/', ':', '#', ' ']);
    if let Some(digits) = text.strip_prefix("0x") {
        return u64::from_str_radix(digits, 16).ok();
    }
    let unit = UNITS.iter().find_map(|unit| text.strip_suffix(unit));
    let digits = unit.unwrap_or(text).trim().replace([',', '_', ' '], "");
    digits.parse().ok()
}

/// `5m50s` where seconds are asked for: how many they are.
pub(super) fn length(part: &str, value: &str) -> Option<String> {
    if word(part).trim_end_matches('s') != "second" {
        return None;
    }
    let value = value.trim().to_lowercase().replace(' ', "");
    let (minutes, seconds) = value.strip_suffix('s')?.split_once('m')?;
    let (minutes, seconds): (u64, u64) = (minutes.parse().ok()?, seconds.parse().ok()?);
    let all = minutes.checked_mul(60)?.checked_add(seconds)?;
    Some(all.to_string())
}

/// An address, or a block with its host bits cleared.
pub(super) fn block(text: &str) -> Option<IpNet> {
    let text = text.trim();
    let address = text.parse::<IpAddr>().ok().map(IpNet::from);
    address.or_else(|| text.parse::<IpNet>().ok().map(|net| net.trunc()))
}

/// `1024-65535`, with any dash, colon, `to`, `..`; `From=..,To=..` as the CLI writes it.
fn range(text: &str) -> Option<(u16, u16)> {
    let text = text
        .trim()
        .to_lowercase()
        .replace("from=", "")
        .replace("to=", "");
    let ends = ["..", "–", "-", ":", ",", " to "]
        .iter()
        .find_map(|mark| text.split_once(mark))?;
    Some((ends.0.trim().parse().ok()?, ends.1.trim().parse().ok()?))
}

pub(super) fn words_equal(a: &str, b: &str) -> bool {
    word(a) == word(b)
}

/// Lower case, without quotes, with one kind of joint; directions in EC2's words.
pub(super) fn word(text: &str) -> String {
    let text = text.trim().trim_matches(['"', '\'', '`']).to_lowercase();
    let words = text.split(['_', ' ', '-', '.']);
    let words = words
        .filter(|word| !word.is_empty())
        .map(|word| match word {
            "in" | "inbound" => "ingress",
            "out" | "outbound" => "egress",
            word => word,
        });
    words.collect::<Vec<_>>().join("-")
}
