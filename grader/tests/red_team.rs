//! Ways to full points that are no repair, tried on real sessions: none may earn them.

use crate::learner::{ALLOW_REPLIES, Learner, findings};
use wirelab_grader::FindingKind;
use wirelab_model::Resources;

fn points(learner: &Learner) -> (u32, Vec<FindingKind>) {
    let report = learner.check();
    let repair = report.tasks.iter().find(|task| task.task == "repair");
    let points = repair.expect("the task").points.got;
    (points, findings(&report, "repair"))
}

fn resources(learner: &Learner) -> &Resources {
    learner.session.run().control().resources()
}

fn on_replication() -> Learner {
    Learner::on("nacl-ephemeral", "primary-out-missing")
}

#[test]
fn a_subnet_moved_to_the_default_list_is_too_open() {
    let mut learner = on_replication();
    let subnet = learner.session.plan().names.id("subnet.primary").cloned();
    let lists = resources(&learner).network_acls.values();
    let mut associations = lists.clone().flat_map(|list| &list.associations);
    let own = associations.find(|it| Some(it.subnet_id.as_str()) == subnet.as_deref());
    let own = own.expect("its list").network_acl_association_id.clone();
    let default = lists.into_iter().find(|list| list.is_default);
    let default = default.expect("every VPC has one").network_acl_id.clone();
    learner.run(&format!(
        "ec2:ReplaceNetworkAclAssociation AssociationId={own} NetworkAclId={default}"
    ));
    let (points, findings) = points(&learner);
    assert_eq!((points, findings[0]), (4, FindingKind::TooOpen));
}

#[test]
fn a_silent_client_is_no_repair_stopped_or_gone() {
    for call in ["StopInstances", "TerminateInstances"] {
        let mut learner = on_replication();
        learner.run(&format!(
            "ec2:{call} InstanceIds='[\"${{instance.replica}}\"]'"
        ));
        let (points, findings) = points(&learner);
        assert_eq!((points, findings[0]), (0, FindingKind::ClientStopped));
    }
}

#[test]
fn a_healthy_client_that_was_stopped_is_missed() {
    let mut learner = on_replication();
    learner.run(ALLOW_REPLIES);
    learner.run("ec2:StopInstances InstanceIds='[\"${instance.app}\"]'");
    let (points, findings) = points(&learner);
    assert_eq!(points, 5);
    assert!(findings.contains(&FindingKind::HealthyBroken));
    assert!(findings.contains(&FindingKind::ResourceLost));
}

#[test]
fn what_was_opened_and_shut_again_is_no_repair() {
    let mut learner = on_replication();
    learner.run(ALLOW_REPLIES);
    learner.run("advance 5m");
    learner.run(
        "ec2:DeleteNetworkAclEntry NetworkAclId=${network_acl.primary} RuleNumber=100 Egress=true",
    );
    assert_eq!(points(&learner), (0, vec![FindingKind::SymptomRemains]));
}

#[test]
fn commands_that_only_look_are_no_change_worth_a_point() {
    let mut learner = on_replication();
    learner.run("exec replica -- ip route");
    assert_eq!(points(&learner).0, 0);
}

#[test]
fn a_group_thrown_open_beside_the_repair_is_seen() {
    let mut learner = on_replication();
    learner.run(ALLOW_REPLIES);
    learner.run(
        "ec2:AuthorizeSecurityGroupIngress GroupId=${security_group.app} \
         IpPermissions='[{\"IpProtocol\":\"-1\",\"IpRanges\":[{\"CidrIp\":\"0.0.0.0/0\"}]}]'",
    );
    assert_eq!(points(&learner), (4, vec![FindingKind::TooOpen]));
}

#[test]
fn a_check_that_was_turned_off_for_nothing_is_too_open() {
    let mut learner = on_replication();
    learner.run(ALLOW_REPLIES);
    learner.run(
        "ec2:ModifyInstanceAttribute InstanceId=${instance.app} SourceDestCheck='{\"Value\":false}'",
    );
    assert_eq!(points(&learner), (4, vec![FindingKind::TooOpen]));
    // Whoever is a router needs it.
    let mut tables = resources(&learner).route_tables.values();
    let is_main = |it: &&std::sync::Arc<wirelab_model::RouteTable>| {
        it.associations.iter().any(|association| association.main)
    };
    let table = tables.find(is_main).expect("every VPC has one");
    let table = table.route_table_id.clone();
    learner.run(&format!(
        "ec2:CreateRoute RouteTableId={table} DestinationCidrBlock=198.18.0.0/15 \
         InstanceId=${{instance.app}}"
    ));
    assert_eq!(points(&learner), (6, vec![]));
}

