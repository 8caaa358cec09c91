//! A port that nobody can use up: so many connections from one address, each for so long.
//!
//! Who holds connections open, or reads and writes a byte at a time, costs a bounded share of memory, and keeps neither the
//! kubelet nor Prometheus from being answered.
//!
//! Whoever begins with a TLS handshake is answered in TLS, and others as they are: probes need no certificate, and a token goes to
//! the metrics under cover.

use std::{
    collections::HashMap,
    io,
    net::{IpAddr, SocketAddr},
    pin::Pin,
    sync::{Arc, Mutex, PoisonError},
    task::{Context, Poll},
    time::Duration,
};

use axum::serve::Listener;
use rustls::ServerConfig;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::{TcpListener, TcpStream},
    time::Sleep,
};
use tokio_rustls::{Accept, TlsAcceptor, server::TlsStream};

/// At the same time, from one address: several Prometheus servers behind one address, and the kubelet.
const FROM_ONE_ADDRESS: usize = 16;
/// At the same time, from all addresses.
const FROM_ALL: usize = 256;
/// A scrape takes less; one who keeps a connection for the next opens another then.
const LONGEST: Duration = Duration::from_secs(60);
/// The first byte of a TLS handshake (RFC 8446, 5.1: `handshake(22)`); no method of HTTP begins so.
const HANDSHAKE: u8 = 22;

/// How many connections are open, by address.
type Open = Arc<Mutex<HashMap<IpAddr, usize>>>;

/// Listens, and hangs up on whoever asks for too much.
pub(super) struct Bounded {
    listener: TcpListener,
    tls: TlsAcceptor,
    open: Open,
}

impl Bounded {
    pub(super) fn new(listener: TcpListener, tls: Arc<ServerConfig>) -> Self {
        Self {
            listener,
            tls: tls.into(),
            open: Open::default(),
        }
    }
}

impl Listener for Bounded {
    type Io = Connection;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Connection, SocketAddr) {
        loop {
            let (stream, address) = Listener::accept(&mut self.listener).await;
            if let Some(place) = Place::take(&self.open, address.ip()) {
                let connection = Connection {
                    stream: Stream::Unheard(stream, self.tls.clone()),
                    end: Box::pin(tokio::time::sleep(LONGEST)),
                    _place: place,
                };
                return (connection, address);
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }
}

/// One of the connections that an address may have.
struct Place {
    open: Open,
    address: IpAddr,
}

impl Place {
    fn take(open: &Open, address: IpAddr) -> Option<Self> {
        let mut counts = open.lock().unwrap_or_else(PoisonError::into_inner);
        let all: usize = counts.values().sum();
        let count = counts.entry(address).or_default();
        if *count >= FROM_ONE_ADDRESS || all >= FROM_ALL {
            return None;
        }
        *count += 1;
        Some(Self {
            open: Arc::clone(open),
            address,
        })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut counts = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(count) = counts.get_mut(&self.address) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.address);
            }
        }
    }
}

/// What is spoken on a connection.
enum Stream {
    /// Nothing yet.
    Unheard(TcpStream, TlsAcceptor),
    /// HTTP as it is.
    Plain(TcpStream),
    /// TLS, not agreed yet.
    Agreeing(Box<Accept<TcpStream>>),
    /// HTTP in TLS.
    Covered(Box<TlsStream<TcpStream>>),
    /// Nothing any more.
    Over,
}

/// A connection that ends.
pub(super) struct Connection {
    stream: Stream,
    end: Pin<Box<Sleep>>,
    _place: Place,
}

