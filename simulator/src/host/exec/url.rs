//! URLs as `curl` reads them (`lib/urlapi.c`), and why it does not take one.

use std::net::IpAddr;

/// What of a URL matters.
pub(super) struct Url {
    /// `https`.
    pub(super) secure: bool,
    pub(super) host: String,
    pub(super) port: u16,
    pub(super) path: String,
    /// `USER[:PASSWORD]@`, decoded.
    pub(super) credentials: Option<(String, String)>,
}

/// What no host name holds (`hostname_check`).
const FORBIDDEN: &str = " \r\n\t/:#?!@{}[]\\$'\"^`*<>=;,+&()%|";

/// The complaint about a URL, code and text.
fn malformed() -> (i32, String) {
    let text = "URL using bad/illegal format or missing URL";
    (3, text.to_owned())
}

impl Url {
    /// Reads a URL; `globs` are looked for unless `-g` was given.
    ///
    /// # Errors
    /// Exit code and text.
    pub(super) fn read(url: &str, globs: bool) -> Result<Self, (i32, String)> {
        if globs {
            check_globs(url)?;
        }
        if url.chars().any(|it| it <= ' ' || it == '\u{7f}') {
            return Err(malformed());
        }
        let (scheme, rest) = scheme(url).unwrap_or(("http", url));
        let secure = scheme.eq_ignore_ascii_case("https");
        if !secure && !scheme.eq_ignore_ascii_case("http") {
            return Err(unsupported(scheme));
        }
        let rest = rest.split('#').next().unwrap_or_default();
        let (authority, path) = match rest.find(['/', '?']) {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let path = match path.starts_with('?') {
            true => format!("/{path}"),
            false => path.to_owned(),
        };
        let (login, place) = match authority.rsplit_once('@') {
            Some((login, place)) => (Some(login), place),
            None => (None, authority),
        };
        let (host, port) = host_and_port(place)?;
        let usual = if secure { 443 } else { 80 };
        let port = match port {
            "" => usual,
            digits if digits.bytes().all(|it| it.is_ascii_digit()) => {
                digits.parse().map_err(|_| malformed())?
            }
            _ => return Err(malformed()),
        };
        Ok(Self {
            secure,
            host: host.to_owned(),
            port,
            path: without_dots(&path),
            credentials: login.map(credentials),
        })
    }

    /// The `Host` field: the port only if it is not the scheme's.
    pub(super) fn authority(&self) -> String {
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

/// `http://`; one slash or three are taken as well.
fn scheme(url: &str) -> Option<(&str, &str)> {
    let (scheme, rest) = url.split_once(':')?;
    let is_scheme = scheme.starts_with(|it: char| it.is_ascii_alphabetic())
        && (scheme.chars()).all(|it| it.is_ascii_alphanumeric() || "+-.".contains(it));
    let slashes = rest.bytes().take_while(|it| *it == b'/').count();
    (is_scheme && (1..=3).contains(&slashes)).then(|| (scheme, &rest[slashes..]))
}

fn unsupported(scheme: &str) -> (i32, String) {
    let known = ["ftp", "file", "telnet", "smtp", "tftp", "scp", "sftp"];
    let hint = match known.contains(&scheme) {
        true => " (HTTP alone is spoken here; to see whether a port opens: nc -vz HOST PORT)",
        false => "",
    };
    let text = format!("Protocol \"{scheme}\" not supported or disabled in libcurl{hint}");
    (1, text)
}

/// The host, an IPv6 one without its brackets (RFC 3986 section 3.2.2), and what stands for a port.
fn host_and_port(place: &str) -> Result<(&str, &str), (i32, String)> {
    if let Some(rest) = place.strip_prefix('[') {
        let (host, rest) = rest.split_once(']').ok_or_else(malformed)?;
        let is_ipv6 = host.parse::<IpAddr>().is_ok_and(|it| it.is_ipv6());
        let port = match rest {
            "" => Some(""),
            rest => rest.strip_prefix(':'),
        };
        return match (is_ipv6, port) {
            (true, Some(port)) => Ok((host, port)),
            _ => Err(malformed()),
        };
    }
    let (host, port) = place.split_once(':').unwrap_or((place, ""));
    let is_host = !host.is_empty() && !host.contains(|it| FORBIDDEN.contains(it));
    match is_host {
        true => Ok((host, port)),
        false => Err(malformed()),
    }
}

/// `.` and `..` of a path are carried out (RFC 3986 section 5.2.4).
fn without_dots(path: &str) -> String {
    let (path, query) = path.split_at(path.find('?').unwrap_or(path.len()));
    let mut kept: Vec<&str> = Vec::new();
    let mut parts = path.split('/').skip(1).peekable();
    while let Some(part) = parts.next() {
        let is_last = parts.peek().is_none();
        match part {
            "." => {}
            ".." => {
                kept.pop();
            }
            part => {
                kept.push(part);
                continue;
            }
        }
        if is_last {
            kept.push("");
        }
    }
    format!("/{}{query}", kept.join("/"))
}

/// `USER[:PASSWORD]` with its percent signs decoded.
fn credentials(login: &str) -> (String, String) {
    let (user, password) = login.split_once(':').unwrap_or((login, ""));
    (decoded(user), decoded(password))
}

fn decoded(text: &str) -> String {
    let mut octets = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let hex = match (first, tail) {
            (b'%', [high, low, ..]) => {
                let digit = |it: &u8| char::from(*it).to_digit(16);
                digit(high).zip(digit(low))
            }
            _ => None,
        };
        match hex {
            Some((high, low)) => {
                octets.push((high * 16 + low) as u8);
                rest = &tail[2..];
            }
            None => {
                octets.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&octets).into_owned()
}

/// Sets and ranges in braces and brackets, which are no part of the URL (`lib/tool_urlglob.c`).
fn check_globs(url: &str) -> Result<(), (i32, String)> {
    let Some(at) = url.find(['{', '}', '[', ']']) else {
        return Ok(());
    };
    if let Some(rest) = url[at..].strip_prefix('[') {
        // An address of IPv6 is none.
        let end = rest.split_once(']');
        if let Some((address, after)) = end
            && address.parse::<IpAddr>().is_ok()
        {
            return check_globs(after);
        }
        if end.is_none() {
            let what = match rest.starts_with(|it: char| it.is_ascii_alphanumeric()) {
                true => "bad range",
                false => "bad range specification",
            };
            return Err(pointed(what, url, at + 2));
        }
    }
    let text = "sets {a,b} and ranges [1-9] are not expanded here: -g takes the URL as it stands";
    Err((3, text.to_owned()))
}

/// A complaint that shows where.
fn pointed(what: &str, url: &str, column: usize) -> (i32, String) {
    let text = format!("{what} in URL position {column}:\n{url}\n{:>column$}", "^");
    (3, text)
}
