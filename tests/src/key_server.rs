//! A server of key sets and trust bundles that misbehaves on demand.

use std::{
    collections::BTreeMap,
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{Arc, Mutex, PoisonError},
    thread,
    time::Duration,
};

/// What is at a path.
#[derive(Clone, Debug)]
pub enum Behaviour {
    /// 200, a content type and a body.
    Document(&'static str, String),
    /// Another status with a body that would be good.
    Status(u16, String),
    /// 302 to another path.
    Redirect(String),
    /// A good answer after this time.
    Slow(Duration, String),
    /// Half of the body, then the end.
    Truncated(String),
    /// This many bytes of JSON white space before the body.
    Huge(usize, String),
    /// The connection is closed without an answer.
    Down,
    /// One after the other, for ever.
    Flip(Vec<String>),
}

/// A running server; it ends with the process.
#[derive(Clone, Debug)]
pub struct KeyServer {
    address: SocketAddr,
    paths: Arc<Mutex<BTreeMap<String, Path>>>,
}

#[derive(Debug)]
struct Path {
    behaviour: Behaviour,
    fetches: usize,
}

impl KeyServer {
    /// Starts a server on a free loopback port; every path is down.
    ///
    /// # Errors
    /// If no port can be had.
    pub fn start() -> Result<Self, std::io::Error> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let server = Self { address: listener.local_addr()?, paths: Arc::default() };
        let running = server.clone();
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let server = running.clone();
                thread::spawn(move || server.serve(stream));
            }
        });
        Ok(server)
    }

    /// Its address.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL of a path.
    #[must_use]
    pub fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }

    /// Changes what is at a path, and counts anew.
    pub fn set(&self, path: &str, behaviour: Behaviour) {
        let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
        paths.insert(path.into(), Path { behaviour, fetches: 0 });
    }

    /// Fetches of a path since it was set.
    #[must_use]
    pub fn fetches(&self, path: &str) -> usize {
        self.paths.lock().unwrap_or_else(PoisonError::into_inner).get(path).map_or(0, |path| path.fetches)
    }

    fn serve(&self, mut stream: TcpStream) -> Option<()> {
        stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
        let mut received = Vec::new();
        let mut chunk = [0; 4096];
        loop {
            if let Some((length, path)) = target(&received) {
                received.drain(..length);
                self.answer(&mut stream, &path)?;
                continue;
            }
            let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
            received.extend_from_slice(chunk.get(..count)?);
        }
    }

    fn answer(&self, stream: &mut TcpStream, path: &str) -> Option<()> {
        let (behaviour, fetches) = {
            let mut paths = self.paths.lock().unwrap_or_else(PoisonError::into_inner);
            let path = paths.get_mut(path)?;
            path.fetches = path.fetches.saturating_add(1);
            (path.behaviour.clone(), path.fetches)
        };
        let json = "application/json";
        let mut send = |status: u16, head: &str, body: &str| {
            let length = body.len();
            let head = format!("HTTP/1.1 {status} X\r\n{head}content-length: {length}\r\n\r\n");
            stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body.as_bytes())).ok()
        };
        let typed = |content_type: &str| format!("content-type: {content_type}\r\n");
        match behaviour {
            Behaviour::Document(content_type, body) => send(200, &typed(content_type), &body),
            Behaviour::Status(status, body) => send(status, &typed(json), &body),
            Behaviour::Redirect(to) => send(302, &format!("location: {to}\r\n"), ""),
            Behaviour::Slow(time, body) => {
                thread::sleep(time);
                send(200, &typed(json), &body)
            }
            Behaviour::Truncated(body) => {
                let half = body.get(..body.len() / 2)?;
                let head = format!("HTTP/1.1 200 OK\r\n{}content-length: {}\r\n\r\n{half}", typed(json), body.len());
                stream.write_all(head.as_bytes()).ok()?;
                None
            }
            Behaviour::Huge(size, body) => send(200, &typed(json), &format!("{}{body}", " ".repeat(size))),
            Behaviour::Down => None,
            Behaviour::Flip(bodies) => send(200, &typed(json), bodies.get(fetches % bodies.len().max(1))?),
        }
    }
}

fn target(bytes: &[u8]) -> Option<(usize, String)> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(length)) = request.parse(bytes) else { return None };
    Some((length, request.path?.to_owned()))
}
