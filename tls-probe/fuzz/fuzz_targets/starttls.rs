#![no_main]

use tls_probe::net::starttls::{Dialogue, Next, Protocol, StarttlsError};

/// Plays a dialogue with these pieces as the answers: what was said, and how it ended.
fn play<'b>(
    protocol: Protocol,
    mut pieces: impl Iterator<Item = &'b [u8]>,
) -> (Vec<u8>, Option<Result<(), StarttlsError>>) {
    let mut dialogue = Dialogue::new(protocol, "edge.test");
    let mut said = Vec::new();
    loop {
        match dialogue.poll() {
            Ok(Next::Ready) => return (said, Some(Ok(()))),
            Ok(Next::Send(what)) => said.extend(what),
            Ok(Next::Read) => match pieces.next() {
                Some(piece) => dialogue.input(piece),
                None => return (said, None),
            },
            Err(error) => return (said, Some(Err(error))),
        }
    }
}

// Every protocol against any answers: byte by byte it comes to TLS if it does in one piece.
libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    for protocol in Protocol::ALL {
        let (said, ended) = play(protocol, std::iter::once(bytes));
        if ended == Some(Ok(())) {
            assert_eq!(play(protocol, bytes.chunks(1)), (said, Some(Ok(()))));
        }
    }
});
