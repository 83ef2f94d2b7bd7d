//! Power is cut at every operation on the flash of a run: there is always a whole checkpoint, old or new, and the run that
//! goes on from it ends in the same bits as one that was never cut.

use std::ops::ControlFlow;

use embedded_storage::nor_flash::{
    ErrorType, NorFlash, NorFlashError, NorFlashErrorKind, ReadNorFlash, check_erase, check_read, check_write,
};
use rewire_core::prelude::*;
use rewire_core::sparse::CsrRef;
use rewire_core::storage::flash::{CheckpointError, Checkpoints, Progress};
use rewire_core::storage::image::hash;
use rewire_tests::memory::Memory;
use rewire_tests::samples::Data;

const LAYERS: [LayerSpec; 2] =
    [LayerSpec::sparse(20, 24, 150, Activation::Relu).input_major(), LayerSpec::dense(24, 4, Activation::Identity)];
const NETWORK: Description = Description::training(&LAYERS, 1);
const SAMPLES: usize = 20;
const EPOCHS: u32 = 3;
/// Steps between checkpoints.
const EVERY: u32 = 10;

#[derive(Clone, Copy, Debug, PartialEq)]
enum Failure {
    /// The power is gone.
    Power,
    /// A bit that is 0 was to become 1, or an operation is out of place.
    Misuse(NorFlashErrorKind),
}

impl NorFlashError for Failure {
    fn kind(&self) -> NorFlashErrorKind {
        match self {
            Self::Power => NorFlashErrorKind::Other,
            Self::Misuse(kind) => *kind,
        }
    }
}

/// Flash of a part with these words and pages, which loses power in the middle of an operation.
struct Mock<const WRITE: usize, const ERASE: usize> {
    bytes: Vec<u8>,
    /// Erasures of each page.
    wear: Vec<u32>,
    /// Operations until the power goes.
    left: Option<u32>,
    /// Share of the last operation, in eighths, that still happens.
    part: usize,
    operations: u32,
    /// Reads until they fail.
    reads: Option<u32>,
}

impl<const WRITE: usize, const ERASE: usize> Mock<WRITE, ERASE> {
    fn new(pages: usize) -> Self {
        // What was there before is no checkpoint.
        let bytes = (0..pages * ERASE).map(|i| ((i * 31) >> 3) as u8).collect();
        Self { bytes, wear: vec![0; pages], left: None, part: 0, operations: 0, reads: None }
    }

    /// How much of an operation on `len` bytes happens.
    fn happens(&mut self, len: usize) -> (usize, Result<(), Failure>) {
        self.operations += 1;
        match &mut self.left {
            Some(0) => (0, Err(Failure::Power)),
            Some(left) => {
                *left -= 1;
                if *left == 0 { (len * self.part / 8, Err(Failure::Power)) } else { (len, Ok(())) }
            }
            None => (len, Ok(())),
        }
    }
}

impl<const WRITE: usize, const ERASE: usize> ErrorType for Mock<WRITE, ERASE> {
    type Error = Failure;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Mock<WRITE, ERASE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failure> {
        check_read(self, offset, bytes.len()).map_err(Failure::Misuse)?;
        if let Some(reads) = &mut self.reads {
            *reads = reads.checked_sub(1).ok_or(Failure::Power)?;
        }
        bytes.copy_from_slice(&self.bytes[offset as usize..][..bytes.len()]);
        Ok(())
    }

