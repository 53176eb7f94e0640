//! Bytes over a connection, as clients write them that are no HTTP library.
//!
//! No test lives here.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// How long a test waits for what has to come before it fails.
const PATIENCE: Duration = Duration::from_secs(60);

/// Host and port of a base URL.
pub fn address(base_url: &str) -> &str {
    let (_, address) = base_url.split_once("://").expect("it is a URL");
    address
}

/// A connection to the server of a base URL.
pub fn connect(base_url: &str) -> TcpStream {
    let stream = TcpStream::connect(address(base_url)).expect("the server can be reached");
    stream
        .set_read_timeout(Some(PATIENCE))
        .expect("a timeout can be set");
    stream
}

/// Everything that comes until the other side closes.
pub fn read_to_end(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        match stream.read(&mut piece) {
            Ok(0) => break,
            Ok(length) => bytes.extend_from_slice(&piece[..length]),
            // Closed without ceremony, as is fair where a client has not read or sent everything.
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => break,
            Err(error) if error.kind() == std::io::ErrorKind::UnexpectedEof => break,
            Err(error) => panic!("the connection is not closed: {error}"),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Writes; where the server has closed already, that is what is to be seen next.
pub fn write(stream: &mut impl Write, text: &str) {
    let _ = stream.write_all(text.as_bytes());
    let _ = stream.flush();
}

/// One answer, to its end by the length that it names.
pub fn read_answer(stream: &mut impl Read) -> String {
    let mut bytes = Vec::new();
    let mut byte = [0; 1];
    while !bytes.ends_with(b"\r\n\r\n") {
        let length = stream.read(&mut byte).expect("an answer comes");
        assert!(length > 0, "{}", String::from_utf8_lossy(&bytes));
        bytes.push(byte[0]);
    }
    let head = String::from_utf8_lossy(&bytes).to_lowercase();
    let length = head
        .lines()
        .find_map(|line| line.strip_prefix("content-length: "))
        .map_or(0, |length| length.parse().expect("a length"));
    let mut body = vec![0; length];
    stream
        .read_exact(&mut body)
        .expect("the whole answer comes");
    bytes.extend_from_slice(&body);
    String::from_utf8_lossy(&bytes).into_owned()
}
