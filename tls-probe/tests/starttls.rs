//! The dialogues in clear: right to the byte however the answers are cut, and never past the word
//! that begins TLS.

#![cfg(feature = "active")]

mod live;

use live::{
    pki::{Wish, authority, trusting},
    server::{client, config},
};
use rustls::version::{TLS12, TLS13};
use std::sync::Arc;
use tls_probe::net::{
    Failure, Prober, Settings, Target,
    starttls::{Dialogue, MAX_ANSWER, Next, Protocol, StarttlsError},
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};
use tokio_rustls::TlsAcceptor;

/// What a willing server says, each piece after what the client says before it.
fn answers(protocol: Protocol) -> Vec<&'static [u8]> {
    match protocol {
        Protocol::Smtp => vec![
            b"220-mx.test greets you\r\n220 at length\r\n",
            b"",
            b"250-mx.test\r\n250-SIZE 1000\r\n250-STARTTLS\r\n250 HELP\r\n",
            b"220 go ahead\r\n",
        ],
        Protocol::Imap => {
            vec![b"* OK [CAPABILITY IMAP4rev1] ready\r\n", b"* 1 EXISTS\r\na1 OK now\r\n"]
        }
        Protocol::Pop3 => vec![b"+OK ready\r\n", b"+OK begin\r\n"],
        Protocol::Ftp => vec![b"220-hello\r\n  a picture\r\n220 ready\r\n", b"234 AUTH TLS\r\n"],
        Protocol::Xmpp => vec![
            b"",
            b"<?xml version='1.0'?><stream:stream id='1'><stream:features>\
              <starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/></stream:features>",
            b"<proceed xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>",
        ],
        Protocol::Postgres => vec![b"", b"S"],
        Protocol::Ldap => {
            vec![b"", &[0x30, 0x84, 0, 0, 0, 12, 2, 1, 1, 0x78, 7, 10, 1, 0, 4, 0, 4, 0]]
        }
    }
}

/// Plays a dialogue with all answers in one stream, handed over as `cut` says.
fn play(protocol: Protocol, stream: &[u8], cut: usize) -> Result<Vec<u8>, StarttlsError> {
    let mut dialogue = Dialogue::new(protocol, "edge.test");
    let mut said = Vec::new();
    let (first, second) = stream.split_at(cut);
    let mut parts = [first, second].into_iter();
    loop {
        match dialogue.poll()? {
            Next::Ready => return Ok(said),
            Next::Send(what) => said.extend(what),
            Next::Read => match parts.next() {
                Some(part) => dialogue.input(part),
                None => panic!("{protocol:?} wants more than there is"),
            },
        }
    }
}

#[test]
fn every_protocol_comes_to_tls_at_every_cut() {
    for protocol in Protocol::ALL {
        let stream = answers(protocol).concat();
        let whole = play(protocol, &stream, 0).unwrap();
        assert!(!whole.is_empty());
        for cut in 0..=stream.len() {
            assert_eq!(
                play(protocol, &stream, cut),
                Ok(whole.clone()),
                "{protocol:?} cut at {cut}"
            );
        }
    }
}

#[test]
fn bytes_behind_the_word_to_begin_are_refused() {
    for protocol in Protocol::ALL {
        let stream = [answers(protocol).concat(), b"x".to_vec()].concat();
        assert_eq!(play(protocol, &stream, 0), Err(StarttlsError::Surplus), "{protocol:?}");
    }
}

