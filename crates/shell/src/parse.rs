//! From text to commands, by `brush-parser`; what it cannot take is kept from it.

use std::collections::BTreeMap;
use std::sync::Arc;

use brush_parser::ast::{self, Command, CompoundCommand, SeparatorOperator};
use brush_parser::word::{self, WordPieceWithSource};
use brush_parser::{ParseError, Parser, ParserOptions, TokenizerError};

use crate::limits::{
    BRACKETS_AT_MOST, CASES_AT_MOST, NESTING_AT_MOST, OPERATORS_AT_MOST, TEXT_AT_MOST,
};

/// Texts that have been parsed: a loop runs the same substitution again and again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Programs(BTreeMap<String, Arc<ast::Program>>);

/// Why a text is not run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Refused {
    /// bash would not run it either: its line, and what bash says after `syntax error`.
    Syntax(usize, String),
    /// It is no error, and not simulated.
    Unsimulated(String),
}

pub(crate) fn options() -> ParserOptions {
    ParserOptions::default()
}

impl Programs {
    pub(crate) fn parse(&mut self, text: &str) -> Result<Arc<ast::Program>, Refused> {
        if let Some(known) = self.0.get(text) {
            return Ok(Arc::clone(known));
        }
        let program = Arc::new(parse(text)?);
        if self.0.len() < 512 {
            self.0.insert(text.to_owned(), Arc::clone(&program));
        }
        Ok(program)
    }
}

/// The pieces of a word.
pub(crate) fn pieces(text: &str) -> Result<Vec<WordPieceWithSource>, Refused> {
    bounded(text)?;
    let mut options = options();
    // The parser takes these for a number without asking whether it is one.
    options.tilde_expansion_at_word_start = !text
        .strip_prefix('~')
        .is_some_and(|it| it.starts_with(|it: char| it.is_ascii_digit() || "+-".contains(it)));
    let bad = |_| Refused::Syntax(0, format!("{text}: bad substitution"));
    word::parse(text, &options).map_err(bad)
}

/// The pieces of a here-document.
pub(crate) fn document(text: &str) -> Result<Vec<WordPieceWithSource>, Refused> {
    bounded(text)?;
    let bad = |_| Refused::Syntax(0, format!("{text}: bad substitution"));
    word::parse_heredoc(text, &options()).map_err(bad)
}

fn parse(text: &str) -> Result<ast::Program, Refused> {
    if text.len() > TEXT_AT_MOST {
        let text = format!("scripts of more than {TEXT_AT_MOST} octets are not simulated");
        return Err(Refused::Unsimulated(text));
    }
    bounded(text)?;
    // `;;` is a token, which the parser knows in a `case` alone.
    let mut whole = text.replace("for ((;;))", "for ((; ;))");
    // Without a line's end the parser says of the last word only that something is missing.
    if !whole.ends_with(['\n', '\\']) {
        whole.push('\n');
    }
    let text = whole.as_str();
    let mut parser = Parser::new(std::io::Cursor::new(text.as_bytes()), &options());
    let program = parser
        .parse_program()
        .map_err(|error| syntax(text, &error))?;
    for list in &program.complete_commands {
        simulated(list)?;
    }
    Ok(program)
}

/// How deep a text is nested, as far as can be seen without parsing it.
#[derive(Default)]
struct Nesting {
    depth: u32,
    cases: u32,
    deepest: u32,
    most_cases: u32,
    /// Whether the next word is a command's first.
    begins: bool,
    /// The last letter.
    last: char,
    /// Within `[[ ]]`, so many `&` and `|`.
    links: Option<usize>,
    /// `!`, one after the other.
    negations: usize,
    /// How often `elif` comes.
    choices: usize,
    /// `[` that are open on this line: the parser's work doubles with each.
    brackets: u32,
    most_brackets: u32,
    /// A number of a file descriptor that is none.
    descriptor: bool,
    /// `select` begins a command.
    selects: bool,
    /// The most of any of these.
    most: usize,
}

