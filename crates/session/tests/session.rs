//! A session on disk: what is written comes back, whoever reads it.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::json;
use wirelab_model::{Call, Seed, SimDuration, SimTime};
use wirelab_session::{
    Attribute, CallOutcome, Content, EntryKind, HistoryEvent, Lookup, Session, SessionError,
    Weight, history,
};
use wirelab_simulator::Observe;

const LAB: &str = "nacl-ephemeral";

fn content() -> Content {
    Content::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
}

struct Started {
    dir: tempfile::TempDir,
    session: Session,
}

fn start() -> Started {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let session = Session::create(dir.path(), &content(), LAB, Seed::whole(3));
    let session = session.unwrap_or_else(|error| panic!("{error}"));
    Started { dir, session }
}

fn reopen(dir: &Path) -> Session {
    Session::open(dir, &content()).unwrap_or_else(|error| panic!("{error}"))
}

/// Allows everything out of the replica's list, which changes packets in every variant.
fn allow_entry(session: &Session, rule_number: u16) -> Call {
    let acl = session
        .plan()
        .names
        .id("network_acl.replica")
        .expect("the replica's list");
    let parameters = json!({
        "NetworkAclId": acl,
        "RuleNumber": rule_number,
        "Protocol": "-1",
        "RuleAction": "allow",
        "Egress": true,
        "CidrBlock": "0.0.0.0/0",
    });
    Call {
        service: "ec2".into(),
        operation: "CreateNetworkAclEntry".into(),
        parameters: parameters.as_object().expect("an object").clone(),
    }
}

fn describe() -> Call {
    Call {
        service: "ec2".into(),
        operation: "DescribeNetworkAcls".into(),
        parameters: serde_json::Map::new(),
    }
}

fn call(session: &mut Session, call: &Call) -> CallOutcome {
    let caller = session.plan().caller.clone();
    session
        .call(&caller, call)
        .unwrap_or_else(|error| panic!("{error}"))
}

fn entries_shown(session: &mut Session) -> String {
    call(session, &describe())
        .reply
        .expect("a list of network ACLs")
        .to_string()
}

/// The evidence files with what is in them.
fn files(session: &mut Session) -> BTreeMap<PathBuf, Vec<u8>> {
    let written = session
        .write_evidence()
        .unwrap_or_else(|error| panic!("{error}"));
    let read = written.into_iter().map(|path| {
        let name = PathBuf::from(path.file_name().expect("a file"));
        (name, std::fs::read(&path).expect("evidence"))
    });
    read.collect()
}

fn remove_cache(dir: &Path) {
    std::fs::remove_dir_all(dir.join(".wirelab/cache")).expect("a cache");
}

#[test]
fn a_session_starts_with_a_page_answers_and_evidence() {
    let Started { dir, session } = start();
    assert!(session.ticket().expect("a page").contains("Replication"));
    assert_eq!(session.now(), session.lab().opens_at);
    let evidence = session.evidence_files().expect("a folder");
    let names: Vec<_> = evidence
        .iter()
        .map(|path| path.file_name().expect("a file").to_string_lossy())
        .collect();
    assert_eq!(
        names,
        [
            "app.pcap",
            "flow-log-all.log",
            "primary.pcap",
            "replica.pcap"
        ]
    );
    let form = session.answer("cause").expect("an answer").expect("a form");
    assert!(form.contains("direction:\n"), "{form}");
    let again = Session::create(dir.path(), &content(), LAB, Seed::whole(3));
    assert!(matches!(again, Err(SessionError::Exists { .. })));
}

#[test]
fn the_same_journal_gives_the_same_bytes_with_and_without_the_cache() {
    let Started { dir, mut session } = start();
    let entry = allow_entry(&session, 7);
    assert!(call(&mut session, &entry).reply.is_ok());
    let until = session.now() + SimDuration::from_secs(600);
    session.advance(until).expect("a moment to come");
    let shown = entries_shown(&mut session);
    let first = files(&mut session);
    drop(session);

    let mut cached = reopen(dir.path());
    assert_eq!(cached.now(), until);
    assert_eq!(entries_shown(&mut cached), shown);
    assert_eq!(files(&mut cached), first);

    remove_cache(dir.path());
    let mut replayed = reopen(dir.path());
    assert_eq!(replayed.now(), until);
    assert_eq!(entries_shown(&mut replayed), shown);
    assert_eq!(files(&mut replayed), first);
}

