//! A session on disk, graded as `wirelab check` does it.

use crate::learner::{ALLOW_REPLIES, Learner, findings};
use wirelab_grader::batch::Limits;
use wirelab_grader::report::Mark;
use wirelab_grader::{FindingKind, Report, Style};
use wirelab_model::SimDuration;

fn print(report: &Report) -> String {
    report.print(&Style::default())
}

#[test]
fn a_new_session_has_no_points_and_every_task_says_what_to_do() {
    let learner = Learner::on("nacl-ephemeral", "primary-out-missing");
    let report = learner.check();
    assert_eq!(report.points.got, 0);
    for task in &report.tasks {
        assert!(task.findings().next().is_some(), "{}", task.task);
        assert_eq!(task.mark(), Mark::Failed);
    }
    assert_eq!(findings(&report, "repair"), [FindingKind::NothingChanged]);
}

#[test]
fn a_lab_is_solved_task_by_task_and_an_undone_repair_counts_no_more() {
    let mut learner = Learner::on("nacl-ephemeral", "primary-out-missing");
    learner.write(
        "unanswered",
        "tcp[13] = 18 and dst host ${instance.replica.private_ip_address}",
    );
    learner.write(
        "refused-replies",
        "filter action = \"REJECT\" and srcPort = 5432\n\
         | stats sum(packets) as n by srcAddr, dstAddr, interfaceId",
    );
    learner.write(
        "cause",
        "acl: network_acl.primary\ndirection: outbound\nrule: *",
    );
    learner.run(ALLOW_REPLIES);
    let report = learner.check();
    assert!(report.is_passed(), "{}", print(&report));

    learner.session.undo().expect("a repair to take back");
    let report = learner.check();
    assert_eq!(findings(&report, "repair"), [FindingKind::NothingChanged]);
    assert_eq!(
        report.points.got,
        report.points.of - 6,
        "{}",
        print(&report)
    );
}

#[test]
fn opening_too_much_is_named_with_rule_packet_and_size() {
    let mut learner = Learner::on("nacl-ephemeral", "primary-out-missing");
    learner.run(
        "ec2:CreateNetworkAclEntry NetworkAclId=${network_acl.primary} RuleNumber=70 \
         Egress=true RuleAction=allow Protocol=6 CidrBlock=${draw.vpc} \
         PortRange='{\"From\":32768,\"To\":60999}'",
    );
    let report = learner.check();
    assert_eq!(findings(&report, "repair"), [FindingKind::TooOpen]);
    let text = print(&report)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    let block = learner.session.plan().fill("${draw.vpc}").expect("a block");
    for part in [
        "`replication` works again 3/3",
        "least privilege 0/2",
        "healthy flows unharmed 1/1 0 connections cut",
        "tcp 32768-60999 (28 232 ports) to ",
        &format!("rule 70 allow tcp 32768-60999 to {block}"),
        "network_acl.primary (acl-",
        "was dropped there, passes now, and nobody asked for it",
    ] {
        assert!(text.contains(part), "`{part}` is not in\n{text}");
    }
}

#[test]
fn a_repair_that_breaks_others_is_told_whom() {
    let mut learner = Learner::on("nacl-ephemeral", "primary-out-missing");
    learner.run(ALLOW_REPLIES);
    learner.run(
        "ec2:DeleteNetworkAclEntry NetworkAclId=${network_acl.primary} RuleNumber=110 Egress=true",
    );
    let report = learner.check();
    let told = [FindingKind::HealthyBroken, FindingKind::TooClosed];
    assert_eq!(findings(&report, "repair"), told);
    assert!(
        print(&report).contains("`writes` worked before"),
        "{}",
        print(&report)
    );
}

#[test]
fn hints_cost_the_same_of_part_and_of_all_and_never_more_than_there_is() {
    let mut learner = Learner::on("nacl-ephemeral", "primary-out-missing");
    for _ in 0..2 {
        learner.session.take_hint("repair").expect("a rung");
    }
    let mut told = Vec::new();
    let mut tell = |learner: &Learner| {
        let report = learner.check();
        told.push((report.points.got, report.hints, report.score()));
    };
    tell(&learner);
    learner.run(ALLOW_REPLIES);
    learner.run(CLOSE_WRITES);
    tell(&learner);
    learner.session.undo().expect("what is to be taken back");
    tell(&learner);
    assert_eq!(told, [(0, 0, 0), (5, 1, 4), (6, 1, 5)]);
}

/// Takes the healthy application's replies away.
const CLOSE_WRITES: &str =
    "ec2:DeleteNetworkAclEntry NetworkAclId=${network_acl.primary} RuleNumber=110 Egress=true";

