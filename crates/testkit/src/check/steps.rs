//! Worlds in which one packet after the other is put on an interface, and each is judged twice.

use std::collections::BTreeMap;

use wirelab_model::{NetworkInterfaceId, SimDuration, SimTime};
use wirelab_simulator::{CapturePoint, Event};
use wirelab_wire::TcpFlags;

use super::verdict::end;
use super::{Report, in_order, logs, paths};
use crate::plain::{Fate, Outcome, Packet, Plain};
use crate::run::{Put, Run};
use crate::statement::{Act, Script};

/// After the last packet: until every window of the flow logs has closed.
const WINDOWS: SimDuration = SimDuration::from_secs(130);

/// Plays a script packet by packet.
pub(super) fn examine(script: &Script) -> Report {
    let mut examined = Examined {
        run: Run::new(script),
        plain: Plain::default(),
        report: Report::default(),
        events: Vec::new(),
        opened: BTreeMap::new(),
        asks_reach: script.seed.is_multiple_of(8),
    };
    for statement in &script.statements {
        examined.run.perform(statement);
        examined.run.keep_clear_of_changes();
        let (puts, label) = match &statement.act {
            Act::Send(send) => (examined.run.packets_of(send), Some(send.label)),
            Act::Answer(answer) => (examined.run.answers_of(answer), None),
            _ => continue,
        };
        for put in puts {
            examined.step(&put, label);
        }
    }
    examined.finish()
}

type Generation = (usize, usize);

struct Examined {
    run: Run,
    /// Of every fourth of these worlds: it takes as long as all the rest.
    asks_reach: bool,
    plain: Plain,
    report: Report,
    events: Vec<Event>,
    /// When the flow of a delivered first packet began, by where it ended and its ends there.
    opened: BTreeMap<(CapturePoint, crate::plain::Ends), (SimTime, Generation)>,
}

impl Examined {
    fn step(&mut self, put: &Put, label: Option<u32>) {
        if self.plain.circled {
            return;
        }
        let packet = Packet::of(&put.packet);
        self.plain.resources = self.run.world.resources().clone();
        self.plain.outside = self.run.outside();
        self.plain.devices = self.run.devices();
        self.plain.powered = self.run.powered();
        self.plain.unnoticed = self.run.unnoticed();
        let asked = paths::ask(&self.run.world, put, &packet);
        let at = self.run.now;
        self.events.extend(self.run.events());
        let Some(events) = self.run.put(put, label) else {
            return;
        };
        self.report.packets += 1;
        let ends: Vec<_> = events.iter().filter_map(end).collect();
        let ends: Vec<_> = ends
            .iter()
            .map(|(packet, fate)| (Packet::of(packet), fate.clone()))
            .collect();
        let translated = ends.iter().find(|(it, _)| it.about.is_none());
        let seen = translated.map(|(it, _)| (it.source, it.source_port));
        let outcomes = match &put.point {
            CapturePoint::Interface(id) => self.plain.depart(at, id, &packet, seen),
            CapturePoint::HostInterface { host, .. } => {
                let devices = &self.plain.devices;
                let customer = devices.iter().find(|(_, (name, _))| name == host);
                match customer.map(|(id, _)| id.clone()) {
                    Some(id) => self.plain.depart_device(at, &id, &packet, seen),
                    None => self.plain.depart_outside(at, &packet, seen),
                }
            }
        };
        for outcome in &outcomes {
            match &outcome.fate {
                Fate::Delivered(_) => self.report.end("delivered"),
                Fate::Dropped(why) => self.report.end(why.what),
            }
        }
        self.compare(at, &packet, &outcomes, &ends);
        let first = events.iter().find_map(|event| match event {
            Event::Dropped(dropped) if !super::verdict::is_after_delivery(dropped) => {
                Some(&dropped.reason)
            }
            _ => None,
        });
        paths::compare(asked.as_ref(), first, &packet, &mut self.report);
        self.symmetry(at, put, &packet, &ends);
        in_order(&events, &mut self.report);
        self.events.extend(events);
    }

