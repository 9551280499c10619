//! No argument makes a program of a machine panic: each command ends, runs or is refused.

use wirelab_model::{Seed, SimDuration, SimTime, UnixTime};
use wirelab_simulator::host::{
    Attachment, ExecId, Host, HostConfig, HostSettings, HostSpec, InterfaceConfig, KernelProfile,
    Output,
};
use wirelab_wire::MacAddr;

const PROGRAMS: [&str; 21] = [
    "ping",
    "tracepath",
    "traceroute",
    "curl",
    "nc",
    "dig",
    "host",
    "nslookup",
    "ip",
    "iptables",
    "conntrack",
    "ss",
    "netstat",
    "arp",
    "timeout",
    "sysctl",
    "ethtool",
    "getent",
    "cat",
    "hostname",
    "docker",
];

/// What is right here, wrong there, and odd everywhere.
const WORDS: &[&str] = &[
    "",
    "-",
    "--",
    "---",
    "-é",
    "--é=é",
    "é",
    "\u{0}",
    "10.0.2.20",
    "10.0.2.20/24",
    "10.0.0.0/33",
    "0",
    "-1",
    "65536",
    "99999999999999999999",
    "1.5",
    "1e9",
    "0x10",
    ":",
    "::",
    "::1",
    "[::1",
    "[",
    "]",
    "{",
    "%",
    "%zz",
    "http://",
    "http://a@b:c@d/",
    "http://[é]/",
    "http://10.0.2.20/%zz#x",
    "localhost",
    "a..b",
    ".",
    "..",
    "+",
    "+=",
    "+time=",
    "+no",
    "+nono",
    "@",
    "@10.0.2.20",
    "-t",
    "-x",
    "-p",
    "-q",
    "-c",
    "A",
    "IN",
    "TYPE99999",
    "-w",
    "-z",
    "-vz",
    "-u",
    "-m",
    "-l",
    "-o",
    "/dev/null",
    "-i",
    "-s",
    "-W",
    "-M",
    "do",
    "-L",
    "-A",
    "-D",
    "-I",
    "-S",
    "-n",
    "INPUT",
    "-j",
    "LOG",
    "--log-prefix",
    "éééééééééééééééééééééééééééééééééééé",
    "--dport",
    "80:",
    ":80",
    ",",
    "80-",
    "-80",
    "80-81",
    "!",
    "--ctstate",
    "conntrack",
    "tcp",
    "udp",
    "--state",
    "route",
    "addr",
    "get",
    "add",
    "del",
    "replace",
    "show",
    "table",
    "all",
    "blackhole",
    "default",
    "via",
    "dev",
    "ens5",
    "mtu",
    "from",
    "to",
    "(",
    ")",
    "or",
    "and",
    "not",
    "dst",
    "dport",
    "=",
    "state",
    "established",
    "exclude",
    "-ti",
    "exec",
    "--resolve",
    "a:80:é",
    "-d",
    "-H",
    "X",
    "-b",
    "net.",
    "-C",
    "-F",
    "-E",
    "-u=é",
    "--src=é",
    "-6",
    "-4",
];

fn host() -> Host {
    let spec = HostSpec {
        name: "client".into(),
        attachment: Attachment::Outside {
            interfaces: Vec::new(),
            customer_gateway: None,
            default_gateway: None,
        },
        kernel: KernelProfile::Linux618,
        settings: HostSettings::default(),
        routes: Vec::new(),
        firewall: Vec::new(),
        servers: Vec::new(),
    };
    let config = HostConfig {
        seed: Seed::whole(1),
        starts: UnixTime::from_secs(1_795_412_348),
    };
    let mut host = Host::new(spec, config).expect("it has no firewall");
    let parse = |text: &str| text.parse().expect("an address");
    let interface = InterfaceConfig {
        name: "ens5".into(),
        mac: MacAddr([2, 0, 0, 0, 0, 1]),
        addresses: vec!["10.0.1.10/24".parse().expect("an address")],
        mtu: 1500,
        gateways: vec![parse("10.0.1.1")],
        resolvers: vec![parse("10.0.0.2")],
        search: vec!["internal".into()],
    };
    host.set_interfaces(SimTime::ZERO, vec![interface]);
    host
}

#[test]
fn no_argument_makes_a_program_panic() {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut draw = |below: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % below as u64) as usize
    };
    let mut id = 0;
    for _ in 0..150 {
        let mut host = host();
        let mut out = Output::default();
        let mut now = SimTime::ZERO;
        for _ in 0..200 {
            let program = PROGRAMS[draw(PROGRAMS.len())];
            let count = draw(6);
            let words = (0..count).map(|_| WORDS[draw(WORDS.len())].to_owned());
            let argv: Vec<_> = std::iter::once(program.to_owned()).chain(words).collect();
            host.exec(now, ExecId(id), &argv, &mut out);
            id += 1;
            now += SimDuration::from_millis(100);
            let mut turns = 0;
            while host.poll_timeout().is_some_and(|at| at <= now) && turns < 2_000 {
                host.on_timeout(now, &mut out);
                turns += 1;
            }
            out = Output::default();
        }
    }
}
