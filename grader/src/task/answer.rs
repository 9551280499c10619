//! Answer tasks: a value, in any of the forms that people write it.
//!
//! Beside a wrong one stands what the evidence has on it, where the lab says what to ask:
//!
//! ```text
//! it is not `db`          /vpc/main/flow: ports: 1, addresses: 2     what `db` opened, as it says
//! ```
//!
//! Where it says nothing, or nothing that does not tell another answer too, a reason stands there
//! ([`reason`]).

mod form;
mod reason;

use ipnet::IpNet;
use wirelab_model::SimTime;
use wirelab_scenario::expression::Expression;
use wirelab_scenario::{AnswerPart, AnswerTask, LabTask, Names, Plan};
use wirelab_session::Run;

use self::form::{block, full_name, length, number, word, words_equal};
use crate::error::GradeError;
use crate::finding::{Finding, FindingKind};
use crate::material::{Material, answer_text};
use crate::report::{Check, Mark, Points};
use crate::submission::Submission;
use crate::truth::{self, Evidence};

pub(crate) use self::form::same;

pub(crate) fn grade(
    material: &Material<'_>,
    task: &LabTask,
    answer: &AnswerTask,
    submission: &Submission,
) -> Result<Vec<Check>, GradeError> {
    let text = answer_text(submission.answers.get(&task.name));
    let opening = material.opening(submission.seed)?;
    let judge = Judge {
        material,
        task,
        answer,
        run: &opening,
        text: text.as_deref(),
    };
    let count = u32::try_from(answer.parts.len()).unwrap_or(1).max(1);
    let mut checks = Vec::new();
    for (index, part) in (0..).zip(&answer.parts) {
        // What does not divide evenly goes to the first parts.
        let of = task.points / count + u32::from(index < task.points % count);
        let what = if part.name.is_empty() {
            &answer.question
        } else {
            &part.name
        };
        let found = match &text {
            None => Err(no_answer(task)),
            Some(text) => given(text, &part.name).map_err(|finding| *finding),
        };
        checks.push(match found {
            Err(finding) => Check::failed(what, of, finding),
            Ok(value) => judge.part(part, &value, of)?,
        });
    }
    Ok(together(answer, checks))
}

/// Parts that have two answers each are judged as one, where there are several: told one by one,
/// the verdict on a wrong one would be the answer.
fn together(answer: &AnswerTask, checks: Vec<Check>) -> Vec<Check> {
    let is_coin: Vec<bool> = answer
        .parts
        .iter()
        .map(|it| it.choices.len() == 2)
        .collect();
    let coins = || checks.iter().zip(&is_coin).filter(|it| *it.1);
    let count = coins().count();
    if count < 2 || coins().all(|(check, _)| check.points.is_full()) {
        return checks;
    }
    let is_unread = |check: &Check| {
        let mut findings = check.findings.iter();
        findings.any(|it| it.name != FindingKind::WrongAnswer)
    };
    let some_unread = coins().any(|(check, _)| is_unread(check));
    let of = coins().map(|(check, _)| check.points.of).sum();
    let names: Vec<_> = coins().map(|(check, _)| check.what.as_str()).collect();
    let names = names.join(", ");
    let mut merged = Vec::new();
    let mut is_told = false;
    for (check, is_coin) in checks.iter().zip(&is_coin) {
        if !is_coin || is_unread(check) {
            merged.push(check.clone());
        } else if some_unread {
            let points = Points {
                got: 0,
                of: check.points.of,
            };
            merged.push(Check {
                points,
                mark: Mark::Partly,
                note: Some(format!("counts once all {count} of its kind are answered")),
                findings: Vec::new(),
                what: check.what.clone(),
            });
        } else if !std::mem::replace(&mut is_told, true) {
            let why = format!(
                "not all {count} are right; each has two answers, so they count together: \
                 what decides each of them?"
            );
            let finding = Finding::new(FindingKind::WrongAnswer, why);
            merged.push(Check::failed(names.as_str(), of, finding));
        }
    }
    merged
}

