//! Why `iptables` refuses a command line, in its words.

/// Why a command line is refused.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum FirewallError {
    #[error("unknown option \"{0}\"")]
    Unknown(String),
    #[error("option \"{0}\" requires an argument")]
    Missing(&'static str),
    #[error("bad value \"{value}\" for {what}")]
    Bad { what: &'static str, value: String },
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
    #[error("conntrack: At least one option is required")]
    StateMissing,
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
    #[error("-n, -v, -x and --line-numbers go with -L only here")]
    OnlyWithList,
    #[error("no command specified")]
    NoCommand,
    #[error(
        "TCPMSS target: only valid in the mangle table, with `-p tcp` and SYN set in --tcp-flags"
    )]
    MssNeedsSyn,
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
    FORWARD, OUTPUT, with -p -s -d -i -o --sport --dport --sports --dports --tcp-flags --syn \
    --icmp-type --length --comment --ctstate --state \
    -j ACCEPT|DROP|REJECT|TCPMSS|LOG)";

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
            _ => 2,
        }
    }

    /// What iptables prints; and, of what is only unknown here, what there is.
    pub(crate) fn printed(&self) -> String {
        match self {
            Self::Incompatible(..) => return format!("iptables v1.8.9 (nf_tables): {self}"),
            Self::Table(_) | Self::Refused(_) => {
                return format!("iptables v1.8.9 (nf_tables): {self}\n");
            }
            _ if self.status() == 1 => return format!("iptables: {self}\n"),
            _ => {}
        }
        let there = match self {
            Self::Unknown(option) if KNOWN.contains(&option.as_str()) => "",
            Self::Unknown(_) | Self::Bad { .. } | Self::Match(_) | Self::Target(_) => SUPPORTED,
            _ => "",
        };
        // A target that does not exist is said to be a chain that does not.
        let there = match self {
            Self::Target(name) if !TARGETS.contains(&name.as_str()) => "",
            _ => there,
        };
        let gap = if there.is_empty() { "" } else { "\n" };
        format!(
            "iptables v1.8.9 (nf_tables): {self}\n\
             Try `iptables -h' or 'iptables --help' for more information.{gap}{there}\n"
        )
    }
}

/// Options that are unknown without their match or target alone.
const KNOWN: [&str; 8] = [
    "--sport",
    "--dport",
    "--sports",
    "--dports",
    "--ctstate",
    "--state",
    "--log-prefix",
    "--log-level",
];

/// Targets that are real and not here.
const TARGETS: [&str; 12] = [
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
];
