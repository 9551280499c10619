//! `dig` of BIND 9.18: questions, one after the other, each printed with everything that came back.
//! `host` and `nslookup` ask in the same way (`dighost.c`) and print in theirs.
//!
//! dig asks the first server three times, 5 s each and from a new port each time, then every
//! further server once; an answer with TC is asked for again over TCP.

use std::net::{IpAddr, SocketAddr};

use bytes::{Bytes, BytesMut};
use hickory_proto::op::{Message, ResponseCode};
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::SimTime;
use wirelab_wire::{Unreachable, protocol};

use super::dig_command::{Asked, Common, Lookup};
use super::dig_manner::{Manner, Program};
use super::{Printer, Refusal, Start, Started, Task};
use crate::dns;
use crate::host::icmp::{ErrorKind, Heard};
use crate::host::output::ExecId;
use crate::host::program::date;
use crate::host::route::RouteError;
use crate::host::stack::{ConnectError, SocketId, SocketOptions};
use crate::host::tcp::Connection;
use crate::host::{Host, Owner};

const VERSION: &str = "9.18.28";

/// A `dig` at work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Dig {
    pub(super) manner: Manner,
    pub(super) common: Common,
    /// What is looked up now.
    pub(super) lookup: Lookup,
    /// What comes after it.
    pub(super) rest: Vec<Lookup>,
    /// The lines that say what was asked, until they are printed.
    pub(super) greeting: String,
    /// Complaints about the command line, until they are printed.
    warnings: String,
    /// The name as it is asked for.
    pub(super) name: String,
    /// Names still to be tried after this one (`+search`).
    further: Vec<String>,
    /// Servers for names that have none of their own; whether they were named.
    default: Vec<IpAddr>,
    named: bool,
    pub(super) servers: Vec<IpAddr>,
    pub(super) tcp: bool,
    id: u16,
    /// Which of the servers is asked.
    at: usize,
    /// How often it is, or the next ones are, before the turn goes on.
    left: usize,
    /// A query is out.
    waits: bool,
    /// The name at hand was not asked for yet.
    fresh: bool,
    pub(super) port: Option<u16>,
    socket: Option<SocketId>,
    talking: bool,
    inbox: BytesMut,
    pub(super) sent: SimTime,
    deadline: SimTime,
    /// What became of the last name.
    status: i32,
}

impl Host {
    pub(super) fn start_dig(&mut self, now: SimTime, arguments: &[String]) -> Start {
        let asked = Asked::read(arguments)?;
        self.ask_servers(now, asked, Manner::dig(), arguments)
    }

    /// Begins to ask what was asked for on a command line.
    pub(super) fn ask_servers(
        &mut self,
        now: SimTime,
        asked: Asked,
        manner: Manner,
        arguments: &[String],
    ) -> Start {
        let mut default = Vec::new();
        for server in &asked.servers {
            default.extend(self.dig_servers(server, manner.program)?);
        }
        let greeting = match asked.greets {
            true => greeting(&arguments.join(" "), default.len()),
            false => String::new(),
        };
        if asked.servers.is_empty() {
            default = self.resolv_conf().servers;
        }
        let mut lookups = asked.lookups.into_iter();
        let Some(lookup) = lookups.next() else {
            return Err(Refusal::with_status(1, ""));
        };
        let mut task = Dig {
            manner,
            common: asked.common,
            lookup,
            rest: lookups.collect(),
            greeting,
            warnings: asked.warnings,
            name: String::new(),
            further: Vec::new(),
            named: !asked.servers.is_empty(),
            default,
            servers: Vec::new(),
            tcp: false,
            id: 0,
            at: 0,
            left: 0,
            waits: false,
            fresh: true,
            port: None,
            socket: None,
            talking: false,
            inbox: BytesMut::new(),
            sent: now,
            deadline: now,
            status: 0,
        };
        self.dig_set_up(&mut task).map_err(|(status, text)| {
            Refusal::with_status(status, std::mem::take(&mut task.warnings) + &text)
        })?;
        Ok(Started::Running(Task::Dig(Box::new(task))))
    }

