//! Flow logs against captures, and against what the plain evaluator counted.

use std::collections::BTreeMap;

use wirelab_model::{FlowAction, FlowDirection, NetworkInterfaceId};
use wirelab_simulator::{CapturePoint, Event};
use wirelab_wire::IpPacket;

use super::Report;
use crate::plain::{Counted, Ends, Plain};

/// Packets and octets by interface and direction.
type Counts = BTreeMap<(NetworkInterfaceId, bool), (u64, u64)>;

/// What a machine sends is logged, accepted or not; what it gets is what is logged as accepted.
pub(super) fn with_captures(events: &[Event], report: &mut Report) {
    let mut captured = Counts::new();
    let mut logged = Counts::new();
    for event in events {
        match event {
            Event::Captured(it) => {
                if let CapturePoint::Interface(id) = &it.point {
                    let count = captured.entry((id.clone(), it.outbound)).or_default();
                    count.0 += 1;
                    count.1 += it.packet().map_or(0, IpPacket::total_len) as u64;
                }
            }
            Event::FlowRecord(it) => {
                let Some(flow) = &it.record.flow else {
                    continue;
                };
                let egress = flow.direction == FlowDirection::Egress;
                let machine = it.record.place.instance_id.is_some();
                if machine && (egress || flow.action == FlowAction::Accept) {
                    let key = (it.record.interface_id.clone(), egress);
                    let count = logged.entry(key).or_default();
                    count.0 += flow.packets;
                    count.1 += flow.bytes;
                }
            }
            _ => {}
        }
    }
    if is_logged(events) {
        report.check(captured == logged, || {
            format!("captures and flow logs differ\n  captured {captured:?}\n  logged   {logged:?}")
        });
    }
}

/// Every packet that the plain evaluator counted at an interface is in its log, and no other.
pub(super) fn with_plain(events: &[Event], plain: &Plain, report: &mut Report) {
    if !is_logged(events) {
        return;
    }
    let mut logged: BTreeMap<Counted, u64> = BTreeMap::new();
    for event in events {
        let Event::FlowRecord(it) = event else {
            continue;
        };
        if let Some(flow) = &it.record.flow {
            let counted = Counted {
                interface: it.record.interface_id.clone(),
                egress: flow.direction == FlowDirection::Egress,
                action: flow.action,
                ends: Ends {
                    protocol: flow.protocol,
                    source: flow.pkt_srcaddr,
                    source_port: flow.srcport,
                    destination: flow.pkt_dstaddr,
                    destination_port: flow.dstport,
                },
            };
            *logged.entry(counted).or_default() += flow.packets;
        }
    }
    let mut expected: BTreeMap<Counted, u64> = BTreeMap::new();
    for counted in &plain.counted {
        *expected.entry(counted.clone()).or_default() += 1;
    }
    report.check(logged == expected, || {
        let only = |some: &BTreeMap<Counted, u64>, others: &BTreeMap<Counted, u64>| {
            let differ = some
                .iter()
                .filter(|(key, count)| others.get(*key) != Some(*count));
            differ.map(|it| format!("\n    {it:?}")).collect::<String>()
        };
        format!(
            "flow logs are not as the plain evaluator counted\n  counted{}\n  logged{}",
            only(&expected, &logged),
            only(&logged, &expected)
        )
    });
}

fn is_logged(events: &[Event]) -> bool {
    events.iter().any(|it| matches!(it, Event::FlowRecord(_)))
}
