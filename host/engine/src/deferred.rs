//! Work that is handed to the threads without its type: their crate is then compiled once, and not for every piece of work.

/// Work, or its result.
pub(crate) enum Deferred<F, R> {
    Work(F),
    Result(R),
    /// While it runs, and for ever where it panicked.
    Running,
}

impl<F: FnOnce() -> R, R> Deferred<F, R> {
    /// The result, of work that has run or that runs now.
    #[inline(always)]
    pub(crate) fn result(self) -> R {
        match self {
            Self::Result(result) => result,
            Self::Work(work) => work(),
            Self::Running => unreachable!("whoever ran it has panicked, and so has whoever waited for it"),
        }
    }
}

/// Deferred work of any type.
pub(crate) trait Run: Send {
    /// Does the work, if it is not done.
    fn run(&mut self);
}

impl<F: FnOnce() -> R + Send, R: Send> Run for Deferred<F, R> {
    fn run(&mut self) {
        match std::mem::replace(self, Self::Running) {
            Self::Work(work) => *self = Self::Result(work()),
            done => *self = done,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn work_runs_once() {
        let mut times = 0;
        let mut deferred = Deferred::Work(|| {
            times += 1;
            7
        });
        let run: &mut dyn Run = &mut deferred;
        run.run();
        run.run();
        assert_eq!((deferred.result(), times), (7, 1));
        assert_eq!(Deferred::Work(|| 3).result(), 3);
    }
}
