//! The one-line grammars of a machine: interfaces, routes, servers.

use std::str::FromStr;

use wirelab_model::SimDuration;
use wirelab_simulator::SegmentSpec;
use wirelab_simulator::host::{
    HostRoute, HttpResource, OutsideInterface, PostgresTable, ServerSpec,
};

use crate::build::Builder;
use crate::error::suggest;
use crate::fields::{Sink, Text};
use crate::size::Size;

fn refuse<T>(text: &Text, what: &str, why: &str, hint: &str, sink: &Sink) -> Option<T> {
    let message = format!("`{}` is no {what}: {why}", text.text);
    sink.explain(&text.span, message, "", Some(hint.to_owned()));
    None
}

fn parse<T>(word: &str) -> Result<T, String>
where
    T: FromStr,
    T::Err: std::fmt::Display,
{
    word.parse()
        .map_err(|error: T::Err| format!("`{word}`: {error}"))
}

/// `eth0 segment.lan 192.168.10.5/24`, `eth0 internet 203.0.113.9/32`, each with `mtu 1400`.
pub(super) fn interface(
    builder: &Builder<'_>,
    text: &Text,
    segments: &[SegmentSpec],
) -> Option<OutsideInterface> {
    let hint = "write `eth0 segment.NAME 192.168.10.5/24`, if need be with `mtu 1400`";
    let words: Vec<&str> = text.text.split_whitespace().collect();
    let (name, segment, address, mtu) = match words[..] {
        [name, segment, address] => (name, segment, address, None),
        [name, segment, address, "mtu", mtu] => (name, segment, address, Some(mtu)),
        _ => {
            return refuse(
                text,
                "interface",
                "three words are wanted",
                hint,
                builder.sink,
            );
        }
    };
    let segment = segment.strip_prefix("segment.").unwrap_or(segment);
    let found = segments.iter().find(|it| it.name == segment);
    if found.is_none() && segment != SegmentSpec::INTERNET {
        builder.unknown("segment", segment, &text.span);
        return None;
    }
    let default = found.map_or(1500, |it| it.mtu);
    let read = || {
        let mtu = mtu.map_or(Ok(default), parse)?;
        Ok((parse(address)?, mtu))
    };
    match read() {
        Ok((address, mtu)) => Some(OutsideInterface {
            name: name.into(),
            segment: segment.into(),
            address,
            ipv6_address: None,
            ipv6_gateway: None,
            mtu,
        }),
        Err(why) => {
            let why: String = why;
            refuse(text, "interface", &why, hint, builder.sink)
        }
    }
}

/// `10.0.0.0/8 via 192.168.10.1 dev eth0 mtu 1400 advmss 1360`, as `ip route add` has it.
pub(super) fn route(text: &Text, sink: &Sink) -> Option<HostRoute> {
    let hint = "write `10.0.0.0/8 via 192.168.10.1`, if need be with `dev`, `mtu`, `advmss`";
    match read_route(&text.text) {
        Ok(route) => Some(route),
        Err(why) => refuse(text, "route", &why, hint, sink),
    }
}

fn read_route(text: &str) -> Result<HostRoute, String> {
    let mut words = text.split_whitespace();
    let destination = match words.next() {
        Some("default") => "0.0.0.0/0",
        Some(block) => block,
        None => return Err("it is empty".to_owned()),
    };
    let mut route = HostRoute {
        destination: parse(destination)?,
        via: None,
        device: None,
        mtu: None,
        advmss: None,
    };
    while let Some(word) = words.next() {
        let value = words
            .next()
            .ok_or_else(|| format!("`{word}` is the last word"))?;
        match word {
            "via" => route.via = Some(parse(value)?),
            "dev" => route.device = Some(value.into()),
            "mtu" => route.mtu = Some(parse(value)?),
            "advmss" => route.advmss = Some(parse(value)?),
            _ => return Err(format!("unknown word `{word}`")),
        }
    }
    Ok(route)
}

