//! The atomics of the ring, from `std` or from `loom`, so that the model checker runs the real code.

#[cfg(not(loom))]
pub(crate) use std::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

#[cfg(loom)]
pub(crate) use loom::sync::{
    Arc,
    atomic::{AtomicU32, AtomicU64, Ordering},
};

/// Tells the model checker which bytes are read and written; nothing at all in a normal build.
///
/// loom cannot see through raw pointers. Each eight bytes of the arena have a shadow cell here, and
/// every copy into or borrow out of the arena touches the cells it covers, so that an access which
/// the atomics do not order is reported as the data race it is.
#[derive(Debug)]
pub(crate) struct Shadow {
    #[cfg(loom)]
    words: Vec<loom::cell::UnsafeCell<()>>,
}

impl Shadow {
    #[cfg_attr(not(loom), expect(unused_variables, reason = "only loom keeps shadow cells"))]
    pub(crate) fn new(bytes: usize) -> Self {
        Self {
            #[cfg(loom)]
            words: (0..bytes / 8).map(|_| loom::cell::UnsafeCell::new(())).collect(),
        }
    }

    #[inline]
    #[cfg_attr(not(loom), expect(unused_variables, clippy::unused_self, reason = "as above"))]
    pub(crate) fn write(&self, offset: usize, len: usize) {
        #[cfg(loom)]
        for word in &self.words[offset / 8..(offset + len).div_ceil(8)] {
            word.with_mut(|_| ());
        }
    }

    #[inline]
    #[cfg_attr(not(loom), expect(unused_variables, clippy::unused_self, reason = "as above"))]
    pub(crate) fn read(&self, offset: usize, len: usize) {
        #[cfg(loom)]
        for word in &self.words[offset / 8..(offset + len).div_ceil(8)] {
            word.with(|_| ());
        }
    }
}
