//! What `curl` prints while it talks; its command line is `curl_command`'s, the connection is
//! `connect`'s. Standard output is a terminal: no progress is shown, and lines are written whole.

use std::net::SocketAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;

use super::Printer;
use super::connect::reason;
use super::write_out::{Facts, write_out};
use crate::host::program::http::{HttpClient, header};
use crate::host::program::tls::TlsClient;
use crate::host::program::{Act, Done, Moment};
use crate::host::tcp::SocketError;

/// Behind the complaint about a certificate.
const UNTRUSTED: &str = "More details here: https://curl.se/docs/sslcerts.html\n\n\
    curl failed to verify the legitimacy of the server and therefore could not\n\
    establish a secure connection to it. To learn more about this situation and\n\
    how to fix it, please visit the web page mentioned above.\n";

/// What a `curl` does besides the exchange itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Flags {
    pub(super) verbose: bool,
    pub(super) silent: bool,
    pub(super) show_errors: bool,
    pub(super) fail: bool,
    /// The head of the answer is printed.
    pub(super) headers: bool,
    pub(super) discard: bool,
    /// `-D -`: the head is printed whatever becomes of the body.
    pub(super) dump: bool,
    /// `-4` or `-6`.
    pub(super) version: Option<char>,
}

/// A `curl` at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Curl {
    pub(super) client: HttpClient,
    /// Of `https`; the request waits until it is open.
    pub(super) tls: Option<Box<TlsClient>>,
    pub(super) flags: Flags,
    pub(super) write_out: String,
    pub(super) url: String,
    /// Which of the command's URLs, from 0.
    pub(super) nth: usize,
    pub(super) port: u16,
    /// `https`.
    pub(super) secure: bool,
    /// Who logs in.
    pub(super) user: Option<String>,
    /// The number that `-v` gives the connection.
    pub(super) connection: usize,
    /// It is that of an earlier URL.
    pub(super) reused: bool,
    /// The answer is whole, and the server leaves the connection open.
    pub(super) whole: bool,
    /// What `--resolve` added, and whether it was used: lines of `-v`.
    pub(super) preface: Vec<String>,
    pub(super) looked_up_at: Option<SimTime>,
    pub(super) connected_at: Option<SimTime>,
    /// The TLS handshake was over then.
    pub(super) secured_at: Option<SimTime>,
    pub(super) first_at: Option<SimTime>,
    /// The other end, once it is connected to.
    pub(super) peer: Option<SocketAddr>,
    pub(super) local: Option<SocketAddr>,
    pub(super) received: u64,
    /// Why the last address failed.
    pub(super) error: Option<SocketError>,
}

/// What came through TLS.
#[derive(Debug, Default)]
pub(super) struct Decrypted {
    /// One `send()` each.
    pub(super) send: Vec<Bytes>,
    pub(super) data: Vec<Bytes>,
    /// The other side will say no more.
    pub(super) ended: bool,
    /// It is over: the exit code.
    pub(super) status: Option<i32>,
}

impl Curl {
    /// What is written once the connection is there.
    pub(super) fn request(&mut self, printer: &mut Printer) -> Vec<Bytes> {
        let Some(tls) = &mut self.tls else {
            return self.plain_request(printer);
        };
        let hello = tls.start();
        if self.flags.verbose {
            printer.err("* ALPN: offers h2,http/1.1\n");
        }
        vec![hello]
    }

    /// Octets of the connection through TLS: what they say, and what is to be written.
    pub(super) fn through_tls(
        &mut self,
        data: Vec<Bytes>,
        moment: Moment,
        times: (SimTime, SimTime),
        printer: &mut Printer,
    ) -> Decrypted {
        let Some(mut tls) = self.tls.take() else {
            return Decrypted {
                data,
                ..Decrypted::default()
            };
        };
        let heard = tls.on_data(data, moment);
        let mut found = Decrypted {
            send: heard.send,
            data: heard.data,
            ended: heard.closed,
            status: None,
        };
        if heard.opened {
            self.secured_at = Some(moment.now);
            if self.flags.verbose {
                let (version, suite) = tls.agreed();
                printer.err(format!("* SSL connection using {version} / {suite}\n"));
                printer.err("* using HTTP/1.1\n");
            }
            let request = self.plain_request(printer);
            found.send.extend(request.iter().map(|it| tls.seal(it)));
        }
        self.tls = Some(tls);
        if let Some(trouble) = heard.trouble {
            let (status, text) = trouble.curl();
            found.status = Some(self.complain(status, &text, times, printer));
        }
        found
    }

