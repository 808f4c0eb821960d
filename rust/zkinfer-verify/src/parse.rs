//! Reading a circuit: docs/formats.md line by line, in checked arithmetic, limits first.

use crate::circuit::{
    AxisIndex, Binding, Block, Circuit, Defines, Grid, Projection, Segment, Tensor, Term, Weight,
    log2,
};
use crate::reader::Reader;
use crate::scalar::Scalar;
use crate::transcript::digest;
use ark_ff::Field;

const MAGIC: &[u8; 8] = b"zkicirc2";
const MAX_BYTES: usize = 1 << 22;
const MAX_AXES: usize = 8;
const MAX_COUNT: usize = 1 << 16;
const MAX_EXTENT: usize = 1 << 31;
const COLUMNS_LOG2: std::ops::RangeInclusive<usize> = 3..=16;
const MAX_COORDINATES: usize = 31;
const MAX_SEGMENTS: usize = 16;
const MAX_NAME: usize = 16;
const MAX_PATH: usize = 1 << 16;
const MAX_CONSTANTS: usize = 1 << 16;
const MAX_PROJECTION: usize = 1 << 10;
const MAX_INDEX: i64 = 1 << 34;
/// Bytes of a term: a tensor, a coefficient, and no axes of its own or of its tensor.
const MIN_TERM: usize = 4;
/// Steps that an evaluation of the matrices may cost: about as many field multiplications, and no
/// more scalars in memory.
const MAX_COST: usize = 1 << 24;

/// Reads canonical bytes.
pub(crate) fn parse(bytes: &[u8]) -> Result<Circuit, String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!("{} bytes; at most {MAX_BYTES} are accepted", bytes.len()));
    }
    let mut reader = Reader::new(bytes);
    if &reader.array::<8>("magic")? != MAGIC {
        return Err("the magic bytes are not those of a version 2 circuit".into());
    }
    let columns_log2 = reader.number("columns")?;
    if !COLUMNS_LOG2.contains(&columns_log2) {
        return Err(format!("2^{columns_log2} columns; 2^3 to 2^16 are accepted"));
    }
    let mut segments = parse_segments(&mut reader)?;
    let mut challenges = Vec::new();
    for _ in 0..count(&mut reader, "challenge count", MAX_COUNT)? {
        challenges.push(count(&mut reader, "challenge coordinates", MAX_COORDINATES)?);
    }
    let tensors = parse_tensors(&mut reader, &mut segments)?;
    let mut cost = table_cost(&challenges, &tensors);
    let mut blocks: Vec<Block> = Vec::new();
    let mut row_cursor = 0usize;
    let mut defined = vec![false; tensors.len()];
    let names = Names { challenges: &challenges, segments: &segments, tensors: &tensors };
    for _ in 0..count(&mut reader, "block count", MAX_COUNT)? {
        let block = parse_block(&mut reader, &names, row_cursor, &mut cost)?;
        row_cursor = block.grid.end().ok_or("too many rows")?;
        if let Some(tensor) = block.defined().map(|term| term.tensor)
            && defined.get_mut(tensor).is_none_or(|done| std::mem::replace(done, true))
        {
            return Err(format!("block {} defines tensor {tensor} again", block.path));
        }
        blocks.push(block);
    }
    reader.finish("circuit")?;
    if blocks.is_empty() {
        return Err("it has no blocks".into());
    }
    let total = place_segments(&mut segments, 1usize << columns_log2)?;
    Ok(Circuit {
        columns_log2: u32::try_from(columns_log2).unwrap_or(0),
        challenges,
        tensors,
        blocks,
        segments,
        row_variables: log2(row_cursor.next_power_of_two().max(2)),
        entry_variables: log2(total.next_power_of_two()),
        digest: digest(bytes),
    })
}

/// What the terms of a block may name.
struct Names<'a> {
    challenges: &'a [usize],
    segments: &'a [Segment],
    tensors: &'a [Tensor],
}

fn count(reader: &mut Reader<'_>, what: &str, most: usize) -> Result<usize, String> {
    let value = reader.number(what)?;
    if value > most {
        return Err(format!("{what} is {value}; at most {most}"));
    }
    Ok(value)
}

fn extents(reader: &mut Reader<'_>, what: &str) -> Result<Vec<usize>, String> {
    let axes = count(reader, what, MAX_AXES)?;
    let mut list = Vec::with_capacity(axes);
    for _ in 0..axes {
        let extent = reader.number(what)?;
        if extent == 0 || extent > MAX_EXTENT {
            return Err(format!("{what}: an extent of {extent}"));
        }
        list.push(extent);
    }
    Ok(list)
}

