//! The journal export format from anybody.

use log_pipeline::journal::{Decoder, ExportError};

/// Plays the bytes after the first, which tells how long the pieces are. What comes out does not
/// depend on the pieces, and holds within its limit.
pub fn journal(bytes: &[u8]) {
    let Some((&size, stream)) = bytes.split_first() else { return };
    assert_eq!(decode(stream, usize::from(size).max(1)), decode(stream, stream.len().max(1)));
}

type Fields = Vec<(String, Vec<u8>)>;

fn decode(stream: &[u8], size: usize) -> (Vec<Fields>, Option<ExportError>) {
    let (mut decoder, mut entries) = (Decoder::new(256), Vec::new());
    for mut piece in stream.chunks(size) {
        loop {
            let entry = match decoder.next(&mut piece) {
                Ok(Some(entry)) => entry,
                Ok(None) => break,
                Err(error) => return (entries, Some(error)),
            };
            let fields: Fields =
                entry.fields().map(|(name, value)| (name.to_owned(), value.to_vec())).collect();
            assert!(
                fields.iter().map(|(name, value)| name.len() + value.len()).sum::<usize>() <= 256
            );
            assert!(!entry.to_message().to_rfc5424().is_empty());
            entries.push(fields);
        }
    }
    (entries, None)
}
