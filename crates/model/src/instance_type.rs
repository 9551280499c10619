//! Instance types: what they are built on and what their network allows.
//!
//! Bandwidths are from the EC2 instance types guide, "Network specifications" of each family: a
//! baseline, and for "up to" types the burst that credits allow. Allowances of packets and of
//! tracked connections are not public; ours grow with the vCPUs, and the one of tracked connections
//! is what the EC2 User Guide's example of `ethtool -S` shows for two of them.

mod families;

use crate::NitroGeneration;
use families::{FAMILIES, sizes};

/// Families before Nitro (EC2 User Guide, "Instances built on the AWS Nitro System").
const XEN: [&str; 22] = [
    "c1", "c3", "c4", "d2", "f1", "g2", "g3", "g3s", "h1", "i2", "i3", "m1", "m2", "m3", "m4",
    "p2", "p3", "r3", "r4", "t1", "t2", "x1",
];

/// Families on Nitro v6, whose established connections time out after 350 s (EC2 User Guide,
/// "Security group connection tracking"; P6e-GB200 is excepted there).
const NITRO_V6: [&str; 16] = [
    "c8a", "c8gb", "c8gn", "c8i", "c8i-flex", "m8a", "m8azn", "m8gb", "m8gn", "m8i", "m8i-flex",
    "r8a", "r8gb", "r8gn", "r8i", "x8i",
];

/// Families that do not encrypt between instances (EC2 User Guide, "Encryption in transit").
const PLAIN: [&str; 21] = [
    "c5", "c5d", "c6g", "c6gd", "m5", "m5a", "m5ad", "m5d", "m6g", "m6gd", "r5", "r5a", "r5ad",
    "r5b", "r5d", "r6g", "r6gd", "t2", "t3", "t3a", "t4g",
];

/// Tracked connections for each vCPU (ours, from the guide's example: 136,812).
const TRACKED_PER_VCPU: u32 = 68_406;
/// Packets a second for each vCPU, in both directions together (ours).
const PACKETS_PER_VCPU: u64 = 250_000;

/// What is known of an instance type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// Virtual CPUs.
    pub vcpus: u32,
    /// Memory, in MiB.
    pub memory_mib: u32,
    /// What it is built on.
    pub nitro_generation: NitroGeneration,
    /// Bits per second that it always has, in each direction.
    pub baseline_bps: u64,
    /// Bits per second at most; more than the baseline only while there are credits.
    pub burst_bps: u64,
    /// Packets per second, both directions together.
    pub packets_per_second: u64,
    /// Connections that its interfaces track together.
    pub tracked_connections: u32,
    /// Network interfaces that it can have (of its first network card).
    pub interfaces: usize,
    /// IPv4 addresses of an interface; and as many IPv6 addresses.
    pub addresses_per_interface: usize,
    /// Whether its hardware encrypts what passes between instances that both do.
    pub encrypts_in_transit: bool,
}

impl InstanceType {
    /// EC2's own default would be a type of 2008; ours is one that labs use.
    pub const DEFAULT: &str = "m6i.large";

    /// The type `name`; `None` for one that is not in the tables. They hold the families that are
    /// most used; what is not in them has no limits that we could tell.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        let (family, size) = name.split_once('.')?;
        let (_, vcpus, baseline, burst) = *sizes(family).find(|(it, ..)| *it == size)?;
        let bits = |mbps: u32| u64::from(mbps) * 1_000_000;
        let (interfaces, addresses) = interface_limits(family, size, vcpus);
        Some(Self {
            vcpus,
            memory_mib: memory_mib(family, size, vcpus),
            nitro_generation: generation(family),
            baseline_bps: bits(baseline),
            burst_bps: bits(burst),
            packets_per_second: PACKETS_PER_VCPU * u64::from(vcpus),
            tracked_connections: TRACKED_PER_VCPU * vcpus,
            interfaces,
            addresses_per_interface: addresses,
            encrypts_in_transit: !PLAIN.contains(&family),
        })
    }

    /// The type `name`, which the control plane has taken; [`Self::DEFAULT`] for one that it never
    /// would.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let found = Self::find(name).or_else(|| Self::find(Self::DEFAULT));
        found.expect("the default is in the tables")
    }

    /// The names of all types that are known.
    pub fn names() -> impl Iterator<Item = String> {
        let of_family = |(family, _): &'static (&str, &[families::Size])| {
            sizes(family).map(move |(size, ..)| format!("{family}.{size}"))
        };
        FAMILIES.iter().flat_map(of_family)
    }

    /// Bits per second through an internet gateway or to another Region, at most (EC2 User Guide,
    /// "Amazon EC2 instance network bandwidth").
    #[must_use]
    pub const fn internet_bps(&self) -> u64 {
        const LEAST: u64 = 5_000_000_000;
        let half = self.burst_bps / 2;
        if self.vcpus < 32 || half < LEAST {
            LEAST
        } else {
            half
        }
    }
}

