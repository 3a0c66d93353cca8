//! What devices and daemons really send, by the forms their makers document.

use log_pipeline::message::{Malformed, Message, Protocol};
use log_pipeline::parse::{Policy, Year, parse};
use log_pipeline::timestamp::Timestamp;

/// Frame; PRI, time, host, tag, process, text.
type Expected<'a> = (
    &'a str,
    Option<u8>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    Option<&'a str>,
    &'a str,
);

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text.as_bytes()).unwrap()
}

fn read(frame: &[u8]) -> Message<'_> {
    let policy = Policy { year: Year::Fixed(2021), ..Policy::default() };
    parse(frame, at("2021-06-01T00:00:00Z"), &policy)
}

fn check(cases: &[Expected<'_>]) {
    for &(frame, pri, time, host, tag, process, text) in cases {
        let message = read(frame.as_bytes());
        assert_eq!(message.error, None, "{frame}");
        assert_eq!(message.pri.map(|pri| pri.number()), pri, "{frame}");
        assert_eq!(message.timestamp, time.map(at), "{frame}");
        assert_eq!(
            (message.hostname, message.appname, message.procid),
            (host, tag, process),
            "{frame}"
        );
        assert_eq!(std::str::from_utf8(message.message).unwrap(), text, "{frame}");
    }
}

const SPRING: Option<&str> = Some("2021-03-21T13:14:15Z");
const MILLIS: Option<&str> = Some("2021-03-21T13:14:15.123Z");

#[test]
fn cisco() {
    check(&[
        (
            "<189>16261: Mar 21 13:14:15.123: %SYS-5-CONFIG_I: Configured from console by a on vty0 (10.23.214.226)",
            Some(189),
            MILLIS,
            None,
            Some("%SYS-5-CONFIG_I"),
            None,
            "Configured from console by a on vty0 (10.23.214.226)",
        ),
        (
            "<189>29: *Mar 21 13:14:15.123: %LINK-3-UPDOWN: x",
            Some(189),
            MILLIS,
            None,
            Some("%LINK-3-UPDOWN"),
            None,
            "x",
        ),
        (
            "<189>29: .Mar 21 13:14:15.123 XST: %LINK-3-UPDOWN: x",
            Some(189),
            MILLIS,
            None,
            Some("%LINK-3-UPDOWN"),
            None,
            "x",
        ),
        (
            "<14>123456789: HOSTNAME: Mar 21 13:14:15.123 gmt: %IOSXE-6-PLATFORM: F0: cpp_cp: QFP:0.0 Thread:105",
            Some(14),
            MILLIS,
            Some("HOSTNAME"),
            Some("%IOSXE-6-PLATFORM"),
            None,
            "F0: cpp_cp: QFP:0.0 Thread:105",
        ),
        (
            "<187>17: 3d04h: %LINEPROTO-5-UPDOWN: Line protocol",
            Some(187),
            None,
            None,
            Some("%LINEPROTO-5-UPDOWN"),
            None,
            "Line protocol",
        ),
        (
            "<187>000017: 00:00:46: %LINK-3-UPDOWN: x",
            Some(187),
            None,
            None,
            Some("%LINK-3-UPDOWN"),
            None,
            "x",
        ),
        (
            "<187>Mar 21 13:14:15 10.0.0.1 %LINK-3-UPDOWN: x",
            Some(187),
            SPRING,
            Some("10.0.0.1"),
            Some("%LINK-3-UPDOWN"),
            None,
            "x",
        ),
        (
            "<187>Mar 21 13:14:15 sw1: %LINK-3-UPDOWN: x",
            Some(187),
            SPRING,
            Some("sw1"),
            Some("%LINK-3-UPDOWN"),
            None,
            "x",
        ),
        (
            "<187>Mar 21 13:14:15 10.0.0.1: text",
            Some(187),
            SPRING,
            Some("10.0.0.1"),
            None,
            None,
            "text",
        ),
        // ASA
        (
            "<166>Mar 21 2021 13:14:15: %ASA-6-302014: Teardown TCP",
            Some(166),
            SPRING,
            None,
            Some("%ASA-6-302014"),
            None,
            "Teardown TCP",
        ),
        (
            "<166>Mar 21 2021 13:14:15 fw1 : %ASA-6-302014: Teardown",
            Some(166),
            SPRING,
            Some("fw1"),
            Some("%ASA-6-302014"),
            None,
            "Teardown",
        ),
        (
            "<166>:Mar 21 13:14:15 EDT: %ASA-session-6-302014: x",
            Some(166),
            Some("2021-03-21T17:14:15Z"),
            None,
            Some("%ASA-session-6-302014"),
            None,
            "x",
        ),
        ("<166>%ASA-6-302014: x", Some(166), None, None, Some("%ASA-6-302014"), None, "x"),
        (
            "<166>2021-03-21T13:14:15Z fw1 : %FTD-6-430002: a",
            Some(166),
            SPRING,
            Some("fw1"),
            Some("%FTD-6-430002"),
            None,
            "a",
        ),
        // NX-OS and IOS XR
        (
            "<189>: 2021 Mar 21 13:14:15 UTC: %VSHD-5-VSHD_SYSLOG_CONFIG_I: x",
            Some(189),
            SPRING,
            None,
            Some("%VSHD-5-VSHD_SYSLOG_CONFIG_I"),
            None,
            "x",
        ),
        (
            "2021 Mar 21 13:14:15.123 switch %ETHPORT-5-IF_UP: x",
            None,
            MILLIS,
            Some("switch"),
            Some("%ETHPORT-5-IF_UP"),
            None,
            "x",
        ),
        (
            "<187>1234: r1 RP/0/RSP0/CPU0:Mar 21 13:14:15.123 : ifmgr[194]: %PKT_INFRA-LINK-3-UPDOWN : Interface",
            Some(187),
            MILLIS,
            Some("r1"),
            Some("ifmgr"),
            Some("194"),
            "%PKT_INFRA-LINK-3-UPDOWN : Interface",
        ),
        (
            "<187>Mar 21 13:14:15 r1 %PKT_INFRA-LINK-3-UPDOWN : Interface",
            Some(187),
            SPRING,
            Some("r1"),
            Some("%PKT_INFRA-LINK-3-UPDOWN"),
            None,
            "Interface",
        ),
        // Meraki
        (
            "<134>1 1616332455.123000 MX84 flows src=1.2.3.4",
            Some(134),
            MILLIS,
            Some("MX84"),
            None,
            None,
            "flows src=1.2.3.4",
        ),
    ]);
}

#[test]
fn other_network_gear() {
    check(&[
        // Juniper
        (
            "<28>Mar 21 13:14:15 r1 mgd[3046]: UI_DBASE_LOGOUT_EVENT: User 'a'",
            Some(28),
            SPRING,
            Some("r1"),
            Some("mgd"),
            Some("3046"),
            "UI_DBASE_LOGOUT_EVENT: User 'a'",
        ),
        (
            "<28>Mar 21 13:14:15.123 2021  r1 /kernel: x",
            Some(28),
            MILLIS,
            Some("r1"),
            Some("/kernel"),
            None,
            "x",
        ),
        // Huawei, HPE Comware, Aruba
        (
            "<190>Mar 21 2021 14:14:15+01:00 HUAWEI %%01SHELL/5/CMDRECORD(s)[1]:Recorded",
            Some(190),
            SPRING,
            Some("HUAWEI"),
            Some("%%01SHELL/5/CMDRECORD(s)"),
            Some("1"),
            "Recorded",
        ),
        (
            "<190>Mar 21 13:14:15 2021 HP5500 %%10SHELL/5/SHELL_LOGIN: x",
            Some(190),
            SPRING,
            Some("HP5500"),
            Some("%%10SHELL/5/SHELL_LOGIN"),
            None,
            "x",
        ),
        (
            "<141>Mar 21 13:14:15 2021 [10.1.1.1] authmgr[1234]: <522008> x",
            Some(141),
            SPRING,
            Some("10.1.1.1"),
            Some("authmgr"),
            Some("1234"),
            "<522008> x",
        ),
        // Palo Alto, pfSense, NetScaler, Ubiquiti
        (
            "<14>Mar 21 13:14:15 PA-VM 1,2021/03/21 13:14:15,0072,TRAFFIC,end",
            Some(14),
            SPRING,
            Some("PA-VM"),
            None,
            None,
            "1,2021/03/21 13:14:15,0072,TRAFFIC,end",
        ),
        (
            "<134>Mar 21 13:14:15 filterlog[1234]: 5,,,1000",
            Some(134),
            SPRING,
            None,
            Some("filterlog"),
            Some("1234"),
            "5,,,1000",
        ),
        (
            "<14> 03/21/2021:13:14:15 GMT NS1 1-ABC-2 : default SSLLOG x",
            Some(14),
            SPRING,
            Some("NS1"),
            None,
            None,
            "1-ABC-2 : default SSLLOG x",
        ),
        (
            "<4>Mar 21 13:14:15 ubnt kernel: [WAN_LOCAL-default-D]IN=eth0 OUT= MAC=b4:fb",
            Some(4),
            SPRING,
            Some("ubnt"),
            Some("kernel"),
            None,
            "[WAN_LOCAL-default-D]IN=eth0 OUT= MAC=b4:fb",
        ),
    ]);
}

#[test]
fn unix_and_its_daemons() {
    check(&[
        (
            "<30>Mar 21 13:14:15 systemd[1]: Started x.",
            Some(30),
            SPRING,
            None,
            Some("systemd"),
            Some("1"),
            "Started x.",
        ),
        (
            "<38>Mar 21 13:14:15 OpenWrt dropbear[1234]: Child connection",
            Some(38),
            SPRING,
            Some("OpenWrt"),
            Some("dropbear"),
            Some("1234"),
            "Child connection",
        ),
        (
            "<22>Mar 21 13:14:15 mx postfix/smtpd[77]: connect from x[1.2.3.4]",
            Some(22),
            SPRING,
            Some("mx"),
            Some("postfix/smtpd"),
            Some("77"),
            "connect from x[1.2.3.4]",
        ),
        (
            "<78>Mar 21 13:14:15 h /USR/SBIN/CRON[9]: (root) CMD (x)",
            Some(78),
            SPRING,
            Some("h"),
            Some("/USR/SBIN/CRON"),
            Some("9"),
            "(root) CMD (x)",
        ),
        (
            "<85>Mar 21 13:14:15 h sudo:     root : TTY=pts/0",
            Some(85),
            SPRING,
            Some("h"),
            Some("sudo"),
            None,
            "    root : TTY=pts/0",
        ),
        (
            "<134>Mar 21 13:14:15 haproxy[73]: Proxy started.",
            Some(134),
            SPRING,
            None,
            Some("haproxy"),
            Some("73"),
            "Proxy started.",
        ),
        (
            "<30>Mar 21 13:14:15 h docker/web:1.2/name[12]: x",
            Some(30),
            SPRING,
            Some("h"),
            Some("docker/web:1.2/name"),
            Some("12"),
            "x",
        ),
        (
            "<6>Mar 21 13:14:15 mac com.apple.xpc.launchd[1] (com.apple.x): y",
            Some(6),
            SPRING,
            Some("mac"),
            Some("com.apple.xpc.launchd"),
            Some("1"),
            "(com.apple.x): y",
        ),
        (
            "<13>Mar 21 13:14:15 last message repeated 5 times",
            Some(13),
            SPRING,
            None,
            None,
            None,
            "last message repeated 5 times",
        ),
        (
            "<38>Mar 21 13:14:15 Message forwarded from aix1: sshd[5]: x",
            Some(38),
            SPRING,
            Some("aix1"),
            Some("sshd"),
            Some("5"),
            "x",
        ),
        // Log files: no PRI, or its words
        ("Mar 21 13:14:15 h sshd[5]: x", None, SPRING, Some("h"), Some("sshd"), Some("5"), "x"),
        (
            "Sun Mar 21 13:14:15 2021 daemon.info dnsmasq[1]: x",
            Some(30),
            SPRING,
            None,
            Some("dnsmasq"),
            Some("1"),
            "x",
        ),
        (
            "Mar 21 13:14:15 box user.notice root: x",
            Some(13),
            SPRING,
            Some("box"),
            Some("root"),
            None,
            "x",
        ),
        (
            "2021-03-21 13:14:15,123 ERROR [main] a.b.C: x",
            None,
            MILLIS,
            None,
            None,
            None,
            "ERROR [main] a.b.C: x",
        ),
        (
            "2021/03/21 13:14:15 [error] 7#7: *1 open() failed",
            None,
            SPRING,
            None,
            None,
            None,
            "[error] 7#7: *1 open() failed",
        ),
    ]);
}

#[test]
fn hosts_and_tags_of_every_kind() {
    check(&[
        (
            "<7>Mar 21 13:14:15 2001:db8::1 tag: x",
            Some(7),
            SPRING,
            Some("2001:db8::1"),
            Some("tag"),
            None,
            "x",
        ),
        (
            "<7>Mar 21 13:14:15 [2001:db8::1] tag: x",
            Some(7),
            SPRING,
            Some("2001:db8::1"),
            Some("tag"),
            None,
            "x",
        ),
        (
            "<7>Mar 21 13:14:15 ::ffff:10.0.0.1 tag: x",
            Some(7),
            SPRING,
            Some("::ffff:10.0.0.1"),
            Some("tag"),
            None,
            "x",
        ),
        (
            "<7>Mar 21 13:14:15 fe80::1%eth0 tag: x",
            Some(7),
            SPRING,
            Some("fe80::1%eth0"),
            Some("tag"),
            None,
            "x",
        ),
        (
            "<7>Mar 21 13:14:15 10.0.0.1:514 tag: x",
            Some(7),
            SPRING,
            Some("10.0.0.1:514"),
            Some("tag"),
            None,
            "x",
        ),
        ("<7>Mar 21 13:14:15 - tag: x", Some(7), SPRING, None, Some("tag"), None, "x"),
        ("<7>Mar 21 13:14:15 h tag[]: x", Some(7), SPRING, Some("h"), Some("tag"), Some(""), "x"),
        (
            "<7>Mar 21 13:14:15 h tag[ns:12]: x",
            Some(7),
            SPRING,
            Some("h"),
            Some("tag"),
            Some("ns:12"),
            "x",
        ),
        (
            "<7>Mar 21 13:14:15 h b4:fb:e4:00:00:00 joined",
            Some(7),
            SPRING,
            Some("h"),
            None,
            None,
            "b4:fb:e4:00:00:00 joined",
        ),
        (
            "<7>Mar 21 13:14:15 h C:\\x is full",
            Some(7),
            SPRING,
            Some("h"),
            None,
            None,
            "C:\\x is full",
        ),
        (
            "<7>Mar 21 13:14:15 h CEF:0|a|b|1|c|d|3|src=1",
            Some(7),
            SPRING,
            Some("h"),
            None,
            None,
            "CEF:0|a|b|1|c|d|3|src=1",
        ),
        ("<7>Mar 21 13:14:15 h {\"a\":1}", Some(7), SPRING, Some("h"), None, None, "{\"a\":1}"),
        (
            "<7>Mar 21 13:14:15 h @cee: {\"a\":1}",
            Some(7),
            SPRING,
            Some("h"),
            None,
            None,
            "@cee: {\"a\":1}",
        ),
        ("<7>Mar 21 13:14:15 h : x", Some(7), SPRING, Some("h"), None, None, "x"),
        ("<7>Mar 21 13:14:15 h :", Some(7), SPRING, Some("h"), None, None, ""),
        ("\u{feff}<7>Mar 21 13:14:15 h t: x", Some(7), SPRING, Some("h"), Some("t"), None, "x"),
    ]);
}

#[test]
fn windows() {
    check(&[
        (
            "<14>Mar 21 13:14:15 WIN MSWinEventLog\t1\tSecurity\t6862",
            Some(14),
            SPRING,
            Some("WIN"),
            Some("MSWinEventLog"),
            None,
            "1\tSecurity\t6862",
        ),
        (
            "win.example\tMSWinEventLog\t1\tSecurity",
            None,
            None,
            Some("win.example"),
            Some("MSWinEventLog"),
            None,
            "1\tSecurity",
        ),
        (
            "<14>win.example\tMSWinEventLog\t1\tSecurity",
            Some(14),
            None,
            Some("win.example"),
            Some("MSWinEventLog"),
            None,
            "1\tSecurity",
        ),
        (
            "<14>Mar 21 13:14:15 WIN Microsoft-Windows-Security-Auditing[528]: x",
            Some(14),
            SPRING,
            Some("WIN"),
            Some("Microsoft-Windows-Security-Auditing"),
            Some("528"),
            "x",
        ),
        (
            "<13>Mar 21 13:14:15 WIN AgentDevice=WindowsLog\tAgentLogFile=Security",
            Some(13),
            SPRING,
            Some("WIN"),
            None,
            None,
            "AgentDevice=WindowsLog\tAgentLogFile=Security",
        ),
    ]);
}

#[test]
fn rfc3164_section_5_4_is_read_whole() {
    check(&[
        (
            "<165>Aug 24 05:34:00 CST 1987 mymachine myproc[10]: %% It's time to make the do-nuts.  %%  Ingredients: Mix=OK, Jelly=OK #",
            Some(165),
            Some("1987-08-24T11:34:00Z"),
            Some("mymachine"),
            Some("myproc"),
            Some("10"),
            "%% It's time to make the do-nuts.  %%  Ingredients: Mix=OK, Jelly=OK #",
        ),
        (
            "<0>1990 Oct 22 10:52:01 TZ-6 scapegoat.dmz.example.org 10.1.2.3 sched[0]: That's All Folks!",
            Some(0),
            Some("1990-10-22T16:52:01Z"),
            Some("scapegoat.dmz.example.org"),
            None,
            None,
            "10.1.2.3 sched[0]: That's All Folks!",
        ),
    ]);
}

#[test]
fn bytes_of_no_text_are_kept() {
    let message = read(b"<13>Mar 21 13:14:15 h t[1]: a\0b\xff\xfe");
    assert_eq!((message.appname, message.message), (Some("t"), &b"a\0b\xff\xfe"[..]));
    let message = read(b"<13>Mar 21 13:14:15 h\xff t: x");
    assert_eq!((message.hostname, message.message), (None, &b"h\xff t: x"[..]));
    let message = read(b"\xff\xfe\0\0");
    assert_eq!((message.error, message.message), (Some(Malformed::Pri), &b"\xff\xfe\0\0"[..]));
}

#[test]
fn what_has_no_header_has_a_reason() {
    for (frame, error) in [
        (
            "<189>date=2021-03-21 time=13:14:15 devname=\"FG\" type=\"traffic\"",
            Malformed::NoTimestamp,
        ),
        ("<6>[    0.000000] Linux version 6", Malformed::NoTimestamp),
        ("<30>system,info,account user admin logged in", Malformed::NoTimestamp),
        ("<192>Mar 21 13:14:15 h t: x", Malformed::Pri),
        ("", Malformed::Pri),
        ("<13>", Malformed::NoTimestamp),
    ] {
        let message = read(frame.as_bytes());
        assert_eq!(message.error, Some(error), "{frame}");
        let kept =
            if error == Malformed::Pri { frame } else { &frame[frame.find('>').unwrap() + 1..] };
        assert_eq!(message.message, kept.as_bytes(), "{frame}");
    }
}

#[test]
fn rfc5424_in_the_wild() {
    for frame in [
        "<165>1 2021-03-21T13:14:15.123Z h a 1 m - x",
        "<165> 1 2021-03-21T13:14:15.123Z h a 1 m - x",
        "<165>1 2021-03-21T14:14:15.123+0100 h a 1 m - x",
        "1 2021-03-21T13:14:15.123Z h a 1 m - x",
    ] {
        let message = read(frame.as_bytes());
        assert_eq!((message.protocol, message.error), (Protocol::Rfc5424, None), "{frame}");
        assert_eq!(message.timestamp, MILLIS.map(at), "{frame}");
        assert_eq!((message.hostname, message.appname), (Some("h"), Some("a")), "{frame}");
        assert_eq!(message.message, b"x", "{frame}");
    }
}
