//! HTTP/1.1 over one connection that is kept: requests, answers, and how long they took. Nothing of SCIM.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// How long an answer may be waited for.
const PATIENCE: Duration = Duration::from_secs(301);

/// What can go wrong between a client and a server.
#[derive(Debug, thiserror::Error)]
pub enum HttpError {
    /// The connection broke.
    #[error("the connection failed")]
    Io(#[from] io::Error),
    /// What came is no HTTP.
    #[error("not an HTTP answer: {0}")]
    Malformed(String),
    /// The URL names nothing that this client can reach.
    #[error("{0}: only http://HOST:PORT is understood")]
    Url(String),
}

/// Where requests go.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Host and port.
    address: String,
    /// What every path begins with.
    prefix: String,
}

/// One request.
#[derive(Debug, Default)]
pub struct Request {
    /// The method.
    pub method: &'static str,
    /// The path below the endpoint's, with the query.
    pub path: String,
    /// Whole header lines, without their ends.
    pub headers: Vec<String>,
    /// The body; empty where there is none.
    pub body: String,
}

/// What came back.
#[derive(Debug)]
pub struct Answer {
    /// The status code.
    pub status: u16,
    /// The body, decoded.
    pub body: Vec<u8>,
    /// What `Retry-After` says.
    pub retry_after: Option<String>,
    /// From the request to the first byte of the answer.
    pub first_byte: Duration,
    /// From the request to the last byte of the answer.
    pub whole: Duration,
}

impl Answer {
    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Endpoint {
    /// Reads a URL such as `http://127.0.0.1:8080/scim/v2`.
    ///
    /// # Errors
    /// Where it is of another scheme.
    pub fn parse(url: &str) -> Result<Self, HttpError> {
        let rest = url
            .strip_prefix("http://")
            .ok_or_else(|| HttpError::Url(url.to_owned()))?;
        let (address, prefix) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, ""),
        };
        Ok(Self {
            address: address.to_owned(),
            prefix: prefix.trim_end_matches('/').to_owned(),
        })
    }
}

/// One connection, opened when it is first needed.
pub struct Connection {
    endpoint: Endpoint,
    stream: Option<BufReader<TcpStream>>,
}

/// What the head of an answer says about its body.
struct Head {
    status: u16,
    length: Option<u64>,
    chunked: bool,
    closes: bool,
    retry_after: Option<String>,
}

impl Connection {
    /// To this endpoint.
    pub fn new(endpoint: &Endpoint) -> Self {
        Self {
            endpoint: endpoint.clone(),
            stream: None,
        }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// # Errors
    /// Where the connection breaks. The next request opens another.
    pub fn send(&mut self, request: &Request) -> Result<Answer, HttpError> {
        let answer = self.attempt(request);
        if answer.is_err() {
            self.stream = None;
        }
        answer
    }

    fn attempt(&mut self, request: &Request) -> Result<Answer, HttpError> {
        let text = self.text_of(request);
        let started = Instant::now();
        let mut stream = match self.stream.take() {
            Some(stream) => stream,
            None => self.open()?,
        };
        stream.get_mut().write_all(text.as_bytes())?;
        if stream.fill_buf()?.is_empty() {
            return Err(HttpError::Malformed("nothing".to_owned()));
        }
        let first_byte = started.elapsed();
        let head = read_head(&mut stream)?;
        let body = read_body(&mut stream, &head)?;
        let whole = started.elapsed();
        if !head.closes {
            self.stream = Some(stream);
        }
        Ok(Answer {
            status: head.status,
            body,
            retry_after: head.retry_after,
            first_byte,
            whole,
        })
    }

    fn open(&self) -> Result<BufReader<TcpStream>, HttpError> {
        let stream = TcpStream::connect(&self.endpoint.address)?;
        stream.set_nodelay(true)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        Ok(BufReader::with_capacity(64 * 1024, stream))
    }

    fn text_of(&self, request: &Request) -> String {
        let mut text = format!(
            "{} {}{} HTTP/1.1\r\nHost: {}\r\n",
            request.method, self.endpoint.prefix, request.path, self.endpoint.address
        );
        for header in &request.headers {
            text.push_str(header);
            text.push_str("\r\n");
        }
        if !request.body.is_empty() || request.method == "POST" {
            text.push_str("Content-Length: ");
            text.push_str(&request.body.len().to_string());
            text.push_str("\r\n");
        }
        text.push_str("\r\n");
        text.push_str(&request.body);
        text
    }
}

fn read_head(stream: &mut impl BufRead) -> Result<Head, HttpError> {
    let status_line = read_line(stream)?;
    let status = status_line
        .split(' ')
        .nth(1)
        .and_then(|code| code.parse().ok())
        .ok_or_else(|| HttpError::Malformed(status_line.clone()))?;
    let mut head = Head {
        status,
        length: None,
        chunked: false,
        closes: status_line.starts_with("HTTP/1.0"),
        retry_after: None,
    };
    loop {
        let line = read_line(stream)?;
        let Some((name, value)) = line.split_once(':') else {
            break;
        };
        let value = value.trim();
        match name.to_ascii_lowercase().as_str() {
            "content-length" => head.length = value.parse().ok(),
            "transfer-encoding" => head.chunked = value.eq_ignore_ascii_case("chunked"),
            "retry-after" => head.retry_after = Some(value.to_owned()),
            "connection" => head.closes = value.eq_ignore_ascii_case("close"),
            _ => {}
        }
    }
    Ok(head)
}

fn read_body(stream: &mut impl BufRead, head: &Head) -> Result<Vec<u8>, HttpError> {
    let mut body = Vec::new();
    if head.chunked {
        loop {
            let line = read_line(stream)?;
            let size = line.split(';').next().unwrap_or_default().trim();
            let size =
                u64::from_str_radix(size, 16).map_err(|_| HttpError::Malformed(line.clone()))?;
            stream.by_ref().take(size).read_to_end(&mut body)?;
            read_line(stream)?;
            if size == 0 {
                return Ok(body);
            }
        }
    }
    match head.length {
        Some(length) => {
            let read = stream.by_ref().take(length).read_to_end(&mut body)?;
            if u64::try_from(read).ok() != Some(length) {
                return Err(HttpError::Malformed("a body that ends early".to_owned()));
            }
        }
        None if head.status == 204 || head.status == 304 => {}
        None => {
            stream.read_to_end(&mut body)?;
        }
    }
    Ok(body)
}

fn read_line(stream: &mut impl BufRead) -> Result<String, HttpError> {
    let mut line = String::new();
    stream.read_line(&mut line)?;
    line.truncate(line.trim_end().len());
    Ok(line)
}
