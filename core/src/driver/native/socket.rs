use std::{
    pin::Pin,
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use bytestring::ByteString;
use futures_util::{Sink, Stream as _, StreamExt};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{self, Message, Utf8Bytes, error::ProtocolError},
};

use super::stream::Stream;
use crate::{
    engineio::Frame,
    manager::{TransportEvent, TransportFailure, TransportFailureKind as Kind},
};

/// How long the last frames and the closing handshake may take.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(1);

/// An open WebSocket, in the manager's terms.
#[derive(Debug)]
pub(super) struct Socket {
    websocket: WebSocketStream<Stream>,
    /// Frames written since the last complete flush.
    unflushed: usize,
    /// Whether something may wait in a buffer, pings and pongs included.
    dirty: bool,
}

impl Socket {
    pub(super) fn new(websocket: WebSocketStream<Stream>) -> Self {
        Self { websocket, unflushed: 0, dirty: false }
    }

    /// Queues a frame. The manager bounds what is queued before [`Self::poll_flush`] tells that it was taken.
    pub(super) fn send(&mut self, frame: Frame) -> Result<(), TransportFailure> {
        self.unflushed += 1;
        self.write(match frame {
            Frame::Text(text) => Message::Text(utf8(text)?),
            Frame::Binary(bytes) => Message::Binary(bytes),
        })
    }

    /// Queues a WebSocket ping whose answer is [`TransportEvent::Pong`].
    pub(super) fn ping(&mut self, nonce: u64) -> Result<(), TransportFailure> {
        self.write(Message::Ping(Bytes::copy_from_slice(&nonce.to_be_bytes())))
    }

    /// Ready with the number of frames that were queued, once all have been taken by the system; pending as well when
    /// there is nothing to flush.
    pub(super) fn poll_flush(&mut self, cx: &mut Context<'_>) -> Poll<Result<usize, TransportFailure>> {
        if !self.dirty {
            return Poll::Pending;
        }
        match ready!(Pin::new(&mut self.websocket).poll_flush(cx)) {
            Ok(()) => {
                self.dirty = false;
                match std::mem::take(&mut self.unflushed) {
                    0 => Poll::Pending,
                    frames => Poll::Ready(Ok(frames)),
                }
            }
            Err(error) => Poll::Ready(Err(broken(&error))),
        }
    }

    /// The next thing that happened. After [`TransportEvent::Closed`] and [`TransportEvent::Failed`] nothing follows.
    pub(super) fn poll_event(&mut self, cx: &mut Context<'_>) -> Poll<TransportEvent> {
        loop {
            let message = match ready!(Pin::new(&mut self.websocket).poll_next(cx)) {
                None => return Poll::Ready(closed_without_frame()),
                Some(Ok(message)) => message,
                Some(Err(error)) => return Poll::Ready(ended(&error)),
            };
            match message {
                Message::Text(text) => {
                    // Checked a second time: bytestring's unchecked conversion would be unsafe code.
                    return Poll::Ready(match ByteString::try_from(Bytes::from(text)) {
                        Ok(text) => TransportEvent::Frame(Frame::Text(text)),
                        Err(error) => failed(Kind::WebSocket, &error),
                    });
                }
                Message::Binary(bytes) => return Poll::Ready(TransportEvent::Frame(Frame::Binary(bytes))),
                Message::Pong(payload) => {
                    // Other pongs are allowed to come unasked (RFC 6455, section 5.5.3).
                    if let Ok(nonce) = <[u8; 8]>::try_from(&payload[..]) {
                        return Poll::Ready(TransportEvent::Pong { nonce: u64::from_be_bytes(nonce) });
                    }
                }
                Message::Close(frame) => {
                    self.dirty = true;
                    let (code, text) = match frame {
                        Some(frame) => (Some(u16::from(frame.code)), ByteString::from(frame.reason.as_str())),
                        None => (None, ByteString::new()),
                    };
                    return Poll::Ready(TransportEvent::Closed { code, text });
                }
                // The pong was queued by the library; it leaves with the next flush.
                Message::Ping(_) => self.dirty = true,
                Message::Frame(_) => {}
            }
        }
    }

    /// Sends what is queued, then goes through the closing handshake, for [`CLOSE_TIMEOUT`] at most.
    pub(super) async fn close(mut self) {
        let handshake = async {
            if self.websocket.close(None).await.is_ok() {
                while let Some(Ok(_)) = self.websocket.next().await {}
            }
        };
        if tokio::time::timeout(CLOSE_TIMEOUT, handshake).await.is_err() {
            tracing::debug!("the peer did not answer the closing handshake");
        }
    }

    fn write(&mut self, message: Message) -> Result<(), TransportFailure> {
        self.dirty = true;
        Pin::new(&mut self.websocket).start_send(message).map_err(|error| broken(&error))
    }
}

fn utf8(text: ByteString) -> Result<Utf8Bytes, TransportFailure> {
    Utf8Bytes::try_from(text.into_bytes()).map_err(|error| TransportFailure::new(Kind::WebSocket, error.to_string()))
}

fn ended(error: &tungstenite::Error) -> TransportEvent {
    match error {
        tungstenite::Error::ConnectionClosed
        | tungstenite::Error::AlreadyClosed
        | tungstenite::Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => closed_without_frame(),
        error => TransportEvent::Failed(broken(error)),
    }
}

fn broken(error: &tungstenite::Error) -> TransportFailure {
    let kind = match error {
        tungstenite::Error::Io(_) | tungstenite::Error::ConnectionClosed | tungstenite::Error::AlreadyClosed => {
            Kind::Io
        }
        tungstenite::Error::Tls(_) => Kind::Tls,
        _ => Kind::WebSocket,
    };
    TransportFailure::new(kind, error.to_string())
}

fn failed(kind: Kind, error: &dyn std::fmt::Display) -> TransportEvent {
    TransportEvent::Failed(TransportFailure::new(kind, error.to_string()))
}

fn closed_without_frame() -> TransportEvent {
    TransportEvent::Closed { code: None, text: ByteString::new() }
}
