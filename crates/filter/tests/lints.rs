//! What is said about expressions that are wrong, or not what they seem.

use std::fmt::Write as _;

use wirelab_filter::{Filter, FilterError, LinkType, lints};

/// One block an expression: its lints, or its error and hint.
fn report(expressions: &[&str]) -> String {
    let mut report = String::new();
    for expression in expressions {
        writeln!(report, "{expression}").expect("a string takes all text");
        match Filter::compile(expression, LinkType::ETHERNET) {
            Ok(_) => {
                for lint in lints(expression, LinkType::ETHERNET) {
                    writeln!(report, "  ! {lint}").expect("a string takes all text");
                }
            }
            Err(error) => {
                writeln!(report, "  x {error}").expect("a string takes all text");
                if let Some(hint) = error.hint() {
                    writeln!(report, "    {hint}").expect("a string takes all text");
                }
            }
        }
    }
    report
}

#[test]
fn clauses_that_say_nothing_are_named() {
    let report = report(&[
        "tcp port 443 and (tcp-syn|tcp-ack)!=0",
        "tcp port 443 and tcp[tcpflags] & (tcp-syn|tcp-ack) != 0",
        "ip and tcp port 443 and tcp[tcpflags] & tcp-rst != 0",
        "src host 10.0.1.5 and tcp[13] == 2",
        "tcp and tcp port 443",
        "ip and host 10.0.1.5",
        "host 10.0.1.5 or host 10.0.1.5",
        "port 80 or 443 or 80",
        "net 10.0.0.0/8 and net 10.0.0.0/8",
        "tcp or udp and port 53",
        "tcp and port 53 or udp",
        "(tcp or udp) and port 53",
        "icmp[icmptype] == icmp-unreach and icmp[icmpcode] == 4",
        "not port 22 and not (tcp-fin == 2)",
        "vlan 5 and tcp port 80",
        "vlan or tcp port 80",
        "tcp port 80 or vlan and tcp port 80",
        "greater 0",
        "udp and not tcp",
        "udp and ! tcp port 80",
        "udp and not (tcp)",
        "icmp[icmptype]=256",
        "icmp[0] & 3 = 4",
        "tcp[13] & 2 = 1 or udp",
        "tcp[tcpflags] & tcp-syn != 2",
        "tcp[tcpflags] & (tcp-syn|tcp-ack) = (tcp-syn|tcp-rst)",
        "ip[2:2] > 65535",
        "ip[2:2] >= 0",
        "ip[8] < 0x100",
        "(tcp[12] >> 4) > 15",
        "ip[6:2] & 0x1fff = 0x2000",
        "icmp[icmptype] = icmp-unreach and icmp[icmpcode] = 4",
        "ip[0] & 0xf < 5",
        "ip[12:4] = 0x0a000105",
        "",
    ]);
    insta::assert_snapshot!(report);
}

#[test]
fn mistakes_get_the_hint_that_mends_them() {
    let report = report(&[
        "'tcp port 80'",
        "tcpdump -nn -i eth0 port 80",
        "tcpdump -nn 'tcp port 443'",
        "outbound and tcp port 443",
        "\\(tcp or udp\\)",
        "tcp AND port 80",
        "TCP port 80",
        "dst 10.0.0.0/16",
        "net 10.0.0.5/16",
        "10.0.0.0/16",
        "10.0.1.5",
        "80",
        "tcp dst 80",
        "dport 80",
        "port 80,443",
        "port 80 443",
        "host 10.0.1.5:443",
        "port 70000",
        "port htpp",
        "host 10.0.0.256",
        "tcp.port == 80",
        "ip.addr == 10.0.1.5 && tcp.flags.syn == 1",
        "tcp and syn",
        "tcp and (port 80",
        "tcp[13 & 2 != 0",
        "tcp and",
        "or tcp",
        "scr host 10.0.1.5",
        "tcp and udp",
        "host $IP",
        "port 80 # web",
        "port 80; port 443",
        "port 80\u{1b}[A",
        "tcp or udp and icmp",
        "tcp port 80 or udp port 53 and host 10.0.1.5 and icmp",
        "less abc",
        "gateway foo",
        "ether host aa",
        "ether src router",
        "host app",
        "host a/b",
        "src a/b",
        "net app",
        "src web",
        "proto foo",
        "ip proto foo",
    ]);
    insta::assert_snapshot!(report);
}

#[test]
fn names_are_never_looked_up() {
    for expression in [
        "host db.internal",
        "src web",
        "dst net office",
        "gateway router",
        "ether host printer",
        "host 10.0.0.1 or web1",
        "port 80 and host \\tcp",
        "not web",
    ] {
        let refused = Filter::compile(expression, LinkType::ETHERNET);
        assert!(
            matches!(refused, Err(FilterError::Name { .. })),
            "{expression}: {refused:?}"
        );
    }
    for expression in [
        "port http or https",
        "ip proto \\tcp",
        "port domain",
        "ip proto tcp",
    ] {
        let refused = Filter::compile(expression, LinkType::ETHERNET);
        assert!(
            !matches!(refused, Err(FilterError::Name { .. })),
            "{expression}"
        );
    }
}
