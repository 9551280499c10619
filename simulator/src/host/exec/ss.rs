//! `ss` of iproute2: TCP sockets.

use std::net::SocketAddr;

use wirelab_model::SimTime;

use super::names::service;
use super::options::{Syntax, Word};
use super::{Refusal, Start, printed};
use crate::host::Host;
use crate::host::tcp::{Connection, Info, State};

const USAGE: &str = "usage: ss [-4] [-t] [-u] [-a] [-l] [-n] [-i] [-o]\n";

const SYNTAX: Syntax = Syntax {
    program: "ss",
    letters: "tualnio4",
    long: &[
        ("tcp", 't'),
        ("udp", 'u'),
        ("all", 'a'),
        ("listening", 'l'),
        ("numeric", 'n'),
        ("info", 'i'),
        ("options", 'o'),
        ("ipv4", '4'),
    ],
    usage: USAGE,
};

#[derive(Default)]
struct Options {
    tcp: bool,
    udp: bool,
    all: bool,
    listening: bool,
    info: bool,
    timers: bool,
    numeric: bool,
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self, Refusal> {
        let mut options = Self::default();
        for word in SYNTAX.read(arguments)? {
            match word {
                Word::Flag('t') => options.tcp = true,
                Word::Flag('u') => options.udp = true,
                Word::Flag('a') => options.all = true,
                Word::Flag('l') => options.listening = true,
                Word::Flag('i') => options.info = true,
                Word::Flag('o') => options.timers = true,
                Word::Flag('n') => options.numeric = true,
                Word::Flag(_) => {}
                Word::Value(..) | Word::Operand(_) => return Err(Refusal::usage(USAGE)),
            }
        }
        options.tcp |= !options.udp;
        Ok(options)
    }

    /// An end of a connection, the port by name unless `-n`.
    fn end(&self, end: SocketAddr) -> String {
        format!("{}:{}", end.ip(), self.port(end.port()))
    }

    fn port(&self, port: u16) -> String {
        match service(port) {
            Some(name) if !self.numeric => name.to_owned(),
            _ => port.to_string(),
        }
    }
}

const fn state_name(state: State) -> &'static str {
    match state {
        State::SynSent => "SYN-SENT",
        State::Established => "ESTAB",
        State::FinWait1 => "FIN-WAIT-1",
        State::FinWait2 => "FIN-WAIT-2",
        State::CloseWait => "CLOSE-WAIT",
        State::Closing => "CLOSING",
        State::LastAck => "LAST-ACK",
        State::TimeWait => "TIME-WAIT",
        State::Closed => "UNCONN",
    }
}

fn row(state: &str, queues: (u32, u32), local: &str, peer: &str) -> String {
    format!(
        "{state:<10} {:<6} {:<6} {local:>21} {peer:>21}",
        queues.0, queues.1
    )
}

impl Host {
    pub(super) fn run_ss(&mut self, now: SimTime, arguments: &[String]) -> Start {
        let options = Options::read(arguments)?;
        let mut text = format!(
            "{:<10} {:<6} {:<6} {:>21} {:>21}\n",
            "State", "Recv-Q", "Send-Q", "Local Address:Port", "Peer Address:Port"
        );
        if options.all || options.listening {
            for port in self.stack.listening().filter(|_| options.tcp) {
                let local = format!("0.0.0.0:{}", options.port(port));
                text += &row("LISTEN", (0, 4096), &local, "0.0.0.0:*");
                text += if options.info {
                    "\n\t cubic cwnd:10\n"
                } else {
                    "\n"
                };
            }
            for port in self.stack.udp_bound().filter(|_| options.udp) {
                let local = format!("0.0.0.0:{}", options.port(port));
                text += &row("UNCONN", (0, 0), &local, "0.0.0.0:*");
                text.push('\n');
            }
        }
        if options.tcp && !options.listening {
            for connection in self.stack.connections().filter(|one| !one.is_finished()) {
                text += &show(connection, &options, now);
            }
            for (state, ends) in self.stack.half_open().filter(|_| options.all) {
                text += &row(
                    state,
                    (0, 0),
                    &options.end(ends.local),
                    &options.end(ends.remote),
                );
                text.push('\n');
            }
        }
        printed(text)
    }
}

fn show(connection: &Connection, options: &Options, now: SimTime) -> String {
    let ends = connection.ends;
    let mut text = row(
        state_name(connection.state),
        connection.queues(),
        &options.end(ends.local),
        &options.end(ends.remote),
    );
    let info = connection.info();
    if let Some((name, at)) = info.timer.filter(|_| options.timers) {
        let left = at.since(now).as_millis();
        text += &format!(" timer:({name},{left}ms,{})", info.backoff);
    }
    text.push('\n');
    if !options.info {
        return text;
    }
    text + &details(&info) + "\n"
}

/// The line of `ss -i` (`tcp_stats_print` of iproute2).
fn details(info: &Info) -> String {
    let mut text = "\t".to_owned();
    if info.timestamps {
        text += " ts";
    }
    if info.sack {
        text += " sack";
    }
    text += " cubic";
    if let Some((ours, theirs)) = info.scales {
        text += &format!(" wscale:{theirs},{ours}");
    }
    text += &format!(" rto:{}", info.rto_ms);
    if info.backoff > 0 {
        text += &format!(" backoff:{}", info.backoff);
    }
    if info.rtt_us > 0 {
        let (rtt, variance) = (millis(info.rtt_us), millis(info.rtt_variance_us));
        text += &format!(" rtt:{rtt}/{variance}");
    }
    text += &format!(
        " mss:{} pmtu:{} rcvmss:{} advmss:{} cwnd:{}",
        info.mss, info.path_mtu, info.receive_mss, info.advertised_mss, info.cwnd
    );
    if let Some(threshold) = info.ssthresh {
        text += &format!(" ssthresh:{threshold}");
    }
    if info.unacknowledged > 0 {
        text += &format!(" unacked:{}", info.unacknowledged);
    }
    if info.total_retransmitted > 0 {
        let (now, ever) = (info.retransmitted_now, info.total_retransmitted);
        text += &format!(" retrans:{now}/{ever}");
    }
    if info.lost > 0 {
        text += &format!(" lost:{}", info.lost);
    }
    text
}

/// Milliseconds as `%g` prints them.
fn millis(micros: u64) -> String {
    let text = format!("{}.{:03}", micros / 1000, micros % 1000);
    text.trim_end_matches('0').trim_end_matches('.').to_owned()
}
