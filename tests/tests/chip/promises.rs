//! What is promised of the programs for the chip, read from their ELF files: bytes of memory, bytes of flash, what is not
//! linked, how they start.

use object::{Object, ObjectSection, ObjectSymbol};

use crate::firmware::{Build, M0, M4F};

/// The most flash that the core may take, code and constants, in bytes.
const LARGEST_M4F: u64 = 25 * 1024;
const LARGEST_M0: u64 = 32 * 1024;

/// A program's sections and symbols.
struct Program {
    /// Name, address, bytes.
    sections: Vec<(String, u64, Vec<u8>)>,
    /// Name and size.
    symbols: Vec<(String, u64)>,
}

impl Program {
    /// Builds a program, which must not have an allocator.
    fn of(build: &Build) -> Self {
        let bytes = std::fs::read(build.build().unwrap()).unwrap();
        let file = object::File::parse(&*bytes).unwrap();
        let sections = file.sections().map(|section| {
            let mut data = section.data().unwrap().to_vec();
            data.resize(section.size() as usize, 0);
            (section.name().unwrap().to_owned(), section.address(), data)
        });
        let symbols = file.symbols().map(|symbol| (symbol.name().unwrap().to_owned(), symbol.size()));
        let program = Self { sections: sections.collect(), symbols: symbols.collect() };
        assert_eq!(program.has(allocates), [""; 0], "{build:?}");
        program
    }

    fn section(&self, name: &str) -> &(String, u64, Vec<u8>) {
        self.sections.iter().find(|section| section.0 == name).unwrap()
    }

    /// Code and constants.
    fn flash(&self) -> u64 {
        [".text", ".rodata", ".data"].map(|name| self.section(name).2.len() as u64).iter().sum()
    }

    fn has(&self, wanted: impl Fn(&str) -> bool) -> Vec<&str> {
        self.symbols.iter().map(|symbol| symbol.0.as_str()).filter(|name| wanted(name)).collect()
    }
}

fn proof(target: &str) -> Build<'_> {
    Build::new("proof", "mps2-an386", target)
}

/// Rust's calls of an allocator, C's, and what is in the crate `alloc`.
fn allocates(name: &str) -> bool {
    ["__rust_alloc", "__rust_realloc", "__rust_dealloc", "malloc", "5alloc"].iter().any(|part| name.contains(part))
}

/// The compiler's routines for 64-bit floats, by both of their names.
fn is_f64(name: &str) -> bool {
    let arm = name.strip_prefix("__aeabi_").is_some_and(|name| {
        name.starts_with('d') && !name.starts_with("div") || name.ends_with("2d") || name.starts_with("cd")
    });
    let generic = name.starts_with("__") && (name.contains("df") && !name.starts_with("__rust")) && name.len() < 16;
    arm || generic
}

#[test]
fn a_network_that_does_not_fit_the_board_fails_the_build() {
    let small = Build::new("train", "microbit", M0);
    for program in ["train", "checkpoint"] {
        let message = Build { program, network: Some("64"), ..small }.build().unwrap_err();
        assert!(message.contains("the network does not fit the board's RAM"), "{message}");
        assert!(message.contains("choose a smaller REWIRE_NETWORK"), "{message}");
    }
    let message = Build { network: Some("65"), ..small }.build().unwrap_err();
    assert!(message.contains("REWIRE_NETWORK=65 is unknown; there are 16, 64 and 128"), "{message}");
    let message = Build { board: "arduino", ..small }.build().unwrap_err();
    assert!(message.contains("REWIRE_BOARD=arduino is unknown; there are microbit, bluepill"), "{message}");
}

#[test]
fn predicted_and_linked_and_observed_bytes_are_the_same() {
    for (board, target) in [("microbit", M0), ("lm3s6965evb", M4F), ("netduinoplus2", M4F)] {
        let build = Build::new("train", board, target);
        let program = Program::of(&build);
        let log = build.log("epochs=0", &[]);
        let said = |what: &str| {
            let line = log.lines().find(|line| line.ends_with(what)).unwrap_or_else(|| panic!("no '{what}' in {log}"));
            line.split(' ').next().unwrap().parse::<u64>().unwrap()
        };
        let predicted = said(" B predicted");
        assert_eq!(said(" B cut from the block"), predicted, "{board}");
        let blocks: Vec<u64> =
            program.symbols.iter().filter(|symbol| symbol.0.contains("5BLOCK")).map(|symbol| symbol.1).collect();
        // The block knows whether it was handed out, in one byte.
        assert_eq!(blocks, [(predicted + 1).next_multiple_of(4)], "{board}");
        // All else that is zero at the start: the log's encoder.
        let rest = program.section(".bss").2.len() as u64 - blocks[0];
        assert!(rest <= 64, "{board}: {rest} B of .bss beside the block");
    }
}

