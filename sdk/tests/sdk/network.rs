//! VPCs, subnets, route tables, network ACLs, gateways, addresses, endpoints, peering.

use std::time::Duration;

use aws_sdk_ec2::client::Waiters;
use aws_sdk_ec2::types::{
    AttributeBooleanValue, DomainType, IcmpTypeCode, PortRange, ResourceType, RouteState,
    RuleAction, VpcAttributeName,
};

use crate::{by, ec2, id, refused, subnet, tags, vpc};

const PATIENCE: Duration = Duration::from_secs(120);

#[tokio::test]
async fn a_vpc_is_made_found_changed_and_removed() {
    let ec2 = ec2("us-east-1").await;
    let vpc = vpc(&ec2, "10.20.0.0/16").await;
    let wait = ec2.wait_until_vpc_available().vpc_ids(&vpc);
    wait.wait(PATIENCE).await.expect("it is available");
    for filter in [
        by("tag:Name", "10.20.*"),
        by("cidr", "10.20.0.0/16"),
        by("vpc-id", &vpc),
    ] {
        let listed = ec2.describe_vpcs().filters(filter).send().await;
        let listed = listed.expect("VPCs");
        assert_eq!(listed.vpcs().len(), 1);
        assert_eq!(listed.vpcs()[0].vpc_id(), Some(vpc.as_str()));
        assert_eq!(listed.vpcs()[0].is_default(), Some(false));
        assert_eq!(listed.vpcs()[0].tags()[0].value(), Some("10.20.0.0/16"));
    }
    let yes = AttributeBooleanValue::builder().value(true).build();
    let change = ec2.modify_vpc_attribute().vpc_id(&vpc);
    let change = change.enable_dns_hostnames(yes).send().await;
    change.expect("a change");
    let shown = ec2.describe_vpc_attribute().vpc_id(&vpc);
    let shown = shown.attribute(VpcAttributeName::EnableDnsHostnames);
    let shown = shown.send().await.expect("an attribute");
    let value = shown.enable_dns_hostnames().and_then(|it| it.value());
    assert_eq!(value, Some(true));
    let more = ec2.associate_vpc_cidr_block().vpc_id(&vpc);
    let more = more
        .cidr_block("10.21.0.0/16")
        .send()
        .await
        .expect("a block");
    let more = more.cidr_block_association().expect("an association");
    let gone = ec2.disassociate_vpc_cidr_block();
    let gone = gone.set_association_id(more.association_id().map(str::to_owned));
    gone.send().await.expect("a block less");
    ec2.delete_vpc().vpc_id(&vpc).send().await.expect("no VPC");
    let after = ec2.describe_vpcs().vpc_ids(&vpc).send().await;
    refused(after, "InvalidVpcID.NotFound", 400);
}

