//! `ss` of iproute2: TCP sockets.

use wirelab_model::SimTime;

use super::{Refusal, Start, printed};
use crate::host::Host;
use crate::host::tcp::{Connection, State};

const USAGE: &str = "usage: ss [-t] [-u] [-a] [-l] [-n] [-i] [-o] [-p]\n";

#[derive(Default)]
struct Options {
    tcp: bool,
    udp: bool,
    all: bool,
    listening: bool,
    info: bool,
    timers: bool,
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self, Refusal> {
        let mut options = Self::default();
        for word in arguments {
            let letters = word.strip_prefix('-').filter(|rest| !rest.starts_with('-'));
            let letters = letters.ok_or_else(|| Refusal::usage(USAGE))?;
            for letter in letters.chars() {
                match letter {
                    't' => options.tcp = true,
                    'u' => options.udp = true,
                    'a' => options.all = true,
                    'l' => options.listening = true,
                    'i' => options.info = true,
                    'o' => options.timers = true,
                    'n' | 'p' | '4' => {}
                    _ => return Err(Refusal::usage(USAGE)),
                }
            }
        }
        options.tcp |= !options.udp;
        Ok(options)
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
                text += &row("LISTEN", (0, 4096), &format!("0.0.0.0:{port}"), "0.0.0.0:*");
                text.push('\n');
            }
            for port in self.stack.udp_bound().filter(|_| options.udp) {
                text += &row("UNCONN", (0, 0), &format!("0.0.0.0:{port}"), "0.0.0.0:*");
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
                    &ends.local.to_string(),
                    &ends.remote.to_string(),
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
        &ends.local.to_string(),
        &ends.remote.to_string(),
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
    text += "\t";
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
    let micros = info.rtt_us;
    text += &format!(
        " rto:{} rtt:{}.{:03} mss:{} pmtu:{} rcvmss:{} advmss:{} cwnd:{}",
        info.rto_ms,
        micros / 1000,
        micros % 1000,
        info.mss,
        info.path_mtu,
        info.receive_mss,
        info.advertised_mss,
        info.cwnd
    );
    if let Some(threshold) = info.ssthresh {
        text += &format!(" ssthresh:{threshold}");
    }
    if info.retransmits > 0 {
        text += &format!(" retrans:{}", info.retransmits);
    }
    text + "\n"
}