    fn plain_request(&mut self, printer: &mut Printer) -> Vec<Bytes> {
        if self.flags.verbose {
            if let Some(user) = &self.user {
                printer.err(format!("* Server auth using Basic with user '{user}'\n"));
            }
            for line in self.client.request_head().lines() {
                printer.err(format!("> {line}\n"));
            }
        }
        let acts = self.client.start().into_iter();
        acts.filter_map(|act| match act {
            Act::Send(data) => Some(data),
            _ => None,
        })
        .collect()
    }

    pub(super) fn print_trying(&self, to: SocketAddr, printer: &mut Printer) {
        if self.flags.verbose {
            for line in &self.preface {
                printer.err(format!("* {line}\n"));
            }
            printer.err(format!("*   Trying {to}...\n"));
        }
    }

    pub(super) fn print_failure(
        &mut self,
        to: SocketAddr,
        error: SocketError,
        printer: &mut Printer,
    ) {
        self.preface.clear();
        self.error = Some(error);
        if self.flags.verbose {
            let (ip, port, why) = (to.ip(), to.port(), reason(error));
            printer.err(format!("* connect to {ip} port {port} failed: {why}\n"));
        }
    }

    /// The machine did not even try.
    pub(super) fn print_refusal(&mut self, to: SocketAddr, why: &str, printer: &mut Printer) {
        self.preface.clear();
        if self.flags.verbose {
            printer.err(format!("* Immediate connect fail for {}: {why}\n", to.ip()));
        }
    }

    pub(super) fn print_opening(&self, name: &str, to: SocketAddr, printer: &mut Printer) {
        if !self.flags.verbose {
            return;
        }
        let (ip, port) = (to.ip(), to.port());
        let number = self.connection;
        printer.err(format!(
            "* Connected to {name} ({ip}) port {port} (#{number})\n"
        ));
    }

    /// The connection of an earlier URL serves this one as well.
    pub(super) fn print_reused(&self, name: &str, printer: &mut Printer) {
        if !self.flags.verbose {
            return;
        }
        let number = self.connection;
        // Where in curl's memory the connection is known.
        let place = 0x5581_0a20_4440_u64 + 0x40 * number as u64;
        printer.err(format!(
            "* Found bundle for host: {place:#x} [serially]\n\
             * Can not multiplex, even if we wanted to\n\
             * Re-using existing connection #{number} with host {name}\n"
        ));
    }

    /// Writes the request of a connection that is open already.
    pub(super) fn request_again(&mut self, printer: &mut Printer) -> Vec<Bytes> {
        let request = self.plain_request(printer);
        match &mut self.tls {
            Some(tls) => request.iter().map(|it| tls.seal(it)).collect(),
            None => request,
        }
    }

    /// No address is left.
    pub(super) fn exhausted(
        &self,
        name: &str,
        to: SocketAddr,
        times: (SimTime, SimTime),
        printer: &mut Printer,
    ) -> i32 {
        if to.ip().is_unspecified() {
            // The name has no address of the version that was asked for.
            return self.complain(7, "Couldn't connect to server", times, printer);
        }
        let (port, millis) = (to.port(), times.1.since(times.0).as_millis());
        let text = format!(
            "Failed to connect to {name} port {port} after {millis} ms: Couldn't connect to server"
        );
        let late = self.error == Some(SocketError::TimedOut);
        self.complain(if late { 28 } else { 7 }, &text, times, printer)
    }

    /// `--connect-timeout` is over.
    pub(super) fn connect_timed_out(
        &self,
        name: &str,
        to: SocketAddr,
        times: (SimTime, SimTime),
        printer: &mut Printer,
    ) -> i32 {
        let (port, millis) = (to.port(), times.1.since(times.0).as_millis());
        if self.flags.verbose {
            let version = if to.is_ipv4() { "ipv4" } else { "ipv6" };
            printer.err(format!(
                "* {version} connect timeout after {millis}ms, move on!\n"
            ));
        }
        let text = format!(
            "Failed to connect to {name} port {port} after {millis} ms: Timeout was reached"
        );
        self.complain(28, &text, times, printer)
    }

    /// `-m` is over.
    pub(super) fn timed_out(
        &self,
        talking: bool,
        times: (SimTime, SimTime),
        printer: &mut Printer,
    ) -> i32 {
        let millis = times.1.since(times.0).as_millis();
        let text = match (talking, self.announced()) {
            (false, _) => format!("Connection timed out after {millis} milliseconds"),
            (true, Some(all)) => format!(
                "Operation timed out after {millis} milliseconds with {} out of {all} bytes received",
                self.client.body_len
            ),
            (true, None) => format!(
                "Operation timed out after {millis} milliseconds with {} bytes received",
                self.client.body_len
            ),
        };
        self.complain(28, &text, times, printer)
    }

