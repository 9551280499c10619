//! What machines themselves stop of what the network would carry: their firewalls and routes.

use std::collections::BTreeSet;
use std::net::IpAddr;

use smol_str::SmolStr;
use wirelab_model::IpNet;

use super::fire::{Fields, answer, packet};
use super::ranges::{Interval, IpVersion, Ranges, address_number};
use super::region::{Dimension, Region};
use super::set::PacketSet;
use crate::host::stops::Distinctions;
use crate::machines::Machine;
use crate::world::World;

impl World {
    /// The part of `packets` that machines stop, by machine: the sender's or the receiver's own
    /// firewall drops or rejects them or their answers, or it has no route there. Programs are not
    /// asked, nor are connections that are open now.
    ///
    /// Packets are those that open flows, as their sender addresses them
    /// ([`Flows`](super::Flows)); the other side is known by that address, whatever NAT makes of it
    /// on the way.
    #[must_use]
    pub fn stopped_by_machines(&self, packets: &PacketSet) -> Vec<(SmolStr, PacketSet)> {
        let machines = self.machines.iter();
        let stopped = machines.filter_map(|machine| {
            let asked = Asked::of(self, machine);
            let mut stopped = PacketSet::empty();
            for region in packets.regions() {
                asked.stopped(region, &mut stopped);
            }
            (!stopped.is_empty()).then(|| (machine.name().clone(), stopped.coalesce()))
        });
        stopped.collect()
    }
}

/// A machine that is asked.
struct Asked<'w> {
    world: &'w World,
    machine: &'w Machine,
    distinctions: Distinctions,
    /// Its own addresses, and each by which others know it.
    addresses: Vec<(IpAddr, IpAddr)>,
}

/// Which side of the packets the machine is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Side {
    Sends,
    Gets,
}

impl<'w> Asked<'w> {
    fn of(world: &'w World, machine: &'w Machine) -> Self {
        let interfaces = machine.host.interfaces().iter();
        let own = interfaces.flat_map(|it| it.addresses.iter().map(IpNet::addr));
        let own: Vec<IpAddr> = own.collect();
        let public = world.topology.plan.live_interfaces();
        let public = public.flat_map(|(_, nic)| nic.public.iter().copied());
        let known = public.filter(|(private, _)| own.contains(private));
        let addresses = own.iter().map(|it| (*it, *it)).chain(known).collect();
        Self {
            world,
            machine,
            distinctions: machine.host.distinctions(),
            addresses,
        }
    }

    fn stopped(&self, region: &Region, stopped: &mut PacketSet) {
        for (own, known) in &self.addresses {
            if IpVersion::of_address(*own) != region.version {
                continue;
            }
            let at = |dimension| {
                let single = Interval::single(address_number(*known));
                region.clone().with(dimension, single)
            };
            if let Some(sent) = at(Dimension::Source).filter(|_| own == known) {
                self.each(&sent, Side::Sends, *own, stopped);
            }
            if let Some(got) = at(Dimension::Destination) {
                self.each(&got, Side::Gets, *own, stopped);
            }
        }
    }

    /// Tries one packet of each piece that the machine may treat otherwise.
    fn each(&self, region: &Region, side: Side, own: IpAddr, stopped: &mut PacketSet) {
        let remote = match side {
            Side::Sends => Dimension::Destination,
            Side::Gets => Dimension::Source,
        };
        let own_number = Ranges::single(address_number(own));
        let others = region.side(remote).subtract(&own_number);
        let blocks = pieces(&others, &self.address_starts(region.version));
        let numbers = self.number_starts();
        let protocols = region.side(Dimension::Protocol);
        let each_protocol: Vec<Ranges> = match protocols.only() {
            Some(_) => vec![protocols.clone()],
            None => protocols
                .intervals()
                .iter()
                .map(|it| (*it).into())
                .collect(),
        };
        for protocol in &each_protocol {
            for block in &blocks {
                for first in pieces(region.side(Dimension::SourcePort), &numbers) {
                    for second in pieces(region.side(Dimension::DestinationPort), &numbers) {
                        let sides = [
                            (Dimension::Protocol, protocol),
                            (remote, block),
                            (Dimension::SourcePort, &first),
                            (Dimension::DestinationPort, &second),
                        ];
                        let piece = sides
                            .into_iter()
                            .try_fold(region.clone(), |piece, (on, its)| {
                                piece.with(on, its.clone())
                            });
                        if let Some(piece) = piece.filter(|it| !self.lets(it, side, own)) {
                            stopped.insert(piece);
                        }
                    }
                }
            }
        }
    }

    fn lets(&self, piece: &Region, side: Side, own: IpAddr) -> bool {
        let one = |dimension| piece.side(dimension).first().unwrap_or_default();
        let address = |dimension| piece.version.address(one(dimension));
        let (source, destination) = match side {
            Side::Sends => (own, address(Dimension::Destination)),
            Side::Gets => (address(Dimension::Source), own),
        };
        let number = |dimension| u16::try_from(one(dimension)).unwrap_or(u16::MAX);
        let sent = packet(&Fields {
            source,
            destination,
            protocol: u8::try_from(one(Dimension::Protocol)).unwrap_or(u8::MAX),
            first: number(Dimension::SourcePort),
            second: number(Dimension::DestinationPort),
        });
        let answer = answer(&sent);
        let (host, now) = (&self.machine.host, self.world.now());
        match side {
            Side::Sends => host.lets_out(now, sent, answer),
            Side::Gets => host.lets_in(now, sent, answer),
        }
    }

    /// First addresses of what it tells apart.
    fn address_starts(&self, version: IpVersion) -> BTreeSet<u128> {
        let blocks = self.distinctions.blocks.iter();
        let blocks = blocks.filter(|it| IpVersion::of(it) == version);
        let edges = blocks.flat_map(|it| {
            let block = Interval::from(*it);
            [Some(block.low), block.high.checked_add(1)]
        });
        edges.flatten().collect()
    }

    fn number_starts(&self) -> BTreeSet<u128> {
        let numbers = self.distinctions.numbers.iter();
        let edges = numbers.flat_map(|(low, high)| [u128::from(*low), u128::from(*high) + 1]);
        edges.collect()
    }
}

/// The parts of `whole` between one start and the next.
fn pieces(whole: &Ranges, starts: &BTreeSet<u128>) -> Vec<Ranges> {
    let lows = std::iter::once(0).chain(starts.iter().copied().filter(|it| *it > 0));
    let lows: Vec<u128> = lows.collect();
    let highs = lows.iter().skip(1).map(|next| next - 1).chain([u128::MAX]);
    let intervals = lows.iter().zip(highs);
    let parts = intervals.filter_map(|(low, high)| {
        let part = whole.intersect(&Interval::new(*low, high)?.into());
        (!part.is_empty()).then_some(part)
    });
    parts.collect()
}