    fn capacity(&self) -> usize {
        self.bytes.len()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for Mock<WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failure> {
        check_erase(self, from, to).map_err(Failure::Misuse)?;
        for page in from as usize / ERASE..to as usize / ERASE {
            let (len, result) = self.happens(ERASE);
            self.bytes[page * ERASE..][..len].fill(0xFF);
            self.wear[page] += 1;
            result?;
        }
        Ok(())
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failure> {
        check_write(self, offset, bytes.len()).map_err(Failure::Misuse)?;
        // A part programs word by word, and power can go within a word too.
        for (word, bytes) in bytes.chunks(WRITE).enumerate() {
            let (len, result) = self.happens(WRITE);
            let at = offset as usize + word * WRITE;
            for (old, &new) in self.bytes[at..][..len].iter_mut().zip(bytes) {
                if new & !*old != 0 {
                    return Err(Failure::Misuse(NorFlashErrorKind::Other));
                }
                *old &= new;
            }
            result?;
        }
        Ok(())
    }
}

type Network<'a> = Mlp<'a, Narrow, 1, 2>;

/// Trains from where the flash says, or from the start, and saves after every few steps; returns the model's hash.
fn run<const WRITE: usize, const ERASE: usize>(flash: &mut Mock<WRITE, ERASE>, data: &Data) -> Option<u64> {
    let mut memory = Memory::of::<Narrow, 1>(&NETWORK);
    let mut network = Network::new(&NETWORK, memory.block()).unwrap();
    network.initialise(&Portable, 7, FanIn::Connections);
    let cut = |error| match error {
        CheckpointError::Flash(Failure::Power) => (),
        other => panic!("{other}"),
    };
    let mut checkpoints = Checkpoints::new(Borrowed(flash), &network).map_err(cut).ok()?;
    let mut at = Progress::START;
    if checkpoints.progress().is_some() {
        at = checkpoints.resume(&mut network).unwrap();
    }
    let settings = TrainSettings {
        seed: 7,
        evolution: Some(Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections).unwrap()),
        ..TrainSettings::new(EPOCHS, Sgd::new(0.05).unwrap())
    };
    let mut trainer = Trainer::new(&settings).unwrap().starting_at(at);
    let mut saver = Saver(checkpoints);
    match trainer.run(&mut network, &Portable, &data.table(), &(), &mut saver).unwrap() {
        Ended::Finished => Some(hash(&network)),
        Ended::Stopped => None,
    }
}

/// Saves after every few steps, until the power goes.
struct Saver<'a, const WRITE: usize, const ERASE: usize>(Checkpoints<Borrowed<'a, WRITE, ERASE>>);

impl<const WRITE: usize, const ERASE: usize> Saver<'_, WRITE, ERASE> {
    fn save(&mut self, network: &Network<'_>, at: Progress) -> ControlFlow<()> {
        match self.0.save(network, at) {
            Ok(()) => ControlFlow::Continue(()),
            Err(CheckpointError::Flash(Failure::Power)) => ControlFlow::Break(()),
            Err(error) => panic!("{error}"),
        }
    }
}

impl<const WRITE: usize, const ERASE: usize> Observer<Narrow, 1, 2> for Saver<'_, WRITE, ERASE> {
    fn step(&mut self, step: &Step<'_>, network: &Network<'_>) -> ControlFlow<()> {
        if (step.step + 1).is_multiple_of(EVERY) && !step.is_last() {
            return self.save(network, step.progress());
        }
        ControlFlow::Continue(())
    }

    fn epoch(&mut self, epoch: &Epoch, network: &Network<'_>) -> ControlFlow<()> {
        self.save(network, epoch.progress())
    }
}

/// Flash that outlives what uses it.
struct Borrowed<'a, const WRITE: usize, const ERASE: usize>(&'a mut Mock<WRITE, ERASE>);

impl<const WRITE: usize, const ERASE: usize> ErrorType for Borrowed<'_, WRITE, ERASE> {
    type Error = Failure;
}

impl<const WRITE: usize, const ERASE: usize> ReadNorFlash for Borrowed<'_, WRITE, ERASE> {
    const READ_SIZE: usize = 1;

    fn read(&mut self, offset: u32, bytes: &mut [u8]) -> Result<(), Failure> {
        self.0.read(offset, bytes)
    }

    fn capacity(&self) -> usize {
        self.0.capacity()
    }
}

impl<const WRITE: usize, const ERASE: usize> NorFlash for Borrowed<'_, WRITE, ERASE> {
    const WRITE_SIZE: usize = WRITE;
    const ERASE_SIZE: usize = ERASE;

    fn erase(&mut self, from: u32, to: u32) -> Result<(), Failure> {
        self.0.erase(from, to)
    }

    fn write(&mut self, offset: u32, bytes: &[u8]) -> Result<(), Failure> {
        self.0.write(offset, bytes)
    }
}