/// Interfaces of an instance and addresses of each (EC2 instance types guide, "Network
/// specifications"): they follow the vCPUs, in another way since the eighth generation of Intel's
/// and AMD's, but for the families that can burst.
fn interface_limits(family: &str, size: &str, vcpus: u32) -> (usize, usize) {
    if family.starts_with('t') {
        return match (family, size) {
            (_, "nano" | "micro") => (2, 2),
            ("t3a", "small") => (2, 4),
            (_, "small") => (3, 4),
            (_, "medium") => (3, 6),
            (_, "large") => (3, 12),
            ("t2", _) => (3, 15),
            _ => (4, 15),
        };
    }
    match (family, size) {
        // Two network cards; the one that is simulated has half of the interfaces.
        ("c6in" | "m6in" | "r6in", "32xlarge") => (8, 50),
        ("c8a" | "m8a" | "r8a", _) => match vcpus {
            0..=1 => (2, 4),
            2 => (3, 20),
            3..=4 => (4, 20),
            5..=8 => (4, 40),
            9..=16 => (8, 40),
            17..=32 => (10, 40),
            33..=48 => (12, 64),
            _ => (16, 64),
        },
        ("c8i" | "m8i" | "r8i", _) => match vcpus {
            0..=2 => (3, 20),
            3..=8 => (4, 30),
            9..=16 => (8, 50),
            17..=32 => (10, 50),
            33..=48 => (12, 50),
            _ => (16, 64),
        },
        _ => match vcpus {
            0..=1 => (2, 4),
            2 => (3, 10),
            3..=8 => (4, 15),
            9..=48 => (8, 30),
            _ => (15, 50),
        },
    }
}

/// Memory goes by the letter of a family: so much for each vCPU, but for C5n and the families that
/// can burst (EC2 instance types guide, "Performance specifications").
fn memory_mib(family: &str, size: &str, vcpus: u32) -> u32 {
    const GIB: u32 = 1024;
    match (family, size) {
        ("c5n", "9xlarge") => 96 * GIB,
        ("c5n", "18xlarge" | "metal") => 192 * GIB,
        ("c5n", _) => vcpus * (2 * GIB + 5 * GIB / 8),
        (_, "nano") => GIB / 2,
        (_, "micro") => GIB,
        _ if family.starts_with('t') => match size {
            "small" => 2 * GIB,
            "medium" => 4 * GIB,
            "large" => 8 * GIB,
            "xlarge" => 16 * GIB,
            _ => 32 * GIB,
        },
        _ if family.starts_with('c') => vcpus * 2 * GIB,
        _ if family.starts_with('r') => vcpus * 8 * GIB,
        _ => vcpus * 4 * GIB,
    }
}

fn generation(family: &str) -> NitroGeneration {
    if XEN.contains(&family) {
        NitroGeneration::Xen
    } else if NITRO_V6.contains(&family) {
        NitroGeneration::NitroV6
    } else {
        NitroGeneration::Nitro
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_are_told_by_family_and_size() {
        let large = InstanceType::of("m6i.large");
        assert_eq!(
            (large.vcpus, large.baseline_bps, large.burst_bps),
            (2, 781_000_000, 12_500_000_000)
        );
        assert_eq!(large.tracked_connections, 136_812);
        assert_eq!(large.internet_bps(), 5_000_000_000);
        assert_eq!(
            InstanceType::of("m5.24xlarge").internet_bps(),
            12_500_000_000
        );
        assert_eq!(InstanceType::of("m5.8xlarge").internet_bps(), 5_000_000_000);
        let generations = ["t2.micro", "t3.nano", "m8i.large"].map(InstanceType::of);
        assert_eq!(
            generations.map(|it| it.nitro_generation),
            [
                NitroGeneration::Xen,
                NitroGeneration::Nitro,
                NitroGeneration::NitroV6
            ]
        );
        assert_eq!(InstanceType::find("m6i.lagre"), None);
        assert_eq!(InstanceType::find("m9z.large"), None);
        for lacking in ["m6i.48xlarge", "m7i.32xlarge", "m8i.medium"] {
            assert_eq!(InstanceType::find(lacking), None);
            assert!(InstanceType::names().all(|it| it != lacking));
        }
        let encrypting = ["m5.large", "m5n.large", "m6i.large", "t3.nano"].map(InstanceType::of);
        let encrypting = encrypting.map(|it| it.encrypts_in_transit);
        assert_eq!(encrypting, [false, true, true, false]);
    }

    #[test]
    fn memory_is_that_of_the_guide() {
        for (name, gib_quarters) in [
            ("t3.nano", 2),
            ("t2.micro", 4),
            ("t4g.2xlarge", 128),
            ("m6i.large", 32),
            ("c5.9xlarge", 288),
            ("c5n.large", 21),
            ("c5n.18xlarge", 768),
            ("r6g.medium", 32),
            ("m5.24xlarge", 1_536),
        ] {
            let found = InstanceType::find(name).map(|it| it.memory_mib);
            assert_eq!(found, Some(gib_quarters * 256), "{name}");
        }
    }

    #[test]
    fn interfaces_and_addresses_are_those_of_the_guide() {
        let limits = [
            ("t2.micro", 2, 2),
            ("t3a.small", 2, 4),
            ("t3.medium", 3, 6),
            ("t2.xlarge", 3, 15),
            ("m6g.medium", 2, 4),
            ("m6i.large", 3, 10),
            ("c5.2xlarge", 4, 15),
            ("c5.9xlarge", 8, 30),
            ("r5.12xlarge", 8, 30),
            ("m5.16xlarge", 15, 50),
            ("m8g.large", 3, 10),
            ("m8a.large", 3, 20),
            ("r8a.8xlarge", 10, 40),
            ("c8i.4xlarge", 8, 50),
            ("m8i.24xlarge", 16, 64),
        ];
        for (name, interfaces, addresses) in limits {
            let kind = InstanceType::find(name);
            let found = kind.map(|it| (it.interfaces, it.addresses_per_interface));
            assert_eq!(found, Some((interfaces, addresses)), "{name}");
        }
    }
}
