//! Chooses the board, writes its memory map and packs the samples for the flash.

use std::io::Read;
use std::path::{Path, PathBuf};
use std::{env, fs};

#[expect(dead_code, unreachable_pub, reason = "others read more of it")]
#[path = "../host/src/firmware/boards.rs"]
mod boards;

use boards::{BOARDS, Board, find};

const K: u32 = 1024;

/// The part whose own flash `checkpoint` can save to, which is also the name of the feature that drives it, and the bytes
/// at the end of that flash that are reserved for it.
const CHECKPOINTS: (&str, u32) = ("nrf52840", 256 * K);

/// Kilobytes of the network that fits, as the programs call it.
fn network(board: &Board) -> u32 {
    match board.ram.kib {
        ..64 => 16,
        // Megabytes are an emulator's, which stands for smaller chips.
        64..128 | 1024.. => 64,
        128..1024 => 128,
    }
}

/// How many training and test samples fit the flash.
fn samples(board: &Board) -> (usize, usize) {
    match board.flash.kib {
        ..256 => (40, 20),
        256..512 => (400, 200),
        512..1024 => (1000, 500),
        1024.. => (2000, 1000),
    }
}

fn main() {
    for variable in ["REWIRE_BOARD", "REWIRE_NETWORK", "REWIRE_IMAGE"] {
        println!("cargo::rerun-if-env-changed={variable}");
    }
    for file in ["build.rs", "../host/src/firmware/boards.rs"] {
        println!("cargo::rerun-if-changed={file}");
    }
    let name = env::var("REWIRE_BOARD").unwrap_or_else(|_| "mps2-an386".into());
    let board = find(&name).filter(|board| board.target.is_some()).unwrap_or_else(|| {
        let known: Vec<&str> = BOARDS.iter().filter(|board| board.target.is_some()).map(|board| board.name).collect();
        let why = if find(&name).is_some() { "has no program" } else { "is unknown" };
        panic!("REWIRE_BOARD={name} {why}; there are {}", known.join(", "))
    });
    let network = env::var("REWIRE_NETWORK").ok().map_or(network(board), |text| {
        text.parse().ok().filter(|network| [16, 64, 128].contains(network)).unwrap_or_else(|| {
            panic!("REWIRE_NETWORK={text} is unknown; there are 16, 64 and 128");
        })
    });
    let (part, reserved) = CHECKPOINTS;
    let checkpoints = if board.name == part { reserved } else { 0 };
    let driven = env::var_os(format!("CARGO_FEATURE_{}", part.to_uppercase())).is_some();
    assert!(!driven || checkpoints > 0, "feature {part} drives another part's flash than that of {name}");
    println!("cargo::rustc-check-cfg=cfg(network, values(\"16\", \"64\", \"128\"))");
    println!("cargo::rustc-cfg=network=\"{network}\"");
    println!("cargo::rustc-env=REWIRE_BOARD_NAME={name}");

    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets it"));
    println!("cargo::rustc-check-cfg=cfg(boot_stage)");
    if board.boot_bytes() > 0 {
        println!("cargo::rustc-cfg=boot_stage");
    }
    let end = board.flash.origin + board.flash.kib * K;
    let memory = format!(
        "{}_checkpoints_start = {:#010x};\n_checkpoints_end = {end:#010x};\n",
        board.memory_map(checkpoints),
        end - checkpoints,
    );
    println!("cargo::rustc-env=REWIRE_RAM={}", board.ram_bytes());
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
    let (train, test) = samples(board);
    for (part, name, count) in [("train", "train", train), ("t10k", "test", test)] {
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
