//! The two pages: `/metrics`, and `/probe?target=HOST:PORT` as blackbox_exporter has it.
//!
//! HTTP as far as a scraper speaks it: one GET a connection, a head within bounds, an answer.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use tls_probe::net::{Prober, Target};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::timeout;

use super::{Args, board::Board, exposition};

/// Serves for as long as the runtime runs.
pub(super) async fn serve(listener: TcpListener, board: Arc<Board>, prober: Prober, args: Args) {
    let places = Arc::new(Semaphore::new(usize::from(args.concurrency)));
    let page = Arc::new(Page { board, prober, args });
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let page = page.clone();
                tokio::spawn(async move {
                    if let Err(error) = page.answer(stream).await {
                        tracing::debug!(%error, "a scrape broke off");
                    }
                    drop(place);
                });
            }
            Err(error) => {
                tracing::error!(%error, "taking a scrape");
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
        }
    }
}

struct Page {
    board: Arc<Board>,
    prober: Prober,
    args: Args,
}

impl Page {
    async fn answer(&self, mut stream: TcpStream) -> Result<()> {
        let head = timeout(HEAD_WAIT, head(&mut stream)).await.context("no request in time")??;
        let (status, text) = match path(&head) {
            None => ("400 Bad Request", "only GET is understood\n".to_owned()),
            Some("/metrics") => ("200 OK", self.board.render()),
            Some("/" | "/-/healthy") => {
                ("200 OK", "/metrics\n/probe?target=HOST:PORT\n".to_owned())
            }
            Some(path) => match path.strip_prefix("/probe?") {
                None => ("404 Not Found", "there are /metrics and /probe?target=\n".to_owned()),
                Some(query) => match self.target(query) {
                    Ok(target) => ("200 OK", self.probe(&target).await),
                    Err(error) => ("400 Bad Request", format!("{error:#}\n")),
                },
            },
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; version=0.0.4; charset=utf-8\r\n\
             Content-Length: {}\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
        timeout(HEAD_WAIT, stream.write_all(answer.as_bytes())).await.context("too slow")??;
        Ok(stream.shutdown().await?)
    }

    async fn probe(&self, target: &Target) -> String {
        let probed = self.prober.probe(target).await;
        let [first, ..] = &probed[..] else { return String::new() };
        exposition::render(&probed.iter().collect::<Vec<_>>()[..1], false)
            + &match probed.len() {
                1 => String::new(),
                more => format!("# {more} probes of {}: the first is shown\n", first.target),
            }
    }

    /// `target=HOST:PORT`, and perhaps `server_name=` and `starttls=`; what else there is, such
    /// as a module, is passed over.
    fn target(&self, query: &str) -> Result<Target> {
        let (mut target, mut server_name, mut starttls) = (None, None, None);
        for pair in query.split('&') {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = decode(value).context("not UTF-8")?;
            match name {
                "target" => target = Some(value.parse::<Target>().context("target")?),
                "server_name" | "hostname" => server_name = Some(value),
                "starttls" => starttls = Some(value.parse().context("starttls")?),
                _ => {}
            }
        }
        let mut target = target.context("say which target: /probe?target=HOST:PORT")?;
        target.server_name = server_name;
        target.starttls = target.starttls.or(starttls);
        self.args.adapt(&mut target)?;
        Ok(target)
    }
}

async fn head(stream: &mut TcpStream) -> Result<String> {
    let mut head = Vec::new();
    let mut buffer = [0; 1024];
    while !head.windows(4).any(|end| end == b"\r\n\r\n") {
        let count = stream.read(&mut buffer).await?;
        anyhow::ensure!(count > 0 && head.len() < MAX_HEAD, "no request");
        head.extend_from_slice(&buffer[..count]);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}

fn path(head: &str) -> Option<&str> {
    head.strip_prefix("GET ")?.split(' ').next()
}

/// Percent-decoding (RFC 3986 §2.1).
fn decode(text: &str) -> Option<String> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let hex = |digit: u8| char::from(digit).to_digit(16);
        let escaped = match after {
            [high, low, ..] if *byte == b'%' => hex(*high).zip(hex(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            bytes.push((high * 16 + low) as u8);
            rest = &after[2..];
        } else {
            bytes.push(*byte);
            rest = after;
        }
    }
    String::from_utf8(bytes).ok()
}

const HEAD_WAIT: Duration = Duration::from_secs(5);
const MAX_HEAD: usize = 8 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn queries_are_decoded() {
        assert_eq!(decode("%5B%3A%3a1%5D:443").as_deref(), Some("[::1]:443"));
        assert_eq!(decode("100%").as_deref(), Some("100%"));
        assert_eq!(decode("%zz").as_deref(), Some("%zz"));
        assert_eq!(decode("%ff"), None);
        assert_eq!(path("GET /metrics HTTP/1.1\r\n"), Some("/metrics"));
        assert_eq!(path("POST / HTTP/1.1"), None);
    }
}
