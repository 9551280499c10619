//! `wirelab exec`: run a program on a simulated host.

use crate::args::{Json, TEMPLATE};

/// Run a program or a script on a simulated host: ping, curl, dig, nc, ss, ip and others
///
/// It takes the virtual time it needs: a ping waits for its answers. The exit code is the
/// program's. One word that is a script is run by bash, as `ssh` does it.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab exec app -- ping -M do -s 1472 -c 3 10.0.2.10
  wirelab exec app -- curl -m 5 http://10.0.2.10:8080/
  wirelab exec app -- tracepath -n 10.0.2.10
  wirelab exec app -- traceroute -T -p 443 10.0.2.10
  wirelab exec app -- ip route
  wirelab exec app -- 'ping -c 3 10.0.2.10 | tail -2; sleep 5; echo $?'
  wirelab exec --json app -- ping -c 3 10.0.2.10      for scripts

")]
pub(crate) struct Arguments {
    #[command(flatten)]
    json: Json,
    /// Let the moment of a prediction pass though nothing was predicted
    #[arg(long)]
    unpredicted: bool,
    /// The host: `app`; `wirelab status` lists them
    #[arg(value_name = "HOST")]
    host: String,
    /// The program and its arguments
    #[arg(
        value_name = "CMD",
        required = true,
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    command: Vec<String>,
}

use serde::Serialize;
use wirelab_model::SimTime;
use wirelab_session::Session;
use wirelab_simulator::host::OutputStream;

use crate::commands::advance;
use crate::failure::{Code, Failure};
use crate::when::print_utc;
use crate::{folder, hosts, output};

/// What a program printed, and when; times are virtual.
#[derive(Serialize)]
struct Ran<'a> {
    host: &'a str,
    command: &'a [String],
    stdout: String,
    stderr: String,
    status: i32,
    started: String,
    ended: String,
    /// UTC of `started`.
    started_utc: String,
    /// UTC of `ended`.
    ended_utc: String,
}

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    let host = hosts::machine(&session, &arguments.host)?;
    if !arguments.unpredicted {
        predicted(&session, &host, &arguments.command)?;
    }
    let (started, started_utc) = (session.now(), session.run().utc());
    let result = session.exec(&host, &arguments.command)?;
    session.write_evidence()?;
    let status = u8::try_from(result.status).unwrap_or(255);
    if arguments.json.json {
        let starts = session.plan().starts;
        output::json(&Ran {
            host: &arguments.host,
            command: &arguments.command,
            stdout: result.stdout,
            stderr: result.stderr,
            status: result.status,
            started: started.to_string(),
            ended: result.ended_at.to_string(),
            started_utc: print_utc(started_utc),
            ended_utc: print_utc(starts.at(result.ended_at)),
        })?;
    } else {
        let mut rest = result.combined.as_str();
        for (stream, length) in &result.order {
            let (part, behind) = rest.split_at(*length);
            match stream {
                OutputStream::Stdout => output::text(part)?,
                OutputStream::Stderr => output::error_text(part),
            }
            rest = behind;
        }
        if status != 0
            && let Some(note) = hosts::user_data::not_done(&session, &host)
        {
            output::note(&note);
        }
    }
    Ok(if status == 0 {
        Code::Passed
    } else {
        Code::Program(status)
    })
}

/// A program takes the time that it takes, which only shows once it has run: so it runs on a copy
/// first, if it might take too long for a prediction that nobody has made.
fn predicted(session: &Session, host: &str, command: &[String]) -> Result<(), Failure> {
    if advance::predicted(session, SimTime::MAX).is_ok() {
        return Ok(());
    }
    let mut copy = session.run().clone();
    if copy.exec(host, command).is_err() {
        // The session says why.
        return Ok(());
    }
    advance::predicted(session, copy.now())
}