fn no_answer(task: &LabTask) -> Finding {
    let file = format!("answers/{}.txt", task.name);
    Finding::new(FindingKind::NoAnswer, format!("write it into {file}"))
}

/// The value that the answer gives for a part: the whole text of a single one, the line
/// `name: value` of several.
pub(super) fn given(text: &str, part: &str) -> Result<String, Box<Finding>> {
    let unreadable = |why: String| Box::new(Finding::new(FindingKind::UnreadableAnswer, why));
    if part.is_empty() {
        let mut lines = text.lines().map(str::trim).filter(|line| !line.is_empty());
        return match (lines.next(), lines.next()) {
            (Some(line), None) => Ok(line.to_owned()),
            _ => Err(unreadable("one line is wanted".to_owned())),
        };
    }
    let mut values = text.lines().filter_map(|line| value_of(line, part));
    match (values.next(), values.next()) {
        (Some(value), None) if !value.is_empty() => Ok(value),
        (Some(_), Some(_)) => {
            let why = format!("`{part}` is answered twice");
            Err(unreadable(why))
        }
        (None, _) if let Some(line) = unnamed(text) => {
            let why = format!("`{line:.60}` does not say what it answers: write `{part}: ...`");
            Err(unreadable(why))
        }
        // A value on the line below is an answer, and none that is read.
        (Some(_), None) if text.lines().any(stands_alone) => {
            let why = format!("`{part}:` has no value in its line: write `{part}: ...`");
            Err(unreadable(why))
        }
        _ => {
            let why = format!("`{part}: ...` is missing");
            Err(Box::new(Finding::new(FindingKind::NoAnswer, why)))
        }
    }
}

/// Whether a line is a value without a name.
fn stands_alone(line: &str) -> bool {
    line.chars().any(char::is_alphanumeric) && !line.contains([':', '=', '：'])
}

/// The first line of a text that belongs to no part: whoever wrote it has answered.
fn unnamed(text: &str) -> Option<&str> {
    let mut lines = text.lines().map(str::trim);
    lines.find(|line| stands_alone(line))
}

/// `mtu: 1446`, `mtu = 1446`, `mtu 1446`; with the marks of Markdown and JSON about both.
fn value_of(line: &str, name: &str) -> Option<String> {
    let marks = |c: char| c.is_whitespace() || "*_`\"'-{},".contains(c);
    let line = line.trim().trim_start_matches(['-', '*', '{', ' ']);
    let named = line.split_once([':', '=', '：']);
    let (key, value) = named.or_else(|| line.split_once(char::is_whitespace))?;
    let same = word(key.trim_matches(marks)) == word(name.trim_matches(marks));
    let bare = value.trim_matches(marks);
    // `*` is an answer by itself: the number of the final deny.
    same.then(|| if bare.is_empty() { value.trim() } else { bare }.to_owned())
}

/// Holds what is said against what the seed has drawn.
struct Judge<'a> {
    material: &'a Material<'a>,
    task: &'a LabTask,
    answer: &'a AnswerTask,
    run: &'a Run,
    /// All that was answered.
    text: Option<&'a str>,
}

/// What the evidence has on an answer.
#[derive(Debug, Default)]
struct Shown {
    lines: Vec<String>,
    /// Whether there is more, which tells another answer.
    withheld: bool,
}

