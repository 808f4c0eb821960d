//! Inner products with delayed reduction: accumulate wide integers, reduce once.
//!
//! Scalars are kept in Montgomery form, `x R mod l` with R = 2^256, as four limbs.

use ark_ed25519::FrConfig;
use ark_ff::{BigInt, MontConfig, PrimeField};
use zkinfer_verify::scalar::Scalar;

const MODULUS: [u64; 4] = Scalar::MODULUS.0;
const INVERSE: u64 = FrConfig::INV;
/// `R^2 mod l` as raw limbs; a Montgomery product with it multiplies a raw integer by R.
const R2: Scalar = Scalar::new_unchecked(FrConfig::R2);

/// A scalar as digits to the base 2^64, from -2^63 to 2^63 - 1, the lowest first.
#[derive(Clone, Copy)]
pub struct Digits([i64; 4]);

impl From<&Scalar> for Digits {
    fn from(scalar: &Scalar) -> Self {
        let mut carry = 0;
        Digits(scalar.0.0.map(|limb| {
            let (limb, over) = limb.overflowing_add(carry);
            carry = u64::from(over) + (limb >> 63);
            limb as i64
        }))
    }
}

/// `sum_i x_i y_i` of 64-bit integers and scalars: for each digit of these a sum of its own.
/// Room for 2^31 products. 1 ns a term, 3 ns where x has more than 32 bits.
#[derive(Clone, Copy, Default)]
pub struct IntegerSum([i128; 5]);

/// `sum_i x_i y_i` of scalars, as an unsigned 576-bit integer. Room for 2^64 products. 9 ns a term.
#[derive(Clone, Copy, Default)]
pub struct ScalarSum([u64; 9]);

impl IntegerSum {
    /// Adds `x y`.
    #[inline(always)]
    pub fn add(&mut self, x: i64, y: &Digits) {
        if x.unsigned_abs() >> 32 == 0 {
            for (sum, digit) in self.0.iter_mut().zip(y.0) {
                *sum = sum.wrapping_add(i128::from(x) * i128::from(digit));
            }
            return;
        }
        // x as two: the product with the upper one is half a digit further up.
        for (place, digit) in y.0.into_iter().enumerate() {
            let lower = i128::from(x as u32) * i128::from(digit);
            let upper = i128::from(x >> 32) * i128::from(digit);
            self.0[place] += lower + (i128::from(upper as u32) << 32);
            self.0[place + 1] += upper >> 32;
        }
    }

    /// Adds another sum.
    #[inline(always)]
    pub fn merge(&mut self, other: &Self) {
        for (sum, other) in self.0.iter_mut().zip(other.0) {
            *sum += other;
        }
    }

    /// The sum modulo l.
    pub fn reduce(self) -> Scalar {
        let mut limbs = [0u64; 6];
        let mut carry = 0i128;
        for (limb, sum) in limbs.iter_mut().zip(self.0) {
            let value = sum + carry;
            *limb = value as u64;
            carry = value >> 64;
        }
        limbs[5] = carry as u64;
        let negative = limbs[5] >> 63 == 1;
        if negative {
            let mut carry = 1u128;
            for limb in &mut limbs {
                let value = u128::from(!*limb) + carry;
                *limb = value as u64;
                carry = value >> 64;
            }
        }
        let low = reduce_low([limbs[0], limbs[1], limbs[2], limbs[3]]);
        let high = Scalar::new_unchecked(BigInt::new([limbs[4], limbs[5], 0, 0])) * R2;
        if negative { -(low + high) } else { low + high }
    }
}

impl ScalarSum {
    /// Adds `x y`.
    #[inline(always)]
    pub fn add(&mut self, x: &Scalar, y: &Scalar) {
        let (x, y) = (x.0.0, y.0.0);
        let mut product = [0u64; 8];
        for i in 0..4 {
            let mut carry = 0u128;
            for j in 0..4 {
                let value =
                    u128::from(x[i]) * u128::from(y[j]) + u128::from(product[i + j]) + carry;
                product[i + j] = value as u64;
                carry = value >> 64;
            }
            product[i + 4] = carry as u64;
        }
        let mut carry = 0u64;
        for (slot, limb) in self.0.iter_mut().zip(product) {
            let (sum, first) = slot.overflowing_add(limb);
            let (sum, second) = sum.overflowing_add(carry);
            *slot = sum;
            carry = u64::from(first) + u64::from(second);
        }
        self.0[8] = self.0[8].wrapping_add(carry);
    }

    /// Adds another sum.
    pub fn merge(&mut self, other: &Self) {
        let mut carry = 0u128;
        for (slot, limb) in self.0.iter_mut().zip(other.0) {
            let value = u128::from(*slot) + u128::from(limb) + carry;
            *slot = value as u64;
            carry = value >> 64;
        }
    }

