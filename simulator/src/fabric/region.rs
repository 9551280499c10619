//! How far Regions are from each other.

use wirelab_model::SimDuration;

const REGIONS: [&str; 13] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "sa-east-1",
    "eu-west-1",
    "eu-west-2",
    "eu-central-1",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-northeast-1",
];

/// Round trips in milliseconds from each Region to those before it in the list. Ours, rounded from
/// what people measure: AWS publishes none.
const ROUND_TRIPS: [&[u16]; 13] = [
    &[],
    &[12],
    &[62, 52],
    &[64, 54, 22],
    &[15, 25, 79, 60],
    &[115, 126, 173, 176, 126],
    &[68, 80, 129, 122, 70, 178],
    &[76, 87, 138, 131, 79, 188, 12],
    &[92, 103, 149, 143, 95, 204, 26, 17],
    &[190, 198, 228, 218, 190, 302, 122, 114, 112],
    &[218, 210, 172, 163, 214, 325, 176, 168, 160, 64],
    &[200, 188, 140, 141, 199, 313, 256, 265, 254, 148, 93],
    &[148, 133, 108, 98, 146, 257, 203, 212, 226, 122, 70, 104],
];

/// Between Regions of which one is not in the list.
const ELSEWHERE: u16 = 150;

/// The one-way latency between two different Regions.
pub(super) fn latency(one: &str, other: &str) -> SimDuration {
    let place = |name| REGIONS.iter().position(|it| *it == name);
    let round_trip = match (place(one), place(other)) {
        (Some(a), Some(b)) if a != b => ROUND_TRIPS[a.max(b)][a.min(b)],
        _ => ELSEWHERE,
    };
    SimDuration::from_micros(u64::from(round_trip) * 500)
}
