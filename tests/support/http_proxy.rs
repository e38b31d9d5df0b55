//! A proxy in front of an HTTP server that refuses, delays, cuts and loses as it is told.

use std::io;
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufStream};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

/// A call as the proxy sees it.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) method: String,
    pub(crate) body: Vec<u8>,
    head: String,
}

impl Request {
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        header(&self.head, name)
    }
}

/// What to do with a call.
pub(crate) enum Deed {
    Pass,
    /// Pass the call on after this time.
    Delay(Duration),
    /// Pass this body on, and answer with what the function makes of the answer's body.
    Edit(Vec<u8>, Box<dyn FnOnce(Vec<u8>) -> Vec<u8> + Send>),
    /// Answer with this status, content type and body instead of passing the call on.
    Answer(u16, &'static str, Vec<u8>),
    /// Pass the call on, and answer with this whatever came of it.
    Belie(u16, &'static str, Vec<u8>),
    /// Close the connection instead of passing the call on.
    Hangup,
    /// Pass the call on, and close the connection instead of answering.
    LoseAnswer,
    /// Pass the call on, and close the connection in the middle of the answer.
    CutAnswer,
    /// Pass the call on, and set the date of the answer forward.
    Ahead(TimeDelta),
    /// Pass the call on, and close the connection if the answer takes longer than this.
    CutAfter(Duration),
    /// Pass the call on, and give nothing more of the answer after this time, and keep the connection.
    SilentAfter(Duration),
    /// Neither pass the call on nor answer it, and keep the connection.
    Stall,
    /// Pass the call on, do not answer it, and keep the connection.
    StallAnswer,
}

type Decide = Arc<dyn Fn(&Request) -> Deed + Send + Sync>;

/// Starts a proxy that ends with the runtime, and gives its URL. A connection that breaks is what it is for.
pub(crate) async fn start(upstream: &str, decide: impl Fn(&Request) -> Deed + Send + Sync + 'static) -> String {
    let decide: Decide = Arc::new(decide);
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let upstream = upstream.replace("http://", "");
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            tokio::spawn(serve(client, upstream.clone(), Arc::clone(&decide)));
        }
    });
    url
}

async fn serve(client: TcpStream, upstream: String, decide: Decide) -> io::Result<()> {
    let server = TcpStream::connect(upstream).await?;
    client.set_nodelay(true)?;
    server.set_nodelay(true)?;
    let (mut client, mut server) = (BufStream::new(client), BufStream::new(server));
    loop {
        let request = request(&mut client).await?;
        let deed = decide(&request);
        match deed {
            Deed::Hangup => return Ok(()),
            Deed::Stall => std::future::pending().await,
            Deed::Answer(status, content_type, body) => answer(&mut client, status, content_type, &body).await?,
            Deed::Belie(status, content_type, body) => {
                send(&mut server, &request.head, &request.body).await?;
                let head = head(&mut server).await?;
                sized_body(&mut server, &head).await?;
                answer(&mut client, status, content_type, &body).await?;
            }
            Deed::Edit(body, edit) => {
                send(&mut server, &request.head, &body).await?;
                let head = head(&mut server).await?;
                let body = edit(sized_body(&mut server, &head).await?);
                send(&mut client, &head, &body).await?;
            }
            Deed::StallAnswer => {
                send(&mut server, &request.head, &request.body).await?;
                head(&mut server).await?;
                std::future::pending().await
            }
            deed => {
                if let Deed::Delay(wait) = deed {
                    tokio::time::sleep(wait).await;
                }
                send(&mut server, &request.head, &request.body).await?;
                let mut head = head(&mut server).await?;
                if let Deed::Ahead(by) = deed {
                    head = ahead(&head, by);
                }
                if matches!(deed, Deed::LoseAnswer) {
                    return Ok(());
                }
                client.write_all(head.as_bytes()).await?;
                if matches!(deed, Deed::CutAnswer) {
                    let half = header(&head, "content-length").map_or(0, |length| length.parse::<usize>().unwrap() / 2);
                    let mut body = vec![0; half];
                    server.read_exact(&mut body).await?;
                    client.write_all(&body).await?;
                    return client.flush().await;
                }
                if request.method != "HEAD" {
                    let relayed = relay_body(&mut server, &mut client, &head);
                    match deed {
                        Deed::CutAfter(after) | Deed::SilentAfter(after) => match timeout(after, relayed).await {
                            Ok(relayed) => relayed?,
                            Err(_) if matches!(deed, Deed::CutAfter(_)) => return Ok(()),
                            Err(_) => std::future::pending().await,
                        },
                        _ => relayed.await?,
                    }
                }
            }
        }
        client.flush().await?;
    }
}

