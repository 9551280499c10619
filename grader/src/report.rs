//! What a check prints: tasks, their conditions, points and findings.
//!
//! A [`Report`] is a value (and JSON with a `schema_version`, which is read again);
//! [`Report::print`] gives the form that a terminal shows. Marks carry the meaning without colour.

use serde::{Deserialize, Serialize};
use smol_str::SmolStr;
use wirelab_model::{SimTime, UnixTime};
use wirelab_scenario::LabTask;
use wirelab_session::Note;

use crate::finding::{Finding, FindingKind, Severity};
use crate::moment::{self, Moment, date_and_time};

/// Version of the report's JSON form.
pub const SCHEMA_VERSION: u32 = 1;

/// Points got out of points there are.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Points {
    /// Got.
    pub got: u32,
    /// There are.
    pub of: u32,
}

impl Points {
    /// All of them if `right`, else none.
    #[must_use]
    pub const fn all_if(right: bool, of: u32) -> Self {
        Self {
            got: if right { of } else { 0 },
            of,
        }
    }

    /// Whether all were got.
    #[must_use]
    pub const fn is_full(self) -> bool {
        self.got >= self.of
    }
}

impl std::ops::Add for Points {
    type Output = Self;
    fn add(self, rhs: Self) -> Self {
        Self {
            got: self.got + rhs.got,
            of: self.of + rhs.of,
        }
    }
}

impl std::iter::Sum for Points {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), |sum, points| sum + points)
    }
}

/// `3/5`.
impl std::fmt::Display for Points {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.pad(&format!("{}/{}", self.got, self.of))
    }
}

/// One graded condition of a task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// What is asked: "replication completes again".
    pub what: String,
    /// Points for it; a condition that only costs has `of` 0.
    pub points: Points,
    /// Whether it holds.
    pub mark: Mark,
    /// Short: "0 connections cut".
    pub note: Option<String>,
    /// What was found; empty if the condition holds without remark.
    pub findings: Vec<Finding>,
}

impl Check {
    /// A condition that holds.
    #[must_use]
    pub fn passed(what: impl Into<String>, of: u32) -> Self {
        Self {
            what: what.into(),
            points: Points::all_if(true, of),
            mark: Mark::Passed,
            note: None,
            findings: Vec::new(),
        }
    }

    /// A condition that does not hold.
    #[must_use]
    pub fn failed(what: impl Into<String>, of: u32, finding: Finding) -> Self {
        Self {
            what: what.into(),
            points: Points::all_if(false, of),
            mark: Mark::Failed,
            note: None,
            findings: vec![finding],
        }
    }

    /// A condition that holds in part.
    #[must_use]
    pub fn partly(what: impl Into<String>, points: Points, finding: Finding) -> Self {
        Self {
            what: what.into(),
            points,
            mark: Mark::Partly,
            note: None,
            findings: vec![finding],
        }
    }

    /// Adds a short remark.
    #[must_use]
    pub fn note(mut self, note: impl Into<String>) -> Self {
        self.note = Some(note.into());
        self
    }
}

/// Whether something holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Mark {
    /// ✓
    Passed,
    /// ◐
    Partly,
    /// ✗
    Failed,
}

/// How one task stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TaskReport {
    /// The task's name.
    pub task: SmolStr,
    /// `tcpdump-filter`, `logs-insights`, `fix`, `answer`.
    pub kind: SmolStr,
    /// Where the answer was read, relative to the lab folder; `None` for fixes.
    pub answer: Option<String>,
    /// The sum over `checks`.
    pub points: Points,
    /// Whether nothing that is done now changes it: a prediction that was made, or missed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub closed: bool,
    /// Whether the solution was shown before, as the last of the hints.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub assisted: bool,
    /// Why it is not graded on this machine, where its reference solution was not handed out; it
    /// has no points then, and is left to the instructor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ungraded: Option<String>,
    /// Its conditions.
    pub checks: Vec<Check>,
}

impl TaskReport {
    /// A report whose points are the sum over `checks`.
    #[must_use]
    pub fn new(task: &str, kind: &str, answer: Option<String>, checks: Vec<Check>) -> Self {
        Self {
            task: task.into(),
            kind: kind.into(),
            answer,
            points: checks.iter().map(|check| check.points).sum(),
            closed: false,
            assisted: false,
            ungraded: None,
            checks,
        }
    }

    /// A report of a task of that many points that is left to the instructor.
    #[must_use]
    pub fn left(task: &LabTask, answer: Option<String>, why: String) -> Self {
        let (got, of) = (0, task.points);
        Self {
            points: Points { got, of },
            ungraded: Some(why),
            ..Self::new(&task.name, task.kind.name(), answer, Vec::new())
        }
    }

    /// Whether it is known that something can still be done about it.
    #[must_use]
    pub const fn is_unsolved(&self) -> bool {
        !self.points.is_full() && !self.closed && self.ungraded.is_none()
    }

