//! The listener: loopback alone, a thread for each connection.
//!
//! A session answers one request at a time, so there is nothing that more machinery could do at
//! once; threads keep slow clients out of each other's way.

use std::io;
use std::net::{Ipv4Addr, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use http::{Method, Request, StatusCode};

use crate::endpoint::Endpoint;
use crate::http1::{self, Connection, Received, plain};
use crate::own::{self, Asked};
use crate::places::{Place, Places};

/// Clients at once. A boto3 client has up to ten.
const CONNECTIONS_AT_MOST: usize = 128;

/// Clients at once that are told that there is no place.
const TURNED_AWAY_AT_MOST: usize = 32;

/// As the main thread of a program has: long runs of a world nest deep in debug builds.
const STACK: usize = 8 << 20;

/// An endpoint that listens.
#[derive(Debug)]
pub struct Server {
    listener: TcpListener,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    endpoint: Endpoint,
    port: u16,
    stopping: AtomicBool,
    places: Arc<Places>,
    /// Clients that are told that there is no place.
    turned_away: AtomicUsize,
    /// Octets of large bodies that are being answered.
    large: Arc<AtomicUsize>,
}

/// Ends a [`Server`] from another thread.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<Shared>);

impl Server {
    /// Listens on `port` of 127.0.0.1; 0 is any that is free. Connections wait from now on.
    ///
    /// # Errors
    /// The port is taken or not ours to take.
    pub fn bind(endpoint: Endpoint, port: u16) -> io::Result<Self> {
        Self::bind_for(endpoint, port, CONNECTIONS_AT_MOST)
    }

    /// The same for so many connections at once.
    ///
    /// # Errors
    /// As [`Server::bind`].
    pub fn bind_for(endpoint: Endpoint, port: u16, connections: usize) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))?;
        let port = listener.local_addr()?.port();
        let shared = Arc::new(Shared {
            endpoint,
            port,
            stopping: AtomicBool::new(false),
            places: Arc::new(Places::new(connections)),
            turned_away: AtomicUsize::new(0),
            large: Arc::default(),
        });
        Ok(Self { listener, shared })
    }

    /// The port.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.shared.port
    }

    /// What `AWS_ENDPOINT_URL` is to be.
    #[must_use]
    pub fn url(&self) -> String {
        format!("http://127.0.0.1:{}", self.shared.port)
    }

    /// What [`stop`](crate::stop) must be given.
    #[must_use]
    pub fn secret(&self) -> &str {
        self.shared.endpoint.secret()
    }

    /// A handle that ends it.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.shared))
    }

    /// Answers until it is stopped. Whatever has been answered is written when this returns.
    ///
    /// # Errors
    /// The listening socket's.
    pub fn run(self) -> io::Result<()> {
        let tidying = Tidying::start(&self.shared)?;
        for stream in self.listener.incoming() {
            if self.shared.stopping.load(Ordering::Acquire) {
                break;
            }
            match stream {
                Ok(stream) => accept(&self.shared, stream),
                // A client that has gone again, or no file descriptor free: others may fare better.
                Err(_) => thread::sleep(Duration::from_millis(10)),
            }
        }
        drop(tidying);
        self.shared.endpoint.end();
        Ok(())
    }
}

impl Stopper {
    /// Ends the server; requests that are being answered are finished.
    pub fn stop(&self) {
        self.0.stop();
    }
}

impl Shared {
    fn stop(&self) {
        self.stopping.store(true, Ordering::Release);
        // Wakes the accepting thread; if nobody accepts, there is nothing to wake.
        drop(TcpStream::connect((Ipv4Addr::LOCALHOST, self.port)));
    }
}

/// How often it is looked whether something waits to be written.
const TIDY: Duration = Duration::from_millis(250);
/// After so many looks it is written while clients are busy.
const BUSY_AT_MOST: u32 = 8;

