//! Additions of many points of ristretto255, on the twisted Edwards curve beneath it:
//! `-x^2 + y^2 = 1 + d x^2 y^2`.
//!
//! A sum is in extended coordinates (X : Y : Z : T) with `x = X / Z`, `y = Y / Z`, `T = X Y / Z`,
//! and what is added often is affine, as `y + x`, `y - x` and `2 d x y`: 7 multiplications an
//! addition, 96 bytes a point. The formulas (Hisil, Wong, Carter, Dawson: Twisted Edwards curves
//! revisited, section 3.1) hold for all points of the curve, equal ones and the identity included.
//!
//! A point stands for its class in ristretto255, which addition respects; [`decode_doubles`] and
//! [`encode_doubles`] are the borders. None of this is constant time.

use crate::base_field::Element;
use ark_ed25519::Fq;
use ark_ff::{AdditiveGroup, BigInteger, Field, MontFp, PrimeField, batch_inversion};
use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::ristretto::CompressedRistretto;
use rayon::prelude::*;
use std::ops::{Add, AddAssign, Neg};

/// The curve's d.
const D: Fq =
    MontFp!("37095705934669439343138083508754565189542113879843219016388785533085940283555");
/// A root of -1.
const SQRT_M1: Fq =
    MontFp!("19681161376707505956807079304988542015446066515923890162744021073123829784752");
/// `1 / sqrt(-1 - d)`.
const INVSQRT_A_MINUS_D: Fq =
    MontFp!("54469307008909316920995813868745141605393597292927456921205312896311721017578");

/// Points that share an inversion when they are encoded.
const SHARE: usize = 64;

/// A point in extended coordinates.
#[derive(Clone, Copy, Debug)]
pub struct Point {
    x: Element,
    y: Element,
    z: Element,
    t: Element,
}

/// An affine point, ready to be added.
#[derive(Clone, Copy, Debug)]
pub struct Affine {
    plus: Element,
    minus: Element,
    dxy: Element,
}

impl Point {
    /// The identity.
    pub const IDENTITY: Self =
        Point { x: Element::ZERO, y: Element::ONE, z: Element::ONE, t: Element::ZERO };

    /// The sum's four factors made coordinates: 4 multiplications.
    #[inline(always)]
    fn of(a: Element, b: Element, c: Element, d: Element) -> Self {
        let (e, f, g, h) = (b.minus(&a), d.minus(&c), d.plus(&c), b.plus(&a));
        Point { x: e.times(&f), y: g.times(&h), z: f.times(&g), t: e.times(&h) }
    }
}

impl AddAssign<&Affine> for Point {
    /// 7 multiplications.
    #[inline(always)]
    fn add_assign(&mut self, other: &Affine) {
        let a = self.y.minus(&self.x).times(&other.minus);
        let b = self.y.plus(&self.x).times(&other.plus);
        let c = self.t.times(&other.dxy);
        *self = Point::of(a, b, c, self.z.plus(&self.z));
    }
}

impl Add for Point {
    type Output = Point;

    /// 9 multiplications.
    fn add(self, other: Point) -> Point {
        let a = self.y.minus(&self.x).times(&other.y.minus(&other.x));
        let b = self.y.plus(&self.x).times(&other.y.plus(&other.x));
        let c = self.t.times(&Element::from_ark(&(D + D))).times(&other.t);
        let d = self.z.times(&other.z);
        Point::of(a, b, c, d.plus(&d))
    }
}

impl Neg for Point {
    type Output = Point;

    fn neg(self) -> Point {
        let minus = |element: &Element| Element::ZERO.minus(element);
        Point { x: minus(&self.x), t: minus(&self.t), ..self }
    }
}

/// Points made affine: one inversion, and 7 multiplications each.
pub fn affine(points: &[Point]) -> Vec<Affine> {
    // Z is never zero. `before` is the product of the Z of all points before one.
    let mut product = Element::ONE;
    let mut before = Vec::with_capacity(points.len());
    for point in points {
        before.push(product);
        product = product.times(&point.z);
    }
    let inverse = product.to_ark().inverse().unwrap_or_default();
    let mut inverse = Element::from_ark(&inverse);
    let d2 = Element::from_ark(&(D + D));
    let mut affine: Vec<Affine> = points
        .iter()
        .zip(before)
        .rev()
        .map(|(point, before)| {
            let own = inverse.times(&before);
            inverse = inverse.times(&point.z);
            let (x, y) = (point.x.times(&own), point.y.times(&own));
            Affine { plus: y.plus(&x), minus: y.minus(&x), dxy: x.times(&y).times(&d2) }
        })
        .collect();
    affine.reverse();
    affine
}

/// The doubles of points of the group's library, by their encodings: RFC 9496, section 4.3.1.
pub fn decode_doubles(points: &[RistrettoPoint]) -> Vec<Point> {
    let share = |points: &[RistrettoPoint]| {
        RistrettoPoint::double_and_compress_batch(points).into_iter().map(|c| decode(&c))
    };
    points.par_chunks(SHARE).flat_map_iter(share).collect()
}

/// A point of a class with this valid encoding.
fn decode(encoding: &CompressedRistretto) -> Point {
    let s = Fq::from_le_bytes_mod_order(encoding.as_bytes());
    let (u1, u2) = (Fq::ONE - s.square(), Fq::ONE + s.square());
    let v = -(D * u1.square()) - u2.square();
    let root = (v * u2.square()).inverse().and_then(|square| square.sqrt()).unwrap_or_default();
    let (x, y) = ((s + s) * root * u2, u1 * root.square() * u2 * v);
    let x = if is_negative(&x) { -x } else { x };
    let [x, y, t] = [x, y, x * y].map(|element| Element::from_ark(&element));
    Point { x, y, z: Element::ONE, t }
}

