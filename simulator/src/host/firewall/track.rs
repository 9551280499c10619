//! Connection tracking of a machine's own firewall (`nf_conntrack`), for `--ctstate` and
//! `conntrack`. Not to be mixed up with that of security groups, which is the fabric's.
//!
//! ```text
//! SYN out      no entry: NEW; OUTPUT lets it pass, and the entry is kept  SYN_SENT [UNREPLIED]
//! SYN-ACK in   the reply to it: ESTABLISHED                               SYN_RECV
//! ACK out      ESTABLISHED                                                ESTABLISHED [ASSURED]
//! ICMP error   quotes a packet of an entry: RELATED
//! ```
//!
//! As the kernel does, it works only while a rule asks for states; a connection that is older is
//! picked up in the middle (`nf_conntrack_tcp_loose`).

use std::collections::BTreeMap;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};
use wirelab_model::{SimDuration, SimTime};
use wirelab_wire::{
    IcmpMessage, IpPacket, QuotedPacket, TcpFlags, TcpSegment, Transport, protocol,
};

/// The state of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum CtState {
    Invalid,
    New,
    Related,
    Established,
    /// Nobody looked: only table `raw` makes it so, which machines do not have.
    Untracked,
}

/// The state of a TCP connection (`enum tcp_conntrack`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum TcpState {
    SynSent,
    SynRecv,
    Established,
    FinWait,
    CloseWait,
    LastAck,
    TimeWait,
    Close,
}

impl TcpState {
    pub(crate) const NAMES: [(&'static str, Self); 8] = [
        ("SYN_SENT", Self::SynSent),
        ("SYN_RECV", Self::SynRecv),
        ("ESTABLISHED", Self::Established),
        ("FIN_WAIT", Self::FinWait),
        ("CLOSE_WAIT", Self::CloseWait),
        ("LAST_ACK", Self::LastAck),
        ("TIME_WAIT", Self::TimeWait),
        ("CLOSE", Self::Close),
    ];

    pub(crate) fn name(self) -> &'static str {
        let found = Self::NAMES.iter().find(|(_, state)| *state == self);
        found.map_or("NONE", |(name, _)| name)
    }

    /// `nf_conntrack_tcp_timeout_*`.
    const fn timeout(self) -> SimDuration {
        SimDuration::from_secs(match self {
            Self::SynSent | Self::FinWait | Self::TimeWait => 120,
            Self::SynRecv | Self::CloseWait => 60,
            Self::Established => 432_000,
            Self::LastAck => 30,
            Self::Close => 10,
        })
    }

    /// The state that a first segment makes; nothing for one that begins no connection.
    fn first(segment: &TcpSegment) -> Option<Self> {
        let has = |flag| segment.flags.contains(flag);
        match (has(TcpFlags::SYN), has(TcpFlags::ACK)) {
            _ if has(TcpFlags::RST) || has(TcpFlags::FIN) => None,
            (true, false) => Some(Self::SynSent),
            (true, true) | (false, false) => None,
            (false, true) => Some(Self::Established),
        }
    }

    /// What a segment makes of it (`tcp_conntracks`).
    fn after(self, segment: &TcpSegment, reply: bool) -> Self {
        let has = |flag| segment.flags.contains(flag);
        if has(TcpFlags::RST) {
            return Self::Close;
        }
        if has(TcpFlags::SYN) {
            return match (self, has(TcpFlags::ACK), reply) {
                (Self::SynSent, true, true) => Self::SynRecv,
                (Self::TimeWait | Self::Close, false, false) => Self::SynSent,
                (same, ..) => same,
            };
        }
        if has(TcpFlags::FIN) {
            return match self {
                Self::SynRecv | Self::Established => Self::FinWait,
                Self::FinWait | Self::CloseWait => Self::LastAck,
                same => same,
            };
        }
        match self {
            Self::SynRecv if !reply => Self::Established,
            Self::FinWait => Self::CloseWait,
            Self::LastAck => Self::TimeWait,
            same => same,
        }
    }
}

/// One direction of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Tuple {
    pub(crate) protocol: u8,
    pub(crate) source: IpAddr,
    pub(crate) destination: IpAddr,
    /// Ports; of ICMP the identifier twice, of other protocols nothing.
    pub(crate) ports: (u16, u16),
}

impl Tuple {
    const fn turned(self) -> Self {
        Self {
            protocol: self.protocol,
            source: self.destination,
            destination: self.source,
            ports: (self.ports.1, self.ports.0),
        }
    }

    fn of(packet: &IpPacket) -> Option<Self> {
        let ports = match packet.as_icmp() {
            None => packet.ports().unwrap_or_default(),
            Some(
                IcmpMessage::EchoRequest { identifier, .. }
                | IcmpMessage::EchoReply { identifier, .. },
            ) => (*identifier, *identifier),
            Some(_) => return None,
        };
        Some(Self {
            protocol: packet.protocol(),
            source: packet.header.source,
            destination: packet.header.destination,
            ports,
        })
    }

    /// Of a packet that an ICMP error quotes.
    fn quoted(packet: &IpPacket) -> Option<Self> {
        let (IcmpMessage::DestinationUnreachable { quoted, .. }
        | IcmpMessage::TimeExceeded { quoted, .. }) = packet.as_icmp()?
        else {
            return None;
        };
        let about = QuotedPacket::parse(quoted).ok()?;
        let echo = about.echo_identifier.map(|it| (it, it));
        Some(Self {
            protocol: about.protocol,
            source: about.header.source,
            destination: about.header.destination,
            ports: about.ports.or(echo).unwrap_or_default(),
        })
    }
}

