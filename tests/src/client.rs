//! An HTTP/1.1 client that sends exactly the bytes it is given: no library sends hostile requests.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// What a server answered.
#[derive(Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: String,
}

impl Answer {
    /// The first header with this name.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(other, _)| other == name).map(|(_, value)| value.as_str())
    }

    /// The `claim` of a problem+json body.
    #[must_use]
    pub fn claim(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        Some(body.get("claim")?.as_str()?.to_owned())
    }

    /// The `reason` of a problem+json body, or the `error_code` of the other kind.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        Some(body.get("reason").or_else(|| body.get("error_code"))?.as_str()?.to_owned())
    }
}

/// A connection that is opened again when the server closes it.
#[derive(Debug)]
pub struct Connection {
    address: SocketAddr,
    stream: Option<TcpStream>,
}

impl Connection {
    /// Opens nothing yet.
    #[must_use]
    pub const fn new(address: SocketAddr) -> Self {
        Self { address, stream: None }
    }

    /// Sends one request and reads its answer.
    ///
    /// # Errors
    /// What failed, without the request.
    pub fn send(&mut self, method: &[u8], path: &[u8], headers: &[(Vec<u8>, Vec<u8>)]) -> Result<Answer, String> {
        let stream = match self.stream.take() {
            Some(stream) => stream,
            None => connect(self.address)?,
        };
        let (stream, answer) = exchange(stream, &head(method, path, headers, ""), method == b"HEAD")?;
        if is_one_request(path, headers) && answer.header("connection") != Some("close") {
            self.stream = Some(stream);
        }
        Ok(answer)
    }
}

/// Sends one request and reads the answer until the server closes. Names and values go out byte for byte; `connection:
/// close` and, where there is none, `host` are added.
///
/// # Errors
/// What failed, without the request.
pub fn send(address: SocketAddr, method: &[u8], path: &[u8], headers: &[(Vec<u8>, Vec<u8>)]) -> Result<Answer, String> {
    let request = head(method, path, headers, "connection: close\r\n");
    exchange(connect(address)?, &request, method == b"HEAD").map(|(_, answer)| answer)
}

/// Whether these bytes make one request: a line break may end the head early, and the rest is taken for another one.
#[must_use]
pub fn is_one_request(path: &[u8], headers: &[(Vec<u8>, Vec<u8>)]) -> bool {
    let clean = |bytes: &[u8]| !bytes.contains(&b'\n') && !bytes.contains(&b'\r');
    clean(path) && headers.iter().all(|(name, value)| clean(name) && clean(value))
}

fn head(method: &[u8], path: &[u8], headers: &[(Vec<u8>, Vec<u8>)], more: &str) -> Vec<u8> {
    let mut request = Vec::new();
    let named = headers.iter().any(|(name, _)| name.eq_ignore_ascii_case(b"host"));
    let host: &[u8] = if named { b"" } else { b"host: gateway.example\r\n" };
    let fixed: [&[u8]; 6] = [method, b" ", path, b" HTTP/1.1\r\n", host, b"content-length: 0\r\n"];
    let fixed = fixed.into_iter().chain([more.as_bytes()]);
    for part in fixed {
        request.extend_from_slice(part);
    }
    for (name, value) in headers {
        for part in [name.as_slice(), b": ", value, b"\r\n"] {
            request.extend_from_slice(part);
        }
    }
    request.extend_from_slice(b"\r\n");
    request
}

fn connect(address: SocketAddr) -> Result<TcpStream, String> {
    let fault = |error: std::io::Error| format!("{address}: {error}");
    let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).map_err(fault)?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(fault)?;
    stream.set_nodelay(true).map_err(fault)?;
    Ok(stream)
}

fn exchange(mut stream: TcpStream, request: &[u8], head_only: bool) -> Result<(TcpStream, Answer), String> {
    // A server that refuses early closes while we still write; its answer counts.
    let written = stream.write_all(request);
    let mut answer = Vec::new();
    let mut chunk = [0; 16384];
    while !complete(&answer, head_only) {
        match stream.read(&mut chunk) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(chunk.get(..count).unwrap_or_default()),
            // A signal: with a time limit the kernel does not go on by itself.
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if answer.is_empty() => return Err(written.err().unwrap_or(error).to_string()),
            Err(_) => break,
        }
    }
    parse(&answer).map(|answer| (stream, answer))
}

/// Whether the answer has all of its announced length; the server may close much later.
pub(crate) fn complete(bytes: &[u8], head_only: bool) -> bool {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let Ok(httparse::Status::Complete(start)) = response.parse(bytes) else { return false };
    if head_only {
        return true;
    }
    let length = response.headers.iter().find(|header| header.name.eq_ignore_ascii_case("content-length"));
    let length = length.and_then(|header| str::from_utf8(header.value).ok()?.parse::<usize>().ok());
    length.is_some_and(|length| bytes.len() >= start.saturating_add(length))
}

fn parse(bytes: &[u8]) -> Result<Answer, String> {
    let mut headers = [httparse::EMPTY_HEADER; 64];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Err(format!("the answer ends after {} bytes", bytes.len())),
        Err(error) => return Err(error.to_string()),
    };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let headers: Vec<_> =
        response.headers.iter().map(|header| (header.name.to_ascii_lowercase(), text(header.value))).collect();
    let chunked = headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked");
    let body = bytes.get(length..).unwrap_or_default();
    // What follows the announced length answers bytes that ended the request early.
    let announced = headers.iter().find(|(name, _)| name == "content-length").and_then(|(_, value)| value.parse().ok());
    let body = announced.and_then(|length: usize| body.get(..length)).unwrap_or(body);
    let body = if chunked { text(&dechunk(body).ok_or("a chunk is cut short")?) } else { text(body) };
    Ok(Answer { status: response.code.unwrap_or_default(), headers, body })
}

/// RFC 9112 section 7.1, without trailers.
fn dechunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let httparse::Status::Complete((start, size)) = httparse::parse_chunk_size(bytes).ok()? else { return None };
        let end = start.checked_add(usize::try_from(size).ok()?)?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(bytes.get(start..end)?);
        bytes = bytes.get(end.checked_add(2)?..)?;
    }
}
