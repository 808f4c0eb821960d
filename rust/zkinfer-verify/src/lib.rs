//! The zkinfer verifier: it trusts nothing that it reads.
//!
//! [`circuit::Circuit::parse`] reads and places a tensor circuit, [`verify::verify`] checks a proof
//! of it. Every byte string ends in acceptance or in a typed [`error::Error`]; the lints of this
//! crate exclude indexing, unwrapping, panics, lossy casts and clocks.

pub mod circuit;
pub mod error;
pub mod group;
pub mod matrix;
pub mod membership;
mod parse;
pub mod proof;
pub mod reader;
pub mod scalar;
pub mod transcript;
pub mod verify;
