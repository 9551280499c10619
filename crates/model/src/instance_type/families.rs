//! Sizes of the families of instance types.

/// A size: its vCPUs, and Mbps at the baseline and at most.
pub(super) type Size = (&'static str, u32, u32, u32);

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
    ("48xlarge", 192, 50_000, 50_000),
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
const M5A: &[Size] = &[
    ("large", 2, 750, 10_000),
    ("xlarge", 4, 1_250, 10_000),
    ("2xlarge", 8, 2_500, 10_000),
    ("4xlarge", 16, 5_000, 10_000),
    ("8xlarge", 32, 7_500, 10_000),
    ("12xlarge", 48, 10_000, 10_000),
    ("16xlarge", 64, 12_000, 12_000),
    ("24xlarge", 96, 20_000, 20_000),
];
const M5N: &[Size] = &[
    ("large", 2, 2_100, 25_000),
    ("xlarge", 4, 4_100, 25_000),
    ("2xlarge", 8, 8_125, 25_000),
    ("4xlarge", 16, 16_250, 25_000),
    ("8xlarge", 32, 25_000, 25_000),
    ("12xlarge", 48, 50_000, 50_000),
    ("16xlarge", 64, 75_000, 75_000),
    ("24xlarge", 96, 100_000, 100_000),
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
const C5A: &[Size] = &[
    ("large", 2, 750, 10_000),
    ("xlarge", 4, 1_250, 10_000),
    ("2xlarge", 8, 2_500, 10_000),
    ("4xlarge", 16, 5_000, 10_000),
    ("8xlarge", 32, 10_000, 10_000),
    ("12xlarge", 48, 12_000, 12_000),
    ("16xlarge", 64, 20_000, 20_000),
    ("24xlarge", 96, 20_000, 20_000),
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
const M8: &[Size] = &[
    ("medium", 1, 520, 12_500),
    ("large", 2, 937, 12_500),
    ("xlarge", 4, 1_875, 12_500),
    ("2xlarge", 8, 3_750, 15_000),
    ("4xlarge", 16, 7_500, 15_000),
    ("8xlarge", 32, 15_000, 15_000),
    ("12xlarge", 48, 22_500, 22_500),
    ("16xlarge", 64, 30_000, 30_000),
    ("24xlarge", 96, 40_000, 40_000),
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

/// Sizes of a shared table that some of its families lack.
const LACKING: &[(&[&str], &str)] = &[
    (&["c6i", "c6id", "m6i", "m6id", "r6i", "r6id"], "48xlarge"),
    (&["c7i", "m7i", "r7i"], "32xlarge"),
    (&["c8i", "m8i", "r8i"], "medium"),
];

/// The sizes of a family; none of one that is not in the tables.
pub(super) fn sizes(family: &str) -> impl Iterator<Item = &'static Size> {
    let found = FAMILIES.iter().find(|(it, _)| *it == family);
    let lacking = move |size: &str| {
        let mut all = LACKING.iter();
        all.any(|(families, it)| *it == size && families.contains(&family))
    };
    let sizes = found.map_or(&[][..], |(_, sizes)| sizes);
    sizes.iter().filter(move |(size, ..)| !lacking(size))
}

/// Families that are alike share a table.
pub(super) const FAMILIES: &[(&str, &[Size])] = &[
    ("c5", C5),
    ("c5a", C5A),
    ("c5ad", C5A),
    ("c5d", C5),
    ("c5n", C5N),
    ("c6a", M6I),
    ("c6g", M6G),
    ("c6gd", M6G),
    ("c6i", M6I),
    ("c6id", M6I),
    ("c6in", C6IN),
    ("c7a", M6I),
    ("c7g", M7G),
    ("c7gd", M7G),
    ("c7i", M6I),
    ("c8a", M8),
    ("c8g", M8),
    ("c8i", M8),
    ("m5", M5),
    ("m5a", M5A),
    ("m5ad", M5A),
    ("m5d", M5),
    ("m5dn", M5N),
    ("m5n", M5N),
    ("m6a", M6I),
    ("m6g", M6G),
    ("m6gd", M6G),
    ("m6i", M6I),
    ("m6id", M6I),
    ("m6in", C6IN),
    ("m7a", M6I),
    ("m7g", M7G),
    ("m7gd", M7G),
    ("m7i", M6I),
    ("m8a", M8),
    ("m8g", M8),
    ("m8i", M8),
    ("r5", M5),
    ("r5a", M5A),
    ("r5ad", M5A),
    ("r5b", M5),
    ("r5d", M5),
    ("r5dn", M5N),
    ("r5n", M5N),
    ("r6a", M6I),
    ("r6g", M6G),
    ("r6gd", M6G),
    ("r6i", M6I),
    ("r6id", M6I),
    ("r6in", C6IN),
    ("r7a", M6I),
    ("r7g", M7G),
    ("r7gd", M7G),
    ("r7i", M6I),
    ("r8a", M8),
    ("r8g", M8),
    ("r8i", M8),
    ("t2", T2),
    ("t3", T3),
    ("t3a", T3),
    ("t4g", T3),
];
