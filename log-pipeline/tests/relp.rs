//! A RELP session as librelp speaks it, and as nobody should.

use log_pipeline::relp::{
    Client, ClientError, ClientEvent, FrameError, Server, ServerEvent, Violation,
};

const OPEN: &[u8] = b"1 open 86 relp_version=0\nrelp_software=librelp,1.11.0,http://librelp.adiscon.com\ncommands=syslog\n";

/// What a server says to `input` when it accepts each message at once.
fn answers(server: &mut Server, mut input: &[u8]) -> (Vec<Vec<u8>>, Option<Violation>) {
    let mut messages = Vec::new();
    loop {
        match server.next(&mut input) {
            Some(ServerEvent::Message { txnr, bytes, .. }) => {
                messages.push(bytes.to_vec());
                server.accept(txnr);
            }
            Some(ServerEvent::Violation(violation)) => return (messages, Some(violation)),
            None => return (messages, None),
        }
    }
}

fn sent(server: &mut Server) -> String {
    String::from_utf8(std::mem::take(server.transmit())).unwrap()
}

fn opened() -> Server {
    let mut server = Server::new(1024);
    assert_eq!(answers(&mut server, OPEN), (vec![], None));
    assert!(sent(&mut server).starts_with("1 rsp "));
    server
}

#[test]
fn a_session_from_open_to_close() {
    let mut server = Server::new(1024);
    let input = [OPEN, b"2 syslog 5 hello\n3 syslog 0\n4 close 0\n5 syslog 5 after\n"].concat();
    assert_eq!(answers(&mut server, &input), (vec![b"hello".to_vec(), vec![]], None));
    let text = sent(&mut server);
    let (open, rest) = text.split_at(text.find("\n2 ").unwrap() + 1);
    assert!(open.contains("200 OK\nrelp_version=0\nrelp_software=log-pipeline,"), "{open}");
    assert!(open.ends_with("commands=syslog\n"), "{open}");
    assert_eq!(rest, "2 rsp 6 200 OK\n3 rsp 6 200 OK\n4 rsp 0\n0 serverclose 0\n");
    assert!(server.is_closed());
}

#[test]
fn close_is_answered_after_all_messages_before_it() {
    let mut server = opened();
    let mut input = &b"2 syslog 1 a\n3 syslog 1 b\n4 close 0\n"[..];
    for _ in 0..2 {
        assert!(matches!(server.next(&mut input), Some(ServerEvent::Message { .. })));
    }
    assert_eq!(server.next(&mut input), None);
    assert_eq!((sent(&mut server).as_str(), server.outstanding()), ("", 2));
    server.accept(2);
    assert!(!server.is_closed());
    server.refuse(3);
    let end = "2 rsp 6 200 OK\n3 rsp 14 500 not stored\n4 rsp 0\n0 serverclose 0\n";
    assert_eq!(sent(&mut server), end);
    assert!(server.is_closed());
}

#[test]
fn who_breaks_the_protocol_is_told_apart() {
    let first = |input: &[u8]| answers(&mut Server::new(64), input).1.unwrap();
    assert_eq!(first(b"1 syslog 1 a\n"), Violation::NotOpen);
    assert!(matches!(first(b"<13>hello\n"), Violation::Frame(_)));
    assert!(matches!(first(&[OPEN, b"2 syslog 1 ab\n"].concat()), Violation::Frame(_)));
    assert_eq!(first(&[OPEN, OPEN].concat()), Violation::NotOpen);
    assert_eq!(first(b"1 open 16 commands=eventlog\n"), Violation::Frame(FrameError::Trailer));
    assert_eq!(first(b"1 open 17 commands=eventlog\n"), Violation::NoSyslog);
    let mut server = opened();
    assert_eq!(answers(&mut server, b"2 eventlog 1 a\n"), (vec![], None));
    assert_eq!(sent(&mut server), "2 rsp 19 500 unknown command\n");
}

#[test]
fn a_client_and_a_server_understand_each_other_at_every_split() {
    for size in 1..64 {
        let (mut client, mut server) = (Client::new(3), Server::new(1024));
        let (mut sent, mut acknowledged, mut received) = (0_usize, 0, Vec::new());
        let mut closed = false;
        while !closed {
            while sent < 20 && client.send(format!("message {sent}").as_bytes()) {
                sent += 1;
            }
            assert!(client.outstanding() <= 3);
            if acknowledged == 20 {
                client.close();
            }
            for piece in std::mem::take(client.transmit()).chunks(size) {
                let (messages, violation) = answers(&mut server, piece);
                assert_eq!(violation, None);
                received.extend(messages);
            }
            for mut piece in std::mem::take(server.transmit()).chunks(size) {
                while let Some(event) = client.next(&mut piece).unwrap() {
                    match event {
                        ClientEvent::Opened => {}
                        ClientEvent::Acknowledged { count } => acknowledged += count,
                        ClientEvent::Closed => closed = true,
                    }
                }
            }
        }
        let expected: Vec<_> = (0..20).map(|n| format!("message {n}").into_bytes()).collect();
        assert_eq!((received, acknowledged), (expected, 20));
    }
}

#[test]
fn answers_in_any_order_are_reported_in_the_order_of_sending() {
    let mut client = Client::new(8);
    let mut input = &b"1 rsp 22 200 OK\ncommands=syslog\n"[..];
    assert_eq!(client.next(&mut input), Ok(Some(ClientEvent::Opened)));
    for text in ["a", "b", "c"] {
        assert!(client.send(text.as_bytes()));
    }
    let mut input = &b"3 rsp 6 200 OK\n4 rsp 6 200 OK\n"[..];
    assert_eq!(client.next(&mut input), Ok(None));
    let mut input = &b"2 rsp 6 200 OK\n"[..];
    assert_eq!(client.next(&mut input), Ok(Some(ClientEvent::Acknowledged { count: 3 })));
}

#[test]
fn a_client_gives_up_a_session_that_makes_no_sense() {
    for (answer, error) in [
        (&b"1 rsp 9 500 sorry\n"[..], ClientError::NotOpened(500)),
        (b"1 rsp 24 200 OK\ncommands=eventlog\n", ClientError::NoSyslog),
        (b"2 rsp 6 200 OK\n", ClientError::Unexpected),
        (b"1 syslog 1 a\n", ClientError::Unexpected),
        (b"0 serverclose 0\n", ClientError::GoneAway),
    ] {
        assert_eq!(Client::new(1).next(&mut &answer[..]), Err(error));
    }
    let mut client = Client::new(1);
    client.next(&mut &b"1 rsp 22 200 OK\ncommands=syslog\n"[..]).unwrap();
    assert!(client.send(b"a"));
    let refused = client.next(&mut &b"2 rsp 9 500 no !!\n"[..]);
    assert_eq!(refused, Err(ClientError::Refused(500)));
}