fn parse_segments(reader: &mut Reader<'_>) -> Result<Vec<Segment>, String> {
    let mut segments: Vec<Segment> = Vec::new();
    for index in 0..count(reader, "segment count", MAX_SEGMENTS)? {
        let length = count(reader, "segment name length", MAX_NAME)?;
        let name = reader.take(length, "segment name")?;
        let known = name.iter().all(u8::is_ascii_lowercase) && length > 0;
        let name = std::str::from_utf8(name).ok().filter(|_| known);
        let name = name.ok_or_else(|| format!("the name of segment {index} has other letters"))?;
        let binding = match reader.u8("binding")? {
            0 => Binding::Public,
            1 => Binding::Committed,
            2 => Binding::Sent,
            3 => Binding::Bits,
            4 => Binding::Sketch,
            other => return Err(format!("segment {name}: binding {other} does not exist")),
        };
        if segments.iter().any(|segment| segment.name == name) {
            return Err(format!("two segments are called {name}"));
        }
        segments.push(Segment { name: name.into(), binding, start: 0, used: 0, padded: 0 });
    }
    let count = |binding| segments.iter().filter(|segment| segment.binding == binding).count();
    let first = segments.first().map(|segment| segment.binding);
    if first != Some(Binding::Public) || count(Binding::Public) != 1 {
        return Err("the first segment, and no other, must be public".into());
    }
    if count(Binding::Bits) != 1 || count(Binding::Sketch) > 1 {
        return Err("one segment must be of bits, and one at most a sketch".into());
    }
    Ok(segments)
}

/// The tensors; `used` of each segment becomes the end of its last one.
fn parse_tensors(reader: &mut Reader<'_>, segments: &mut [Segment]) -> Result<Vec<Tensor>, String> {
    let mut tensors = Vec::new();
    for index in 0..count(reader, "tensor count", MAX_COUNT)? {
        let tag = reader.number("segment")?;
        let Some(segment) = segments.get_mut(tag) else {
            return Err(format!("tensor {index}: segment {tag} does not exist"));
        };
        let extents = extents(reader, "tensor extents")?;
        let scalar = extents.is_empty();
        let public = segment.binding == Binding::Public;
        let bounds = match public {
            true => (reader.integer("lower bound")?, reader.integer("upper bound")?),
            false => (0, 0),
        };
        if bounds.0 > bounds.1 {
            return Err(format!("tensor {index}: the bounds {bounds:?} are empty"));
        }
        if index == 0 && !(public && scalar && bounds == (1, 1)) {
            return Err("tensor 0 must be the public constant one".into());
        }
        let grid = Grid::place(extents, segment.used).ok_or("a tensor is too large")?;
        segment.used = grid.end().ok_or("a segment is too large")?;
        tensors.push(Tensor { segment: tag, grid, bounds });
    }
    if tensors.is_empty() {
        return Err("tensor 0 must be the public constant one".into());
    }
    match segments.iter().find(|segment| segment.used == 0) {
        Some(segment) => Err(format!("segment {} has no tensor", segment.name)),
        None => Ok(tensors),
    }
}

/// Entries of the tables of eq: one a challenge vector, a tensor's axis, and the public segment.
fn table_cost(challenges: &[usize], tensors: &[Tensor]) -> usize {
    let powers = challenges.iter().map(|coordinates| 1 << coordinates);
    let extents = tensors.iter().flat_map(|tensor| tensor.grid.extents.iter().copied());
    let public = tensors.iter().filter(|tensor| tensor.segment == 0);
    let shown = public.filter_map(|tensor| tensor.grid.end()).max();
    powers.chain(extents).chain(shown).fold(0, usize::saturating_add)
}

fn parse_block(
    reader: &mut Reader<'_>,
    names: &Names<'_>,
    cursor: usize,
    cost: &mut usize,
) -> Result<Block, String> {
    let length = count(reader, "path length", MAX_PATH)?;
    let path = std::str::from_utf8(reader.take(length, "path")?)
        .map_err(|_| "a block's path is not UTF-8".to_string())?
        .to_owned();
    let rows = extents(reader, "row extents")?;
    let grid =
        Grid::place(rows.clone(), cursor).ok_or_else(|| format!("block {path} is too large"))?;
    spend(cost, grid.extents.iter().copied().fold(0, usize::saturating_add))?;
    let defines = match reader.u8("definition")? {
        0 => Defines::Nothing,
        1 => Defines::Product,
        2 => Defines::Quotient,
        other => return Err(format!("block {path}: definition {other} does not exist")),
    };
    let mut matrices = [Vec::new(), Vec::new(), Vec::new()];
    for terms in &mut matrices {
        let count = count(reader, "term count", MAX_COUNT)?;
        terms.reserve_exact(count.min(reader.left() / MIN_TERM));
        for _ in 0..count {
            let term =
                parse_term(reader, names, &rows).map_err(|why| format!("block {path}: {why}"))?;
            spend(cost, term.cost().unwrap_or(usize::MAX))?;
            terms.push(term);
        }
    }
    let block = Block { path, grid, matrices, defines };
    if defines != Defines::Nothing
        && !block.defined().is_some_and(|term| plain(names, &block, term))
    {
        return Err(format!("block {} does not define a tensor of the sketch", block.path));
    }
    Ok(block)
}

/// Adds steps to those that the matrices take so far.
fn spend(cost: &mut usize, steps: usize) -> Result<(), String> {
    *cost = cost.saturating_add(steps);
    if *cost > MAX_COST {
        return Err(format!("evaluating the matrices costs more than {MAX_COST} steps"));
    }
    Ok(())
}

