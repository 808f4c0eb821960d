//! The inner sum-check of `sum_y M(y) z~(y)`, segment by segment.
//!
//! A tensor's first `depth` rounds work on integers: on it M is a sum of classes `rest(i) last(k)`,
//! so the round polynomials need only `S(k) = sum_i rest(i) z(i, k)`, one addition per entry (per
//! byte for bits). Afterwards M and z are dense tables, `2^depth` times shorter, and are folded as
//! usual. The claim about bits is one more class. Tensors of less depth than others of their segment
//! lie in stretches until all are dense; small tensors go densely from the start.

use crate::matrix::Matrix;
use crate::messages::{Messages, Opening};
use crate::structured::Structured;
use crate::wide::ScalarSum;
use crate::witness::{Data, Witness, aligned_last, for_addresses, last, parallel_sum};
use crate::zerocheck::{SplitEq, fold, pair};
use ark_ff::{AdditiveGroup, Field};
use rayon::prelude::*;
use std::collections::BTreeMap;
use std::ops::Range;
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
}

/// A dense stretch of addresses at the current level.
struct Dense {
    start: usize,
    matrix: Vec<Scalar>,
    entries: Vec<Scalar>,
}

impl Dense {
    /// Adds the claim about bits, `factor omega eq(point_{>=level}, y)`, at some addresses.
    fn add_eq(&mut self, at: Range<usize>, claim: Option<(&BitClaim<'_>, Scalar)>, level: usize) {
        let Some((claim, factor)) = claim else { return };
        let (low, high) = claim.eq.from(level);
        let factor = claim.omega * factor;
        let slots = &mut self.matrix[at.start - self.start..at.end - self.start];
        slots.par_iter_mut().with_min_len(1024).enumerate().for_each(|(i, slot)| {
            let y = at.start + i;
            *slot += factor * low[y % low.len()] * high[y / low.len()];
        });
    }
}

/// A segment. Stretches hold the whole of M, the claim about bits included.
struct Part<'a> {
    size: usize,
    start: usize,
    /// That of the deepest tensors: after as many rounds there is one dense table for all.
    depth: usize,
    structured: Vec<Structured<'a>>,
    /// The claim about bits, and the factor that the fixed coordinates have in it.
    claim: Option<(&'a BitClaim<'a>, Scalar)>,
    /// Where tensors of less depth lie, in multiples of `2^depth` addresses, and their tables, once
    /// there are any.
    stretches: Vec<(Range<usize>, Option<Dense>)>,
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
        let claim = (place.binding == Binding::Bits).then_some(bit_claim);
        let (mut structured, mut plain) = (Vec::new(), Vec::new());
        for (index, grid, data) in witness.segment(circuit, segment) {
            let matrix = matrices[index].take().unwrap_or(Matrix::Classes(Vec::new()));
            match (matrix, depth(place.binding, grid, log2(place.padded))) {
                (Matrix::Classes(classes), depth) if depth > 0 => {
                    structured.push((grid, data, classes, depth));
                }
                (matrix, _) => plain.push((grid, data, matrix)),
            }
        }
        let deepest = structured.iter().map(|(_, _, _, depth)| *depth).max().unwrap_or(0);
        let structured: Vec<Structured<'_>> = structured
            .into_par_iter()
            .map(|(grid, data, classes, depth)| Structured::new(grid, data, classes, claim, depth))
            .collect();
        let shallow = structured.iter().filter(|t| t.depth < deepest).map(|t| t.grid);
        let mut ranges: Vec<Range<usize>> =
            plain.iter().map(|(grid, ..)| *grid).chain(shallow).map(addresses).collect();
        if deepest == 0 {
            let length = if claim.is_some() { place.padded } else { 0 };
            ranges.push(0..length);
        }
        let mut part = Part {
            size: place.padded,
            start: place.start,
            depth: deepest,
            structured,
            claim: claim.map(|claim| (claim, Scalar::ONE)),
            stretches: joined(ranges, deepest).into_iter().map(|range| (range, None)).collect(),
            bound: Vec::new(),
        };
        if claim.is_some() && deepest == 0 {
            part.stretch(0);
        }
        for (grid, data, matrix) in plain {
            add_dense(part.stretch(grid.offset), grid, data, &matrix);
        }
        part
    }

    fn coefficients(&self) -> (Scalar, Scalar) {
        let mut sums = (Scalar::default(), Scalar::default());
        for class in self.structured.iter().flat_map(|tensor| &tensor.sums) {
            add(&mut sums, class.coefficients());
        }
        for dense in self.stretches.iter().filter_map(|(_, dense)| dense.as_ref()) {
            add(&mut sums, dense_coefficients(&dense.matrix, &dense.entries));
        }
        sums
    }

    fn bind(&mut self, r: Scalar) {
        for dense in self.stretches.iter_mut().filter_map(|(_, dense)| dense.as_mut()) {
            dense.matrix = fold(&dense.matrix, r);
            dense.entries = fold(&dense.entries, r);
            dense.start /= 2;
        }
        if self.bound.len() >= self.depth {
            return;
        }
        if let Some((claim, factor)) = &mut self.claim {
            let s = claim.point[self.bound.len()];
            *factor *= Scalar::ONE - s - r + (s * r).double();
        }
        self.bound.push(r);
        for class in self.structured.iter_mut().flat_map(|tensor| &mut tensor.sums) {
            class.bind(r);
        }
        if self.bound.len() == self.depth {
            self.unite();
        } else {
            self.deposit();
        }
    }

    /// The stretch with an address. A new one has the claim about bits where no tensor has integer
    /// rounds.
    fn stretch(&mut self, address: usize) -> &mut Dense {
        let (level, claim) = (self.bound.len(), self.claim);
        let place = self.stretches.partition_point(|(range, _)| range.end <= address);
        let (range, dense) = &mut self.stretches[place];
        let structured = self.structured.iter().map(|tensor| addresses(tensor.grid));
        dense.get_or_insert_with(|| {
            let start = range.start >> level;
            let zeros = vec![Scalar::default(); range.len() >> level];
            let mut made = Dense { start, matrix: zeros.clone(), entries: zeros };
            let mut next = start;
            let inside = structured.filter(|own| range.contains(&own.start));
            for own in inside.chain(std::iter::once(range.end..range.end)) {
                made.add_eq(next..own.start >> level, claim, level);
                next = own.end >> level;
            }
            made
        })
    }

    /// The end of the integer rounds of the tensors with so many, in stretches.
    fn deposit(&mut self) {
        let (level, claim) = (self.bound.len(), self.claim);
        let ready = self.structured.iter().filter(|tensor| tensor.depth == level);
        let ready: Vec<Range<usize>> = ready.map(|tensor| addresses(tensor.grid)).collect();
        for range in ready {
            let own = range.start >> level..range.end >> level;
            self.stretch(range.start).add_eq(own, claim, level);
        }
        let weights = eq_table(&self.bound);
        let (ready, deeper) = std::mem::take(&mut self.structured)
            .into_iter()
            .partition::<Vec<_>, _>(|tensor| tensor.depth == level);
        self.structured = deeper;
        for tensor in ready {
            let dense = self.stretch(tensor.grid.offset);
            tensor.deposit(&weights, dense.start, &mut dense.matrix, &mut dense.entries);
        }
    }

    /// The end of all integer rounds: one dense table for the segment.
    fn unite(&mut self) {
        let level = self.depth;
        let ends = self.structured.iter().map(|tensor| addresses(tensor.grid).end);
        let ends = ends.chain(self.stretches.iter().map(|(range, _)| range.end));
        let length = (ends.max().unwrap_or(0) >> level).max(1);
        // The claim about bits reaches into padding, which folds with its neighbours.
        let reach = if self.claim.is_some() { self.size >> level } else { length };
        let mut all = Dense {
            start: 0,
            matrix: vec![Scalar::default(); reach],
            entries: vec![Scalar::default(); length],
        };
        all.add_eq(0..reach, self.claim, level);
        let weights = eq_table(&self.bound);
        for tensor in std::mem::take(&mut self.structured) {
            tensor.deposit(&weights, 0, &mut all.matrix, &mut all.entries);
        }
        for dense in self.stretches.iter().filter_map(|(_, dense)| dense.as_ref()) {
            all.matrix[dense.start..][..dense.matrix.len()].copy_from_slice(&dense.matrix);
            all.entries[dense.start..][..dense.entries.len()].copy_from_slice(&dense.entries);
        }
        self.stretches = vec![(0..self.size, Some(all))];
    }

    fn value(&self) -> (Scalar, Scalar) {
        let dense = self.stretches.first().and_then(|(_, dense)| dense.as_ref());
        dense.map_or((Scalar::default(), Scalar::default()), |dense| {
            (pair(&dense.matrix, 0).0, pair(&dense.entries, 0).0)
        })
    }
}

