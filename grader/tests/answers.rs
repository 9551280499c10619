//! Wrong answers in words: what the evidence has on them is shown, the right one is not.

use std::path::Path;

use wirelab_grader::{Finding, FindingKind, Grader, Submission};
use wirelab_model::Seed;
use wirelab_scenario::{Lab, Plan, Scenario};

struct Asked {
    grader: Grader<'static>,
    lab: Lab,
    plan: Plan,
}

impl Asked {
    fn of(lab: &str) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../labs")
            .join(lab);
        let lab = Lab::load(&folder).expect("a lab");
        let scenario = Scenario::load(&lab.scenario_dir()).expect("a scenario");
        let plan = scenario.compile(Seed::whole(1)).expect("a plan");
        let grader = Grader::new(lab.clone(), scenario);
        Self { grader, lab, plan }
    }

    fn value(&self, reference: &str) -> String {
        let value = self.plan.resolve(reference).expect("a value");
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    }

    /// What is found wrong with the answer.
    fn findings(&self, task: &str, answer: &str) -> Vec<Finding> {
        let mut submission = Submission::new(Seed::whole(1), self.lab.opens_at);
        submission
            .answers
            .insert(task.to_owned(), answer.to_owned());
        let report = self.grader.grade_task(&submission, task).expect("a report");
        let findings = report.tasks[0].findings().cloned();
        findings
            .filter(|it| {
                let kinds = [FindingKind::WrongAnswer, FindingKind::UnreadableAnswer];
                kinds.contains(&it.name)
            })
            .collect()
    }
}

#[test]
fn a_wrong_machine_is_shown_what_it_did_and_not_who_it_was() {
    let asked = Asked::of("port-scan");
    let scanner = asked.value("draw.scanner.at");
    let right = ["draw.scanner.at", "variant.found.port", "draw.service"];
    let right = right.map(|it| asked.value(it));
    let found = asked.value("variant.found.host");
    for machine in ["web", "instance.repo", "db", "build", "batch"] {
        let answer = format!(
            "scanner: {machine}\ngoes-through: ports\nfound-host: {found}\nfound-port: 1\ndb-sends-from: 2"
        );
        for finding in asked.findings("verdict", &answer) {
            let told = finding.evidence.join("\n");
            let words: Vec<_> = told.split_whitespace().collect();
            assert!(
                !right.iter().any(|it| words.contains(&it.as_str())),
                "{told}"
            );
            let is_about = |what: &str| finding.summary.contains(&format!("`{what}`"));
            if is_about(machine) {
                assert!(!scanner.ends_with(machine), "the scanner is right");
                assert!(told.contains("ports_tried: "), "{machine}: {told}");
            }
            if is_about("1") {
                assert!(told.ends_with("answers_to_the_scanner: 0"), "{told}");
            }
        }
    }
}

#[test]
fn what_cannot_be_asked_about_an_answer_is_not_asked() {
    let asked = Asked::of("reading-records");
    let evidence = |address: &str| {
        let answer = format!("address: {address}\nport: 1");
        let findings = asked.findings("unlogged", &answer);
        let mut found = findings.iter();
        let about = found.find(|it| it.summary.contains(address));
        about
            .unwrap_or_else(|| panic!("{address} is wrong: {findings:#?}"))
            .evidence
            .clone()
    };
    let logged = evidence(&asked.value("instance.store.private_ip_address"));
    assert!(!logged[0].ends_with(": 0"), "{logged:?}");
    for odd in ["x' or 1 = 1 | limit 3", "a${draw.port}b", "10.0.0.0.0", "'"] {
        let evidence = evidence(odd);
        assert!(evidence.len() <= 1, "{odd}: {evidence:?}");
    }
}
