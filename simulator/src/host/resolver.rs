//! The stub resolver of a machine: `getaddrinfo` as glibc does it.
//!
//! `/etc/resolv.conf` says whom to ask and where to search; DHCP wrote it, or the machine's own
//! settings. A name with a dot is tried as it stands first, one without is searched first
//! (`ndots:1`). For each candidate the servers are asked in turn, twice round, 5 s each; queries
//! for one candidate keep their id and, at one server, their port. Only a machine with an IPv6
//! address asks for AAAA (`AI_ADDRCONFIG`), right behind A from the same port. An answer with TC is
//! asked for again over TCP. Nothing is cached: glibc has no cache.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};

use bytes::{Bytes, BytesMut};
use hickory_proto::op::ResponseCode;
use hickory_proto::rr::RecordType;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::{Unreachable, protocol};

use super::icmp::{ErrorKind, Heard};
use super::output::{ExecId, Output};
use super::stack::{SocketId, SocketOptions};
use super::tcp::Connection;
use super::{Host, Owner, Waker};
use crate::dns;

/// `timeout:5`.
const TIMEOUT: SimDuration = SimDuration::from_secs(5);
/// `attempts:2`.
const ATTEMPTS: usize = 2;

/// Whom to ask, and where to search.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct ResolvConf {
    pub(super) servers: Vec<IpAddr>,
    pub(super) search: Vec<SmolStr>,
}

/// Who wants to know.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Asker {
    Exec(ExecId),
    Traffic(SmolStr),
}

/// Why a name has no address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum NameError {
    /// `EAI_NONAME`.
    Unknown,
    /// `EAI_AGAIN`: no answer, or servers that failed.
    TryAgain,
}

impl NameError {
    /// As `gai_strerror` words it.
    pub(super) const fn text(self) -> &'static str {
        match self {
            Self::Unknown => "Name or service not known",
            Self::TryAgain => "Temporary failure in name resolution",
        }
    }
}

/// What a name leads to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Answer {
    /// At least one, unless a name was looked for.
    pub(super) addresses: Vec<IpAddr>,
    /// The name that has them, after search and CNAMEs; or the name of the address.
    pub(super) canonical: SmolStr,
    /// Names that stand for it (`h_aliases`).
    pub(super) aliases: Vec<SmolStr>,
}

/// What is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) enum Sought {
    /// Addresses, of IPv6 too if the machine has one (`getaddrinfo`, `AI_ADDRCONFIG`).
    Addresses,
    /// Addresses of IPv4 alone (`gethostbyname2`).
    Ipv4,
    /// Addresses of IPv6 alone.
    Ipv6,
    /// The name of an address, by its reverse name (`gethostbyaddr`).
    Name,
}

impl Sought {
    const fn kinds(self, with_ipv6: bool) -> &'static [RecordType] {
        match (self, with_ipv6) {
            (Self::Addresses, true) => &[RecordType::A, RecordType::AAAA],
            (Self::Addresses, false) | (Self::Ipv4, _) => &[RecordType::A],
            (Self::Ipv6, _) => &[RecordType::AAAA],
            (Self::Name, _) => &[RecordType::PTR],
        }
    }
}

/// What became of a lookup.
pub(super) type Found = Result<Answer, NameError>;

/// One question of a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Question {
    /// Number of the record type.
    kind: u16,
    id: u16,
    answered: bool,
}

/// A lookup under way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Lookup {
    asker: Asker,
    sought: Sought,
    /// Names still to be tried, the present one first.
    candidates: Vec<String>,
    questions: Vec<Question>,
    servers: Vec<IpAddr>,
    /// Port of each server's socket, once it was asked.
    ports: BTreeMap<usize, u16>,
    /// Queries of the present candidate so far, less one.
    round: usize,
    deadline: SimTime,
    found: Answer,
    /// `single-request`: one question at a time, since a server answered only one of two.
    single: bool,
    /// A server did not know; the error at the end depends on it.
    again: bool,
    tcp: Option<SocketId>,
    inbox: BytesMut,
    tcp_started: bool,
}

impl Lookup {
    fn server(&self) -> usize {
        self.round % self.servers.len()
    }
}

impl Host {
    /// `/etc/resolv.conf` as it is now.
    pub(super) fn resolv_conf(&self) -> ResolvConf {
        let settings = &self.spec.settings;
        let mut conf = ResolvConf {
            servers: settings.nameservers.clone(),
            search: settings.search.clone(),
        };
        for interface in self.interfaces() {
            if settings.nameservers.is_empty() {
                conf.servers.extend(&interface.resolvers);
            }
            if settings.search.is_empty() {
                conf.search.extend(interface.search.iter().cloned());
            }
        }
        // `MAXNS`.
        conf.servers.truncate(3);
        conf.search.dedup();
        conf
    }

