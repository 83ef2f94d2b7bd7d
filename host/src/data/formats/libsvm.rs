//! LIBSVM text, also called `SVMlight`: `label index:value index:value …`, where zeros are left out and indices count from 1.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;

use crate::data::formats::error::{Place, ReadError};
use crate::data::formats::field::number;
use crate::data::formats::table::{Naming, Table, Target, class_text};
use crate::data::formats::wanted::{Wanted, WantedTarget};
use crate::data::samples::Features;

/// Whether the beginning of a file is of this form: its first sample has a feature `index:value`.
pub(super) fn is_likely(start: &[u8]) -> bool {
    let is_sample = |line: &&str| !line.trim().is_empty() && !line.starts_with('#');
    let text = String::from_utf8_lossy(start);
    let first = text.lines().find(is_sample).unwrap_or_default();
    let is_feature = |field: &str| {
        field
            .split_once(':')
            .is_some_and(|(index, value)| index.parse::<u32>().is_ok() && number(value.as_bytes()).is_some())
    };
    first.split_ascii_whitespace().nth(1).is_some_and(is_feature)
}

/// The label of a line and its features; none on a line without a sample.
fn parts(line: &str) -> Option<(&str, impl DoubleEndedIterator<Item = &str>)> {
    // The mark of a byte order, with which some editors begin a file.
    let line = line.strip_prefix('\u{feff}').unwrap_or(line);
    let content = line.split('#').next().unwrap_or_default();
    let mut fields = content.split_ascii_whitespace();
    Some((fields.next()?, fields.filter(|field| !field.starts_with("qid:"))))
}

/// Samples of a file, and the largest index that a line ends with. Where lines are of this form, no index is larger; [`read`]
/// refuses the others.
fn extent(file: &Path) -> std::io::Result<(usize, usize)> {
    let mut reader = BufReader::with_capacity(1 << 18, File::open(file)?);
    let (mut samples, mut widest, mut text) = (0, 0, Vec::new());
    while reader.read_until(b'\n', &mut text)? > 0 {
        if let Some((_, mut features)) = parts(&String::from_utf8_lossy(&text)) {
            let last = features.next_back().and_then(|field| field.split_once(':'));
            widest = widest.max(last.and_then(|(index, _)| index.parse::<u32>().ok()).unwrap_or(0));
            samples += 1;
        }
        text.clear();
    }
    Ok((samples, widest as usize))
}

