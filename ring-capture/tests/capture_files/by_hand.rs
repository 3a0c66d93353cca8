//! Capture files put together number by number, in either byte order.

/// Most significant octet first?
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    Little,
    Big,
}

pub(crate) const ORDERS: [Order; 2] = [Order::Little, Order::Big];

impl Order {
    pub(crate) fn u16(self, value: u16) -> [u8; 2] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn u32(self, value: u32) -> [u8; 4] {
        match self {
            Self::Little => value.to_le_bytes(),
            Self::Big => value.to_be_bytes(),
        }
    }

    pub(crate) fn words(self, values: &[u32]) -> Vec<u8> {
        values.iter().flat_map(|&value| self.u32(value)).collect()
    }

    /// The header of a pcap file.
    pub(crate) fn pcap(self, magic: u32, link: u32) -> Vec<u8> {
        let version = [self.u16(2), self.u16(4)].concat();
        [self.words(&[magic]), version, self.words(&[0, 0, 65_535, link])].concat()
    }

    /// A record of a pcap file.
    pub(crate) fn record(self, at: (u32, u32), original_len: u32, bytes: &[u8]) -> Vec<u8> {
        let header = self.words(&[at.0, at.1, bytes.len() as u32, original_len]);
        [&header, bytes].concat()
    }

    /// A pcapng block around a body.
    pub(crate) fn block(self, kind: u32, body: &[u8]) -> Vec<u8> {
        let body = padded(body);
        let length = self.u32(body.len() as u32 + 12);
        [&self.u32(kind)[..], &length, &body, &length].concat()
    }

    pub(crate) fn option(self, code: u16, value: &[u8]) -> Vec<u8> {
        let length = self.u16(value.len() as u16);
        [&self.u16(code)[..], &length, &padded(value)].concat()
    }

    /// A section header that does not say how long the section is.
    pub(crate) fn section(self) -> Vec<u8> {
        let version = [self.u16(1), self.u16(0)].concat();
        let body = [self.words(&[0x1a2b_3c4d]), version, vec![0xff; 8]].concat();
        self.block(0x0a0d_0d0a, &body)
    }

    pub(crate) fn interface(self, link: u16, snaplen: u32, options: &[u8]) -> Vec<u8> {
        let fixed = [&self.u16(link)[..], &[0, 0], &self.u32(snaplen)].concat();
        self.block(1, &[&fixed, options].concat())
    }

    /// An enhanced packet block, as long on the wire as captured.
    pub(crate) fn enhanced(
        self,
        interface: u32,
        ticks: u64,
        bytes: &[u8],
        options: &[u8],
    ) -> Vec<u8> {
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        let len = bytes.len() as u32;
        let fixed = self.words(&[interface, high, low, len, len]);
        self.block(6, &[&fixed, &padded(bytes), options].concat())
    }

    /// A simple packet block: all it says is how long the packet was.
    pub(crate) fn simple(self, original_len: u32, bytes: &[u8]) -> Vec<u8> {
        self.block(3, &[&self.u32(original_len)[..], bytes].concat())
    }

    /// The packet block of old, with a count of drops beside its interface.
    pub(crate) fn obsolete(
        self,
        interface: u16,
        ticks: u64,
        bytes: &[u8],
        options: &[u8],
    ) -> Vec<u8> {
        let (high, low) = ((ticks >> 32) as u32, ticks as u32);
        let fixed = [self.u16(interface), self.u16(99)].concat();
        let len = bytes.len() as u32;
        let fixed = [fixed, self.words(&[high, low, len, len])].concat();
        self.block(2, &[&fixed, &padded(bytes), options].concat())
    }
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(4), 0);
    padded
}
