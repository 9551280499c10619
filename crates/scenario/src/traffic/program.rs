//! What a client program says: exactly one key says which it is.

use smol_str::SmolStr;
use wirelab_model::SimDuration;
use wirelab_simulator::host::{TlsClientSpec, TlsRange, TlsVersion, TrafficProgram};

use crate::fields::{Fields, Sink, Text};
use crate::size::{Rate, Size};

/// The port of a program that need not be told one; 0 for those without ports.
pub(super) const fn usual_port(program: &TrafficProgram) -> Option<u16> {
    match program.inside() {
        TrafficProgram::Ping { .. } | TrafficProgram::Scan { .. } => Some(0),
        TrafficProgram::Ntp => Some(123),
        TrafficProgram::Dns { .. } => Some(53),
        TrafficProgram::Imds { .. } => Some(80),
        _ => None,
    }
}

/// The transport protocols that the program speaks.
pub(super) const fn protocols(program: &TrafficProgram) -> &'static [&'static str] {
    match program.inside() {
        TrafficProgram::Ping { .. } => &[],
        TrafficProgram::Udp { .. } | TrafficProgram::Ntp => &["udp"],
        TrafficProgram::Dns { .. } | TrafficProgram::Scan { .. } => &["udp", "tcp"],
        _ => &["tcp"],
    }
}

/// How long the program waits for an exchange, unless it is told: a scan as long as it takes, a
/// health check five seconds (Elastic Load Balancing guide, "Health check settings").
pub(super) const fn patience(program: &TrafficProgram) -> SimDuration {
    match program.inside() {
        TrafficProgram::Scan { .. } => SimDuration::from_secs(86_400),
        TrafficProgram::Bulk { .. } => SimDuration::from_secs(3600),
        TrafficProgram::HealthCheck { .. } => SimDuration::from_secs(5),
        _ => super::PATIENCE,
    }
}

/// The program, with TLS and a pool around it if it has them. `to` is whom it talks to.
pub(super) fn read(fields: &Fields<'_>, name: &str, to: Option<&Text>) -> Option<TrafficProgram> {
    let keep_alive = fields.boolean("keep_alive").unwrap_or(false) || fields.has("pool");
    let plain = plain(fields, name, keep_alive);
    let libpq = fields.has("postgres") || fields.has("replication");
    let secure = tls(fields, to, libpq);
    let (program, is_https) = plain?;
    let speaks_tls = matches!(
        program,
        TrafficProgram::Http { .. }
            | TrafficProgram::HealthCheck { path: Some(_) }
            | TrafficProgram::Postgres { .. }
            | TrafficProgram::PostgresReplication { .. }
    );
    let program = match secure.or_else(|| is_https.then(|| default_tls(to))) {
        Some(tls) if speaks_tls => {
            let inside = Box::new(program);
            TrafficProgram::Tls { tls, inside }
        }
        Some(_) => {
            let message = "`tls` goes with `http`, `https`, `postgres`, `replication` and the `health_check` of a path";
            fields.sink().error(fields.span(), message);
            return None;
        }
        None => program,
    };
    pool(fields, program)
}

/// The settings that the programs share.
struct Common {
    user: SmolStr,
    database: SmolStr,
    keep_alive: bool,
}

/// Exactly one of the keys; whether it is `https`.
fn plain(fields: &Fields<'_>, name: &str, keep_alive: bool) -> Option<(TrafficProgram, bool)> {
    let or = |key, default: &str| -> SmolStr {
        fields
            .text(key)
            .map_or_else(|| default.into(), |it| it.text.into())
    };
    let common = Common {
        user: or("user", "app"),
        database: or("database", "app"),
        keep_alive,
    };
    let noted = fields.sink().count();
    let body = fields.parsed::<Size>("body").map_or(0, |size| size.0);
    let user_agent = or("user_agent", name);
    let http = |line: Text| {
        let (method, path) = line.text.split_once(' ').unwrap_or(("GET", &line.text));
        TrafficProgram::Http {
            method: method.into(),
            path: path.into(),
            body_bytes: body,
            keep_alive,
            user_agent: user_agent.clone(),
        }
    };
    let over_http = fields.text("http").map(http);
    let over_tls = fields.text("https").map(http);
    let others = [
        databases(fields, &common),
        infrastructure(fields),
        transfers(fields, &common),
        probes(fields),
    ];
    let is_https = over_tls.is_some();
    let found = [over_http, over_tls].into_iter().chain(others).flatten();
    let found: Vec<_> = found.collect();
    match <[_; 1]>::try_from(found) {
        Ok([program]) => Some((program, is_https)),
        // What could not be read has been complained of.
        Err(_) if fields.sink().count() > noted => None,
        Err(found) => {
            complain(fields, name, found.len());
            None
        }
    }
}

