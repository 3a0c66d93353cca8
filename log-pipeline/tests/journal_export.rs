//! The journal export format: entries come out the same in whatever pieces they arrive.

use log_pipeline::journal::{Decoder, Entry, ExportError};

type Fields = Vec<(String, Vec<u8>)>;

fn owned(entry: &Entry<'_>) -> Fields {
    entry.fields().map(|(name, value)| (name.to_owned(), value.to_vec())).collect()
}

fn decode(stream: &[u8], piece: usize, max: usize) -> (Vec<(Fields, bool)>, Option<ExportError>) {
    let (mut decoder, mut entries) = (Decoder::new(max), Vec::new());
    for mut input in stream.chunks(piece) {
        loop {
            match decoder.next(&mut input) {
                Ok(Some(entry)) => entries.push((owned(&entry), entry.is_truncated())),
                Ok(None) => break,
                Err(error) => return (entries, Some(error)),
            }
        }
    }
    if let Some(entry) = decoder.finish() {
        entries.push((owned(&entry), entry.is_truncated()));
    }
    (entries, None)
}

fn field(name: &str, value: &[u8]) -> (String, Vec<u8>) {
    (name.to_owned(), value.to_vec())
}

const SAMPLE: &[u8] =
    b"__CURSOR=s=1;i=2\nMESSAGE=one = two\nEMPTY=\nBIN\n\x06\0\0\0\0\0\0\0a\n\n=\0b\n\
    NOTHING\n\0\0\0\0\0\0\0\0\n\n\n__CURSOR=s=1;i=3\nbad name=x\nMESSAGE=second\nMESSAGE=again\n\n";

#[test]
fn fields_come_out_whole_at_every_split() {
    let expected = vec![
        (
            vec![
                field("__CURSOR", b"s=1;i=2"),
                field("MESSAGE", b"one = two"),
                field("EMPTY", b""),
                field("BIN", b"a\n\n=\0b"),
                field("NOTHING", b""),
            ],
            false,
        ),
        (
            vec![
                field("__CURSOR", b"s=1;i=3"),
                field("MESSAGE", b"second"),
                field("MESSAGE", b"again"),
            ],
            false,
        ),
    ];
    for piece in 1..=SAMPLE.len() {
        assert_eq!(decode(SAMPLE, piece, 4096), (expected.clone(), None), "pieces of {piece}");
    }
    // Split once, at every byte.
    for at in 0..SAMPLE.len() {
        let (mut decoder, mut entries) = (Decoder::new(4096), Vec::new());
        for mut input in [&SAMPLE[..at], &SAMPLE[at..]] {
            while let Some(entry) = decoder.next(&mut input).unwrap() {
                entries.push((owned(&entry), entry.is_truncated()));
            }
        }
        assert_eq!(entries, expected, "split at {at}");
        assert_eq!(decoder.stats().bad_names, 1);
    }
}

#[test]
fn an_entry_without_an_empty_line_behind_it_counts_when_it_is_whole() {
    assert_eq!(
        decode(b"A=1\nB=2\n", 3, 4096).0,
        [(vec![field("A", b"1"), field("B", b"2")], false)]
    );
    assert_eq!(decode(b"A=1\nB=2", 3, 4096).0, [], "a value may go on");
    assert_eq!(decode(b"A=1\nB\n\x02\0\0", 3, 4096).0, []);
}

#[test]
fn an_entry_keeps_within_its_limit() {
    let long = [
        b"A=1\nB=",
        &vec![b'x'; 5000][..],
        b"\nC=2\nD\n\x88\x13\0\0\0\0\0\0",
        &[b'y'; 5000],
        b"\n\nA=3\n\n",
    ]
    .concat();
    for piece in [1, 7, 100, long.len()] {
        let (entries, error) = decode(&long, piece, 300);
        assert_eq!(error, None);
        assert_eq!(entries.len(), 2);
        let bytes: usize = entries[0].0.iter().map(|(name, value)| name.len() + value.len()).sum();
        assert!(bytes <= 300 && entries[0].1, "{bytes}");
        assert_eq!(entries[0].0[0], field("A", b"1"), "what came first is whole");
        assert_eq!(entries[1], (vec![field("A", b"3")], false));
    }
}

