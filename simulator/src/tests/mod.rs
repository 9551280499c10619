//! The fabric's behaviour, packet by packet, against AWS documentation.

mod addresses;
mod agreement;
mod end_to_end;
mod facts;
mod flow_logs;
mod ipv6;
mod metrics;
mod mtu;
mod nat;
mod neighbors;
mod origins;
mod power;
mod reachable;
mod security;
mod services;
mod table;
mod transit;