fn databases(fields: &Fields<'_>, common: &Common) -> Option<TrafficProgram> {
    let user = common.user.clone();
    let database = common.database.clone();
    let postgres = fields.text("postgres");
    let mysql = fields.text("mysql");
    let replication = fields.text("replication");
    let replica = fields.boolean("mysql_replication").unwrap_or(false);
    let keep_alive = common.keep_alive;
    if let Some(query) = postgres {
        return Some(TrafficProgram::Postgres {
            user,
            database,
            query: query.text.into(),
            keep_alive,
        });
    }
    if let Some(query) = mysql {
        return Some(TrafficProgram::Mysql {
            user,
            database,
            query: query.text.into(),
            keep_alive,
        });
    }
    if let Some(slot) = replication {
        let slot = slot.text.into();
        return Some(TrafficProgram::PostgresReplication { user, slot });
    }
    replica.then_some(TrafficProgram::MysqlReplication { user })
}

fn infrastructure(fields: &Fields<'_>) -> Option<TrafficProgram> {
    let ssh = fields.text("ssh");
    let ntp = fields.boolean("ntp").unwrap_or(false);
    let dns = fields.text("dns");
    let kinds = ["A", "AAAA", "CNAME", "MX", "NS", "PTR", "SOA", "SRV", "TXT"];
    let kind = fields.choice("dns_type", &kinds.map(|kind| (kind, kind)));
    let imds = fields.text("imds");
    let version = fields.integer("imds_version").unwrap_or(2);
    let container = fields.boolean("container").unwrap_or(false);
    if let Some(user) = ssh {
        let user = user.text.into();
        return Some(TrafficProgram::Ssh { user });
    }
    if let Some(name) = dns {
        return Some(TrafficProgram::Dns {
            name: name.text.into(),
            kind: kind.unwrap_or("A").into(),
        });
    }
    if let Some(path) = imds {
        if !(1..=2).contains(&version) {
            let message = "`imds_version` is 1 or 2";
            fields.sink().error(&path.span, message);
        }
        return Some(TrafficProgram::Imds {
            version,
            path: path.text.into(),
            container,
        });
    }
    ntp.then_some(TrafficProgram::Ntp)
}

fn transfers(fields: &Fields<'_>, common: &Common) -> Option<TrafficProgram> {
    let bulk = fields.parsed::<Size>("bulk");
    let upload = fields.choice("direction", &[("down", false), ("up", true)]);
    let rate = fields.parsed::<Rate>("rate");
    let echo = fields.parsed::<Size>("echo");
    let udp = fields.parsed::<Size>("udp");
    if let Some(size) = bulk {
        return Some(TrafficProgram::Bulk {
            bytes: size.0.into(),
            upload: upload.unwrap_or(false),
            rate: rate.map(|rate| rate.0),
        });
    }
    if let Some(size) = echo {
        return Some(TrafficProgram::Echo {
            bytes: size.0,
            keep_alive: common.keep_alive,
        });
    }
    udp.map(|size| TrafficProgram::Udp { bytes: size.0 })
}

fn probes(fields: &Fields<'_>) -> Option<TrafficProgram> {
    let ping = fields.integer::<u16>("ping");
    let dont_fragment = fields.boolean("dont_fragment").unwrap_or(false);
    let connect = fields.boolean("connect").unwrap_or(false);
    let health_check = fields.text("health_check");
    let scan = fields.text("scan");
    let by_connecting = fields.choice("scan_type", &[("syn", false), ("connect", true)]);
    if let Some(size) = ping {
        return Some(TrafficProgram::Ping {
            size,
            dont_fragment,
        });
    }
    if let Some(path) = health_check {
        let path = (path.text != "tcp").then(|| path.text.into());
        return Some(TrafficProgram::HealthCheck { path });
    }
    if let Some(text) = scan {
        let Some(ports) = ports(&text.text) else {
            let message = format!("`{}` is no list of ports", text.text);
            let hint = "write `1-1024,3306,8080`".to_owned();
            fields.sink().explain(&text.span, message, "", Some(hint));
            return None;
        };
        return Some(TrafficProgram::Scan {
            ports,
            connect: by_connecting.unwrap_or(false),
        });
    }
    connect.then_some(TrafficProgram::Connect)
}

/// `1-1024,3306`.
fn ports(text: &str) -> Option<Vec<(u16, u16)>> {
    let range = |part: &str| {
        let (low, high) = part.split_once('-').unwrap_or((part, part));
        let (low, high) = (low.trim().parse().ok()?, high.trim().parse().ok()?);
        (0 < low && low <= high).then_some((low, high))
    };
    text.split(',').map(range).collect()
}

