//! Reading a circuit: docs/formats.md line by line, in checked arithmetic, limits first.

use crate::circuit::{
    AxisIndex, Block, Circuit, Grid, Placement, SEGMENTS, Segment, Tensor, Term, Weight, log2,
};
use crate::reader::Reader;
use crate::scalar::{Scalar, from_bytes};
use crate::transcript::digest;

const MAGIC: &[u8; 8] = b"zkicirc1";
const MAX_BYTES: usize = 1 << 24;
const MAX_AXES: usize = 8;
const MAX_COUNT: usize = 1 << 16;
const MAX_EXTENT: usize = 1 << 31;
const COLUMNS_LOG2: std::ops::RangeInclusive<u8> = 3..=16;
const MAX_COORDINATES: u8 = 31;
const MAX_INDEX: i64 = 1 << 34;
/// Steps that an evaluation of the matrices may cost: about as many field multiplications, and no
/// more scalars in memory.
const MAX_COST: usize = 1 << 23;

/// Reads canonical bytes.
pub(crate) fn parse(bytes: &[u8]) -> Result<Circuit, String> {
    if bytes.len() > MAX_BYTES {
        return Err(format!("{} bytes; at most {MAX_BYTES} are accepted", bytes.len()));
    }
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
    let mut cost = table_cost(&challenges, &tensors);
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

/// Entries of the tables of eq: one a challenge vector, a tensor's axis, and the public segment.
fn table_cost(challenges: &[usize], tensors: &[Tensor]) -> usize {
    let powers = challenges.iter().map(|coordinates| 1 << coordinates);
    let extents = tensors.iter().flat_map(|tensor| tensor.grid.extents.iter().copied());
    let public = tensors.iter().filter(|tensor| tensor.segment == Segment::Public);
    let shown = public.filter_map(|tensor| tensor.grid.end()).max();
    powers.chain(extents).chain(shown).fold(0, usize::saturating_add)
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
