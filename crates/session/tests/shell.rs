//! Shell scripts on machines of a sandbox: programs in pipelines, time that passes, files, settings,
//! and one entry of the journal for each.

use std::path::Path;

use serde_json::{Value, json};
use wirelab_model::{Call, Seed, SimTime};
use wirelab_session::{Content, EntryKind, ExecResult, Session};

struct Sandbox {
    dir: tempfile::TempDir,
    session: Session,
    /// A machine with a web server, and another.
    web: String,
}

fn content() -> Content {
    Content::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("../.."))
}

impl Sandbox {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let session = Session::create(dir.path(), &content(), Content::SANDBOX, Seed::whole(1));
        let session = session.unwrap_or_else(|error| panic!("{error}"));
        let mut sandbox = Self {
            dir,
            session,
            web: String::new(),
        };
        // printf '#!/bin/sh\nserve http 80 /=20KiB\n' | base64
        sandbox.web = sandbox.launch("web", "IyEvYmluL3NoCnNlcnZlIGh0dHAgODAgLz0yMEtpQgo=");
        sandbox.launch("app", "");
        sandbox
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

    /// Launches a machine in the default VPC; its private address.
    fn launch(&mut self, name: &str, user_data: &str) -> String {
        let tag = json!({ "Key": "Name", "Value": name });
        let launched = self.call(
            "RunInstances",
            &json!({
                "ImageId": "ami-12345678", "MinCount": 1, "MaxCount": 1, "UserData": user_data,
                "TagSpecifications": [{ "ResourceType": "instance", "Tags": [tag] }],
            }),
        );
        let address = launched.pointer("/Instances/0/PrivateIpAddress");
        address
            .and_then(Value::as_str)
            .expect("an address")
            .to_owned()
    }

    fn run(&mut self, script: &str) -> ExecResult {
        let argv = ["bash", "-c", script].map(str::to_owned);
        let result = self.session.exec("app", &argv);
        result.unwrap_or_else(|error| panic!("{script}: {error}"))
    }

    /// What a script prints that ends well.
    fn prints(&mut self, script: &str) -> String {
        let result = self.run(script);
        assert_eq!(result.status, 0, "{script}: {}", result.combined);
        result.combined
    }

    fn seconds(&self, since: SimTime) -> u64 {
        self.session.now().since(since).as_secs()
    }
}

#[test]
fn programs_of_the_machine_stand_in_loops_pipelines_and_substitutions() {
    let mut sandbox = Sandbox::new();
    let web = sandbox.web.clone();
    let scan = format!(
        "for h in {web} 172.31.255.250; do \
           ping -c1 -W1 $h >/dev/null && echo $h up || echo $h down; done"
    );
    assert_eq!(
        sandbox.prints(&scan),
        format!("{web} up\n172.31.255.250 down\n")
    );
    let gateway = sandbox.prints("ip route | grep ^default | awk '{print $3}'");
    assert!(gateway.starts_with("172.31."), "{gateway}");
    let code =
        format!("code=$(curl -s -o /dev/null -w '%{{http_code}}' http://{web}/); echo \"<$code>\"");
    assert_eq!(sandbox.prints(&code), "<200>\n");
    let loss = format!("ping -c 3 -i 0.2 {web} | grep -oE '[0-9]+% packet loss' | cut -d% -f1");
    assert_eq!(sandbox.prints(&loss), "0\n");
    let failed = sandbox.run("curl -s -m 1 http://172.31.255.250/; echo \"curl said $?\"; nosuch");
    assert_eq!(failed.stdout, "curl said 28\n");
    assert_eq!(failed.stderr, "bash: line 1: nosuch: command not found\n");
    assert_eq!(failed.status, 127);
    let fed =
        format!("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 2 {web} 80 | head -n 1 | tr -d '\\r'");
    assert_eq!(sandbox.prints(&fed), "HTTP/1.1 200 OK\n");
    let open = format!(
        "(echo > /dev/tcp/{web}/80) 2>/dev/null && echo open; \
                        (echo > /dev/tcp/{web}/81) 2>&1 | tail -1"
    );
    let shut = format!("open\nbash: line 1: /dev/tcp/{web}/81: Connection refused\n");
    assert_eq!(sandbox.prints(&open), shut);
}

