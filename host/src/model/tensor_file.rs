//! A safetensors file as it is read, tensor by tensor: on disk or in memory.

use std::fs::File;
use std::io::{self, ErrorKind, Read, Seek, SeekFrom};

use anyhow::{Context, Result, anyhow, bail, ensure};
use safetensors::tensor::{Dtype, Metadata};

/// The largest header that is read, as of the crate.
const MOST_HEADER: u64 = 100_000_000;

/// Where the bytes of a file are.
#[derive(Debug)]
enum Bytes<'a> {
    OnDisk(File),
    InMemory(&'a [u8]),
}

impl Bytes<'_> {
    fn len(&self) -> io::Result<u64> {
        match self {
            Self::OnDisk(file) => Ok(file.metadata()?.len()),
            Self::InMemory(bytes) => Ok(bytes.len() as u64),
        }
    }

    /// Fills memory with the bytes from `start` on.
    fn read(&self, start: u64, to: &mut [u8]) -> io::Result<()> {
        match self {
            Self::OnDisk(file) => {
                let mut file = file;
                file.seek(SeekFrom::Start(start))?;
                file.read_exact(to)
            }
            Self::InMemory(bytes) => bytes.get(start as usize..).unwrap_or_default().read_exact(to),
        }
    }
}

/// A file that is read, tensor by tensor.
#[derive(Debug)]
pub(crate) struct TensorFile<'a> {
    bytes: Bytes<'a>,
    /// Where the tensors begin.
    start: u64,
    metadata: Metadata,
}

impl<'a> TensorFile<'a> {
    /// Reads the header, which begins at byte `start` of the file.
    ///
    /// # Errors
    ///
    /// When it cannot be read, or says something that the rest of the file is not.
    pub(crate) fn new(file: File, start: u64) -> Result<Self> {
        Self::of(Bytes::OnDisk(file), start)
    }

    /// The same of a file that is in memory as a whole.
    ///
    /// # Errors
    ///
    /// As [`TensorFile::new`].
    pub(crate) fn in_memory(file: &'a [u8]) -> Result<Self> {
        Self::of(Bytes::InMemory(file), 0)
    }

    fn of(bytes: Bytes<'a>, start: u64) -> Result<Self> {
        let rest = bytes.len()?.saturating_sub(start);
        let mut len = [0; 8];
        bytes.read(start, &mut len)?;
        let len = u64::from_le_bytes(len);
        ensure!(len <= MOST_HEADER.min(rest), "its header has {len} bytes");
        let mut header = vec![0; len as usize];
        bytes.read(start + 8, &mut header)?;
        let metadata: Metadata = serde_json::from_slice(&header)?;
        let (found, expected) = (rest, 8 + len + metadata.data_len() as u64);
        ensure!(found == expected, "it has {found} bytes, but its header says {expected}");
        Ok(Self { bytes, start: start + 8 + len, metadata })
    }

    /// An entry of the metadata.
    pub(crate) fn entry(&self, key: &str) -> Option<&str> {
        Some(self.metadata.metadata().as_ref()?.get(key)?.as_str())
    }

    /// Elements of a tensor; 0 where it is not there.
    pub(crate) fn len(&self, name: &str) -> usize {
        self.metadata.info(name).map_or(0, |info| info.shape.iter().product())
    }

    /// Whether there is a tensor of this name.
    pub(crate) fn holds(&self, name: &str) -> bool {
        self.metadata.info(name).is_some()
    }

    /// Where the elements of a tensor are in the file.
    fn place(&self, name: &str, dtype: Dtype) -> Result<(usize, usize)> {
        let info = self.metadata.info(name).ok_or_else(|| anyhow!("the tensor '{name}' is missing"))?;
        if info.dtype != dtype {
            bail!("the tensor '{name}' holds {:?}, expected {dtype:?}", info.dtype);
        }
        Ok(info.data_offsets)
    }

