//! The tests of both query languages, as one program: each program of its own would hold all of
//! DataFusion.

mod athena;
mod athena_behaviour;
mod athena_duckdb;
mod athena_logs;
mod athena_robust;
mod athena_support;
mod behaviour;
mod differential;
mod files;
mod queries;
mod reference;
mod robust;
mod saved;
mod slips;
mod support;
mod valid_queries;