const SERVERS: [&str; 4] = ["http", "postgres", "echo", "discard"];

/// `http 8080 /health=120B /report=64KiB think=5ms`,
/// `postgres 5432 orders(id,total)=100x24 wal=4KiB/5s`, `echo 7`, `discard 9`.
pub(super) fn server(text: &Text, sink: &Sink) -> Option<ServerSpec> {
    let words: Vec<&str> = text.text.split_whitespace().collect();
    let read = match words[..] {
        [kind, port, ref rest @ ..] => parse(port).and_then(|port| match kind {
            "http" => http(port, rest),
            "postgres" => postgres(port, rest),
            "echo" if rest.is_empty() => Ok(ServerSpec::Echo { port }),
            "discard" if rest.is_empty() => Ok(ServerSpec::Discard { port }),
            "echo" | "discard" => Err(format!("`{kind}` has nothing but a port")),
            _ => Err(format!(
                "unknown kind `{kind}`; {}",
                suggest(kind, SERVERS).unwrap_or_default()
            )),
        }),
        _ => Err("kind and port are wanted".to_owned()),
    };
    let hint = "write `http 8080 /path=64KiB`, `postgres 5432 table(id,name)=100x24`, `echo 7`";
    match read {
        Ok(server) => Some(server),
        Err(why) => refuse(text, "server", &why, hint, sink),
    }
}

fn http(port: u16, words: &[&str]) -> Result<ServerSpec, String> {
    let mut resources = Vec::new();
    let mut think = SimDuration::from_millis(2);
    for word in words {
        match word.split_once('=') {
            Some(("think", time)) => think = parse(time)?,
            Some((path, body)) if path.starts_with('/') => resources.push(resource(path, body)?),
            _ => return Err(format!("`{word}` is neither `/path=SIZE` nor `think=TIME`")),
        }
    }
    Ok(ServerSpec::Http {
        port,
        resources,
        think,
    })
}

/// `64KiB`, or `0B:503` with a status.
fn resource(path: &str, body: &str) -> Result<HttpResource, String> {
    let (size, status) = body.split_once(':').unwrap_or((body, "200"));
    Ok(HttpResource {
        path: path.into(),
        status: parse(status)?,
        bytes: parse::<Size>(size)?.0,
    })
}

fn postgres(port: u16, words: &[&str]) -> Result<ServerSpec, String> {
    let mut tables = Vec::new();
    let mut think = SimDuration::from_millis(2);
    let mut wal = (SimDuration::from_secs(10), 4096);
    for word in words {
        match word.split_once('=') {
            Some(("think", time)) => think = parse(time)?,
            Some(("wal", amount)) => {
                let (size, every) = amount
                    .split_once('/')
                    .ok_or_else(|| "`wal` is `SIZE/TIME`".to_owned())?;
                wal = (parse(every)?, parse::<Size>(size)?.0);
            }
            Some((table, rows)) => tables.push(pg_table(table, rows)?),
            None => return Err(format!("`{word}` is no `table(columns)=ROWSxOCTETS`")),
        }
    }
    Ok(ServerSpec::Postgres {
        port,
        tables,
        think,
        wal_every: wal.0,
        wal_bytes: wal.1,
    })
}

/// `orders(id,total)` and `100x24`: a hundred rows, 24 octets a value.
fn pg_table(table: &str, rows: &str) -> Result<PostgresTable, String> {
    let shape = || format!("`{table}={rows}` is no `table(id,name)=ROWSxOCTETS`");
    let (name, columns) = table.split_once('(').ok_or_else(shape)?;
    let columns = columns.strip_suffix(')').ok_or_else(shape)?;
    let (rows, octets) = rows.split_once('x').ok_or_else(shape)?;
    Ok(PostgresTable {
        name: name.into(),
        columns: columns.split(',').map(Into::into).collect(),
        rows: parse(rows)?,
        value_bytes: parse(octets)?,
    })
}
