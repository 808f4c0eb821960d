//! The inner sum-check of `sum_y M(y) z~(y)`, segment by segment.
//!
//! A segment's first `depth` rounds work on integers: on a tensor M is a sum of classes
//! `rest(i) last(k)`, so the round polynomials need only `S(k) = sum_i rest(i) z(i, k)`, one
//! addition per entry (per byte for bits). Afterwards M and z are dense tables, `2^depth` times
//! shorter, and are folded as usual. Small tensors go densely from the start.

use crate::boolean::histogram;
use crate::matrix::Matrix;
use crate::messages::{Messages, Opening};
use crate::structured::{Structured, Sums, bit_sums};
use crate::wide::ScalarSum;
use crate::witness::{Data, Witness, aligned_last, for_addresses, last, parallel_sum};
use crate::zerocheck::{SplitEq, fold, pair};
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use std::collections::BTreeMap;
use zkinfer_verify::circuit::{Binding, Circuit, Grid, log2};
use zkinfer_verify::proof::Encoding;
use zkinfer_verify::scalar::{Scalar, eq_table};
use zkinfer_verify::transcript::label;

/// The claim about `bits` that joins M: `omega eq(s, y)`.
pub struct BitClaim<'a> {
    /// The factor.
    pub omega: Scalar,
    /// The point s.
    pub point: &'a [Scalar],
    /// `eq(s, .)`.
    pub eq: SplitEq,
    /// The padded bits, eight to a byte.
    pub bytes: &'a [u8],
}

/// A dense stretch of addresses.
struct Dense {
    start: usize,
    matrix: Vec<Scalar>,
    entries: Vec<Scalar>,
}

struct Part<'a> {
    size: usize,
    start: usize,
    depth: usize,
    structured: Vec<Structured<'a>>,
    bit_claim: Option<(&'a BitClaim<'a>, Sums)>,
    /// Before `depth` rounds: stretches between structured tensors. After: one for the segment.
    dense: Vec<Dense>,
    bound: Vec<Scalar>,
}

/// Runs the inner sum-check. Returns the messages, ry and the last claim's opening.
pub fn prove(
    messages: &mut Messages<'_>,
    circuit: &Circuit,
    witness: &Witness<'_>,
    matrices: Vec<Matrix>,
    bit_claim: &BitClaim<'_>,
    claim: Opening,
) -> (Vec<Vec<Encoding>>, Vec<Scalar>, Opening) {
    let mut matrices: Vec<Option<Matrix>> = matrices.into_iter().map(Some).collect();
    let mut parts: Vec<Part<'_>> = (0..circuit.segments.len())
        .map(|segment| Part::new(circuit, segment, witness, &mut matrices, bit_claim))
        .collect();
    // Segments that are down to one entry, by address at the current level.
    let mut single: BTreeMap<usize, (Scalar, Scalar)> = BTreeMap::new();
    let mut claim = claim;
    let (mut rounds, mut point) = (Vec::new(), Vec::new());
    for round in 0..circuit.entry_variables {
        parts.retain(|part| {
            let done = part.size == 1 << round;
            if done {
                single.insert(part.start >> round, part.value());
            }
            !done
        });
        let mut sums = (Scalar::default(), Scalar::default());
        for part in &parts {
            let (constant, lead) = part.coefficients();
            sums.0 += constant;
            sums.1 += lead;
        }
        let zero = (Scalar::default(), Scalar::default());
        let halves: Vec<usize> = single.keys().map(|address| address / 2).collect();
        let mut paired = BTreeMap::new();
        for address in halves {
            let at = |i: usize| single.get(&i).copied().unwrap_or(zero);
            paired.insert(address, (at(2 * address), at(2 * address + 1)));
        }
        for ((m0, z0), (m1, z1)) in paired.values() {
            sums.0 += *m0 * z0;
            sums.1 += (*m1 - m0) * (*z1 - z0);
        }
        let (encodings, openings) = messages.send(label::INNER_ROUND, &[sums.0, sums.1]);
        let r = messages.transcript.draw_one(label::INNER_POINT);
        claim = claim
            .scaled(r)
            .plus(openings[0].scaled(Scalar::ONE - r.double()))
            .plus(openings[1].scaled(r.square() - r));
        for part in &mut parts {
            part.bind(r);
        }
        single = paired
            .into_iter()
            .map(|(address, ((m0, z0), (m1, z1)))| {
                (address, (m0 + r * (m1 - m0), z0 + r * (z1 - z0)))
            })
            .collect();
        rounds.push(encodings);
        point.push(r);
    }
    (rounds, point, claim)
}

