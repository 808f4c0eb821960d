//! Verifying keys, and the commitment to weights that makes a model's key of a setup's.
//!
//! Encoding: alpha in G1, beta, gamma, delta in G2, then the IC points in G1, all compressed.
//!
//! The public signals of a setup are n values, m weights and a blinding b. With the commitment
//! `D = sum_i w_i IC_{n+i} + b IC_{n+m+1}` the key of points `IC_0 + D, IC_1 .. IC_n` verifies
//! exactly the proofs whose weights and blinding are those in D.

use crate::error::Error;
use crate::field::Scalar;
use crate::msm::msm;
use crate::points::{Curve, compress, decompress};
use ark_bn254::{G1Affine, G2Affine, g1, g2};
use ark_ec::short_weierstrass::Affine;
use ark_ec::{AffineRepr, CurveGroup};
use rayon::prelude::*;

/// A verifying key. No point is the identity.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Key {
    /// alpha.
    pub alpha: G1Affine,
    /// beta.
    pub beta: G2Affine,
    /// gamma.
    pub gamma: G2Affine,
    /// delta.
    pub delta: G2Affine,
    /// The points of the one and of each public value.
    pub ic: Vec<G1Affine>,
}

impl Key {
    /// Reads and checks a key.
    ///
    /// # Errors
    /// [`Error::Key`] for bytes that are no key, and for a key that [`Key::check`] refuses.
    pub fn read(bytes: &[u8]) -> Result<Self, Error> {
        let short = || Error::Key("its first points are cut off".into());
        let (alpha, rest) = bytes.split_at_checked(g1::Config::BYTES).ok_or_else(short)?;
        let (twists, points) = rest.split_at_checked(3 * g2::Config::BYTES).ok_or_else(short)?;
        let &[beta, gamma, delta] = twists.as_chunks::<{ g2::Config::BYTES }>().0 else {
            return Err(short());
        };
        let points = points.par_chunks(g1::Config::BYTES).enumerate();
        let ((beta, gamma), (delta, ic)) = rayon::join(
            || rayon::join(|| point(&beta, || "beta".into()), || point(&gamma, || "gamma".into())),
            || {
                let ic = || points.map(|(i, bytes)| point(bytes, || format!("IC {i}"))).collect();
                rayon::join(|| point(&delta, || "delta".into()), ic)
            },
        );
        let alpha = point(alpha, || "alpha".into())?;
        let ic: Result<_, Error> = ic;
        let key = Key { alpha, beta: beta?, gamma: gamma?, delta: delta?, ic: ic? };
        key.check()?;
        Ok(key)
    }

    /// Refuses what nobody's randomness has gone into: such keys prove anything.
    ///
    /// # Errors
    /// [`Error::Key`].
    pub fn check(&self) -> Result<(), Error> {
        let refuse = |why: &str| Err(Error::Key(why.into()));
        if self.ic.is_empty() {
            return refuse("it has no IC point");
        }
        if self.delta == G2Affine::generator() {
            return refuse("delta is the generator: nobody has contributed to this setup");
        }
        if self.delta == self.gamma {
            return refuse("delta is gamma, so anything can be proved");
        }
        if self.alpha == G1Affine::generator() || self.beta == G2Affine::generator() {
            return refuse("alpha or beta is the generator: the powers of tau are nobody's");
        }
        Ok(())
    }

    /// The encoding.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = compress(&self.alpha);
        for point in [&self.beta, &self.gamma, &self.delta] {
            bytes.extend(compress(point));
        }
        self.ic.iter().for_each(|point| bytes.extend(compress(point)));
        bytes
    }

    /// The points of the weights and the blinding, where there are `public` other values.
    ///
    /// # Errors
    /// [`Error::Statement`] when the key has no point left for these.
    pub fn bases(&self, public: usize) -> Result<&[G1Affine], Error> {
        let (_, signals) = self.ic.split_first().unwrap_or((&self.alpha, &[]));
        signals.get(public..).filter(|bases| !bases.is_empty()).ok_or_else(|| {
            let total = signals.len();
            Error::Statement(format!(
                "of {total} public signals {public} leave none for weights and their blinding"
            ))
        })
    }

    /// The commitment to weights and a blinding.
    ///
    /// # Errors
    /// [`Error::Statement`] when their number is not the key's, or the commitment is the identity.
    pub fn commit(&self, public: usize, scalars: &[Scalar]) -> Result<G1Affine, Error> {
        let bases = self.bases(public)?;
        let (want, got) = (bases.len(), scalars.len());
        if want != got {
            let what = "weights with their blinding";
            return Err(Error::Statement(format!(
                "the key commits to {want} {what}, not to {got}"
            )));
        }
        let commitment = msm(bases, scalars).into_affine();
        if commitment.is_zero() {
            return Err(Error::Statement(
                "the commitment is the identity, which hides nothing".into(),
            ));
        }
        Ok(commitment)
    }

    /// The model's key.
    ///
    /// # Errors
    /// [`Error::Statement`] when the signals cannot be split so, or its first point is the identity.
    pub fn model(&self, public: usize, commitment: &G1Affine) -> Result<Key, Error> {
        self.bases(public)?;
        let mut ic: Vec<_> = self.ic.iter().take(public.saturating_add(1)).copied().collect();
        if let Some(first) = ic.first_mut() {
            *first = (*first + commitment).into_affine();
            if first.is_zero() {
                return Err(Error::Statement(
                    "the commitment cancels the key's first point".into(),
                ));
            }
        }
        let Key { alpha, beta, gamma, delta, .. } = *self;
        Ok(Key { alpha, beta, gamma, delta, ic })
    }
}

/// Reads a commitment.
///
/// # Errors
/// [`Error::Statement`] for bytes that are no point, and for the identity.
pub fn read_commitment(bytes: &[u8]) -> Result<G1Affine, Error> {
    decompress(bytes).filter(|point: &G1Affine| !point.is_zero()).ok_or_else(|| {
        Error::Statement("the commitment is no canonical point other than the identity".into())
    })
}

/// Reads a point that is not the identity.
fn point<P: Curve>(bytes: &[u8], name: impl Fn() -> String) -> Result<Affine<P>, Error> {
    decompress(bytes).filter(|point: &Affine<P>| !point.is_zero()).ok_or_else(|| {
        let name = name();
        Error::Key(format!("{name} is no canonical point of the group other than the identity"))
    })
}
