//! How a program ends, and where its log goes: to a host through semihosting, or to RAM, where a debug probe reads it
//! (RTT).

#[cfg(feature = "semihosting")]
mod way {
    use core::fmt::{Arguments, Write as _};

    // The program logs through it.
    use defmt_semihosting as _;
    use semihosting::io::{Stderr, Write, stderr};
    use semihosting::process;

    struct Sentence(Stderr);

    impl core::fmt::Write for Sentence {
        fn write_str(&mut self, text: &str) -> core::fmt::Result {
            self.0.write_all(text.as_bytes()).map_err(|_| core::fmt::Error)
        }
    }

    /// Prints what failed to the host's standard error and ends the program with a nonzero exit code.
    pub fn fail(what: Arguments<'_>) -> ! {
        if let Ok(stderr) = stderr() {
            let _ = Sentence(stderr).write_fmt(format_args!("{what}\n"));
        }
        process::abort()
    }

    /// Ends the program.
    pub fn finish() -> ! {
        process::exit(0)
    }
}

#[cfg(not(feature = "semihosting"))]
mod way {
    use core::fmt::Arguments;

    use defmt::Display2Format;
    // The program logs through it.
    use defmt_rtt as _;

    /// Logs what failed and waits in a loop.
    pub fn fail(what: Arguments<'_>) -> ! {
        defmt::error!("{}", Display2Format(&what));
        finish()
    }

    /// Ends the program in a loop, so that the log stays readable.
    pub fn finish() -> ! {
        loop {
            // No sleep: in sleep, some chips stop the clock that the probe needs to read memory.
            cortex_m::asm::nop();
        }
    }
}

pub use way::{fail, finish};
