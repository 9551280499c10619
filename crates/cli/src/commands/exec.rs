//! `wirelab exec`: run a program on a simulated host.

use crate::args::TEMPLATE;

/// Run a program on a simulated host: ping, tracepath, curl, nc, ss, ip, iptables, sysctl
///
/// It takes the virtual time it needs: a ping waits for its answers. The exit code is the
/// program's.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab exec app -- ping -M do -s 1472 -c 3 10.0.2.10
  wirelab exec app -- curl -m 5 http://10.0.2.10:8080/
  wirelab exec app -- tracepath -n 10.0.2.10
  wirelab exec app -- ip route

")]
pub(crate) struct Arguments {
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

use crate::failure::{Code, Failure};
use crate::{folder, hosts, output};

pub(crate) fn run(arguments: &Arguments) -> Result<Code, Failure> {
    let mut session = folder::open()?;
    if session.run().world().host(&arguments.host).is_none() {
        return Err(hosts::unknown(&session, &arguments.host));
    }
    let result = session.exec(&arguments.host, &arguments.command)?;
    session.write_evidence()?;
    output::error_text(&result.stderr);
    output::text(&result.stdout)?;
    let status = u8::try_from(result.status).unwrap_or(255);
    Ok(if status == 0 {
        Code::Passed
    } else {
        Code::Program(status)
    })
}
