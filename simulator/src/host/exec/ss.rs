//! `ss` of iproute2: TCP and UDP sockets.

use std::net::{IpAddr, SocketAddr};

use wirelab_model::{IpNet, SimTime};

use super::names::{service, service_port};
use super::options::{Syntax, Word};
use super::{Refusal, Start, printed};
use crate::host::tcp::{Connection, Ends, Info, State};
use crate::host::{Host, ServerSpec};

const USAGE: &str = "usage: ss [-4|-6] [-t] [-u] [-a] [-l] [-n] [-p] [-i] [-o] [-H] [-s] [state STATE] \
    [src|dst ADDRESS[:PORT]] [sport|dport = :PORT]\n";

const SYNTAX: Syntax = Syntax {
    program: "ss",
    letters: "tualnpioHs46",
    long: &[
        ("tcp", 't'),
        ("udp", 'u'),
        ("all", 'a'),
        ("listening", 'l'),
        ("numeric", 'n'),
        ("processes", 'p'),
        ("info", 'i'),
        ("options", 'o'),
        ("no-header", 'H'),
        ("summary", 's'),
        ("ipv4", '4'),
        ("ipv6", '6'),
    ],
    usage: USAGE,
};

#[derive(Default)]
struct Options {
    tcp: bool,
    udp: bool,
    all: bool,
    listening: bool,
    processes: bool,
    info: bool,
    timers: bool,
    numeric: bool,
    no_header: bool,
    summary: bool,
    version: Option<char>,
    filter: Filter,
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self, Refusal> {
        let mut options = Self::default();
        let mut words = Vec::new();
        for word in SYNTAX.read(arguments)? {
            match word {
                Word::Flag('t') => options.tcp = true,
                Word::Flag('u') => options.udp = true,
                Word::Flag('a') => options.all = true,
                Word::Flag('l') => options.listening = true,
                Word::Flag('p') => options.processes = true,
                Word::Flag('i') => options.info = true,
                Word::Flag('o') => options.timers = true,
                Word::Flag('n') => options.numeric = true,
                Word::Flag('H') => options.no_header = true,
                Word::Flag('s') => options.summary = true,
                Word::Flag(digit) => options.version = Some(digit),
                Word::Value(..) => {}
                Word::Operand(word) => words.push(word),
            }
        }
        options.filter = Filter::read(&words).ok_or_else(|| Refusal::usage(USAGE))?;
        if !options.tcp && !options.udp {
            (options.tcp, options.udp) = (true, true);
        }
        Ok(options)
    }

    /// Which states are shown.
    fn shows(&self, state: &str) -> bool {
        let listens = matches!(state, "LISTEN" | "UNCONN");
        match &self.filter.states {
            Some(states) => states.iter().any(|it| it == state),
            None if self.all => true,
            None if self.listening => listens,
            None => !listens && !matches!(state, "TIME-WAIT" | "SYN-RECV"),
        }
    }

    fn port(&self, port: u16) -> String {
        match service(port) {
            Some(name) if !self.numeric => name.to_owned(),
            _ => port.to_string(),
        }
    }
}

/// `state ...` and the expression.
#[derive(Default)]
struct Filter {
    states: Option<Vec<String>>,
    /// The single state that was asked for is not shown again.
    single: bool,
    local: (Option<IpNet>, Option<u16>),
    remote: (Option<IpNet>, Option<u16>),
}

impl Filter {
    fn read(words: &[String]) -> Option<Self> {
        let mut filter = Self::default();
        let mut words = words
            .iter()
            .filter(|it| !matches!(it.as_str(), "(" | ")" | "and"));
        while let Some(word) = words.next() {
            match word.as_str() {
                "state" => {
                    let states = states(words.next()?)?;
                    filter.single = states.len() == 1;
                    filter.states = Some(states);
                }
                "src" => filter.local = end(words.next()?)?,
                "dst" => filter.remote = end(words.next()?)?,
                "sport" | "dport" => {
                    let mut port = words.next()?;
                    if matches!(port.as_str(), "=" | "==" | "eq") {
                        port = words.next()?;
                    }
                    let (_, port) = end(port)?;
                    match word.as_str() {
                        "sport" => filter.local.1 = port,
                        _ => filter.remote.1 = port,
                    }
                }
                _ => return None,
            }
        }
        Some(filter)
    }

