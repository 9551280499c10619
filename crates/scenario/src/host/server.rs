//! The one-line grammar of a machine's servers.

use std::net::IpAddr;

use smol_str::SmolStr;
use wirelab_model::SimDuration;
use wirelab_simulator::host::{
    DnsData, DnsRecord, HttpResource, PostgresTable, ServerSpec, TlsRange, TlsServerSpec,
};

use super::line::{parse, refuse};
use crate::error::suggest;
use crate::fields::{Sink, Text};
use crate::size::Size;

const SERVERS: [&str; 11] = [
    "http", "https", "postgres", "mysql", "ssh", "ntp", "dns", "resolver", "bulk", "echo",
    "discard",
];

/// `http 8080 /health=120B /report=64KiB think=5ms`, `https 443 /=2KiB names=www.example.com`,
/// `postgres 5432 orders(id,total)=100x24 wal=4KiB/5s`, `mysql 3306 orders(id)=9x8`,
/// `ssh 22 users=ec2-user`, `ntp 123`, `dns 53 zone=corp.internal db.corp.internal=10.0.1.5`,
/// `resolver 53`, `http 80 caller`, `bulk 5201`, `echo 7`, `discard 9`.
pub(super) fn read(text: &Text, sink: &Sink) -> Option<ServerSpec> {
    match words(&text.text) {
        Ok(server) => Some(server),
        Err((why, hint)) => refuse(text, "server", &why, hint, sink),
    }
}

/// Reads a line of a machine's `servers`.
///
/// # Errors
/// Why it is none, and how one of its kind is written.
pub fn server_line(line: &str) -> Result<ServerSpec, String> {
    words(line).map_err(|(why, hint)| format!("{why}; {hint}"))
}

fn words(line: &str) -> Result<ServerSpec, (String, &'static str)> {
    let words: Vec<&str> = line.split_whitespace().collect();
    let read = match words[..] {
        // What Rust says of a number that is too large is about Rust.
        [_, port, ..]
            if port.len() > 4
                && port.bytes().all(|it| it.is_ascii_digit())
                && port.parse::<u16>().is_err() =>
        {
            Err(format!(
                "`{port}` is no port: a server has one from 1 to 65535"
            ))
        }
        [kind, port, ref rest @ ..] => parse(port).and_then(|port| match port {
            0 => Err("a server has a port from 1 to 65535".to_owned()),
            port => server(kind, port, rest),
        }),
        _ => Err("kind and port are wanted".to_owned()),
    };
    let kind = words.first().copied().unwrap_or_default();
    read.map_err(|why| (why, hint(kind)))
}

/// How a line of this kind is written.
fn hint(kind: &str) -> &'static str {
    match kind {
        "http" => "write `http 8080 /path=64KiB /gone=0B:404 think=5ms`",
        "https" => "write `https 443 /path=64KiB names=www.example.com min=1.2 max=1.3`",
        "postgres" => "write `postgres 5432 table(id,name)=100x24 wal=4KiB/5s ssl=on`",
        "mysql" => "write `mysql 3306 table(id,name)=100x24 binlog=1KiB/5s`",
        "ssh" => "write `ssh 22 users=ec2-user`",
        "ntp" => "write `ntp 123`",
        "dns" => "write `dns 53 zone=corp.internal db.corp.internal=10.0.1.5`",
        "resolver" => "write `resolver 53`",
        "bulk" => "write `bulk 5201`",
        _ => {
            "write a kind and a port: `http 8080 /path=64KiB`, `postgres 5432 table(id,name)=100x24`, `echo 7`"
        }
    }
}

fn server(kind: &str, port: u16, words: &[&str]) -> Result<ServerSpec, String> {
    match kind {
        "http" => http(port, words),
        "https" => https(port, words),
        "postgres" => postgres(port, words),
        "mysql" => mysql(port, words),
        "ssh" => ssh(port, words),
        "dns" => dns(port, words),
        "ntp" if port != 123 => Err("NTP is at port 123".to_owned()),
        _ if !SERVERS.contains(&kind) => Err(format!(
            "unknown kind `{kind}`; {}",
            suggest(kind, SERVERS).unwrap_or_default()
        )),
        _ if !words.is_empty() => Err(format!("`{kind}` has nothing but a port")),
        "ntp" => Ok(ServerSpec::Ntp),
        "resolver" => Ok(ServerSpec::Resolver { port }),
        "bulk" => Ok(ServerSpec::Bulk { port }),
        "echo" => Ok(ServerSpec::Echo { port }),
        _ => Ok(ServerSpec::Discard { port }),
    }
}

fn http(port: u16, words: &[&str]) -> Result<ServerSpec, String> {
    if words == ["caller"] {
        return Ok(ServerSpec::CallersAddress { port });
    }
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

/// The words of `http`, and those of TLS.
fn https(port: u16, words: &[&str]) -> Result<ServerSpec, String> {
    let (tls, rest) = tls(words)?;
    let inside = Box::new(http(port, &rest)?);
    Ok(ServerSpec::Tls { tls, inside })
}

/// What the words say of TLS, and the other words.
fn tls<'a>(words: &[&'a str]) -> Result<(TlsServerSpec, Vec<&'a str>), String> {
    let mut tls = TlsServerSpec::default();
    let mut rest = Vec::new();
    for word in words {
        let (key, value) = word.split_once('=').unwrap_or((word, ""));
        let list = || value.split(',').map(SmolStr::from).collect::<Vec<_>>();
        match key {
            "names" => tls.names = list(),
            "issuer" => tls.issuer = value.into(),
            "min" => tls.range.min = parse(value)?,
            "max" => tls.range.max = parse(value)?,
            "ciphers" => tls.range.ciphers = list(),
            "alpn" => tls.alpn = list(),
            "expires" => tls.expires = parse(value)?,
            "sni" if value == "strict" => tls.strict_sni = true,
            "sni" => return Err("`sni` is `strict` or not said".to_owned()),
            _ => rest.push(*word),
        }
    }
    let mut ciphers = tls.range.ciphers.iter();
    if let Some(cipher) = ciphers.find(|it| !TlsRange::knows_cipher(it)) {
        return Err(format!("`{cipher}` is none of OpenSSL's cipher suites"));
    }
    if tls.range.min > tls.range.max {
        return Err("`min` is above `max`".to_owned());
    }
    if tls.strict_sni && tls.names.is_empty() {
        return Err("`sni=strict` needs `names=`".to_owned());
    }
    Ok((tls, rest))
}

