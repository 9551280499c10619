//! Packets and programs.

use std::net::{IpAddr, Ipv4Addr};

use smol_str::format_smolstr;
use wirelab_model::{SimDuration, SimTime};
use wirelab_simulator::host::{TrafficProgram, TrafficSpec};
use wirelab_wire::TcpFlags;

use super::network::{Network, SITES};
use super::rules::{self, PORTS};
use super::{Moment, dice};
use crate::dice::Dice;
use crate::statement::{Act, Answer, Send, Sender, Shape, To};

/// Every idle timeout of the network in seconds: SG tracking of handshakes, pings, UDP, UDP
/// streams, closed connections and other protocols, NAT mappings.
const TIMEOUTS: [u64; 6] = [30, 60, 120, 180, 350, 600];
const SYN_ACK: TcpFlags = TcpFlags(0x12);
const FIN_ACK: TcpFlags = TcpFlags(0x11);

/// Packets on interfaces: flows with answers, and lonely ones.
pub(super) fn packets(seed: u64, network: &Network) -> Vec<Moment> {
    let mut dice = dice(seed, "packets");
    let mut moments = Vec::new();
    let mut label = 0;
    for _ in 0..4 + dice.below(12) {
        let mut flow = Flow::draw(&mut dice, network, label);
        let began = flow.at;
        flow.play(&mut dice);
        label = flow.label;
        if dice.chance(30) {
            let at = dice.between(began, flow.at) + 100;
            moments.push((at, revoked(&mut dice, network)));
        }
        moments.extend(flow.moments);
    }
    moments
}

/// A rule of some group goes while a conversation goes on: what is tracked lives on.
fn revoked(dice: &mut Dice, network: &Network) -> Act {
    let groups = &dice.pick(&network.instances).groups;
    let group = dice.pick(groups).clone();
    if dice.chance(50) {
        let ipv6 = network.ipv6.any() && dice.chance(50);
        rules::revoke_open_egress(&format!("$sg:{group}"), ipv6)
    } else {
        rules::revoke_first_inbound(&group)
    }
}

/// A conversation under construction.
struct Flow {
    label: u32,
    send: Send,
    at: u64,
    moments: Vec<Moment>,
}

impl Flow {
    fn draw(dice: &mut Dice, network: &Network, label: u32) -> Self {
        let devices = network.vpn.devices();
        let from = if !devices.is_empty() && dice.chance(20) {
            Sender::Device((*dice.pick(&devices)).into())
        } else if dice.chance(80) {
            Sender::Instance(dice.pick(&network.instances).name.as_str().into())
        } else {
            Sender::Outside(dice.pick(&SITES).0.into())
        };
        let outside = matches!(from, Sender::Outside(_));
        let to = destination(dice, network, outside);
        let spoofed = dice.chance(5).then(|| *dice.pick(&network.addresses()));
        let send = Send {
            label,
            from,
            to,
            shape: shape(dice),
            spoofed,
        };
        Self {
            label,
            send,
            at: dice.between(0, super::faults::SPAN),
            moments: Vec::new(),
        }
    }

    fn play(&mut self, dice: &mut Dice) {
        let tcp = self.send.shape.protocol == 6;
        self.again(self.send.shape.flags, self.send.shape.data);
        let turns = dice.below(6);
        for turn in 0..turns {
            self.at += gap(dice);
            let flags = match (tcp, turn) {
                (false, _) => TcpFlags(0),
                (true, 0) if dice.chance(85) => SYN_ACK,
                (true, 1) if dice.chance(85) => TcpFlags::ACK,
                (true, _) => *dice.pick(&[TcpFlags::ACK, TcpFlags::ACK, FIN_ACK, TcpFlags::RST]),
            };
            let bare = [SYN_ACK, TcpFlags::RST].contains(&flags);
            let data = if bare { 0 } else { size(dice) };
            // Mostly they take turns.
            if turn % 2 == 0 && dice.chance(80) {
                let answer = Answer {
                    label: self.label - 1,
                    flags,
                    data,
                };
                self.moments.push((self.at, Act::Answer(answer)));
            } else {
                self.again(flags, data);
            }
        }
    }

    /// One more packet of the flow from its sender.
    fn again(&mut self, flags: TcpFlags, data: u16) {
        let mut send = self.send.clone();
        send.label = self.label;
        send.shape.flags = flags;
        send.shape.data = data;
        self.label += 1;
        self.moments.push((self.at, Act::Send(send)));
    }
}

