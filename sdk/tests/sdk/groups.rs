//! Security groups and their rules.

use aws_sdk_ec2::types::{
    IpPermission, IpRange, ResourceType, SecurityGroupRuleDescription, SecurityGroupRuleRequest,
    SecurityGroupRuleUpdate, UserIdGroupPair,
};

use crate::{by, ec2, id, refused, tags, vpc};

fn https(block: &str) -> IpPermission {
    let range = IpRange::builder().cidr_ip(block).description("people");
    let permission = IpPermission::builder().ip_protocol("tcp");
    let permission = permission.from_port(443).to_port(443);
    permission.ip_ranges(range.build()).build()
}

async fn group(ec2: &aws_sdk_ec2::Client, vpc: &str, name: &str) -> String {
    let made = ec2.create_security_group().group_name(name).vpc_id(vpc);
    let made = made.tag_specifications(tags(ResourceType::SecurityGroup, name));
    let made = made.description("of the suite").send().await;
    id(made.expect("a group").group_id())
}

#[tokio::test]
async fn rules_are_made_changed_described_and_revoked() {
    let ec2 = ec2("eu-west-2").await;
    let vpc = vpc(&ec2, "10.30.0.0/16").await;
    let (web, db) = (
        group(&ec2, &vpc, "web").await,
        group(&ec2, &vpc, "db").await,
    );
    let allow = ec2.authorize_security_group_ingress().group_id(&web);
    let allow = allow.ip_permissions(https("192.0.2.0/24"));
    let made = allow.clone().send().await.expect("a rule");
    let rule = id(made.security_group_rules()[0].security_group_rule_id());
    refused(allow.send().await, "InvalidPermission.Duplicate", 400);
    let pair = UserIdGroupPair::builder().group_id(&web).build();
    let from_web = IpPermission::builder().ip_protocol("tcp");
    let from_web = from_web.from_port(5432).to_port(5432);
    let from_web = from_web.user_id_group_pairs(pair).build();
    let allow = ec2.authorize_security_group_ingress().group_id(&db);
    let allow = allow.ip_permissions(from_web).send().await;
    allow.expect("a rule by group");
    let delete = ec2.delete_security_group().group_id(&web).send().await;
    refused(delete, "DependencyViolation", 400);

    let wider = SecurityGroupRuleRequest::builder().ip_protocol("tcp");
    let wider = wider.from_port(443).to_port(444).cidr_ipv4("192.0.2.0/24");
    let update = SecurityGroupRuleUpdate::builder().security_group_rule_id(&rule);
    let update = update.security_group_rule(wider.build()).build();
    let modify = ec2.modify_security_group_rules().group_id(&web);
    let modify = modify.security_group_rules(update).send().await;
    assert_eq!(modify.expect("changed").r#return(), Some(true));
    let words = SecurityGroupRuleDescription::builder();
    let words = words.security_group_rule_id(&rule).description("partners");
    let update = ec2.update_security_group_rule_descriptions_ingress();
    let update = update
        .group_id(&web)
        .security_group_rule_descriptions(words.build());
    update.send().await.expect("other words");
    let listed = ec2.describe_security_group_rules();
    let listed = listed.filters(by("group-id", &web)).send().await;
    let listed = listed.expect("rules");
    let mut rules = listed.security_group_rules().iter();
    let shown = rules.find(|it| it.is_egress() == Some(false));
    let shown = shown.expect("the rule");
    assert_eq!(
        (shown.to_port(), shown.description()),
        (Some(444), Some("partners"))
    );
    rules_are_revoked(&ec2, &web, &rule).await;
    for group in [&db, &web] {
        let delete = ec2.delete_security_group().group_id(group).send().await;
        assert_eq!(
            delete.expect("a group less").group_id(),
            Some(group.as_str())
        );
    }
    let after = ec2.describe_security_groups().group_ids(&web).send().await;
    refused(after, "InvalidGroup.NotFound", 400);
}

/// By id and by description; what is not there is refused.
async fn rules_are_revoked(ec2: &aws_sdk_ec2::Client, web: &str, rule: &str) {
    let revoke = ec2.revoke_security_group_ingress().group_id(web);
    let revoke = revoke.security_group_rule_ids(rule).send().await;
    let revoke = revoke.expect("a reply");
    assert_eq!(revoke.revoked_security_group_rules().len(), 1);
    let nobody = ec2.revoke_security_group_ingress().group_id(web);
    let nobody = nobody.ip_permissions(https("198.51.100.0/24")).send().await;
    refused(nobody, "InvalidPermission.NotFound", 400);
    let everything = IpPermission::builder().ip_protocol("-1");
    let everything = everything.ip_ranges(IpRange::builder().cidr_ip("0.0.0.0/0").build());
    let revoke = ec2.revoke_security_group_egress().group_id(web);
    let revoke = revoke.ip_permissions(everything.build()).send().await;
    assert_eq!(
        revoke
            .expect("revoked")
            .revoked_security_group_rules()
            .len(),
        1
    );
    let allow = ec2.authorize_security_group_egress().group_id(web);
    let allow = allow.ip_permissions(https("192.0.2.0/24")).send().await;
    allow.expect("a way out");
}
