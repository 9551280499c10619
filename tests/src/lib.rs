//! The house rules as tests (`tests/tidy`). The whole-product tests (`tests/product`), which drive
//! the binary, are built as a test target of `crates/cli`.
