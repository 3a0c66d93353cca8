//! Certificates good and bad: each is reported with its class and with its expiry, whether or not
//! the handshake goes on; and OpenSSL agrees.

#![cfg(feature = "active")]

mod live;

use std::process::{Command, Stdio};

use live::{
    pki::{DAY, Identity, Wish, authority, now, trusting},
    programs::there,
    server::{client, config, serve},
};
use rcgen::ExtendedKeyUsagePurpose;
use rustls::version::{TLS12, TLS13};
use tls_probe::{
    Outcome,
    net::{Failure, Probed, Prober, Settings, Target, Unvalidated},
};

struct Case {
    name: &'static str,
    chain: Vec<Identity>,
    /// Our class.
    class: &'static str,
    /// A validating client goes on.
    valid: bool,
    trusted: Option<bool>,
    /// Days until the first certificate expires.
    days: i64,
    /// What `openssl s_client` says (X509_V_ERR of x509_vfy.h).
    openssl: u32,
}

fn case(name: &'static str, chain: Vec<Identity>, class: &'static str, openssl: u32) -> Case {
    let valid = openssl == 0;
    Case { name, chain, class, valid, trusted: Some(true), days: 90, openssl }
}

fn cases(ca: &Identity) -> Vec<Case> {
    let leaf = Wish::of("edge.test");
    let client_only = vec![ExtendedKeyUsagePurpose::ClientAuth];
    let evil = authority("UntrustedRoot");
    let inter = Wish { authority: true, ..Wish::of("inter.test") }.signed_by(ca);
    let inter_too = Wish { authority: true, ..Wish::of("inter.test") }.signed_by(ca);
    let located = Wish { issuer_location: true, ..leaf.clone() };
    let untrusted = || leaf.signed_by(&evil);
    let via = leaf.signed_by(&inter);
    let complete = leaf.signed_by(&inter_too);
    let unlocated = located.signed_by(&inter);
    let unknown = |case: Case| Case { trusted: Some(false), ..case };
    vec![
        case("good", vec![leaf.signed_by(ca)], "ok", 0),
        Case {
            days: -10,
            ..case(
                "expired",
                vec![Wish { until: -10, ..leaf.clone() }.signed_by(ca)],
                "expired",
                10,
            )
        },
        Case {
            days: 400,
            ..case(
                "not yet valid",
                vec![Wish { from: 90, until: 400, ..leaf.clone() }.signed_by(ca)],
                "not_yet_valid",
                9,
            )
        },
        Case {
            days: 3,
            ..case("soon", vec![Wish { until: 3, ..leaf.clone() }.signed_by(ca)], "ok", 0)
        },
        case("wrong host", vec![Wish::of("other.test").signed_by(ca)], "name_mismatch", 62),
        case("wildcard", vec![Wish::of("*.edge.test").signed_by(ca)], "name_mismatch", 62),
        case(
            "must staple",
            vec![Wish { must_staple: true, ..leaf.clone() }.signed_by(ca)],
            "must_staple_violated",
            0,
        ),
        unknown(case("untrusted, root not sent", vec![untrusted()], "unknown_issuer", 20)),
        unknown(case("missing intermediate", vec![via], "unknown_issuer", 20)),
        unknown(case("missing, its place named", vec![unlocated], "missing_intermediate", 20)),
        case("intermediate sent", vec![complete, inter_too], "ok", 0),
        Case {
            trusted: None,
            ..case(
                "client only",
                vec![Wish { purposes: client_only, ..leaf.clone() }.signed_by(ca)],
                "wrong_purpose",
                26,
            )
        },
        unknown(Case {
            days: 30,
            ..case(
                "self-signed",
                vec![Wish { until: 30, ..leaf.clone() }.self_signed()],
                "self_signed",
                18,
            )
        }),
        unknown(case("untrusted, root sent", vec![untrusted(), evil], "untrusted_root", 19)),
    ]
}

async fn probe(prober: &Prober, port: u16) -> Probed {
    let target: Target = format!("127.0.0.1:{port}").parse().unwrap();
    let target = Target { server_name: Some("edge.test".to_owned()), ..target };
    prober.probe(&target).await.remove(0)
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn each_case_has_its_class_and_its_expiry() {
    let ca = authority("TestRoot");
    let peers = there("openssl", "version");
    let folder = std::env::temp_dir().join(format!("tls-probe-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    let ca_file = folder.join("ca.pem");
    std::fs::write(&ca_file, &ca.pem).unwrap();
    for (case, version) in cases(&ca).into_iter().zip([&TLS13, &TLS12].into_iter().cycle()) {
        let chain: Vec<_> = case.chain.iter().collect();
        let server = serve(config(&[version], &chain)).await;
        for unvalidated in [Unvalidated::Refuse, Unvalidated::GoOn] {
            let settings = Settings { unvalidated, ..Settings::default() };
            let tls = client(&[&TLS13, &TLS12], trusting(&ca));
            let prober = Prober::new(tls, trusting(&ca), settings);
            let probed = probe(&prober, server.port()).await;
            let name = case.name;
            let chain = probed.certificate.as_ref().expect(name);
            assert_eq!(chain.class_label(), case.class, "{name}: {chain:#?}");
            assert_eq!(chain.valid, Some(case.valid), "{name}");
            assert_eq!(chain.trusted, case.trusted, "{name}");
            let expiry = chain.earliest_expiry().expect(name);
            assert!((expiry - now() - case.days * DAY).abs() < 60, "{name}: {expiry}");
            assert_eq!(chain.certificates.len(), case.chain.len(), "{name}");
            assert_eq!(probed.success(), case.valid, "{name}");
            if case.valid || unvalidated == Unvalidated::GoOn {
                assert_eq!(probed.report.outcome, Outcome::Established, "{name}: {probed:#?}");
            } else {
                assert_eq!(probed.report.outcome, Outcome::Alert, "{name}");
                assert!(probed.report.alert.unwrap().description.is_some(), "{name}");
            }
            if let Some(Failure::Certificate(fault)) = probed.failure {
                assert_eq!(fault.label(), case.class, "{name}");
            }
        }
        if peers {
            let errors = openssl(server.port(), &ca_file);
            match case.openssl {
                0 => assert_eq!(errors, [0; 0], "{}", case.name),
                error => assert!(errors.contains(&error), "{}: {errors:?}", case.name),
            }
        }
    }
    std::fs::remove_dir_all(&folder).unwrap();
}

/// The errors s_client finds in the chain; it goes on after each.
fn openssl(port: u16, ca_file: &std::path::Path) -> Vec<u32> {
    let output = Command::new("openssl")
        .args(["s_client", "-connect", &format!("127.0.0.1:{port}"), "-servername", "edge.test"])
        .args(["-verify_hostname", "edge.test", "-CAfile"])
        .arg(ca_file)
        .stdin(Stdio::null())
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let lines = said.lines().filter_map(|line| line.strip_prefix("verify error:num="));
    lines.filter_map(|line| line.split(':').next()?.parse().ok()).collect()
}
