//! A proxy that hands on what it gets, and thinks before one piece of it.
//!
//! It ends the TCP connection, so to either side its thinking is the other's: it stands for an
//! application that is silent, not for a slow path.

use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
    time::sleep,
};

/// Which piece waits: the n-th read of one direction, counted from one.
#[derive(Clone, Copy)]
pub struct Stall {
    pub from_client: bool,
    pub piece: u32,
    pub lasts: Duration,
}

/// Proxies to `server` on a free port of loopback, for as long as the runtime runs.
pub async fn stalling(server: SocketAddr, stall: Stall) -> SocketAddr {
    stalling_at([127, 0, 0, 1].into(), server, stall).await
}

/// The same at an address of one's own.
pub async fn stalling_at(at: IpAddr, server: SocketAddr, stall: Stall) -> SocketAddr {
    let listener = TcpListener::bind((at, 0)).await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let Ok(server) = TcpStream::connect(server).await else { continue };
            let _ = (client.set_nodelay(true), server.set_nodelay(true));
            let (mut client_out, mut client_in) = client.into_split();
            let (mut server_out, mut server_in) = server.into_split();
            let wait = |client: bool| (client == stall.from_client).then_some(stall);
            let (up, down) = (wait(true), wait(false));
            tokio::spawn(async move { pump(&mut client_out, &mut server_in, up).await });
            tokio::spawn(async move { pump(&mut server_out, &mut client_in, down).await });
        }
    });
    address
}

async fn pump(
    from: &mut (impl AsyncReadExt + Unpin),
    to: &mut (impl AsyncWriteExt + Unpin),
    stall: Option<Stall>,
) {
    let mut buffer = vec![0; 65_536];
    let mut piece = 0;
    while let Ok(count) = from.read(&mut buffer).await {
        piece += 1;
        if let Some(stall) = stall.filter(|stall| stall.piece == piece) {
            sleep(stall.lasts).await;
        }
        if count == 0 || to.write_all(&buffer[..count]).await.is_err() {
            break;
        }
    }
    let _ = to.shutdown().await;
}
