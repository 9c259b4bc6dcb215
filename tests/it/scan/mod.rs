//! The scan over a directory and a provider in memory: order, pace, failures, the size of batches, and that
//! joining users never changes what is learned of them.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a fixture that fails ends its test")]

mod batches;
mod failures;
mod fakes;
mod order;
mod pace;
mod same_result;
