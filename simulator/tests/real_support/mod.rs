//! One network twice: of real namespaces with real programs, and of simulated machines.
//!
//! ```text
//! client 10.0.1.10/24 -- left 10.0.1.1/24 router right 10.0.2.1/24 -- 10.0.2.20/24 server
//!        fd00:1::10/64        fd00:1::1/64        fd00:2::1/64        fd00:2::20/64
//! ```

pub(crate) mod answers;
pub(crate) mod namespaces;
pub(crate) mod normal;
pub(crate) mod simulated;
pub(crate) mod stages;

/// What a program printed, and its exit code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Printed {
    /// Output and errors, as a terminal shows them.
    pub(crate) text: String,
    pub(crate) status: i32,
}

/// One command, run in both networks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Case {
    pub(crate) on: &'static str,
    pub(crate) command: &'static str,
    /// Why the two differ, if they may.
    pub(crate) explained: &'static str,
    /// The order of the lines is nobody's promise.
    pub(crate) unordered: bool,
}

impl Case {
    pub(crate) const fn on(mut self, host: &'static str) -> Self {
        self.on = host;
        self
    }

    pub(crate) const fn in_any_order(mut self) -> Self {
        self.unordered = true;
        self
    }

    pub(crate) const fn because(mut self, explained: &'static str) -> Self {
        self.explained = explained;
        self
    }
}

/// A command on the client.
pub(crate) const fn case(command: &'static str) -> Case {
    Case {
        on: "client",
        command,
        explained: "",
        unordered: false,
    }
}

/// Cases that share a network.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    /// Host and command, run in both networks first.
    pub(crate) setup: &'static [(&'static str, &'static str)],
    pub(crate) cases: &'static [Case],
}

/// An interface: host, its name, what it is joined to, addresses, gateways.
pub(crate) struct Interface {
    pub(crate) host: &'static str,
    pub(crate) name: &'static str,
    pub(crate) segment: &'static str,
    pub(crate) address: &'static str,
    pub(crate) ipv6: &'static str,
    pub(crate) gateways: Option<(&'static str, &'static str)>,
}

pub(crate) const INTERFACES: [Interface; 4] = [
    Interface {
        host: "client",
        name: "ens5",
        segment: "one",
        address: "10.0.1.10/24",
        ipv6: "fd00:1::10/64",
        gateways: Some(("10.0.1.1", "fd00:1::1")),
    },
    Interface {
        host: "router",
        name: "left",
        segment: "one",
        address: "10.0.1.1/24",
        ipv6: "fd00:1::1/64",
        gateways: None,
    },
    Interface {
        host: "router",
        name: "right",
        segment: "two",
        address: "10.0.2.1/24",
        ipv6: "fd00:2::1/64",
        gateways: None,
    },
    Interface {
        host: "server",
        name: "ens5",
        segment: "two",
        address: "10.0.2.20/24",
        ipv6: "fd00:2::20/64",
        gateways: Some(("10.0.2.1", "fd00:2::1")),
    },
];

pub(crate) const HOSTS: [&str; 3] = ["client", "router", "server"];

/// `/etc/hosts` of every machine.
pub(crate) const ETC_HOSTS: &str =
    "127.0.0.1 localhost\n10.0.1.10 client\n10.0.1.1 router\n10.0.2.20 server\n";

pub(crate) const SERVER: &str = "10.0.2.20";
pub(crate) const SEARCH: &str = "example.internal";

/// The words of a command; quotes hold words together.
pub(crate) fn words(command: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut quoted = false;
    for letter in command.chars() {
        match letter {
            '\'' => quoted = !quoted,
            ' ' if !quoted => words.push(String::new()),
            other => words.last_mut().expect("one at least").push(other),
        }
    }
    words
}
