//! Frames of bytes on a serial line, between a host and a chip: where each begins and ends, and whether it arrived whole.
//!
//! A frame is a kind, a number, a payload, and the CRC-32 of these (IEEE 802.3, little-endian):
//!
//! ```text
//! kind (1 byte) | number (1 byte) | payload | CRC-32 (4 bytes)
//! ```
//!
//! On the line, its bytes are coded by COBS (Cheshire and Baker 1999, doi 10.1109/90.769765), which leaves no zero in them,
//! and a zero ends it. So whatever was lost or damaged before, the next frame begins after the next zero. A zero that ends
//! nothing means nothing: a sender may begin with one, to end what the line had before.

use cobs::{CobsEncoder, DecodeResult, DecoderState};

use crate::storage::crc::{Crc, crc32};

/// Bytes of a frame beside its payload.
pub const BESIDES: usize = 6;

/// Bytes on the line of a frame with a payload of so many bytes, at most.
pub const fn line_len(payload: usize) -> usize {
    let len = payload + BESIDES;
    // One more for each 254, one for the first, and the zero.
    len + len / 254 + 2
}

/// A frame that arrived whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'b> {
    /// What it is.
    pub kind: u8,
    /// Which it is: the number of an answer is that of its question.
    pub number: u8,
    /// What it says.
    pub payload: &'b [u8],
}

/// Why a frame cannot be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
pub enum FrameError {
    /// Bytes were lost or changed on the line.
    Damaged,
    /// It is longer than the memory for it.
    TooLong,
}

impl core::fmt::Display for FrameError {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(match self {
            Self::Damaged => "a frame was damaged on the line",
            Self::TooLong => "a frame is longer than the memory for it",
        })
    }
}

impl core::error::Error for FrameError {}

/// Puts frames together from the bytes of a line.
///
/// ```
/// use rewire_core::frames::{Frame, Receiver, send};
///
/// let mut line = [0; 16];
/// let len = send(&mut line, 2, 7, [0, 9])?;
/// let mut buffer = [0; 8];
/// let mut receiver = Receiver::new(&mut buffer);
/// for &byte in &line[..len - 1] {
///     assert_eq!(receiver.take(byte), None);
/// }
/// assert_eq!(receiver.take(0), Some(Ok(Frame { kind: 2, number: 7, payload: &[0, 9] })));
/// # Ok::<(), rewire_core::frames::FrameError>(())
/// ```
#[derive(Debug)]
pub struct Receiver<'b> {
    buffer: &'b mut [u8],
    len: usize,
    state: DecoderState,
    /// What is wrong with the frame that arrives.
    error: Option<FrameError>,
}

impl<'b> Receiver<'b> {
    /// Frames of up to as many bytes as the buffer has: those of the longest payload and [`BESIDES`].
    pub fn new(buffer: &'b mut [u8]) -> Self {
        Self { buffer, len: 0, state: DecoderState::Idle, error: None }
    }

    /// Takes a byte from the line; returns the frame that it ends, or what is wrong with that.
    pub fn take(&mut self, byte: u8) -> Option<Result<Frame<'_>, FrameError>> {
        // A zero with nothing before it.
        if byte == 0 && self.error.is_none() && matches!(self.state, DecoderState::Idle) {
            return None;
        }
        // After an error, the rest of the frame says nothing.
        if self.error.is_none() {
            match self.state.feed(byte) {
                Ok(DecodeResult::DataContinue(byte)) => match self.buffer.get_mut(self.len) {
                    Some(slot) => {
                        *slot = byte;
                        self.len += 1;
                    }
                    None => self.error = Some(FrameError::TooLong),
                },
                Ok(DecodeResult::NoData | DecodeResult::DataStart | DecodeResult::DataComplete) => {}
                Err(_) => self.error = Some(FrameError::Damaged),
            }
        }
        if byte != 0 {
            return None;
        }
        let (len, error) = (core::mem::take(&mut self.len), self.error.take());
        self.state = DecoderState::Idle;
        Some(match error {
            Some(error) => Err(error),
            None => frame(self.buffer.get(..len).unwrap_or_default()),
        })
    }
}

/// Checks and takes apart the bytes of a frame.
fn frame(bytes: &[u8]) -> Result<Frame<'_>, FrameError> {
    let Some((checked, crc)) = bytes.split_last_chunk::<4>() else { return Err(FrameError::Damaged) };
    match *checked {
        [kind, number, ref payload @ ..] if crc32(checked) == u32::from_le_bytes(*crc) => {
            Ok(Frame { kind, number, payload })
        }
        _ => Err(FrameError::Damaged),
    }
}

