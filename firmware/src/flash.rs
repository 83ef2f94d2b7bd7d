//! The flash memory for checkpoints: the board's own, or a file on the host that acts as one.

#[cfg(feature = "nrf52840")]
mod part {
    use nrf52840_hal::nvmc::Nvmc;
    use nrf52840_hal::pac::{NVMC, Peripherals};

    /// The last pages of the nRF52840's own flash.
    pub type Flash = Nvmc<NVMC>;

    #[expect(unsafe_code, reason = "symbols of the memory map")]
    // SAFETY: only their addresses are taken.
    unsafe extern "C" {
        static mut _checkpoints_start: u8;
        static mut _checkpoints_end: u8;
    }

    /// The flash; `None` from the second call on.
    pub fn open() -> Option<Flash> {
        let _once: &'static mut () = cortex_m::singleton!(: () = ())?;
        let start = &raw mut _checkpoints_start;
        let len = &raw const _checkpoints_end as usize - start as usize;
        #[expect(unsafe_code, reason = "registers and flash are memory that the linker does not hand out")]
        // SAFETY: this runs once, and nothing else in the program uses the controller or this part of the flash, which
        // build.rs keeps free of the program.
        let (registers, bytes) = unsafe { (Peripherals::steal(), core::slice::from_raw_parts_mut(start, len)) };
        Some(Nvmc::new(registers.NVMC, bytes))
    }
}

#[cfg(all(feature = "semihosting", not(feature = "nrf52840")))]
mod part {
    use crate::end::fail;
    use crate::host::{Memory, argument};
    use crate::nor::Nor;

    /// A file of the host.
    pub type Flash = Nor<Memory>;

    /// As many pages as nrf52840-dk reserves for checkpoints.
    const PAGES: u32 = 64;

    /// The flash; `None` if the host names no file.
    pub fn open() -> Option<Flash> {
        argument("flash", |path| {
            let path = path?;
            let Ok(memory) = Memory::open(path) else { fail(format_args!("{path} cannot be opened or created")) };
            Some(Nor::new(memory, PAGES))
        })
    }
}

pub use part::{Flash, open};
