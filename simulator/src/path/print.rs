//! A path as people read it: one line a direction, or, with `{:#}`, one line a hop.

use std::collections::BTreeMap;
use std::fmt;

use smol_str::SmolStr;
use wirelab_model::{FlowDirection, NetworkAclEntry, RuleAction, wrapped};

use super::{PassDetail, PathReport, PathStep, StepVerdict, Way};
use crate::verdict::{DropReason, EntryText, Hop, NetworkAclDrop, SecurityGroupDrop, TargetText};

/// Gives ids their names in the scenario.
pub trait Names {
    /// The name of `id`, without its kind: `web`.
    fn name(&self, id: &str) -> Option<SmolStr>;
}

/// From id to name.
impl Names for BTreeMap<SmolStr, SmolStr> {
    fn name(&self, id: &str) -> Option<SmolStr> {
        self.get(id).cloned()
    }
}

/// Leaves every id as it is.
impl Names for () {
    fn name(&self, _id: &str) -> Option<SmolStr> {
        None
    }
}

/// The marks of printed paths.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Marks {
    /// `→ ← ✓ ✗`.
    #[default]
    Unicode,
    /// `-> <- [ok] [x]`.
    Ascii,
}

impl Marks {
    const fn arrow(self, forward: bool) -> &'static str {
        match (self, forward) {
            (Self::Unicode, true) => "→",
            (Self::Unicode, false) => "←",
            (Self::Ascii, true) => "->",
            (Self::Ascii, false) => "<-",
        }
    }

    const fn verdict(self, pass: bool) -> &'static str {
        match (self, pass) {
            (Self::Unicode, true) => "✓",
            (Self::Unicode, false) => "✗",
            (Self::Ascii, true) => "[ok]",
            (Self::Ascii, false) => "[x]",
        }
    }
}

/// A [`PathReport`] for printing.
#[derive(Clone, Copy)]
pub struct PathDisplay<'a> {
    report: &'a PathReport,
    names: &'a dyn Names,
    marks: Marks,
}

impl PathReport {
    /// For printing, with names for ids.
    #[must_use]
    pub fn display<'a>(&'a self, names: &'a dyn Names, marks: Marks) -> PathDisplay<'a> {
        PathDisplay {
            report: self,
            names,
            marks,
        }
    }
}

/// ` → SYN      sg web out ✓  acl web out ✓ 100  ...   DELIVERED`; the alternate form has a line
/// for each hop, a deny's sentence on lines of its own, and no line beyond 80 columns that can be
/// broken.
impl fmt::Display for PathDisplay<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let width = self.report.ways().map(|way| way.journey.what.len()).max();
        let width = width.unwrap_or(0);
        for way in self.report.ways() {
            if !way.forward {
                f.write_str("\n")?;
            }
            if f.alternate() {
                self.hop_by_hop(f, way)?;
            } else {
                self.journey(f, way, width)?;
            }
        }
        match self.report.said() {
            Some(said) => write!(f, "\n   {said}"),
            None => Ok(()),
        }
    }
}

