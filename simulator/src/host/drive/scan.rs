//! Port scans, as nmap makes them [scan-syn-closed, scan-connect-closed]: well-known ports first,
//! the rest shuffled, ten probes under way at first and one more with each answer, every silent
//! port asked twice.

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime, Stream};
use wirelab_wire::{TcpFlags, TcpOption, TcpOptions, TcpSegment, protocol};

use super::outcome_of;
use crate::host::output::Output;
use crate::host::packet;
use crate::host::program::runner::Runner;
use crate::host::stack::{SocketId, SocketOptions};
use crate::host::tcp::{Connection, Ends, SocketError};
use crate::host::traffic::{ClientTuple, Outcome};
use crate::host::{Host, Owner, Waker};

/// Asked first.
const POPULAR: [u16; 25] = [
    80, 23, 443, 21, 22, 25, 3389, 110, 445, 139, 143, 53, 135, 3306, 8080, 1723, 111, 995, 993,
    5900, 1025, 587, 8888, 199, 1720,
];
/// Probes under way at first and at most.
const FIRST_WINDOW: usize = 10;
const MAX_WINDOW: usize = 300;
/// How long an answer may take: before the first one, and at least.
const FIRST_TIMEOUT: SimDuration = SimDuration::from_millis(1000);
const MIN_TIMEOUT: SimDuration = SimDuration::from_millis(100);
/// Probes of a silent port.
const TRIES: u8 = 2;
/// Window that nmap's own SYNs announce, and the MSS.
const WINDOW: u16 = 1024;
const MSS: u16 = 1460;

/// A probe under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Probe {
    sent: SimTime,
    tries: u8,
    socket: Option<SocketId>,
}

/// A scan at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Scan {
    connect: bool,
    stream: Stream,
    local: IpAddr,
    /// Source port of first probes; repeated ones come from the next.
    port: u16,
    sequence: u32,
    /// Ports still to be asked, with how often they were.
    waiting: VecDeque<(u16, u8)>,
    probes: BTreeMap<u16, Probe>,
    window: usize,
    timeout: SimDuration,
}

impl Scan {
    fn settle(&mut self, port: u16, now: SimTime) -> Option<Probe> {
        let probe = self.probes.remove(&port)?;
        self.window = (self.window + 1).min(MAX_WINDOW);
        let took = now.since(probe.sent);
        self.timeout = SimDuration::from_nanos(took.as_nanos() * 4).max(MIN_TIMEOUT);
        Some(probe)
    }
}

/// In nmap's order.
fn order(ports: &[(u16, u16)], stream: &mut Stream) -> VecDeque<(u16, u8)> {
    let asked = |port: &u16| ports.iter().any(|(low, high)| (low..=high).contains(&port));
    let mut first: Vec<u16> = POPULAR.into_iter().filter(asked).collect();
    let all = (1..=u16::MAX).filter(asked);
    let mut rest: Vec<u16> = all.filter(|port| !POPULAR.contains(port)).collect();
    for list in [&mut first, &mut rest] {
        for at in (1..list.len()).rev() {
            list.swap(at, stream.range(0, at as u64) as usize);
        }
    }
    first
        .into_iter()
        .chain(rest)
        .map(|port| (port, 0))
        .collect()
}

impl Host {
    pub(super) fn start_scan(
        &mut self,
        now: SimTime,
        runner: &mut Runner,
        ports: &[(u16, u16)],
        connect: bool,
        out: &mut Output,
    ) {
        let Some(way) = self.stack.resolve(runner.to) else {
            let outcome = outcome_of(SocketError::NetUnreachable);
            return self.finish(now, runner, outcome, None, out);
        };
        let mut stream = self.stream_of(runner);
        // nmap's base port is high, and the next must be free as well.
        let port = stream.range(33_000, 64_000) as u16;
        if !connect {
            self.stack.overheard.extend([port, port + 1]);
        }
        runner.tuple = Some(ClientTuple {
            local: way.source,
            local_port: if connect { 0 } else { port },
            remote: runner.to,
            remote_port: 0,
            protocol: protocol::TCP,
        });
        runner.scan = Some(Box::new(Scan {
            connect,
            local: way.source,
            port,
            sequence: stream.next_u32(),
            waiting: order(ports, &mut stream),
            stream,
            probes: BTreeMap::new(),
            window: FIRST_WINDOW,
            timeout: FIRST_TIMEOUT,
        }));
        self.advance_scan(now, runner, out);
    }

    /// Sends as many probes as may be under way, and sees whether that was all.
    fn advance_scan(&mut self, now: SimTime, runner: &mut Runner, out: &mut Output) {
        let Some(mut scan) = runner.scan.take() else {
            return;
        };
        while scan.probes.len() < scan.window
            && let Some((port, tries)) = scan.waiting.pop_front()
        {
            let socket = if scan.connect {
                self.probe_by_connecting(now, runner, port)
            } else {
                self.probe_by_syn(now, runner, &mut scan, port, tries);
                None
            };
            let probe = Probe {
                sent: now,
                tries: tries + 1,
                socket,
            };
            scan.probes.insert(port, probe);
        }
        let next = scan.probes.values().map(|probe| probe.sent).min();
        let timeout = scan.timeout;
        runner.scan = Some(scan);
        match next {
            Some(sent) => {
                let waker = Waker::Client(runner.spec.name.clone());
                self.wakes.insert(((sent + timeout).max(now), waker));
            }
            None => self.finish(now, runner, Outcome::Completed, None, out),
        }
    }

