//! Each sink at its own pace: slow ones, dead ones, rotated ones.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use log_pipeline::frame::Decoder;
use log_pipeline::net::{
    Backoff, Config, FileConfig, Format, Framing, Health, Output, Pipeline, RelpOutput, SinkConfig,
    StreamOutput,
};
use log_pipeline::relp::{Server, ServerEvent};
use log_pipeline::route::Route;
use log_pipeline::timestamp::Timestamp;
use log_pipeline::wal::Sync;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

fn open(directory: &Path) -> Pipeline {
    let config = Config::new(directory.join("spool")).sync(Sync::None);
    Pipeline::open(config.drain(Duration::from_secs(5))).unwrap()
}

fn sink(name: &str) -> SinkConfig {
    let backoff = Backoff { least: Duration::from_millis(5), most: Duration::from_millis(20) };
    SinkConfig::new(name).backoff(backoff)
}

async fn listener() -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

async fn append(pipeline: &Pipeline, numbers: std::ops::Range<usize>) {
    for number in numbers {
        drop(pipeline.append(format!("<13>1 - h a - - - {number}").as_bytes()).await.unwrap());
    }
}

/// The number a test message ends with.
fn number(frame: &[u8]) -> usize {
    let text = std::str::from_utf8(frame).unwrap();
    text.rsplit(' ').next().unwrap().parse().unwrap()
}

