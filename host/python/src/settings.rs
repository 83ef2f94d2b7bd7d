//! The settings table as keywords of an estimator.
//!
//! A keyword is a setting of the table by its name, but for three that scikit-learn calls otherwise. Settings that say how
//! files are read are none: an estimator is given arrays.

use std::fmt::Write as _;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyString, PyTuple};
use rewire::data::DataSource;
use rewire::settings::{Config, Given, Group, Kind, Setting, TABLE, TaskKind};
use toml::Value;

/// Settings about samples that mean something for arrays too.
const OF_ARRAYS: [&str; 4] = ["shape", "filter", "scaling", "validation_samples"];

/// Settings of runs that have a directory.
const OF_RUNS: [&str; 1] = ["average_weights"];

/// Settings that scikit-learn calls otherwise.
const RENAMED: [(&str, &str); 3] =
    [("shape", "image_shape"), ("class_weights", "class_weight"), ("seed", "random_state")];

/// Flags of commands that are arguments of methods.
const ARGUMENTS: [(&str, &str); 2] = [("board", "board"), ("firmware", "directory")];

/// What an estimator calls a setting.
fn keyword(setting: &Setting) -> &'static str {
    RENAMED.iter().find(|(name, _)| *name == setting.name).map_or(setting.name, |(_, keyword)| keyword)
}

/// The setting of a keyword.
fn named(word: &str) -> Option<&'static Setting> {
    TABLE.iter().find(|setting| keyword(setting) == word)
}

/// A text of the library with keywords in place of flags: `--batch-size` is `batch_size`. A command between backquotes stays
/// one of the program.
pub(crate) fn keywords(text: &str) -> String {
    let pieces = text.split('`').enumerate();
    let pieces: Vec<String> =
        pieces.map(|(at, piece)| if at % 2 == 0 { without_dashes(piece) } else { piece.to_owned() }).collect();
    pieces.join("`")
}

fn without_dashes(text: &str) -> String {
    let mut pieces = text.split("--");
    let mut words = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let end = piece.find(|letter: char| !(letter.is_ascii_alphanumeric() || letter == '-')).unwrap_or(piece.len());
        let (flag, rest) = piece.split_at(end);
        let argument = ARGUMENTS.iter().find(|(of_program, _)| *of_program == flag).map(|(_, argument)| *argument);
        if let Some(word) = argument.or_else(|| TABLE.iter().find(|setting| setting.flag() == flag).map(keyword)) {
            words.push_str(word);
        } else {
            words.push_str("--");
            words.push_str(flag);
        }
        words.push_str(rest);
    }
    words
}

/// The task of this name.
pub(crate) fn task(name: &str) -> PyResult<TaskKind> {
    TaskKind::named(name).ok_or_else(|| PyValueError::new_err(format!("there is no task {name}")))
}

/// The source of samples in arrays.
pub(crate) fn arrays() -> DataSource {
    DataSource::Path("./arrays".into())
}

/// Whether a setting is a keyword of the estimator of a task.
fn is_keyword(setting: &Setting, task: TaskKind) -> bool {
    let [own, classifier] = [task, TaskKind::Classify].map(|task| Config::defaults_for(arrays(), task));
    let of_arrays = setting.group != Group::Data || OF_ARRAYS.contains(&setting.name);
    // A setting that has an effect in a classifier only, such as label smoothing.
    let of_task = setting.applies.iter().all(|condition| (condition.holds)(&own) || !(condition.holds)(&classifier));
    of_arrays && of_task && !OF_RUNS.contains(&setting.name)
}

/// The keywords of the estimator of a task: name, default, annotation, group and help of each.
#[pyfunction]
pub(crate) fn settings<'py>(py: Python<'py>, task: &str) -> PyResult<Vec<Bound<'py, PyDict>>> {
    let task = self::task(task)?;
    let config = Config::defaults_for(arrays(), task);
    let row = |setting: &Setting| {
        let row = PyDict::new(py);
        row.set_item("name", keyword(setting))?;
        row.set_item("default", default(py, setting, &config)?)?;
        row.set_item("annotation", annotation(setting))?;
        row.set_item("group", format!("{:?}", setting.group))?;
        let mut help = keywords(&setting.help());
        if !help.ends_with(['.', ')']) {
            help.push('.');
        }
        for choice in setting.choices() {
            let _ = write!(help, "\n- ``{}``: {}", choice.name, keywords(choice.help.trim_end_matches('.')));
        }
        row.set_item("help", help)?;
        Ok(row)
    };
    TABLE.iter().filter(|setting| is_keyword(setting, task)).map(row).collect()
}

/// The keywords that differ from the defaults of an estimator, as the recipe of a dataset has them.
pub(crate) fn differing<'py>(py: Python<'py>, config: &Config) -> PyResult<Bound<'py, PyDict>> {
    let (differing, usual) = (PyDict::new(py), Config::defaults_for(arrays(), config.task));
    for setting in TABLE.iter().filter(|setting| is_keyword(setting, config.task)) {
        if (setting.get)(config) != (setting.get)(&usual) {
            differing.set_item(keyword(setting), default(py, setting, config)?)?;
        }
    }
    Ok(differing)
}

