//! Why a byte string was refused.

use std::fmt;

/// A refusal. The text names what was expected and what came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The bytes are no circuit in canonical form, or one beyond the stated limits.
    Circuit(String),
    /// The statement does not fit the circuit: counts, ranges, commitments.
    Statement(String),
    /// The proof's bytes are malformed: length, a non-canonical point or scalar.
    Malformed(String),
    /// The proof is well formed and a check of the argument fails.
    Rejected(&'static str),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Circuit(why) => write!(f, "circuit refused: {why}"),
            Error::Statement(why) => write!(f, "statement refused: {why}"),
            Error::Malformed(why) => write!(f, "malformed proof: {why}"),
            Error::Rejected(check) => write!(f, "the proof does not verify: {check}"),
        }
    }
}

impl std::error::Error for Error {}
