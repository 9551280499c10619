//! The command line of `curl`.

use std::net::{IpAddr, SocketAddr};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use smol_str::SmolStr;
use wirelab_model::{SimDuration, SimTime, Stream};

use super::connect::{Plan, Purpose};
use super::curl::{Curl, Flags};
use super::options::{self, Syntax, TRY_CURL, Word};
use super::url::Url;
use super::{NameTable, Refusal, Start, printed, seconds};
use crate::host::Host;
use crate::host::output::ExecId;
use crate::host::program::http::{Ask, HttpClient};
use crate::host::program::tls::{TlsClient, TlsClientSpec, TlsRange, TlsVersion};

const USAGE: &str = "usage: curl [-4|-6] [-v] [-s] [-S] [-f] [-g] [-I] [-i] [-k] [-L] [-G] [-m SECONDS] \
    [--connect-timeout SECONDS] [--interface ADDRESS] [-o /dev/null] [-D -] [-X METHOD] [-A AGENT] \
    [-H HEADER] [-d DATA] [-u USER:PASSWORD] [-w FORMAT] [--resolve HOST:PORT:ADDRESS] \
    [--tlsv1.N] [--tls-max 1.N] [--ciphers LIST] \
    http[s]://[USER:PASSWORD@]HOST[:PORT]/PATH ...\n";

/// `-V`, of what there is here.
const VERSION: &str = "curl 7.88.1 (x86_64-pc-linux-gnu) libcurl/7.88.1 OpenSSL/3.0.19\n\
    Protocols: http https\n";

/// Stand for options that have no letter.
const CONNECT_TIMEOUT: char = '\u{1}';
const RESOLVE: char = '\u{2}';
const URL: char = '\u{3}';
const INTERFACE: char = '\u{4}';
const TLS_MAX: char = '\u{5}';
const CIPHERS: char = '\u{6}';
const TLS_11: char = '\u{7}';
const TLS_12: char = '\u{8}';
const TLS_13: char = '\u{e}';

