//! The resolver binary: zones, hosts and forwarding, explained, reloaded and stopped.

mod common;
mod resolver_common;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use common::{peer, run, said};
use resolver_common::{RESOLVER, Running};

fn zone(folder: &Path, address: &str) -> String {
    let file = folder.join("site.zone");
    let text = format!(
        "$TTL 60\n@ IN SOA ns hostmaster 1 3600 600 86400 60\n@ IN NS ns\nns IN A 192.0.2.1\nwww IN A {address}\n"
    );
    std::fs::write(&file, text).expect("room");
    format!("site.example={}", file.display())
}

#[test]
fn zones_hosts_and_others_answer_in_this_order() {
    let folder = tempfile::tempdir().expect("a folder");
    let hosts = folder.path().join("hosts");
    std::fs::write(&hosts, "192.0.2.7 till.munich\n").expect("room");
    let zone = zone(folder.path(), "192.0.2.80");
    let back = Running::start(&["--zone", &zone, "--hosts", hosts.to_str().expect("text")]);
    let to = back.address.to_string();
    let front = Running::start(&["--forward", &to, "--private", "corp"]);
    for resolver in [&back, &front] {
        assert_eq!(resolver.ask("www.site.example"), (0, [192, 0, 2, 80]));
        assert_eq!(resolver.ask("till.munich"), (0, [192, 0, 2, 7]));
        assert_eq!(resolver.ask("nowhere.site.example").0, 3, "NXDOMAIN");
    }
    assert_eq!(front.ask("db.corp").0, 5, "private names are refused, and nobody is asked");

    let ours = folder.path().join("ours");
    let alias = "@ 60 SOA ns mail 1 1d 2h 4w 60\n@ 60 NS ns\nns 60 A 192.0.2.1\nshop 60 CNAME www.site.example.\n";
    std::fs::write(&ours, alias).expect("room");
    let ours = format!("ours.example={}", ours.display());
    let explain = |name: &str| {
        let args = ["explain", name, "A", "--forward", &to, "--private", "corp", "--zone", &ours];
        let output = run(Command::new(RESOLVER).args(args));
        assert!(output.status.success(), "{}", said(&output));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let text = explain("www.site.example");
    assert!(text.contains("192.0.2.80") && text.contains(&format!("{to}: answered")), "{text}");
    let text = explain("shop.ours.example");
    assert!(text.contains("192.0.2.80") && text.contains("ours.example. is the longest"), "{text}");
    assert!(text.contains(&format!("{to}: answered")), "the alias leads away: {text}");
    let text = explain("db.corp");
    assert!(text.contains("corp. is private"), "{text}");
}

#[test]
fn a_zone_is_read_again_on_sighup_and_a_bad_one_changes_nothing() {
    let folder = tempfile::tempdir().expect("a folder");
    let resolver = Running::start(&["--zone", &zone(folder.path(), "192.0.2.80")]);
    assert_eq!(resolver.ask("www.site.example"), (0, [192, 0, 2, 80]));
    let until = |wanted: [u8; 4]| {
        for _ in 0..100 {
            if resolver.ask("www.site.example") == (0, wanted) {
                return true;
            }
            std::thread::sleep(Duration::from_millis(50));
        }
        false
    };
    zone(folder.path(), "192.0.2.81");
    resolver.signal(libc::SIGHUP);
    assert!(until([192, 0, 2, 81]));
    zone(folder.path(), "no.address");
    resolver.signal(libc::SIGHUP);
    zone(folder.path(), "192.0.2.82");
    resolver.signal(libc::SIGHUP);
    assert!(until([192, 0, 2, 82]), "the mend is taken");
}

#[test]
fn it_ends_well_and_says_what_is_wrong_in_one_line() {
    let mut resolver = Running::start(&[]);
    resolver.signal(libc::SIGTERM);
    assert!(resolver.child.wait().expect("it ends").success());
    for (args, code, words) in [
        (
            &["--listen", "127.0.0.1:0", "--zone", "a.example=/nowhere"][..],
            1,
            "cannot read /nowhere",
        ),
        (&["--threads", "1"], 1, "give --listen"),
        (&["--listen", "localhost"], 2, "not an address"),
        (&["--listen", "tls://127.0.0.1:0"], 1, "--cert"),
    ] {
        let output = run(Command::new(RESOLVER).args(args));
        assert_eq!(output.status.code(), Some(code), "{}", said(&output));
        assert!(said(&output).contains(words), "{args:?}: {}", said(&output));
    }
}

#[test]
fn dig_is_answered_over_udp_and_tcp() {
    let Some(_) = peer("dig") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let back = Running::start(&["--zone", &zone(folder.path(), "192.0.2.80")]);
    let front = Running::start(&["--forward", &back.address.to_string()]);
    let port = front.address.port().to_string();
    for more in [&["+tcp"][..], &["+edns", "+dnssec"], &["+noedns"], &["+cookie"]] {
        let args = ["@127.0.0.1", "-p", &port, "www.site.example", "+short"];
        let output = run(Command::new("dig").args(args).args(more));
        assert_eq!(String::from_utf8_lossy(&output.stdout), "192.0.2.80\n", "{}", said(&output));
    }
}
