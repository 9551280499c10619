//! `wirelab tour`: ninety seconds of one lab, in a folder that is gone afterwards.
//!
//! What is shown is what happens: each step runs this binary, as a learner would, in a temporary
//! folder, with its own home for caches. Nothing of the user's is read or written. On a terminal
//! the words come at the pace at which people read; elsewhere, and with `--no-pace`, at once.

use std::io::{BufRead, BufReader, IsTerminal, Write};
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use tempfile::TempDir;
use wirelab_model::wrapped;

use crate::args::TEMPLATE;
use crate::commands::call::spelling::quoted;
use crate::failure::{Code, Failure};
use crate::folder::bound;
use crate::interrupt::Interrupt;
use crate::terminal::{self, bold, cyan, dim};

/// Watch ninety seconds of one lab; touches nothing
///
/// A lab is played in a temporary folder: real commands, and what they really print. Ctrl-C leaves.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab tour              at reading pace
  wirelab tour --no-pace    at once, as where the output is no terminal

")]
pub(crate) struct Arguments {
    /// Print everything at once
    #[arg(long)]
    no_pace: bool,
}

/// The lab that is played, and the seed that draws its addresses.
const LAB: [&str; 2] = ["nacl-ephemeral", "7"];

/// Something to tell, and a command that shows it.
struct Step {
    tell: &'static str,
    /// Arguments of `wirelab`.
    run: &'static [&'static str],
    /// Leave out the output from the line that begins with this.
    until: Option<&'static str>,
    /// A program that the command needs; without it the step is left out.
    needs: Option<&'static str>,
}

const fn step(tell: &'static str, run: &'static [&'static str]) -> Step {
    Step {
        tell,
        run,
        until: None,
        needs: None,
    }
}

const HELLO: &str = "\
This is a lab, played in a folder that is gone afterwards. The network is simulated on this \
machine, packet by packet; nothing of yours is touched. Ctrl-C leaves.";

const STEPS: &[Step] = &[
    Step {
        until: Some("HOSTS"),
        ..step("You are on call, and this comes in.", &[])
    },
    step(
        "Is it really down? Ask from the machine itself.",
        &[
            "exec", "replica", "--", "nc", "-vz", "-w", "3", "primary", "5432",
        ],
    ),
    Step {
        needs: Some("tcpdump"),
        ..step(
            "Silence, not a refusal. The capture of the replica has its SYNs and no answer.",
            &[
                "tcpdump",
                "replica",
                "-nn",
                "--since",
                "30s",
                "-c",
                "3",
                "host 10.127.229.213 and tcp[tcpflags] & tcp-syn != 0",
            ],
        )
    },
    step(
        "Who refuses what? The VPC's flow log, in Logs Insights' language.",
        &[
            "query",
            "filter action = \"REJECT\" | stats sum(packets) as refused by srcAddr, srcPort, dstAddr",
        ],
    ),
    step(
        "Port 5432 is the source: replies are refused, not requests. The path, hop by hop:",
        &["path", "replica", "primary:5432/tcp", "--long"],
    ),
    step(
        "A network ACL remembers nothing, and the entry for the replies is gone. The advice that \
         circulates is to open 1024-65535 to everybody.",
        &[
            "call",
            "ec2:CreateNetworkAclEntry",
            "NetworkAclId=network_acl.replica",
            "RuleNumber=100",
            "Egress=false",
            "Protocol=6",
            "RuleAction=allow",
            "CidrBlock=0.0.0.0/0",
            "PortRange={\"From\":1024,\"To\":65535}",
        ],
    ),
    step(
        "It works again, but a repair is graded by what the network then does, and by what else \
         it lets in.",
        &["check", "repair"],
    ),
    step("Take it back. Time goes back, too.", &["undo"]),
    step(
        "Once more: the primary's subnet, and Linux's ephemeral ports.",
        &[
            "call",
            "ec2:CreateNetworkAclEntry",
            "NetworkAclId=network_acl.replica",
            "RuleNumber=100",
            "Egress=false",
            "Protocol=6",
            "RuleAction=allow",
            "CidrBlock=10.127.229.0/24",
            "PortRange={\"From\":32768,\"To\":60999}",
        ],
    ),
    step("And now?", &["check", "repair"]),
];

const GOODBYE: &str = "\
That was one of the labs. Yours will have another fault and other addresses.

  wirelab init && cd wirelab && wirelab     begin the course
  wirelab list                              the labs
  wirelab book --open                       the book
";

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let stage = Stage::new(arguments.no_pace)?;
    match play(&stage) {
        Ok(()) => Ok(Code::Passed),
        Err(Stop::Interrupted) => {
            stage.print("\n")?;
            Ok(Code::Interrupted)
        }
        Err(Stop::Failed(failure)) => Err(failure),
    }
}

/// Why the tour ends before its end.
enum Stop {
    Interrupted,
    Failed(Failure),
}

impl<E: Into<Failure>> From<E> for Stop {
    fn from(error: E) -> Self {
        Self::Failed(error.into())
    }
}

