//! Table tests: one row a fact, all rows tried before the test fails.

use std::fmt::Debug;

use wirelab_model::FlowDirection;
use wirelab_wire::IpPacket;

use crate::verdict::DropReason;

/// A row to be: where `facts.md` says so, what is asked, rules, a packet, and what it meets.
pub(super) type Judged = (
    &'static str,
    &'static str,
    &'static [&'static str],
    fn() -> IpPacket,
    &'static str,
);

/// Rows of one component, each held against what the world does.
#[derive(Default)]
pub(super) struct Table {
    rows: usize,
    failures: Vec<String>,
}

impl Table {
    /// One row: where `facts.md` says so, what is asked, what came out, what must.
    pub(super) fn row<T: PartialEq + Debug>(
        &mut self,
        fact: &str,
        what: &str,
        actual: T,
        expected: T,
    ) {
        self.rows += 1;
        if actual != expected {
            self.failures.push(format!(
                "[{fact}] {what}\n      is: {actual:?}\n  must be: {expected:?}"
            ));
        }
    }

    /// Fails with every row that failed; `rows` is how many there must be, so that none is lost.
    pub(super) fn finish(self, rows: usize) {
        assert!(
            self.failures.is_empty(),
            "{} of {} rows fail:\n{}",
            self.failures.len(),
            self.rows,
            self.failures.join("\n")
        );
        assert_eq!(self.rows, rows, "rows of the table");
    }
}

/// `delivered`, or who dropped: `SecurityGroup ingress`, `NetworkAcl egress`, `NoRoute`.
pub(super) fn outcome(drops: &[DropReason]) -> String {
    let Some(first) = drops.first() else {
        return "delivered".to_owned();
    };
    // `SecurityGroup(NoRule { .. })`: the component where it has one reason, else the reason.
    let debug = format!("{first:?}");
    let mut names = debug.split([' ', '{', '(']);
    let component = names.next().unwrap_or_default();
    let name = match names.next() {
        None | Some("NoRule" | "Denied") => component,
        Some(reason) => reason,
    };
    let Some(direction) = first.direction() else {
        return name.to_owned();
    };
    let direction = match direction {
        FlowDirection::Ingress => "ingress",
        FlowDirection::Egress => "egress",
    };
    format!("{name} {direction}")
}
