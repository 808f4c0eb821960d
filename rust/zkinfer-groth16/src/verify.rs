//! The verifier: `e(A, B) = e(alpha, beta) e(IC_0 + sum_j x_j IC_j, gamma) e(C, delta)`.
//!
//! Whoever has a proof makes others of the same statement from it: nothing may depend on its bytes.

use crate::error::Error;
use crate::field::Scalar;
use crate::key::Key;
use crate::msm::msm;
use crate::points::{Curve, compress, decompress};
use ark_bn254::{Bn254, G1Affine, G2Affine, g1, g2};
use ark_ec::pairing::{MillerLoopOutput, Pairing};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::Zero;

/// A proof.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Proof {
    /// A.
    pub a: G1Affine,
    /// B.
    pub b: G2Affine,
    /// C.
    pub c: G1Affine,
}

impl Proof {
    /// Bytes of a proof: A, B and C, compressed.
    pub const BYTES: usize = 2 * g1::Config::BYTES + g2::Config::BYTES;

    /// Reads and checks a proof.
    ///
    /// # Errors
    /// [`Error::Malformed`] for another length and for what is no point, or the identity as A or B.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() != Self::BYTES {
            let (want, got) = (Self::BYTES, bytes.len());
            return Err(Error::Malformed(format!("it must have {want} bytes and has {got}")));
        }
        let part = |start: usize, size: usize| bytes.get(start..start + size).unwrap_or_default();
        let (small, large) = (g1::Config::BYTES, g2::Config::BYTES);
        let a = decompress(part(0, small)).filter(|a: &G1Affine| !a.is_zero());
        let b = decompress(part(small, large)).filter(|b: &G2Affine| !b.is_zero());
        let c = decompress(part(small + large, small));
        let none =
            |name: &str| Error::Malformed(format!("{name} is no point that a proof may have"));
        Ok(Proof {
            a: a.ok_or_else(|| none("A"))?,
            b: b.ok_or_else(|| none("B"))?,
            c: c.ok_or_else(|| none("C"))?,
        })
    }

    /// The encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        [compress(&self.a), compress(&self.b), compress(&self.c)].concat()
    }
}

/// A key, with what verifying takes of it alone.
pub struct Verifier {
    /// The points of the one and of each public value.
    ic: Vec<G1Affine>,
    /// The Miller loop of -alpha and beta.
    base: MillerLoopOutput<Bn254>,
    gamma: Lines,
    delta: Lines,
}

/// A point of G2 by the lines of its Miller loop.
type Lines = <Bn254 as Pairing>::G2Prepared;

impl Verifier {
    /// Of a key.
    pub fn new(key: &Key) -> Self {
        Verifier {
            ic: key.ic.clone(),
            base: Bn254::miller_loop(-key.alpha, key.beta),
            gamma: key.gamma.into(),
            delta: key.delta.into(),
        }
    }

    /// Verifies a proof of public values.
    ///
    /// # Errors
    /// [`Error::Statement`] when their number is not the key's, [`Error::Rejected`] when the
    /// equation does not hold.
    pub fn verify(&self, public: &[Scalar], proof: &Proof) -> Result<(), Error> {
        let (first, points) = match self.ic.split_first() {
            Some((first, points)) if points.len() == public.len() => (first, points),
            _ => {
                let (want, got) = (self.ic.len().saturating_sub(1), public.len());
                return Err(Error::Statement(format!(
                    "the key takes {want} public values, not {got}"
                )));
            }
        };
        let (left, right) = rayon::join(
            || Bn254::miller_loop(proof.a, proof.b),
            || {
                let sum = (msm(points, public) + first).into_affine();
                let lines = [self.gamma.clone(), self.delta.clone()];
                Bn254::multi_miller_loop([-sum, -proof.c], lines)
            },
        );
        let loops = MillerLoopOutput(self.base.0 * left.0 * right.0);
        let product = Bn254::final_exponentiation(loops);
        if product.is_some_and(|product| product.is_zero()) {
            Ok(())
        } else {
            Err(Error::Rejected("the pairing equation"))
        }
    }
}

/// Verifies a proof of public values, once for a key.
///
/// # Errors
/// As [`Verifier::verify`] has them.
pub fn verify(key: &Key, public: &[Scalar], proof: &Proof) -> Result<(), Error> {
    Verifier::new(key).verify(public, proof)
}
