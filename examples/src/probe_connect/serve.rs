//! The two pages: `/metrics`, and `/probe?target=HOST:PORT` as blackbox_exporter has it.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode, body::Incoming, header};
use hyper_util::rt::{TokioIo, TokioTimer};
use tls_probe::net::{Prober, Target};
use tokio::net::TcpListener;
use tokio::sync::Semaphore;

use super::{Args, board::Board, exposition};

/// Serves for as long as the runtime runs: as many connections at once as probes, each with bounds.
pub(super) async fn serve(listener: TcpListener, board: Arc<Board>, prober: Prober, args: Args) {
    let places = Arc::new(Semaphore::new(usize::from(args.concurrency)));
    let pages = Arc::new(Pages { board, prober, args });
    let mut http = http1::Builder::new();
    http.timer(TokioTimer::new()).header_read_timeout(HEAD_WAIT).max_buf_size(MAX_HEAD);
    loop {
        let Ok(place) = places.clone().acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let pages = pages.clone();
                let service = service_fn(move |request| {
                    let pages = pages.clone();
                    async move { Ok::<_, Infallible>(pages.answer(&request).await) }
                });
                let connection = http.serve_connection(TokioIo::new(stream), service);
                tokio::spawn(async move {
                    if let Err(error) = connection.await {
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

struct Pages {
    board: Arc<Board>,
    prober: Prober,
    args: Args,
}

impl Pages {
    async fn answer(&self, request: &Request<Incoming>) -> Response<String> {
        let (status, text) = match (request.method(), request.uri().path()) {
            (&Method::GET, "/metrics") => (StatusCode::OK, self.board.render()),
            (&Method::GET, "/" | "/-/healthy") => {
                (StatusCode::OK, "/metrics\n/probe?target=HOST:PORT\n".to_owned())
            }
            (&Method::GET, "/probe") => match self.target(request.uri().query().unwrap_or("")) {
                Ok(target) => (StatusCode::OK, self.probe(&target).await),
                Err(error) => (StatusCode::BAD_REQUEST, format!("{error:#}\n")),
            },
            (&Method::GET, _) => {
                (StatusCode::NOT_FOUND, "there are /metrics and /probe?target=\n".to_owned())
            }
            _ => (StatusCode::METHOD_NOT_ALLOWED, "only GET is understood\n".to_owned()),
        };
        let mut response = Response::new(text);
        *response.status_mut() = status;
        let kind = header::HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        response
    }

    /// Every handshake of one probe. Where there are several (both families, a session offered again) each is
    /// labelled, as at `/metrics`; one alone has the names that blackbox_exporter's users have alerts on.
    async fn probe(&self, target: &Target) -> String {
        let probed = self.prober.probe(target).await;
        exposition::render(&probed.iter().collect::<Vec<_>>(), probed.len() > 1)
    }

    /// `target=HOST:PORT`, and perhaps `server_name=` and `starttls=`; what else there is, such
    /// as a module, is passed over.
    fn target(&self, query: &str) -> Result<Target> {
        let (mut target, mut server_name, mut starttls) = (None, None, None);
        for (name, value) in form_urlencoded::parse(query.as_bytes()) {
            match &*name {
                "target" => target = Some(value.parse::<Target>().context("target")?),
                "server_name" | "hostname" => server_name = Some(value.into_owned()),
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

const HEAD_WAIT: Duration = Duration::from_secs(5);
const MAX_HEAD: usize = 8 * 1024;
