//! `[[traffic]]`: client programs.

mod program;

use std::net::Ipv4Addr;

use smol_str::SmolStr;
use wirelab_model::{Seed, SimDuration, SimTime, Stream};
use wirelab_simulator::host::{TrafficProgram, TrafficSpec};

use crate::fields::{Fields, Text};
use crate::resolve::Resolver;

/// How long most programs wait for an exchange.
const PATIENCE: SimDuration = SimDuration::from_secs(30);

/// Every client program of the file.
pub(crate) fn all(root: &Fields<'_>, resolver: Resolver<'_>, seed: Seed) -> Vec<TrafficSpec> {
    let mut specs: Vec<TrafficSpec> = Vec::new();
    for fields in root.tables("traffic") {
        let spec = traffic(&fields, resolver, seed);
        fields.finish();
        let Some(spec) = spec else {
            continue;
        };
        if specs.iter().any(|other| other.name == spec.name) {
            let message = format!("two `[[traffic]]` are called `{}`", spec.name);
            root.sink().error(fields.span(), message);
        }
        specs.push(spec);
    }
    specs
}

fn traffic(fields: &Fields<'_>, resolver: Resolver<'_>, seed: Seed) -> Option<TrafficSpec> {
    let name = fields.required_text("name")?.text;
    let from = fields
        .required_text("from")
        .and_then(|text| machine(fields, resolver, &text));
    let to = fields.required_text("to");
    let program = program::read(fields, &name, to.as_ref());
    let usual = program.as_ref().and_then(program::usual_port);
    if let (Some(program), Some(text)) = (&program, &to) {
        check_protocol(fields, program, text);
    }
    let to = to.filter(|_| program.is_some()).and_then(|text| {
        let (end, port) = split_port(&text, usual, fields)?;
        match dns_name(end, resolver) {
            Some(name) => Some((Ipv4Addr::UNSPECIFIED.into(), Some(name), port)),
            None => Some((resolved(fields, &text, resolver.address(end))?, None, port)),
        }
    });
    let every = period(fields);
    let first_at = fields.parsed::<SimDuration>("first_at");
    let first_at = first_at.unwrap_or_else(|| first(&name, every, seed));
    let timeout = fields.parsed("timeout");
    let timeout = timeout.unwrap_or_else(|| program.as_ref().map_or(PATIENCE, program::patience));
    let count = fields.integer("count");
    let bind = fields.boolean("bind").unwrap_or(false);
    let (to, to_name, port) = to?;
    Some(TrafficSpec {
        name: name.into(),
        from: from?,
        to,
        to_name,
        port,
        program: program?,
        every,
        first_at: SimTime::ZERO + first_at,
        timeout,
        count,
        bind,
    })
}

/// `every`: a program that repeats itself without pause would never let time pass.
fn period(fields: &Fields<'_>) -> SimDuration {
    let every = fields.required_parsed("every");
    if every == Some(SimDuration::ZERO)
        && let Some(node) = fields.node("every")
    {
        let hint = "write the time from one exchange to the next: `10s`, `100ms`".to_owned();
        let message = "`every` is no time at all";
        fields.sink().explain(&node.span, message, "", Some(hint));
    }
    every.unwrap_or(SimDuration::from_secs(60))
}

/// Programs do not all start at once: somewhere in the first period, by the `traffic` seed.
fn first(name: &str, every: SimDuration, seed: Seed) -> SimDuration {
    let mut stream = Stream::new(seed.traffic, &format!("traffic.{name}.first_at"));
    SimDuration::from_millis(stream.range(0, every.as_millis().max(1) - 1))
}

/// The machine that `instance.app` or `host.client` stands for.
pub(crate) fn machine(fields: &Fields<'_>, resolver: Resolver<'_>, text: &Text) -> Option<SmolStr> {
    let name = text
        .text
        .strip_prefix("instance.")
        .or_else(|| text.text.strip_prefix("host."));
    // No host has an instance's name: the name alone is clear.
    let name = name.or(Some(&text.text));
    let found = name.and_then(|name| resolver.hosts.iter().find(|host| host.name == name));
    if let Some(host) = found {
        return Some(host.name.clone());
    }
    let known: Vec<String> = resolver
        .hosts
        .iter()
        .map(|host| format!("`{}`", host.name))
        .collect();
    let message = format!("`{}` is no machine", text.text);
    let hint = format!(
        "write `instance.NAME` or `host.NAME`; machines here: {}",
        known.join(", ")
    );
    fields.sink().explain(&text.span, message, "", Some(hint));
    None
}

/// Top-level domains whose names are taken for DNS names and not for references.
const DOMAINS: [&str; 11] = [
    "com", "corp", "example", "internal", "invalid", "io", "lan", "local", "net", "org", "test",
];

/// The name, if it is one that a machine has to look up.
fn dns_name(text: &str, resolver: Resolver<'_>) -> Option<SmolStr> {
    let (first, _) = text.split_once('.')?;
    let is_name = is_domain(text) && resolver.names.of_kind(first).next().is_none();
    is_name.then(|| text.into())
}

/// Whether the text ends as a DNS name does.
fn is_domain(text: &str) -> bool {
    let top = text.rsplit_once('.').map(|(_, top)| top);
    top.is_some_and(|top| DOMAINS.contains(&top))
}

/// `instance.app:8080/tcp`; the protocol may be left out, and the port where one is usual.
fn split_port<'a>(
    text: &'a Text,
    usual: Option<u16>,
    fields: &Fields<'_>,
) -> Option<(&'a str, u16)> {
    let bare = text.text.trim_end_matches("/tcp").trim_end_matches("/udp");
    match (bare.rsplit_once(':'), usual) {
        (None, Some(usual)) => Some((bare, usual)),
        (split, _) => match split {
            Some((end, port)) if port.parse::<u16>().is_ok() => Some((end, port.parse().ok()?)),
            _ => {
                let message = format!("`{}` has no port", text.text);
                let hint = "write `instance.NAME:8080`".to_owned();
                fields.sink().explain(&text.span, message, "", Some(hint));
                None
            }
        },
    }
}

/// A protocol that is said is the program's.
fn check_protocol(fields: &Fields<'_>, program: &TrafficProgram, to: &Text) {
    let Some((_, said)) = to.text.rsplit_once('/') else {
        return;
    };
    let own = program::protocols(program);
    if matches!(said, "tcp" | "udp") && !own.contains(&said) {
        let message = format!("this program does not speak {said}");
        let hint = match own {
            [] => "leave the protocol out".to_owned(),
            [one, ..] => format!("leave the protocol out, or write `/{one}`"),
        };
        fields.sink().explain(&to.span, message, "", Some(hint));
    }
}

/// The value, or the error noted at `text`.
pub(crate) fn resolved<T>(
    fields: &Fields<'_>,
    text: &Text,
    result: Result<T, crate::FillError>,
) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) => {
            let message = format!("`{}` refers to nothing", error.reference);
            fields.sink().explain(&text.span, message, "", error.hint);
            None
        }
    }
}
