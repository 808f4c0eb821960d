//! Why there is no result.

use std::fmt;

/// A refusal. The text names what was expected and what came.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Error {
    /// The bytes are no R1CS over this field.
    Circuit(String),
    /// The bytes are no setup, or not one of the circuit.
    Setup(String),
    /// The bytes are no verifying key, or one that proves nothing.
    Key(String),
    /// Values do not fit the circuit or the key: counts, ranges, commitments.
    Statement(String),
    /// An assignment does not satisfy this row of the circuit.
    Unsatisfied(usize),
    /// The proof's bytes are malformed: length, a non-canonical point or scalar.
    Malformed(String),
    /// The proof is well formed and this equation fails.
    Rejected(&'static str),
    /// The system gives no entropy, or the caller has given up.
    Stopped(String),
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Error::Circuit(why) => write!(f, "R1CS refused: {why}"),
            Error::Setup(why) => write!(f, "setup refused: {why}"),
            Error::Key(why) => write!(f, "verifying key refused: {why}"),
            Error::Statement(why) => write!(f, "statement refused: {why}"),
            Error::Unsatisfied(row) => write!(f, "the assignment does not satisfy row {row}"),
            Error::Malformed(why) => write!(f, "malformed proof: {why}"),
            Error::Rejected(check) => write!(f, "the proof does not verify: {check}"),
            Error::Stopped(why) => write!(f, "{why}"),
        }
    }
}

impl std::error::Error for Error {}