impl Judge<'_> {
    fn part(&self, part: &AnswerPart, value: &str, of: u32) -> Result<Check, GradeError> {
        let what = if part.name.is_empty() {
            "the answer"
        } else {
            &part.name
        };
        let said = Said {
            part: &part.name,
            choices: &part.choices,
            value,
        };
        let plan = self.run.plan();
        if let Some(finding) = said.unreadable(plan) {
            return Ok(Check::failed(what, of, finding));
        }
        let expected = self.expected(part)?;
        if let Some(finding) = said.no_address(&expected) {
            return Ok(Check::failed(what, of, finding));
        }
        if let Some(finding) = said.no_number(&expected) {
            return Ok(Check::failed(what, of, finding));
        }
        let length = length(&part.name, value);
        let value = length.as_deref().unwrap_or(value);
        if expected.iter().any(|it| same(&plan.names, it, value)) {
            return Ok(Check::passed(what, of));
        }
        let mut finding = Finding::new(FindingKind::WrongAnswer, format!("it is not `{value}`"));
        let full = full_name(&plan.names, &expected, value);
        let value = full.as_deref().unwrap_or(value);
        // What cannot be asked about what somebody has written is not shown.
        let shown = self.against(part, value)?.unwrap_or_default();
        finding.evidence = shown.lines;
        if finding.evidence.is_empty() {
            let why = match shown.withheld {
                true => reason::WITHHELD.to_owned(),
                false => reason::of(self.material, self.run, part, value),
            };
            finding.evidence.push(why);
        }
        Ok(Check::failed(what, of, finding))
    }

    fn expected(&self, part: &AnswerPart) -> Result<Vec<String>, GradeError> {
        let references = std::iter::once(&part.expected).chain(&part.accepts);
        let plan = self.run.plan();
        let resolved = references.map(|it| self.material.resolve(self.task, plan, it));
        resolved.collect()
    }

    /// What the evidence has on a wrong answer; the inner error: why it cannot be asked.
    ///
    /// A line that holds the right answer, to this part or to another that is not given yet, is not
    /// shown. One of two choices is given away by the verdict, whatever is shown.
    fn against(&self, part: &AnswerPart, value: &str) -> Result<Result<Shown, String>, GradeError> {
        let names = &self.run.plan().names;
        let Some(said) = plain(names, part, value) else {
            return Ok(Ok(Shown::default()));
        };
        let mut right = Vec::new();
        for part in self.answer.parts.iter().filter(|it| it.choices.len() != 2) {
            if !self.is_given(part)? {
                right.extend(self.expected(part)?);
            }
        }
        let evidence = Evidence {
            run: self.run,
            from: SimTime::ZERO,
            window: (SimTime::ZERO, self.material.lab.opens_at),
            played: &[],
        };
        let mut found = Shown::default();
        for expression in &part.against {
            let mut lines = match asked(expression, &said, &evidence) {
                Ok(shown) => shown,
                Err(why) => return Ok(Err(format!("`{expression}`: {why}"))),
            };
            let before = lines.len();
            lines.retain(|line| !right.iter().any(|it| holds(names, line, it)));
            if lines.len() < before {
                // Nor how many more there are of what is not shown.
                found.withheld = true;
                lines.retain(|line| !(line.starts_with("and ") && line.ends_with(" more")));
            }
            found.lines.extend(lines);
        }
        Ok(Ok(found))
    }

    /// Whether the right value is given for a part.
    fn is_given(&self, part: &AnswerPart) -> Result<bool, GradeError> {
        let Some(Ok(value)) = self.text.map(|text| given(text, &part.name)) else {
            return Ok(false);
        };
        let names = &self.run.plan().names;
        let length = length(&part.name, &value);
        let value = length.as_deref().unwrap_or(&value);
        Ok(self.expected(part)?.iter().any(|it| same(names, it, value)))
    }
}

/// The lines that an expression shows about an answer.
fn asked(
    expression: &Expression,
    said: &str,
    evidence: &Evidence<'_>,
) -> Result<Vec<String>, String> {
    let text = expression.text.replace("${answer}", said);
    let expression: Expression = text.parse().map_err(|why| format!("{why}"))?;
    Ok(truth::of(&expression, evidence)?.shown)
}

