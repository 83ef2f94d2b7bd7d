//! Tables of numbers as `.npy` files, which `numpy.load` reads and which grow by a row at a time.
//!
//! The header has a fixed length, so the number of rows in it can be overwritten. Readers here go by the file's length,
//! so that a file that was cut short, or is still being written, gives the rows that are whole.

use std::fs::{File, OpenOptions};
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

use anyhow::{Context, Result, anyhow, ensure};

/// Bytes of the header: magic, version, length, and a dictionary padded with spaces.
const HEADER: usize = 128;
const PREFIX: &[u8] = b"\x93NUMPY\x01\x00";

/// A type of element, by its name there.
pub trait Element: bytemuck::Pod {
    /// Such as `<u4`; only little-endian machines write these files as they are.
    const NAME: &str;
}

impl Element for u16 {
    const NAME: &str = "<u2";
}
impl Element for u32 {
    const NAME: &str = "<u4";
}
impl Element for i64 {
    const NAME: &str = "<i8";
}

/// The header of an array of `rows` by `columns`, in C order.
fn header<T: Element>(rows: usize, columns: usize) -> [u8; HEADER] {
    let mut header = [b' '; HEADER];
    let text = format!("{{'descr': '{}', 'fortran_order': False, 'shape': ({rows}, {columns}), }}", T::NAME);
    header[..8].copy_from_slice(PREFIX);
    header[8..10].copy_from_slice(&((HEADER - 10) as u16).to_le_bytes());
    // Any two numbers fit: the text has at most 102 bytes.
    header[10..10 + text.len()].copy_from_slice(text.as_bytes());
    header[HEADER - 1] = b'\n';
    header
}

/// The bytes of a whole file.
pub fn encode<T: Element>(columns: usize, values: &[T]) -> Vec<u8> {
    let rows = values.len().checked_div(columns).unwrap_or(0);
    [&header::<T>(rows, columns)[..], bytemuck::cast_slice(values)].concat()
}

/// A file that rows are added to.
#[derive(Debug)]
pub struct Table<T> {
    file: File,
    columns: usize,
    rows: usize,
    element: std::marker::PhantomData<T>,
}

impl<T: Element> Table<T> {
    /// Makes a file without rows.
    ///
    /// # Errors
    ///
    /// When it is there already or cannot be written.
    pub fn create(path: &Path, columns: usize) -> Result<Self> {
        let file = OpenOptions::new().create_new(true).read(true).write(true).open(path);
        let mut file = file.with_context(|| format!("cannot make {}", path.display()))?;
        file.write_all(&header::<T>(0, columns)).with_context(|| format!("cannot write {}", path.display()))?;
        Ok(Self { file, columns, rows: 0, element: std::marker::PhantomData })
    }

    /// Opens a file and cuts it off after `rows`.
    ///
    /// # Errors
    ///
    /// When it cannot be read, is of another kind or width, or has fewer rows.
    pub fn reopen(path: &Path, columns: usize, rows: usize) -> Result<Self> {
        let shown = path.display();
        let found = read::<T>(path)?;
        ensure!(found.columns == columns, "{shown} has {} columns, expected {columns}", found.columns);
        let present = found.values.len() / columns.max(1);
        ensure!(present >= rows, "{shown} has {present} rows, expected {rows}");
        let file = OpenOptions::new().read(true).write(true).open(path);
        let file = file.with_context(|| format!("cannot write {shown}"))?;
        let mut table = Self { file, columns, rows, element: std::marker::PhantomData };
        table.settle().with_context(|| format!("cannot write {shown}"))?;
        Ok(table)
    }

    /// Adds a row.
    ///
    /// # Errors
    ///
    /// When the disk is full, for instance; the file then holds the rows before.
    pub fn append(&mut self, row: &[T]) -> std::io::Result<()> {
        debug_assert_eq!(row.len(), self.columns);
        self.file.seek(SeekFrom::Start(self.end()))?;
        let written = self.file.write_all(bytemuck::cast_slice(row));
        if written.is_ok() {
            self.rows += 1;
        }
        // The first error is the one to report.
        let settled = self.settle();
        written.and(settled)
    }

