//! tcpdump filters: judged by which packets they keep.
//!
//! What is wanted is what the reference solution keeps. It is held against the learner's filter on
//! the capture that the lab opens with, then on the same point of hidden runs. Then the two are
//! compared as filters (`proof`): where the task says for which packets, a packet among them that
//! tells the two apart costs the point for what cannot be seen. Where it does not, or where the
//! comparison is too hard, near misses decide: packets of the capture with one telling field
//! changed. Addresses and ports are left as they are there, since a filter may name those of its
//! own network.

mod data;
mod near_miss;
mod proof;

use std::sync::Arc;

use wirelab_filter::equal;
use wirelab_filter::{Filter, FilterError, Frames, Kept, LintKind};
use wirelab_scenario::{FillError, FilterTask, LabTask, Plan};
use wirelab_session::Run;
use wirelab_wire::LinkFrame;
use wirelab_wire::link::LinkType;

use self::proof::Proof;
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::material::{Material, answer_text};
use crate::report::{Check, Points};
use crate::submission::Submission;

const KEEPS: &str = "keeps what it must, drops all others";
/// The folder of the learner's captures.
const EVIDENCE: &str = "evidence/";
const ELSEWHERE: &str = "does so on hidden runs and near misses";

pub(crate) fn grade(
    material: &Material<'_>,
    task: &LabTask,
    filter: &FilterTask,
    submission: &Submission,
) -> Result<Vec<Check>, GradeError> {
    let shown = Points {
        got: 0,
        of: task.points - hidden_points(task),
    };
    let Some(text) = answer_text(submission.answers.get(&task.name)) else {
        let why = format!("write it into answers/{}.bpf", task.name);
        let finding = Finding::new(FindingKind::NoAnswer, why);
        return Ok(unsolved(task, shown, finding));
    };
    let yours = match compile(&text) {
        Ok(yours) => yours,
        Err(error) => return Ok(unsolved(task, shown, does_not_compile(&error))),
    };
    let opening = material.opening(submission.seed)?;
    let judge = Judge::new(material, task, filter, &opening, &yours)?;
    let seen = judge.seen(&opening)?;
    let verdict = judge.compare(&seen);
    if verdict.wanted == 0 {
        return Err(material.mistake(task, "the reference solution keeps nothing"));
    }
    let lints_of = |v6_is_missed| lints(&text, v6_is_missed && !judge.wanted.excludes("ip6"));
    if let Some(finding) = judge.finding(&verdict, &seen, &judge.file(opening.plan())) {
        let finding = judge.proof(&seen).blame(finding);
        let mut checks = unsolved(task, shown, finding);
        checks[0].findings.extend(lints_of(true));
        return Ok(checks);
    }
    let mut first = Check::passed(KEEPS, shown.of);
    let second = elsewhere(material, task, submission, &judge, &seen)?;
    first.findings = lints_of(!second.points.is_full());
    Ok(vec![first, second])
}

/// One point of the task, if it has more, is for what the learner cannot see.
pub(super) const fn hidden_points(task: &LabTask) -> u32 {
    if task.points > 1 { 1 } else { 0 }
}

fn unsolved(task: &LabTask, shown: Points, finding: Finding) -> Vec<Check> {
    let mut hidden = Check::passed(ELSEWHERE, hidden_points(task));
    hidden.points.got = 0;
    hidden.mark = crate::report::Mark::Failed;
    vec![
        Check::failed(KEEPS, shown.of, finding),
        hidden.note("not tried yet"),
    ]
}

/// Filters are compiled for Ethernet: captures at interfaces are.
fn compile(text: &str) -> Result<Filter, FilterError> {
    Filter::compile(text, LinkType::ETHERNET)
}

fn does_not_compile(error: &FilterError) -> Finding {
    let finding = Finding::new(FindingKind::FilterDoesNotCompile, error.to_string());
    match error.hint() {
        Some(hint) => finding.evidence(format!("hint: {hint}")),
        None => finding,
    }
}

