//! Zones in several files: what they may include, from where, and who is blamed.
#![cfg(feature = "zones")]

#[allow(dead_code, reason = "each test uses its part")]
mod programs;

use std::path::Path;

use dns_core::zone::{Concern, Loaded};
use dns_core::{MasterFileError, Mistake, Name, Zone};
use programs::Directory;

const APEX: &str = "$TTL 60\n@ SOA ns. mail 1 2 3 4 5\n@ NS ns.\n";

fn load(directory: &Path, file: &Path) -> Result<Loaded, MasterFileError> {
    let origin: Name = "corp.".parse().expect("a name");
    Zone::load(&origin, file, directory)
}

#[test]
fn included_files_stand_beside_their_includer_and_leave_no_trace() {
    let directory = Directory::new();
    std::fs::create_dir(directory.path().join("sub")).expect("a directory");
    let text = format!("{APEX}a A 10.0.0.1\n$INCLUDE sub/one x.corp.\n A 10.0.0.9\nb A 10.0.0.2\n");
    let main = directory.write("main", text);
    directory.write("sub/one", "c A 10.0.0.3\n$ORIGIN elsewhere.corp.\n$INCLUDE two\n");
    directory.write("sub/two", "d A 10.0.0.4\n");
    let loaded = load(directory.path(), &main).expect("a zone");
    let written = loaded.zone.to_master_file();
    for line in [
        "a.corp. 60 IN A 10.0.0.1",
        "a.corp. 60 IN A 10.0.0.9",
        "b.corp. 60 IN A 10.0.0.2",
        "c.x.corp. 60 IN A 10.0.0.3",
        "d.elsewhere.corp. 60 IN A 10.0.0.4",
    ] {
        assert!(written.lines().any(|l| l == line), "{line}\n{written}");
    }
    assert_eq!(loaded.files.len(), 3);
}

#[test]
fn nothing_outside_of_the_directory_is_read() {
    let (directory, outside) = (Directory::new(), Directory::new());
    let secret = outside.write("secret", "s TXT secret\n");
    let link = directory.path().join("link");
    std::os::unix::fs::symlink(&secret, &link).expect("a link");
    let dots = format!("../{}/secret", outside.path().file_name().expect("a name").display());
    for path in [secret.display().to_string(), "link".to_owned(), dots] {
        let main = directory.write("main", format!("{APEX}$INCLUDE {path}\n"));
        let error = load(directory.path(), &main).expect_err(&path);
        assert!(matches!(error.mistake, Mistake::Outside(_)), "{path}: {error}");
        assert_eq!(error.line, 4);
    }
    assert!(matches!(load(directory.path(), &secret), Err(error) if error.label() == "outside"));
}

#[test]
fn a_ring_of_files_ends() {
    let directory = Directory::new();
    let main = directory.write("main", format!("{APEX}$INCLUDE ring\n"));
    directory.write("ring", "$INCLUDE ring\n");
    let error = load(directory.path(), &main).expect_err("a ring");
    assert!(matches!(error.mistake, Mistake::TooDeep(_)), "{error}");
    assert!(error.file.ends_with("ring"), "{error}");
}

#[test]
fn a_mistake_is_blamed_on_the_file_that_has_it() {
    let directory = Directory::new();
    let main = directory.write("main", format!("{APEX}$INCLUDE part\n"));
    directory.write("part", "\n\na A 10.0.0\n");
    let error = load(directory.path(), &main).expect_err("no address");
    assert!(error.file.ends_with("part") && error.line == 3, "{error}");
    let missing = directory.write("main", format!("{APEX}\n$INCLUDE nothing\n"));
    let error = load(directory.path(), &missing).expect_err("no file");
    assert!(error.to_string().contains("main:5: cannot read"), "{error}");
}

#[test]
fn octets_that_are_no_utf_8_are_kept() {
    let directory = Directory::new();
    let text = [APEX.as_bytes(), b"a TXT \xe9\xff ; \xfe\nb TXT \"caf\xc3\xa9\"\n"].concat();
    let main = directory.write("main", text);
    let written = load(directory.path(), &main).expect("a zone").zone.to_master_file();
    assert!(written.contains("a.corp. 60 IN TXT \"\\233\\255\""), "{written}");
    assert!(written.contains("b.corp. 60 IN TXT \"caf\\195\\169\""), "{written}");
}

#[test]
fn what_is_odd_is_said_with_its_place() {
    let directory = Directory::new();
    let tail = "x.example. A 10.0.0.1\na 5 A 10.0.0.1\na 9 A 10.0.0.2\nm MX 10 nobody\nd NS ns.d\n\
                e MX 10 f\nf CNAME a\ng DNAME h\ni.g A 10.0.0.1\nj.*.k A 10.0.0.1\n_s SRV 0 0 0 .\n";
    let main = directory.write("main", format!("{APEX}{tail}"));
    let loaded = load(directory.path(), &main).expect("a zone");
    let mut said: Vec<(u32, &str)> =
        loaded.remarks.iter().map(|remark| (remark.line, remark.concern.label())).collect();
    said.sort_unstable();
    assert_eq!(
        said,
        [
            (4, "out_of_zone"),
            (6, "ttl_mismatch"),
            (7, "no_address"),
            (8, "no_glue"),
            (9, "alias"),
            (12, "below_dname"),
            (13, "inner_asterisk"),
        ]
    );
    let mended = loaded.remarks.iter().find(|r| matches!(r.concern, Concern::NoGlue { .. }));
    assert!(mended.expect("said").to_string().ends_with("add its A or AAAA here"));
}