#[test]
fn evidence_goes_missing_from_the_cache_and_is_made_again() {
    let Started { dir, mut session } = start();
    session
        .advance(session.now() + SimDuration::from_secs(60))
        .expect("a moment to come");
    let first = files(&mut session);
    for file in std::fs::read_dir(dir.path().join(".wirelab/cache")).expect("a cache") {
        let path = file.expect("a file").path();
        if path
            .extension()
            .is_some_and(|extension| extension == "evidence")
        {
            std::fs::remove_file(path).expect("a file that can go");
        }
    }
    assert_eq!(files(&mut reopen(dir.path())), first);
}

#[test]
fn a_call_settles_and_a_refused_one_stays_in_the_journal() {
    let Started {
        dir: _dir,
        session: mut it,
    } = start();
    let entry = allow_entry(&it, 7);
    let first = call(&mut it, &entry);
    assert_eq!(
        first.settled_at,
        Some(it.now()),
        "the data plane obeys a second later"
    );
    let second = call(&mut it, &entry);
    let error = second.reply.expect_err("there is such an entry already");
    assert_eq!(error.code, "NetworkAclEntryAlreadyExists");
    let weights: Vec<Weight> = it.entries().map(|entry| entry.weight).collect();
    assert_eq!(weights, [Weight::Step, Weight::Settling, Weight::Idle]);
    assert_eq!((it.undos().len(), it.changes()), (1, 1));
}

#[test]
fn what_is_shown_as_undoable_is_what_undo_after_undo_takes_back() {
    let Started {
        dir: _dir,
        session: mut it,
    } = start();
    exec(&mut it, "ping -c 2 127.0.0.1");
    exec(&mut it, "ip route");
    let entry = allow_entry(&it, 7);
    call(&mut it, &entry);
    call(&mut it, &entry);
    exec(&mut it, "ping -c 2 127.0.0.1");
    wait(&mut it, 60);
    let shown = it.undos();
    let what: Vec<&str> = shown.iter().map(|undone| undone.what.as_str()).collect();
    let [advance, create, ping] = what[..] else {
        panic!("{what:?}");
    };
    assert!(advance.starts_with("advance to"), "{advance}");
    assert!(create.starts_with("ec2:CreateNetworkAclEntry"), "{create}");
    assert_eq!(ping, "exec app -- ping -c 2 127.0.0.1");
    for undone in shown {
        assert_eq!(it.undo().expect("it is undoable"), undone);
    }
    it.undo().expect_err("nothing is left");
}

#[test]
fn time_that_passes_by_itself_is_in_the_journal_and_goes_back_with_the_step_before_it() {
    let Started {
        dir,
        session: mut it,
    } = start();
    let opened = it.now();
    it.set_paced(true);
    let second = SimDuration::from_secs(1);
    it.pass(second).expect("a second");
    it.undo().expect_err("a second alone is no step");
    let entry = allow_entry(&it, 7);
    let made = call(&mut it, &entry);
    assert_eq!(made.settled_at, None, "whoever is paced waits");
    for _ in 0..3 {
        it.pass(second).expect("a second");
    }
    let weights: Vec<Weight> = it.entries().map(|entry| entry.weight).collect();
    let passed = Weight::Settling;
    assert_eq!(weights, [passed, Weight::Step, passed, passed, passed]);
    assert_eq!(it.now(), opened + SimDuration::from_secs(4));
    it.settle_down().expect("a disk");
    remove_cache(dir.path());
    assert_eq!(reopen(dir.path()).now(), it.now());
    it.undo().expect("the call");
    assert_eq!(it.now(), opened + second);
    it.pass(second).expect("time goes on from there");
    assert_eq!(it.now(), opened + SimDuration::from_secs(2));
}

