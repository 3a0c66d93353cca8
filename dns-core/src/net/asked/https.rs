//! Asking over HTTP/2 (RFC 8484): queries are POST requests on one connection.

use std::io;

use bytes::Bytes;
use http::{Method, Request, header};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep_until, timeout};

use super::Heard;
use super::connections::{CONNECT, IDLE};
use crate::forward::AttemptId;
use crate::net::https::MEDIA_TYPE;
use crate::upstream::Upstream;

/// Carries queries until nobody has any more, the connection is idle or breaks. An attempt that fails with
/// its request is told of at once; those that were never sent are left in `queries`.
pub(super) async fn converse<S>(
    stream: S,
    server: &Upstream,
    queries: &mut mpsc::Receiver<(AttemptId, Vec<u8>)>,
    heard: &mpsc::Sender<Heard>,
) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let (mut requests, connection) =
        timeout(CONNECT, h2::client::handshake(stream)).await?.map_err(io::Error::other)?;
    let mut tasks = JoinSet::new();
    tasks.spawn(async move { drop(connection.await) });
    let name = server.server_name.clone().unwrap_or_else(|| server.address.ip().to_string());
    let uri = format!("https://{}:{}{}", name, server.address.port(), server.path);
    let mut idle_at = Instant::now() + IDLE;
    loop {
        tokio::select! {
            query = queries.recv() => {
                let Some((attempt, message)) = query else { return Ok(()) };
                let sent = timeout(CONNECT, requests.clone().ready()).await;
                let ready = sent.map_err(io::Error::from).and_then(|ready| ready.map_err(io::Error::other));
                let Ok(ready) = ready else {
                    let _ = heard.send(Heard::Failure(attempt)).await;
                    return Err(io::ErrorKind::BrokenPipe.into());
                };
                requests = ready.clone();
                tasks.spawn(exchange(ready, request(&uri, message.len()), attempt, message, heard.clone()));
                idle_at = Instant::now() + IDLE;
            }
            // The connection's own task is the last that ends.
            Some(_) = tasks.join_next() => if tasks.is_empty() {
                return Err(io::ErrorKind::UnexpectedEof.into());
            },
            () = sleep_until(idle_at) => if tasks.len() <= 1 {
                return Ok(());
            } else {
                idle_at = Instant::now() + IDLE;
            },
        }
    }
}

fn request(uri: &str, len: usize) -> Option<Request<()>> {
    let request = Request::builder()
        .method(Method::POST)
        .uri(uri)
        .header(header::ACCEPT, MEDIA_TYPE)
        .header(header::CONTENT_TYPE, MEDIA_TYPE)
        .header(header::CONTENT_LENGTH, len);
    request.body(()).ok()
}

async fn exchange(
    requests: h2::client::SendRequest<Bytes>,
    request: Option<Request<()>>,
    attempt: AttemptId,
    message: Vec<u8>,
    heard: mpsc::Sender<Heard>,
) {
    let what = match timeout(CONNECT, ask(requests, request, message)).await {
        Ok(Some(response)) => Heard::Response(attempt, response),
        Ok(None) | Err(_) => Heard::Failure(attempt),
    };
    let _ = heard.send(what).await;
}

async fn ask(
    mut requests: h2::client::SendRequest<Bytes>,
    request: Option<Request<()>>,
    message: Vec<u8>,
) -> Option<Vec<u8>> {
    let (response, mut body) = requests.send_request(request?, false).ok()?;
    body.send_data(Bytes::from(message), true).ok()?;
    let (head, mut body) = response.await.ok()?.into_parts();
    let kind = head.headers.get(header::CONTENT_TYPE)?;
    if !head.status.is_success() || kind != MEDIA_TYPE {
        return None;
    }
    let mut whole = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.ok()?;
        if whole.len() + piece.len() > usize::from(u16::MAX) {
            return None;
        }
        body.flow_control().release_capacity(piece.len()).ok()?;
        whole.extend_from_slice(&piece);
    }
    Some(whole)
}
