//! iden3's binary container: a magic word, a version, and numbered sections with their lengths.

use std::collections::BTreeMap;
use std::ops::Range;
use zkinfer_verify::reader::Reader;

/// Bytes that are read piece by piece, such as those of a file that is mapped into memory.
pub trait Source: Send + Sync {
    /// How many there are.
    fn size(&self) -> usize;
    /// The bytes of a range, or None when it does not lie within the size.
    fn read(&self, range: Range<usize>) -> Option<Vec<u8>>;
}

impl Source for Vec<u8> {
    fn size(&self) -> usize {
        self.len()
    }

    fn read(&self, range: Range<usize>) -> Option<Vec<u8>> {
        self.get(range).map(<[u8]>::to_vec)
    }
}

/// Bytes before a section's content, and before the first section.
const HEADER: usize = 12;

/// Where the sections of a container lie.
pub struct Sections(BTreeMap<u32, Range<usize>>);

impl Sections {
    /// Finds the sections; every one occurs once, and nothing is left over.
    ///
    /// # Errors
    /// A sentence.
    pub fn find(source: &dyn Source, magic: [u8; 4], version: u32) -> Result<Self, String> {
        let header = |start: usize, what: &str| {
            let bytes = start.checked_add(HEADER).and_then(|end| source.read(start..end));
            bytes.ok_or_else(|| format!("{what} at byte {start} is cut off"))
        };
        let bytes = header(0, "the header")?;
        let mut reader = Reader::new(&bytes);
        let word = reader.array::<4>("the magic word")?;
        if word != magic {
            let (want, got) = (magic.escape_ascii(), word.escape_ascii());
            return Err(format!("the file must begin with \"{want}\" and begins with \"{got}\""));
        }
        let got = number(&mut reader, "the version")?;
        if got != version {
            return Err(format!("the format's version must be {version} and is {got}"));
        }
        let mut sections = BTreeMap::new();
        let mut end = HEADER;
        for _ in 0..number(&mut reader, "the number of sections")? {
            let bytes = header(end, "the header of a section")?;
            let mut reader = Reader::new(&bytes);
            let kind = number(&mut reader, "a section's number")?;
            let size = size(&mut reader, "a section's length")?;
            let start = end.saturating_add(HEADER);
            end = start.saturating_add(size);
            if end > source.size() {
                return Err(format!("section {kind} of {size} bytes is cut off"));
            }
            if sections.insert(kind, start..end).is_some() {
                return Err(format!("section {kind} occurs twice"));
            }
        }
        match source.size().saturating_sub(end) {
            0 => Ok(Sections(sections)),
            left => Err(format!("{left} bytes follow the last section")),
        }
    }

    /// Where a section lies.
    ///
    /// # Errors
    /// A sentence when there is none.
    pub fn get(&self, kind: u32) -> Result<Range<usize>, String> {
        self.0.get(&kind).cloned().ok_or_else(|| format!("section {kind} is missing"))
    }

    /// Where a section of this many bytes lies.
    ///
    /// # Errors
    /// A sentence when there is none or its length is another.
    pub fn sized(&self, kind: u32, size: Option<usize>) -> Result<Range<usize>, String> {
        let range = self.get(kind)?;
        let got = range.len();
        match size {
            Some(size) if size == got => Ok(range),
            Some(size) => Err(format!("section {kind} must have {size} bytes and has {got}")),
            None => Err(format!("section {kind} would exceed the memory's size")),
        }
    }

    /// The numbers of all sections.
    pub fn kinds(&self) -> impl Iterator<Item = u32> {
        self.0.keys().copied()
    }
}

/// A number of 32 bits.
///
/// # Errors
/// A sentence when it is cut off.
pub fn number(reader: &mut Reader<'_>, what: &str) -> Result<u32, String> {
    reader.array(what).map(u32::from_le_bytes)
}

/// A number of 32 bits that counts.
///
/// # Errors
/// A sentence when it is cut off.
pub fn count(reader: &mut Reader<'_>, what: &str) -> Result<usize, String> {
    number(reader, what).map(|number| usize::try_from(number).unwrap_or(usize::MAX))
}

/// A number of 64 bits; usize::MAX for one that a machine's memory cannot reach.
fn size(reader: &mut Reader<'_>, what: &str) -> Result<usize, String> {
    let number = reader.array(what).map(u64::from_le_bytes)?;
    Ok(usize::try_from(number).unwrap_or(usize::MAX))
}

/// Begins a container of so many sections.
pub fn begin(out: &mut Vec<u8>, magic: [u8; 4], version: u32, sections: u32) {
    out.extend(magic);
    out.extend(version.to_le_bytes());
    out.extend(sections.to_le_bytes());
}

/// Begins a section of so many bytes, which follow.
pub fn section(out: &mut Vec<u8>, kind: u32, size: usize) {
    out.reserve(HEADER.saturating_add(size));
    out.extend(kind.to_le_bytes());
    out.extend((size as u64).to_le_bytes());
}
