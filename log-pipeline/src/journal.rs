//! The journal export format of systemd, as `journalctl --output=export` writes it
//! (<https://systemd.io/JOURNAL_EXPORT_FORMATS/>), and its entries as syslog messages.
//!
//! ```
//! use log_pipeline::journal::Decoder;
//!
//! let mut stream: &[u8] = b"__REALTIME_TIMESTAMP=1763682344000000\n_HOSTNAME=edge\nPRIORITY=4\n\
//!     SYSLOG_IDENTIFIER=cdn\nMESSAGE\n\x05\0\0\0\0\0\0\0a\nb\nc\n\n";
//! let mut decoder = Decoder::new(64 * 1024);
//! let entry = decoder.next(&mut stream)?.expect("a whole entry");
//! assert_eq!(entry.field("MESSAGE"), Some(&b"a\nb\nc"[..]));
//! assert_eq!(
//!     entry.to_message().to_rfc5424(),
//!     b"<12>1 2025-11-20T23:45:44.000000Z edge cdn - - - a\nb\nc",
//! );
//! # Ok::<_, log_pipeline::journal::ExportError>(())
//! ```

mod entry;
mod decoder;

pub use decoder::{Decoder, ExportError, Stats};
pub use entry::Entry;
