//! The lab's page and its hints.

use wirelab_scenario::{Lab, LabTask, Plan, TaskKind};

use super::AuthorReport;
use crate::error::GradeError;
use crate::grade::Grader;
use crate::material::is_comment;

/// The page has a section for each task and none for others.
pub(super) fn check(lab: &Lab, report: &mut AuthorReport) -> Result<(), GradeError> {
    let path = lab.dir.join("README.md");
    let text = std::fs::read_to_string(&path).map_err(|error| GradeError::File {
        path: path.clone(),
        error,
    })?;
    let sections: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("## "))
        .map(str::trim)
        .collect();
    for task in &lab.tasks {
        if !sections.contains(&task.name.as_str()) {
            report.problem(
                "README.md",
                format!("there is no section `## {}`", task.name),
            );
        }
    }
    for section in sections {
        if lab.task(section).is_none() {
            report.problem("README.md", format!("`## {section}` is no task"));
        }
    }
    Ok(())
}

/// No hint holds the solution, whatever was drawn.
pub(super) fn hints(
    grader: &Grader<'_>,
    lab: &Lab,
    plan: &Plan,
    place: &str,
    report: &mut AuthorReport,
) -> Result<(), GradeError> {
    for task in &lab.tasks {
        let secrets = secrets(grader, task, plan)?;
        for (rung, hint) in (1..).zip(&task.hints) {
            let text = normal(&grader.material().fill(task, plan, &hint.text)?);
            if let Some(secret) = secrets.iter().find(|secret| holds(&text, secret)) {
                let what = format!("hint {rung} of `{}` gives away `{secret}`", task.name);
                report.problem(place, what);
            }
        }
    }
    Ok(())
}

/// What a hint must not say: the solution's text, each call of a repair, each value of an answer.
/// What the question lists is no secret.
fn secrets(grader: &Grader<'_>, task: &LabTask, plan: &Plan) -> Result<Vec<String>, GradeError> {
    let material = grader.material();
    let secrets: Vec<String> = match &task.kind {
        TaskKind::Answer(answer) => {
            let free = answer.parts.iter().filter(|part| part.choices.is_empty());
            let values = free.map(|part| material.resolve(task, plan, &part.expected));
            let values: Vec<String> = values.collect::<Result<_, _>>()?;
            let asked = normal(&answer.question);
            let told = |value: &String| value.len() < 2 || holds(&asked, value);
            values.into_iter().filter(|value| !told(value)).collect()
        }
        // Their choices stand in the page; what they are about is still to come.
        TaskKind::Prediction(_) => Vec::new(),
        TaskKind::TcpdumpFilter(_) => vec![material.solution(task, plan, "bpf")?.1],
        TaskKind::LogsInsights(_) => vec![material.solution(task, plan, "insights")?.1],
        TaskKind::Athena(_) => vec![material.solution(task, plan, "sql")?.1],
        TaskKind::Fix(_) => {
            let (_, text) = material.solution(task, plan, "calls")?;
            text.lines().map(str::to_owned).collect()
        }
    };
    let secrets = secrets.iter().map(|secret| normal(&code(secret)));
    Ok(secrets.filter(|secret| !secret.is_empty()).collect())
}

/// Without comment lines.
fn code(text: &str) -> String {
    let lines = text.lines().filter(|line| !is_comment(line));
    lines.collect::<Vec<_>>().join("\n")
}

fn normal(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Whether `secret` stands in `text` as a whole: `90` is not in `1900`.
fn holds(text: &str, secret: &str) -> bool {
    let part = |c: Option<char>| c.is_some_and(|c| c.is_alphanumeric() || c == '-');
    text.match_indices(secret).any(|(at, _)| {
        let before = text[..at].chars().next_back();
        let after = text[at + secret.len()..].chars().next();
        !part(before) && !part(after)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_found_as_a_whole_word_only() {
        assert!(holds("it is 1446, no more", "1446"));
        assert!(!holds("it is 14460", "1446"));
        assert!(!holds("see rule-90-x", "90"));
        assert!(holds("try `icmp[0] == 3` here", "icmp[0] == 3"));
    }
}
