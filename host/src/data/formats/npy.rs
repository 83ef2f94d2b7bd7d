//! Arrays of `NumPy`: NPY, and NPZ with the names that Keras gives them (`x_train`, `y_train`, `x_test`, `y_test`) or `X` and `y`.
//!
//! Arrays of any number type, byte order and memory order are read. Bytes stay bytes, everything else becomes 32-bit
//! floats while it is read, so nothing is in memory twice.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::Path;

use npyz::{DType, NpyFile, TypeChar};

use crate::data::formats::array_order::{Transposition, planes};
use crate::data::formats::error::{Place, ReadError};
use crate::data::formats::npy_header::header;
use crate::data::formats::table::{Classes, NO_LABEL, Naming, Table, Target, class_text};
use crate::data::formats::wanted::{Wanted, WantedTarget};
use crate::data::samples::Features;

/// An array of samples: the first axis counts them.
#[derive(Clone, Debug, PartialEq)]
struct Array {
    /// Extents of all axes.
    shape: Vec<usize>,
    /// Values in C order.
    values: Features<'static>,
}

impl Array {
    /// Samples: the extent of the first axis.
    fn samples(&self) -> usize {
        self.shape.first().copied().unwrap_or(0)
    }
}

/// Reads a file with one array: a row a sample, of which the last column is what is to be learned, unless there are as many
/// as the samples before have features. Where samples are only predicted, that column is left out.
///
/// # Errors
///
/// Content that is no array of numbers.
pub(super) fn read_npy(file: &Path, wanted: &Wanted) -> Result<Table, ReadError> {
    let x = open(file, wanted.keep_missing)?;
    let width = x.values.len() / x.samples().max(1);
    let known = wanted.like.as_ref().map(|like| like.n_features);
    let has_labels = match wanted.target {
        WantedTarget::Class(_) | WantedTarget::Values(_) => known != Some(width),
        WantedTarget::Nothing(_) => false,
        WantedTarget::LeftOut(_) => known == Some(width - 1),
    };
    if !has_labels || x.shape.len() != 2 || width < 2 {
        return table(x, None, file, "", wanted);
    }
    let samples = x.samples();
    let mut features = x.values.into_floats();
    let mut last = Vec::with_capacity(samples);
    for sample in 0..samples {
        let row = sample * width..(sample + 1) * width - 1;
        last.push(features[row.end]);
        features.copy_within(row, sample * (width - 1));
    }
    features.truncate(samples * (width - 1));
    let x = Array { shape: vec![samples, width - 1], values: Features::Floats(features.into()) };
    let y = Array { shape: vec![samples], values: Features::Floats(last.into()) };
    let is_read = !matches!(wanted.target, WantedTarget::LeftOut(_));
    table(x, is_read.then_some(y), file, "", wanted)
}

/// The array of a file.
fn open(file: &Path, keep_missing: bool) -> Result<Array, ReadError> {
    let source = File::open(file).map_err(ReadError::io(file))?;
    let bytes = source.metadata().map_err(ReadError::io(file))?.len();
    array(BufReader::with_capacity(1 << 18, source), bytes, file, keep_missing, || Place::Whole)
}

