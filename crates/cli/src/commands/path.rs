//! `wirelab path`: a packet's journey, there and back.

use crate::args::{Json, TEMPLATE};

/// Follow a packet through the network, there and back, hop by hop; changes nothing
///
/// Each deny is recorded and the walk goes on, so that all blockers show at once.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab path app db:5432/tcp
  wirelab path app 198.51.100.7:443
  wirelab path app db/icmp --size 1400      does a packet of 1400 octets fit?

")]
pub(crate) struct Arguments {
    /// The host that sends
    #[arg(value_name = "FROM")]
    from: String,
    /// Where to: `HOST:PORT/tcp`, `ADDRESS:PORT/udp`, `HOST/icmp`
    #[arg(value_name = "TO")]
    to: String,
    /// Source port; one of the sender's ephemeral range by default
    #[arg(long, value_name = "PORT")]
    source_port: Option<u16>,
    /// IP length of the packet in octets
    #[arg(long, value_name = "OCTETS")]
    size: Option<u16>,
    #[command(flatten)]
    json: Json,
}
