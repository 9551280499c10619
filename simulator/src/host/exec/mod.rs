//! Commands run on a machine: they send real packets and print what the real programs print.
//!
//! `arp`, `conntrack`, `ethtool`, `ip`, `iptables`, `netstat`, `ss` and `sysctl` answer at once.
//! `ping`, `tracepath`, `curl`, `nc`, `dig` and `sleep` take their time: each is a [`Task`] that is
//! told of packets and of time passing. An option that is not known is refused with what is
//! supported, and the status that the real program has for it.

mod arp;
mod connect;
mod conntrack;
mod curl;
mod curl_command;
mod curl_options;
mod curls;
mod device;
mod dig;
mod dig_command;
mod dig_manner;
mod dig_print;
mod end;
mod ethtool;
mod files;
mod getent;
mod host_lookup;
mod hostname;
mod ip;
mod ip_inet;
mod ip_json;
mod ip_neigh;
mod ip_route;
mod ip_route_change;
mod ip_route_get;
mod lookup;
mod names;
mod nc;
mod netstat;
mod nslookup;
mod options;
mod ping;
mod process;
mod settings;
mod sleep;
mod ss;
mod ss_filter;
mod ss_info;
mod timeout;
mod tracepath;
mod traceroute;
mod url;
mod write_out;
mod zone;

use std::net::IpAddr;

use bytes::Bytes;
use serde::{Deserialize, Serialize};
use wirelab_model::{SimTime, SudoError, read_sudo};

pub(super) use curls::Curls;
pub(crate) use ethtool::Statistics;
pub(super) use names::{NameTable, service, service_port};
pub use timeout::program_in_time;

use super::icmp::Heard;
use super::output::{ExecId, HostEvent, Output, OutputStream};
use super::{Host, Waker};

/// What a command prints before it is known to have ended.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Printer {
    lines: Vec<(OutputStream, String)>,
}

impl Printer {
    fn out(&mut self, text: impl Into<String>) {
        self.lines.push((OutputStream::Stdout, text.into()));
    }

    fn err(&mut self, text: impl Into<String>) {
        self.lines.push((OutputStream::Stderr, text.into()));
    }
}

/// A command that takes time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Task {
    Ping(Box<ping::Ping>),
    Connect(Box<connect::Connect>),
    Datagrams(nc::Datagrams),
    Tracepath(tracepath::Tracepath),
    Traceroute(Box<traceroute::Traceroute>),
    Dig(Box<dig::Dig>),
    /// Until then.
    Sleep(SimTime),
    Resolving(Box<lookup::Resolving>),
}

/// A command at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Exec {
    id: ExecId,
    task: Task,
    /// When it is ended from outside.
    limit: Option<timeout::Limit>,
}

/// Why a command did not start: what it prints, and its status.
struct Refusal {
    text: String,
    status: i32,
    /// A name that DNS may know.
    missing: Option<lookup::Missing>,
}

impl Refusal {
    fn usage(text: impl Into<String>) -> Self {
        Self::with_status(2, text)
    }

    fn with_status(status: i32, text: impl Into<String>) -> Self {
        Self {
            text: text.into(),
            status,
            missing: None,
        }
    }

    /// The same, with another status.
    const fn status(mut self, status: i32) -> Self {
        self.status = status;
        self
    }
}

/// What starting a command brought.
enum Started {
    /// It is over: output and status.
    Over(Printer, i32),
    Running(Task),
}

type Start = Result<Started, Refusal>;

/// What `sudo` says of a command line that it does not take.
fn sudo_refused(error: SudoError) -> Refusal {
    Refusal::with_status(1, error.to_string())
}

fn printed(text: impl Into<String>) -> Start {
    let mut printer = Printer::default();
    printer.out(text);
    Ok(Started::Over(printer, 0))
}

/// The argument of an option.
fn argument<'a>(
    words: &mut std::slice::Iter<'a, String>,
    option: &str,
) -> Result<&'a str, Refusal> {
    words
        .next()
        .map(String::as_str)
        .ok_or_else(|| Refusal::usage(format!("option `{option}` requires an argument\n")))
}

fn number<T: std::str::FromStr>(text: &str, option: &str) -> Result<T, Refusal> {
    text.parse()
        .map_err(|_| Refusal::usage(format!("bad value `{text}` for `{option}`\n")))
}

/// Seconds, with a fraction if need be, as a span.
fn seconds(text: &str, option: &str) -> Result<wirelab_model::SimDuration, Refusal> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let whole: u64 = number(if whole.is_empty() { "0" } else { whole }, option)?;
    let digits: String = fraction
        .chars()
        .chain("000000000".chars())
        .take(9)
        .collect();
    let nanos: u64 = number(&digits, option)?;
    let total = whole.saturating_mul(1_000_000_000).saturating_add(nanos);
    Ok(wirelab_model::SimDuration::from_nanos(total))
}

