//! Going back and starting over: what `undo`, `reset`, `start --again` and `status` do and say.

use std::path::Path;

use crate::harness::{Place, root};

const LAB: &str = "nacl-ephemeral";

#[test]
fn undo_takes_back_one_step_and_says_all_that_goes_with_it() {
    let place = Place::with_lab(LAB, 7);
    place.shell("wirelab exec replica -- ping -c 1 -W 1 192.0.2.1");
    place.wirelab(&["advance", "10m"]).exits(0);
    place.wirelab(&["advance", "1d"]).exits(0);
    place.wirelab(&["exec", "replica", "ip", "route"]).exits(0);
    let refused = place.wirelab(&["call", "ec2:CreateNetworkAclEntry"]);
    assert!(
        refused.stderr.contains("MissingParameter"),
        "{}",
        refused.stderr
    );
    let said: Vec<String> = (0..3)
        .map(|_| place.wirelab(&["undo"]).exits(0).stdout)
        .collect();
    insta::assert_snapshot!(said.join("--\n"), @r"
    taken back: advance to 24:35:01
      and with it, though it changed nothing: exec replica -- ip route
      and with it, though it changed nothing: ec2:CreateNetworkAclEntry
    time went back by 24h: it is 00:35:01 (09:35:01 UTC) again
    --
    taken back: advance to 00:35:01
    time went back by 10m: it is 00:25:01 (09:25:01 UTC) again
    --
    taken back: exec replica -- ping -c 1 -W 1 192.0.2.1
    time went back by 1s: it is 00:25:00 (09:25:00 UTC) again
    ");
    let nothing = place.wirelab(&["undo"]).exits(2);
    let left = "nothing has changed the network or taken time since the lab opened";
    assert_eq!(nothing.stderr, format!("error: nothing to undo: {left}\n"));
}

#[test]
fn evidence_that_was_removed_is_there_again_when_one_looks() {
    let place = Place::with_lab(LAB, 7);
    let capture = place.here().join(LAB).join("evidence/replica.pcap");
    let first = std::fs::read(&capture).expect("a capture");
    for command in [&["status"][..], &["start", LAB], &["reset"]] {
        std::fs::remove_dir_all(capture.parent().expect("a folder")).expect("a folder");
        place.wirelab(command).exits(0);
        assert_eq!(
            std::fs::read(&capture).ok(),
            Some(first.clone()),
            "{command:?}"
        );
    }
}

#[test]
fn starting_again_from_within_the_lab_leaves_the_shell_in_the_new_run() {
    let mut place = Place::with_lab(LAB, 7);
    let course = place.here().to_owned();
    place.enter(&course.join(LAB));
    std::fs::write(place.here().join("notes.txt"), "mine").expect("a file");
    let again = ["start", LAB, "--again", "--seed", "8"];
    let ran = place.wirelab(&again).exits(0);
    let aside = course.join(format!("{LAB}.1"));
    assert!(
        ran.stderr.contains(&aside.display().to_string()),
        "{}",
        ran.stderr
    );
    assert_eq!(seed(&place), 8);
    assert!(!place.here().join("notes.txt").exists());
    assert!(aside.join("notes.txt").exists());
    place.enter(&aside);
    assert_eq!(seed(&place), 7);

    place.enter(&course.join(LAB).join("answers"));
    let ran = place.wirelab(&again).exits(2);
    assert!(ran.stderr.contains("&& wirelab start"), "{}", ran.stderr);
    assert_eq!(seed(&place), 8);
}

fn seed(place: &Place) -> u64 {
    let status = place.wirelab(&["status", "--json"]).exits(0).json();
    status["seed"].as_u64().expect("a seed")
}

#[test]
fn a_run_whose_scenario_has_changed_names_the_way_out() {
    let place = Place::with_lab(LAB, 7);
    let content = place.here().join("content");
    copy(
        &root().join("labs").join(LAB),
        &content.join("labs").join(LAB),
    );
    let lab = std::fs::read_to_string(content.join("labs").join(LAB).join("lab.toml"));
    let lab = lab.expect("a lab");
    let scenario = lab
        .lines()
        .find_map(|line| line.strip_prefix("scenario = "));
    let scenario = scenario.expect("a scenario").trim_matches('"');
    let folder = content.join("scenarios").join(scenario);
    copy(&root().join("scenarios").join(scenario), &folder);
    let text = std::fs::read_to_string(folder.join("scenario.toml")).expect("a scenario");
    std::fs::write(folder.join("scenario.toml"), text + "\n# newer\n").expect("a scenario");

    let newer = format!("WIRELAB_CONTENT={} wirelab", content.display());
    let ran = place.shell(&format!("{newer} status")).exits(2);
    assert!(ran.stderr.contains("has changed"), "{}", ran.stderr);
    let way_out = format!("wirelab start {LAB} --again");
    assert!(ran.stderr.contains(&way_out), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("{LAB}.1")), "{}", ran.stderr);
    place
        .shell(&format!("{newer} start {LAB} --again"))
        .exits(0);
    place.shell(&format!("{newer} status")).exits(0);
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let (from, to) = (entry.path(), to.join(entry.file_name()));
        if from.is_dir() {
            copy(&from, &to);
        } else {
            std::fs::copy(&from, &to).expect("a file");
        }
    }
}