fn play(stage: &Stage) -> Result<(), Stop> {
    let [lab, seed] = LAB;
    stage.tell(HELLO)?;
    let made = stage.wirelab(
        stage.folder.path(),
        &["init", "lab", "--lab", lab, "--seed", seed],
    )?;
    if made.code != Some(0) {
        let said = made.lines.join("\n");
        return Err(Failure::internal(format!("the lab cannot be made: {said}")).into());
    }
    let here = stage.folder.path().join("lab");
    for step in STEPS {
        if step.needs.is_none_or(is_installed) {
            stage.show(step, &here)?;
        }
    }
    stage.print(&format!("\n{GOODBYE}"))?;
    Ok(())
}

/// Where the tour is played, and how fast.
struct Stage {
    folder: TempDir,
    paced: bool,
    interrupt: Interrupt,
}

/// What a command printed, stdout and stderr, and its exit code.
struct Printed {
    lines: Vec<String>,
    code: Option<i32>,
}

impl Stage {
    fn new(no_pace: bool) -> Result<Self, Failure> {
        Ok(Self {
            folder: tempfile::Builder::new().prefix("wirelab-tour-").tempdir()?,
            paced: !no_pace && std::io::stdout().is_terminal(),
            interrupt: Interrupt::watch()?,
        })
    }

    /// Says something, and leaves time to read it.
    fn tell(&self, text: &str) -> Result<(), Stop> {
        self.print("\n")?;
        for line in wrapped(text, terminal::columns().min(80)) {
            self.print(&format!("{}\n", bold(line)))?;
        }
        self.rest(text)
    }

    /// Tells what a step is about, types its command and prints what that prints.
    fn show(&self, step: &Step, here: &Path) -> Result<(), Stop> {
        self.tell(step.tell)?;
        self.type_in(step.run)?;
        let printed = self.wirelab(here, step.run)?;
        self.goes_on()?;
        let cut = |line: &&String| step.until.is_none_or(|head| !line.starts_with(head));
        let shown: Vec<_> = printed.lines.iter().take_while(cut).collect();
        for line in &shown {
            self.print(&format!("{line}\n"))?;
            self.wait(Duration::from_millis(40))?;
        }
        if shown.len() < printed.lines.len() {
            self.print(&format!("{}\n", dim("...")))?;
        }
        self.rest(
            &shown
                .into_iter()
                .fold(String::new(), |all, line| all + line + "\n"),
        )
    }

    fn type_in(&self, words: &[&str]) -> Result<(), Stop> {
        self.print(&format!("{} ", cyan("$")))?;
        let words = ["wirelab"].iter().chain(words).map(|word| quoted(word));
        for c in words.collect::<Vec<_>>().join(" ").chars() {
            self.print(&c.to_string())?;
            self.wait(Duration::from_millis(14))?;
        }
        self.print("\n").map_err(Stop::from)
    }

    /// Runs this binary, as if at home in the stage's folder.
    fn wirelab(&self, here: &Path, words: &[&str]) -> Result<Printed, Failure> {
        let home = self.folder.path();
        let color = if std::io::stdout().is_terminal() && !is_plain() {
            "always"
        } else {
            "never"
        };
        let (reader, writer) = std::io::pipe()?;
        let mut command = Command::new(std::env::current_exe()?);
        command
            .args(["--color", color])
            .args(words)
            .current_dir(here)
            .env_remove(bound::SERVED);
        command
            .env_remove("WIRELAB_CONTENT")
            .env("COLUMNS", terminal::columns().to_string());
        for name in [
            "XDG_CACHE_HOME",
            "XDG_CONFIG_HOME",
            "XDG_STATE_HOME",
            "HOME",
        ] {
            command.env(name, home);
        }
        let mut child = command.stdin(std::process::Stdio::null());
        child = child.stdout(writer.try_clone()?).stderr(writer);
        let mut running = child.spawn()?;
        // The command holds the other end of the pipe, and would keep it open.
        drop(command);
        let lines = BufReader::new(reader).lines().collect::<Result<_, _>>()?;
        Ok(Printed {
            lines,
            code: running.wait()?.code(),
        })
    }

    /// As long as it takes to read `text`.
    fn rest(&self, text: &str) -> Result<(), Stop> {
        let words = u64::try_from(text.split_whitespace().count()).unwrap_or(u64::MAX);
        self.wait(Duration::from_millis((words * 135).clamp(1000, 6000)))
    }

    fn wait(&self, time: Duration) -> Result<(), Stop> {
        self.goes_on()?;
        if !self.paced {
            return Ok(());
        }
        let end = Instant::now() + time;
        while let Some(left) = end.checked_duration_since(Instant::now()) {
            std::thread::sleep(left.min(Duration::from_millis(50)));
            self.goes_on()?;
        }
        Ok(())
    }

    fn goes_on(&self) -> Result<(), Stop> {
        if self.interrupt.goes_on().is_break() {
            Err(Stop::Interrupted)
        } else {
            Ok(())
        }
    }

    fn print(&self, text: &str) -> Result<(), Failure> {
        let mut out = anstream::stdout().lock();
        out.write_all(text.as_bytes())?;
        Ok(out.flush()?)
    }
}

/// Whether this terminal is not to have colours.
fn is_plain() -> bool {
    std::env::var_os("NO_COLOR").is_some_and(|it| !it.is_empty()) || terminal::ascii_only()
}

fn is_installed(program: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path).any(|folder| folder.join(program).is_file())
}
