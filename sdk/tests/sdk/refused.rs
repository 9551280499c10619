//! Refusals in the words that the SDK reads: codes, status, typed errors; and who calls.

use aws_sdk_ec2::config::Credentials;

use crate::{ec2, refused, settings, vpc};

#[tokio::test]
async fn a_dry_run_changes_nothing() {
    let ec2 = ec2("eu-north-1").await;
    let vpc = vpc(&ec2, "10.50.0.0/16").await;
    let subnet = ec2.create_subnet().vpc_id(&vpc).cidr_block("10.50.1.0/24");
    let dry = subnet.dry_run(true).send().await;
    refused(dry, "DryRunOperation", 412);
    let delete = ec2.delete_vpc().vpc_id(&vpc).dry_run(true).send().await;
    refused(delete, "DryRunOperation", 412);
    let read = ec2.describe_vpcs().dry_run(true).send().await;
    refused(read, "DryRunOperation", 412);
    let listed = ec2.describe_vpcs().vpc_ids(&vpc).send().await;
    assert_eq!(listed.expect("the VPC").vpcs().len(), 1);
}

#[tokio::test]
async fn what_is_not_there_or_malformed_is_named() {
    let ec2 = ec2("sa-east-1").await;
    let none = "0123456789abcdef0";
    let subnet = ec2.describe_subnets().subnet_ids(format!("subnet-{none}"));
    refused(subnet.send().await, "InvalidSubnetID.NotFound", 400);
    let malformed = ec2.describe_instances().instance_ids("i-x").send().await;
    refused(malformed, "InvalidInstanceID.Malformed", 400);
    let missing = ec2.create_subnet().cidr_block("10.0.0.0/24").send().await;
    refused(missing, "MissingParameter", 400);
    let block = ec2.create_vpc().cidr_block("10.0.0.0/8").send().await;
    refused(block, "InvalidVpc.Range", 400);
    let filter = ec2.describe_vpcs().filters(crate::by("nothing", "x"));
    refused(filter.send().await, "InvalidParameterValue", 400);
    let unknown = ec2.describe_spot_price_history().send().await;
    refused(unknown, "InvalidAction", 400);
}

#[tokio::test]
async fn the_key_says_who_calls() {
    let settings = settings("us-east-1").await;
    let sts = aws_sdk_sts::Client::new(&settings);
    let who = sts.get_caller_identity().send().await.expect("an identity");
    assert_eq!(who.account(), Some("123456789012"));
    let role = sts.assume_role().role_session_name("me");
    let role = role
        .role_arn("arn:aws:iam::123456789012:role/ops")
        .send()
        .await;
    let role = role.expect("a role");
    let lent = role.credentials().expect("keys");
    let lent = Credentials::new(
        lent.access_key_id(),
        lent.secret_access_key(),
        Some(lent.session_token().to_owned()),
        None,
        "the role",
    );
    let as_role = aws_sdk_sts::config::Builder::from(&settings).credentials_provider(lent);
    let as_role = aws_sdk_sts::Client::from_conf(as_role.build());
    let arn = as_role
        .get_caller_identity()
        .send()
        .await
        .expect("an identity");
    let wanted = "arn:aws:sts::123456789012:assumed-role/ops/me";
    assert_eq!(arn.arn(), Some(wanted));
    let nobody = Credentials::new("AKIAIOSFODNN7EXAMPLE", "x", None, None, "nobody");
    let as_nobody = aws_sdk_ec2::config::Builder::from(&settings).credentials_provider(nobody);
    let as_nobody = aws_sdk_ec2::Client::from_conf(as_nobody.build());
    let listed = as_nobody.describe_vpcs().send().await;
    refused(listed, "AuthFailure", 401);
}
