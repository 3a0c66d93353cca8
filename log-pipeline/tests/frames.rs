//! RFC 6587: frames come out whole and the same however the stream is cut into reads.

use log_pipeline::frame::{Decoder, Expect, Framing, Stats};
use proptest::prelude::*;

type Seen = (Vec<u8>, Framing, bool);

fn decode(max_bytes: usize, reads: &[&[u8]]) -> Vec<Seen> {
    decode_as(Expect::Any, max_bytes, reads).0
}

fn decode_as(expect: Expect, max_bytes: usize, reads: &[&[u8]]) -> (Vec<Seen>, Stats) {
    let mut decoder = Decoder::new(max_bytes).expect(expect);
    let mut seen = Vec::new();
    for mut input in reads.iter().copied() {
        while let Some(frame) = decoder.next(&mut input) {
            seen.push((frame.bytes.to_vec(), frame.framing, frame.truncated));
        }
        assert!(input.is_empty());
    }
    if let Some(frame) = decoder.finish() {
        seen.push((frame.bytes.to_vec(), frame.framing, frame.truncated));
    }
    assert_eq!(decoder.stats().frames, seen.len() as u64);
    assert!(!decoder.is_inside());
    (seen, decoder.stats())
}

fn split_everywhere(max_bytes: usize, stream: &[u8]) -> Vec<Seen> {
    let whole = decode(max_bytes, &[stream]);
    for at in 0..=stream.len() {
        assert_eq!(decode(max_bytes, &[&stream[..at], &stream[at..]]), whole, "cut at {at}");
    }
    let bytes: Vec<&[u8]> = stream.chunks(1).collect();
    assert_eq!(decode(max_bytes, &bytes), whole, "byte by byte");
    whole
}

fn texts(seen: &[Seen]) -> Vec<&str> {
    seen.iter().map(|frame| std::str::from_utf8(&frame.0).unwrap()).collect()
}

#[test]
fn what_is_expected_decides_where_looks_deceive() {
    let frames = |expect, mut input: &[u8]| {
        let mut decoder = Decoder::new(64).expect(expect);
        let mut frames = Vec::new();
        while let Some(frame) = decoder.next(&mut input) {
            frames.push(String::from_utf8(frame.bytes.to_vec()).unwrap());
        }
        frames
    };
    assert_eq!(frames(Expect::Any, b"4 <1>ab\n"), ["<1>a", "b"]);
    assert_eq!(frames(Expect::Delimited, b"4 <1>ab\n7 dwarfs\0"), ["4 <1>ab", "7 dwarfs"]);
    assert_eq!(frames(Expect::Any, b"5 hello\n"), ["5 hello"]);
    assert_eq!(frames(Expect::Counted, b"5 hello5 world"), ["hello", "world"]);
}

#[test]
fn framing_is_detected_frame_by_frame() {
    let stream = b"<1>lf\n<2>crlf\r\n<3>nul\x005 <4>ab5 <5>\n\n<6>after\n\n\n\x006 no pri<7>end";
    let seen = split_everywhere(64, stream);
    assert_eq!(
        texts(&seen),
        ["<1>lf", "<2>crlf", "<3>nul", "<4>ab", "<5>\n\n", "<6>after", "no pri", "<7>end"]
    );
    let framings: Vec<_> = seen.iter().map(|frame| frame.1).collect();
    use Framing::{CrLf, End, Lf, Nul, OctetCounting};
    assert_eq!(framings, [Lf, CrLf, Nul, OctetCounting, OctetCounting, Lf, OctetCounting, End]);
}

#[test]
fn text_that_begins_with_a_number_is_text() {
    let seen = split_everywhere(64, b"2010-08-30 x\n12 monkeys\n99999999999 <1>\n");
    assert_eq!(texts(&seen), ["2010-08-30 x", "12 monkeys", "99999999999 <1>"]);
}

#[test]
fn an_oversize_frame_is_cut_and_the_next_one_whole() {
    let long = "<13>".to_owned() + &"x".repeat(100);
    let stream = format!("{long}\n<1>a\n{} {long}4 <2>b{long}\r\n<3>c\n", long.len());
    let seen = split_everywhere(20, stream.as_bytes());
    assert_eq!(texts(&seen), [&long[..20], "<1>a", &long[..20], "<2>b", &long[..20], "<3>c"]);
    let cut: Vec<_> = seen.iter().map(|frame| frame.2).collect();
    assert_eq!(cut, [true, false, true, false, true, false]);
}

