//! `console` blocks of a page: run, and compared with what the page shows.
//!
//! In a block, a line that begins with `$ ` is a command; the lines up to the next one are what it
//! prints, stdout and stderr. A line `...` stands for any number of lines. All blocks of a page run
//! in one folder, in order; `cd` holds. A block marked `console,ignore` is not run.
//!
//! `WIRELAB_BLESS=1 cargo test` writes what was printed into the page; elided lines stay elided if
//! what is around them still fits. Read the difference before you commit it.

use std::path::{Path, PathBuf};

use crate::harness::Place;

/// A command and the lines that the page shows below it.
struct Step {
    command: String,
    shown: Vec<String>,
}

/// A page as text and blocks, in order.
enum Piece {
    Text(String),
    Block(Vec<Step>),
}

/// Runs every block of `page`; fails with the first difference of each command.
pub(crate) fn run_page(page: &Path) {
    let text = std::fs::read_to_string(page).expect("the page exists");
    let mut pieces = parse(&text);
    let mut place = Place::new();
    let mut differences = Vec::new();
    for piece in &mut pieces {
        if let Piece::Block(steps) = piece {
            for step in steps {
                differences.extend(run_step(&mut place, step));
            }
        }
    }
    if differences.is_empty() {
        return;
    }
    if std::env::var_os("WIRELAB_BLESS").is_some() {
        std::fs::write(page, print(&pieces)).expect("the page is writable");
        return;
    }
    panic!("{}:\n{}", page.display(), differences.join("\n"));
}

/// How many commands the page shows.
pub(crate) fn commands(page: &Path) -> usize {
    let text = std::fs::read_to_string(page).expect("the page exists");
    let steps = parse(&text).into_iter().map(|piece| match piece {
        Piece::Block(steps) => steps.len(),
        Piece::Text(_) => 0,
    });
    steps.sum()
}

/// Runs one command; the page's lines become what was printed if they do not fit it.
fn run_step(place: &mut Place, step: &mut Step) -> Option<String> {
    let state = place.here().join(".console-folder");
    let line = format!(
        "{{ {}\n}} 2>&1; code=$?; pwd > '{}'; exit $code",
        step.command,
        state.display()
    );
    let ran = place.shell(&line);
    let folder = std::fs::read_to_string(&state).unwrap_or_default();
    std::fs::remove_file(&state).ok();
    place.enter(&PathBuf::from(folder.trim_end()));
    let printed: Vec<String> = ran
        .stdout
        .lines()
        .map(|l| l.trim_end().to_owned())
        .collect();
    if fits(&step.shown, &printed) {
        return None;
    }
    let difference = format!(
        "$ {}\n--- the page shows\n{}\n--- printed (exit {})\n{}\n",
        step.command,
        step.shown.join("\n"),
        ran.code,
        printed.join("\n")
    );
    step.shown = printed;
    Some(difference)
}

/// Whether `printed` is `shown`, where `...` stands for any number of lines.
fn fits(shown: &[String], printed: &[String]) -> bool {
    match shown.split_first() {
        None => printed.is_empty(),
        Some((line, rest)) if line == "..." => {
            (0..=printed.len()).any(|skipped| fits(rest, &printed[skipped..]))
        }
        Some((line, rest)) => printed.first() == Some(line) && fits(rest, &printed[1..]),
    }
}

fn parse(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        pieces.push(Piece::Text(line.to_owned()));
        if line == "```console" {
            let block = lines.by_ref().take_while(|line| *line != "```");
            pieces.push(Piece::Block(steps(block)));
            pieces.push(Piece::Text("```".to_owned()));
        }
    }
    pieces
}

fn steps<'a>(lines: impl Iterator<Item = &'a str>) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for line in lines {
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step {
                command: command.to_owned(),
                shown: Vec::new(),
            });
            continue;
        }
        let step = steps.last_mut().expect("a block begins with `$ `");
        match line.strip_prefix("> ") {
            Some(more) if goes_on(step) => step.command += &format!("\n{more}"),
            _ => step.shown.push(line.trim_end().to_owned()),
        }
    }
    steps
}

/// Whether a line that begins with `> ` belongs to the command: after a backslash, and in a
/// here-document.
fn goes_on(step: &Step) -> bool {
    step.shown.is_empty() && (step.command.ends_with('\\') || step.command.contains("<<"))
}

fn print(pieces: &[Piece]) -> String {
    let mut text = String::new();
    for piece in pieces {
        match piece {
            Piece::Text(line) => text += &format!("{line}\n"),
            Piece::Block(steps) => steps.iter().for_each(|step| print_step(step, &mut text)),
        }
    }
    text
}

fn print_step(step: &Step, text: &mut String) {
    *text += &format!("$ {}\n", step.command.replace('\n', "\n> "));
    for line in &step.shown {
        *text += &format!("{line}\n");
    }
}

#[test]
fn an_elision_stands_for_any_number_of_lines() {
    let lines = |text: &str| -> Vec<String> { text.lines().map(str::to_owned).collect() };
    let printed = lines("a\nb\nc");
    assert!(fits(&lines("a\n...\nc"), &printed));
    assert!(fits(&lines("..."), &printed));
    assert!(fits(&lines("a\nb\nc\n..."), &printed));
    assert!(!fits(&lines("a\n...\nd"), &printed));
    assert!(!fits(&lines("a\nb"), &printed));
}