/// Reads a file. Samples have as many features as those before, or as many as the largest index says. The file is read twice, so
/// that features go where they stay: how wide a sample is, the last line may decide.
///
/// # Errors
///
/// A line that is not of this form: with its number.
pub(super) fn read(file: &Path, wanted: &Wanted, progress: &mut dyn FnMut(u64)) -> Result<Table, ReadError> {
    let known = wanted.like.as_ref().map(|like| like.n_features);
    let numbers = matches!(wanted.target, WantedTarget::Values(_));
    let (samples, widest) = extent(file).map_err(ReadError::io(file))?;
    let n_features = known.unwrap_or(widest);
    let mut features = Vec::new();
    let room = samples.checked_mul(n_features).filter(|&len| features.try_reserve_exact(len).is_ok());
    let Some(len) = room else {
        let found = format!("{samples} samples of {n_features} features");
        return Err(ReadError::whole(file, found, "this machine has no memory for them; leave features out"));
    };
    let mut reader = BufReader::with_capacity(1 << 18, File::open(file).map_err(ReadError::io(file))?);
    let (mut naming, mut values) = (Naming::default(), Vec::new());
    let (mut text, mut line, mut bytes) = (Vec::new(), 0, 0);
    loop {
        text.clear();
        let read = reader.read_until(b'\n', &mut text).map_err(ReadError::io(file))?;
        if read == 0 {
            break;
        }
        (line, bytes) = (line + 1, bytes + read as u64);
        if bytes >> 22 != (bytes - read as u64) >> 22 {
            progress(bytes);
        }
        let bad = |found: String| {
            ReadError::at(file, Place::Line(line), found, "expected 'label index:value …', indices from 1 ascending")
        };
        let content = std::str::from_utf8(&text).map_err(|_| bad("bytes that are no text".into()))?;
        let Some((label, fields)) = parts(content) else { continue };
        if label.contains(':') {
            return Err(bad(format!("'{label}' in the place of the label")));
        }
        if matches!(wanted.target, WantedTarget::LeftOut(_)) {
            // Whatever it is.
        } else if numbers {
            let value = number(label.as_bytes()).filter(|value| value.is_finite());
            values.push(value.ok_or_else(|| bad(format!("'{label}' in the place of the number to learn")))?);
        } else {
            let label = class_text(label, file, || Place::Line(line))?;
            if !naming.push(label) {
                return Err(bad("more different labels than there can be classes".into()));
            }
        }
        let row = features.len();
        if len - row < n_features {
            return Err(bad("another sample than when the file was read before".into()));
        }
        features.resize(row + n_features, 0.0);
        let mut last = 0;
        for field in fields {
            let parsed = field.split_once(':').and_then(|(index, value)| {
                Some((index.parse::<u32>().ok()?, fast_float2::parse::<f32, _>(value).ok()?))
            });
            let Some((index, value)) = parsed else { return Err(bad(format!("'{field}'"))) };
            if index <= last {
                return Err(bad(format!("index {index} after {last}")));
            }
            if !value.is_finite() {
                return Err(bad(format!("'{field}' is no finite number")));
            }
            match features.get_mut(row + index as usize - 1) {
                Some(feature) => *feature = value,
                None if known.is_some() => {
                    return Err(bad(format!("index {index}, where the training samples have {n_features} features")));
                }
                // The line does not end with its largest index, which is refused when its end is read.
                None => (),
            }
            last = index;
        }
    }
    if samples == 0 || n_features == 0 {
        return Err(ReadError::whole(file, "no sample with a feature", "give lines such as '1 3:0.5 7:1'"));
    }
    let target = match wanted.target {
        WantedTarget::Values(_) => Target::Values { names: vec!["target".into()], values },
        WantedTarget::Class(_) | WantedTarget::Nothing(_) => Target::Classes(naming.finish()),
        WantedTarget::LeftOut(_) => Target::None,
    };
    let features = Features::Floats(features.into());
    Ok(Table { features, n_features, names: Vec::new(), shape: None, target })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::formats::wanted::Like;

    fn read_text(text: impl AsRef<[u8]>, n_features: Option<usize>) -> Result<Table, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        let like = n_features.map(|n_features| Like { n_features, names: Vec::new(), outputs: Vec::new() });
        read(file.path(), &Wanted { like, ..Wanted::default() }, &mut |_| {}).map_err(|error| error.to_string())
    }

    #[test]
    fn what_the_file_leaves_out_is_zero() {
        let read = read_text("+1 1:0.5 3:2 # a comment\n\n-1 qid:3 2:1e-1\n", None).unwrap();
        assert_eq!(read.features, Features::Floats(vec![0.5, 0.0, 2.0, 0.0, 0.1, 0.0].into()));
        assert!(
            matches!(read.target, Target::Classes(classes) if classes.names == ["-1", "1"] && classes.labels == [1, 0])
        );
        assert_eq!(read_text("1 2:1\n", Some(4)).unwrap().n_features, 4);
    }

    #[test]
    fn a_line_of_another_form_is_refused_by_its_number() {
        for (text, line) in [
            ("1 1:2\n1:3 2:1\n", 2),
            ("1 0:2\n", 1),
            ("1 2:1 2:3\n", 1),
            ("1 a:1\n", 1),
            ("1 1:inf\n", 1),
            ("1 1:1\n\n1 x\n", 3),
            ("1 5:1\n", 1),
            ("0.5 1:1\n", 1),
        ] {
            let error = read_text(text, Some(4)).unwrap_err();
            assert!(error.contains(&format!("line {line}")), "{text:?}: {error}");
        }
        assert!(read_text("", None).unwrap_err().contains("no sample"));
        assert!(read_text("1\n2\n", None).unwrap_err().contains("no sample"));
        assert!(read_text("1 4294967295:1\n".repeat(40_000), None).unwrap_err().contains("memory"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-+0-9a-z.:# \n]{0,200}") {
            drop(read_text(text, Some(100)));
        }
    }
}
