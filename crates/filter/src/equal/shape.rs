//! The frames that filters are compared on: which shapes there are, and what is well-formed.
//!
//! A shape fixes the octets that say where others stand: the EtherType, the length of the IPv4
//! header, the chain of IPv6 headers. Everything else is free within the rules below, which are the
//! RFCs': lengths that agree with each other, fragments that fit, header fields in their ranges. A
//! rule too few only makes "equivalent" harder to say; a rule too many would make it wrong, so
//! checksums and payloads are left free.

use super::circuit::{Bit, Word, widened, word};
use super::frame::Frame;
use super::options;

/// What is compared beyond the IPv4, IPv6 and ARP frames that a VPC carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Domain {
    /// Frames with one IEEE 802.1Q tag as well.
    pub tagged: bool,
    /// TCP control bits in any combination, not only in those that TCP sends (RFC 9293, RFC 3168):
    /// scans with no bit or all of them.
    pub any_flags: bool,
}

impl Domain {
    /// What a scope opens by naming it: tags by `vlan`, odd control bits by testing them.
    #[must_use]
    pub fn of_scope(scope: &str) -> Self {
        let tokens = crate::lex::tokens(scope);
        let names = |word: &str| tokens.iter().any(|token| token.is(word));
        let reads_flags = tokens.windows(3).any(|it| {
            it[0].is("tcp") && it[1].is("[") && (it[2].is("tcpflags") || it[2].text == "13")
        });
        Self {
            tagged: names("vlan"),
            any_flags: reads_flags,
        }
    }
}

/// Where the known octets of a shape are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape {
    /// Where the network header begins: 14, or 18 behind a tag.
    pub(super) network: u32,
    pub(super) kind: Kind,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// IPv4 with a header of so many words; whole packets, or fragments alone.
    V4 {
        words: u8,
        fragments: bool,
    },
    /// IPv6 with the transport header right behind, a fragment header between, or options.
    V6(Between),
    Arp,
}

/// What stands between an IPv6 header and the transport's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Between {
    Nothing,
    /// A fragment header (RFC 8200, section 4.5).
    Fragment,
    /// Eight octets of hop-by-hop or destination options.
    Options,
}

/// No rule reads further: a tag, the longest headers of IPv4 and TCP.
const MOST_READ: usize = 160;

/// IPv6 extension headers, which are no transport protocols.
const EXTENSIONS: [u8; 8] = [0, 43, 44, 51, 60, 135, 139, 140];

impl Shape {
    /// All shapes, the most ordinary first.
    pub(super) fn all(domain: Domain) -> Vec<Self> {
        let v4 = |words, fragments| Kind::V4 { words, fragments };
        let mut kinds = vec![
            v4(5, false),
            Kind::V6(Between::Nothing),
            Kind::Arp,
            v4(5, true),
            Kind::V6(Between::Fragment),
            Kind::V6(Between::Options),
        ];
        for words in 6..=15 {
            kinds.extend([v4(words, false), v4(words, true)]);
        }
        let at = |network| {
            let kinds = kinds.clone().into_iter();
            kinds.map(move |kind| Self { network, kind })
        };
        let tagged = at(18).filter(|_| domain.tagged);
        at(14).chain(tagged).collect()
    }

    /// Where the transport header begins.
    pub(super) fn transport(&self) -> u32 {
        self.network
            + match self.kind {
                Kind::V4 { words, .. } => 4 * u32::from(words),
                Kind::V6(Between::Nothing) => 40,
                Kind::V6(_) => 48,
                Kind::Arp => 28,
            }
    }

    /// Where the number of the transport protocol stands.
    pub(super) const fn protocol(&self) -> u32 {
        self.network
            + match self.kind {
                Kind::V4 { .. } => 9,
                Kind::V6(Between::Nothing) => 6,
                Kind::V6(_) => 40,
                Kind::Arp => 6,
            }
    }

    pub(super) const fn is_v6(&self) -> bool {
        matches!(self.kind, Kind::V6(_))
    }

    /// A frame with the octets that are known.
    pub(super) fn frame(&self) -> Frame {
        let mut frame = Frame::new();
        self.know(&mut frame);
        frame
    }

