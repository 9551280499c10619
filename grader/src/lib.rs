//! Task kinds, comparisons, findings, reports.