/// Instances of one sandbox, launched with basic and with detailed monitoring.
#[test]
fn the_monitoring_of_an_instance_says_in_which_periods_its_metrics_come() {
    let dir = tempfile::tempdir().expect("a temporary folder");
    let session = Session::create(dir.path(), &content(), Content::SANDBOX, Seed::whole(1));
    let mut it = session.unwrap_or_else(|error| panic!("{error}"));
    let launch = |it: &mut Session, detailed: bool| {
        let parameters = json!({
            "ImageId": "ami-1",
            "MinCount": 1,
            "MaxCount": 1,
            "Monitoring": { "Enabled": detailed },
        });
        let run = Call {
            service: "ec2".into(),
            operation: "RunInstances".into(),
            parameters: parameters.as_object().expect("an object").clone(),
        };
        let reply = call(it, &run).reply.expect("an instance");
        let id = reply["Instances"][0]["InstanceId"].as_str().expect("an id");
        id.to_owned()
    };
    let (basic, detailed) = (launch(&mut it, false), launch(&mut it, true));
    wait(&mut it, 1_500);
    let run = it.run_with_evidence().expect("evidence");
    let periods = |id: &str, name: &str| -> Vec<u64> {
        let mut metrics = run.evidence().metrics.iter();
        let found = metrics.find(|(metric, _)| {
            metric.metric_name == name && metric.dimensions.iter().any(|it| it.value == id)
        });
        let points = found.expect("the instance reports").1;
        let times: Vec<u64> = points.iter().map(|it| it.timestamp.as_secs()).collect();
        let mut gaps: Vec<u64> = times.windows(2).map(|it| it[1] - it[0]).collect();
        gaps.dedup();
        gaps
    };
    for (id, octets) in [(&basic, 300), (&detailed, 60)] {
        assert_eq!(periods(id, "NetworkIn"), [octets]);
        assert_eq!(periods(id, "NetworkPacketsIn"), [300]);
        assert_eq!(periods(id, "StatusCheckFailed"), [60]);
    }
}

#[test]
fn reading_leaves_no_trace() {
    let Started { dir, mut session } = start();
    let journal = dir.path().join(".wirelab/journal.jsonl");
    let before = std::fs::read(&journal).expect("a journal");
    let now = session.now();
    entries_shown(&mut session);
    assert_eq!(session.now(), now);
    assert_eq!(std::fs::read(&journal).expect("a journal"), before);
}

fn exec(session: &mut Session, line: &str) {
    let argv: Vec<String> = line.split(' ').map(str::to_owned).collect();
    let ran = session.exec("app", &argv);
    ran.unwrap_or_else(|error| panic!("{error}"));
}

fn wait(session: &mut Session, seconds: u64) {
    session
        .advance(session.now() + SimDuration::from_secs(seconds))
        .expect("a moment to come");
}

#[test]
fn undo_takes_back_one_step_at_a_time_and_a_call_with_its_settling() {
    let Started { dir, mut session } = start();
    let shown = entries_shown(&mut session);
    let opened = session.now();
    let entry = allow_entry(&session, 7);
    call(&mut session, &entry);
    let settled = session.now();
    exec(&mut session, "ping -c 2 -W 1 192.0.2.1");
    let pinged = session.now();
    assert!(pinged > settled);
    wait(&mut session, 600);
    let waited = session.now();
    wait(&mut session, 300);

    let expected = [
        ("advance to", waited, 0),
        ("advance to", pinged, 0),
        // The ping that came after the call only asked: it goes along.
        ("ec2:CreateNetworkAclEntry NetworkAclId=", opened, 1),
    ];
    for (what, back_to, along) in expected {
        let from = session.now();
        let undone = session.undo().expect("something to undo");
        assert!(undone.what.starts_with(what), "{}", undone.what);
        assert_eq!((undone.from, undone.back_to), (from, back_to), "{what}");
        assert_eq!(
            (undone.with.len(), session.now()),
            (along, back_to),
            "{what}"
        );
    }
    assert_eq!(entries_shown(&mut session), shown);
    assert!(matches!(session.undo(), Err(SessionError::NothingToUndo)));
    let seqs: Vec<u64> = reopen(dir.path())
        .log()
        .iter()
        .map(|entry| entry.seq)
        .collect();
    assert_eq!(seqs, (1..=8).collect::<Vec<_>>());
}

