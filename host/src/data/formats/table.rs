//! Samples as a file holds them.

use std::collections::HashMap;
use std::path::Path;

use crate::data::formats::error::{Place, ReadError};
use crate::data::name::ImageShape;
use crate::data::samples::Features;

/// What is to be learned of each sample.
#[derive(Clone, Debug, PartialEq)]
pub enum Target {
    /// Nothing.
    None,
    /// A class each.
    Classes(Classes),
    /// One or more numbers each: `[samples, names.len()]`.
    Values {
        /// A name each.
        names: Vec<String>,
        /// The numbers.
        values: Vec<f32>,
    },
}

/// A class of each sample, by index into names.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Classes {
    /// Of each sample.
    pub labels: Vec<u16>,
    /// In ascending order: by value where all are whole numbers, else by text.
    pub names: Vec<String>,
}

/// Samples of a file.
#[derive(Clone, Debug, PartialEq)]
pub struct Table {
    /// Values, one sample after the other. A missing value is NaN.
    pub features: Features<'static>,
    /// Features of a sample.
    pub n_features: usize,
    /// Names of the features; empty where the file gives none.
    pub names: Vec<String>,
    /// Where the features lie, if the file says so.
    pub shape: Option<ImageShape>,
    /// What is to be learned.
    pub target: Target,
}

impl Table {
    /// Number of samples.
    pub fn len(&self) -> usize {
        self.features.len().checked_div(self.n_features).unwrap_or(0)
    }

    /// Whether there is no sample.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Gives texts the classes that they name, one sample at a time.
#[derive(Debug, Default)]
pub(super) struct Naming {
    codes: Vec<u16>,
    by_text: HashMap<Box<str>, u16>,
    texts: Vec<Box<str>>,
    /// The code of the sample before.
    last: Option<u16>,
}

/// What to do about a sample whose label is missing.
pub(super) const NO_LABEL: &str = "a sample without a label teaches nothing; remove it";

/// Classes that a network can tell apart: labels have 16 bits.
pub(super) const MAX_CLASSES: usize = 1 << 16;

impl Naming {
    /// Adds a sample; `false` when there are too many classes.
    pub(super) fn push(&mut self, text: &str) -> bool {
        // Files are often sorted by class, so the last one is looked at first.
        if let Some(last) = self.last
            && &*self.texts[usize::from(last)] == text
        {
            self.codes.push(last);
            return true;
        }
        let code = if let Some(&code) = self.by_text.get(text) {
            code
        } else {
            let Ok(code) = u16::try_from(self.texts.len()) else { return false };
            self.by_text.insert(text.into(), code);
            self.texts.push(text.into());
            code
        };
        self.last = Some(code);
        self.codes.push(code);
        true
    }

    /// All samples, with the classes in ascending order.
    pub(super) fn finish(self) -> Classes {
        let mut order: Vec<usize> = (0..self.texts.len()).collect();
        let numbers: Option<Vec<i64>> = self.texts.iter().map(|text| text.parse().ok()).collect();
        match numbers {
            Some(numbers) => order.sort_by_key(|&i| numbers[i]),
            None => order.sort_by(|&a, &b| self.texts[a].cmp(&self.texts[b])),
        }
        let mut rank = vec![0; order.len()];
        for (class, &code) in (0u16..=u16::MAX).zip(&order) {
            rank[code] = class;
        }
        let names = order.iter().map(|&code| self.texts[code].to_string()).collect();
        Classes { labels: self.codes.into_iter().map(|code| rank[usize::from(code)]).collect(), names }
    }
}

/// The name of the class that a label's text stands for: whole numbers lose a fraction of zeros.
///
/// # Errors
///
/// A number with a fraction, which names no class.
pub(super) fn class_text<'t>(text: &'t str, file: &Path, place: impl FnOnce() -> Place) -> Result<&'t str, ReadError> {
    // A plus sign, and a minus before zero, make no other class.
    let text = text.strip_prefix('+').filter(|rest| rest.starts_with(|c: char| c.is_ascii_digit())).unwrap_or(text);
    let is_zero = |rest: &&str| rest.starts_with('0') && rest.bytes().all(|byte| byte == b'0' || byte == b'.');
    let text = text.strip_prefix('-').filter(is_zero).unwrap_or(text);
    let whole = text.split_once('.').filter(|(whole, zeros)| {
        whole.parse::<i64>().is_ok() && !zeros.is_empty() && zeros.bytes().all(|byte| byte == b'0')
    });
    if let Some((whole, _)) = whole {
        return Ok(whole);
    }
    if text.parse::<i64>().is_err() && text.parse::<f64>().is_ok_and(f64::is_finite) {
        let advice = "a class is a word or a whole number; name another column with --label, or learn the number with \
                      --task regress";
        return Err(ReadError::at(file, place(), format!("the label is {text}"), advice));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn classes(texts: &[&str]) -> Classes {
        let mut naming = Naming::default();
        for text in texts {
            assert!(naming.push(text));
        }
        naming.finish()
    }

    #[test]
    fn text_labels_are_sorted_by_text_and_whole_numbers_by_value() {
        let named = classes(&["walk", "run", "walk", "sit"]);
        assert_eq!((named.labels, named.names), (vec![2, 0, 2, 1], vec!["run".into(), "sit".into(), "walk".into()]));
        let numbered = classes(&["10", "9", "-1", "10"]);
        assert_eq!(numbered.names, ["-1", "9", "10"]);
        assert_eq!(numbered.labels, [2, 1, 0, 2]);
    }

    #[test]
    fn a_fraction_is_no_class_but_a_fraction_of_zeros_is() {
        let place = || Place::Line(7);
        assert_eq!(class_text("3.0", Path::new("a.csv"), place).unwrap(), "3");
        assert_eq!(
            ["+1", "-1", "-0", "-0.0", "+", "-", "+x"].map(|text| class_text(text, Path::new("a.csv"), place).unwrap()),
            ["1", "-1", "0", "0", "+", "-", "+x"]
        );
        assert_eq!(class_text("nan", Path::new("a.csv"), place).unwrap(), "nan");
        let error = class_text("0.25", Path::new("a.csv"), place).unwrap_err().to_string();
        assert!(error.contains("line 7") && error.contains("--task regress"), "{error}");
    }
}