/// Cuts the power at operations `0, stride, 2 stride…` of a run, and lets each run go on.
fn survives<const WRITE: usize, const ERASE: usize>(pages: usize, stride: usize) {
    let data = Data::random(3, SAMPLES, 20, 4);
    let mut whole = Mock::<WRITE, ERASE>::new(pages);
    let expected = run(&mut whole, &data).unwrap();
    let all = whole.operations;
    assert!(all > 20);
    let saved = (EPOCHS * SAMPLES as u32 / EVERY) as usize;
    for (i, cut) in (1..=all).step_by(stride).enumerate() {
        let mut flash = Mock::<WRITE, ERASE>::new(pages);
        (flash.left, flash.part) = (Some(cut), i % 9);
        assert_eq!(run(&mut flash, &data), None, "operation {cut} of {all}");
        flash.left = None;
        let mut memory = Memory::of::<Narrow, 1>(&NETWORK);
        let network = Network::new(&NETWORK, memory.block()).unwrap();
        let found = Checkpoints::new(Borrowed(&mut flash), &network).unwrap().progress();
        // Once one was saved, there is always one.
        let per_save = all as usize / saved;
        assert!(found.is_some() || (cut as usize) <= per_save + 1, "operation {cut} of {all}: no checkpoint");
        assert_eq!(run(&mut flash, &data), Some(expected), "operation {cut} of {all}");
    }
}

#[test]
fn an_nrf52840_survives_at_every_operation() {
    survives::<4, 4096>(2, 1);
}

#[test]
fn an_rp2040_survives_at_every_operation() {
    survives::<256, 4096>(3, 1);
}

#[test]
fn an_stm32f4_survives_at_every_operation() {
    // Sectors of 128 KB, programmed by words.
    survives::<4, 131_072>(2, 1);
}

#[test]
fn wear_is_spread_over_all_pages() {
    let data = Data::random(3, SAMPLES, 20, 4);
    let mut flash = Mock::<4, 4096>::new(5);
    run(&mut flash, &data).unwrap();
    let (least, most) = (flash.wear.iter().min().unwrap(), flash.wear.iter().max().unwrap());
    assert!(*least > 0 && most - least <= 1, "{:?}", flash.wear);
}

#[test]
fn flash_that_is_too_small_or_of_another_network_is_an_error() {
    let mut memory = Memory::of::<Narrow, 1>(&NETWORK);
    let mut network = Network::new(&NETWORK, memory.block()).unwrap();
    network.initialise(&Portable, 7, FanIn::Connections);
    let small = Checkpoints::new(Mock::<4, 4096>::new(1), &network).map(|_| ());
    assert_eq!(small, Err(CheckpointError::TooSmall { needed: 8192, available: 4096 }));

    let mut checkpoints = Checkpoints::new(Mock::<4, 4096>::new(2), &network).unwrap();
    assert_eq!(checkpoints.resume(&mut network), Err(CheckpointError::Empty));
    checkpoints.save(&network, Progress { epoch: 2, step: 5 }).unwrap();
    let other = [LayerSpec::sparse(20, 24, 149, Activation::Relu).input_major(), LAYERS[1]];
    let description = Description::training(&other, 1);
    let mut memory = Memory::of::<Narrow, 1>(&description);
    let mut other = Network::new(&description, memory.block()).unwrap();
    let mut checkpoints = Checkpoints::new(checkpoints.release(), &other).unwrap();
    assert_eq!(checkpoints.progress(), Some(Progress { epoch: 2, step: 5 }));
    assert!(matches!(checkpoints.resume(&mut other), Err(CheckpointError::Image(_))));
}

/// CRC-32 as of IEEE 802.3.
fn crc32(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ u32::from(byte), |crc, _| (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg()))
    })
}

/// Writes the checksums that a slot's bytes have now, so that the checks behind them are reached.
fn repair(slot: &mut [u8], len: usize) {
    let crc = crc32(&slot[256..][..len]);
    slot[20..24].copy_from_slice(&crc.to_le_bytes());
    let crc = crc32(&slot[..24]);
    slot[24..28].copy_from_slice(&crc.to_le_bytes());
}

