//! A small client and parser of RESP, independent of the client under test.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::time::Duration;

/// A reply of a server, or a command of a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// Nothing.
    Nil,
    /// A whole number.
    Int(i64),
    /// Text, of one line or of any bytes.
    Text(String),
    /// An error.
    Error(String),
    /// Several values; a map is its keys and values by turns.
    List(Vec<Value>),
}

impl Value {
    /// The text, or the number as text.
    ///
    /// # Panics
    ///
    /// When it is something else.
    #[track_caller]
    pub fn text(&self) -> String {
        match self {
            Self::Text(text) => text.clone(),
            Self::Int(number) => number.to_string(),
            other => panic!("{other:?} is no text"),
        }
    }

    /// The texts in a list.
    ///
    /// # Panics
    ///
    /// When it is something else.
    #[track_caller]
    pub fn texts(&self) -> Vec<String> {
        match self {
            Self::List(list) => list.iter().map(Self::text).collect(),
            other => panic!("{other:?} is no list"),
        }
    }
}

/// Parses the first value, and returns its length; `None` while it is incomplete.
pub fn parse(bytes: &[u8]) -> Option<(Value, usize)> {
    let end = bytes.windows(2).position(|two| two == b"\r\n")?;
    let (sign, line) = bytes[..end].split_first()?;
    let line = String::from_utf8_lossy(line).into_owned();
    let number = line.parse::<i64>().unwrap_or(-1);
    let mut at = end + 2;
    let value = match sign {
        b'-' => Value::Error(line),
        b':' => Value::Int(number),
        b'_' => Value::Nil,
        b'$' | b'=' | b'!' => match usize::try_from(number) {
            Err(_) => Value::Nil,
            Ok(length) => {
                let text = bytes.get(at..at + length)?;
                bytes.get(at + length..at + length + 2)?;
                at += length + 2;
                Value::Text(String::from_utf8_lossy(text).into_owned())
            }
        },
        b'*' | b'~' | b'>' | b'%' => match usize::try_from(number) {
            Err(_) => Value::Nil,
            Ok(length) => {
                let length = if *sign == b'%' { 2 * length } else { length };
                let mut list = Vec::new();
                for _ in 0..length {
                    let (value, taken) = parse(&bytes[at..])?;
                    at += taken;
                    list.push(value);
                }
                Value::List(list)
            }
        },
        // `+`, and the rest of the third version: `,` `#` `(`.
        _ => Value::Text(line),
    };
    Some((value, at))
}

/// A connection to a server.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    read: Vec<u8>,
}

impl Client {
    /// Connects to a port of this machine.
    ///
    /// # Errors
    ///
    /// When no server listens.
    pub fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(crate::TIMEOUT))?;
        Ok(Self { stream, read: Vec::new() })
    }

    /// Sets the timeout of a reply.
    ///
    /// # Errors
    ///
    /// When the duration is zero.
    pub fn patience(&self, most: Duration) -> io::Result<()> {
        self.stream.set_read_timeout(Some(most))
    }

    /// Sends a command, without waiting for its reply.
    ///
    /// # Errors
    ///
    /// When the connection broke.
    pub fn send(&mut self, command: &[&str]) -> io::Result<()> {
        let words =
            command.iter().flat_map(|word| ["$", &word.len().to_string(), "\r\n", word, "\r\n"].concat().into_bytes());
        let text: Vec<_> = format!("*{}\r\n", command.len()).into_bytes().into_iter().chain(words).collect();
        self.stream.write_all(&text)
    }

    /// Receives the next reply.
    ///
    /// # Errors
    ///
    /// When the connection broke, or the reply takes half a minute.
    pub fn receive(&mut self) -> io::Result<Value> {
        loop {
            if let Some((value, taken)) = parse(&self.read) {
                self.read.drain(..taken);
                return Ok(value);
            }
            let mut some = vec![0; 64 * 1024];
            match self.stream.read(&mut some)? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                length => self.read.extend_from_slice(&some[..length]),
            }
        }
    }

    /// Sends a command, and returns the reply.
    ///
    /// # Errors
    ///
    /// When the connection broke.
    pub fn try_ask(&mut self, command: &[&str]) -> io::Result<Value> {
        self.send(command)?;
        self.receive()
    }

    /// Sends a command, and returns a successful reply.
    ///
    /// # Panics
    ///
    /// When it does not.
    #[track_caller]
    pub fn ask(&mut self, command: &[&str]) -> Value {
        match self.try_ask(command) {
            Ok(Value::Error(error)) => panic!("{command:?}: {error}"),
            Ok(value) => value,
            Err(error) => panic!("{command:?}: {error}"),
        }
    }
}