    /// The sum modulo l.
    pub fn reduce(self) -> Scalar {
        let mut limbs = [0u64; 9];
        limbs.copy_from_slice(&self.0);
        let top = limbs[8];
        limbs[8] = 0;
        // Montgomery reduction of the low 512 bits, limb by limb.
        for i in 0..4 {
            let factor = limbs[i].wrapping_mul(INVERSE);
            let mut carry = 0u128;
            for j in 0..4 {
                let value =
                    u128::from(factor) * u128::from(MODULUS[j]) + u128::from(limbs[i + j]) + carry;
                limbs[i + j] = value as u64;
                carry = value >> 64;
            }
            for limb in &mut limbs[i + 4..] {
                let value = u128::from(*limb) + carry;
                *limb = value as u64;
                carry = value >> 64;
            }
        }
        let low = reduce_low([limbs[4], limbs[5], limbs[6], limbs[7]]);
        // The carry weighs 2^256 (after the division by R), the top limb 2^512 / R.
        let high = u128::from(limbs[8]) + u128::from(top);
        low + Scalar::new_unchecked(BigInt::new([high as u64, (high >> 64) as u64, 0, 0])) * R2
    }
}

/// A raw 256-bit integer modulo l, kept raw.
fn reduce_low(mut limbs: [u64; 4]) -> Scalar {
    // l is just above 2^252: the top four bits overestimate the quotient by at most one.
    let quotient = limbs[3] >> 60;
    let mut borrow = 0i128;
    let mut carry = 0u128;
    for (limb, modulus) in limbs.iter_mut().zip(MODULUS) {
        let product = u128::from(quotient) * u128::from(modulus) + carry;
        carry = product >> 64;
        let value = i128::from(*limb) - (product & u128::from(u64::MAX)) as i128 + borrow;
        *limb = value as u64;
        borrow = value >> 64;
    }
    if borrow < 0 {
        let mut carry = 0u128;
        for (limb, modulus) in limbs.iter_mut().zip(MODULUS) {
            let value = u128::from(*limb) + u128::from(modulus) + carry;
            *limb = value as u64;
            carry = value >> 64;
        }
    }
    let mut reduced = BigInt::new(limbs);
    if reduced >= Scalar::MODULUS {
        ark_ff::BigInteger::sub_with_borrow(&mut reduced, &Scalar::MODULUS);
    }
    Scalar::new_unchecked(reduced)
}

/// A scalar that is a small integer in absolute value, below 2^62.
pub fn small(scalar: &Scalar) -> Option<i64> {
    let positive = |x: &Scalar| {
        let limbs = x.into_bigint().0;
        (limbs[1..] == [0, 0, 0] && limbs[0] < 1 << 62).then_some(limbs[0] as i64)
    };
    positive(scalar).or_else(|| positive(&-*scalar).map(|x| -x))
}

#[cfg(test)]
mod tests {
    use super::*;
    use ark_ff::Field;

    fn sample(seed: u64) -> Scalar {
        Scalar::from(seed).pow([seed + 77]).inverse().unwrap_or(-Scalar::ONE)
    }

    #[test]
    fn integer_sums_agree_with_the_field() {
        let wide = [i64::MIN, i64::MAX, 1 << 40, -(1 << 32), (1 << 32) - 1, 1 << 32];
        let extremes = [&wide[..], &[-1, 0, 1, -12345]].concat();
        let mut sum = IntegerSum::default();
        let mut expected = Scalar::from(0u64);
        for round in 0..200u64 {
            for &x in &extremes {
                let y = if round % 5 == 0 { -Scalar::ONE } else { sample(round * 7 + 3) };
                sum.add(x, &Digits::from(&y));
                expected += Scalar::from(x) * y;
                assert_eq!(sum.reduce(), expected);
            }
        }
    }

    #[test]
    fn scalar_sums_agree_with_the_field() {
        let mut sum = ScalarSum::default();
        let mut expected = Scalar::from(0u64);
        for round in 0..3000u64 {
            let x = if round % 3 == 0 { -Scalar::ONE } else { sample(round) };
            let y = -sample(round + 1);
            sum.add(&x, &y);
            expected += x * y;
            assert_eq!(sum.reduce(), expected);
        }
    }

    #[test]
    fn raw_integers_are_reduced() {
        for limbs in [[u64::MAX; 4], MODULUS, [0, 0, 0, 1 << 60], [0; 4], [1, 0, 0, 15 << 60]] {
            let reduced = reduce_low(limbs);
            assert!(reduced.0 < Scalar::MODULUS);
            let expected = Scalar::new_unchecked(BigInt::new([limbs[0], limbs[1], 0, 0]))
                + Scalar::new_unchecked(BigInt::new([limbs[2], limbs[3], 0, 0]))
                    * Scalar::from(1u128 << 64).square();
            assert_eq!(reduced, expected);
        }
    }
}