    /// Whether there is nothing yet that could be right or wrong: an answer that nobody has
    /// written, a network that nobody has changed.
    #[must_use]
    pub fn is_untried(&self) -> bool {
        let untouched = [FindingKind::NoAnswer, FindingKind::NothingChanged];
        let mut wrong = self.findings().filter(|it| it.severity != Severity::Note);
        let first = wrong.next().map(|it| it.name);
        let nothing = |name| untouched.contains(&name);
        self.points.got == 0 && first.is_some_and(nothing) && wrong.all(|it| nothing(it.name))
    }

    /// Every finding of every condition.
    pub fn findings(&self) -> impl Iterator<Item = &Finding> {
        self.checks.iter().flat_map(|check| &check.findings)
    }

    /// Solved: every condition holds.
    #[must_use]
    pub fn mark(&self) -> Mark {
        if self.points.is_full() {
            Mark::Passed
        } else if self.points.got > 0 {
            Mark::Partly
        } else {
            Mark::Failed
        }
    }
}

/// How a whole lab stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Report {
    /// [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The lab.
    pub lab: SmolStr,
    /// Virtual time of the check; in JSON `00:25:00`.
    #[serde(with = "wirelab_session::elapsed")]
    pub at: SimTime,
    /// The same in virtual UTC; in JSON `2026-03-05 09:25:00`.
    #[serde(with = "moment::utc")]
    pub utc: UnixTime,
    /// Sum over the tasks that were graded.
    pub points: Points,
    /// Points of the tasks that are left to the instructor.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub ungraded: u32,
    /// What taken hints cost: of each task its price, at most what the task gave.
    pub hints: u32,
    /// Points after hints.
    pub score: u32,
    /// The tasks in the lab's order.
    pub tasks: Vec<TaskReport>,
    /// What the learner noted on the way.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<Note>,
}

impl Report {
    /// A report whose points are the sum over `tasks`.
    #[must_use]
    pub fn new(lab: &str, at: Moment, hints: u32, tasks: Vec<TaskReport>) -> Self {
        let is_left = |task: &&TaskReport| task.ungraded.is_some();
        let graded = tasks.iter().filter(|task| !is_left(task));
        let points: Points = graded.map(|task| task.points).sum();
        let left = tasks.iter().filter(is_left);
        Self {
            schema_version: SCHEMA_VERSION,
            lab: lab.into(),
            at: at.elapsed,
            utc: at.utc,
            points,
            ungraded: left.map(|task| task.points.of).sum(),
            hints,
            score: points.got.saturating_sub(hints),
            tasks,
            notes: Vec::new(),
        }
    }

    /// Whether every task is known to have full points; decides exit code 0 or 1.
    #[must_use]
    pub const fn is_passed(&self) -> bool {
        self.points.is_full() && self.ungraded == 0
    }

    /// Points after hints.
    #[must_use]
    pub const fn score(&self) -> u32 {
        self.score
    }

    /// The form a terminal shows.
    #[must_use]
    pub fn print(&self, style: &Style) -> String {
        let mut out = String::new();
        for task in &self.tasks {
            print_task(task, style, &mut out);
        }
        for note in &self.notes {
            out.push_str(&format!(" note of {}: {}\n", note.at, note.text));
        }
        if !self.notes.is_empty() {
            out.push('\n');
        }
        out.push_str(&self.footer());
        out
    }

    fn footer(&self) -> String {
        let hints = match self.hints {
            0 => String::new(),
            cost => format!(", less {cost} for hints: {}", self.score()),
        };
        let left = match self.ungraded {
            0 => String::new(),
            left => format!(", {left} left to your instructor"),
        };
        let utc = date_and_time(self.utc);
        format!(
            " {}{hints}{left}   at {} ({utc} UTC)\n",
            self.points, self.at
        )
    }
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde's signature")]
const fn is_zero(number: &u32) -> bool {
    *number == 0
}

/// How to print: which marks, which colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    /// `[ok] [x] [~]` in place of `✓ ✗ ◐`.
    pub ascii: bool,
    /// ANSI colours on the marks.
    pub color: bool,
}

impl Style {
    /// The mark as text, coloured if asked for.
    #[must_use]
    pub fn mark(&self, mark: Mark) -> String {
        let (unicode, ascii, color) = match mark {
            Mark::Passed => ("✓", "[ok]", "32"),
            Mark::Partly => ("◐", "[~]", "33"),
            Mark::Failed => ("✗", "[x]", "31"),
        };
        let text = if self.ascii { ascii } else { unicode };
        if self.color {
            format!("\u{1b}[{color}m{text}\u{1b}[0m")
        } else {
            text.to_owned()
        }
    }
}

/// Column in which points stand.
const POINTS_COLUMN: usize = 56;

fn print_task(task: &TaskReport, style: &Style, out: &mut String) {
    let head = match &task.answer {
        Some(file) => format!("{} ({file})", task.task),
        None => task.task.to_string(),
    };
    if let Some(why) = &task.ungraded {
        let points = format!("-/{}", task.points.of);
        push_padded(out, &format!(" {head}"), 0, None, Some(&points));
        out.push_str(&format!("   {why}\n\n"));
        return;
    }
    let assisted = task.assisted.then_some("assisted: the solution was shown");
    push_line(out, &format!(" {head}"), Some(task.points), assisted);
    if let Some(file) = nothing_yet(task) {
        let name = FindingKind::NoAnswer;
        out.push_str(&format!(
            "     {name}: nothing is written into {file} yet\n\n"
        ));
        return;
    }
    for check in &task.checks {
        print_check(check, style, out);
    }
    out.push('\n');
}

