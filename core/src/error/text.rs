//! Text that is put together in a constant, so that a build that fails can name numbers.

/// A short text; what has no place in it is left out.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text {
    bytes: [u8; Self::LONGEST],
    len: usize,
}

impl Text {
    const LONGEST: usize = 240;

    pub(crate) const fn of(text: &str) -> Self {
        Self { bytes: [0; Self::LONGEST], len: 0 }.then(text)
    }

    #[must_use]
    pub(crate) const fn then(mut self, text: &str) -> Self {
        let mut rest = text.as_bytes();
        while let [byte, after @ ..] = rest {
            self = self.byte(*byte);
            rest = after;
        }
        self
    }

    #[must_use]
    pub(crate) const fn number(mut self, number: usize) -> Self {
        if number >= 10 {
            self = self.number(number / 10);
        }
        self.byte(b'0' + (number % 10) as u8)
    }

    const fn byte(mut self, byte: u8) -> Self {
        if self.len < Self::LONGEST {
            self.bytes[self.len] = byte;
            self.len += 1;
        }
        self
    }

    pub(crate) const fn as_str(&self) -> &str {
        match self.bytes.split_at_checked(self.len) {
            Some((text, _)) => match core::str::from_utf8(text) {
                Ok(text) => text,
                Err(_) => "",
            },
            None => "",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_in_full_and_text_that_is_too_long_is_cut() {
        assert_eq!(
            Text::of("a").number(0).then(" b ").number(usize::MAX).as_str(),
            std::format!("a0 b {}", usize::MAX)
        );
        let text = (0..100).fold(Text::of(""), |text, number| text.number(1000 + number));
        assert_eq!(text.as_str().len(), 240);
    }
}
