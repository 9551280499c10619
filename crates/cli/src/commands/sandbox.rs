//! `wirelab sandbox`: empty accounts to build a network in.

use std::path::{Path, PathBuf};

use wirelab_session::{Content, Session};

use crate::args::TEMPLATE;
use crate::commands::shell;
use crate::failure::{Code, Failure};
use crate::{content, folder, output};

/// Build a network of your own in empty AWS accounts, with `aws`, boto3 or any SDK, and use it
///
/// A shell as `wirelab shell` starts it, in a folder that is made if it is not there. Every
/// instance is a machine: `wirelab exec`, `path` and `tcpdump` take it by Name tag, id or address.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab sandbox                                  a shell in ./sandbox
  wirelab sandbox my-network -- python3 build.py   one command, and its exit code
  wirelab sandbox --temporary -- pytest            a network that goes with the command
  wirelab sandbox --pace real -- ./wait.sh         time goes by the wall clock
  wirelab sandbox --serve --port 4566              serve until Ctrl-C; prints the variables

")]
pub(crate) struct Arguments {
    /// The folder of the sandbox
    #[arg(value_name = "FOLDER", default_value = "sandbox")]
    folder: PathBuf,
    /// A folder that is removed again
    #[arg(long, conflicts_with = "folder")]
    temporary: bool,
    /// The same number gives the same ids
    #[arg(long, value_name = "N", default_value_t = 1)]
    seed: u64,
    /// Print the variables for clients, and serve in the foreground
    #[arg(long, conflicts_with = "command")]
    serve: bool,
    /// Listen on this port of 127.0.0.1; any that is free without it
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    #[command(flatten)]
    manner: shell::Manner,
    /// A command to run in place of a shell
    #[arg(value_name = "COMMAND", last = true)]
    command: Vec<String>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let temporary = match arguments.temporary {
        true => Some(tempfile::tempdir()?),
        false => None,
    };
    let folder = temporary
        .as_ref()
        .map_or(&*arguments.folder, |it| it.path());
    make(folder, arguments.seed)?;
    let whole = std::path::absolute(folder)?;
    let place = shell::Place {
        folder: &whole,
        port: arguments.port.unwrap_or(0),
        manner: arguments.manner,
    };
    if arguments.serve {
        return shell::serve_here(&place);
    }
    shell::run_in(&place, Some(&whole), &arguments.command)
}

/// Makes the sandbox unless it is there.
fn make(folder: &Path, seed: u64) -> Result<(), Failure> {
    let there = Session::find(folder).filter(|found| found == folder);
    if there.is_some() {
        let session = folder::open_in(folder)?;
        let lab = &session.lab().name;
        if lab == Content::SANDBOX {
            return Ok(());
        }
        let shown = folder.display();
        return Err(
            Failure::usage(format!("`{shown}` is the lab `{lab}`, no sandbox"))
                .hint("`wirelab sandbox FOLDER` takes another folder"),
        );
    }
    folder::create(folder, &content::find()?, Content::SANDBOX, Some(seed))?;
    let shown = folder.display();
    output::note(&format!(
        "{shown}/ is a new sandbox: accounts 123456789012 and 210987654321"
    ));
    Ok(())
}
