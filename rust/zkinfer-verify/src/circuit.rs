//! Tensor R1CS: a circuit as a list of blocks of rows `A.z * B.z = C.z` over strided tensor views.
//!
//! A term at row index r is `coefficient * sum_t weights(r, t) * z[tensor][base + strides.(r, t)]`
//! over its summation indices t; an index outside a tensor's true extents contributes zero.
//! Placement is derived, never stored, so tensors and rows cannot overlap or be misaligned:
//! inner axes (all but the first) are padded to powers of two, and a tensor (a block) starts at the
//! next multiple of its inner size in its segment (in the grid of rows).

use crate::error::Error;
use crate::reader::Reader;
use crate::scalar::{Scalar, from_bytes};
use crate::transcript::digest;

const MAGIC: &[u8; 8] = b"zkicirc1";
const MAX_BYTES: usize = 1 << 24;
const MAX_AXES: usize = 8;
const MAX_COUNT: usize = 1 << 16;
const MAX_EXTENT: usize = 1 << 31;
const MAX_ENTRIES: usize = 1 << 34;
const COLUMNS_LOG2: std::ops::RangeInclusive<u8> = 3..=16;
const MAX_COORDINATES: u8 = 31;
const MAX_INDEX: i64 = 1 << 40;
/// Field multiplications that an evaluation of the matrices may cost.
const MAX_COST: usize = 1 << 26;

/// Where a tensor lives, in the order of the format.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Segment {
    /// Known to the verifier; `z[0] = 1`.
    Public,
    /// The model's parameters, committed once.
    Weights,
    /// The hidden input.
    Input,
    /// Entries that are 0 or 1.
    Bits,
    /// Layer outputs and other advice.
    Trace,
    /// Values that depend on challenges.
    Sketch,
}

/// Every segment, in order.
pub const SEGMENTS: [Segment; 6] = [
    Segment::Public,
    Segment::Weights,
    Segment::Input,
    Segment::Bits,
    Segment::Trace,
    Segment::Sketch,
];

