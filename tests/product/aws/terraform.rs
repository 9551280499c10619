//! Terraform against the sandbox: what is written is there, a second plan has nothing to do, a
//! change is made, and in the end nothing is left.
//!
//! Nothing is downloaded. The provider `hashicorp/aws` is looked for in the folder that
//! `WIRELAB_TERRAFORM_PLUGINS` names, which is laid out as Terraform's mirrors are; without it, or
//! without `terraform`, the test says so and tests nothing.

use std::path::Path;

use crate::harness::Place;

const NETWORK: &str = include_str!("terraform/main.tf");

/// The words of all steps.
const SCRIPT: &str = r#"
set -e
export TF_CLI_CONFIG_FILE=$PWD/mirror CHECKPOINT_DISABLE=1 TF_IN_AUTOMATION=1
tf() { terraform "$@" -no-color > "$1.log" 2>&1 || { cat "$1.log"; echo "failed: $*"; exit 1; }; }
tf init -input=false
tf apply -input=false -auto-approve
terraform plan -no-color -input=false -detailed-exitcode > plan.log 2>&1 || { cat plan.log; exit 2; }
aws ec2 describe-volumes --query 'sort_by(Volumes,&Size)[].[Size,VolumeType,Iops,Encrypted]' \
    --output text
tf apply -input=false -auto-approve -var port=8080 -var owner=two
terraform plan -no-color -input=false -detailed-exitcode -var port=8080 -var owner=two \
    > plan.log 2>&1 || { cat plan.log; exit 3; }
aws ec2 describe-security-groups --filters Name=group-name,Values=web \
    --query 'SecurityGroups[].IpPermissions[].FromPort' --output text
aws cloudwatch list-tags-for-resource --query 'Tags[].Value' --output text --resource-arn \
    arn:aws:cloudwatch:us-east-1:123456789012:alarm:nat-ports
tf apply -input=false -auto-approve -destroy
aws ec2 describe-vpcs --filters Name=is-default,Values=false --query 'length(Vpcs)'
aws ec2 describe-volumes --query 'length(Volumes)'
"#;

const SHOWN: &str = "\
8\tgp3\t3000\tFalse
20\tgp3\t3000\tTrue
50\tgp3\t4000\tFalse
8080
two
0
0
";

#[test]
fn terraform_makes_keeps_changes_and_destroys_a_network() {
    let place = Place::new();
    let Some(mirror) = std::env::var_os("WIRELAB_TERRAFORM_PLUGINS") else {
        eprintln!("skipped: WIRELAB_TERRAFORM_PLUGINS names no folder of Terraform's providers");
        return;
    };
    if place.shell("terraform version && aws --version").code != 0 {
        eprintln!("skipped: `terraform version` or `aws --version` fails here");
        return;
    }
    let mirror = Path::new(&mirror).display().to_string();
    let mirror =
        format!("provider_installation {{\n filesystem_mirror {{ path = {mirror:?} }}\n}}\n");
    for (name, text) in [
        ("main.tf", NETWORK),
        ("mirror", &mirror),
        ("script", SCRIPT),
    ] {
        std::fs::write(place.here().join(name), text).expect("a writable folder");
    }
    let ran = place.shell("wirelab sandbox net -- sh script").exits(0);
    assert_eq!(ran.stdout, SHOWN, "{}", ran.stderr);
}
