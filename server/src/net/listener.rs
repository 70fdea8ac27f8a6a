//! Listening for connections.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

/// How many connections the system keeps for us until we accept them. The system lowers it to its own maximum
/// (`net.core.somaxconn`), which is rarely less than the 511 that Valkey asks for.
const BACKLOG: i32 = i32::MAX;

/// The system asks a silent client's system after this time whether it is still there, as in Valkey. Without it, a
/// client that vanished would hold its connection for ever.
const KEEPALIVE: Duration = Duration::from_secs(300);

/// A source of connections: TCP, or anything else that brings streams of bytes.
pub trait Listener: Send {
    /// A connection.
    type Stream: AsyncRead + AsyncWrite + Send + 'static;

    /// The next connection, with the addresses of its far and near end.
    fn accept(&mut self) -> impl Future<Output = io::Result<(Self::Stream, String, String)>> + Send;
}

/// Listens on a TCP address. Logs a warning if other machines can reach it, because there is no password yet.
pub fn listen(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Otherwise a restarted server would wait until the system forgets the connections of the one before it.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    let listener = TcpListener::from_std(socket.into())?;
    if !address.ip().to_canonical().is_loopback() {
        tracing::warn!(
            "other machines can reach {address}, and this server has neither passwords nor encryption: everybody who \
             can reach it can read, change and delete everything"
        );
    }
    Ok(listener)
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    async fn accept(&mut self) -> io::Result<(TcpStream, String, String)> {
        let (stream, peer) = TcpListener::accept(self).await?;
        // If one of the next calls fails, only this client is concerned, and most likely it is gone.
        // Replies are written whole: there is nothing to wait for that could fill a packet.
        let _ = stream.set_nodelay(true);
        let keepalive = TcpKeepalive::new().with_time(KEEPALIVE).with_interval(KEEPALIVE / 3);
        let _ = SockRef::from(&stream).set_tcp_keepalive(&keepalive);
        let local = stream.local_addr().map_or_else(|_| String::new(), |local| local.to_string());
        Ok((stream, peer.to_string(), local))
    }
}
