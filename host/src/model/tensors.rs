//! Safetensors files of any size: written and read array by array, so that no copy of a network is made.
//!
//! The header is the crate's, and so are the bytes: a test compares them.

use std::collections::HashMap;
use std::io::{self, Write};

use anyhow::Result;
use rewire_engine::layer::Integers;
use safetensors::tensor::{Dtype, Metadata, TensorInfo};

/// Elements that are turned into bytes at a time.
const CHUNK: usize = 1 << 14;

/// What a tensor holds.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Data<'a> {
    /// Floats of 32 bits.
    Floats(&'a [f32]),
    /// Integers without sign, of 32 bits in the file.
    Integers(Integers<'a>),
    /// Integers with a sign, of which none is larger than the number: of 32 bits where they have room, else of 64.
    Signed(Integers<'a>, usize),
    /// Bits in words of 64.
    Bits(&'a [u64]),
    /// Integers without sign, of 16 bits.
    Halves(&'a [u16]),
    /// Floats of 16 bits: bfloat16.
    Brain(&'a [u16]),
}

impl Data<'_> {
    fn dtype(&self) -> Dtype {
        match self {
            Self::Floats(_) => Dtype::F32,
            Self::Integers(_) => Dtype::U32,
            Self::Signed(_, largest) if i32::try_from(*largest).is_ok() => Dtype::I32,
            Self::Signed(..) => Dtype::I64,
            Self::Bits(_) => Dtype::U64,
            Self::Halves(_) => Dtype::U16,
            Self::Brain(_) => Dtype::BF16,
        }
    }

    /// Elements.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Floats(values) => values.len(),
            Self::Integers(values) | Self::Signed(values, _) => values.len(),
            Self::Bits(values) => values.len(),
            Self::Halves(values) | Self::Brain(values) => values.len(),
        }
    }

    fn write(&self, out: &mut impl Write) -> io::Result<()> {
        match *self {
            Self::Floats(values) => write_each(values.len(), |at| values[at].to_le_bytes(), out),
            Self::Bits(values) => write_each(values.len(), |at| values[at].to_le_bytes(), out),
            Self::Halves(values) | Self::Brain(values) => write_each(values.len(), |at| values[at].to_le_bytes(), out),
            Self::Integers(values) | Self::Signed(values, _) if self.dtype() != Dtype::I64 => {
                write_each(values.len(), |at| values.at(at).to_le_bytes(), out)
            }
            Self::Integers(values) | Self::Signed(values, _) => {
                write_each(values.len(), |at| u64::from(values.at(at)).to_le_bytes(), out)
            }
        }
    }
}

/// Writes little-endian bytes of `len` elements.
fn write_each<const N: usize>(len: usize, bytes: impl Fn(usize) -> [u8; N], out: &mut impl Write) -> io::Result<()> {
    let mut buffer = Vec::with_capacity(CHUNK * N);
    for start in (0..len).step_by(CHUNK) {
        buffer.clear();
        (start..len.min(start + CHUNK)).for_each(|at| buffer.extend_from_slice(&bytes(at)));
        out.write_all(&buffer)?;
    }
    Ok(())
}

/// An array with its name.
#[derive(Clone, Debug)]
pub(crate) struct Tensor<'a> {
    /// Its name in the file.
    pub(crate) name: String,
    /// As many elements as there are.
    pub(crate) shape: Vec<usize>,
    /// The elements.
    pub(crate) data: Data<'a>,
}

/// A file that is to be written.
#[derive(Debug)]
pub(crate) struct Tensors<'a> {
    header: Vec<u8>,
    /// In the order of the file.
    tensors: Vec<Tensor<'a>>,
    bytes: u64,
}

