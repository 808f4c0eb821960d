//! A strict reader of little-endian bytes: every read is checked, and nothing may be left over.

use crate::scalar::{Scalar, from_limbs};

const MAX_NUMBER_BITS: usize = 259;

/// Reads from the front of a byte string. The errors say at which offset what was missing.
pub struct Reader<'a> {
    data: &'a [u8],
    offset: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(data: &'a [u8]) -> Self {
        Reader { data, offset: 0 }
    }

    /// The next `count` bytes.
    pub fn take(&mut self, count: usize, what: &str) -> Result<&'a [u8], String> {
        let Some((head, rest)) = self.data.split_at_checked(count) else {
            return Err(format!(
                "{what} at byte {} needs {count} bytes and {} are left",
                self.offset,
                self.data.len()
            ));
        };
        self.data = rest;
        self.offset = self.offset.saturating_add(count);
        Ok(head)
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.data.len()
    }

    /// The next N bytes as an array.
    pub fn array<const N: usize>(&mut self, what: &str) -> Result<[u8; N], String> {
        let mut array = [0u8; N];
        array.copy_from_slice(self.take(N, what)?);
        Ok(array)
    }

    /// One byte.
    pub fn u8(&mut self, what: &str) -> Result<u8, String> {
        self.array::<1>(what).map(u8::from_le_bytes)
    }

    /// A number: seven bits a byte, the lowest first, in the fewest bytes; at most 259 bits.
    fn limbs(&mut self, what: &str) -> Result<[u64; 5], String> {
        let mut limbs = [0u64; 5];
        for position in (0..MAX_NUMBER_BITS).step_by(7) {
            let byte = self.u8(what)?;
            let group = u64::from(byte & 127);
            let (limb, shift) = (position / 64, position % 64);
            for (index, part) in [(limb, group << shift), (limb + 1, group >> 1 >> (63 - shift))] {
                if let Some(limb) = limbs.get_mut(index) {
                    *limb |= part;
                }
            }
            if byte < 128 {
                return match byte {
                    0 if position > 0 => Err(format!("{what} takes more bytes than it needs")),
                    _ => Ok(limbs),
                };
            }
        }
        Err(format!("{what} takes more than {MAX_NUMBER_BITS} bits"))
    }

    /// A number; usize::MAX for one of more than 64 bits.
    pub fn number(&mut self, what: &str) -> Result<usize, String> {
        let [low, high @ ..] = self.limbs(what)?;
        let fits = high == [0; 4];
        Ok(usize::try_from(low).ok().filter(|_| fits).unwrap_or(usize::MAX))
    }

    /// An integer n as the number 2 n, or -2 n - 1 if it is negative: the magnitude, and whether
    /// it is negative.
    fn signed(&mut self, what: &str) -> Result<([u64; 4], bool), String> {
        let limbs = self.limbs(what)?;
        let negative = limbs[0] & 1 == 1;
        let mut half = [0u64; 4];
        for (slot, pair) in half.iter_mut().zip(limbs.windows(2)) {
            if let [low, high] = pair {
                *slot = low >> 1 | high << 63;
            }
        }
        if limbs[4] > 1 {
            return Err(format!("{what} takes more than 256 bits"));
        }
        if negative {
            for limb in &mut half {
                let (next, carry) = limb.overflowing_add(1);
                *limb = next;
                if !carry {
                    return Ok((half, true));
                }
            }
            return Err(format!("{what} takes more than 256 bits"));
        }
        Ok((half, false))
    }

    /// An integer of 64 bits.
    pub fn integer(&mut self, what: &str) -> Result<i64, String> {
        let ([low, high @ ..], negative) = self.signed(what)?;
        let magnitude = i128::from(low);
        i64::try_from(if negative { -magnitude } else { magnitude })
            .ok()
            .filter(|_| high == [0; 3])
            .ok_or_else(|| format!("{what} does not fit 64 bits"))
    }

    /// An integer that is at most l / 2 in absolute value, as a scalar.
    pub fn scalar(&mut self, what: &str) -> Result<Scalar, String> {
        let (magnitude, negative) = self.signed(what)?;
        let magnitude = from_limbs(magnitude).ok_or_else(|| format!("{what} exceeds l / 2"))?;
        Ok(if negative { -magnitude } else { magnitude })
    }

    /// Refuses trailing bytes.
    pub fn finish(self, what: &str) -> Result<(), String> {
        if self.data.is_empty() {
            Ok(())
        } else {
            Err(format!("{} bytes follow the end of the {what}", self.data.len()))
        }
    }
}