    /// Makes ready for the name at hand (`setup_lookup`).
    fn dig_set_up(&mut self, task: &mut Dig) -> Result<(), (i32, String)> {
        let lookup = &task.lookup;
        let program = task.manner.program;
        let searches = task.common.search && !lookup.follows;
        let domains = match &task.common.domain {
            _ if !searches => &[],
            Some(domain) => std::slice::from_ref(domain),
            None => &self.resolv_conf().search[..],
        };
        let names = task.searched(domains);
        let is_searched = names.first() != Some(&lookup.name);
        if let Some((status, why)) = lookup.illegal(is_searched) {
            let status = program.illegal_status(is_searched).unwrap_or(status);
            return Err((status, format!("{}: {why}", program.name())));
        }
        let mut servers = Vec::new();
        for server in &lookup.servers {
            let found = self.dig_servers(server, program);
            servers.extend(found.map_err(|refusal| (refusal.status, refusal.text))?);
        }
        // A name's own come behind those that were named for all, and in place of resolv.conf's.
        let shared = task.named || servers.is_empty();
        let shared = task.default.iter().filter(|_| shared).copied();
        task.servers = shared.chain(servers).collect();
        let mut names = names.into_iter();
        task.name = names.next().unwrap_or_else(|| task.lookup.name.clone());
        task.further = names.collect();
        task.tcp = task.lookup.look.tcp;
        task.id = self.stack.draw_u16();
        task.begin_anew();
        Ok(())
    }

    /// The name at hand is done with: the next one's turn, or the end.
    fn dig_next(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Dig,
        printer: &mut Printer,
    ) -> Option<i32> {
        self.dig_close(now, task);
        if task.rest.is_empty() {
            return Some(task.end_status(printer));
        }
        task.lookup = task.rest.remove(0);
        if let Err((status, text)) = self.dig_set_up(task) {
            printer.err(text);
            return Some(status);
        }
        self.dig_ask(now, id, task, printer)
    }

    /// The addresses of the server that was named.
    fn dig_servers(&self, server: &str, program: Program) -> Result<Vec<IpAddr>, Refusal> {
        let unknown = |why: &str| {
            let program = program.name();
            let text = format!("{program}: couldn't get address for '{server}': {why}\n");
            Refusal::with_status(1, text)
        };
        if super::names::has_zone(server) {
            return Err(unknown("failure"));
        }
        if self.names.failure(server).is_some() {
            return Err(unknown("not found"));
        }
        let all = self.names.all(server);
        match all.is_empty() {
            true => Err(unknown("not found").unless_dns_knows(server)),
            false => Ok(all),
        }
    }

    /// Asks, asks again, or gives up.
    pub(super) fn dig_tick(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Dig,
        printer: &mut Printer,
    ) -> Option<i32> {
        if task.deadline > now {
            return None;
        }
        if task.waits && task.socket.is_some() && !task.talking {
            return self.dig_unconnected(now, id, task, "timed out", printer);
        }
        if task.waits {
            let end = task.end();
            printer.out(format!(";; communications error to {end}: timed out\n"));
            task.move_on();
        }
        self.dig_ask(now, id, task, printer)
    }

    fn dig_ask(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Dig,
        printer: &mut Printer,
    ) -> Option<i32> {
        let warnings = std::mem::take(&mut task.warnings);
        match task.manner.program {
            Program::Nslookup => printer.out(warnings),
            Program::Dig | Program::Host => printer.err(warnings),
        }
        if std::mem::take(&mut task.fresh) {
            printer.out(task.trying());
        }
        loop {
            self.dig_close(now, task);
            let Some(server) = task.servers.get(task.at).copied() else {
                printer.out(std::mem::take(&mut task.greeting));
                printer.out(";; no servers could be reached\n");
                task.status = 9;
                return self.dig_next(now, id, task, printer);
            };
            task.waits = true;
            task.sent = now;
            task.deadline = now + task.common.time;
            let Err(why) = self.dig_send(now, id, task, server) else {
                self.wake_exec(task.deadline, id);
                return None;
            };
            printer.out(task.not_sent(why));
            if !task.move_on() {
                task.status = 9;
                task.greeting.clear();
                return self.dig_next(now, id, task, printer);
            }
        }
    }

    /// The connection to the server came to nothing.
    fn dig_unconnected(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Dig,
        why: &str,
        printer: &mut Printer,
    ) -> Option<i32> {
        printer.out(task.not_sent(why));
        if !task.move_on() {
            task.status = 9;
            task.greeting.clear();
            return self.dig_next(now, id, task, printer);
        }
        self.dig_ask(now, id, task, printer)
    }

