//! The thread that accepts connections.

use std::future::poll_fn;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use hyper_util::server::graceful::{GracefulShutdown, Watcher};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};
use tokio::time::{sleep, timeout};
#[cfg(feature = "serve-tls")]
use tokio_rustls::TlsAcceptor;

use super::connection::Site;
use super::listener::{Client, Listener};
use crate::report;

/// The time for answers in progress once the server ends.
const TIME_TO_END: Duration = Duration::from_secs(10);

/// The pause after the system refuses a connection, as it has no file descriptors left.
const PAUSE: Duration = Duration::from_secs(1);

/// Accepts clients, and gives each of them a task.
pub(super) struct Acceptor {
    pub(super) site: Arc<Site>,
    pub(super) max_connections: usize,
    #[cfg(feature = "serve-tls")]
    pub(super) tls: Option<TlsAcceptor>,
}

impl Acceptor {
    /// Serves until `end` comes, or its sender is dropped; then closes the socket and completes answers in progress.
    pub(super) async fn run(self, listener: Listener, end: oneshot::Receiver<()>) {
        let connections = GracefulShutdown::new();
        {
            let accept = pin!(self.accept_all(&listener, &connections));
            let (mut accept, mut end) = (accept, pin!(end));
            poll_fn(|context| {
                if end.as_mut().poll(context).is_ready() {
                    return Poll::Ready(());
                }
                accept.as_mut().poll(context)
            })
            .await;
        }
        // New clients are refused at once.
        drop(listener);
        drop(timeout(TIME_TO_END, connections.shutdown()).await);
    }

    async fn accept_all(&self, listener: &Listener, connections: &GracefulShutdown) {
        let permits = Arc::new(Semaphore::new(self.max_connections));
        // Beyond the maximum, clients wait in the queue of the system.
        while let Ok(permit) = Arc::clone(&permits).acquire_owned().await {
            match listener.accept().await {
                Ok(Client::Tcp(stream)) => {
                    // The end of an answer must not wait until the client has confirmed its beginning; if the system
                    // refuses, it comes later.
                    drop(stream.set_nodelay(true));
                    self.spawn(stream, permit, connections.watcher());
                }
                #[cfg(unix)]
                Ok(Client::Unix(stream)) => self.spawn(stream, permit, connections.watcher()),
                Err(error) if is_of_client(&error) => {}
                Err(error) => {
                    let message = format!("metrics can't be served for now: a connection is refused: {error}");
                    report::report(("serve", "accept"), &message);
                    sleep(PAUSE).await;
                }
            }
        }
    }

    fn spawn<S>(&self, stream: S, permit: OwnedSemaphorePermit, end: Watcher)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let site = Arc::clone(&self.site);
        #[cfg(feature = "serve-tls")]
        if let Some(tls) = self.tls.clone() {
            tokio::spawn(async move {
                if let Ok(Ok(stream)) = timeout(site.client_timeout, tls.accept(stream)).await {
                    site.serve(stream, end).await;
                }
                drop(permit);
            });
            return;
        }
        tokio::spawn(async move {
            site.serve(stream, end).await;
            drop(permit);
        });
    }
}

/// Returns whether a client has left before it was accepted.
fn is_of_client(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset, Interrupted};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset | Interrupted)
}
