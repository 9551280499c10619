//! `netstat` of net-tools 2.10: sockets, the routing table of IPv4, interfaces.
//!
//! Names of hosts come from `/etc/hosts` alone; nobody is asked for the names of addresses.

use std::net::{IpAddr, SocketAddr};

use wirelab_model::{IpNet, SimTime};

use super::names::service;
use super::options::{self, Syntax, Word};
use super::process::Process;
use super::{Refusal, Start, printed};
use crate::host::Host;
use crate::host::route::{RouteKind, RouteLine};
use crate::host::stack::Counters;
use crate::host::tcp::{Connection, State};

const USAGE: &str = "usage: netstat [-4|-6] [-t] [-u] [-x] [-a|-l] [-n] [-p] [-o] [-W]\n       \
    netstat -r [-n]\n       netstat -i\n";

const SYNTAX: Syntax = Syntax {
    program: "netstat",
    letters: "46A:atulnporivWx",
    long: &[
        ("inet", '4'),
        ("inet6", '6'),
        ("tcp", 't'),
        ("udp", 'u'),
        ("unix", 'x'),
        ("all", 'a'),
        ("listening", 'l'),
        ("numeric", 'n'),
        ("programs", 'p'),
        ("timers", 'o'),
        ("route", 'r'),
        ("interfaces", 'i'),
        ("verbose", 'v'),
        ("wide", 'W'),
    ],
    usage: USAGE,
    status: 3,
    style: options::Style::Getopt,
};

/// An address and a port have so many columns between them, unless `-W`.
const END_MAX: usize = 22;
/// Columns of `PID/Program name`.
const PROGRAM_MAX: usize = 19;

#[derive(Default)]
struct Options {
    tcp: bool,
    udp: bool,
    unix: bool,
    all: bool,
    listening: bool,
    numeric: bool,
    programs: bool,
    timers: bool,
    wide: bool,
    routes: bool,
    interfaces: bool,
    version: Option<char>,
}

impl Options {
    fn read(arguments: &[String]) -> Result<Self, Refusal> {
        let mut options = Self::default();
        for word in SYNTAX.read(arguments)? {
            match word {
                Word::Flag('t') => options.tcp = true,
                Word::Flag('u') => options.udp = true,
                Word::Flag('x') => options.unix = true,
                Word::Flag('a') => options.all = true,
                Word::Flag('l') => options.listening = true,
                Word::Flag('n') => options.numeric = true,
                Word::Flag('p') => options.programs = true,
                Word::Flag('o') => options.timers = true,
                Word::Flag('W') => options.wide = true,
                Word::Flag('r') => options.routes = true,
                Word::Flag('i') => options.interfaces = true,
                Word::Flag(version @ ('4' | '6')) => options.version = Some(version),
                Word::Flag(_) => {}
                Word::Value(_, family) => match family.as_str() {
                    "inet" => options.version = Some('4'),
                    "inet6" => options.version = Some('6'),
                    _ => return Err(SYNTAX.refuse_usage()),
                },
                Word::Operand(_) => return Err(SYNTAX.refuse_usage()),
            }
        }
        if !options.tcp && !options.udp && !options.unix {
            (options.tcp, options.udp) = (true, true);
            options.unix = options.version.is_none();
        }
        Ok(options)
    }

    const fn which(&self) -> &'static str {
        match (self.all, self.listening) {
            (true, _) => "(servers and established)",
            (false, true) => "(only servers)",
            (false, false) => "(w/o servers)",
        }
    }

    fn shows(&self, waits: bool) -> bool {
        self.all || self.listening == waits
    }
}

/// A socket.
struct Socket {
    protocol: &'static str,
    is_ipv6: bool,
    queues: (u32, u32),
    /// Without an address, one that takes what comes to any.
    local: (Option<IpAddr>, u16),
    remote: Option<SocketAddr>,
    state: &'static str,
    process: Option<Process>,
    timer: String,
}

/// States as `netstat.c` names them.
const fn state_name(state: State) -> &'static str {
    match state {
        State::SynSent => "SYN_SENT",
        State::Established => "ESTABLISHED",
        State::FinWait1 => "FIN_WAIT1",
        State::FinWait2 => "FIN_WAIT2",
        State::CloseWait => "CLOSE_WAIT",
        State::Closing => "CLOSING",
        State::LastAck => "LAST_ACK",
        State::TimeWait => "TIME_WAIT",
        State::Closed => "CLOSE",
    }
}

/// Seconds until then, with two decimals.
fn left(at: SimTime, now: SimTime) -> String {
    let hundredths = at.since(now).as_millis() / 10;
    format!("{}.{:02}", hundredths / 100, hundredths % 100)
}

