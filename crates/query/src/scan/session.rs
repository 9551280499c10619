//! Sessions of queries over files.

use std::sync::Arc;

use datafusion::common::Result;
use datafusion::execution::runtime_env::RuntimeEnvBuilder;
use datafusion::execution::session_state::SessionStateBuilder;
use datafusion::physical_optimizer::optimizer::PhysicalOptimizer;
use datafusion::prelude::SessionConfig;

use super::best::BestFirst;
use super::threads::Threads;
use crate::budget::QueryPool;

/// What a query may keep in memory, in bytes; what sorts or groups more goes to disk.
pub(crate) const MEMORY_BYTES: usize = 1 << 30;

/// A session for one query: it knows the stores that the query reads. One partition a core, each
/// on a thread.
pub(crate) fn session_builder() -> Result<SessionStateBuilder> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let config = SessionConfig::new().with_target_partitions(cores);
    let runtime = RuntimeEnvBuilder::new()
        .with_memory_pool(QueryPool::new(MEMORY_BYTES))
        .build_arc()?;
    let mut physical_rules = PhysicalOptimizer::new().rules;
    physical_rules.push(Arc::new(BestFirst));
    physical_rules.push(Arc::new(Threads));
    Ok(SessionStateBuilder::new()
        .with_config(config)
        .with_runtime_env(runtime)
        .with_physical_optimizer_rules(physical_rules))
}
