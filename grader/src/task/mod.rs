//! The task kinds, one file each. Each turns a submission into graded conditions.

pub(crate) mod answer;
pub(crate) mod filter;
pub(crate) mod fix;
pub(crate) mod prediction;
pub(crate) mod query;
