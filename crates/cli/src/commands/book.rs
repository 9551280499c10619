//! `wirelab book`: the book, read page by page, or built, opened and served; and the preprocessor
//! that makes its pictures.
//!
//! The binary holds the book (`pages`), and shows a page as text (`text`). Pages with pictures are
//! mdBook's, made of the sources of a clone where there is one, else of the binary's own.

pub(crate) mod pages;
mod text;

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Serialize;
use wirelab_book::preprocess;
use wirelab_session::Content;

use self::pages::{Book, Page};
use crate::args::{Json, TEMPLATE};
use crate::failure::{Code, Failure};
use crate::terminal::{bold, dim};
use crate::{content, output, pager, terminal};

/// Read the book: without a page its table of contents; or build it with mdBook
///
/// What is read here is the text. With pictures of every lab's network, quizzes that open and cheat
/// sheets to print it is pages that mdBook makes, of `book/` of wirelab's repository in this folder
/// or one above it, else of the binary's own copy.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab book                    what there is
  wirelab book mtu                a page, by its name, path or title
  wirelab book --search conntrack
  wirelab book --open             all of it, in the browser
  wirelab book --build --dest FOLDER
  wirelab book --serve            on http://127.0.0.1:3000, anew after every change

")]
pub(crate) struct Arguments {
    /// The page to read
    #[arg(value_name = "PAGE", conflicts_with_all = ["build", "open", "serve", "dest", "search"])]
    page: Option<String>,
    /// Show what the page folds as well: the files of its network
    #[arg(long, requires = "page")]
    all: bool,
    /// Show the lines with this text, whatever its case
    #[arg(long, value_name = "TEXT", conflicts_with_all = ["build", "open", "serve", "dest"])]
    search: Option<String>,
    /// Build it: into target/book of a clone
    #[arg(long)]
    build: bool,
    /// Build it, and show it in the browser
    #[arg(long)]
    open: bool,
    /// Serve it on loopback, and build it anew whenever a source changes; Ctrl-C ends it
    #[arg(long)]
    serve: bool,
    /// The port to serve at
    #[arg(long, value_name = "PORT", default_value_t = 3000, requires = "serve")]
    port: u16,
    /// Build it into this folder
    #[arg(long, value_name = "FOLDER")]
    dest: Option<PathBuf>,
    #[command(flatten)]
    json: Json,
    /// Be mdBook's preprocessor: read the book from stdin, write it to stdout
    #[arg(long, hide = true)]
    preprocess: bool,
    /// What mdBook asks a preprocessor first, after the word `supports`
    #[arg(hide = true, requires = "preprocess")]
    renderer: Option<String>,
}

/// A page as `--json` shows it.
#[derive(Serialize)]
struct Shown<'b> {
    name: &'b str,
    title: &'b str,
    part: &'b str,
    /// Below `book/src`, without its ending.
    path: &'b str,
    /// Markdown, of one page alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<&'b str>,
}

#[derive(Serialize)]
struct Contents<'b> {
    pages: Vec<Shown<'b>>,
}

/// The variable by which mdBook takes our preprocessor from elsewhere than `book.toml` says.
const PREPROCESSOR: &str = "MDBOOK_PREPROCESSOR__WIRELAB__COMMAND";

/// Lines are read most easily if they are no longer.
const WIDEST: usize = 100;

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    if arguments.preprocess {
        return be_preprocessor(arguments);
    }
    if arguments.build || arguments.open || arguments.serve || arguments.dest.is_some() {
        return mdbook(arguments);
    }
    let book = Book::of_binary()?;
    match (&arguments.page, &arguments.search) {
        (Some(name), _) => read(&book, name, arguments)?,
        (None, Some(word)) => search(&book, word, arguments.json.json)?,
        (None, None) if arguments.json.json => {
            let pages = book.pages().iter();
            let pages = pages.map(|page| shown(&book, page, None)).collect();
            output::json(&Contents { pages })?;
        }
        (None, None) => pager::text(&contents(&book))?,
    }
    Ok(Code::Passed)
}

fn shown<'b>(book: &'b Book, page: &'b Page, text: Option<&'b str>) -> Shown<'b> {
    Shown {
        name: book.name(&page.path).unwrap_or(&page.path),
        title: &page.title,
        part: &page.part,
        path: &page.path,
        text,
    }
}

fn read(book: &Book, name: &str, arguments: &Arguments) -> Result<(), Failure> {
    let page = book.find(name)?;
    if arguments.json.json {
        return output::json(&shown(book, page, book.markdown(&page.path)));
    }
    let width = terminal::columns().min(WIDEST);
    pager::text(&text::page(book, &page.path, width, arguments.all))?;
    let others: Vec<_> = book
        .namesakes(page)
        .filter_map(|it| book.name(&it.path))
        .map(|name| format!("`wirelab book {name}`"))
        .collect();
    if !others.is_empty() {
        output::note(&format!(
            "of that name there are also {}",
            others.join(", ")
        ));
    }
    Ok(())
}

