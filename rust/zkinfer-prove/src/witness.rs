//! The witness: one array per tensor, in true extents, and its padded image per segment.

use crate::wide::{Digits, IntegerSum};
use rayon::prelude::*;
use zeroize::Zeroize;
use zkinfer_verify::circuit::{Binding, Circuit, Grid, log2};
use zkinfer_verify::scalar::Scalar;

/// The entries of a tensor, row-major in its true extents.
#[derive(Clone, PartialEq)]
pub enum Data<'a> {
    /// Integers.
    Integers(&'a [i64]),
    /// A bits tensor: entry (i, k) is bit k of the i-th integer.
    Bits(&'a [i64]),
    /// Scalars.
    Scalars(Vec<Scalar>),
}

/// Every tensor's entries.
pub struct Witness<'a> {
    /// In the order of the circuit's tensors.
    pub tensors: Vec<Data<'a>>,
}

impl Drop for Witness<'_> {
    fn drop(&mut self) {
        for data in &mut self.tensors {
            if let Data::Scalars(values) = data {
                values.zeroize();
            }
        }
    }
}

/// The padded entries of a segment, a whole number of rows.
pub enum Image {
    /// Integers.
    Integers(Vec<i64>),
    /// Bits, eight to a byte, least significant first.
    Bits(Vec<u8>),
    /// Scalars.
    Scalars(Vec<Scalar>),
}

impl Drop for Image {
    fn drop(&mut self) {
        match self {
            Image::Integers(values) => values.zeroize(),
            Image::Bits(bytes) => bytes.zeroize(),
            Image::Scalars(values) => values.zeroize(),
        }
    }
}

/// Integer arrays of the tensors of one segment, in order.
pub type Arrays = Vec<Vec<i64>>;

impl<'a> Witness<'a> {
    /// Distributes the arrays of each segment over the circuit's tensors: one list a segment, in
    /// order, that of the public one without the constant. The array of a tensor of bits lacks the
    /// last axis. Tensors of the sketch start as zeros; its list is empty.
    ///
    /// # Errors
    /// A sentence naming the tensor when counts differ or a bit axis exceeds 64.
    pub fn new(circuit: &Circuit, segments: &[Vec<&'a [i64]>]) -> Result<Self, String> {
        const ONE: &[i64] = &[1];
        let mut sources: Vec<_> = segments
            .iter()
            .enumerate()
            .map(|(index, arrays)| {
                let constant = (index == 0).then_some(ONE);
                constant.into_iter().chain(arrays.iter().copied())
            })
            .collect();
        let mut tensors = Vec::with_capacity(circuit.tensors.len());
        for (index, tensor) in circuit.tensors.iter().enumerate() {
            let count = tensor.grid.count();
            let binding = circuit.binding(tensor);
            if binding == Some(Binding::Sketch) {
                tensors.push(Data::Scalars(vec![Scalar::default(); count]));
                continue;
            }
            let values = sources
                .get_mut(tensor.segment)
                .and_then(Iterator::next)
                .ok_or_else(|| format!("the witness lacks tensor {index}"))?;
            let is_bits = binding == Some(Binding::Bits);
            let width = if is_bits { last(&tensor.grid) } else { 1 };
            if values.len() * width != count || width > 64 {
                return Err(format!(
                    "tensor {index} has {} values of {width} entries, and the circuit has {count}",
                    values.len()
                ));
            }
            tensors.push(match is_bits {
                true => Data::Bits(values),
                false => Data::Integers(values),
            });
        }
        if sources.iter_mut().any(|source| source.next().is_some()) {
            return Err("the witness has more tensors than the circuit".into());
        }
        Ok(Witness { tensors })
    }

    /// The tensors of one segment with their entries.
    pub fn segment<'b>(
        &'b self,
        circuit: &'b Circuit,
        segment: usize,
    ) -> impl Iterator<Item = (usize, &'b Grid, &'b Data<'a>)> {
        circuit.members(segment).map(|(index, tensor)| (index, &tensor.grid, &self.tensors[index]))
    }

    /// The padded image of a segment, a whole number of rows.
    pub fn image(&self, circuit: &Circuit, segment: usize) -> Image {
        let place = &circuit.segments[segment];
        let entries = circuit.rows(place) * circuit.columns();
        match place.binding {
            Binding::Bits => Image::Bits(self.padded_bits(circuit, segment, entries)),
            Binding::Sketch => {
                let mut image = vec![Scalar::default(); entries];
                for (_, grid, data) in self.segment(circuit, segment) {
                    if let Data::Scalars(values) = data {
                        scatter(grid, values, &mut image);
                    }
                }
                Image::Scalars(image)
            }
            Binding::Public | Binding::Committed | Binding::Sent => {
                let mut image = vec![0i64; entries];
                for (_, grid, data) in self.segment(circuit, segment) {
                    if let Data::Integers(values) = data {
                        scatter(grid, values, &mut image);
                    }
                }
                Image::Integers(image)
            }
        }
    }

