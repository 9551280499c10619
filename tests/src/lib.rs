//! Whole-product tests that drive the binary.
