//! The windows that come over the board's UART, and the answers that go back. `rewire send` is the other side.
//!
//! Both directions have the frames of `rewire_core::frames`. A question has a kind and a payload; its answer has the same
//! number, and the kind with 128 added. All numbers are little-endian.
//!
//! | kind | payload | payload of the answer |
//! |---|---|---|
//! | 0: who is there? | none | version 1 (1 byte), the task (1 byte: 0 classes, 1 numbers, 2 anomalies), bytes of a feature (1 byte), features and outputs (4 bytes each) |
//! | 1: predict | the features of a window | 0, and the network's outputs (4 bytes each) |
//! | 2: learn | the features, then what is known: a class (2 bytes), numbers (4 bytes each), or nothing for anomalies | 1 if the network learned it, else 0, and its outputs before |
//! | 3: end | none | none |
//!
//! A frame that is damaged or too long, of an unknown kind, or whose payload has another length is answered by the kind
//! 255 with one byte: 1, 2, 3 or 4. A question that comes twice in a row with one number is answered twice and learned
//! once, so that a sender may repeat it.

use rewire_core::frames::{self, BESIDES, FrameError, Receiver};
use static_cell::ConstStaticCell;

use crate::feature::Feature;
use crate::network::{INPUTS, OUTPUTS};
use crate::samples::{Window, features};
use crate::task;
use crate::uart::Uart;

/// What a question asks for.
const HELLO: u8 = 0;
const PREDICT: u8 = 1;
const LEARN: u8 = 2;
const END: u8 = 3;
/// What the kind of an answer has added.
const ANSWER: u8 = 128;
/// The kind of an answer to what is no question.
const REFUSED: u8 = 255;

const FEATURES: usize = INPUTS * size_of::<Feature>();
/// Bytes of the longest question.
const QUESTION: usize = FEATURES + task::BYTES + BESIDES;
/// Bytes on the line of the longest answer.
const LINE: usize = frames::line_len(max(1 + 4 * OUTPUTS, 11));

/// Bytes of RAM for both.
pub const BYTES: usize = QUESTION + LINE;

static QUESTION_BYTES: ConstStaticCell<[u8; QUESTION]> = ConstStaticCell::new([0; QUESTION]);
static LINE_BYTES: ConstStaticCell<[u8; LINE]> = ConstStaticCell::new([0; LINE]);

const fn max(a: usize, b: usize) -> usize {
    if a > b { a } else { b }
}

/// The UART, and what was asked last.
pub struct Windows {
    uart: Uart,
    receiver: Receiver<'static>,
    line: &'static mut [u8; LINE],
    /// Kind and number of the question that is answered, or was last.
    question: (u8, u8),
    /// Bytes of its answer; none before the first window.
    answered: usize,
}

impl Windows {
    /// Sets the UART up.
    pub fn new() -> Self {
        let (receiver, line) = (Receiver::new(QUESTION_BYTES.take()), LINE_BYTES.take());
        Self { uart: Uart::new(), receiver, line, question: (HELLO, 0), answered: 0 }
    }

    /// Waits for the next window and writes its features.
    pub fn read(&mut self, window: &mut [Feature; INPUTS]) -> Window {
        loop {
            let Some(frame) = self.receiver.take(self.uart.read()) else { continue };
            let (kind, number, payload) = match frame {
                Ok(frame) => (frame.kind, frame.number, frame.payload),
                Err(error) => {
                    let reason = if error == FrameError::TooLong { 2 } else { 1 };
                    self.send(REFUSED, 0, [reason]);
                    continue;
                }
            };
            let expected = match kind {
                HELLO | END => 0,
                PREDICT => FEATURES,
                LEARN => FEATURES + task::BYTES,
                _ => {
                    self.send(REFUSED, number, [3]);
                    continue;
                }
            };
            if payload.len() != expected {
                self.send(REFUSED, number, [4]);
                continue;
            }
            if (kind, number) == self.question && self.answered > 0 {
                self.write(self.answered);
                continue;
            }
            let known = features(payload, window);
            let read = if kind == LEARN { Window::Known(task::known(known)) } else { Window::Unknown };
            (self.question, self.answered) = ((kind, number), 0);
            match kind {
                HELLO => {
                    let widths = [INPUTS as u32, OUTPUTS as u32].into_iter().flat_map(u32::to_le_bytes);
                    self.send(HELLO + ANSWER, number, [1, task::CODE, size_of::<Feature>() as u8].into_iter().chain(widths));
                }
                END => {
                    self.send(END + ANSWER, number, []);
                    return Window::End;
                }
                _ => return read,
            }
        }
    }

    /// Answers for the window that was read last: `learned` says whether the network has learned it.
    pub fn answer(&mut self, outputs: &[f32; OUTPUTS], learned: bool) {
        let (kind, number) = self.question;
        let outputs = outputs.iter().flat_map(|output| output.to_le_bytes());
        self.answered = self.send(kind + ANSWER, number, [u8::from(learned)].into_iter().chain(outputs));
    }

    /// Sends a frame; returns its length.
    fn send(&mut self, kind: u8, number: u8, payload: impl IntoIterator<Item = u8>) -> usize {
        // The line has room for every answer.
        let len = frames::send(self.line, kind, number, payload).unwrap_or_default();
        self.write(len);
        len
    }

    fn write(&mut self, len: usize) {
        self.line.iter().take(len).for_each(|&byte| self.uart.write(byte));
    }
}
