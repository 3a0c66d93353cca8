//! Clients over HTTP/2 (RFC 8484): a query is a request, by GET or POST, many on their way at once.

use std::io;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream};
use http::{Method, Request, Response, StatusCode, header};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::oneshot;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::reply::{Missed, ReplyTo};
use super::stream::{LARGEST_QUERY, StreamDesk};
use crate::answer::Answer;
use crate::resolve::{Served, Transport};
use crate::ttl::Ttl;

/// Serves one connection until the client ends it or says nothing for a while.
pub(super) async fn serve<S>(stream: S, client: IpAddr, desk: Arc<StreamDesk>) -> io::Result<()>
where
    S: AsyncRead + AsyncWrite + Unpin + Send,
{
    let mut settings = h2::server::Builder::new();
    settings.max_concurrent_streams(MOST_IN_FLIGHT).max_header_list_size(LARGEST_HEAD);
    let connection = timeout(desk.idle, settings.handshake::<_, Bytes>(stream)).await?;
    let mut connection = connection.map_err(io::Error::other)?;
    let mut answering = JoinSet::new();
    loop {
        tokio::select! {
            Some(_) = answering.join_next() => {}
            accepted = timeout(desk.idle, connection.accept()) => match accepted {
                Ok(Some(Ok((request, respond)))) => {
                    answering.spawn(answer(request, respond, client, Arc::clone(&desk)));
                }
                Ok(Some(Err(error))) => return Err(io::Error::other(error)),
                Ok(None) => return Ok(()),
                // Idle, unless something is still on its way.
                Err(_) if answering.is_empty() => {
                    connection.graceful_shutdown();
                    let _ = timeout(desk.idle, async { while connection.accept().await.is_some() {} }).await;
                    return Ok(());
                }
                Err(_) => {}
            },
        }
    }
}

async fn answer(
    request: Request<RecvStream>,
    mut respond: SendResponse<Bytes>,
    client: IpAddr,
    desk: Arc<StreamDesk>,
) {
    let response = match query(request, desk.idle).await {
        Ok(query) => resolve(query, client, &desk).await,
        Err(status) => Err(status),
    };
    let (head, body) = match response {
        Ok(message) => (found(&message), message),
        Err(status) => {
            let mut head = Response::new(());
            *head.status_mut() = status;
            (head, Vec::new())
        }
    };
    let Ok(mut stream) = respond.send_response(head, body.is_empty()) else { return };
    if !body.is_empty() && stream.send_data(Bytes::from(body), true).is_err() {
        stream.send_reset(Reason::INTERNAL_ERROR);
    }
}

/// The query in a request (RFC 8484 §4.1).
async fn query(request: Request<RecvStream>, patience: Duration) -> Result<Vec<u8>, StatusCode> {
    let (head, mut body) = request.into_parts();
    if head.uri.path() != PATH {
        return Err(StatusCode::NOT_FOUND);
    }
    match head.method {
        Method::GET => {
            let mut pairs = head.uri.query().unwrap_or_default().split('&');
            let dns = pairs.find_map(|pair| pair.strip_prefix("dns="));
            dns.and_then(base64url).ok_or(StatusCode::BAD_REQUEST)
        }
        Method::POST => {
            if head.headers.get(header::CONTENT_TYPE).is_none_or(|kind| kind != MEDIA_TYPE) {
                return Err(StatusCode::UNSUPPORTED_MEDIA_TYPE);
            }
            let whole = read_body(&mut body, LARGEST_QUERY);
            timeout(patience, whole).await.map_err(|_| StatusCode::REQUEST_TIMEOUT)?
        }
        _ => Err(StatusCode::METHOD_NOT_ALLOWED),
    }
}

