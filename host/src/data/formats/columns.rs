//! Which column of a text is for what.

use std::collections::{HashMap, HashSet, VecDeque};
use std::path::Path;

use csv::ByteRecord;

use crate::data::formats::error::{Place, ReadError};
use crate::data::formats::field::{has_decimal_comma, is_missing, number, text};
use crate::data::formats::wanted::{Wanted, WantedTarget};

/// Names that a column of labels goes by.
const LABELS: [&str; 4] = ["label", "target", "class", "y"];

/// What a column is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Role {
    /// The feature of this index.
    Feature(usize),
    /// The class.
    Label,
    /// The number to learn of this index.
    Value(usize),
    /// Nothing.
    Ignored,
}

/// The columns of a file.
#[derive(Clone, Debug)]
pub(super) struct Columns {
    /// By column; empty without a header.
    pub(super) names: Vec<String>,
    /// By column.
    pub(super) roles: Vec<Role>,
    /// Names of the features; empty without a header.
    pub(super) features: Vec<String>,
    /// How many features there are.
    pub(super) n_features: usize,
    /// Names of the numbers to learn.
    pub(super) values: Vec<String>,
}

impl Columns {
    /// Whether there is a column of labels.
    pub(super) fn has_label(&self) -> bool {
        self.roles.contains(&Role::Label)
    }
}

/// Whether the first line names columns: it holds a name that is wanted, or a text above a number. A text in a column of classes, or
/// in one that is left out, may be a class; beside features that are numbers it tells only where these count up, as names do.
pub(super) fn is_header(wanted: &Wanted, first: &ByteRecord, second: Option<&ByteRecord>) -> bool {
    let targets: Vec<&String> = match &wanted.target {
        WantedTarget::Class(label) | WantedTarget::Nothing(label) => label.iter().collect(),
        WantedTarget::Values(names) | WantedTarget::LeftOut(names) => names.iter().collect(),
    };
    let like = wanted.like.iter().flat_map(|like| &like.names);
    let mut names = targets.into_iter().chain(&wanted.ignore).chain(like);
    let is_there = |name: &String| name.parse::<usize>().is_err() && first.iter().any(|field| field == name.as_bytes());
    if names.any(is_there) || are_defaults(first) {
        return true;
    }
    let is_text = |field: &[u8]| number(field).is_none() && !is_missing(field);
    // A number with a decimal comma too, so that it is the number that is refused, not the name above it.
    let is_value = |field: &[u8]| number(field).is_some() || is_missing(field) || has_decimal_comma(field);
    let is_above = |at: &usize| {
        let is_value = second.is_none_or(|second| second.get(*at).is_some_and(is_value));
        is_value && first.get(*at).is_some_and(is_text)
    };
    let (apart, features): (Vec<usize>, Vec<usize>) = (0..first.len()).partition(|at| is_apart(wanted, first, *at));
    let numbers: Vec<_> =
        features.iter().filter_map(|&at| first.get(at).filter(|field| number(field).is_some())).collect();
    features.iter().any(is_above) || (apart.iter().any(is_above) && (numbers.is_empty() || count_up(&numbers)))
}

/// Whether a column of a file without a header is no feature: it is named by its number, or the last one, of classes. A name that
/// labels go by is none of a class.
fn is_apart(wanted: &Wanted, first: &ByteRecord, at: usize) -> bool {
    let (named, last) = match &wanted.target {
        WantedTarget::Class(label) => (label.as_slice(), true),
        WantedTarget::Nothing(label) => (label.as_slice(), false),
        WantedTarget::LeftOut(names) => (names.as_slice(), true),
        // What a regression learns is never a text.
        WantedTarget::Values(_) => (&[][..], false),
    };
    let is_name = first.get(at).is_some_and(is_label_name);
    let is_last = last && named.is_empty() && at + 1 == first.len();
    !is_name && (is_last || named.iter().chain(&wanted.ignore).any(|name| name.parse() == Ok(at)))
}

fn is_label_name(field: &[u8]) -> bool {
    LABELS.iter().any(|label| field.eq_ignore_ascii_case(label.as_bytes()))
}

