//! The header of a `NumPy` array, refused where its parser would not survive it: it multiplies the extents unchecked, and
//! descends into every bracket.

use std::io::{self, Read};

use npyz::NpyHeader;

/// The most bytes of a header; that of an array of numbers has a hundred.
const LONGEST_HEADER: u64 = 1 << 16;

/// The most brackets of a header that are open at once.
const DEEPEST_HEADER: usize = 16;

/// Reads the header of an array.
///
/// # Errors
///
/// No header, or one that the parser would not survive.
pub(super) fn header(source: &mut impl Read) -> io::Result<NpyHeader> {
    let mut bytes = vec![0; 10];
    source.read_exact(&mut bytes)?;
    let mut len = u64::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    if bytes[6] > 1 {
        let mut high = [0; 2];
        source.read_exact(&mut high)?;
        bytes.extend(high);
        len |= u64::from(u16::from_le_bytes(high)) << 16;
    }
    if len > LONGEST_HEADER {
        return Err(invalid("its header is too long"));
    }
    let start = bytes.len();
    source.take(len).read_to_end(&mut bytes)?;
    let (mut depth, mut numbers) = (0usize, Some(1u64));
    for word in bytes[start..].split_inclusive(|byte| !byte.is_ascii_alphanumeric() && *byte != b'_') {
        let (word, end) = match word.split_last() {
            Some((end, word)) if !end.is_ascii_alphanumeric() && *end != b'_' => (word, *end),
            _ => (word, 0),
        };
        // The extents are some of its numbers. One that is not decimal counts as the largest of its length.
        if word.first().is_some_and(u8::is_ascii_digit) {
            let decimal = std::str::from_utf8(word).ok().and_then(|word| word.parse::<u64>().ok());
            let number = decimal.or_else(|| 16u64.checked_pow(u32::try_from(word.len()).unwrap_or(u32::MAX)));
            numbers = numbers.zip(number).and_then(|(product, number)| product.checked_mul(number.max(1)));
        }
        match end {
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > DEEPEST_HEADER {
            return Err(invalid("its header has too many brackets"));
        }
    }
    if numbers.is_none() {
        return Err(invalid("its shape has more values than a file can hold"));
    }
    NpyHeader::from_reader(bytes.as_slice())
}

fn invalid(text: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, text)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is said of a header of this version and shape.
    fn refused(version: u8, shape: &str) -> String {
        let text = format!("{{'descr': '<f4', 'fortran_order': False, 'shape': {shape}, }}");
        let len = u16::try_from(text.len()).unwrap().to_le_bytes();
        let bytes = [b"\x93NUMPY".as_slice(), &[version, 0], &len, text.as_bytes()].concat();
        header(&mut bytes.as_slice()).map_or_else(|error| error.to_string(), |header| format!("{:?}", header.shape()))
    }

    #[test]
    fn extents_whose_product_no_number_holds_are_refused() {
        assert_eq!(refused(1, "(2, 8)"), "[2, 8]");
        let shapes = [
            "(18446744073709551616,)",
            "(4294967296, 4294967296)",
            "(0, 9223372036854775808, 4)",
            "(0xffffffffffffffff, 9)",
        ];
        for shape in shapes {
            assert_eq!(refused(1, shape), "its shape has more values than a file can hold", "{shape}");
        }
    }

    #[test]
    fn a_header_that_is_deep_or_long_is_refused() {
        assert_eq!(refused(1, &"(".repeat(5000)), "its header has too many brackets");
        // Of version 2, whose length has two more bytes.
        assert_eq!(refused(2, "(2, 8)"), "its header is too long");
    }
}