#[test]
fn servers_that_do_not_want_to() {
    let refused = |text: &str| Err(StarttlsError::Refused(text.to_owned()));
    for (protocol, stream, want) in [
        (Protocol::Smtp, &b"554 go away\r\n"[..], refused("554 go away")),
        (Protocol::Smtp, b"220 mx\r\n250-mx\r\n250 SIZE\r\n", Err(StarttlsError::NotOffered)),
        (Protocol::Imap, b"* BYE\r\n", refused("* BYE")),
        (Protocol::Imap, b"* OK\r\na1 BAD no\r\n", refused("a1 BAD no")),
        (Protocol::Pop3, b"+OK\r\n-ERR no\r\n", refused("-ERR no")),
        (Protocol::Ftp, b"220 x\r\n502 what\r\n", refused("502 what")),
        (Protocol::Postgres, b"N", Err(StarttlsError::NotOffered)),
        (Protocol::Xmpp, b"<stream:features></stream:features>", Err(StarttlsError::NotOffered)),
        (
            Protocol::Ldap,
            &[0x30, 12, 2, 1, 1, 0x78, 7, 10, 1, 2, 4, 0, 4, 0],
            refused("result code 2"),
        ),
    ] {
        assert_eq!(play(protocol, stream, 0), want, "{protocol:?}");
    }
}

#[test]
fn an_answer_without_end_is_given_up() {
    for protocol in Protocol::ALL {
        let mut dialogue = Dialogue::new(protocol, "edge.test");
        let mut fed = 0;
        let ended = loop {
            match dialogue.poll() {
                Ok(Next::Read) => {
                    // Digits and a dash look like an answer that goes on; 0x30 like LDAP's.
                    dialogue.input(b"220-");
                    fed += 4;
                }
                Ok(Next::Send(_)) => {}
                Ok(Next::Ready) => panic!("{protocol:?} was never answered"),
                Err(error) => break error,
            }
        };
        assert!(fed <= MAX_ANSWER + 8, "{protocol:?}: {ended}");
    }
}

#[test]
fn a_length_beyond_all_bounds_is_refused() {
    for answer in [&[0x30, 0xff, 0xff, 0xff][..], &[[0x30, 0x89].as_slice(), &[0xff; 9]].concat()] {
        assert_eq!(play(Protocol::Ldap, answer, 0), Err(StarttlsError::TooLong));
    }
}

/// Says its part, then speaks TLS.
async fn mail_server(acceptor: TlsAcceptor) -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut heard = [0; 256];
        stream.write_all(b"220 mx.test\r\n").await.unwrap();
        let count = stream.read(&mut heard).await.unwrap();
        assert!(heard[..count].starts_with(b"EHLO "));
        stream.write_all(b"250-mx.test\r\n250 STARTTLS\r\n").await.unwrap();
        let count = stream.read(&mut heard).await.unwrap();
        assert_eq!(&heard[..count], b"STARTTLS\r\n");
        stream.write_all(b"220 go\r\n").await.unwrap();
        let mut tls = acceptor.accept(stream).await.unwrap();
        let _ = tls.read(&mut heard).await;
    });
    address
}

#[tokio::test]
async fn a_probe_that_speaks_first_and_then_times_the_handshake_alone() {
    let ca = authority("TestRoot");
    let leaf = Wish::of("edge.test").signed_by(&ca);
    let acceptor = TlsAcceptor::from(Arc::new(config(&[&TLS13], &[&leaf])));
    let address = mail_server(acceptor).await;
    let prober =
        Prober::new(client(&[&TLS13, &TLS12], trusting(&ca)), trusting(&ca), Settings::default());
    let target: Target = format!("smtp://{address}").parse().unwrap();
    let target = Target { server_name: Some("edge.test".to_owned()), ..target };
    let probed = prober.probe(&target).await.remove(0);
    assert!(probed.success(), "{probed:#?}");
    let phases = probed.report.phases;
    assert!(phases.starttls.unwrap() > std::time::Duration::ZERO);
    assert!(phases.tcp.is_some());
    assert_eq!(probed.report.idle.total(), phases.total, "the clock starts with TLS");
    // Nobody listens there any more.
    let gone = prober.probe(&target).await.remove(0);
    assert!(
        matches!(gone.failure, Some(Failure::TcpRefused | Failure::StarttlsRefused)),
        "{gone:?}"
    );
}