impl<'a> Part<'a> {
    fn new(
        circuit: &'a Circuit,
        segment: usize,
        witness: &'a Witness<'_>,
        matrices: &mut [Option<Matrix>],
        bit_claim: &'a BitClaim<'a>,
    ) -> Self {
        let place = &circuit.segments[segment];
        let is_bits = place.binding == Binding::Bits;
        let members: Vec<_> = witness.segment(circuit, segment).collect();
        let grids: Vec<&Grid> = members.iter().map(|(_, grid, _)| *grid).collect();
        let depth = depth(place.binding, &grids, log2(place.padded));
        let chunk = 1usize << depth;
        let mut structured = Vec::new();
        let mut stretches: Vec<Dense> = Vec::new();
        for (index, grid, data) in members {
            let matrix = matrices[index].take().unwrap_or(Matrix::Classes(Vec::new()));
            match matrix {
                Matrix::Classes(classes)
                    if depth > 0 && aligned_last(grid) >= depth && grid.extents.len() > 1 =>
                {
                    structured.push((grid, data, classes));
                }
                matrix => add_dense(&mut stretches, grid, data, matrix, chunk),
            }
        }
        if is_bits {
            for stretch in &mut stretches {
                if depth == 0 {
                    stretch.matrix.resize(place.padded, Scalar::default());
                }
                add_eq(stretch, bit_claim, 0);
            }
        }
        let structured = structured
            .into_par_iter()
            .map(|(grid, data, classes)| Structured::new(grid, data, classes))
            .collect();
        let covered = |stretches: &[Dense]| -> Vec<std::ops::Range<usize>> {
            stretches.iter().map(|s| s.start / chunk..(s.start + s.entries.len()) / chunk).collect()
        };
        let bit_claim = (is_bits && depth > 0)
            .then(|| (bit_claim, claim_sums(bit_claim, depth, &covered(&stretches))));
        Part {
            size: place.padded,
            start: place.start,
            depth,
            structured,
            bit_claim,
            dense: stretches,
            bound: Vec::new(),
        }
    }

    fn coefficients(&self) -> (Scalar, Scalar) {
        let mut sums = (Scalar::default(), Scalar::default());
        if self.bound.len() < self.depth {
            let classes = self.structured.iter().flat_map(|tensor| &tensor.sums);
            for class in classes.chain(self.bit_claim.iter().map(|(_, sums)| sums)) {
                add(&mut sums, class.coefficients());
            }
        }
        for dense in &self.dense {
            add(&mut sums, dense_coefficients(&dense.matrix, &dense.entries));
        }
        sums
    }

    fn bind(&mut self, r: Scalar) {
        for dense in &mut self.dense {
            dense.matrix = fold(&dense.matrix, r);
            dense.entries = fold(&dense.entries, r);
            dense.start /= 2;
        }
        if self.bound.len() >= self.depth {
            return;
        }
        self.bound.push(r);
        let classes = self.structured.iter_mut().flat_map(|tensor| &mut tensor.sums);
        for class in classes.chain(self.bit_claim.iter_mut().map(|(_, sums)| sums)) {
            class.bind(r);
        }
        if self.bound.len() == self.depth {
            self.deposit();
        }
    }

    /// The end of the integer rounds: one dense table for the segment.
    fn deposit(&mut self) {
        let chunk = 1usize << self.depth;
        let structured_end = self.structured.iter().filter_map(|t| t.grid.end()).max().unwrap_or(0);
        let dense_end = self.dense.iter().map(|d| d.start + d.entries.len()).max().unwrap_or(0);
        let length = (structured_end / chunk).max(dense_end).max(1);
        // The claim about bits reaches into padding, which folds with its neighbours.
        let reach = if self.bit_claim.is_some() { self.size / chunk } else { length };
        let mut all = Dense {
            start: 0,
            matrix: vec![Scalar::default(); reach],
            entries: vec![Scalar::default(); length],
        };
        if let Some((claim, _)) = &self.bit_claim {
            add_eq(&mut all, claim, self.depth);
            let bound = &self.bound;
            let factor: Scalar = claim
                .point
                .iter()
                .zip(bound)
                .map(|(s, r)| Scalar::ONE - s - r + (*s * r).double())
                .product();
            all.matrix.par_iter_mut().with_min_len(1024).for_each(|m| *m *= factor);
        }
        let weights = eq_table(&self.bound);
        for tensor in &self.structured {
            tensor.deposit(&weights, self.depth, &mut all.matrix, &mut all.entries);
        }
        for dense in &self.dense {
            for (i, (m, z)) in dense.matrix.iter().zip(&dense.entries).enumerate() {
                // Stretches hold the whole of M, the claim about bits included.
                all.matrix[dense.start + i] = *m;
                all.entries[dense.start + i] = *z;
            }
        }
        self.dense = vec![all];
        self.structured.clear();
        self.bit_claim = None;
    }

    fn value(&self) -> (Scalar, Scalar) {
        self.dense.first().map_or((Scalar::default(), Scalar::default()), |dense| {
            (pair(&dense.matrix, 0).0, pair(&dense.entries, 0).0)
        })
    }
}

