//! One side of a dialogue: its records and messages, and how far it has come.

use crate::{
    message::MessageReader,
    names::Side,
    outcome::{Alert, Messages},
    record::{Piece, RecordReader},
};

/// What one side has said.
#[expect(clippy::struct_excessive_bools, reason = "each is a thing that happened, in any order")]
#[derive(Debug, Clone, Default)]
pub(crate) struct Voice {
    pub(crate) records: RecordReader,
    pub(crate) messages: MessageReader,
    /// The message types seen in clear.
    pub(crate) seen: Messages,
    /// Its packets are among those that were captured.
    pub(crate) met: bool,
    /// Some of it is missing.
    pub(crate) holed: bool,
    /// Encrypted from here on (up to TLS 1.2).
    pub(crate) changed_cipher: bool,
    /// Its Finished has come whole.
    pub(crate) finished: bool,
    /// Its last encrypted record is of the length that an alert has in TLS 1.3, and hardly anything else.
    pub(crate) like_an_alert: bool,
    alert: [u8; 2],
    alert_have: usize,
}

impl Voice {
    /// A piece of an alert record of this side's: the alert, once that is whole and more than a warning.
    ///
    /// A warning does not end a handshake (RFC 5246 §7.2); close_notify does, and `user_canceled`, which
    /// announces one (RFC 8446 §6.1).
    pub(crate) fn alert(&mut self, side: Side, piece: &Piece<'_>) -> Option<Alert> {
        if piece.first {
            self.alert_have = 0;
        }
        if self.changed_cipher || piece.length != 2 {
            return piece.last.then_some(Alert { side, description: None });
        }
        for byte in piece.payload.iter().take(2 - self.alert_have) {
            self.alert[self.alert_have] = *byte;
            self.alert_have += 1;
        }
        let [level, description] = self.alert;
        let known = (self.alert_have == 2).then_some(description);
        let warning = known.is_some_and(|d| level == 1 && !matches!(d, CLOSE_NOTIFY | CANCELED));
        (piece.last && !warning).then_some(Alert { side, description: known })
    }

    /// It follows records, and is within none and within no message.
    pub(crate) fn paused(&self) -> bool {
        !self.records.in_step()
            || self.records.between_records() && self.messages.between_messages()
    }
}

const CLOSE_NOTIFY: u8 = 0;
const CANCELED: u8 = 90;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::ContentType;

    fn ends(voice: &mut Voice, payload: &[u8], length: u16, first: bool) -> Option<i16> {
        let last = usize::from(length) == payload.len() || !first;
        let content = ContentType::Alert;
        let piece = Piece { content, version: 0x0303, length, payload, missing: 0, first, last };
        let alert = voice.alert(Side::Server, &piece)?;
        assert_eq!(alert.side, Side::Server);
        Some(alert.description.map_or(-1, i16::from))
    }

    #[test]
    fn fatal_ones_end_a_handshake_and_warnings_do_not() {
        let mut voice = Voice::default();
        assert_eq!(ends(&mut voice, &[2, 40], 2, true), Some(40));
        assert_eq!(ends(&mut voice, &[1, 112], 2, true), None, "unrecognized_name, a warning");
        assert_eq!(ends(&mut voice, &[1, 0], 2, true), Some(0));
        assert_eq!(ends(&mut voice, &[2], 2, true), None, "half of it");
        assert_eq!(ends(&mut voice, &[70], 2, false), Some(70));
        voice.changed_cipher = true;
        assert_eq!(ends(&mut voice, &[9; 26], 26, true), Some(-1), "encrypted");
    }
}