/// The name that the client asks for if it is told none: the one it looks up.
fn default_tls(to: Option<&Text>) -> TlsClientSpec {
    let end = to.map(|to| to.text.trim_end_matches("/tcp"));
    let end = end.map(|end| end.rsplit_once(':').map_or(end, |(end, _)| end));
    let name = end.filter(|end| super::is_domain(end));
    TlsClientSpec {
        server_name: name.map(Into::into),
        ..TlsClientSpec::default()
    }
}

/// `tls = { min = "1.2", server_name = "www.example.com", trusts = ["Corp-CA"] }`.
/// libpq offers TLS 1.2 and 1.3, no protocols, and looks at no certificate unless it is told
/// (PostgreSQL 15 documentation, section 34.1.2, `sslmode`).
fn tls(fields: &Fields<'_>, to: Option<&Text>, libpq: bool) -> Option<TlsClientSpec> {
    let node = fields.node("tls")?;
    let fields = Fields::of(node, "`tls`", fields.sink())?;
    let mut spec = default_tls(to);
    if libpq {
        spec.range.min = TlsVersion::Tls12;
        spec.alpn.clear();
    }
    if let Some(min) = fields.parsed("min") {
        spec.range.min = min;
    }
    if let Some(max) = fields.parsed("max") {
        spec.range.max = max;
    }
    spec.range.ciphers = ciphers(&fields.texts("ciphers"), fields.sink());
    if let Some(name) = fields.text("server_name") {
        spec.server_name = Some(name.text.into());
    }
    if fields.has("alpn") {
        let alpn = fields.texts("alpn").into_iter();
        spec.alpn = alpn.map(|it| it.text.into()).collect();
    }
    let trusts = fields.texts("trusts").into_iter();
    spec.trusts = trusts.map(|it| it.text.into()).collect();
    spec.verify = fields.boolean("verify").unwrap_or(!libpq);
    if spec.range.min > spec.range.max {
        fields.sink().error(fields.span(), "`min` is above `max`");
    }
    fields.finish();
    Some(spec)
}

fn ciphers(texts: &[Text], sink: &Sink) -> Vec<SmolStr> {
    for text in texts.iter().filter(|it| !TlsRange::knows_cipher(&it.text)) {
        let message = format!("`{}` is no cipher suite", text.text);
        let hint = "OpenSSL's names: `ECDHE-RSA-AES128-GCM-SHA256`, ...".to_owned();
        sink.explain(&text.span, message, "", Some(hint));
    }
    texts.iter().map(|it| it.text.as_str().into()).collect()
}

/// `pool = { size = 8, idle = "10m", tcp_keepalive = true }`.
fn pool(fields: &Fields<'_>, program: TrafficProgram) -> Option<TrafficProgram> {
    let Some(node) = fields.node("pool") else {
        return Some(program);
    };
    let inner = Fields::of(node, "`pool`", fields.sink())?;
    let size = inner.integer("size").unwrap_or(1);
    let idle = inner.parsed("idle");
    let tcp_keepalive = inner.boolean("tcp_keepalive").unwrap_or(false);
    inner.finish();
    let keeps = matches!(
        program.inside(),
        TrafficProgram::Http { .. }
            | TrafficProgram::Postgres { .. }
            | TrafficProgram::Mysql { .. }
            | TrafficProgram::Echo { .. }
    );
    if !keeps || size == 0 {
        let message =
            "a pool has at least one connection, of `http`, `https`, `postgres`, `mysql` or `echo`";
        fields.sink().error(&node.span, message);
        return None;
    }
    Some(TrafficProgram::Pool {
        inside: Box::new(program),
        size,
        idle,
        tcp_keepalive,
    })
}

fn complain(fields: &Fields<'_>, name: &str, found: usize) {
    let message = if found == 0 {
        format!("traffic `{name}` does not say what it does")
    } else {
        format!("traffic `{name}` says {found} things that it does")
    };
    let hint = "give it one of `http = \"GET /\"`, `https = \"GET /\"`, `postgres = \"SELECT ...\"`, \
                `mysql = \"SELECT ...\"`, `replication = \"SLOT\"`, `mysql_replication = true`, \
                `ssh = \"USER\"`, `ntp = true`, `dns = \"NAME\"`, `imds = \"/latest/...\"`, \
                `bulk = \"10MiB\"`, `ping = 56`, `udp = \"200B\"`, `echo = \"1KiB\"`, \
                `health_check = \"/health\"`, `scan = \"1-1024\"`, `connect = true`";
    let hint = Some(hint.to_owned());
    fields.sink().explain(fields.span(), message, "", hint);
}
