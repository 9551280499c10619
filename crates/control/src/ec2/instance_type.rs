//! Instance types: what they are built on.

use wirelab_model::{ApiError, NitroGeneration};

use crate::error;

/// EC2's own default would be a type of 2008; ours is one that labs use.
pub(crate) const DEFAULT_TYPE: &str = "m6i.large";

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

/// What `instance_type` is built on.
///
/// # Errors
/// A text that is no instance type by its form, `family.size`.
pub(crate) fn generation(instance_type: &str) -> Result<NitroGeneration, ApiError> {
    let form = instance_type.split_once('.');
    let well_formed = |text: &str| {
        let valid = |c: char| c.is_ascii_alphanumeric() || c == '-';
        !text.is_empty() && text.chars().all(valid)
    };
    let Some((family, _)) = form.filter(|(family, size)| well_formed(family) && well_formed(size))
    else {
        return Err(error::invalid_parameter_value(format_args!(
            "Invalid value '{instance_type}' for InstanceType."
        )));
    };
    Ok(if XEN.contains(&family) {
        NitroGeneration::Xen
    } else if NITRO_V6.contains(&family) {
        NitroGeneration::NitroV6
    } else {
        NitroGeneration::Nitro
    })
}
