//! The zkinfer prover: commits to a witness and proves that a tensor circuit holds for it.
//!
//! Depends on `zkinfer-verify` for everything that both sides must agree on, never the other way.

pub mod base_field;
pub mod boolean;
pub mod commit;
pub mod edwards;
pub mod inner;
pub mod matrix;
pub mod membership;
pub mod messages;
pub mod opening;
pub mod products;
pub mod prove;
pub mod random;
pub mod rows;
pub mod structured;
pub mod wide;
pub mod witness;
pub mod zerocheck;
