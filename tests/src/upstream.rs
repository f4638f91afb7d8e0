//! The upstream: answers every request with what it got, as JSON. Bytes stand as the characters U+0000 to U+00FF.

use std::{
    io::{Read, Write},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::mpsc::{self, Receiver},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

/// Starts an upstream on a free loopback port; it ends with the process.
///
/// # Errors
/// If no port can be had.
pub fn start() -> Result<SocketAddr, std::io::Error> {
    start_with(|_| ())
}

/// The same, for clients that do not show what is answered: it goes to the receiver as well.
///
/// # Errors
/// If no port can be had.
pub fn start_recording() -> Result<(SocketAddr, Receiver<Value>), std::io::Error> {
    let (sender, receiver) = mpsc::channel();
    let record = move |echo: &str| {
        let _ = sender.send(serde_json::from_str(echo).unwrap_or_default());
    };
    Ok((start_with(record)?, receiver))
}

fn start_with(record: impl Fn(&str) + Clone + Send + 'static) -> Result<SocketAddr, std::io::Error> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let address = listener.local_addr()?;
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let record = record.clone();
            thread::spawn(move || serve(stream, record));
        }
    });
    Ok(address)
}

/// Answers requests until the peer closes.
fn serve(mut stream: TcpStream, record: impl Fn(&str)) -> Option<()> {
    stream.set_read_timeout(Some(Duration::from_secs(30))).ok()?;
    // Else the body waits until the head is acknowledged.
    stream.set_nodelay(true).ok()?;
    let mut received = Vec::new();
    let mut chunk = [0; 16384];
    loop {
        if let Some((length, body)) = echo(&received) {
            let head_only = received.starts_with(b"HEAD ");
            received.drain(..length);
            record(&body);
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n", body.len());
            stream.write_all(head.as_bytes()).ok()?;
            // RFC 9110 section 9.3.2
            if !head_only {
                stream.write_all(body.as_bytes()).ok()?;
            }
            continue;
        }
        let count = stream.read(&mut chunk).ok().filter(|count| *count > 0)?;
        received.extend_from_slice(chunk.get(..count)?);
    }
}

fn echo(bytes: &[u8]) -> Option<(usize, String)> {
    let mut headers = [httparse::EMPTY_HEADER; 128];
    let mut request = httparse::Request::new(&mut headers);
    let Ok(httparse::Status::Complete(length)) = request.parse(bytes) else { return None };
    let text = |bytes: &[u8]| bytes.iter().copied().map(char::from).collect::<String>();
    let announced = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let announced = announced.and_then(|header| str::from_utf8(header.value).ok()?.parse::<usize>().ok());
    let end = length.saturating_add(announced.unwrap_or(0));
    let body = text(bytes.get(length..end)?);
    let headers: Vec<_> =
        request.headers.iter().map(|header| json!([header.name.to_ascii_lowercase(), text(header.value)])).collect();
    let echo = json!({ "method": request.method, "path": request.path, "headers": headers, "body": body });
    Some((end, echo.to_string()))
}
