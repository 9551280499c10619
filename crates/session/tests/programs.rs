//! Every program of a machine at work in one scenario: what becomes of its exchanges, and what
//! tshark makes of its packets.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use wirelab_model::{Seed, SimTime};
use wirelab_scenario::{Plan, Scenario, Source};
use wirelab_session::Run;
use wirelab_simulator::Observe;
use wirelab_simulator::host::Outcome;
use wirelab_wire::pcap::{DEFAULT_SNAPLEN, PcapWriter};

const TEXT: &str = include_str!("programs.toml");

fn plan() -> Plan {
    let source = Source::new("programs/scenario.toml", TEXT);
    let scenario = Scenario::parse(Path::new("programs"), &source);
    let plan = scenario.and_then(|it| it.compile(Seed::whole(1)));
    plan.unwrap_or_else(|errors| panic!("{errors}"))
}

fn run() -> Run {
    let observe = Observe {
        captures: true,
        flow_records: false,
        drops: false,
        metrics: false,
    };
    let mut run = Run::new(Arc::new(plan()), observe).expect("a plan that runs");
    run.advance(SimTime::from_secs(120))
        .expect("a moment to come");
    run
}

/// The outcomes of a program, each once.
fn outcomes(run: &Run, traffic: &str) -> String {
    let mut seen = Vec::new();
    for event in run.evidence().exchanges(traffic) {
        let text = match (&event.outcome, event.status) {
            (Outcome::Failed(why), _) => why.to_string(),
            (outcome, Some(status)) => format!("{outcome:?} {status}"),
            (outcome, None) => format!("{outcome:?}"),
        };
        if !seen.contains(&text) {
            seen.push(text);
        }
    }
    seen.join(", then ")
}

#[test]
fn programs_do_what_they_are_for() {
    let run = run();
    let expired = "Completed 200, then SSL certificate problem: certificate has expired";
    let unknown = "SSL certificate problem: unable to get local issuer certificate";
    let version = "OpenSSL/3.0.19: error:0A00042E:SSL routines::tlsv1 alert protocol version";
    let denied = "root: Permission denied (publickey).";
    let unencrypted = "FATAL:  no pg_hba.conf entry for host \"10.0.1.10\", user \"app\", \
                       database \"app\", no encryption";
    let special: BTreeMap<&str, &str> = [
        ("expiring", expired),
        ("stranger", unknown),
        ("too-old", version),
        ("guesser", denied),
        ("pg-refused", unencrypted),
    ]
    .into();
    let with_status = [
        "https", "plain", "alb", "role", "old-sdk", "backup", "restore",
    ];
    for spec in &plan().traffic {
        let name = spec.name.as_str();
        let expected = match special.get(name) {
            Some(special) => *special,
            None if with_status.contains(&name) => "Completed 200",
            None => "Completed",
        };
        assert_eq!(outcomes(&run, name), expected, "{name}");
    }
    let pool = run.evidence().exchanges("mysql-pool");
    let ports: Vec<_> = pool
        .filter_map(|event| event.connection.map(|it| it.local_port))
        .collect();
    let distinct: std::collections::BTreeSet<_> = ports.iter().collect();
    assert!(ports.len() > 20 && distinct.len() == 4, "{ports:?}");
    let backup = run.evidence().exchanges("backup").next();
    let took = backup.map(|event| event.at.since(event.started).as_millis());
    // 16,777,216 bits at 20 Mbit a second.
    assert!(
        took.is_some_and(|took| (830..860).contains(&took)),
        "{took:?}"
    );
}