#[test]
fn undo_passes_over_what_was_refused_or_only_showed_something() {
    let Started { dir, mut session } = start();
    let entry = allow_entry(&session, 7);
    call(&mut session, &entry);
    assert!(call(&mut session, &entry).reply.is_err(), "a duplicate");
    let mut dry = allow_entry(&session, 8);
    dry.parameters.insert("DryRun".to_owned(), json!(true));
    assert!(call(&mut session, &dry).reply.is_err(), "a dry run");
    exec(&mut session, "ip route");
    exec(&mut session, "nosuchprogram");
    drop(session);

    let mut session = reopen(dir.path());
    assert_eq!(session.entries().count(), 6);
    let undone = session.undo().expect("the call");
    assert!(undone.what.contains("RuleNumber=7"), "{}", undone.what);
    assert_eq!(undone.with.len(), 4, "{:?}", undone.with);
    assert_eq!(session.entries().count(), 0);

    exec(&mut session, "ip route");
    assert!(matches!(session.undo(), Err(SessionError::NothingToUndo)));
    assert_eq!(session.entries().count(), 1, "it stays in the journal");
    exec(&mut session, "ping -c 1 -W 1 192.0.2.1");
    exec(&mut session, "sysctl -w net.ipv4.tcp_sack=0");
    let undone = session.undo().expect("a setting");
    assert_eq!(undone.from, undone.back_to);
    let undone = session
        .undo()
        .expect("the ping, since nothing else is left");
    assert!(
        undone.what.starts_with("exec app -- ping"),
        "{}",
        undone.what
    );
}

#[test]
fn evidence_that_was_removed_comes_back() {
    let Started { dir, mut session } = start();
    wait(&mut session, 600);
    let first = files(&mut session);
    let evidence = dir.path().join("evidence");
    let restored = |session: &mut Session| {
        let paths = session.restore_evidence();
        let paths = paths.unwrap_or_else(|error| panic!("{error}"));
        let read = paths.iter().map(|path| {
            let name = PathBuf::from(path.file_name().expect("a file"));
            (name, std::fs::read(path).expect("evidence"))
        });
        read.collect::<BTreeMap<_, _>>()
    };
    for name in first.keys() {
        std::fs::remove_file(evidence.join(name)).expect("a file that can go");
        assert_eq!(restored(&mut session), first, "{}", name.display());
    }
    std::fs::remove_dir_all(&evidence).expect("a folder that can go");
    assert_eq!(restored(&mut reopen(dir.path())), first);
    std::fs::remove_dir_all(&evidence).expect("a folder that can go");
    session.reset().expect("a journal");
    let opened = files(&mut session);
    assert_eq!(
        opened.keys().collect::<Vec<_>>(),
        first.keys().collect::<Vec<_>>()
    );
    assert_ne!(opened, first);
}

#[test]
fn the_cache_stays_small_and_what_it_forgets_is_made_again() {
    let Started { dir, mut session } = start();
    for _ in 0..20 {
        wait(&mut session, 1);
    }
    let reached = session.now();
    let first = files(&mut session);
    for seconds in 1..=60 {
        wait(&mut session, seconds);
        session.undo().expect("the wait");
    }
    let count = |ending: &str| {
        let entries = std::fs::read_dir(dir.path().join(".wirelab/cache")).expect("a cache");
        let paths = entries.map(|entry| entry.expect("a file").path());
        paths
            .filter(|path| path.extension().is_some_and(|it| it == ending))
            .count()
    };
    // The opening, 20 steps on the way, and the newest 32 of 60 branches.
    assert_eq!((count("evidence"), count("captures")), (53, 53));
    // The way keeps the worlds of its last 16 steps, the last branch among them, and the opening's.
    assert_eq!(count("world"), 15 + 1 + 32);
    assert_eq!(files(&mut reopen(dir.path())), first);
    for _ in 0..20 {
        session.undo().expect("a wait");
    }
    wait(&mut session, 20);
    assert_eq!(session.now(), reached);
    assert_eq!(files(&mut session), first);
}

