//! Tables of facts: one file a component, one row a behaviour, each with its place in `facts.md`.

mod instance;
mod ipv6;
mod nat_gateway;
mod network_acl;
mod peering;
mod reach;
mod route_table;
mod security_group;
mod transit_gateway;
mod vpn;