/// The answer in the form in which expressions name it: a choice as the lab writes it, a resource
/// by its full name, a number, address or word as it is. `None` for what may be anything.
fn plain(names: &Names, part: &AnswerPart, value: &str) -> Option<String> {
    let mut choices = part.choices.iter();
    if let Some(choice) = choices.find(|choice| same(names, choice, value)) {
        return Some(choice.clone());
    }
    // What is none of them is told so, and needs no evidence.
    if !part.choices.is_empty() {
        return None;
    }
    let value = value.trim();
    if let Some(name) = names.name_of(value) {
        return Some(name.to_owned());
    }
    // An address in the form of a block is an address, and `::1` is no number.
    if let Some(block) = block(value).filter(|it| it.prefix_len() == it.max_prefix_len()) {
        return Some(block.addr().to_string());
    }
    if let Some(number) = number(value) {
        return Some(number.to_string());
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "._:/-".contains(c);
    (!value.is_empty() && value.chars().all(is_plain)).then(|| value.to_owned())
}

/// Whether a line holds a value, in any of its forms, as a word.
fn holds(names: &Names, line: &str, value: &str) -> bool {
    let words = line.split(|c: char| c.is_whitespace() || "`'\"(),;>=".contains(c));
    let words = words.map(|word| word.trim_end_matches([':', '.']));
    words
        .filter(|word| !word.is_empty())
        .any(|word| same(names, value, word) || word.contains(value) && value.contains('.'))
}

/// Why the evidence cannot be asked about the wrong answers of a submission, a line a part.
pub(crate) fn unasked(
    material: &Material<'_>,
    task: &LabTask,
    answer: &AnswerTask,
    submission: &Submission,
) -> Result<Vec<String>, GradeError> {
    let Some(text) = answer_text(submission.answers.get(&task.name)) else {
        return Ok(Vec::new());
    };
    let run = material.opening(submission.seed)?;
    let judge = Judge {
        material,
        task,
        answer,
        run: &run,
        text: Some(&text),
    };
    let mut unasked = Vec::new();
    for part in &answer.parts {
        if let Ok(value) = given(&text, &part.name)
            && let Err(why) = judge.against(part, &value)?
        {
            unasked.push(format!("against `{value}` for `{}`: {why}", part.name));
        }
    }
    Ok(unasked)
}

/// Words by which a part of an answer says what kind of resource it asks for.
const KINDS: [&str; 11] = [
    "acl",
    "nacl",
    "network-acl",
    "route-table",
    "group",
    "security-group",
    "interface",
    "subnet",
    "instance",
    "machine",
    "host",
];

/// A value that was said for a part.
pub(super) struct Said<'a> {
    pub(super) part: &'a str,
    pub(super) choices: &'a [String],
    pub(super) value: &'a str,
}