    /// Sends the question, or begins to connect.
    fn dig_send(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Dig,
        server: IpAddr,
    ) -> Result<(), &'static str> {
        let to = SocketAddr::new(server, task.common.port);
        if task.tcp {
            let socket = self.stack.connect(now, to, SocketOptions::default());
            let socket = socket.map_err(refused)?;
            task.socket = Some(socket);
            task.talking = false;
            self.owners.insert(socket, Owner::Exec(id));
            return Ok(());
        }
        if self.stack.resolve(server).is_none() {
            return Err(refused(ConnectError::NoRoute(
                self.stack.routes.error(server),
            )));
        }
        let port = self.stack.udp_port();
        let port = port.ok_or_else(|| refused(ConnectError::NoPort))?;
        if let Some(query) = task.query() {
            task.port = Some(port);
            self.stack.connect_udp(port);
            self.stack.send_udp_in_pieces(now, port, to, query);
        }
        Ok(())
    }

    pub(super) fn dig_close(&mut self, now: SimTime, task: &mut Dig) {
        if let Some(port) = task.port.take() {
            self.stack.unbind_udp(port);
        }
        if let Some(socket) = task.socket.take() {
            self.owners.remove(&socket);
            self.stack.close(now, socket);
        }
        task.inbox.clear();
    }

    /// A datagram for the port of a `dig`.
    pub(super) fn dig_heard(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Dig,
        payload: &Bytes,
        printer: &mut Printer,
    ) -> Option<i32> {
        let message = dns::read(payload)?;
        if !dns::answers(&message, task.id) {
            return None;
        }
        if message.metadata.truncation && !task.tcp {
            task.comment("Truncated, retrying in TCP mode.", printer);
            // The same server once more.
            task.tcp = true;
            return self.dig_ask(now, id, task, printer);
        }
        self.dig_close(now, task);
        if let Some(why) = task.manner.goes_on(&message, task.lookup.look) {
            let (more, server) = (task.at + 1 < task.servers.len(), task.server());
            let next = if more { ", trying next server" } else { "" };
            task.comment(&format!("Got {why} from {server}{next}"), printer);
            if more {
                task.at += 1;
                return self.dig_ask(now, id, task, printer);
            }
        }
        let at = date::dig(self.config.starts.at(now));
        let missing = message.metadata.response_code == ResponseCode::NXDomain;
        if missing && !task.further.is_empty() {
            if task.manner.shows_search() {
                task.tell(&message, payload.len(), now, &at, printer);
            }
            task.name = task.further.remove(0);
            task.begin_anew();
            return self.dig_ask(now, id, task, printer);
        }
        task.tell(&message, payload.len(), now, &at, printer);
        task.status = 0;
        self.dig_next(now, id, task, printer)
    }

    /// An ICMP error may be about the query at hand.
    pub(super) fn dig_icmp(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Dig,
        heard: &Heard,
        printer: &mut Printer,
    ) -> Option<i32> {
        let Heard::Error { what, about, .. } = heard else {
            return None;
        };
        let own = task.port.filter(|_| about.protocol == protocol::UDP)?;
        if about.ports != Some((own, task.common.port)) {
            return None;
        }
        let why = match what {
            ErrorKind::Unreachable(Unreachable::Port) => "connection refused",
            ErrorKind::Unreachable(Unreachable::Net) => "network unreachable",
            ErrorKind::Unreachable(Unreachable::FragmentationNeeded { .. }) => return None,
            _ => "host unreachable",
        };
        let end = task.end();
        printer.out(format!(";; communications error to {end}: {why}\n"));
        task.move_on();
        self.dig_ask(now, id, task, printer)
    }

    /// Something happened on the connection of a `dig +tcp`.
    pub(super) fn dig_touched(
        &mut self,
        now: SimTime,
        id: ExecId,
        task: &mut Dig,
        printer: &mut Printer,
    ) -> Option<i32> {
        let socket = task.socket?;
        let connection = self.stack.connection(socket)?;
        if connection.error.is_some() {
            return self.dig_unconnected(now, id, task, "connection refused", printer);
        }
        if connection.was_established() && !task.talking {
            task.talking = true;
            let framed = dns::framed(&task.query()?);
            self.stack
                .with(now, socket, |connection, cx| connection.send(framed, cx));
        }
        for piece in self.stack.with(now, socket, Connection::receive)? {
            task.inbox.extend_from_slice(&piece);
        }
        let (length, rest) = task.inbox.split_first_chunk::<2>()?;
        let length = usize::from(u16::from_be_bytes(*length));
        let message = rest.get(..length).map(Bytes::copy_from_slice)?;
        self.dig_heard(now, id, task, &message, printer)
    }
}