#[test]
fn services_that_were_turned_off_are_missed() {
    for call in [
        "ec2:ModifyVpcAttribute VpcId=${vpc.data} EnableDnsSupport='{\"Value\":false}'",
        "ec2:ModifyInstanceMetadataOptions InstanceId=${instance.app} HttpEndpoint=disabled",
    ] {
        let mut learner = on_replication();
        learner.run(ALLOW_REPLIES);
        learner.run(call);
        assert_eq!(points(&learner), (5, vec![FindingKind::ResourceLost]));
    }
}

#[test]
fn a_public_address_is_seen_where_the_subnet_is_private_too() {
    let mut learner = Learner::on("no-way-out", "no-route");
    let addresses = resources(&learner).addresses.values();
    let spare = learner.session.plan().names.id("address.spare").cloned();
    let spare = addresses
        .into_iter()
        .find(|it| Some(it.allocation_id.as_str()) == spare.as_deref());
    let spare = spare.expect("nobody has it").allocation_id.clone();
    learner.run(&format!(
        "ec2:CreateRoute RouteTableId=${{route_table.work}} DestinationCidrBlock=0.0.0.0/0 \
         NatGatewayId=${{nat_gateway.a}}\n\
         ec2:AssociateAddress AllocationId={spare} NetworkInterfaceId=${{network_interface.db}}"
    ));
    assert_eq!(points(&learner), (4, vec![FindingKind::TooOpen]));
}

#[test]
fn rules_that_nobody_meets_so_far_are_remarked_on() {
    let mut learner = on_replication();
    learner.run(ALLOW_REPLIES);
    let vpc = learner.session.plan().names.id("vpc.data").cloned();
    let mut groups = resources(&learner).security_groups.values();
    let is_default = |it: &&std::sync::Arc<wirelab_model::SecurityGroup>| {
        it.group_name == "default" && Some(it.vpc_id.as_str()) == vpc.as_deref()
    };
    let group = groups.find(is_default).expect("every VPC has one");
    let group = group.group_id.clone();
    learner.run(&format!(
        "ec2:AuthorizeSecurityGroupIngress GroupId={group} \
         IpPermissions='[{{\"IpProtocol\":\"-1\",\"IpRanges\":[{{\"CidrIp\":\"0.0.0.0/0\"}}]}}]'"
    ));
    learner.run(
        "ec2:CreateNetworkAclEntry NetworkAclId=${network_acl.primary} RuleNumber=90 Egress=false \
         Protocol=-1 RuleAction=allow Ipv6CidrBlock=::/0",
    );
    let report = learner.check();
    let mut tasks = report.tasks.iter();
    let repair = tasks.find(|it| it.task == "repair").expect("a task");
    assert_eq!((repair.points.got, repair.points.of), (6, 6));
    let said: Vec<_> = repair.findings().map(|it| it.evidence.join("; ")).collect();
    let names = [FindingKind::Dormant; 2];
    assert_eq!(findings(&report, "repair"), names, "{said:?}");
    assert!(said[0].contains("all from 0.0.0.0/0"), "{said:?}");
    assert!(said[1].contains("rule 90 allow all from ::/0"), "{said:?}");
}

#[test]
fn of_rules_without_number_an_example_is_shown_or_how_many_there_are() {
    let mut learner = on_replication();
    learner.run(ALLOW_REPLIES);
    let blocks = |group: u32| {
        let blocks = (0..60).map(|n| format!("{{\"CidrIp\":\"198.18.{group}.{n}/32\"}}"));
        let blocks = blocks.collect::<Vec<_>>().join(",");
        format!(
            "[{{\"IpProtocol\":\"tcp\",\"FromPort\":22,\"ToPort\":22,\"IpRanges\":[{blocks}]}}]"
        )
    };
    for n in 0..10 {
        learner.run(&format!(
            "ec2:CreateSecurityGroup GroupName=many-{n} Description=many VpcId=${{vpc.data}}"
        ));
        let mut groups = resources(&learner).security_groups.values();
        let group = groups.find(|it| it.group_name == format!("many-{n}"));
        let group = group.expect("it was made").group_id.clone();
        let rules = blocks(n);
        learner.run(&format!(
            "ec2:AuthorizeSecurityGroupIngress GroupId={group} IpPermissions='{rules}'"
        ));
    }
    let least = |learner: &Learner| {
        let report = learner.check();
        let repair = report.tasks.iter().find(|task| task.task == "repair");
        let least = &repair.expect("the task").checks[1];
        assert_eq!(least.points.got, 0);
        least.findings[0].clone()
    };
    let found = least(&learner);
    assert_eq!(found.name, FindingKind::TooOpen);
    assert!(
        found.summary.contains("too many rules (6"),
        "{}",
        found.summary
    );
    let rules = blocks(200);
    learner.run(&format!(
        "ec2:AuthorizeSecurityGroupIngress GroupId=${{security_group.app}} \
         IpPermissions='{rules}'"
    ));
    let found = least(&learner);
    assert!(found.summary.contains("one example"), "{}", found.summary);
    let shown = found.evidence.join("\n");
    assert!(
        shown.contains("security_group.app") && shown.contains(":22 tcp"),
        "{shown}"
    );
}

