//! Chooses the board, writes its memory map and packs the samples for the flash.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::{env, fs};

/// What the linker and the programs need to know about a board.
struct Board {
    name: &'static str,
    /// Origin and bytes.
    flash: (u32, u32),
    ram: (u32, u32),
    /// Kilobytes of the network that fits, as the programs call it.
    network: u32,
    /// How many training and test samples fit the flash.
    samples: (usize, usize),
    /// The feature with the driver of the flash, and the bytes at its end that are reserved for checkpoints.
    checkpoints: Option<(&'static str, u32)>,
}

const K: u32 = 1024;

#[rustfmt::skip]
const BOARDS: &[Board] = &[
    Board { name: "mps2-an386", flash: (0, 4096 * K), ram: (0x2000_0000, 4096 * K), network: 64, samples: (2000, 1000), checkpoints: None },
    Board { name: "mps2-an500", flash: (0, 4096 * K), ram: (0x2000_0000, 4096 * K), network: 64, samples: (2000, 1000), checkpoints: None },
    Board { name: "lm3s6965evb", flash: (0, 256 * K), ram: (0x2000_0000, 64 * K), network: 64, samples: (400, 200), checkpoints: None },
    Board { name: "netduinoplus2", flash: (0x0800_0000, 1024 * K), ram: (0x2000_0000, 128 * K), network: 128, samples: (2000, 1000), checkpoints: None },
    Board { name: "microbit", flash: (0, 256 * K), ram: (0x2000_0000, 16 * K), network: 16, samples: (400, 200), checkpoints: None },
    Board { name: "nrf52840-dk", flash: (0, 1024 * K), ram: (0x2000_0000, 256 * K), network: 128, samples: (2000, 1000), checkpoints: Some(("nrf52840", 256 * K)) },
    Board { name: "stm32f405", flash: (0x0800_0000, 1024 * K), ram: (0x2000_0000, 128 * K), network: 128, samples: (2000, 1000), checkpoints: None },
    Board { name: "stm32f411", flash: (0x0800_0000, 512 * K), ram: (0x2000_0000, 128 * K), network: 128, samples: (1000, 500), checkpoints: None },
    // It has 264 KB; the first four banks, 256 KB, are contiguous.
    Board { name: "rp2040", flash: (0x1000_0000, 2048 * K), ram: (0x2000_0000, 256 * K), network: 128, samples: (2000, 1000), checkpoints: None },
];

fn main() {
    for variable in ["REWIRE_BOARD", "REWIRE_NETWORK", "REWIRE_IMAGE"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    println!("cargo::rerun-if-changed=build.rs");
    let name = env::var("REWIRE_BOARD").unwrap_or_else(|_| "mps2-an386".into());
    let known = || BOARDS.iter().map(|board| board.name).collect::<Vec<_>>().join(", ");
    let board = BOARDS.iter().find(|board| board.name == name);
    let board = board.unwrap_or_else(|| panic!("REWIRE_BOARD={name} is unknown; there are {}", known()));
    let network = env::var("REWIRE_NETWORK").ok().map_or(board.network, |text| {
        text.parse().ok().filter(|network| [16, 64, 128].contains(network)).unwrap_or_else(|| {
            panic!("REWIRE_NETWORK={text} is unknown; there are 16, 64 and 128");
        })
    });
    for (name, _) in BOARDS.iter().filter_map(|board| board.checkpoints) {
        let driven = env::var_os(format!("CARGO_FEATURE_{}", name.to_uppercase())).is_some();
        let right = board.checkpoints.is_some_and(|(own, _)| own == name);
        assert!(!driven || right, "feature {name} drives another part's flash than that of {}", board.name);
    }
    println!("cargo::rustc-check-cfg=cfg(network, values(\"16\", \"64\", \"128\"))");
    println!("cargo::rustc-cfg=network=\"{network}\"");
    println!("cargo::rustc-env=REWIRE_BOARD_NAME={name}");

    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    let (flash, ram) = (board.flash, board.ram);
    // An RP2040 first runs the 256 bytes at the start of its flash, which set up the access to the rest.
    println!("cargo::rustc-check-cfg=cfg(boot_stage)");
    let boot = if board.name == "rp2040" { 256 } else { 0 };
    let boot_section = if boot > 0 {
        println!("cargo::rustc-cfg=boot_stage");
        "SECTIONS { .boot2 ORIGIN(BOOT2) : { KEEP(*(.boot2)); } > BOOT2 } INSERT BEFORE .text;\n"
    } else {
        ""
    };
    let checkpoints = board.checkpoints.map_or(0, |(_, bytes)| bytes);
    let end = flash.0 + flash.1;
    let memory = format!(
        "MEMORY\n{{\n    BOOT2 : ORIGIN = {:#010x}, LENGTH = {boot}\n    FLASH : ORIGIN = {:#010x}, LENGTH = {}\n    \
         RAM : ORIGIN = {:#010x}, LENGTH = {}\n}}\n\
         _checkpoints_start = {:#010x};\n_checkpoints_end = {end:#010x};\n{boot_section}",
        flash.0,
        flash.0 + boot,
        flash.1 - boot - checkpoints,
        ram.0,
        ram.1,
        end - checkpoints,
    );
    println!("cargo::rustc-env=REWIRE_RAM={}", ram.1);
    fs::write(out.join("memory.x"), memory).expect("the build folder can be written");
    println!("cargo::rustc-link-search={}", out.display());
    if env::var("CARGO_CFG_TARGET_ARCH").is_ok_and(|arch| arch == "arm") {
        for argument in ["--nmagic", "-Tlink.x", "-Tdefmt.x"] {
            println!("cargo::rustc-link-arg={argument}");
        }
    }

    println!("cargo::rustc-check-cfg=cfg(model)");
    let image = env::var_os("REWIRE_IMAGE").map(|path| {
        println!("cargo::rerun-if-changed={}", Path::new(&path).display());
        println!("cargo::rustc-cfg=model");
        fs::read(&path).unwrap_or_else(|error| panic!("REWIRE_IMAGE={}: {error}", Path::new(&path).display()))
    });
    fs::write(out.join("model.image"), image.unwrap_or_default()).expect("the build folder can be written");

    let data = Path::new("../data/mnist-mini");
    for (part, name, count) in [("train", "train", board.samples.0), ("t10k", "test", board.samples.1)] {
        let images = unpack(&data.join(format!("{part}-images-idx3-ubyte.gz")));
        let labels = unpack(&data.join(format!("{part}-labels-idx1-ubyte.gz")));
        fs::write(out.join(format!("{name}.packed")), pack(&images[16..], &labels[8..], count))
            .expect("the build folder can be written");
    }
}

fn unpack(path: &Path) -> Vec<u8> {
    println!("cargo::rerun-if-changed={}", path.display());
    let file = fs::File::open(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let mut bytes = Vec::new();
    flate2::read::GzDecoder::new(file).read_to_end(&mut bytes).expect("bundled data is whole");
    bytes
}

/// The first `count` samples as `samples::Packed` reads them: their number, the end of each sample, then for each its
/// label and runs of zeros and of bytes that are copied.
fn pack(images: &[u8], labels: &[u8], count: usize) -> Vec<u8> {
    let (mut ends, mut bytes) = (Vec::new(), Vec::new());
    for (image, &label) in images.chunks_exact(784).zip(labels).take(count) {
        bytes.push(label);
        let mut rest = image;
        while !rest.is_empty() {
            let zeros = rest.iter().take(255).take_while(|&&pixel| pixel == 0).count();
            rest = &rest[zeros..];
            let copied = rest.iter().take(255).take_while(|&&pixel| pixel != 0).count();
            bytes.extend([zeros as u8, copied as u8]);
            bytes.extend(&rest[..copied]);
            rest = &rest[copied..];
        }
        ends.push(bytes.len() as u32);
    }
    let header = std::iter::once(ends.len() as u32).chain(ends.iter().copied());
    let mut packed: Vec<u8> = header.flat_map(u32::to_le_bytes).collect();
    packed.extend(bytes);
    packed
}
