//! `wirelab author`: for those who write labs.

use crate::args::TEMPLATE;

/// For authors of labs: prove that a lab is sound
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab author check                     every lab here
  wirelab author check nacl-ephemeral      one, on 16 seeds

")]
pub(crate) struct Arguments {
    #[command(subcommand)]
    command: AuthorCommand,
}

#[derive(clap::Subcommand)]
enum AuthorCommand {
    Check(CheckArguments),
}

/// Prove labs: unsolved as shipped, solved by their solutions on every seed, wrong answers refused
///
/// Each file in `wrong/` must score what its first line says and fail with the finding it names;
/// hints must not contain the solution.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab author check
  wirelab author check mtu-black-hole --seeds 4

")]
struct CheckArguments {
    /// Labs to check; all of them by default
    #[arg(value_name = "LAB")]
    labs: Vec<String>,
    /// How many whole seeds the solution must solve
    #[arg(long, default_value_t = 16, value_name = "N")]
    seeds: u64,
    #[command(flatten)]
    json: crate::args::Json,
}