    /// Begins to look `name` up. `false`: there is nobody to ask.
    pub(super) fn start_lookup(
        &mut self,
        now: SimTime,
        name: &str,
        sought: Sought,
        asker: Asker,
    ) -> bool {
        if !self.can_look_up(name) {
            return false;
        }
        let conf = self.resolv_conf();
        let lookup = Lookup {
            asker,
            sought,
            candidates: candidates(name, &conf.search),
            questions: Vec::new(),
            servers: conf.servers,
            ports: BTreeMap::new(),
            round: 0,
            deadline: now,
            found: Answer::default(),
            single: false,
            again: false,
            tcp: None,
            inbox: BytesMut::new(),
            tcp_started: false,
        };
        let number = self.lookups_made;
        self.lookups_made += 1;
        self.lookups.insert(number, lookup);
        self.ask_candidate(now, number);
        true
    }

    /// Whether the text is a name that somebody can be asked about.
    pub(super) fn can_look_up(&self, name: &str) -> bool {
        !self.resolv_conf().servers.is_empty() && dns::absolute(name).is_some()
    }

    /// Forgets what somebody wanted to know.
    pub(super) fn stop_lookups(&mut self, now: SimTime, asker: &Asker) {
        let theirs = self.lookups.iter().filter(|(_, it)| it.asker == *asker);
        let numbers: Vec<_> = theirs.map(|(number, _)| *number).collect();
        for number in numbers {
            self.take_lookup(now, number);
        }
    }

    fn take_lookup(&mut self, now: SimTime, number: u64) -> Option<Lookup> {
        let mut lookup = self.lookups.remove(&number)?;
        for port in lookup.ports.values() {
            self.stack.unbind_udp(*port);
        }
        self.end_tcp_lookup(now, &mut lookup);
        Some(lookup)
    }

    fn end_tcp_lookup(&mut self, now: SimTime, lookup: &mut Lookup) {
        if let Some(socket) = lookup.tcp.take() {
            self.owners.remove(&socket);
            self.stack.close(now, socket);
        }
        lookup.inbox.clear();
        lookup.tcp_started = false;
    }

    /// Asks the first server for the first candidate that is left.
    fn ask_candidate(&mut self, now: SimTime, number: u64) {
        let with_ipv6 = self.has_ipv6();
        let ids = [self.stack.draw_u16(), self.stack.draw_u16()];
        let Some(lookup) = self.lookups.get_mut(&number) else {
            return;
        };
        let kinds = lookup.sought.kinds(with_ipv6).iter();
        lookup.questions = kinds
            .zip(ids)
            .map(|(kind, id)| Question {
                kind: (*kind).into(),
                id,
                answered: false,
            })
            .collect();
        for port in std::mem::take(&mut lookup.ports).values() {
            self.stack.unbind_udp(*port);
        }
        lookup.round = 0;
        lookup.found = Answer::default();
        self.ask(now, number);
    }

    /// Whether a program would ask for AAAA as well.
    pub(super) fn has_ipv6(&self) -> bool {
        let mut addresses = self.interfaces().iter().flat_map(|it| &it.addresses);
        addresses.any(|net| match net.addr() {
            IpAddr::V6(address) => !address.is_unicast_link_local(),
            IpAddr::V4(_) => false,
        })
    }

    /// Sends what is unanswered to the server whose turn it is.
    fn ask(&mut self, now: SimTime, number: u64) {
        let Some(lookup) = self.lookups.get(&number) else {
            return;
        };
        let at = lookup.server();
        let to = SocketAddr::new(lookup.servers[at], dns::PORT);
        let known = lookup.ports.get(&at).copied();
        let opened = || {
            self.stack.resolve(to.ip())?;
            self.stack.udp_port()
        };
        let port = known.or_else(opened);
        let deadline = now + TIMEOUT;
        let Some(lookup) = self.lookups.get_mut(&number) else {
            return;
        };
        lookup.deadline = deadline;
        self.wakes.insert((deadline, Waker::Lookup(number)));
        let Some(port) = port else {
            // `sendto` fails at once; the next server's turn comes all the same.
            return self.next_round(now, number);
        };
        lookup.ports.insert(at, port);
        let name = lookup.candidates.first().cloned().unwrap_or_default();
        let most = if lookup.single { 1 } else { usize::MAX };
        let open = lookup.questions.iter().filter(|it| !it.answered).take(most);
        let queries: Vec<_> = open
            .filter_map(|it| dns::query(it.id, &name, RecordType::from(it.kind), None, true))
            .collect();
        self.stack.connect_udp(port);
        for query in queries {
            self.stack.send_udp(now, port, to, query);
        }
    }