/// Whether fields are whole numbers that count up from 0, or three or more that count up from any.
fn count_up(fields: &[&[u8]]) -> bool {
    let whole = |field: &[u8]| std::str::from_utf8(field).ok().and_then(|text| text.parse::<u64>().ok());
    let first = fields.first().and_then(|field| whole(field));
    first.is_some_and(|first| {
        (first == 0 || fields.len() > 2) && (first..).zip(fields).all(|(number, field)| whole(field) == Some(number))
    })
}

/// Whether these are the default names of pandas, 0, 1, 2 and so on, beside one name.
fn are_defaults(first: &ByteRecord) -> bool {
    let (names, others): (Vec<&[u8]>, Vec<&[u8]>) = first.iter().partition(|field| number(field).is_none());
    let [name] = names[..] else { return false };
    // Most names, and "y", may be a class as well, and 0 and 1 two features.
    let least = if is_label_name(name) && !name.eq_ignore_ascii_case(b"y") { 1 } else { 3 };
    others.len() >= least && others[0] == b"0" && count_up(&others)
}

/// The names in a header.
pub(super) fn names(header: &ByteRecord, file: &Path) -> Result<Vec<String>, ReadError> {
    let name = |(column, field): (usize, &[u8])| {
        let place = || Place::Field(1, column + 1, String::new());
        text(field, file, place).map(|name| name.trim().to_owned())
    };
    header.iter().enumerate().map(name).collect()
}

/// The columns of the numbers that were learned, if all are there by name; else they are where they are by default.
fn columns_called(learned: &[String], names: &[String]) -> Option<Vec<usize>> {
    let columns = learned.iter().map(|name| names.iter().position(|there| there == name)).collect::<Option<Vec<_>>>();
    columns.filter(|columns| !columns.is_empty())
}

