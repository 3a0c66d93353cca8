//! The memory shared with the kernel: blocks change hands by one status word each.
//!
//! The kernel owns a block while `TP_STATUS_USER` is not set in its status and does not touch it
//! while it is; we give it back by storing `TP_STATUS_KERNEL` (Documentation/networking/
//! packet_mmap.rst). Offsets in a block come from the kernel, and are checked all the same.

use std::io;
use std::ptr::NonNull;
use std::sync::atomic::{AtomicU32, Ordering};

use super::socket::{Socket, VLAN_TAG_BYTES};

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
    bytes: &'a mut [u8],
    at: usize,
    left: u32,
}

pub(super) struct Packet<'a> {
    pub(super) timestamp_ns: u64,
    pub(super) original_len: u32,
    pub(super) outgoing: bool,
    pub(super) bytes: &'a [u8],
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
        let at = (first_at as usize).wrapping_sub(header_bytes);
        Some(Block { status, bytes, at, left: packets })
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
    /// The next packet; `None` at the end, or where an offset leads out of the block.
    pub(super) fn next(&mut self) -> Option<Packet<'_>> {
        self.left = self.left.checked_sub(1)?;
        let rest = self.bytes.get_mut(self.at..)?;
        let header = Header::read(rest)?;
        // The last packet of a block has no next.
        self.at = self.at.checked_add(header.next_offset as usize)?;
        let mut start = usize::from(header.mac);
        let end = start.checked_add(header.captured as usize)?;
        if let Some(tag) = header.vlan {
            // Back in front of the type goes the tag, the two addresses move up.
            let tagged = start.checked_sub(VLAN_TAG_BYTES as usize)?;
            rest.get_mut(tagged..start + 12)?.copy_within(VLAN_TAG_BYTES as usize.., 0);
            rest[tagged + 12..tagged + 16].copy_from_slice(&tag);
            start = tagged;
        }
        let bytes = rest.get(start..end)?;
        let added = bytes.len() as u32 - header.captured;
        Some(Packet {
            timestamp_ns: header.timestamp_ns,
            original_len: header.original_len + added,
            outgoing: header.outgoing,
            bytes,
        })
    }
}

impl Drop for Block<'_> {
    fn drop(&mut self) {
        // Release: partner of the kernel's read of the status: our accesses are over.
        self.status.store(libc::TP_STATUS_KERNEL, Ordering::Release);
    }
}

/// `tpacket3_hdr` and the `sockaddr_ll` behind it, read field by field from bytes.
struct Header {
    next_offset: u32,
    timestamp_ns: u64,
    captured: u32,
    original_len: u32,
    mac: u16,
    vlan: Option<[u8; 4]>,
    outgoing: bool,
}

impl Header {
    fn read(bytes: &[u8]) -> Option<Self> {
        let b: &[u8; HEADER_BYTES + ADDRESS_BYTES] = bytes.first_chunk()?;
        let u32_at = |at: usize| u32::from_ne_bytes([b[at], b[at + 1], b[at + 2], b[at + 3]]);
        let u16_at = |at: usize| u16::from_ne_bytes([b[at], b[at + 1]]);
        let status = u32_at(20);
        let vlan = (status & libc::TP_STATUS_VLAN_VALID != 0).then(|| {
            let known = status & libc::TP_STATUS_VLAN_TPID_VALID != 0;
            let tpid = if known { u16_at(36) } else { VLAN }.to_be_bytes();
            let tci = (u32_at(32) as u16).to_be_bytes();
            [tpid[0], tpid[1], tci[0], tci[1]]
        });
        Some(Self {
            next_offset: u32_at(0),
            timestamp_ns: u64::from(u32_at(4)) * 1_000_000_000 + u64::from(u32_at(8)),
            captured: u32_at(12),
            original_len: u32_at(16),
            mac: u16_at(24),
            vlan,
            outgoing: b[HEADER_BYTES + PACKET_TYPE_AT] == libc::PACKET_OUTGOING,
        })
    }
}

/// `TPACKET_ALIGN(sizeof(struct tpacket3_hdr))`.
const HEADER_BYTES: usize = size_of::<libc::tpacket3_hdr>().next_multiple_of(16);
const ADDRESS_BYTES: usize = size_of::<libc::sockaddr_ll>();
const PACKET_TYPE_AT: usize = std::mem::offset_of!(libc::sockaddr_ll, sll_pkttype);
const VLAN: u16 = 0x8100;
