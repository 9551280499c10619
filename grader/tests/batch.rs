//! Submissions of people who may mean no good: limits that are counted, so that the same file has
//! the same result on every machine.

use std::path::Path;

use crate::learner::{ALLOW_REPLIES, Learner, findings};
use wirelab_grader::FindingKind;
use wirelab_grader::batch::{Batch, Graded, Limits, Status};
use wirelab_grader::submitted::Submitted;
use wirelab_session::{Content, Entry, EntryKind};

/// What a learner hands in who has repaired `nacl-ephemeral`, and what they did.
fn repaired() -> (Submitted, Vec<Entry>) {
    let mut learner = Learner::on("nacl-ephemeral", "primary-out-missing");
    learner.run(ALLOW_REPLIES);
    learner.write("unanswered", "tcp");
    assert_eq!(findings(&learner.check(), "repair"), []);
    let submitted = Submitted::of_session(&learner.session, None, None).expect("a submission");
    let entries = submitted.journal.clone();
    (submitted, entries)
}

/// The same with calls behind it that nobody has made.
fn with_calls(
    (submitted, entries): &(Submitted, Vec<Entry>),
    calls: impl Iterator<Item = String>,
) -> Vec<u8> {
    let mut submitted = submitted.clone();
    let last = entries.last().expect("a repair");
    let is_call = |it: &&Entry| matches!(it.kind, EntryKind::Call { .. });
    let repair = entries.iter().find(is_call).expect("a repair");
    for (number, line) in (1..).zip(calls) {
        let steps = wirelab_grader::parse_calls(&line).expect("a call");
        let Some(wirelab_grader::Step::Call(made)) = steps.into_iter().next() else {
            panic!("{line} is no call");
        };
        let mut entry = Entry {
            seq: last.seq + number,
            at: match last.kind {
                EntryKind::Advance { until } => until,
                _ => last.at,
            },
            ..repair.clone()
        };
        if let EntryKind::Call { call, .. } = &mut entry.kind {
            *call = made;
        }
        submitted.journal.push(entry);
    }
    submitted.seal();
    serde_json::to_vec(&submitted).expect("JSON")
}

fn grade(octets: &[u8], limits: Limits) -> Graded {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    Batch::new(Content::new(root), limits).grade("ada.json", octets)
}

fn repair_of(graded: &Graded) -> (u32, Vec<FindingKind>) {
    let report = graded.report.as_ref().expect("a report");
    let mut tasks = report.tasks.iter();
    let repair = tasks.find(|task| task.task == "repair").expect("the task");
    (repair.points.got, findings(report, "repair"))
}

/// Calls that each make an interface.
fn interfaces(submitted: &Submitted, count: usize) -> impl Iterator<Item = String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let scenario = Content::new(root)
        .scenario("nacl-ephemeral")
        .expect("a scenario");
    let plan = scenario.compile(submitted.seed).expect("a plan");
    let subnet = plan.names.id("subnet.replica").expect("a subnet").clone();
    let call = format!("ec2:CreateNetworkInterface SubnetId={subnet}");
    std::iter::repeat_n(call, count)
}

#[test]
fn a_network_that_is_made_too_large_is_refused_at_the_entry_that_does_so() {
    let repaired = repaired();
    let octets = with_calls(&repaired, interfaces(&repaired.0, 60));
    let plenty = grade(&octets, Limits::default());
    assert_eq!(plenty.status, Status::Graded, "{:?}", plenty.reason);
    let limits = Limits {
        resources: 100,
        ..Limits::default()
    };
    let refused = grade(&octets, limits);
    assert_eq!(refused.status, Status::Refused);
    assert!(refused.report.is_none(), "no zero");
    let reason = refused.reason.clone().expect("a reason");
    assert!(
        reason.contains("101 resources and rules then, more than 100"),
        "{reason}"
    );
    let again = serde_json::to_string(&grade(&octets, limits)).expect("JSON");
    assert_eq!(again, serde_json::to_string(&refused).expect("JSON"));
}

#[test]
fn hundreds_of_interfaces_beside_a_repair_are_judged_as_two_are() {
    let repaired = repaired();
    let grade = |count| {
        let octets = with_calls(&repaired, interfaces(&repaired.0, count));
        grade(&octets, Limits::default())
    };
    let [none, two, many] = [0, 2, 600].map(grade);
    assert_eq!(repair_of(&none), (6, vec![]));
    // In the VPC's default group everybody may speak with everybody.
    assert_eq!(repair_of(&two), (4, vec![FindingKind::TooOpen]));
    assert_eq!(repair_of(&many), repair_of(&two));
    let entries = |graded: &Graded| graded.log.as_ref().map(|it| it.entries);
    assert_eq!(entries(&many), entries(&none).map(|it| it + 600));
    assert_ne!(none.log, two.log);
}
