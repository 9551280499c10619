//! Instances and their interfaces.

use std::time::Duration;

use aws_sdk_ec2::client::Waiters;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, HttpTokensState, InstanceAttributeName, InstanceStateName, InstanceType,
    NetworkInterfaceAttribute, ResourceType,
};

use crate::{by, ec2, id, refused, subnet, tags, vpc};

const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn an_instance_runs_stops_and_ends() {
    let ec2 = ec2("ap-south-1").await;
    let vpc = vpc(&ec2, "10.60.0.0/16").await;
    let subnet = subnet(&ec2, &vpc, "10.60.1.0/24").await;
    let images = ec2.describe_images().owners("amazon");
    let images = images
        .filters(by("name", "al2023-ami-*-x86_64"))
        .send()
        .await;
    let image = id(images.expect("images").images()[0].image_id());
    let run = ec2.run_instances().image_id(image).subnet_id(&subnet);
    let run = run
        .min_count(1)
        .max_count(1)
        .instance_type(InstanceType::T3Micro);
    let run = run.tag_specifications(tags(ResourceType::Instance, "rust"));
    let run = run.client_token("machines.rs");
    let first = run.clone().send().await.expect("an instance");
    let again = run.send().await.expect("the same");
    let instance = id(first.instances()[0].instance_id());
    assert_eq!(again.instances()[0].instance_id(), Some(instance.as_str()));
    let wait = ec2.wait_until_instance_running().instance_ids(&instance);
    wait.wait(PATIENCE).await.expect("it runs");
    let wait = ec2.wait_until_instance_status_ok().instance_ids(&instance);
    wait.wait(PATIENCE).await.expect("it is well");
    let listed = ec2.describe_instances().filters(by("vpc-id", &vpc));
    let listed = listed.into_paginator().items().send();
    let listed: Result<Vec<_>, _> = listed.collect().await;
    let listed = listed.expect("reservations");
    let shown = &listed[0].instances()[0];
    let state = shown.state().and_then(|it| it.name());
    assert_eq!(state, Some(&InstanceStateName::Running));
    assert!(shown.launch_time().is_some());
    attributes_change(&ec2, &instance).await;
    ec2.stop_instances()
        .instance_ids(&instance)
        .send()
        .await
        .expect("it stops");
    let wait = ec2.wait_until_instance_stopped().instance_ids(&instance);
    wait.wait(PATIENCE).await.expect("it has stopped");
    ec2.start_instances()
        .instance_ids(&instance)
        .send()
        .await
        .expect("it starts");
    let end = ec2
        .terminate_instances()
        .instance_ids(&instance)
        .send()
        .await;
    let end = end.expect("it ends");
    assert_eq!(end.terminating_instances().len(), 1);
    let wait = ec2.wait_until_instance_terminated().instance_ids(&instance);
    wait.wait(PATIENCE).await.expect("it has ended");
    let start = ec2.start_instances().instance_ids(&instance).send().await;
    refused(start, "IncorrectInstanceState", 400);
}

/// Metadata options and the source/destination check.
async fn attributes_change(ec2: &aws_sdk_ec2::Client, instance: &str) {
    let options = ec2.modify_instance_metadata_options().instance_id(instance);
    let options = options.http_put_response_hop_limit(2);
    let options = options.http_tokens(HttpTokensState::Required).send().await;
    let options = options.expect("options");
    let options = options.instance_metadata_options().expect("options");
    assert_eq!(options.http_put_response_hop_limit(), Some(2));
    let no = AttributeBooleanValue::builder().value(false).build();
    let change = ec2.modify_instance_attribute().instance_id(instance);
    change.source_dest_check(no).send().await.expect("a change");
    let shown = ec2.describe_instance_attribute().instance_id(instance);
    let shown = shown.attribute(InstanceAttributeName::SourceDestCheck);
    let shown = shown.send().await.expect("an attribute");
    assert_eq!(
        shown.source_dest_check().and_then(|it| it.value()),
        Some(false)
    );
}

#[tokio::test]
async fn an_interface_has_addresses_groups_and_a_flow_log() {
    let ec2 = ec2("ap-southeast-1").await;
    let vpc = vpc(&ec2, "10.61.0.0/16").await;
    let subnet = subnet(&ec2, &vpc, "10.61.1.0/24").await;
    let make = ec2.create_network_interface().subnet_id(&subnet);
    let make = make.private_ip_address("10.61.1.9").description("spare");
    let made = make.clone().send().await.expect("an interface");
    let eni = id(made
        .network_interface()
        .and_then(|it| it.network_interface_id()));
    refused(make.send().await, "InvalidIPAddress.InUse", 400);
    let wait = ec2.wait_until_network_interface_available();
    let wait = wait.network_interface_ids(&eni);
    wait.wait(PATIENCE).await.expect("it is available");
    let free = ec2.describe_network_interfaces();
    let free = free
        .filters(by("status", "available"))
        .filters(by("vpc-id", &vpc));
    assert_eq!(
        free.send().await.expect("one").network_interfaces().len(),
        1
    );
    let no = AttributeBooleanValue::builder().value(false).build();
    let change = ec2.modify_network_interface_attribute();
    let change = change.network_interface_id(&eni).source_dest_check(no);
    change.send().await.expect("a change");
    let shown = ec2.describe_network_interface_attribute();
    let shown = shown.network_interface_id(&eni);
    let shown = shown.attribute(NetworkInterfaceAttribute::SourceDestCheck);
    let shown = shown.send().await.expect("an attribute");
    assert_eq!(
        shown.source_dest_check().and_then(|it| it.value()),
        Some(false)
    );

    let logs = ec2.create_flow_logs().resource_ids(&eni);
    let logs = logs.resource_type(aws_sdk_ec2::types::FlowLogsResourceType::NetworkInterface);
    let logs = logs.traffic_type(aws_sdk_ec2::types::TrafficType::All);
    let logs = logs.log_group_name("/rust/flow");
    let unsigned = logs.clone().send().await;
    refused(unsigned, "InvalidParameter", 400);
    let logs = logs.deliver_logs_permission_arn("arn:aws:iam::123456789012:role/flow");
    let logs = logs.send().await.expect("a flow log");
    assert!(logs.unsuccessful().is_empty(), "{logs:?}");
    let listed = ec2.describe_flow_logs().filter(by("resource-id", &eni));
    let listed = listed.send().await.expect("flow logs");
    assert_eq!(listed.flow_logs()[0].log_group_name(), Some("/rust/flow"));
    let gone = ec2.delete_flow_logs();
    let gone = gone.set_flow_log_ids(Some(logs.flow_log_ids().to_vec()));
    gone.send().await.expect("no flow log");
    let delete = ec2.delete_network_interface().network_interface_id(&eni);
    delete.send().await.expect("no interface");
    let after = ec2
        .describe_network_interfaces()
        .network_interface_ids(&eni);
    refused(
        after.send().await,
        "InvalidNetworkInterfaceID.NotFound",
        400,
    );
}
