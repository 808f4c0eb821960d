//! The prover's side of the conversation: commits to scalars, absorbs, remembers the openings.

use crate::commit::{CommitmentKey, encode};
use crate::random::Randomness;
use zeroize::Zeroizing;
use zkinfer_verify::proof::Encoding;
use zkinfer_verify::scalar::Scalar;
use zkinfer_verify::transcript::Transcript;
use zkinfer_verify::verify::absorb_points;

/// A committed scalar and its blinding: `value U + blinding H`.
#[derive(Clone, Copy, Default)]
pub struct Opening {
    /// What is committed to.
    pub value: Scalar,
    /// Its blinding.
    pub blinding: Scalar,
}

impl Opening {
    /// `factor` times the commitment.
    pub fn scaled(self, factor: Scalar) -> Self {
        Opening { value: self.value * factor, blinding: self.blinding * factor }
    }

    /// The sum of two commitments.
    pub fn plus(self, other: Self) -> Self {
        Opening { value: self.value + other.value, blinding: self.blinding + other.blinding }
    }
}

/// The conversation so far.
pub struct Messages<'a> {
    /// The commitment key.
    pub key: &'a CommitmentKey,
    /// What the verifier has seen.
    pub transcript: Transcript,
    /// Blindings and masks.
    pub randomness: Randomness,
    /// Every scalar committed to, in order.
    pub sent: Zeroizing<Vec<Scalar>>,
    /// Their blindings.
    pub blindings: Zeroizing<Vec<Scalar>>,
}

impl Messages<'_> {
    /// Commits to scalars, absorbs the commitments as one message and returns them.
    pub fn send(&mut self, label: &str, values: &[Scalar]) -> (Vec<Encoding>, Vec<Opening>) {
        let openings: Vec<Opening> = values
            .iter()
            .map(|value| Opening { value: *value, blinding: self.randomness.scalar() })
            .collect();
        let points: Vec<_> =
            openings.iter().map(|o| self.key.scalar(&o.value, &o.blinding)).collect();
        let encodings = encode(&points);
        absorb_points(&mut self.transcript, label, &encodings);
        self.sent.extend(openings.iter().map(|o| o.value));
        self.blindings.extend(openings.iter().map(|o| o.blinding));
        (encodings, openings)
    }
}