    /// Both say the same of the packet and of what the network made because of it.
    fn compare(
        &mut self,
        at: SimTime,
        sent: &Packet,
        expected: &[Outcome],
        seen: &[(Packet, Fate)],
    ) {
        if self.plain.circled {
            return;
        }
        let mut wanted: Vec<String> = expected
            .iter()
            .map(|it| text(&it.packet, &it.fate))
            .collect();
        let mut found: Vec<String> = seen
            .iter()
            .map(|(packet, fate)| text(packet, fate))
            .collect();
        wanted.sort_unstable();
        found.sort_unstable();
        self.report.check(wanted == found, || {
            format!("at {at} {sent}\n  plain     {wanted:?}\n  simulator {found:?}")
        });
    }

    /// An answer at once, with no change of the network in between, passes the security groups that
    /// let the first packet of the flow pass. Not so where the first packet named somebody else as
    /// its source, whose groups then know of no flow, or came back to its sender; nor once an RST
    /// has ended the flow: what comes then answers nobody's first packet.
    fn symmetry(&mut self, at: SimTime, put: &Put, packet: &Packet, ends: &[(Packet, Fate)]) {
        let generation = self.run.generation();
        let back = (put.point.clone(), packet.ends().turned());
        if let Some((began, of)) = self.opened.get(&back)
            && *of == generation
            && at.since(*began) < SimDuration::from_secs(10)
            && packet.about.is_none()
        {
            let refused = ends.iter().any(|(it, fate)| {
                let is_answer = it.protocol == packet.protocol && it.about.is_none();
                is_answer
                    && matches!(fate, Fate::Dropped(why) if why.what.starts_with("security group"))
            });
            self.report.check(!refused, || {
                format!("at {at} {packet} answers what was let through and is refused")
            });
        }
        if packet.has(TcpFlags::RST) {
            self.opened.remove(&back);
        }
        self.forget_reset(ends);
        let [(there, Fate::Delivered(to))] = ends else {
            return;
        };
        let opens = packet.opens() || packet.protocol == 17 || packet.is_echo_request();
        let point = CapturePoint::Interface(NetworkInterfaceId::new(to.as_str()));
        let is_honest = self.run.owns(&put.point, packet.source) && point != put.point;
        if opens && is_honest && there.about.is_none() && to.starts_with("eni-") {
            self.opened.insert((point, there.ends()), (at, generation));
        }
    }

    /// Forgets the flows that an RST has ended where it arrived: one that was sent, or one that a
    /// NAT gateway made.
    fn forget_reset(&mut self, ends: &[(Packet, Fate)]) {
        for (packet, fate) in ends {
            if let Fate::Delivered(to) = fate
                && packet.has(TcpFlags::RST)
            {
                let point = CapturePoint::Interface(NetworkInterfaceId::new(to.as_str()));
                self.opened.remove(&(point, packet.ends()));
            }
        }
    }

    fn finish(mut self) -> Report {
        if self.asks_reach {
            super::reach::examine(&self.run, &mut self.report);
        }
        self.run.advance(self.run.now + WINDOWS);
        let rest = self.run.events();
        self.events.extend(rest);
        let complaints = self.plain.complaints();
        let none = complaints.is_empty() || self.plain.circled;
        self.report.check(none, || complaints.join("\n"));
        logs::with_captures(&self.events, &mut self.report);
        if !self.plain.circled {
            logs::with_plain(&self.events, &self.plain, &mut self.report);
        }
        self.report.refused = self.run.refused().len() as u64;
        self.report
    }
}

/// Addresses, ports and end; of what was cut on its way and of ICMP errors less is compared.
fn text(packet: &Packet, fate: &Fate) -> String {
    match &packet.about {
        // Who tells is not documented everywhere: what is told, and to whom, counts.
        Some(about) => format!("error to {} about {about:?}: {fate}", packet.destination),
        None => format!("{packet}: {fate}"),
    }
}
