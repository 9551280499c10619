//! Requests and responses of HTTP/1.1 (RFC 9112) as AWS's services use them.

use bytes::{Bytes, BytesMut};
use wirelab_model::UnixTime;

use crate::host::program::date;
use crate::host::program::http::{header, reason};

/// Longest head that is read.
const HEAD_MAX: usize = 65_536;

/// A whole request.
pub(super) struct Request {
    pub(super) method: String,
    pub(super) path: String,
    head: String,
    /// The client closes after the answer, or broke the protocol.
    pub(super) close: bool,
    pub(super) broken: bool,
}

impl Request {
    /// Takes the first request off what has arrived, once it is whole.
    pub(super) fn take(inbox: &mut BytesMut) -> Option<Self> {
        let found = inbox.windows(4).position(|four| four == b"\r\n\r\n");
        let end = match found {
            Some(at) => at + 4,
            // Nonsense without an end is a broken head, not an endless wait.
            None if inbox.len() >= HEAD_MAX => inbox.len(),
            None => return None,
        };
        let head = String::from_utf8_lossy(&inbox[..end]).into_owned();
        let body = header(&head, "content-length").and_then(|it| it.parse().ok());
        let body: usize = body.unwrap_or(0);
        if inbox.len() < end + body {
            return None;
        }
        let _ = inbox.split_to(end + body);
        let mut words = head.lines().next().unwrap_or("").split(' ');
        let mut word = || words.next().unwrap_or("").to_owned();
        let (method, target, version) = (word(), word(), word());
        let connection = header(&head, "connection").unwrap_or_default();
        let broken = !version.starts_with("HTTP/1.") || !target.starts_with('/');
        let path = target.split('?').next().unwrap_or("").to_owned();
        Some(Self {
            close: broken || connection.eq_ignore_ascii_case("close") || version == "HTTP/1.0",
            method,
            path,
            head,
            broken,
        })
    }

    /// The value of a header field; its name in lower case.
    pub(super) fn header(&self, name: &str) -> Option<String> {
        header(&self.head, name)
    }
}

/// A response.
pub(super) struct Response {
    status: u16,
    server: &'static str,
    content_type: &'static str,
    headers: Vec<(&'static str, String)>,
    body: String,
    /// Whether the server closes after it.
    pub(super) close: bool,
}

impl Response {
    pub(super) fn new(status: u16, content_type: &'static str, body: String) -> Self {
        Self {
            status,
            server: "EC2ws",
            content_type,
            headers: Vec::new(),
            body,
            close: false,
        }
    }

    pub(super) fn text(body: impl Into<String>) -> Self {
        Self::new(200, "text/plain", body.into())
    }

    /// An error, which closes the connection.
    pub(super) fn empty(status: u16) -> Self {
        let title = reason(status);
        let body = format!(
            "<?xml version=\"1.0\" encoding=\"iso-8859-1\"?>\n\
             <!DOCTYPE html PUBLIC \"-//W3C//DTD XHTML 1.0 Transitional//EN\"\n\
             \t\"http://www.w3.org/TR/xhtml1/DTD/xhtml1-transitional.dtd\">\n\
             <html xmlns=\"http://www.w3.org/1999/xhtml\" xml:lang=\"en\" lang=\"en\">\n\
             \x20<head>\n  <title>{status} - {title}</title>\n </head>\n\
             \x20<body>\n  <h1>{status} - {title}</h1>\n </body>\n\
             </html>\n"
        );
        Self {
            close: true,
            ..Self::new(status, "text/html", body)
        }
    }

    pub(super) fn with_header(mut self, name: &'static str, value: String) -> Self {
        self.headers.push((name, value));
        self
    }

    pub(super) fn with_server(mut self, server: &'static str) -> Self {
        self.server = server;
        self
    }

    /// As it goes over the wire.
    pub(super) fn octets(&self, request: &Request, at: UnixTime) -> Bytes {
        let connection = if request.close || self.close {
            "close"
        } else {
            "keep-alive"
        };
        let mut text = format!("HTTP/1.1 {} {}\r\n", self.status, reason(self.status));
        for (name, value) in &self.headers {
            text += &format!("{name}: {value}\r\n");
        }
        text += &format!(
            "Content-Type: {}\r\nContent-Length: {}\r\nDate: {}\r\nServer: {}\r\nConnection: \
             {connection}\r\n\r\n",
            self.content_type,
            self.body.len(),
            date::http(at),
            self.server,
        );
        if request.method != "HEAD" {
            text += &self.body;
        }
        text.into()
    }
}
