//! A path as one line a hop, the source ports, and the size that fits.

use wirelab_book::way::{Step, deny, place, way};
use wirelab_scenario::Names;
use wirelab_simulator::path::{Fit, PathReport, Way};
use wirelab_simulator::reach::Ranges;

use super::{Arguments, Found};
use crate::terminal::Mark;

/// One line a hop, for reports that are wider than the terminal.
pub(super) fn long(report: &PathReport, names: &Names, arrows: [&str; 2]) -> String {
    let [there, back] = arrows;
    let mut text = String::new();
    for Way {
        journey,
        forward,
        outcome,
    } in report.ways()
    {
        let arrow = if forward { there } else { back };
        let way = way(journey, names);
        text += &format!(" {arrow} {}   {outcome}\n", way.packet);
        let places = way.hops.iter().map(|hop| hop.title().chars().count());
        let wide = places.max().unwrap_or(0).clamp(32, 48);
        for (at, hop) in way.hops.iter().enumerate() {
            text += &line(hop, wide);
            if let Some(again) = journey.again(at) {
                text += &format!("     {again}\n");
            }
        }
    }
    if let Some(said) = report.said() {
        text += &format!("   {said}\n");
    }
    text
}

/// Which source port it was, and what becomes of it from the others that the sender may take.
pub(super) fn ports(asked: &Arguments, found: &Found) -> String {
    let (Some(port), Some(ports)) = (found.report.source_port, &found.ports) else {
        return String::new();
    };
    let list = |these: &Ranges| ranges(these).join(",");
    if !ports.differ() {
        let all = list(&ports.all());
        return format!("   from source port {port}, as from all of {all}\n");
    }
    let (through, lost) = (list(&ports.delivered), list(&ports.dropped));
    let (from, to) = (&asked.from, &asked.to);
    let other = match ports.dropped.contains(port.into()) {
        true => &ports.delivered,
        false => &ports.dropped,
    };
    let other = other.first().unwrap_or_default();
    let place = to.rsplit_once(':').map_or(to.as_str(), |(place, _)| place);
    format!(
        "   from source port {port}; which one a connection takes decides:\n   \
         from {through} there and back, from {lost} DROPPED\n   \
         wirelab path {from} {to} --source-port {other}   the other way it goes\n   \
         wirelab reach {from} {place}   all ports at once\n"
    )
}

/// `32768-42000`, one text a range.
pub(super) fn ranges(ranges: &Ranges) -> Vec<String> {
    let all = ranges.intervals().iter();
    all.map(|it| match it.low == it.high {
        true => it.low.to_string(),
        false => format!("{}-{}", it.low, it.high),
    })
    .collect()
}

/// What size passes, and who drops larger packets.
pub(super) fn fit(fit: &Fit, names: &Names) -> String {
    let largest = format!("   packets of up to {} octets fit", fit.size);
    match &fit.limit {
        Some((hop, drop)) => {
            let (place, ids) = place(hop);
            let ids = ids.iter().map(|id| names.short(id).unwrap_or(id));
            let place = [place].into_iter().chain(ids).collect::<Vec<_>>().join(" ");
            format!("{largest}; at {place}: {}\n", deny(drop))
        }
        None => format!("{largest}\n"),
    }
}

fn line(hop: &Step, wide: usize) -> String {
    let mark = if hop.passes { Mark::Good } else { Mark::Bad };
    let place = hop.title();
    let mut why = hop.why.clone().unwrap_or_default();
    if let Some(code) = hop.code {
        why += &format!(" ({code})");
    }
    let line = format!("   {} {place:<wide$} {why}", mark.shown());
    format!("{}\n", line.trim_end())
}