/// PostgreSQL, behind TLS if a word says `ssl=on` or `ssl=force`.
fn postgres(port: u16, words: &[&str]) -> Result<ServerSpec, String> {
    let is_ssl = |word: &&&str| word.starts_with("ssl=");
    let Some(ssl) = words.iter().find(is_ssl) else {
        return plain_postgres(port, words);
    };
    let (mut tls, mut rest) = tls(words)?;
    tls.optional = match *ssl {
        "ssl=on" => true,
        "ssl=force" => false,
        _ => return Err("`ssl` is `on` or `force`".to_owned()),
    };
    rest.retain(|word| word != ssl);
    let inside = Box::new(plain_postgres(port, &rest)?);
    Ok(ServerSpec::Tls { tls, inside })
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

fn plain_postgres(port: u16, words: &[&str]) -> Result<ServerSpec, String> {
    let mut tables = Vec::new();
    let mut think = SimDuration::from_millis(2);
    let mut wal = (SimDuration::from_secs(10), 4096);
    for word in words {
        match word.split_once('=') {
            Some(("think", time)) => think = parse(time)?,
            Some(("wal", amount)) => wal = amount_and_time("wal", amount)?,
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

/// As `postgres`, with `binlog=SIZE/TIME` in place of `wal`.
fn mysql(port: u16, words: &[&str]) -> Result<ServerSpec, String> {
    let mut tables = Vec::new();
    let mut think = SimDuration::from_millis(2);
    let mut binlog = (SimDuration::from_secs(10), 1024);
    for word in words {
        match word.split_once('=') {
            Some(("think", time)) => think = parse(time)?,
            Some(("binlog", amount)) => binlog = amount_and_time("binlog", amount)?,
            Some((table, rows)) => tables.push(pg_table(table, rows)?),
            None => return Err(format!("`{word}` is no `table(columns)=ROWSxOCTETS`")),
        }
    }
    Ok(ServerSpec::Mysql {
        port,
        tables,
        think,
        binlog_every: binlog.0,
        binlog_bytes: binlog.1,
    })
}

/// `4KiB/5s`.
fn amount_and_time(key: &str, text: &str) -> Result<(SimDuration, u32), String> {
    let (size, every) = text
        .split_once('/')
        .ok_or_else(|| format!("`{key}` is `SIZE/TIME`"))?;
    Ok((parse(every)?, parse::<Size>(size)?.0))
}

fn ssh(port: u16, words: &[&str]) -> Result<ServerSpec, String> {
    let mut users = Vec::new();
    for word in words {
        match word.split_once('=') {
            Some(("users", names)) => users.extend(names.split(',').map(Into::into)),
            _ => return Err(format!("`{word}` is no `users=NAME,NAME`")),
        }
    }
    Ok(ServerSpec::Ssh { port, users })
}

/// Zones, records and a TTL for the records that follow it.
fn dns(port: u16, words: &[&str]) -> Result<ServerSpec, String> {
    let (mut zones, mut records, mut ttl) = (Vec::new(), Vec::new(), 60);
    for word in words {
        match word.split_once('=') {
            Some(("zone", zone)) => zones.push(name(zone)),
            Some(("ttl", seconds)) => ttl = parse(seconds)?,
            Some((owner, values)) => {
                let owner = name(owner);
                for data in values.split(',').map(data) {
                    records.extend(data?.into_iter().map(|data| DnsRecord {
                        name: owner.clone(),
                        ttl,
                        data,
                    }));
                }
            }
            None => return Err(format!("`{word}` is neither `zone=` nor `NAME=VALUE`")),
        }
    }
    let inside = |record: &DnsRecord| {
        let of =
            |zone: &SmolStr| record.name == *zone || record.name.ends_with(&format!(".{zone}"));
        zones.iter().any(of)
    };
    if let Some(record) = records.iter().find(|record| !inside(record)) {
        return Err(format!("`{}` is in none of its zones", record.name));
    }
    Ok(ServerSpec::Dns {
        port,
        zones,
        records,
    })
}

fn name(text: &str) -> SmolStr {
    text.trim_end_matches('.').to_ascii_lowercase().into()
}

/// An address, `10.9.0.1+40` for forty of them, or another name.
fn data(text: &str) -> Result<Vec<DnsData>, String> {
    if let Ok(address) = text.parse::<IpAddr>() {
        return Ok(vec![DnsData::Address(address)]);
    }
    let Some((first, count)) = text.split_once('+') else {
        return Ok(vec![DnsData::Alias(name(text))]);
    };
    let first: std::net::Ipv4Addr = parse(first)?;
    let count: u16 = parse(count)?;
    let addresses = (0..u32::from(count)).map(|step| {
        let address = std::net::Ipv4Addr::from(u32::from(first).wrapping_add(step));
        DnsData::Address(address.into())
    });
    Ok(addresses.collect())
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
