//! What must hold of every world.

mod live;
mod logs;
mod paths;
mod reach;
mod same;
mod steps;
mod verdict;

use std::collections::BTreeMap;

use wirelab_simulator::Event;

use crate::statement::Script;

/// What an examination found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Packets that were put on interfaces or sent by machines.
    pub packets: u64,
    /// Comparisons that were made.
    pub checks: u64,
    /// Calls that the control plane refused.
    pub refused: u64,
    /// How packets ended, by kind of end.
    pub ends: BTreeMap<String, u64>,
    /// What is wrong, one text each.
    pub failures: Vec<String>,
}

impl Report {
    /// One comparison; `wrong` is made if it fails.
    fn check(&mut self, holds: bool, wrong: impl FnOnce() -> String) {
        self.checks += 1;
        if !holds {
            self.failures.push(wrong());
        }
    }

    fn end(&mut self, kind: &str) {
        *self.ends.entry(kind.to_owned()).or_default() += 1;
    }

    /// Adds another report to this one.
    pub fn add(&mut self, other: Self) {
        self.packets += other.packets;
        self.checks += other.checks;
        self.refused += other.refused;
        for (kind, count) in other.ends {
            *self.ends.entry(kind).or_default() += count;
        }
        self.failures.extend(other.failures);
    }
}

/// Plays a script and checks everything that must hold of it.
#[must_use]
pub fn examine(script: &Script) -> Report {
    let mut report = if script.live {
        live::examine(script)
    } else {
        steps::examine(script)
    };
    same::examine(script, &mut report);
    report
}

/// Virtual time never goes back.
fn in_order(events: &[Event], report: &mut Report) {
    let moments: Vec<_> = events.iter().filter_map(moment).collect();
    report.check(moments.is_sorted(), || "events go back in time".to_owned());
}

fn moment(event: &Event) -> Option<wirelab_model::SimTime> {
    match event {
        Event::Captured(captured) => Some(captured.at),
        Event::Dropped(dropped) => Some(dropped.at),
        Event::Traffic(event) => Some(event.at),
        _ => None,
    }
}
