//! Tables of facts: one file a component, one row a behaviour, each with its place in `facts.md`.

mod instance;
mod nat_gateway;
mod network_acl;
mod reach;
mod security_group;
