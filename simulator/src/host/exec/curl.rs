//! What `curl` asks for and prints; the connection is `connect`'s.

use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};

use super::options::{Syntax, Word};
use super::{NameTable, Printer, Refusal, number, seconds};
use crate::host::program::Done;
use crate::host::program::http::{Ask, HttpClient};

/// What a `curl` does besides the exchange itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Curl {
    pub(super) client: HttpClient,
    pub(super) verbose: bool,
    silent: bool,
    show_errors: bool,
    fail: bool,
    headers: bool,
    discard: bool,
    write_out: String,
    pub(super) connected_at: Option<SimTime>,
    pub(super) received: u64,
}

const USAGE: &str = "usage: curl [-v] [-s] [-S] [-f] [-I] [-i] [-m SECONDS] \
    [--connect-timeout SECONDS] [-o /dev/null] [-X METHOD] [-A AGENT] [-H HEADER] [-w FORMAT] http://HOST[:PORT]/PATH\n";

/// Stands for `--connect-timeout`, which has no letter.
const CONNECT_TIMEOUT: char = '\u{1}';

const SYNTAX: Syntax = Syntax {
    program: "curl",
    // -4, -g and -N ask for what is so anyway: IPv4, URLs as they stand, no buffering.
    letters: "vsSfiI4gNm:o:X:A:H:w:\u{1}:",
    long: &[
        ("verbose", 'v'),
        ("silent", 's'),
        ("show-error", 'S'),
        ("fail", 'f'),
        ("include", 'i'),
        ("head", 'I'),
        ("ipv4", '4'),
        ("globoff", 'g'),
        ("no-buffer", 'N'),
        ("max-time", 'm'),
        ("output", 'o'),
        ("request", 'X'),
        ("user-agent", 'A'),
        ("header", 'H'),
        ("write-out", 'w'),
        ("connect-timeout", CONNECT_TIMEOUT),
    ],
    usage: USAGE,
};

/// A command line, read.
pub(super) struct Command {
    pub(super) curl: Curl,
    /// The host as it was typed.
    pub(super) name: String,
    pub(super) to: SocketAddr,
    pub(super) limit: Option<SimDuration>,
    pub(super) connect_limit: Option<SimDuration>,
}

/// The options, and the operand.
#[derive(Default)]
struct Asked {
    flags: String,
    method: Option<String>,
    agent: Option<String>,
    headers: Vec<String>,
    write_out: String,
    discard: bool,
    limit: Option<SimDuration>,
    connect_limit: Option<SimDuration>,
    url: Option<String>,
}

impl Asked {
    fn read(arguments: &[String]) -> Result<Self, Refusal> {
        let mut asked = Self::default();
        for word in SYNTAX.read(arguments)? {
            match word {
                Word::Flag(letter) => asked.flags.push(letter),
                Word::Operand(url) if asked.url.is_none() => asked.url = Some(url),
                Word::Operand(_) => return Err(Refusal::usage("curl: one URL at a time here\n")),
                Word::Value(letter, value) => asked.set(letter, value)?,
            }
        }
        Ok(asked)
    }