const COMMANDS: &str = "arp, cat, conntrack, curl, dig, docker exec, ethtool, getent, host, \
     hostname, ip, iptables, nc, netstat, nslookup, ping, sleep, ss, sysctl, timeout, tracepath, \
     traceroute; servers: serve KIND PORT ..., python3 -m http.server [PORT]";

/// Names by which programs of machines are started.
const PROGRAMS: &[&str] = &[
    "arp",
    "aws",
    "conntrack",
    "curl",
    "dig",
    "docker",
    "ethtool",
    "getent",
    "host",
    "hostname",
    "ip",
    "iptables",
    "nc",
    "ncat",
    "netcat",
    "netstat",
    "nslookup",
    "ping",
    "sleep",
    "ss",
    "sysctl",
    "tcpdump",
    "tracepath",
    "traceroute",
];

/// Whether machines have a program of this name: what a shell looks for.
#[must_use]
pub fn is_program(name: &str) -> bool {
    PROGRAMS.contains(&name)
}

impl Host {
    /// The first address of a device of this machine.
    fn address_of(&self, device: &str, ipv4: bool) -> Option<IpAddr> {
        let mut all = self.interfaces().iter();
        let own = all.find(|it| it.name == device)?.addresses.iter();
        let mut own = own.map(|it| it.addr());
        own.find(|it| it.is_ipv4() == ipv4)
    }

    /// Starts a command.
    pub(super) fn start_exec(
        &mut self,
        now: SimTime,
        id: ExecId,
        argv: &[String],
        out: &mut Output,
    ) {
        match timeout::limited(now, argv) {
            Ok((limit, argv)) => {
                if let Some(limit) = &limit {
                    self.wake_exec(limit.at, id);
                }
                self.begin_exec(now, id, argv, (now, limit), out);
            }
            Err(refusal) => {
                let mut printer = Printer::default();
                printer.err(refusal.text);
                finish(now, id, printer, refusal.status, out);
            }
        }
    }

    fn start_command(&mut self, now: SimTime, id: ExecId, argv: &[String]) -> Start {
        let Some((program, arguments)) = argv.split_first() else {
            return Err(Refusal::usage("no command given\n"));
        };
        let name = program.rsplit('/').next().unwrap_or(program);
        self.check_zones(name, arguments)?;
        match name {
            "sudo" => self.start_sudo(now, id, arguments),
            "ping6" | "traceroute6" => {
                let version = std::iter::once("-6".to_owned());
                let arguments: Vec<_> = version.chain(arguments.iter().cloned()).collect();
                match name {
                    "ping6" => self.start_ping_command(&arguments),
                    _ => self.start_traceroute(&arguments),
                }
            }
            "ping" => self.start_ping_command(arguments),
            "curl" => self.start_curl(now, id, arguments),
            "nc" | "ncat" | "netcat" => self.start_nc(now, id, arguments),
            "docker" => self.start_docker(now, id, arguments),
            "dig" => self.start_dig(now, arguments),
            "host" => self.start_host(now, arguments),
            "nslookup" => self.start_nslookup(now, arguments),
            "tracepath" => self.start_tracepath(now, arguments),
            "traceroute" => self.start_traceroute(arguments),
            "ip" => self.run_ip(now, arguments),
            "iptables" => self.run_iptables(arguments),
            "sysctl" => self.run_sysctl(arguments),
            "ss" => self.run_ss(now, arguments),
            "netstat" => self.run_netstat(now, arguments),
            "arp" => self.run_arp(now, arguments),
            "ethtool" => self.run_ethtool(arguments),
            "getent" => self.run_getent(arguments),
            "cat" => self.run_cat(arguments),
            "hostname" => self.run_hostname(arguments),
            "sleep" => self.start_sleep(now, id, arguments),
            "tcpdump" => Err(Refusal::usage(format!(
                "tcpdump: captures are taken from outside: wirelab tcpdump {} {}\n",
                self.spec.name,
                arguments.join(" ")
            ))),
            "conntrack" => self.run_conntrack(now, arguments),
            "aws" => Err(Refusal::with_status(
                127,
                "aws: command not found: the API is called with `wirelab call`, on no host\n",
            )),
            _ => Err(Refusal::with_status(
                127,
                format!("{program}: command not found (available here: {COMMANDS})\n"),
            )),
        }
    }

    /// What `sudo` is to run: everybody is root here.
    fn start_sudo(&mut self, now: SimTime, id: ExecId, arguments: &[String]) -> Start {
        let sudo = read_sudo(arguments).map_err(sudo_refused)?;
        match sudo.command {
            [] if sudo.by_shell => Err(Refusal::with_status(
                1,
                "sudo: a shell with a keyboard is not simulated: sudo sh -c 'COMMANDS' is\n",
            )),
            [] => Ok(Started::Over(Printer::default(), 0)),
            command => self.start_command(now, id, command),
        }
    }

