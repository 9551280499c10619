//! HTTP/1.1 on one connection: requests in, within limits, and responses out (RFC 9112).
//!
//! What AWS's clients use and no more: bodies with a length or in chunks, `Expect: 100-continue`,
//! connections that are kept. `httparse` reads heads. A client that sends too much or too slowly is
//! told so and let go; no request can hold more than [`body_at_most`] of memory or
//! [`REQUEST_TIME`] of a thread, and all that are large share [`LARGE_AT_MOST`].

use std::io::{self, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use http::header::{CONNECTION, CONTENT_LENGTH, EXPECT, HeaderMap, TRANSFER_ENCODING};
use http::{Method, Request, Response, StatusCode, Version};
use jiff::Timestamp;

use crate::room::{BODY_AT_MOST, LARGE_AT_MOST, TooLarge, body_at_most};

/// Octets of a request's line and headers.
const HEAD_AT_MOST: usize = 32 << 10;
const HEADERS_AT_MOST: usize = 64;
/// From a request's first octet to its last.
pub(crate) const REQUEST_TIME: Duration = Duration::from_secs(20);
/// What a client has who is turned away.
const SOON: Duration = Duration::from_secs(5);
/// From one request to the next.
const IDLE_TIME: Duration = Duration::from_secs(90);

/// A connection and what was read from it in advance.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    ahead: Vec<u8>,
    /// Octets of large bodies that all connections have now.
    large: Arc<AtomicUsize>,
    /// How many of them are this one's.
    held: usize,
}

impl Drop for Connection {
    fn drop(&mut self) {
        self.release();
    }
}

/// What a client did next.
#[derive(Debug)]
pub(crate) enum Received {
    Request(Request<Vec<u8>>),
    /// It went away, between two requests or in the middle of one.
    End,
    /// What it sent cannot be answered; the connection ends after this.
    Refused(Response<Vec<u8>>),
    /// The head of a request whose body is not read; the connection ends after the answer.
    TooLarge(Box<Request<Vec<u8>>>, TooLarge),
}

/// Why a request cannot be read.
enum Fault {
    End,
    Refused(StatusCode, &'static str),
    TooLarge(TooLarge),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => {
                Self::Refused(StatusCode::REQUEST_TIMEOUT, "the request took too long\n")
            }
            _ => Self::End,
        }
    }
}

impl Fault {
    /// What is made of it, and of as much of the request as was read.
    fn of(self, head: Request<Vec<u8>>) -> Received {
        match self {
            Self::End => Received::End,
            Self::Refused(status, text) => Received::Refused(plain(status, text)),
            Self::TooLarge(why) => Received::TooLarge(Box::new(head), why),
        }
    }
}

const BAD: Fault = Fault::Refused(StatusCode::BAD_REQUEST, "this is no HTTP request\n");

