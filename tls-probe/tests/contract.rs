//! The JSON object of `probe`: exactly these names, durations in seconds, instants in nanoseconds.

#![cfg(all(feature = "passive", feature = "serde"))]

mod common;

use common::wire::{From::*, *};
use serde_json::{Value, json};
use tls_probe::Config;

fn played(refused: bool) -> Value {
    let mut play = Play::connected(Config::default(), 10 * MS);
    play.data(10 * MS, C, &client_hello(0));
    play.data(12 * MS, S, &if refused { record(21, &[2, 40]) } else { flight13(900) });
    if !refused {
        play.ack(22 * MS, C);
        play.data(422 * MS, C, &finished13());
    }
    serde_json::to_value(play.report()).unwrap()
}

/// As computed, where it is.
fn fingerprint(text: &str) -> Option<&str> {
    cfg!(feature = "fingerprint").then_some(text)
}

#[test]
fn an_established_handshake() {
    let because = "the client's host acknowledged our ServerHello within 10 ms (one round trip), \
                   then the client said nothing for 400 ms before its flight";
    let want = json!({
        "client": "192.0.2.1:50000",
        "server": "192.0.2.2:443",
        "server_name": "probe.example",
        "version": "TLSv1.3",
        "cipher": "TLS_AES_128_GCM_SHA256",
        "alpn": null,
        "ja3": fingerprint("2d4c6778694780ee726029a77273beb7"),
        "ja4": fingerprint("t13d0204h2_c1929292aa6b_a56c5b993250"),
        "resumed": false,
        "outcome": "established",
        "start_ns": 0,
        "phases": {
            "tcp": 0.01,
            "client_hello": 0.0,
            "server_flight": 0.002,
            "client_flight": 0.41,
            "total": 0.422,
        },
        "idle": { "client": 0.4, "server": 0.002, "network": 0.02 },
        "rtt": 0.01,
        "retransmissions": 0,
        "verdict": "client",
        "because": because,
    });
    assert_eq!(played(false), want);
}

#[test]
fn a_refused_one_names_the_alert_and_leaves_unseen_phases_null() {
    let object = played(true);
    assert_eq!(object["outcome"], "alert");
    assert_eq!(object["alert"], "handshake_failure");
    assert_eq!(object["phases"]["server_flight"], Value::Null);
    assert_eq!(object["verdict"], "none");
}
