//! Playing a situation: programs that follow a script, commands, and time.

use std::net::SocketAddr;

use bytes::Bytes;
use wirelab_model::SimTime;
use wirelab_simulator::host::{
    ExecId, Host, HostEvent, Output, SocketError, SocketId, SocketSettings,
};
use wirelab_wire::{Frame, IpPacket, LinkFrame};

use super::ParityError;
use super::build::{build, parsed, span, time};
use super::capture::{self, Packets};
use super::manifest::{Command, Expect, Manifest, Program, capture_path};
use super::network::{Net, Node, is_what};

/// What a situation came to.
#[derive(Debug)]
pub(super) struct Played {
    net: Net,
    /// What programs and commands were to see, and whether they did.
    pub(super) outcomes: Vec<(String, bool)>,
}

impl Played {
    /// What one interface saw.
    pub(super) fn captured(
        &self,
        host: &str,
        interface: Option<&str>,
    ) -> Result<&Packets, ParityError> {
        let place = self.net.place(host).map(|at| &self.net.places[at]);
        let place = place.ok_or_else(|| ParityError::new(format!("there is no host `{host}`")))?;
        let at = match interface {
            None => Some(0),
            Some(name) => place.interfaces.iter().position(|it| it == name),
        };
        at.and_then(|at| place.captured.get(at))
            .ok_or_else(|| ParityError::new(format!("`{host}` has no such interface")))
    }
}

/// A program at work.
#[derive(Debug)]
struct Actor<'a> {
    program: &'a Program,
    place: usize,
    settings: SocketSettings,
    remote: Option<SocketAddr>,
    /// TCP.
    socket: Option<SocketId>,
    /// UDP: the own port.
    port: Option<u16>,
    started: bool,
    step: usize,
    repeats: u32,
    /// When the step before was done.
    done_at: SimTime,
    reading: bool,
    read_at: Option<SimTime>,
    read: u64,
    waited_for: u64,
    ended: Option<(SimTime, Option<SocketError>)>,
    errors: Vec<String>,
}

/// Plays a manifest to its end.
pub(super) fn play(manifest: &Manifest) -> Result<Played, ParityError> {
    let mut net = build(manifest)?;
    let mut actors = Vec::new();
    for program in &manifest.program {
        actors.push(actor(&net, program)?);
    }
    for actor in &actors {
        listen(&mut net, actor);
    }
    let mut shell = Shell::new(&net, &manifest.command)?;
    let mut raw = raw_packets(&net, manifest)?;
    let until = time(manifest.until);
    loop {
        while net.step() {
            act(&mut net, &mut actors)?;
        }
        while raw.last().is_some_and(|(at, ..)| *at <= net.now) {
            if let Some((_, place, packet)) = raw.pop() {
                net.inject(place, packet);
            }
        }
        shell.run(&mut net);
        act(&mut net, &mut actors)?;
        if net.next().is_some_and(|at| at <= net.now) {
            continue;
        }
        let wakes = actors.iter().filter_map(|actor| actor.wake(net.now));
        let raw = raw.last().map(|(at, ..)| *at);
        let next = net
            .next()
            .into_iter()
            .chain(wakes)
            .chain(shell.wake())
            .chain(raw);
        match next.min() {
            Some(at) if at <= until => net.now = at.max(net.now),
            _ => break,
        }
    }
    let mut outcomes = Vec::new();
    for (number, actor) in actors.iter().enumerate() {
        if let Some(expect) = &actor.program.expect {
            actor.judge(number, expect, &mut outcomes);
        }
    }
    shell.judge(&mut outcomes);
    Ok(Played { net, outcomes })
}

/// Packets to be injected, the next one last.
fn raw_packets(
    net: &Net,
    manifest: &Manifest,
) -> Result<Vec<(SimTime, usize, IpPacket)>, ParityError> {
    let mut raw = Vec::new();
    for replay in &manifest.replay {
        let unknown = || ParityError::new(format!("there is no host `{}`", replay.host));
        let place = net.place(&replay.host).ok_or_else(unknown)?;
        let source = net
            .host(place)
            .and_then(|host| host.interfaces().first()?.addresses.first())
            .map(|address| address.addr());
        let file = capture_path(&manifest.folder, &replay.file);
        let packets = capture::read(&file)?;
        let start = packets.first().map_or(SimTime::ZERO, |(at, _)| *at);
        for (at, frame) in packets {
            let LinkFrame::Ip(Frame { packet, .. }) = frame else {
                continue;
            };
            let at = SimTime::from_nanos(at.since(start).as_nanos());
            let mine = Some(packet.source()) == source && is_what(replay.what, 0, &packet);
            if mine && at < time(replay.before) {
                raw.push((at, place, packet));
            }
        }
    }
    raw.reverse();
    Ok(raw)
}

