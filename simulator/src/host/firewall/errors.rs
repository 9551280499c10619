//! Why `iptables` refuses a command line, in its words.

/// Why a command line is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FirewallError {
    #[error("unknown option \"{0}\"")]
    Unknown(String),
    #[error("option \"{0}\" requires an argument")]
    Missing(String),
    #[error("invalid port/service `{0}' specified")]
    Port(String),
    #[error("host/network `{0}' not found")]
    Network(String),
    #[error("invalid mask `{0}' specified")]
    Mask(String),
    #[error("unknown protocol \"{0}\" specified")]
    Protocol(String),
    #[error("Unknown TCP flag `{0}'")]
    Flag(String),
    #[error("Unknown ICMP type `{0}'")]
    IcmpType(String),
    #[error("unknown reject type \"{0}\"")]
    Reject(String),
    #[error("log level \"{0}\" unknown\n")]
    LogLevel(String),
    #[error("Bad {0} \"{1}\"")]
    State(&'static str, String),
    #[error("{0}: At least one option is required")]
    StateMissing(&'static str),
    /// An option of a match that is typed too often, or not at all.
    #[error("{0}\n")]
    Option(String),
    #[error("Unknown ICMP code `{0}'")]
    IcmpCode(String),
    #[error("Ambiguous ICMP type `{0}': `{1}' or `{2}'?")]
    IcmpTypes(String, &'static str, &'static str),
    /// Of what there may be one: in the program's words.
    #[error("{0}")]
    Said(String),
    #[error("multiple {0} flags not allowed")]
    Multiple(&'static str),
    #[error("Illegal option `{0}' with this command")]
    Illegal(&'static str),
    #[error("Bad argument `{0}'")]
    Argument(String),
    /// The kernel does not take the rule.
    #[error(" {verb} failed (Invalid argument): rule in chain {chain}")]
    Kernel {
        verb: &'static str,
        chain: &'static str,
    },
    #[error("Couldn't load match `{0}':No such file or directory\n")]
    Match(String),
    #[error("Chain '{0}' does not exist")]
    Target(String),
    #[error("Can't use {option} with {chain}\n")]
    Device {
        option: &'static str,
        chain: &'static str,
    },
    #[error("Invalid rule number `{0}'")]
    RuleNumber(String),
    #[error("Cannot use {0} with {1}")]
    TwoCommands(&'static str, &'static str),
    #[error("-P requires a chain and a policy")]
    NoPolicy,
    #[error("no command specified")]
    NoCommand,
    #[error("table '{0}' does not exist\nPerhaps iptables or your kernel needs to be upgraded.")]
    Table(String),
    #[error("{0}")]
    Refused(String),
    #[error("chain `{0}' in table `{1}' is incompatible, use 'nft' tool.\n")]
    Incompatible(String, &'static str),
    #[error("No chain/target/match by that name.")]
    NoChain,
    #[error("Bad built-in chain name.")]
    NotBuiltIn,
    #[error("Bad policy name. Run `dmesg' for more information.")]
    BadPolicy,
    #[error("Bad rule (does a matching rule exist in that chain?).")]
    NoSuchRule,
    #[error("Index of {0} too big.")]
    IndexTooBig(&'static str),
}

/// What there is, for those who asked for something else.
const SUPPORTED: &str = "(supported here: -t filter|mangle, -A -I -D -R -C -L -S -F -P -Z on INPUT, \
    FORWARD, OUTPUT, in mangle on POSTROUTING, with -p -s -d -i -o -m tcp|udp|icmp|multiport|\
    length|comment|conntrack|state --sport --dport --sports --dports --ports --tcp-flags --syn \
    --icmp-type --length --comment --ctstate --state \
    -j ACCEPT|DROP|REJECT|TCPMSS|LOG, -w)";

/// Matches and targets that are real and not here.
const OTHER_MATCHES: [&str; 37] = [
    "addrtype",
    "ah",
    "bpf",
    "cgroup",
    "cluster",
    "connbytes",
    "connlabel",
    "connlimit",
    "connmark",
    "cpu",
    "dccp",
    "devgroup",
    "dscp",
    "ecn",
    "esp",
    "hashlimit",
    "helper",
    "iprange",
    "ipvs",
    "limit",
    "mac",
    "mark",
    "owner",
    "physdev",
    "pkttype",
    "policy",
    "quota",
    "realm",
    "recent",
    "sctp",
    "set",
    "socket",
    "statistic",
    "string",
    "tcpmss",
    "time",
    "ttl",
];

/// The tables that are real and not here.
const OTHER_TABLES: [&str; 3] = ["nat", "raw", "security"];

impl FirewallError {
    /// A table that there is not.
    pub(super) fn table(name: &str) -> Self {
        if OTHER_TABLES.contains(&name) {
            let text = format!("table '{name}': machines have no such table here {SUPPORTED}");
            return Self::Refused(text);
        }
        Self::Table(name.to_owned())
    }

    /// A match that there is not, or not here.
    pub(super) fn no_match(name: &str) -> Self {
        match OTHER_MATCHES.contains(&name) {
            true => Self::elsewhere(&format!("-m {name}")),
            false => Self::Match(name.to_owned()),
        }
    }

    /// A target that there is not, or not here: it would be a chain of one's own.
    pub(super) fn no_target(name: &str) -> Self {
        match TARGETS.contains(&name) {
            true => Self::elsewhere(&format!("-j {name}")),
            false => Self::Target(name.to_owned()),
        }
    }

    /// What the real program has.
    pub(super) fn elsewhere(what: &str) -> Self {
        Self::Said(format!("{what} (not supported here)\n{SUPPORTED}"))
    }

    /// The exit code of iptables: 1 where the kernel said no, 2 for what it does not understand.
    pub(crate) const fn status(&self) -> i32 {
        match self {
            Self::NoChain
            | Self::NotBuiltIn
            | Self::BadPolicy
            | Self::NoSuchRule
            | Self::IndexTooBig(_)
            | Self::Incompatible(..) => 1,
            Self::Table(_) | Self::Refused(_) => 3,
            Self::Kernel { .. } => 4,
            _ => 2,
        }
    }

    /// What iptables prints; and, of what is only unknown here, what there is.
    pub(crate) fn printed(&self) -> String {
        match self {
            Self::Incompatible(..) => return format!("iptables v1.8.9 (nf_tables): {self}"),
            Self::Table(_) | Self::Refused(_) | Self::Kernel { .. } => {
                return format!("iptables v1.8.9 (nf_tables): {self}\n");
            }
            _ if self.status() == 1 => return format!("iptables: {self}\n"),
            _ => {}
        }
        if let Self::Argument(_) = self {
            return format!(
                "{self}\nTry `iptables -h' or 'iptables --help' for more information.\n"
            );
        }
        let there = match self {
            Self::Unknown(option) if KNOWN.contains(&option.as_str()) => "",
            Self::Unknown(_) | Self::Match(_) => SUPPORTED,
            _ => "",
        };
        let gap = if there.is_empty() { "" } else { "\n" };
        format!(
            "iptables v1.8.9 (nf_tables): {self}\n\
             Try `iptables -h' or 'iptables --help' for more information.{gap}{there}\n"
        )
    }
}

/// Options that are unknown without their match or target alone.
const KNOWN: [&str; 21] = [
    "--sport",
    "--source-port",
    "--dport",
    "--destination-port",
    "--sports",
    "--source-ports",
    "--dports",
    "--destination-ports",
    "--ports",
    "--syn",
    "--tcp-flags",
    "--icmp-type",
    "--length",
    "--comment",
    "--ctstate",
    "--state",
    "--reject-with",
    "--set-mss",
    "--clamp-mss-to-pmtu",
    "--log-prefix",
    "--log-level",
];

/// Targets that are real and not here.
const TARGETS: [&str; 25] = [
    "RETURN",
    "MARK",
    "CONNMARK",
    "DNAT",
    "SNAT",
    "MASQUERADE",
    "REDIRECT",
    "NFLOG",
    "NFQUEUE",
    "TOS",
    "TTL",
    "TRACE",
    "CT",
    "NOTRACK",
    "AUDIT",
    "CLASSIFY",
    "DSCP",
    "ECN",
    "SET",
    "TEE",
    "TPROXY",
    "SYNPROXY",
    "QUEUE",
    "NETMAP",
    "CHECKSUM",
];
