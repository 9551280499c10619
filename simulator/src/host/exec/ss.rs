//! `ss` of iproute2: TCP and UDP sockets.

use std::net::{IpAddr, SocketAddr};

use wirelab_model::SimTime;

use super::names::service;
use super::options::{self, Syntax, Word};
use super::process::Process;
use super::ss_filter::Filter;
use super::ss_info::{details, print_timer};
use super::{Refusal, Start, printed};
use crate::host::tcp::{Connection, Ends, State};
use crate::host::{Host, ServerSpec};

const USAGE: &str = "usage: ss [-4|-6] [-t] [-u] [-a] [-l] [-n] [-p] [-i] [-o] [-H] [-s] [state STATE] \
    [exclude STATE] [EXPRESSION]\n       \
    EXPRESSION := src|dst ADDRESS[/LENGTH][:PORT] | sport|dport =|!=|<|>|<=|>= :PORT | \
    not|and|or EXPRESSION | ( EXPRESSION )\n";

const SYNTAX: Syntax = Syntax {
    program: "ss",
    letters: "tualnpioHs46A:f:",
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
        ("query", 'A'),
        ("socket", 'A'),
        ("family", 'f'),
    ],
    usage: USAGE,
    status: 255,
    style: options::Style::Getopt,
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
                Word::Value('A', list) => {
                    for kind in list.split(',') {
                        match kind {
                            "tcp" => options.tcp = true,
                            "udp" => options.udp = true,
                            "inet" | "all" => (options.tcp, options.udp) = (true, true),
                            _ => return Err(SYNTAX.refuse_usage()),
                        }
                    }
                }
                Word::Value(_, family) => match family.as_str() {
                    "inet" => options.version = Some('4'),
                    "inet6" => options.version = Some('6'),
                    _ => return Err(SYNTAX.refuse_usage()),
                },
                Word::Operand(word) => words.push(word),
            }
        }
        options.filter = Filter::read(&words, USAGE)?;
        if !options.tcp && !options.udp {
            (options.tcp, options.udp) = (true, true);
        }
        Ok(options)
    }

    /// Which states are shown.
    fn shows(&self, state: &'static str) -> bool {
        let listens = matches!(state, "LISTEN" | "UNCONN");
        match &self.filter.states {
            Some(states) => states.contains(&state),
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
            // The sockets of a container are in its own namespace.
            let own = |ends: &Ends| !self.stack.bridged.contains(&ends.local.port());
            let all = self.stack.sockets();
            for (socket, connection) in all.filter(|(_, it)| !it.is_finished() && own(&it.ends)) {
                let row = self.connected(connection, &options, now);
                rows.extend(row.map(|mut row| {
                    row.process = Self::users(self.holder(socket, connection), &options);
                    row
                }));
            }
            for (state, ends, until) in self.stack.half_open().filter(|it| own(&it.1)) {
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
            process: Self::users(self.waiter(port, kind == "udp"), options),
            timer: String::new(),
            info: options.info.then(|| "\t cubic cwnd:10".to_owned()),
        })
    }

    fn connected(&self, connection: &Connection, options: &Options, now: SimTime) -> Option<Row> {
        let info = connection.info();
        let state = state_name(connection.state);
        let mut row = pair("tcp", state, connection.queues(), connection.ends, options)?;
        if let Some((name, at)) = info.timer.filter(|_| options.timers) {
            let left = print_timer(at.since(now).as_millis());
            row.timer = format!(" timer:({name},{left},{})", info.backoff);
        }
        row.info = options.info.then(|| details(&info, options.timers, now));
        Some(row)
    }

    /// How many connections may wait to be accepted: as programs of the kind ask for.
    fn backlog(&self, port: u16) -> u32 {
        let server = self.spec.servers.iter().find(|it| it.port() == port);
        match server.map(ServerSpec::program) {
            Some("nginx") => 511,
            Some("postgres") => 200,
            Some("python3") => 5,
            _ => 128,
        }
    }

    /// `users:(...)` of a program.
    fn users(process: Option<Process>, options: &Options) -> String {
        match process.filter(|_| options.processes) {
            Some(Process { name, pid, file }) => {
                format!(" users:((\"{name}\",pid={pid},fd={file}))")
            }
            None => String::new(),
        }
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
