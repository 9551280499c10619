//! Captures as checkpoints hold them: the payload of each frame is kept once, however many capture
//! points saw it and however often a program sends the same text.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use wirelab_model::SimTime;
use wirelab_simulator::{CapturePoint, Captured};
use wirelab_wire::{Bytes, LinkFrame, Transport};

/// Captured frames by capture point.
pub(crate) type Captures = BTreeMap<CapturePoint, Vec<Captured>>;

/// The compact form of [`Captures`].
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Packed {
    /// Every payload once; the first is the empty one.
    payloads: Vec<Bytes>,
    points: Vec<(CapturePoint, Vec<PackedFrame>)>,
}

#[derive(Debug, Serialize, Deserialize)]
struct PackedFrame {
    at: SimTime,
    outbound: bool,
    /// Less its payload.
    frame: LinkFrame,
    /// Which payload.
    payload: u32,
}

/// The payloads seen so far with their numbers.
#[derive(Default)]
struct Payloads {
    numbers: BTreeMap<Bytes, u32>,
    payloads: Vec<Bytes>,
}

impl Payloads {
    fn number(&mut self, payload: Bytes) -> u32 {
        if let Some(number) = self.numbers.get(&payload) {
            return *number;
        }
        let number = u32::try_from(self.payloads.len()).expect("there are fewer frames than that");
        self.payloads.push(payload.clone());
        self.numbers.insert(payload, number);
        number
    }
}

impl Packed {
    pub(crate) fn pack(captures: Captures) -> Self {
        let mut payloads = Payloads::default();
        payloads.number(Bytes::new());
        let points = captures.into_iter().map(|(point, frames)| {
            let frames = frames.into_iter().map(|it| pack(it, &mut payloads));
            (point, frames.collect())
        });
        let points = points.collect();
        Self {
            payloads: payloads.payloads,
            points,
        }
    }

    /// `None` if a number of a payload is out of range.
    pub(crate) fn unpack(self) -> Option<Captures> {
        let payloads = &self.payloads;
        let points = self.points.into_iter().map(|(point, packed)| {
            let mut frames = Vec::with_capacity(packed.len());
            for it in packed {
                frames.push(unpack(it, &point, payloads)?);
            }
            Some((point, frames))
        });
        points.collect()
    }
}

fn pack(mut captured: Captured, payloads: &mut Payloads) -> PackedFrame {
    let payload = payload(&mut captured.frame).map(std::mem::take);
    PackedFrame {
        at: captured.at,
        outbound: captured.outbound,
        frame: captured.frame,
        payload: payloads.number(payload.unwrap_or_default()),
    }
}

fn unpack(mut packed: PackedFrame, point: &CapturePoint, payloads: &[Bytes]) -> Option<Captured> {
    let whole = payloads.get(packed.payload as usize)?;
    if let Some(payload) = payload(&mut packed.frame) {
        payload.clone_from(whole);
    }
    Some(Captured {
        at: packed.at,
        point: point.clone(),
        outbound: packed.outbound,
        frame: packed.frame,
    })
}

/// The payload of TCP, UDP and other protocols; what an ICMP message or ARP holds stays with it.
fn payload(frame: &mut LinkFrame) -> Option<&mut Bytes> {
    let LinkFrame::Ip(frame) = frame else {
        return None;
    };
    match &mut frame.packet.transport {
        Transport::Tcp(segment) => Some(&mut segment.payload),
        Transport::Udp(datagram) => Some(&mut datagram.payload),
        Transport::Other { payload, .. } => Some(payload),
        _ => None,
    }
}