/// The arrays of an archive that are known by name: training samples, and test samples where there are some.
///
/// # Errors
///
/// An archive that is damaged or has other arrays.
pub(super) fn read_npz(file: &Path, wanted: &Wanted) -> Result<(Table, Option<Table>), ReadError> {
    let source = File::open(file).map_err(ReadError::io(file))?;
    let damaged = |error: zip::result::ZipError| {
        ReadError::whole(file, format!("the archive is damaged ({error})"), "write it again with numpy.savez")
    };
    let mut archive = zip::ZipArchive::new(BufReader::new(source)).map_err(damaged)?;
    let names: Vec<String> =
        archive.file_names().filter_map(Result::ok).map(|name| name.trim_end_matches(".npy").to_owned()).collect();
    let mut take = |name: &str, keep_missing: bool| -> Result<Array, ReadError> {
        let entry = archive.by_name(&format!("{name}.npy")).map_err(damaged)?;
        let bytes = entry.size();
        array(BufReader::with_capacity(1 << 18, entry), bytes, file, keep_missing, || Place::Array(name.to_owned()))
    };
    let has = |name: &str| names.iter().any(|there| there == name);
    let lone = matches!(wanted.target, WantedTarget::Nothing(_)) || wanted.like.is_some();
    let is_read = !matches!(wanted.target, WantedTarget::LeftOut(_));
    let pair = |pairs: &[(&'static str, &'static str)]| {
        let pair = pairs.iter().find(|&&(x, y)| has(x) && (has(y) || lone));
        pair.map(|&(x, y)| (x, (is_read && has(y)).then_some(y)))
    };
    let trained = pair(&[("x_train", "y_train"), ("X_train", "y_train"), ("X", "y"), ("x", "y")]);
    let tested = pair(&[("x_test", "y_test"), ("X_test", "y_test")]);
    // A model is measured on test samples, which need no others beside them.
    let (first, second) = match (trained, tested) {
        (None, Some(tested)) if wanted.like.is_some() => (Some(tested), None),
        found => found,
    };
    let Some(first) = first else {
        let found = format!("the archive has the arrays {}", names.join(", "));
        return Err(ReadError::whole(file, found, "it needs x_train and y_train, or X and y"));
    };
    let mut read = |(x, y): (&'static str, Option<&'static str>)| -> Result<(Table, Vec<usize>), ReadError> {
        // A missing label is refused with the others.
        let labels = y.map(|y| take(y, true)).transpose()?;
        let samples = take(x, wanted.keep_missing)?;
        let axes = samples.shape.get(1..).unwrap_or_default().to_vec();
        Ok((table(samples, labels, file, x, wanted)?, axes))
    };
    let (train, axes) = read(first)?;
    let Some((test, other)) = second.map(read).transpose()? else { return Ok((train, None)) };
    // Also where the axes are of no plane that is known.
    if axes != other && axes.len() > 1 && other.len() > 1 {
        let found = format!("test samples of {other:?}, but others of {axes:?}");
        return Err(ReadError::whole(file, found, "bring all samples to one shape"));
    }
    Ok((train, Some(test)))
}

/// Features and labels as a table; `name` is that of the features.
///
/// # Errors
///
/// Arrays of different lengths, or labels that are no whole numbers.
fn table(x: Array, y: Option<Array>, file: &Path, name: &str, wanted: &Wanted) -> Result<Table, ReadError> {
    let samples = x.samples();
    let place = || if name.is_empty() { Place::Whole } else { Place::Array(name.to_owned()) };
    let n_features = x.values.len().checked_div(samples).unwrap_or(0);
    if n_features == 0 {
        let found = format!("the shape is {:?}", x.shape);
        return Err(ReadError::at(file, place(), found, "samples along the first axis, features along the others"));
    }
    let numbers = matches!(wanted.target, WantedTarget::Values(_));
    if let Some(y) = &y
        && let Features::Floats(values) = &y.values
        && let Some(at) = values.iter().position(|value| value.is_nan())
    {
        let sample = at / (values.len() / y.samples());
        return Err(ReadError::at(
            file,
            Place::Array("of labels".into()),
            format!("sample {sample} holds NaN"),
            NO_LABEL,
        ));
    }
    let target = match y {
        None => Target::None,
        Some(y) if y.samples() != samples || (y.values.len() != samples && !numbers) => {
            let found = format!("{samples} samples, but labels of shape {:?}", y.shape);
            return Err(ReadError::at(file, place(), found, "give one label a sample"));
        }
        Some(y) if numbers => {
            let outputs = y.values.len() / samples;
            let names = (0..outputs).map(|at| if outputs == 1 { "y".into() } else { format!("y{at}") }).collect();
            Target::Values { names, values: y.values.to_floats().into_owned() }
        }
        Some(y) => Target::Classes(classes(&y, file)?),
    };
    let (shape, features) = planes(&x.shape, wanted.shape, x.values);
    Ok(Table { features, n_features, names: Vec::new(), shape, target })
}

/// From here on, floats skip whole numbers.
const EXACT: f32 = 16_777_216.0;

/// The class of each sample.
fn classes(y: &Array, file: &Path) -> Result<Classes, ReadError> {
    let mut naming = Naming::default();
    for sample in 0..y.samples() {
        let place = || Place::Array(format!("of labels, sample {sample}"));
        let text = match &y.values {
            Features::Bytes(values) => values[sample].to_string(),
            numbers => {
                let value = numbers.to_floats()[sample];
                if value.abs() >= EXACT {
                    let advice = "labels from 16777216 on are not told apart; number the classes from 0";
                    return Err(ReadError::at(file, place(), format!("the label is {value}"), advice));
                }
                value.to_string()
            }
        };
        if !naming.push(class_text(&text, file, place)?) {
            return Err(ReadError::at(
                file,
                place(),
                "too many different labels",
                "is this a number to learn? use --task regress",
            ));
        }
    }
    Ok(naming.finish())
}

