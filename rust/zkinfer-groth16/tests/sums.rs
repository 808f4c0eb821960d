//! Fast sums of points are those of the plain method, on points and scalars that are drawn.

#![allow(clippy::indexing_slicing, clippy::unwrap_used, clippy::cast_possible_truncation)]

mod common;

use ark_bn254::{Fr, G1Affine, g1, g2};
use ark_ec::short_weierstrass::{Affine, Projective};
use ark_ec::{AffineRepr, CurveGroup};
use ark_ff::{AdditiveGroup, Field, PrimeField};
use common::Draw;
use zkinfer_groth16::batch::add;
use zkinfer_groth16::fold::fold;
use zkinfer_groth16::msm::msm;
use zkinfer_groth16::points::Curve;

impl Draw {
    /// One of 0, 1 and -1, near a power of two or half of the order, of any length, or any element.
    fn scalar(&mut self) -> Fr {
        let any = (0..4).fold(Fr::ZERO, |sum, _| sum * Fr::from(u64::MAX) + Fr::from(self.word()));
        let near = Fr::from(self.below(5) as u64) - Fr::from(2);
        let power = Fr::from(2).pow([self.below(254) as u64]);
        let sign = if self.below(2) == 0 { Fr::ONE } else { -Fr::ONE };
        match self.below(5) {
            0 => Fr::from(self.below(3) as u64) - Fr::ONE,
            1 => sign * (power + near),
            2 => Fr::from_bigint(Fr::MODULUS_MINUS_ONE_DIV_TWO).unwrap() + near,
            3 => sign * Fr::from(self.word() >> self.below(64)),
            _ => any,
        }
    }

    /// A multiple of the generator, of which some are infinity, and some the same or opposite.
    fn point<P: Curve>(&mut self) -> Affine<P> {
        let scalar = match self.below(3) {
            0 => Fr::from(self.below(5) as u64) - Fr::from(2),
            _ => self.scalar(),
        };
        (Affine::<P>::generator() * scalar).into_affine()
    }

    fn points<P: Curve>(&mut self, count: usize) -> Vec<Affine<P>> {
        let some: Vec<_> = (0..count.min(40)).map(|_| self.point::<P>()).collect();
        (0..count)
            .map(|index| {
                let point = some[index % 40];
                if self.below(2) == 0 { point } else { -point }
            })
            .collect()
    }
}

fn plain<P: Curve>(bases: &[Affine<P>], scalars: &[Fr]) -> Projective<P> {
    bases.iter().zip(scalars).map(|(base, scalar)| *base * scalar).sum()
}

fn sums_are_plain_ones<P: Curve>(draw: &mut Draw, count: usize) {
    let mut left = draw.points::<P>(count);
    let right = draw.points(count);
    let both = left.iter().zip(&right).map(|(left, right)| (*left + right).into_affine());
    let expected: Vec<_> = both.collect();
    add(&mut left, &right);
    assert_eq!(left, expected);

    let scalars: Vec<_> = (0..count).map(|_| draw.scalar()).collect();
    assert_eq!(msm(&left, &scalars), plain(&left, &scalars));
    let small: Vec<_> = (0..count).map(|_| Fr::from(draw.below(3) as u64)).collect();
    assert_eq!(msm(&left, &small), plain(&left, &small));
    assert_eq!(msm(&left, &vec![Fr::ZERO; count]), Projective::default());
    let one = vec![left.first().copied().unwrap_or_default(); count];
    assert_eq!(msm(&one, &scalars), plain(&one, &scalars));
    assert_eq!(msm(&left, &scalars[..count / 2]), plain(&left[..count / 2], &scalars));
}

#[test]
fn sums_of_multiples_are_those_of_the_plain_method() {
    let draw = &mut Draw(0);
    for count in (0..20).chain([64, 500, 3000]) {
        sums_are_plain_ones::<g1::Config>(draw, count);
        sums_are_plain_ones::<g2::Config>(draw, count.min(500));
    }
}

#[test]
fn each_scalar_has_its_digits() {
    let draw = &mut Draw(1);
    let base = G1Affine::generator();
    for _ in 0..500 {
        let scalar = draw.scalar();
        assert_eq!(msm(&[base], &[scalar]), base * scalar);
    }
}

#[test]
fn tuples_fold_as_the_plain_method_has_it() {
    let draw = &mut Draw(2);
    for blocks in [1, 2, 4] {
        for size in [0, 1, 2, 7, 1500] {
            let factors: Vec<_> = (0..blocks).map(|_| draw.scalar()).collect();
            let bases: Vec<G1Affine> = draw.points(blocks * size);
            let folded = fold(&bases, &factors);
            assert_eq!(folded.len(), size);
            for (index, sum) in folded.iter().enumerate().take(100) {
                let tuple: Vec<_> = bases.iter().skip(index).step_by(size).copied().collect();
                assert_eq!(*sum, plain(&tuple, &factors));
            }
        }
    }
}