#[test]
fn a_private_subnet_made_public_is_seen() {
    let mut learner = Learner::on("nat-return-path", "private-route");
    learner.run(
        "ec2:CreateRoute RouteTableId=${route_table.private} DestinationCidrBlock=0.0.0.0/0 \
         GatewayId=${internet_gateway.edge}\n\
         ec2:AllocateAddress Domain=vpc",
    );
    let addresses = resources(&learner).addresses.values();
    let free = addresses.into_iter().find(|it| it.association_id.is_none());
    let free = free.expect("it was allocated").allocation_id.clone();
    learner.run(&format!(
        "ec2:AssociateAddress AllocationId={free} InstanceId=${{instance.worker}}"
    ));
    let (points, findings) = points(&learner);
    assert_eq!((points, findings), (4, vec![FindingKind::TooOpen]));
}

#[test]
fn a_path_mtu_learned_once_repairs_nothing_for_good() {
    let mut learner = Learner::on("mtu-black-hole", "router-icmp-nacl");
    learner.run(
        "ec2:CreateNetworkAclEntry NetworkAclId=${network_acl.app} RuleNumber=150 Egress=false \
         RuleAction=allow Protocol=1 CidrBlock=0.0.0.0/0 IcmpTypeCode='{\"Type\":3,\"Code\":4}'\n\
         advance 5m\n\
         ec2:DeleteNetworkAclEntry NetworkAclId=${network_acl.app} RuleNumber=150 Egress=false",
    );
    assert_eq!(points(&learner), (0, vec![FindingKind::SymptomRemains]));
}

#[test]
fn without_its_flow_log_a_lab_is_graded_on_what_the_log_held() {
    let mut learner = on_replication();
    learner.write(
        "refused-replies",
        "filter action = \"REJECT\" and srcPort = 5432\n\
         | stats sum(packets) as n by srcAddr, dstAddr, interfaceId",
    );
    learner.run("ec2:DeleteFlowLogs FlowLogIds='[\"${flow_log.all}\"]'");
    let report = learner.check();
    assert_eq!(findings(&report, "refused-replies"), []);
    assert_eq!(points(&learner).0, 0);
}

#[test]
fn hours_of_play_change_no_points() {
    let mut learner = on_replication();
    learner.run("advance 4h");
    learner.run(ALLOW_REPLIES);
    learner.run("advance 2h");
    assert_eq!(points(&learner), (6, vec![]));
}

/// The least that repairs `why-is-it-blocked` where the front's outbound entry has a wrong port.
const ALLOW_CHARGES: &str = "ec2:ReplaceNetworkAclEntry NetworkAclId=${network_acl.front} \
    RuleNumber=100 Egress=true RuleAction=allow Protocol=6 CidrBlock=${draw.pay} \
    PortRange='{\"From\":8443,\"To\":8443}'";

fn on_charges() -> Learner {
    let mut learner = Learner::on("why-is-it-blocked", "front-out");
    learner.run(ALLOW_CHARGES);
    learner
}

