//! HTTP clients connect to names that only this resolver knows.
#![cfg(all(feature = "hyper", feature = "reqwest"))]

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use dns_core::net::{Server, ServerConfig};
use dns_core::overlay::Scope;
use dns_core::{Overlay, Resolver};
use hyper_util::client::legacy::connect::HttpConnector;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tower_service::Service;

/// A resolver that knows one host.
fn server() -> Server {
    let here: [IpAddr; 1] = [Ipv4Addr::LOCALHOST.into()];
    let name = "intranet.corp".parse().expect("a name");
    let overlay = Overlay::new().host(&Scope::Everybody, &name, &here);
    Server::start(Resolver::builder().overlay(overlay).build(), ServerConfig::default())
        .expect("a server")
}

#[tokio::test]
async fn hyper_s_connector_takes_the_address_from_us() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    let server = server();
    let mut connector = HttpConnector::new_with_resolver(server.client());
    let uri = |host: &str| format!("http://{host}:{port}/").parse::<http::Uri>().expect("a URI");
    connector.call(uri("intranet.corp")).await.expect("connected");
    listener.accept().await.expect("it came here");
    let error = connector.call(uri("elsewhere.corp")).await.expect_err("nobody knows it");
    let why = std::error::Error::source(&error).expect("a reason").to_string();
    assert_eq!(why, "no address of elsewhere.corp is known");
    server.stop().await;
}

#[tokio::test]
async fn reqwest_fetches_a_page_from_a_name_of_ours() {
    let listener = tokio::net::TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a port");
    let port = listener.local_addr().expect("an address").port();
    tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.expect("a client");
        let _ = stream.read(&mut [0; 1_024]).await;
        let page = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
        stream.write_all(page).await.expect("written");
    });
    let server = server();
    let client = reqwest::Client::builder()
        .no_proxy()
        .dns_resolver(Arc::new(server.client()))
        .build()
        .expect("a client");
    let page = client.get(format!("http://intranet.corp:{port}/")).send().await.expect("a page");
    assert_eq!(page.text().await.expect("text"), "hello");
    server.stop().await;
}
