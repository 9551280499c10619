//! What the endpoint says of itself, for the shell around it: `/_wirelab/...`.
//!
//! `GET /_wirelab` tells which lab and which moment this is; `POST /_wirelab/reset` takes a sandbox
//! back to where it began; `POST /_wirelab/advance` with a body such as `10m` lets time pass in it;
//! `POST /_wirelab/stop` ends the server. Stopping, and resetting or advancing a lab, are for those
//! who know the endpoint's secret. A browser that is made to ask by a page from elsewhere is
//! refused before this (the listener's business).

use std::io::{self, Read, Write};
use std::net::{Ipv4Addr, SocketAddrV4, TcpStream};
use std::time::Duration;

use http::{Method, Request, Response, StatusCode};
use wirelab_model::SimDuration;

use crate::endpoint::{About, Endpoint};
use crate::http1::plain;

const ROOT: &str = "/_wirelab";
const SECRET_HEADER: &str = "x-wirelab-secret";

/// What came of a request for the endpoint itself.
pub(crate) enum Asked {
    /// It was one for a service.
    Nothing,
    /// Answer and go on.
    Answer(Response<Vec<u8>>),
    /// Answer and stop.
    Stop(Response<Vec<u8>>),
}

/// Answers a request if it is for the endpoint itself.
pub(crate) fn answer(endpoint: &Endpoint, request: &Request<Vec<u8>>) -> Asked {
    let path = request.uri().path();
    if path != ROOT && !path.starts_with("/_wirelab/") {
        return Asked::Nothing;
    }
    match (request.method(), path) {
        (&Method::GET, ROOT) => Asked::Answer(about_response(endpoint)),
        (&Method::POST, "/_wirelab/stop") => match knows_secret(endpoint, request) {
            true => Asked::Stop(plain(StatusCode::OK, "stopping\n")),
            false => Asked::Answer(plain(StatusCode::FORBIDDEN, "the secret is wrong\n")),
        },
        (&Method::POST, "/_wirelab/reset") => Asked::Answer(reset(endpoint, request)),
        (&Method::POST, "/_wirelab/advance") => Asked::Answer(advance(endpoint, request)),
        _ => Asked::Answer(plain(
            StatusCode::NOT_FOUND,
            "there is no such thing here\n",
        )),
    }
}

fn knows_secret(endpoint: &Endpoint, request: &Request<Vec<u8>>) -> bool {
    let secret = request.headers().get(SECRET_HEADER);
    secret.is_some_and(|it| it.as_bytes() == endpoint.secret().as_bytes())
}

fn reset(endpoint: &Endpoint, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    match endpoint.reset(knows_secret(endpoint, request)) {
        Ok(true) => about_response(endpoint),
        Ok(false) => {
            let text = "a lab is taken back by `wirelab reset`, or with the endpoint's secret\n";
            plain(StatusCode::FORBIDDEN, text)
        }
        Err(error) => plain(StatusCode::CONFLICT, &format!("{error}\n")),
    }
}

/// No request lets more time pass than this: a client waits for its answer.
const AT_MOST: SimDuration = SimDuration::from_secs(366 * 86_400);

fn advance(endpoint: &Endpoint, request: &Request<Vec<u8>>) -> Response<Vec<u8>> {
    let text = std::str::from_utf8(request.body()).unwrap_or_default();
    let by: Option<SimDuration> = text.trim().parse().ok();
    let Some(by) = by.filter(|it| *it <= AT_MOST) else {
        let text = "the body says how long, as `90s`, `10m`, `1h30m` or `1d`; 366d at most\n";
        return plain(StatusCode::BAD_REQUEST, text);
    };
    match endpoint.advance(knows_secret(endpoint, request), by) {
        Ok(true) => about_response(endpoint),
        Ok(false) => {
            let text =
                "a lab's time is passed by `wirelab advance`, or with the endpoint's secret\n";
            plain(StatusCode::FORBIDDEN, text)
        }
        Err(error) => plain(StatusCode::CONFLICT, &format!("{error}\n")),
    }
}

fn about_response(endpoint: &Endpoint) -> Response<Vec<u8>> {
    match endpoint.about() {
        Ok(about) => {
            let body = serde_json::to_vec(&about).expect("plain members");
            let response = Response::builder().header("Content-Type", "application/json");
            response.body(body).expect("the headers are constants")
        }
        Err(error) => plain(StatusCode::CONFLICT, &format!("{error}\n")),
    }
}

/// Asks the endpoint at `port` of loopback what it serves.
///
/// # Errors
/// Nobody there; somebody else there; a session that cannot go on.
pub fn about(port: u16) -> io::Result<About> {
    let body = ask(port, "GET /_wirelab", "")?;
    serde_json::from_str(&body).map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))
}

/// Ends the endpoint at `port` of loopback; `secret` is [`Endpoint::secret`].
///
/// # Errors
/// Nobody there; a wrong secret.
pub fn stop(port: u16, secret: &str) -> io::Result<()> {
    if !secret.bytes().all(|it| it.is_ascii_alphanumeric()) {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "this is no secret",
        ));
    }
    ask(
        port,
        "POST /_wirelab/stop",
        &format!("{SECRET_HEADER}: {secret}\r\n"),
    )
    .map(drop)
}

fn ask(port: u16, line: &str, header: &str) -> io::Result<String> {
    let address = SocketAddrV4::new(Ipv4Addr::LOCALHOST, port);
    let mut stream = TcpStream::connect_timeout(&address.into(), Duration::from_secs(2))?;
    stream.set_read_timeout(Some(Duration::from_secs(30)))?;
    let request = format!(
        "{line} HTTP/1.1\r\nHost: {address}\r\n{header}Content-Length: 0\r\nConnection: close\r\n\r\n"
    );
    stream.write_all(request.as_bytes())?;
    let mut text = String::new();
    stream.take(1 << 16).read_to_string(&mut text)?;
    match text.split_once("\r\n\r\n") {
        Some((head, body)) if head.starts_with("HTTP/1.1 200 ") => Ok(body.to_owned()),
        Some((_, body)) => Err(io::Error::other(body.trim().to_owned())),
        None => Err(io::Error::new(
            io::ErrorKind::InvalidData,
            "this is no endpoint",
        )),
    }
}