/// The thread that writes what no client waits for.
struct Tidying {
    over: mpsc::Sender<()>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Tidying {
    fn start(shared: &Arc<Shared>) -> io::Result<Self> {
        let shared = Arc::clone(shared);
        let (over, told) = mpsc::channel();
        let tidy = move || {
            let (mut before, mut busy) = (0, 0);
            while told.recv_timeout(TIDY) == Err(RecvTimeoutError::Timeout) {
                shared.endpoint.keep_pace(false);
                let requests = shared.endpoint.requests();
                let is_quiet = requests == before;
                before = requests;
                busy = if is_quiet { 0 } else { busy + 1 };
                if is_quiet || busy % BUSY_AT_MOST == 0 {
                    shared.endpoint.settle_down(is_quiet);
                }
            }
        };
        let thread = thread::Builder::new().stack_size(STACK).spawn(tidy)?;
        Ok(Self {
            over,
            thread: Some(thread),
        })
    }
}

impl Drop for Tidying {
    fn drop(&mut self) {
        self.over.send(()).ok();
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

fn accept(shared: &Arc<Shared>, stream: TcpStream) {
    let Ok(place) = shared.places.take(&stream) else {
        return;
    };
    let shared = Arc::clone(shared);
    let large = Arc::clone(&shared.large);
    let serve = move || match (Connection::new(stream, large), place) {
        (Ok(connection), Some(place)) => serve(&shared, connection, &place),
        (Ok(connection), None) => turn_away(&shared, connection),
        (Err(_), _) => {}
    };
    // Without a thread the connection is closed, and the client says so.
    drop(thread::Builder::new().stack_size(STACK).spawn(serve));
}

/// Says in the client's dialect that it may try again, if it asks soon.
fn turn_away(shared: &Shared, mut connection: Connection) {
    if shared.turned_away.fetch_add(1, Ordering::Relaxed) < TURNED_AWAY_AT_MOST
        && let Received::Request(request) = connection.receive_soon()
    {
        let response = shared.endpoint.no_place(&request);
        if connection.send(&response, request.method(), true).is_ok() {
            connection.end();
        }
    }
    shared.turned_away.fetch_sub(1, Ordering::Relaxed);
}

fn serve(shared: &Shared, mut connection: Connection, place: &Place) {
    loop {
        let request = match connection.receive(|| place.idle.is_asked()) {
            Received::Request(request) => request,
            Received::End => return,
            Received::TooLarge(request, why) => {
                let response = shared.endpoint.too_large(&request, why);
                if connection.send(&response, request.method(), true).is_ok() {
                    connection.end();
                }
                return;
            }
            Received::Refused(response) => {
                if connection.send(&response, &Method::GET, true).is_ok() {
                    connection.end();
                }
                return;
            }
        };
        let (response, stop) = if !is_to_loopback(&request) {
            let text = "this endpoint answers to 127.0.0.1 and localhost alone\n";
            (plain(StatusCode::MISDIRECTED_REQUEST, text), false)
        } else if is_from_another_page(&request) {
            let text = "this endpoint answers no page from elsewhere\n";
            (plain(StatusCode::FORBIDDEN, text), false)
        } else {
            match own::answer(&shared.endpoint, &request) {
                Asked::Nothing => (shared.endpoint.answer(&request), false),
                Asked::Answer(response) => (response, false),
                Asked::Stop(response) => (response, true),
            }
        };
        let last = stop || http1::is_last(&request);
        let sent = connection.send(&response, request.method(), last);
        if stop {
            shared.stop();
        }
        if last || sent.is_err() {
            return;
        }
        place.waits();
    }
}

/// Whether the request names loopback as its host. A page from elsewhere whose name was made to
/// lead here (DNS rebinding) names its own.
fn is_to_loopback(request: &Request<Vec<u8>>) -> bool {
    header(request, "host").is_some_and(is_loopback)
}

/// Whether a browser asks because a page from elsewhere made it: in whatever protocol, with a key
/// that anybody knows, such a request would be as good as the learner's own. Browsers name the
/// page's origin (Fetch Standard, "`Origin` header") or how near it is (W3C Fetch Metadata Request
/// Headers, `Sec-Fetch-Site`); the clients of AWS send neither.
fn is_from_another_page(request: &Request<Vec<u8>>) -> bool {
    let of = |name| request.headers().get(name);
    let is_foreign_origin = of("origin").is_some_and(|it| {
        let origin = it.to_str().unwrap_or_default();
        let host = origin.strip_prefix("http://");
        // Another server of this machine is not this one.
        host.is_none_or(|it| !is_loopback(it) || header(request, "host") != Some(it))
    });
    let is_near = |it: &[u8]| matches!(it, b"same-origin" | b"none");
    is_foreign_origin || of("sec-fetch-site").is_some_and(|it| !is_near(it.as_bytes()))
}

fn header<'r>(request: &'r Request<Vec<u8>>, name: &str) -> Option<&'r str> {
    let value = request.headers().get(name);
    value.and_then(|it| it.to_str().ok())
}

fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|it| it.is_ascii_digit()) => name,
        _ => host,
    };
    name == "127.0.0.1" || name == "localhost" || name.ends_with(".localhost")
}
