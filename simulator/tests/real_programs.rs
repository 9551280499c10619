//! The programs of machines held against the real ones, line by line.
//!
//! Each stage builds a network twice: of network namespaces of the kernel with the programs of
//! Debian 12, and of simulated machines. The same commands run in both; what they print must be the
//! same but for times and drawn numbers, and so must their exit codes. A case is a row.
//!
//! Needs root and the programs; says so and passes where they are missing. It talks to its own
//! namespaces alone, which are removed at the end.

mod real_support;

use real_support::answers::{self, Http};
use real_support::namespaces::{self, Namespaces};
use real_support::normal::normal;
use real_support::simulated::Simulated;
use real_support::{Case, INTERFACES, Printed, Stage, case};

const STAGES: &[Stage] = &[
    Stage {
        name: "open",
        setup: &[],
        cases: &[
            case("ping -c 3 -i 0.2 10.0.2.20"),
            case("ping -c 1 server"),
            case("ping -n -c 1 server"),
            case("ping -q -c 2 -i 0.2 10.0.2.20"),
            case("ping -4 -c 1 server"),
            case("ping -6 -c 2 -i 0.2 fd00:2::20"),
            case("ping -c 1 fd00:2::20"),
            case("ping -6 -c 1 server"),
            case("ping -c 1 -s 0 10.0.2.20"),
            case("ping -c 1 -s 8 10.0.2.20"),
            case("ping -c 1 -s 1472 -M do 10.0.2.20"),
            case("ping -c 2 -i 0.2 -s 1473 -M do -W 1 10.0.2.20"),
            case("ping -c 1 -s 3000 -M dont 10.0.2.20"),
            case("ping -c 1 -s 3000 10.0.2.20"),
            case("ping -c 1 -s 65507 -W 1 10.0.2.20"),
            case("ping -c 2 -i 0.2 -s 65508 -W 1 10.0.2.20"),
            case("ping -c 1 -s 65508 -W 1 127.0.0.1"),
            case("ping -c 1 -s 65528 -W 1 10.0.2.20"),
            case("ping -c 1 -s 70000 10.0.2.20"),
            case("ping -c 1 -t 0 10.0.2.20"),
            case("ping -c 1 10.0.1.255"),
            case("ping -c 1 255.255.255.255"),
            case("ping -c 1 -W 1 10.0.2.255"),
            case("ping -c 1 0"),
            case("ping -c 1 10.532"),
            case("ping -c 1 0x0a000214"),
            case("ping -c 1 012.0.2.20"),
            case("ping -c 1 10.0.2.256"),
            case("ping -c 1 -W 1 -t 1 10.0.2.20"),
            case("ping -c 1 -W 1 10.0.1.1"),
            case("ping -c 1 127.0.0.1"),
            case("ping -c 1 localhost"),
            case("ping -c 1 10.0.1.10"),
            case("ping -c 2 -i 0.2 -W 1 192.0.2.1"),
            case("ping -c 1 missing.example.internal"),
            case("ping -c 1 db"),
            case("ping -c 1 www.example.internal"),
            case("ping -c 0 10.0.2.20"),
            case("ping -c many 10.0.2.20"),
            case("ping -c 1 -t 300 10.0.2.20"),
            case("ping -c 1 -s -1 10.0.2.20"),
            case("ping -c 1 192.0.2.1").on("router"),
            case("ping -c 1 -M perhaps 10.0.2.20"),
            case("ping -D -c 1 10.0.2.20").because("time stamps are dates"),
            case("ping -O -c 2 -i 0.2 10.0.2.20"),
            case("ping -w 1 -i 0.4 10.0.2.20"),
            case("ping -c 2 -w 5 -i 0.2 10.0.2.20"),
            case("ping"),
        ],
    },
    Stage {
        name: "neighbour",
        setup: &[],
        cases: &[
            case("ping -c 3 10.0.1.99"),
            case("ping -c 1 10.0.1.98"),
            case("ping -c 2 10.0.2.99"),
            case("curl -m 10 http://10.0.1.97/"),
            case("curl -s -S http://10.0.2.97/"),
            case("nc -vz -w 5 10.0.1.96 80"),
            case("nc -vz -w 1 10.0.1.95 80"),
            case("ping -c 1 -W 5 fd00:1::99"),
            case("ip neigh").in_any_order(),
            case("ip neigh show dev ens5").in_any_order(),
            case("ip -4 neigh").in_any_order(),
            case("ping -c 1 10.0.1.1"),
        ],
    },
    Stage {
        name: "hops",
        setup: &[
            ("router", "sysctl -q -w net.ipv4.icmp_ratelimit=0"),
            ("server", "sysctl -q -w net.ipv4.icmp_ratelimit=0"),
        ],
        cases: &[
            case("tracepath -n 10.0.2.20"),
            case("tracepath server"),
            case("tracepath -b server"),
            case("tracepath -n -m 1 10.0.2.20"),
            case("tracepath -n -m 3 10.0.2.99"),
            case("tracepath -n fd00:2::20"),
        ],
    },
    Stage {
        name: "routes",
        setup: &[
            ("router", "sysctl -q -w net.ipv4.icmp_ratelimit=0"),
            ("server", "sysctl -q -w net.ipv4.icmp_ratelimit=0"),
        ],
        cases: &[
            case("traceroute -n 10.0.2.20"),
            case("traceroute server"),
            case("traceroute -n -q 1 10.0.2.20"),
            case("traceroute -I -n 10.0.2.20"),
            case("traceroute -T -q 1 -n 10.0.2.20"),
            case("traceroute -T -p 81 -q 1 -N 1 -n 10.0.2.20"),
            case("traceroute -n -m 2 -q 1 10.0.2.20"),
            case("traceroute -n -q 1 -w 1 -m 3 10.0.2.99"),
            case("traceroute -6 -n fd00:2::20"),
            case("traceroute missing.example.internal"),
        ],
    },
    Stage {
        name: "limited",
        setup: &[],
        cases: &[case("traceroute server")],
    },
    Stage {
        name: "nowhere",
        setup: &[],
        cases: &[case("tracepath -n -m 4 192.0.2.1")],
    },
    Stage {
        name: "astray",
        setup: &[],
        cases: &[case("traceroute -n -q 2 -N 2 192.0.2.1")],
    },
    Stage {
        name: "silent",
        setup: &[
            ("server", "iptables -A INPUT -p icmp -j DROP"),
            (
                "server",
                "iptables -A INPUT -p udp -m multiport ! --dports 53 -j DROP",
            ),
            ("server", "iptables -A INPUT -p tcp --dport 82 -j DROP"),
            ("router", "sysctl -q -w net.ipv4.icmp_ratelimit=0"),
        ],
        cases: &[
            case("ping -c 2 -i 0.2 -W 1 10.0.2.20"),
            case("ping -c 1 -W 0.5 10.0.2.20"),
            case("ping -w 2 10.0.2.20"),
            case("ping -O -c 2 -W 1 10.0.2.20"),
            case("tracepath -n -m 2 10.0.2.20"),
            case("traceroute -n -m 2 -w 1 10.0.2.20"),
            case("traceroute -n -m 3 -w 1 -q 1 -N 1 10.0.2.20"),
            case("curl -m 1 http://10.0.2.20:82/"),
            case("curl -v --connect-timeout 1 http://10.0.2.20:82/"),
            case("nc -vz -w 1 10.0.2.20 82"),
            case("nc -z -w 1 10.0.2.20 82"),
            case("nc -vz -u -w 1 10.0.2.20 5000"),
        ],
    },
    Stage {
        name: "rejected",
        setup: &[
            ("server", "iptables -A INPUT -p icmp -j REJECT"),
            ("server", "iptables -A INPUT -p tcp --dport 82 -j REJECT"),
            (
                "server",
                "iptables -A INPUT -p tcp --dport 83 -j REJECT --reject-with tcp-reset",
            ),
            (
                "server",
                "iptables -A INPUT -p tcp --dport 84 -j REJECT --reject-with icmp-admin-prohibited",
            ),
            (
                "server",
                "iptables -A INPUT -p tcp --dport 85 -j REJECT --reject-with icmp-host-prohibited",
            ),
            (
                "server",
                "iptables -A INPUT -p tcp --dport 86 -j REJECT --reject-with icmp-net-unreachable",
            ),
        ],
        cases: &[
            case("ping -c 1 -W 1 10.0.2.20"),
            case("curl http://10.0.2.20:82/"),
            case("curl http://10.0.2.20:83/"),
            case("curl http://10.0.2.20:84/"),
            case("curl -v http://10.0.2.20:85/"),
            case("curl http://10.0.2.20:86/"),
            case("nc -vz 10.0.2.20 82"),
            case("nc -vz 10.0.2.20 84"),
        ],
    },
    Stage {
        name: "filtered",
        setup: &[
            (
                "router",
                "iptables -A FORWARD -p icmp -j REJECT --reject-with icmp-admin-prohibited",
            ),
            (
                "router",
                "iptables -A FORWARD -p tcp --dport 81 -j REJECT --reject-with icmp-host-prohibited",
            ),
            (
                "router",
                "iptables -A FORWARD -p udp --dport 33434:33534 -j REJECT --reject-with icmp-net-unreachable",
            ),
            ("client", "iptables -A OUTPUT -p tcp --dport 88 -j DROP"),
            ("client", "iptables -A OUTPUT -p tcp --dport 89 -j REJECT"),
            ("client", "iptables -A OUTPUT -d 10.0.2.21 -p icmp -j DROP"),
            (
                "client",
                "iptables -A OUTPUT -d 10.0.2.22 -p icmp -j REJECT",
            ),
        ],
        cases: &[
            case("ping -c 1 -W 1 10.0.2.20"),
            case("curl http://10.0.2.20:81/"),
            case("traceroute -n -q 1 10.0.2.20"),
            case("curl -m 1 http://10.0.2.20:88/"),
            case("curl http://10.0.2.20:89/"),
            case("ping -c 1 -W 1 10.0.2.21"),
            case("ping -c 1 -W 1 10.0.2.22"),
        ],
    },
    Stage {
        name: "narrow",
        setup: &[
            ("router", "ip link set dev right mtu 1400"),
            ("server", "ip link set dev ens5 mtu 1400"),
        ],
        cases: &[
            case("ip route get 10.0.2.20"),
            case("ping -c 3 -i 0.2 -W 1 -M do -s 1400 10.0.2.20"),
            case("ip route get 10.0.2.20"),
            case("ping -c 1 -W 1 -M do -s 1372 10.0.2.20"),
            case("ping -c 1 -W 1 -M do -s 1373 10.0.2.20"),
            case("ping -c 1 -W 1 -s 1400 10.0.2.20"),
            case("ping -c 1 -W 1 -M dont -s 1400 10.0.2.20"),
            case("ip route flush cache"),
            case("tracepath -n 10.0.2.20"),
            case("ping -6 -c 2 -i 0.2 -W 1 -s 1400 fd00:2::20")
                .because("machines cut no IPv6 packets"),
            case("ping -6 -c 2 -i 0.2 -W 1 -M do -s 1400 fd00:2::20"),
            case("tracepath -n fd00:2::20"),
        ],
    },
    Stage {
        name: "http",
        setup: &[],
        cases: &[
            case("curl http://10.0.2.20/hello"),
            case("curl -s http://10.0.2.20/hello"),
            case("curl -v http://10.0.2.20/hello"),
            case("curl -sv http://server/hello"),
            case("curl -I http://10.0.2.20/hello"),
            case("curl -i http://10.0.2.20/hello"),
            case("curl -s -o /dev/null -w %{http_code} http://10.0.2.20/hello"),
            case(
                "curl -s -o /dev/null -w '%{http_code} %{size_download} %{remote_ip} %{remote_port} %{local_ip} %{num_connects}\\n' http://10.0.2.20/missing",
            ),
            case("curl -f http://10.0.2.20/missing"),
            case("curl -sSf http://10.0.2.20/broken"),
            case("curl -L -s http://10.0.2.20/moved"),
            case("curl -s -X POST -d a=b http://10.0.2.20/hello"),
            case("curl -sv -d a=b http://10.0.2.20/hello"),
            case("curl -sv -H 'X-Probe: 1' -H Accept: -A probe http://10.0.2.20/hello"),
            case("curl -s --resolve api.example.com:80:10.0.2.20 http://api.example.com/hello"),
            case("curl -sv --resolve api.example.com:80:10.0.2.20 http://api.example.com/hello"),
            case("curl http://10.0.2.20:7/"),
            case("curl -v http://10.0.2.20:7/"),
            case("curl -s http://10.0.2.20:7/"),
            case("curl -I http://10.0.2.20:7/"),
            case("curl http://10.0.2.20:81/"),
            case("curl -v http://10.0.2.20:81/"),
            case("curl -sS http://10.0.2.20:81/"),
            case("curl -s http://10.0.2.20:81/"),
            case("curl -6 -s 'http://[fd00:2::20]/hello'"),
            case("curl -sv -6 'http://[fd00:2::20]/hello'"),
            case("curl -6 http://server/hello"),
            case("curl -4 -s http://server/hello"),
            case("curl http://missing.example.internal/"),
            case("curl -s http://missing.example.internal/"),
            case("curl -v http://missing.example.internal/"),
            case("curl http://two.example.internal:81/"),
            case("curl -v http://db.example.internal:81/"),
            case("curl ftp://10.0.2.20/").because("HTTP alone"),
            case("curl gopher2://10.0.2.20/"),
            case("curl").because("ours names the options that it knows"),
            case("curl http://"),
            case("curl -m 1 http://10.0.2.20:9/"),
            case("curl -s -m 1 http://10.0.2.20:9/"),
        ],
    },
    Stage {
        name: "connect",
        setup: &[],
        cases: &[
            case("nc -vz 10.0.2.20 80"),
            case("nc -z 10.0.2.20 80"),
            case("nc -vz 10.0.2.20 81"),
            case("nc -vz server 80"),
            case("nc -nvz 10.0.2.20 80"),
            case("nc -nvz server 80"),
            case("nc -vz 10.0.2.20 79-81"),
            case("nc -vz 10.0.2.20 http"),
            case("nc -vz 10.0.2.20 nonsense"),
            case("nc -vzu 10.0.2.20 7"),
            case("nc -vzu 10.0.2.20 5000"),
            case("nc -6 -vz fd00:2::20 80"),
            case("nc -vz missing.example.internal 80"),
            case("nc -v -w 1 10.0.2.20 81"),
            case("nc -vz 10.0.2.20"),
            case("nc -vz 10.0.2.20 70000"),
            case("nc -vz localhost 80"),
            case("nc -vz 127.0.0.1 80"),
            case("sysctl -w net.ipv4.ip_local_port_range='40001 40001'"),
            case("nc -z 10.0.2.20 7"),
            case("nc -vz 10.0.2.20 7"),
            case("nc -vz server 7"),
            case("curl http://10.0.2.20:7/"),
            case("curl -v http://server:7/"),
        ],
    },
    Stage {
        name: "dns",
        setup: &[],
        cases: &[
            case("dig db.example.internal"),
            case("dig +short db.example.internal"),
            case("dig +short www.example.internal"),
            case("dig +noall +answer www.example.internal"),
            case("dig @10.0.2.20 db.example.internal AAAA"),
            case("dig both.example.internal AAAA +short"),
            case("dig mail.example.internal MX"),
            case("dig mail.example.internal TXT +short"),
            case("dig missing.example.internal"),
            case("dig +short missing.example.internal"),
            case("dig -x 10.0.2.20"),
            case("dig -x 10.0.2.20 +short"),
            case("dig -x 10.0.2.9 +short"),
            case("dig db"),
            case("dig +search db +short"),
            case("dig server +short"),
            case("dig broken.example.internal"),
            case("dig refused.example.internal"),
            case("dig +tries=1 +time=1 silent.example.internal"),
            case("dig +time=1 silent.example.internal"),
            case("dig @10.0.2.20 +noedns db.example.internal"),
            case("dig +nocmd +nocomments +noquestion +nostats db.example.internal"),
            case("dig +noall +answer +stats db.example.internal"),
            case("dig -t AAAA both.example.internal +noall +answer"),
            case("dig +norecurse db.example.internal"),
            case("dig +multiline missing.example.internal").because("refused, with what there is"),
            case("dig @server db.example.internal +short"),
            case("dig @10.0.1.1 db.example.internal +time=1 +tries=1"),
            case("dig @missing.example.internal db.example.internal"),
            case("getent hosts server"),
            case("getent hosts 10.0.2.20"),
            case("getent hosts db.example.internal"),
            case("getent hosts db"),
            case("getent hosts missing.example.internal"),
            case("getent ahosts server"),
            case("getent ahosts db.example.internal"),
            case("getent ahosts both.example.internal"),
            case("getent hosts both.example.internal"),
            case("getent ahostsv4 both.example.internal"),
            case("getent hosts 10.0.2.9"),
            case("getent hosts www.example.internal"),
            case("getent ahosts www.example.internal"),
            case("getent hosts localhost"),
            case("cat /etc/resolv.conf"),
            case("cat /etc/hosts"),
            case("cat /etc/nowhere"),
            case("hostname"),
            case("hostname -I"),
            case("hostname -i"),
            case("hostname -f"),
            case("hostname -s"),
            case("hostname -d"),
            case("hostname --fqdn"),
            case("hostname -z").because("ours names the options that it knows"),
        ],
    },
    Stage {
        name: "interfaces",
        setup: &[],
        cases: &[
            case("ip addr"),
            case("ip addr show dev ens5"),
            case("ip -4 addr"),
            case("ip -6 addr"),
            case("ip -br addr"),
            case("ip -br -4 a"),
            case("ip -br -6 a"),
            case("ip link"),
            case("ip -br link"),
            case("ip link show ens5"),
            case("ip link show eth9"),
            case("ip a s lo"),
            case("ip route"),
            case("ip -4 route"),
            case("ip -6 route"),
            case("ip route show default"),
            case("ip route show 10.0.1.0/24"),
            case("ip route show dev ens5"),
            case("ip route get 10.0.2.20"),
            case("ip route get 10.0.1.1"),
            case("ip route get 10.0.1.10"),
            case("ip route get 127.0.0.1"),
            case("ip -6 route get fd00:2::20"),
            case("ip route get nowhere"),
            case("ip route get 10.0.2.20").on("router"),
            case("ip route get 192.0.2.1").on("router"),
            case("ip route").on("router"),
            case("ip -br addr").on("router"),
            case("ip route add 10.9.0.0/16 via 10.0.1.1"),
            case("ip route add 10.9.0.0/16 via 10.0.1.1"),
            case("ip route add 10.8.0.0/16 via 192.168.1.1"),
            case("ip route add 10.7.0.0/16 via 10.0.1.1 mtu 1400"),
            case("ip route"),
            case("ip route del 10.9.0.0/16"),
            case("ip route del 10.9.0.0/16"),
            case("ip route replace 10.7.0.0/16 via 10.0.1.1 advmss 1300"),
            case("ip route show 10.7.0.0/16"),
            case("ip route show 10.7.0.1/16"),
            case("ip route get 10.7.0.1"),
            case("ip route replace 10.6.0.0/16 via 10.0.1.1 mtu 1400"),
            case("ip route get 10.6.0.1"),
            case("ip route add 10.5.0.1/16 via 10.0.1.1"),
            case("ip route del 10.5.0.1/16"),
            case("ip route add").because("the usage is ours"),
            case("ip link set dev ens5 mtu 1400"),
            case("ip link show dev ens5"),
            case("ip link set dev ens9 mtu 1400"),
            case("ip link set dev ens5 mtu 60"),
            case("ip rule"),
            case("ip nonsense"),
            case("ethtool -i ens5").because("the driver is ena, not veth"),
            case("ethtool -S eth9"),
            case("ethtool -i eth9"),
            case("ethtool -k eth9"),
            case("sysctl net.ipv4.ip_forward"),
            case("sysctl -n net.ipv4.ip_forward"),
            case("sysctl net.ipv4.tcp_mtu_probing"),
            case("sysctl -w net.ipv4.tcp_mtu_probing=1"),
            case("sysctl net.ipv4.tcp_mtu_probing"),
            case("sysctl -q -w net.ipv4.tcp_mtu_probing=0"),
            case("sysctl net.ipv4.ip_local_port_range"),
            case("sysctl -w net.ipv4.ip_local_port_range='32768 60998'"),
            case("sysctl -w net.ipv4.ip_local_port_range='500 600'"),
            case("sysctl -w net.ipv4.ip_local_port_range='100 90'"),
            case("sysctl -w net.ipv4.tcp_syn_retries=0"),
            case("sysctl -w net.ipv4.tcp_syn_retries=127"),
            case("sysctl -w net.ipv4.tcp_syn_retries=128"),
            case("sysctl -w net.ipv4.tcp_syn_retries=6"),
            case("sysctl -w net.ipv4.tcp_synack_retries=255"),
            case("sysctl -w net.ipv4.tcp_synack_retries=256"),
            case("sysctl -w net.ipv4.tcp_retries2=256"),
            case("sysctl -w net.ipv4.tcp_mtu_probing=3"),
            case("sysctl -w net.ipv4.tcp_mtu_probing=256"),
            case("sysctl -w net.ipv4.tcp_mtu_probing=0"),
            case("sysctl -w net.ipv4.tcp_sack=2"),
            case("sysctl -w net.ipv4.tcp_sack=256"),
            case("sysctl -w net.ipv4.tcp_sack=1"),
            case("sysctl -w net.ipv4.icmp_echo_ignore_all=2"),
            case("sysctl -w net.ipv4.icmp_ratelimit=-1"),
            case("sysctl net.ipv4.tcp_rmem"),
            case("sysctl net.ipv4.nonsense").because("ours names the settings that it knows"),
            case("sysctl -w net.ipv4.tcp_sack"),
            case("sysctl net.ipv4.tcp_wmem net.ipv4.tcp_syn_retries net.ipv4.tcp_retries2"),
            case("sysctl net.ipv4.tcp_congestion_control").because("this kernel prefers bbr"),
            case(
                "sysctl net.ipv4.tcp_keepalive_time net.ipv4.tcp_fin_timeout net.ipv4.ip_no_pmtu_disc",
            ),
            case("sysctl net.core.somaxconn"),
        ],
    },
    Stage {
        name: "firewall",
        setup: &[],
        cases: &[
            case("iptables -L"),
            case("iptables -L -n"),
            case("iptables -L -n -v"),
            case("iptables -S"),
            case("iptables -A INPUT -s 10.0.2.20 -p tcp --dport 80 -j DROP"),
            case("iptables -A INPUT -p icmp --icmp-type echo-request -j REJECT"),
            case("iptables -I INPUT 1 -i ens5 -p tcp -m multiport --dports 80,443 -j ACCEPT"),
            case("iptables -A OUTPUT ! -d 10.0.1.0/24 -o ens5 -p udp --dport 53 -j ACCEPT"),
            case("iptables -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j ACCEPT"),
            case("iptables -A INPUT -p tcp --dport 22 -j REJECT --reject-with tcp-reset"),
            case("iptables -A INPUT -m length --length 1400:1500 -j DROP"),
            case("iptables -A INPUT -s 10.0.0.0/8 -m comment --comment probe -j ACCEPT"),
            case("iptables -S"),
            case("iptables -S INPUT"),
            case("iptables -L INPUT -n"),
            case("iptables -L INPUT -n -v"),
            case("iptables -nvL --line-numbers"),
            case("iptables -L INPUT"),
            case("iptables -L INPUT --line-numbers"),
            case("iptables -P FORWARD DROP"),
            case("iptables -S FORWARD"),
            case("iptables -D INPUT 1"),
            case("iptables -D INPUT 99"),
            case("iptables -D INPUT -p tcp --dport 9999 -j DROP"),
            case("iptables -C INPUT -s 10.0.2.20 -p tcp --dport 80 -j DROP"),
            case("iptables -C INPUT -p tcp --dport 9999 -j DROP"),
            case("iptables -A NOWHERE -j DROP"),
            case("iptables -A INPUT -j NOWHERE"),
            case("iptables -A INPUT -p nonsense -j DROP"),
            case("iptables -A INPUT --dport 80 -j DROP"),
            case("iptables -F INPUT"),
            case("iptables -S INPUT"),
            case(
                "iptables -t mangle -A FORWARD -p tcp --tcp-flags SYN,RST SYN -j TCPMSS --clamp-mss-to-pmtu",
            ),
            case("iptables -t mangle -S FORWARD"),
            case("iptables -t mangle -L FORWARD -n"),
            case("iptables -N NEW").because("no chains of one's own"),
            case("iptables"),
            case("iptables -Z"),
        ],
    },
    Stage {
        name: "counted",
        setup: &[
            ("client", "iptables -A INPUT -s 10.0.2.20 -p icmp -j ACCEPT"),
            (
                "client",
                "iptables -A OUTPUT -d 10.0.2.20 -p tcp --dport 81 -j ACCEPT",
            ),
            ("client", "ping -c 3 -i 0.2 10.0.2.20"),
        ],
        cases: &[
            case("nc -z 10.0.2.20 81"),
            case("iptables -nvL"),
            case("iptables -P INPUT ACCEPT"),
            case("ping -c 1 10.0.1.1"),
            case("iptables -nvL INPUT"),
            case("iptables -Z"),
            case("iptables -nvL INPUT"),
        ],
    },
    Stage {
        name: "sockets",
        setup: &[],
        cases: &[
            case("ss -tln"),
            case("curl -s http://10.0.2.20/hello"),
            case("curl -s -6 'http://[fd00:2::20]/hello'"),
            case("ping -c 1 10.0.2.20"),
            case("ss -tan").in_any_order(),
            case("ss -tano -4"),
            case("ss -tan dst 10.0.2.20"),
            case("ss -tan dport = :80").in_any_order(),
            case("ss -tan sport = :22"),
            case("ss -taH -4"),
            case("ss -t"),
            case("ss -ltn")
                .on("server")
                .in_any_order()
                .because("the backlog is nginx's, not this test's"),
            case("ss -uan"),
            case("ss -s").because("counts of the whole kernel"),
            case("ss -tn state established"),
            case("ss -tan state time-wait").in_any_order(),
        ],
    },
];