fn add(sums: &mut (Scalar, Scalar), other: (Scalar, Scalar)) {
    sums.0 += other.0;
    sums.1 += other.1;
}

/// The addresses of a tensor, its padding included.
fn addresses(grid: &Grid) -> Range<usize> {
    grid.offset..grid.end().unwrap_or(grid.offset)
}

/// The ranges in multiples of `2^depth` addresses, in order, those that share one joined.
fn joined(mut ranges: Vec<Range<usize>>, depth: usize) -> Vec<Range<usize>> {
    ranges.sort_by_key(|range| range.start);
    let mut joined: Vec<Range<usize>> = Vec::new();
    for range in ranges {
        let start = (range.start >> depth) << depth;
        let end = range.end.next_multiple_of(1 << depth);
        match joined.last_mut() {
            // Without integer rounds the one stretch is the segment.
            Some(last) if depth == 0 || start < last.end => last.end = last.end.max(end),
            _ => joined.push(start..end),
        }
    }
    joined
}

/// The integer rounds of a tensor; none if a dense table costs less, of which an entry costs some
/// thirty times one integer step.
fn depth(binding: Binding, grid: &Grid, variables: usize) -> usize {
    let most = match binding {
        Binding::Bits => 6,
        Binding::Committed | Binding::Sent => 9,
        Binding::Public | Binding::Sketch => 0,
    };
    let depth = aligned_last(grid).min(variables).min(most);
    let entries = addresses(grid).len();
    // The sums of each bit over all values of a byte, for two classes.
    let fixed = if binding == Binding::Bits { 200 << depth.max(3) } else { 0 };
    let structured = ((32 * entries) >> depth) + entries + fixed;
    if structured < 32 * entries { depth } else { 0 }
}

/// Puts a tensor into a stretch.
fn add_dense(stretch: &mut Dense, grid: &Grid, data: &Data<'_>, matrix: &Matrix) {
    let width = last(grid);
    let value = |position: usize| match data {
        Data::Integers(values) => Scalar::from(values[position]),
        Data::Scalars(values) => values[position],
        Data::Bits(values) => Scalar::from(values[position / width] >> (position % width) & 1),
    };
    let weight = |position: usize| match matrix {
        Matrix::Entries(entries) => entries[position],
        Matrix::Classes(classes) => {
            classes.iter().map(|c| c.rest[position / width] * c.last[position % width]).sum()
        }
    };
    for_addresses(grid, |position, address| {
        stretch.matrix[address - stretch.start] += weight(position);
        stretch.entries[address - stretch.start] = value(position);
    });
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
