//! The learner's filter and the solution's compared as such, on packets that no capture need hold.

use wirelab_filter::Filter;
use wirelab_filter::equal::{Difference, Domain, Equality, Seen, compare_where, fields};

use crate::finding::{Finding, FindingKind};

/// What is known of the two.
pub(super) struct Proof {
    found: Equality,
    /// On the packets beside the scope, where they are the same filter within it.
    beside: Option<Box<Difference>>,
    /// What the two read of the packet that tells them apart and its line does not show.
    read: Vec<String>,
    /// Whether the task says which packets it is about: a difference among them is wrong.
    is_asked: bool,
}

impl Proof {
    /// The packet that shows a difference goes between machines that are `seen`, if one does.
    pub(super) fn of(yours: &Filter, wanted: &Filter, scope: Option<&Filter>, seen: &Seen) -> Self {
        let named = scope.map(Filter::expression).unwrap_or_default();
        let domain = Domain::of_scope(named);
        let found = compare_where(yours, wanted, scope, domain, seen);
        let beside = (scope.is_some() && found == Equality::Equivalent)
            .then(|| compare_where(yours, wanted, None, domain, seen));
        let beside = beside.and_then(|it| match it {
            Equality::Different(difference) => Some(Box::new(difference)),
            Equality::Equivalent | Equality::GaveUp(_) => None,
        });
        let shown = match &found {
            Equality::Different(difference) => Some(difference),
            Equality::Equivalent | Equality::GaveUp(_) => beside.as_deref(),
        };
        Self {
            read: shown.map_or_else(Vec::new, |it| fields(&it.frame, [yours, wanted])),
            found,
            beside,
            is_asked: scope.is_some(),
        }
    }

    /// The packet that tells them apart: wrong within the task's scope, a remark beside it.
    pub(super) fn finding(&self) -> Option<Finding> {
        let finding = match &self.found {
            Equality::Different(difference) if self.is_asked => wrong(difference),
            Equality::Different(difference) => elsewhere(difference),
            Equality::Equivalent | Equality::GaveUp(_) => elsewhere(self.beside.as_deref()?),
        };
        let finding = match self.read.is_empty() {
            true => finding,
            false => finding.evidence(format!("in it  {}", self.read.join(", "))),
        };
        Some(match self.is_wrong() {
            true => self.blame(finding),
            false => finding,
        })
    }

    /// Whether a packet of the task's scope tells them apart.
    pub(super) const fn is_wrong(&self) -> bool {
        self.is_asked && matches!(self.found, Equality::Different(_))
    }

    /// Adds the only clause that need change, if there is one, to a finding about the filter.
    pub(super) fn blame(&self, finding: Finding) -> Finding {
        match &self.found {
            Equality::Different(Difference {
                fault: Some(fault), ..
            }) => finding.evidence(format!("all but `{}` can stay as it is", fault.clause)),
            _ => finding,
        }
    }

    /// A remark on what was proved, or could not be.
    pub(super) fn note(&self) -> Option<String> {
        match &self.found {
            Equality::Equivalent if self.is_asked => {
                Some("proved for every packet of the task".to_owned())
            }
            Equality::Equivalent => Some("proved for every packet".to_owned()),
            Equality::Different(_) => None,
            Equality::GaveUp(why) => Some(format!("judged by captures alone: {why}")),
        }
    }
}

fn wrong(it: &Difference) -> Finding {
    let (verb, yours, wanted) = sides(it);
    let finding = Finding::new(FindingKind::FilterDiffers, format!("{verb}: {}", it.line()));
    let finding = finding.packet(it.frame.clone(), None);
    finding.expected(wanted).observed(yours)
}

fn elsewhere(it: &Difference) -> Finding {
    let (verb, ..) = sides(it);
    let summary = format!(
        "right for this network, and not the same filter as the solution's; {verb}: {}",
        it.line()
    );
    Finding::new(FindingKind::FilterDiffersElsewhere, summary).packet(it.frame.clone(), None)
}

const fn sides(it: &Difference) -> (&'static str, &'static str, &'static str) {
    if it.is_kept {
        ("yours also keeps", "KEEP", "DROP")
    } else {
        ("yours misses", "DROP", "KEEP")
    }
}

#[cfg(test)]
mod tests {
    use wirelab_filter::LinkType;

    use super::*;

    fn proof(yours: &str, wanted: &str, scope: Option<&str>) -> Proof {
        let filter = |text| Filter::compile(text, LinkType::ETHERNET).expect("a filter");
        let scope = scope.map(filter);
        Proof::of(
            &filter(yours),
            &filter(wanted),
            scope.as_ref(),
            &Seen::default(),
        )
    }

    #[test]
    fn a_difference_in_the_scope_is_wrong_and_one_without_a_scope_is_told() {
        let found = proof("tcp port 443", "port 443", Some("tcp or udp")).finding();
        let found = found.expect("a UDP packet");
        assert_eq!(found.name, FindingKind::FilterDiffers);
        let line = "yours misses: IP 10.0.1.5.40000 > 10.0.2.10.443: UDP, length 0";
        assert_eq!(found.summary, line);
        let found = proof("tcp port 443", "port 443", None)
            .finding()
            .expect("a UDP packet");
        assert_eq!(found.name, FindingKind::FilterDiffersElsewhere);
        let beside = proof("tcp port 443", "port 443", Some("tcp"));
        assert!(!beside.is_wrong());
        let found = beside.finding().expect("a UDP packet");
        assert_eq!(found.name, FindingKind::FilterDiffersElsewhere);
        let same = proof("tcp port 443", "port 443 and tcp", Some("tcp"));
        assert!(same.finding().is_none());
    }

    #[test]
    fn what_was_proved_or_not_is_said() {
        let note = |yours, wanted, scope| proof(yours, wanted, scope).note();
        let proved = note("tcp port 443", "port 443", Some("tcp"));
        assert_eq!(
            proved.as_deref(),
            Some("proved for every packet of the task")
        );
        let proved = note("tcp[13] & 2 = 2", "tcp[tcpflags] & tcp-syn != 0", None);
        assert_eq!(proved.as_deref(), Some("proved for every packet"));
        let open = note("ip6 protochain 6", "ip6 proto 6", None).expect("a note");
        assert!(open.starts_with("judged by captures alone"), "{open}");
    }

    #[test]
    fn the_clause_at_fault_is_named() {
        let yours = "src host 10.0.1.5 and port 80 or port 443";
        let wanted = "src host 10.0.1.5 and (port 80 or port 443)";
        let found = proof(yours, wanted, Some("ip"))
            .finding()
            .expect("a packet");
        assert_eq!(found.evidence, ["all but `port 443` can stay as it is"]);
    }
}
