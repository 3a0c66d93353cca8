//! A word to the processor about bytes that are going to be read.

/// Has these bytes on their way from a far cache: the kernel wrote them on another processor, and a
/// walk that meets each line only when it needs it waits for each.
#[inline]
pub(super) fn fetch(bytes: &[u8]) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    for line in bytes.chunks(CACHE_LINE) {
        use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
        // SAFETY: a prefetch reads and writes nothing and cannot fault, wherever it points.
        unsafe { _mm_prefetch::<_MM_HINT_T0>(line.as_ptr().cast()) };
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = bytes;
}

#[cfg(all(target_arch = "x86_64", not(miri)))]
const CACHE_LINE: usize = 64;
