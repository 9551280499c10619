//! The command line of `curl`.

use std::net::{IpAddr, SocketAddr};

use bytes::Bytes;
use smol_str::SmolStr;
use wirelab_model::{SimDuration, SimTime, Stream};

use super::connect::{Plan, Purpose};
use super::curl::{Curl, Flags};
use super::options::{Syntax, Word};
use super::{NameTable, Refusal, Start, number, seconds};
use crate::host::Host;
use crate::host::output::ExecId;
use crate::host::program::http::{Ask, HttpClient};
use crate::host::program::tls::{TlsClient, TlsClientSpec};

const USAGE: &str = "usage: curl [-4|-6] [-v] [-s] [-S] [-f] [-I] [-i] [-k] [-L] [-m SECONDS] \
    [--connect-timeout SECONDS] [-o /dev/null] [-X METHOD] [-A AGENT] [-H HEADER] [-d DATA] \
    [-w FORMAT] [--resolve HOST:PORT:ADDRESS] http[s]://HOST[:PORT]/PATH\n";

/// Stand for options that have no letter.
const CONNECT_TIMEOUT: char = '\u{1}';
const RESOLVE: char = '\u{2}';

const SYNTAX: Syntax = Syntax {
    program: "curl",
    // -g, -N and -L ask for what is so anyway: URLs as they stand, no buffering; servers here send
    // nobody elsewhere.
    letters: "vsSfiI46gNkLm:o:X:A:H:d:w:\u{1}:\u{2}:",
    long: &[
        ("verbose", 'v'),
        ("silent", 's'),
        ("show-error", 'S'),
        ("fail", 'f'),
        ("include", 'i'),
        ("head", 'I'),
        ("ipv4", '4'),
        ("ipv6", '6'),
        ("globoff", 'g'),
        ("no-buffer", 'N'),
        ("insecure", 'k'),
        ("location", 'L'),
        ("http1.1", 'N'),
        ("max-time", 'm'),
        ("output", 'o'),
        ("request", 'X'),
        ("user-agent", 'A'),
        ("header", 'H'),
        ("data", 'd'),
        ("data-raw", 'd'),
        ("data-binary", 'd'),
        ("write-out", 'w'),
        ("connect-timeout", CONNECT_TIMEOUT),
        ("resolve", RESOLVE),
    ],
    usage: USAGE,
};

/// The options, and the operand.
#[derive(Default)]
struct Asked {
    flags: Flags,
    head: bool,
    /// `-k`.
    insecure: bool,
    method: Option<String>,
    agent: Option<String>,
    headers: Vec<String>,
    data: Option<String>,
    write_out: String,
    limit: Option<SimDuration>,
    connect_limit: Option<SimDuration>,
    /// `--resolve`: host, port, addresses, and the text of it.
    resolve: Vec<(String, u16, Vec<IpAddr>, String)>,
    url: Option<String>,
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self, Refusal> {
        let mut asked = Self::default();
        for word in SYNTAX.read(arguments)? {
            match word {
                Word::Flag(letter) => asked.flag(letter),
                Word::Operand(url) if asked.url.is_none() => asked.url = Some(url),
                Word::Operand(_) => return Err(Refusal::usage("curl: one URL at a time here\n")),
                Word::Value(letter, value) => asked.set(letter, value)?,
            }
        }
        Ok(asked)
    }

    fn flag(&mut self, letter: char) {
        let flags = &mut self.flags;
        match letter {
            'v' => flags.verbose = true,
            's' => flags.silent = true,
            'S' => flags.show_errors = true,
            'f' => flags.fail = true,
            'i' => flags.headers = true,
            'I' => self.head = true,
            'k' => self.insecure = true,
            '4' | '6' => flags.version = Some(letter),
            _ => {}
        }
    }

    fn set(&mut self, letter: char, value: String) -> Result<(), Refusal> {
        match letter {
            'm' => self.limit = Some(seconds(&value, "-m")?),
            CONNECT_TIMEOUT => self.connect_limit = Some(seconds(&value, "--connect-timeout")?),
            RESOLVE => self.resolve.push(resolve(&value)?),
            'X' => self.method = Some(value),
            'H' => self.headers.push(value),
            'A' => self.agent = Some(value),
            'w' => self.write_out = value,
            'd' => {
                if let Some(name) = value.strip_prefix('@') {
                    let text = format!("curl: machines keep no files: `-d @{name}`\n");
                    return Err(Refusal::usage(text));
                }
                self.data = Some(match self.data.take() {
                    Some(before) => format!("{before}&{value}"),
                    None => value,
                });
            }
            _ if value == "/dev/null" => self.flags.discard = true,
            _ if value == "-" => self.flags.discard = false,
            _ => {
                return Err(Refusal::usage(format!(
                    "curl: machines keep no files: `-o /dev/null`, not `-o {value}`\n"
                )));
            }
        }
        Ok(())
    }

