mod inputs;
mod outputs;
#[cfg(feature = "store")]
mod storing;
mod telling;
#[cfg(not(feature = "store"))]
mod without_store;

use std::{
    fmt,
    path::PathBuf,
    pin::Pin,
    sync::Arc,
    task::{Context, Poll},
    time::Duration,
};

use tokio::{task::AbortHandle, time::Sleep};

#[cfg(feature = "store")]
use self::storing::Storage;
use super::{
    clock::{SleepWatch, wall_clock_millis},
    shared::Shared,
    socket::Socket,
};
use crate::{
    manager::{ConnectionId, TransportFailure},
    time::Timestamp,
};

/// Rounds before the task lets others run.
const TURNS: usize = 16;
/// How long a client that is closed waits for the store. What was accepted is safe all the same; what was not is not told.
const STORE_PATIENCE: Duration = Duration::from_secs(5);

/// What drives one client: carries out the manager's outputs, and tells it of transport and time.
///
/// A hand-written future, so that ten thousand idle clients cost little more than their sockets.
pub(in crate::driver::native) struct Task {
    shared: Arc<Shared>,
    link: Link,
    timer: Option<Timer>,
    sleep_watch: SleepWatch,
    /// Until when reading waits for a slow listener.
    waiting_until: Option<Timestamp>,
    /// The token provider at work.
    asking: Option<AbortHandle>,
    #[cfg(feature = "store")]
    storage: Storage,
    /// Until when the closed client waits for the store.
    closing: Option<Pin<Box<Sleep>>>,
}

enum Link {
    Down,
    Dialing { connection: ConnectionId, dialing: Dialing },
    Up { connection: ConnectionId, socket: Box<Socket> },
}

type Dialing = Pin<Box<dyn Future<Output = Result<Socket, TransportFailure>> + Send>>;

struct Timer {
    deadline: Timestamp,
    sleep: Pin<Box<Sleep>>,
}

/// What is left once all outputs have been carried out.
struct Settled {
    deadline: Option<Timestamp>,
    closing: bool,
}

impl Task {
    pub(in crate::driver::native) fn spawn(shared: &Arc<Shared>, store: Option<PathBuf>) {
        // The timer needs a runtime's context, which the caller may not be in.
        let _context = shared.runtime.enter();
        #[cfg(not(feature = "store"))]
        drop(store);
        let task = Self {
            shared: Arc::clone(shared),
            link: Link::Down,
            timer: None,
            sleep_watch: SleepWatch::start(),
            waiting_until: None,
            asking: None,
            #[cfg(feature = "store")]
            storage: Storage::new(store),
            closing: None,
        };
        task.tell_wall_clock();
        shared.tasks.spawn_on(task, &shared.runtime);
    }
}

impl Future for Task {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        if this.sleep_watch.slept() {
            tracing::info!("the machine has slept");
            let now = this.shared.clock.now();
            this.shared.state().manager.woke(now);
            this.tell_wall_clock();
        }
        for _ in 0..TURNS {
            let settled = this.carry_out(cx);
            if settled.closing {
                this.hang_up();
                return this.poll_stored(cx);
            }
            let busy = this.poll_link(cx) | this.poll_timer(settled.deadline, cx);
            if !busy {
                return Poll::Pending;
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

impl Task {
    fn tell_wall_clock(&self) {
        let now = self.shared.clock.now();
        self.shared.state().manager.set_wall_clock(now, wall_clock_millis());
    }

    /// Waits for the store's answers, so that what it accepted before the end is told.
    fn poll_stored(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.shared.state().store_requests == 0 {
            return Poll::Ready(());
        }
        self.closing.get_or_insert_with(|| Box::pin(tokio::time::sleep(STORE_PATIENCE))).as_mut().poll(cx)
    }
}

impl Link {
    fn connection(&self) -> Option<ConnectionId> {
        match self {
            Self::Down => None,
            Self::Dialing { connection, .. } | Self::Up { connection, .. } => Some(*connection),
        }
    }
}

impl Drop for Task {
    /// However it ends, by a panic or with its runtime too, nobody waits for it in vain.
    fn drop(&mut self) {
        if let Some(asking) = self.asking.take() {
            asking.abort();
        }
        self.shared.end();
        tracing::debug!("the client has ended");
    }
}

impl fmt::Debug for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Task").finish_non_exhaustive()
    }
}
