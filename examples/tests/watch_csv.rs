//! `watch csv`: a row out for each row in, judged by what came before.

mod common;

use std::fmt::Write as _;
use std::io::Write as _;
use std::process::{Command, Stdio};

use common::{run, said};

const WATCH: &str = env!("CARGO_BIN_EXE_watch");

fn series(rows: usize) -> String {
    let mut text = String::from("timestamp,value\n");
    for i in 0..rows {
        let value = if i == 800 { 90.0 } else { 10.0 + (i * 7_919 % 101) as f64 / 50.0 };
        let value = if i == 500 { String::new() } else { value.to_string() };
        writeln!(text, "{},{value}", 1_397_114_100 + i * 300).expect("writing to a string");
    }
    text
}

fn watched(input: &str) -> Vec<Vec<String>> {
    let mut child = Command::new(WATCH)
        .args(["csv", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut stdin = child.stdin.take().expect("a pipe");
    let text = input.to_owned();
    let writing = std::thread::spawn(move || stdin.write_all(text.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    let _ = writing.join();
    assert!(output.status.success(), "{}", said(&output));
    let rows = String::from_utf8(output.stdout).expect("text");
    rows.lines().map(|row| row.split(',').map(str::to_owned).collect()).collect()
}

#[test]
fn every_row_has_its_verdict_and_the_strangest_is_the_strange_one() {
    let input = series(1_000);
    let rows = watched(&input);
    assert_eq!(rows[0].join(","), "timestamp,value,anomaly_score,expected,lower,upper,kind");
    assert_eq!(rows.len(), 1_001);
    let score = |row: &Vec<String>| row[2].parse::<f64>().expect("a score");
    assert!(rows[1..].iter().all(|row| row.len() == 7 && (0.0..=1.0).contains(&score(row))));
    for (row, line) in rows[1..].iter().zip(input.lines().skip(1)) {
        assert_eq!(format!("{},{}", row[0], row[1]), line, "as it came");
    }
    let strangest = (1..rows.len()).max_by(|a, b| score(&rows[*a]).total_cmp(&score(&rows[*b])));
    assert_eq!(strangest, Some(801));
    assert_eq!(rows[801][6], "spike");
}

#[test]
fn fields_in_quotes_are_read_and_no_number_is_longer_than_it_says() {
    let rows = watched("\"timestamp\",\"value\"\n\"1397114100\",\"1.5\"\n\"1397114400\",\"\"\n");
    assert_eq!(rows[1].join(","), "\"1397114100\",\"1.5\",0.000000,,,,", "nothing is expected yet");
    assert_eq!(rows[2][3], "1.5");
    let mut zeros = String::new();
    for i in 0..200 {
        writeln!(zeros, "{},0", 1_397_114_100 + i * 300).expect("writing to a string");
    }
    let rows = watched(&zeros);
    assert!(rows.iter().flatten().all(|field| field.len() < 26), "{:?}", rows[150]);
}

#[test]
fn no_row_knows_what_comes() {
    let whole = watched(&series(1_000));
    let part = watched(&series(700));
    assert_eq!(whole[..701], part[..]);
}

#[test]
fn files_keep_their_relative_paths_and_mistakes_are_one_line() {
    let folder = tempfile::tempdir().expect("a folder");
    for name in ["a", "b"] {
        std::fs::create_dir(folder.path().join(name)).expect("room");
        std::fs::write(folder.path().join(name).join("x.csv"), series(100)).expect("room");
    }
    let mut command = Command::new(WATCH);
    command.current_dir(&folder).args(["csv", "a/x.csv", "b/x.csv", "--out", "results"]);
    let output = run(&mut command);
    assert!(output.status.success(), "{}", said(&output));
    for name in ["a", "b"] {
        let path = folder.path().join("results").join(name).join("x.csv");
        assert_eq!(std::fs::read_to_string(path).expect("written").lines().count(), 101);
    }
    std::fs::write(folder.path().join("bad.csv"), "1,2\n3,high\n").expect("room");
    let output = run(Command::new(WATCH).current_dir(&folder).args(["csv", "bad.csv"]));
    assert_eq!(output.status.code(), Some(1));
    assert!(
        said(&output).contains("bad.csv:2") && said(&output).contains("no number"),
        "{}",
        said(&output)
    );
}