/// Oddities; that a clause misses IPv6 is one only where the whole does, and should not.
fn lints(text: &str, v6_is_missed: bool) -> Vec<Finding> {
    let lints = wirelab_filter::lints(text, LinkType::ETHERNET).into_iter();
    lints
        .filter(|lint| v6_is_missed || lint.kind != LintKind::Ipv4Only)
        .map(|lint| Finding::new(FindingKind::FilterLint, lint.to_string()))
        .collect()
}

fn elsewhere(
    material: &Material<'_>,
    task: &LabTask,
    submission: &Submission,
    judge: &Judge<'_>,
    seen: &Seen<'_>,
) -> Result<Check, GradeError> {
    let of = hidden_points(task);
    let hidden = material.hidden(submission.seed);
    material.prepare_hidden(&hidden)?;
    for seed in hidden {
        let run = material.hidden_opening(seed)?;
        let other = Judge::new(material, task, judge.task, &run, judge.yours)?;
        let hidden = other.seen(&run)?;
        let verdict = other.compare(&hidden);
        if let Some(finding) = other.finding(&verdict, &hidden, "hidden run") {
            let finding = renamed(finding, FindingKind::FilterFailsHiddenRun);
            return Ok(Check::partly(ELSEWHERE, Points { got: 0, of }, finding));
        }
    }
    let proof = judge.proof(seen);
    if let (true, Some(finding)) = (proof.is_wrong(), proof.finding()) {
        return Ok(Check::partly(ELSEWHERE, Points { got: 0, of }, finding));
    }
    let packets = seen.packets.iter().filter_map(|it| it.as_ip());
    let near = near_miss::of(&packets.collect::<Vec<_>>());
    let near: Vec<LinkFrame> = near.into_iter().map(LinkFrame::Ip).collect();
    let packets: Vec<&LinkFrame> = near.iter().collect();
    let octets = Arc::new(octets(&packets));
    let near = Seen { packets, octets };
    if let Some(finding) = judge.finding(&judge.compare(&near), &near, "near miss") {
        let finding = renamed(finding, FindingKind::FilterFailsNearMiss);
        return Ok(Check::partly(ELSEWHERE, Points { got: 0, of }, finding));
    }
    let mut check = Check::passed(ELSEWHERE, of);
    check.note = proof.note();
    check.findings.extend(proof.finding());
    Ok(check)
}

/// The same finding under the name of the place where it was made.
fn renamed(finding: Finding, name: FindingKind) -> Finding {
    Finding {
        name,
        severity: name.severity(),
        ..finding
    }
}

/// The learner's filter beside the reference on one seed.
struct Judge<'a> {
    task: &'a FilterTask,
    yours: &'a Filter,
    wanted: Filter,
    scope: Option<Filter>,
    material: &'a Material<'a>,
    lab_task: &'a LabTask,
}

impl<'a> Judge<'a> {
    fn new(
        material: &'a Material<'a>,
        lab_task: &'a LabTask,
        task: &'a FilterTask,
        opening: &Run,
        yours: &'a Filter,
    ) -> Result<Self, GradeError> {
        let plan = opening.plan();
        let (path, text) = material.solution(lab_task, plan, "bpf")?;
        let text = answer_text(Some(&text)).unwrap_or_default();
        let wanted = compile(&text).map_err(|error| GradeError::Solution {
            path,
            why: error.to_string(),
        })?;
        let scope = task.scope.as_ref().map(|scope| {
            let scope = material.fill(lab_task, plan, scope)?;
            compile(&scope).map_err(|error| material.mistake(lab_task, error.to_string()))
        });
        Ok(Self {
            task,
            yours,
            wanted,
            scope: scope.transpose()?,
            material,
            lab_task,
        })
    }

    /// The two filters compared on all packets of the scope, told by what the capture has.
    fn proof(&self, seen: &Seen<'_>) -> Proof {
        let seen = equal::Seen::of(&seen.octets);
        Proof::of(self.yours, &self.wanted, self.scope.as_ref(), &seen)
    }