impl Connection {
    /// Takes a connection that was accepted.
    ///
    /// # Errors
    /// The socket's.
    pub(crate) fn new(stream: TcpStream, large: Arc<AtomicUsize>) -> io::Result<Self> {
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(REQUEST_TIME))?;
        Ok(Self {
            stream,
            ahead: Vec::new(),
            large,
            held: 0,
        })
    }

    /// Takes room for a body of so many octets, or says that there is none.
    fn reserve(&mut self, length: usize) -> Result<(), Fault> {
        if length <= BODY_AT_MOST {
            return Ok(());
        }
        self.held = length;
        let before = self.large.fetch_add(length, Ordering::Relaxed);
        match before + length <= LARGE_AT_MOST {
            true => Ok(()),
            false => Err(Fault::TooLarge(TooLarge::Now)),
        }
    }

    /// Gives the room of the last body back: it is answered.
    fn release(&mut self) {
        self.large.fetch_sub(self.held, Ordering::Relaxed);
        self.held = 0;
    }

    /// Waits for the next request. When something comes, `begins` is asked whether it is to be
    /// read.
    pub(crate) fn receive(&mut self, begins: impl FnOnce() -> bool) -> Received {
        self.release();
        if self.ahead.is_empty() && self.fill(Instant::now() + IDLE_TIME).is_err() {
            return Received::End;
        }
        match begins() {
            true => self.request(Instant::now() + REQUEST_TIME),
            false => Received::End,
        }
    }

    /// A request that is there, or about to be.
    pub(crate) fn receive_soon(&mut self) -> Received {
        self.request(Instant::now() + SOON)
    }

    fn request(&mut self, deadline: Instant) -> Received {
        let mut request = match self.head(deadline) {
            Ok(head) => head,
            Err(fault) => return fault.of(Request::default()),
        };
        match self.body(&request, deadline) {
            Ok(body) => *request.body_mut() = body,
            Err(fault) => return fault.of(request),
        }
        Received::Request(request)
    }

    fn head(&mut self, deadline: Instant) -> Result<Request<Vec<u8>>, Fault> {
        loop {
            let read = head(&self.ahead)?;
            let length = read.as_ref().map_or(self.ahead.len(), |it| it.1);
            if length > HEAD_AT_MOST {
                let status = StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE;
                return Err(Fault::Refused(status, "the headers are too large\n"));
            }
            match read {
                Some((request, length)) => {
                    self.ahead.drain(..length);
                    return Ok(request);
                }
                None => self.fill(deadline)?,
            }
        }
    }

    fn body(&mut self, head: &Request<Vec<u8>>, deadline: Instant) -> Result<Vec<u8>, Fault> {
        let most = body_at_most(head);
        let length = Length::of(head.headers())?;
        let wanted = match length {
            Length::Known(length) if length > most => {
                return Err(Fault::TooLarge(TooLarge::Body(most)));
            }
            Length::Known(length) => length,
            Length::Chunked => most,
        };
        self.reserve(wanted)?;
        let expects = head.headers().get(EXPECT);
        if expects.is_some_and(|it| it.as_bytes().eq_ignore_ascii_case(b"100-continue")) {
            self.stream.write_all(b"HTTP/1.1 100 Continue\r\n\r\n")?;
        }
        match length {
            Length::Known(length) => self.take(length, deadline),
            Length::Chunked => self.chunks(most, deadline),
        }
    }

    /// The next `length` octets.
    fn take(&mut self, length: usize, deadline: Instant) -> Result<Vec<u8>, Fault> {
        while self.ahead.len() < length {
            self.fill(deadline)?;
        }
        let rest = self.ahead.split_off(length);
        Ok(std::mem::replace(&mut self.ahead, rest))
    }

    fn chunks(&mut self, most: usize, deadline: Instant) -> Result<Vec<u8>, Fault> {
        let too_large = Fault::TooLarge(TooLarge::Body(most));
        let mut body = Vec::new();
        loop {
            let size = loop {
                match httparse::parse_chunk_size(&self.ahead).map_err(|_| BAD)? {
                    httparse::Status::Complete((start, size)) => {
                        self.ahead.drain(..start);
                        break size;
                    }
                    httparse::Status::Partial if self.ahead.len() > HEAD_AT_MOST => {
                        return Err(BAD);
                    }
                    httparse::Status::Partial => self.fill(deadline)?,
                }
            };
            let Some(size) = usize::try_from(size)
                .ok()
                .filter(|it| *it <= most - body.len())
            else {
                return Err(too_large);
            };
            if size == 0 {
                self.trailers(deadline)?;
                return Ok(body);
            }
            body.extend(self.take(size, deadline)?);
            if self.take(2, deadline)? != b"\r\n" {
                return Err(BAD);
            }
        }
    }

    /// Skips what follows the last chunk, up to an empty line.
    fn trailers(&mut self, deadline: Instant) -> Result<(), Fault> {
        let mut skipped = 0;
        loop {
            if let Some(end) = self.ahead.windows(2).position(|it| it == b"\r\n") {
                self.ahead.drain(..end + 2);
                skipped += end + 2;
                if end == 0 {
                    return Ok(());
                }
            } else {
                self.fill(deadline)?;
            }
            if skipped + self.ahead.len() > HEAD_AT_MOST + BODY_AT_MOST {
                return Err(BAD);
            }
        }
    }

    /// Reads more; at least one octet.
    fn fill(&mut self, deadline: Instant) -> io::Result<()> {
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(Some(left))?;
        let mut octets = [0; 16 << 10];
        match self.stream.read(&mut octets)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            length => {
                self.ahead.extend(&octets[..length]);
                Ok(())
            }
        }
    }

    /// Sends a response; `to` is the method that it answers, `close` whether it is the last.
    ///
    /// # Errors
    /// The socket's.
    pub(crate) fn send(
        &mut self,
        response: &Response<Vec<u8>>,
        to: &Method,
        close: bool,
    ) -> io::Result<()> {
        let status = response.status();
        let reason = status.canonical_reason().unwrap_or_default();
        // The wall clock's date: clients compare it with their own (RFC 9110, section 6.6.1).
        let date = Timestamp::now().strftime("%a, %d %b %Y %H:%M:%S GMT");
        // What is asked for by HEAD may have said how long it would be.
        let said = response
            .headers()
            .get(CONTENT_LENGTH)
            .filter(|_| *to == Method::HEAD);
        let said = said.and_then(|it| it.to_str().ok()?.parse().ok());
        let length: usize = said.unwrap_or_else(|| response.body().len());
        let connection = if close { "close" } else { "keep-alive" };
        let mut octets = format!(
            "HTTP/1.1 {} {reason}\r\nDate: {date}\r\nConnection: {connection}\r\n\
             Content-Length: {length}\r\n",
            status.as_u16()
        )
        .into_bytes();
        for (name, value) in response
            .headers()
            .iter()
            .filter(|it| it.0 != CONTENT_LENGTH)
        {
            octets.extend(name.as_str().bytes().chain(*b": "));
            octets.extend(value.as_bytes().iter().chain(b"\r\n"));
        }
        octets.extend(b"\r\n");
        if *to != Method::HEAD {
            octets.extend(response.body());
        }
        self.stream.write_all(&octets)
    }

    /// Ends the connection so that a client which is still sending gets to read what was sent to
    /// it: a close with octets unread would be a reset (RFC 9112, section 9.6).
    pub(crate) fn end(mut self) {
        if self.stream.shutdown(Shutdown::Write).is_err() {
            return;
        }
        let deadline = Instant::now() + Duration::from_secs(2);
        for _ in 0..256 {
            self.ahead.clear();
            if self.fill(deadline).is_err() {
                return;
            }
        }
    }
}

