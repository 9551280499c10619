//! Instance types: what they are built on and what their network allows.
//!
//! Bandwidths are from the EC2 instance types guide, "Network specifications" of each family: a
//! baseline, and for "up to" types the burst that credits allow. Allowances of packets and of
//! tracked connections are not public; ours grow with the vCPUs, and the one of tracked connections
//! is what the EC2 User Guide's example of `ethtool -S` shows for two of them.

use crate::NitroGeneration;

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

/// Tracked connections for each vCPU (ours, from the guide's example: 136,812).
const TRACKED_PER_VCPU: u32 = 68_406;
/// Packets a second for each vCPU, in both directions together (ours).
const PACKETS_PER_VCPU: u64 = 250_000;
/// What the network of a type that is not in the table carries, in Mbps (ours).
const UNKNOWN_MBPS: u32 = 5_000;

/// Sizes in vCPUs and, for each family, Mbps at the baseline and at most.
type Size = (&'static str, u32, u32, u32);

const M6I: &[Size] = &[
    ("large", 2, 781, 12_500),
    ("xlarge", 4, 1_562, 12_500),
    ("2xlarge", 8, 3_125, 12_500),
    ("4xlarge", 16, 6_250, 12_500),
    ("8xlarge", 32, 12_500, 12_500),
    ("12xlarge", 48, 18_750, 18_750),
    ("16xlarge", 64, 25_000, 25_000),
    ("24xlarge", 96, 37_500, 37_500),
    ("32xlarge", 128, 50_000, 50_000),
];
const M6G: &[Size] = &[
    ("medium", 1, 500, 10_000),
    ("large", 2, 750, 10_000),
    ("xlarge", 4, 1_250, 10_000),
    ("2xlarge", 8, 2_500, 10_000),
    ("4xlarge", 16, 5_000, 10_000),
    ("8xlarge", 32, 12_000, 12_000),
    ("12xlarge", 48, 20_000, 20_000),
    ("16xlarge", 64, 25_000, 25_000),
];
const M5: &[Size] = &[
    ("large", 2, 750, 10_000),
    ("xlarge", 4, 1_250, 10_000),
    ("2xlarge", 8, 2_500, 10_000),
    ("4xlarge", 16, 5_000, 10_000),
    ("8xlarge", 32, 10_000, 10_000),
    ("12xlarge", 48, 12_000, 12_000),
    ("16xlarge", 64, 20_000, 20_000),
    ("24xlarge", 96, 25_000, 25_000),
];
const C5: &[Size] = &[
    ("large", 2, 750, 10_000),
    ("xlarge", 4, 1_250, 10_000),
    ("2xlarge", 8, 2_500, 10_000),
    ("4xlarge", 16, 5_000, 10_000),
    ("9xlarge", 36, 12_000, 12_000),
    ("12xlarge", 48, 12_000, 12_000),
    ("18xlarge", 72, 25_000, 25_000),
    ("24xlarge", 96, 25_000, 25_000),
];
const C5N: &[Size] = &[
    ("large", 2, 3_000, 25_000),
    ("xlarge", 4, 5_000, 25_000),
    ("2xlarge", 8, 10_000, 25_000),
    ("4xlarge", 16, 15_000, 25_000),
    ("9xlarge", 36, 50_000, 50_000),
    ("18xlarge", 72, 100_000, 100_000),
];
const C6IN: &[Size] = &[
    ("large", 2, 3_125, 25_000),
    ("xlarge", 4, 6_250, 30_000),
    ("2xlarge", 8, 12_500, 40_000),
    ("4xlarge", 16, 25_000, 50_000),
    ("8xlarge", 32, 50_000, 50_000),
    ("12xlarge", 48, 75_000, 75_000),
    ("16xlarge", 64, 100_000, 100_000),
    ("24xlarge", 96, 150_000, 150_000),
    ("32xlarge", 128, 200_000, 200_000),
];
const M7G: &[Size] = &[
    ("medium", 1, 520, 12_500),
    ("large", 2, 937, 12_500),
    ("xlarge", 4, 1_876, 12_500),
    ("2xlarge", 8, 3_750, 15_000),
    ("4xlarge", 16, 7_500, 15_000),
    ("8xlarge", 32, 15_000, 15_000),
    ("12xlarge", 48, 22_500, 22_500),
    ("16xlarge", 64, 30_000, 30_000),
];
const T3: &[Size] = &[
    ("nano", 2, 32, 5_000),
    ("micro", 2, 64, 5_000),
    ("small", 2, 128, 5_000),
    ("medium", 2, 256, 5_000),
    ("large", 2, 512, 5_000),
    ("xlarge", 4, 1_024, 5_000),
    ("2xlarge", 8, 2_048, 5_000),
];
const T2: &[Size] = &[
    ("nano", 1, 32, 512),
    ("micro", 1, 64, 1_024),
    ("small", 1, 128, 1_024),
    ("medium", 2, 256, 1_024),
    ("large", 2, 512, 1_024),
    ("xlarge", 4, 750, 1_024),
    ("2xlarge", 8, 1_024, 1_024),
];

const FAMILIES: &[(&str, &[Size])] = &[
    ("c5", C5),
    ("c5n", C5N),
    ("c6g", M6G),
    ("c6i", M6I),
    ("c6in", C6IN),
    ("c7g", M7G),
    ("c7i", M6I),
    ("m5", M5),
    ("m6g", M6G),
    ("m6i", M6I),
    ("m6in", C6IN),
    ("m7g", M7G),
    ("m7i", M6I),
    ("r5", M5),
    ("r6g", M6G),
    ("r6i", M6I),
    ("r7g", M7G),
    ("r7i", M6I),
    ("t2", T2),
    ("t3", T3),
    ("t3a", T3),
    ("t4g", T3),
];

/// What is known of an instance type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InstanceType {
    /// Virtual CPUs.
    pub vcpus: u32,
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
}

impl InstanceType {
    /// The type `name`. One that is not in the table has two vCPUs and 5 Gbps; what it is built on
    /// is told by its family.
    #[must_use]
    pub fn of(name: &str) -> Self {
        let (family, size) = name.split_once('.').unwrap_or((name, ""));
        let sizes = FAMILIES.iter().find(|(it, _)| *it == family);
        let found = sizes.and_then(|(_, sizes)| sizes.iter().find(|(it, ..)| *it == size));
        let (_, vcpus, baseline, burst) = *found.unwrap_or(&("", 2, UNKNOWN_MBPS, UNKNOWN_MBPS));
        let bits = |mbps: u32| u64::from(mbps) * 1_000_000;
        Self {
            vcpus,
            nitro_generation: generation(family),
            baseline_bps: bits(baseline),
            burst_bps: bits(burst),
            packets_per_second: PACKETS_PER_VCPU * u64::from(vcpus),
            tracked_connections: TRACKED_PER_VCPU * vcpus,
        }
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
        let generations = ["t2.micro", "x9.large", "m8i.large"].map(|it| InstanceType::of(it));
        assert_eq!(
            generations.map(|it| it.nitro_generation),
            [
                NitroGeneration::Xen,
                NitroGeneration::Nitro,
                NitroGeneration::NitroV6
            ]
        );
    }
}