#[test]
fn time_passes_as_programs_take_it_and_ends_those_that_would_not_end() {
    let mut sandbox = Sandbox::new();
    let web = sandbox.web.clone();
    let began = sandbox.session.now();
    let slept = "a=$(date +%s); sleep 5; sleep 0.5m; b=$(date +%s); echo $((b-a)) $SECONDS";
    assert_eq!(sandbox.prints(slept), "35 35\n");
    assert_eq!(sandbox.seconds(began), 35);

    let began = sandbox.session.now();
    let late = sandbox.run(&format!(
        "timeout 3 ping -c 100 {web}; echo $?; timeout 2 bash -c 'while :; do sleep 1; done'; echo $?"
    ));
    assert!(
        late.stdout.contains("icmp_seq=3") && !late.stdout.contains("icmp_seq=5"),
        "{late:?}"
    );
    assert!(late.stdout.ends_with("\n124\n124\n"), "{}", late.stdout);
    assert_eq!(sandbox.seconds(began), 5);

    // A ping without an end has one under `timeout`, and says what it found if it is interrupted.
    let began = sandbox.session.now();
    let pings = sandbox.run(&format!(
        "timeout 3 ping {web}; echo $?; timeout -s INT 2 ping -q {web} | tail -2 | head -1; ping {web}"
    ));
    assert!(pings.stdout.contains("icmp_seq=3"), "{pings:?}");
    assert!(!pings.stdout.contains("icmp_seq=4"), "{pings:?}");
    let end = "\n124\n2 packets transmitted, 2 received, 0% packet loss, time 10";
    assert!(pings.stdout.contains(end), "{pings:?}");
    assert!(pings.stderr.contains("would never end"), "{pings:?}");
    assert_eq!((sandbox.seconds(began), pings.status), (5, 2));
    let missing = sandbox.run("timeout 3 nosuch; echo $?");
    let why = "timeout: failed to run command ‘nosuch’: No such file or directory\n";
    assert!(missing.stderr.ends_with(why), "{missing:?}");
    assert_eq!(missing.stdout, "127\n");

    // `head` has its lines, and the next one ends the ping, which would go on for long.
    let began = sandbox.session.now();
    let cut = sandbox.run(&format!(
        "ping -c 100 {web} | head -3; echo ${{PIPESTATUS[*]}}"
    ));
    assert!(
        cut.stdout.contains("icmp_seq=2") && !cut.stdout.contains("icmp_seq=3"),
        "{cut:?}"
    );
    assert!(cut.stdout.ends_with("\n141 0\n"), "{}", cut.stdout);
    assert_eq!(sandbox.seconds(began), 2);
    let endless = sandbox.run("while true; do :; done");
    assert_eq!(endless.status, 2);
    assert!(
        endless.stderr.contains("not simulated"),
        "{}",
        endless.stderr
    );
}

#[test]
fn files_and_settings_of_a_machine_are_read_and_written() {
    let mut sandbox = Sandbox::new();
    for (script, printed) in [
        ("cat /proc/sys/net/ipv4/ip_forward", "0\n"),
        (
            "echo 1 > /proc/sys/net/ipv4/ip_forward; sysctl -n net.ipv4.ip_forward",
            "1\n",
        ),
        (
            "sudo sh -c 'echo 0 > /proc/sys/net/ipv4/ip_forward'; cat /proc/sys/net/ipv4/ip_forward",
            "0\n",
        ),
        (
            "sysctl -w net.ipv4.tcp_syn_retries=3 | tee /tmp/log",
            "net.ipv4.tcp_syn_retries = 3\n",
        ),
        (
            "cat /tmp/log; [ -s /tmp/log ] && wc -l < /tmp/log",
            "net.ipv4.tcp_syn_retries = 3\n1\n",
        ),
        (
            "echo x | tee -a /tmp/log > /dev/null; grep -c . /tmp/log; rm /tmp/log; ls /tmp",
            "2\n",
        ),
        (
            "for d in /sys/class/net/*; do echo ${d##*/} $(cat $d/mtu); done",
            "ens5 9001\nlo 65536\n",
        ),
        (
            "grep -c '^nameserver' /etc/resolv.conf; [ -f /etc/hosts ] && echo yes",
            "1\nyes\n",
        ),
        (
            "whoami; id -u; uname -s; command -v curl",
            "root\n0\nLinux\n/usr/bin/curl\n",
        ),
    ] {
        assert_eq!(sandbox.prints(script), printed, "{script}");
    }
    let refused =
        sandbox.run("echo 10.0.0.1 db >> /etc/hosts || echo no; echo x > /proc/sys/net/nosuch");
    assert!(
        refused.stdout.contains("no\n") && refused.stderr.contains("/etc/hosts: "),
        "{refused:?}"
    );
    assert!(
        refused
            .stderr
            .ends_with("/proc/sys/net/nosuch: No such file or directory\n"),
        "{refused:?}"
    );
}