/// How long a body is.
enum Length {
    Known(usize),
    Chunked,
}

impl Length {
    fn of(headers: &HeaderMap) -> Result<Self, Fault> {
        let mut lengths = headers.get_all(CONTENT_LENGTH).iter();
        match (
            headers.get(TRANSFER_ENCODING),
            lengths.next(),
            lengths.next(),
        ) {
            (None, None, _) => Ok(Self::Known(0)),
            (None, Some(length), None) => {
                let length = length
                    .to_str()
                    .ok()
                    .filter(|it| it.bytes().all(|it| it.is_ascii_digit()));
                let length = length.ok_or(BAD)?;
                // More digits than a number has are too large in any case.
                Ok(Self::Known(length.parse().unwrap_or(usize::MAX)))
            }
            (Some(coding), None, _) if coding.as_bytes().eq_ignore_ascii_case(b"chunked") => {
                Ok(Self::Chunked)
            }
            // Two lengths, or a length and chunks: RFC 9112, section 6.3.
            _ => Err(BAD),
        }
    }
}

/// A request whose body is still to come, and how long its head is.
type Head = (Request<Vec<u8>>, usize);

/// The head at the start of `octets`; `None`: it is not whole yet.
fn head(octets: &[u8]) -> Result<Option<Head>, Fault> {
    let mut headers = [httparse::EMPTY_HEADER; HEADERS_AT_MOST];
    let mut parsed = httparse::Request::new(&mut headers);
    let length = match parsed.parse(octets).map_err(|_| BAD)? {
        httparse::Status::Complete(length) => length,
        httparse::Status::Partial => return Ok(None),
    };
    let version = match parsed.version {
        Some(0) => Version::HTTP_10,
        _ => Version::HTTP_11,
    };
    let request = Request::builder()
        .method(parsed.method.unwrap_or_default())
        .uri(parsed.path.unwrap_or_default())
        .version(version);
    let mut request = request.body(Vec::new()).map_err(|_| BAD)?;
    for header in parsed.headers.iter() {
        let name = http::HeaderName::from_bytes(header.name.as_bytes()).map_err(|_| BAD)?;
        let value = http::HeaderValue::from_bytes(header.value).map_err(|_| BAD)?;
        request.headers_mut().append(name, value);
    }
    Ok(Some((request, length)))
}

/// Whether the client wants no more after this request.
pub(crate) fn is_last(request: &Request<Vec<u8>>) -> bool {
    let connection = request.headers().get(CONNECTION);
    let says = |word: &str| {
        let text = connection
            .and_then(|it| it.to_str().ok())
            .unwrap_or_default();
        text.split(',')
            .any(|it| it.trim().eq_ignore_ascii_case(word))
    };
    match request.version() {
        Version::HTTP_10 => !says("keep-alive"),
        _ => says("close"),
    }
}

/// A response for whoever looks.
pub(crate) fn plain(status: StatusCode, text: &str) -> Response<Vec<u8>> {
    let response = Response::builder().status(status);
    let response = response.header("Content-Type", "text/plain;charset=UTF-8");
    response
        .body(text.as_bytes().to_vec())
        .expect("the headers are constants")
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn a_client_that_stops_in_the_middle_of_a_request_is_told_so() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let port = listener.local_addr().expect("an address");
        let head = "POST / HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\n";
        for sent in [head.to_owned(), format!("{head}\r\nAct")] {
            let mut client = TcpStream::connect(port).expect("a listener");
            client.write_all(sent.as_bytes()).expect("a connection");
            let (stream, _) = listener.accept().expect("a client");
            let mut connection = Connection::new(stream, Arc::default()).expect("a connection");
            let request = connection.request(Instant::now() + Duration::from_millis(50));
            let status = match request {
                Received::Refused(response) => response.status(),
                _ => panic!("half a request was taken for one, or for an end"),
            };
            assert_eq!(status, StatusCode::REQUEST_TIMEOUT);
        }
    }
}