async fn until(mut done: impl FnMut() -> bool) {
    while !done() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Answers RELP on one connection and gives the numbers received; ends after `most` of them,
/// acknowledging all but the last `keep`.
async fn relp_server(
    mut stream: TcpStream,
    most: usize,
    keep: usize,
    pause: Duration,
) -> Vec<usize> {
    let (mut server, mut numbers) = (Server::new(4096), Vec::new());
    let mut buffer = vec![0; 4096];
    loop {
        let read = stream.read(&mut buffer).await.unwrap_or(0);
        if read == 0 {
            return numbers;
        }
        let (mut input, mut answers) = (&buffer[..read], Vec::new());
        while let Some(event) = server.next(&mut input) {
            let ServerEvent::Message { txnr, bytes, .. } = event else { panic!("{event:?}") };
            numbers.push(number(bytes));
            answers.push(txnr);
            if numbers.len() == most {
                break;
            }
        }
        for txnr in answers {
            if numbers.len() == most && txnr as usize > most + 1 - keep {
                break;
            }
            tokio::time::sleep(pause).await;
            server.accept(txnr);
        }
        let out = std::mem::take(server.transmit());
        if stream.write_all(&out).await.is_err() || numbers.len() == most {
            return numbers;
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_slow_sink_slows_nobody_else() {
    const MESSAGES: usize = 20_000;
    let directory = tempfile::tempdir().unwrap();
    let (slow, address) = listener().await;
    let pipeline = open(directory.path());
    // 10 messages a second: one at a time, each acknowledged after 100 ms.
    pipeline
        .sink(sink("slow"), Output::Relp(RelpOutput::new(address.to_string()).window(1)))
        .unwrap();
    pipeline
        .sink_file("full", directory.path().join("all"), log_pipeline::cursor::Start::Oldest)
        .unwrap();
    let server = tokio::spawn(async move {
        let (stream, _) = slow.accept().await.unwrap();
        relp_server(stream, usize::MAX, 0, Duration::from_millis(100)).await
    });
    append(&pipeline, 0..MESSAGES).await;
    until(|| pipeline.stats().sinks[1].lag_records == 0).await;
    let stats = pipeline.stats();
    assert_eq!(stats.sinks[1].delivered_records, MESSAGES as u64);
    let [slow, _] = &stats.sinks[..] else { panic!("two sinks") };
    assert!(slow.lag_records > MESSAGES as u64 / 2, "{slow:?}");
    assert_eq!(slow.health, Health::Running);
    until(|| pipeline.stats().sinks[0].delivered_records >= 2).await;
    assert!(pipeline.stats().sinks[0].lag > Duration::ZERO);
    server.abort();
}

#[tokio::test]
async fn relp_sends_again_what_was_not_acknowledged() {
    let directory = tempfile::tempdir().unwrap();
    let (upstream, address) = listener().await;
    let pipeline = open(directory.path());
    append(&pipeline, 0..300).await;
    let output = Output::Relp(RelpOutput::new(address.to_string()).window(16));
    pipeline.sink(sink("up"), output).unwrap();
    let (stream, _) = upstream.accept().await.unwrap();
    let first = relp_server(stream, 100, 10, Duration::ZERO).await;
    assert_eq!(first, (0..100).collect::<Vec<_>>());
    let (stream, _) = upstream.accept().await.unwrap();
    let rest = tokio::spawn(relp_server(stream, usize::MAX, 0, Duration::ZERO));
    pipeline.shutdown().await.unwrap();
    let rest = rest.await.unwrap();
    assert!((90..100).contains(&rest[0]), "from the first that was not acknowledged: {}", rest[0]);
    assert_eq!(rest, (rest[0]..300).collect::<Vec<_>>());
}

#[tokio::test]
async fn a_connection_that_dies_unread_loses_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let (upstream, address) = listener().await;
    let pipeline = open(directory.path());
    let output = StreamOutput::new(address.to_string()).framing(Framing::Lf);
    pipeline.sink(sink("up"), Output::Stream(output)).unwrap();
    // More than the buffers of both ends hold: the rest is in the sender's when the peer dies.
    append(&pipeline, 0..1).await;
    let (mut stream, _) = upstream.accept().await.unwrap();
    append(&pipeline, 1..400_000).await;
    let mut kept = vec![0; 100_000];
    let kept_bytes = stream.read(&mut kept).await.unwrap();
    until(|| pipeline.stats().sinks[0].delivered_records > 0).await;
    let committed = pipeline.stats().sinks[0].delivered_records as usize;
    assert!(committed < 400_000, "a peer that does not read acknowledges only what fits");
    drop(stream);
    drop((kept, kept_bytes));

    let (mut stream, _) = upstream.accept().await.unwrap();
    let reading = tokio::spawn(async move {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        all
    });
    pipeline.shutdown().await.unwrap();
    let all = reading.await.unwrap();
    let numbers: Vec<usize> =
        all.split(|&b| b == b'\n').filter(|l| !l.is_empty()).map(number).collect();
    assert!(numbers.windows(2).all(|pair| pair[1] == pair[0] + 1), "in order, without a gap");
    assert_eq!(*numbers.last().unwrap(), 399_999);
    assert!(numbers[0] > 0, "what the peer's kernel had was not sent again");
    assert!(numbers[0] >= committed);
}

#[tokio::test]
async fn octet_counting_carries_any_byte_and_others_are_rewritten() {
    let directory = tempfile::tempdir().unwrap();
    let (upstream, address) = listener().await;
    let pipeline = open(directory.path());
    pipeline.sink(sink("up"), Output::Stream(StreamOutput::new(address.to_string()))).unwrap();
    let frames: [&[u8]; 3] =
        [b"<13>1 - h a - - - two\nlines\0", b"<34>Oct 11 22:14:15 h su: old", b"bare"];
    for frame in frames {
        drop(pipeline.append(frame).await.unwrap());
    }
    let (mut stream, _) = upstream.accept().await.unwrap();
    let reading = tokio::spawn(async move {
        let mut all = Vec::new();
        stream.read_to_end(&mut all).await.unwrap();
        all
    });
    pipeline.shutdown().await.unwrap();
    let all = reading.await.unwrap();
    let (mut decoder, mut input) = (Decoder::new(1024), &all[..]);
    let mut next = || String::from_utf8(decoder.next(&mut input).unwrap().bytes.to_vec()).unwrap();
    assert_eq!(next().as_bytes(), frames[0]);
    let old = next();
    assert!(old.starts_with("<34>1 2") && old.ends_with("Z h su - - - old"), "{old}");
    assert_eq!(next(), "<13>1 - - - - - - bare");
}

#[tokio::test]
async fn a_dead_upstream_is_tried_again_and_said() {
    let directory = tempfile::tempdir().unwrap();
    let (upstream, address) = listener().await;
    drop(upstream);
    let pipeline = open(directory.path());
    let output = Output::Stream(StreamOutput::new(address.to_string()));
    pipeline.sink(sink("up"), output).unwrap();
    append(&pipeline, 0..10).await;
    until(|| pipeline.stats().sinks[0].retries >= 3).await;
    let stats = &pipeline.stats().sinks[0];
    assert_eq!(
        (stats.health, stats.delivered_records, stats.lag_records),
        (Health::Retrying, 0, 10)
    );
    assert!(stats.failed.as_ref().unwrap().contains("connecting to 127.0.0.1"), "{stats:?}");
    let upstream = TcpListener::bind(address).await.unwrap();
    let (mut stream, _) = upstream.accept().await.unwrap();
    let reading = tokio::spawn(async move { stream.read_to_end(&mut Vec::new()).await });
    until(|| pipeline.stats().sinks[0].lag_records == 0).await;
    assert_eq!(pipeline.stats().sinks[0].health, Health::Running);
    pipeline.shutdown().await.unwrap();
    reading.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_sink_gets_what_its_routes_choose_and_passes_the_rest() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let route = |text| Route::parse(text).unwrap();
    let config = sink("errors").route(route("severity >= err")).route(route("match special"));
    let file = FileConfig::new(directory.path().join("errors")).format(Format::Raw);
    pipeline.sink(config, Output::File(file)).unwrap();
    for (pri, text) in
        [(11, "one"), (13, "no"), (13, "special"), (14, "no"), (8, "two"), (15, "no")]
    {
        drop(pipeline.append(format!("<{pri}>1 - h a - - - {text}").as_bytes()).await.unwrap());
    }
    until(|| pipeline.stats().sinks[0].lag_records == 0).await;
    pipeline.shutdown().await.unwrap();
    let lines = fs::read_to_string(directory.path().join("errors")).unwrap();
    let texts: Vec<_> = lines.lines().map(|line| line.rsplit(' ').next().unwrap()).collect();
    assert_eq!(texts, ["one", "special", "two"]);
    let again = Pipeline::open(Config::new(directory.path().join("spool"))).unwrap();
    again
        .sink_file("errors", directory.path().join("errors"), log_pipeline::cursor::Start::End)
        .unwrap();
    assert_eq!(again.stats().sinks[0].lag_records, 0, "what was not chosen is passed as well");
    again.shutdown().await.unwrap();
}

#[tokio::test]
async fn files_rotate_by_size_and_time_and_old_ones_go() {
    const DAY: i64 = 86_400 * 1_000_000_000;
    let directory = tempfile::tempdir().unwrap();
    let now = Arc::new(AtomicI64::new(20_000 * DAY));
    let asked = Arc::clone(&now);
    let config = Config::new(directory.path().join("spool"))
        .sync(Sync::None)
        .clock(move || Timestamp::from_unix_ns(asked.load(Ordering::Relaxed)));
    let pipeline = Pipeline::open(config).unwrap();
    let path = directory.path().join("day.log");
    let file = FileConfig::new(&path)
        .format(Format::Raw)
        .rotate_bytes(60)
        .rotate_every(Duration::from_hours(24))
        .keep(3)
        .compress(true);
    pipeline.sink(sink("day"), Output::File(file)).unwrap();
    // Two lines a day, the first of some days a long one.
    for day in 0..6 {
        now.store((20_000 + day) * DAY + 1, Ordering::Relaxed);
        for text in ["long long long long long long long long long", "b"] {
            drop(
                pipeline.append(format!("<13>1 - h a - - - {day}{text}").as_bytes()).await.unwrap(),
            );
            until(|| pipeline.stats().sinks[0].lag_records == 0).await;
        }
    }
    pipeline.shutdown().await.unwrap();
    let mut names: Vec<_> = fs::read_dir(directory.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .filter(|name| name.starts_with("day.log."))
        .collect();
    names.sort_by_key(|name| name.trim_end_matches(".zst").to_owned());
    assert_eq!(names.len(), 3, "{names:?}");
    assert!(
        names.iter().all(|name| name.ends_with("Z.zst") || name.ends_with("-001.zst")),
        "{names:?}"
    );
    let text = |name: &String| {
        let bytes = fs::read(directory.path().join(name)).unwrap();
        String::from_utf8(zstd::decode_all(&bytes[..]).unwrap()).unwrap()
    };
    assert!(text(&names[2]).contains("5long"), "the last was full");
    assert!(text(&names[1]).ends_with("4b\n"), "the one before ended with its day");
    assert_eq!(fs::read_to_string(&path).unwrap(), "<13>1 - h a - - - 5b\n");
}

#[tokio::test]
async fn a_file_that_was_renamed_is_opened_again_when_asked() {
    let directory = tempfile::tempdir().unwrap();
    let pipeline = open(directory.path());
    let (path, aside) = (directory.path().join("all"), directory.path().join("aside"));
    pipeline.sink(sink("all"), Output::File(FileConfig::new(&path).format(Format::Raw))).unwrap();
    for (number, expected) in [(0, 1), (1, 2)] {
        append(&pipeline, number..number + 1).await;
        until(|| pipeline.stats().sinks[0].delivered_records == expected).await;
        if number == 0 {
            fs::rename(&path, &aside).unwrap();
        }
    }
    assert_eq!(fs::read_to_string(&aside).unwrap().lines().count(), 2, "not asked yet");
    pipeline.reopen_files();
    append(&pipeline, 2..3).await;
    pipeline.shutdown().await.unwrap();
    assert!(fs::read_to_string(&path).unwrap().ends_with(" 2\n"));
    assert_eq!(fs::read_to_string(&aside).unwrap().lines().count(), 2);
}
