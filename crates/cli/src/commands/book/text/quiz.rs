//! Quizzes on a terminal: the questions, and far below them the answers.

use wirelab_book::quiz;

use crate::commands::book::pages::Book;

/// The page with its quiz, if it has one, as Markdown.
pub(super) fn asked(book: &Book, markdown: &str) -> String {
    let mut text = String::new();
    for line in markdown.lines() {
        let name = line.strip_prefix("{{#quiz ");
        let name = name.and_then(|it| it.strip_suffix("}}"));
        let quiz = name.and_then(|name| book.quiz(name.trim()));
        match quiz {
            Some(quiz) => text += &questions(book, &quiz),
            None => text += &format!("{line}\n"),
        }
    }
    text
}

fn questions(book: &Book, quiz: &quiz::Quiz) -> String {
    let (mut asked, mut answers) = (String::new(), String::from("## Answers\n\n"));
    for (number, question) in (1..).zip(&quiz.questions) {
        asked += &format!("**{number}.** {}\n\n", question.ask);
        answers += &format!("**{number}.**\n\n");
        for (letter, choice) in ('A'..).zip(&question.choices) {
            let verdict = if choice.right { "**right.**" } else { "no." };
            asked += &format!("- **{letter}** {}\n", choice.text);
            answers += &format!("- **{letter}** {verdict} {}\n", choice.why);
        }
        asked += "\n";
        let path = question.see.trim_end_matches(".md");
        let name = book.name(path).unwrap_or(path);
        answers += &format!("\nMore: `wirelab book {name}`\n\n");
    }
    asked + &answers
}