#[test]
fn the_training_path_has_no_allocator_and_no_64_bit_floats_and_is_small() {
    for (target, largest) in [(M0, LARGEST_M0), (M4F, LARGEST_M4F)] {
        let program = Program::of(&proof(target));
        // Without a unit for floats, those of 32 bits are routines, and have names.
        assert_eq!(program.has(|name| name == "__aeabi_fmul" || name == "__mulsf3").is_empty(), target == M4F);
        assert_eq!(program.has(is_f64), [""; 0], "{target}");
        let empty = Program::of(&Build { program: "empty", ..proof(target) });
        let core = program.flash() - empty.flash();
        println!("{target}: the core takes {core} B of flash");
        assert!(core <= largest, "{target}: the core takes {core} B of flash");
    }
}

/// It links only if no panic is reachable.
#[test]
fn training_on_what_arrives_has_no_allocator_and_no_64_bit_floats() {
    for target in [M0, M4F] {
        let program = Program::of(&Build { program: "stream", ..proof(target) });
        assert_eq!(program.has(is_f64), [""; 0], "{target}");
    }
}

#[test]
fn names_of_routines_are_known() {
    assert!(allocates("_RNvCs1234_7___rustc12___rust_alloc") && allocates("_ZN5alloc7raw_vec12handle_error17h"));
    for name in
        ["__aeabi_dmul", "__aeabi_f2d", "__aeabi_i2d", "__aeabi_cdcmple", "__muldf3", "__fixdfsi", "__extendsfdf2"]
    {
        assert!(is_f64(name), "{name}");
    }
    for name in ["__aeabi_fmul", "__aeabi_uidiv", "__aeabi_f2iz", "__mulsf3", "__addsf3"] {
        assert!(!is_f64(name), "{name}");
    }
}

#[test]
fn an_image_for_a_board_stops_for_no_debugger() {
    // A semihosting call is `bkpt 0xab`, which is a fault where no debugger is attached.
    let calls =
        |program: &Program| program.section(".text").2.chunks_exact(2).filter(|word| *word == [0xAB, 0xBE]).count();
    let hosted = Build::new("train", "microbit", M0);
    assert!(calls(&Program::of(&hosted)) > 0);
    assert_eq!(calls(&Program::of(&Build { features: Some("rtt"), ..hosted })), 0);
    let nrf52840 = Build { features: Some("rtt nrf52840"), ..Build::new("checkpoint", "nrf52840-dk", M4F) };
    let program = Program::of(&nrf52840);
    assert_eq!(calls(&program), 0);
    // The last 256 KB of its flash are the checkpoints'.
    let flashed = program.sections.iter().filter(|section| section.1 < 0x2000_0000 && !section.0.starts_with(".debug"));
    assert!(flashed.map(|section| section.1 + section.2.len() as u64).max().unwrap() <= 768 * 1024);
}

#[test]
fn an_rp2040_finds_its_second_boot_stage() {
    let program = Program::of(&Build { features: Some("rtt"), ..Build::new("train", "rp2040", M0) });
    let (_, address, stage) = program.section(".boot2");
    assert_eq!((*address, stage.len()), (0x1000_0000, 256));
    // The boot ROM runs it only if its checksum, CRC-32 as of MPEG-2, is right.
    let (code, expected) = stage.split_last_chunk().unwrap();
    let crc = code.iter().fold(u32::MAX, |crc, &byte| {
        (0..8).fold(crc ^ (u32::from(byte) << 24), |crc, _| (crc << 1) ^ (0x04C1_1DB7 & (crc >> 31).wrapping_neg()))
    });
    assert_eq!(crc, u32::from_le_bytes(*expected));
    assert_eq!(program.section(".vector_table").1, 0x1000_0100);
}