/// Writes a frame as it goes on a line, the zero at its end included; returns its length: at most that of [`line_len`].
///
/// # Errors
///
/// [`FrameError::TooLong`] when the line's memory is too short for it.
pub fn send(line: &mut [u8], kind: u8, number: u8, payload: impl IntoIterator<Item = u8>) -> Result<usize, FrameError> {
    let mut crc = Crc::new();
    let mut cobs = CobsEncoder::new(line);
    let mut push = |bytes: &[u8]| cobs.push(bytes).map_err(|_| FrameError::TooLong);
    for byte in [kind, number].into_iter().chain(payload) {
        crc.add(&[byte]);
        push(&[byte])?;
    }
    push(&crc.get().to_le_bytes())?;
    let len = cobs.finalize();
    *line.get_mut(len).ok_or(FrameError::TooLong)? = 0;
    Ok(len + 1)
}

#[cfg(test)]
mod tests {
    extern crate std;

    use super::*;
    use std::vec::Vec;

    type Received = Result<(u8, u8, Vec<u8>), FrameError>;

    /// What arrives of some bytes.
    fn received(buffer: usize, line: &[u8]) -> Vec<Received> {
        let mut buffer = std::vec![0; buffer];
        let mut receiver = Receiver::new(&mut buffer);
        let mut frames = Vec::new();
        for &byte in line {
            if let Some(frame) = receiver.take(byte) {
                frames.push(frame.map(|frame| (frame.kind, frame.number, frame.payload.to_vec())));
            }
        }
        frames
    }

    fn sent(kind: u8, number: u8, payload: &[u8]) -> Vec<u8> {
        let mut line = std::vec![1; line_len(payload.len())];
        let len = send(&mut line, kind, number, payload.iter().copied()).unwrap();
        line.truncate(len);
        line
    }

    #[test]
    fn what_is_sent_arrives() {
        for len in (0..20).chain([240, 247, 248, 249, 253, 254, 255, 300, 600, 2000]) {
            for fill in [|_| 0, |_| 1, |i: usize| i as u8, |i: usize| (i % 255) as u8 + 1] {
                let payload: Vec<u8> = (0..len).map(fill).collect();
                let line = sent(3, 200, &payload);
                assert!(line.len() <= line_len(len), "{len}");
                assert_eq!(line.iter().position(|&byte| byte == 0), Some(line.len() - 1), "{len}");
                // Zeros between frames say nothing.
                let twice = [&[0, 0], &line[..], &[0], &line[..]].concat();
                assert_eq!(received(len + BESIDES, &twice), std::vec![Ok((3, 200, payload.clone())); 2], "{len}");
                assert_eq!(received(len + BESIDES - 1, &line), [Err(FrameError::TooLong)], "{len}");
                assert_eq!(send(&mut std::vec![0; line.len() - 1], 3, 200, payload), Err(FrameError::TooLong));
            }
        }
    }

    #[test]
    fn a_damaged_frame_is_told_and_the_next_one_arrives() {
        let line = sent(1, 2, &[5, 0, 0, 7, 255, 0, 9]);
        let next = sent(4, 5, &[6]);
        for at in 0..line.len() - 1 {
            for changed in (0..=255).filter(|&byte| byte != line[at]) {
                let mut damaged = line.clone();
                damaged[at] = changed;
                let frames = received(20, &[&damaged[..], &next].concat());
                assert!(frames.len() >= 2 && frames.len() <= 3, "{at} {changed}: {frames:?}");
                let (last, before) = frames.split_last().unwrap();
                assert_eq!(*last, Ok((4, 5, std::vec![6])));
                assert!(before.iter().all(Result::is_err), "{at} {changed}: {frames:?}");
            }
            // Bytes that were lost, where a sender that begins again begins with a zero.
            let cut = [&line[..=at], &[0], &next[..]].concat();
            let frames = received(20, &cut);
            assert_eq!(frames.last().unwrap(), &Ok((4, 5, std::vec![6])));
            assert_eq!(frames.len(), 2);
            assert_eq!(frames[0].is_ok(), at + 2 == line.len(), "{at}");
        }
    }

    #[test]
    fn bytes_without_sense_are_no_frame() {
        let mut generator = crate::random::Generator::new(1, crate::random::Purpose::Subset, 0, 0, 0);
        let noise: Vec<u8> = (0..20_000).map(|_| (generator.next_u32() >> 24) as u8 & 0x8F).collect();
        let frames = received(30, &noise);
        assert!(frames.len() > 100 && frames.iter().all(Result::is_err));
        assert!(frames.contains(&Err(FrameError::TooLong)) && frames.contains(&Err(FrameError::Damaged)));
    }
}
