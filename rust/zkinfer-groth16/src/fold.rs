//! The same combination of many tuples of points.
//!
//! Each factor is `k1 + k2 l`, where l times a point is its image under an endomorphism that costs
//! one multiplication, and k1 and k2 have half of its bits (Gallant, Lambert and Vanstone). As all
//! tuples have the same factors, they take the same steps, whose sums share inversions.

use crate::batch::{SHARE, add_share};
use crate::field::Scalar;
use ark_bn254::{G1Affine, g1};
use ark_ec::scalar_mul::glv::GLVConfig;
use ark_ff::{BigInteger, PrimeField};
use rayon::prelude::*;

/// Digits are odd and below `2^{WINDOW - 1}`, or zero.
const WINDOW: usize = 4;

/// Multiples of a point that digits stand for: 1, 3, 5 and 7.
const MULTIPLES: usize = 1 << (WINDOW - 2);

/// `G_i = sum_b factors_b bases_{b n + i}`, for blocks of n bases, one block for each factor.
pub fn fold(bases: &[G1Affine], factors: &[Scalar]) -> Vec<G1Affine> {
    let size = bases.len().checked_div(factors.len()).unwrap_or_default();
    let digits: Vec<_> = factors.iter().map(digits).collect();
    let longest = digits.iter().flatten().map(Vec::len).max().unwrap_or_default();
    let mut folded = vec![G1Affine::identity(); size];
    folded.par_chunks_mut(SHARE).enumerate().for_each(|(share, sums)| {
        let blocks = bases.chunks(size.max(1));
        let tables: Vec<_> = blocks
            .map(|block| odd_multiples(block.chunks(SHARE).nth(share).unwrap_or_default()))
            .collect();
        for place in (0..longest).rev() {
            let same = sums.to_vec();
            add_share(sums, &same);
            for (table, [plain, mapped]) in tables.iter().zip(&digits) {
                for (digits, map) in [(plain, false), (mapped, true)] {
                    let digit = digits.get(place).copied().unwrap_or_default();
                    if digit != 0 {
                        add_share(sums, &terms(table, digit, map));
                    }
                }
            }
        }
    });
    folded
}

/// The digits of both parts of a factor, the lowest first.
fn digits(factor: &Scalar) -> [Vec<i64>; 2] {
    let (plain, mapped) = g1::Config::scalar_decomposition(*factor);
    [plain, mapped].map(|(positive, part)| {
        let digits = part.into_bigint().find_wnaf(WINDOW).unwrap_or_default();
        if positive { digits } else { digits.iter().map(|digit| -digit).collect() }
    })
}

/// The lists of P, 3 P, 5 P and so on.
fn odd_multiples(points: &[G1Affine]) -> [Vec<G1Affine>; MULTIPLES] {
    let mut double = points.to_vec();
    add_share(&mut double, points);
    let mut next = points.to_vec();
    [(); MULTIPLES].map(|()| {
        let list = next.clone();
        add_share(&mut next, &double);
        list
    })
}

/// Points times a digit, from their table; where `map` says so, their images.
fn terms(table: &[Vec<G1Affine>; MULTIPLES], digit: i64, map: bool) -> Vec<G1Affine> {
    let multiple = usize::try_from(digit.unsigned_abs() / 2).unwrap_or_default();
    let points = table.get(multiple).into_iter().flatten();
    points
        .map(|point| {
            let image = if map { g1::Config::endomorphism_affine(point) } else { *point };
            if digit < 0 { -image } else { image }
        })
        .collect()
}
