//! The real half: three network namespaces of the kernel, joined by veth pairs.

use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use super::answers::Http;
use super::{ETC_HOSTS, HOSTS, INTERFACES, Interface, Printed, SEARCH, SERVER};

/// What the real half needs.
pub(crate) const TOOLS: [&str; 20] = [
    "ip",
    "ping",
    "tracepath",
    "traceroute",
    "curl",
    "dig",
    "host",
    "nslookup",
    "netstat",
    "arp",
    "timeout",
    "nc",
    "ss",
    "conntrack",
    "iptables",
    "ethtool",
    "sysctl",
    "getent",
    "script",
    "unshare",
];

/// The variable that makes this program the server of a namespace; its value is a file.
pub(crate) const SERVE: &str = "WIRELAB_REAL_SERVE";

/// Why there can be no real half here, if so.
pub(crate) fn missing() -> Option<String> {
    let output =
        |command: &str, arguments: &[&str]| Command::new(command).args(arguments).output().ok();
    let id = output("id", &["-u"])?;
    if String::from_utf8_lossy(&id.stdout).trim() != "0" {
        return Some("network namespaces need root".to_owned());
    }
    for tool in TOOLS {
        let found = ["/usr/bin", "/usr/sbin", "/bin", "/sbin"]
            .iter()
            .any(|folder| Path::new(folder).join(tool).exists());
        if !found {
            return Some(format!("`{tool}` is not installed"));
        }
    }
    let name = format!("wltry{}", std::process::id());
    let made = output("ip", &["netns", "add", &name]).is_some_and(|it| it.status.success());
    let _ = output("ip", &["netns", "del", &name]);
    (!made).then(|| "`ip netns add` is refused".to_owned())
}

pub(crate) struct Namespaces {
    prefix: String,
    server: Option<Child>,
}

impl Namespaces {
    /// Builds the network; `macs` are the hardware addresses of [`INTERFACES`].
    pub(crate) fn new(stage: usize, macs: &[String], http: &Http) -> Self {
        let prefix = format!("wl{}x{stage}", std::process::id());
        let mut net = Self {
            prefix,
            server: None,
        };
        for host in HOSTS {
            net.ip(&["netns", "add", &net.name(host)]);
            let folder = net.folder(host);
            std::fs::create_dir_all(&folder).expect("/etc/netns can be written");
            let hosts = Path::new(&folder).join("hosts");
            std::fs::write(hosts, ETC_HOSTS).expect("and its files");
            let resolv = format!("nameserver {SERVER}\nsearch {SEARCH}\n");
            std::fs::write(Path::new(&folder).join("resolv.conf"), resolv).expect("and its files");
            for setting in ["all", "default"] {
                let key = format!("net.ipv6.conf.{setting}.accept_dad=0");
                net.must(host, &["sysctl", "-q", "-w", &key]);
            }
        }
        for (left, right) in [(0, 1), (2, 3)] {
            let (left, right) = (&INTERFACES[left], &INTERFACES[right]);
            let (from, to) = (net.name(left.host), net.name(right.host));
            net.ip(&[
                "link", "add", left.name, "netns", &from, "type", "veth", "peer", "name",
                right.name, "netns", &to,
            ]);
        }
        for host in HOSTS {
            net.must(host, &["ip", "link", "set", "lo", "up"]);
        }
        for (interface, mac) in INTERFACES.iter().zip(macs) {
            net.configure(interface, mac);
        }
        net.must("router", &["sysctl", "-q", "-w", "net.ipv4.ip_forward=1"]);
        let forward = "net.ipv6.conf.all.forwarding=1";
        net.must("router", &["sysctl", "-q", "-w", forward]);
        net.start_server(http);
        net
    }

    fn name(&self, host: &str) -> String {
        format!("{}{}", self.prefix, &host[..1])
    }

    fn folder(&self, host: &str) -> String {
        format!("/etc/netns/{}", self.name(host))
    }

    fn ip(&self, arguments: &[&str]) {
        let done = Command::new("ip")
            .args(arguments)
            .output()
            .expect("ip runs");
        let error = String::from_utf8_lossy(&done.stderr);
        assert!(done.status.success(), "ip {arguments:?}: {error}");
    }

    fn must(&self, host: &str, argv: &[&str]) {
        let printed = self.run(host, &argv.join(" "));
        assert_eq!(printed.status, 0, "{argv:?}: {}", printed.text);
    }

    fn configure(&self, interface: &Interface, mac: &str) {
        let Interface {
            host,
            name,
            address,
            ipv6,
            gateways,
            ..
        } = interface;
        self.must(host, &["ip", "link", "set", name, "address", mac]);
        self.must(
            host,
            &["ip", "addr", "add", address, "brd", "+", "dev", name],
        );
        self.must(host, &["ip", "addr", "add", ipv6, "dev", name]);
        self.must(host, &["ip", "link", "set", name, "up"]);
        if let Some((ipv4, ipv6)) = gateways {
            self.must(host, &["ip", "route", "add", "default", "via", ipv4]);
            self.must(
                host,
                &[
                    "ip", "-6", "route", "add", "default", "via", ipv6, "dev", name,
                ],
            );
        }
    }

    /// This very program is the server: the test `serve` of it.
    fn start_server(&mut self, http: &Http) {
        let file = format!("{}/http", self.folder("server"));
        let lines = http.iter().map(|(request, answer)| {
            let octets: String = answer.iter().map(|it| format!("{it:02x}")).collect();
            format!("{request}\t{octets}\n")
        });
        std::fs::write(&file, lines.collect::<String>()).expect("a file");
        let program = std::env::current_exe().expect("a path");
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.name("server")])
            .arg(program)
            .args(["--ignored", "--exact", "serve", "--nocapture"])
            .env(SERVE, file)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the server runs");
        let said = child.stdout.take().expect("it is piped");
        let mut lines = BufReader::new(said).lines();
        let serving = lines.any(|line| line.is_ok_and(|line| line.contains("serving")));
        assert!(serving, "the server does not start");
        self.server = Some(child);
    }

    /// Runs a command in a namespace, with a host name of its own and on a terminal.
    pub(crate) fn run(&self, host: &str, command: &str) -> Printed {
        let script = format!("hostname {host}; exec script -qec \"$1\" /dev/null");
        let mut child = Command::new("ip")
            .args(["netns", "exec", &self.name(host)])
            .args(["unshare", "--uts", "sh", "-c", &script, "sh", command])
            .env("LC_ALL", "C")
            .env("SHELL", "/bin/sh")
            .env_remove("COLUMNS")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("ip runs");
        // The terminal's input stays open until the command has ended.
        let input = child.stdin.take();
        let done = child.wait_with_output().expect("it ends");
        drop(input);
        Printed {
            text: String::from_utf8_lossy(&done.stdout).replace('\r', ""),
            status: done.status.code().unwrap_or(-1),
        }
    }
}

impl Drop for Namespaces {
    fn drop(&mut self) {
        if let Some(server) = &mut self.server {
            let _ = server.kill();
            let _ = server.wait();
        }
        for host in HOSTS {
            let name = self.name(host);
            let _ = Command::new("ip").args(["netns", "del", &name]).output();
            let _ = std::fs::remove_dir_all(self.folder(host));
        }
        // Only if it is empty.
        let _ = std::fs::remove_dir("/etc/netns");
    }
}