fn actor<'a>(net: &Net, program: &'a Program) -> Result<Actor<'a>, ParityError> {
    let unknown = || ParityError::new(format!("there is no host `{}`", program.host));
    let remote = match &program.connect {
        Some(text) => Some(parsed(text, "address and port")?),
        None => None,
    };
    if remote.is_none() == program.listen.is_none() {
        let text = "a program has either `connect` or `listen`";
        return Err(ParityError::new(text));
    }
    let seconds = wirelab_model::SimDuration::from_secs;
    Ok(Actor {
        program,
        place: net.place(&program.host).ok_or_else(unknown)?,
        settings: SocketSettings {
            no_delay: program.no_delay,
            keepalive: program
                .keepalive
                .map(|(idle, interval, probes)| (seconds(idle), seconds(interval), probes)),
            receive_buffer: program.receive_buffer,
            local_port: program.local_port,
        },
        remote,
        socket: None,
        port: None,
        started: false,
        step: 0,
        repeats: 0,
        done_at: SimTime::ZERO,
        reading: true,
        read_at: None,
        read: 0,
        waited_for: 0,
        ended: None,
        errors: Vec::new(),
    })
}

fn listen(net: &mut Net, actor: &Actor<'_>) {
    let Some(port) = actor.program.listen else {
        return;
    };
    let backlog = actor.program.backlog.unwrap_or(4096);
    net.with_host(actor.place, |host, _, _| {
        if actor.program.udp {
            host.datagram_open(port, None);
        } else {
            host.socket_listen(port, backlog, &actor.settings);
        }
    });
}