/// What bytes go through.
enum Channel<'a> {
    Plain(&'a mut TcpStream),
    Covered(&'a mut TlsStream<TcpStream>),
}

impl Connection {
    fn has_ended(&mut self, context: &mut Context<'_>) -> bool {
        self.end.as_mut().poll(context).is_ready()
    }

    /// The channel, once it is clear what is spoken.
    fn channel(&mut self, context: &mut Context<'_>) -> Poll<io::Result<Channel<'_>>> {
        if self.has_ended(context) {
            return Poll::Ready(Err(over()));
        }
        loop {
            self.stream = match std::mem::replace(&mut self.stream, Stream::Over) {
                Stream::Unheard(stream, tls) => {
                    let mut first = [0];
                    match stream.poll_peek(context, &mut ReadBuf::new(&mut first)) {
                        Poll::Pending => {
                            self.stream = Stream::Unheard(stream, tls);
                            return Poll::Pending;
                        }
                        Poll::Ready(Ok(1)) if first == [HANDSHAKE] => Stream::Agreeing(Box::new(tls.accept(stream))),
                        Poll::Ready(Ok(_)) => Stream::Plain(stream),
                        Poll::Ready(Err(error)) => return Poll::Ready(Err(error)),
                    }
                }
                Stream::Agreeing(mut accept) => match Pin::new(&mut *accept).poll(context) {
                    Poll::Pending => {
                        self.stream = Stream::Agreeing(accept);
                        return Poll::Pending;
                    }
                    Poll::Ready(agreed) => Stream::Covered(Box::new(agreed?)),
                },
                decided @ (Stream::Plain(_) | Stream::Covered(_) | Stream::Over) => {
                    self.stream = decided;
                    break;
                }
            };
        }
        match &mut self.stream {
            Stream::Plain(stream) => Poll::Ready(Ok(Channel::Plain(stream))),
            Stream::Covered(stream) => Poll::Ready(Ok(Channel::Covered(stream))),
            Stream::Unheard(..) | Stream::Agreeing(_) | Stream::Over => Poll::Ready(Err(over())),
        }
    }
}

fn over() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "the connection was open for long enough")
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        match std::task::ready!(self.channel(context)?) {
            Channel::Plain(stream) => Pin::new(stream).poll_read(context, buffer),
            Channel::Covered(stream) => Pin::new(stream).poll_read(context, buffer),
        }
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, context: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        match std::task::ready!(self.channel(context)?) {
            Channel::Plain(stream) => Pin::new(stream).poll_write(context, bytes),
            Channel::Covered(stream) => Pin::new(stream).poll_write(context, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) => Pin::new(stream).poll_flush(context),
            Stream::Covered(stream) => Pin::new(stream).poll_flush(context),
            // Nothing was written.
            Stream::Unheard(..) | Stream::Agreeing(_) | Stream::Over => Poll::Ready(Ok(())),
        }
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.stream {
            Stream::Plain(stream) | Stream::Unheard(stream, _) => Pin::new(stream).poll_shutdown(context),
            Stream::Covered(stream) => Pin::new(stream).poll_shutdown(context),
            Stream::Agreeing(_) | Stream::Over => Poll::Ready(Ok(())),
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::{Router, routing::get};
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    #[expect(clippy::disallowed_methods, reason = "it serves for as long as the test")]
    async fn served() -> io::Result<SocketAddr> {
        let listener = Bounded::new(TcpListener::bind("127.0.0.1:0").await?, super::super::certificate()?);
        let address = listener.local_addr()?;
        tokio::spawn(async move { axum::serve(listener, Router::new().route("/", get(|| async { "ok" }))).await });
        Ok(address)
    }

    /// What is answered until the other side hangs up.
    async fn heard(stream: &mut TcpStream) -> String {
        let mut heard = String::new();
        let _ = stream.read_to_string(&mut heard).await; // whoever hangs up may do so in any manner
        heard
    }

    async fn asked(address: SocketAddr) -> io::Result<String> {
        let mut stream = TcpStream::connect(address).await?;
        stream
            .write_all(b"GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
            .await?;
        Ok(heard(&mut stream).await)
    }

    #[tokio::test]
    async fn one_address_has_so_many_connections_and_others_are_answered_once_one_ends() -> Outcome {
        let address = served().await?;
        let mut slow = Vec::new();
        for _ in 0..FROM_ONE_ADDRESS {
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(b"GET / HT").await?;
            slow.push(stream);
        }
        let mut hung_up = TcpStream::connect(address).await?;
        assert_eq!(heard(&mut hung_up).await, "");
        slow.pop();
        // That it is gone is noticed as soon as the server reads.
        let answered = async {
            loop {
                match asked(address).await {
                    Ok(answer) if answer.ends_with("ok") => break,
                    Ok(_) | Err(_) => tokio::task::yield_now().await,
                }
            }
        };
        tokio::time::timeout(Duration::from_secs(20), answered).await?;
        Ok(())
    }

    #[tokio::test(start_paused = true)]
    async fn a_connection_that_says_nothing_ends() -> Outcome {
        let address = served().await?;
        let mut silent = TcpStream::connect(address).await?;
        silent.write_all(b"GET /").await?;
        // The clock runs on while nobody has anything to do.
        assert_eq!(heard(&mut silent).await, "");
        Ok(())
    }
}
