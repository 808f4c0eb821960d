//! Tensor R1CS: a circuit as a list of blocks of rows `A.z * B.z = C.z` over strided tensor views.
//!
//! A term at row index r is `coefficient * sum_t weights(r, t) * z[tensor][base + strides.(r, t)]`
//! over its summation indices t; an index outside a tensor's true extents contributes zero.
//! Placement is derived, never stored, so tensors and rows cannot overlap or be misaligned:
//! inner axes (all but the first) are padded to powers of two, and a tensor (a block) starts at the
//! next multiple of its inner size in its segment (in the grid of rows).

use crate::error::Error;
use crate::parse::parse;
use crate::scalar::Scalar;

pub(crate) const MAX_ENTRIES: usize = 1 << 34;

/// How the entries of a segment are bound.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Binding {
    /// Known to the verifier; `z[0] = 1`.
    Public,
    /// Rows that were committed before the proof: they come with the key or with the statement.
    Committed,
    /// Rows that the proof sends before the challenges are drawn.
    Sent,
    /// Likewise, and every entry is 0 or 1.
    Bits,
    /// Rows that the proof sends after the challenges.
    Sketch,
}

/// A segment of the witness vector and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Its name: lower-case letters.
    pub name: String,
    /// How its entries are bound.
    pub binding: Binding,
    /// First address; a multiple of `padded`.
    pub start: usize,
    /// Entries up to the end of the last tensor.
    pub used: usize,
    /// A power of two of at least C entries.
    pub padded: usize,
}

/// A grid with true extents and padded, aligned addresses: a tensor, or a block's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grid {
    /// True extents; at least one axis.
    pub extents: Vec<usize>,
    /// Address stride of each axis: the product of the padded extents after it.
    pub strides: Vec<usize>,
    /// Address of index (0, ..., 0).
    pub offset: usize,
}

/// One tensor of the witness.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tensor {
    /// Which segment it lies in.
    pub segment: usize,
    /// Its extents and its place inside the segment.
    pub grid: Grid,
    /// Declared bounds of a public tensor's entries; zero elsewhere.
    pub bounds: (i64, i64),
}

/// The weight that a term gives to the positions along one of its axes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Weight {
    /// All ones.
    One,
    /// `2^i`.
    Power,
    /// `eq(theta, i)` of a challenge vector.
    Challenge(usize),
    /// Public constants.
    Constant(Vec<Scalar>),
    /// `sum_{h < count} eq(theta, h) sign(h, i)`: a random projection of a challenge vector.
    Projection(Projection),
}

/// A matrix of entries 0, 0, 1, -1 that a seed gives, on a challenge vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Projection {
    /// The challenge vector theta.
    pub challenge: usize,
    /// Rows of the matrix; a multiple of four.
    pub count: usize,
    /// What SHAKE128 expands to the entries.
    pub seed: [u8; 32],
}

/// An affine index of one tensor axis: `base + sum_a strides_a * index_a`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AxisIndex {
    /// The index at (0, ..., 0).
    pub base: i64,
    /// One stride per row axis, then per summation axis.
    pub strides: Vec<i64>,
}

/// A strided read of one tensor.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Which tensor.
    pub tensor: usize,
    /// The factor of the whole term.
    pub coefficient: Scalar,
    /// Extents of the row axes, then of the summation axes.
    pub extents: Vec<usize>,
    /// One weight per axis.
    pub weights: Vec<Weight>,
    /// One index per tensor axis.
    pub index: Vec<AxisIndex>,
}

/// A grid of rows of one shape.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Its name, such as `conv1/rescale`.
    pub path: String,
    /// Row extents and place.
    pub grid: Grid,
    /// The terms of A, B and C.
    pub matrices: [Vec<Term>; 3],
    /// What an honest prover fills in by this block.
    pub defines: Defines,
}

/// The tensor of the sketch that a block defines, each of its rows one entry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Defines {
    /// None.
    Nothing,
    /// The only term of C: it is set to A B.
    Product,
    /// The only term of B: it is set to C / A.
    Quotient,
}

/// A parsed, placed and checked circuit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circuit {
    /// log2 of C.
    pub columns_log2: u32,
    /// Coordinates of each challenge vector.
    pub challenges: Vec<usize>,
    /// The tensors, in order.
    pub tensors: Vec<Tensor>,
    /// The blocks, in order.
    pub blocks: Vec<Block>,
    /// The segments, in order: the first is the public one, and one is of bits.
    pub segments: Vec<Segment>,
    /// mu: there are `2^mu` rows.
    pub row_variables: usize,
    /// nu: there are `2^nu` witness entries.
    pub entry_variables: usize,
    /// SHA3-256 of the canonical bytes.
    pub digest: [u8; 32],
}

/// A set of a term's axes that share tensor axes; a term's multilinear extension is the product
/// over its components.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Component {
    /// Indices into the row axes followed by the summation axes.
    pub axes: Vec<usize>,
    /// Indices of the tensor axes.
    pub tensor_axes: Vec<usize>,
}

impl Grid {
    pub(crate) fn place(mut extents: Vec<usize>, cursor: usize) -> Option<Self> {
        if extents.is_empty() {
            extents.push(1);
        }
        let mut strides = vec![1usize; extents.len()];
        let mut inner = 1usize;
        for (axis, (stride, extent)) in strides.iter_mut().zip(&extents).enumerate().rev() {
            *stride = inner;
            if axis > 0 {
                inner = inner.checked_mul(extent.next_power_of_two())?;
                if inner > MAX_ENTRIES {
                    return None;
                }
            }
        }
        let offset = cursor.checked_next_multiple_of(inner)?;
        let grid = Grid { extents, strides, offset };
        (grid.end()? <= MAX_ENTRIES).then_some(grid)
    }

