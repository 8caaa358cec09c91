//! Ctrl-C, or SIGTERM: before the demo is ready they end it at once, afterwards in order.

use std::future::poll_fn;
use std::process;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::thread;

use tokio::signal::unix::{SignalKind, signal};

/// Whether someone asked the demo to end.
pub(crate) struct Interrupt {
    orderly: Arc<AtomicBool>,
    asked: Arc<AtomicBool>,
}

impl Interrupt {
    pub(crate) fn watch() -> Self {
        let (orderly, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let interrupt = Self {
            orderly: Arc::clone(&orderly),
            asked: Arc::clone(&asked),
        };
        thread::spawn(move || {
            let Ok(runtime) = tokio::runtime::Builder::new_current_thread().enable_all().build() else {
                return;
            };
            runtime.block_on(async {
                // Where signals cannot be heard, the system's default is in force: they end the demo at once.
                let (Ok(mut keyboard), Ok(mut system)) =
                    (signal(SignalKind::interrupt()), signal(SignalKind::terminate()))
                else {
                    return;
                };
                loop {
                    poll_fn(
                        |context| match (keyboard.poll_recv(context), system.poll_recv(context)) {
                            (Poll::Pending, Poll::Pending) => Poll::Pending,
                            _ => Poll::Ready(()),
                        },
                    )
                    .await;
                    // The servers die with this process: each holds a pipe to it. A second time is for the impatient.
                    if !orderly.load(Ordering::SeqCst) || asked.swap(true, Ordering::SeqCst) {
                        process::exit(130);
                    }
                }
            });
        });
        interrupt
    }

    /// From now on the first one only sets the flag.
    pub(crate) fn in_order(&self) {
        self.orderly.store(true, Ordering::SeqCst);
    }

    pub(crate) fn asked(&self) -> bool {
        self.asked.load(Ordering::SeqCst)
    }
}