impl Nesting {
    fn word(&mut self, word: &str) {
        if word.is_empty() {
            return;
        }
        let begins = std::mem::take(&mut self.begins);
        self.negations = 0;
        self.choices += usize::from(word == "elif");
        match word {
            "fi" | "done" => self.depth = self.depth.saturating_sub(1),
            "esac" => {
                self.depth = self.depth.saturating_sub(1);
                self.cases = self.cases.saturating_sub(1);
            }
            "then" | "do" | "else" | "elif" => self.begins = true,
            "if" | "while" | "until" | "for" | "select" if begins => {
                self.selects |= word == "select";
                self.depth += 1;
                self.begins = true;
            }
            "case" if begins => {
                self.depth += 1;
                self.cases += 1;
            }
            "coproc" if begins => (self.depth, self.begins) = (self.depth + 1, true),
            _ => {}
        }
    }

    fn letter(&mut self, letter: char) {
        match letter {
            '(' | '{' => (self.depth, self.begins) = (self.depth + 1, true),
            ')' | '}' => (self.depth, self.begins) = (self.depth.saturating_sub(1), true),
            '\n' | ';' | '&' | '|' | '!' | '`' => self.begins = true,
            _ => {}
        }
        match letter {
            '!' => self.negations += 1,
            '[' if self.last == '[' => self.links = Some(0),
            ']' if self.last == ']' => self.links = None,
            ';' => self.links = None,
            '&' | '|' => self.links = self.links.map(|it| it + 1),
            _ => {}
        }
        match letter {
            '[' => self.brackets += 1,
            ']' => self.brackets = self.brackets.saturating_sub(1),
            '\n' | ';' => self.brackets = 0,
            _ => {}
        }
        self.most_brackets = self.most_brackets.max(self.brackets);
        self.last = letter;
        let links = self.links.unwrap_or(0);
        self.most = self.most.max(links).max(self.negations).max(self.choices);
        self.deepest = self.deepest.max(self.depth);
        self.most_cases = self.most_cases.max(self.cases);
    }
}

/// The parser calls itself for what is nested, so that is counted before. Quotes are not looked
/// at: brackets in them are taken for nesting that is none.
fn bounded(text: &str) -> Result<(), Refused> {
    let mut nesting = Nesting {
        begins: true,
        ..Nesting::default()
    };
    let (mut word, mut comment, mut last) = (String::new(), false, '\n');
    for letter in text.chars().chain(['\n']) {
        if comment && letter != '\n' {
            continue;
        }
        comment = letter == '#' && word.is_empty() && last.is_whitespace();
        last = letter;
        if letter.is_ascii_alphanumeric() || "_-./=$\"'".contains(letter) {
            word.push(letter);
            continue;
        }
        nesting.word(&word);
        let is_number = word.len() > 9 && word.bytes().all(|it| it.is_ascii_digit());
        nesting.descriptor |= is_number && matches!(letter, '<' | '>');
        word.clear();
        nesting.letter(letter);
    }
    if nesting.descriptor {
        return unsimulated("file descriptors of more than nine digits are not simulated");
    }
    if nesting.selects {
        return unsimulated("`select` is not simulated: nobody is asked here");
    }
    if nesting.most_brackets > BRACKETS_AT_MOST {
        let text = format!("`[` nested deeper than {BRACKETS_AT_MOST}");
        return Err(Refused::Unsimulated(text + " are not simulated"));
    }
    if nesting.most > OPERATORS_AT_MOST {
        let text = format!("more than {OPERATORS_AT_MOST} `&&`, `||`, `!` or `elif` in a row");
        return Err(Refused::Unsimulated(text + " are not simulated"));
    }
    if nesting.deepest > NESTING_AT_MOST || nesting.most_cases > CASES_AT_MOST {
        let text = format!(
            "commands nested deeper than {NESTING_AT_MOST} (`case`: {CASES_AT_MOST}) are not simulated"
        );
        return Err(Refused::Unsimulated(text));
    }
    Ok(())
}

/// Words that stand behind others of the language.
const CLOSING: &[&str] = &["fi", "done", "esac", "then", "elif", "else", "do", "}"];

