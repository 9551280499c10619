//! Of all packets on which two filters differ, the one nearest to an ordinary packet.
//!
//! Wishes are put to the solver one after the other, the weightiest first: to go from one machine
//! to another, to be no fragment, to be TCP, to have no options, to carry nothing. Each that can be
//! had together with those before it is kept. What the structure is then known to be gives the
//! ordinary packet of that structure, and the octets that are still free are wished to be its
//! octets: fields as wholes, then bit by bit.

use super::GaveUp;
use super::circuit::{Bit, known, widened};
use super::frame::{Frame, Octet};
use super::ordinary::{self, CLIENT, Ends, Structure};
use super::seen::{Flow, Seen};
use super::shape::{Between, Kind, Shape};
use super::solver::Sat;

/// Protocols by how often one sees them; 253 is for experiments (RFC 3692), so it has no form.
const PROTOCOLS: [u8; 8] = [6, 17, 1, 58, 132, 253, 50, 47];
/// Control bits in the order of a connection, then those of ECN.
const FLAGS: [u8; 12] = [
    0x02, 0x12, 0x10, 0x18, 0x11, 0x04, 0x14, 0x19, 0xc2, 0x52, 0x50, 0x90,
];
/// Of segments that carry something.
const DATA_FLAGS: [u8; 5] = [0x18, 0x10, 0x19, 0x11, 0x50];
const MESSAGES: [u8; 8] = [8, 0, 3, 11, 5, 13, 17, 12];
const MESSAGES6: [u8; 10] = [128, 129, 1, 2, 3, 135, 136, 133, 134, 4];

/// A search among the packets of one shape.
pub(super) struct Search<'a> {
    pub(super) shape: &'a Shape,
    pub(super) frame: &'a mut Frame,
    pub(super) sat: &'a mut Sat,
    pub(super) seen: &'a Seen,
}

impl<'a> Search<'a> {
    /// After the solver has found one.
    pub(super) const fn new(
        shape: &'a Shape,
        frame: &'a mut Frame,
        sat: &'a mut Sat,
        seen: &'a Seen,
    ) -> Self {
        Self {
            shape,
            frame,
            sat,
            seen,
        }
    }

    /// The packet, without checksums.
    pub(super) fn nearest(mut self) -> Result<Vec<u8>, GaveUp> {
        let to_one = self.between_machines()?;
        let structure = match self.shape.kind {
            Kind::Arp => {
                self.one_of(self.shape.network + 7, &[1])?;
                Structure {
                    message: self.settled(self.shape.network + 7),
                    len: self.shape.transport() as usize,
                    ..Structure::default()
                }
            }
            _ => self.structure()?,
        };
        let ends = self.ends(&structure, to_one)?;
        if ends.ports.is_none() {
            self.ports(structure.protocol)?;
        }
        let wanted = ordinary::frame(self.shape, &structure, &ends);
        self.fields(&wanted)?;
        Ok(self.model(wanted))
    }

    /// Grants the first of several wishes that can be had; whether one can.
    fn wish(&mut self, wishes: &[Bit]) -> Result<bool, GaveUp> {
        Ok(self.granted(wishes)?.is_some())
    }

    /// Grants the first of several wishes that can be had, and says which.
    fn granted(&mut self, wishes: &[Bit]) -> Result<Option<usize>, GaveUp> {
        for (number, wish) in wishes.iter().enumerate() {
            match wish.known() {
                Some(true) => return Ok(Some(number)),
                Some(false) => continue,
                None => {}
            }
            let circuit = &self.frame.circuit;
            let is_so = self.sat.value(circuit, *wish) == Some(true);
            if is_so || self.sat.solve(circuit, &[*wish])? {
                self.sat.demand(circuit, *wish);
                return Ok(Some(number));
            }
        }
        // The solver answers from the last inputs found: those before what was refused.
        self.sat.solve(&self.frame.circuit, &[])?;
        Ok(None)
    }

    fn one_of(&mut self, at: u32, octets: &[u8]) -> Result<bool, GaveUp> {
        let wishes: Vec<Bit> = octets.iter().map(|it| self.frame.is(at, &[*it])).collect();
        self.wish(&wishes)
    }

    /// An octet in the model, which stays what it is from now on.
    fn settled(&mut self, at: u32) -> u8 {
        let octet = self.frame.octet(at);
        let value = self.octet(&octet, 0);
        let is = self.frame.is(at, &[value]);
        self.sat.demand(&self.frame.circuit, is);
        value
    }

    /// The octet in the model; bits that nobody asked about are those of `otherwise`.
    fn octet(&self, octet: &Octet, otherwise: u8) -> u8 {
        let bits = octet.iter().enumerate().map(|(place, bit)| {
            let otherwise = otherwise >> place & 1 == 1;
            u8::from(
                self.sat
                    .value(&self.frame.circuit, *bit)
                    .unwrap_or(otherwise),
            ) << place
        });
        bits.sum()
    }