    /// Reads as many elements as a tensor has into memory that is there.
    fn read<T: bytemuck::Pod>(&self, name: &str, dtype: Dtype, to: &mut [T]) -> Result<()> {
        let (first, end) = self.place(name, dtype)?;
        let (found, expected) = ((end - first) / size_of::<T>(), to.len());
        ensure!(found == expected, "the tensor '{name}' has {found} elements, expected {expected}");
        let bytes: &mut [u8] = bytemuck::cast_slice_mut(to);
        self.bytes.read(self.start + first as u64, bytes).with_context(|| format!("the tensor '{name}'"))?;
        // The file is little-endian.
        if cfg!(target_endian = "big") {
            bytes.chunks_exact_mut(size_of::<T>()).for_each(<[u8]>::reverse);
        }
        Ok(())
    }

    /// Fills memory with a tensor of floats.
    ///
    /// # Errors
    ///
    /// When it is not there, has another length, holds something else, or cannot be read.
    pub(crate) fn floats_into(&self, name: &str, to: &mut [f32]) -> Result<()> {
        self.read(name, Dtype::F32, to)
    }

    /// Fills memory with a tensor of 16 bits an element: whole numbers or floats.
    ///
    /// # Errors
    ///
    /// As [`TensorFile::floats_into`].
    pub(crate) fn halves_into(&self, name: &str, dtype: Dtype, to: &mut [u16]) -> Result<()> {
        self.read(name, dtype, to)
    }

    /// The elements of a tensor.
    fn elements<T: bytemuck::Pod>(&self, name: &str, dtype: Dtype) -> Result<Vec<T>> {
        let (first, end) = self.place(name, dtype)?;
        let mut elements = Vec::new();
        let len = (end - first) / size_of::<T>();
        elements.try_reserve_exact(len).map_err(|_| io::Error::from(ErrorKind::OutOfMemory))?;
        elements.resize(len, T::zeroed());
        self.read(name, dtype, &mut elements)?;
        Ok(elements)
    }

    /// A tensor of floats.
    ///
    /// # Errors
    ///
    /// When it is not there, holds something else, or cannot be read.
    pub(crate) fn floats(&self, name: &str) -> Result<Vec<f32>> {
        self.elements(name, Dtype::F32)
    }

    /// A tensor of integers without sign.
    ///
    /// # Errors
    ///
    /// As [`TensorFile::floats`].
    pub(crate) fn integers(&self, name: &str) -> Result<Vec<u32>> {
        self.elements(name, Dtype::U32)
    }

    /// A tensor of integers with a sign, of 32 or 64 bits in the file: those of a network's structure.
    ///
    /// # Errors
    ///
    /// As [`TensorFile::floats`], and where one is below zero or beyond 32 bits.
    pub(crate) fn signed(&self, name: &str) -> Result<Vec<u32>> {
        let narrow = |value: i64| u32::try_from(value).map_err(|_| anyhow!("the tensor '{name}' holds {value}"));
        if self.metadata.info(name).is_some_and(|info| info.dtype == Dtype::I64) {
            let words: Vec<i64> = self.elements(name, Dtype::I64)?;
            return words.into_iter().map(narrow).collect();
        }
        let words: Vec<i32> = self.elements(name, Dtype::I32)?;
        words.into_iter().map(|word| narrow(word.into())).collect()
    }

    /// A tensor of 16 bits an element: whole numbers or floats.
    ///
    /// # Errors
    ///
    /// As [`TensorFile::floats`].
    pub(crate) fn halves(&self, name: &str, dtype: Dtype) -> Result<Vec<u16>> {
        self.elements(name, dtype)
    }

    /// A tensor of bits.
    ///
    /// # Errors
    ///
    /// As [`TensorFile::floats`].
    pub(crate) fn bits(&self, name: &str) -> Result<Vec<u64>> {
        self.elements(name, Dtype::U64)
    }
}