/// A setting's type, as Python writes it.
fn annotation(setting: &Setting) -> String {
    match setting.kind {
        _ if setting.name == "seed" => "int | numpy.random.RandomState | None".into(),
        _ if setting.name == "class_weights" => "dict[Any, float] | Literal['balanced'] | None".into(),
        Kind::Bool => "bool".into(),
        Kind::Whole => "int".into(),
        Kind::Real => "float".into(),
        Kind::Choice(choices) => {
            let names: Vec<String> = choices.iter().map(|choice| format!("'{}'", choice.name)).collect();
            format!("Literal[{}]", names.join(", "))
        }
        Kind::WholeList => "Sequence[int]".into(),
        Kind::RealList => "Sequence[float]".into(),
        Kind::Shape => "Sequence[int] | None".into(),
        Kind::Text | Kind::TextList | Kind::Source(_) | Kind::Path => "str".into(),
    }
}

/// A setting's value as a value of Python.
fn default<'py>(py: Python<'py>, setting: &Setting, config: &Config) -> PyResult<Bound<'py, PyAny>> {
    if setting.kind == Kind::Shape {
        return match config.shape {
            Some(shape) => Ok((shape.channels, shape.height, shape.width).into_pyobject(py)?.into_any()),
            None => Ok(py.None().into_bound(py)),
        };
    }
    let value = (setting.get)(config);
    if setting.name == "class_weights" && value.as_str() == Some("none") {
        return Ok(py.None().into_bound(py));
    }
    of_toml(py, &value)
}

fn of_toml<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Boolean(value) => PyBool::new(py, *value).to_owned().into_any(),
        Value::Integer(value) => value.into_pyobject(py)?.into_any(),
        Value::Float(value) => PyFloat::new(py, *value).into_any(),
        Value::Array(values) => {
            let values: Vec<_> = values.iter().map(|value| of_toml(py, value)).collect::<PyResult<_>>()?;
            PyTuple::new(py, values)?.into_any()
        }
        other => PyString::new(py, other.as_str().unwrap_or_default()).into_any(),
    })
}

/// A value of Python as a settings file has it; what a file cannot hold is its text, which no setting reads.
fn to_toml(setting: &Setting, value: &Bound<'_, PyAny>) -> Value {
    if value.is_none() {
        return Value::String(if setting.kind == Kind::Shape { String::new() } else { "none".into() });
    }
    if let Ok(text) = value.cast::<PyString>() {
        return Value::String(text.to_string());
    }
    if setting.kind == Kind::Shape {
        let numbers = value.extract::<Vec<usize>>();
        let shown = |numbers: Vec<usize>| numbers.iter().map(usize::to_string).collect::<Vec<_>>().join("x");
        return Value::String(numbers.map_or_else(|_| value.to_string(), shown));
    }
    if setting.kind.entry() != setting.kind {
        let entries = value.try_iter().and_then(Iterator::collect::<PyResult<Vec<_>>>);
        // One number stands for a list of one.
        let entries = entries.unwrap_or_else(|_| vec![value.clone()]);
        return Value::Array(entries.iter().map(|entry| scalar(entry, setting.kind.entry())).collect());
    }
    scalar(value, setting.kind)
}

fn scalar(value: &Bound<'_, PyAny>, kind: Kind) -> Value {
    let text = || Value::String(value.to_string());
    let is_bool = value.extract::<bool>().ok();
    match kind {
        Kind::Bool => is_bool.map_or_else(text, Value::Boolean),
        // Python counts a bool as a number; a setting does not take one.
        _ if is_bool.is_some() => text(),
        Kind::Whole => value.extract::<i64>().map_or_else(|_| text(), Value::Integer),
        _ => value.extract::<f64>().map_or_else(|_| text(), Value::Float),
    }
}

/// The settings of a task with these keywords, each checked.
pub(crate) fn config(task: TaskKind, given: &Bound<'_, PyDict>) -> PyResult<Config> {
    let mut laid = Given::default();
    for (word, value) in given {
        let word: String = word.extract()?;
        let Some(setting) = named(&word) else {
            return Err(PyValueError::new_err(format!("{word} is no keyword of this estimator")));
        };
        let read = to_toml(setting, &value);
        if !(setting.read_toml)(&mut laid, &read) {
            let must_be = keywords(&expected(setting, &value));
            return Err(PyValueError::new_err(format!("{word} is {}, but must be {must_be}", value.repr()?)));
        }
    }
    let config = Config::defaults_for(arrays(), task).with(&laid);
    config.validate().map_err(|error| PyValueError::new_err(keywords(&error.to_string())))?;
    Ok(config)
}

/// What a keyword must be, as Python writes it.
fn expected(setting: &Setting, value: &Bound<'_, PyAny>) -> String {
    match setting.kind {
        Kind::Bool => "True or False".into(),
        Kind::WholeList => "a sequence of whole numbers, such as (20, 10)".into(),
        Kind::RealList => "a sequence of numbers, such as (0.5, 2.0)".into(),
        Kind::Shape => "None, (channels, height, width) or (height, width)".into(),
        _ => setting.expected(&value.to_string()),
    }
}