impl Dig {
    fn query(&self) -> Option<Bytes> {
        let Lookup { look, .. } = &self.lookup;
        let (kind, class) = (self.lookup.kind(), self.lookup.class());
        dns::query_of(
            class,
            self.id,
            &self.name,
            kind,
            look.payload(),
            look.recurse,
        )
    }

    /// The server that was asked last.
    pub(super) fn server(&self) -> IpAddr {
        let last = self.servers.len().saturating_sub(1);
        let found = self.servers.get(self.at.min(last)).copied();
        found.unwrap_or(IpAddr::V4(std::net::Ipv4Addr::UNSPECIFIED))
    }

    /// It and its port, as dig writes them: `10.0.0.2#53`.
    pub(super) fn end(&self) -> String {
        format!("{}#{}", self.server(), self.common.port)
    }

    /// A name's turn begins, with the first server.
    fn begin_anew(&mut self) {
        self.at = 0;
        self.left = self.lookup.look.tries;
        self.waits = false;
        self.fresh = true;
    }

    /// What was sent came to nothing: the same server once more, or the next. `false`: there is
    /// none.
    fn move_on(&mut self) -> bool {
        if self.left > 1 {
            self.left -= 1;
        } else {
            self.at += 1;
        }
        self.at < self.servers.len()
    }

    /// Names to try in turn (`setup_lookup` and `next_origin`): one with dots enough is tried as it
    /// stands alone, another is searched first.
    fn searched(&self, search: &[SmolStr]) -> Vec<String> {
        let name = &self.lookup.name;
        let as_it_stands = std::iter::once(name.clone());
        if name.ends_with('.') || self.has_dots(name) {
            return as_it_stands.collect();
        }
        let searched = search.iter().map(|domain| format!("{name}.{domain}"));
        searched.chain(as_it_stands).collect()
    }

    /// Whether a name has dots enough to be tried as it stands (`ndots`).
    pub(super) fn has_dots(&self, name: &str) -> bool {
        name.matches('.').count() >= self.common.dots
    }

    /// A remark, unless they are not wanted.
    fn comment(&self, text: &str, printer: &mut Printer) {
        if self.lookup.look.comments && !self.common.short {
            printer.out(format!(";; {text}\n"));
        }
    }

    /// That nothing could be sent, or that there is no connection.
    fn not_sent(&self, why: &str) -> String {
        let (end, server, name) = (self.end(), self.server(), &self.name);
        let what = match self.tcp {
            true => "Connection to",
            false => "UDP setup with",
        };
        format!(
            ";; {what} {end}({server}) for {name} failed: {why}.\n\
             ;; no servers could be reached\n"
        )
    }

    /// Prints an answer as the program does.
    fn tell(
        &mut self,
        message: &Message,
        size: usize,
        now: SimTime,
        at: &str,
        printer: &mut Printer,
    ) {
        match self.manner.program {
            Program::Dig => self.print(message, size, now, at, printer),
            Program::Host => self.print_host(message, size, now, printer),
            Program::Nslookup => self.print_nslookup(message, printer),
        }
    }

    /// What a signal makes of it, if it does not just end (`isc_app_run`).
    pub(super) fn interrupted(&self, printer: &mut Printer) -> Option<i32> {
        (self.manner.program == Program::Nslookup).then(|| self.end_status(printer))
    }

    /// The status at the end.
    fn end_status(&self, printer: &mut Printer) -> i32 {
        match self.manner.program {
            Program::Dig => self.status,
            Program::Host => self.manner.status(),
            Program::Nslookup => {
                printer.out("\n");
                self.manner.status()
            }
        }
    }
}

/// The lines that say what was asked and with what.
fn greeting(words: &str, servers: usize) -> String {
    let found = match servers {
        0 => String::new(),
        1 => "; (1 server found)\n".to_owned(),
        many => format!("; ({many} servers found)\n"),
    };
    let gap = if words.is_empty() { "" } else { " " };
    format!("\n; <<>> DiG {VERSION} <<>>{gap}{words}\n{found};; global options: +cmd\n")
}

/// Why nothing was sent, in the words of BIND's library.
const fn refused(error: ConnectError) -> &'static str {
    match error {
        ConnectError::NoRoute(RouteError::Net) => "network unreachable",
        ConnectError::NoRoute(RouteError::Host) => "host unreachable",
        ConnectError::NoRoute(RouteError::Invalid) => "invalid file",
        ConnectError::NoRoute(RouteError::Denied) => "permission denied",
        ConnectError::NoPort => "address not available",
    }
}