    fn structure(&mut self) -> Result<Structure, GaveUp> {
        let mut it = Structure {
            is_later: self.is_later()?,
            ..Structure::default()
        };
        self.one_of(self.shape.protocol(), &PROTOCOLS)?;
        it.protocol = self.settled(self.shape.protocol());
        let at = self.shape.transport();
        match it.protocol {
            _ if it.is_later => {}
            6 => self.tcp(&mut it)?,
            1 | 58 => {
                let messages: &[u8] = if it.protocol == 1 {
                    &MESSAGES
                } else {
                    &MESSAGES6
                };
                self.one_of(at, messages)?;
                it.message = self.settled(at);
                self.one_of(at + 1, &[0])?;
            }
            _ => {}
        }
        it.len = self.length()?;
        Ok(it)
    }

    /// What carries data is no SYN: the length first, then the control bits.
    fn tcp(&mut self, it: &mut Structure) -> Result<(), GaveUp> {
        let at = self.shape.transport();
        let sizes: Vec<u8> = (5..=15).map(|words| words << 4).collect();
        self.one_of(at + 12, &sizes)?;
        it.words = self.settled(at + 12) >> 4;
        let header = at as usize + usize::from(it.words) * 4;
        let flags = if self.length()? > header {
            &DATA_FLAGS[..]
        } else {
            &FLAGS
        };
        if !self.one_of(at + 13, flags)? {
            self.bit_by_bit(at + 13, &[0])?;
        }
        it.flags = self.settled(at + 13);
        Ok(())
    }

    /// The shortest length that can be had, in octets of the frame.
    fn length(&mut self) -> Result<usize, GaveUp> {
        let at = self.shape.network;
        let (field, from) = match self.shape.kind {
            Kind::V4 { .. } => (at + 2, at),
            _ => (at + 4, at + 40),
        };
        for bit in self.frame.number(field, 2)[..16].iter().rev() {
            self.wish(&[bit.not()])?;
        }
        let high = self.settled(field);
        let low = self.settled(field + 1);
        Ok(from as usize + usize::from(u16::from_be_bytes([high, low])))
    }

    /// Whether the packet is a fragment other than the first: wished to be the second of two.
    fn is_later(&mut self) -> Result<bool, GaveUp> {
        let at = self.shape.network;
        let (offset, more) = match self.shape.kind {
            Kind::V4 {
                fragments: true, ..
            } => (
                self.frame.bits(at + 6, 2, 0, 13),
                self.frame.octet(at + 6)[5],
            ),
            Kind::V6(Between::Fragment) => (
                self.frame.bits(at + 42, 2, 3, 13),
                self.frame.octet(at + 43)[0],
            ),
            _ => return Ok(false),
        };
        let first = self.frame.circuit.any(offset).not();
        self.wish(&[first, more.not()])?;
        let is_set = |bit| Bit::of(self.sat.value(&self.frame.circuit, bit) == Some(true));
        let bits = widened(offset.map(is_set));
        Ok(known(&bits) != Some(0))
    }

    /// Wishes that one machine sends it to another: not to a group or to everybody, and from and to
    /// addresses that machines have (who has none yet asks everybody). Whether it goes to one.
    fn between_machines(&mut self) -> Result<bool, GaveUp> {
        if self.shape.kind == Kind::Arp {
            return Ok(true);
        }
        let to_one = self.shape.is_to_one(self.frame);
        let to_one = self.wish(&[to_one])?;
        if to_one {
            let of_nowhere = self.shape.is_of_nowhere(self.frame);
            self.wish(&[of_nowhere.not()])?;
        }
        Ok(to_one)
    }

    /// Between whom it goes: a conversation that is seen, else two who are seen in another, else
    /// one who is; else nobody of the network.
    fn ends(&mut self, structure: &Structure, to_one: bool) -> Result<Ends, GaveUp> {
        let mut ends = Ends::of(self.shape);
        let has_ports = matches!(structure.protocol, 6 | 17 | 132) && !structure.is_later;
        let seen = self.seen;
        let all = seen.of_shape(self.shape.kind, structure.protocol);
        let mut seen = all.clone();
        seen.retain(|flow| to_one || flow.is_to_many());
        let is_same = |flow: &&&Flow| has_ports && flow.protocol == structure.protocol;
        let same: Vec<(&Flow, (u16, u16))> = (seen.iter().filter(is_same))
            .filter_map(|flow| Some((*flow, flow.ports?)))
            .collect();
        let mut wishes = Vec::new();
        for (flow, (from, to)) in &same {
            let ports = [from.to_be_bytes(), to.to_be_bytes()].concat();
            let ports = self.frame.is(self.shape.transport(), &ports);
            let between = self.between(Some(&flow.source), Some(&flow.destination));
            wishes.push(self.frame.circuit.and(between, ports));
        }
        if let Some(number) = self.granted(&wishes)? {
            let (flow, ports) = same[number];
            return Ok(Ends {
                macs: flow.macs,
                source: flow.source.clone(),
                destination: flow.destination.clone(),
                ports: Some(ports),
            });
        }
        let wishes: Vec<Bit> = (seen.iter())
            .map(|flow| self.between(Some(&flow.source), Some(&flow.destination)))
            .collect();
        if let Some(number) = self.granted(&wishes)? {
            ends.macs = seen[number].macs;
            ends.source.clone_from(&seen[number].source);
            ends.destination.clone_from(&seen[number].destination);
            return Ok(ends);
        }
        let sources: Vec<Bit> = (all.iter())
            .map(|flow| self.between(Some(&flow.source), None))
            .collect();
        if let Some(number) = self.granted(&sources)? {
            ends.source.clone_from(&all[number].source);
        }
        let destinations: Vec<Bit> = (seen.iter())
            .map(|flow| self.between(None, Some(&flow.destination)))
            .collect();
        if let Some(number) = self.granted(&destinations)? {
            ends.destination.clone_from(&seen[number].destination);
        } else if !to_one {
            self.to_many(&mut ends)?;
        }
        Ok(ends)
    }

