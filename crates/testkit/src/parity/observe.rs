//! Packets as they are compared: numbers relative to their connection, random ones left out.

use std::collections::BTreeMap;
use std::fmt;
use std::net::IpAddr;

use wirelab_model::SimTime;
use wirelab_wire::{
    ArpFrame, ArpOperation, ArpPacket, Frame, IcmpMessage, IpPacket, IpVersionFields, LinkFrame,
    QuotedPacket, TcpFlags, TcpOption, TcpSegment, Transport, Unreachable,
};

use super::ParityError;
use super::manifest::{Acks, Hold, Protocol};

/// A packet with its fields by name.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    /// Since the first packet that was chosen.
    pub(super) at: SimTime,
    pub(super) sender: String,
    /// What tells packets apart: the fields that alignment goes by.
    pub(super) key: String,
    pub(super) fields: BTreeMap<&'static str, String>,
    pub(super) pure_ack: bool,
    /// Data with PSH or without: compared apart, since bursts end elsewhere.
    pub(super) push: bool,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let at = self.at.as_nanos() as f64 / 1e9;
        write!(f, "{at:>11.6} {:<12} {}", self.sender, self.key)?;
        for (name, value) in &self.fields {
            write!(f, " {name} {value}")?;
        }
        Ok(())
    }
}

/// One connection: both four-tuples in order, and where its numbers start.
#[derive(Debug)]
struct Flow {
    ends: [(IpAddr, u16); 2],
    /// Initial sequence number of the first and the second end.
    starts: [Option<u32>; 2],
}

/// Chooses the packets of a [`Hold`] and puts them into comparable form.
pub(super) fn observe(
    hold: &Hold,
    packets: &[(SimTime, LinkFrame)],
) -> Result<Vec<Seen>, ParityError> {
    let sender: Option<IpAddr> = match &hold.sender {
        Some(text) => Some(super::build::parsed(text, "address")?),
        None => None,
    };
    let mut observer = Observer::default();
    let mut seen = Vec::new();
    let mut first = None;
    for (at, frame) in packets {
        if !chosen(hold, frame) {
            continue;
        }
        let start = *first.get_or_insert(*at);
        let since = SimTime::from_nanos(at.since(start).as_nanos());
        let (source, connection, one) = match frame {
            LinkFrame::Arp(frame) => (frame.packet.sender.into(), None, arp(since, frame)),
            LinkFrame::Ip(Frame { packet, .. }) => {
                let (connection, one) = observer.see(since, packet);
                (packet.source(), connection, one)
            }
        };
        let seconds = since.as_nanos() as f64 / 1e9;
        let wanted = hold.connections.is_empty()
            || connection.is_none_or(|number| hold.connections.contains(&number));
        let by_sender = sender.is_none_or(|sender| source == sender);
        let timely = seconds >= hold.after && seconds <= hold.before;
        let dull = one.pure_ack && hold.acks == Acks::None;
        if wanted && by_sender && timely && !dull {
            seen.push(one);
        }
    }
    for one in &mut seen {
        one.fields
            .retain(|name, _| !hold.ignore.iter().any(|ignored| ignored == name));
    }
    if hold.after > 0.0
        && let Some(start) = seen.first().map(|one| one.at)
    {
        for one in &mut seen {
            one.at = SimTime::from_nanos(one.at.since(start).as_nanos());
        }
    }
    Ok(seen)
}

fn chosen(hold: &Hold, frame: &LinkFrame) -> bool {
    let Some(packet) = frame.packet() else {
        return hold.protocol == Protocol::Arp;
    };
    let number = packet.protocol();
    let right = match hold.protocol {
        Protocol::Tcp => number == wirelab_wire::protocol::TCP,
        Protocol::Udp => number == wirelab_wire::protocol::UDP,
        Protocol::Icmp => {
            number == wirelab_wire::protocol::ICMP || number == wirelab_wire::protocol::ICMPV6
        }
        Protocol::Any => !packet.is_neighbor_discovery(),
        Protocol::Arp => false,
    };
    let ported = match (hold.port, packet.ports().or_else(|| quoted_ports(packet))) {
        (None, _) => true,
        (Some(port), Some((source, destination))) => source == port || destination == port,
        (Some(_), None) => false,
    };
    right && ported
}

fn quoted_ports(packet: &IpPacket) -> Option<(u16, u16)> {
    QuotedPacket::parse(quoted(packet.as_icmp()?)?).ok()?.ports
}

fn quoted(message: &IcmpMessage) -> Option<&[u8]> {
    match message {
        IcmpMessage::DestinationUnreachable { quoted, .. }
        | IcmpMessage::TimeExceeded { quoted, .. } => Some(quoted),
        _ => None,
    }
}

/// What counts a sender's identifications.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Counter {
    Connection(usize),
    /// A UDP socket, if it is connected.
    Socket(IpAddr, (u16, u16)),
    Shared,
}