    /// How long the name may take.
    fn patience(&self) -> Option<SimDuration> {
        let limits = [self.limit, self.connect_limit];
        limits.into_iter().flatten().min()
    }

    /// The request: curl's own lines, less those that `-H` takes away or replaces.
    fn client(&self, url: &Url) -> HttpClient {
        let implied = match (self.head, &self.data) {
            (true, _) => "HEAD",
            (false, Some(_)) => "POST",
            (false, None) => "GET",
        };
        let method = self.method.clone().unwrap_or_else(|| implied.to_owned());
        let agent = self.agent.clone();
        let ask = Ask {
            method,
            path: url.path.clone(),
            host: url.authority(),
            user_agent: agent.unwrap_or_else(|| "curl/7.88.1".to_owned()),
            body_bytes: 0,
            headers: Vec::new(),
            close: false,
        };
        let head = self.head_of(&ask);
        let mut client = HttpClient::new(ask).with_head(head);
        if let Some(data) = &self.data {
            client = client.with_body(Bytes::from(data.clone()));
        }
        match self.flags.discard {
            true => client,
            false => client.keeping_body(),
        }
    }

    fn head_of(&self, ask: &Ask) -> String {
        let named = |line: &str, name: &str| {
            let field = line.split([':', ';']).next().unwrap_or_default();
            field.eq_ignore_ascii_case(name)
        };
        let is_own = |name: &str| !self.headers.iter().any(|it| named(it, name));
        let mut head = format!("{} {} HTTP/1.1\r\n", ask.method, ask.path);
        let host = self.headers.iter().find(|it| named(it, "host"));
        match host.and_then(|it| it.split_once(':')) {
            Some((_, value)) => head += &format!("Host: {}\r\n", value.trim()),
            None => head += &format!("Host: {}\r\n", ask.host),
        }
        for (name, value) in [("User-Agent", ask.user_agent.as_str()), ("Accept", "*/*")] {
            if is_own(name) && !value.is_empty() {
                head += &format!("{name}: {value}\r\n");
            }
        }
        for line in self.headers.iter().filter(|it| !named(it, "host")) {
            match line.split_once(':') {
                // A name without value takes curl's own line away.
                Some((_, value)) if value.trim().is_empty() => {}
                Some(_) => head += &format!("{line}\r\n"),
                None => {
                    if let Some(name) = line.strip_suffix(';') {
                        head += &format!("{name}:\r\n");
                    }
                }
            }
        }
        if let Some(data) = &self.data {
            if is_own("content-length") {
                head += &format!("Content-Length: {}\r\n", data.len());
            }
            if is_own("content-type") {
                head += "Content-Type: application/x-www-form-urlencoded\r\n";
            }
        }
        head + "\r\n"
    }
}

impl Host {
    pub(super) fn start_curl(&mut self, now: SimTime, id: ExecId, arguments: &[String]) -> Start {
        let asked = Asked::read(arguments)?;
        let url = asked.url.clone().ok_or_else(|| {
            let text = "curl: try 'curl --help' or 'curl --manual' for more information\n";
            Refusal::usage(format!("{text}{USAGE}"))
        })?;
        let parsed = Url::read(&url)?;
        let mut preface = Vec::new();
        let targets = targets(&asked, &parsed, &self.names, &mut preface)?;
        let client = asked.client(&parsed);
        let plan = Plan {
            name: parsed.host.clone(),
            targets,
            limit: asked.limit,
            connect_limit: asked.connect_limit,
        };
        let mut flags = asked.flags;
        flags.headers |= asked.head;
        let tls = parsed.secure.then(|| {
            let spec = TlsClientSpec {
                server_name: server_name(&parsed.host),
                verify: !asked.insecure,
                late_name_check: true,
                ..TlsClientSpec::default()
            };
            let drawn = format!("host/{}/curl/{}", self.spec.name, id.0);
            let stream = Stream::new(self.config.seed.traffic, &drawn);
            Box::new(TlsClient::new(spec, stream))
        });
        let curl = Curl {
            client,
            tls,
            flags,
            write_out: asked.write_out,
            url,
            preface,
            looked_up_at: None,
            connected_at: None,
            secured_at: None,
            first_at: None,
            local: None,
            received: 0,
            error: None,
        };
        self.start_connect(now, id, plan, Purpose::Curl(Box::new(curl)))
    }
}

/// The addresses of the URL's host, in the order in which they are tried.
fn targets(
    asked: &Asked,
    url: &Url,
    names: &NameTable,
    preface: &mut Vec<String>,
) -> Result<Vec<SocketAddr>, Refusal> {
    let mut all = Vec::new();
    for (host, port, addresses, text) in &asked.resolve {
        preface.push(format!("Added {text} to DNS cache"));
        if *host == url.host && *port == url.port {
            all.clone_from(addresses);
        }
    }
    if all.is_empty() {
        all = names.all(&url.host);
    } else {
        preface.push(format!("Hostname {} was found in DNS cache", url.host));
    }
    if all.is_empty() {
        return Err(unknown_host(&url.host, names, asked));
    }
    all.retain(|it| match asked.flags.version {
        Some('4') => it.is_ipv4(),
        Some(_) => it.is_ipv6(),
        None => true,
    });
    let ends = all.into_iter().map(|it| SocketAddr::new(it, url.port));
    Ok(ends.collect())
}

