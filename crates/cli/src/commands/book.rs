//! `wirelab book`: the book, built, opened or served; and the preprocessor that makes its pictures.

use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::Command;

use wirelab_book::preprocess;
use wirelab_session::Content;

use crate::args::TEMPLATE;
use crate::content;
use crate::failure::{Code, Failure};

/// Build the book with mdBook: chapters, pictures of every lab's network, quizzes, cheat sheets
///
/// The sources are `book/` of wirelab's repository, in this folder or one above it.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab book                    build it into target/book
  wirelab book --open             and show it in the browser
  wirelab book --serve            serve it on http://127.0.0.1:3000, anew after every change
  wirelab book --dest FOLDER      build it there

")]
pub(crate) struct Arguments {
    /// Show it in the browser
    #[arg(long)]
    open: bool,
    /// Serve it on loopback, and build it anew whenever a source changes; Ctrl-C ends it
    #[arg(long)]
    serve: bool,
    /// The port to serve at
    #[arg(long, value_name = "PORT", default_value_t = 3000, requires = "serve")]
    port: u16,
    /// Build into this folder
    #[arg(long, value_name = "FOLDER")]
    dest: Option<PathBuf>,
    /// Be mdBook's preprocessor: read the book from stdin, write it to stdout
    #[arg(long, hide = true)]
    preprocess: bool,
    /// What mdBook asks a preprocessor first: `supports html`
    #[arg(hide = true, requires = "preprocess", num_args = 2)]
    question: Vec<String>,
}

/// The variable by which mdBook takes our preprocessor from elsewhere than `book.toml` says.
const PREPROCESSOR: &str = "MDBOOK_PREPROCESSOR__WIRELAB__COMMAND";

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    if arguments.preprocess {
        return be_preprocessor(&arguments.question);
    }
    let sources = sources()?;
    let mdbook = program("mdbook").ok_or_else(|| {
        Failure::environment("mdbook, which makes pages of the book's sources, is not installed")
            .hint("cargo install mdbook --locked")
            .hint("the sources are Markdown and can be read as they are: book/src/SUMMARY.md")
    })?;
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
fn sources() -> Result<PathBuf, Failure> {
    let here = std::env::current_dir()?;
    let mut folders = here.ancestors().map(|it| it.join("book"));
    folders
        .find(|it| it.join("book.toml").is_file())
        .ok_or_else(|| {
            Failure::usage("neither here nor in a folder above is a `book/` with a `book.toml`")
                .hint("the book's sources are in wirelab's repository: run this in a clone of it")
                .hint("`wirelab -C CLONE book` runs it there")
        })
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

/// mdBook asks whether we serve a renderer, then sends the book.
fn be_preprocessor(question: &[String]) -> Result<Code, Failure> {
    if let [_, renderer] = question {
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