/// Canonical encodings of the doubles of points, one inversion for many.
///
/// With `E = 2 X Y`, `F = Z^2 + d T^2`, `G = Y^2 + X^2`, `H = Z^2 - d T^2` the double is
/// (E H : F G : F H : E G), and `H^2 - G^2 = (-1 - d) E^2`. So the root of RFC 9496, section 4.3.2,
/// is `1 / (sqrt(-1 - d) E^2 F^2 G H)`, and everything there is a product with
/// `w = 1 / (E F G H)`. Where that is no number, the double is the identity, encoded as zero.
pub fn encode_doubles(points: &[Point]) -> Vec<[u8; 32]> {
    points.par_chunks(SHARE).flat_map_iter(encode_share).collect()
}

fn encode_share(points: &[Point]) -> Vec<[u8; 32]> {
    let factors: Vec<[Fq; 4]> = points
        .iter()
        .map(|point| {
            let [x, y, z, t] = [point.x, point.y, point.z, point.t].map(Element::to_ark);
            let (zz, dtt) = (z.square(), D * t.square());
            [(x * y).double(), zz + dtt, y.square() + x.square(), zz - dtt]
        })
        .collect();
    let mut inverses: Vec<Fq> = factors.iter().map(|[e, f, g, h]| *e * f * g * h).collect();
    batch_inversion(&mut inverses);
    let encoding = |([e, f, g, h], w): (&[Fq; 4], &Fq)| {
        let (ef, eg, gh) = (*e * f, *e * g, *g * h);
        // The class has four points; the one encoded has x y and x nonnegative.
        let (x, y, z, scale) = if is_negative(&(eg.square() * w)) {
            (SQRT_M1 * g * g * ef * w, SQRT_M1 * e, *f, ef * w * h)
        } else {
            (*e * e * gh * w, *g, *h, INVSQRT_A_MINUS_D * gh * w * f)
        };
        let s = scale * if is_negative(&x) { z + y } else { z - y };
        to_bytes(&if is_negative(&s) { -s } else { s })
    };
    factors.iter().zip(&inverses).map(encoding).collect()
}

/// Whether the canonical integer is odd.
fn is_negative(element: &Fq) -> bool {
    element.into_bigint().is_odd()
}

fn to_bytes(element: &Fq) -> [u8; 32] {
    let mut bytes = [0u8; 32];
    for (chunk, limb) in bytes.chunks_exact_mut(8).zip(element.into_bigint().0) {
        chunk.copy_from_slice(&limb.to_le_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use curve25519_dalek::traits::Identity;
    use curve25519_dalek::{Scalar, constants::RISTRETTO_BASEPOINT_POINT};

    /// Multiples of the base point and points that nobody knows the logarithm of.
    fn samples() -> Vec<RistrettoPoint> {
        let few = (0..8u64).map(|k| RISTRETTO_BASEPOINT_POINT * Scalar::from(k));
        let drawn = (0..150u8).map(|k| RistrettoPoint::from_uniform_bytes(&[k; 64]));
        few.clone().chain(few.map(|p| -p)).chain(drawn).collect()
    }

    fn halves(points: &[RistrettoPoint]) -> Vec<RistrettoPoint> {
        points.iter().map(|p| p * Scalar::from(2u64).invert()).collect()
    }

    fn encodings(points: &[RistrettoPoint]) -> Vec<[u8; 32]> {
        points.iter().map(|p| p.compress().to_bytes()).collect()
    }

    /// The points of the curve that ristretto255 takes for the identity.
    fn torsion() -> [Point; 4] {
        let [zero, one, minus] = [Element::ZERO, Element::ONE, Element::ZERO.minus(&Element::ONE)];
        let [i, negative_i] = [SQRT_M1, -SQRT_M1].map(|root| Element::from_ark(&root));
        [(zero, one), (zero, minus), (i, zero), (negative_i, zero)].map(|(x, y)| Point {
            x,
            y,
            z: one,
            t: zero,
        })
    }

    #[test]
    fn points_come_back_doubled_whatever_stands_for_them() {
        let samples = samples();
        let doubled: Vec<_> = samples.iter().map(|p| p + p).collect();
        let points = decode_doubles(&halves(&samples));
        assert_eq!(encode_doubles(&points), encodings(&doubled));
        for torsion in torsion() {
            assert_eq!(encode_doubles(&[torsion]), [[0; 32]]);
            let moved: Vec<_> = points.iter().map(|p| *p + torsion).collect();
            assert_eq!(encode_doubles(&moved), encodings(&doubled));
        }
    }

    #[test]
    fn additions_agree_with_the_library() {
        let samples = samples();
        let points = decode_doubles(&halves(&samples));
        let identity = RistrettoPoint::identity();
        let sums = samples.iter().flat_map(|p| samples.iter().map(move |q| (p + q) + (p + q)));
        let expected = encodings(&sums.collect::<Vec<_>>());
        let general: Vec<_> = points.iter().flat_map(|p| points.iter().map(|q| *p + *q)).collect();
        assert_eq!(encode_doubles(&general), expected);
        // Sums have a Z other than one.
        let moved: Vec<_> = points.iter().map(|p| *p + points[20] + -points[20]).collect();
        let ready = affine(&moved);
        let mixed = moved.iter().flat_map(|p| {
            ready.iter().map(|q| {
                let mut sum = *p;
                sum += q;
                sum
            })
        });
        assert_eq!(encode_doubles(&mixed.collect::<Vec<_>>()), expected);
        let negated: Vec<_> = points.iter().map(|p| *p + -*p).collect();
        assert_eq!(encode_doubles(&negated), encodings(&vec![identity; points.len()]));
        assert!(affine(&[]).is_empty() && encode_doubles(&[]).is_empty());
    }
}