    fn lets(&self, local: (Option<IpAddr>, u16), remote: Option<SocketAddr>) -> bool {
        let fits = |(net, port): (Option<IpNet>, Option<u16>), address: Option<IpAddr>, at: u16| {
            net.is_none_or(|net| address.is_some_and(|it| net.contains(&it)))
                && port.is_none_or(|port| port == at)
        };
        let (far, far_port) = (remote.map(|it| it.ip()), remote.map_or(0, |it| it.port()));
        fits(self.local, local.0, local.1) && fits(self.remote, far, far_port)
    }
}

/// States by the names that filters have for them.
fn states(word: &str) -> Option<Vec<String>> {
    let connected = [
        "ESTAB",
        "SYN-SENT",
        "SYN-RECV",
        "FIN-WAIT-1",
        "FIN-WAIT-2",
        "TIME-WAIT",
        "CLOSE-WAIT",
        "LAST-ACK",
        "CLOSING",
    ];
    let some: Vec<&str> = match word {
        "established" => vec!["ESTAB"],
        "syn-sent" => vec!["SYN-SENT"],
        "syn-recv" => vec!["SYN-RECV"],
        "fin-wait-1" => vec!["FIN-WAIT-1"],
        "fin-wait-2" => vec!["FIN-WAIT-2"],
        "time-wait" => vec!["TIME-WAIT"],
        "close-wait" => vec!["CLOSE-WAIT"],
        "last-ack" => vec!["LAST-ACK"],
        "closing" => vec!["CLOSING"],
        "listening" | "listen" => vec!["LISTEN"],
        "closed" | "unconnected" => vec!["UNCONN"],
        "connected" => connected.to_vec(),
        "synchronized" => connected
            .iter()
            .copied()
            .filter(|it| *it != "SYN-SENT")
            .collect(),
        "all" => connected
            .iter()
            .copied()
            .chain(["LISTEN", "UNCONN"])
            .collect(),
        _ => return None,
    };
    Some(some.into_iter().map(str::to_owned).collect())
}