/// A connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    /// Of its first packet.
    pub(crate) tuple: Tuple,
    pub(crate) tcp: Option<TcpState>,
    pub(crate) replied: bool,
    /// It is worth keeping (`IPS_ASSURED`).
    pub(crate) assured: bool,
    begun: SimTime,
    expires: SimTime,
    number: u64,
}

impl Entry {
    /// Whole seconds it has left.
    pub(crate) const fn seconds_left(&self, now: SimTime) -> u64 {
        self.expires.since(now).as_secs()
    }

    fn timeout(&self) -> SimDuration {
        /// `nf_conntrack_udp_timeout`, `..._stream`, `nf_conntrack_icmp_timeout`, the generic one.
        const UDP: u64 = 30;
        const STREAM: u64 = 120;
        const ICMP: u64 = 30;
        const OTHER: u64 = 600;
        let seconds = match (self.tcp, self.tuple.protocol) {
            (Some(state), _) => return state.timeout(),
            (None, protocol::UDP) if self.assured => STREAM,
            (None, protocol::UDP) => UDP,
            (None, protocol::ICMP) => ICMP,
            (None, _) => OTHER,
        };
        SimDuration::from_secs(seconds)
    }
}

/// From when on a UDP exchange with replies is a stream (`udp_packet`).
const STREAM_AFTER: SimDuration = SimDuration::from_secs(2);

/// After so many new connections what has expired is thrown away.
const PURGE: u64 = 256;

/// The connections of a machine.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Tracker {
    active: bool,
    entries: BTreeMap<Tuple, Entry>,
    made: u64,
}

impl Tracker {
    /// One that works as this one does and knows nothing yet.
    pub(super) fn afresh(&self) -> Self {
        Self {
            active: self.active,
            ..Self::default()
        }
    }

    pub(super) const fn set_active(&mut self, active: bool) {
        self.active = active;
    }

    /// Connections that have not expired, the latest first.
    pub(crate) fn entries(&self, now: SimTime) -> Vec<Entry> {
        let alive = self.entries.values().filter(|it| it.expires > now);
        let mut entries: Vec<_> = alive.copied().collect();
        entries.sort_by_key(|it| std::cmp::Reverse(it.number));
        entries
    }

    /// `conntrack -D`.
    pub(crate) fn forget(&mut self, entry: &Entry) {
        self.entries.remove(&entry.tuple);
    }

    /// The entry of a packet, and whether it goes the other way than the first one.
    fn find(&self, tuple: Tuple, now: SimTime) -> Option<(Tuple, bool)> {
        let alive = |key: &Tuple| self.entries.get(key).is_some_and(|it| it.expires > now);
        let turned = tuple.turned();
        match (alive(&tuple), alive(&turned)) {
            (true, _) => Some((tuple, false)),
            (false, true) => Some((turned, true)),
            (false, false) => None,
        }
    }

    /// The state of a packet; an entry that it belongs to learns of it.
    pub(super) fn classify(&mut self, packet: &IpPacket, now: SimTime) -> CtState {
        if !self.active {
            return CtState::Untracked;
        }
        let Some(tuple) = Tuple::of(packet) else {
            let about = Tuple::quoted(packet).and_then(|it| self.find(it, now));
            return about.map_or(CtState::Invalid, |_| CtState::Related);
        };
        let Some((key, reply)) = self.find(tuple, now) else {
            return match begins(packet) {
                true => CtState::New,
                false => CtState::Invalid,
            };
        };
        // An echo request is no answer to another one.
        if reply && matches!(packet.as_icmp(), Some(IcmpMessage::EchoRequest { .. })) {
            return CtState::New;
        }
        self.see(key, reply, packet, now)
    }

    fn see(&mut self, key: Tuple, reply: bool, packet: &IpPacket, now: SimTime) -> CtState {
        let Some(entry) = self.entries.get_mut(&key) else {
            return CtState::Invalid;
        };
        if let (Some(state), Transport::Tcp(segment)) = (entry.tcp, &packet.transport) {
            if reply && !entry.replied && segment.flags.contains(TcpFlags::RST) {
                // Refused: nothing is left to be tracked.
                self.entries.remove(&key);
                return CtState::Established;
            }
            let next = state.after(segment, reply);
            entry.tcp = Some(next);
            entry.assured |= next == TcpState::Established && (entry.replied || reply);
        }
        entry.replied |= reply;
        if entry.tuple.protocol == protocol::UDP && entry.replied {
            entry.assured |= now.since(entry.begun) > STREAM_AFTER;
        }
        entry.expires = now + entry.timeout();
        match entry.replied {
            true => CtState::Established,
            false => CtState::New,
        }
    }

    /// A packet has passed the firewall: what it begins is kept from now on.
    pub(super) fn confirm(&mut self, packet: &IpPacket, state: CtState, now: SimTime) {
        if state != CtState::New {
            return;
        }
        let Some(tuple) = Tuple::of(packet) else {
            return;
        };
        if self.find(tuple, now).is_some() {
            return;
        }
        let tcp = match &packet.transport {
            Transport::Tcp(segment) => TcpState::first(segment),
            _ => None,
        };
        let mut entry = Entry {
            tuple,
            tcp,
            replied: false,
            assured: false,
            begun: now,
            expires: now,
            number: self.made,
        };
        entry.expires = now + entry.timeout();
        self.made += 1;
        if self.made.is_multiple_of(PURGE) {
            self.entries.retain(|_, it| it.expires > now);
        }
        self.entries.insert(tuple, entry);
    }
}

/// Whether a packet of no connection may begin one.
fn begins(packet: &IpPacket) -> bool {
    match (&packet.transport, packet.as_icmp()) {
        (Transport::Tcp(segment), _) => TcpState::first(segment).is_some(),
        (_, Some(IcmpMessage::EchoReply { .. })) => false,
        _ => true,
    }
}
