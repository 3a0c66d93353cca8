//! `watch report`: a picture that stands on its own, and shows what happened.

mod common;

use std::fmt::Write as _;
use std::path::Path;
use std::process::Command;

use common::{peer, run, said};

const WATCH: &str = env!("CARGO_BIN_EXE_watch");

/// Ten days of five minutes: a spike, a gap, and a level that shifts.
fn series(folder: &Path) -> String {
    let mut text = String::from("timestamp,value\n");
    for i in 0..2_880_u32 {
        if (1_000..1_100).contains(&i) {
            continue;
        }
        let noise = f64::from(i.wrapping_mul(2_654_435_761) >> 16) / 65_536.0;
        let level = if i >= 2_200 { 60.0 } else { 20.0 };
        let value = if i == 700 { 95.0 } else { level + 5.0 * noise };
        let value = if i % 400 == 3 { String::new() } else { value.to_string() };
        writeln!(text, "{},{value}", 1_700_000_000 + i * 300).expect("memory");
    }
    let path = folder.join("cpu <of> \"a&b\".csv");
    std::fs::write(&path, text).expect("room");
    path.to_string_lossy().into_owned()
}

fn report(folder: &Path, name: &str) -> String {
    let out = folder.join(name);
    let file = series(folder);
    let output = run(Command::new(WATCH).args(["report", &file, "--out"]).arg(&out));
    assert!(output.status.success(), "{}", said(&output));
    std::fs::read_to_string(out).expect("written")
}

/// Checks that tags are closed in order, attributes quoted, and nothing stands unescaped; counts
/// elements by name and class.
fn well_formed(text: &str) -> Vec<String> {
    let (mut open, mut all) = (Vec::new(), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let between = &rest[..at];
        assert!(!between.contains('>') || open.last() == Some(&"style"), "{between}");
        for entity in between.split('&').skip(1) {
            let name = entity.split(';').next().expect("a part");
            assert!(["amp", "lt", "gt", "quot"].contains(&name), "&{name}");
        }
        let end = at + rest[at..].find('>').expect("a tag ends");
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if tag.starts_with('!') {
            continue;
        }
        if let Some(name) = tag.strip_prefix('/') {
            assert_eq!(open.pop(), Some(name), "closed in order");
            continue;
        }
        assert_eq!(tag.matches('"').count() % 2, 0, "{tag}");
        let name = tag.split([' ', '/']).next().expect("a part");
        let class = tag.split("class=\"").nth(1).and_then(|class| class.split('"').next());
        all.push(format!("{name}.{}", class.unwrap_or_default()));
        if !tag.ends_with('/') {
            open.push(name);
        }
    }
    assert!(open.is_empty(), "{open:?}");
    all
}

fn count(all: &[String], what: &str) -> usize {
    all.iter().filter(|element| *element == what).count()
}

#[test]
fn a_page_is_well_formed_and_needs_nothing_else() {
    let folder = tempfile::tempdir().expect("a folder");
    let page = report(folder.path(), "out.html");
    let all = well_formed(&page);
    assert_eq!(count(&all, "svg."), 1);
    // One shade in the legend, one for each event; a row for each under the heading.
    let events = count(&all, "rect.event") - 1;
    assert!((2..8).contains(&events), "{events}");
    assert_eq!((count(&all, "path.mark"), count(&all, "tr.")), (events, events + 1));
    assert!(page.contains("cpu &lt;of&gt; &quot;a&amp;b&quot;"), "the name is escaped");
    assert!(page.contains("level shift up by") && page.contains("spike: 95 where"));
    let rest = page.replace("http://www.w3.org/2000/svg", "");
    for needed in ["http", "url(", "<script", "@import", "src="] {
        assert!(!rest.contains(needed), "{needed}");
    }
}