impl Host {
    pub(super) fn run_netstat(&self, now: SimTime, arguments: &[String]) -> Start {
        let options = Options::read(arguments)?;
        if options.routes && options.version == Some('6') {
            let text = format!("netstat: -6 -r (not supported here): ip -6 route\n{USAGE}");
            return Err(Refusal::with_status(3, text));
        }
        if options.routes {
            return printed(self.kernel_routes(options.numeric));
        }
        if options.interfaces {
            return printed(self.kernel_interfaces());
        }
        let mut text = String::new();
        if options.tcp || options.udp {
            text += &self.internet(now, &options);
        }
        if options.unix {
            // Programs here have none.
            text += &format!(
                "Active UNIX domain sockets {}\n\
                 Proto RefCnt Flags       Type       State         I-Node   Path\n",
                options.which()
            );
        }
        printed(text)
    }

    fn internet(&self, now: SimTime, options: &Options) -> String {
        let mut text = format!(
            "Active Internet connections {}\nProto Recv-Q Send-Q Local Address           \
             Foreign Address         State      ",
            options.which()
        );
        if options.programs {
            text += " PID/Program name    ";
        }
        if options.timers {
            text += " Timer";
        }
        text.push('\n');
        let mut sockets = Vec::new();
        if options.tcp {
            sockets.extend(self.tcp_sockets(now));
        }
        if options.udp {
            sockets.extend(self.stack.udp_bound().map(|port| Socket {
                protocol: "udp",
                process: self.waiter(port, true),
                ..self.any(port)
            }));
        }
        sockets.retain(|it| {
            let version = if it.is_ipv6 { '6' } else { '4' };
            options.shows(it.remote.is_none())
                && options.version.is_none_or(|wanted| wanted == version)
        });
        // A table of the kernel's after the other.
        sockets.sort_by_key(|it| (it.protocol, it.is_ipv6));
        text.extend(sockets.iter().map(|it| self.socket_line(it, options)));
        text
    }

    /// A socket that waits for anybody: of both versions of IP where the machine has both.
    fn any(&self, port: u16) -> Socket {
        let mut addresses = self.interfaces().iter().flat_map(|it| &it.addresses);
        Socket {
            protocol: "tcp",
            is_ipv6: addresses.any(|it| it.addr().is_ipv6()),
            queues: (0, 0),
            local: (None, port),
            remote: None,
            state: "",
            process: None,
            timer: "off (0.00/0/0)".to_owned(),
        }
    }

    fn tcp_sockets(&self, now: SimTime) -> Vec<Socket> {
        let listening = self.stack.listening().map(|port| Socket {
            state: "LISTEN",
            process: self.waiter(port, false),
            ..self.any(port)
        });
        let mut sockets: Vec<_> = listening.collect();
        // What came to a socket of both versions is one of both.
        let both = |port: u16| {
            let mut own = sockets.iter().filter(|it| it.local.1 == port);
            own.any(|it| it.is_ipv6)
        };
        let pair = |ends: crate::host::tcp::Ends, state| Socket {
            protocol: "tcp",
            is_ipv6: ends.local.is_ipv6() || both(ends.local.port()),
            queues: (0, 0),
            local: (Some(ends.local.ip()), ends.local.port()),
            remote: Some(ends.remote),
            state,
            process: None,
            timer: "off (0.00/0/0)".to_owned(),
        };
        let mut pairs = Vec::new();
        // The sockets of a container are in its own namespace.
        let own = |port: u16| !self.stack.bridged.contains(&port);
        for (socket, it) in self.stack.sockets() {
            if !it.is_finished() && own(it.ends.local.port()) {
                pairs.push(Socket {
                    queues: it.queues(),
                    process: self.holder(socket, it),
                    timer: timer_of(it, now),
                    ..pair(it.ends, state_name(it.state))
                });
            }
        }
        for (state, ends, until) in self.stack.half_open() {
            let state = match state {
                "TIME-WAIT" => "TIME_WAIT",
                _ => "SYN_RECV",
            };
            let mut socket = pair(ends, state);
            if let Some(until) = until {
                socket.timer = format!("timewait ({}/0/0)", left(until, now));
            }
            if own(ends.local.port()) {
                pairs.push(socket);
            }
        }
        sockets.extend(pairs);
        sockets
    }