#[derive(Debug, Default)]
struct Observer {
    flows: Vec<Flow>,
    /// Last identification of each sender and counter.
    numbers: BTreeMap<(IpAddr, Counter), u16>,
    /// Last flow label of each.
    labels: BTreeMap<(IpAddr, Counter), u32>,
    /// Last identification of each sender's fragments over IPv6.
    datagrams: BTreeMap<IpAddr, u32>,
}

impl Observer {
    fn see(&mut self, at: SimTime, packet: &IpPacket) -> (Option<usize>, Seen) {
        let mut fields = BTreeMap::new();
        let mut connection = None;
        let mut pure_ack = false;
        let mut push = false;
        let key = match &packet.transport {
            Transport::Tcp(segment) => {
                let number = self.flow(packet, segment);
                connection = Some(number);
                push = segment.flags.contains(TcpFlags::PSH);
                pure_ack = segment.payload.is_empty() && segment.flags == TcpFlags::ACK;
                self.tcp(number, packet, segment, &mut fields)
            }
            Transport::Udp(udp) => {
                fields.insert(
                    "port",
                    udp.destination_port.min(udp.source_port).to_string(),
                );
                format!("udp {} octets", udp.payload.len())
            }
            Transport::Icmp(message) => icmp(message, packet, &mut fields),
            Transport::Icmpv6(message) => {
                let (kind, octets) = (message.type_code(), message.data().len());
                format!("icmpv6 {kind:?} {octets} octets")
            }
            Transport::Other { protocol, payload } => {
                let (octets, offset) = (payload.len(), packet.header.offset());
                format!("protocol {protocol} {octets} octets from {offset}")
            }
        };
        let counter = match (connection, packet.ports()) {
            (Some(number), _) => Counter::Connection(number),
            (None, Some(ports)) => Counter::Socket(packet.destination(), ports),
            (None, None) => Counter::Shared,
        };
        self.ip(counter, packet, &mut fields);
        let sender = match connection {
            Some(number) if number > 0 => format!("{}#{number}", packet.source()),
            _ => packet.source().to_string(),
        };
        let seen = Seen {
            at,
            sender,
            key,
            fields,
            pure_ack,
            push,
        };
        (connection, seen)
    }

    fn ip(
        &mut self,
        counter: Counter,
        packet: &IpPacket,
        fields: &mut BTreeMap<&'static str, String>,
    ) {
        fields.insert("ttl", packet.header.ttl.to_string());
        fields.insert("tos", format!("{:#04x}", packet.header.traffic_class));
        let ip = match &packet.header.version {
            IpVersionFields::V4(ip) => ip,
            IpVersionFields::V6(ip) => {
                let last = self
                    .labels
                    .insert((packet.source(), counter), ip.flow_label);
                let rule = match last {
                    _ if ip.flow_label == 0 => "0",
                    Some(last) if last == ip.flow_label => "same",
                    _ => "new",
                };
                fields.insert("label", rule.to_owned());
                if let Some(fragment) = ip.fragment {
                    let source = packet.source();
                    let last = self.datagrams.insert(source, fragment.identification);
                    let is_same = last == Some(fragment.identification);
                    fields.insert("id", if is_same { "same" } else { "new" }.to_owned());
                    fields.insert("more", fragment.more_fragments.to_string());
                }
                return;
            }
        };
        fields.insert("df", ip.dont_fragment.to_string());
        let last = self
            .numbers
            .insert((packet.source(), counter), ip.identification);
        // A connection's counter comes by 0 like any other number.
        let outside = ip.identification == 0 && last != Some(u16::MAX);
        let rule = match last {
            _ if outside => "0".to_owned(),
            None => "any".to_owned(),
            Some(last) => match ip.identification.wrapping_sub(last) {
                0 => "same".to_owned(),
                1 if counter != Counter::Shared => "+1".to_owned(),
                step if matches!(counter, Counter::Connection(_)) => format!("+{step}"),
                // The counter that packets without a connected socket share jumps.
                1..=0x7fff => "up".to_owned(),
                _ => "back".to_owned(),
            },
        };
        if outside {
            // A packet outside the counter does not disturb it.
            let key = (packet.source(), counter);
            match last {
                Some(last) => self.numbers.insert(key, last),
                None => self.numbers.remove(&key),
            };
        }
        fields.insert("id", rule);
    }

    /// The number of the connection that a segment belongs to.
    fn flow(&mut self, packet: &IpPacket, segment: &TcpSegment) -> usize {
        let from = (packet.source(), segment.source_port);
        let to = (packet.destination(), segment.destination_port);
        let syn = segment.flags.contains(TcpFlags::SYN);
        let opens = syn && !segment.flags.contains(TcpFlags::ACK);
        let known = self
            .flows
            .iter()
            .rposition(|flow| flow.ends == [from, to] || flow.ends == [to, from]);
        if let Some(number) = known {
            let flow = &mut self.flows[number];
            let side = usize::from(flow.ends[0] != from);
            let again = opens && flow.starts[side].is_some_and(|start| start != segment.sequence);
            if !again {
                if syn {
                    flow.starts[side] = Some(segment.sequence);
                }
                return number;
            }
        }
        let start = syn.then_some(segment.sequence);
        self.flows.push(Flow {
            ends: [from, to],
            starts: [start, None],
        });
        self.flows.len() - 1
    }