impl Said<'_> {
    /// Why it cannot be judged.
    pub(super) fn unreadable(&self, plan: &Plan) -> Option<Finding> {
        let odd = self.not_a_choice(plan).or_else(|| self.other_unit());
        odd.or_else(|| self.several(plan))
    }

    /// A number in another unit than the one that the part is named after: 350 ms are not 350 s.
    fn other_unit(&self) -> Option<Finding> {
        const UNITS: [(&str, &[&str]); 4] = [
            ("second", &["s", "sec", "second", "seconds"]),
            ("minute", &["m", "min", "minute", "minutes"]),
            ("millisecond", &["ms", "millisecond", "milliseconds"]),
            ("byte", &["b", "byte", "bytes", "octets"]),
        ];
        let named = word(self.part);
        let (named, _) = UNITS
            .iter()
            .find(|(name, _)| named.trim_end_matches('s') == *name)?;
        let value = self.value.trim().to_lowercase();
        let is_digit = |c: char| c.is_ascii_digit() || ",_ .".contains(c);
        let unit = value.trim_start_matches(is_digit);
        let mut others = UNITS.iter().filter(|(name, _)| name != named);
        let is_other = unit.len() < value.len() && others.any(|(_, all)| all.contains(&unit));
        is_other.then(|| {
            let why = format!("`{}`: write how many {named}s it is", self.value);
            Finding::new(FindingKind::UnreadableAnswer, why)
        })
    }

    /// No address where one is asked for, or something beside it: its port, its name.
    fn no_address(&self, expected: &[String]) -> Option<Finding> {
        let is_asked = self.choices.is_empty() && expected.iter().all(|it| block(it).is_some());
        let mut words = self.value.split([' ', ',', ':', '(', ')', '[', ']']);
        let holds_one = words.any(|word| word.contains('.') && block(word).is_some());
        let is_one = |it: IpNet| it.prefix_len() == it.max_prefix_len();
        let one_wanted = expected.iter().filter_map(|it| block(it)).all(is_one);
        let wanted = match block(self.value) {
            Some(block) if one_wanted && !is_one(block) => "one address is wanted, and no block",
            Some(_) => return None,
            None if holds_one => "write the address alone",
            None if one_wanted => "an address is wanted",
            None => "an address or a block is wanted",
        };
        is_asked.then(|| {
            let why = format!("`{}`: {wanted}", self.value);
            Finding::new(FindingKind::UnreadableAnswer, why)
        })
    }

    /// Words where a number is asked for.
    fn no_number(&self, expected: &[String]) -> Option<Finding> {
        let is_asked = self.choices.is_empty() && expected.iter().all(|it| number(it).is_some());
        let is_missing = number(self.value).is_none() && length(self.part, self.value).is_none();
        (is_asked && is_missing).then(|| {
            let why = format!("`{}`: a number is wanted, decimal or as 0x...", self.value);
            Finding::new(FindingKind::UnreadableAnswer, why)
        })
    }

    fn not_a_choice(&self, plan: &Plan) -> Option<Finding> {
        let (value, mut choices) = (self.value, self.choices.iter());
        if self.choices.is_empty() || choices.any(|choice| same(&plan.names, choice, value)) {
            return None;
        }
        let why = format!("`{value}` is none of: {}", self.choices.join(", "));
        Some(Finding::new(FindingKind::UnreadableAnswer, why))
    }

    /// A short name that several resources share, unless the part says which kind it asks for.
    fn several(&self, plan: &Plan) -> Option<Finding> {
        let value = self.value;
        if !self.choices.is_empty() || KINDS.contains(&word(self.part).as_str()) {
            return None;
        }
        let all = plan.names.iter().map(|(name, _)| name);
        let meant = all.filter(|name| {
            name.split_once('.')
                .is_some_and(|it| words_equal(it.1, value))
        });
        let meant: Vec<_> = meant.collect();
        if meant.len() < 2 {
            return None;
        }
        let why = format!(
            "`{value}` may be any of: {}; write one of these or its id",
            meant.join(", ")
        );
        Some(Finding::new(FindingKind::UnreadableAnswer, why))
    }
}

#[cfg(test)]
mod tests {
    use super::form::values_equal;
    use super::*;

    #[test]
    fn a_value_may_be_written_in_the_forms_people_use() {
        for (expected, given) in [
            ("1446", "1446 bytes"),
            ("1446", "1,446"),
            ("1446", "MTU 1446"),
            ("100", "rule #100"),
            ("443", "443/tcp"),
            ("443", "TCP/443"),
            ("443", "port 443"),
            ("443", ":443"),
            ("25", "25 minutes"),
            ("350", "350 seconds"),
            ("70", "0x46"),
            ("70", "70 (protocol_version)"),
            ("32767", "*"),
            ("10.0.1.10", "10.0.1.10/32"),
            ("10.0.1.0/24", "10.0.1.77/24"),
            ("32768-60999", "32768 – 60999"),
            ("32768-60999", "From=32768,To=60999"),
            ("egress", "Outbound"),
            ("acl-0123456789abcdef0", "ACL-0123456789abcdef0"),
            ("vpn_connection", "VPN connection"),
        ] {
            assert!(values_equal(expected, given), "{expected} {given}");
        }
    }