    /// Writes a row in the place of the last one.
    ///
    /// # Errors
    ///
    /// As [`Table::append`].
    pub fn replace_last(&mut self, row: &[T]) -> std::io::Result<()> {
        self.rows = self.rows.saturating_sub(1);
        self.append(row)
    }

    /// Bytes up to the last row's end.
    fn end(&self) -> u64 {
        (HEADER + self.rows * self.columns * size_of::<T>()) as u64
    }

    /// Makes header and length say how many rows there are.
    fn settle(&mut self) -> std::io::Result<()> {
        self.file.set_len(self.end())?;
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header::<T>(self.rows, self.columns))
    }
}

/// The whole rows of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Array<T> {
    /// Elements in a row.
    pub columns: usize,
    /// Row after row.
    pub values: Vec<T>,
}

impl<T> Array<T> {
    /// Row after row.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, T> {
        self.values.chunks_exact(self.columns.max(1))
    }
}

/// Reads a file that [`Table`] wrote.
///
/// # Errors
///
/// When it cannot be read, or is no such file: by name.
pub fn read<T: Element>(path: &Path) -> Result<Array<T>> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|mut file| file.read_to_end(&mut bytes));
    read.with_context(|| format!("cannot read {}", path.display()))?;
    decode(&bytes).with_context(|| format!("{} is damaged or foreign", path.display()))
}

fn decode<T: Element>(bytes: &[u8]) -> Result<Array<T>> {
    let (header, data) = bytes.split_at_checked(HEADER).ok_or_else(|| anyhow!("it is shorter than its header"))?;
    ensure!(header.starts_with(PREFIX), "it is no NumPy array of version 1.0");
    let text = std::str::from_utf8(&header[10..]).context("its header is no text")?;
    let expected = format!("{{'descr': '{}', 'fortran_order': False, 'shape': (", T::NAME);
    let shape = text.strip_prefix(&expected).ok_or_else(|| anyhow!("its header does not begin with {expected}"))?;
    let columns = shape.split_once(", ").and_then(|(_, rest)| rest.split_once(')')).map(|(columns, _)| columns.parse());
    let columns: usize = columns.and_then(Result::ok).context("its header has no shape of rows and columns")?;
    let width = columns.checked_mul(size_of::<T>()).filter(|&width| width > 0).context("its rows are empty")?;
    let whole = data.len() / width * width;
    Ok(Array { columns, values: bytemuck::pod_collect_to_vec(&data[..whole]) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_that_are_added_are_read_and_a_half_row_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.npy");
        let mut table = Table::<u16>::create(&path, 3).unwrap();
        table.append(&[1, 2, 3]).unwrap();
        table.append(&[4, 5, 6]).unwrap();
        let whole = std::fs::read(&path).unwrap();
        assert_eq!(whole, encode(3, &[1u16, 2, 3, 4, 5, 6]));
        assert!(whole[..HEADER].ends_with(b"\n") && String::from_utf8_lossy(&whole).contains("(2, 3)"));
        std::fs::write(&path, &whole[..whole.len() - 1]).unwrap();
        assert_eq!(read::<u16>(&path).unwrap(), Array { columns: 3, values: vec![1, 2, 3] });
    }

    #[test]
    fn a_table_that_is_continued_forgets_later_rows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("table.npy");
        let mut table = Table::<u32>::create(&path, 1).unwrap();
        for value in 0..5 {
            table.append(&[value]).unwrap();
        }
        let mut table = Table::<u32>::reopen(&path, 1, 2).unwrap();
        table.append(&[9]).unwrap();
        assert_eq!(read::<u32>(&path).unwrap().values, [0, 1, 9]);
        assert!(Table::<u32>::reopen(&path, 2, 1).is_err());
        assert!(Table::<u32>::reopen(&path, 1, 4).is_err());
        assert!(Table::<u16>::reopen(&path, 1, 1).is_err());
    }

    #[test]
    fn what_is_no_array_is_refused() {
        let whole = encode(2, &[1u16, 2]);
        assert_eq!(decode::<u16>(&whole).unwrap().values, [1, 2]);
        assert!(decode::<u16>(&whole[..HEADER - 1]).is_err());
        assert!(decode::<u32>(&whole).is_err());
        assert!(decode::<u16>(&[0; 200]).is_err());
    }
}