    fn set(&mut self, letter: char, value: String) -> Result<(), Refusal> {
        match letter {
            'm' => self.limit = Some(seconds(&value, "-m")?),
            CONNECT_TIMEOUT => self.connect_limit = Some(seconds(&value, "--connect-timeout")?),
            'X' => self.method = Some(value),
            'H' => self.headers.push(value),
            'A' => self.agent = Some(value),
            'w' => self.write_out = value,
            _ if value == "/dev/null" => self.discard = true,
            _ if value == "-" => self.discard = false,
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

    fn has(&self, flag: char) -> bool {
        self.flags.contains(flag)
    }
}

/// Reads the words after `curl`.
///
/// # Errors
/// As curl complains, with its status.
pub(super) fn read(arguments: &[String], names: &NameTable) -> Result<Command, Refusal> {
    let asked = Asked::read(arguments)?;
    let url = asked
        .url
        .as_ref()
        .ok_or_else(|| Refusal::usage(format!("curl: no URL specified!\n{USAGE}")))?;
    let (show_errors, silent) = (asked.has('S'), asked.has('s'));
    let (name, port, path) = split_url(url)?;
    let address = names.find(&name);
    let address = address
        .ok_or_else(|| unknown_host(&name, names, silent && !show_errors, asked.patience()))?;
    let host = url_authority(&name, port);
    let head = asked.has('I');
    let method = if head { "HEAD" } else { "GET" };
    let client = HttpClient::new(Ask {
        method: asked.method.clone().unwrap_or_else(|| method.to_owned()),
        path,
        host,
        user_agent: asked
            .agent
            .clone()
            .unwrap_or_else(|| "curl/7.88.1".to_owned()),
        body_bytes: 0,
        headers: asked.headers.clone(),
        close: false,
    });
    let curl = Curl {
        client: if asked.discard {
            client
        } else {
            client.keeping_body()
        },
        verbose: asked.has('v'),
        silent,
        show_errors,
        fail: asked.has('f'),
        headers: head || asked.has('i'),
        discard: asked.discard,
        write_out: asked.write_out,
        connected_at: None,
        received: 0,
    };
    Ok(Command {
        curl,
        name,
        to: SocketAddr::new(address, port),
        limit: asked.limit,
        connect_limit: asked.connect_limit,
    })
}

fn unknown_host(
    name: &str,
    names: &NameTable,
    quiet: bool,
    patience: Option<SimDuration>,
) -> Refusal {
    let said = |text: String| if quiet { String::new() } else { text };
    let plain = format!("curl: (6) Could not resolve host: {name}");
    if names.failure(name).is_some() {
        let text = said(format!("{plain}\n"));
        return Refusal::with_status(6, text);
    }
    let text = said(format!(
        "{plain} (known are addresses, `localhost` and the names of machines)\n"
    ));
    let refusal = Refusal::with_status(6, text).unless_dns_knows(name);
    match patience {
        None => refusal,
        Some(limit) => {
            let millis = limit.as_millis();
            let late = format!("curl: (28) Resolving timed out after {millis} milliseconds\n");
            refusal.within(limit, 28, said(late))
        }
    }
}

/// The `Host` field: the port only if it is not the scheme's.
fn url_authority(name: &str, port: u16) -> String {
    match port {
        80 => name.to_owned(),
        port => format!("{name}:{port}"),
    }
}

/// Host, port and path.
fn split_url(url: &str) -> Result<(String, u16, String), Refusal> {
    let (scheme, rest) = url.split_once("://").unwrap_or(("http", url));
    if scheme != "http" {
        return Err(Refusal::with_status(
            1,
            format!(
                "curl: (1) Protocol \"{scheme}\" not supported or disabled in libcurl (this curl was \
                 built without TLS and for HTTP alone; to see whether a port opens: nc -vz HOST PORT)\n"
            ),
        ));
    }
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    // An IPv6 address stands in brackets (RFC 3986 section 3.2.2).
    let bracketed = authority
        .strip_prefix('[')
        .and_then(|it| it.split_once(']'));
    let (host, port) = match bracketed {
        Some((host, rest)) => (host, rest.strip_prefix(':').unwrap_or("80")),
        None => authority.split_once(':').unwrap_or((authority, "80")),
    };
    let is_ipv6 = host.parse::<IpAddr>().is_ok_and(|it| it.is_ipv6());
    if host.is_empty() || is_ipv6 != bracketed.is_some() {
        let text = "curl: (3) URL using bad/illegal format or missing URL\n";
        return Err(Refusal::with_status(3, text));
    }
    Ok((host.to_owned(), number(port, "port")?, path.to_owned()))
}

impl Curl {
    pub(super) fn print_opening(&self, name: &str, to: SocketAddr, printer: &mut Printer) {
        if !self.verbose {
            return;
        }
        let (ip, port) = (to.ip(), to.port());
        printer.err(format!("* Connected to {name} ({ip}) port {port} (#0)\n"));
        for line in self.client.ask().head().lines() {
            printer.err(format!("> {line}\n"));
        }
    }

    pub(super) fn complain(&self, status: i32, text: &str, printer: &mut Printer) -> i32 {
        if self.verbose {
            printer.err(format!("* {text}\n* Closing connection 0\n"));
        }
        if !self.silent || self.show_errors {
            printer.err(format!("curl: ({status}) {text}\n"));
        }
        printer.out(self.formatted(SimDuration::ZERO, SimDuration::ZERO));
        status
    }

    pub(super) fn finished(
        &self,
        name: &str,
        started: SimTime,
        now: SimTime,
        by_end: Option<Done>,
        printer: &mut Printer,
    ) -> i32 {
        let head = self.client.head.clone().unwrap_or_default();
        if self.verbose {
            for line in head.lines() {
                printer.err(format!("< {line}\n"));
            }
        }
        let status = self.client.status().unwrap_or(0);
        if self.fail && status >= 400 {
            return self.complain(
                22,
                &format!("The requested URL returned error: {status}"),
                printer,
            );
        }
        if self.headers && !self.discard {
            printer.out(head);
        }
        if !self.discard {
            for piece in &self.client.body {
                printer.out(String::from_utf8_lossy(piece).into_owned());
            }
        }
        if self.verbose {
            let end = match by_end {
                Some(_) => "* Closing connection 0\n".to_owned(),
                None => format!("* Connection #0 to host {name} left intact\n"),
            };
            printer.err(end);
        }
        let connected = self.connected_at.unwrap_or(now).since(started);
        printer.out(self.formatted(connected, now.since(started)));
        0
    }

    /// `-w`: the variables people use.
    fn formatted(&self, connect: SimDuration, total: SimDuration) -> String {
        let span = |span: SimDuration| {
            let micros = span.as_nanos() / 1000;
            format!("{}.{:06}", micros / 1_000_000, micros % 1_000_000)
        };
        let status = self.client.status().unwrap_or(0);
        self.write_out
            .replace("%{http_code}", &format!("{status:03}"))
            .replace("%{response_code}", &format!("{status:03}"))
            .replace("%{size_download}", &self.client.body_len.to_string())
            .replace("%{time_connect}", &span(connect))
            .replace("%{time_total}", &span(total))
            .replace("\\n", "\n")
            .replace("\\t", "\t")
    }
}
