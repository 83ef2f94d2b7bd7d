//! CSV and TSV: text with a separator between fields, with or without a header.
//!
//! The separator is the one of comma, tab and semicolon that the first line has most of. A first line is a header where one
//! of its fields is text and the field below it is a number, or where it names the label.

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use csv::{ByteRecord, Reader, ReaderBuilder};

use crate::data::formats::columns::{self, Columns, Role};
use crate::data::formats::error::{Place, ReadError};
use crate::data::formats::field::{has_decimal_comma, is_missing, number, text};
use crate::data::formats::table::{MAX_CLASSES, NO_LABEL, Naming, Table, Target, class_text};
use crate::data::formats::wanted::{Wanted, WantedTarget};
use crate::data::samples::Features;

/// Reads a file. `progress` hears how many bytes have been read.
///
/// # Errors
///
/// Content that is no table of numbers: with line and column.
pub(super) fn read(file: &Path, wanted: &Wanted, progress: &mut dyn FnMut(u64)) -> Result<Table, ReadError> {
    let mut source = File::open(file).map_err(ReadError::io(file))?;
    let mut start = Vec::new();
    (&mut source).take(1 << 16).read_to_end(&mut start).map_err(ReadError::io(file))?;
    let bytes = source.metadata().map_err(ReadError::io(file))?.len();
    source.rewind().map_err(ReadError::io(file))?;
    let reader = builder(separator(&start)).from_reader(source);
    Rows { file, wanted, reader, bytes }.read(progress)
}

fn builder(separator: u8) -> ReaderBuilder {
    let mut builder = ReaderBuilder::new();
    builder.has_headers(false).delimiter(separator).buffer_capacity(1 << 18);
    builder
}

/// The separator that the first line has most of.
fn separator(start: &[u8]) -> u8 {
    let line = start.split(|&byte| byte == b'\n' || byte == b'\r').find(|line| !line.is_empty()).unwrap_or_default();
    let count = |separator: u8| line.split(|&byte| byte == separator).count();
    // Of equals the last wins: a comma before a semicolon before a tab.
    [b'\t', b';', b','].into_iter().max_by_key(|&separator| count(separator)).unwrap_or(b',')
}

struct Rows<'a, R> {
    file: &'a Path,
    wanted: &'a Wanted,
    reader: Reader<R>,
    bytes: u64,
}

impl<R: Read> Rows<'_, R> {
    fn read(mut self, progress: &mut dyn FnMut(u64)) -> Result<Table, ReadError> {
        let (mut first, mut record) = (ByteRecord::new(), ByteRecord::new());
        // Nothing but blank lines or a byte order mark.
        if !self.next(&mut first)? || (first.len() < 2 && first.as_slice().trim_ascii().is_empty()) {
            return Err(ReadError::whole(self.file, "the file is empty", "give a file with one sample a line"));
        }
        let has_second = self.next(&mut record)?;
        let header = columns::is_header(self.wanted, &first, has_second.then_some(&record));
        let names = if header { columns::names(&first, self.file)? } else { Vec::new() };
        let columns = columns::assign(self.wanted, names, first.len(), self.file)?;
        let mut filling = Filling::new(self.file, self.wanted, &columns);
        if !header {
            filling.push(&first)?;
        }
        if has_second {
            let row = record.as_slice().len() + record.len();
            filling.reserve(self.bytes as usize / row.max(1));
            filling.push(&record)?;
        }
        let mut told = 0;
        while self.next(&mut record)? {
            filling.push(&record)?;
            let at = self.reader.position().byte();
            if at - told > 1 << 22 {
                progress(at);
                told = at;
            }
        }
        filling.finish()
    }

    fn next(&mut self, record: &mut ByteRecord) -> Result<bool, ReadError> {
        self.reader.read_byte_record(record).map_err(|error| self.complain(error))
    }

    fn complain(&self, error: csv::Error) -> ReadError {
        let line = error.position().map_or(0, csv::Position::line);
        match error.into_kind() {
            csv::ErrorKind::Io(error) => ReadError::io(self.file)(error),
            csv::ErrorKind::UnequalLengths { expected_len, len, .. } => ReadError::at(
                self.file,
                Place::Line(line),
                format!("{len} fields, where the first line has {expected_len}"),
                "every line needs as many; put quotes around a text that contains the separator, and close them",
            ),
            kind => ReadError::at(self.file, Place::Line(line), format!("{kind:?}"), "this is no CSV"),
        }
    }
}

/// What has been read so far.
struct Filling<'a> {
    file: &'a Path,
    columns: &'a Columns,
    keep_missing: bool,
    /// Whether a label may be missing, as where it is not learned.
    optional: bool,
    features: Vec<f32>,
    values: Vec<f32>,
    naming: Naming,
}

impl<'a> Filling<'a> {
    fn new(file: &'a Path, wanted: &Wanted, columns: &'a Columns) -> Self {
        Self {
            file,
            columns,
            keep_missing: wanted.keep_missing,
            optional: matches!(wanted.target, WantedTarget::Nothing(_)),
            features: Vec::new(),
            values: Vec::new(),
            naming: Naming::default(),
        }
    }

