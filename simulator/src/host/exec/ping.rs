//! `ping` of iputils.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::Unreachable;

use super::{Printer, Refusal, Start, Started, Task, address, argument, number, seconds};
use crate::host::Host;
use crate::host::drive::{Echo, PathMtu};
use crate::host::icmp::{ErrorKind, Heard};
use crate::host::output::ExecId;

/// A `ping` at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Ping {
    to: IpAddr,
    count: u16,
    size: u16,
    mode: PathMtu,
    ttl: u8,
    interval: SimDuration,
    linger: SimDuration,
    quiet: bool,
    identifier: u16,
    started: Option<SimTime>,
    next: SimTime,
    sent_at: Vec<SimTime>,
    rtts: Vec<u64>,
    answered: Vec<u16>,
    errors: u32,
    ends_at: Option<SimTime>,
}

const USAGE: &str = "usage: ping -c COUNT [-s SIZE] [-M do|want|dont] [-i SECONDS] [-W SECONDS] [-t TTL] [-n] [-q] ADDRESS\n";

impl Host {
    pub(super) fn start_ping_command(&mut self, arguments: &[String]) -> Start {
        let mut words = arguments.iter();
        let mut to = None;
        let mut task = Ping {
            to: IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED),
            count: 0,
            size: 56,
            mode: PathMtu::Want,
            ttl: 64,
            interval: SimDuration::from_secs(1),
            linger: SimDuration::from_secs(10),
            quiet: false,
            identifier: self.echo_identifier(),
            started: None,
            next: SimTime::ZERO,
            sent_at: Vec::new(),
            rtts: Vec::new(),
            answered: Vec::new(),
            errors: 0,
            ends_at: None,
        };
        while let Some(word) = words.next() {
            match word.as_str() {
                "-c" => task.count = number(argument(&mut words, "-c")?, "-c")?,
                "-s" => task.size = number(argument(&mut words, "-s")?, "-s")?,
                "-t" => task.ttl = number(argument(&mut words, "-t")?, "-t")?,
                "-i" => task.interval = seconds(argument(&mut words, "-i")?, "-i")?,
                "-W" => task.linger = seconds(argument(&mut words, "-W")?, "-W")?,
                "-M" => task.mode = mode(argument(&mut words, "-M")?)?,
                "-n" | "-4" => {}
                "-q" => task.quiet = true,
                option if option.starts_with('-') => {
                    return Err(Refusal::usage(format!(
                        "ping: option `{option}` is not supported here\n{USAGE}"
                    )));
                }
                destination => to = Some(address(destination)?),
            }
        }
        task.to = to.ok_or_else(|| Refusal::usage(USAGE))?;
        if task.count == 0 {
            return Err(Refusal::usage(format!(
                "ping: without `-c COUNT` it would never end\n{USAGE}"
            )));
        }
        if task.size > 65_507 || !task.to.is_ipv4() {
            return Err(Refusal::usage(
                "ping: packet size or address not supported\n",
            ));
        }
        Ok(Started::Running(Task::Ping(task)))
    }

    /// Sends what is due, or ends.
    pub(super) fn ping_tick(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Ping,
        printer: &mut Printer,
    ) -> Option<i32> {
        if task.started.is_none() {
            task.started = Some(now);
            task.next = now;
            if self.stack.resolve(task.to).is_none() {
                printer.err("ping: connect: Network is unreachable\n");
                return Some(2);
            }
            printer.out(format!(
                "PING {0} ({0}) {1}({2}) bytes of data.\n",
                task.to,
                task.size,
                u32::from(task.size) + 28
            ));
        }
        if task.ends_at.is_some_and(|at| at <= now) {
            return Some(task.summary(now, printer));
        }
        if task.sent_at.len() < usize::from(task.count) && task.next <= now {
            self.ping_once(now, task, printer);
        }
        self.plan_ping(now, id, task)
            .then(|| task.summary(now, printer))
    }

    fn ping_once(&mut self, now: SimTime, task: &mut Ping, printer: &mut Printer) {
        task.sent_at.push(now);
        task.next = now + task.interval;
        let echo = Echo {
            to: task.to,
            identifier: task.identifier,
            sequence: task.sent_at.len() as u16,
            size: task.size,
            mode: task.mode,
            ttl: task.ttl,
        };
        if let Err(text) = self.send_echo(now, &echo) {
            task.errors += 1;
            printer.err(format!("ping: local error: {text}\n"));
        }
    }

    /// Sets the next alarm; true if there is nothing to wait for.
    fn plan_ping(&mut self, now: SimTime, id: ExecId, task: &mut Ping) -> bool {
        if task.sent_at.len() < usize::from(task.count) {
            self.wake_exec(task.next, id);
            return false;
        }
        if task.answered.len() >= usize::from(task.count) {
            return true;
        }
        if task.ends_at.is_none() {
            // iputils waits two of the longest round trips, an interval at least, if anything came.
            let wait = match task.rtts.iter().max() {
                Some(longest) => SimDuration::from_micros(2 * longest).max(task.interval),
                None => task.linger,
            };
            let at = now + wait;
            task.ends_at = Some(at);
            self.wake_exec(at, id);
        }
        false
    }

    pub(super) fn ping_heard(
        &mut self,
        now: SimTime,
        _id: ExecId,
        task: &mut Ping,
        heard: &Heard,
        printer: &mut Printer,
    ) -> Option<i32> {
        match heard {
            Heard::EchoReply {
                from,
                identifier,
                sequence,
                ttl,
                size,
            } if *identifier == task.identifier => {
                let sent = task.sent_at.get(usize::from(*sequence).wrapping_sub(1))?;
                let micros = now.since(*sent).as_nanos() / 1000;
                if task.answered.contains(sequence) {
                    return None;
                }
                task.answered.push(*sequence);
                task.rtts.push(micros);
                if !task.quiet {
                    printer.out(format!(
                        "{size} bytes from {from}: icmp_seq={sequence} ttl={ttl} time={} ms\n",
                        rtt(micros)
                    ));
                }
            }
            Heard::Error {
                from, what, about, ..
            } if about
                .echo
                .is_some_and(|(identifier, _)| identifier == task.identifier) =>
            {
                task.errors += 1;
                let sequence = about.echo.map_or(0, |(_, sequence)| sequence);
                if !task.quiet {
                    printer.out(format!(
                        "From {from} icmp_seq={sequence} {}\n",
                        describe(*what)
                    ));
                }
            }
            _ => return None,
        }
        let all = usize::from(task.count);
        (task.sent_at.len() == all && task.answered.len() + task.errors as usize >= all)
            .then(|| task.summary(now, printer))
    }
}

