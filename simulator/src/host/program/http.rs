//! HTTP/1.1 (RFC 9112), both sides.

use std::net::IpAddr;

use bytes::{Bytes, BytesMut};
use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};

use super::{Act, Done, Inbox, Moment, date, text};
use crate::host::spec::{HttpResource, ServerSpec};

/// Longest head that is read.
const HEAD_MAX: usize = 65_536;

/// The server's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HttpServer {
    index: usize,
    /// Who asks, where that is the answer.
    tells: Option<IpAddr>,
    inbox: Inbox,
    body_left: usize,
    reading: Option<Head>,
    ready: Vec<(SimTime, Head)>,
}

/// What of a request matters for the answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Head {
    method: String,
    path: String,
    close: bool,
    broken: bool,
}

impl HttpServer {
    pub(crate) fn new(index: usize) -> Self {
        Self {
            index,
            tells: None,
            inbox: Inbox::default(),
            body_left: 0,
            reading: None,
            ready: Vec::new(),
        }
    }

    /// A server of [`ServerSpec::CallersAddress`].
    pub(crate) fn telling(index: usize, peer: IpAddr) -> Self {
        Self {
            tells: Some(peer),
            ..Self::new(index)
        }
    }

    fn settings(specs: &[ServerSpec], index: usize) -> (&[HttpResource], SimDuration) {
        match specs.get(index).map(ServerSpec::inside) {
            Some(ServerSpec::Http {
                resources, think, ..
            }) => (resources, *think),
            _ => (&[], SimDuration::ZERO),
        }
    }

    pub(crate) fn on_data(
        &mut self,
        specs: &[ServerSpec],
        data: Vec<Bytes>,
        moment: Moment,
    ) -> Vec<Act> {
        self.inbox.extend(data);
        let think = Self::settings(specs, self.index).1;
        let due = moment.now + think;
        let mut complete = false;
        while let Some(head) = self.next_request() {
            self.ready.push((due, head));
            complete = true;
        }
        if !complete {
            return Vec::new();
        }
        if think == SimDuration::ZERO {
            self.on_wake(specs, moment)
        } else {
            vec![Act::Wake(due)]
        }
    }

    /// A request whose body has arrived as well.
    fn next_request(&mut self) -> Option<Head> {
        if self.reading.is_none() {
            let head = take_head(&mut self.inbox)?;
            self.body_left = content_length(&head).unwrap_or(0);
            self.reading = Some(Head::parse(&head));
        }
        self.body_left -= self.inbox.skip(self.body_left);
        if self.body_left > 0 {
            return None;
        }
        self.reading.take()
    }

    pub(crate) fn on_wake(&mut self, specs: &[ServerSpec], moment: Moment) -> Vec<Act> {
        let (resources, _) = Self::settings(specs, self.index);
        let mut acts = Vec::new();
        while let Some((due, _)) = self.ready.first() {
            if *due > moment.now {
                acts.push(Act::Wake(*due));
                break;
            }
            let (_, head) = self.ready.remove(0);
            let is_python = matches!(specs.get(self.index), Some(ServerSpec::Python { .. }));
            match self.tells {
                Some(peer) => tell(&head, peer, moment, &mut acts),
                None if is_python => {
                    list(&head, moment, &mut acts);
                    self.ready.clear();
                }
                None => answer(&head, resources, moment, &mut acts),
            }
            if !is_python && (head.close || head.broken) {
                acts.push(Act::Close);
                self.ready.clear();
            }
        }
        acts
    }
}

impl Head {
    fn parse(head: &str) -> Self {
        let mut words = head.lines().next().unwrap_or("").split(' ');
        let mut word = || words.next().unwrap_or("").to_owned();
        let (method, path, version) = (word(), word(), word());
        let connection = header(head, "connection").unwrap_or_default();
        Self {
            close: connection.eq_ignore_ascii_case("close") || version == "HTTP/1.0",
            broken: !version.starts_with("HTTP/1."),
            method,
            path,
        }
    }
}

/// Whether the answer is a file: its path ends in a name with an extension. A file's head and
/// content are written apart, as `sendfile` makes a server do; any other answer is one write.
fn is_file(path: &str) -> bool {
    path.rsplit('/')
        .next()
        .is_some_and(|name| name.contains('.'))
}

fn answer(head: &Head, resources: &[HttpResource], moment: Moment, acts: &mut Vec<Act>) {
    let path = head.path.split('?').next().unwrap_or("");
    let found = resources.iter().find(|resource| resource.path == path);
    let (status, bytes) = match found {
        _ if head.broken => (400, 0),
        Some(resource) => (resource.status, resource.bytes),
        None => (404, 10),
    };
    let top = response_head(status, bytes, head.close || head.broken, moment);
    let body = if head.method == "HEAD" || !has_content(status) {
        Vec::new()
    } else {
        text::pieces(bytes)
    };
    if is_file(path) {
        acts.push(Act::Send(top.into()));
        acts.extend(body.into_iter().map(Act::Send));
        return;
    }
    let mut joined = BytesMut::from(top.as_bytes());
    for piece in body {
        joined.extend_from_slice(&piece);
    }
    acts.push(Act::Send(joined.freeze()));
}