    /// What the capture point has seen by the lab's opening.
    fn seen<'r>(&self, run: &'r Run) -> Result<Seen<'r>, GradeError> {
        let point = run.plan().capture_point(&self.task.capture);
        let wrong = |error: FillError| self.material.mistake(self.lab_task, error.to_string());
        let point = point.map_err(wrong)?;
        let packets = run.evidence().captured(&point).iter();
        let packets: Vec<&LinkFrame> = packets.map(|captured| &captured.frame).collect();
        let make = || octets(&packets);
        let octets = self
            .material
            .frames(run.plan().seed, &self.task.capture, make);
        Ok(Seen { packets, octets })
    }

    /// The learner's file of that capture.
    fn file(&self, plan: &Plan) -> String {
        let point = plan.capture_point(&self.task.capture);
        let name = point.map_or_else(|_| self.task.capture.clone(), |it| plan.capture_name(&it));
        format!("{EVIDENCE}{name}.pcap")
    }

    /// What the comparison says, with the data of the packet where one of the filters reads them.
    fn finding(&self, verdict: &Verdict, seen: &Seen<'_>, place: &str) -> Option<Finding> {
        let (finding, number) = verdict.finding(seen, place)?;
        let octets = seen.packets[number].to_bytes();
        let data = data::line(&octets, [self.yours, &self.wanted]);
        let is_file = place.starts_with(EVIDENCE);
        let captured = is_file.then(|| (place.to_owned(), number + 1));
        let finding = finding.packet(octets, captured);
        Some(match data {
            Some(line) => finding.evidence(line),
            None => finding,
        })
    }

    fn compare(&self, seen: &Seen<'_>) -> Verdict {
        let kept = self.yours.select(&seen.octets);
        let wanted = self.wanted.select(&seen.octets);
        let scope = self.scope.as_ref().map(|scope| scope.select(&seen.octets));
        let of = |these: &Kept, those: &Kept| {
            let numbers = these.without(those);
            let in_scope = numbers.filter(|it| scope.as_ref().is_none_or(|scope| scope.has(*it)));
            in_scope.collect()
        };
        Verdict {
            kept: kept.count(),
            wanted: wanted.count(),
            extra: of(&kept, &wanted),
            missed: of(&wanted, &kept),
        }
    }
}

/// The packets of a capture, as values and as octets.
struct Seen<'a> {
    packets: Vec<&'a LinkFrame>,
    octets: Arc<Frames>,
}

fn octets(packets: &[&LinkFrame]) -> Frames {
    let mut frames = Frames::new();
    for packet in packets {
        let octets = packet.to_bytes();
        frames.push(&octets, u32::try_from(octets.len()).unwrap_or(u32::MAX));
    }
    frames
}

/// How the learner's filter compares on one capture.
#[derive(Default)]
struct Verdict {
    kept: usize,
    wanted: usize,
    /// Numbers of the packets that are kept and should not be.
    extra: Vec<usize>,
    missed: Vec<usize>,
}

impl Verdict {
    /// The worse of the two sides, with the smallest packet that shows it.
    fn finding(&self, seen: &Seen<'_>, place: &str) -> Option<(Finding, usize)> {
        let (name, summary, list, yours, wanted) = if self.missed.is_empty() {
            let (wrong, kept) = (self.extra.len(), self.kept);
            let summary = format!("{wrong} of the {kept} packets it keeps are wrong");
            let name = FindingKind::FilterKeepsTooMuch;
            (name, summary, &self.extra, "KEEP", "DROP")
        } else {
            let (missed, wanted) = (self.missed.len(), self.wanted);
            let summary = format!("it drops {missed} of the {wanted} packets to keep");
            (
                FindingKind::FilterMisses,
                summary,
                &self.missed,
                "DROP",
                "KEEP",
            )
        };
        let size = |number: &&usize| seen.packets[**number].to_bytes().len();
        let smallest = *list.iter().min_by_key(size)?;
        let finding = Finding::new(name, summary).expected(wanted).observed(yours);
        let place = format!("{place} #{}", smallest + 1);
        let line = format!("{:#}", seen.packets[smallest]);
        Some((finding.evidence(place).evidence(line), smallest))
    }
}
