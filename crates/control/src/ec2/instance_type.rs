//! Instance types by name; what they allow is in `model`.

use wirelab_model::{ApiError, InstanceType, NitroGeneration};

use crate::error;

/// EC2's own default would be a type of 2008; ours is one that labs use.
pub(crate) const DEFAULT_TYPE: &str = "m6i.large";

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
    if !form.is_some_and(|(family, size)| well_formed(family) && well_formed(size)) {
        return Err(error::invalid_parameter_value(format_args!(
            "Invalid value '{instance_type}' for InstanceType."
        )));
    }
    Ok(InstanceType::of(instance_type).nitro_generation)
}