#[test]
fn status_tells_interfaces_and_points_and_gives_no_cause_away() {
    let place = Place::with_lab(LAB, 7);
    let solutions = place.wirelab(&["author", "solution", "--json"]).exits(0);
    let first = solutions.json()["tasks"][0].clone();
    assert_eq!(first["name"], "unanswered");
    let answer = place.here().join(LAB).join("answers/unanswered.bpf");
    let text = first["solution"].as_str().expect("a filter");
    std::fs::write(answer, text).expect("an answer");
    place.wirelab(&["check", "unanswered"]);
    let page = place.wirelab(&["status"]).exits(0).stdout;
    let parts = page.find("HOSTS\n").expect("hosts");
    insta::assert_snapshot!(&page[parts..], @r"
    HOSTS
      primary      ens5   eni-4ec6504b1c2a76e03  10.127.229.213/24
      replica      ens5   eni-3f57f65c4b451b5f6  10.127.190.118/24
      app          ens5   eni-9f8adcf08423a0fdc  10.127.4.105/24

    EVIDENCE
      nacl-ephemeral/evidence/app.pcap
      nacl-ephemeral/evidence/flow-log-all.log
      nacl-ephemeral/evidence/primary.pcap
      nacl-ephemeral/evidence/replica.pcap

    TASKS  the best of all checks, also of those before an undo or reset
      unanswered         3/3 points  nacl-ephemeral/answers/unanswered.bpf
                                     SYN-ACKs that left and never arrived
      refused-replies    0/3 points  nacl-ephemeral/answers/refused-replies.insights
                                     The refused replies in the flow log
      cause              0/3 points  nacl-ephemeral/answers/cause.txt
                                     The list, its direction, the rule
      repair             0/6 points  repair the network
                                     Replication works again

    NEXT
      tcpdump -nn -r nacl-ephemeral/evidence/replica.pcap
      wirelab query 'stats sum(packets) by action, srcAddr, dstAddr'
      wirelab exec replica -- nc -vz -w 3 10.127.229.213 5432
      wirelab call --list Describe
      wirelab id                   what there is, by name and id
      wirelab check                graded by what the network does
      wirelab hint                 a nudge, when you are stuck
    ");
}

#[test]
fn where_there_are_several_log_groups_the_suggested_query_names_one() {
    let place = Place::with_lab("nacl-ephemeral", 7);
    let suggested = |place: &Place| {
        let page = place.wirelab(&["status"]).exits(0).stdout;
        let line = page.lines().find(|line| line.contains("wirelab query"));
        line.expect("a suggestion").trim().to_owned()
    };
    assert!(!suggested(&place).contains(" -g "));
    let log = [
        "call",
        "ec2:CreateFlowLogs",
        "ResourceType=VPC",
        "ResourceIds=[\"data\"]",
        "TrafficType=ALL",
        "LogGroupName=/another",
        "DeliverLogsPermissionArn=arn:aws:iam::417203396118:role/logs",
    ];
    place.wirelab(&log).exits(0);
    let query = suggested(&place);
    assert!(query.contains(" -g /vpc/data/flow "), "{query}");
    let ran = place.shell(&query).exits(0);
    assert!(ran.stdout.contains("REJECT"), "{}", ran.stdout);
}

#[test]
fn names_and_ids_stand_for_each_other() {
    let place = Place::with_lab(LAB, 7);
    let id = place
        .wirelab(&["id", "network_acl.replica"])
        .exits(0)
        .stdout;
    assert!(id.starts_with("acl-"), "{id}");
    let name = place.wirelab(&["id", id.trim()]).exits(0).stdout;
    assert_eq!(name, "network_acl.replica\n");
    let several = place.wirelab(&["id", "replica"]).exits(2).stderr;
    assert!(several.contains("network_acl.replica, "), "{several}");
    let all = place.wirelab(&["id"]).exits(0).stdout;
    assert!(
        all.contains(id.trim()) && all.contains("security_group."),
        "{all}"
    );
    let subnets = place
        .wirelab(&["id", "--kind", "subnet", "--json"])
        .exits(0)
        .json();
    let subnets = subnets["resources"].as_array().expect("a list").clone();
    let is_subnet = |it: &serde_json::Value| {
        it["id"]
            .as_str()
            .is_some_and(|id| id.starts_with("subnet-"))
    };
    assert!(
        !subnets.is_empty() && subnets.iter().all(is_subnet),
        "{subnets:?}"
    );
    place.wirelab(&["id", "acl-00000000000000000"]).exits(2);
}

#[test]
fn some_tasks_are_checked_together() {
    let place = Place::with_lab(LAB, 7);
    let ran = place
        .wirelab(&["check", "unanswered", "repair", "--json"])
        .exits(1)
        .json();
    let tasks = ran["tasks"].as_array().expect("tasks");
    let names: Vec<_> = tasks.iter().map(|it| &it["task"]).collect();
    assert_eq!(names, ["unanswered", "repair"]);
    let of = |task: &serde_json::Value| task["points"]["of"].as_u64().unwrap_or(0);
    let both: u64 = tasks.iter().map(of).sum();
    assert_eq!(ran["points"]["of"].as_u64(), Some(both));
}

#[test]
fn the_number_of_a_course_holds_for_its_later_labs() {
    let place = Place::with_lab("hello-filter", 7);
    place.wirelab(&["start", LAB]).exits(0);
    let status = place.wirelab(&["status", "--json"]).exits(0).json();
    assert_eq!(status["lab"], LAB);
    assert_eq!(status["seed"], 7, "{}", status["seed"]);
}

#[test]
fn where_the_seed_stays_the_journal_goes_on() {
    let mut place = Place::new();
    let ada = ["--course", "net-201", "--learner", "ada", "--lab", LAB];
    place
        .wirelab(&[&["init", "ada"][..], &ada].concat())
        .exits(0);
    place.enter(&place.here().join("ada"));
    let taken = |place: &Place| {
        let shown = place.wirelab(&["hint", "repair", "--take", "--json"]);
        let shown = shown.exits(0).json();
        shown["taken"].as_array().expect("hints").len()
    };
    assert_eq!(taken(&place), 1);
    // Nothing was tried, so nothing was found wrong.
    place.wirelab(&["check", "repair"]).exits(1);
    assert_eq!(taken(&place), 1);
    place
        .shell("wirelab exec replica -- sudo sysctl -w net.ipv4.ip_forward=0")
        .exits(0);
    place.wirelab(&["check", "repair"]).exits(1);
    assert_eq!(taken(&place), 2);

    let answer = place.here().join(LAB).join("answers/cause.txt");
    let form = std::fs::read_to_string(&answer).expect("a form");
    std::fs::write(&answer, "acl: network_acl.replica\n").expect("an answer");
    let again = place.wirelab(&["start", LAB, "--again"]).exits(0);
    let told = again.stderr;
    assert!(told.contains("its journal goes on"), "{told}");
    assert_eq!(std::fs::read_to_string(&answer).ok(), Some(form));
    let aside = place.here().join(LAB).join("answers.1/cause.txt");
    let aside = std::fs::read_to_string(aside).expect("the earlier answer");
    assert_eq!(aside, "acl: network_acl.replica\n");

    // Nor is another seed a way round.
    let practice = ["start", LAB, "--again", "--seed", "8"];
    place.wirelab(&practice).exits(0);
    assert_eq!(taken(&place), 1);
    let again = place.wirelab(&["start", LAB, "--again"]).exits(0);
    assert!(again.stderr.contains("goes on"), "{}", again.stderr);
    let status = place.wirelab(&["status", "--json"]).exits(0).json();
    let tasks = status["tasks"].as_array().expect("tasks");
    let repair = tasks.iter().find(|it| it["name"] == "repair");
    assert_eq!(repair.expect("a task")["hints_taken"], 2);
    let undo = place.wirelab(&["undo"]).exits(2);
    assert!(undo.stderr.contains("nothing to undo"), "{}", undo.stderr);
}

#[test]
fn a_solved_task_has_no_hint_to_sell() {
    let place = Place::with_lab("hello-filter", 7);
    let solution = place.wirelab(&["author", "solution", "--json"]).json();
    let tasks = solution["tasks"].as_array().expect("tasks");
    let filter = tasks.iter().find(|it| it["name"] == "filter");
    let filter = filter.expect("the task")["solution"]
        .as_str()
        .expect("text");
    let file = place.here().join("hello-filter/answers/filter.bpf");
    std::fs::write(file, filter).expect("an answer");
    place.wirelab(&["check", "filter"]).exits(0);
    let take = ["hint", "filter", "--take", "--json"];
    let shown = place.wirelab(&take).exits(0).json();
    assert_eq!(shown["taken"].as_array().map(Vec::len), Some(0), "{shown}");
    assert!(shown["next_price"].is_null(), "{shown}");
    let report = place.wirelab(&["check", "filter", "--json"]).exits(0);
    assert_eq!(report.json()["hints"], 0);
}

#[test]
fn a_capture_that_runs_ahead_asks_before_the_moment_of_a_prediction() {
    let place = Place::with_lab("flags-and-handshakes", 7);
    let now = |place: &Place| place.wirelab(&["status", "--json"]).json()["now"].clone();
    let opened = now(&place);
    let capture = ["tcpdump", "app", "--for", "60s", "-nn"];
    let refused = place.wirelab(&capture).exits(2);
    assert!(
        refused.stderr.contains("nothing is predicted"),
        "{}",
        refused.stderr
    );
    assert_eq!(now(&place), opened);
    place
        .wirelab(&[&capture[..], &["--unpredicted"]].concat())
        .exits(0);
    assert_ne!(now(&place), opened);
}
