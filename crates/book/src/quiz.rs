//! `{{#quiz NAME}}`: questions from `quizzes/NAME.toml`.
//!
//! Every choice is a `details` element: whoever opens one learns whether it is right, and why, and
//! may go on to the others. That needs no script and no program beside mdBook, works with a
//! keyboard and a screen reader as it is, and prints with everything open. (The alternative,
//! mdbook-quiz, is a program that every reader of the sources would have to install, and its
//! quizzes need JavaScript.)
//!
//! ```toml
//! title = "Part II"
//!
//! [[question]]
//! ask = "A reply is refused by a network ACL. Which ..."
//! see = "packets-way.md"                     # a page of the book, below `src`
//!
//! [[question.choice]]
//! text  = "..."
//! why   = "..."
//! right = true
//! ```
//!
//! Each question has two choices or more and exactly one that is right; each choice says why.

use std::path::Path;

use serde::Deserialize;

use crate::directive::Directive;
use crate::stage::Stage;
use crate::svg::escape;

/// A file of questions.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Quiz {
    /// What it is about.
    pub title: String,
    /// The questions, in order.
    #[serde(rename = "question")]
    pub questions: Vec<Question>,
}

/// A question.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// What is asked.
    pub ask: String,
    /// The page that says more, below the book's `src`.
    pub see: String,
    /// What may be chosen.
    #[serde(rename = "choice")]
    pub choices: Vec<Choice>,
}

/// A choice.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Choice {
    /// What it says.
    pub text: String,
    /// Why it is right, or not.
    pub why: String,
    /// Whether it is right.
    #[serde(default)]
    pub right: bool,
}

/// Reads and checks a quiz.
///
/// # Errors
/// A text that is no quiz, with the place; a question with no or several right choices.
pub fn read(text: &str) -> Result<Quiz, String> {
    let quiz: Quiz = toml::from_str(text).map_err(|error| error.to_string())?;
    for question in &quiz.questions {
        let right = question.choices.iter().filter(|it| it.right).count();
        if right != 1 || question.choices.len() < 2 {
            let ask = &question.ask;
            return Err(format!(
                "`{ask}` has {right} right choices, and must have one of several"
            ));
        }
    }
    Ok(quiz)
}

pub(crate) fn directive(
    it: &Directive<'_>,
    page: &Path,
    stage: &mut Stage,
) -> Result<String, String> {
    it.only(&[])?;
    let file = stage.quizzes().join(format!("{}.toml", it.subject));
    let text = std::fs::read_to_string(&file);
    let text = text.map_err(|error| format!("{}: {error}", file.display()))?;
    let quiz = read(&text).map_err(|what| format!("{}: {what}", file.display()))?;
    let up = "../".repeat(page.components().count().saturating_sub(1));
    let mut html = String::new();
    for (number, question) in (1..).zip(&quiz.questions) {
        let link = link(&stage.quizzes().join("../src"), &question.see, &up)?;
        html += &shown(&quiz.title, number, question, &link);
    }
    Ok(html)
}

/// A link to a page by the page's own title; `up` leads from where it stands to `src`.
fn link(source: &Path, see: &str, up: &str) -> Result<String, String> {
    let text = std::fs::read_to_string(source.join(see));
    let text = text.map_err(|error| format!("`see = \"{see}\"`: {error}"))?;
    let title = text.lines().find_map(|line| line.strip_prefix("# "));
    let title = title.ok_or_else(|| format!("`see = \"{see}\"` has no title"))?;
    Ok(format!("[{title}]({up}{see})"))
}

/// One question as HTML whose explanations are Markdown, so that their links are the book's.
fn shown(title: &str, number: usize, question: &Question, link: &str) -> String {
    let mut html = format!(
        "<section class=\"wl-quiz\" aria-label=\"{}, question {number}\">\n\n**{number}.** {}\n\n",
        escape(title),
        question.ask
    );
    for (letter, choice) in ('A'..).zip(&question.choices) {
        let verdict = if choice.right {
            "✓ **Right.**"
        } else {
            "✗ **No.**"
        };
        html += &format!(
            "<details><summary><b>{letter}</b> {}</summary>\n\n{verdict} {}\n\n</details>\n",
            inline(&choice.text),
            choice.why
        );
    }
    html += &format!("\nMore: {link}\n\n</section>\n\n");
    html
}

/// Markdown's code marks alone, for inside HTML.
fn inline(text: &str) -> String {
    let parts = text.split('`').enumerate().map(|(index, part)| {
        let part = escape(part);
        if index % 2 == 1 {
            format!("<code>{part}</code>")
        } else {
            part
        }
    });
    parts.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = r#"
        title = "T"
        [[question]]
        ask = "Which?"
        see = "packets-way.md"
        [[question.choice]]
        text = "`a < b`"
        why = "It is."
        right = true
        [[question.choice]]
        text = "b"
        why = "It is not."
    "#;

    #[test]
    fn every_choice_says_its_verdict_only_when_it_is_opened() {
        let quiz = read(ONE).expect("a quiz");
        let html = shown("T", 1, &quiz.questions[0], "[P](../packets-way.md)");
        assert!(
            html.contains("<summary><b>A</b> <code>a &lt; b</code></summary>"),
            "{html}"
        );
        assert!(html.contains("✓ **Right.** It is."), "{html}");
        assert!(html.contains("(../packets-way.md)"), "{html}");
    }

    #[test]
    fn a_question_has_exactly_one_right_choice() {
        assert!(read(&ONE.replace("right = true", "right = false")).is_err());
        assert!(read(&ONE.replace("\"b\"", "\"b\"\nright = true")).is_err());
        assert!(read(&ONE.replace("right = true", "write = true")).is_err());
    }
}
