use std::{
    io::{self, IoSlice},
    pin::Pin,
    task::{Context, Poll},
};

use bytes::Bytes;
use hyper::upgrade::Upgraded;
use hyper_util::{rt::TokioIo, server::conn::auto};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
};

use super::http_server::LateEnd;

/// What carries a WebSocket after the HTTP upgrade.
pub(super) enum Stream {
    /// A TCP stream taken out of hyper, whose buffers are gone.
    Tcp(TcpStream),
    /// Anything else, such as TLS, as hyper hands it out.
    Other(Box<TokioIo<Upgraded>>),
}

impl Stream {
    /// Takes the stream out of hyper, with the bytes that hyper has read of it already.
    pub(super) fn take(upgraded: Upgraded) -> (Self, Bytes) {
        let upgraded = match upgraded.downcast::<TokioIo<LateEnd>>() {
            Ok(parts) => return (Self::tcp(parts.io.into_inner().into_inner()), parts.read_buf),
            Err(upgraded) => upgraded,
        };
        let upgraded = match auto::upgrade::downcast::<TokioIo<TcpStream>>(upgraded) {
            Ok(parts) => return (Self::tcp(parts.io.into_inner()), parts.read_buf),
            Err(upgraded) => upgraded,
        };
        match upgraded.downcast::<TokioIo<TcpStream>>() {
            Ok(parts) => (Self::tcp(parts.io.into_inner()), parts.read_buf),
            Err(upgraded) => (Self::Other(Box::new(TokioIo::new(upgraded))), Bytes::new()),
        }
    }

    fn tcp(stream: TcpStream) -> Self {
        // Frames are small and wanted at once; where the option can't be set they come later.
        let _ = stream.set_nodelay(true);
        Self::Tcp(stream)
    }

    /// Reads into `buffer`; nothing read means the end of the stream.
    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut [u8]) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(buffer);
        let result = match self {
            Self::Tcp(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
            Self::Other(stream) => Pin::new(stream).poll_read(cx, &mut buffer),
        };
        result.map_ok(|()| buffer.filled().len())
    }

    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, parts: &[IoSlice<'_>]) -> Poll<io::Result<usize>> {
        let written = match (self, parts) {
            // A plain write is cheaper than a vectored one.
            (Self::Tcp(stream), [part]) => Pin::new(stream).poll_write(cx, part),
            (Self::Tcp(stream), _) => Pin::new(stream).poll_write_vectored(cx, parts),
            (Self::Other(stream), _) => Pin::new(stream).poll_write_vectored(cx, parts),
        };
        match written {
            Poll::Ready(Ok(0)) if !parts.is_empty() => Poll::Ready(Err(io::ErrorKind::WriteZero.into())),
            written => written,
        }
    }

    /// Passes on what an encrypting stream holds back; pending is no reason to wait.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(_) => Poll::Ready(Ok(())),
            Self::Other(stream) => Pin::new(stream).poll_flush(cx),
        }
    }

    pub(super) fn poll_shutdown(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match self {
            Self::Tcp(stream) => Pin::new(stream).poll_shutdown(cx),
            Self::Other(stream) => Pin::new(stream).poll_shutdown(cx),
        }
    }
}
