//! A learner who works on a lab in a folder.

use std::path::Path;

use wirelab_grader::{FindingKind, Report, Step, check, parse_calls};
use wirelab_model::Seed;
use wirelab_scenario::Scenario;
use wirelab_session::{Content, Session};

/// The least that repairs `nacl-ephemeral` where the primary's outbound entry is missing.
pub(crate) const ALLOW_REPLIES: &str = "ec2:CreateNetworkAclEntry NetworkAclId=${network_acl.primary} \
    RuleNumber=100 Egress=true RuleAction=allow Protocol=6 \
    CidrBlock=${subnet.replica.cidr_block} PortRange='{\"From\":32768,\"To\":60999}'";

/// A whole seed whose network has this fault.
fn seed_of(content: &Content, scenario: &str, variant: &str) -> Seed {
    let scenario: Scenario = content.scenario(scenario).expect("a scenario");
    let drawn = |seed: &Seed| {
        scenario
            .compile(*seed)
            .is_ok_and(|it| it.variant.name == variant)
    };
    (1..200)
        .map(Seed::whole)
        .find(drawn)
        .expect("a seed that draws it")
}

/// A learner at work on one fault of a lab.
pub(crate) struct Learner {
    pub(crate) session: Session,
    _folder: tempfile::TempDir,
}

impl Learner {
    pub(crate) fn on(lab: &str, variant: &str) -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
        let content = Content::new(root);
        let folder = tempfile::tempdir().expect("a folder");
        let seed = seed_of(&content, lab, variant);
        let session = Session::create(folder.path(), &content, lab, seed).expect("a session");
        Self {
            session,
            _folder: folder,
        }
    }

    pub(crate) fn write(&self, task: &str, answer: &str) {
        let path = self.session.answer_path(task).expect("an answer file");
        let answer = self.session.plan().fill(answer).expect("known names");
        std::fs::write(path, answer).expect("a file that can be written");
    }

    pub(crate) fn run(&mut self, calls: &str) {
        let calls = self.session.plan().fill(calls).expect("known names");
        for step in parse_calls(&calls).expect("steps") {
            match step {
                Step::Call(call) => {
                    let caller = self.session.plan().caller.clone();
                    let outcome = self.session.call(&caller, &call).expect("a call");
                    outcome.reply.expect("a call that is not refused");
                }
                Step::Exec { host, argv } => {
                    let result = self.session.exec(&host, &argv).expect("a command");
                    assert_eq!(result.status, 0, "{}", result.combined);
                }
                Step::Advance(time) => {
                    let until = self.session.now() + time;
                    self.session.advance(until).expect("time passes");
                }
            }
        }
    }

    pub(crate) fn check(&self) -> Report {
        check(&self.session, None).expect("a report")
    }
}

/// The findings of one task.
pub(crate) fn findings(report: &Report, task: &str) -> Vec<FindingKind> {
    let task = report
        .tasks
        .iter()
        .find(|it| it.task == task)
        .expect("the task");
    task.findings().map(|finding| finding.name).collect()
}