    #[test]
    fn a_number_in_another_unit_is_not_taken_for_it() {
        let is_odd = |part, value| {
            let choices = &[];
            let said = Said {
                part,
                choices,
                value,
            };
            said.other_unit().is_some()
        };
        assert!(is_odd("seconds", "350 ms") && is_odd("seconds", "6 minutes"));
        assert!(is_odd("minute", "25s"));
        for value in ["350", "350 s", "350 seconds", "minutes", "ms"] {
            assert!(!is_odd("seconds", value), "{value}");
        }
        assert!(!is_odd("port", "443/tcp") && !is_odd("mtu", "1446 bytes"));
    }

    const fn said<'s>(part: &'s str, value: &'s str) -> Said<'s> {
        let choices = &[];
        Said {
            part,
            choices,
            value,
        }
    }

    #[test]
    fn what_is_no_address_is_told_so_where_one_is_asked_for() {
        let is_odd = |expected: &str, value| {
            let found = said("client", value).no_address(&[expected.to_owned()]);
            found.is_some()
        };
        let beside = ["203.0.113.9:443", "lisbon (203.0.113.9)"];
        for value in beside
            .into_iter()
            .chain(["lisbon", "443", "203.0.113.0/24"])
        {
            assert!(is_odd("203.0.113.9", value), "{value}");
        }
        for value in ["203.0.113.8", "203.0.113.9/32"] {
            assert!(!is_odd("203.0.113.9", value), "{value}");
        }
        assert!(!is_odd("443", "203.0.113.9:443"));
    }

    #[test]
    fn what_is_no_number_is_told_so_where_one_is_asked_for() {
        let is_odd = |expected: &str, value| {
            let found = said("alert", value).no_number(&[expected.to_owned()]);
            found.is_some()
        };
        assert!(is_odd("70", "protocol_version") && is_odd("70", "70 or 112"));
        for value in ["46", "0x46", "70 (protocol_version)", "*"] {
            assert!(!is_odd("70", value), "{value}");
        }
        assert!(!is_odd("32768-60999", "all") && !is_odd("network_acl.a", "group a"));
        assert_eq!(length("seconds", "5m50s").as_deref(), Some("350"));
        assert_eq!(length("port", "5m50s"), None);
    }

    #[test]
    fn near_values_are_not_equal() {
        for (expected, given) in [
            ("1446", "1447"),
            ("1446", "1446 or 1447"),
            ("443", "tcp"),
            ("443", "443 and 80"),
            ("443", "443/tcp, 80/tcp"),
            ("10.0.1.10", "10.0.1.1"),
            ("10.0.1.0/24", "10.0.0.0/16"),
            ("32768-60999", "1024-65535"),
            ("egress", "ingress"),
        ] {
            assert!(!values_equal(expected, given), "{expected} {given}");
        }
    }

    #[test]
    fn parts_are_read_by_name_and_an_empty_template_is_no_answer() {
        let text = "Rule: 90\ndirection =\nsubnet: subnet-1\nsubnet: subnet-2";
        assert_eq!(given(text, "rule").ok().as_deref(), Some("90"));
        let missing = given(text, "direction").expect_err("nothing written");
        assert_eq!(missing.name, FindingKind::NoAnswer);
        let twice = given(text, "subnet").expect_err("two of them");
        assert_eq!(twice.name, FindingKind::UnreadableAnswer);
        let unnamed = given("203.0.113.9\nnothing", "client").expect_err("which is which?");
        assert_eq!(unnamed.name, FindingKind::UnreadableAnswer);
        let other = given("sends-back: nothing", "client").expect_err("one of two");
        assert_eq!(other.name, FindingKind::NoAnswer);
        for line in [
            "**client:** 203.0.113.9",
            "- client: 203.0.113.9",
            "{ \"client\": \"203.0.113.9\",",
            "client：203.0.113.9",
            "client 203.0.113.9",
        ] {
            let said = given(line, "client").ok();
            assert_eq!(said.as_deref(), Some("203.0.113.9"), "{line}");
        }
        assert_eq!(given("all: *", "all").ok().as_deref(), Some("*"));
        let lines = given("1446\n1400", "").expect_err("two lines");
        assert_eq!(lines.name, FindingKind::UnreadableAnswer);
    }
}
