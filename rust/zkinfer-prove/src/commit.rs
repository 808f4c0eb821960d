//! Commitments by subset sums.
//!
//! For each group of eight generators a table holds the sums of all 256 subsets, so a row of bits
//! costs one point addition per byte, and a row of w-bit integers w of them and a doubling per bit
//! plane. Tables hold halves of the generators: the results are doubled for free when they are
//! encoded in batches (one inversion for all).
//!
//! Table look-ups depend on secrets, so this is not constant time.

use ark_ff::Field;
use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::traits::{Identity, VartimeMultiscalarMul};
use rayon::prelude::*;
use zkinfer_verify::group::{Generators, Point};
use zkinfer_verify::scalar::{Scalar, to_bytes, to_group};

/// A point whose double is meant: see [`encode`].
pub type Half = RistrettoPoint;

/// Sums of every subset of eight points, for consecutive groups of eight.
struct SubsetTable(Vec<Half>);

/// The commitment key with its tables. About 5 MiB and 4 ms for 1,024 columns.
pub struct CommitmentKey {
    /// The plain generators.
    pub generators: Generators,
    halves: Vec<Half>,
    columns: SubsetTable,
    value: SubsetTable,
    blinding: SubsetTable,
}

impl SubsetTable {
    fn new(points: &[Half]) -> Self {
        let tables: Vec<Vec<Half>> = points
            .par_chunks(8)
            .map(|group| {
                let mut sums = vec![RistrettoPoint::identity()];
                for point in group {
                    sums.extend_from_within(..);
                    let half = sums.len() / 2;
                    for sum in &mut sums[half..] {
                        *sum += point;
                    }
                }
                sums.resize(256, RistrettoPoint::identity());
                sums
            })
            .collect();
        SubsetTable(tables.concat())
    }

    /// The sum of the points selected by the bits, eight to a byte.
    fn sum(&self, bytes: impl Iterator<Item = u8>) -> Half {
        let mut sum = RistrettoPoint::identity();
        for (table, byte) in self.0.chunks_exact(256).zip(bytes) {
            if byte != 0 {
                sum += &table[usize::from(byte)];
            }
        }
        sum
    }
}

impl CommitmentKey {
    /// Builds the tables.
    pub fn new(generators: Generators) -> Self {
        let half = to_group(&Scalar::from(2u64).inverse().unwrap_or_default());
        let halves: Vec<Half> = generators.columns.par_iter().map(|g| g * half).collect();
        let doublings = |point: Point| -> Vec<Half> {
            std::iter::successors(Some(point * half), |p| Some(p + p)).take(256).collect()
        };
        CommitmentKey {
            columns: SubsetTable::new(&halves),
            halves,
            value: SubsetTable::new(&doublings(generators.value)),
            blinding: SubsetTable::new(&doublings(generators.blinding)),
            generators,
        }
    }

    /// `v U + b H`.
    pub fn scalar(&self, value: &Scalar, blinding: &Scalar) -> Half {
        self.value.sum(to_bytes(value).into_iter()) + self.blind(blinding)
    }

    /// `b H`.
    pub fn blind(&self, blinding: &Scalar) -> Half {
        self.blinding.sum(to_bytes(blinding).into_iter())
    }

    /// A row of bits, eight columns to a byte.
    pub fn bits(&self, bytes: &[u8], blinding: &Scalar) -> Half {
        self.columns.sum(bytes.iter().copied()) + self.blind(blinding)
    }

    /// A row of integers, by bit planes of their two's complement.
    pub fn integers(&self, row: &[i64], blinding: &Scalar) -> Half {
        let width = row.iter().map(|x| 65 - (x ^ (x >> 63)).leading_zeros()).max().unwrap_or(1);
        let mut sum = RistrettoPoint::identity();
        for plane in (0..width).rev() {
            let bytes = row.chunks(8).map(|group| {
                let bit = |(i, x): (usize, &i64)| (((x >> plane.min(63)) & 1) as u8) << i;
                group.iter().enumerate().map(bit).sum()
            });
            let selected = self.columns.sum(bytes);
            // The top plane of a two's complement integer is negative.
            sum = if plane + 1 == width { -selected } else { sum + sum + selected };
        }
        sum + self.blind(blinding)
    }

    /// A row of scalars.
    pub fn scalars(&self, row: &[Scalar], blinding: &Scalar) -> Half {
        let share = row.len().div_ceil(rayon::current_num_threads()).max(64);
        let sum: Half = row
            .par_chunks(share)
            .zip(self.halves.par_chunks(share))
            .map(|(s, p)| RistrettoPoint::vartime_multiscalar_mul(s.iter().map(to_group), p))
            .sum();
        sum + self.blind(blinding)
    }
}

/// Canonical encodings of the doubles of points.
pub fn encode(points: &[Half]) -> Vec<[u8; 32]> {
    points
        .par_chunks(64)
        .flat_map_iter(RistrettoPoint::double_and_compress_batch)
        .map(|encoding| encoding.to_bytes())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_row_agrees_with_its_definition() {
        let generators = Generators::new(16);
        let key = CommitmentKey::new(generators.clone());
        let b = -Scalar::from(77u64);
        let row: Vec<i64> =
            vec![0, 1, -1, 5, i64::MAX, i64::MIN, -300, 7, 8, 9, -10, 11, 12, 13, -14, 1 << 33];
        let scalars: Vec<Scalar> = row.iter().map(|x| Scalar::from(*x)).collect();
        let reference = |scalars: &[Scalar]| -> Point {
            scalars.iter().zip(&generators.columns).map(|(s, g)| g * to_group(s)).sum::<Point>()
                + generators.blinding * to_group(&b)
        };
        let expected = reference(&scalars).compress().to_bytes();
        assert_eq!(encode(&[key.integers(&row, &b), key.scalars(&scalars, &b)]), [expected; 2]);
        let bits: Vec<Scalar> =
            (0..16).map(|i| Scalar::from(0b1010_0000_1111_0001u64 >> i & 1)).collect();
        let expected = reference(&bits).compress().to_bytes();
        assert_eq!(encode(&[key.bits(&[0b1111_0001, 0b1010_0000], &b)]), [expected]);
        let expected = generators.commit(&scalars[4], &b).compress().to_bytes();
        assert_eq!(encode(&[key.scalar(&scalars[4], &b)]), [expected]);
    }
}