    fn socket_line(&self, socket: &Socket, options: &Options) -> String {
        let any = match (socket.is_ipv6, options.numeric) {
            (false, _) => "0.0.0.0",
            (true, true) => "::",
            (true, false) => "[::]",
        };
        let host = |address: Option<IpAddr>| {
            let Some(address) = address else {
                return any.to_owned();
            };
            let name = self.names.name_of(address).filter(|_| !options.numeric);
            name.map_or_else(|| address.to_string(), str::to_owned)
        };
        let port = |port: u16| match service(port).filter(|_| !options.numeric) {
            Some(name) => name.to_owned(),
            None => port.to_string(),
        };
        let local = end(&host(socket.local.0), &port(socket.local.1), options.wide);
        let remote = match socket.remote {
            Some(it) => end(&host(Some(it.ip())), &port(it.port()), options.wide),
            None => end(any, "*", options.wide),
        };
        let six = if socket.is_ipv6 { "6" } else { "" };
        let protocol = format!("{}{six}", socket.protocol);
        let (received, sent) = socket.queues;
        let state = socket.state;
        let mut line =
            format!("{protocol:<5} {received:>6} {sent:>6} {local:<23} {remote:<23} {state:<11}");
        if options.programs {
            let program = match &socket.process {
                Some(it) => format!("{}/{}", it.pid, it.name),
                None => "-".to_owned(),
            };
            line += &format!(" {program:<20.PROGRAM_MAX$}");
        }
        if options.timers {
            line += &format!(" {}", socket.timer);
        }
        line + "\n"
    }

    /// `netstat -r`.
    fn kernel_routes(&self, numeric: bool) -> String {
        let mut text = "Kernel IP routing table\nDestination     Gateway         Genmask         \
             Flags   MSS Window  irtt Iface\n"
            .to_owned();
        let all = self.stack.routes.lines().iter();
        let mut lines: Vec<_> = all
            .filter(|it| it.route.destination.addr().is_ipv4())
            .collect();
        lines.sort_by_key(|it| it.route.destination.addr());
        text.extend(lines.into_iter().map(|it| self.route_row(it, numeric)));
        text
    }

    fn route_row(&self, line: &RouteLine, numeric: bool) -> String {
        let net: IpNet = line.route.destination;
        let named = |address: IpAddr| {
            let name = self.names.name_of(address).filter(|_| !numeric);
            name.map_or_else(|| address.to_string(), str::to_owned)
        };
        let is_host = net.prefix_len() == net.max_prefix_len();
        let destination = match (net.prefix_len(), is_host) {
            (0, _) if !numeric => "default".to_owned(),
            (_, true) => named(net.addr()),
            _ => net.addr().to_string(),
        };
        let mask = net.netmask().to_string();
        let host = if is_host { "H" } else { "" };
        if matches!(line.kind, RouteKind::Unreachable | RouteKind::Prohibit) {
            let flags = format!("!{host}");
            let net = format!("{destination:<15.15} -               {mask:<15.15}");
            return format!("{net} {flags:<5}     - -          - -\n");
        }
        let gateway = line.route.via.map_or_else(|| "0.0.0.0".to_owned(), named);
        let flags = match line.route.via {
            Some(_) => format!("UG{host}"),
            None => format!("U{host}"),
        };
        let mss = line.route.advmss.map_or(0, |it| it + 40);
        let device = self.device_of(line).unwrap_or("*");
        format!(
            "{destination:<15.15} {gateway:<15.15} {mask:<15.15} {flags:<5} {mss:>5} 0          0 \
             {device}\n"
        )
    }

    /// `netstat -i`.
    fn kernel_interfaces(&self) -> String {
        let mut rows: Vec<(&str, u32, Counters, &str)> =
            vec![("lo", 65_536, self.stack.loopback_counters(), "LRU")];
        for (at, config) in self.stack.interfaces.iter().enumerate() {
            let flags = match config.name.starts_with("tun") {
                true => "OPRU",
                false => "BMRU",
            };
            let mtu = u32::from(config.mtu);
            rows.push((&config.name, mtu, self.stack.counters(at), flags));
        }
        rows.sort_by_key(|it| it.0);
        let mut text =
            "Kernel Interface table\nIface             MTU    RX-OK RX-ERR RX-DRP RX-OVR\
             \x20   TX-OK TX-ERR TX-DRP TX-OVR Flg\n"
                .to_owned();
        for (name, mtu, counters, flags) in rows {
            let (received, sent) = (counters.received.packets, counters.sent.packets);
            text += &format!(
                "{name:<15.15} {mtu:>5} {received:>8} {:>6} {:>6} {:<6} {sent:>8} {:>6} {:>6} \
                 {:>6} {flags}\n",
                0, 0, 0, 0, 0, 0
            );
        }
        text
    }
}

/// `HOST:PORT`, cut where the columns end (`addr_do_one`).
fn end(host: &str, port: &str, wide: bool) -> String {
    if wide || host.len() + port.len() <= END_MAX {
        return format!("{host}:{port}");
    }
    let port = &port[..port.len().min(END_MAX - 4)];
    let host = &host[..host.len().min(END_MAX - port.len())];
    format!("{host}:{port}")
}

/// What the kernel waits for, as `-o` prints it.
fn timer_of(connection: &Connection, now: SimTime) -> String {
    let info = connection.info();
    let Some((name, at)) = info.timer else {
        return "off (0.00/0/0)".to_owned();
    };
    let name = match name {
        "persist" => "probe",
        name => name,
    };
    format!("{name} ({}/{}/0)", left(at, now), info.backoff)
}