impl PathDisplay<'_> {
    fn journey(
        &self,
        f: &mut fmt::Formatter<'_>,
        Way {
            journey,
            forward,
            outcome,
        }: Way<'_>,
        width: usize,
    ) -> fmt::Result {
        let arrow = self.marks.arrow(forward);
        write!(f, " {arrow} {:width$}", journey.what)?;
        for (at, step) in journey.steps.iter().enumerate() {
            write!(f, "  {}", self.step(step))?;
            if let Some(again) = journey.again(at) {
                write!(f, "  {again}")?;
            }
        }
        write!(f, "   {outcome}")
    }

    fn hop_by_hop(
        &self,
        f: &mut fmt::Formatter<'_>,
        Way {
            journey,
            forward,
            outcome,
        }: Way<'_>,
    ) -> fmt::Result {
        writeln!(f, " {} {}", self.marks.arrow(forward), journey.what)?;
        let places = journey.steps.iter().map(|step| self.hop(&step.hop));
        let width = places.map(|place| place.chars().count()).max().unwrap_or(0);
        for (at, step) in journey.steps.iter().enumerate() {
            if let Some(again) = at.checked_sub(1).and_then(|it| journey.again(it)) {
                writeln!(f, "     {again}")?;
            }
            let place = self.hop(&step.hop);
            let passes = matches!(step.verdict, StepVerdict::Pass(_));
            let mark = self.marks.verdict(passes);
            let said = match &step.verdict {
                StepVerdict::Pass(detail) => self.sentence(detail),
                StepVerdict::Deny(reason) => reason.to_string(),
            };
            let line = format!("     {mark} {place:<width$}");
            if passes && (line.chars().count() + 2 + said.chars().count()) <= COLUMNS {
                writeln!(f, "{}", format!("{line}  {said}").trim_end())?;
                continue;
            }
            writeln!(f, "{}", line.trim_end())?;
            for part in wrapped(&said, COLUMNS - INDENT) {
                writeln!(f, "{:INDENT$}{part}", "")?;
            }
        }
        write!(f, "     {outcome}")
    }

    /// Why a hop lets the probe pass, in words.
    fn sentence(&self, detail: &PassDetail) -> String {
        match detail {
            PassDetail::Plain => String::new(),
            PassDetail::Rule(id) => format!("rule {} allows it", self.name(id.as_str())),
            PassDetail::Tracked => "it belongs to a tracked connection".to_owned(),
            PassDetail::Entry(entry) => EntryText(entry).to_string(),
            PassDetail::Route {
                destination,
                target,
            } => format!(
                "{} to {}",
                self.name(&destination.to_string()),
                self.name(TargetText(target).as_str())
            ),
            PassDetail::TransitRoute {
                destination,
                route_table,
                attachment,
            } => format!(
                "{destination} of {} to {}",
                self.name(route_table.as_str()),
                self.name(attachment.as_str())
            ),
            PassDetail::Tunnel {
                number,
                outside_ip_address,
            } => format!("tunnel {number} ({outside_ip_address})"),
            PassDetail::Translated { .. } => self.detail(detail).1.trim_start().to_owned(),
        }
    }

    fn step(&self, step: &PathStep) -> String {
        let place = self.hop(&step.hop);
        match &step.verdict {
            StepVerdict::Pass(detail) => {
                let (before, after) = self.detail(detail);
                format!("{place}{before} {}{after}", self.marks.verdict(true))
            }
            StepVerdict::Deny(reason) => {
                format!("{place} {} {}", self.marks.verdict(false), deny(reason))
            }
        }
    }

    fn hop(&self, hop: &Hop) -> String {
        let mut text = hop.word().to_owned();
        let names = match hop {
            // The table's name says nothing that the route does not.
            Hop::RouteTable { .. } | Hop::GatewayRouteTable { .. } => None,
            Hop::SecurityGroup { groups, .. } => {
                let names: Vec<_> = groups.iter().map(|id| self.name(id.as_str())).collect();
                Some(names.join(","))
            }
            hop => hop.id().map(|id| self.name(id).to_string()),
        };
        let direction = hop.direction().map(|it| way(it == FlowDirection::Egress));
        for more in names.iter().map(String::as_str).chain(direction) {
            text.push(' ');
            text.push_str(more);
        }
        text
    }

    /// What stands before and after the mark.
    fn detail(&self, detail: &PassDetail) -> (String, String) {
        match detail {
            PassDetail::Plain | PassDetail::Rule(_) => Default::default(),
            PassDetail::Tracked => (String::new(), " tracked".to_owned()),
            PassDetail::Entry(entry) => (String::new(), format!(" {}", entry.rule_number)),
            PassDetail::Route { target, .. } => {
                let name = self.name(TargetText(target).as_str());
                (format!(" {name}"), String::new())
            }
            PassDetail::TransitRoute { attachment, .. } => {
                let name = self.name(attachment.as_str());
                (String::new(), format!(" to {name}"))
            }
            PassDetail::Tunnel { number, .. } => (String::new(), format!(" tunnel {number}")),
            PassDetail::Translated {
                source,
                destination,
            } => {
                let end = |(address, port): (std::net::IpAddr, u16)| match port {
                    0 => address.to_string(),
                    port => std::net::SocketAddr::new(address, port).to_string(),
                };
                let text = format!(" {} > {}", end(*source), end(*destination));
                (String::new(), text)
            }
        }
    }

    fn name(&self, id: &str) -> SmolStr {
        self.names.name(id).unwrap_or_else(|| id.into())
    }
}

/// Width of a terminal that has not been widened.
const COLUMNS: usize = 80;
/// Before the sentences below a hop.
const INDENT: usize = 11;

const fn way(egress: bool) -> &'static str {
    if egress { "out" } else { "in" }
}

/// The reason without what the hop says already.
fn deny(reason: &DropReason) -> String {
    match reason {
        DropReason::SecurityGroup(SecurityGroupDrop::NoRule { .. }) => {
            "no rule allows it".to_owned()
        }
        DropReason::NetworkAcl(NetworkAclDrop::Denied { entry, .. }) => short_entry(entry),
        DropReason::Host(machine) => machine.reason.to_string(),
        reason => reason.to_string(),
    }
}

/// `rule 200 deny tcp 32768-60999`, with the block if it is not everybody.
fn short_entry(entry: &NetworkAclEntry) -> String {
    let text = EntryText(entry).to_string();
    let everybody = entry.cidr_block.prefix_len() == 0 && entry.rule_action == RuleAction::Deny;
    match text.rfind(if entry.egress { " to " } else { " from " }) {
        Some(at) if everybody => text[..at].to_owned(),
        _ => text,
    }
}
