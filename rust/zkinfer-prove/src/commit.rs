//! Commitments by subset sums.
//!
//! A table holds the sums of all subsets of a group of generators, so a row of bits costs one point
//! addition a group, and a row of w-bit integers w of these and a doubling per bit plane. Rows are
//! taken together, a group at a time: its table stays in the cache, and many rows pay for tables of
//! larger groups. Tables hold halves of the generators: the results are doubled for free when they
//! are encoded in batches (one inversion for all), so no encoding takes a root.
//!
//! Table look-ups depend on secrets, so this is not constant time.

use crate::edwards::{self, Affine, decode_doubles};
use ark_ff::Field;
use curve25519_dalek::RistrettoPoint;
use curve25519_dalek::traits::VartimeMultiscalarMul;
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Add;
use std::sync::{Arc, Mutex};
use zeroize::Zeroizing;
use zkinfer_verify::group::{Generators, Made, Point, once};
use zkinfer_verify::scalar::{Scalar, to_bytes, to_group};

pub use crate::edwards::encode_doubles as encode;

/// A point whose double is meant: see [`encode`].
pub type Half = edwards::Point;

/// Points of a group whose table is kept.
const BYTE: usize = 8;

/// Points of the largest group that many rows get a table for: 768 KiB of subset sums.
const LARGEST: usize = 13;

/// Additions that an entry of a table costs: its own, and as much to make it affine.
const ENTRY: usize = 2;

/// How many tables for many rows there are at a time.
const TABLES: usize = 8;

/// Rows of integers whose bit planes there are at a time.
const ROWS: usize = 2048;

/// Sums of every subset of eight points, for consecutive groups of eight.
struct SubsetTable(Vec<Affine>);

/// The commitment key with its tables. About 3 MiB for 1,024 columns.
pub struct CommitmentKey {
    /// The generators of the columns, divided by four, in the group's library.
    quarters: Vec<RistrettoPoint>,
    halves: Vec<Affine>,
    columns: SubsetTable,
    value: SubsetTable,
    blinding: SubsetTable,
}

/// The sums of every subset of some points: bit i of a place stands for point i.
fn subsets(points: &[Affine]) -> Vec<Affine> {
    let mut sums = Vec::with_capacity(1 << points.len());
    sums.push(Half::IDENTITY);
    for point in points {
        sums.extend_from_within(..);
        let half = sums.len() / 2;
        for sum in &mut sums[half..] {
            *sum += point;
        }
    }
    edwards::affine(&sums)
}

/// Adds to each sum what its row of bits selects of consecutive groups of `size` points, the first
/// of which belongs to bit `start`.
fn add_selected(
    sums: &mut [Half],
    rows: &[&[u8]],
    tables: &[&[Affine]],
    start: usize,
    size: usize,
) {
    for (group, table) in tables.iter().enumerate() {
        let at = start + group * size;
        for (sum, row) in sums.iter_mut().zip(rows) {
            let byte = |place: usize| row.get(at / 8 + place).map_or(0, |b| usize::from(*b));
            let bits = (byte(0) | byte(1) << 8 | byte(2) << 16) >> (at % 8);
            let subset = bits & ((1 << size) - 1);
            if subset != 0 {
                *sum += &table[subset];
            }
        }
    }
}

impl SubsetTable {
    fn new(points: &[Affine]) -> Self {
        let tables: Vec<Vec<Affine>> = points
            .par_chunks(BYTE)
            .map(|group| {
                let mut sums = subsets(group);
                sums.resize(1 << BYTE, sums[0]);
                sums
            })
            .collect();
        SubsetTable(tables.concat())
    }

    /// The table of each group.
    fn groups(&self) -> Vec<&[Affine]> {
        self.0.chunks_exact(1 << BYTE).collect()
    }

    /// The sum of the points selected by the bits, eight to a byte.
    fn sum(&self, bytes: &[u8]) -> Half {
        let mut sum = [Half::IDENTITY];
        add_selected(&mut sum, &[bytes], &self.groups(), 0, BYTE);
        sum[0]
    }
}

