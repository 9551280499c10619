//! `[[traffic]]`: client programs.

use std::net::Ipv4Addr;

use smol_str::SmolStr;
use wirelab_model::{Seed, SimDuration, SimTime, Stream};
use wirelab_simulator::host::{TrafficProgram, TrafficSpec};

use crate::fields::{Fields, Text};
use crate::resolve::Resolver;
use crate::size::Size;

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
    let program = program(fields, &name);
    let portless = matches!(program, Some(TrafficProgram::Ping { .. }));
    let to = fields.required_text("to").and_then(|text| {
        let (end, port) = split_port(&text, portless, fields)?;
        match dns_name(end, resolver) {
            Some(name) => Some((Ipv4Addr::UNSPECIFIED.into(), Some(name), port)),
            None => Some((resolved(fields, &text, resolver.address(end))?, None, port)),
        }
    });
    let every = fields
        .required_parsed("every")
        .unwrap_or(SimDuration::from_secs(60));
    let first_at = fields.parsed::<SimDuration>("first_at");
    let first_at = first_at.unwrap_or_else(|| first(&name, every, seed));
    let timeout = fields
        .parsed("timeout")
        .unwrap_or(SimDuration::from_secs(30));
    let count = fields.integer("count");
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
    })
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
    let (first, rest) = text.split_once('.')?;
    let top = rest.rsplit('.').next().unwrap_or_default();
    let is_name = DOMAINS.contains(&top) && resolver.names.of_kind(first).next().is_none();
    is_name.then(|| text.into())
}

/// `instance.app:8080/tcp`; the protocol may be left out.
fn split_port<'a>(text: &'a Text, portless: bool, fields: &Fields<'_>) -> Option<(&'a str, u16)> {
    let bare = text.text.trim_end_matches("/tcp").trim_end_matches("/udp");
    match bare.rsplit_once(':') {
        None if portless => Some((bare, 0)),
        Some((end, port)) if port.parse::<u16>().is_ok() => Some((end, port.parse().ok()?)),
        _ => {
            let message = format!("`{}` has no port", text.text);
            let hint = "write `instance.NAME:8080`".to_owned();
            fields.sink().explain(&text.span, message, "", Some(hint));
            None
        }
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

/// Exactly one of `http`, `postgres`, `replication`, `ping`, `udp`, `echo`, `connect`.
fn program(fields: &Fields<'_>, name: &str) -> Option<TrafficProgram> {
    let keep_alive = fields.boolean("keep_alive").unwrap_or(false);
    let body = fields.parsed::<Size>("body").map_or(0, |size| size.0);
    let or = |key, default: &str| {
        fields
            .text(key)
            .map_or_else(|| default.into(), |it| it.text)
    };
    let user: String = or("user", "app");
    let database: String = or("database", "app");
    let user_agent: String = or("user_agent", name);
    let dont_fragment = fields.boolean("dont_fragment").unwrap_or(false);
    let connect = fields.boolean("connect").unwrap_or(false);
    let http = fields.text("http");
    let postgres = fields.text("postgres");
    let replication = fields.text("replication");
    let ping = fields.integer::<u16>("ping");
    let udp = fields.parsed::<Size>("udp");
    let echo = fields.parsed::<Size>("echo");
    if let Some(line) = http {
        let (method, path) = line.text.split_once(' ').unwrap_or(("GET", &line.text));
        return Some(TrafficProgram::Http {
            method: method.into(),
            path: path.into(),
            body_bytes: body,
            keep_alive,
            user_agent: user_agent.into(),
        });
    }
    if let Some(query) = postgres {
        return Some(TrafficProgram::Postgres {
            user: user.into(),
            database: database.into(),
            query: query.text.into(),
            keep_alive,
        });
    }
    let program = if let Some(slot) = replication {
        Some(TrafficProgram::PostgresReplication {
            user: user.into(),
            slot: slot.text.into(),
        })
    } else if let Some(size) = ping {
        Some(TrafficProgram::Ping {
            size,
            dont_fragment,
        })
    } else if let Some(size) = udp {
        Some(TrafficProgram::Udp { bytes: size.0 })
    } else if let Some(size) = echo {
        Some(TrafficProgram::Echo {
            bytes: size.0,
            keep_alive,
        })
    } else {
        connect.then_some(TrafficProgram::Connect)
    };
    if program.is_none() {
        no_program(fields, name);
    }
    program
}

fn no_program(fields: &Fields<'_>, name: &str) {
    let message = format!("traffic `{name}` does not say what it does");
    let hint = "give it one of `http = \"GET /\"`, `postgres = \"SELECT ...\"`, \
                `replication = \"SLOT\"`, `ping = 56`, `udp = \"200B\"`, `echo = \"1KiB\"`, \
                `connect = true`";
    let hint = Some(hint.to_owned());
    fields.sink().explain(fields.span(), message, "", hint);
}
