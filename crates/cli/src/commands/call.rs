//! `wirelab call`: one API call, with EC2's operation and parameter names.

use crate::args::TEMPLATE;

/// Make an API call in the simulated account, with EC2's operation and parameter names
///
/// The reply is printed as JSON. Values are JSON where they parse as such (objects, lists, numbers,
/// true, false), else text.
#[derive(clap::Args)]
#[command(help_template = TEMPLATE, before_help = "\
Examples:
  wirelab call ec2:DescribeNetworkAcls
  wirelab call ec2:DescribeRouteTables 'Filters=[{\"Name\":\"vpc-id\",\"Values\":[\"vpc-0a1b\"]}]'
  wirelab call ec2:CreateNetworkAclEntry NetworkAclId=acl-0a1b RuleNumber=120 Egress=false \\
      Protocol=6 RuleAction=allow CidrBlock=10.0.1.0/24 'PortRange={\"From\":32768,\"To\":60999}'
  wirelab call --list NetworkAcl           operations with that word, and their parameters

")]
pub(crate) struct Arguments {
    /// The operation: `ec2:DescribeSubnets`
    #[arg(value_name = "OPERATION", required_unless_present = "list")]
    operation: Option<String>,
    /// Parameters: `Name=value`
    #[arg(value_name = "NAME=VALUE")]
    parameters: Vec<String>,
    /// List the operations whose names contain TEXT, with their parameters
    #[arg(long, value_name = "TEXT", num_args = 0..=1, default_missing_value = "",
          conflicts_with_all = ["operation", "parameters"])]
    list: Option<String>,
}
