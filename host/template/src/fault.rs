//! Panics and faults: the program prints one sentence and ends.

use core::panic::PanicInfo;

pub use crate::end::fail;

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    fail(format_args!("{info}"))
}

#[expect(unsafe_code, reason = "a fault handler is entered by the processor")]
mod handler {
    // SAFETY: it never returns and touches nothing but the log.
    #[cortex_m_rt::exception]
    unsafe fn HardFault(frame: &cortex_m_rt::ExceptionFrame) -> ! {
        super::fail(format_args!("fault at {:#010x}: the stack is full, or an address does not exist", frame.pc()))
    }
}