async fn answer(to: &mut BufStream<TcpStream>, status: u16, content_type: &str, body: &[u8]) -> io::Result<()> {
    send(to, &format!("HTTP/1.1 {status} told\r\ncontent-type: {content_type}\r\n\r\n"), body).await
}

async fn request(client: &mut BufStream<TcpStream>) -> io::Result<Request> {
    let mut head = head(client).await?;
    if header(&head, "expect").is_some() {
        client.write_all(b"HTTP/1.1 100 Continue\r\n\r\n").await?;
        client.flush().await?;
        head = without(&head, "expect");
    }
    let body = sized_body(client, &head).await?;
    let method = head.split(' ').next().unwrap_or_default().to_owned();
    Ok(Request { method, body, head })
}

/// A head with the empty line behind it.
async fn head(stream: &mut BufStream<TcpStream>) -> io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read_until(b'\n', &mut head).await? == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
    }
    String::from_utf8(head).map_err(io::Error::other)
}

async fn sized_body(stream: &mut BufStream<TcpStream>, head: &str) -> io::Result<Vec<u8>> {
    let length = header(head, "content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    stream.read_exact(&mut body).await?;
    Ok(body)
}

/// Passes an answer's body on as it comes.
async fn relay_body(from: &mut BufStream<TcpStream>, to: &mut BufStream<TcpStream>, head: &str) -> io::Result<()> {
    if header(head, "transfer-encoding").is_none() {
        let body = sized_body(from, head).await?;
        return to.write_all(&body).await;
    }
    loop {
        let mut line = String::new();
        from.read_line(&mut line).await?;
        let length = usize::from_str_radix(line.trim(), 16).map_err(io::Error::other)?;
        // The chunk, and the end of its line.
        let mut chunk = vec![0; length + 2];
        from.read_exact(&mut chunk).await?;
        to.write_all(line.as_bytes()).await?;
        to.write_all(&chunk).await?;
        to.flush().await?;
        if length == 0 {
            return Ok(());
        }
    }
}

async fn send(to: &mut BufStream<TcpStream>, head: &str, body: &[u8]) -> io::Result<()> {
    let head = without(head, "content-length");
    to.write_all(head.trim_end().as_bytes()).await?;
    to.write_all(format!("\r\ncontent-length: {}\r\n\r\n", body.len()).as_bytes()).await?;
    to.write_all(body).await?;
    to.flush().await
}

/// A head whose date is so much later.
fn ahead(head: &str, by: TimeDelta) -> String {
    let Some(date) = header(head, "date") else { return head.to_owned() };
    let date = DateTime::parse_from_rfc2822(date).unwrap().to_utc() + by;
    let date = date.format("%a, %d %b %Y %H:%M:%S GMT");
    format!("{}\r\ndate: {date}\r\n\r\n", without(head, "date").trim_end())
}

fn without(head: &str, name: &str) -> String {
    let named = |line: &&str| line.split_once(':').is_some_and(|it| it.0.eq_ignore_ascii_case(name));
    head.split_inclusive("\r\n").filter(|line| !named(line)).collect()
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    head.lines()
        .filter_map(|line| line.split_once(':'))
        .find(|(it, _)| it.eq_ignore_ascii_case(name))
        .map(|it| it.1.trim())
}