/// What became of a row.
struct Row {
    stage: &'static str,
    case: Case,
    lines: usize,
    differences: Vec<String>,
}

fn compare(stage: &'static str, case: Case, real: &Printed, ours: &Printed) -> Row {
    let mut differences = Vec::new();
    let lines_of = |printed: &Printed| {
        // What ip says now and then about the other end of a veth pair.
        let lines = printed
            .text
            .lines()
            .filter(|it| !it.contains("Peer netns reference"));
        let mut lines: Vec<_> = lines.map(normal).collect();
        if case.unordered {
            lines.sort_unstable();
        }
        lines
    };
    let (theirs, own) = (lines_of(real), lines_of(ours));
    if theirs != own {
        differences.extend(theirs.iter().map(|line| format!("    real `{line}`")));
        differences.extend(own.iter().map(|line| format!("    ours `{line}`")));
    }
    if real.status != ours.status {
        differences.push(format!(
            "    status real {} ours {}",
            real.status, ours.status
        ));
    }
    Row {
        stage,
        case,
        lines: theirs.len(),
        differences,
    }
}

/// Plays a stage in both networks.
fn play(number: usize, stage: &Stage) -> Vec<Row> {
    let mut ours = Simulated::new();
    for (host, command) in stage.setup {
        let printed = ours.run(host, command);
        assert_eq!(printed.status, 0, "{command}: {}", printed.text);
    }
    let run = |case: &Case| ours.run(case.on, case.command);
    let simulated: Vec<_> = stage.cases.iter().map(run).collect();
    let macs: Vec<_> = INTERFACES.iter().map(|it| ours.mac(it)).collect();
    let real = Namespaces::new(number, &macs, &ours.http);
    for (host, command) in stage.setup {
        let printed = real.run(host, command);
        assert_eq!(printed.status, 0, "{command}: {}", printed.text);
    }
    let pairs = stage.cases.iter().zip(&simulated);
    pairs
        .map(|(case, ours)| compare(stage.name, *case, &real.run(case.on, case.command), ours))
        .collect()
}

