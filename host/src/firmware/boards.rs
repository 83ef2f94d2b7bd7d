//! Microcontroller boards: the one table of them.
//!
//! `rewire footprint` and `rewire export --firmware` read it, and so do the programs of `firmware/`: their build script
//! includes this file, and their runner `qemu` looks for the machine in it. So it has no dependencies, and a board is one
//! line.

/// A board, or a machine of the emulator QEMU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Board {
    /// As `--board` takes it.
    pub name: &'static str,
    /// What else it is called: its chip's name, or another board with the same chip.
    pub others: &'static [&'static str],
    /// Chip and processor.
    pub chip: &'static str,
    /// Largest contiguous RAM.
    pub ram: Memory,
    /// Flash that a program can be in.
    pub flash: Memory,
    /// Rust's target. `None` where no program can be built: another architecture, or a chip that starts differently.
    pub target: Option<&'static str>,
    /// The chip as `probe-rs run --chip` takes it.
    pub probe: Option<&'static str>,
    /// The machine of QEMU, as `qemu-system-arm -machine` takes it.
    pub qemu: Option<&'static str>,
    /// The kind of its first UART, where that was tested in QEMU.
    pub uart: Option<Uart>,
}

/// Kinds of UART.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Uart {
    /// Of an MPS2 board.
    Cmsdk,
    /// Of an LM3S6965.
    Pl011,
    /// Of an nRF51.
    Nrf51,
    /// Of an STM32F4.
    Stm32,
}

/// Where a memory begins, and its KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Memory {
    /// Address of the first byte.
    pub origin: u32,
    /// Its size.
    pub kib: u32,
}

const fn at(origin: u32, kib: u32) -> Memory {
    Memory { origin, kib }
}

/// The RAM of most chips.
const fn ram(kib: u32) -> Memory {
    at(0x2000_0000, kib)
}

/// The flash of an STM32.
const fn stm32(kib: u32) -> Memory {
    at(0x0800_0000, kib)
}

const M0: Option<&str> = Some("thumbv6m-none-eabi");
const M3: Option<&str> = Some("thumbv7m-none-eabi");
const M4F: Option<&str> = Some("thumbv7em-none-eabihf");
const M33: Option<&str> = Some("thumbv8m.main-none-eabihf");