/// The place of a segment in the witness vector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placement {
    /// Which segment.
    pub segment: Segment,
    /// First address; a multiple of `padded`.
    pub start: usize,
    /// Entries up to the end of the last tensor.
    pub used: usize,
    /// A power of two of at least C entries, or 0 for an absent segment.
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
    /// The segment it lies in.
    pub segment: Segment,
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
    /// Places of the segments, in the order of [`SEGMENTS`].
    pub placements: [Placement; 6],
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
    fn place(mut extents: Vec<usize>, cursor: usize) -> Option<Self> {
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

    fn cost(&self) -> Option<usize> {
        let mut total = 0usize;
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

impl Circuit {
    /// Reads canonical bytes. Refuses whatever exceeds the limits before allocating for it.
    pub fn parse(bytes: &[u8]) -> Result<Self, Error> {
        if bytes.len() > MAX_BYTES {
            return Err(Error::Circuit(format!(
                "{} bytes; at most {MAX_BYTES} are accepted",
                bytes.len()
            )));
        }
        parse(bytes).map_err(Error::Circuit)
    }

    /// The place of a segment.
    pub fn placement(&self, segment: Segment) -> Placement {
        let absent = Placement { segment, start: 0, used: 0, padded: 0 };
        self.placements.iter().find(|p| p.segment == segment).copied().unwrap_or(absent)
    }

    /// C, the entries of a row.
    pub fn columns(&self) -> usize {
        1usize << self.columns_log2
    }

    /// Committed rows of a segment.
    pub fn rows(&self, segment: Segment) -> usize {
        self.placement(segment).used.div_ceil(self.columns())
    }

    /// beta: `bits` has `2^beta` entries.
    pub fn bit_variables(&self) -> usize {
        log2(self.placement(Segment::Bits).padded)
    }

    /// The address of a tensor's first entry in the witness vector.
    pub fn address(&self, tensor: &Tensor) -> usize {
        self.placement(tensor.segment).start.saturating_add(tensor.grid.offset)
    }

    /// The public tensors after the constant one, in order.
    pub fn public_tensors(&self) -> impl Iterator<Item = &Tensor> {
        self.tensors.iter().skip(1).filter(|tensor| tensor.segment == Segment::Public)
    }
}

/// log2 of a power of two.
pub fn log2(power: usize) -> usize {
    usize::try_from(power.max(1).trailing_zeros()).unwrap_or(0)
}

fn parse(bytes: &[u8]) -> Result<Circuit, String> {
    let mut reader = Reader::new(bytes);
    if &reader.array::<8>("magic")? != MAGIC {
        return Err("the magic bytes are not those of a version 1 circuit".into());
    }
    let columns_log2 = reader.u8("columns")?;
    if !COLUMNS_LOG2.contains(&columns_log2) {
        return Err(format!("2^{columns_log2} columns; 2^3 to 2^16 are accepted"));
    }
    let mut challenges = Vec::new();
    for _ in 0..count(&mut reader, "challenge count")? {
        let coordinates = reader.u8("challenge coordinates")?;
        if coordinates > MAX_COORDINATES {
            return Err(format!("a challenge of {coordinates} coordinates"));
        }
        challenges.push(usize::from(coordinates));
    }
    let tensors = parse_tensors(&mut reader)?;
    let mut cost = tensor_cost(&tensors);
    let mut blocks: Vec<Block> = Vec::new();
    let mut row_cursor = 0usize;
    for _ in 0..count(&mut reader, "block count")? {
        let block = parse_block(&mut reader, &challenges, &tensors, row_cursor)?;
        row_cursor = block.grid.end().ok_or("too many rows")?;
        for extent in &block.grid.extents {
            cost = cost.saturating_add(*extent);
        }
        for term in block.matrices.iter().flatten() {
            cost = cost.saturating_add(term.cost().unwrap_or(usize::MAX));
        }
        if cost > MAX_COST {
            return Err(format!("evaluating the matrices costs more than {MAX_COST} steps"));
        }
        blocks.push(block);
    }
    reader.finish("circuit")?;
    if blocks.is_empty() {
        return Err("it has no blocks".into());
    }
    let columns = 1usize << columns_log2;
    let (placements, total) = place_segments(&tensors, columns)?;
    Ok(Circuit {
        columns_log2: u32::from(columns_log2),
        challenges,
        tensors,
        blocks,
        placements,
        row_variables: log2(row_cursor.next_power_of_two().max(2)),
        entry_variables: log2(total.next_power_of_two()),
        digest: digest(bytes),
    })
}

fn count(reader: &mut Reader<'_>, what: &str) -> Result<usize, String> {
    let value = usize::try_from(reader.u32(what)?).unwrap_or(usize::MAX);
    if value > MAX_COUNT {
        return Err(format!("{what} is {value}; at most {MAX_COUNT}"));
    }
    Ok(value)
}

fn extents(reader: &mut Reader<'_>, what: &str) -> Result<Vec<usize>, String> {
    let axes = usize::from(reader.u8(what)?);
    if axes > MAX_AXES {
        return Err(format!("{what}: {axes} axes; at most {MAX_AXES}"));
    }
    let mut list = Vec::with_capacity(axes);
    for _ in 0..axes {
        let extent = usize::try_from(reader.u32(what)?).unwrap_or(usize::MAX);
        if extent == 0 || extent > MAX_EXTENT {
            return Err(format!("{what}: an extent of {extent}"));
        }
        list.push(extent);
    }
    Ok(list)
}

fn parse_tensors(reader: &mut Reader<'_>) -> Result<Vec<Tensor>, String> {
    let mut cursors = [0usize; 6];
    let mut tensors = Vec::new();
    for index in 0..count(reader, "tensor count")? {
        let tag = reader.u8("segment")?;
        let Some((segment, cursor)) =
            SEGMENTS.into_iter().zip(cursors.iter_mut()).nth(usize::from(tag))
        else {
            return Err(format!("tensor {index}: segment {tag} does not exist"));
        };
        let extents = extents(reader, "tensor extents")?;
        let scalar = extents.is_empty();
        let bounds = match segment {
            Segment::Public => (reader.i64("lower bound")?, reader.i64("upper bound")?),
            _ => (0, 0),
        };
        if bounds.0 > bounds.1 {
            return Err(format!("tensor {index}: the bounds {bounds:?} are empty"));
        }
        let is_one = segment == Segment::Public && scalar && bounds == (1, 1);
        if index == 0 && !is_one {
            return Err("tensor 0 must be the public constant one".into());
        }
        let grid = Grid::place(extents, *cursor).ok_or("a tensor is too large")?;
        *cursor = grid.end().ok_or("a segment is too large")?;
        tensors.push(Tensor { segment, grid, bounds });
    }
    if tensors.is_empty() {
        return Err("tensor 0 must be the public constant one".into());
    }
    if !tensors.iter().any(|tensor| tensor.segment == Segment::Bits) {
        return Err("it has no bits".into());
    }
    Ok(tensors)
}

fn tensor_cost(tensors: &[Tensor]) -> usize {
    tensors.iter().flat_map(|tensor| &tensor.grid.extents).fold(0, |a, b| a.saturating_add(*b))
}

fn parse_block(
    reader: &mut Reader<'_>,
    challenges: &[usize],
    tensors: &[Tensor],
    cursor: usize,
) -> Result<Block, String> {
    let length = usize::from(reader.u16("path length")?);
    let path = std::str::from_utf8(reader.take(length, "path")?)
        .map_err(|_| "a block's path is not UTF-8".to_string())?
        .to_owned();
    let rows = extents(reader, "row extents")?;
    let grid =
        Grid::place(rows.clone(), cursor).ok_or_else(|| format!("block {path} is too large"))?;
    let mut matrices = [Vec::new(), Vec::new(), Vec::new()];
    for terms in &mut matrices {
        for _ in 0..reader.u16("term count")? {
            let term = parse_term(reader, challenges, tensors, &rows)
                .map_err(|why| format!("block {path}: {why}"))?;
            terms.push(term);
        }
    }
    Ok(Block { path, grid, matrices })
}

fn parse_term(
    reader: &mut Reader<'_>,
    challenges: &[usize],
    tensors: &[Tensor],
    rows: &[usize],
) -> Result<Term, String> {
    let tensor = usize::try_from(reader.u32("tensor")?).unwrap_or(usize::MAX);
    let read = tensors.get(tensor).ok_or_else(|| format!("tensor {tensor} does not exist"))?;
    let coefficient = scalar(reader)?;
    let mut all = rows.to_vec();
    all.extend(extents(reader, "summation extents")?);
    let mut weights = Vec::with_capacity(all.len());
    for extent in &all {
        weights.push(parse_weight(reader, challenges, *extent)?);
    }
    let mut index = Vec::new();
    let scalar_tensor = read.grid.extents == [1];
    for _ in 0..reader.u8("tensor axes")? {
        let base = bounded(reader.i64("base")?)?;
        let mut strides = Vec::with_capacity(all.len());
        for _ in &all {
            strides.push(bounded(reader.i64("stride")?)?);
        }
        index.push(AxisIndex { base, strides });
    }
    if index.is_empty() && scalar_tensor {
        index.push(AxisIndex { base: 0, strides: vec![0; all.len()] });
    }
    if index.len() != read.grid.extents.len() {
        return Err(format!("a view of tensor {tensor} has {} axes", index.len()));
    }
    if rows.is_empty() {
        // A block of one row is a grid with one axis of extent 1.
        all.insert(0, 1);
        weights.insert(0, Weight::One);
        for axis in &mut index {
            axis.strides.insert(0, 0);
        }
    }
    Ok(Term { tensor, coefficient, extents: all, weights, index })
}

fn parse_weight(
    reader: &mut Reader<'_>,
    challenges: &[usize],
    extent: usize,
) -> Result<Weight, String> {
    match reader.u8("weight kind")? {
        0 => Ok(Weight::One),
        1 => Ok(Weight::Power),
        2 => {
            let id = usize::try_from(reader.u32("challenge")?).unwrap_or(usize::MAX);
            match challenges.get(id) {
                Some(coordinates) if extent <= 1usize << coordinates => Ok(Weight::Challenge(id)),
                Some(_) => Err(format!("an axis of {extent} is longer than challenge {id}")),
                None => Err(format!("challenge {id} does not exist")),
            }
        }
        3 => {
            let mut constants = Vec::new();
            for _ in 0..extent {
                constants.push(scalar(reader)?);
            }
            Ok(Weight::Constant(constants))
        }
        kind => Err(format!("weight kind {kind} does not exist")),
    }
}

fn scalar(reader: &mut Reader<'_>) -> Result<Scalar, String> {
    from_bytes(&reader.array("scalar")?).ok_or_else(|| "a scalar is not canonical".into())
}

fn bounded(value: i64) -> Result<i64, String> {
    if (-MAX_INDEX..=MAX_INDEX).contains(&value) {
        Ok(value)
    } else {
        Err(format!("an index constant of {value}"))
    }
}

fn place_segments(tensors: &[Tensor], columns: usize) -> Result<([Placement; 6], usize), String> {
    let mut placements = SEGMENTS.map(|segment| {
        let ends = tensors.iter().filter(|t| t.segment == segment).filter_map(|t| t.grid.end());
        let used = ends.max().unwrap_or(0);
        let padded = if used == 0 { 0 } else { used.next_power_of_two().max(columns) };
        Placement { segment, start: 0, used, padded }
    });
    placements.sort_by(|a, b| b.padded.cmp(&a.padded).then(a.segment.cmp(&b.segment)));
    let mut total = 0usize;
    for placement in &mut placements {
        if placement.padded > 0 {
            placement.start = total;
            total = total.checked_add(placement.padded).ok_or("the witness is too large")?;
        }
    }
    placements.sort_by_key(|placement| placement.segment);
    Ok((placements, total))
}