    fn probe_by_syn(
        &mut self,
        now: SimTime,
        runner: &Runner,
        scan: &mut Scan,
        port: u16,
        tries: u8,
    ) {
        let ends = Ends {
            local: SocketAddr::new(scan.local, scan.port + u16::from(tries)),
            remote: SocketAddr::new(runner.to, port),
        };
        let ip = packet::Ip {
            identification: scan.stream.next_u32() as u16,
            dont_fragment: false,
        };
        let mut options = TcpOptions::NONE;
        options.push(TcpOption::MaximumSegmentSize(MSS));
        let segment = TcpSegment {
            source_port: ends.local.port(),
            destination_port: port,
            sequence: scan.sequence,
            acknowledgment: 0,
            flags: TcpFlags::SYN,
            window: WINDOW,
            urgent_pointer: 0,
            options,
            payload: bytes::Bytes::new(),
        };
        let mut syn = packet::tcp(ends, ip, segment);
        syn.header.ttl = scan.stream.range(37, 59) as u8;
        self.stack.output(now, syn);
    }

    fn probe_by_connecting(
        &mut self,
        now: SimTime,
        runner: &Runner,
        port: u16,
    ) -> Option<SocketId> {
        let remote = SocketAddr::new(runner.to, port);
        let connected = self.stack.connect(now, remote, SocketOptions::default());
        let socket = connected.ok()?;
        self.owners
            .insert(socket, Owner::Traffic(runner.spec.name.clone()));
        Some(socket)
    }

    /// An answer to a SYN of a scan, or an ICMP error about it: the port is filtered. The kernel,
    /// which knows nothing of it, resets what opened.
    pub(in crate::host) fn on_scan_heard(
        &mut self,
        now: SimTime,
        port: u16,
        from: SocketAddr,
        out: &mut Output,
    ) {
        let mut runners = self.runners.values();
        let ours = runners.find(|runner| {
            let scan = runner.scan.as_ref();
            runner.to == from.ip() && scan.is_some_and(|it| it.port == port || it.port + 1 == port)
        });
        let Some(name) = ours.map(|it| it.spec.name.clone()) else {
            return;
        };
        self.with_runner(&name, |host, runner| {
            if let Some(scan) = &mut runner.scan
                && scan.settle(from.port(), now).is_some()
            {
                host.advance_scan(now, runner, out);
            }
        });
    }

    /// Something happened on a connection of a scan.
    pub(super) fn on_scan_touched(
        &mut self,
        now: SimTime,
        runner: &mut Runner,
        socket: SocketId,
        out: &mut Output,
    ) {
        let Some(scan) = &mut runner.scan else {
            return;
        };
        let connection = self.stack.connection(socket);
        let over = connection.is_none_or(|it| it.was_established() || it.error.is_some());
        let mut probes = scan.probes.iter();
        let port = probes.find(|(_, probe)| probe.socket == Some(socket));
        let Some(port) = port.map(|(port, _)| *port).filter(|_| over) else {
            return;
        };
        scan.settle(port, now);
        self.drop_probe(now, socket);
        self.advance_scan(now, runner, out);
    }

    /// nmap's connections end with RST: `SO_LINGER` is 0.
    fn drop_probe(&mut self, now: SimTime, socket: SocketId) {
        self.owners.remove(&socket);
        self.stack.with(now, socket, Connection::abort);
        self.stack.close(now, socket);
    }

    /// Probes that got no answer are repeated, or their ports are filtered.
    pub(super) fn on_scan_wake(&mut self, now: SimTime, runner: &mut Runner, out: &mut Output) {
        let Some(scan) = &mut runner.scan else {
            return;
        };
        let timeout = scan.timeout;
        let late = scan.probes.iter();
        let late = late.filter(|(_, probe)| probe.sent + timeout <= now);
        let late: Vec<_> = late.map(|(port, probe)| (*port, *probe)).collect();
        if late.is_empty() {
            return;
        }
        for (port, probe) in late {
            scan.probes.remove(&port);
            if probe.tries < TRIES {
                scan.waiting.push_back((port, probe.tries));
            }
            if let Some(socket) = probe.socket {
                self.owners.remove(&socket);
                self.stack.close(now, socket);
            }
        }
        self.advance_scan(now, runner, out);
    }

    pub(super) fn end_scan(&mut self, now: SimTime, runner: &mut Runner) {
        let Some(scan) = runner.scan.take() else {
            return;
        };
        self.stack.overheard.remove(&scan.port);
        self.stack.overheard.remove(&(scan.port + 1));
        for probe in scan.probes.values() {
            if let Some(socket) = probe.socket {
                self.drop_probe(now, socket);
            }
        }
    }
}