/// `10.0.2.20`, `10.0.2.0/24`, `10.0.2.20:80`, `[fd00::1]:80`, `:80`, `:http`.
fn end(text: &str) -> Option<(Option<IpNet>, Option<u16>)> {
    let net = |text: &str| -> Option<IpNet> {
        let text = text.trim_matches(['[', ']']);
        let single = || text.parse::<IpAddr>().ok().map(IpNet::from);
        text.parse().ok().or_else(single)
    };
    if let Some(net) = net(text) {
        return Some((Some(net), None));
    }
    let (address, port) = text.rsplit_once(':')?;
    let port = port.parse().ok().or_else(|| service_port(port))?;
    match address {
        "" | "*" => Some((None, Some(port))),
        address => Some((Some(net(address)?), Some(port))),
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

/// One socket as it is shown.
struct Row {
    kind: &'static str,
    state: &'static str,
    queues: (u32, u32),
    local: (String, String),
    remote: (String, String),
    /// ` users:(...)`.
    process: String,
    /// ` timer:(...)`, which stands outside the table.
    timer: String,
    info: Option<String>,
}

impl Host {
    pub(super) fn run_ss(&mut self, now: SimTime, arguments: &[String]) -> Start {
        let options = Options::read(arguments)?;
        if options.summary {
            return printed(self.socket_summary());
        }
        let mut rows = Vec::new();
        if options.udp {
            rows.extend(
                self.stack
                    .udp_bound()
                    .filter_map(|port| self.unconnected("udp", "UNCONN", (0, 0), port, &options)),
            );
        }
        if options.tcp {
            rows.extend(self.stack.listening().filter_map(|port| {
                self.unconnected("tcp", "LISTEN", (0, self.backlog(port)), port, &options)
            }));
            for connection in self.stack.connections().filter(|one| !one.is_finished()) {
                rows.extend(self.connected(connection, &options, now));
            }
            for (state, ends, until) in self.stack.half_open() {
                let Some(mut row) = pair("tcp", state, (0, 0), ends, &options) else {
                    continue;
                };
                if let Some(until) = until.filter(|_| options.timers) {
                    let left = print_timer(until.since(now).as_millis());
                    row.timer = format!(" timer:(timewait,{left},0)");
                }
                rows.push(row);
            }
        }
        printed(render(&rows, &options))
    }

    /// A socket that waits for anybody: of both versions of IP where the machine has both.
    fn unconnected(
        &self,
        kind: &'static str,
        state: &'static str,
        queues: (u32, u32),
        port: u16,
        options: &Options,
    ) -> Option<Row> {
        let mut addresses = self.interfaces().iter().flat_map(|it| &it.addresses);
        let both = addresses.any(|it| it.addr().is_ipv6());
        let any = if both { "*" } else { "0.0.0.0" };
        let version = matches!(
            (options.version, both),
            (None, _) | (Some('4'), false) | (Some('6'), true)
        );
        let wanted = version && options.shows(state) && options.filter.lets((None, port), None);
        wanted.then(|| Row {
            kind,
            state,
            queues,
            local: (any.to_owned(), options.port(port)),
            remote: (any.to_owned(), "*".to_owned()),
            process: self.process(port, 0, options),
            timer: String::new(),
            info: options.info.then(|| "\t cubic cwnd:10".to_owned()),
        })
    }

    fn connected(&self, connection: &Connection, options: &Options, now: SimTime) -> Option<Row> {
        let info = connection.info();
        let state = state_name(connection.state);
        let mut row = pair("tcp", state, connection.queues(), connection.ends, options)?;
        row.process = self.process(connection.ends.local.port(), 1, options);
        if let Some((name, at)) = info.timer.filter(|_| options.timers) {
            let left = print_timer(at.since(now).as_millis());
            row.timer = format!(" timer:({name},{left},{})", info.backoff);
        }
        row.info = options.info.then(|| details(&info));
        Some(row)
    }

    /// How many connections may wait to be accepted: as programs of the kind ask for.
    fn backlog(&self, port: u16) -> u32 {
        let server = self.spec.servers.iter().find(|it| it.port() == port);
        match server.map(ServerSpec::program) {
            Some("nginx") => 511,
            Some("postgres") => 200,
            _ => 128,
        }
    }

    /// `users:(...)` of the server at a port.
    fn process(&self, port: u16, more: usize, options: &Options) -> String {
        let at = self.spec.servers.iter().position(|it| it.port() == port);
        let Some(at) = at.filter(|_| options.processes) else {
            return String::new();
        };
        let name = self.spec.servers[at].program();
        let (pid, file) = (FIRST_PID + at, 6 + more);
        format!(" users:((\"{name}\",pid={pid},fd={file}))")
    }

    /// `ss -s`.
    fn socket_summary(&self) -> String {
        let is_open = |it: &&Connection| it.state == State::Established;
        let open = self.stack.connections().filter(is_open).count();
        let waits = self
            .stack
            .half_open()
            .filter(|it| it.0 == "TIME-WAIT")
            .count();
        let listening = self.stack.listening().count();
        let connections = self
            .stack
            .connections()
            .filter(|it| !it.is_finished())
            .count();
        let (tcp, udp) = (listening + connections, self.stack.udp_bound().count());
        let total = tcp + udp;
        let line = |name: &str, all: usize| format!("{name}\t  {all:<9} {all:<9} {:<9}\n", 0);
        format!(
            "Total: {total}\nTCP:   {} (estab {open}, closed {waits}, orphaned 0, timewait {waits})\n\n\
             Transport Total     IP        IPv6\n{}{}{}{}{}\n",
            tcp + waits,
            line("RAW", 0),
            line("UDP", udp),
            line("TCP", tcp),
            line("INET", total),
            line("FRAG", 0),
        )
    }
}

/// Of the first server.
const FIRST_PID: usize = 1000;

fn pair(
    kind: &'static str,
    state: &'static str,
    queues: (u32, u32),
    ends: Ends,
    options: &Options,
) -> Option<Row> {
    let version = match options.version {
        Some('4') => ends.local.is_ipv4(),
        Some(_) => ends.local.is_ipv6(),
        None => true,
    };
    let local = (Some(ends.local.ip()), ends.local.port());
    if !version || !options.shows(state) || !options.filter.lets(local, Some(ends.remote)) {
        return None;
    }
    let shown = |end: SocketAddr| {
        let address = match end.ip() {
            IpAddr::V4(address) => address.to_string(),
            IpAddr::V6(address) => format!("[{address}]"),
        };
        (address, options.port(end.port()))
    };
    Some(Row {
        kind,
        state,
        queues,
        local: shown(ends.local),
        remote: shown(ends.remote),
        process: String::new(),
        timer: String::new(),
        info: None,
    })
}

/// The table as ss prints it where no terminal's width is to be filled.
fn render(rows: &[Row], options: &Options) -> String {
    let titles = Row {
        kind: "Netid",
        state: "State",
        queues: (0, 0),
        local: ("Local Address".to_owned(), "Port".to_owned()),
        remote: ("Peer Address".to_owned(), "Port".to_owned()),
        process: "Process".to_owned(),
        timer: String::new(),
        info: None,
    };
    let titled = (!options.no_header).then_some(&titles);
    let width = |of: &dyn Fn(&Row) -> usize| {
        let all = rows.iter().chain(titled).map(of);
        all.max().unwrap_or(0)
    };
    let (kind, state) = (width(&|it| it.kind.len()), width(&|it| it.state.len()));
    let (near, near_port) = (width(&|it| it.local.0.len()), width(&|it| it.local.1.len()));
    let (far, far_port) = (
        width(&|it| it.remote.0.len()),
        width(&|it| it.remote.1.len()),
    );
    let last = width(&|it| it.process.len());
    let line = |row: &Row, queues: (&str, &str)| {
        let mut text = String::new();
        if options.tcp && options.udp {
            text += &format!("{:<kind$} ", row.kind);
        }
        if !options.filter.single {
            text += &format!("{:<state$} ", row.state);
        }
        text += &format!("{:<6} {:<6} ", queues.0, queues.1);
        text += &format!("{:>near$}:{:<near_port$} ", row.local.0, row.local.1);
        text += &format!("{:>far$}:{:<far_port$}", row.remote.0, row.remote.1);
        match row.timer.as_str() {
            "" => text + &format!("{:<last$}\n", row.process),
            timer => text + &row.process + timer + "\n",
        }
    };
    let mut text = String::new();
    if !options.no_header {
        text += &line(&titles, ("Recv-Q", "Send-Q"));
    }
    for row in rows {
        let (received, sent) = (row.queues.0.to_string(), row.queues.1.to_string());
        text += &line(row, (&received, &sent));
        if let Some(info) = &row.info {
            text += &format!("{info}\n");
        }
    }
    text
}

/// `print_ms_timer` of iproute2, with its `ms` behind fractions of seconds.
fn print_timer(millis: u64) -> String {
    let (minutes, seconds, mut rest) = (millis / 60_000, millis / 1000 % 60, millis % 1000);
    let mut text = String::new();
    if minutes > 0 {
        rest = 0;
        text += &format!("{minutes}min");
    }
    if seconds > 0 && minutes <= 9 {
        if seconds > 9 {
            rest = 0;
        }
        text += &format!("{seconds}{}", if rest > 0 { "." } else { "sec" });
    }
    if rest > 0 {
        text += &format!("{rest:03}ms");
    }
    text
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
