//! The field of 2^255 - 19 elements under ristretto255, as fast as plain integers are.
//!
//! An element is any 256-bit integer of its class: 2^256 = 38 modulo the prime, so what leaves the
//! top comes back at the bottom. A product is 16 multiplications of limbs and 5 for that, where
//! Montgomery's takes 32. What is rare (roots, inverses, canonical integers) is arkworks' [`Fq`].

use ark_ed25519::Fq;
use ark_ff::{BigInt, BigInteger, PrimeField};

/// An element, its limbs from the lowest.
#[derive(Clone, Copy, Debug)]
pub struct Element([u64; 4]);

/// 2^256 modulo the prime.
const TOP: u64 = 38;

impl Element {
    /// Zero.
    pub const ZERO: Self = Element([0; 4]);
    /// One.
    pub const ONE: Self = Element([1, 0, 0, 0]);

    /// The sum.
    #[inline(always)]
    pub fn plus(&self, other: &Self) -> Self {
        let (sum, carry) = add(self.0, other.0);
        let (mut sum, carry) = add(sum, [TOP * u64::from(carry), 0, 0, 0]);
        // A second carry leaves less than 38.
        sum[0] = sum[0].wrapping_add(TOP * u64::from(carry));
        Element(sum)
    }

    /// The difference.
    #[inline(always)]
    pub fn minus(&self, other: &Self) -> Self {
        let (rest, borrow) = subtract(self.0, other.0);
        let (mut rest, borrow) = subtract(rest, [TOP * u64::from(borrow), 0, 0, 0]);
        // A second borrow leaves at least 2^256 - 38.
        rest[0] = rest[0].wrapping_sub(TOP * u64::from(borrow));
        Element(rest)
    }

    /// The product.
    #[inline(always)]
    pub fn times(&self, other: &Self) -> Self {
        let mut wide = [0u64; 8];
        for (i, x) in self.0.iter().enumerate() {
            let mut carry = 0;
            for (j, y) in other.0.iter().enumerate() {
                (wide[i + j], carry) = multiply_add(*x, *y, wide[i + j], carry);
            }
            wide[i + 4] = carry;
        }
        let mut low = [0u64; 4];
        let mut carry = 0;
        for (i, limb) in low.iter_mut().enumerate() {
            (*limb, carry) = multiply_add(TOP, wide[i + 4], wide[i], carry);
        }
        // The carry is at most 38, and a second one leaves less than 38^2.
        let (mut low, carry) = add(low, [TOP * carry, 0, 0, 0]);
        low[0] = low[0].wrapping_add(TOP * u64::from(carry));
        Element(low)
    }

    /// The element as arkworks has it.
    pub fn to_ark(self) -> Fq {
        let mut limbs = self.0;
        let top = limbs[3] >> 63;
        limbs[3] &= u64::MAX >> 1;
        let mut integer = BigInt::new(limbs);
        if integer >= Fq::MODULUS {
            integer.sub_with_borrow(&Fq::MODULUS);
        }
        Fq::from_bigint(integer).unwrap_or_default() + Fq::from(19 * top)
    }

    /// The canonical integer of an element of arkworks.
    pub fn from_ark(element: &Fq) -> Self {
        Element(element.into_bigint().0)
    }
}

/// `x y + a + b`, which fits two limbs: the low and the high one.
#[inline(always)]
fn multiply_add(x: u64, y: u64, a: u64, b: u64) -> (u64, u64) {
    let product = u128::from(x).wrapping_mul(u128::from(y));
    let sum = product.wrapping_add(u128::from(a)).wrapping_add(u128::from(b));
    (sum as u64, (sum >> 64) as u64)
}

/// The sum modulo 2^256 and the carry.
#[inline(always)]
fn add(mut x: [u64; 4], y: [u64; 4]) -> ([u64; 4], bool) {
    let mut carry = false;
    for (x, y) in x.iter_mut().zip(y) {
        let (sum, first) = x.overflowing_add(y);
        let (sum, second) = sum.overflowing_add(u64::from(carry));
        (*x, carry) = (sum, first | second);
    }
    (x, carry)
}

/// The difference modulo 2^256 and the borrow.
#[inline(always)]
fn subtract(mut x: [u64; 4], y: [u64; 4]) -> ([u64; 4], bool) {
    let mut borrow = false;
    for (x, y) in x.iter_mut().zip(y) {
        let (rest, first) = x.overflowing_sub(y);
        let (rest, second) = rest.overflowing_sub(u64::from(borrow));
        (*x, borrow) = (rest, first | second);
    }
    (x, borrow)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Integers around every limit, canonical or not, and some drawn ones.
    fn samples() -> Vec<Element> {
        let prime = Fq::MODULUS.0;
        let edges = [[0u64; 4], [u64::MAX; 4], [0, 0, 0, 1 << 63], prime, [TOP, 0, 0, 0]];
        let near = |limbs: [u64; 4]| {
            (0..40u64)
                .flat_map(move |k| [add(limbs, [k, 0, 0, 0]).0, subtract(limbs, [k, 0, 0, 0]).0])
        };
        let mut state = 1u64;
        let mut draw = || {
            state = state.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
            state ^ state >> 29
        };
        let drawn: Vec<_> = (0..200).map(|_| [draw(), draw(), draw(), draw()]).collect();
        edges.into_iter().flat_map(near).chain(drawn).map(Element).collect()
    }

    #[test]
    fn arithmetic_agrees_with_arkworks() {
        let samples = samples();
        for x in &samples {
            assert_eq!(Element::from_ark(&x.to_ark()).to_ark(), x.to_ark());
            let bytes: Vec<u8> = x.0.iter().flat_map(|limb| limb.to_le_bytes()).collect();
            assert_eq!(x.to_ark(), Fq::from_le_bytes_mod_order(&bytes));
            for y in &samples {
                assert_eq!(x.plus(y).to_ark(), x.to_ark() + y.to_ark());
                assert_eq!(x.minus(y).to_ark(), x.to_ark() - y.to_ark());
                assert_eq!(x.times(y).to_ark(), x.to_ark() * y.to_ark());
            }
        }
    }
}
