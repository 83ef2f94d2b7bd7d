//! Blocks of memory for networks.

#[cfg(target_os = "linux")]
use memmap2::Advice;
use memmap2::MmapMut;
use rewire_core::network::Footprint;

use crate::error::NetworkError;

/// Bytes from which memory asks for huge pages. Connections name rows in no order: with small pages, the processor has to look up
/// the address of nearly each row of a network that is larger than what its list of pages (TLB) reaches.
#[cfg(target_os = "linux")]
const HUGE: usize = 32 << 20;

/// Hands `work` a block of zeros, aligned and as large as `footprint` says.
///
/// # Errors
///
/// Memory that is not there.
pub fn with_block<R>(footprint: &Footprint, work: impl FnOnce(&mut [u8]) -> R) -> Result<R, NetworkError> {
    with_memory(footprint.bytes(), footprint.align, work)
}

/// Hands `work` so many bytes of zeros, which start at a multiple of `align`.
///
/// # Errors
///
/// Memory that is not there.
pub fn with_memory<R>(needed: usize, align: usize, work: impl FnOnce(&mut [u8]) -> R) -> Result<R, NetworkError> {
    // From the system, memory is zero already: nothing is written to it before the network is.
    let mut memory = MmapMut::map_anon(needed.saturating_add(align)).map_err(|_| NetworkError::OutOfMemory {
        needed,
        available: None,
        fits: None,
    })?;
    // A system without huge pages refuses, and nothing else changes.
    #[cfg(target_os = "linux")]
    if memory.len() >= HUGE {
        let _ = memory.advise(Advice::HugePage);
    }
    let start = memory.as_ptr().align_offset(align);
    Ok(work(&mut memory[start..start + needed]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_zero_and_aligned_and_more_than_there_is_is_refused() {
        for (needed, align) in [(0, 1), (1, 64), (5 << 20, 4096)] {
            let found = with_memory(needed, align, |memory| {
                (memory.len(), memory.as_ptr() as usize % align, memory.iter().all(|&byte| byte == 0))
            });
            assert_eq!(found, Ok((needed, 0, true)));
        }
        for needed in [usize::MAX / 2, usize::MAX] {
            let refused = with_memory(needed, 64, |_| ());
            assert_eq!(refused, Err(NetworkError::OutOfMemory { needed, available: None, fits: None }));
        }
    }

    /// Whether huge pages are asked for: the flag `hg` of a mapping.
    #[cfg(target_os = "linux")]
    fn asks_for_huge_pages(needed: usize) -> bool {
        let read = |memory: &mut [u8]| (memory.as_ptr() as usize, std::fs::read_to_string("/proc/self/smaps").unwrap());
        let (start, maps) = with_memory(needed, 64, read).unwrap();
        let holds_start = |line: &&str| {
            let ends = line.split_whitespace().next().and_then(|range| range.split_once('-'));
            let ends = ends.map(|(from, to)| [from, to].map(|end| usize::from_str_radix(end, 16)));
            matches!(ends, Some([Ok(from), Ok(to)]) if (from..to).contains(&start))
        };
        let of_memory = maps.lines().skip_while(|line| !holds_start(line));
        let flags = of_memory.into_iter().find(|line| line.starts_with("VmFlags:")).unwrap();
        flags.split_whitespace().any(|flag| flag == "hg")
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn large_memory_asks_for_huge_pages_where_the_system_has_them() {
        if std::path::Path::new("/sys/kernel/mm/transparent_hugepage").exists() {
            assert!(asks_for_huge_pages(HUGE));
            assert!(!asks_for_huge_pages(HUGE / 2));
        }
    }
}
