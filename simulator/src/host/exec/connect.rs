//! `curl` and `nc`: one TCP connection.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};

use super::{Printer, Refusal, Start, Started, Task, address, argument, number, seconds};
use crate::host::output::ExecId;
use crate::host::program::http::{Ask, HttpClient};
use crate::host::program::{Act, Done};
use crate::host::stack::{SocketId, SocketOptions};
use crate::host::tcp::{Connection, SocketError};
use crate::host::{Host, Owner};

/// What the connection is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Purpose {
    Curl(Box<Curl>),
    /// `nc -z`: see whether it opens.
    Probe {
        verbose: bool,
    },
}

/// What a `curl` does besides the exchange itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Curl {
    client: HttpClient,
    verbose: bool,
    silent: bool,
    show_errors: bool,
    fail: bool,
    headers: bool,
    discard: bool,
    write_out: String,
    connected_at: Option<SimTime>,
    received: u64,
}

/// A command with a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Connect {
    purpose: Purpose,
    to: SocketAddr,
    socket: Option<SocketId>,
    talking: bool,
    started: SimTime,
    deadline: Option<SimTime>,
    connect_deadline: Option<SimTime>,
}

const CURL_USAGE: &str = "usage: curl [-v] [-s] [-S] [-f] [-I] [-i] [-m SECONDS] \
    [--connect-timeout SECONDS] [-o /dev/null] [-X METHOD] [-A AGENT] [-w FORMAT] http://ADDRESS[:PORT]/PATH\n";
const NC_USAGE: &str = "usage: nc -z [-v] [-w SECONDS] ADDRESS PORT\n";

struct CurlOptions {
    curl: Curl,
    to: SocketAddr,
    limit: Option<SimDuration>,
    connect_limit: Option<SimDuration>,
}

fn curl_options(arguments: &[String]) -> Result<CurlOptions, Refusal> {
    let mut words = arguments.iter();
    let (mut url, mut method, mut agent) = (None, "GET".to_owned(), "curl/7.88.1".to_owned());
    let (mut limit, mut connect_limit, mut write_out) = (None, None, String::new());
    let (mut verbose, mut silent, mut show, mut fail) = (false, false, false, false);
    let (mut headers, mut discard) = (false, false);
    while let Some(word) = words.next() {
        match word.as_str() {
            "-m" | "--max-time" => limit = Some(seconds(argument(&mut words, word)?, word)?),
            "--connect-timeout" => {
                connect_limit = Some(seconds(argument(&mut words, word)?, word)?)
            }
            "-o" | "--output" => discard = argument(&mut words, word).map(|_| true)?,
            "-X" | "--request" => method = argument(&mut words, word)?.to_owned(),
            "-A" | "--user-agent" => agent = argument(&mut words, word)?.to_owned(),
            "-w" | "--write-out" => write_out = argument(&mut words, word)?.to_owned(),
            "--head" => (method, headers) = ("HEAD".to_owned(), true),
            "--verbose" => verbose = true,
            "--silent" => silent = true,
            "--show-error" => show = true,
            "--fail" => fail = true,
            letters if letters.starts_with('-') && !letters.starts_with("--") => {
                for letter in letters.chars().skip(1) {
                    match letter {
                        'v' => verbose = true,
                        's' => silent = true,
                        'S' => show = true,
                        'f' => fail = true,
                        'i' => headers = true,
                        'I' => (method, headers) = ("HEAD".to_owned(), true),
                        '4' | 'g' | 'N' => {}
                        'o' => discard = argument(&mut words, "-o").map(|_| true)?,
                        _ => return Err(curl_refusal(letters)),
                    }
                }
            }
            option if option.starts_with("--") => return Err(curl_refusal(option)),
            text => url = Some(text.to_owned()),
        }
    }
    let url =
        url.ok_or_else(|| Refusal::usage(format!("curl: no URL specified!\n{CURL_USAGE}")))?;
    let (to, host, path) = split_url(&url)?;
    let client = HttpClient::new(Ask {
        method,
        path,
        host,
        user_agent: agent,
        body_bytes: 0,
        close: false,
    });
    let curl = Curl {
        client: if discard {
            client
        } else {
            client.keeping_body()
        },
        verbose,
        silent,
        show_errors: show,
        fail,
        headers,
        discard,
        write_out,
        connected_at: None,
        received: 0,
    };
    Ok(CurlOptions {
        curl,
        to,
        limit,
        connect_limit,
    })
}