#[test]
fn a_picture_has_its_gap_and_a_bounded_size() {
    let folder = tempfile::tempdir().expect("a folder");
    let picture = report(folder.path(), "out.svg");
    let all = well_formed(&picture);
    assert_eq!(count(&all, "svg."), 1);
    // The legend's, and one on each side of the gap; missing values are gaps too.
    assert!(count(&all, "path.seen") >= 3, "{all:?}");
    assert!(picture.len() < 200_000, "{}", picture.len());
}

/// What share of the picture is red, blue and green, as the browser paints it.
const LOOK: &str = r"<body><script>
const image = new Image();
image.onload = () => {
    const canvas = document.createElement('canvas');
    canvas.width = 1200; canvas.height = 460;
    const paint = canvas.getContext('2d');
    paint.drawImage(image, 0, 0, 1200, 460);
    const box = (x, y, w, h, like) => {
        const data = paint.getImageData(x, y, w, h).data;
        let all = 0;
        for (let i = 0; i < data.length; i += 4) all += like(data[i], data[i + 1], data[i + 2]);
        return all;
    };
    const red = (r, g, b) => r > 180 && g < 120 && b < 120;
    const blue = (r, g, b) => b > 140 && r < 100;
    const green = (r, g, b) => g > r + 15 && g > b + 8;
    const white = (r, g, b) => r > 250 && g > 250 && b > 250;
    const gap = 80 + 1100 * 1050 / 2880 | 0;
    document.body.textContent = 'seen ' + [
        box(80, 70, 1100, 15, red), box(90, 84, 1080, 336, blue), box(90, 84, 1080, 336, green),
        box(gap - 8, 100, 16, 300, blue), box(0, 0, 1200, 460, white) > 200000 ? 1 : 0,
    ].join(' ') + ' end';
};
image.src = 'data:image/svg+xml,PICTURE';
</script></body>";

#[test]
fn a_browser_paints_the_series_the_band_and_the_events() {
    let Some(mut browser) = peer("chromium") else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let picture = report(folder.path(), "out.svg");
    let encoded: String = picture.bytes().fold(String::new(), |mut all, byte| {
        if byte.is_ascii_alphanumeric() {
            all.push(char::from(byte));
        } else {
            write!(all, "%{byte:02X}").expect("memory");
        }
        all
    });
    let page = folder.path().join("look.html");
    std::fs::write(&page, LOOK.replace("PICTURE", &encoded)).expect("room");
    let output = run(browser
        .args(["--headless", "--no-sandbox", "--disable-gpu", "--virtual-time-budget=5000"])
        .arg(format!("--user-data-dir={}", folder.path().join("profile").display()))
        .arg("--dump-dom")
        .arg(format!("file://{}", page.display())));
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let seen = dom.split("seen ").nth(1).and_then(|rest| rest.split(" end").next());
    let seen = seen.unwrap_or_else(|| panic!("{}", said(&output)));
    let counts: Vec<u32> = seen.split(' ').map(|n| n.parse().expect("a number")).collect();
    let [marks, line, band, across, light] = counts[..] else { panic!("{seen}") };
    assert!(marks > 40, "marks above the events: {seen}");
    assert!(line > 2_000, "the line of values: {seen}");
    assert!(band > 1_000, "the band of the usual: {seen}");
    assert_eq!(across, 0, "nothing is drawn across the gap: {seen}");
    assert_eq!(light, 1, "on white: {seen}");
}

#[test]
fn mistakes_are_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    let empty = folder.path().join("empty.csv");
    std::fs::write(&empty, "timestamp,value\n1,\n").expect("room");
    for (file, out, text) in [
        (&*series(folder.path()), "out.png", ".html or .svg"),
        (&*empty.to_string_lossy(), "out.svg", "nothing to draw"),
        ("/nowhere.csv", "out.svg", "cannot read /nowhere.csv"),
    ] {
        let out = folder.path().join(out);
        let output = run(Command::new(WATCH).args(["report", file, "--out"]).arg(&out));
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains(text), "{}", said(&output));
        assert!(!out.exists());
    }
}