    /// Entries per step of the first axis.
    pub fn inner(&self) -> usize {
        self.strides.first().copied().unwrap_or(1)
    }

    /// The address after the last padded entry.
    pub fn end(&self) -> Option<usize> {
        self.extents.first()?.checked_mul(self.inner())?.checked_add(self.offset)
    }

    /// The number of true entries.
    pub fn count(&self) -> usize {
        self.extents.iter().product()
    }

    /// Whether no entry is padding.
    pub fn is_whole(&self) -> bool {
        self.end() == self.offset.checked_add(self.count())
    }
}

impl Term {
    /// The connected components, in the order of their first axis.
    pub fn components(&self) -> Vec<Component> {
        let mut components: Vec<Component> = (0..self.extents.len())
            .map(|axis| Component { axes: vec![axis], tensor_axes: Vec::new() })
            .collect();
        for (tensor_axis, index) in self.index.iter().enumerate() {
            let touches = |c: &Component| {
                c.axes.iter().any(|axis| index.strides.get(*axis).is_some_and(|s| *s != 0))
            };
            let (touched, mut rest): (Vec<_>, Vec<_>) = components.into_iter().partition(touches);
            let mut merged = Component { axes: Vec::new(), tensor_axes: vec![tensor_axis] };
            for component in touched {
                merged.axes.extend(component.axes);
                merged.tensor_axes.extend(component.tensor_axes);
            }
            merged.axes.sort_unstable();
            merged.tensor_axes.sort_unstable();
            rest.push(merged);
            components = rest;
        }
        components.sort_by(|a, b| (&a.axes, &a.tensor_axes).cmp(&(&b.axes, &b.tensor_axes)));
        components
    }

    pub(crate) fn cost(&self) -> Option<usize> {
        let mut total = 0usize;
        for (weight, extent) in self.weights.iter().zip(&self.extents) {
            if let Weight::Projection(projection) = weight {
                total = total.checked_add(projection.count.checked_mul(*extent)? / 4)?;
            }
        }
        for component in self.components() {
            let mut size = component.axes.len().checked_add(component.tensor_axes.len())?;
            for axis in &component.axes {
                size = size.checked_mul(*self.extents.get(*axis)?)?;
            }
            total = total.checked_add(size)?;
        }
        Some(total)
    }
}

impl Block {
    /// The term of the sketch that it defines.
    pub fn defined(&self) -> Option<&Term> {
        let [_, b, c] = &self.matrices;
        let side = match self.defines {
            Defines::Nothing => return None,
            Defines::Product => c,
            Defines::Quotient => b,
        };
        let [term] = &side[..] else { return None };
        Some(term)
    }
}

impl Circuit {
    /// Reads canonical bytes. Refuses whatever exceeds the limits before allocating for it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        parse(bytes).map_err(Error::Circuit)
    }

    /// The segments of a binding with their indices, in order.
    pub fn bound(&self, binding: Binding) -> impl Iterator<Item = (usize, &Segment)> {
        self.segments.iter().enumerate().filter(move |(_, segment)| segment.binding == binding)
    }

    /// The segments whose rows a proof sends, in its order: those before the challenges, and then
    /// the sketch.
    pub fn sent(&self) -> impl Iterator<Item = (usize, &Segment)> {
        let first = |(_, segment): &(usize, &Segment)| {
            matches!(segment.binding, Binding::Sent | Binding::Bits)
        };
        self.segments.iter().enumerate().filter(first).chain(self.bound(Binding::Sketch))
    }

    /// The segment of bits.
    pub fn bits(&self) -> Option<(usize, &Segment)> {
        self.bound(Binding::Bits).next()
    }

    /// The tensors of a segment with their indices, in order.
    pub fn members(&self, segment: usize) -> impl Iterator<Item = (usize, &Tensor)> {
        self.tensors.iter().enumerate().filter(move |(_, tensor)| tensor.segment == segment)
    }

    /// How the entries of a tensor are bound.
    pub fn binding(&self, tensor: &Tensor) -> Option<Binding> {
        self.segments.get(tensor.segment).map(|segment| segment.binding)
    }

    /// C, the entries of a row.
    pub fn columns(&self) -> usize {
        1usize << self.columns_log2
    }

    /// Rows of a segment.
    pub fn rows(&self, segment: &Segment) -> usize {
        segment.used.div_ceil(self.columns())
    }

    /// beta: `bits` has `2^beta` entries.
    pub fn bit_variables(&self) -> usize {
        self.bits().map_or(0, |(_, bits)| log2(bits.padded))
    }

    /// The address of a tensor's first entry in the witness vector.
    pub fn address(&self, tensor: &Tensor) -> usize {
        let start = self.segments.get(tensor.segment).map_or(0, |segment| segment.start);
        start.saturating_add(tensor.grid.offset)
    }

    /// The public tensors after the constant one, in order.
    pub fn public_tensors(&self) -> impl Iterator<Item = &Tensor> {
        self.members(0).skip(1).map(|(_, tensor)| tensor)
    }
}

/// log2 of a power of two.
pub fn log2(power: usize) -> usize {
    usize::try_from(power.max(1).trailing_zeros()).unwrap_or(0)
}
