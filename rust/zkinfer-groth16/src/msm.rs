//! Sums and lists of multiples of points, on all threads.

use crate::field::Scalar;
use crate::points::Curve;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{CurveGroup, VariableBaseMSM};
use ark_ff::PrimeField;
use rayon::prelude::*;
use zeroize::Zeroizing;

/// `sum_i scalars_i bases_i`, over the shorter of the two lists.
pub fn msm<P: Curve>(bases: &[Affine<P>], scalars: &[Scalar]) -> Projective<P> {
    let share = bases.len().div_ceil(rayon::current_num_threads()).max(1);
    let shares = bases.par_chunks(share).zip(scalars.par_chunks(share));
    let sums = shares.map(|(bases, scalars)| {
        let integers: Zeroizing<Vec<_>> =
            Zeroizing::new(scalars.iter().map(|scalar| scalar.into_bigint()).collect());
        Projective::msm_bigint(bases, &integers)
    });
    sums.sum()
}

/// Points in affine form, by one inversion a thread.
pub fn normalize<P: Curve>(points: &[Projective<P>]) -> Vec<Affine<P>> {
    let share = points.len().div_ceil(rayon::current_num_threads()).max(1);
    points.par_chunks(share).flat_map_iter(Projective::normalize_batch).collect()
}