    /// A frame of which everything is known that rules read. It is of the shape: [`Self::fits`].
    pub(super) fn known_frame(&self, octets: &[u8]) -> Frame {
        let mut head = octets[..octets.len().min(MOST_READ)].to_vec();
        head.resize(MOST_READ, 0);
        let mut frame = Frame::new();
        frame.set(0, &head);
        self.know(&mut frame);
        frame
    }

    fn know(&self, frame: &mut Frame) {
        let at = self.network;
        if at == 18 {
            frame.set(12, &[0x81, 0x00]);
        }
        match self.kind {
            Kind::V4 { words, fragments } => {
                frame.set(at - 2, &[0x08, 0x00, 0x40 | words]);
                frame.set_bit(at + 6, 7, false);
                if !fragments {
                    (0..6).for_each(|bit| frame.set_bit(at + 6, bit, false));
                    frame.set(at + 7, &[0]);
                }
                self.length(frame, at + 2, at);
            }
            Kind::V6(between) => {
                frame.set(at - 2, &[0x86, 0xdd]);
                (4..8).for_each(|bit| frame.set_bit(at, bit, 0x60 >> bit & 1 == 1));
                match between {
                    Between::Nothing => {}
                    Between::Fragment => {
                        frame.set(at + 6, &[44]);
                        frame.set(at + 41, &[0]);
                        (1..3).for_each(|bit| frame.set_bit(at + 43, bit, false));
                    }
                    Between::Options => frame.set(at + 41, &[0, 1, 4, 0, 0, 0, 0]),
                }
                self.length(frame, at + 4, at + 40);
            }
            Kind::Arp => {
                frame.set(at - 2, &[0x08, 0x06, 0, 1, 0x08, 0, 6, 4, 0]);
                frame.len = word(at + 28);
            }
        }
    }

    /// The frame is as long as its IP length says, from where that counts.
    fn length(&self, frame: &mut Frame, field: u32, from: u32) {
        let length = frame.number(field, 2);
        frame.len = frame.circuit.add(&length, &word(from));
    }

    /// Whether the octets of a frame are those that the shape knows; cheap, and true of few shapes.
    pub(super) fn fits(&self, octets: &[u8]) -> bool {
        self.frame().octets().all(|(at, bits)| {
            let octet = octets.get(at as usize);
            octet.is_some_and(|octet| {
                let mut places = bits.iter().enumerate();
                places.all(|(place, bit)| {
                    bit.known().is_none_or(|it| it == (octet >> place & 1 == 1))
                })
            })
        })
    }

    /// What holds of a frame of the shape that is well-formed.
    pub(super) fn rules(&self, frame: &mut Frame, domain: Domain) -> Vec<Bit> {
        let at = self.network;
        let mut rules = vec![frame.octet(6)[0].not()];
        match self.kind {
            Kind::V4 { words, fragments } => {
                self.v4_rules(frame, words, fragments, domain, &mut rules);
            }
            Kind::V6(between) => self.v6_rules(frame, between, domain, &mut rules),
            Kind::Arp => {
                let (asks, answers) = (frame.is(at + 7, &[1]), frame.is(at + 7, &[2]));
                rules.push(frame.circuit.or(asks, answers));
                rules.push(unicast_or_broadcast(frame));
            }
        }
        rules
    }

