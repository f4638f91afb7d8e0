//! Load: connections that stay open and ask again as soon as they have their answer. No name is looked up, and every
//! run has its end in time and number.

use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
    time::{Duration, Instant},
};

use crate::client;

/// Requests of one run at most.
const MOST: usize = 2_000_000;

/// Open connections to one server.
#[derive(Debug)]
pub struct Load {
    streams: Vec<TcpStream>,
    /// Which request is next.
    next: AtomicUsize,
}

/// What came of a run.
#[derive(Debug)]
pub struct Run {
    /// How long it took.
    pub elapsed: Duration,
    /// Nanoseconds from each request to its answer, in rising order.
    pub latencies: Vec<u64>,
}

impl Load {
    /// Opens the connections.
    ///
    /// # Errors
    /// If the server does not take them.
    pub fn open(server: SocketAddr, connections: usize) -> Result<Self, String> {
        let fault = |error: std::io::Error| format!("{server}: {error}");
        let mut streams = Vec::new();
        for _ in 0..connections {
            let stream = TcpStream::connect_timeout(&server, Duration::from_secs(5)).map_err(fault)?;
            stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(fault)?;
            stream.set_nodelay(true).map_err(fault)?;
            streams.push(stream);
        }
        Ok(Self { streams, next: AtomicUsize::new(0) })
    }

    /// Sends these requests in turn, over and over. Returns when every request has its answer.
    ///
    /// # Errors
    /// The first answer that is not 200, or what failed.
    pub fn run(&mut self, requests: &[Vec<u8>], time: Duration) -> Result<Run, String> {
        let next = &self.next;
        let last = next.load(Ordering::Relaxed) + MOST;
        let start = Instant::now();
        let latencies = thread::scope(|scope| {
            let work = |stream| scope.spawn(move || connection(stream, requests, next, last, start + time));
            let threads: Vec<_> = self.streams.iter_mut().map(work).collect();
            let mut all = Vec::new();
            for thread in threads {
                all.append(&mut thread.join().map_err(|_| "a thread ended early")??);
            }
            Ok::<_, String>(all)
        });
        let (elapsed, mut latencies) = (start.elapsed(), latencies?);
        latencies.sort_unstable();
        Ok(Run { elapsed, latencies })
    }
}

fn connection(
    stream: &mut TcpStream,
    requests: &[Vec<u8>],
    next: &AtomicUsize,
    last: usize,
    end: Instant,
) -> Result<Vec<u64>, String> {
    let mut latencies = Vec::new();
    let mut answer = Vec::new();
    let mut chunk = [0; 4096];
    loop {
        let number = next.fetch_add(1, Ordering::Relaxed);
        let start = Instant::now();
        if start >= end || number >= last {
            return Ok(latencies);
        }
        let request = requests.get(number % requests.len()).ok_or("no requests")?;
        stream.write_all(request).map_err(|error| error.to_string())?;
        answer.clear();
        while !client::complete(&answer, false) {
            match stream.read(&mut chunk).map_err(|error| error.to_string())? {
                0 => return Err("the server closed the connection".into()),
                count => answer.extend_from_slice(&chunk[..count]),
            }
        }
        latencies.push(u64::try_from(start.elapsed().as_nanos()).unwrap_or(u64::MAX));
        if !answer.starts_with(b"HTTP/1.1 200 ") {
            return Err(String::from_utf8_lossy(&answer).into_owned());
        }
    }
}
