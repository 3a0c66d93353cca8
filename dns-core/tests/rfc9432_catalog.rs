//! RFC 9432: what a catalog lists, and what it means when that changes. A broken one changes nothing.
#![cfg(feature = "zones")]

use dns_core::catalog::{CatalogError, Member, MemberChange, build, changes, members};
use dns_core::{Name, Zone};

const APEX: &str = "@ 0 SOA invalid. invalid. 1 3600 600 2147483646 0\n@ 0 NS invalid.\n";

fn name(text: &str) -> Name {
    text.parse().expect("a name")
}

fn catalog(tail: &str) -> Zone {
    Zone::from_master_file(&name("cat."), "cat", &format!("{APEX}{tail}")).expect("a zone")
}

fn listed(tail: &str) -> Vec<Member> {
    members(&catalog(&format!("version 0 TXT 2\n{tail}"))).expect("a catalog")
}

#[test]
fn the_example_of_section_4() {
    let all = listed(
        "nj2xg5b.zones 0 PTR domain1.example.
         nvxxezj.zones 0 PTR domain2.example.
         group.nvxxezj.zones 0 TXT operator-x-foo
         group.nvxxezj.zones 0 TXT operator-y
         coo.nvxxezj.zones 0 PTR newcat.
         nfwxa33.zones 0 PTR a.example.
         unknown.ext.nfwxa33.zones 0 TXT x
         nothing.here 0 TXT y
         group.gone.zones 0 TXT nobody\n"
            .replace("         ", "")
            .as_str(),
    );
    let names: Vec<String> = all.iter().map(|member| member.zone.0.to_string()).collect();
    assert_eq!(names, ["a.example.", "domain1.example.", "domain2.example."]);
    let second = &all[2];
    assert_eq!((second.id.as_str(), second.groups.len()), ("nvxxezj", 2));
    assert_eq!(
        second.change_of_ownership.as_ref().map(|catalog| &catalog.0),
        Some(&name("newcat."))
    );
    assert!(all[0].groups.is_empty());
}

#[test]
fn broken_catalogs_say_why() {
    for (tail, label) in [
        ("", "version"),
        ("version 0 TXT 1\n", "version"),
        ("version 0 TXT 2\nversion 0 TXT 1\n", "version"),
        ("version 0 TXT 2 2\n", "version"),
        ("version 0 TXT 2\na.zones 0 PTR x.\na.zones 0 PTR y.\n", "two_members"),
        ("version 0 TXT 2\na.zones 0 PTR x.\nb.zones 0 PTR X.\n", "twice"),
    ] {
        let error = members(&catalog(tail)).expect_err(tail);
        assert_eq!(error.label(), label, "{tail}: {error}");
    }
    let error = members(&catalog("")).expect_err("no version");
    assert_eq!(error, CatalogError::Version(name("cat.")));
}

#[test]
fn changes_are_told_apart() {
    let old = listed("a.zones 0 PTR a.\nb.zones 0 PTR b.\nc.zones 0 PTR c.\nd.zones 0 PTR d.\n");
    let new = listed(
        "a.zones 0 PTR a.\nb2.zones 0 PTR b.\nd.zones 0 PTR d.\ngroup.d.zones 0 TXT g\ne.zones 0 PTR e.\n",
    );
    let said: Vec<(String, String)> = changes(&old, &new)
        .into_iter()
        .map(|change| match change {
            MemberChange::Added(member) => ("added", member),
            MemberChange::Removed(member) => ("removed", member),
            MemberChange::Reset(member) => ("reset", member),
            MemberChange::Changed(member) => ("changed", member),
            _ => unreachable!("all there are"),
        })
        .map(|(what, member)| (what.to_owned(), member.zone.0.to_string()))
        .collect();
    let expected = [("removed", "c."), ("reset", "b."), ("changed", "d."), ("added", "e.")]
        .map(|(a, b)| (a.to_owned(), b.to_owned()));
    assert_eq!(said, expected);
    assert!(changes(&new, &new).is_empty());
}

#[test]
fn what_is_built_is_read_and_keeps_its_labels() {
    let zones = |names: &[&str]| -> Vec<(Name, Vec<String>)> {
        names.iter().map(|text| (name(text), vec![format!("g {text}")])).collect()
    };
    let one = members(&build(&name("cat."), 1, &zones(&["x.", "Y.example."]))).expect("a catalog");
    let two = members(&build(&name("cat."), 2, &zones(&["y.example.", "z."]))).expect("a catalog");
    assert_eq!(one.iter().map(|m| m.groups.len()).collect::<Vec<_>>(), [1, 1]);
    let kept = changes(&one, &two);
    assert_eq!(kept.len(), 3, "x goes, z comes, y has another group: {kept:?}");
    assert!(!kept.iter().any(|change| matches!(change, MemberChange::Reset(_))));
}
