//! A running lab: world, control plane, timeline, journal.
