//! A field of a text: a number, a missing value, or words.

use std::borrow::Cow;
use std::path::Path;

use crate::data::formats::error::{Place, ReadError};

/// Texts that stand for a missing value, in small letters.
const MISSING: [&str; 7] = ["", "na", "n/a", "nan", "null", "none", "?"];

/// A field as a number: also those that are not finite.
pub(super) fn number(field: &[u8]) -> Option<f32> {
    let field = field.trim_ascii();
    // A sign before the digits is common, and the parser takes a minus only.
    let field = field.strip_prefix(b"+").unwrap_or(field);
    let value: f32 = fast_float2::parse(field).ok()?;
    // Words that the parser knows as numbers are missing values, or no numbers here.
    let digits = field.iter().any(u8::is_ascii_digit);
    digits.then_some(value)
}

/// Whether a field is a number but for a comma in the place of the decimal point.
pub(super) fn has_decimal_comma(field: &[u8]) -> bool {
    let point: Vec<u8> = field.iter().map(|&byte| if byte == b',' { b'.' } else { byte }).collect();
    point != field && number(&point).is_some()
}

pub(super) fn is_missing(field: &[u8]) -> bool {
    let field = field.trim_ascii();
    field.len() < 5 && MISSING.iter().any(|text| field.eq_ignore_ascii_case(text.as_bytes()))
}

/// A field as text.
pub(super) fn text<'f>(field: &'f [u8], file: &Path, place: impl Fn() -> Place) -> Result<Cow<'f, str>, ReadError> {
    match std::str::from_utf8(field) {
        Ok(text) => Ok(Cow::Borrowed(text)),
        Err(error) => {
            let byte = field[error.valid_up_to()];
            let found = format!("byte {byte:#04x} in '{}' is not UTF-8", String::from_utf8_lossy(field));
            Err(ReadError::at(file, place(), found, "save the file as UTF-8 (it may be Latin-1)"))
        }
    }
}