fn mode(text: &str) -> Result<PathMtu, Refusal> {
    match text {
        "do" => Ok(PathMtu::Do),
        "want" => Ok(PathMtu::Want),
        "dont" => Ok(PathMtu::Dont),
        other => Err(Refusal::usage(format!(
            "ping: wrong value for -M: {other}: do, dont, want are valid ones\n"
        ))),
    }
}

/// Four figures, as ping prints them.
fn rtt(micros: u64) -> String {
    let (whole, rest) = (micros / 1000, micros % 1000);
    match micros {
        100_000.. => format!("{whole}"),
        10_000.. => format!("{whole}.{}", rest / 100),
        1000.. => format!("{whole}.{:02}", rest / 10),
        _ => format!("{whole}.{rest:03}"),
    }
}

fn millis(micros: u64) -> String {
    format!("{}.{:03}", micros / 1000, micros % 1000)
}

fn describe(what: ErrorKind) -> String {
    match what {
        ErrorKind::Unreachable(code) => match code {
            Unreachable::Net => "Destination Net Unreachable".to_owned(),
            Unreachable::Host => "Destination Host Unreachable".to_owned(),
            Unreachable::Protocol => "Destination Protocol Unreachable".to_owned(),
            Unreachable::Port => "Destination Port Unreachable".to_owned(),
            Unreachable::FragmentationNeeded { next_hop_mtu } => {
                format!("Frag needed and DF set (mtu = {next_hop_mtu})")
            }
            Unreachable::HostProhibited => "Destination Host Prohibited".to_owned(),
            Unreachable::AdministrativelyProhibited => "Packet filtered".to_owned(),
            Unreachable::Other(code) => format!("Dest Unreachable, Bad Code: {code}"),
        },
        ErrorKind::TimeExceeded(0) => "Time to live exceeded".to_owned(),
        ErrorKind::TimeExceeded(_) => "Frag reassembly time exceeded".to_owned(),
    }
}

impl Ping {
    /// The statistics; returns the status.
    fn summary(&self, now: SimTime, printer: &mut Printer) -> i32 {
        let sent = self.sent_at.len() as u64;
        let received = self.rtts.len() as u64;
        let lost = (sent - received) * 100 / sent.max(1);
        let errors = match self.errors {
            0 => String::new(),
            errors => format!(" +{errors} errors,"),
        };
        let last = self.sent_at.last().copied().unwrap_or(now);
        let first = self.started.unwrap_or(now);
        let until = if received == sent { now } else { last };
        let took = until.since(first).as_millis();
        printer.out(format!(
            "\n--- {} ping statistics ---\n{sent} packets transmitted, {received} received,{errors} \
             {lost}% packet loss, time {took}ms\n",
            self.to
        ));
        printer.out(self.round_trips());
        i32::from(received == 0)
    }

    fn round_trips(&self) -> String {
        let (Some(low), Some(high)) = (self.rtts.iter().min(), self.rtts.iter().max()) else {
            return "\n".to_owned();
        };
        let count = self.rtts.len() as u64;
        let mean = self.rtts.iter().sum::<u64>() / count;
        let squares: u64 = self.rtts.iter().map(|rtt| rtt * rtt).sum();
        let deviation = (squares / count).saturating_sub(mean * mean).isqrt();
        format!(
            "rtt min/avg/max/mdev = {}/{}/{}/{} ms\n",
            millis(*low),
            millis(mean),
            millis(*high),
            millis(deviation)
        )
    }
}
