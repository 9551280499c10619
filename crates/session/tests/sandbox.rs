//! The sandbox's world: what people build there meets an internet that answers.

use std::path::Path;

use serde_json::{Value, json};
use wirelab_model::{Call, Seed, SimDuration};
use wirelab_session::{Content, Session};

struct Sandbox {
    _dir: tempfile::TempDir,
    session: Session,
}

impl Sandbox {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let content = Content::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."));
        let session = Session::create(dir.path(), &content, Content::SANDBOX, Seed::whole(1));
        let session = session.unwrap_or_else(|error| panic!("{error}"));
        Self { _dir: dir, session }
    }

    fn call(&mut self, operation: &str, parameters: &Value) -> Value {
        let call = Call {
            service: "ec2".into(),
            operation: operation.into(),
            parameters: parameters.as_object().expect("an object").clone(),
        };
        let caller = self.session.plan().caller.clone();
        let outcome = self.session.call(&caller, &call);
        let outcome = outcome.unwrap_or_else(|error| panic!("{error}"));
        outcome.reply.unwrap_or_else(|error| panic!("{error}"))
    }

    fn nat_gateway_state(&mut self) -> String {
        let shown = self.call("DescribeNatGateways", &json!({}));
        let state = shown
            .pointer("/NatGateways/0/State")
            .and_then(Value::as_str);
        state.unwrap_or("none").to_owned()
    }

    /// Launches a machine in the default VPC; its public address.
    fn launch(&mut self, name: &str, user_data: &str) -> String {
        let tag = json!({ "Key": "Name", "Value": name });
        let launched = self.call(
            "RunInstances",
            &json!({
                "ImageId": "ami-12345678", "MinCount": 1, "MaxCount": 1, "UserData": user_data,
                "TagSpecifications": [{ "ResourceType": "instance", "Tags": [tag] }],
            }),
        );
        let id = launched.pointer("/Instances/0/InstanceId").expect("an id");
        let shown = self.call("DescribeInstances", &json!({ "InstanceIds": [id] }));
        let address = shown.pointer("/Reservations/0/Instances/0/PublicIpAddress");
        let address = address.and_then(Value::as_str);
        address.expect("default subnets give one").to_owned()
    }

    fn exec(&mut self, host: &str, command: &str) -> String {
        let argv: Vec<String> = command.split(' ').map(str::to_owned).collect();
        let result = self.session.exec(host, &argv);
        let result = result.unwrap_or_else(|error| panic!("{error}"));
        result.combined.trim_end().to_owned()
    }
}

#[test]
fn the_internet_answers_and_knows_public_names() {
    let mut sandbox = Sandbox::new();
    for (command, printed) in [
        (
            "curl -s -o /dev/null -w %{http_code}-%{size_download} http://www.example.com/",
            "200-1256",
        ),
        (
            "curl -s -o /dev/null -w %{http_code} https://example.com/",
            "200",
        ),
        ("curl -s http://checkip.amazonaws.com/any", "198.51.100.7"),
        ("curl -s https://checkip.amazonaws.com/", "198.51.100.7"),
        ("dig +short example.com @1.1.1.1", "203.0.113.80"),
        (
            "dig +tcp +short AAAA dns.google @8.8.8.8",
            "2001:4860:4860::8888",
        ),
        ("dig +short nowhere.example.com @8.8.8.8", ""),
    ] {
        assert_eq!(sandbox.exec("internet", command), printed, "{command}");
    }
}

#[test]
fn a_machine_gets_out_and_the_internet_gets_in_as_far_as_rules_let_it() {
    let mut sandbox = Sandbox::new();
    let app = sandbox.launch("app", "");
    // printf '#!/bin/sh\nserve http 80 /=20KiB\n' | base64
    let web = sandbox.launch("web", "IyEvYmluL3NoCnNlcnZlIGh0dHAgODAgLz0yMEtpQgo=");
    let own = "curl -s http://checkip.amazonaws.com/";
    assert_eq!(sandbox.exec("app", own), app);
    let ping = sandbox.exec("app", "ping -c 1 8.8.8.8");
    assert!(ping.contains("1 received"), "{ping}");

    // A public name of EC2 is a public address outside.
    let name = format!("ec2-{}.compute-1.amazonaws.com", web.replace('.', "-"));
    let get =
        format!("curl -m 5 -s -o /dev/null -w %{{http_code}}-%{{size_download}} http://{name}/");
    assert_eq!(sandbox.exec("internet", &get), "000-0");
    sandbox.call(
        "AuthorizeSecurityGroupIngress",
        &json!({
            "GroupName": "default", "IpProtocol": "tcp", "FromPort": 80, "ToPort": 80,
            "CidrIp": "0.0.0.0/0",
        }),
    );
    assert_eq!(sandbox.exec("internet", &get), "200-20480");
    // Both ends have jumbo frames; the way over the internet gateway has none.
    let get = get.replace(&name, &web);
    assert_eq!(sandbox.exec("app", &get), "200-20480");
}