#[test]
fn reset_returns_to_the_opening_and_keeps_hints_and_checks() {
    let Started {
        dir: _dir,
        session: mut it,
    } = start();
    let opened = it.now();
    it.take_hint("repair").expect("a task").expect("a hint");
    it.note_check(4, BTreeMap::from([("repair".into(), 3)]))
        .expect("a journal");
    it.note_check(1, BTreeMap::from([("repair".into(), 1)]))
        .expect("a journal");
    for rule_number in [7, 8] {
        let entry = allow_entry(&it, rule_number);
        call(&mut it, &entry);
    }
    it.reset().expect("a journal");
    assert_eq!((it.now(), it.changes()), (opened, 0));
    assert_eq!((it.hints_taken("repair"), it.best_check()), (1, Some(4)));
    assert_eq!((it.best_of("repair"), it.best_of("cause")), (Some(3), None));
    // The tasks one by one count together.
    it.note_check(3, BTreeMap::from([("cause".into(), 3)]))
        .expect("a journal");
    assert_eq!(it.best_check(), Some(6));
}

#[test]
fn two_processes_share_one_session() {
    let Started {
        dir,
        session: mut first,
    } = start();
    let mut second = reopen(dir.path());
    let entry = allow_entry(&first, 7);
    call(&mut first, &entry);
    assert!(entries_shown(&mut second).contains("\"RuleNumber\":7"));
    second
        .advance(second.now() + SimDuration::from_secs(30))
        .expect("a moment to come");
    first.undo().expect("the wait of the other");
    first.undo().expect("the call");
    assert!(!entries_shown(&mut second).contains("\"RuleNumber\":7"));
    assert_eq!(first.now(), second.now());
}

#[test]
fn a_journal_that_this_build_does_not_reproduce_stops_with_the_entry() {
    let Started { dir, mut session } = start();
    let entry = allow_entry(&session, 7);
    call(&mut session, &entry);
    let reply = session.entries().next().expect("an entry").reply.clone();
    drop(session);
    remove_cache(dir.path());
    rewrite_reply(&dir.path().join(".wirelab/journal.jsonl"), &reply);
    let error = Session::open(dir.path(), &content()).expect_err("drift");
    let SessionError::Drift { seq, .. } = error else {
        panic!("{error}");
    };
    assert_eq!(seq, 1);
}

/// Puts another reply hash into the journal's first entry, and the right checksum to it.
fn rewrite_reply(path: &Path, reply: &str) {
    use sha2::{Digest, Sha256};
    let text = std::fs::read_to_string(path).expect("a journal");
    let lines = text.lines().map(|line| {
        let Some((body, _)) = line.rsplit_once(",\"checksum\":\"") else {
            return line.to_owned();
        };
        let json = format!("{}}}", body.replace(reply, "0000000000000000"));
        let digest = Sha256::digest(json.as_bytes());
        let sum: String = digest
            .iter()
            .take(8)
            .map(|byte| format!("{byte:02x}"))
            .collect();
        let body = json.strip_suffix('}').expect("an object");
        format!("{body},\"checksum\":\"{sum}\"}}")
    });
    let rewritten: Vec<String> = lines.collect();
    std::fs::write(path, rewritten.join("\n") + "\n").expect("a journal");
}