/// What bash says of it.
fn syntax(text: &str, error: &ParseError) -> Refused {
    let lines = text.lines().count();
    let line = |number: usize| text.lines().nth(number.saturating_sub(1)).unwrap_or("");
    match error {
        ParseError::ParsingNear(at) => {
            let shown = line(at.line);
            let mut rest = shown.chars().skip(at.column.saturating_sub(1));
            let first = rest.next().unwrap_or('\n');
            let is_operator = |it: &char| "&|;()<>".contains(*it);
            let token: String = match is_operator(&first) {
                true => std::iter::once(first)
                    .chain(rest.take_while(|it| *it == first))
                    .collect(),
                false => std::iter::once(first)
                    .chain(rest.take_while(|it| !it.is_whitespace() && !is_operator(it)))
                    .collect(),
            };
            // A word that ends or goes on with nothing is taken for a function's name at first.
            let last = shown.split_whitespace().last().unwrap_or_default();
            let token = match token.as_str() {
                "\n" if CLOSING.contains(&last) => last,
                "\n" => "newline",
                token => token,
            };
            let text = format!(" near unexpected token `{token}'\n`{shown}'");
            Refused::Syntax(at.line, text)
        }
        ParseError::ParsingAtEndOfInput => {
            Refused::Syntax(lines + 1, ": unexpected end of file".to_owned())
        }
        ParseError::Tokenizing { inner, position } => {
            let at = position.as_ref().map_or(lines, |it| it.line);
            let quote = match inner {
                TokenizerError::UnterminatedDoubleQuote(_) => '"',
                TokenizerError::UnterminatedSingleQuote(_)
                | TokenizerError::UnterminatedAnsiCQuote(_) => '\'',
                TokenizerError::UnterminatedBackquote(_) => '`',
                TokenizerError::UnterminatedVariable => '}',
                TokenizerError::UnterminatedCommandSubstitution
                | TokenizerError::UnterminatedExpansion => ')',
                other => return Refused::Syntax(at, format!(": {other}")),
            };
            let text = format!("unexpected EOF while looking for matching `{quote}'");
            Refused::Syntax(at, text)
        }
    }
}

fn unsimulated<T>(what: &str) -> Result<T, Refused> {
    Err(Refused::Unsimulated(what.to_owned()))
}

/// Whether everything in a list is: what can be told before anything is run.
fn simulated(list: &ast::CompoundList) -> Result<(), Refused> {
    for ast::CompoundListItem(and_or, separator) in &list.0 {
        if matches!(separator, SeparatorOperator::Async) {
            return unsimulated(
                "`&`: jobs in the background are not simulated; commands run one after the other, \
                 and `timeout` ends those that would not end",
            );
        }
        for (_, pipeline) in and_or {
            for command in &pipeline.seq {
                command_simulated(command)?;
            }
        }
    }
    Ok(())
}

fn command_simulated(command: &Command) -> Result<(), Refused> {
    match command {
        Command::Simple(_) | Command::ExtendedTest(..) => Ok(()),
        Command::Function(function) => compound_simulated(&function.body.0),
        Command::Compound(compound, _) => compound_simulated(compound),
    }
}

fn compound_simulated(compound: &CompoundCommand) -> Result<(), Refused> {
    match compound {
        CompoundCommand::Arithmetic(_) => Ok(()),
        CompoundCommand::ArithmeticForClause(it) => simulated(&it.body.list),
        CompoundCommand::BraceGroup(it) => simulated(&it.list),
        CompoundCommand::Subshell(it) => simulated(&it.list),
        CompoundCommand::ForClause(it) => simulated(&it.body.list),
        CompoundCommand::CaseClause(it) => it
            .cases
            .iter()
            .filter_map(|it| it.cmd.as_ref())
            .try_for_each(simulated),
        CompoundCommand::IfClause(it) => {
            simulated(&it.condition)?;
            simulated(&it.then)?;
            for other in it.elses.iter().flatten() {
                other.condition.as_ref().map_or(Ok(()), simulated)?;
                simulated(&other.body)?;
            }
            Ok(())
        }
        CompoundCommand::WhileClause(it) | CompoundCommand::UntilClause(it) => {
            simulated(&it.0)?;
            simulated(&it.1.list)
        }
        CompoundCommand::Coprocess(_) => unsimulated("coprocesses are not simulated"),
    }
}