    fn v4_rules(
        &self,
        frame: &mut Frame,
        words: u8,
        fragments: bool,
        domain: Domain,
        rules: &mut Vec<Bit>,
    ) {
        let (at, header) = (self.network, word(4 * u32::from(words)));
        let total = frame.number(at + 2, 2);
        rules.push(frame.circuit.less(&total, &header).not());
        let payload = frame.circuit.subtract(&total, &header);
        let pieces = Pieces {
            more: frame.octet(at + 6)[5],
            offset: frame.bits(at + 6, 2, 0, 13),
            payload,
            longest: 65_535 - 4 * u32::from(words),
        };
        if fragments {
            pieces.rules(frame, rules);
        }
        let lives = frame.octet(at + 8);
        rules.push(frame.circuit.any(lives));
        // RFC 1122, section 3.2.1.3: no source is a group, or broadcast.
        let source = frame.bits(at + 12, 1, 5, 3);
        rules.push(frame.circuit.equal(&source, &word(7)).not());
        let group = frame.bits(at + 16, 1, 4, 4);
        let group = frame.circuit.equal(&group, &word(0xe));
        let low = frame.bits(at + 16, 4, 0, 23);
        let to_one = unicast_or_broadcast(frame);
        let prefix = &[0x01, 0x00, 0x5e];
        rules.push(group_address(frame, group, prefix, 23, &low, to_one));
        let end = self.transport();
        if frame.is_read(at + 20..end) {
            rules.push(options::rule(frame, at + 20, &word(end - at - 20), &[]));
        }
        let everybody = frame.is(at + 16, &[255; 4]);
        let broadcast = frame.is(0, &[255; 6]);
        rules.push(frame.circuit.implies(everybody, broadcast));
        self.connections_are_of_two(frame, rules);
        self.transport_rules(frame, &pieces, domain, rules);
    }

    fn v6_rules(&self, frame: &mut Frame, between: Between, domain: Domain, rules: &mut Vec<Bit>) {
        let at = self.network;
        let mut payload = frame.number(at + 4, 2);
        if between != Between::Nothing {
            rules.push(frame.circuit.less(&payload, &word(8)).not());
            payload = frame.circuit.subtract(&payload, &word(8));
        }
        if between == Between::Options {
            let kinds = [frame.is(at + 6, &[0]), frame.is(at + 6, &[60])];
            rules.push(frame.circuit.any(kinds));
        }
        for extension in EXTENSIONS {
            rules.push(frame.is(self.protocol(), &[extension]).not());
        }
        let is_fragment = between == Between::Fragment;
        let pieces = Pieces {
            more: if is_fragment {
                frame.octet(at + 43)[0]
            } else {
                Bit::FALSE
            },
            offset: if is_fragment {
                frame.bits(at + 42, 2, 3, 13)
            } else {
                word(0)
            },
            payload,
            longest: 65_535,
        };
        if is_fragment {
            pieces.rules(frame, rules);
        }
        let lives = frame.octet(at + 7);
        rules.push(frame.circuit.any(lives));
        rules.push(frame.is(at + 8, &[0xff]).not());
        let group = frame.is(at + 24, &[0xff]);
        let low = frame.number(at + 36, 4);
        // IPv6 has no broadcast (RFC 4291, section 2).
        let to_one = frame.octet(0)[0].not();
        rules.push(group_address(frame, group, &[0x33, 0x33], 32, &low, to_one));
        self.connections_are_of_two(frame, rules);
        self.transport_rules(frame, &pieces, domain, rules);
    }

    /// Nobody opens a connection to a group or to everybody, and what comes so is nobody's: of TCP
    /// (RFC 9293, section 3.9.2.3), of SCTP (RFC 9260, section 8.4).
    fn connections_are_of_two(&self, frame: &mut Frame, rules: &mut Vec<Bit>) {
        let connects = [6, 132].map(|protocol| frame.is(self.protocol(), &[protocol]));
        let connects = frame.circuit.any(connects);
        let to_one = self.is_to_one(frame);
        rules.push(frame.circuit.implies(connects, to_one));
    }

    /// Whether an IP packet is for one machine, by both of its destinations. From 224.0.0.0 on no
    /// machine has an IPv4 address: groups, what is reserved, everybody (RFC 1112, section 4).
    pub(super) fn is_to_one(&self, frame: &mut Frame) -> Bit {
        let at = self.network;
        let to_many = match self.kind {
            Kind::V6(_) => frame.is(at + 24, &[0xff]),
            _ => {
                let high = frame.bits(at + 16, 1, 5, 3);
                frame.circuit.equal(&high, &word(7))
            }
        };
        let group = frame.octet(0)[0];
        frame.circuit.or(group, to_many).not()
    }

