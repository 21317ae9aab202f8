//! Requests in HTTP/1.1 byte by byte, for what a client would not send.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

/// A response: its head in small letters, and its body.
#[derive(Debug)]
pub struct RawReply {
    /// The line of the status and the headers.
    pub head: String,
    /// The body, as it was sent.
    pub body: Vec<u8>,
}

impl RawReply {
    /// Asserts that the head has this line, in small letters or not.
    ///
    /// # Panics
    ///
    /// When it has not.
    #[track_caller]
    pub fn assert_has(&self, line: &str) {
        let is_there = self.head.lines().any(|found| found == line.to_ascii_lowercase());
        assert!(is_there, "`{line}` is missing:\n{}", self.head);
    }
}

/// Sends a request with these lines, and reads until the server hangs up.
///
/// # Panics
///
/// When the server does not answer.
pub fn ask(address: SocketAddr, lines: &[&[u8]]) -> RawReply {
    let mut stream = TcpStream::connect(address).expect("a server");
    let request = [&lines.join(&b"\r\n"[..])[..], b"\r\nHost: shop\r\nConnection: close\r\n\r\n"].concat();
    stream.write_all(&request).expect("a connection");
    let mut response = Vec::new();
    stream.read_to_end(&mut response).expect("a response");
    let end = response.windows(4).position(|four| four == b"\r\n\r\n").expect("the end of the headers");
    let body = response.split_off(end + 4);
    RawReply { head: String::from_utf8_lossy(&response).to_ascii_lowercase(), body }
}