#[test]
fn what_is_no_export_stream_is_an_error() {
    for (stream, error) in [
        (&b"A=1\nhello world\nB=2\n\n"[..], ExportError::Name),
        (b"A\n\x01\0\0\0\0\0\0\0xy\n", ExportError::End),
        (b"A\n\xff\xff\xff\xff\xff\xff\xff\xff", ExportError::Length(u64::MAX)),
    ] {
        for piece in 1..=stream.len() {
            let found = decode(stream, piece, 4096);
            assert_eq!(found, (vec![], Some(error)), "pieces of {piece}");
        }
    }
    let long = [&[b'A'; 100][..], b"\n"].concat();
    assert_eq!(decode(&long, 9, 4096).1, Some(ExportError::Name));
    let long = [&[b'A'; 100][..], b"=1\nB=2\n\n"].concat();
    assert_eq!(decode(&long, 9, 4096).0, [(vec![field("B", b"2")], false)]);
}

#[test]
fn entries_become_messages() {
    let message = |stream: &[u8]| {
        let mut decoder = Decoder::new(4096);
        let entry = decoder.next(&mut &stream[..]).unwrap().unwrap();
        String::from_utf8(entry.to_message().to_rfc5424()).unwrap()
    };
    let whole = b"__CURSOR=x\n__REALTIME_TIMESTAMP=1763682344000001\n_SOURCE_REALTIME_TIMESTAMP=1763682343999999\n\
        _HOSTNAME=edge\nPRIORITY=3\nSYSLOG_FACILITY=10\nSYSLOG_IDENTIFIER=sshd\n_COMM=no\n_PID=7\nSYSLOG_PID=42\n\
        MESSAGE_ID=0123456789abcdef0123456789abcdef\n_SYSTEMD_UNIT=ssh.service\nQUOTED=say \"]\\\nMESSAGE=hello\n\n";
    assert_eq!(
        message(whole),
        "<83>1 2025-11-20T23:45:43.999999Z edge sshd 42 0123456789abcdef0123456789abcdef \
         [journal@32473 _COMM=\"no\" _PID=\"7\" _SYSTEMD_UNIT=\"ssh.service\" QUOTED=\"say \\\"\\]\\\\\"] hello"
    );
    assert_eq!(message(b"MESSAGE=bare\n\n"), "<14>1 - - - - - - bare");
    assert!(message(b"_TRANSPORT=kernel\nMESSAGE=oops\n\n").starts_with("<6>1 - - kernel - - "));
    assert!(message(b"PRIORITY=99\nSYSLOG_FACILITY=x\n\n").starts_with("<14>1 "));
}

#[test]
fn the_corpus_is_read_whole() {
    let Some(corpora) = std::env::var_os("POPKIT_CORPORA") else {
        use std::io::Write;
        let _ = writeln!(std::io::stderr(), "skipped: POPKIT_CORPORA does not say where they are");
        return;
    };
    let path = std::path::Path::new(&corpora).join("journal/journal-export-1000.bin");
    let stream = std::fs::read(path).unwrap();
    for piece in [17, 4096, stream.len()] {
        let (entries, error) = decode(&stream, piece, 64 << 10);
        assert_eq!((entries.len(), error), (1000, None));
        for (number, (fields, truncated)) in entries.iter().enumerate() {
            let text = fields.iter().find(|(name, _)| name == "MESSAGE").unwrap();
            let seq = format!("seq={number:010}");
            assert!(text.1.starts_with(seq.as_bytes()) && !truncated, "{number}");
        }
    }
}

#[test]
fn any_bytes_in_any_pieces() {
    use proptest::prelude::*;
    let byte = prop_oneof![Just(b'\n'), Just(b'='), Just(b'A'), Just(0), Just(3), any::<u8>()];
    proptest!(|(stream in proptest::collection::vec(byte, 0..400), piece in 1usize..50)| {
        prop_assert_eq!(decode(&stream, piece, 256), decode(&stream, stream.len().max(1), 256));
    });
}