    fn tcp(
        &mut self,
        number: usize,
        packet: &IpPacket,
        segment: &TcpSegment,
        fields: &mut BTreeMap<&'static str, String>,
    ) -> String {
        let flow = &mut self.flows[number];
        let side = usize::from(flow.ends[0] != (packet.source(), segment.source_port));
        // A capture that starts in the middle counts from what it saw first.
        if flow.starts[side].is_none() && !segment.flags.contains(TcpFlags::RST) {
            flow.starts[side] = Some(segment.sequence);
        }
        let acks = segment.flags.contains(TcpFlags::ACK);
        let [own, peer] = [flow.starts[side], flow.starts[1 - side]];
        let relative = |number: u32, start: Option<u32>| match start {
            Some(start) => number.wrapping_sub(start).to_string(),
            None => "?".to_owned(),
        };
        let bare_reset = segment.flags == (TcpFlags::RST | TcpFlags::ACK) && segment.sequence == 0;
        let seq = if bare_reset {
            "zero".to_owned()
        } else {
            relative(segment.sequence, own)
        };
        if acks {
            fields.insert("ack", relative(segment.acknowledgment, peer));
        }
        fields.insert("window", segment.window.to_string());
        fields.insert("options", options(segment));
        let blocks: Vec<String> = segment
            .sack_blocks()
            .iter()
            .map(|(left, right)| format!("{}:{}", relative(*left, peer), relative(*right, peer)))
            .collect();
        if !blocks.is_empty() {
            fields.insert("sack", blocks.join(","));
        }
        let flags = TcpFlags(segment.flags.0 & !TcpFlags::PSH.0);
        let len = segment.payload.len();
        if len == 0 && flags == TcpFlags::ACK {
            // Pure ACKs are told apart by what they acknowledge.
            fields.insert("seq", seq);
            let ack = relative(segment.acknowledgment, peer);
            return format!("{flags} ack {ack}");
        }
        format!("{flags} seq {seq} len {len}")
    }
}

/// ARP: who asks whom, and whether it goes to all.
fn arp(at: SimTime, frame: &ArpFrame) -> Seen {
    let ArpPacket { sender, target, .. } = frame.packet;
    let to_all = frame.destination.0[0] & 1 == 1;
    let key = match frame.packet.operation {
        ArpOperation::Request if to_all => format!("arp all: who has {target}"),
        ArpOperation::Request => format!("arp {target}: who has it"),
        ArpOperation::Reply => format!("arp {target}: {sender} is here"),
    };
    Seen {
        at,
        sender: sender.to_string(),
        key,
        fields: BTreeMap::new(),
        pure_ack: false,
        push: false,
    }
}

/// Kinds in order, and the values that are no accident.
fn options(segment: &TcpSegment) -> String {
    let name = |option: TcpOption| match option {
        TcpOption::EndOfList => "eol".to_owned(),
        TcpOption::Nop => "nop".to_owned(),
        TcpOption::MaximumSegmentSize(mss) => format!("mss={mss}"),
        TcpOption::WindowScale(shift) => format!("wscale={shift}"),
        TcpOption::SackPermitted => "sackOK".to_owned(),
        TcpOption::Sack(_) => "sack".to_owned(),
        TcpOption::Timestamps { .. } => "ts".to_owned(),
        TcpOption::Unknown { kind, .. } => format!("kind{kind}"),
    };
    let names: Vec<_> = segment.options.iter().map(name).collect();
    format!("[{}]", names.join(","))
}

fn icmp(
    message: &IcmpMessage,
    packet: &IpPacket,
    fields: &mut BTreeMap<&'static str, String>,
) -> String {
    let octets = packet.total_len();
    if let Some(quoted) = quoted(message)
        && let Ok(about) = QuotedPacket::parse(quoted)
    {
        fields.insert("quotes", quoted.len().to_string());
        fields.insert("about", about.protocol.to_string());
    }
    match message {
        IcmpMessage::EchoRequest { sequence, .. } => format!("echo {sequence} {octets} octets"),
        IcmpMessage::EchoReply { sequence, .. } => format!("reply {sequence} {octets} octets"),
        IcmpMessage::DestinationUnreachable { code, .. } => match code {
            Unreachable::FragmentationNeeded { next_hop_mtu } => {
                format!("unreachable 4 mtu {next_hop_mtu} {octets} octets")
            }
            code => format!("unreachable {code:?} {octets} octets"),
        },
        IcmpMessage::TimeExceeded { code, .. } => format!("exceeded {code} {octets} octets"),
        IcmpMessage::Other {
            icmp_type, code, ..
        } => format!("icmp {icmp_type} {code}"),
    }
}