    /// Whether an IP packet has an address that none between two machines has: this network
    /// (0.0.0.0/8, `::`), the machine itself (127.0.0.0/8, `::1`); RFC 1122, section 3.2.1.3,
    /// RFC 4291, section 2.5.
    pub(super) fn is_of_nowhere(&self, frame: &mut Frame) -> Bit {
        let at = self.network;
        let odd: Vec<Bit> = match self.kind {
            Kind::V4 { .. } => {
                let ends = [at + 12, at + 16].into_iter();
                let nets = ends.flat_map(|at| [(at, 0), (at, 127)]);
                nets.map(|(at, net)| frame.is(at, &[net])).collect()
            }
            Kind::V6(_) => {
                let ends = [at + 8, at + 24].into_iter();
                ends.map(|at| frame.is(at, &[0; 15])).collect()
            }
            Kind::Arp => Vec::new(),
        };
        frame.circuit.any(odd)
    }

    fn transport_rules(
        &self,
        frame: &mut Frame,
        pieces: &Pieces,
        domain: Domain,
        rules: &mut Vec<Bit>,
    ) {
        let at = self.transport();
        let first = frame.circuit.any(pieces.offset).not();
        let icmp = if self.is_v6() { 58 } else { 1 };
        let mut others = first;
        for protocol in [6, 17, icmp, 132] {
            let is = frame.is(self.protocol(), &[protocol]);
            others = frame.circuit.and(others, is.not());
            let is = frame.circuit.and(is, first);
            let rule = match protocol {
                6 => tcp_rule(frame, at, &pieces.payload, domain),
                17 => udp_rule(frame, at, pieces),
                132 => frame.circuit.less(&pieces.payload, &word(16)).not(),
                _ => icmp_rule(frame, at, &pieces.payload, self.is_v6()),
            };
            rules.push(frame.circuit.implies(is, rule));
        }
        let has_some = frame.circuit.less(&pieces.payload, &word(8)).not();
        rules.push(frame.circuit.implies(others, has_some));
    }
}

/// What a datagram says about its being cut.
struct Pieces {
    more: Bit,
    offset: Word,
    payload: Word,
    /// The longest payload of the whole.
    longest: u32,
}

impl Pieces {
    /// RFC 791, section 3.2: all but the last are multiples of eight octets, and the whole fits.
    fn rules(&self, frame: &mut Frame, rules: &mut Vec<Bit>) {
        let circuit = &mut frame.circuit;
        let is_later = circuit.any(self.offset);
        rules.push(circuit.or(is_later, self.more));
        rules.push(circuit.any(self.payload));
        let rest = circuit.any(self.payload.into_iter().take(3));
        rules.push(circuit.implies(self.more, rest.not()));
        let start = widened([Bit::FALSE; 3].into_iter().chain(self.offset));
        let end = circuit.add(&start, &self.payload);
        rules.push(circuit.less(&word(self.longest), &end).not());
    }
}

fn unicast_or_broadcast(frame: &mut Frame) -> Bit {
    let unicast = frame.octet(0)[0].not();
    let broadcast = frame.is(0, &[255; 6]);
    frame.circuit.or(unicast, broadcast)
}

/// A group's packets go to the group's MAC address (RFC 1112, section 6.4; RFC 2464, section 7),
/// others as `to_one` says.
fn group_address(
    frame: &mut Frame,
    group: Bit,
    prefix: &[u8],
    bits: usize,
    low: &Word,
    to_one: Bit,
) -> Bit {
    let prefixed = frame.is(0, prefix);
    let mac = frame.bits(2, 4, 0, bits);
    let same = frame.circuit.equal(&mac, low);
    let unused = frame.bits(2, 4, bits, 24_usize.saturating_sub(bits));
    let unused = frame.circuit.any(unused);
    let to_group = frame.circuit.all([prefixed, same, unused.not()]);
    frame.circuit.choose(group, to_group, to_one)
}

fn tcp_rule(frame: &mut Frame, at: u32, payload: &Word, domain: Domain) -> Bit {
    let words = frame.bits(at + 12, 1, 4, 4);
    let header = widened([Bit::FALSE; 2].into_iter().chain(words));
    let long = frame.circuit.less(&header, &word(20)).not();
    let fits = frame.circuit.less(payload, &header).not();
    let reserved = frame.bits(at + 12, 1, 1, 3);
    let reserved = frame.circuit.any(reserved);
    let flags = if domain.any_flags {
        Bit::TRUE
    } else {
        sent_flags(frame, at + 13)
    };
    let mut rules = vec![long, fits, reserved.not(), flags];
    if frame.is_read(at + 20..at + 60) {
        let options = frame.circuit.subtract(&header, &word(20));
        rules.push(options::rule(frame, at + 20, &options, &options::TCP));
    }
    frame.circuit.all(rules)
}