/// Reads an array from a source of so many bytes, its header included.
fn array(
    mut source: impl Read,
    bytes: u64,
    file: &Path,
    keep_missing: bool,
    place: impl Fn() -> Place,
) -> Result<Array, ReadError> {
    let damaged = |error: io::Error| {
        ReadError::at(file, place(), format!("no whole NumPy array ({error})"), "write it again with numpy.save")
    };
    let header = header(&mut source).map_err(damaged)?;
    let npy = NpyFile::with_header(header, source);
    let shape: Vec<usize> = npy.shape().iter().map(|&extent| extent as usize).collect();
    let (order, dtype) = (npy.order(), npy.dtype());
    let kind = match &dtype {
        DType::Plain(kind) => Some((kind.type_char(), kind.size_field())),
        _ => None,
    };
    let len = shape.iter().try_fold(1usize, |len, &extent| len.checked_mul(extent)).unwrap_or(usize::MAX);
    if len == 0 || shape.is_empty() {
        let found = format!("the shape is {shape:?}");
        return Err(ReadError::at(file, place(), found, "give at least one sample and one feature"));
    }
    // The content, not the header, decides how much is allocated.
    if kind.is_some_and(|(_, size)| (len as u64).saturating_mul(size) > bytes) {
        return Err(damaged(io::ErrorKind::UnexpectedEof.into()));
    }
    let order = Transposition::new(&shape, order);
    macro_rules! read {
        ($type:ty as $kind:ty) => {{
            let data = npy.data::<$type>().map_err(|error| damaged(io::Error::other(error)))?;
            order.collect(data.map(|value| value.map(|value| value as $kind)), len).map_err(damaged)?
        }};
    }
    let values = match kind {
        Some((TypeChar::Uint, 1)) => Features::Bytes(read!(u8 as u8).into()),
        Some((TypeChar::Float, 4)) => Features::Floats(read!(f32 as f32).into()),
        Some((TypeChar::Float, 8)) => Features::Floats(read!(f64 as f32).into()),
        Some((TypeChar::Int, 1)) => Features::Floats(read!(i8 as f32).into()),
        Some((TypeChar::Int, 2)) => Features::Floats(read!(i16 as f32).into()),
        Some((TypeChar::Int, 4)) => Features::Floats(read!(i32 as f32).into()),
        Some((TypeChar::Int, 8)) => Features::Floats(read!(i64 as f32).into()),
        Some((TypeChar::Uint, 2)) => Features::Floats(read!(u16 as f32).into()),
        Some((TypeChar::Uint, 4)) => Features::Floats(read!(u32 as f32).into()),
        Some((TypeChar::Uint, 8)) => Features::Floats(read!(u64 as f32).into()),
        _ => {
            let found = format!("the type is {}", dtype.descr());
            return Err(ReadError::at(file, place(), found, "save numbers: array.astype('float32')"));
        }
    };
    if let Features::Floats(values) = &values
        && let Some(at) = values.iter().position(|value| !(value.is_finite() || keep_missing && value.is_nan()))
    {
        let sample = at / (len / shape[0]);
        let found = format!("sample {sample} holds {}", values[at]);
        return Err(ReadError::at(
            file,
            place(),
            found,
            "replace it by a finite number, or NaN by the mean of its feature with --missing mean",
        ));
    }
    Ok(Array { shape, values })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::name::ImageShape;
    use std::io::Write;

    /// A file as `numpy.save` writes it.
    fn npy(descr: &str, fortran: bool, shape: &str, data: &[u8]) -> Vec<u8> {
        let order = if fortran { "True" } else { "False" };
        let mut header = format!("{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}");
        while (header.len() + 11) % 64 != 0 {
            header.push(' ');
        }
        header.push('\n');
        let len = u16::try_from(header.len()).unwrap().to_le_bytes();
        [b"\x93NUMPY\x01\x00".as_slice(), &len, header.as_bytes(), data].concat()
    }

    fn read_bytes(bytes: &[u8]) -> Result<Array, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), bytes).unwrap();
        open(file.path(), false).map_err(|error| error.to_string())
    }

    fn floats<T: Copy>(values: &[T], bytes: fn(T) -> Vec<u8>) -> Vec<u8> {
        values.iter().flat_map(|&value| bytes(value)).collect()
    }

    #[test]
    fn every_number_type_and_byte_order_reads_the_same() {
        let expected = Features::Floats(vec![1.0, 2.0, 3.0, 4.0].into());
        let whole = [1i64, 2, 3, 4];
        let real = [1.0f64, 2.0, 3.0, 4.0];
        for (descr, data) in [
            ("<f8", floats(&real, |v| v.to_le_bytes().to_vec())),
            (">f8", floats(&real, |v| v.to_be_bytes().to_vec())),
            ("<f4", floats(&real, |v| (v as f32).to_le_bytes().to_vec())),
            ("<i8", floats(&whole, |v| v.to_le_bytes().to_vec())),
            (">i4", floats(&whole, |v| (v as i32).to_be_bytes().to_vec())),
            ("<u2", floats(&whole, |v| (v as u16).to_le_bytes().to_vec())),
            ("|i1", floats(&whole, |v| vec![v as u8])),
        ] {
            let read = read_bytes(&npy(descr, false, "(2, 2)", &data)).unwrap();
            assert_eq!((read.values, read.shape), (expected.clone(), vec![2, 2]), "{descr}");
        }
        let read = read_bytes(&npy("|u1", false, "(2, 2)", &[1, 2, 3, 4])).unwrap();
        assert_eq!(read.values, Features::Bytes(vec![1, 2, 3, 4].into()));
    }

    #[test]
    fn fortran_order_is_put_in_c_order() {
        // [[[1, 2], [3, 4], [5, 6]], [[7, 8], [9, 10], [11, 12]]]: the first axis is the fastest in the file.
        let data = [1, 7, 3, 9, 5, 11, 2, 8, 4, 10, 6, 12];
        let read = read_bytes(&npy("|u1", true, "(2, 3, 2)", &data)).unwrap();
        assert_eq!(read.values, Features::Bytes((1..=12).collect::<Vec<u8>>().into()));
    }

    #[test]
    fn what_is_no_array_of_numbers_is_refused() {
        let refused = |bytes: &[u8], says: &str| {
            let error = read_bytes(bytes).unwrap_err();
            assert!(error.contains(says), "{error}");
        };
        refused(b"", "NumPy");
        refused(b"PK\x03\x04 no array", "NumPy");
        refused(&npy("|O", false, "(2,)", &[0; 16]), "type");
        refused(&npy("<U3", false, "(2,)", &[0; 24]), "type");
        refused(&npy("<f4", false, "(2, 2)", &[0; 15]), "NumPy");
        refused(&npy("<f4", false, "(0, 2)", &[]), "shape");
        refused(&npy("<f4", false, "()", &[0; 4]), "shape");
        refused(&npy("<f4", false, "(1, 1)", &f32::NAN.to_le_bytes()), "sample 0");
        refused(&npy("<f4", false, "(99999999999, 99999999)", &[0; 4]), "");
    }

    #[test]
    fn an_archive_of_keras_has_planes_channel_by_channel() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let mut archive = zip::ZipWriter::new(std::fs::File::create(file.path()).unwrap());
        // Two pixels of three channels, twice.
        let images: Vec<u8> = (1..=12).collect();
        for (name, bytes) in [
            ("x_train", npy("|u1", false, "(2, 1, 2, 3)", &images)),
            ("y_train", npy("|u1", false, "(2, 1)", &[7, 3])),
            ("x_test", npy("|u1", false, "(1, 1, 2, 3)", &images[..6])),
            ("y_test", npy("<i8", false, "(1,)", &7i64.to_le_bytes())),
        ] {
            archive.start_file(format!("{name}.npy"), zip::write::SimpleFileOptions::default()).unwrap();
            archive.write_all(&bytes).unwrap();
        }
        archive.finish().unwrap();
        let (train, test) = read_npz(file.path(), &Wanted::default()).unwrap();
        assert_eq!(train.features, Features::Bytes(vec![1, 4, 2, 5, 3, 6, 7, 10, 8, 11, 9, 12].into()));
        assert_eq!((train.shape, train.n_features), (Some(ImageShape { channels: 3, height: 1, width: 2 }), 6));
        assert!(
            matches!(train.target, Target::Classes(classes) if classes.names == ["3", "7"] && classes.labels == [1, 0])
        );
        assert_eq!(test.unwrap().len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_make_it_panic(at in 0usize..140, byte in proptest::num::u8::ANY, cut in 0usize..140) {
            let mut bytes = npy("<f4", false, "(2, 2)", &[0; 16]);
            let at = at % bytes.len();
            bytes[at] = byte;
            drop(read_bytes(&bytes));
            bytes.truncate(cut);
            drop(read_bytes(&bytes));
        }
    }
}
