//! An HTTP client with a persistent connection that knows the process at the other end.

use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;

/// A connection that is kept.
#[derive(Debug)]
pub struct HttpClient {
    stream: BufReader<TcpStream>,
}

impl HttpClient {
    /// Connects to whichever process takes it.
    ///
    /// # Panics
    ///
    /// When nothing listens on this port.
    pub fn of(port: u16) -> Self {
        let stream = TcpStream::connect(("127.0.0.1", port)).expect("a server");
        stream.set_nodelay(true).expect("a connection");
        Self { stream: BufReader::new(stream) }
    }

    /// Gets a page.
    ///
    /// # Errors
    ///
    /// When there is no answer, or another than this page.
    pub fn get(&mut self, path: &str) -> Result<String, String> {
        self.ask(path).map_err(|error| format!("{path}: {error}"))?.map_err(|status| format!("{path}: {status}"))
    }

    fn ask(&mut self, path: &str) -> std::io::Result<Result<String, String>> {
        self.stream.get_mut().write_all(format!("GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n").as_bytes())?;
        let (mut status, mut length) = (String::new(), 0);
        self.stream.read_line(&mut status)?;
        loop {
            let mut line = String::new();
            if self.stream.read_line(&mut line)? == 0 {
                return Ok(Err(format!("the connection ended after {status:?}")));
            }
            match line.trim_end().split_once(": ") {
                Some((name, value)) if name.eq_ignore_ascii_case("content-length") => {
                    length = value.parse().map_err(std::io::Error::other)?;
                }
                Some(_) => {}
                None => break,
            }
        }
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body)?;
        let body = String::from_utf8_lossy(&body).into_owned();
        Ok(if status.starts_with("HTTP/1.1 200 ") { Ok(body) } else { Err(format!("{}: {body}", status.trim())) })
    }

    /// Which of these processes has accepted the connection. It has, once it has answered.
    ///
    /// The system knows: the other end of the connection is a socket with a number, and that is open in one of them.
    ///
    /// # Panics
    ///
    /// When the system does not tell it the way Linux does.
    pub fn process(&self, processes: &[u32]) -> Option<u32> {
        let stream = self.stream.get_ref();
        let here = stream.local_addr().expect("a connection").port();
        let there = stream.peer_addr().expect("a connection").port();
        // `sl local remote state tx:rx tr:when retransmits uid timeout inode ..`, addresses as `0100007F:1F90`.
        let table = fs::read_to_string("/proc/net/tcp").expect("Linux tells who is connected");
        let inode = table.lines().find_map(|line| {
            let fields: Vec<_> = line.split_whitespace().collect();
            let is = |field: usize, port: u16| fields.get(field).is_some_and(|a| a.ends_with(&format!(":{port:04X}")));
            (is(1, there) && is(2, here)).then(|| fields.get(9).copied())?
        })?;
        let socket = format!("socket:[{inode}]");
        processes.iter().copied().find(|process| {
            let open = fs::read_dir(format!("/proc/{process}/fd")).into_iter().flatten();
            open.flatten().any(|file| fs::read_link(file.path()).is_ok_and(|to| to.as_os_str() == &*socket))
        })
    }

    /// A connection to each of these processes, in their order, which all listen on this port.
    ///
    /// # Panics
    ///
    /// When one does not get any.
    pub fn one_of_each(port: u16, processes: &[u32]) -> Vec<Self> {
        let mut clients: Vec<Option<Self>> = processes.iter().map(|_| None).collect();
        // The system gives each connection to one of them by chance.
        for _ in 0..1_000 {
            let mut client = Self::of(port);
            client.get("/metrics").unwrap_or_else(|error| panic!("{error}"));
            // The system shows its table piece by piece: one may be missing while others come and go.
            let Some(process) = client.process(processes) else { continue };
            let which = processes.iter().position(|other| *other == process).expect("one of them");
            clients[which].get_or_insert(client);
            if clients.iter().all(Option::is_some) {
                break;
            }
        }
        clients.into_iter().map(|client| client.expect("each gets one in so many")).collect()
    }
}