/// By their makers' datasheets, smallest RAM first.
#[rustfmt::skip]
pub const BOARDS: &[Board] = &[
    Board { name: "microbit", others: &["nrf51822"], chip: "nRF51822, Cortex-M0", ram: ram(16), flash: at(0, 256), target: M0, probe: Some("nRF51822_xxAA"), qemu: Some("microbit"), uart: Some(Uart::Nrf51) },
    Board { name: "bluepill", others: &["stm32f103"], chip: "STM32F103C8, Cortex-M3", ram: ram(20), flash: stm32(64), target: M3, probe: Some("STM32F103C8"), qemu: None, uart: None },
    Board { name: "samd21", others: &[], chip: "ATSAMD21G18, Cortex-M0+", ram: ram(32), flash: at(0, 256), target: M0, probe: Some("ATSAMD21G18A"), qemu: None, uart: None },
    Board { name: "nrf52832", others: &["nrf52-dk"], chip: "nRF52832, Cortex-M4F", ram: ram(64), flash: at(0, 512), target: M4F, probe: Some("nRF52832_xxAA"), qemu: None, uart: None },
    // QEMU gives it a Cortex-M4F, which the chip has not.
    Board { name: "lm3s6965evb", others: &[], chip: "LM3S6965, Cortex-M3", ram: ram(64), flash: at(0, 256), target: M4F, probe: None, qemu: Some("lm3s6965evb -cpu cortex-m4"), uart: Some(Uart::Pl011) },
    Board { name: "microbit-v2", others: &["nrf52833"], chip: "nRF52833, Cortex-M4F", ram: ram(128), flash: at(0, 512), target: M4F, probe: Some("nRF52833_xxAA"), qemu: None, uart: None },
    Board { name: "blackpill", others: &["stm32f411", "nucleo-f411re"], chip: "STM32F411CE, Cortex-M4F", ram: ram(128), flash: stm32(512), target: M4F, probe: Some("STM32F411CEUx"), qemu: None, uart: None },
    Board { name: "netduinoplus2", others: &["stm32f405"], chip: "STM32F405RG, Cortex-M4F", ram: ram(128), flash: stm32(1024), target: M4F, probe: Some("STM32F405RGTx"), qemu: Some("netduinoplus2"), uart: Some(Uart::Stm32) },
    Board { name: "samd51", others: &[], chip: "ATSAMD51J19, Cortex-M4F", ram: ram(192), flash: at(0, 512), target: M4F, probe: Some("ATSAMD51J19A"), qemu: None, uart: None },
    Board { name: "nrf52840", others: &["nrf52840-dk"], chip: "nRF52840, Cortex-M4F", ram: ram(256), flash: at(0, 1024), target: M4F, probe: Some("nRF52840_xxAA"), qemu: None, uart: None },
    Board { name: "nrf9160", others: &["nrf9160-dk"], chip: "nRF9160, Cortex-M33", ram: ram(256), flash: at(0, 1024), target: M33, probe: Some("nRF9160_xxAA"), qemu: None, uart: None },
    Board { name: "pico", others: &["rp2040"], chip: "RP2040, Cortex-M0+", ram: ram(264), flash: at(0x1000_0000, 2048), target: M0, probe: Some("RP2040"), qemu: None, uart: None },
    Board { name: "esp32-c3", others: &[], chip: "ESP32-C3, RISC-V", ram: at(0x3FC8_0000, 400), flash: at(0x4200_0000, 4096), target: None, probe: None, qemu: None, uart: None },
    Board { name: "teensy41", others: &[], chip: "i.MX RT1062, Cortex-M7", ram: ram(512), flash: at(0x6000_0000, 7936), target: None, probe: None, qemu: None, uart: None },
    Board { name: "nucleo-h743zi", others: &["stm32h743"], chip: "STM32H743ZI, Cortex-M7", ram: at(0x2400_0000, 512), flash: stm32(2048), target: M4F, probe: Some("STM32H743ZITx"), qemu: None, uart: None },
    Board { name: "pico2", others: &["rp2350"], chip: "RP2350, Cortex-M33", ram: ram(520), flash: at(0x1000_0000, 4096), target: None, probe: None, qemu: None, uart: None },
    Board { name: "mps2-an386", others: &[], chip: "emulated, Cortex-M4F", ram: ram(4096), flash: at(0, 4096), target: M4F, probe: None, qemu: Some("mps2-an386"), uart: Some(Uart::Cmsdk) },
    Board { name: "mps2-an500", others: &[], chip: "emulated, Cortex-M7", ram: ram(4096), flash: at(0, 4096), target: M4F, probe: None, qemu: Some("mps2-an500"), uart: Some(Uart::Cmsdk) },
];

/// The board of this name.
pub fn find(name: &str) -> Option<&'static Board> {
    BOARDS.iter().find(|board| board.name == name || board.others.contains(&name))
}

impl Board {
    /// Bytes of RAM.
    pub fn ram_bytes(&self) -> usize {
        self.ram.kib as usize * 1024
    }

    /// Bytes of flash.
    pub fn flash_bytes(&self) -> usize {
        self.flash.kib as usize * 1024
    }

    /// Bytes at the start of the flash for a second boot stage: an RP2040 first runs these, which set up the access to the
    /// rest.
    pub fn boot_bytes(&self) -> u32 {
        if self.name == "pico" { 256 } else { 0 }
    }

    /// `memory.x` for the linker, without the last `reserved` bytes of the flash.
    pub fn memory_map(&self, reserved: u32) -> String {
        let (flash, boot) = (self.flash, self.boot_bytes());
        let region =
            |name: &str, origin: u32, bytes: u32| format!("    {name} : ORIGIN = {origin:#010x}, LENGTH = {bytes}\n");
        let mut map = format!("/* {}: {} */\nMEMORY\n{{\n", self.name, self.chip);
        if boot > 0 {
            map += &region("BOOT2", flash.origin, boot);
        }
        map += &region("FLASH", flash.origin + boot, flash.kib * 1024 - boot - reserved);
        map += &region("RAM  ", self.ram.origin, self.ram.kib * 1024);
        map += "}\n";
        if boot > 0 {
            map += "SECTIONS { .boot2 ORIGIN(BOOT2) : { KEEP(*(.boot2)); } > BOOT2 } INSERT BEFORE .text;\n";
        }
        map
    }
}