fn tshark(file: &Path, arguments: &[String]) -> String {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(arguments);
    command.args([
        "-o",
        "tcp.check_checksum:TRUE",
        "-o",
        "udp.check_checksum:TRUE",
    ]);
    let output = command.output().expect("tshark runs");
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// How many frames each filter takes, in one pass: the table of `-z io,stat`.
fn counts(file: &Path, filters: &[&str]) -> Vec<usize> {
    let table = format!("io,stat,0,{}", filters.join(","));
    let printed = tshark(file, &["-q".to_owned(), "-z".to_owned(), table]);
    let row = printed.lines().find(|line| line.contains("<>"));
    let row = row.unwrap_or_else(|| panic!("no table:\n{printed}"));
    let cells = row.split('|').skip(2).step_by(2);
    cells.filter_map(|cell| cell.trim().parse().ok()).collect()
}

/// What must be there: a filter of Wireshark and the least number of packets.
const DISSECTED: [(&str, usize); 35] = [
    (
        "tls.handshake.extensions_server_name == \"www.corp.internal\"",
        2,
    ),
    (
        "tls.handshake.type == 2 && tls.handshake.extensions.supported_version == 0x0304",
        2,
    ),
    (
        "tls.handshake.type == 11 && x509sat.uTF8String == \"Corp-CA\"",
        3,
    ),
    (
        "tls.handshake.extensions_alpn_str == \"http/1.1\" && tls.handshake.type == 2",
        3,
    ),
    ("tls.app_data_proto == \"Hypertext Transfer Protocol\"", 20),
    ("tls.alert_message.desc == 48", 2),
    ("tls.alert_message.desc == 45", 2),
    ("tls.alert_message.desc == 70", 2),
    ("http.request.uri == \"/page\"", 5),
    ("http.user_agent == \"ELB-HealthChecker/2.0\"", 3),
    (
        "http.request.method == \"PUT\" && http.host == \"169.254.169.254\"",
        4,
    ),
    ("http.request.uri contains \"/down?bytes=2097152\"", 3),
    ("pgsql.query == \"SELECT * FROM orders\"", 5),
    ("pgsql.type == \"Data row\"", 5),
    ("pgsql.type == \"SSL request\"", 2),
    ("tls.handshake.type == 1 && tcp.port == 5432", 2),
    ("tls.handshake.type == 2 && tcp.port == 5432", 2),
    ("mysql.server_greeting", 5),
    ("mysql.login_request && mysql.user == \"app\"", 5),
    ("mysql.query == \"SELECT * FROM orders\"", 10),
    ("mysql.row.text", 10),
    ("mysql.command == 0x12", 1),
    ("mysql.command == 0x01", 5),
    ("ssh.protocol == \"SSH-2.0-OpenSSH_8.7\"", 8),
    ("ssh.message_code == 20", 8),
    ("ssh.message_code == 31", 4),
    ("ssh.message_code == 21", 8),
    ("ntp.flags.mode == 3", 10),
    ("ntp.flags.mode == 4 && ntp.stratum == 4", 5),
    (
        "dns.cname == \"www.corp.internal\" && dns.a == 10.0.1.20",
        8,
    ),
    ("dns.aaaa == 2001:db8::1", 8),
    ("dns.flags.rcode == 3 && dns.soa.mname", 8),
    ("dns.flags.truncated == 1 && udp", 8),
    ("dns.count.answers == 60 && tcp", 8),
    (
        "tcp.flags == 2 && tcp.window_size_value == 1024 && ip.len == 44 && ip.flags.df == 0",
        200,
    ),
];

#[test]
fn tshark_dissects_what_programs_say() {
    if Command::new("tshark").arg("--version").output().is_err() {
        eprintln!("skipped: there is no tshark on this machine");
        return;
    }
    let run = run();
    let folder = tempfile::tempdir().expect("a folder");
    let captures = run.evidence().captures.iter();
    let (_, frames) = captures
        .max_by_key(|(_, frames)| frames.len())
        .expect("a capture");
    let file = folder.path().join("client.pcap");
    let starts = plan().starts;
    let mut writer = PcapWriter::new(Vec::new(), DEFAULT_SNAPLEN).expect("a vector");
    for captured in frames {
        let at = starts.at(captured.at);
        writer
            .write_frame(at.as_nanos(), &captured.frame)
            .expect("a vector");
    }
    std::fs::write(&file, writer.finish().expect("a vector")).expect("written");
    let bad = "_ws.malformed || _ws.expert.severity == error || tcp.checksum.status == 0 \
               || udp.checksum.status == 0";
    let found = tshark(&file, &["-Y".to_owned(), bad.to_owned()]);
    assert!(found.is_empty(), "{found}");
    let filters = DISSECTED.map(|(filter, _)| filter);
    let counts = counts(&file, &filters);
    assert_eq!(counts.len(), filters.len());
    let seen = DISSECTED.iter().zip(counts);
    let missing: Vec<_> = seen.filter(|((_, least), count)| count < least).collect();
    assert!(missing.is_empty(), "{missing:#?}");
}
