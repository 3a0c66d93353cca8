//! Load for `logs.sh`, of std alone: `rustc -O syslog_load.rs`.
//!
//! - `send tcp|udp ADDR COUNT SIZE RATE` sends numbered RFC 5424 messages (lines over TCP);
//!   RATE is messages a second, 0 for as fast as it goes
//! - `sink ADDR FILE` takes connections one after the other and appends what comes to FILE
//! - `count FILE COUNT` says how many of the numbers are in FILE, how many twice
//! - `latency IN OUT COUNT` sends to IN, receives on OUT, and gives the quantiles of the way

use std::env;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

fn main() -> io::Result<()> {
    let args: Vec<String> = env::args().collect();
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let number = |text: &str| text.parse::<u64>().expect("a number");
    match args[1..] {
        ["send", protocol, to, count, size, rate] => {
            send(protocol, to, number(count), number(size) as usize, number(rate))
        }
        ["sink", address, file] => sink(address, file),
        ["count", file, count] => tally(file, number(count)),
        ["latency", to, from, count] => latency(to, from, number(count)),
        _ => panic!("see the comment at the top of this program"),
    }
}

/// A message of `size` bytes and where its ten digits stand.
fn template(size: usize) -> (Vec<u8>, usize) {
    let mut text =
        b"<134>1 2026-11-20T23:45:44.123456Z edge cdn 4711 ACC [m@32473 pop=\"fra\"] seq=".to_vec();
    let at = text.len();
    text.extend_from_slice(b"0000000000 ");
    let filler = b"GET /assets/app/main.js HTTP/2 200 18231 hit ttfb=0.0021 ";
    text.extend(filler.iter().cycle().take(size.saturating_sub(text.len())));
    (text, at)
}

fn digits(number: u64) -> [u8; 10] {
    let mut digits = [b'0'; 10];
    let mut rest = number;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    digits
}

fn send(protocol: &str, to: &str, count: u64, size: usize, rate: u64) -> io::Result<()> {
    let (mut message, at) = template(size);
    let began = Instant::now();
    let wait = |number: u64| {
        if rate > 0 {
            let due = Duration::from_nanos(number * 1_000_000_000 / rate);
            if let Some(early) = due.checked_sub(began.elapsed()) {
                thread::sleep(early);
            }
        }
    };
    if protocol == "udp" {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(to)?;
        for number in 0..count {
            if number % 64 == 0 {
                wait(number);
            }
            message[at..at + 10].copy_from_slice(&digits(number));
            socket.send(&message)?;
        }
    } else {
        message.push(b'\n');
        let mut stream = TcpStream::connect(to)?;
        let mut batch = Vec::new();
        let most = if rate > 0 { 16 } else { 256 };
        for number in 0..count {
            message[at..at + 10].copy_from_slice(&digits(number));
            batch.extend_from_slice(&message);
            if number % most == most - 1 || number == count - 1 {
                stream.write_all(&batch)?;
                batch.clear();
                wait(number);
            }
        }
        stream.shutdown(Shutdown::Write)?;
        // Until the other side has read all of it; some never close.
        stream.set_read_timeout(Some(Duration::from_secs(2)))?;
        let _ = stream.read(&mut [0]);
    }
    println!("{:.3}", began.elapsed().as_secs_f64());
    Ok(())
}

fn sink(address: &str, file: &str) -> io::Result<()> {
    let listener = TcpListener::bind(address)?;
    let mut file = OpenOptions::new().create(true).append(true).open(file)?;
    let mut buffer = vec![0; 1 << 18];
    loop {
        let (mut stream, _) = listener.accept()?;
        loop {
            match stream.read(&mut buffer) {
                Ok(0) | Err(_) => break,
                Ok(read) => file.write_all(&buffer[..read])?,
            }
        }
    }
}

fn tally(file: &str, count: u64) -> io::Result<()> {
    let mut seen = vec![0_u8; count as usize];
    let mut lines = BufReader::with_capacity(1 << 20, File::open(file)?);
    let mut line = Vec::new();
    while lines.read_until(b'\n', &mut line)? > 0 {
        let at = line.windows(4).position(|window| window == b"seq=");
        let number = at
            .and_then(|at| line.get(at + 4..at + 14))
            .and_then(|digits| std::str::from_utf8(digits).ok()?.parse::<usize>().ok());
        if let Some(seen) = number.and_then(|number| seen.get_mut(number)) {
            *seen = seen.saturating_add(1);
        }
        line.clear();
    }
    let once = seen.iter().filter(|&&seen| seen > 0).count() as u64;
    let twice: u64 = seen.iter().map(|&seen| u64::from(seen.saturating_sub(1))).sum();
    println!("{{\"there\":{once},\"missing\":{},\"twice\":{twice}}}", count - once);
    Ok(())
}

fn latency(to: &str, from: &str, count: u64) -> io::Result<()> {
    let listener = TcpListener::bind(from)?;
    let epoch = Instant::now();
    let receiver = thread::spawn(move || -> io::Result<Vec<u64>> {
        let mut took = Vec::new();
        while (took.len() as u64) < count {
            let (stream, _) = listener.accept()?;
            let mut lines = BufReader::new(stream);
            let mut line = String::new();
            while (took.len() as u64) < count && lines.read_line(&mut line)? > 0 {
                let now = epoch.elapsed().as_nanos() as u64;
                let sent = line.split("at=").nth(1).and_then(|rest| rest.split(' ').next());
                if let Some(sent) = sent.and_then(|digits| digits.parse::<u64>().ok()) {
                    took.push(now - sent);
                }
                line.clear();
            }
        }
        Ok(took)
    });
    // The peer may not be up yet, and connects to us on its own.
    let mut stream = loop {
        match TcpStream::connect(to) {
            Ok(stream) => break stream,
            Err(_) => thread::sleep(Duration::from_millis(50)),
        }
    };
    stream.set_nodelay(true)?;
    for _ in 0..count {
        let now = epoch.elapsed().as_nanos();
        let pad = "x".repeat(120);
        writeln!(stream, "<134>1 2026-11-20T23:45:44.123456Z edge cdn 1 - - at={now} pad={pad}")?;
        thread::sleep(Duration::from_millis(2));
    }
    let mut took = receiver.join().expect("the receiver does not panic")?;
    took.sort_unstable();
    let quantile = |q: f64| took[((took.len() - 1) as f64 * q) as usize] as f64 / 1000.0;
    println!("{{\"p50\":{:.0},\"p99\":{:.0}}}", quantile(0.5), quantile(0.99));
    Ok(())
}