/// Whether each row of a block reads one entry of a tensor of the sketch, as it is.
fn plain(names: &Names<'_>, block: &Block, term: &Term) -> bool {
    let Some(tensor) = names.tensors.get(term.tensor) else { return false };
    let reads_inside = |(index, extent): (&AxisIndex, &usize)| {
        let mut ends = (i128::from(index.base), i128::from(index.base));
        for (stride, extent) in index.strides.iter().zip(&term.extents) {
            let last = i128::try_from(extent.saturating_sub(1)).unwrap_or(i128::MAX);
            let reach = i128::from(*stride).saturating_mul(last);
            ends = (ends.0 + reach.min(0), ends.1 + reach.max(0));
        }
        ends.0 >= 0 && usize::try_from(ends.1).is_ok_and(|last| last < *extent)
    };
    let binding = names.segments.get(tensor.segment).map(|segment| segment.binding);
    binding == Some(Binding::Sketch)
        && term.coefficient == Scalar::ONE
        && term.weights.iter().all(|weight| *weight == Weight::One)
        && term.extents.len() == block.grid.extents.len()
        && term.index.iter().zip(&tensor.grid.extents).all(reads_inside)
}

fn parse_term(reader: &mut Reader<'_>, names: &Names<'_>, rows: &[usize]) -> Result<Term, String> {
    let tensor = reader.number("tensor")?;
    let read =
        names.tensors.get(tensor).ok_or_else(|| format!("tensor {tensor} does not exist"))?;
    let coefficient = reader.scalar("coefficient")?;
    // A block of one row is a grid with one axis of extent 1, of which terms say nothing.
    let implied = usize::from(rows.is_empty());
    let sums = extents(reader, "summation extents")?;
    let mut all = Vec::with_capacity(implied + rows.len() + sums.len());
    all.extend([1].iter().take(implied).chain(rows).chain(&sums));
    let mut weights = Vec::with_capacity(all.len());
    weights.resize(implied, Weight::One);
    for extent in all.iter().skip(implied) {
        weights.push(parse_weight(reader, names.challenges, *extent)?);
    }
    let axes = count(reader, "tensor axes", MAX_AXES)?;
    let mut index = Vec::with_capacity(axes.max(1));
    for _ in 0..axes {
        let base = bounded(reader.integer("base")?)?;
        let mut strides = Vec::with_capacity(all.len());
        strides.resize(implied, 0);
        for _ in all.iter().skip(implied) {
            strides.push(bounded(reader.integer("stride")?)?);
        }
        index.push(AxisIndex { base, strides });
    }
    if index.is_empty() && read.grid.extents == [1] {
        index.push(AxisIndex { base: 0, strides: vec![0; all.len()] });
    }
    if index.len() != read.grid.extents.len() {
        return Err(format!("a view of tensor {tensor} has {} axes", index.len()));
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
        2 => Ok(Weight::Challenge(parse_challenge(reader, challenges, extent)?)),
        3 => {
            if extent > MAX_CONSTANTS {
                return Err(format!("an axis of {extent} constants; at most {MAX_CONSTANTS}"));
            }
            let mut constants = Vec::with_capacity(extent.min(reader.left()));
            for _ in 0..extent {
                constants.push(reader.scalar("constant")?);
            }
            Ok(Weight::Constant(constants))
        }
        4 => {
            let count = count(reader, "rows of a projection", MAX_PROJECTION)?;
            if count == 0 || !count.is_multiple_of(4) {
                return Err(format!("a projection of {count} rows; a multiple of 4 is expected"));
            }
            let challenge = parse_challenge(reader, challenges, count)?;
            Ok(Weight::Projection(Projection { challenge, count, seed: reader.array("seed")? }))
        }
        kind => Err(format!("weight kind {kind} does not exist")),
    }
}

/// A challenge vector that has `count` entries.
fn parse_challenge(
    reader: &mut Reader<'_>,
    challenges: &[usize],
    count: usize,
) -> Result<usize, String> {
    let id = reader.number("challenge")?;
    match challenges.get(id) {
        Some(coordinates) if count <= 1usize << coordinates => Ok(id),
        Some(_) => Err(format!("an axis of {count} is longer than challenge {id}")),
        None => Err(format!("challenge {id} does not exist")),
    }
}

fn bounded(value: i64) -> Result<i64, String> {
    if (-MAX_INDEX..=MAX_INDEX).contains(&value) {
        Ok(value)
    } else {
        Err(format!("an index constant of {value}"))
    }
}

/// Lays the segments one after another, the largest first; returns the end of the last.
fn place_segments(segments: &mut [Segment], columns: usize) -> Result<usize, String> {
    let mut order: Vec<&mut Segment> = segments.iter_mut().collect();
    for segment in &mut order {
        segment.padded = segment.used.next_power_of_two().max(columns);
    }
    order.sort_by_key(|segment| std::cmp::Reverse(segment.padded));
    let mut total = 0usize;
    for segment in order {
        segment.start = total;
        total = total.checked_add(segment.padded).ok_or("the witness is too large")?;
    }
    Ok(total)
}