/// Finds out what each of `width` columns is for.
///
/// # Errors
///
/// A column that is asked for and not there, one with two purposes, features that are not those of the samples before.
pub(super) fn assign(wanted: &Wanted, names: Vec<String>, width: usize, file: &Path) -> Result<Columns, ReadError> {
    let refuse = |found: String, advice: String| Err(ReadError::whole(file, found, advice));
    let find = |wanted: &String, flag: &str| {
        let mut named = (0..names.len()).filter(|&at| names[at] == *wanted);
        if let (Some(first), Some(second)) = (named.next(), named.next()) {
            let found = format!("columns {first} and {second} are both called '{wanted}'");
            return Err(ReadError::whole(file, found, format!("give {flag} one of these numbers")));
        }
        let named = names.iter().position(|name| name == wanted);
        let indexed = || wanted.parse().ok().filter(|&index: &usize| index < width);
        named.or_else(indexed).ok_or_else(|| {
            let found = format!("there is no column '{wanted}' for {flag}");
            ReadError::whole(file, found, format!("there are {}", listed(&names, width)))
        })
    };
    let mut roles = vec![None; width];
    for column in &wanted.ignore {
        // A file to predict may lack what was left out.
        match find(column, "--ignore") {
            Ok(at) => roles[at] = Some(Role::Ignored),
            Err(error) if wanted.like.is_none() => return Err(error),
            Err(_) => {}
        }
    }
    // The columns of features are known where the samples before have names; else they are what is left.
    let by_name = wanted.like.as_ref().filter(|like| !like.names.is_empty() && !names.is_empty());
    let of_features: HashSet<&str> = by_name.iter().flat_map(|like| like.names.iter().map(String::as_str)).collect();
    let is_free =
        |&at: &usize| roles[at].is_none() && names.get(at).is_none_or(|name| !of_features.contains(name.as_str()));
    let known = || {
        let called = |label: &&str| (0..names.len()).filter(|&at| names[at].eq_ignore_ascii_case(label)).find(is_free);
        LABELS.iter().find_map(called)
    };
    // Without any name, all columns are features where there are as many as there must be.
    let there = roles.iter().filter(|role| role.is_none()).count();
    let needed = wanted.like.as_ref().filter(|_| by_name.is_none()).map(|like| like.n_features);
    let all = needed == Some(there);
    let last = || (0..width).rev().find(is_free);
    let (mut values, mut aims) = (Vec::new(), Vec::new());
    let label = |at| (at, Role::Label, "--label");
    match &wanted.target {
        WantedTarget::Class(Some(column)) | WantedTarget::Nothing(Some(column)) => match find(column, "--label") {
            Ok(at) => aims.push(label(at)),
            Err(error) if wanted.like.is_none() => return Err(error),
            Err(_) => {}
        },
        WantedTarget::Class(None) if !all => aims.extend(known().or_else(last).map(label)),
        WantedTarget::Nothing(None) if !all => aims.extend(known().map(label)),
        // By name, nothing but the features is read anyway.
        WantedTarget::LeftOut(columns) if !all && by_name.is_none() => {
            let one_more = || last().filter(|_| needed == Some(there - 1));
            let named = columns.iter().filter_map(|column| find(column, "--label").ok()).filter(is_free);
            let usual = columns.is_empty().then(|| known().or_else(one_more)).flatten();
            aims.extend(named.chain(usual).map(|at| (at, Role::Ignored, "--label")));
        }
        WantedTarget::Values(targets) if targets.is_empty() && !all => {
            let learned: &[String] = wanted.like.as_ref().map_or(&[], |like| &like.outputs);
            if let Some(same) = columns_called(learned, &names) {
                values = learned.to_vec();
                aims.extend(same.into_iter().enumerate().map(|(index, at)| (at, Role::Value(index), "--target")));
            } else if let Some(at) = known().or_else(last) {
                values.push(names.get(at).cloned().unwrap_or_else(|| "target".into()));
                aims.push((at, Role::Value(0), "--target"));
            }
        }
        WantedTarget::Values(targets) => {
            let found: Result<Vec<_>, _> = targets.iter().map(|column| find(column, "--target")).collect();
            match found {
                Ok(found) => {
                    for (index, at) in found.into_iter().enumerate() {
                        values.push(targets[index].clone());
                        aims.push((at, Role::Value(index), "--target"));
                    }
                }
                Err(error) if wanted.like.is_none() => return Err(error),
                Err(_) => {}
            }
        }
        WantedTarget::Class(None) | WantedTarget::Nothing(None) | WantedTarget::LeftOut(_) => {}
    }
    for (at, role, flag) in aims {
        if roles[at].is_some() {
            let found = format!("column {} ({}) has two purposes, one of them {flag}", at + 1, name(&names, at));
            return refuse(found, "give each column one".into());
        }
        roles[at] = Some(role);
    }
    let features: Vec<usize> = match by_name {
        Some(like) => by_names(&like.names, &names, &roles, file)?,
        None => (0..width).filter(|&at| roles[at].is_none()).collect(),
    };
    let n_features = features.len();
    if let Some(like) = &wanted.like {
        like.check(n_features, file)?;
    }
    if n_features == 0 {
        let found = format!("{width} columns, none of which is left for features");
        return refuse(found, "is the separator a comma, a tab or a semicolon?".into());
    }
    for (index, at) in features.iter().enumerate() {
        roles[*at] = Some(Role::Feature(index));
    }
    let feature_names = features.iter().filter_map(|&at| names.get(at).cloned()).collect();
    let roles = roles.into_iter().map(|role| role.unwrap_or(Role::Ignored)).collect();
    Ok(Columns { names, roles, features: feature_names, n_features, values })
}

/// The columns of features by their names. Of columns with the same name the first is the first there too.
fn by_names(wanted: &[String], names: &[String], roles: &[Option<Role>], file: &Path) -> Result<Vec<usize>, ReadError> {
    let mut places = HashMap::<&str, VecDeque<usize>>::new();
    for (at, name) in names.iter().enumerate().filter(|&(at, _)| roles[at].is_none()) {
        places.entry(name).or_default().push_back(at);
    }
    let there = |wanted: &String| {
        places.get_mut(wanted.as_str()).and_then(VecDeque::pop_front).ok_or_else(|| {
            let often = if names.contains(wanted) { " as often as in those" } else { "" };
            let found = format!("the feature '{wanted}' of the training samples is not there{often}");
            ReadError::whole(file, found, format!("there are {}", listed(names, names.len())))
        })
    };
    wanted.iter().map(there).collect()
}

fn name(names: &[String], at: usize) -> &str {
    names.get(at).map_or("no name", String::as_str)
}

/// The columns, as a message shows them.
fn listed(names: &[String], width: usize) -> String {
    const SHOWN: usize = 12;
    if names.is_empty() {
        return format!("columns 0 to {}, which have no names", width - 1);
    }
    let shown = names.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", ");
    if names.len() > SHOWN { format!("{shown} and {} more", names.len() - SHOWN) } else { shown }
}
