//! The second boot stage of an RP2040: it runs before the program, from the first 256 bytes of the flash.

#[expect(unsafe_code, reason = "the place in flash is the linker script's to give")]
// SAFETY: the section holds this alone, and the name is that of nothing else.
#[unsafe(link_section = ".boot2")]
#[unsafe(no_mangle)]
#[used]
static BOOT2: [u8; 256] = rp2040_boot2::BOOT_LOADER_W25Q080;