#[tokio::test]
async fn routes_lead_to_gateways_that_are_there() {
    let ec2 = ec2("us-east-2").await;
    let vpc = vpc(&ec2, "10.22.0.0/16").await;
    let subnet = subnet(&ec2, &vpc, "10.22.1.0/24").await;
    let made = ec2.create_internet_gateway().send().await.expect("made");
    let made = made
        .internet_gateway()
        .and_then(|it| it.internet_gateway_id());
    let gateway = id(made);
    let attach = ec2.attach_internet_gateway().internet_gateway_id(&gateway);
    let attach = attach.vpc_id(&vpc);
    attach.clone().send().await.expect("attached");
    refused(attach.send().await, "Resource.AlreadyAssociated", 400);
    let made = ec2.create_route_table().vpc_id(&vpc).send().await;
    let made = made.expect("a table");
    let table = id(made.route_table().and_then(|it| it.route_table_id()));
    let route = ec2
        .create_route()
        .route_table_id(&table)
        .gateway_id(&gateway);
    let route = route.destination_cidr_block("0.0.0.0/0");
    assert_eq!(
        route.clone().send().await.expect("made").r#return(),
        Some(true)
    );
    refused(route.send().await, "RouteAlreadyExists", 400);
    let associate = ec2.associate_route_table().route_table_id(&table);
    let associate = associate
        .subnet_id(&subnet)
        .send()
        .await
        .expect("associated");
    let listed = ec2.describe_route_tables();
    let listed = listed
        .filters(by("association.subnet-id", &subnet))
        .send()
        .await;
    let listed = listed.expect("tables");
    let routes = listed.route_tables()[0].routes();
    assert_eq!(routes.len(), 2);
    assert!(
        routes
            .iter()
            .all(|it| it.state() == Some(&RouteState::Active))
    );
    a_nat_gateway_comes_and_goes(&ec2, &subnet, &table).await;
    let association = id(associate.association_id());
    let gone = ec2.disassociate_route_table().association_id(association);
    gone.send().await.expect("apart");
    let delete = ec2.delete_route().route_table_id(&table);
    let delete = delete.destination_cidr_block("0.0.0.0/0");
    delete.clone().send().await.expect("a route less");
    refused(delete.send().await, "InvalidRoute.NotFound", 400);
    let delete = ec2.delete_vpc().vpc_id(&vpc).send().await;
    refused(delete, "DependencyViolation", 400);
}

/// Leaves its route behind, which leads nowhere then.
async fn a_nat_gateway_comes_and_goes(ec2: &aws_sdk_ec2::Client, subnet: &str, table: &str) {
    let allocate = ec2.allocate_address().domain(DomainType::Vpc).send().await;
    let address = id(allocate.expect("an address").allocation_id());
    let nat = ec2.create_nat_gateway().subnet_id(subnet);
    let nat = nat.allocation_id(&address).client_token("network.rs");
    let nat = nat.tag_specifications(tags(ResourceType::Natgateway, "out"));
    let first = nat.clone().send().await.expect("a NAT gateway");
    let again = nat.send().await.expect("the same");
    let gateway_of =
        |it: Option<&aws_sdk_ec2::types::NatGateway>| id(it.and_then(|it| it.nat_gateway_id()));
    let nat = gateway_of(first.nat_gateway());
    assert_eq!(nat, gateway_of(again.nat_gateway()));
    let wait = ec2.wait_until_nat_gateway_available().nat_gateway_ids(&nat);
    wait.wait(PATIENCE).await.expect("it is available");
    let listed = ec2.describe_nat_gateways().filter(by("subnet-id", subnet));
    let listed = listed.send().await.expect("NAT gateways");
    assert_eq!(listed.nat_gateways()[0].nat_gateway_addresses().len(), 1);
    let replace = ec2.replace_route().route_table_id(table);
    let replace = replace
        .destination_cidr_block("0.0.0.0/0")
        .nat_gateway_id(&nat);
    replace.send().await.expect("another target");
    let delete = ec2.delete_nat_gateway().nat_gateway_id(&nat).send().await;
    delete.expect("a NAT gateway less");
    let wait = ec2.wait_until_nat_gateway_deleted().nat_gateway_ids(&nat);
    wait.wait(PATIENCE).await.expect("it is deleted");
    let listed = ec2
        .describe_route_tables()
        .route_table_ids(table)
        .send()
        .await;
    let listed = listed.expect("the table");
    let state = |it: &aws_sdk_ec2::types::Route| it.state() == Some(&RouteState::Blackhole);
    assert!(listed.route_tables()[0].routes().iter().any(state));
    let release = ec2.release_address().allocation_id(&address).send().await;
    release.expect("an address less");
}

