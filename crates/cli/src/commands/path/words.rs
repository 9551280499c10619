//! A path as one line a hop, and the size that fits.

use wirelab_book::way::{Step, deny, place, way};
use wirelab_scenario::Names;
use wirelab_simulator::path::{Fit, PathReport, Way};

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
