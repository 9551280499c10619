//! The scenarios of this repository do what they assert about themselves.

use std::path::Path;
use std::sync::Arc;

use wirelab_model::{Seed, SimDuration, SimTime};
use wirelab_scenario::{Cause, Expect, Plan, Scenario};
use wirelab_session::{Content, Evidence, Run};
use wirelab_simulator::Observe;
use wirelab_simulator::host::Outcome;

fn content() -> Content {
    Content::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
}

fn scenarios() -> Vec<Scenario> {
    let content = content();
    let names = content.scenarios().expect("a folder of scenarios");
    names
        .iter()
        .map(|name| {
            content
                .scenario(name)
                .unwrap_or_else(|errors| panic!("{errors}"))
        })
        .collect()
}

const fn word(outcome: &Outcome) -> &'static str {
    match outcome {
        Outcome::Completed => "completed",
        Outcome::TimedOut => "timed_out",
        Outcome::Refused => "refused",
        Outcome::Reset => "reset",
        Outcome::Unreachable(_) => "unreachable",
        Outcome::Failed(_) => "failed",
    }
}

/// What contradicts an expectation.
fn contradictions(expect: &Expect, evidence: &Evidence) -> Vec<String> {
    let exchanges = evidence.exchanges(&expect.traffic);
    let exchanges: Vec<_> = exchanges
        .filter(|it| expect.from <= it.started && it.started < expect.to)
        .collect();
    let mut found: Vec<String> = exchanges
        .iter()
        .filter(|it| word(&it.outcome) != expect.outcome)
        .map(|it| {
            format!(
                "exchange {} started {:#}: {:?}",
                it.exchange, it.started, it.outcome
            )
        })
        .collect();
    if (exchanges.len() as u64) < expect.at_least {
        found.push(format!("{} exchanges only", exchanges.len()));
    }
    let is_blamed = |cause: &Cause| {
        let mut drops = evidence.drops.iter();
        drops.any(|it| expect.from <= it.at && it.at < expect.to && cause.matches(it))
    };
    if let Some(cause) = expect.dropped_by.as_ref().filter(|cause| !is_blamed(cause)) {
        found.push(format!("nothing is dropped by {}", cause.text));
    }
    found
}

/// Everything that a run of `plan` does against what its scenario asserts.
fn all_contradictions(plan: Plan) -> Vec<String> {
    let place = format!(
        "{} {} seed {}",
        plan.name, plan.variant.name, plan.seed.fault
    );
    let plan = Arc::new(plan);
    let end = plan
        .expects
        .iter()
        .map(|expect| expect.to)
        .max()
        .unwrap_or_default();
    let observe = Observe {
        captures: false,
        flow_records: false,
        drops: true,
        metrics: false,
    };
    let mut run = Run::new(Arc::clone(&plan), observe).expect("a plan that runs");
    run.advance(end + SimDuration::from_secs(300))
        .expect("a moment to come");
    let failed = run.evidence().failed_events.iter();
    let mut all: Vec<String> = failed
        .map(|(index, why)| format!("{place}, event {index}: {why}"))
        .collect();
    for expect in &plan.expects {
        let found = contradictions(expect, run.evidence());
        let about = format!(
            "{place}, {}: {} {}",
            expect.place, expect.traffic, expect.outcome
        );
        all.extend(found.into_iter().map(|it| format!("{about}: {it}")));
    }
    all
}

#[test]
fn every_variant_of_every_scenario_does_what_it_asserts() {
    let mut all = Vec::new();
    for scenario in scenarios() {
        for seed in 0..4 {
            for variant in scenario.variants() {
                let plan = scenario.compile_variant(Seed::whole(seed), &variant);
                all.extend(all_contradictions(
                    plan.unwrap_or_else(|errors| panic!("{errors}")),
                ));
            }
        }
    }
    assert!(
        all.is_empty(),
        "{} contradictions:\n{}",
        all.len(),
        all.join("\n")
    );
}

/// Packets and flow logs, in the form that learners get them.
fn evidence(plan: &Arc<Plan>) -> String {
    let mut run = Run::new(Arc::clone(plan), Observe::default()).expect("a plan that runs");
    run.advance(SimTime::from_secs(1500))
        .expect("a moment to come");
    format!("{:?}", run.evidence())
}

#[test]
fn the_same_seed_gives_the_same_evidence_and_another_seed_does_not() {
    for scenario in scenarios() {
        let plan = |seed| {
            Arc::new(
                scenario
                    .compile(seed)
                    .unwrap_or_else(|errors| panic!("{errors}")),
            )
        };
        let seed = Seed::whole(11);
        let first = evidence(&plan(seed));
        assert!(first == evidence(&plan(seed)), "{:?}", scenario.dir);
        assert!(
            first != evidence(&plan(seed.with_traffic(12))),
            "{:?}",
            scenario.dir
        );
    }
}
