//! The command line. Each sub-command's help begins with examples.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum, ValueHint};

use crate::commands::{
    advance, author, book, call, check, doctor, env, exec, export, grade, hint, history, id, init,
    list, metrics, next, note, path, predict, query, reach, replay, reset, sandbox, shell, start,
    status, submit, tcpdump, tour, undo,
};

/// Examples come first: they answer most questions.
pub(crate) const TEMPLATE: &str = "\
{about-with-newline}
{before-help}{usage-heading} {usage}

{all-args}{after-help}";

/// A flight simulator for cloud networks: real packets, AWS behaviour, outages to find and repair.
#[derive(Parser)]
#[command(
    name = "wirelab",
    version,
    help_template = TEMPLATE,
    before_help = EXAMPLES,
    after_help = WATCH,
    max_term_width = 100,
    infer_subcommands = false,
    disable_help_subcommand = false
)]
pub(crate) struct Cli {
    /// Act as if started in this folder
    #[arg(short = 'C', long, value_name = "FOLDER", value_hint = ValueHint::DirPath)]
    #[arg(global = true, help_heading = EVERYWHERE)]
    pub(crate) directory: Option<PathBuf>,

    /// Colours: `auto` follows the terminal, NO_COLOR and TERM
    #[arg(long, value_enum, default_value_t = Color::Auto, value_name = "WHEN")]
    #[arg(global = true, help_heading = EVERYWHERE)]
    pub(crate) color: Color,

    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

/// The heading of options that every sub-command takes.
const EVERYWHERE: &str = "Options of every command";

const EXAMPLES: &str = "\
Examples:
  wirelab init && cd wirelab && wirelab          the first ticket
  wirelab tcpdump app -nn 'icmp' --since start   what a host saw
  wirelab path replica primary:5432/tcp          where a packet stops, and why
  wirelab check                                  graded by what the network does

";

/// What `wirelab` alone does, which has no help of its own.
const WATCH: &str = "
Alone on a terminal, in a lab, `wirelab` shows the lab's page and grades again whenever you save an
answer or change the network. Keys: h hint, t ticket, c check, l list of the labs, q quit.
";

/// When to colour.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Color {
    Auto,
    Always,
    Never,
}

/// The sub-commands, in the order in which a learner meets them.
#[derive(Subcommand)]
pub(crate) enum Command {
    Init(init::Arguments),
    List(list::Arguments),
    Next(next::Arguments),
    Start(start::Arguments),
    Status(status::Arguments),
    Exec(exec::Arguments),
    Tcpdump(tcpdump::Arguments),
    Query(query::Arguments),
    Metrics(metrics::Arguments),
    Path(path::Arguments),
    Reach(reach::Arguments),
    Call(call::Arguments),
    Id(id::Arguments),
    Shell(shell::Arguments),
    Env(env::Arguments),
    Sandbox(sandbox::Arguments),
    Check(check::Arguments),
    Predict(predict::Arguments),
    Note(note::Arguments),
    Hint(hint::Arguments),
    History(history::Arguments),
    Undo(undo::Arguments),
    Reset(reset::Arguments),
    Advance(advance::Arguments),
    Submit(submit::Arguments),
    Replay(replay::Arguments),
    Author(author::Arguments),
    Grade(grade::Arguments),
    Export(export::Arguments),
    Tour(tour::Arguments),
    Book(book::Arguments),
    Doctor(doctor::Arguments),
}

/// `--json`, for commands that only read.
#[derive(Args, Clone, Copy)]
pub(crate) struct Json {
    /// Print JSON with a `schema_version` instead of text
    #[arg(long)]
    pub(crate) json: bool,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::Cli;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_sub_command_begins_its_help_with_examples() {
        for command in Cli::command().get_subcommands() {
            let help = command.get_before_help().map(ToString::to_string);
            let help = help.unwrap_or_default();
            assert!(help.starts_with("Examples:\n"), "{}", command.get_name());
        }
    }
}
