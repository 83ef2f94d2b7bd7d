//! Evaluates a model in flash, which is read in place: only its workspace takes RAM.
//!
//! The model is the image that the program was built with: `REWIRE_IMAGE`, written by `rewire export --chip`.

#![no_std]
#![no_main]

use defmt::info;
use rewire_core::network::Frozen;
use rewire_core::prelude::*;
use rewire_core::storage::image::{Image, hash_layers};
use rewire_firmware::fault::fail;
use rewire_firmware::memory::Memory;
use rewire_firmware::networks::{LAYERS, MODEL};
use rewire_firmware::{end, host, stack};

/// The workspace of a network of these widths; a model with other widths may not fit, which is an error.
static BLOCK: Memory<{ Description::frozen(LAYERS, 1).bytes::<Bytes, 1>() }> = Memory::new();

#[cortex_m_rt::entry]
fn main() -> ! {
    let Some(block) = BLOCK.take() else { fail(format_args!("the memory block is already in use")) };
    let Some(bytes) = MODEL else {
        fail(format_args!("built without a model: set REWIRE_IMAGE to a file that `rewire export --chip` wrote"))
    };
    let image = match Image::<Bytes>::new(bytes) {
        Ok(image) => image,
        Err(error) => fail(format_args!("the model in flash: {error}")),
    };
    let mut built = Frozen::<Bytes, 1, 2>::new(&image, 1, block);
    let network = match &mut built {
        Ok(network) => network,
        Err(error) => fail(format_args!("the model in flash: {error}")),
    };
    let [_, test] = host::sources();
    let measured = network.evaluate(&Portable, &test);
    info!(
        "test loss {=f32}, test accuracy {=f32} % ({=u32} of {=u32})",
        measured.loss(),
        100.0 * measured.accuracy(),
        measured.correct(),
        measured.samples()
    );
    info!("{=usize} B of model in flash, {=usize} B of workspace in RAM", bytes.len(), network.bytes());
    let (used, available) = stack::high_water();
    info!("{=usize} B of stack used of {=usize}", used, available);
    info!("model {=u64:016x}", hash_layers(network.layers().iter().copied()));
    end::finish()
}