fn curl_refusal(option: &str) -> Refusal {
    Refusal::usage(format!(
        "curl: option {option}: is unknown here\n{CURL_USAGE}"
    ))
}

/// Address and port, the `Host` field, and the path.
fn split_url(url: &str) -> Result<(SocketAddr, String, String), Refusal> {
    if url.starts_with("https://") {
        return Err(Refusal {
            text: "curl: (1) Protocol \"https\" not supported on this machine\n".to_owned(),
            status: 1,
        });
    }
    let rest = url.strip_prefix("http://").unwrap_or(url);
    let (authority, path) = match rest.find('/') {
        Some(at) => rest.split_at(at),
        None => (rest, "/"),
    };
    let (host, port) = authority.split_once(':').unwrap_or((authority, "80"));
    let ip = host.parse().map_err(|_| Refusal {
        text: format!("curl: (6) Could not resolve host: {host} (give an address)\n"),
        status: 6,
    })?;
    let to = SocketAddr::new(ip, number(port, "port")?);
    Ok((to, authority.to_owned(), path.to_owned()))
}

impl Host {
    pub(super) fn start_curl(&mut self, now: SimTime, id: ExecId, arguments: &[String]) -> Start {
        let options = curl_options(arguments)?;
        let task = Connect {
            purpose: Purpose::Curl(Box::new(options.curl)),
            to: options.to,
            socket: None,
            talking: false,
            started: now,
            deadline: options.limit.map(|limit| now + limit),
            connect_deadline: options.connect_limit.map(|limit| now + limit),
        };
        self.schedule_connect(id, &task);
        Ok(Started::Running(Task::Connect(task)))
    }

    pub(super) fn start_nc(&mut self, now: SimTime, id: ExecId, arguments: &[String]) -> Start {
        let mut words = arguments.iter();
        let (mut verbose, mut probe, mut limit) = (false, false, None);
        let mut places = Vec::new();
        while let Some(word) = words.next() {
            match word.strip_prefix('-') {
                None => places.push(word.clone()),
                Some("w") => limit = Some(seconds(argument(&mut words, "-w")?, "-w")?),
                Some(letters) => {
                    for letter in letters.chars() {
                        match letter {
                            'v' => verbose = true,
                            'z' => probe = true,
                            'n' | '4' => {}
                            'w' => limit = Some(seconds(argument(&mut words, "-w")?, "-w")?),
                            _ => return Err(Refusal::usage(NC_USAGE)),
                        }
                    }
                }
            }
        }
        let [host, port] = &places[..] else {
            return Err(Refusal::usage(NC_USAGE));
        };
        if !probe {
            return Err(Refusal::usage(format!(
                "nc: only -z is supported here\n{NC_USAGE}"
            )));
        }
        let task = Connect {
            purpose: Purpose::Probe { verbose },
            to: SocketAddr::new(address(host)?, number(port, "port")?),
            socket: None,
            talking: false,
            started: now,
            deadline: limit.map(|limit| now + limit),
            connect_deadline: None,
        };
        self.schedule_connect(id, &task);
        Ok(Started::Running(Task::Connect(task)))
    }

    fn schedule_connect(&mut self, id: ExecId, task: &Connect) {
        for at in [task.deadline, task.connect_deadline].into_iter().flatten() {
            self.wake_exec(at, id);
        }
    }