#[test]
fn what_is_cut_is_counted_to_the_byte() {
    let long = "y".repeat(100);
    for (expect, stream, frames, discarded) in [
        (Expect::Any, format!("{long}\n<1>a\n"), 2, 80),
        (Expect::Any, format!("{long}\r\n<1>a\n"), 2, 80),
        (Expect::Any, format!("<1>{long}\0<1>a\0"), 2, 83),
        (Expect::Any, format!("103 <1>{long}4 <1>a"), 2, 83),
        // What follows a wrong count, up to the next frame that is found.
        (Expect::Any, format!("4 <1>a{long}4 <1>b"), 3, 80),
        (Expect::Counted, format!("100 {long}4 <1>a"), 2, 80),
        (Expect::Delimited, format!("7 {long}\n\n\0<1>a\n"), 2, 82),
        // The stream ends inside.
        (Expect::Any, format!("<1>a\n{long}"), 2, 80),
        (Expect::Any, format!("4 <1>a200 <1>{long}"), 2, 83),
    ] {
        let whole = decode_as(expect, 20, &[stream.as_bytes()]);
        let Stats { frames: seen, truncated, discarded_bytes, .. } = whole.1;
        assert_eq!((seen, truncated, discarded_bytes), (frames, 1, discarded), "{stream}");
        for at in 0..=stream.len() {
            let (one, two) = stream.as_bytes().split_at(at);
            assert_eq!(decode_as(expect, 20, &[one, two]), whole, "{stream} cut at {at}");
        }
        let bytes: Vec<&[u8]> = stream.as_bytes().chunks(1).collect();
        assert_eq!(decode_as(expect, 20, &bytes), whole, "{stream} byte by byte");
    }
}

#[test]
fn a_body_shorter_than_its_count_costs_its_neighbours_only() {
    // A sender that cuts bodies and not counts: two messages are lost to each other.
    let seen = split_everywhere(64, b"9 <1>abc7 <2>defg8 <3>found5 <4>ok");
    assert_eq!(texts(&seen), ["<1>abc7 <", "2>defg", "<3>found", "<4>ok"]);
    assert_eq!(seen[1].1, Framing::Resynchronised);
}

#[test]
fn a_frame_of_exactly_the_limit_is_whole() {
    for end in ["\n", "\r\n", "\0"] {
        for (length, truncated) in [(19, false), (20, false), (21, true), (22, true)] {
            let text = "y".repeat(length);
            let seen = split_everywhere(20, format!("{text}{end}<1>z\n").as_bytes());
            assert_eq!((seen[0].0.len(), seen[0].2), (length.min(20), truncated), "{end:?}");
            assert_eq!(seen[1].0, b"<1>z");
        }
    }
}

#[test]
fn a_wrong_count_costs_one_message_not_the_connection() {
    // The count is too short by four: the rest of the message is set apart, the next is found.
    let seen = split_everywhere(64, b"5 <1>ok3 <2>lost8 <3>found5 <4>ok");
    assert_eq!(texts(&seen), ["<1>ok", "<2>", "lost", "<3>found", "<4>ok"]);
    assert_eq!(seen[2].1, Framing::Resynchronised);
    // Too long by three: the next message is damaged, the one after it is not.
    let seen = split_everywhere(64, b"8 <1>ok5 <2>ok5 <3>ok");
    assert_eq!(texts(&seen), ["<1>ok5 <", "2>ok", "<3>ok"]);
}

#[test]
fn a_half_closed_stream_delivers_what_came() {
    for (stream, text, truncated) in [
        (&b"<1>no end"[..], "<1>no end", false),
        (b"99 <1>promised more", "<1>promised more", true),
        (b"12", "12", false),
        (b"12 ", "12 ", false),
    ] {
        let seen = split_everywhere(64, stream);
        assert_eq!((texts(&seen), seen[0].2), (vec![text], truncated));
        assert_eq!(seen[0].1, Framing::End);
    }
}

#[test]
fn whole_frames_are_borrowed_from_the_read() {
    let stream = b"<1>one\n5 <2>ab";
    let mut input = &stream[..];
    let mut decoder = Decoder::default();
    let range = stream.as_ptr_range();
    while let Some(frame) = decoder.next(&mut input) {
        assert!(range.contains(&frame.bytes.as_ptr()));
    }
    assert_eq!(decoder.stats().frames, 2);
}

proptest! {
    #[test]
    fn arbitrary_bytes_come_out_alike_however_cut(
        bytes in proptest::collection::vec(
            prop_oneof![3 => proptest::sample::select(&b"0123 <>\n\r\0x"[..]), 1 => any::<u8>()], 0..120),
        cuts in proptest::collection::vec(0usize..120, 0..6),
        expect in proptest::sample::select(&[Expect::Any, Expect::Delimited, Expect::Counted]),
    ) {
        let mut cuts: Vec<_> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
        cuts.sort_unstable();
        let mut reads = Vec::new();
        let mut from = 0;
        for cut in cuts {
            reads.push(&bytes[from..cut]);
            from = cut;
        }
        reads.push(&bytes[from..]);
        let whole = decode_as(expect, 16, &[&bytes]);
        prop_assert!(whole.0.iter().all(|frame| (1..=16).contains(&frame.0.len())));
        prop_assert_eq!(decode_as(expect, 16, &reads), whole);
    }

    #[test]
    fn counted_messages_of_any_bytes_come_through(
        messages in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..50), 1..8)
    ) {
        let mut stream = Vec::new();
        let messages: Vec<_> = messages.into_iter().map(|m| [&b"<13>"[..], &m].concat()).collect();
        for message in &messages {
            stream.extend_from_slice(format!("{} ", message.len()).as_bytes());
            stream.extend_from_slice(message);
        }
        let seen: Vec<_> = decode(64, &[&stream]).into_iter().map(|frame| frame.0).collect();
        prop_assert_eq!(seen, messages);
    }
}
