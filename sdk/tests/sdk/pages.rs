//! The SDK's paginators, and tags.

use aws_sdk_ec2::types::{ResourceType, Tag};

use crate::{by, ec2, id, refused, tags, vpc};

#[tokio::test]
async fn pages_have_every_group_once() {
    let ec2 = ec2("eu-west-3").await;
    let vpc = vpc(&ec2, "10.40.0.0/16").await;
    for number in 0..12 {
        let made = ec2.create_security_group().vpc_id(&vpc);
        let made = made.group_name(format!("g{number}")).description("x");
        made.send().await.expect("a group");
    }
    let of_vpc = ec2.describe_security_groups().filters(by("vpc-id", &vpc));
    let mut pages = of_vpc.clone().into_paginator().page_size(5).send();
    let mut sizes = Vec::new();
    let mut names = Vec::new();
    while let Some(page) = pages.next().await {
        let page = page.expect("a page");
        sizes.push(page.security_groups().len());
        let groups = page.security_groups().iter();
        names.extend(groups.filter_map(|it| it.group_name().map(str::to_owned)));
    }
    assert_eq!(sizes, [5, 5, 3]);
    names.sort();
    names.dedup();
    assert_eq!(names.len(), 13, "{names:?}");
    let items = of_vpc.clone().into_paginator().items().send();
    let items: Result<Vec<_>, _> = items.collect().await;
    assert_eq!(items.expect("groups").len(), 13);
    let few = of_vpc.clone().max_results(2).send().await;
    refused(few, "InvalidParameterValue", 400);
    let nonsense = of_vpc.next_token("x").max_results(5).send().await;
    refused(nonsense, "InvalidPaginationToken", 400);
}

#[tokio::test]
async fn tags_are_set_found_and_taken_away() {
    let ec2 = ec2("eu-central-1").await;
    let vpc = vpc(&ec2, "10.41.0.0/16").await;
    let tag = |key: &str, value: &str| Tag::builder().key(key).value(value).build();
    let set = ec2.create_tags().resources(&vpc).tags(tag("team", "net"));
    set.tags(tag("stage", "")).send().await.expect("tags");
    let listed = ec2.describe_tags().filters(by("resource-id", &vpc));
    let listed = listed.into_paginator().items().send();
    let listed: Result<Vec<_>, _> = listed.collect().await;
    let listed = listed.expect("tags");
    let mut found: Vec<_> = listed
        .iter()
        .map(|it| (it.key().unwrap_or("?"), it.value().unwrap_or("?")))
        .collect();
    found.sort();
    let wanted = [("Name", "10.41.0.0/16"), ("stage", ""), ("team", "net")];
    assert_eq!(found, wanted);
    assert!(
        listed
            .iter()
            .all(|it| it.resource_type() == Some(&ResourceType::Vpc))
    );
    let gone = ec2.delete_tags().resources(&vpc).tags(tag("team", "other"));
    gone.send().await.expect("nothing: the value is another");
    let gone = ec2
        .delete_tags()
        .resources(&vpc)
        .tags(Tag::builder().key("stage").build());
    gone.send().await.expect("a tag less");
    let listed = ec2
        .describe_vpcs()
        .filters(by("tag:team", "net"))
        .send()
        .await;
    let listed = listed.expect("the VPC");
    assert_eq!(id(listed.vpcs()[0].vpc_id()), vpc);
    assert_eq!(listed.vpcs()[0].tags().len(), 2);
    let nowhere = ec2.create_tags().resources("vpc-0123456789abcdef0");
    let nowhere = nowhere.tags(tag("a", "b")).send().await;
    refused(nowhere, "InvalidVpcID.NotFound", 400);
    let wrong_kind = ec2.create_security_group().group_name("tagged");
    let wrong_kind = wrong_kind.description("x").vpc_id(&vpc);
    let wrong_kind = wrong_kind.tag_specifications(tags(ResourceType::Subnet, "x"));
    refused(wrong_kind.send().await, "InvalidParameterValue", 400);
}
