//! A strict reader of little-endian bytes: every read is checked, and nothing may be left over.

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

    /// Two bytes.
    pub fn u16(&mut self, what: &str) -> Result<u16, String> {
        self.array(what).map(u16::from_le_bytes)
    }

    /// Four bytes.
    pub fn u32(&mut self, what: &str) -> Result<u32, String> {
        self.array(what).map(u32::from_le_bytes)
    }

    /// Eight bytes, two's complement.
    pub fn i64(&mut self, what: &str) -> Result<i64, String> {
        self.array(what).map(i64::from_le_bytes)
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
