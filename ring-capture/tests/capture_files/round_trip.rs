//! What the writer writes, the reader reads.

use proptest::prelude::*;
use ring_capture::file::CaptureFile;
use ring_capture::pcapng::{Interface, Section, Statistics, Writer};
use ring_capture::{Direction, LinkType};

use crate::{Owned, read_whole};

fn packets() -> impl Strategy<Value = Vec<Owned>> {
    let direction =
        prop_oneof![Just(Direction::Unknown), Just(Direction::Inbound), Just(Direction::Outbound)];
    let packet = (any::<u64>(), 0_u32..9000, 0_u16..3, direction, "\\PC{0,20}", any::<bool>());
    let bytes = prop::collection::vec(any::<u8>(), 0..300);
    let packet =
        (packet, bytes).prop_map(|((at, cut, interface, direction, text, said), bytes)| Owned {
            timestamp_ns: at,
            original_len: bytes.len() as u32 + cut,
            link: LINKS[usize::from(interface)],
            interface,
            direction,
            bytes,
            comment: said.then_some(text),
        });
    prop::collection::vec(packet, 0..20)
}

fn interfaces() -> impl Strategy<Value = Vec<Interface>> {
    let texts = ("\\PC{0,20}", prop::option::of("\\PC{0,20}"), any::<u32>());
    prop::collection::vec(texts, 3).prop_map(|texts| {
        let with = |((name, filter, snaplen), link)| Interface { name, link, snaplen, filter };
        texts.into_iter().zip(LINKS).map(with).collect()
    })
}

fn section() -> impl Strategy<Value = Section> {
    let texts = ("\\PC{0,20}", prop::option::of("\\PC{0,20}"), prop::option::of("\\PC{0,20}"));
    texts.prop_map(|(application, os, comment)| Section { application, os, comment })
}

const LINKS: [LinkType; 3] = [LinkType::Ethernet, LinkType::Raw, LinkType::Other(147)];

fn write(section: &Section, interfaces: &[Interface], packets: &[Owned]) -> Vec<u8> {
    let mut writer = Writer::new(Vec::new(), section).expect("memory");
    for interface in interfaces {
        writer.interface(interface).expect("memory");
    }
    writer.names(&[([127, 0, 0, 1].into(), "here")]).expect("memory");
    for p in packets {
        let (interface, comment) = (p.interface.into(), p.comment.as_deref());
        writer
            .packet(interface, p.timestamp_ns, p.original_len, p.direction, &p.bytes, comment)
            .expect("memory");
    }
    writer.statistics(0, &Statistics::default()).expect("memory");
    writer.finish().expect("memory")
}

proptest! {
    #[test]
    fn a_file_comes_back_as_it_was_written(
        section in section(),
        interfaces in interfaces(),
        packets in packets(),
    ) {
        let written = write(&section, &interfaces, &packets);
        prop_assert_eq!(&read_whole(&written), &packets);

        let mut file = CaptureFile::new(&written[..]).expect("a header");
        while file.next().expect("sound").is_some() {}
        prop_assert_eq!(format!("{:?}", file.section()), format!("{:?}", Some(&section)));
        prop_assert_eq!(format!("{:?}", file.interfaces()), format!("{interfaces:?}"));
        prop_assert_eq!(file.bytes_read(), written.len() as u64);
    }

    #[test]
    fn every_prefix_gives_what_is_whole_in_it(packets in packets(), cut in any::<prop::sample::Index>()) {
        let interfaces: Vec<_> =
            LINKS.map(|link| Interface { link, ..Interface::default() }).into();
        let written = write(&Section::default(), &interfaces, &packets);
        let cut = cut.index(written.len());
        if let Ok((whole, _)) = crate::read(&written[..cut]) {
            prop_assert_eq!(&whole[..], &packets[..whole.len()]);
        }
    }
}