async fn read_body(body: &mut RecvStream, most: usize) -> Result<Vec<u8>, StatusCode> {
    let mut whole = Vec::new();
    while let Some(piece) = body.data().await {
        let piece = piece.map_err(|_| StatusCode::BAD_REQUEST)?;
        if whole.len() + piece.len() > most {
            return Err(StatusCode::PAYLOAD_TOO_LARGE);
        }
        let _ = body.flow_control().release_capacity(piece.len());
        whole.extend_from_slice(&piece);
    }
    Ok(whole)
}

async fn resolve(query: Vec<u8>, client: IpAddr, desk: &StreamDesk) -> Result<Vec<u8>, StatusCode> {
    let mut out = vec![0; usize::from(u16::MAX)];
    let (now, transport) = (desk.clock.now(), Transport::Encrypted);
    match desk.resolver.serve(now, client, &query, transport, &mut out) {
        Served::Answer { len: 0, .. } | Served::Nothing => Err(StatusCode::BAD_REQUEST),
        Served::Answer { len, prefetch } => {
            if prefetch {
                let _ = desk.missed.try_send(Missed::Refresh { query: query.into(), client });
            }
            out.truncate(len);
            Ok(out)
        }
        Served::Ask => {
            let (to, response) = oneshot::channel();
            let (query, to) = (query.into(), ReplyTo::Caller(to));
            let missed = Missed::Query { query, client, transport, to };
            desk.missed.send(missed).await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)?;
            response.await.map_err(|_| StatusCode::SERVICE_UNAVAILABLE)
        }
    }
}

/// The head of a response with an answer: it may be kept no longer than the answer (RFC 8484 §5.1).
fn found(message: &[u8]) -> Response<()> {
    let ttl = Answer::from_response(message).ok().and_then(|answer| answer.ttl());
    let age = format!("max-age={}", ttl.unwrap_or(Ttl::ZERO).as_secs());
    let head = Response::builder()
        .header(header::CONTENT_TYPE, MEDIA_TYPE)
        .header(header::CACHE_CONTROL, age)
        .header(header::CONTENT_LENGTH, message.len());
    head.body(()).expect("these headers are valid")
}

/// Base64 in the alphabet for addresses, without padding (RFC 4648 §5, RFC 8484 §4.1).
fn base64url(text: &str) -> Option<Vec<u8>> {
    if text.len() % 4 == 1 || text.len() > LARGEST_QUERY / 3 * 4 {
        return None;
    }
    let (mut bits, mut count, mut octets) = (0_u32, 0, Vec::with_capacity(text.len() * 3 / 4));
    for letter in text.bytes() {
        let value = match letter {
            b'A'..=b'Z' => letter - b'A',
            b'a'..=b'z' => letter - b'a' + 26,
            b'0'..=b'9' => letter - b'0' + 52,
            b'-' => 62,
            b'_' => 63,
            _ => return None,
        };
        bits = bits << 6 | u32::from(value);
        count += 6;
        if count >= 8 {
            count -= 8;
            octets.push((bits >> count) as u8);
            bits &= (1 << count) - 1;
        }
    }
    (bits == 0).then_some(octets)
}

/// Where queries are taken (RFC 8484 §4.1.1: the path in everybody's examples).
const PATH: &str = "/dns-query";
pub(super) const MEDIA_TYPE: &str = "application/dns-message";
/// Requests on their way on one connection.
const MOST_IN_FLIGHT: u32 = 100;
/// Octets of headers: a query by GET fits, cookies of a browser's do not matter.
const LARGEST_HEAD: u32 = 16 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_is_read_as_the_rfc_writes_it() {
        assert_eq!(base64url("").as_deref(), Some(&[][..]));
        assert_eq!(
            base64url("AAABAAABAAAAAAAAA3d3dwdleGFtcGxlA2NvbQAAAQAB").map(|q| q.len()),
            Some(33)
        );
        assert_eq!(base64url("-_8").as_deref(), Some(&[0xfb, 0xff][..]));
        for wrong in ["A", "AA==", "A+==", "AB", "A A="] {
            assert_eq!(base64url(wrong), None, "{wrong}");
        }
    }
}