    /// Makes room for about this many rows. Memory that is never written to is never taken from the system.
    fn reserve(&mut self, rows: usize) {
        // A file that is one long line has fewer rows than it seems; a failure here is a failure later.
        let _ = self.features.try_reserve(rows.saturating_mul(self.columns.n_features));
    }

    fn push(&mut self, record: &ByteRecord) -> Result<(), ReadError> {
        let line = record.position().map_or(0, csv::Position::line);
        let (first, values) = (self.features.len(), self.values.len());
        self.features.resize(first + self.columns.n_features, 0.0);
        self.values.resize(values + self.columns.values.len(), 0.0);
        for ((column, field), &role) in record.iter().enumerate().zip(&self.columns.roles) {
            let name = || self.columns.names.get(column).cloned().unwrap_or_default();
            let place = || Place::Field(line, column + 1, name());
            match role {
                Role::Ignored => {}
                Role::Feature(index) => self.features[first + index] = self.number(field, place)?,
                Role::Value(index) => {
                    let Some(value) = number(field).filter(|value| value.is_finite()) else {
                        return Err(if is_missing(field) {
                            missing(self.file, place(), "a sample without a target teaches nothing; remove it")
                        } else {
                            let advice = "targets are finite numbers; name their columns with --target";
                            not_finite(self.file, place(), field, advice)
                        });
                    };
                    self.values[values + index] = value;
                }
                Role::Label => {
                    let label = text(field.trim_ascii(), self.file, place)?;
                    // A class may well be called "none".
                    if is_missing(field) && !label.eq_ignore_ascii_case("none") && !self.optional {
                        return Err(missing(self.file, place(), NO_LABEL));
                    }
                    if !self.naming.push(class_text(&label, self.file, place)?) {
                        let found = format!("more than {MAX_CLASSES} different labels");
                        let advice = "is this column a class? name it with --label";
                        return Err(ReadError::at(self.file, place(), found, advice));
                    }
                }
            }
        }
        Ok(())
    }

    fn number(&self, field: &[u8], place: impl Fn() -> Place) -> Result<f32, ReadError> {
        match number(field) {
            Some(value) if value.is_finite() => Ok(value),
            None if is_missing(field) || field.is_empty() => {
                if self.keep_missing {
                    Ok(f32::NAN)
                } else {
                    let advice =
                        "fill it in, remove the row, or put the column's mean in its place with --missing mean";
                    Err(missing(self.file, place(), advice))
                }
            }
            Some(value) if value.is_nan() => {
                if self.keep_missing {
                    Ok(f32::NAN)
                } else {
                    Err(missing(self.file, place(), "use --missing mean"))
                }
            }
            _ => {
                let advice =
                    "features are finite numbers; leave a column out with --ignore, or name the label with --label";
                Err(not_finite(self.file, place(), field, advice))
            }
        }
    }

    fn finish(self) -> Result<Table, ReadError> {
        if self.features.is_empty() {
            return Err(ReadError::whole(self.file, "a header and no sample", "give a file with one sample a line"));
        }
        let Columns { features: names, n_features, values, .. } = self.columns.clone();
        let target = if !values.is_empty() {
            Target::Values { names: values, values: self.values }
        } else if self.columns.has_label() {
            Target::Classes(self.naming.finish())
        } else {
            Target::None
        };
        let features = Features::Floats(self.features.into());
        Ok(Table { features, n_features, names, shape: None, target })
    }
}

fn missing(file: &Path, place: Place, advice: &str) -> ReadError {
    ReadError::at(file, place, "the value is missing", advice)
}

