//! What a reader of the network's tables sees: reach, history, undo.

use crate::harness::Place;

#[test]
fn reach_has_a_row_for_each_pair_of_ends_and_json_leaves_nothing_out() {
    let place = Place::with_lab("mtu-black-hole", 5);
    let table = place.wirelab(&["reach"]).exits(0).stdout;
    insta::assert_snapshot!(table);
    assert!(table.lines().all(|line| line.chars().count() <= 100));
    for end in ["office", "subnet.app", "internet", "app", "10.0.0.0/8"] {
        place.wirelab(&["reach", end]).exits(0);
    }
    let unknown = place.wirelab(&["reach", "offcie"]).exits(2);
    assert!(unknown.stderr.contains("office"), "{}", unknown.stderr);
    let json = place.wirelab(&["reach", "--json"]).exits(0).json();
    let flows = json["flows"].as_array().expect("flows");
    assert!(!flows.is_empty());
    for flow in flows {
        for side in ["from_addresses", "to_addresses", "protocols"] {
            let spans = flow[side].as_array().expect(side);
            let whole = spans
                .iter()
                .all(|it| !it["from"].is_null() && !it["to"].is_null());
            assert!(whole && !spans.is_empty(), "{flow}");
        }
    }
}

#[test]
fn history_says_what_changed_and_refuses_filters_that_mean_nothing() {
    let place = Place::with_lab("nat-return-path", 3);
    let all = place.wirelab(&["history"]).exits(0).stdout;
    assert!(all.contains("destinationCidrBlock=0.0.0.0/0"), "{all}");
    let some = place.wirelab(&["history", "--event", "deleteroute", "--resource", "private"]);
    let some = some.exits(0).stdout;
    assert_eq!(some.matches("DeleteRoute").count(), 1, "{some}");
    assert!(!some.contains("CreateNetworkAclEntry"), "{some}");
    place
        .wirelab(&["history", "--event", "DeleteRoad"])
        .exits(2);
    place.wirelab(&["history", "--user", "nobody"]).exits(2);
    let none = place.wirelab(&["history", "--resource", "worker"]).exits(0);
    assert!(
        none.stderr.contains("shows no call about worker"),
        "{}",
        none.stderr
    );
}

#[test]
fn a_lab_with_mistakes_leaves_nothing_behind_and_names_where_it_was_looked_for() {
    let place = Place::new();
    let here = place.here();
    let files = [
        ("labs/a/lab.toml", "format = 1\n"),
        ("scenarios/a/scenario.toml", "format = 1\n"),
    ];
    for (name, text) in files {
        let path = here.join("own").join(name);
        std::fs::create_dir_all(path.parent().expect("a folder")).expect("a folder");
        std::fs::write(path, text).expect("a file");
    }
    let ran = place
        .shell("cd own && wirelab init course --lab a")
        .exits(2);
    assert!(ran.stderr.contains("missing key"), "{}", ran.stderr);
    assert!(!ran.stderr.contains("error: error:"), "{}", ran.stderr);
    assert!(!here.join("own/course").exists());
    let ran = place
        .shell("cd own && wirelab init course --lab b")
        .exits(2);
    assert!(ran.stderr.contains("labs/NAME/lab.toml"), "{}", ran.stderr);
}

/// A call's parameter that names what it makes.
fn named(kind: &str, name: &str) -> String {
    format!(
        r#"TagSpecifications=[{{"ResourceType":"{kind}","Tags":[{{"Key":"Name","Value":"{name}"}}]}}]"#
    )
}

#[test]
fn networks_of_one_block_are_told_apart_and_everything_goes_by_its_name_tag() {
    let place = Place::new();
    place.wirelab(&["sandbox", ".", "--", "true"]).exits(0);
    let call = |words: &[&str], kind: &str, name: &str| {
        let tag = named(kind, name);
        let words = [&["call"], words, &[&tag]].concat();
        place.wirelab(&words).exits(0);
    };
    for vpc in ["one", "two"] {
        call(&["ec2:CreateVpc", "CidrBlock=10.1.0.0/16"], "vpc", vpc);
        let of = format!("VpcId={vpc}");
        let subnet = ["ec2:CreateSubnet", &of, "CidrBlock=10.1.1.0/24"];
        call(&subnet, "subnet", vpc);
    }
    for (machine, subnet, address) in [
        ("app", "one", "10.1.1.10"),
        ("db", "one", "10.1.1.11"),
        ("other", "two", "10.1.1.10"),
    ] {
        let subnet = format!("SubnetId={subnet}");
        let address = format!("PrivateIpAddress={address}");
        let mut run = vec!["ec2:RunInstances", "ImageId=ami-12345678", "MinCount=1"];
        run.extend(["MaxCount=1", &subnet, &address]);
        call(&run, "instance", machine);
    }
    let table = place.wirelab(&["reach"]).exits(0).stdout;
    assert_eq!(table, "app > db   everything\ndb  > app  everything\n");
    for end in ["app", "subnet.one", "one"] {
        let table = place.wirelab(&["reach", end, "db"]).exits(0).stdout;
        assert!(table.starts_with("app > db  everything"), "{table}");
    }
    for end in ["other", "subnet.two"] {
        let none = place.wirelab(&["reach", end]).exits(0);
        assert_eq!(none.stdout, "", "{end}");
    }
    let both = place.wirelab(&["path", "10.1.1.10", "10.1.1.11:80"]);
    assert!(both.exits(2).stderr.contains("app, other"));
}
