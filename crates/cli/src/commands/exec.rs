//! `wirelab exec`: run a program on a simulated host.

use crate::args::TEMPLATE;

/// Run a program on a simulated host: ping, tracepath, curl, nc, ss, ip, iptables, sysctl
///
/// It takes the virtual time it needs: a ping waits for its answers. The exit code is the program's.
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
