//! `wirelab tcpdump`: the real tcpdump on a simulated host's interface.

use crate::args::TEMPLATE;

/// Run the real tcpdump, with all its options, on a simulated host's interface
///
/// It starts now and prints packets as other commands move time; `-c N` and `--for 60s` run time
/// ahead; `--since` shows the past. Everything else goes to tcpdump: `-nn`, `-v`, `-X`, `-A`, `-e`,
/// `-w FILE`, ... and the expression.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab tcpdump app --since start -nn 'icmp[icmptype] == icmp-unreach'
  wirelab tcpdump app --for 60s -nn -v 'tcp port 5432'
  wirelab tcpdump app -nn -c 3 'tcp[tcpflags] & tcp-syn != 0'
  wirelab tcpdump app -nn            in one terminal, while another runs `wirelab exec`

")]
pub(crate) struct Arguments {
    /// The host or other capture point; `wirelab status` lists them
    #[arg(value_name = "HOST")]
    point: String,
    /// tcpdump's options and expression; before them `--since TIME` and `--for DURATION`
    #[arg(
        value_name = "OPTIONS",
        trailing_var_arg = true,
        allow_hyphen_values = true
    )]
    options: Vec<String>,
}
