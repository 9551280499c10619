//! Wrong answers in words: what the evidence has on them is shown, the right one is not.

use std::path::Path;

use wirelab_grader::{Finding, FindingKind, Grader, Submission};
use wirelab_model::Seed;
use wirelab_scenario::{AnswerTask, Lab, Plan, Scenario, TaskKind};

struct Asked {
    grader: Grader<'static>,
    lab: Lab,
    plan: Plan,
    seed: Seed,
}

impl Asked {
    fn of(lab: &str) -> Self {
        Self::on(lab, 1)
    }

    fn on(lab: &str, seed: u64) -> Self {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("../labs")
            .join(lab);
        let lab = Lab::load(&folder).expect("a lab");
        let scenario = Scenario::load(&lab.scenario_dir()).expect("a scenario");
        let plan = scenario.compile(Seed::whole(seed)).expect("a plan");
        let grader = Grader::new(lab.clone(), scenario);
        Self {
            grader,
            lab,
            plan,
            seed: Seed::whole(seed),
        }
    }

    fn value(&self, reference: &str) -> String {
        let value = self.plan.resolve(reference).expect("a value");
        value
            .as_str()
            .map_or_else(|| value.to_string(), str::to_owned)
    }

    /// The right answer to a task, but for one part of it.
    fn answer_but(&self, task: &AnswerTask, part: &str, value: &str) -> String {
        let lines = task.parts.iter().map(|it| match it.name == part {
            true => format!("{part}: {value}"),
            false => format!("{}: {}", it.name, self.value(&it.expected)),
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    /// What is found wrong with the answer.
    fn findings(&self, task: &str, answer: &str) -> Vec<Finding> {
        let mut submission = Submission::new(self.seed, self.lab.opens_at);
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

/// Labs whose answers are read off the evidence: whatever is chosen wrongly, something in it speaks
/// against it.
const READ: [&str; 8] = [
    "tls-on-the-wire",
    "refused-or-dropped",
    "nat-idle-timeout",
    "mtu-black-hole",
    "no-way-out",
    "phantom-timeouts",
    "top-talkers",
    "nat-double-entry",
];

/// Wrong choices that nothing in the evidence speaks against without giving the right one: that a
/// table has a route, where its target says nothing.
const GIVES_AWAY: [(&str, &str, &str); 1] = [("no-way-out", "target", "none")];

/// `WIRELAB_SEEDS=64` tries so many.
#[test]
fn a_wrong_choice_stands_beside_what_speaks_against_it_on_every_seed() {
    let seeds = std::env::var("WIRELAB_SEEDS").ok();
    let seeds: u64 = seeds.and_then(|it| it.parse().ok()).unwrap_or(2);
    let mut silent = Vec::new();
    for (lab, seed) in READ
        .iter()
        .flat_map(|lab| (1..=seeds).map(move |it| (*lab, it)))
    {
        let asked = Asked::on(lab, seed);
        let mut tried = 0;
        for task in &asked.lab.tasks {
            let TaskKind::Answer(answer) = &task.kind else {
                continue;
            };
            let parts = answer.parts.iter().filter(|it| !it.against.is_empty());
            for (part, choice) in parts.flat_map(|it| it.choices.iter().map(move |c| (it, c))) {
                let given = asked.answer_but(answer, &part.name, choice);
                let findings = asked.findings(&task.name, &given);
                let (Some(finding), None) = (findings.first(), findings.get(1)) else {
                    assert!(findings.is_empty(), "{lab} {seed} {choice}: {findings:#?}");
                    continue;
                };
                tried += 1;
                let is_reason = |line: &String| {
                    line.contains("it is another one")
                        || line.contains("another one is asked for")
                        || line.contains("names a right answer")
                };
                let is_silent =
                    finding.evidence.is_empty() || finding.evidence.iter().any(is_reason);
                if is_silent && !GIVES_AWAY.contains(&(lab, part.name.as_str(), choice.as_str())) {
                    silent.push(format!(
                        "{lab} {seed} {}: {choice}: {finding:#?}",
                        part.name
                    ));
                }
            }
        }
        assert!(tried > 1, "{lab} {seed}: nothing was tried");
    }
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}