/// The control bits that a TCP sends: SYN, FIN and RST exclude each other, all but an initial SYN
/// and an RST have ACK (RFC 9293), and a SYN's ECE and CWR are a request (RFC 3168, section 6.1.1).
fn sent_flags(frame: &mut Frame, at: u32) -> Bit {
    let [fin, syn, rst, psh, ack, urg, ece, cwr] = frame.octet(at);
    let circuit = &mut frame.circuit;
    let opening = [fin, rst, psh, urg];
    let opening = circuit.any(opening);
    let uneven = circuit.xor(ece, cwr);
    let request = circuit.choose(ack, cwr, uneven);
    let opening = circuit.or(opening, request);
    let closing = circuit.any([fin, psh, urg, ece, cwr]);
    let unanswered = circuit.or(ack, rst).not();
    let closing = circuit.choose(rst, closing, unanswered);
    circuit.choose(syn, opening, closing).not()
}

fn udp_rule(frame: &mut Frame, at: u32, pieces: &Pieces) -> Bit {
    let length = frame.number(at + 4, 2);
    let circuit = &mut frame.circuit;
    let long = circuit.less(&length, &word(8)).not();
    let there = circuit.less(&pieces.payload, &word(8)).not();
    let whole = circuit.equal(&length, &pieces.payload);
    let cut = circuit.less(&pieces.payload, &length);
    let agrees = circuit.choose(pieces.more, cut, whole);
    circuit.all([long, there, agrees])
}

/// A kind of ICMP message: its types, the largest code, the least octets.
type Message = (&'static [u8], u8, u32);

/// RFC 792, RFC 950, RFC 1122, RFC 1256, RFC 1812. Errors quote a header and eight octets.
const ICMP: [Message; 8] = [
    (&[0, 8, 10, 15, 16], 0, 8),
    (&[3], 15, 36),
    (&[4], 0, 36),
    (&[5], 3, 36),
    (&[11], 1, 36),
    (&[12], 2, 36),
    (&[13, 14], 0, 20),
    (&[17, 18], 0, 12),
];

/// RFC 2710, RFC 3810, RFC 4443, RFC 4861.
const ICMP6: [Message; 8] = [
    (&[1], 8, 56),
    (&[2], 0, 56),
    (&[3], 1, 56),
    (&[4], 3, 56),
    (&[128, 129, 133, 143], 0, 8),
    (&[134], 0, 16),
    (&[130, 131, 132, 135, 136], 0, 24),
    (&[137], 0, 40),
];

fn icmp_rule(frame: &mut Frame, at: u32, payload: &Word, is_v6: bool) -> Bit {
    let (kind, code) = (frame.number(at, 1), frame.number(at + 1, 1));
    let messages: &[Message] = if is_v6 { &ICMP6 } else { &ICMP };
    let mut rules = vec![frame.circuit.less(payload, &word(8)).not()];
    for (types, largest, least) in messages {
        let types: Vec<Bit> = types
            .iter()
            .map(|it| frame.circuit.equal(&kind, &word(u32::from(*it))))
            .collect();
        let is = frame.circuit.any(types);
        let in_range = frame.circuit.less(&word(u32::from(*largest)), &code).not();
        let long = frame.circuit.less(payload, &word(*least)).not();
        let mut rule = frame.circuit.and(in_range, long);
        if *least == 36 {
            let version = frame.is(at + 8, &[0x45]);
            let quoted = frame.number(at + 10, 2);
            let quoted = frame.circuit.less(&quoted, &word(28)).not();
            rule = frame.circuit.all([rule, version, quoted]);
        } else if *least == 56 {
            let version = frame.bits(at + 8, 1, 4, 4);
            let version = frame.circuit.equal(&version, &word(6));
            rule = frame.circuit.and(rule, version);
        }
        rules.push(frame.circuit.implies(is, rule));
    }
    frame.circuit.all(rules)
}