/// The file of an answer of several parts that has none yet: that is told once, not of each part.
fn nothing_yet(task: &TaskReport) -> Option<&str> {
    let is_none = |check: &Check| {
        let mut findings = check.findings.iter();
        check.mark == Mark::Failed && findings.all(|it| it.name == FindingKind::NoAnswer)
    };
    let all = task.checks.len() > 1 && task.checks.iter().all(is_none);
    task.answer.as_deref().filter(|_| all)
}

fn print_check(check: &Check, style: &Style, out: &mut String) {
    let points = (check.points.of > 0).then_some(check.points);
    let line = format!("   {} {}", style.mark(check.mark), check.what);
    // The escape codes of a coloured mark take no room on the screen.
    let invisible = line.chars().count() - plain_width(&line);
    push_padded(out, &line, invisible, points, check.note.as_deref());
    for finding in &check.findings {
        print_finding(finding, out);
    }
}

fn print_finding(finding: &Finding, out: &mut String) {
    let sign = if finding.severity == Severity::Note {
        "! "
    } else {
        ""
    };
    out.push_str(&format!(
        "     {sign}{}: {}\n",
        finding.name, finding.summary
    ));
    for (label, text) in [
        ("wanted  ", &finding.expected),
        ("observed", &finding.observed),
    ] {
        if let Some(text) = text {
            out.push_str(&format!("       {label}  {text}\n"));
        }
    }
    for line in &finding.evidence {
        out.push_str(&format!("         {line}\n"));
    }
    if let Some(see) = &finding.see {
        out.push_str(&format!("       see       {see}\n"));
    }
}

fn push_line(out: &mut String, line: &str, points: Option<Points>, note: Option<&str>) {
    push_padded(out, line, 0, points, note);
}

fn push_padded(
    out: &mut String,
    line: &str,
    invisible: usize,
    points: Option<Points>,
    note: Option<&str>,
) {
    out.push_str(line);
    if points.is_some() || note.is_some() {
        let width = line.chars().count() - invisible;
        out.push_str(&" ".repeat(POINTS_COLUMN.saturating_sub(width).max(2)));
    }
    if let Some(points) = points {
        out.push_str(&points.to_string());
    }
    if let Some(note) = note {
        out.push_str(if points.is_some() { "   " } else { "" });
        out.push_str(note);
    }
    out.push('\n');
}

/// Characters that show on a screen: all but ANSI colour sequences.
fn plain_width(text: &str) -> usize {
    let mut width = 0;
    let mut escape = false;
    for c in text.chars() {
        match c {
            '\u{1b}' => escape = true,
            'm' if escape => escape = false,
            _ if escape => {}
            _ => width += 1,
        }
    }
    width
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report() -> Report {
        let least = Finding::new(
            FindingKind::TooOpen,
            "`acl-db` inbound lets in 28 232 ports more",
        )
        .expected("DROP")
        .observed("ACCEPT")
        .evidence("10.0.9.7:50000 > 10.0.2.10:32768 tcp")
        .see("book/src/packets-way.md");
        let repair = TaskReport::new(
            "repair",
            "fix",
            None,
            vec![
                Check::passed("replication completes again", 5),
                Check::failed("least privilege", 3, least),
                Check::passed("healthy flows unharmed", 2).note("0 connections cut"),
            ],
        );
        let at = Moment::of(UnixTime::from_secs(1_772_701_200), SimTime::from_secs(308));
        Report::new("nacl-ephemeral", at, 1, vec![repair])
    }

    #[test]
    fn a_report_reads_like_the_journey() {
        insta::assert_snapshot!(report().print(&Style::default()), @r#"
        repair                                                 7/10
          ✓ replication completes again                        5/5
          ✗ least privilege                                    0/3
            too-open: `acl-db` inbound lets in 28 232 ports more
              wanted    DROP
              observed  ACCEPT
                10.0.9.7:50000 > 10.0.2.10:32768 tcp
              see       book/src/packets-way.md
          ✓ healthy flows unharmed                             2/2   0 connections cut

        7/10, less 1 for hints: 6   at 00:05:08 (2026-03-05 09:05:08 UTC)
        "#);
    }

    #[test]
    fn marks_have_an_ascii_form_and_colour_moves_no_column() {
        let plain = report().print(&Style {
            ascii: true,
            color: false,
        });
        assert!(plain.contains("[ok]") && plain.contains("[x]") && plain.is_ascii());
        let colour = report().print(&Style {
            ascii: true,
            color: true,
        });
        let stripped: String = colour.replace("\u{1b}[32m", "").replace("\u{1b}[31m", "");
        assert_eq!(stripped.replace("\u{1b}[0m", ""), plain);
    }
}