/// Lets every program go on as far as it can.
fn act(net: &mut Net, actors: &mut [Actor<'_>]) -> Result<(), ParityError> {
    loop {
        let mut moved = false;
        for at in 0..actors.len() {
            let same = actors[at].program.same_port_as;
            if let Some(other) = same.and_then(|other| actors.get(other))
                && let Some(socket) = other.socket
            {
                let ends = net
                    .host(other.place)
                    .and_then(|host| host.socket_ends(socket));
                let port = ends.map(|(own, _)| own.port());
                actors[at].settings.local_port = port.or(actors[at].settings.local_port);
            }
            moved |= actors[at].go_on(net)?;
        }
        if !moved {
            return Ok(());
        }
    }
}

impl Actor<'_> {
    /// When the present step may be due.
    fn wake(&self, now: SimTime) -> Option<SimTime> {
        if !self.started {
            let at = time(self.program.at);
            return Some(at).filter(|at| *at > now || self.program.connect.is_some());
        }
        let due = self.due().filter(|at| *at > now);
        due.into_iter().chain(self.read_at).min()
    }

    fn due(&self) -> Option<SimTime> {
        let step = self.program.steps.get(self.step)?;
        let at = step.at.map_or(SimTime::ZERO, time);
        let after = step
            .after
            .map_or(self.done_at, |it| self.done_at + span(it));
        Some(at.max(after))
    }

    /// One step, or a look at the socket; whether anything changed.
    fn go_on(&mut self, net: &mut Net) -> Result<bool, ParityError> {
        if !self.started {
            return self.start(net);
        }
        let mut moved = self.look(net);
        if self.may_act(net) {
            self.do_step(net)?;
            moved = true;
        }
        Ok(moved)
    }

    fn start(&mut self, net: &mut Net) -> Result<bool, ParityError> {
        let now = net.now;
        let program = self.program;
        let settings = self.settings;
        if let Some(port) = program.listen {
            if program.udp {
                self.port = Some(port);
                self.started = true;
                return Ok(true);
            }
            if time(program.at) > now {
                // A program that is slow to accept.
                return Ok(false);
            }
            let accepted = net.with_host(self.place, |host, _, _| host.socket_accept(port));
            self.socket = accepted.flatten();
            self.started = self.socket.is_some();
            self.done_at = now;
            return Ok(self.started);
        }
        let (Some(remote), true) = (self.remote, now >= time(program.at)) else {
            return Ok(false);
        };
        self.started = true;
        self.done_at = now;
        let connect = |host: &mut Host, now, out: &mut Output| {
            if program.udp {
                Ok((None, host.datagram_open(0, Some(remote))))
            } else {
                let socket = host.socket_connect(now, remote, &settings, out);
                socket.map(|socket| (Some(socket), None))
            }
        };
        match net.with_host(self.place, connect) {
            Some(Ok((socket, port))) => (self.socket, self.port) = (socket, port),
            Some(Err(error)) => self.ended = Some((now, Some(error))),
            None => return Err(ParityError::new("programs run on machines")),
        }
        Ok(true)
    }

    /// Reads what has come, notices the end.
    fn look(&mut self, net: &mut Net) -> bool {
        if let Some(port) = self.port {
            let got = net.with_host(self.place, |host, _, _| host.datagram_receive(port));
            let Some((from, _)) = got.flatten() else {
                return false;
            };
            self.read += 1;
            self.remote.get_or_insert(from);
            return true;
        }
        let Some(socket) = self.socket else {
            return false;
        };
        let now = net.now;
        let Some(view) = net.host(self.place).map(|host| host.socket_view(socket)) else {
            return false;
        };
        if self.ended.is_none() && (view.finished || view.error.is_some()) {
            self.ended = Some((now, view.error));
            return true;
        }
        if self.reading && view.unread > 0 {
            let wait = span(self.program.reads_after);
            if now < *self.read_at.get_or_insert(now + wait) {
                return false;
            }
            self.read_at = None;
            let data = net.with_host(self.place, |host, now, out| {
                host.socket_receive(now, socket, out)
            });
            let octets: usize = data.iter().flatten().map(Bytes::len).sum();
            self.read += octets as u64;
            return octets > 0;
        }
        false
    }

    fn may_act(&self, net: &Net) -> bool {
        let Some(step) = self.program.steps.get(self.step) else {
            return false;
        };
        if self.due().is_none_or(|at| at > net.now) {
            return false;
        }
        if let Some(wait) = step.wait
            && self.read < self.waited_for + wait
        {
            return false;
        }
        let Some(socket) = self.socket else {
            return self.port.is_some();
        };
        let Some(view) = net.host(self.place).map(|host| host.socket_view(socket)) else {
            return false;
        };
        view.established && (!step.wait_end || view.at_end || view.finished)
    }

    fn do_step(&mut self, net: &mut Net) -> Result<(), ParityError> {
        let step = &self.program.steps[self.step];
        self.waited_for += step.wait.unwrap_or(0);
        if let Some(reading) = step.reading {
            self.reading = reading;
        }
        self.step += 1;
        self.done_at = net.now;
        if let Some(repeat) = step.repeat
            && self.repeats < repeat
        {
            self.repeats += 1;
            self.step = 0;
        }
        for octets in &step.write {
            self.write(net, Bytes::from(vec![b'a'; *octets as usize]))?;
        }
        let Some(socket) = self.socket else {
            return Ok(());
        };
        net.with_host(self.place, |host, now, out| {
            if step.shutdown {
                host.socket_shutdown(now, socket, out);
            }
            if step.close || step.reset {
                host.socket_close(now, socket, step.reset, out);
            }
        });
        if step.close || step.reset {
            self.socket = None;
            self.ended.get_or_insert((net.now, None));
        }
        Ok(())
    }

    fn write(&mut self, net: &mut Net, data: Bytes) -> Result<(), ParityError> {
        if let Some(socket) = self.socket {
            net.with_host(self.place, |host, now, out| {
                host.socket_send(now, socket, data, out);
            });
            return Ok(());
        }
        let (Some(port), Some(remote)) = (self.port, self.remote) else {
            return Err(ParityError::new("a write to nobody"));
        };
        let sent = net.with_host(self.place, |host, now, out| {
            host.datagram_send(now, port, remote, data, out)
        });
        self.errors.push(match sent {
            Some(Err(error)) => errno(error).to_owned(),
            _ => String::new(),
        });
        Ok(())
    }

    fn judge(&self, number: usize, expect: &Expect, outcomes: &mut Vec<(String, bool)>) {
        let who = format!("program {number} on {}", self.program.host);
        let (at, error) = match self.ended {
            Some((at, error)) => (Some(at), error.map(errno)),
            None => (None, None),
        };
        let seconds = at.map_or(0.0, |at| at.as_nanos() as f64 / 1e9);
        let told = error.unwrap_or("no error");
        let wanted = expect.error.as_deref();
        outcomes.push((format!("{who}: {told}"), error == wanted));
        if let Some(wanted) = expect.at {
            let right = at.is_some() && near(seconds, wanted);
            outcomes.push((
                format!("{who}: at {seconds:.3} s, kernel {wanted:.3} s"),
                right,
            ));
        }
        if let Some(wanted) = expect.read {
            let text = format!("{who}: read {} of {wanted}", self.read);
            outcomes.push((text, self.read == wanted));
        }
        if !expect.errors.is_empty() {
            let text = format!("{who}: sends {:?}", self.errors);
            outcomes.push((text, self.errors == expect.errors));
        }
    }
}