impl<'a> Tensors<'a> {
    /// A file with these tensors, and one entry of metadata: with more, their order would change from run to run.
    ///
    /// # Errors
    ///
    /// A shape that is not that of its elements.
    pub(crate) fn new(mut tensors: Vec<Tensor<'a>>, (key, value): (&str, String)) -> Result<Self> {
        // As the crate has it: those with the widest elements first, so that all are aligned.
        tensors.sort_by(|a, b| b.data.dtype().cmp(&a.data.dtype()).then_with(|| a.name.cmp(&b.name)));
        let mut end = 0;
        let place = |tensor: &Tensor<'_>| {
            let dtype = tensor.data.dtype();
            let start = end;
            end += tensor.data.len() * (dtype.bitsize() / 8);
            (tensor.name.clone(), TensorInfo { dtype, shape: tensor.shape.clone(), data_offsets: (start, end) })
        };
        let places = tensors.iter().map(place).collect();
        let metadata = Metadata::new(Some(HashMap::from([(key.to_owned(), value)])), places)?;
        let mut header = serde_json::to_vec(&metadata)?;
        header.resize(header.len().next_multiple_of(8), b' ');
        let bytes = 8 + header.len() as u64 + metadata.data_len() as u64;
        Ok(Self { header, tensors, bytes })
    }

    /// Bytes of the file.
    pub(crate) fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Writes the file.
    ///
    /// # Errors
    ///
    /// When it cannot be written.
    pub(crate) fn write(&self, out: &mut impl Write) -> io::Result<()> {
        out.write_all(&(self.header.len() as u64).to_le_bytes())?;
        out.write_all(&self.header)?;
        self.tensors.iter().try_for_each(|tensor| tensor.data.write(out))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tensor_file::TensorFile;
    use safetensors::tensor::{TensorView, serialize};

    const FLOATS: [f32; 3] = [1.5, -2.0, 0.0];
    const COLUMNS: [u16; 4] = [1, 2, 3, 65_535];
    const BITS: [u64; 1] = [u64::MAX - 1];

    fn tensors() -> Vec<Tensor<'static>> {
        let columns = Integers::Halves(&COLUMNS);
        let tensor = |name: &str, data: Data<'static>| Tensor { name: name.into(), shape: vec![data.len()], data };
        vec![
            tensor("b.floats", Data::Floats(&FLOATS)),
            tensor("a.signed", Data::Signed(columns, i32::MAX as usize)),
            tensor("c.large", Data::Signed(columns, i32::MAX as usize + 1)),
            tensor("d.integers", Data::Integers(columns)),
            tensor("e.bits", Data::Bits(&BITS)),
        ]
    }

    fn written() -> Vec<u8> {
        let mut file = Vec::new();
        let tensors = Tensors::new(tensors(), ("key", "value".into())).unwrap();
        tensors.write(&mut file).unwrap();
        assert_eq!(file.len() as u64, tensors.bytes());
        file
    }

    #[test]
    fn the_bytes_are_those_of_the_crate() {
        let elements = tensors();
        let bytes: Vec<_> = elements
            .iter()
            .map(|tensor| {
                let mut bytes = Vec::new();
                tensor.data.write(&mut bytes).unwrap();
                bytes
            })
            .collect();
        let views = elements.iter().zip(&bytes).map(|(tensor, bytes)| {
            (tensor.name.clone(), TensorView::new(tensor.data.dtype(), tensor.shape.clone(), bytes).unwrap())
        });
        let metadata = HashMap::from([("key".to_owned(), "value".to_owned())]);
        assert_eq!(written(), serialize(views, Some(metadata)).unwrap());
    }

    #[test]
    fn what_is_written_is_read() {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(b"before").unwrap();
        file.write_all(&written()).unwrap();
        let file = TensorFile::new(file, 6).unwrap();
        assert_eq!(file.entry("key"), Some("value"));
        assert_eq!(file.floats("b.floats").unwrap(), FLOATS);
        assert_eq!(file.integers("d.integers").unwrap(), COLUMNS.map(u32::from));
        assert_eq!(file.bits("e.bits").unwrap(), BITS);
        assert!(file.holds("e.bits") && !file.holds("f"));
        assert!(file.floats("f").unwrap_err().to_string().contains("missing"));
        assert!(file.floats("a.signed").unwrap_err().to_string().contains("I32"));
    }

    #[test]
    fn a_file_of_another_length_than_it_says_is_refused() {
        let whole = written();
        for len in [0, 4, 8, 20, whole.len() - 1] {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(&whole[..len]).unwrap();
            assert!(TensorFile::new(file, 0).is_err(), "{len}");
        }
    }
}