#[test]
fn a_prediction_counts_if_it_was_made_before_it_could_be_seen() {
    let mut learner = Learner::on("revoke-mid-flight", "untracked");
    let guess = "partner: cut\noffice: goes-on\nworker: goes-on\nagain: times-out";
    learner.write("fate", guess);
    let report = learner.check();
    assert_eq!(findings(&report, "fate"), [FindingKind::PredictionOpen; 4]);

    let (opened, window) = (learner.session.now(), SimDuration::from_secs(1200));
    // The moment is past, and what comes of it is not to be seen yet: final, and nothing told.
    let past = opened + SimDuration::from_secs(301);
    learner.session.advance(past).expect("time to pass");
    learner.write("fate", &guess.replace("worker: goes-on", "worker: cut"));
    let report = learner.check();
    let open = FindingKind::PredictionOpen;
    let told = [open, open, open, FindingKind::PredictionFinal, open];
    assert_eq!(findings(&report, "fate"), told);
    let fate = report.tasks.iter().find(|task| task.task == "fate");
    assert!(fate.is_some_and(|task| task.closed), "{fate:?}");
    assert!(!print(&report).contains("it is `cut`"));
    learner.write("fate", guess);

    learner
        .session
        .advance(opened + window)
        .expect("time to pass");
    let report = learner.check();
    assert_eq!(findings(&report, "fate"), [FindingKind::WrongPrediction]);
    let fate = report.tasks.iter().find(|task| task.task == "fate");
    let fate = fate.expect("the task");
    assert_eq!(fate.points.got, 3);
    let finding = fate.findings().next().expect("what came otherwise");
    let shown = finding.evidence.join("\n");
    // What the open connection sends, not the SYN of the one that came in its place.
    for part in [
        "`worker` of",
        "over its open connection",
        "Flags [P.]",
        "dropped again",
        "api",
    ] {
        assert!(shown.contains(part), "`{part}` is not in\n{shown}");
    }
    assert!(!shown.contains("Flags [S]"), "{shown}");

    // Who has seen it does not predict any more, not even after an undo.
    learner.session.undo().expect("time to take back");
    learner.write("fate", &guess.replace("worker: goes-on", "worker: cut"));
    learner
        .session
        .advance(opened + window)
        .expect("time to pass");
    let report = learner.check();
    let told = [FindingKind::WrongPrediction, FindingKind::PredictionFinal];
    assert_eq!(findings(&report, "fate"), told);
}

#[test]
fn notes_are_kept_and_shown_beside_the_findings() {
    let mut learner = Learner::on("nacl-ephemeral", "primary-out-missing");
    learner
        .session
        .note("the list of the primary?")
        .expect("a note");
    let printed = print(&learner.check());
    assert!(
        printed.contains("note of 00:25:00: the list of the primary?"),
        "{printed}"
    );
}

#[test]
fn what_grading_would_refuse_is_known_at_work() {
    let mut learner = Learner::on("nacl-ephemeral", "primary-out-missing");
    let limits = Limits {
        virtual_time: SimDuration::from_secs(600),
        entries: 2,
        ..Limits::default()
    };
    assert_eq!(limits.beyond(&learner.session), None);
    learner.run("advance 11m");
    let late = limits.beyond(&learner.session).unwrap_or_default();
    assert!(late.contains("later than 00:35:00"), "{late}");
    learner.session.undo().expect("time to take back");
    assert_eq!(limits.beyond(&learner.session), None);
    learner.session.note("a third entry").expect("a note");
    let many = limits.beyond(&learner.session).unwrap_or_default();
    assert!(many.contains("3 entries"), "{many}");
}

#[test]
fn a_prediction_that_cannot_be_read_is_said_to_be_so_before_it_is_final() {
    let learner = Learner::on("revoke-mid-flight", "untracked");
    learner.write("fate", "partner: cut\noffice: perhaps\nagain: times-out");
    let unready = wirelab_grader::unready(&learner.session, "fate").expect("a file");
    assert_eq!(unready.len(), 2, "{unready:?}");
    assert!(
        unready[0].starts_with("office: `perhaps` is none of"),
        "{unready:?}"
    );
    assert!(unready[1].starts_with("worker: "), "{unready:?}");
    let told = findings(&learner.check(), "fate");
    let open = FindingKind::PredictionOpen;
    let odd = [FindingKind::UnreadableAnswer, FindingKind::NoAnswer];
    assert_eq!(told, [open, odd[0], odd[1], open]);
}
