//! Any sequence of calls leaves a network that could exist, and never a panic.

#[path = "../account/mod.rs"]
mod account;
mod calls;
mod invariants;

use account::Account;
use calls::{KINDS, call};
use invariants::{check, is_transitional};
use proptest::prelude::*;
use serde_json::{Map, Value, json};
use wirelab_control::Control;
use wirelab_model::*;

/// A control plane with a mirror that sees only its changes.
struct Mirrored {
    account: Account,
    mirror: Resources,
    last_effective: SimTime,
}

impl Mirrored {
    fn new() -> Self {
        Self {
            account: Account::new("properties", "eu-west-1"),
            mirror: Resources::default(),
            last_effective: SimTime::ZERO,
        }
    }

    /// An account in which there is something to break.
    fn furnished() -> Self {
        let mut account = Self::new();
        let mut make = |operation: &str, parameters: Value, path: &str| {
            let reply = account.call(operation, parameters).expect(operation);
            reply
                .pointer(path)
                .and_then(Value::as_str)
                .expect(path)
                .to_owned()
        };
        let tgw = make(
            "CreateTransitGateway",
            json!({}),
            "/TransitGateway/TransitGatewayId",
        );
        let mut attachments = Vec::new();
        for network in 0..2 {
            let cidr = format!("10.{network}.0.0/16");
            let vpc = make("CreateVpc", json!({ "CidrBlock": cidr }), "/Vpc/VpcId");
            let cidr = format!("10.{network}.0.0/24");
            let subnet = json!({ "VpcId": vpc, "CidrBlock": cidr });
            let subnet = make("CreateSubnet", subnet, "/Subnet/SubnetId");
            let path = "/InternetGateway/InternetGatewayId";
            let gateway = make("CreateInternetGateway", json!({}), path);
            let vgw = json!({ "Type": "ipsec.1" });
            make("CreateVpnGateway", vgw, "/VpnGateway/VpnGatewayId");
            let address = make("AllocateAddress", json!({}), "/AllocationId");
            attachments.push((vpc, subnet, gateway, address));
        }
        for (vpc, subnet, gateway, address) in attachments {
            let parameters = json!({ "InternetGatewayId": gateway, "VpcId": vpc });
            account
                .call("AttachInternetGateway", parameters)
                .expect("it is free");
            let parameters = json!({ "SubnetId": subnet, "AllocationId": address });
            account
                .call("CreateNatGateway", parameters)
                .expect("it is free");
            let parameters = json!({ "SubnetId": subnet, "MaxCount": 2 });
            account
                .call("RunInstances", parameters)
                .expect("there is room");
            account.advance(SimDuration::from_secs(60));
            let parameters =
                json!({ "TransitGatewayId": tgw, "VpcId": vpc, "SubnetIds": [subnet] });
            let attach = "CreateTransitGatewayVpcAttachment";
            account.call(attach, parameters).expect("it is available");
        }
        account
    }

    fn control(&self) -> &Control {
        &self.account.control
    }

    fn call(&mut self, operation: &str, parameters: Value) -> Reply {
        let parameters = parameters.as_object().expect("an object").clone();
        let call = account::call("ec2", operation, parameters);
        let before = self.control().resources().clone();
        let output = self.account.call(&call, None);
        if output.reply.is_err() || call.is_read_only() {
            assert_eq!(output.changes, None, "{call}");
            assert_eq!(&before, self.control().resources(), "{call}");
        }
        self.apply(output.changes);
        output.reply
    }

    fn advance(&mut self, span: SimDuration) {
        let until = self.account.now + span;
        while let Some(at) = self.control().poll_timeout().filter(|at| *at <= until) {
            assert!(at >= self.account.now, "timers are in the future");
            self.account.now = at;
            let changes = self.account.control.handle_timeout(at);
            self.apply(changes);
        }
        self.account.now = until;
    }

    fn apply(&mut self, changes: Option<Changes>) {
        if let Some(changes) = changes {
            assert!(
                changes.effective_at >= self.last_effective,
                "changes keep their order"
            );
            assert!(changes.effective_at >= self.account.now);
            self.last_effective = changes.effective_at;
            for change in &changes.changes {
                self.mirror.apply(change);
            }
        }
        assert_eq!(
            &self.mirror,
            self.control().resources(),
            "the changes are the whole truth"
        );
    }
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 48,
        failure_persistence: None,
        ..ProptestConfig::default()
    })]

    #[test]
    fn any_sequence_of_calls_leaves_a_network_that_could_exist(
        steps in prop::collection::vec((0..KINDS, 0_u32..60, 0_u32..60, 0_u64..40), 1..220),
    ) {
        let mut account = Mirrored::furnished();
        for (kind, a, b, seconds) in steps {
            let (operation, parameters) = call(account.control().resources(), kind, a, b);
            let _ = account.call(operation, parameters);
            check(account.control().resources());
            // Two thirds of the calls follow each other at once.
            if seconds % 3 == 0 {
                account.advance(SimDuration::from_secs(seconds));
                check(account.control().resources());
            }
        }
        if let Some(settled) = account.control().settled_at() {
            account.advance(settled.since(account.account.now));
        }
        prop_assert!(!is_transitional(account.control().resources()));
        let bytes = postcard::to_stdvec(account.control()).expect("it has a compact form");
        let back: Control = postcard::from_bytes(&bytes).expect("which can be read");
        prop_assert_eq!(back.resources(), account.control().resources());
        prop_assert_eq!(back.poll_timeout(), account.control().poll_timeout());
    }

    #[test]
    fn nonsense_is_refused_and_changes_nothing(
        operation in 0_usize..1000,
        values in prop::collection::vec((0_usize..40, any_value()), 0..6),
    ) {
        let operations: Vec<_> = Control::operations().collect();
        let operation = operations[operation % operations.len()];
        let names = operation.parameters();
        let mut parameters = Map::new();
        for (name, value) in values {
            if let Some(name) = names.get(name % names.len().max(1)) {
                parameters.insert((*name).to_owned(), value);
            }
        }
        let mut account = Mirrored::furnished();
        let _ = account.call(operation.name, Value::Object(parameters));
        check(account.control().resources());
    }
}

fn any_value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (0_i64..70_000).prop_map(Value::from),
        "[a-z0-9./:-]{0,12}".prop_map(Value::from),
        Just(Value::from("10.0.0.0/16")),
        Just(Value::from("10.0.0.1")),
        Just(Value::from("tcp")),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            prop::collection::btree_map("[A-Z][a-z]{2,8}", inner, 0..3)
                .prop_map(|map| Value::Object(map.into_iter().collect())),
        ]
    })
}

#[test]
fn operations_are_sorted_and_name_their_parameters() {
    let operations: Vec<_> = Control::operations().collect();
    assert!(operations.is_sorted_by_key(|it| it.name));
    let entry = operations
        .iter()
        .find(|it| it.name == "CreateNetworkAclEntry");
    let mut parameters = entry.expect("it is there").parameters();
    parameters.sort_unstable();
    assert_eq!(
        parameters,
        [
            "CidrBlock",
            "DryRun",
            "Egress",
            "IcmpTypeCode",
            "Ipv6CidrBlock",
            "NetworkAclId",
            "PortRange",
            "Protocol",
            "RuleAction",
            "RuleNumber",
        ]
    );
    for operation in operations {
        let reads = ["Describe", "Get", "Search"];
        let named_so = reads.iter().any(|verb| operation.name.starts_with(verb));
        assert_eq!(operation.is_read_only(), named_so, "{operation:?}");
    }
}
