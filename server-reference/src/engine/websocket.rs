use std::{
    cell::RefCell,
    io::{self, IoSlice},
    task::{Context, Poll, ready},
    time::Duration,
};

use bytes::Bytes;
use smallvec::SmallVec;

use super::stream::Stream;
use crate::{
    session::Message,
    websocket::{CloseCode, Decoder, Incoming, Limits, Opcode, Plain, close_frame, control_frame},
};

/// The most messages, and frames, that one write takes together.
const MAX_BATCH: usize = 32;
/// The most bytes of answers to pings that may wait: a peer that sends more pings than it reads
/// pongs gets no more of them.
const MAX_CONTROL: usize = 4096;
/// How long a closing WebSocket may take to write its last bytes and see the peer's close.
const LINGER: Duration = Duration::from_secs(2);

thread_local! {
    /// Where every connection of the thread reads to; only incomplete frames are kept elsewhere.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; 64 << 10].into_boxed_slice());
}

/// A WebSocket over its stream. It has no buffer while nothing is under way.
pub(super) struct WebSocket {
    stream: Stream,
    decoder: Decoder<Plain>,
    /// Bytes are in the decoder that it has not looked at.
    unread: bool,
    batch: SmallVec<[Message; 2]>,
    /// The message of the batch, its frame, and the byte of that frame to be written next.
    position: (usize, usize, usize),
    /// Control frames, to be written where a message ends.
    control: Vec<u8>,
    flushing: bool,
}

/// What reading came to.
pub(super) enum Read {
    /// Some bytes were read, and what they amount to delivered.
    Progress,
    /// The stream ended, or the peer closed the WebSocket.
    Closed,
    /// The peer broke a rule.
    Refused(CloseCode),
    /// The stream failed.
    Failed,
}

impl WebSocket {
    /// A WebSocket whose peer has sent `read` already.
    pub(super) fn new(stream: Stream, read: &Bytes) -> Self {
        Self {
            stream,
            decoder: Decoder::with_rest(Plain, read.to_vec()),
            unread: !read.is_empty(),
            batch: SmallVec::new(),
            position: (0, 0, 0),
            control: Vec::new(),
            flushing: false,
        }
    }

    /// Whether everything given to [`Self::push`] is written.
    pub(super) fn is_drained(&self) -> bool {
        self.batch.is_empty()
    }

    /// Whether one more message fits the next write.
    pub(super) fn has_room(&self) -> bool {
        self.batch.len() < MAX_BATCH
    }

    pub(super) fn push(&mut self, message: Message) {
        self.batch.push(message);
    }

    /// Whether there is anything to write.
    pub(super) fn wants_write(&self) -> bool {
        !self.batch.is_empty() || !self.control.is_empty() || self.flushing
    }

    /// Writes once, and returns how many bytes of messages that were.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if self.position == (0, 0, 0) && !self.control.is_empty() {
            let written = ready!(self.stream.poll_write(cx, &[IoSlice::new(&self.control)]))?;
            self.control.drain(..written);
            self.flushing = true;
            return Poll::Ready(Ok(0));
        }
        if self.batch.is_empty() {
            ready!(self.stream.poll_flush(cx))?;
            self.flushing = false;
            return Poll::Ready(Ok(0));
        }
        let written = {
            let (first, unit, offset) = self.position;
            let mut parts = SmallVec::<[IoSlice<'_>; MAX_BATCH]>::new();
            let mut skip = unit;
            let mut cut = offset;
            for message in self.batch.iter().skip(first) {
                for wire in message.wire_units().skip(std::mem::take(&mut skip)) {
                    if parts.len() < MAX_BATCH {
                        parts.push(IoSlice::new(wire.get(std::mem::take(&mut cut)..).unwrap_or_default()));
                    }
                }
            }
            ready!(self.stream.poll_write(cx, &parts))?
        };
        self.advance(written);
        // Only a stream that buffers needs it; a TCP stream flushes for nothing.
        self.flushing = self.stream.poll_flush(cx)?.is_pending();
        Poll::Ready(Ok(written))
    }

    fn advance(&mut self, mut written: usize) {
        let (message, unit, offset) = &mut self.position;
        while let Some(current) = self.batch.get(*message) {
            let Some(wire) = current.wire_unit(*unit) else {
                *message += 1;
                *unit = 0;
                continue;
            };
            let rest = wire.len() - *offset;
            if written < rest {
                *offset += written;
                return;
            }
            written -= rest;
            *offset = 0;
            *unit += 1;
        }
        // Not cleared: what a burst made it grow to would stay.
        self.batch = SmallVec::new();
        self.position = (0, 0, 0);
    }

    /// Reads once, and hands what that amounts to to `deliver`, which says whether to go on: what
    /// it does not take now, the next call delivers first.
    pub(super) fn poll_read(
        &mut self,
        cx: &mut Context<'_>,
        limits: &Limits,
        deliver: &mut dyn FnMut(nexus_core::engineio::Frame) -> bool,
    ) -> Poll<Read> {
        if std::mem::take(&mut self.unread) {
            return Poll::Ready(self.decode(&mut [], limits, deliver));
        }
        SCRATCH.with_borrow_mut(|scratch| match ready!(self.stream.poll_read(cx, scratch)) {
            Ok(0) => Poll::Ready(Read::Closed),
            Ok(length) => Poll::Ready(self.decode(scratch.get_mut(..length).unwrap_or_default(), limits, deliver)),
            Err(_) => Poll::Ready(Read::Failed),
        })
    }

    fn decode(
        &mut self,
        input: &mut [u8],
        limits: &Limits,
        deliver: &mut dyn FnMut(nexus_core::engineio::Frame) -> bool,
    ) -> Read {
        let mut closed = false;
        let mut stopped = false;
        let control = &mut self.control;
        let result = self.decoder.read(input, limits, &mut |incoming| match incoming {
            Incoming::Message(frame) => {
                stopped = !deliver(frame);
                !stopped
            }
            Incoming::Ping(payload) => {
                if control.len() < MAX_CONTROL {
                    control.extend_from_slice(&control_frame(Opcode::Pong, &payload));
                }
                true
            }
            Incoming::Pong => true,
            Incoming::Close(_) => {
                closed = true;
                false
            }
        });
        self.unread = stopped && self.decoder.has_rest();
        match result {
            Err(code) => Read::Refused(code),
            Ok(()) if closed => Read::Closed,
            Ok(()) => Read::Progress,
        }
    }

    /// Writes what is left and a close frame, and waits a little for the peer to close as well, so
    /// that nothing it was sent is lost to a reset.
    pub(super) async fn finish(mut self, code: CloseCode) {
        let closing = async {
            while !self.batch.is_empty() {
                std::future::poll_fn(|cx| self.poll_write(cx)).await?;
            }
            self.control.extend_from_slice(&close_frame(code));
            while self.wants_write() {
                std::future::poll_fn(|cx| self.poll_write(cx)).await?;
            }
            std::future::poll_fn(|cx| self.stream.poll_shutdown(cx)).await?;
            let mut sink = [0; 512];
            while std::future::poll_fn(|cx| self.stream.poll_read(cx, &mut sink)).await? > 0 {}
            io::Result::Ok(())
        };
        // A peer that is gone, or slow, has no claim to a clean end.
        let _ = tokio::time::timeout(LINGER, closing).await;
    }
}