    /// To whom it goes if to many: everybody, a group, all of a network.
    fn to_many(&mut self, ends: &mut Ends) -> Result<(), GaveUp> {
        let many = ordinary::many(self.shape);
        let wishes: Vec<Bit> = (many.iter())
            .map(|(mac, destination)| {
                let mac = self.frame.is(0, mac);
                let to = self.between(None, Some(destination));
                self.frame.circuit.and(mac, to)
            })
            .collect();
        if let Some(number) = self.granted(&wishes)? {
            let (mac, destination) = &many[number];
            ends.macs[..6].copy_from_slice(mac);
            ends.destination.clone_from(destination);
        }
        Ok(())
    }

    /// Whether the packet has these addresses.
    fn between(&mut self, source: Option<&[u8]>, destination: Option<&[u8]>) -> Bit {
        let at = self.shape.network;
        let (from, to) = match self.shape.kind {
            Kind::V4 { .. } => (at + 12, at + 16),
            Kind::V6(_) => (at + 8, at + 24),
            Kind::Arp => (at + 14, at + 24),
        };
        let mut both = Bit::TRUE;
        for (at, address) in [(from, source), (to, destination)] {
            if let Some(address) = address {
                let is = self.frame.is(at, address);
                both = self.frame.circuit.and(both, is);
            }
        }
        both
    }

    /// A client asks a server, or is answered.
    fn ports(&mut self, protocol: u8) -> Result<(), GaveUp> {
        if !matches!(protocol, 6 | 17 | 132) || self.shape.kind == Kind::Arp {
            return Ok(());
        }
        let at = self.shape.transport();
        let (client, server) = ordinary::ports(protocol);
        let asks = self.frame.is(at, &client.to_be_bytes());
        let is_asked = self.frame.is(at + 2, &server.to_be_bytes());
        let answers = self.frame.is(at, &server.to_be_bytes());
        let is_answered = self.frame.is(at + 2, &CLIENT.to_be_bytes());
        let there = self.frame.circuit.and(asks, is_asked);
        let back = self.frame.circuit.and(answers, is_answered);
        self.wish(&[there, back, asks, is_answered])?;
        Ok(())
    }

    /// The fields of the header, then every octet that anything depends on.
    fn fields(&mut self, wanted: &[u8]) -> Result<(), GaveUp> {
        let (net, transport) = (self.shape.network, self.shape.transport());
        let mut fields = match self.shape.kind {
            Kind::V4 { .. } => vec![
                (net + 1, 1),
                (net + 8, 1),
                (net + 6, 2),
                (net + 12, 4),
                (net + 16, 4),
            ],
            Kind::V6(_) => vec![(net, 4), (net + 7, 1), (net + 8, 16), (net + 24, 16)],
            Kind::Arp => vec![(net + 8, 6), (net + 14, 4), (net + 18, 6), (net + 24, 4)],
        };
        fields.extend([(6, 6), (0, 6)]);
        if self.shape.kind != Kind::Arp {
            fields.extend([(transport, 2), (transport + 2, 2)]);
        }
        let octets: Vec<u32> = self.frame.octets().map(|(at, _)| at).collect();
        let is_read = |(at, size): &(u32, u32)| (*at..at + size).all(|at| octets.contains(&at));
        fields.retain(is_read);
        fields.extend(octets.iter().map(|at| (*at, 1)));
        for (at, size) in fields {
            let Some(wanted) = wanted.get(at as usize..(at + size) as usize) else {
                continue;
            };
            let whole = self.frame.is(at, wanted);
            if !self.wish(&[whole])? {
                self.bit_by_bit(at, wanted)?;
            }
        }
        Ok(())
    }

    fn bit_by_bit(&mut self, at: u32, wanted: &[u8]) -> Result<(), GaveUp> {
        for (at, wanted) in (at..).zip(wanted) {
            let octet = self.frame.octet(at);
            for place in (0..8).rev() {
                let bit = octet[place];
                let is_set = wanted >> place & 1 == 1;
                self.wish(&[if is_set { bit } else { bit.not() }])?;
            }
        }
        Ok(())
    }

    /// The ordinary packet with the octets that the solver has found.
    fn model(&self, mut frame: Vec<u8>) -> Vec<u8> {
        for (at, octet) in self.frame.octets() {
            let at = at as usize;
            if at < frame.len() {
                frame[at] = self.octet(octet, frame[at]);
            }
        }
        frame
    }
}
