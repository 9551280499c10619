//! `wirelab env`: the lab's endpoint for a shell that is there already.
//!
//! `eval "$(wirelab env)"` cannot wait for a server, so the server is a process of its own behind
//! it. It ends with the shell that evaluates ([`owner`]), with the lab's folder, or by `--stop`;
//! nothing else keeps it, and nothing is lost with it: the session is on disk. A script that asks
//! for what its shell has already gets the same endpoint.
//!
//! What `eval` gets decides where the next `aws` goes. When there is no endpoint to be had it is
//! lines after which `aws` refuses ([`refuse`]): with nothing at all, the script would go on and
//! work on the account that the shell had before. `--stop` gives that back, as it was.

mod owner;

use std::io::{BufRead, BufReader, IsTerminal, Read, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use rustix::io::Errno;
use rustix::process::{Pid, test_kill_process};
use wirelab_aws_api::Stopper;

use crate::args::TEMPLATE;
use crate::commands::shell;
use crate::commands::shell::surroundings::{OWNER, Surroundings, exports_again, farewell};
use crate::commands::shell::syntax::Syntax;
use crate::commands::shell::{before, gone};
use crate::failure::{Code, Failure};
use crate::{folder, output};

/// Print what makes the present shell's `aws`, boto3 and SDKs speak to the simulated network
///
/// The endpoint goes on in the background until this shell or script ends, or it is stopped.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  eval \"$(wirelab env)\"                from now on `aws` in this shell is the lab's
  eval \"$(wirelab env --stop)\"         and no longer: what the shell had before is back
  wirelab env | source                 the same in fish
  wirelab env --serve --port 4566      serve in the foreground, until Ctrl-C

")]
pub(crate) struct Arguments {
    /// End the endpoint that this shell was given, and print what gives it back what it had before
    #[arg(long, conflicts_with_all = ["serve", "port"])]
    stop: bool,
    /// For which shell to print; the one that asks without it
    #[arg(long, value_enum, value_name = "SHELL")]
    shell: Option<Syntax>,
    /// Print what the shell has now
    #[arg(long, hide = true, conflicts_with_all = ["serve", "stop", "port"])]
    before: bool,
    #[command(flatten)]
    manner: shell::Manner,
    /// Serve here, in the foreground
    #[arg(long)]
    serve: bool,
    /// Listen on this port of 127.0.0.1; any that is free without it
    #[arg(long, value_name = "PORT")]
    port: Option<u16>,
    /// End when this process does (0: none), or the lab's folder is gone
    #[arg(long, hide = true, value_name = "PID", requires = "serve")]
    until: Option<i32>,
}

/// The last line of what a server in the background prints: all is there.
const READY: &str = "# the endpoint listens";

/// How often a server looks whether it is still wanted.
const WATCH: Duration = Duration::from_secs(2);

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let syntax = arguments.shell.unwrap_or_else(Syntax::of_parent);
    if arguments.before {
        return output::text(&before::text()).map(|()| Code::Passed);
    }
    if arguments.stop {
        return stop(syntax);
    }
    if arguments.serve {
        return serve(arguments, syntax);
    }
    // What is wrong with the lab is better said here than through the server's mouth.
    let folder = to_serve()?;
    drop(folder::open_in(&folder)?);
    if let Some(text) = as_it_is(arguments, syntax, &folder) {
        return output::text(&text).map(|()| Code::Passed);
    }
    let owner = owner::pid();
    // A second endpoint for one shell would leave the first behind. That of a shell around it is
    // not ours to end.
    if std::env::var(OWNER).is_ok_and(|it| it == owner.to_string()) {
        stop_earlier();
    }
    let text = start_behind(arguments, syntax, &folder, owner)?;
    output::text(&text).map(|()| Code::Passed)
}

/// The lines once more for a shell that has an endpoint of that session, if it asks for no other
/// kind of one.
fn as_it_is(arguments: &Arguments, syntax: Syntax, folder: &Path) -> Option<String> {
    let manner = arguments.manner;
    if manner.strict || manner.pace.is_some() || arguments.port.is_some() {
        return None;
    }
    let about = wirelab_aws_api::about(endpoint()?.0).ok()?;
    let same = Path::new(&about.folder).canonicalize().ok()? == folder.canonicalize().ok()?;
    same.then(|| exports_again(syntax))?
}

/// Prints what `eval` must get when this command has failed with `code`. A shell whose earlier
/// endpoint still answers keeps it; a person at a terminal has read what was wrong.
pub(crate) fn refuse(code: Code) {
    let words: Vec<String> = std::env::args().collect();
    let serves = words.iter().any(|it| it == "--serve" || it == "--before");
    if serves || std::io::stdout().is_terminal() {
        return;
    }
    let fish = words.iter().any(|it| it == "fish" || it == "--shell=fish");
    let syntax = if fish {
        Syntax::Fish
    } else {
        Syntax::of_parent()
    };
    let answers = endpoint().is_some_and(|(port, _)| wirelab_aws_api::about(port).is_ok());
    let text = match answers {
        true => syntax.fails(code.status()),
        false => match gone::refusal(syntax, code.status()) {
            Ok(text) => text,
            Err(failure) => return failure.print(),
        },
    };
    if output::text(&text).is_ok() && !answers {
        output::note(
            "`aws` in this shell refuses until it has an endpoint; `eval \"$(wirelab env --stop)\"` \
             gives back what it had",
        );
    }
}

