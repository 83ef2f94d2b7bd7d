//! What happens when something goes wrong: a message on the host's standard error and an exit code other than 0.

use core::fmt::Write;
use core::panic::PanicInfo;

use semihosting::io::{Stderr, stderr};
use semihosting::process;

struct Host(Stderr);

impl Write for Host {
    fn write_str(&mut self, text: &str) -> core::fmt::Result {
        semihosting::io::Write::write_all(&mut self.0, text.as_bytes()).map_err(|_| core::fmt::Error)
    }
}

/// Says what failed on the host's standard error and ends the program.
pub fn fail(what: core::fmt::Arguments<'_>) -> ! {
    if let Ok(stderr) = stderr() {
        let _ = Host(stderr).write_fmt(format_args!("{what}\n"));
    }
    process::abort()
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    fail(format_args!("{info}"))
}

#[expect(unsafe_code, reason = "a fault handler is entered by the processor")]
mod handler {
    // SAFETY: it never returns and touches nothing but the host's standard error.
    #[cortex_m_rt::exception]
    unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
        super::fail(format_args!("fault at {:#010x}: the stack is full, or an address does not exist", frame.pc()))
    }
}
