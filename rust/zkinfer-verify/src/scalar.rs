//! The scalar field F: the integers modulo l, the order of ristretto255.
//!
//! `l = 2^252 + 27742317777372353535851937790883648493`. Arithmetic is arkworks'; the group keeps
//! its own scalar type and is met at the border only ([`to_group`]).

use ark_ff::{AdditiveGroup, BigInt, Field, PrimeField, Zero};

/// An element of F, in Montgomery form.
pub type Scalar = ark_ed25519::Fr;

/// Bytes of a canonical scalar.
pub const SCALAR_BYTES: usize = 32;

/// Reads a canonical little-endian scalar; `None` when the integer is not below l.
pub fn from_bytes(bytes: &[u8; 32]) -> Option<Scalar> {
    let mut limbs = [0u64; 4];
    for (limb, chunk) in limbs.iter_mut().zip(bytes.chunks_exact(8)) {
        *limb = u64::from_le_bytes(chunk.try_into().ok()?);
    }
    Scalar::from_bigint(BigInt::new(limbs))
}

/// The scalar of an integer of at most (l - 1) / 2; `None` for a larger one.
pub fn from_limbs(limbs: [u64; 4]) -> Option<Scalar> {
    let integer = BigInt::new(limbs);
    (integer <= Scalar::MODULUS_MINUS_ONE_DIV_TWO).then(|| Scalar::from_bigint(integer)).flatten()
}

/// The canonical little-endian encoding.
pub fn to_bytes(scalar: &Scalar) -> [u8; 32] {
    let mut bytes = [0u8; 32];
    for (chunk, limb) in bytes.chunks_exact_mut(8).zip(scalar.into_bigint().0) {
        chunk.copy_from_slice(&limb.to_le_bytes());
    }
    bytes
}

/// Reduces a 512-bit little-endian integer modulo l.
pub fn from_wide(bytes: &[u8; 64]) -> Scalar {
    let shift = Scalar::from(u128::MAX) + Scalar::ONE;
    let (digits, _) = bytes.as_chunks::<16>();
    digits
        .iter()
        .rev()
        .fold(Scalar::ZERO, |high, digit| high * shift + Scalar::from(u128::from_le_bytes(*digit)))
}

/// The scalar as the group's library wants it.
pub fn to_group(scalar: &Scalar) -> curve25519_dalek::Scalar {
    curve25519_dalek::Scalar::from_bytes_mod_order(to_bytes(scalar))
}

/// `eq(point, i)` for every i in `start .. start + count`, where coordinate k of the point belongs
/// to bit k of i. Entries at or beyond `2^point.len()` are zero. About 2 multiplications an entry.
pub fn eq_range(point: &[Scalar], start: usize, count: usize) -> Vec<Scalar> {
    let Some(last) = start.checked_add(count).and_then(|end| end.checked_sub(1)) else {
        return Vec::new();
    };
    if count == 0 {
        return Vec::new();
    }
    let top = u32::try_from(point.len()).unwrap_or(u32::MAX);
    let prefix = |index: usize, level: u32| index.checked_shr(level).unwrap_or(0);
    // `level` holds eq over the coordinates from `k` up, for every prefix that meets the range.
    let mut first = prefix(start, top);
    let mut level: Vec<Scalar> = (first..=prefix(last, top))
        .map(|high| if high == 0 { Scalar::ONE } else { Scalar::ZERO })
        .collect();
    for (k, r) in point.iter().enumerate().rev() {
        let k = u32::try_from(k).unwrap_or(u32::MAX);
        let (low, high) = (prefix(start, k), prefix(last, k));
        let mut next = Vec::with_capacity(level.len() * 2);
        for value in &level {
            if value.is_zero() {
                next.extend([Scalar::ZERO, Scalar::ZERO]);
                continue;
            }
            let one = *value * r;
            next.extend([*value - one, one]);
        }
        // Keep the children inside the range: the first parent's even child is 2 * first.
        let skip = low - 2 * first;
        level = next.into_iter().skip(skip).take(high - low + 1).collect();
        first = low;
    }
    level
}

/// `eq(point, .)` on the whole cube of `point.len()` coordinates.
pub fn eq_table(point: &[Scalar]) -> Vec<Scalar> {
    let mut table = vec![Scalar::ONE];
    table.reserve(1usize.checked_shl(u32::try_from(point.len()).unwrap_or(u32::MAX)).unwrap_or(0));
    for r in point.iter().rev() {
        let mut next = Vec::with_capacity(table.len() * 2);
        for value in &table {
            let one = *value * r;
            next.extend([*value - one, one]);
        }
        table = next;
    }
    table
}

/// `base^0, base^1, ...`, `count` of them.
pub fn powers(base: Scalar, count: usize) -> Vec<Scalar> {
    let mut power = Scalar::ONE;
    (0..count)
        .map(|_| {
            let current = power;
            power *= base;
            current
        })
        .collect()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing)]
mod tests {
    use super::*;

    #[test]
    fn ranges_agree_with_the_table() {
        let point: Vec<Scalar> = (3u64..8).map(Scalar::from).collect();
        let table = eq_table(&point);
        for start in 0..32 {
            for count in 0..(32 - start) {
                assert_eq!(eq_range(&point, start, count), table[start..start + count]);
            }
        }
        assert_eq!(eq_range(&point, 31, 3)[1..], [Scalar::ZERO; 2]);
        assert_eq!(eq_range(&point, 40, 1), [Scalar::ZERO]);
    }

    #[test]
    fn wide_integers_are_reduced() {
        for step in 0..64u8 {
            let byte = |i: usize| u8::try_from(i).unwrap_or(0).wrapping_mul(step) ^ 0xff;
            let bytes: [u8; 64] = std::array::from_fn(byte);
            assert_eq!(from_wide(&bytes), Scalar::from_le_bytes_mod_order(&bytes));
        }
    }

    #[test]
    fn only_canonical_scalars_are_read() {
        let minus_one = to_bytes(&-Scalar::ONE);
        assert_eq!(from_bytes(&minus_one), Some(-Scalar::ONE));
        let mut modulus = minus_one;
        modulus[0] += 1;
        assert_eq!(from_bytes(&modulus), None);
        assert_eq!(from_bytes(&[255; 32]), None);
    }
}