    /// `docker exec [-it] NAME COMMAND`: the command, behind the container's bridge.
    fn start_docker(&mut self, now: SimTime, id: ExecId, arguments: &[String]) -> Start {
        const USAGE: &str = "usage: docker exec [-i] [-t] CONTAINER curl|nc ...\n";
        let words = match arguments.split_first() {
            Some((exec, rest)) if exec == "exec" => rest,
            _ => return Err(Refusal::usage(USAGE)),
        };
        let options = words.iter().take_while(|it| it.starts_with('-')).count();
        let Some([_, command @ ..]) = words.get(options..) else {
            return Err(Refusal::usage(USAGE));
        };
        match self.start_command(now, id, command)? {
            Started::Running(Task::Connect(mut task)) => {
                task.bridged = true;
                Ok(Started::Running(Task::Connect(task)))
            }
            _ => Err(Refusal::usage(USAGE)),
        }
    }

    /// Works on one command; it ends when `act` gives a status.
    fn with_exec(
        &mut self,
        now: SimTime,
        id: ExecId,
        out: &mut Output,
        act: impl FnOnce(&mut Self, &mut Task, &mut Printer) -> Option<i32>,
    ) {
        let Some(mut exec) = self.execs.remove(&id) else {
            return;
        };
        let mut printer = Printer::default();
        match act(self, &mut exec.task, &mut printer) {
            Some(status) => self.conclude(now, id, printer, status, out),
            None => {
                print(now, id, printer, out);
                self.execs.insert(id, exec);
            }
        }
    }

    /// Something happened on a command's connection.
    pub(super) fn on_exec_touched(&mut self, now: SimTime, id: ExecId, out: &mut Output) {
        self.with_exec(now, id, out, |host, task, printer| match task {
            Task::Connect(task) => host.advance_connect(now, id, task, printer),
            Task::Dig(task) => host.dig_touched(now, id, task, printer),
            _ => None,
        });
    }

    /// An ICMP message has arrived; it may be for any command.
    pub(super) fn on_exec_icmp(&mut self, now: SimTime, heard: &Heard, out: &mut Output) {
        let ids: Vec<_> = self.execs.keys().copied().collect();
        for id in ids {
            self.with_exec(now, id, out, |host, task, printer| match task {
                Task::Ping(task) => host.ping_heard(now, id, task, heard, printer),
                Task::Tracepath(task) => host.tracepath_heard(now, id, task, heard, printer),
                Task::Traceroute(task) => host.traceroute_heard(now, id, task, heard, printer),
                Task::Datagrams(task) => {
                    Self::datagrams_heard(task, heard);
                    None
                }
                Task::Dig(task) => host.dig_icmp(now, id, task, heard, printer),
                Task::Connect(_) | Task::Resolving(_) | Task::Sleep(_) => None,
            });
        }
    }

    /// A time a command waited for has come.
    pub(super) fn on_exec_wake(&mut self, now: SimTime, id: ExecId, out: &mut Output) {
        if self.end_late(now, id, out) {
            return;
        }
        self.with_exec(now, id, out, |host, task, printer| match task {
            Task::Ping(task) => host.ping_tick(now, id, task, printer),
            Task::Tracepath(task) => host.tracepath_tick(now, id, task, printer),
            Task::Traceroute(task) => host.traceroute_tick(now, id, task, printer),
            Task::Connect(task) => host.connect_tick(now, id, task, printer),
            Task::Datagrams(task) => host.datagrams_tick(now, id, task, printer),
            Task::Dig(task) => host.dig_tick(now, id, task, printer),
            Task::Resolving(task) => host.resolving_tick(now, id, task, printer),
            Task::Sleep(until) => (*until <= now).then_some(0),
        });
    }

    /// A datagram for a port of a command. `false`: it is for somebody else.
    pub(super) fn on_exec_datagram(
        &mut self,
        now: SimTime,
        port: u16,
        payload: &Bytes,
        out: &mut Output,
    ) -> bool {
        let mut execs = self.execs.values();
        let owner = execs.find(|exec| match &exec.task {
            Task::Dig(dig) => dig.port == Some(port),
            Task::Datagrams(task) => task.owns(port),
            _ => false,
        });
        let Some(id) = owner.map(|exec| exec.id) else {
            return false;
        };
        self.with_exec(now, id, out, |host, task, printer| match task {
            Task::Dig(task) => host.dig_heard(now, id, task, payload, printer),
            _ => None,
        });
        true
    }

    fn wake_exec(&mut self, at: SimTime, id: ExecId) {
        self.wakes.insert((at, Waker::Exec(id)));
    }
}

fn print(now: SimTime, id: ExecId, printer: Printer, out: &mut Output) {
    for (stream, text) in printer.lines {
        if !text.is_empty() {
            out.events.push(HostEvent::ExecOutput {
                id,
                stream,
                text,
                at: now,
            });
        }
    }
}

fn finish(now: SimTime, id: ExecId, printer: Printer, status: i32, out: &mut Output) {
    print(now, id, printer, out);
    out.events.push(HostEvent::ExecDone {
        id,
        status,
        at: now,
    });
}