#[test]
fn programs_print_what_the_real_ones_print() {
    if let Some(why) = namespaces::missing() {
        println!("skipped: {why}");
        return;
    }
    let rows: Vec<Row> = std::thread::scope(|scope| {
        let stages = STAGES.iter().enumerate();
        let started: Vec<_> = stages
            .map(|(number, stage)| scope.spawn(move || play(number, stage)))
            .collect();
        let ended = started.into_iter().map(|it| it.join().expect("a stage"));
        ended.flatten().collect()
    });
    println!(
        "{:<12} {:<58} {:>5}  verdict",
        "network", "command", "lines"
    );
    let mut unexplained = 0;
    for row in &rows {
        let Case {
            on,
            command,
            explained,
            ..
        } = row.case;
        let verdict = match (row.differences.is_empty(), explained) {
            (true, "") => "same".to_owned(),
            (true, why) => format!("same, though explained: {why}"),
            (false, "") => "DIFFERENT".to_owned(),
            (false, why) => format!("explained: {why}"),
        };
        let at = if on == "client" {
            String::new()
        } else {
            format!("{on}$ ")
        };
        let shown = format!("{at}{command}");
        println!("{:<12} {shown:<58} {:>5}  {verdict}", row.stage, row.lines);
        if explained.is_empty() != row.differences.is_empty() {
            unexplained += 1;
            row.differences.iter().for_each(|line| println!("{line}"));
        }
    }
    println!("{} rows, {unexplained} unexplained", rows.len());
    assert_eq!(unexplained, 0);
}

/// Not a test: the server of a namespace, which the test above starts.
#[test]
#[ignore = "the server of a namespace"]
fn serve() {
    let Ok(file) = std::env::var(namespaces::SERVE) else {
        return;
    };
    let text = std::fs::read_to_string(file).expect("a file");
    let octets = |text: &str| -> Vec<u8> {
        let pairs = text.as_bytes().chunks(2);
        let texts = pairs.map(|pair| std::str::from_utf8(pair).expect("figures"));
        texts
            .map(|it| u8::from_str_radix(it, 16).expect("figures"))
            .collect()
    };
    let lines = text.lines().filter_map(|line| line.split_once('\t'));
    let http: Http = lines
        .map(|(request, answer)| (request.to_owned(), octets(answer)))
        .collect();
    answers::serve(http);
}
