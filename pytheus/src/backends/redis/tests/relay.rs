//! A relay between a process and its server, which drops a reply or holds a request.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use crate::sync::lock;

/// The fault for the next request with a given text.
#[derive(Default)]
enum Plan {
    #[default]
    Pass,
    /// The server runs it, and its reply is lost.
    LoseAnswer(&'static str),
    /// The same, and all later connections fail.
    LoseAnswerAndAll(&'static str),
    /// Its connection breaks, and it is held for the test to release.
    Hold(&'static str),
    /// All connections fail.
    Refuse,
}

#[derive(Default)]
struct RelayState {
    plan: Plan,
    held: Vec<u8>,
    lost: usize,
}

pub(super) struct Relay {
    pub(super) port: u16,
    server: u16,
    state: Arc<Mutex<RelayState>>,
}

impl Relay {
    pub(super) fn to(server: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let port = listener.local_addr().expect("it is bound").port();
        let state = Arc::<Mutex<RelayState>>::default();
        let shared = Arc::clone(&state);
        // It ends with the process.
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if !matches!(lock(&shared).plan, Plan::Refuse) {
                    let shared = Arc::clone(&shared);
                    thread::spawn(move || serve(&shared, client, server));
                }
            }
        });
        Self { port, server, state }
    }

    fn set(&self, plan: Plan) {
        lock(&self.state).plan = plan;
    }

    pub(super) fn lose_answer(&self, to: &'static str) {
        self.set(Plan::LoseAnswer(to));
    }

    pub(super) fn lose_answer_and_all(&self, to: &'static str) {
        self.set(Plan::LoseAnswerAndAll(to));
    }

    pub(super) fn hold(&self, request: &'static str) {
        self.set(Plan::Hold(request));
    }

    pub(super) fn pass(&self) {
        self.set(Plan::Pass);
    }

    /// Returns the number of lost replies.
    pub(super) fn lost(&self) -> usize {
        lock(&self.state).lost
    }

    /// Releases the held request, and returns its reply.
    pub(super) fn release(&self) -> String {
        let held = std::mem::take(&mut lock(&self.state).held);
        assert!(!held.is_empty(), "nothing was held back");
        let mut server = TcpStream::connect(("127.0.0.1", self.server)).expect("it listens");
        server.write_all(&held).expect("it reads");
        let mut answer = [0; 4096];
        let len = server.read(&mut answer).expect("it answers");
        String::from_utf8_lossy(&answer[..len]).into_owned()
    }
}

/// Relays a connection, one request at a time.
fn serve(state: &Mutex<RelayState>, mut client: TcpStream, server: u16) {
    let mut server = TcpStream::connect(("127.0.0.1", server)).expect("it listens");
    let (mut answers, mut to_client) =
        (server.try_clone().expect("another handle"), client.try_clone().expect("another handle"));
    let loses = Arc::new(Mutex::new(false));
    let losing = Arc::clone(&loses);
    thread::scope(|scope| {
        scope.spawn(move || {
            let mut some = [0; 16_384];
            while let Ok(length @ 1..) = answers.read(&mut some) {
                if *lock(&losing) {
                    lock(state).lost += 1;
                    break;
                }
                if to_client.write_all(&some[..length]).is_err() {
                    break;
                }
            }
            let _ = (answers.shutdown(Shutdown::Both), to_client.shutdown(Shutdown::Both));
        });
        let mut some = [0; 16_384];
        while let Ok(length @ 1..) = client.read(&mut some) {
            let request = &some[..length];
            let has = |text: &str| request.windows(text.len()).any(|part| part == text.as_bytes());
            let mut state = lock(state);
            match state.plan {
                Plan::Refuse => break,
                Plan::LoseAnswer(to) if has(to) => {
                    state.plan = Plan::Pass;
                    *lock(&loses) = true;
                }
                Plan::LoseAnswerAndAll(to) if has(to) => {
                    state.plan = Plan::Refuse;
                    *lock(&loses) = true;
                }
                Plan::Hold(text) if has(text) => {
                    state.plan = Plan::Pass;
                    state.held = request.to_vec();
                    break;
                }
                _ => {}
            }
            drop(state);
            if server.write_all(request).is_err() {
                break;
            }
        }
        let _ = (server.shutdown(Shutdown::Both), client.shutdown(Shutdown::Both));
    });
}
