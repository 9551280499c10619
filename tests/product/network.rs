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

#[test]
fn a_second_course_is_made_beside_the_first_whatever_the_way_there_is_called() {
    let place = Place::with_lab("hello-filter", 1);
    place.wirelab(&["init", "../beside"]).exits(0);
    let ran = place.shell("cd hello-filter && wirelab init ../../third");
    ran.exits(0);
    let above = place.here().parent().expect("a folder above");
    assert!(above.join("beside/hello-filter").is_dir());
    assert!(above.join("third/hello-filter").is_dir());
    let inside = place.wirelab(&["init", "../course/inner"]).exits(2);
    assert!(inside.stderr.contains("inside the course folder"));
}

#[test]
fn a_path_that_depends_on_the_source_port_says_from_which_it_is_one() {
    let place = Place::with_lab("phantom-timeouts", 2);
    let all = place.wirelab(&["path", "app_a", "db_1:5432"]).exits(0);
    assert!(
        all.stdout.contains("as from all of 32768-60999"),
        "{}",
        all.stdout
    );
    let some = place.wirelab(&["path", "app_b", "db_1:5432"]).exits(1);
    for part in [
        "from 32768-47000 there and back",
        "from 47001-60999 DROPPED",
        "wirelab reach",
    ] {
        assert!(
            some.stdout.contains(part),
            "`{part}` is not in\n{}",
            some.stdout
        );
    }
    let json = place.wirelab(&["path", "app_b", "db_1:5432", "--json"]);
    assert_eq!(json.json()["source_ports"]["dropped"][0], "47001-60999");
    assert_eq!(json.json()["reachable"], false);
    for (port, code) in [("47000", 0), ("47001", 1)] {
        let asked = ["path", "app_b", "db_1:5432", "--source-port", port];
        place.wirelab(&asked).exits(code);
    }
}
