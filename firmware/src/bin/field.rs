//! Learning in the field on the chip, from a recording on the host: see `core/examples/field.rs`, which this runs.
//!
//! Arguments: `scenario`, `recording` (a file of `field.py`) and `seed`. The scenario `personal` goes on from the model
//! image that the program was built with.

#![no_std]
#![no_main]

use core::fmt::Arguments;

use defmt::{Display2Format, info};
use rewire_field::{BYTES, Failure, Recording, run};
use rewire_firmware::end::finish;
use rewire_firmware::fault::fail;
use rewire_firmware::host::{Path, argument};
use rewire_firmware::memory::{Memory, assert_fits};
use rewire_firmware::networks::MODEL;
use rewire_firmware::stack;
use semihosting::fs::File;
use semihosting::io::{Read, Seek, SeekFrom};

const _: () = assert_fits(BYTES);
static BLOCK: Memory<BYTES> = Memory::new();

/// Bytes before the first sample.
const HEADER: u64 = 16;

/// A recording on the host.
struct Recorded {
    file: File,
    /// Features of a sample, samples to learn from and samples to measure on.
    shape: [u32; 3],
}

impl Recorded {
    fn open(path: &str) -> Option<Self> {
        let mut file = File::open(Path::new(path)).ok()?;
        let mut words = [[0; 4]; HEADER as usize / 4];
        for word in &mut words {
            file.read_exact(word).ok()?;
        }
        let [width, learned, measured, _] = words.map(u32::from_le_bytes);
        Some(Self { file, shape: [width, learned, measured] })
    }

    fn sample(&mut self, sample: u32, features: &mut [f32]) -> Option<u16> {
        let bytes = 4 * (u64::from(self.shape[0]) + 1);
        self.file.seek(SeekFrom::Start(HEADER + bytes * u64::from(sample))).ok()?;
        let mut word = [0; 4];
        self.file.read_exact(&mut word).ok()?;
        let label = u32::from_le_bytes(word) as u16;
        for feature in features {
            self.file.read_exact(&mut word).ok()?;
            *feature = f32::from_le_bytes(word);
        }
        Some(label)
    }
}

impl Recording for Recorded {
    fn counts(&self) -> [u32; 2] {
        [self.shape[1], self.shape[2]]
    }

    fn read(&mut self, sample: u32, features: &mut [f32]) -> u16 {
        self.sample(sample, features).unwrap_or_else(|| fail(format_args!("the recording ends at sample {sample}")))
    }
}

#[cortex_m_rt::entry]
fn main() -> ! {
    let Some(block) = BLOCK.take() else { fail(format_args!("the memory block is already in use")) };
    let Some(mut recording) = argument("recording", |path| Recorded::open(path?)) else {
        fail(format_args!("give recording=FILE, a file that field.py wrote"))
    };
    let seed = argument("seed", |seed| seed.and_then(|seed| seed.parse().ok()).unwrap_or(1));
    let mut say = |line: Arguments<'_>| info!("{}", Display2Format(&line));
    match argument("scenario", |name| run(name.unwrap_or(""), block, MODEL, &mut recording, seed, &mut say)) {
        Ok(()) => {}
        Err(Failure::Train(error)) => fail(format_args!("{error}")),
        Err(Failure::Image(error)) => fail(format_args!("the model in flash: {error}")),
        Err(Failure::Unknown) => {
            fail(format_args!("give scenario=personal (with REWIRE_IMAGE), scenario=anomaly or scenario=drift"))
        }
    }
    let (used, available) = stack::high_water();
    info!("{=usize} B to train, {=usize} B of stack used of {=usize}", BYTES, used, available);
    finish()
}
