//! Nothing: what is here are tests, in `tests/sdk`.