/// Timers of the kernel are never early and up to 7 per cent late.
fn near(ours: f64, kernel: f64) -> bool {
    ours <= kernel * 1.07 + 0.03 && kernel <= ours * 1.07 + 0.03
}

const fn errno(error: SocketError) -> &'static str {
    match error {
        SocketError::TimedOut => "ETIMEDOUT",
        SocketError::Refused => "ECONNREFUSED",
        SocketError::Reset => "ECONNRESET",
        SocketError::HostUnreachable => "EHOSTUNREACH",
        SocketError::NetUnreachable => "ENETUNREACH",
        SocketError::Denied => "EACCES",
    }
}

/// Commands, one after the other.
#[derive(Debug)]
struct Shell<'a> {
    commands: Vec<(&'a Command, usize)>,
    next: usize,
    running: Option<(ExecId, SimTime)>,
    /// Events looked at.
    seen: usize,
    printed: String,
    results: Vec<(String, i32, f64)>,
}

impl<'a> Shell<'a> {
    fn new(net: &Net, commands: &'a [Command]) -> Result<Self, ParityError> {
        let mut found = Vec::new();
        for command in commands {
            let place = net
                .place(&command.host)
                .filter(|at| matches!(net.places[*at].node, Node::Host(_)));
            let unknown = || ParityError::new(format!("there is no host `{}`", command.host));
            found.push((command, place.ok_or_else(unknown)?));
        }
        Ok(Self {
            commands: found,
            next: 0,
            running: None,
            seen: 0,
            printed: String::new(),
            results: Vec::new(),
        })
    }

    fn wake(&self) -> Option<SimTime> {
        if self.running.is_some() {
            return None;
        }
        let (command, _) = self.commands.get(self.next)?;
        Some(time(command.at))
    }

    fn run(&mut self, net: &mut Net) {
        loop {
            self.listen(net);
            let Some((command, place)) = self.commands.get(self.next).copied() else {
                return;
            };
            if self.running.is_some() || time(command.at) > net.now {
                return;
            }
            let id = ExecId(self.next as u64 + 1);
            self.next += 1;
            self.running = Some((id, net.now));
            self.printed.clear();
            let argv: Vec<String> = command.run.split_whitespace().map(str::to_owned).collect();
            net.with_host(place, |host, now, out| host.exec(now, id, &argv, out));
        }
    }

    fn listen(&mut self, net: &Net) {
        let Some((running, since)) = self.running else {
            return;
        };
        for (_, event) in &net.events[self.seen..] {
            match event {
                HostEvent::ExecOutput { id, text, .. } if *id == running => self.printed += text,
                HostEvent::ExecDone { id, status, at } if *id == running => {
                    let took = at.since(since).as_nanos() as f64 / 1e9;
                    let printed = std::mem::take(&mut self.printed);
                    self.results.push((printed, *status, took));
                    self.running = None;
                }
                _ => {}
            }
        }
        self.seen = net.events.len();
    }

    fn judge(&self, outcomes: &mut Vec<(String, bool)>) {
        for (at, (command, _)) in self.commands.iter().enumerate() {
            let run = &command.run;
            let Some((printed, status, took)) = self.results.get(at) else {
                outcomes.push((format!("`{run}` did not end"), false));
                continue;
            };
            if let Some(wanted) = command.status {
                outcomes.push((format!("`{run}`: status {status}"), *status == wanted));
            }
            if let Some(wanted) = &command.prints {
                let text = format!("`{run}` prints `{wanted}`: {printed}");
                outcomes.push((text, printed.contains(wanted.as_str())));
            }
            if let Some(wanted) = command.takes {
                let text = format!("`{run}`: {took:.3} s, kernel {wanted:.3} s");
                outcomes.push((text, near(*took, wanted)));
            }
        }
    }
}