    /// Opens the connection, or sees that time is over.
    pub(super) fn connect_tick(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Connect,
        printer: &mut Printer,
    ) -> Option<i32> {
        if task.socket.is_none() {
            task.announce(printer);
            let options = SocketOptions {
                no_delay: true,
                keepalive: None,
            };
            match self.stack.connect(now, task.to, options) {
                Ok(socket) => {
                    task.socket = Some(socket);
                    self.owners.insert(socket, Owner::Exec(id));
                }
                Err(error) => return Some(task.failed(now, error, printer)),
            }
            return None;
        }
        let over = |at: Option<SimTime>| at.is_some_and(|at| at <= now);
        let late = over(task.deadline) || (over(task.connect_deadline) && !task.talking);
        if !late {
            return None;
        }
        let status = task.timed_out(now, printer);
        self.end_connect(now, task);
        Some(status)
    }

    fn end_connect(&mut self, now: SimTime, task: &mut Connect) {
        if let Some(socket) = task.socket.take() {
            self.owners.remove(&socket);
            self.stack.close(now, socket);
        }
    }

    pub(super) fn advance_connect(
        &mut self,
        now: SimTime,
        _id: ExecId,
        task: &mut Connect,
        printer: &mut Printer,
    ) -> Option<i32> {
        let socket = task.socket?;
        let connection = self.stack.connection(socket)?;
        let established = connection.was_established();
        let mut status = None;
        if established && !task.talking {
            task.talking = true;
            status = self.opened(now, task, printer);
        }
        if status.is_none() {
            status = self.exchange(now, socket, task, printer);
        }
        if status.is_some() {
            self.end_connect(now, task);
        }
        status
    }

    fn opened(&mut self, now: SimTime, task: &mut Connect, printer: &mut Printer) -> Option<i32> {
        let to = task.to;
        let socket = task.socket?;
        match &mut task.purpose {
            Purpose::Probe { verbose } => {
                if *verbose {
                    printer.err(format!(
                        "Connection to {} {} port [tcp/{}] succeeded!\n",
                        to.ip(),
                        to.port(),
                        service(to.port())
                    ));
                }
                Some(0)
            }
            Purpose::Curl(curl) => {
                curl.connected_at = Some(now);
                curl.print_opening(to, printer);
                for act in curl.client.start() {
                    if let Act::Send(data) = act {
                        self.stack.with(now, socket, |connection, cx| {
                            connection.send(data, cx);
                        });
                    }
                }
                None
            }
        }
    }

    fn exchange(
        &mut self,
        now: SimTime,
        socket: SocketId,
        task: &mut Connect,
        printer: &mut Printer,
    ) -> Option<i32> {
        let data = self.stack.with(now, socket, Connection::receive)?;
        let connection = self.stack.connection(socket);
        let error = connection.and_then(|connection| connection.error);
        let ended =
            connection.is_none_or(|connection| connection.at_end() || connection.is_finished());
        if let Purpose::Curl(curl) = &mut task.purpose {
            curl.received += data.iter().map(|piece| piece.len() as u64).sum::<u64>();
            let acts = if data.is_empty() {
                Vec::new()
            } else {
                curl.client.on_data(data)
            };
            let done = acts.iter().any(|act| matches!(act, Act::Done(_)));
            let by_end = if ended && error.is_none() {
                curl.client.on_end()
            } else {
                None
            };
            if done || by_end.is_some() {
                return Some(curl.finished(task.to, task.started, now, by_end, printer));
            }
        }
        match error {
            Some(error) => Some(task.failed(now, error, printer)),
            None if ended => Some(task.closed_early(printer)),
            None => None,
        }
    }
}

/// The names of `/etc/services` that nc shows.
const fn service(port: u16) -> &'static str {
    match port {
        22 => "ssh",
        25 => "smtp",
        53 => "domain",
        80 => "http",
        443 => "https",
        3306 => "mysql",
        5432 => "postgresql",
        8080 => "http-alt",
        _ => "*",
    }
}

