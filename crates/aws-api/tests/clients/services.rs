//! Services that tell of what the others have done, by real clients.

use wirelab_model::SimDuration;

use super::{Served, boto3_is_there, is_there, suite};

/// Time passes in another terminal.
fn minutes_pass(served: &Served, minutes: u64) {
    let mut session = served.session();
    let until = session.now() + SimDuration::from_secs(60 * minutes);
    session.advance(until).expect("time passes");
}

#[test]
fn a_call_is_in_cloudtrail_minutes_after_it_was_made() {
    if !is_there("aws", &["--version"]) || !boto3_is_there() {
        return;
    }
    let served = Served::new("nacl-ephemeral", 7);
    let vpc = served.said(&["ec2", "describe-vpcs", "--query", "Vpcs[0].VpcId"]);
    let group = format!(
        "ec2 create-security-group --group-name new --description x --vpc-id {vpc} --query GroupId"
    );
    let group = served.said(&group.split(' ').collect::<Vec<_>>());
    served.aws(&format!(
        "aws ec2 revoke-security-group-ingress --group-id {group} --security-group-rule-ids \
         sgr-0123456789abcdef0"
    ));
    let lookup = format!(
        "cloudtrail lookup-events --lookup-attributes \
         AttributeKey=ResourceName,AttributeValue={group} --query Events[].[EventName,Username]"
    );
    let lookup: Vec<_> = lookup.split_whitespace().collect();
    assert_eq!(served.said(&lookup), "");
    minutes_pass(&served, 15);
    assert_eq!(
        served.said(&lookup),
        "RevokeSecurityGroupIngress\tlearner\nCreateSecurityGroup\tlearner"
    );
    let elsewhere = ["--region", "sa-east-1"];
    assert_eq!(served.said(&[&lookup[..], &elsewhere].concat()), "");

    served.done(&format!("aws ec2 delete-security-group --group-id {group}"));
    let checks = suite(&served, "cloudtrail.py", &[]);
    assert!(checks >= 60, "only {checks} checks");
}
