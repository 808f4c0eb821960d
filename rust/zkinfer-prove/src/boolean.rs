//! Booleanity of `bits`: the zero-check of `b~^2 - b~`, its first four rounds on bytes.
//!
//! Eight neighbouring bits are one byte, so after any of the first three rounds a value is one of
//! 256: each round's coefficients are sums over byte values weighted by a histogram of eq. In the
//! fourth a pair of values is a pair of bytes: its constant and its fold are looked up.

use crate::witness::parallel_sum;
use crate::zerocheck::{Polynomial, SplitEq, fold, pair};
use ark_ff::{Field, Zero};
use rayon::prelude::*;
use zkinfer_verify::scalar::Scalar;

/// Coordinates that lie inside a byte.
const BYTE: usize = 3;

/// `b~^2 - b~` over the bits segment.
pub struct Boolean<'a> {
    bytes: &'a [u8],
    histogram: Vec<Scalar>,
    /// For every byte value, its bits with the coordinates so far fixed.
    values: Vec<Vec<Scalar>>,
    sigma: Vec<Scalar>,
    table: Vec<Scalar>,
}

/// The bits of every byte value.
pub fn byte_bits() -> Vec<Vec<Scalar>> {
    (0..256u64).map(|v| (0..8).map(|k| Scalar::from(v >> k & 1)).collect()).collect()
}

impl<'a> Boolean<'a> {
    /// Builds the histogram: for each byte value, the sum of `eq(sigma_{>=3}, y)` over its places.
    pub fn new(bytes: &'a [u8], sigma: &[Scalar]) -> Self {
        Boolean {
            bytes,
            histogram: histogram(bytes, &SplitEq::new(sigma), BYTE),
            values: byte_bits(),
            sigma: sigma.to_vec(),
            table: Vec::new(),
        }
    }

    /// `b~(s)` after the last round.
    pub fn value(&self) -> Scalar {
        self.table.first().copied().unwrap_or_else(|| self.of_byte(0))
    }

    /// What a byte's bits became in the first three rounds; zero behind the last byte.
    fn of_byte(&self, place: usize) -> Scalar {
        self.values[self.bytes.get(place).map_or(0, |byte| usize::from(*byte))][0]
    }
}

/// For each byte value except 0, the sum of `eq(point_{>=first}, y)` over the places y where it stands.
fn histogram(bytes: &[u8], eq: &SplitEq, first: usize) -> Vec<Scalar> {
    let (low, high) = eq.from(first);
    let zero = || vec![Scalar::default(); 256];
    let blocks: Vec<&[u8]> = bytes.chunks(low.len()).collect();
    parallel_sum(
        blocks.len(),
        (4096 / low.len()).max(1),
        zero,
        |sum, range| {
            for block in range {
                if low.len() < 128 {
                    for (byte, eq) in blocks[block].iter().zip(low) {
                        sum[usize::from(*byte)] += *eq * high[block];
                    }
                    continue;
                }
                let mut inner = zero();
                for (byte, eq) in blocks[block].iter().zip(low) {
                    inner[usize::from(*byte)] += eq;
                }
                for (slot, value) in sum.iter_mut().zip(inner).skip(1) {
                    if !value.is_zero() {
                        *slot += value * high[block];
                    }
                }
            }
        },
        |mut x, y| {
            x.iter_mut().zip(y).for_each(|(x, y)| *x += y);
            x
        },
    )
}

impl Polynomial for Boolean<'_> {
    fn coefficients(&self, eq: &SplitEq, round: usize) -> (Scalar, Scalar) {
        if round > BYTE {
            return eq.sum(round + 1, self.table.len().div_ceil(2), |x| {
                let (zero, one) = pair(&self.table, x);
                (zero.square() - zero, (one - zero).square())
            });
        }
        if round == BYTE {
            let constants: Vec<Scalar> = self.values.iter().map(|v| v[0].square() - v[0]).collect();
            return eq.sum(round + 1, self.bytes.len().div_ceil(2), |x| {
                let lead = (self.of_byte(2 * x + 1) - self.of_byte(2 * x)).square();
                (constants[usize::from(self.bytes[2 * x])], lead)
            });
        }
        let inside = zkinfer_verify::scalar::eq_table(&self.sigma[round + 1..BYTE]);
        let mut sums = (Scalar::default(), Scalar::default());
        for (weight, value) in self.histogram.iter().zip(&self.values).skip(1) {
            if weight.is_zero() {
                continue;
            }
            let (mut constant, mut lead) = (Scalar::default(), Scalar::default());
            for (x, eq) in inside.iter().enumerate() {
                let (zero, one) = pair(value, x);
                constant += (zero.square() - zero) * eq;
                lead += (one - zero).square() * eq;
            }
            sums.0 += constant * weight;
            sums.1 += lead * weight;
        }
        sums
    }

    fn bind(&mut self, round: usize, r: Scalar) {
        if round > BYTE {
            self.table = fold(&self.table, r);
        } else if round == BYTE {
            let ones: Vec<Scalar> = self.values.iter().map(|value| r * value[0]).collect();
            let zeros: Vec<Scalar> =
                self.values.iter().zip(&ones).map(|(value, one)| value[0] - one).collect();
            let folded = |pair: &[u8]| match pair {
                [zero, one] => zeros[usize::from(*zero)] + ones[usize::from(*one)],
                [zero, ..] => zeros[usize::from(*zero)],
                [] => Scalar::default(),
            };
            self.table = self.bytes.par_chunks(2).with_min_len(1024).map(folded).collect();
        } else {
            for value in &mut self.values {
                *value = value.chunks(2).map(|pair| pair[0] + r * (pair[1] - pair[0])).collect();
            }
        }
    }
}
