//! RFC 7828: on connections, whoever asks is told how long it may be idle; and we close before a server does.
#![cfg(all(feature = "server", feature = "zones"))]

#[expect(dead_code, reason = "each test uses its part of the world")]
mod world;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::time::{Duration, Instant};

use dns_core::net::{Server, ServerConfig};
use dns_core::{RecordType, Resolver, Upstream};
use hickory_proto::op::{Message, MessageType, OpCode, ResponseCode};
use hickory_proto::rr::rdata::opt::EdnsOption;
use world::{address, code, option, query, zone};

const KEEPALIVE: u16 = 11;

fn ask(data: &[u8]) -> Vec<u8> {
    let option = EdnsOption::Unknown(KEEPALIVE, data.to_vec());
    query("ns.corp.", hickory_proto::rr::RecordType::A, &[option]).to_vec().expect("a query")
}

fn over_tcp(server: SocketAddr, query: &[u8]) -> Message {
    let mut stream = TcpStream::connect(server).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
    exchange(&mut stream, query)
}

fn exchange(stream: &mut TcpStream, query: &[u8]) -> Message {
    write(stream, query);
    Message::from_vec(&read(stream).expect("an answer")).expect("well-formed")
}

fn write(stream: &mut TcpStream, message: &[u8]) {
    let framed = [&(message.len() as u16).to_be_bytes(), message].concat();
    stream.write_all(&framed).expect("sent");
}

fn read(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut len = [0; 2];
    stream.read_exact(&mut len).ok()?;
    let mut message = vec![0; u16::from_be_bytes(len).into()];
    stream.read_exact(&mut message).ok()?;
    Some(message)
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().expect("a runtime")
}

#[test]
fn clients_on_connections_are_told_the_time_that_holds() {
    let runtime = runtime();
    let inside = runtime.enter();
    let mut config = ServerConfig::default();
    config.listen = vec!["127.0.0.1:0".parse().expect("an address")];
    config.idle = Duration::from_millis(700);
    let site = Resolver::builder().zone(zone("corp.", "")).build();
    let server = Server::start(site, config).expect("it listens");
    drop(inside);
    let to = server.addresses()[0].address();
    let told = |message: &Message| option(message, KEEPALIVE);
    assert_eq!(told(&over_tcp(to, &ask(&[]))), Some(vec![0, 7]));
    assert_eq!(
        code(&over_tcp(to, &ask(&[0, 255]))),
        ResponseCode::FormErr,
        "not for clients to say"
    );
    let silent =
        query("ns.corp.", hickory_proto::rr::RecordType::A, &[]).to_vec().expect("a query");
    assert_eq!(told(&over_tcp(to, &silent)), None, "nobody asked");
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
    for data in [&[][..], &[0, 255]] {
        socket.send_to(&ask(data), to).expect("sent");
        let mut buffer = [0; 1_232];
        let len = socket.recv(&mut buffer).expect("an answer");
        let message = Message::from_vec(&buffer[..len]).expect("well-formed");
        assert_eq!((code(&message), told(&message)), (ResponseCode::NoError, None), "ignored");
    }
    // And it does hold.
    let mut stream = TcpStream::connect(to).expect("connected");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a time-out");
    let begin = Instant::now();
    exchange(&mut stream, &ask(&[]));
    assert_eq!(read(&mut stream), None, "closed");
    assert!(begin.elapsed() >= Duration::from_millis(650), "{:?}", begin.elapsed());
    runtime.block_on(server.stop());
}

/// A server over TCP alone that says `tenths`; how often it was asked whether it says anything, and how long
/// after its answer the connection was closed.
fn closed_after(tenths: Option<u16>) -> (bool, Duration) {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let to = listener.local_addr().expect("an address");
    let udp = UdpSocket::bind(to).expect("the same port");
    let truncating = std::thread::spawn(move || {
        let mut buffer = [0; 1_232];
        let (len, from) = udp.recv_from(&mut buffer).expect("a query");
        let asked = Message::from_vec(&buffer[..len]).expect("well-formed");
        let mut response = answer(&asked);
        response.metadata.truncation = true;
        udp.send_to(&response.to_vec().expect("a message"), from).expect("sent");
    });
    let serving = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("a time-out");
        let asked = read(&mut stream).expect("a query");
        let asked = Message::from_vec(&asked).expect("well-formed");
        let wanted = option(&asked, KEEPALIVE) == Some(Vec::new());
        let mut response = answer(&asked);
        address(&mut response, "far.example.", [192, 0, 2, 1]);
        if let Some(tenths) = tenths {
            let mut edns = hickory_proto::op::Edns::new();
            let data = tenths.to_be_bytes().to_vec();
            edns.options_mut().insert(EdnsOption::Unknown(KEEPALIVE, data));
            response.set_edns(edns);
        }
        write(&mut stream, &response.to_vec().expect("a message"));
        let answered = Instant::now();
        assert_eq!(read(&mut stream), None);
        (wanted, answered.elapsed())
    });
    let runtime = runtime();
    let inside = runtime.enter();
    let mut config = ServerConfig::default();
    config.upstreams = vec![Upstream::plain(to)];
    let server = Server::start(Resolver::builder().forwards().build(), config).expect("it starts");
    drop(inside);
    let name = "far.example".parse().expect("a name");
    let lookup = runtime.block_on(server.client().lookup(&name, RecordType::A)).expect("answered");
    assert_eq!(lookup.addresses().count(), 1, "{lookup:?}");
    let closed = serving.join().expect("it served");
    truncating.join().expect("it truncated");
    runtime.block_on(server.stop());
    closed
}

fn answer(asked: &Message) -> Message {
    let mut response = Message::new(asked.metadata.id, MessageType::Response, OpCode::Query);
    response.metadata.recursion_available = true;
    response.add_query(asked.queries[0].clone());
    response
}

#[test]
fn a_server_s_time_is_kept_and_one_that_wants_an_end_has_it() {
    let (asked, after) = closed_after(Some(0));
    assert!(asked, "the option goes along");
    assert!(after < Duration::from_secs(2), "at once: {after:?}");
    let (_, after) = closed_after(Some(20));
    assert!(after > Duration::from_millis(900) && after < Duration::from_secs(4), "{after:?}");
}