/// Octets of the page with which Python lists an empty folder, and of the one that says that
/// nothing is found.
const LISTING: u32 = 297;
const NOT_FOUND: u32 = 469;

/// What `python3 -m http.server` answers in an empty folder: head and page are two writes, and the
/// connection is closed, as HTTP/1.0 has it.
fn list(head: &Head, moment: Moment, acts: &mut Vec<Act>) {
    let (status, bytes, more) = match head.path.split('?').next() {
        _ if head.broken => ("400 Bad Request", NOT_FOUND, "Connection: close\r\n"),
        Some("/") => ("200 OK", LISTING, ""),
        _ => ("404 File not found", NOT_FOUND, "Connection: close\r\n"),
    };
    let date = date::http(moment.starts.at(moment.now));
    let top = format!(
        "HTTP/1.0 {status}\r\nServer: SimpleHTTP/0.6 Python/3.9.20\r\nDate: {date}\r\n{more}\
         Content-type: text/html; charset=utf-8\r\nContent-Length: {bytes}\r\n\r\n"
    );
    acts.push(Act::Send(top.into()));
    if head.method != "HEAD" {
        acts.extend(text::pieces(bytes).into_iter().map(Act::Send));
    }
    acts.push(Act::Close);
}

/// Every path is answered with the caller's address.
fn tell(head: &Head, peer: IpAddr, moment: Moment, acts: &mut Vec<Act>) {
    let body = format!("{peer}\n");
    let (status, body) = if head.broken {
        (400, "")
    } else {
        (200, &*body)
    };
    let mut joined = response_head(status, body.len(), head.close || head.broken, moment);
    if head.method != "HEAD" {
        joined += body;
    }
    acts.push(Act::Send(joined.into()));
}

pub(super) fn response_head(
    status: u16,
    bytes: impl std::fmt::Display,
    close: bool,
    moment: Moment,
) -> String {
    let date = date::http(moment.starts.at(moment.now));
    let connection = if close { "close" } else { "keep-alive" };
    if !has_content(status) {
        return format!(
            "HTTP/1.1 {status} {}\r\nServer: nginx\r\nDate: {date}\r\nConnection: {connection}\r\n\r\n",
            reason(status)
        );
    }
    format!(
        "HTTP/1.1 {status} {}\r\nServer: nginx\r\nDate: {date}\r\nContent-Type: text/plain\r\n\
         Content-Length: {bytes}\r\nConnection: {connection}\r\n\r\n",
        reason(status)
    )
}

/// Whether an answer with this status has any content (RFC 9112 section 6.3).
const fn has_content(status: u16) -> bool {
    !matches!(status, 100..=199 | 204 | 304)
}

/// The reason phrases of RFC 9110 section 15 that servers here use.
pub(crate) const fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        201 => "Created",
        204 => "No Content",
        301 => "Moved Permanently",
        302 => "Found",
        304 => "Not Modified",
        400 => "Bad Request",
        401 => "Unauthorized",
        403 => "Forbidden",
        404 => "Not Found",
        405 => "Method Not Allowed",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        502 => "Bad Gateway",
        503 => "Service Unavailable",
        504 => "Gateway Timeout",
        _ => "Unknown",
    }
}

/// Takes a head up to and with its empty line.
pub(super) fn take_head(inbox: &mut Inbox) -> Option<String> {
    let seen = inbox.peek(inbox.len().min(HEAD_MAX));
    // A method is made of letters: a TLS hello, for one, is refused at once.
    if seen
        .first()
        .is_some_and(|first| !first.is_ascii_uppercase())
    {
        return Some(String::from_utf8_lossy(&inbox.take(seen.len())).into_owned());
    }
    let end = seen.windows(4).position(|four| four == b"\r\n\r\n");
    let end = match end {
        Some(end) => end + 4,
        // Nonsense without an end is a broken head, not an endless wait.
        None if seen.len() == HEAD_MAX => HEAD_MAX,
        None => return None,
    };
    Some(String::from_utf8_lossy(&inbox.take(end)).into_owned())
}

/// The value of a header field; its name in lower case.
pub(crate) fn header(head: &str, name: &str) -> Option<String> {
    head.lines().skip(1).find_map(|line| {
        let (field, value) = line.split_once(':')?;
        field
            .eq_ignore_ascii_case(name)
            .then(|| value.trim().to_owned())
    })
}

pub(super) fn content_length(head: &str) -> Option<usize> {
    header(head, "content-length")?.parse().ok()
}

/// What a client asks for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Ask {
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) host: String,
    pub(crate) user_agent: String,
    pub(crate) body_bytes: u32,
    /// Further header lines.
    pub(crate) headers: Vec<String>,
    /// Ask the server to close after the answer.
    pub(crate) close: bool,
}

