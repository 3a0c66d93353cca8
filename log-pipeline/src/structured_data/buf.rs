//! Structured data on its way out.

use super::{StructuredData, is_name_byte};

/// Structured data being written, always well formed: a byte a name may not hold becomes `?`, a
/// name is cut at 32 bytes (§6.3.2), values are escaped.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct StructuredDataBuf {
    wire: Vec<u8>,
    /// Where the last element's identifier lies, so that the next parameter may join it.
    last_id: std::ops::Range<usize>,
}

impl StructuredDataBuf {
    /// Adds a parameter, to the last element if it is called `id`, else to a new one.
    pub fn push(&mut self, id: &str, name: &str, value: &str) {
        let id: Vec<u8> = sd_name(id).collect();
        if self.wire.is_empty() || self.wire[self.last_id.clone()] != id {
            self.wire.push(b'[');
            self.last_id = self.wire.len()..self.wire.len() + id.len();
            self.wire.extend_from_slice(&id);
        } else {
            self.wire.pop();
        }
        write_param(name, value, &mut self.wire);
        self.wire.push(b']');
    }

    /// A borrowed view.
    pub fn view(&self) -> StructuredData<'_> {
        StructuredData { wire: &self.wire }
    }
}

impl From<StructuredData<'_>> for StructuredDataBuf {
    fn from(data: StructuredData<'_>) -> Self {
        let mut buf = Self::default();
        for element in data.elements() {
            // An element without parameters has no `push` to carry it.
            let start = buf.wire.len() + 1;
            buf.wire.push(b'[');
            buf.wire.extend(sd_name(element.id));
            buf.last_id = start..buf.wire.len();
            buf.wire.push(b']');
            for param in element.params() {
                buf.push(element.id, param.name, &param.value());
            }
        }
        buf
    }
}

impl StructuredData<'_> {
    /// Appends the elements as §6.3 wants them, whatever liberties their sender took.
    pub(crate) fn write(&self, out: &mut Vec<u8>) {
        for element in self.elements() {
            out.push(b'[');
            out.extend(sd_name(element.id));
            for param in element.params() {
                write_param(param.name, &param.value(), out);
            }
            out.push(b']');
        }
    }
}

fn write_param(name: &str, value: &str, out: &mut Vec<u8>) {
    out.push(b' ');
    out.extend(sd_name(name));
    out.extend_from_slice(b"=\"");
    for &byte in value.as_bytes() {
        if matches!(byte, b'"' | b'\\' | b']') {
            out.push(b'\\');
        }
        out.push(byte);
    }
    out.push(b'"');
}

/// The name as it may be written.
fn sd_name(name: &str) -> impl Iterator<Item = u8> + '_ {
    let or_unknown = if name.is_empty() { "?" } else { name };
    or_unknown.bytes().take(LONGEST_NAME).map(|byte| if is_name_byte(byte) { byte } else { b'?' })
}

const LONGEST_NAME: usize = 32;