/// Whether Reachability Analyzer finds a path from `source`, and the codes of its explanations.
fn analyzed(sandbox: &mut Sandbox, source: &str, to: &Value) -> (Value, Vec<String>) {
    let mut asked = json!({ "Source": source, "Protocol": "tcp", "DestinationPort": 80 });
    for (name, value) in to.as_object().expect("members") {
        asked[name] = value.clone();
    }
    let path = sandbox.call("CreateNetworkInsightsPath", &asked);
    let path = &path["NetworkInsightsPath"]["NetworkInsightsPathId"];
    let started = json!({ "NetworkInsightsPathId": path });
    let started = sandbox.call("StartNetworkInsightsAnalysis", &started);
    let id = &started["NetworkInsightsAnalysis"]["NetworkInsightsAnalysisId"];
    let ids = json!({ "NetworkInsightsAnalysisIds": [id] });
    let shown = sandbox.call("DescribeNetworkInsightsAnalyses", &ids);
    let shown = &shown["NetworkInsightsAnalyses"][0];
    let codes = shown["Explanations"].as_array().into_iter().flatten();
    let codes = codes.map(|it| it["ExplanationCode"].as_str().unwrap_or("none").to_owned());
    (shown["NetworkPathFound"].clone(), codes.collect())
}

#[test]
fn no_analysis_finds_a_path_to_private_addresses_beyond_an_internet_gateway() {
    let mut sandbox = Sandbox::new();
    sandbox.launch("app", "");
    let shown = sandbox.call("DescribeInstances", &json!({}));
    let app = shown.pointer("/Reservations/0/Instances/0/InstanceId");
    let app = app.and_then(Value::as_str).expect("an id").to_owned();
    // Nothing joins this VPC to the default one.
    let vpc = sandbox.call("CreateVpc", &json!({ "CidrBlock": "10.1.0.0/16" }));
    let subnet = sandbox.call(
        "CreateSubnet",
        &json!({ "VpcId": vpc["Vpc"]["VpcId"], "CidrBlock": "10.1.0.0/24" }),
    );
    let far = sandbox.call(
        "CreateNetworkInterface",
        &json!({ "SubnetId": subnet["Subnet"]["SubnetId"], "PrivateIpAddress": "10.1.0.10" }),
    );
    let far = &far["NetworkInterface"]["NetworkInterfaceId"];
    let private = "IGW_DESTINATION_ADDRESS_NOT_IN_RFC1918_EGRESS".to_owned();
    for to in [
        json!({ "Destination": far }),
        json!({ "DestinationIp": "10.1.0.10" }),
        json!({ "DestinationIp": "192.168.0.10" }),
    ] {
        let (found, codes) = analyzed(&mut sandbox, &app, &to);
        assert_eq!(found, json!(false), "{to}");
        assert_eq!(codes.first(), Some(&private), "{to}: {codes:?}");
    }
    let (found, _) = analyzed(&mut sandbox, &app, &json!({ "DestinationIp": "8.8.8.8" }));
    assert_eq!(found, json!(true));
}

#[test]
fn where_time_goes_by_the_wall_clock_nothing_settles_before_it_has_passed() {
    let mut sandbox = Sandbox::new();
    let subnets = sandbox.call("DescribeSubnets", &json!({}));
    let subnet = subnets.pointer("/Subnets/0/SubnetId").expect("a subnet");
    let address = sandbox.call("AllocateAddress", &json!({ "Domain": "vpc" }));
    sandbox.session.set_paced(true);
    let before = sandbox.session.now();
    let nat = json!({ "SubnetId": subnet, "AllocationId": address["AllocationId"] });
    sandbox.call("CreateNatGateway", &nat);
    assert_eq!(sandbox.nat_gateway_state(), "pending");
    let minute = SimDuration::from_secs(60);
    for _ in 0..10 {
        sandbox.session.pass(minute).expect("time to pass");
    }
    assert_eq!(sandbox.nat_gateway_state(), "available");

    // Minutes that passed by themselves are no steps.
    sandbox.session.undo().expect("a call to take back");
    assert_eq!(sandbox.session.now(), before);
    assert_eq!(sandbox.nat_gateway_state(), "none");
}