fn not_finite(file: &Path, place: Place, field: &[u8], advice: &str) -> ReadError {
    let advice = if has_decimal_comma(field) { "write numbers with a decimal point, as in 1.5" } else { advice };
    ReadError::at(file, place, format!("'{}' is not a finite 32-bit number", String::from_utf8_lossy(field)), advice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::formats::table::Classes;

    fn read_text(text: impl AsRef<[u8]>, wanted: &Wanted) -> Result<Table, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path(), wanted, &mut |_| {})
            .map_err(|error| error.to_string().replace(&file.path().display().to_string(), "a.csv"))
    }

    fn floats(values: &[f32]) -> Features<'static> {
        Features::Floats(values.to_vec().into())
    }

    fn table(text: &str) -> Table {
        read_text(text, &Wanted::default()).unwrap()
    }

    fn error(text: impl AsRef<[u8]>) -> String {
        read_text(text, &Wanted::default()).unwrap_err()
    }

    #[test]
    fn a_header_names_the_features_and_the_label_is_found_by_name() {
        let read = table("class,a,b\nno,1,2\nyes,3,-4.5e1\n");
        assert_eq!(read.features, floats(&[1.0, 2.0, 3.0, -45.0]));
        assert_eq!(read.names, ["a", "b"]);
        let classes = Classes { labels: vec![0, 1], names: vec!["no".into(), "yes".into()] };
        assert_eq!(read.target, Target::Classes(classes));
    }

    #[test]
    fn without_a_header_the_last_column_is_the_label() {
        for text in ["5.1,3.5,setosa\n6,2,other\n", "5.1;3.5;setosa\r\n6;2;other", "5.1\t3.5\tsetosa\n\n6\t2\tother\n"]
        {
            let read = table(text);
            assert_eq!((read.len(), read.n_features, read.names.len()), (2, 2, 0), "{text:?}");
            assert!(matches!(read.target, Target::Classes(classes) if classes.labels == [1, 0]));
        }
    }

    #[test]
    fn a_byte_order_mark_quotes_and_spaces_are_no_part_of_a_value() {
        let read = table("\u{feff}\"a\", b ,label\n\"1\", 2 ,\"x, \"\"y\"\"\"\n+3,4,z\n");
        assert_eq!(read.names, ["a", "b"]);
        assert!(matches!(read.target, Target::Classes(classes) if classes.names == ["x, \"y\"", "z"]));
    }

    #[test]
    fn columns_are_chosen_by_name_and_by_index() {
        let wanted =
            Wanted { target: WantedTarget::Class(Some("0".into())), ignore: vec!["1".into()], ..Wanted::default() };
        let read = read_text("b,9,1\na,9,2\n", &wanted).unwrap();
        assert_eq!(read.features, floats(&[1.0, 2.0]));
        let wanted = Wanted { target: WantedTarget::Values(vec!["t".into(), "s".into()]), ..Wanted::default() };
        let read = read_text("s,x,t\n1,2,3\n4,5,6\n", &wanted).unwrap();
        assert_eq!(
            read.target,
            Target::Values { names: vec!["t".into(), "s".into()], values: vec![3.0, 1.0, 6.0, 4.0] }
        );
        let wanted = Wanted { target: WantedTarget::Nothing(None), ..Wanted::default() };
        assert_eq!(read_text("1,2\n3,4\n", &wanted).unwrap().n_features, 2);
        let wanted = Wanted { target: WantedTarget::Values(vec!["t".into()]), ..Wanted::default() };
        for (value, words) in [("", "teaches nothing"), ("much", "--target"), ("inf", "--target")] {
            let refused = read_text(format!("t,x\n1,2\n{value},5\n"), &wanted).unwrap_err();
            assert!(refused.contains("line 3, column 1 (t)") && refused.contains(words), "{refused}");
        }
        let wanted = Wanted { target: WantedTarget::Class(Some("kind".into())), ..Wanted::default() };
        let refused = read_text("a,b\n1,2\n", &wanted).unwrap_err();
        assert!(refused.contains("'kind'") && refused.contains("there are a, b"), "{refused}");
    }

    #[test]
    fn a_missing_value_is_refused_by_line_and_column_or_kept() {
        for missing in ["", "NA", "?", "nan"] {
            let text = format!("a,b,y\n1,2,0\n{missing},4,1\n");
            let refused = error(&text);
            assert!(refused.contains("line 3, column 1 (a)") && refused.contains("--missing mean"), "{refused}");
            let wanted = Wanted { keep_missing: true, ..Wanted::default() };
            let Features::Floats(kept) = read_text(&text, &wanted).unwrap().features else { panic!() };
            assert!(kept[2].is_nan() && kept[3] == 4.0);
        }
    }

    #[test]
    fn what_is_no_table_of_numbers_is_refused_with_its_place() {
        assert!(error("").contains("empty"));
        assert!(error("\n \n").contains("empty"));
        assert!(error("\u{feff}").contains("empty") && error("\u{feff}\n\n").contains("empty"));
        assert!(error("a,b,y\n").contains("no sample"));
        assert!(error("1,2,0\n3,4\n").contains("line 2"));
        assert!(error("1,2,0\n3,x,1\n").contains("line 2, column 2"));
        assert!(error("1,2,0\n3,1e99,1\n").contains("line 2, column 2"));
        assert!(error("1,2,0\n3,inf,1\n").contains("line 2, column 2"));
        assert!(error("1,2,0.5\n3,4,1\n").contains("--task regress"));
        assert!(error("1,2,a\n3,4,\n").contains("label"));
        assert!(error("1\n2\n").contains("none of which"));
        assert!(error(b"1,2,caf\xe9\n3,4,b\n").contains("UTF-8"));
    }

    #[test]
    fn mixed_line_endings_count_as_lines() {
        assert!(error("1,2,0\r\n3,4,0\n5,?,1\r\n").contains("line 3"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[-+0-9a-z.,;\t\"\r\n ]{0,200}") {
            drop(read_text(text, &Wanted::default()));
        }

        #[test]
        fn no_bytes_make_it_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            drop(read_text(bytes, &Wanted { keep_missing: true, ..Wanted::default() }));
        }
    }
}
