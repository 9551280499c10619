//! Task kinds, comparisons, findings, reports.

pub mod finding;
pub mod reach;
pub mod report;
