//! `wirelab doctor`: which tools are there, and what each is for.

use std::process::{Command, Stdio};

use serde::Serialize;

use crate::args::{Json, TEMPLATE};
use crate::failure::{Code, Failure};
use crate::terminal::{Mark, dim};
use crate::{content, output};

/// Say which tools are installed and what each is for
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab doctor            exit code 3 if something needed is missing
  wirelab doctor --json     for scripts

")]
pub(crate) struct Arguments {
    #[command(flatten)]
    json: Json,
}

/// A program that wirelab uses or that goes well with it.
struct Tool {
    name: &'static str,
    version: &'static [&'static str],
    needed: bool,
    purpose: &'static str,
    install: &'static str,
}

impl Tool {
    /// What is run to ask for its version; a library is asked for by its language.
    fn program(&self) -> &str {
        match self.name {
            "boto3" => "python3",
            name => name,
        }
    }
}

const TOOLS: &[Tool] = &[
    Tool {
        name: "tcpdump",
        version: &["--version"],
        needed: true,
        purpose: "`wirelab tcpdump` prints packets with it",
        install: "apt install tcpdump | dnf install tcpdump | brew install tcpdump",
    },
    Tool {
        name: "tshark",
        version: &["--version"],
        needed: false,
        purpose: "reads evidence/*.pcap with full dissection",
        install: "apt install tshark | dnf install wireshark-cli | brew install wireshark",
    },
    Tool {
        name: "wireshark",
        version: &["--version"],
        needed: false,
        purpose: "the same in a window",
        install: "apt install wireshark | dnf install wireshark | brew install --cask wireshark",
    },
    Tool {
        name: "text2pcap",
        version: &["--version"],
        needed: false,
        purpose: "comes with tshark; the book's chapter on Traffic Mirroring makes packets with it",
        install: "apt install tshark | dnf install wireshark-cli | brew install wireshark",
    },
    Tool {
        name: "aws",
        version: &["--version"],
        needed: false,
        purpose: "speaks to the lab's network in `wirelab shell` and `wirelab sandbox`",
        install: "pip install awscli, or https://aws.amazon.com/cli/",
    },
    Tool {
        name: "boto3",
        version: &["-c", "import boto3; print('boto3', boto3.__version__)"],
        needed: false,
        purpose: "the same from Python",
        install: "pip install boto3",
    },
    Tool {
        name: "mdbook",
        version: &["--version"],
        needed: false,
        purpose: "makes the book's pages with pictures: `wirelab book --open`",
        install: "cargo install mdbook --locked",
    },
];

/// What was found.
#[derive(Serialize)]
struct Finding {
    name: &'static str,
    found: Option<String>,
    needed: bool,
    purpose: String,
    install: Option<&'static str>,
}

#[derive(Serialize)]
struct Diagnosis {
    ready: bool,
    findings: Vec<Finding>,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut findings: Vec<_> = TOOLS.iter().map(look_for).collect();
    findings.push(look_for_content());
    let ready = findings.iter().all(|f| f.found.is_some() || !f.needed);
    let diagnosis = Diagnosis { ready, findings };
    if arguments.json.json {
        output::json(&diagnosis)?;
    } else {
        output::text(&print(&diagnosis))?;
    }
    Ok(if ready {
        Code::Passed
    } else {
        Code::Environment
    })
}

fn look_for(tool: &Tool) -> Finding {
    Finding {
        name: tool.name,
        found: version(tool.program(), tool.version),
        needed: tool.needed,
        purpose: tool.purpose.to_owned(),
        install: Some(tool.install),
    }
}

fn look_for_content() -> Finding {
    let content = content::find().and_then(|content| {
        let labs = content.labs()?.len();
        Ok(format!("{labs} in {}", content.root().display()))
    });
    Finding {
        name: "labs",
        purpose: match &content {
            Ok(_) => "what you can play".to_owned(),
            Err(failure) => failure.to_string(),
        },
        found: content.ok(),
        needed: true,
        install: None,
    }
}

/// The first line of what the program says about itself.
fn version(program: &str, arguments: &[&str]) -> Option<String> {
    let output = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .output()
        .ok()?;
    let failed = !output.status.success() && output.stdout.is_empty();
    if failed && program == "python3" {
        return None;
    }
    let said = [output.stdout, output.stderr].concat();
    let said = String::from_utf8_lossy(&said);
    Some(said.lines().next().unwrap_or_default().trim().to_owned())
}

fn print(diagnosis: &Diagnosis) -> String {
    let mut text = String::new();
    for finding in &diagnosis.findings {
        let mark = match (&finding.found, finding.needed) {
            (Some(_), _) => Mark::Good,
            (None, true) => Mark::Bad,
            (None, false) => Mark::Partly,
        };
        let found = finding.found.as_deref().unwrap_or("not installed");
        text += &format!(" {} {:<10} {found}\n", mark.shown(), finding.name);
        text += &format!("   {:<10} {}\n", "", dim(&finding.purpose));
        if let (None, Some(install)) = (&finding.found, finding.install) {
            text += &format!("   {:<10} {}\n", "", dim(install));
        }
    }
    text += if diagnosis.ready {
        "\nready: `wirelab init` makes a lab folder\n"
    } else {
        "\nsomething needed is missing\n"
    };
    text
}