fn add(sums: &mut (Scalar, Scalar), other: (Scalar, Scalar)) {
    sums.0 += other.0;
    sums.1 += other.1;
}

/// The depth that costs least: an entry of a dense table costs some thirty times one integer step.
fn depth(binding: Binding, grids: &[&Grid], variables: usize) -> usize {
    let candidates: &[usize] = match binding {
        Binding::Bits => &[0, 3, 4, 5, 6],
        Binding::Committed | Binding::Sent => &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
        Binding::Public | Binding::Sketch => &[0],
    };
    let cost = |depth: usize| -> usize {
        grids
            .iter()
            .map(|grid| {
                let entries = grid.extents[0] * grid.inner();
                if aligned_last(grid) < depth {
                    return 32 * entries;
                }
                ((32 * entries) >> depth) + if depth > 0 { entries } else { 0 }
            })
            .sum()
    };
    let usable = candidates.iter().copied().filter(|depth| *depth <= variables);
    usable.min_by_key(|depth| cost(*depth)).unwrap_or(0)
}

/// Puts a tensor into the dense stretches, which begin and end at multiples of `chunk`.
fn add_dense(
    stretches: &mut Vec<Dense>,
    grid: &Grid,
    data: &Data<'_>,
    matrix: Matrix,
    chunk: usize,
) {
    let start = grid.offset / chunk * chunk;
    let end = grid.end().unwrap_or(0).next_multiple_of(chunk);
    let joins = stretches.last().is_some_and(|s| chunk == 1 || s.start + s.entries.len() >= start);
    if !joins {
        // Without integer rounds the one stretch is the segment.
        let start = if chunk == 1 { 0 } else { start };
        stretches.push(Dense { start, matrix: Vec::new(), entries: Vec::new() });
    }
    let Some(stretch) = stretches.last_mut() else { return };
    let length = end - stretch.start;
    stretch.matrix.resize(length.max(stretch.matrix.len()), Scalar::default());
    stretch.entries.resize(length.max(stretch.entries.len()), Scalar::default());
    let width = last(grid);
    let value = |position: usize| match data {
        Data::Integers(values) => Scalar::from(values[position]),
        Data::Scalars(values) => values[position],
        Data::Bits(values) => Scalar::from(values[position / width] >> (position % width) & 1),
    };
    let weight = |position: usize| match &matrix {
        Matrix::Entries(entries) => entries[position],
        Matrix::Classes(classes) => {
            classes.iter().map(|c| c.rest[position / width] * c.last[position % width]).sum()
        }
    };
    for_addresses(grid, |position, address| {
        stretch.matrix[address - stretch.start] = weight(position);
        stretch.entries[address - stretch.start] = value(position);
    });
}

/// Adds `omega eq(point_{>=level}, y)` to a stretch at a level.
fn add_eq(stretch: &mut Dense, claim: &BitClaim<'_>, level: usize) {
    let (low, high) = claim.eq.from(level);
    let start = stretch.start;
    stretch.matrix.par_iter_mut().with_min_len(1024).enumerate().for_each(|(i, slot)| {
        let y = start + i;
        if let Some(high) = high.get(y / low.len()) {
            *slot += claim.omega * low[y % low.len()] * high;
        }
    });
}

/// The claim about bits as a class over the low `depth` coordinates, without the stretches that
/// carry it themselves.
fn claim_sums(claim: &BitClaim<'_>, depth: usize, covered: &[std::ops::Range<usize>]) -> Sums {
    let bytes_per_chunk = (1usize << depth) / 8;
    let mut sums = Vec::with_capacity(1 << depth);
    for position in 0..bytes_per_chunk {
        let mut bytes: Vec<u8> =
            claim.bytes.iter().skip(position).step_by(bytes_per_chunk).copied().collect();
        for range in covered {
            let end = range.end.min(bytes.len());
            bytes[range.start.min(end)..end].fill(0);
        }
        sums.extend(bit_sums(&histogram(&bytes, &claim.eq, depth)));
    }
    let last = eq_table(&claim.point[..depth]).into_iter().map(|eq| eq * claim.omega).collect();
    Sums { last, sums }
}

fn dense_coefficients(matrix: &[Scalar], entries: &[Scalar]) -> (Scalar, Scalar) {
    let (constant, lead) = parallel_sum(
        entries.len().div_ceil(2),
        2048,
        || (ScalarSum::default(), ScalarSum::default()),
        |sums, range| {
            for x in range {
                let ((m0, m1), (z0, z1)) = (pair(matrix, x), pair(entries, x));
                sums.0.add(&m0, &z0);
                sums.1.add(&(m1 - m0), &(z1 - z0));
            }
        },
        |mut x, y| {
            x.0.merge(&y.0);
            x.1.merge(&y.1);
            x
        },
    );
    (constant.reduce(), lead.reduce())
}