impl Ask {
    /// The request's head as curl writes it.
    pub(crate) fn head(&self) -> String {
        let mut head = format!(
            "{} {} HTTP/1.1\r\nHost: {}\r\nUser-Agent: {}\r\nAccept: */*\r\n",
            self.method, self.path, self.host, self.user_agent
        );
        for line in &self.headers {
            head += line;
            head += "\r\n";
        }
        if self.close {
            head += "Connection: close\r\n";
        }
        if self.body_bytes > 0 {
            head += &format!(
                "Content-Length: {}\r\nContent-Type: text/plain\r\n",
                self.body_bytes
            );
        }
        head + "\r\n"
    }
}

/// The client's side.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct HttpClient {
    ask: Ask,
    inbox: Inbox,
    /// Head of the answer, once it is there.
    pub(crate) head: Option<String>,
    /// Octets of body that have arrived.
    pub(crate) body: Vec<Bytes>,
    pub(crate) body_len: u64,
    keep_body: bool,
    /// The request's head, where it is not curl's.
    own_head: Option<String>,
    /// The request's content, where it is somebody's own.
    own_body: Option<Bytes>,
}

impl HttpClient {
    pub(crate) fn new(ask: Ask) -> Self {
        Self {
            ask,
            inbox: Inbox::default(),
            head: None,
            body: Vec::new(),
            body_len: 0,
            keep_body: false,
            own_head: None,
            own_body: None,
        }
    }

    /// Writes this head in place of curl's.
    pub(crate) fn with_head(mut self, head: String) -> Self {
        self.own_head = Some(head);
        self
    }

    /// Sends this content behind the head.
    pub(crate) fn with_body(mut self, body: Bytes) -> Self {
        self.own_body = Some(body);
        self
    }

    /// The request's head as it is written.
    pub(crate) fn request_head(&self) -> String {
        self.own_head.clone().unwrap_or_else(|| self.ask.head())
    }

    /// Octets of the content of its own.
    pub(crate) fn own_body(&self) -> usize {
        self.own_body.as_ref().map_or(0, Bytes::len)
    }

    /// Keeps the body for printing.
    pub(crate) fn keeping_body(mut self) -> Self {
        self.keep_body = true;
        self
    }

    pub(crate) const fn ask(&self) -> &Ask {
        &self.ask
    }

    pub(crate) fn start(&mut self) -> Vec<Act> {
        self.head = None;
        self.body.clear();
        self.body_len = 0;
        if let Some(body) = &self.own_body {
            // curl writes a short content with the head.
            let mut whole = BytesMut::from(self.request_head().as_bytes());
            whole.extend_from_slice(body);
            return vec![Act::Send(whole.freeze())];
        }
        let mut acts = vec![Act::Send(self.request_head().into())];
        acts.extend(text::pieces(self.ask.body_bytes).into_iter().map(Act::Send));
        acts
    }

    pub(crate) fn on_data(&mut self, data: Vec<Bytes>) -> Vec<Act> {
        let mut data = data;
        if self.head.is_none() {
            self.inbox.extend(std::mem::take(&mut data));
            if self.speaks_no_http() {
                return Vec::new();
            }
            let Some(head) = take_head(&mut self.inbox) else {
                return Vec::new();
            };
            self.head = Some(head);
            let rest = self.inbox.take(self.inbox.len());
            data.push(rest.into());
        }
        for piece in data {
            self.body_len += piece.len() as u64;
            if self.keep_body {
                self.body.push(piece);
            }
        }
        self.finished().map(Act::Done).into_iter().collect()
    }

    /// What came is no answer of HTTP/1: it does not begin as a status line does (RFC 9112 section
    /// 4). A banner, say.
    pub(crate) fn speaks_no_http(&self) -> bool {
        const START: &[u8] = b"HTTP/";
        let seen = self.inbox.peek(self.inbox.len().min(START.len()));
        self.head.is_none() && !START.starts_with(&seen)
    }

    pub(crate) fn status(&self) -> Option<u16> {
        let line = self.head.as_ref()?.lines().next()?;
        line.split(' ').nth(1)?.parse().ok()
    }

    fn finished(&self) -> Option<Done> {
        let head = self.head.as_ref()?;
        let empty = self.status().is_some_and(|it| !has_content(it));
        let expected = if self.ask.method == "HEAD" || empty {
            0
        } else {
            content_length(head)? as u64
        };
        let close = header(head, "connection").is_some_and(|value| value == "close");
        (self.body_len >= expected).then(|| Done {
            status: self.status(),
            last: close || self.ask.close,
        })
    }

    /// The server has closed: complete if the length was not announced.
    pub(crate) fn on_end(&mut self) -> Option<Done> {
        let head = self.head.as_ref()?;
        content_length(head).is_none().then(|| Done {
            status: self.status(),
            last: true,
        })
    }
}