/// `HOST:PORT:ADDRESS[,ADDRESS]`.
fn resolve(text: &str) -> Result<(String, u16, Vec<IpAddr>, String), Refusal> {
    let refuse = || {
        let text = format!("curl: (49) Couldn't parse CURLOPT_RESOLVE entry '{text}'\n");
        Refusal::with_status(49, text)
    };
    let mut parts = text.splitn(3, ':');
    let (host, port, addresses) = (parts.next(), parts.next(), parts.next());
    let (Some(host), Some(port), Some(addresses)) = (host, port, addresses) else {
        return Err(refuse());
    };
    let addresses = addresses
        .split(',')
        .map(|it| it.trim_matches(['[', ']']).parse());
    let addresses: Result<Vec<IpAddr>, _> = addresses.collect();
    let addresses = addresses.map_err(|_| refuse())?;
    let port = port.parse().map_err(|_| refuse())?;
    Ok((host.to_owned(), port, addresses, text.to_owned()))
}

fn unknown_host(name: &str, names: &NameTable, asked: &Asked) -> Refusal {
    let quiet = asked.flags.silent && !asked.flags.show_errors;
    let said = |text: String| if quiet { String::new() } else { text };
    let verbose = |text: String| match asked.flags.verbose {
        true => format!("* {text}\n* Closing connection 0\n"),
        false => String::new(),
    };
    let plain = format!("Could not resolve host: {name}");
    if names.failure(name).is_some() {
        let text = verbose(plain.clone()) + &said(format!("curl: (6) {plain}\n"));
        return Refusal::with_status(6, text);
    }
    let text = said(format!(
        "curl: (6) {plain} (known are addresses, `localhost` and the names of machines)\n"
    ));
    let refusal = Refusal::with_status(6, text).unless_dns_knows(name);
    match asked.patience() {
        None => refusal,
        Some(limit) => {
            let millis = limit.as_millis();
            let late = format!("Resolving timed out after {millis} milliseconds");
            let text = verbose(late.clone()) + &said(format!("curl: (28) {late}\n"));
            refusal.within(limit, 28, text)
        }
    }
}

/// The name that TLS asks for: none if the host is an address.
fn server_name(host: &str) -> Option<SmolStr> {
    let is_name = host.parse::<IpAddr>().is_err();
    is_name.then(|| host.into())
}

/// What of a URL matters.
struct Url {
    /// `https`.
    secure: bool,
    host: String,
    port: u16,
    path: String,
}

impl Url {
    fn read(url: &str) -> Result<Self, Refusal> {
        let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
        let secure = scheme.eq_ignore_ascii_case("https");
        if !secure && !scheme.eq_ignore_ascii_case("http") {
            let known = ["ftp", "file", "telnet", "smtp", "tftp", "scp", "sftp"];
            let hint = match known.contains(&scheme) {
                true => {
                    " (HTTP alone is spoken here; to see whether a port opens: nc -vz HOST PORT)"
                }
                false => "",
            };
            let text = format!(
                "curl: (1) Protocol \"{scheme}\" not supported or disabled in libcurl{hint}\n"
            );
            return Err(Refusal::with_status(1, text));
        }
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let path = match path.starts_with('?') {
            true => format!("/{path}"),
            false => path.to_owned(),
        };
        let usual = if secure { "443" } else { "80" };
        // An IPv6 address stands in brackets (RFC 3986 section 3.2.2).
        let bracketed = authority
            .strip_prefix('[')
            .and_then(|it| it.split_once(']'));
        let (host, port) = match bracketed {
            Some((host, rest)) => (host, rest.strip_prefix(':').unwrap_or(usual)),
            None => authority.split_once(':').unwrap_or((authority, usual)),
        };
        let is_ipv6 = host.parse::<IpAddr>().is_ok_and(|it| it.is_ipv6());
        if host.is_empty() || is_ipv6 != bracketed.is_some() {
            let text = "curl: (3) URL using bad/illegal format or missing URL\n";
            return Err(Refusal::with_status(3, text));
        }
        Ok(Self {
            secure,
            host: host.to_owned(),
            port: number(port, "port")?,
            path,
        })
    }

    /// The `Host` field: the port only if it is not the scheme's.
    fn authority(&self) -> String {
        let host = match self.host.contains(':') {
            true => format!("[{}]", self.host),
            false => self.host.clone(),
        };
        match (self.secure, self.port) {
            (false, 80) | (true, 443) => host,
            (_, port) => format!("{host}:{port}"),
        }
    }
}
