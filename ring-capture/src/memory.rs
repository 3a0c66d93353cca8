//! The one allocation of a ring: huge-page aligned, touched up front, optionally locked.
//!
//! All unsafe that concerns getting and freeing memory is here; reading and writing it is in
//! `block.rs`.

use std::alloc::{Layout, alloc, dealloc};
use std::io;
use std::ptr::NonNull;

/// Memory of a fixed size, zeroed, that does not move until it is dropped.
#[derive(Debug)]
pub(crate) struct Memory {
    base: NonNull<u8>,
    layout: Layout,
    locked: bool,
}

// SAFETY: `Memory` is an owned allocation; the pointer is not tied to a thread. Who may touch which
// bytes when is decided by `block.rs`, which alone dereferences it.
unsafe impl Send for Memory {}
// SAFETY: as above: `&Memory` gives out the base address and nothing else.
unsafe impl Sync for Memory {}

impl Memory {
    /// Allocates and touches `bytes`, so that no push ever meets a page fault.
    ///
    /// `bytes` must not be zero. With `lock`, the pages are locked into RAM (`mlock`), and failing
    /// that is an error: a recorder that asked for locked memory wants to know.
    pub(crate) fn new(bytes: usize, lock: bool) -> io::Result<Self> {
        let invalid = || io::Error::new(io::ErrorKind::InvalidInput, "ring size out of range");
        let align = if bytes >= HUGE_PAGE { HUGE_PAGE } else { PAGE };
        let layout = Layout::from_size_align(bytes, align).map_err(|_| invalid())?;
        if layout.size() == 0 {
            return Err(invalid());
        }
        // SAFETY: the layout has a size other than zero (checked above).
        let base = NonNull::new(unsafe { alloc(layout) }).ok_or(io::ErrorKind::OutOfMemory)?;
        let mut memory = Self { base, layout, locked: false };
        memory.advise_huge_pages();
        // SAFETY: `base` is valid for writes of `layout.size()` bytes and nobody else has it yet.
        unsafe { base.as_ptr().write_bytes(0, layout.size()) };
        if lock {
            memory.lock()?;
        }
        Ok(memory)
    }

    pub(crate) fn base(&self) -> NonNull<u8> {
        self.base
    }

    /// Tells the processor that the line `at` bytes from the base is going to be written.
    #[inline]
    pub(crate) fn fetch(&self, at: usize) {
        let line = self.base.as_ptr().wrapping_add(at);
        // SAFETY: a prefetch reads and writes nothing and cannot fault, wherever it points.
        #[cfg(all(target_arch = "x86_64", not(miri)))]
        unsafe {
            use std::arch::x86_64::{_MM_HINT_ET0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_ET0>(line.cast());
        }
        #[cfg(not(all(target_arch = "x86_64", not(miri))))]
        let _ = line;
    }

    #[cfg(all(target_os = "linux", not(miri)))]
    fn advise_huge_pages(&self) {
        // SAFETY: the range is our own allocation, page-aligned; advice changes no content. A
        // kernel without transparent huge pages refuses, which costs speed and nothing else.
        unsafe {
            libc::madvise(self.base.as_ptr().cast(), self.layout.size(), libc::MADV_HUGEPAGE);
        }
    }

    #[cfg(not(all(target_os = "linux", not(miri))))]
    fn advise_huge_pages(&self) {}

    #[cfg(all(unix, not(miri)))]
    fn lock(&mut self) -> io::Result<()> {
        // SAFETY: the range is our own allocation; locking changes no content.
        if unsafe { libc::mlock(self.base.as_ptr().cast(), self.layout.size()) } != 0 {
            return Err(io::Error::last_os_error());
        }
        self.locked = true;
        Ok(())
    }

    #[cfg(not(all(unix, not(miri))))]
    fn lock(&mut self) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

impl Drop for Memory {
    fn drop(&mut self) {
        #[cfg(all(unix, not(miri)))]
        if self.locked {
            // SAFETY: the range was locked by `lock` and is still ours.
            unsafe { libc::munlock(self.base.as_ptr().cast(), self.layout.size()) };
        }
        // SAFETY: `base` came from `alloc` with this very layout and is freed once, here.
        unsafe { dealloc(self.base.as_ptr(), self.layout) };
    }
}

/// Transparent huge pages on x86-64 and arm64.
const HUGE_PAGE: usize = 2 << 20;
const PAGE: usize = 4096;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_aligned_and_zero() {
        let memory = Memory::new(3 * PAGE, false).expect("three pages");
        assert_eq!(memory.base().as_ptr() as usize % PAGE, 0);
        // SAFETY: the allocation is ours and initialised; no writer exists in this test.
        let bytes = unsafe { std::slice::from_raw_parts(memory.base().as_ptr(), 3 * PAGE) };
        assert!(bytes.iter().all(|&b| b == 0));
    }

    #[test]
    fn no_memory_at_all_is_an_error() {
        assert_eq!(Memory::new(0, false).unwrap_err().kind(), io::ErrorKind::InvalidInput);
    }
}