const SYNTAX: Syntax = Syntax {
    program: "curl",
    // -N and -L ask for what is so anyway: no buffering; servers here send nobody elsewhere.
    letters: "vsSfiI46gNkLG1V\u{7}\u{8}\u{e}m:o:X:A:H:d:w:u:D:\u{1}:\u{2}:\u{3}:\u{4}:\u{5}:\u{6}:",
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
        ("url", URL),
        ("interface", INTERFACE),
        ("user", 'u'),
        ("dump-header", 'D'),
        ("get", 'G'),
        ("version", 'V'),
        ("tls-max", TLS_MAX),
        ("ciphers", CIPHERS),
        ("tlsv1", '1'),
        ("tlsv1.0", '1'),
        ("tlsv1.1", TLS_11),
        ("tlsv1.2", TLS_12),
        ("tlsv1.3", TLS_13),
    ],
    usage: USAGE,
    status: 2,
    style: options::Style::Curl,
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
    /// `--interface`: an address of this machine, or a device.
    interface: Option<String>,
    /// `-g`: braces and brackets are part of URLs.
    plain_urls: bool,
    /// `-u`.
    user: Option<(String, String)>,
    /// `-G`: data belong to the URL.
    get: bool,
    /// `-V`.
    version: bool,
    /// `--tlsv1.N`, `--tls-max`, `--ciphers`.
    tls_min: Option<TlsVersion>,
    tls_max: Option<TlsVersion>,
    ciphers: Vec<SmolStr>,
    urls: Vec<String>,
    /// Of each `-o`, in the order of the URLs: nothing is to be seen of the answer.
    outputs: Vec<bool>,
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self, Refusal> {
        let mut asked = Self::default();
        for word in SYNTAX.read(arguments)? {
            match word {
                Word::Flag(letter) => asked.flag(letter),
                Word::Operand(url) | Word::Value(URL, url) => asked.urls.push(url),
                Word::Value('m', value) => {
                    let typed = arguments.iter().any(|it| it.starts_with("--max-t"));
                    let option = if typed { "--max-time" } else { "-m" };
                    asked.limit = patience(option, &value)?;
                }
                Word::Value(letter, value) => asked.set(letter, value)?,
            }
        }
        if let (Some(min), Some(max)) = (asked.tls_min, asked.tls_max)
            && min > max
        {
            let text = "curl: --tlsv1.N above --tls-max (not supported here)\n";
            return Err(Refusal::usage(text));
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
            'g' => self.plain_urls = true,
            '4' | '6' => flags.version = Some(letter),
            'G' => self.get = true,
            'V' => self.version = true,
            '1' => self.tls_min = Some(TlsVersion::Tls10),
            TLS_11 => self.tls_min = Some(TlsVersion::Tls11),
            TLS_12 => self.tls_min = Some(TlsVersion::Tls12),
            TLS_13 => self.tls_min = Some(TlsVersion::Tls13),
            _ => {}
        }
    }

    fn set(&mut self, letter: char, value: String) -> Result<(), Refusal> {
        match letter {
            CONNECT_TIMEOUT => self.connect_limit = patience("--connect-timeout", &value)?,
            'u' => {
                let Some((user, password)) = value.split_once(':') else {
                    let text = "curl: a password cannot be typed here: -u USER:PASSWORD\n";
                    return Err(Refusal::usage(text));
                };
                self.user = Some((user.to_owned(), password.to_owned()));
            }
            INTERFACE => self.interface = Some(value),
            TLS_MAX => self.tls_max = tls_max(&value)?,
            CIPHERS => self.ciphers = ciphers(&value)?,
            'D' if value == "-" => self.flags.dump = true,
            'D' if value == "/dev/null" => {}
            'D' => {
                let text = format!("curl: machines keep no files: `-D -`, not `-D {value}`\n");
                return Err(Refusal::usage(text));
            }
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
            _ if value == "/dev/null" => self.outputs.push(true),
            _ if value == "-" => self.outputs.push(false),
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
    fn client(&self, url: &Url, login: Option<&(String, String)>, discard: bool) -> HttpClient {
        let body = self.data.as_ref().filter(|_| !self.get);
        let implied = match (self.head, body) {
            (true, _) => "HEAD",
            (false, Some(_)) => "POST",
            (false, None) => "GET",
        };
        let path = match self.data.as_ref().filter(|_| self.get) {
            None => url.path.clone(),
            Some(data) if url.path.contains('?') => format!("{}&{data}", url.path),
            Some(data) => format!("{}?{data}", url.path),
        };
        let method = self.method.clone().unwrap_or_else(|| implied.to_owned());
        let agent = self.agent.clone();
        let ask = Ask {
            method,
            path,
            host: url.authority(),
            user_agent: agent.unwrap_or_else(|| "curl/7.88.1".to_owned()),
            body_bytes: 0,
            headers: Vec::new(),
            close: false,
        };
        let head = self.head_of(&ask, login);
        let mut client = HttpClient::new(ask).with_head(head);
        if let Some(data) = body {
            client = client.with_body(Bytes::from(data.clone()));
        }
        match discard {
            true => client,
            false => client.keeping_body(),
        }
    }

    fn head_of(&self, ask: &Ask, login: Option<&(String, String)>) -> String {
        let named = |line: &str, name: &str| {
            let field = line.split([':', ';']).next().unwrap_or_default();
            field.eq_ignore_ascii_case(name)
        };
        let is_own = |name: &str| !self.headers.iter().any(|it| named(it, name));
        let mut head = format!("{} {} HTTP/1.1\r\n", ask.method, ask.path);
        let host = self.headers.iter().find(|it| named(it, "host"));
        match host.and_then(|it| it.split_once(':')) {
            Some((_, value)) if value.trim().is_empty() => {}
            Some((_, value)) => head += &format!("Host: {}\r\n", value.trim()),
            None => head += &format!("Host: {}\r\n", ask.host),
        }
        if let Some((user, password)) = login.filter(|_| is_own("authorization")) {
            let login = STANDARD.encode(format!("{user}:{password}"));
            head += &format!("Authorization: Basic {login}\r\n");
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
        if let Some(data) = self.data.as_ref().filter(|_| !self.get) {
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
    /// The transfer of the first URL, or of the one whose turn it is.
    pub(super) fn start_curl(&mut self, now: SimTime, id: ExecId, arguments: &[String]) -> Start {
        let asked = Asked::read(arguments)?;
        if asked.version {
            return printed(VERSION);
        }
        let urls = asked.urls.len();
        if urls == 0 {
            let said = match arguments.is_empty() {
                true => "",
                false => "curl: no URL specified!\n",
            };
            return Err(Refusal::usage(format!("{said}{TRY_CURL}{USAGE}")));
        }
        let nth = self.curl_turn(id, urls);
        let Some(url) = asked.urls.get(nth) else {
            return Err(Refusal::usage(TRY_CURL));
        };
        let quiet = asked.flags.silent && !asked.flags.show_errors;
        let parsed = Url::read(url, !asked.plain_urls);
        let parsed = parsed.map_err(|(status, text)| match quiet {
            true => Refusal::with_status(status, ""),
            false => Refusal::with_status(status, format!("curl: ({status}) {text}\n")),
        })?;
        let mut preface = Vec::new();
        let mut targets = targets(&asked, &parsed, &self.names, &mut preface)?;
        let source = self.curl_source(&asked, &parsed, &mut targets)?;
        let login = asked.user.as_ref().or(parsed.credentials.as_ref());
        let discard = asked.outputs.get(nth).copied().unwrap_or(false);
        let plan = Plan {
            name: parsed.host.clone(),
            targets,
            limit: asked.limit,
            connect_limit: asked.connect_limit,
            source,
        };
        let mut flags = asked.flags.clone();
        flags.headers |= asked.head;
        flags.discard = discard;
        let tls = (parsed.secure).then(|| self.curl_tls(id, nth, &parsed.host, &asked));
        let mut curl = Curl {
            client: asked.client(&parsed, login, discard),
            tls,
            flags,
            write_out: asked.write_out.clone(),
            url: url.clone(),
            nth,
            port: parsed.port,
            secure: parsed.secure,
            user: login.map(|(user, _)| user.clone()),
            connection: 0,
            reused: false,
            whole: false,
            preface,
            looked_up_at: None,
            peer: None,
            connected_at: None,
            secured_at: None,
            first_at: None,
            local: None,
            received: 0,
            error: None,
        };
        let kept = self.curl_connection(id, &plan.name, &mut curl);
        self.start_connect_with(now, id, plan, Purpose::Curl(Box::new(curl)), kept)
    }
}

impl Host {
    /// What `--interface` binds to; targets of the other version of IP are none then.
    fn curl_source(
        &self,
        asked: &Asked,
        to: &Url,
        targets: &mut Vec<SocketAddr>,
    ) -> Result<Option<IpAddr>, Refusal> {
        let Some(text) = &asked.interface else {
            return Ok(None);
        };
        let quiet = asked.flags.silent && !asked.flags.show_errors;
        let refuse = |status: i32, why: String| match quiet {
            true => Refusal::with_status(status, ""),
            false => Refusal::with_status(status, format!("curl: ({status}) {why}\n")),
        };
        let wants_v4 = targets.first().is_some_and(SocketAddr::is_ipv4);
        let scoped = super::zone::link_local(text);
        let source = match scoped {
            // Its zone is none of IPv4's, and one that is no device's is none.
            Some((own, zone)) if zone.is_none_or(|it| !wants_v4 && self.is_zone(it)) => {
                Some(own.into())
            }
            Some(_) => None,
            None => {
                let own = text.parse().ok();
                own.or_else(|| self.address_of(text, wants_v4))
            }
        };
        let Some(source) = source else {
            return Err(refuse(45, format!("Couldn't bind to '{text}'")));
        };
        targets.retain(|it| it.is_ipv4() == source.is_ipv4());
        if targets.is_empty() {
            let (host, port) = (&to.host, to.port);
            let why = format!("Failed to connect to {host} port {port} after 0 ms: ");
            return Err(refuse(7, why + "Couldn't connect to server"));
        }
        if scoped.is_some() {
            // No device is named with the address (`bind`).
            let why = "bind failed with errno 22: Invalid argument";
            return Err(refuse(45, why.to_owned()));
        }
        if !self.stack.is_local(source) {
            let why = "bind failed with errno 99: Cannot assign requested address";
            return Err(refuse(45, why.to_owned()));
        }
        Ok(Some(source))
    }

    /// The client's side of TLS; each transfer draws numbers of its own.
    fn curl_tls(&self, id: ExecId, nth: usize, host: &str, asked: &Asked) -> Box<TlsClient> {
        let mut spec = TlsClientSpec {
            server_name: server_name(host),
            address: host.parse().ok(),
            verify: !asked.insecure,
            late_name_check: true,
            ..TlsClientSpec::default()
        };
        spec.range.min = asked.tls_min.unwrap_or(spec.range.min);
        spec.range.max = asked.tls_max.unwrap_or(spec.range.max);
        spec.range.ciphers.clone_from(&asked.ciphers);
        let drawn = match nth {
            0 => format!("host/{}/curl/{}", self.spec.name, id.0),
            nth => format!("host/{}/curl/{}/{nth}", self.spec.name, id.0),
        };
        let stream = Stream::new(self.config.seed.traffic, &drawn);
        Box::new(TlsClient::new(spec, stream))
    }
}

/// The highest version of `--tls-max`; nothing for OpenSSL's own.
fn tls_max(text: &str) -> Result<Option<TlsVersion>, Refusal> {
    if text == "default" {
        return Ok(None);
    }
    text.parse().map(Some).map_err(|_| {
        let text = "curl: option --tls-max: is badly used here\n";
        Refusal::usage(format!("{text}{TRY_CURL}"))
    })
}

/// Names of OpenSSL's with colons between.
fn ciphers(text: &str) -> Result<Vec<SmolStr>, Refusal> {
    let unknown = text.split(':').find(|it| !TlsRange::knows_cipher(it));
    if let Some(name) = unknown {
        let text = format!("curl: --ciphers {name} (not supported here: suites by their names)\n");
        return Err(Refusal::usage(text));
    }
    Ok(text.split(':').map(Into::into).collect())
}

/// Seconds of `-m` and the like.
fn limit(option: &str, text: &str) -> Result<SimDuration, Refusal> {
    let refuse = |what: &str| {
        let text = format!("curl: option {option}: expected a {what} numerical parameter\n");
        Refusal::usage(text + TRY_CURL)
    };
    let unsigned = text.strip_prefix('-').unwrap_or(text);
    let is_number = unsigned.bytes().any(|it| it.is_ascii_digit())
        && unsigned.bytes().all(|it| it.is_ascii_digit() || it == b'.')
        && unsigned.bytes().filter(|it| *it == b'.').count() <= 1;
    if !is_number {
        return Err(refuse("proper"));
    }
    if unsigned != text {
        return Err(refuse("positive"));
    }
    seconds(text, option)
}

/// The same; 0 is no limit.
fn patience(option: &str, text: &str) -> Result<Option<SimDuration>, Refusal> {
    limit(option, text).map(|it| Some(it).filter(|it| *it != SimDuration::ZERO))
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
        // `*` is every host for which there is no entry of its own.
        let every = host == "*" && all.is_empty();
        if (*host == url.host || every) && *port == url.port {
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