    /// `Content-Length` of the answer.
    fn announced(&self) -> Option<u64> {
        let head = self.client.head.as_ref()?;
        header(head, "content-length")?.parse().ok()
    }

    /// Ends without an answer that counts: when it began, and when that is.
    pub(super) fn complain(
        &self,
        status: i32,
        text: &str,
        (started, ended): (SimTime, SimTime),
        printer: &mut Printer,
    ) -> i32 {
        if self.flags.verbose {
            let number = self.connection;
            printer.err(format!("* {text}\n* Closing connection {number}\n"));
        }
        if !self.flags.silent || self.flags.show_errors {
            printer.err(format!("curl: ({status}) {text}\n"));
            if status == 60 {
                printer.err(UNTRUSTED);
            }
        }
        let facts = Facts {
            started,
            ended,
            status,
            error: text,
        };
        write_out(self, &facts, printer);
        status
    }

    /// Takes what came; a status when it is over.
    pub(super) fn exchanged(
        &mut self,
        name: &str,
        (started, now): (SimTime, SimTime),
        data: Vec<Bytes>,
        (ended, error): (bool, Option<SocketError>),
        printer: &mut Printer,
    ) -> Option<i32> {
        self.received += data.iter().map(|piece| piece.len() as u64).sum::<u64>();
        if !data.is_empty() && self.first_at.is_none() {
            self.first_at = Some(now);
        }
        let mut done = None;
        if !data.is_empty() {
            let acts = self.client.on_data(data).into_iter();
            done = acts.rev().find_map(|act| match act {
                Act::Done(done) => Some(done),
                _ => None,
            });
        }
        if self.client.speaks_no_http() {
            return Some(self.complain(
                1,
                "Received HTTP/0.9 when not allowed",
                (started, now),
                printer,
            ));
        }
        if done.is_none() && ended && error.is_none() {
            done = self.client.on_end();
        }
        if let Some(done) = done {
            self.whole = !done.last && !ended;
            return Some(self.finished(name, (started, now), &done, printer));
        }
        if let Some(error) = error {
            let text = format!("Recv failure: {}", reason(error));
            return Some(self.complain(56, &text, (started, now), printer));
        }
        ended.then(|| self.closed_early((started, now), printer))
    }

    /// The answer is whole, and more may be asked for on the connection.
    pub(super) fn may_go_on(&self) -> bool {
        self.whole
    }

    fn closed_early(&self, times: (SimTime, SimTime), printer: &mut Printer) -> i32 {
        if self.received == 0 {
            return self.complain(52, "Empty reply from server", times, printer);
        }
        let left = self
            .announced()
            .unwrap_or(0)
            .saturating_sub(self.client.body_len);
        let text = format!("transfer closed with {left} bytes remaining to read");
        self.complain(18, &text, times, printer)
    }

    fn finished(
        &self,
        name: &str,
        (started, now): (SimTime, SimTime),
        done: &Done,
        printer: &mut Printer,
    ) -> i32 {
        let Flags {
            verbose,
            fail,
            headers,
            discard,
            dump,
            ..
        } = self.flags;
        let head = self.client.head.clone().unwrap_or_default();
        if verbose {
            for line in head.lines() {
                printer.err(format!("< {line}\n"));
            }
        }
        if dump {
            printer.out(head.clone());
        }
        let status = self.client.status().unwrap_or(0);
        if fail && status >= 400 {
            let text = format!("The requested URL returned error: {status}");
            return self.complain(22, &text, (started, now), printer);
        }
        let mut body = String::new();
        if !discard {
            if headers {
                body += &head;
            }
            let pieces = self.client.body.iter();
            pieces.for_each(|piece| body += &String::from_utf8_lossy(piece));
        }
        // What ends no line stays in the terminal's buffer until curl ends.
        let rest = body.split_off(body.rfind('\n').map_or(0, |at| at + 1));
        printer.out(body);
        if verbose {
            let number = self.connection;
            printer.err(match done.last {
                true => format!("* Closing connection {number}\n"),
                false => format!("* Connection #{number} to host {name} left intact\n"),
            });
        }
        printer.out(rest);
        let facts = Facts {
            started,
            ended: now,
            ..Facts::default()
        };
        write_out(self, &facts, printer);
        0
    }
}