/// Ends the endpoint and gives the shell back what it had.
fn stop(syntax: Syntax) -> Result<Code, Failure> {
    stop_earlier();
    match farewell(syntax) {
        Some(text) => output::text(&text)?,
        // To take the lab's variables away would leave the learner's real account in their place.
        None if endpoint().is_some() => {
            output::note("this shell is the lab's own: `aws` refuses now, and `exit` leaves it")
        }
        None => output::note("this shell has no endpoint"),
    }
    Ok(Code::Passed)
}

/// Port and secret of the endpoint that this shell's variables name.
fn endpoint() -> Option<(u16, String)> {
    let port = std::env::var("WIRELAB_ENDPOINT").ok()?.parse().ok()?;
    Some((port, std::env::var("WIRELAB_ENDPOINT_SECRET").ok()?))
}

/// Ends the endpoint that the variables of this shell name; one that is gone already is no error.
fn stop_earlier() {
    if let Some((port, secret)) = endpoint() {
        wirelab_aws_api::stop(port, &secret).ok();
    }
}

/// The session to serve. A shell that was given an endpoint by `wirelab env` is moved by asking for
/// one elsewhere; one that was started about a session stays with it.
fn to_serve() -> Result<PathBuf, Failure> {
    let moved = match before::carried() {
        Some(_) => folder::here()?,
        None => None,
    };
    let folder = match moved {
        Some(folder) => Some(folder),
        None => folder::session_folder()?,
    };
    folder.ok_or_else(folder::no_folder)
}

fn serve(arguments: &Arguments, syntax: Syntax) -> Result<Code, Failure> {
    let folder = to_serve()?;
    let serving = shell::serve(&shell::Place {
        folder: &folder,
        port: arguments.port.unwrap_or(0),
        manner: arguments.manner,
    })?;
    let surroundings = Surroundings::of(&serving)?;
    output::text(&(surroundings.exports(syntax, arguments.until) + READY + "\n"))?;
    std::io::stdout().flush()?;
    if let Some(pid) = arguments.until {
        let stopper = serving.server.stopper();
        thread::spawn(move || watch(Pid::from_raw(pid.max(0)), &folder, &stopper));
    }
    serving.server.run()?;
    Ok(Code::Passed)
}

/// Stops the server when the process (if there is one to look at) or the lab's folder is gone. A
/// folder that is gone for a moment is one that is being put aside.
fn watch(pid: Option<Pid>, folder: &Path, stopper: &Stopper) {
    let mut gone = 0;
    while gone < 2 {
        thread::sleep(WATCH);
        // One of another user is there too, and may not be asked.
        let over = pid.is_some_and(|pid| test_kill_process(pid) == Err(Errno::SRCH));
        let no_lab = !folder.join(".wirelab").is_dir();
        gone = match (over, no_lab) {
            (true, _) => 2,
            (false, true) => gone + 1,
            (false, false) => 0,
        };
    }
    stopper.stop();
}

/// Starts a server that outlives this process, and gives what it prints.
fn start_behind(
    arguments: &Arguments,
    syntax: Syntax,
    folder: &Path,
    owner: i32,
) -> Result<String, Failure> {
    let mut command = Command::new(std::env::current_exe()?);
    let until = owner.to_string();
    command.arg("-C").arg(folder).args([
        "env",
        "--serve",
        "--until",
        &until,
        "--shell",
        syntax.name(),
    ]);
    if arguments.manner.strict {
        command.arg("--strict");
    }
    if arguments.manner.pace.is_some() {
        command.args(["--pace", "real"]);
    }
    if let Some(port) = arguments.port {
        command.args(["--port", &port.to_string()]);
    }
    // A group of its own: Ctrl-C in the terminal is not meant for it.
    let started = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .spawn();
    let mut server = started.map_err(Failure::environment)?;
    let mut text = String::new();
    let mut lines = BufReader::new(server.stdout.take().expect("it is piped"));
    loop {
        let before = text.len();
        if lines.read_line(&mut text)? == 0 {
            break;
        }
        if text[before..].trim_end() == READY {
            text.truncate(before);
            return Ok(text);
        }
    }
    let mut talk = String::new();
    server
        .stderr
        .take()
        .expect("it is piped")
        .read_to_string(&mut talk)?;
    server.wait()?;
    let talk = talk.trim_start_matches("error: ").trim_end();
    Err(Failure::environment(format!(
        "the endpoint did not come up: {talk}"
    )))
}