fn assert_valid(network: &Network<'_>) {
    let layer = network.layers().next().unwrap();
    let csr = layer.csr.unwrap();
    CsrRef::<Narrow>::new(csr.ncols(), csr.indptr(), csr.indices(), csr.values()).unwrap();
}

#[test]
fn a_checkpoint_whose_structure_is_broken_is_refused_and_changes_nothing() {
    let (mut memory, mut other) = (Memory::of::<Narrow, 1>(&NETWORK), Memory::of::<Narrow, 1>(&NETWORK));
    let mut saved = Network::new(&NETWORK, memory.block()).unwrap();
    saved.initialise(&Portable, 7, FanIn::Connections);
    let mut network = Network::new(&NETWORK, other.block()).unwrap();
    network.initialise(&Portable, 8, FanIn::Connections);
    let mut checkpoints = Checkpoints::new(Mock::<4, 4096>::new(2), &saved).unwrap();
    checkpoints.save(&saved, Progress { epoch: 2, step: 5 }).unwrap();
    let mut flash = checkpoints.release();
    let len = u32::from_le_bytes(flash.bytes[16..20].try_into().unwrap()) as usize;
    let (mut refused, mut before) = (0, hash(&network));
    for bit in 0..8 * len {
        let at = 256 + bit / 8;
        flash.bytes[at] ^= 1 << (bit % 8);
        repair(&mut flash.bytes, len);
        let mut checkpoints = Checkpoints::new(flash, &network).unwrap();
        match checkpoints.resume(&mut network) {
            Ok(progress) => {
                assert_eq!(progress, Progress { epoch: 2, step: 5 });
                before = hash(&network);
            }
            Err(CheckpointError::Image(_)) => {
                refused += 1;
                assert_eq!(hash(&network), before, "bit {bit}");
            }
            Err(error) => panic!("bit {bit}: {error}"),
        }
        assert_valid(&network);
        flash = checkpoints.release();
        flash.bytes[at] ^= 1 << (bit % 8);
    }
    // At least all bits of the widths and of the row pointers' upper bytes.
    assert!(refused > 2 * 96 + 21 * 8, "{refused} of {}", 8 * len);
}

#[test]
fn flash_that_fails_while_it_is_read_leaves_the_network_as_it_was_or_without_connections() {
    let (mut memory, mut other) = (Memory::of::<Narrow, 1>(&NETWORK), Memory::of::<Narrow, 1>(&NETWORK));
    let mut saved = Network::new(&NETWORK, memory.block()).unwrap();
    saved.initialise(&Portable, 7, FanIn::Connections);
    let mut network = Network::new(&NETWORK, other.block()).unwrap();
    let mut checkpoints = Checkpoints::new(Mock::<4, 4096>::new(2), &saved).unwrap();
    checkpoints.save(&saved, Progress { epoch: 2, step: 5 }).unwrap();
    let mut flash = checkpoints.release();
    let evolution = Evolution::new(0.3, GrownWeight::Zero, FanIn::Connections).unwrap();
    let (mut unchanged, mut cleared, mut resumed) = (0, 0, false);
    for reads in 0..1000 {
        network.initialise(&Portable, 8, FanIn::Connections);
        let before = hash(&network);
        flash.reads = Some(reads);
        if let Ok(mut checkpoints) = Checkpoints::new(Borrowed(&mut flash), &network) {
            match checkpoints.resume(&mut network) {
                Ok(_) => resumed = true,
                Err(error) => assert_eq!(error, CheckpointError::Flash(Failure::Power)),
            }
        }
        if resumed {
            break;
        }
        if hash(&network) == before {
            unchanged += 1;
        } else {
            cleared += 1;
            let layer = network.layers().next().unwrap();
            assert!(layer.csr.unwrap().indptr().iter().all(|&pointer| pointer == 0));
            assert!(layer.weights.iter().all(|&weight| weight == 0.0));
        }
        network.evolve(&Portable, &evolution, 7, 1, |_, _| {}).unwrap();
    }
    assert!(resumed && unchanged > 10 && cleared > 3, "{unchanged} unchanged, {cleared} cleared");
    assert_eq!(hash(&network), hash(&saved));
}
