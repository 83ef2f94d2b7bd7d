//! Numbers and names for people.

/// The double that a float's shortest digits stand for: 0.1 for the float nearest to 0.1.
pub(crate) fn as_written(value: f32) -> f64 {
    value.to_string().parse().unwrap_or(f64::from(value))
}

/// The name that someone may have meant who wrote `text`, if one is close.
pub(crate) fn similar<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    // Letters and digits in a row: `fashionmnist` is `fashion-mnist`.
    let plain = |name: &str| name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let text = plain(text);
    let scored = names.into_iter().map(|name| (strsim::jaro(&text, &plain(name)), name));
    let (score, name) = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (score > 0.82).then_some(name)
}

/// Writes a path as text, also one that is not Unicode.
pub(crate) fn lossy<S: serde::Serializer>(path: &std::path::Path, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&path.to_string_lossy())
}

/// Reads a number from JSON, which has no NaN: `null` stands for it.
pub(crate) fn number_or_null<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    let number: Option<f64> = serde::Deserialize::deserialize(deserializer)?;
    Ok(number.unwrap_or(f64::NAN))
}

/// Groups digits by three: `20,300,400`.
pub(crate) fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (i, digit) in digits.chars().enumerate() {
        if i > 0 && (digits.len() - i).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// Widths of layers: `784-1000-10`.
pub(crate) fn dashed(widths: impl IntoIterator<Item = usize>) -> String {
    widths.into_iter().map(|width| width.to_string()).collect::<Vec<_>>().join("-")
}

/// A number with five digits.
pub(crate) fn digits(value: f64) -> String {
    let places = 4 - value.abs().max(1e-30).log10().floor() as i32;
    if (-2..10).contains(&places) { format!("{value:.*}", places.max(0) as usize) } else { format!("{value:.4e}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_misspelt_name_is_recognised_and_another_word_is_not() {
        let names = ["mnist-mini", "mnist", "fashion-mnist", "cifar10"];
        let meant =
            ["fashionmnist", "MNIST", "cifar-10", "minst", "imagenet", "", "3"].map(|text| similar(text, names));
        let expected = [Some("fashion-mnist"), Some("mnist"), Some("cifar10"), Some("mnist"), None, None, None];
        assert_eq!(meant, expected);
    }

    #[test]
    fn a_float_is_written_with_its_own_digits() {
        assert_eq!([0.94f32, 0.1, 1e-7].map(as_written), [0.94, 0.1, 1e-7]);
    }

    #[test]
    fn digits_are_grouped() {
        assert_eq!([0, 999, 1000, 20_300_400].map(thousands), ["0", "999", "1,000", "20,300,400"]);
    }
}
