//! The AWS SDK for Rust against the endpoint of a sandbox, as a program uses it: settings from the
//! environment, typed requests and replies, its paginators, its waiters, its errors.
//!
//! `make sdk-test` starts the sandbox, with strict signatures, and runs this inside. All tests
//! share it, so each has a Region of its own: a Region takes five VPCs.

mod cloudwatch;
mod groups;
mod machines;
mod network;
mod pages;
mod refused;

use std::fmt::Debug;

use aws_config::retry::RetryConfig;
use aws_sdk_ec2::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_ec2::types::{Filter, ResourceType, Tag, TagSpecification};

/// What the environment says, as any program of the SDK reads it, but in this Region.
async fn settings(region: &'static str) -> aws_config::SdkConfig {
    let endpoint = std::env::var_os("AWS_ENDPOINT_URL");
    assert!(endpoint.is_some(), "run this by `make sdk-test`");
    let client = aws_smithy_http_client::Builder::new().build_http();
    let settings = aws_config::defaults(aws_config::BehaviorVersion::latest());
    let settings = settings
        .region(region)
        .http_client(client)
        .retry_config(RetryConfig::disabled());
    settings.load().await
}

async fn ec2(region: &'static str) -> aws_sdk_ec2::Client {
    aws_sdk_ec2::Client::new(&settings(region).await)
}

/// A VPC of this block, named after it.
async fn vpc(ec2: &aws_sdk_ec2::Client, block: &str) -> String {
    let made = ec2.create_vpc().cidr_block(block);
    let made = made
        .tag_specifications(tags(ResourceType::Vpc, block))
        .send()
        .await;
    id(made.expect("a VPC").vpc().and_then(|it| it.vpc_id()))
}

/// A subnet of this block.
async fn subnet(ec2: &aws_sdk_ec2::Client, vpc: &str, block: &str) -> String {
    let made = ec2.create_subnet().vpc_id(vpc).cidr_block(block).send();
    let made = made.await.expect("a subnet");
    id(made.subnet().and_then(|it| it.subnet_id()))
}

fn id(id: Option<&str>) -> String {
    id.expect("an id").to_owned()
}

fn by(name: &str, value: &str) -> Filter {
    Filter::builder().name(name).values(value).build()
}

fn tags(kind: ResourceType, name: &str) -> TagSpecification {
    let tag = Tag::builder().key("Name").value(name).build();
    let tags = TagSpecification::builder().resource_type(kind);
    tags.tags(tag).build()
}

/// Holds that a call was refused, and how.
#[track_caller]
fn refused<T: Debug, E>(result: Result<T, SdkError<E>>, code: &str, status: u16)
where
    E: ProvideErrorMetadata + std::error::Error + Debug + 'static,
{
    let error = result.expect_err(code);
    let response = error.raw_response().expect("a response");
    assert_eq!(response.status().as_u16(), status, "{error:?}");
    assert_eq!(error.code(), Some(code), "{error:?}");
    assert!(
        error.message().is_some_and(|it| !it.is_empty()),
        "{error:?}"
    );
}
