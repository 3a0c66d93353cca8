//! The options at the end of a block: code, length, value, padding to four bytes.

use std::ops::Range;

use crate::framing::{ByteOrder, Fault};

/// Walks the options of a block; ends with `opt_endofopt`, the block, or the first fault.
#[derive(Debug)]
pub(super) struct Options<'b> {
    order: ByteOrder,
    block: &'b [u8],
    at: usize,
    end: usize,
}

/// One option: its value is at `value` in the block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Opt {
    pub(super) code: u16,
    pub(super) value: Range<usize>,
}

impl<'b> Options<'b> {
    /// The options from `at` to the length at the block's end.
    pub(super) fn new(order: ByteOrder, block: &'b [u8], at: usize) -> Self {
        Self { order, block, at, end: block.len() - 4 }
    }
}

impl Iterator for Options<'_> {
    type Item = Result<Opt, Fault>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.at + 4 > self.end {
            return None;
        }
        let code = self.order.u16(self.block, self.at);
        let length = self.order.u16(self.block, self.at + 2);
        let from = self.at + 4;
        let value = from..from + usize::from(length);
        if code == END_OF_OPTIONS {
            self.at = self.end;
            return None;
        }
        if value.end > self.end {
            self.at = self.end;
            return Some(Err(Fault::OptionBeyondBlock {
                code,
                length,
                room: (self.end - from) as u32,
            }));
        }
        self.at = value.end.next_multiple_of(4);
        Some(Ok(Opt { code, value }))
    }
}

impl Opt {
    /// The value of an option whose value has a fixed length.
    pub(super) fn fixed<'b>(&self, block: &'b [u8], expected: u16) -> Result<&'b [u8], Fault> {
        let value = &block[self.value.clone()];
        if value.len() != usize::from(expected) {
            let length = value.len() as u16;
            return Err(Fault::OptionLength { code: self.code, length, expected });
        }
        Ok(value)
    }

    /// The value of an option that is UTF-8, with what is not replaced.
    pub(super) fn text(&self, block: &[u8]) -> String {
        String::from_utf8_lossy(&block[self.value.clone()]).into_owned()
    }
}

const END_OF_OPTIONS: u16 = 0;

#[cfg(test)]
mod tests {
    use super::*;

    fn options(bytes: &[u8]) -> Vec<Result<Opt, Fault>> {
        let block = [bytes, &[0; 4]].concat();
        Options::new(ByteOrder::Big, &block, 0).collect()
    }

    #[test]
    fn values_are_padded() {
        let found = options(b"\0\x01\0\x03why\0\0\x02\0\x04\0\0\0\x01");
        assert_eq!(found, [Ok(Opt { code: 1, value: 4..7 }), Ok(Opt { code: 2, value: 12..16 })]);
    }

    #[test]
    fn nothing_follows_the_end() {
        assert_eq!(options(b"\0\0\0\0\0\x01\0\0"), []);
        assert_eq!(options(b""), []);
    }

    #[test]
    fn an_option_stays_within_its_block() {
        let fault = Fault::OptionBeyondBlock { code: 1, length: 5, room: 4 };
        assert_eq!(options(b"\0\x01\0\x05abcd"), [Err(fault)]);
    }
}