/// A script of one word, as ssh takes it; filters stand alone too.
#[test]
fn a_command_may_be_a_script_and_stand_behind_sudo() {
    let mut sandbox = Sandbox::new();
    for (argv, printed) in [
        (vec!["echo $((6*7)) | tr 4 x"], "x2\n"),
        (vec!["seq", "3"], "1\n2\n3\n"),
        (vec!["cat", "/etc/hostname"], ""),
        (
            vec!["sudo", "bash", "-c", "echo $0 $#", "me", "a b"],
            "me 1\n",
        ),
        // What stands behind `sudo` is found behind its options, by whoever runs it.
        (vec!["sudo", "-n", "seq", "2"], "1\n2\n"),
        (
            vec!["sudo", "-nu", "root", "--", "sh", "-c", "echo $USER"],
            "root\n",
        ),
        (
            vec!["/usr/bin/sudo", "-i", "sysctl", "-n", "net.ipv4.ip_forward"],
            "0\n",
        ),
        (
            vec!["sudo", "A=1", "printenv", "A", "SUDO_USER"],
            "1\nroot\n",
        ),
        (vec!["sudo", "-v"], ""),
    ] {
        let argv: Vec<String> = argv.into_iter().map(str::to_owned).collect();
        let result = sandbox.session.exec("app", &argv).expect("a machine");
        assert_eq!(result.status, 0, "{argv:?}: {result:?}");
        if !printed.is_empty() {
            assert_eq!(result.stdout, printed, "{argv:?}");
        }
    }
}

#[test]
fn a_script_is_one_entry_of_the_journal_and_does_the_same_again() {
    let mut sandbox = Sandbox::new();
    let web = sandbox.web.clone();
    let before = sandbox.session.entries().count();
    let script = format!(
        "echo $RANDOM > /tmp/n; for i in 1 2; do ping -c1 {web} | sed -n 2p; sleep 2; done; \
         curl -s -o /dev/null -w '%{{time_total}}\\n' http://{web}/; cat /tmp/n; date +%s.%N"
    );
    let first = sandbox.run(&script);
    assert_eq!(first.status, 0, "{first:?}");
    let entries: Vec<_> = sandbox.session.entries().collect();
    assert_eq!(entries.len(), before + 1);
    assert!(matches!(&entries[before].kind, EntryKind::Host { argv, .. } if argv.len() == 3));
    let (now, kept) = (sandbox.session.now(), sandbox.prints("cat /tmp/n"));

    // Another process, without what was kept on the way: the journal alone says what happened.
    let folder = sandbox.dir.path();
    std::fs::remove_dir_all(folder.join(".wirelab/cache")).expect("a cache");
    let mut again = Session::open(folder, &content()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(again.now(), now);
    let argv = ["bash", "-c", "cat /tmp/n"].map(str::to_owned);
    assert_eq!(again.exec("app", &argv).expect("a machine").stdout, kept);

    // What only looks is no step, what writes is one: an undo takes the file away.
    again.undo().expect("a step");
    let there = ["bash", "-c", "[ -e /tmp/n ] || echo gone"].map(str::to_owned);
    assert_eq!(
        again.exec("app", &there).expect("a machine").stdout,
        "gone\n"
    );
}
