//! Sums of multiples of points, on all threads (Pippenger's algorithm).
//!
//! Each scalar is the integer of least absolute value that it stands for, in digits of c bits from
//! `-2^{c-1}` to `2^{c-1} - 1`. For each place, points go by their digits into buckets, whose sums
//! `S_d` give `sum_d d S_d`. Digits of zero cost nothing, so small scalars cost few sums.

use crate::batch;
use crate::field::Scalar;
use crate::points::Curve;
use crate::r1cs::at;
use ark_ec::AffineRepr;
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ff::{AdditiveGroup, BigInt, BigInteger, PrimeField, Zero};
use rayon::prelude::*;
use std::collections::BTreeMap;
use zeroize::Zeroizing;

/// Bits of the widest digits: these have 2^15 buckets.
const WIDEST: usize = 16;

/// What it takes to add a bucket's sum in, in sums of points that share an inversion.
const BUCKET: usize = 4;

/// `sum_i scalars_i bases_i`, over the shorter of the two lists.
pub fn msm<P: Curve>(bases: &[Affine<P>], scalars: &[Scalar]) -> Projective<P> {
    let digits = Digits::new(scalars);
    let places = (0..digits.places).into_par_iter();
    let sums: Vec<_> = places.map(|place| place_sum(bases, &digits, place)).collect();
    sums.iter().rev().fold(Projective::zero(), |sum, next| {
        (0..digits.bits).fold(sum, |sum, _| sum.double()) + next
    })
}

/// Scalars in signed digits.
struct Digits {
    /// Bits of a digit.
    bits: usize,
    /// Digits of each scalar.
    places: usize,
    /// Absolute values with half a digit's range added at all places but the highest, so that a
    /// digit is what is read there less that half; and whether the scalar is negative.
    scalars: Zeroizing<Vec<(BigInt<4>, bool)>>,
}

impl Digits {
    fn new(scalars: &[Scalar]) -> Self {
        let mut scalars: Zeroizing<Vec<_>> =
            Zeroizing::new(scalars.par_iter().map(absolute).collect());
        let mut lengths = BTreeMap::new();
        for (absolute, _) in scalars.iter() {
            let count: &mut usize = lengths.entry(at(absolute.num_bits())).or_default();
            *count = count.saturating_add(1);
        }
        let longest = lengths.last_key_value().map_or(0, |(length, _)| *length);
        // An absolute value has one bit more for its digits' signs.
        let places = |length: usize, bits: usize| (length + 1).div_ceil(bits);
        let cost = |bits: &usize| {
            let sums =
                lengths.iter().map(|(length, count)| count.saturating_mul(places(*length, *bits)));
            sums.sum::<usize>().saturating_add((BUCKET * places(longest, *bits)) << (bits - 1))
        };
        let bits = (2..=WIDEST).min_by_key(cost).unwrap_or(WIDEST);
        let places = places(longest, bits);

        let mut halves = BigInt::<4>::zero();
        for place in 1..places {
            let mut half = BigInt::one();
            half <<= u32::try_from(place * bits - 1).unwrap_or_default();
            halves.add_with_carry(&half);
        }
        for (absolute, _) in scalars.iter_mut() {
            absolute.add_with_carry(&halves);
        }
        Digits { bits, places, scalars }
    }

    /// The digits of all scalars at a place: absolute values, and whether they are negative.
    fn at(&self, place: usize) -> impl Iterator<Item = (usize, bool)> {
        let (limb, shift) = (place * self.bits / 64, place * self.bits % 64);
        let mask = (1u64 << self.bits) - 1;
        let half = if place + 1 < self.places { 1usize << (self.bits - 1) } else { 0 };
        self.scalars.iter().map(move |(integer, negative)| {
            let [low, high] = [limb, limb + 1].map(|limb| integer.0.get(limb).unwrap_or(&0));
            let high = u32::try_from(64 - shift).ok().and_then(|shift| high.checked_shl(shift));
            let digit = usize::try_from((low >> shift | high.unwrap_or(0)) & mask).unwrap_or(0);
            (digit.abs_diff(half), *negative != (digit < half))
        })
    }
}

/// The integer of least absolute value that a scalar stands for: that value, and its sign.
fn absolute(scalar: &Scalar) -> (BigInt<4>, bool) {
    let integer = scalar.into_bigint();
    if integer > Scalar::MODULUS_MINUS_ONE_DIV_TWO {
        ((-*scalar).into_bigint(), true)
    } else {
        (integer, false)
    }
}

/// Consecutive points that belong into one bucket.
struct Run {
    bucket: usize,
    length: usize,
}

/// The sum of all points times their digits at a place.
fn place_sum<P: Curve>(bases: &[Affine<P>], digits: &Digits, place: usize) -> Projective<P> {
    let terms = || {
        let terms = bases.iter().zip(digits.at(place));
        terms.filter(|(base, (digit, _))| *digit > 0 && !base.is_zero())
    };
    let mut lengths = vec![0usize; (1 << (digits.bits - 1)) + 1];
    for (_, (digit, _)) in terms() {
        if let Some(length) = lengths.get_mut(digit) {
            *length += 1;
        }
    }
    let mut next: Vec<usize> = Vec::with_capacity(lengths.len());
    let total = lengths.iter().fold(0, |start, length| {
        next.push(start);
        start + length
    });
    let mut points = vec![Affine::<P>::identity(); total];
    for (base, (digit, negative)) in terms() {
        if let Some(next) = next.get_mut(digit) {
            if let Some(point) = points.get_mut(*next) {
                *point = if negative { -*base } else { *base };
            }
            *next += 1;
        }
    }
    let runs = lengths.into_iter().enumerate().map(|(bucket, length)| Run { bucket, length });
    weighted(&bucket_sums(points, runs.collect()))
}

/// The sums of runs, by their buckets: neighbours are added until each run is one point.
fn bucket_sums<P: Curve>(mut points: Vec<Affine<P>>, mut runs: Vec<Run>) -> Vec<Affine<P>> {
    let mut sums = vec![Affine::identity(); runs.len()];
    while !points.is_empty() {
        let (mut left, mut right) = (Vec::with_capacity(points.len().div_ceil(2)), Vec::new());
        let mut rest = points.as_slice();
        runs.retain_mut(|Run { bucket, length }| {
            let (run, after) = rest.split_at_checked(*length).unwrap_or_default();
            rest = after;
            if let ([point], Some(sum)) = (run, sums.get_mut(*bucket)) {
                *sum = *point;
            }
            if run.len() < 2 {
                return false;
            }
            for pair in run.chunks(2) {
                left.extend(pair.first());
                right.push(pair.get(1).copied().unwrap_or_default());
            }
            *length = length.div_ceil(2);
            true
        });
        batch::add(&mut left, &right);
        points = left;
    }
    sums
}

/// `sum_d d S_d`, over the sums of the buckets from zero.
fn weighted<P: Curve>(sums: &[Affine<P>]) -> Projective<P> {
    let (mut tail, mut total) = (Projective::zero(), Projective::zero());
    for sum in sums.iter().skip(1).rev() {
        tail += sum;
        total += &tail;
    }
    total
}
