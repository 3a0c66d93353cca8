//! RELP sessions of both sides with a peer who says anything.

use log_pipeline::relp::{Client, Server, ServerEvent};

/// Plays the bytes after the first, which tells how long the pieces are, to a server and to a
/// client. What the server gives out does not depend on the pieces.
pub fn relp(bytes: &[u8]) {
    let Some((&size, stream)) = bytes.split_first() else { return };
    let size = usize::from(size).max(1);
    assert_eq!(serve(stream, size), serve(stream, stream.len().max(1)));
    let mut client = Client::new(4);
    for mut piece in stream.chunks(size) {
        while client.has_room() {
            assert!(client.send(b"<13>message"));
        }
        while let Ok(Some(_)) = client.next(&mut piece) {}
        assert!(client.outstanding() <= 4);
    }
}

/// The messages and whether the session was violated.
fn serve(stream: &[u8], size: usize) -> (Vec<(u32, Vec<u8>, bool)>, bool) {
    let (mut server, mut messages, mut violated) = (Server::new(64), Vec::new(), false);
    for mut piece in stream.chunks(size) {
        while let Some(event) = server.next(&mut piece) {
            match event {
                ServerEvent::Message { txnr, bytes, truncated } => {
                    assert!(bytes.len() <= 64);
                    messages.push((txnr, bytes.to_vec(), truncated));
                    server.accept(txnr);
                }
                ServerEvent::Violation(_) => violated = true,
            }
        }
        server.transmit().clear();
    }
    (messages, violated)
}
