//! Fields that are discovered in logs of other services: Lambda's reports, Route 53's public DNS
//! queries.
//!
//! `REPORT RequestId: 8f5 Duration: 102.25 ms Memory Size: 128 MB` has `@type`, `@requestId`,
//! `@duration` (milliseconds) and `@memorySize` (bytes, as the service counts: 128000000).
//!
//! Source: CloudWatch Logs User Guide, "Supported logs and discovered fields".

use std::borrow::Cow;

/// Positions in a line of Route 53.
const DNS: [&str; 10] = [
    "version",
    "queryTimestamp",
    "hostedZoneId",
    "queryName",
    "queryType",
    "responseCode",
    "protocol",
    "edgeLocation",
    "resolverIp",
    "ednsClientSubnet",
];

/// Fields of a Lambda report, what stands before the value, and what its unit counts for.
const LAMBDA: [(&str, &str, u64); 5] = [
    ("@duration", "Duration: ", 1),
    ("@billedDuration", "Billed Duration: ", 1),
    ("@memorySize", "Memory Size: ", 1_000_000),
    ("@maxMemoryUsed", "Max Memory Used: ", 1_000_000),
    ("@initDuration", "Init Duration: ", 1),
];

/// The field of that name in a message that is no JSON.
pub(super) fn field<'m>(message: &'m str, name: &str) -> Option<Cow<'m, str>> {
    if name.starts_with('@') {
        return lambda(message, name);
    }
    let at = DNS.iter().position(|known| *known == name)?;
    let mut words = message.split(' ');
    let is_dns = message.starts_with("1.") && words.clone().count() == DNS.len();
    words.nth(at).filter(|_| is_dns).map(Cow::Borrowed)
}

fn lambda<'m>(message: &'m str, name: &str) -> Option<Cow<'m, str>> {
    let kind = message.split(' ').next()?;
    if !matches!(kind, "START" | "END" | "REPORT") {
        return None;
    }
    if name == "@type" {
        return Some(Cow::Borrowed(kind));
    }
    if name == "@requestId" {
        return after(message, "RequestId: ").map(Cow::Borrowed);
    }
    let (_, label, unit) = LAMBDA.iter().find(|(known, ..)| *known == name)?;
    let value = after(message, label)?;
    if *unit == 1 {
        return Some(Cow::Borrowed(value));
    }
    let amount: u64 = value.parse().ok()?;
    Some(Cow::Owned(amount.checked_mul(*unit)?.to_string()))
}

/// The word after a label that begins a part of the line.
fn after<'m>(message: &'m str, label: &str) -> Option<&'m str> {
    let mut places = message.match_indices(label);
    // `Duration` is also the end of `Billed Duration`.
    let (at, _) = places.find(|(at, _)| {
        let before = message[..*at].trim_end();
        !before.ends_with("Billed") && !before.ends_with("Init")
    })?;
    message[at + label.len()..].split_whitespace().next()
}