    /// Eight entries to a byte, least significant first.
    fn padded_bits(&self, circuit: &Circuit, segment: usize, entries: usize) -> Vec<u8> {
        let mut image = vec![0u8; entries.div_ceil(8)];
        for (_, grid, data) in self.segment(circuit, segment) {
            let Data::Bits(values) = data else { continue };
            let width = last(grid);
            let padded = width.next_power_of_two();
            let mask = mask(width);
            let whole = padded >= 8 && grid.extents.len() > 1;
            for_addresses(&outer(grid), |i, address| {
                let value = values[i] as u64 & mask;
                if whole {
                    let bytes = value.to_le_bytes();
                    image[address / 8..][..padded / 8].copy_from_slice(&bytes[..padded / 8]);
                } else {
                    for k in 0..width {
                        image[(address + k) / 8] |= ((value >> k & 1) as u8) << ((address + k) % 8);
                    }
                }
            });
        }
        image
    }
}

/// The extent of the last axis.
pub fn last(grid: &Grid) -> usize {
    grid.extents[grid.extents.len() - 1]
}

/// The low `width` bits.
pub fn mask(width: usize) -> u64 {
    if width >= 64 { u64::MAX } else { (1 << width) - 1 }
}

/// The grid without its last axis: the places where rows along the last axis start.
pub fn outer(grid: &Grid) -> Grid {
    let axes = grid.extents.len() - 1;
    Grid {
        extents: grid.extents[..axes].to_vec(),
        strides: grid.strides[..axes].to_vec(),
        offset: grid.offset,
    }
}

/// Visits (row-major position, address) of every true entry.
pub fn for_addresses(grid: &Grid, mut visit: impl FnMut(usize, usize)) {
    let Some((run, stride)) = grid.extents.last().zip(grid.strides.last()) else {
        visit(0, grid.offset);
        return;
    };
    let rows = outer(grid);
    let mut position = 0;
    for_row_starts(&rows, |start| {
        for i in 0..*run {
            visit(position, start + i * stride);
            position += 1;
        }
    });
}

fn for_row_starts(grid: &Grid, mut visit: impl FnMut(usize)) {
    let mut index = vec![0usize; grid.extents.len()];
    let mut address = grid.offset;
    loop {
        visit(address);
        let mut axis = grid.extents.len();
        loop {
            if axis == 0 {
                return;
            }
            axis -= 1;
            index[axis] += 1;
            address += grid.strides[axis];
            if index[axis] < grid.extents[axis] {
                break;
            }
            address -= index[axis] * grid.strides[axis];
            index[axis] = 0;
        }
    }
}

/// Copies true entries to their padded places.
pub fn scatter<T: Copy>(grid: &Grid, values: &[T], image: &mut [T]) {
    for_addresses(grid, |position, address| image[address] = values[position]);
}

/// log2 of the padded extent of the last axis of a grid of two axes or more; 0 for one axis, whose
/// positions are not aligned.
pub fn aligned_last(grid: &Grid) -> usize {
    if grid.extents.len() < 2 { 0 } else { log2(last(grid).next_power_of_two()) }
}

/// Runs over chunks in parallel and adds up the results.
pub fn parallel_sum<A: Send>(
    count: usize,
    chunk: usize,
    zero: impl Fn() -> A + Sync + Send,
    add: impl Fn(&mut A, std::ops::Range<usize>) + Sync + Send,
    merge: impl Fn(A, A) -> A + Sync + Send,
) -> A {
    let chunk = chunk.max(1);
    (0..count.div_ceil(chunk))
        .into_par_iter()
        .fold(&zero, |mut sum, i| {
            add(&mut sum, i * chunk..((i + 1) * chunk).min(count));
            sum
        })
        .reduce(&zero, merge)
}

/// `sum_i weights_i values_{i, k}` for every column k of rows of integers; `chunk` rows at a time.
pub fn weighted_integers(
    values: &[i64],
    weights: &[Scalar],
    columns: usize,
    chunk: usize,
) -> Vec<Scalar> {
    parallel_sum(
        weights.len(),
        chunk,
        || vec![IntegerSum::default(); columns],
        |sums, range| {
            for i in range {
                let weight = Digits::from(&weights[i]);
                for (sum, value) in sums.iter_mut().zip(&values[i * columns..]) {
                    sum.add(*value, &weight);
                }
            }
        },
        |mut x, y| {
            x.iter_mut().zip(y).for_each(|(x, y)| x.merge(&y));
            x
        },
    )
    .into_iter()
    .map(IntegerSum::reduce)
    .collect()
}