fn destination(dice: &mut Dice, network: &Network, from_outside: bool) -> To {
    let ipv6 = network.ipv6_addresses();
    if !ipv6.is_empty() && dice.chance(if from_outside { 50 } else { 40 }) {
        return To::Address(*dice.pick(&ipv6));
    }
    let public: Vec<_> = network.instances.iter().filter(|it| it.public).collect();
    let nats = network.nats.iter().flatten();
    let nats: Vec<_> = nats.filter(|it| !it.is_private()).collect();
    if !public.is_empty() && dice.chance(if from_outside { 75 } else { 10 }) {
        return To::Public(dice.pick(&public).name.as_str().into());
    }
    if !nats.is_empty() && dice.chance(if from_outside { 60 } else { 4 }) {
        return To::Public(dice.pick(&nats).name.as_str().into());
    }
    let address = match dice.below(20) {
        0 => IpAddr::V4(Ipv4Addr::new(10, 0, 1, 77)),
        1 => IpAddr::V4(Ipv4Addr::new(192, 168, 7, 7)),
        2 => IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)),
        3..=10 => IpAddr::V4(dice.pick(&SITES).1),
        11 | 12 if !network.vpn.devices().is_empty() => {
            let offices: Vec<_> = network.vpn.addresses().collect();
            *dice.pick(&offices)
        }
        _ => *dice.pick(&network.addresses()),
    };
    To::Address(address)
}

fn shape(dice: &mut Dice) -> Shape {
    let protocol = *dice.pick(&[6, 6, 6, 6, 17, 17, 1, 1, 47]);
    let flags = match protocol {
        6 if dice.chance(90) => TcpFlags::SYN,
        6 => TcpFlags::ACK,
        _ => TcpFlags(0),
    };
    Shape {
        protocol,
        source_port: *dice.pick(&[1024, 32768, 40000, 60999, 61000, 65535]),
        destination_port: *dice.pick(&PORTS),
        flags,
        data: if flags == TcpFlags::SYN {
            0
        } else {
            size(dice)
        },
        dont_fragment: dice.chance(70),
        in_fragments: protocol != 6 && dice.chance(8),
    }
}

/// Octets of data: around what each hop carries.
fn size(dice: &mut Dice) -> u16 {
    match dice.below(8) {
        0 => *dice.pick(&[1456, 1460, 1461, 1472, 1473]),
        1 => *dice.pick(&[8456, 8460, 8461, 8472, 8473]),
        2 => *dice.pick(&[8957, 8973]),
        _ => *dice.pick(&[16, 64, 512]),
    }
}

/// Milliseconds to the next packet: soon, or half a second before or after a timeout.
fn gap(dice: &mut Dice) -> u64 {
    if dice.chance(60) {
        return dice.between(500, 5000);
    }
    let timeout = *dice.pick(&TIMEOUTS) * 1000;
    if dice.chance(50) {
        timeout - 500
    } else {
        timeout + 500
    }
}

/// Programs on machines.
pub(super) fn programs(seed: u64, network: &Network) -> Vec<Moment> {
    let mut dice = dice(seed, "programs");
    let mut moments = Vec::new();
    for number in 0..2 + dice.below(5) {
        let outside = dice.chance(20);
        let from = if outside {
            dice.pick(&SITES).0.into()
        } else {
            dice.pick(&network.instances).name.as_str().into()
        };
        let (program, port) = program(&mut dice);
        let spec = TrafficSpec {
            name: format_smolstr!("p{number}"),
            from,
            to: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
            to_name: None,
            port,
            program,
            every: SimDuration::from_millis(dice.between(200, 20_000)),
            first_at: SimTime::ZERO,
            timeout: SimDuration::from_secs(3),
            count: Some(dice.between(1, 12)),
            bind: dice.between(0, 3) == 0,
        };
        let act = Act::Traffic {
            spec: Box::new(spec),
            to: destination(&mut dice, network, outside),
        };
        moments.push((dice.between(0, super::faults::SPAN), act));
    }
    moments
}

fn program(dice: &mut Dice) -> (TrafficProgram, u16) {
    let keep_alive = dice.chance(50);
    match dice.below(6) {
        0 | 1 => {
            let program = TrafficProgram::Http {
                method: "GET".into(),
                path: "/".into(),
                body_bytes: *dice.pick(&[0, 100, 20_000]),
                keep_alive,
                user_agent: "swarm".into(),
            };
            (program, *dice.pick(&[80, 80, 81]))
        }
        2 => {
            let bytes = *dice.pick(&[1, 1448, 9000, 30_000]);
            (TrafficProgram::Echo { bytes, keep_alive }, 7)
        }
        3 => (TrafficProgram::Connect, *dice.pick(&[7, 80, 443])),
        4 => {
            let program = TrafficProgram::Ping {
                size: *dice.pick(&[56, 1472, 1473, 8472, 8973]),
                dont_fragment: dice.chance(50),
            };
            (program, 0)
        }
        _ => {
            let bytes = *dice.pick(&[16, 1400, 2000]);
            (TrafficProgram::Udp { bytes }, 7)
        }
    }
}
