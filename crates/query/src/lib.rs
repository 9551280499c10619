//! Logs Insights QL planned onto DataFusion.