impl Connect {
    fn announce(&self, printer: &mut Printer) {
        if let Purpose::Curl(curl) = &self.purpose
            && curl.verbose
        {
            printer.err(format!(
                "*   Trying {}:{}...\n",
                self.to.ip(),
                self.to.port()
            ));
        }
    }

    fn failed(&self, now: SimTime, error: SocketError, printer: &mut Printer) -> i32 {
        let reason = match error {
            SocketError::TimedOut => "Connection timed out",
            SocketError::Refused => "Connection refused",
            SocketError::Reset => "Connection reset by peer",
            SocketError::HostUnreachable => "No route to host",
            SocketError::NetUnreachable => "Network is unreachable",
        };
        let (ip, port) = (self.to.ip(), self.to.port());
        match &self.purpose {
            Purpose::Probe { verbose } => {
                if *verbose {
                    printer.err(format!(
                        "nc: connect to {ip} port {port} (tcp) failed: {reason}\n"
                    ));
                }
                1
            }
            Purpose::Curl(curl) if self.talking => {
                curl.complain(56, &format!("Recv failure: {reason}"), printer)
            }
            Purpose::Curl(curl) => {
                if curl.verbose {
                    printer.err(format!("* connect to {ip} port {port} failed: {reason}\n"));
                }
                let took = now.since(self.started).as_millis();
                let text = format!(
                    "Failed to connect to {ip} port {port} after {took} ms: Couldn't connect to server"
                );
                curl.complain(
                    if error == SocketError::TimedOut {
                        28
                    } else {
                        7
                    },
                    &text,
                    printer,
                )
            }
        }
    }

    fn timed_out(&self, now: SimTime, printer: &mut Printer) -> i32 {
        let took = now.since(self.started).as_millis();
        match &self.purpose {
            Purpose::Probe { verbose } => {
                if *verbose {
                    printer.err(format!(
                        "nc: connect to {} port {} (tcp) timed out: Operation now in progress\n",
                        self.to.ip(),
                        self.to.port()
                    ));
                }
                1
            }
            Purpose::Curl(curl) if self.talking => {
                let text = format!(
                    "Operation timed out after {took} milliseconds with {} bytes received",
                    curl.client.body_len
                );
                curl.complain(28, &text, printer)
            }
            Purpose::Curl(curl) => {
                let text = format!("Connection timed out after {took} milliseconds");
                curl.complain(28, &text, printer)
            }
        }
    }

    fn closed_early(&self, printer: &mut Printer) -> i32 {
        match &self.purpose {
            Purpose::Probe { .. } => 0,
            Purpose::Curl(curl) if curl.received == 0 => {
                curl.complain(52, "Empty reply from server", printer)
            }
            Purpose::Curl(curl) => curl.complain(
                18,
                "transfer closed with outstanding read data remaining",
                printer,
            ),
        }
    }
}

impl Curl {
    fn print_opening(&self, to: SocketAddr, printer: &mut Printer) {
        if !self.verbose {
            return;
        }
        let (ip, port) = (to.ip(), to.port());
        printer.err(format!("* Connected to {ip} ({ip}) port {port} (#0)\n"));
        for line in self.client.ask().head().lines() {
            printer.err(format!("> {line}\n"));
        }
    }

    fn complain(&self, status: i32, text: &str, printer: &mut Printer) -> i32 {
        if self.verbose {
            printer.err(format!("* {text}\n* Closing connection 0\n"));
        }
        if !self.silent || self.show_errors {
            printer.err(format!("curl: ({status}) {text}\n"));
        }
        printer.out(self.formatted(SimDuration::ZERO, SimDuration::ZERO));
        status
    }

    fn finished(
        &self,
        to: SocketAddr,
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
                None => format!("* Connection #0 to host {} left intact\n", to.ip()),
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