/// The chapter that tells how one run of a lab was solved, in lines of `width` columns; `None`:
/// there is none.
pub(crate) fn story_of(lab: &str, width: usize) -> Result<Option<String>, Failure> {
    let Some(name) = pages::chapter_of(lab) else {
        return Ok(None);
    };
    let book = Book::of_binary()?;
    let page = book.find(&name)?;
    let width = width.min(WIDEST);
    Ok(Some(text::page(&book, &page.path, width, false)))
}

fn contents(book: &Book) -> String {
    let names = book.pages().iter().filter_map(|it| book.name(&it.path));
    let wide = names.map(str::len).max().unwrap_or(0);
    let mut text = String::new();
    let mut part = "";
    for page in book.pages() {
        if page.part != part {
            part = &page.part;
            text += &format!("\n{}\n", bold(part));
        }
        let name = book.name(&page.path).unwrap_or(&page.path);
        let indent = "  ".repeat(page.depth);
        text += &format!("  {name:<wide$}  {indent}{}\n", page.title);
    }
    text + &format!(
        "\n{}\n",
        dim("wirelab book NAME reads one; --open shows them with pictures")
    )
}

/// Lines that are shown of a page in which something is found.
const LINES: usize = 3;

fn search(book: &Book, word: &str, json: bool) -> Result<(), Failure> {
    let found = book.search(word);
    if json {
        let pages = found.iter().map(|(page, _)| shown(book, page, None));
        return output::json(&Contents {
            pages: pages.collect(),
        });
    }
    if found.is_empty() {
        output::note(&format!("`{word}` is nowhere in the book"));
        return Ok(());
    }
    let mut text = String::new();
    for (page, lines) in &found {
        let name = book.name(&page.path).unwrap_or(&page.path);
        text += &format!("{}  {}\n", bold(name), page.title);
        for line in lines.iter().take(LINES) {
            text += &format!("    {}\n", line.trim());
        }
        if lines.len() > LINES {
            text += &format!("    {}\n", dim(format!("and {} more", lines.len() - LINES)));
        }
    }
    pager::text(&text)
}

fn mdbook(arguments: &Arguments) -> Result<Code, Failure> {
    let mdbook = program("mdbook").ok_or_else(|| {
        Failure::environment("mdbook, which makes pages of the book's sources, is not installed")
            .hint("cargo install mdbook --locked")
            .hint("without it: `wirelab book` lists the pages, `wirelab book PAGE` shows one here")
    })?;
    let sources = match sources()? {
        Some(sources) => sources,
        None => Book::of_binary()?.unpacked()?,
    };
    let mut command = Command::new(mdbook);
    if arguments.serve {
        let port = arguments.port.to_string();
        command.args(["serve", "--hostname", "127.0.0.1", "--port", &port]);
    } else {
        command.arg("build");
    }
    if arguments.open {
        command.arg("--open");
    }
    if let Some(folder) = &arguments.dest {
        command.arg("--dest-dir").arg(std::path::absolute(folder)?);
    }
    command.arg(&sources).env(PREPROCESSOR, own_command()?);
    let status = command
        .status()
        .map_err(|error| Failure::environment(format!("mdbook cannot be started: {error}")))?;
    let code = status.code().unwrap_or(128);
    Ok(Code::Program(u8::try_from(code).unwrap_or(u8::MAX)))
}

/// The nearest `book/` with a `book.toml`, from here upwards.
fn sources() -> Result<Option<PathBuf>, Failure> {
    let here = std::env::current_dir()?;
    let mut folders = here.ancestors().map(|it| it.join("book"));
    Ok(folders.find(|it| it.join("book.toml").is_file()))
}

/// A program of PATH, or of the folder into which cargo installs.
fn program(name: &str) -> Option<PathBuf> {
    let cargo = std::env::var_os("CARGO_HOME").map(PathBuf::from);
    let cargo = cargo.or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cargo")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders = std::env::split_paths(&path).chain(cargo.map(|it| it.join("bin")));
    let mut files = folders.map(|folder| folder.join(name));
    files.find(|it| it.is_file())
}

/// This binary as a preprocessor, in the words of `book.toml`, where quotes hold a path together.
fn own_command() -> Result<String, Failure> {
    let own = std::env::current_exe()?;
    Ok(format!("'{}' book --preprocess", own.display()))
}

/// mdBook asks whether we serve a renderer (`supports html`), then sends the book.
fn be_preprocessor(arguments: &Arguments) -> Result<Code, Failure> {
    if let Some(renderer) = &arguments.renderer {
        return Ok(if renderer == "html" {
            Code::Passed
        } else {
            Code::NotPassed
        });
    }
    let mut sent = String::new();
    std::io::stdin().read_to_string(&mut sent)?;
    let content = labs_of(&sent).map_or_else(content::find, Ok)?;
    let book = preprocess(&sent, content).map_err(Failure::usage)?;
    std::io::stdout().write_all(book.as_bytes())?;
    Ok(Code::Passed)
}

/// The labs beside the book that is being made.
fn labs_of(sent: &str) -> Option<Content> {
    let sent: serde_json::Value = serde_json::from_str(sent).ok()?;
    Content::find(Path::new(sent[0]["root"].as_str()?))
}
