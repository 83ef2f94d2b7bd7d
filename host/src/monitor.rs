//! What a run takes from the machine.

/// Memory of this process that is in RAM, in bytes; `None` where the system does not tell.
pub fn resident_bytes() -> Option<u64> {
    status(|status| status.vmrss)
}

/// The most of it that there has been.
pub fn peak_resident_bytes() -> Option<u64> {
    status(|status| status.vmhwm)
}

#[cfg(target_os = "linux")]
fn status(field: fn(&procfs::process::Status) -> Option<u64>) -> Option<u64> {
    let status = procfs::process::Process::myself().and_then(|process| process.status()).ok()?;
    field(&status).map(|kibibytes| kibibytes * 1024)
}

#[cfg(not(target_os = "linux"))]
fn status(_: fn(&Status) -> Option<u64>) -> Option<u64> {
    None
}

/// What only Linux tells.
#[cfg(not(target_os = "linux"))]
struct Status {
    vmrss: Option<u64>,
    vmhwm: Option<u64>,
}
