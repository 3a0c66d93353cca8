//! The memory shared with the kernel: blocks change hands by one status word each.
//!
//! The kernel owns a block while `TP_STATUS_USER` is not set in its status and does not touch it
//! while it is; we give it back by storing `TP_STATUS_KERNEL` (Documentation/networking/
//! packet_mmap.rst). What is in a block is read in `walk.rs`.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::socket::Socket;
use super::walk::{Packet, Packets};

/// All blocks of one socket.
#[derive(Debug)]
pub(super) struct Mapped {
    base: NonNull<u8>,
    count: usize,
    block_bytes: usize,
}

// SAFETY: the mapping belongs to this value alone and is tied to no thread.
unsafe impl Send for Mapped {}

/// A block that is ours until it is dropped.
pub(super) struct Block<'a> {
    status: &'a AtomicU32,
    packets: Packets<'a>,
}

impl Mapped {
    pub(super) fn new(socket: &Socket, count: usize, block_bytes: usize) -> io::Result<Self> {
        // SAFETY: a new mapping at an address the kernel chooses; the length is that of the ring
        // the socket was asked for, and the mapping keeps the ring alive.
        let base = unsafe {
            libc::mmap(
                std::ptr::null_mut(),
                count * block_bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED,
                socket.raw(),
                0,
            )
        };
        if base == libc::MAP_FAILED {
            return Err(io::Error::last_os_error());
        }
        let base = NonNull::new(base.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Self { base, count, block_bytes })
    }

    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn ready(&self, index: usize) -> bool {
        // Relaxed: only decides whether to wait; `take` synchronises.
        self.status(index).load(Ordering::Relaxed) & libc::TP_STATUS_USER != 0
    }

    /// The block, if the kernel has handed it over.
    pub(super) fn take(&mut self, index: usize) -> Option<Block<'_>> {
        let start = self.block(index);
        let status = self.status(index);
        // Acquire: partner of the kernel's barrier before it sets the bit.
        if status.load(Ordering::Acquire) & libc::TP_STATUS_USER == 0 {
            return None;
        }
        let header_bytes = size_of::<libc::tpacket_block_desc>();
        // SAFETY: the block is ours (its status says so, and `&mut self` keeps us from taking it
        // twice), lies inside the mapping, and the kernel initialised it. The slice starts behind
        // the descriptor, so that it does not overlap the status word that `status` borrows.
        let bytes = unsafe {
            std::slice::from_raw_parts_mut(
                start.add(header_bytes).as_ptr(),
                self.block_bytes - header_bytes,
            )
        };
        let descriptor = start.cast::<libc::tpacket_block_desc>().as_ptr();
        // SAFETY: the descriptor is at the start of the block, aligned to the page, ours to read.
        let (first_at, packets) =
            unsafe { ((*descriptor).hdr.bh1.offset_to_first_pkt, (*descriptor).hdr.bh1.num_pkts) };
        // An offset that lies in the descriptor leads, wrapped, out of the block.
        let first_at = (first_at as usize).wrapping_sub(header_bytes);
        Some(Block { status, packets: Packets::new(bytes, first_at, packets) })
    }

    fn block(&self, index: usize) -> NonNull<u8> {
        assert!(index < self.count, "no such block");
        // SAFETY: inside the mapping: `index` is below the count of blocks.
        unsafe { self.base.add(index * self.block_bytes) }
    }

    fn status<'a>(&self, index: usize) -> &'a AtomicU32 {
        let start = self.block(index).cast::<libc::tpacket_block_desc>().as_ptr();
        // SAFETY: the status word of a block is valid for the life of the mapping, which every
        // borrow given out here is shorter than (it ends up in a `Block<'_>` or in this file), is
        // aligned, and is only ever accessed atomically, by us and by the kernel.
        unsafe { AtomicU32::from_ptr(&raw mut (*start).hdr.bh1.block_status) }
    }
}

impl Drop for Mapped {
    fn drop(&mut self) {
        // SAFETY: the mapping was made by `new` with this length; no `Block` borrows it any more.
        unsafe { libc::munmap(self.base.as_ptr().cast(), self.count * self.block_bytes) };
    }
}

impl Block<'_> {
    /// The next packet; `None` at the end.
    pub(super) fn next(&mut self) -> Option<Packet<'_>> {
        self.packets.next()
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        // Release: partner of the kernel's read of the status: our accesses are over.
        self.status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}