#[test]
fn an_outage_of_others_on_the_way_is_missed() {
    let deny = "ec2:CreateNetworkAclEntry NetworkAclId=${network_acl.pay} RuleNumber=5 \
        Egress=false RuleAction=deny Protocol=6 CidrBlock=${draw.ops} \
        PortRange='{\"From\":8443,\"To\":8443}'\n\
        advance 10m\n\
        ec2:DeleteNetworkAclEntry NetworkAclId=${network_acl.pay} RuleNumber=5 Egress=false";
    let stop = "ec2:StopInstances InstanceIds='[\"${instance.reports}\"]'\n\
        advance 10m\n\
        ec2:StartInstances InstanceIds='[\"${instance.reports}\"]'";
    for outage in [deny, stop] {
        let mut learner = on_charges();
        assert_eq!(points(&learner), (5, vec![]));
        learner.run(outage);
        let report = learner.check();
        assert_eq!(points(&learner), (4, vec![FindingKind::HealthyInterrupted]));
        let repair = report.tasks.iter().find(|task| task.task == "repair");
        let unharmed = &repair.expect("the task").checks[2];
        let lost = unharmed.note.as_deref().unwrap_or_default();
        let seconds = lost.split(' ').nth(3).and_then(|it| it.parse().ok());
        assert!((570..=700).contains(&seconds.unwrap_or(0_u64)), "{lost}");
        assert!(unharmed.findings[0].summary.contains("`reports`"));
    }
}

#[test]
fn a_machine_or_a_flow_log_that_is_gone_is_missed() {
    for call in [
        "ec2:TerminateInstances InstanceIds='[\"${instance.legacy}\"]'",
        "ec2:DeleteFlowLogs FlowLogIds='[\"${flow_log.all}\"]'",
    ] {
        let mut learner = on_charges();
        learner.run(call);
        assert_eq!(points(&learner), (4, vec![FindingKind::ResourceLost]));
    }
}

#[test]
fn a_network_that_was_joined_is_seen_though_nobody_is_there_yet() {
    let mut learner = on_charges();
    learner.run("ec2:CreateVpc CidrBlock=172.31.0.0/16");
    let vpcs = resources(&learner).vpcs.values();
    let own = learner.session.plan().names.id("vpc.shop").cloned();
    let other = vpcs
        .into_iter()
        .find(|it| Some(it.vpc_id.as_str()) != own.as_deref());
    let other = other.expect("it was made").vpc_id.clone();
    learner.run(&format!(
        "ec2:CreateVpcPeeringConnection VpcId=${{vpc.shop}} PeerVpcId={other}"
    ));
    let peerings = resources(&learner).vpc_peering_connections.keys();
    let peering = peerings
        .into_iter()
        .next()
        .expect("it was asked for")
        .clone();
    let tables = resources(&learner).route_tables.values();
    let main = tables.into_iter().find(|it| it.vpc_id != other);
    let main = main.expect("every VPC has one").route_table_id.clone();
    learner.run(&format!(
        "ec2:AcceptVpcPeeringConnection VpcPeeringConnectionId={peering}\n\
         ec2:CreateRoute RouteTableId={main} DestinationCidrBlock=172.31.0.0/16 \
         VpcPeeringConnectionId={peering}"
    ));
    assert_eq!(points(&learner), (3, vec![FindingKind::TooOpen]));
}

#[test]
fn a_part_of_the_clients_ports_is_no_repair_whichever_port_is_next() {
    let mut learner = on_replication();
    learner.run(&ALLOW_REPLIES.replace("60999", "49999"));
    assert_eq!(points(&learner), (0, vec![FindingKind::WorksInPart]));
    let report = learner.check();
    let repair = report.tasks.iter().find(|task| task.task == "repair");
    let shown = repair
        .and_then(|task| task.findings().next())
        .expect("a finding");
    assert!(shown.summary.contains("11000 of 28232"), "{shown:?}");
    let shown = shown.evidence.join("\n");
    for wanted in [
        "counterexample",
        "is not answered",
        "network_acl.primary",
        "50000-60999",
    ] {
        assert!(shown.contains(wanted), "`{wanted}` is not in\n{shown}");
    }
}

#[test]
fn what_is_meant_and_shut_out_is_missed_though_no_traffic_runs_into_it() {
    let list = "ec2:CreateNetworkAclEntry NetworkAclId=${network_acl.primary} RuleNumber=50 \
         Egress=true RuleAction=deny Protocol=6 CidrBlock=${subnet.app.cidr_block} \
         PortRange='{\"From\":33000,\"To\":33100}'";
    let machine = "exec primary -- iptables -A INPUT -s ${instance.app.private_ip_address} \
         -p tcp --sport 33000:33100 -j DROP";
    let route = "exec replica -- ip route add blackhole ${instance.app.private_ip_address}/32";
    for shut in [list, machine, route] {
        let mut learner = on_replication();
        learner.run(ALLOW_REPLIES);
        learner.run(shut);
        let (points, findings) = points(&learner);
        assert_eq!(points, 5, "{shut}");
        assert!(
            findings.contains(&FindingKind::TooClosed),
            "{shut}: {findings:?}"
        );
    }
}
