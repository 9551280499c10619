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
