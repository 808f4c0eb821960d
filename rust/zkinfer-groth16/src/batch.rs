//! Sums of points in affine form, many at a time.
//!
//! `(x1, y1) + (x2, y2)` has the slope `s = (y2 - y1) / (x2 - x1)`, and `s = (3 x1^2 + a) / (2 y1)`
//! for equal points; then `x3 = s^2 - x1 - x2` and `y3 = s (x1 - x3) - y1`. With one inversion for
//! all, a sum takes six multiplications of the curve's field.

use crate::points::Curve;
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::Affine;
use ark_ff::{AdditiveGroup, Field, Zero, batch_inversion};
use rayon::prelude::*;

/// Sums that share an inversion.
pub const SHARE: usize = 1024;

/// `left_i <- left_i + right_i`, on all threads.
pub fn add<P: Curve>(left: &mut [Affine<P>], right: &[Affine<P>]) {
    left.par_chunks_mut(SHARE).zip(right.par_chunks(SHARE)).for_each(|(left, right)| {
        add_share(left, right);
    });
}

/// `left_i <- left_i + right_i`, with one inversion.
pub fn add_share<P: Curve>(left: &mut [Affine<P>], right: &[Affine<P>]) {
    let slopes = left.iter().zip(right).map(|(left, right)| slope(left, right));
    let (rises, mut runs): (Vec<_>, Vec<_>) = slopes.unzip();
    batch_inversion(&mut runs);
    for (((left, right), rise), run) in left.iter_mut().zip(right).zip(rises).zip(runs) {
        *left = sum(left, right, rise, run);
    }
}

/// A slope as a fraction, whose denominator is zero where the sum needs none.
fn slope<P: Curve>(left: &Affine<P>, right: &Affine<P>) -> (P::BaseField, P::BaseField) {
    if left.is_zero() || right.is_zero() {
        return (P::BaseField::ZERO, P::BaseField::ZERO);
    }
    if left.x != right.x {
        return (right.y - left.y, right.x - left.x);
    }
    if left.y != right.y {
        return (P::BaseField::ZERO, P::BaseField::ZERO);
    }
    let square = left.x.square();
    (square.double() + square + P::COEFF_A, left.y.double())
}

/// The sum of two points, by their slope's numerator and the inverse of its denominator.
fn sum<P: Curve>(
    left: &Affine<P>,
    right: &Affine<P>,
    rise: P::BaseField,
    run: P::BaseField,
) -> Affine<P> {
    if run.is_zero() {
        return match (left.is_zero(), right.is_zero()) {
            (true, _) => *right,
            (_, true) => *left,
            _ => Affine::identity(),
        };
    }
    let slope = rise * run;
    let x = slope.square() - left.x - right.x;
    Affine::new_unchecked(x, slope * (left.x - x) - left.y)
}
