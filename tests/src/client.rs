//! An HTTP/1.1 client that sends exactly the bytes it is given: no library sends hostile requests.

use std::{
    io::{Read, Write},
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

    /// The `reason` of a problem+json body.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let body: serde_json::Value = serde_json::from_str(&self.body).ok()?;
        Some(body.get("reason")?.as_str()?.to_owned())
    }
}

/// Sends one request and reads the answer until the server closes. Names and values go out byte for byte; `host` and
/// `connection: close` are added.
///
/// # Errors
/// What failed, without the request.
pub fn send(address: SocketAddr, method: &[u8], path: &[u8], headers: &[(Vec<u8>, Vec<u8>)]) -> Result<Answer, String> {
    let mut request = Vec::new();
    for part in [method, b" ", path, b" HTTP/1.1\r\nhost: gateway.example\r\nconnection: close\r\ncontent-length: 0\r\n"] {
        request.extend_from_slice(part);
    }
    for (name, value) in headers {
        for part in [name.as_slice(), b": ", value, b"\r\n"] {
            request.extend_from_slice(part);
        }
    }
    request.extend_from_slice(b"\r\n");
    let fault = |error: std::io::Error| format!("{address}: {error}");
    let mut stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).map_err(fault)?;
    stream.set_read_timeout(Some(Duration::from_secs(10))).map_err(fault)?;
    // A server that refuses early closes while we still write; its answer counts.
    let written = stream.write_all(&request);
    let mut answer = Vec::new();
    let read = stream.read_to_end(&mut answer);
    if answer.is_empty() {
        written.and(read.map(drop)).map_err(fault)?;
    }
    parse(&answer)
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
    Ok(Answer {
        status: response.code.unwrap_or_default(),
        headers: response.headers.iter().map(|header| (header.name.to_ascii_lowercase(), text(header.value))).collect(),
        body: text(bytes.get(length..).unwrap_or_default()),
    })
}