    /// The server's time is over. If it answered one of two questions it is asked both again, the
    /// second when the first is answered (`send_dg`: a firewall may drop all but one).
    fn on_silence(&mut self, now: SimTime, number: u64) {
        let Some(lookup) = self.lookups.get_mut(&number) else {
            return;
        };
        let half = lookup.questions.iter().any(|it| it.answered);
        if !half || lookup.single || lookup.tcp.is_some() {
            return self.next_round(now, number);
        }
        lookup.single = true;
        lookup.found = Answer::default();
        for question in &mut lookup.questions {
            question.answered = false;
        }
        self.ask(now, number);
    }

    /// The server's time is over, or it has failed.
    fn next_round(&mut self, now: SimTime, number: u64) {
        let Some(mut lookup) = self.lookups.remove(&number) else {
            return;
        };
        self.end_tcp_lookup(now, &mut lookup);
        lookup.round += 1;
        let more = lookup.round < ATTEMPTS * lookup.servers.len();
        lookup.again = true;
        self.lookups.insert(number, lookup);
        if more {
            self.ask(now, number);
        } else {
            self.next_candidate(now, number);
        }
    }

    fn next_candidate(&mut self, now: SimTime, number: u64) {
        let Some(lookup) = self.lookups.get_mut(&number) else {
            return;
        };
        lookup.candidates.remove(0);
        if lookup.candidates.is_empty() {
            let error = if lookup.again {
                NameError::TryAgain
            } else {
                NameError::Unknown
            };
            self.end_lookup(now, number, Err(error));
        } else {
            self.ask_candidate(now, number);
        }
    }

    fn end_lookup(&mut self, now: SimTime, number: u64, found: Found) {
        if let Some(lookup) = self.take_lookup(now, number) {
            self.resolved.push((lookup.asker, found));
        }
    }

    /// Tells everybody whose lookups have ended.
    pub(super) fn tell_resolved(&mut self, now: SimTime, out: &mut Output) {
        for (asker, found) in std::mem::take(&mut self.resolved) {
            match asker {
                Asker::Exec(id) => self.on_exec_resolved(now, id, found, out),
                Asker::Traffic(name) => self.on_traffic_resolved(now, &name, found, out),
            }
        }
    }

    /// A time a lookup waited for has come.
    pub(super) fn on_lookup_wake(&mut self, now: SimTime, number: u64) {
        if self
            .lookups
            .get(&number)
            .is_some_and(|it| it.deadline <= now)
        {
            self.on_silence(now, number);
        }
    }

    /// A datagram for a port of a lookup. `false`: it is for somebody else.
    pub(super) fn on_lookup_datagram(
        &mut self,
        now: SimTime,
        port: u16,
        from: SocketAddr,
        payload: &Bytes,
    ) -> bool {
        let mut lookups = self.lookups.iter();
        let found = lookups.find(|(_, it)| it.ports.values().any(|own| *own == port));
        let Some((number, lookup)) = found.map(|(number, lookup)| (*number, lookup)) else {
            return false;
        };
        if lookup.servers.contains(&from.ip()) && from.port() == dns::PORT {
            self.on_answer(now, number, payload);
        }
        true
    }

    fn on_answer(&mut self, now: SimTime, number: u64, payload: &[u8]) {
        let (Some(message), Some(lookup)) = (dns::read(payload), self.lookups.get_mut(&number))
        else {
            return;
        };
        let mut questions = lookup.questions.iter_mut();
        let asked = questions.find(|it| !it.answered && dns::answers(&message, it.id));
        let Some(question) = asked else {
            return;
        };
        if message.metadata.truncation && lookup.tcp.is_none() {
            return self.ask_over_tcp(now, number);
        }
        match message.metadata.response_code {
            ResponseCode::NoError | ResponseCode::NXDomain => {
                question.answered = true;
                lookup.found.addresses.extend(dns::addresses(&message));
                let name = match lookup.sought {
                    Sought::Name => dns::pointer(&message),
                    _ => dns::owner(&message),
                };
                if let Some(name) = name {
                    lookup.found.canonical = name.into();
                    let aliases = dns::aliases(&message).into_iter();
                    lookup.found.aliases = aliases.map(SmolStr::from).collect();
                }
            }
            // SERVFAIL, REFUSED: the next server may know, and the socket is closed.
            _ => {
                let at = lookup.server();
                if let Some(port) = lookup.ports.remove(&at) {
                    self.stack.unbind_udp(port);
                }
                return self.next_round(now, number);
            }
        }
        let complete = lookup.questions.iter().all(|it| it.answered);
        if !complete {
            if lookup.single {
                self.ask(now, number);
            }
            return;
        }
        if lookup.found.canonical.is_empty() {
            self.next_candidate(now, number);
        } else {
            let found = std::mem::take(&mut lookup.found);
            self.end_lookup(now, number, Ok(found));
        }
    }