#[tokio::test]
async fn entries_of_a_network_acl_keep_what_was_asked() {
    let ec2 = ec2("us-west-1").await;
    let vpc = vpc(&ec2, "10.23.0.0/16").await;
    let subnet = subnet(&ec2, &vpc, "10.23.1.0/24").await;
    let made = ec2.create_network_acl().vpc_id(&vpc).send().await;
    let made = made.expect("a list");
    let acl = id(made.network_acl().and_then(|it| it.network_acl_id()));
    let https = PortRange::builder().from(443).to(443).build();
    let entry = ec2.create_network_acl_entry().network_acl_id(&acl);
    let entry = entry.rule_number(100).egress(false).protocol("6");
    let entry = entry.cidr_block("0.0.0.0/0").port_range(https);
    let entry = entry.rule_action(RuleAction::Allow);
    entry.clone().send().await.expect("an entry");
    refused(entry.send().await, "NetworkAclEntryAlreadyExists", 400);
    let needed = IcmpTypeCode::builder().r#type(3).code(4).build();
    let entry = ec2.create_network_acl_entry().network_acl_id(&acl);
    let entry = entry.rule_number(110).egress(true).protocol("icmp");
    let entry = entry.cidr_block("0.0.0.0/0").icmp_type_code(needed);
    let entry = entry.rule_action(RuleAction::Deny).send().await;
    entry.expect("an entry for a protocol by name");
    let listed = ec2
        .describe_network_acls()
        .network_acl_ids(&acl)
        .send()
        .await;
    let listed = listed.expect("the list");
    let entries = listed.network_acls()[0].entries();
    let with = |number: i32| {
        let mut found = entries.iter().filter(|it| it.rule_number() == Some(number));
        found.next().expect("an entry")
    };
    let ports = with(100).port_range().expect("ports");
    assert_eq!((ports.from(), ports.to()), (Some(443), Some(443)));
    assert_eq!(with(110).protocol(), Some("1"));
    let icmp = with(110).icmp_type_code().expect("a type");
    assert_eq!((icmp.r#type(), icmp.code()), (Some(3), Some(4)));
    assert_eq!(with(110).rule_action(), Some(&RuleAction::Deny));
    let listed = ec2.describe_network_acls();
    let listed = listed
        .filters(by("association.subnet-id", &subnet))
        .send()
        .await;
    let listed = listed.expect("the default list");
    let mut associations = listed.network_acls()[0].associations().iter();
    let of_subnet = associations.find(|it| it.subnet_id() == Some(subnet.as_str()));
    let of_subnet = of_subnet.and_then(|it| it.network_acl_association_id());
    let replace = ec2.replace_network_acl_association().network_acl_id(&acl);
    let replace = replace.association_id(id(of_subnet)).send().await;
    assert!(replace.expect("associated").new_association_id().is_some());
    let delete = ec2.delete_network_acl().network_acl_id(&acl).send().await;
    refused(delete, "DependencyViolation", 400);
    let delete = ec2.delete_network_acl_entry().network_acl_id(&acl);
    let delete = delete.rule_number(110).egress(true);
    delete.clone().send().await.expect("an entry less");
    refused(delete.send().await, "InvalidNetworkAclEntry.NotFound", 400);
}

#[tokio::test]
async fn vpcs_are_peered_and_a_path_is_analysed() {
    let ec2 = ec2("us-west-2").await;
    let (one, other) = (
        vpc(&ec2, "10.24.0.0/16").await,
        vpc(&ec2, "10.25.0.0/16").await,
    );
    let ask = ec2.create_vpc_peering_connection().vpc_id(&one);
    let ask = ask.peer_vpc_id(&other).send().await.expect("a request");
    let ask = ask.vpc_peering_connection();
    let peering = id(ask.and_then(|it| it.vpc_peering_connection_id()));
    let wait = ec2.wait_until_vpc_peering_connection_exists();
    let wait = wait.vpc_peering_connection_ids(&peering);
    wait.wait(PATIENCE).await.expect("it exists");
    let accept = ec2.accept_vpc_peering_connection();
    let accept = accept.vpc_peering_connection_id(&peering);
    accept.clone().send().await.expect("accepted");
    refused(accept.send().await, "InvalidStateTransition", 400);
    let listed = ec2.describe_vpc_peering_connections();
    let listed = listed.filters(by("status-code", "active"));
    let listed = listed.vpc_peering_connection_ids(&peering).send().await;
    assert_eq!(listed.expect("one").vpc_peering_connections().len(), 1);

    let subnets = [
        subnet(&ec2, &one, "10.24.1.0/24").await,
        subnet(&ec2, &other, "10.25.1.0/24").await,
    ];
    let mut interfaces = Vec::new();
    for subnet in &subnets {
        let made = ec2
            .create_network_interface()
            .subnet_id(subnet)
            .send()
            .await;
        let made = made.expect("an interface");
        let made = made.network_interface();
        interfaces.push(id(made.and_then(|it| it.network_interface_id())));
    }
    let path = ec2.create_network_insights_path();
    let path = path.source(&interfaces[0]).destination(&interfaces[1]);
    let path = path.protocol(aws_sdk_ec2::types::Protocol::Tcp);
    let path = path.destination_port(443).send().await.expect("a path");
    let path = path.network_insights_path();
    let path = id(path.and_then(|it| it.network_insights_path_id()));
    let start = ec2.start_network_insights_analysis();
    let start = start.network_insights_path_id(&path).send().await;
    let start = start.expect("an analysis");
    let start = start.network_insights_analysis();
    let analysis = id(start.and_then(|it| it.network_insights_analysis_id()));
    let read = ec2.describe_network_insights_analyses();
    let read = read.network_insights_analysis_ids(&analysis).send().await;
    let read = read.expect("the analysis");
    let analysis_of = &read.network_insights_analyses()[0];
    assert_eq!(analysis_of.network_path_found(), Some(false));
    let codes = analysis_of.explanations().iter();
    let codes: Vec<_> = codes.filter_map(|it| it.explanation_code()).collect();
    assert_eq!(codes, ["NO_ROUTE_TO_DESTINATION"]);
    let gone = ec2.delete_network_insights_analysis();
    let gone = gone.network_insights_analysis_id(&analysis).send().await;
    gone.expect("an analysis less");
    let gone = ec2.delete_network_insights_path();
    let gone = gone.network_insights_path_id(&path).send().await;
    gone.expect("a path less");
    let gone = ec2.delete_vpc_peering_connection();
    let gone = gone.vpc_peering_connection_id(&peering).send().await;
    gone.expect("no peering");
    let wait = ec2.wait_until_vpc_peering_connection_deleted();
    let wait = wait.vpc_peering_connection_ids(&peering);
    wait.wait(PATIENCE).await.expect("it is deleted");
}

#[tokio::test]
async fn services_have_endpoints() {
    let ec2 = ec2("eu-west-1").await;
    let vpc = vpc(&ec2, "10.26.0.0/16").await;
    let service = "com.amazonaws.eu-west-1.s3";
    let asked = ec2.describe_vpc_endpoint_services().service_names(service);
    let asked = asked.send().await.expect("services");
    assert!(asked.service_names().iter().any(|it| it == service));
    let types = asked.service_details().iter();
    assert!(types.flat_map(|it| it.service_type()).count() >= 1);
    let listed = ec2.describe_prefix_lists();
    let listed = listed.filters(by("prefix-list-name", service)).send().await;
    assert_eq!(listed.expect("lists").prefix_lists().len(), 1);
    let made = ec2.create_vpc_endpoint().vpc_id(&vpc).service_name(service);
    let made = made.send().await.expect("an endpoint");
    let made = id(made.vpc_endpoint().and_then(|it| it.vpc_endpoint_id()));
    let listed = ec2.describe_vpc_endpoints().vpc_endpoint_ids(&made);
    let listed = listed.send().await.expect("the endpoint");
    assert_eq!(listed.vpc_endpoints()[0].vpc_id(), Some(vpc.as_str()));
    let gone = ec2.delete_vpc_endpoints().vpc_endpoint_ids(&made);
    let gone = gone.send().await.expect("a reply");
    assert!(gone.unsuccessful().is_empty(), "{gone:?}");
}
