//! The head of the watch's first screen: the lab, what it is worth, who asks for what.
//!
//! ```text
//!  hello-filter                                             ~5 min   0/14
//!  TICKET  I want a capture on `web` that I can leave running all night: ...
//!          Edit hello-filter/answers/filter.bpf and save; t = the whole ticket
//! ```

use std::path::{Path, PathBuf};

use wirelab_grader::report::Report;
use wirelab_session::Session;

use crate::failure::Failure;
use crate::print::relative;
use crate::terminal::bold;

/// So much of the ticket is shown, in characters.
const TICKET: usize = 220;

/// The first answer that holds something, such as what somebody pasted from a blog.
pub(super) fn answered(session: &Session) -> Result<Option<PathBuf>, Failure> {
    for task in &session.lab().tasks {
        let text = session.answer(&task.name)?.unwrap_or_default();
        let mut lines = text.lines().map(str::trim_start);
        let says =
            |line: &str| !(line.is_empty() || line.starts_with('#') || line.starts_with("--"));
        if lines.any(says) {
            return Ok(session.answer_path(&task.name));
        }
    }
    Ok(None)
}

/// The lab, its points, the beginning of its ticket, and which file to edit.
pub(super) fn page(session: &Session, answer: &Path, report: &Report) -> Result<String, Failure> {
    let lab = session.lab();
    let minutes = format!("~{} min", lab.minutes);
    let name = bold(format!("{:<56}", lab.name));
    let asked = asked(&session.ticket()?);
    let file = relative(answer);
    Ok(format!(
        " {name} {minutes:>7}   {}\n {}  {asked}\n         Edit {file} and save; t = the whole \
         ticket\n\n",
        report.points,
        bold("TICKET"),
    ))
}

/// What the ticket asks for: the first paragraph of what is quoted behind the lines that say from
/// whom it is, by whole sentences.
fn asked(ticket: &str) -> String {
    let quoted = ticket.lines().filter_map(|line| line.strip_prefix('>'));
    let quoted: Vec<&str> = quoted.map(str::trim).collect();
    let from_whom = |line: &&&str| line.starts_with("**") && line.contains(":**");
    let lines = quoted
        .iter()
        .skip_while(|line| from_whom(line) || line.is_empty());
    let paragraph: Vec<&str> = lines.take_while(|line| !line.is_empty()).copied().collect();
    let text = paragraph.join(" ").replace("**", "");
    let ends = text.match_indices(". ").map(|(at, _)| at + 1);
    let ends = ends
        .chain([text.len()])
        .filter(|end| text[..*end].chars().count() <= TICKET);
    match ends.last() {
        Some(end) => text[..end].to_owned(),
        None => text.chars().take(TICKET).chain("…".chars()).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::asked;

    #[test]
    fn whole_sentences_of_what_is_asked_are_shown_and_not_from_whom() {
        let ticket =
            "> **From:** Mo\n> **To:** you\n>\n> I want **this**. And\n> that.\n>\n> More.\n\nNo.";
        assert_eq!(asked(ticket), "I want this. And that.");
        let long = format!("> Short. {}.\n", "x".repeat(300));
        assert_eq!(asked(&long), "Short.");
        assert_eq!(asked("no quote"), "");
    }
}