    /// RFC 7766: the same query on a connection.
    fn ask_over_tcp(&mut self, now: SimTime, number: u64) {
        let Some(lookup) = self.lookups.get(&number) else {
            return;
        };
        let to = SocketAddr::new(lookup.servers[lookup.server()], dns::PORT);
        let socket = self.stack.connect(now, to, SocketOptions::default());
        let Some(lookup) = self.lookups.get_mut(&number) else {
            return;
        };
        if let Ok(socket) = socket {
            lookup.tcp = Some(socket);
            lookup.deadline = now + TIMEOUT;
            self.owners.insert(socket, Owner::Lookup(number));
            self.wakes.insert((now + TIMEOUT, Waker::Lookup(number)));
        }
    }

    /// Something happened on a lookup's connection.
    pub(super) fn on_lookup_touched(&mut self, now: SimTime, number: u64) {
        let Some(socket) = self.lookups.get(&number).and_then(|it| it.tcp) else {
            return;
        };
        let connection = self.stack.connection(socket);
        let established = connection.is_some_and(Connection::was_established);
        let failed = connection.is_none_or(|it| it.error.is_some());
        let Some(lookup) = self.lookups.get_mut(&number) else {
            return;
        };
        if failed {
            return self.next_round(now, number);
        }
        if established && !lookup.tcp_started {
            lookup.tcp_started = true;
            let name = lookup.candidates.first().cloned().unwrap_or_default();
            let open = lookup.questions.iter().find(|it| !it.answered);
            let query =
                open.and_then(|it| dns::query(it.id, &name, RecordType::from(it.kind), None, true));
            if let Some(query) = query {
                let framed = dns::framed(&query);
                self.stack
                    .with(now, socket, |connection, cx| connection.send(framed, cx));
            }
        }
        let data = self.stack.with(now, socket, Connection::receive);
        let Some(lookup) = self.lookups.get_mut(&number) else {
            return;
        };
        for piece in data.unwrap_or_default() {
            lookup.inbox.extend_from_slice(&piece);
        }
        if let Some(message) = whole_message(&lookup.inbox) {
            self.on_answer(now, number, &message);
        }
    }

    /// An ICMP error: nobody listens at a server, so the next one is asked at once.
    pub(super) fn on_lookup_icmp(&mut self, now: SimTime, heard: &Heard) {
        let Heard::Error { what, about, .. } = heard else {
            return;
        };
        let refused = matches!(what, ErrorKind::Unreachable(code) if *code != Unreachable::Net);
        if !refused || about.protocol != protocol::UDP {
            return;
        }
        let hit = self.lookups.iter().find(|(_, lookup)| {
            let at = lookup.server();
            let port = lookup.ports.get(&at);
            lookup.servers[at] == about.destination
                && port.is_some_and(|port| about.ports == Some((*port, dns::PORT)))
        });
        if let Some(number) = hit.map(|(number, _)| *number) {
            self.next_round(now, number);
        }
    }
}

/// The message at the start of what came over TCP, if it is whole.
fn whole_message(inbox: &[u8]) -> Option<Bytes> {
    let (length, rest) = inbox.split_first_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length));
    rest.get(..length).map(Bytes::copy_from_slice)
}

/// What is asked for, in order (`ndots:1`).
pub(super) fn candidates(name: &str, search: &[SmolStr]) -> Vec<String> {
    if let Some(absolute) = name.strip_suffix('.') {
        return vec![absolute.to_owned()];
    }
    let searched = search.iter().map(|domain| format!("{name}.{domain}"));
    let as_it_stands = std::iter::once(name.to_owned());
    if name.contains('.') {
        as_it_stands.chain(searched).collect()
    } else {
        searched.chain(as_it_stands).collect()
    }
}