impl CommitmentKey {
    /// The key for `2^columns_log2` columns, made once in a process.
    pub fn shared(columns_log2: u32) -> Arc<Self> {
        static MADE: Made<CommitmentKey> = Mutex::new(BTreeMap::new());
        once(&MADE, columns_log2, || Self::new(&Generators::shared(columns_log2)))
    }

    /// Builds the tables.
    pub fn new(generators: &Generators) -> Self {
        let quarter = to_group(&Scalar::from(4u64).inverse().unwrap_or_default());
        let quarters: Vec<_> = generators.columns.par_iter().map(|g| g * quarter).collect();
        let halves = edwards::affine(&decode_doubles(&quarters));
        let doublings = |point: Point| -> Vec<Affine> {
            let half = decode_doubles(&[point * quarter]);
            let doublings = std::iter::successors(half.first().copied(), |p| Some(*p + *p));
            edwards::affine(&doublings.take(256).collect::<Vec<_>>())
        };
        CommitmentKey {
            columns: SubsetTable::new(&halves),
            quarters,
            halves,
            value: SubsetTable::new(&doublings(generators.value)),
            blinding: SubsetTable::new(&doublings(generators.blinding)),
        }
    }

    /// `v U + b H`.
    pub fn scalar(&self, value: &Scalar, blinding: &Scalar) -> Half {
        self.value.sum(&to_bytes(value)) + self.blind(blinding)
    }

    /// `b H`.
    pub fn blind(&self, blinding: &Scalar) -> Half {
        self.blinding.sum(&to_bytes(blinding))
    }

    /// Rows of bits, eight columns to a byte, with a blinding each.
    pub fn bits(&self, rows: &[&[u8]], blindings: &[Scalar]) -> Vec<Half> {
        let sums = self.selected(rows).into_par_iter().zip(blindings);
        sums.map(|(sum, blinding)| sum + self.blind(blinding)).collect()
    }

    /// The sums of the columns that rows of bits select.
    fn selected(&self, rows: &[&[u8]]) -> Vec<Half> {
        let mut sums = vec![Half::IDENTITY; rows.len()];
        let share = rows.len().div_ceil(4 * rayon::current_num_threads()).clamp(1, 1024);
        let mut add = |tables: &[&[Affine]], start, size| {
            sums.par_chunks_mut(share)
                .zip(rows.par_chunks(share))
                .for_each(|(sums, rows)| add_selected(sums, rows, tables, start, size));
        };
        // Additions a column, in thousandths: for the rows, and to make the table.
        let additions = |size: &usize| 1000 * ((ENTRY << size) + rows.len()) / size;
        let size = (BYTE + 1..=LARGEST).min_by_key(additions).unwrap_or(LARGEST);
        if 1000 * rows.len() / BYTE <= additions(&size) {
            add(&self.columns.groups(), 0, BYTE);
            return sums;
        }
        for (place, points) in self.halves.chunks(size * TABLES).enumerate() {
            let tables: Vec<Vec<Affine>> = points.par_chunks(size).map(subsets).collect();
            let tables: Vec<&[Affine]> = tables.iter().map(Vec::as_slice).collect();
            add(&tables, place * size * TABLES, size);
        }
        sums
    }

    /// Rows of `columns` integers with a blinding each, by bit planes of their two's complement.
    pub fn integers(&self, image: &[i64], columns: usize, blindings: &[Scalar]) -> Vec<Half> {
        let some = |(image, blindings): (&[i64], &[Scalar])| -> Vec<Half> {
            let planes: Vec<_> = image.par_chunks(columns).map(bit_planes).collect();
            let rows: Vec<&[u8]> =
                planes.iter().flat_map(|p| p.chunks_exact(columns.div_ceil(8))).collect();
            let mut rest = &self.selected(&rows)[..];
            let mut sums = Vec::with_capacity(planes.len());
            for bits in &planes {
                let (selected, others) = rest.split_at(bits.len() / columns.div_ceil(8));
                sums.push(selected);
                rest = others;
            }
            let rows = sums.into_par_iter().zip(blindings);
            rows.map(|(planes, blinding)| weighted(planes) + self.blind(blinding)).collect()
        };
        image.chunks(columns * ROWS).zip(blindings.chunks(ROWS)).flat_map(some).collect()
    }

