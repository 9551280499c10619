//! scenario.toml and lab.toml to a checked plan.