#[test]
fn a_replica_has_other_traffic_and_the_same_changes() {
    let Started {
        dir: _dir,
        session: mut it,
    } = start();
    let entry = allow_entry(&it, 7);
    call(&mut it, &entry);
    let seed = it.plan().seed.with_traffic(99);
    let replica = it
        .replica(seed, Observe::default())
        .expect("a plan that runs");
    assert_eq!(replica.now(), it.now());
    let resources = replica.control().resources();
    assert_eq!(
        resources.network_acls,
        it.run().control().resources().network_acls
    );
    let started = |run: &wirelab_session::Run| {
        run.evidence()
            .traffic
            .iter()
            .map(|event| event.started)
            .collect::<Vec<SimTime>>()
    };
    let own = started(it.run_with_evidence().expect("evidence"));
    assert_ne!(started(&replica), own);
    let again = it
        .replica(seed, Observe::default())
        .expect("a plan that runs");
    assert_eq!(started(&again), started(&replica));
}

#[test]
fn a_command_prints_takes_its_time_and_is_journalled() {
    let Started { dir, mut session } = start();
    let before = session.now();
    let argv: Vec<String> = ["ping", "-c", "2", "-W", "1", "127.0.0.1"]
        .map(str::to_owned)
        .into();
    let result = session
        .exec("app", &argv)
        .unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(result.ended_at, session.now());
    assert!(session.now() >= before);
    let last = session.entries().last().expect("an entry").kind.clone();
    assert_eq!(
        last,
        EntryKind::Host {
            host: "app".into(),
            argv
        }
    );
    remove_cache(dir.path());
    assert_eq!(reopen(dir.path()).now(), session.now());
    let unknown = session
        .exec("nobody", &["ls".to_owned()])
        .expect_err("no such machine");
    assert_eq!(unknown.to_string(), "no host is called `nobody`");
}

fn seen(session: &mut Session, lookup: &Lookup) -> (Vec<HistoryEvent>, Vec<HistoryEvent>) {
    let run = session.run_with_evidence();
    history(run.unwrap_or_else(|error| panic!("{error}")), lookup)
}

#[test]
fn the_api_history_tells_who_changed_what_five_minutes_later_and_nothing_that_was_undone() {
    let mut started = start();
    let session = &mut started.session;
    let (before, _) = seen(session, &Lookup::default());
    let [incident] = &before[..] else {
        panic!("the timeline makes one call: {before:?}");
    };
    assert_eq!(incident.record["eventSource"], "ec2.amazonaws.com");
    assert_ne!(incident.record["userIdentity"]["arn"], "");

    let good = allow_entry(session, 50);
    call(session, &good);
    // The same number twice is refused, and that is an event too.
    call(session, &good)
        .reply
        .expect_err("a second entry of the number");
    let (ready, waiting) = seen(session, &Lookup::default());
    assert_eq!(
        (ready.len(), waiting.len()),
        (1, 2),
        "nothing is told at once"
    );
    session
        .advance(session.now() + SimDuration::from_secs(420))
        .expect("time passes");
    let by_me = Lookup {
        attributes: vec![(
            Attribute::Username,
            session
                .plan()
                .caller
                .principal
                .rsplit('/')
                .next()
                .unwrap_or_default()
                .to_owned(),
        )],
        ..Lookup::default()
    };
    let (ready, waiting) = seen(session, &by_me);
    assert!(waiting.is_empty());
    let [refused, made] = &ready[..] else {
        panic!("newest first: {ready:?}");
    };
    let code = Some("Client.NetworkAclEntryAlreadyExists");
    assert_eq!(refused.error_code.as_deref(), code);
    assert!(refused.record["responseElements"].is_null());
    assert_eq!(made.record["requestParameters"]["ruleNumber"], 50);
    assert_eq!(made.record["responseElements"]["_return"], true);
    assert_ne!(made.event_id, refused.event_id);
    let acl = session.plan().names.id("network_acl.replica").cloned();
    let is_about = Attribute::ResourceName.matches(made, &acl.unwrap_or_default());
    assert!(is_about, "{:?}", made.resources);

    session.undo().expect("the wait");
    session.undo().expect("the entry");
    let (ready, waiting) = seen(session, &Lookup::default());
    assert_eq!(
        (ready.len(), waiting.len()),
        (1, 0),
        "an undone call never happened"
    );
}