    /// A row of scalars.
    pub fn scalars(&self, row: &[Scalar], blinding: &Scalar) -> Half {
        let share = row.len().div_ceil(rayon::current_num_threads()).max(64);
        let sum: RistrettoPoint = row
            .par_chunks(share)
            .zip(self.quarters.par_chunks(share))
            .map(|(s, p)| RistrettoPoint::vartime_multiscalar_mul(s.iter().map(to_group), p))
            .sum();
        decode_doubles(&[sum]).into_iter().fold(self.blind(blinding), Half::add)
    }
}

/// The bit planes of a row of integers, as many as its two's complement needs, the lowest first.
fn bit_planes(row: &[i64]) -> Zeroizing<Vec<u8>> {
    let width = row.iter().map(|x| 65 - (x ^ (x >> 63)).leading_zeros()).max().unwrap_or(1);
    let mut planes = Zeroizing::new(Vec::with_capacity(width as usize * row.len().div_ceil(8)));
    for plane in 0..width {
        planes.extend(row.chunks(8).map(|group| {
            let bit = |(i, x): (usize, &i64)| (((x >> plane.min(63)) & 1) as u8) << i;
            group.iter().enumerate().map(bit).sum::<u8>()
        }));
    }
    planes
}

/// `sum_k 2^k planes_k`, where the last plane of a two's complement integer is negative.
fn weighted(planes: &[Half]) -> Half {
    let Some((top, others)) = planes.split_last() else { return Half::IDENTITY };
    others.iter().rev().fold(-*top, |sum, plane| sum + sum + *plane)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_row_agrees_with_its_definition() {
        let generators = Generators::new(16);
        let key = CommitmentKey::new(&generators);
        let b = -Scalar::from(77u64);
        let row: Vec<i64> =
            vec![0, 1, -1, 5, i64::MAX, i64::MIN, -300, 7, 8, 9, -10, 11, 12, 13, -14, 1 << 33];
        let scalars: Vec<Scalar> = row.iter().map(|x| Scalar::from(*x)).collect();
        let expected = reference(&generators, &scalars, &b);
        assert_eq!(encode(&key.integers(&row, 16, &[b])), [expected]);
        assert_eq!(encode(&[key.scalars(&scalars, &b)]), [expected]);
        let expected = reference(&generators, &bits(0b1010_0000_1111_0001, 16), &b);
        assert_eq!(encode(&key.bits(&[&[0b1111_0001, 0b1010_0000]], &[b])), [expected]);
        let expected = generators.commit(&scalars[4], &b).compress().to_bytes();
        assert_eq!(encode(&[key.scalar(&scalars[4], &b)]), [expected]);
    }

    #[test]
    fn many_rows_with_larger_tables_agree_with_few() {
        // 104 columns are no multiple of any larger group but 13, nor of all tables at a time.
        let key = CommitmentKey::new(&Generators::new(104));
        for count in [5_000usize, 30_000] {
            let image: Vec<u8> = (0..count * 13)
                .map(|i| (i.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8)
                .collect();
            let rows: Vec<&[u8]> = image.chunks_exact(13).collect();
            let few: Vec<_> = rows.iter().map(|row| key.columns.sum(row)).collect();
            assert_eq!(encode(&key.selected(&rows)), encode(&few));
        }
    }

    fn bits(word: u64, count: usize) -> Vec<Scalar> {
        (0..count).map(|i| Scalar::from(word >> i & 1)).collect()
    }

    fn reference(generators: &Generators, scalars: &[Scalar], blinding: &Scalar) -> [u8; 32] {
        let sum: Point =
            scalars.iter().zip(&generators.columns).map(|(s, g)| g * to_group(s)).sum();
        (sum + generators.blinding * to_group(blinding)).compress().to_bytes()
    }
}
