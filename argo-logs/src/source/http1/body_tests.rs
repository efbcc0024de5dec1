use proptest::prelude::*;

use super::*;

/// The answer of a server that closes the connection behind it.
async fn answer(bytes: &[u8]) -> (Head, Body) {
    let socket = tokio::io::join(io::Cursor::new(bytes.to_vec()), tokio::io::sink());
    Body::request(Box::new(socket), b"GET / HTTP/1.1\r\n\r\n")
        .await
        .unwrap()
}

async fn rest(body: &mut Body) -> io::Result<Vec<u8>> {
    let mut all = Vec::new();
    while let Some(bytes) = body.next_chunk().await? {
        assert!(!bytes.is_empty());
        all.extend_from_slice(&bytes);
    }
    Ok(all)
}

const CHUNKED: &str = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";

#[tokio::test]
async fn a_final_chunk_is_an_end_and_a_close_is_a_cut() {
    let whole = [CHUNKED, "3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n"].concat();
    for len in CHUNKED.len()..=whole.len() {
        let (_, mut body) = answer(&whole.as_bytes()[..len]).await;
        let mut all = Vec::new();
        let end = loop {
            match body.next_chunk().await {
                Ok(Some(bytes)) => all.extend_from_slice(&bytes),
                end => break end,
            }
        };
        assert!(b"abcde".starts_with(&all[..]), "{len}");
        assert_eq!(end.is_ok(), len == whole.len(), "{len}: {end:?}");
    }
}

#[tokio::test]
async fn the_final_chunk_ends_it_while_the_connection_stays_open() {
    let whole = [
        "HTTP/1.1 100 Continue\r\n\r\n",
        CHUNKED,
        "1\r\na\r\n0\r\n\r\n",
    ]
    .concat();
    let (client, mut server) = tokio::io::duplex(1000);
    server.write_all(whole.as_bytes()).await.unwrap();
    let (head, mut body) = Body::request(Box::new(client), b"").await.unwrap();
    assert_eq!(head.status, 200);
    assert_eq!(rest(&mut body).await.unwrap(), b"a");
    drop(server);
}

#[tokio::test]
async fn what_is_read_at_once_is_handed_out_at_once() {
    let body = "2\r\na\n\r\n2\r\nb\n\r\n2\r\nc\n\r\n";
    let (_, mut body) = answer([CHUNKED, body].concat().as_bytes()).await;
    let bytes = body.next_chunk().await.unwrap().unwrap();
    assert_eq!(bytes, "a\nb\nc\n");
}

#[tokio::test]
async fn buffers_grow_with_the_stream_and_shrink_with_it() {
    let (client, mut server) = tokio::io::duplex(1 << 20);
    server.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let (_, mut body) = Body::request(Box::new(client), b"").await.unwrap();
    server.write_all(&[b'x'; 1 << 20]).await.unwrap();
    let (mut left, mut largest) = (1 << 20, 0);
    while left > 0 {
        let len = body.next_chunk().await.unwrap().unwrap().len();
        (left, largest) = (left - len, largest.max(len));
    }
    assert_eq!(largest, MAX_BUFFER);
    for _ in 0..10 {
        server.write_all(b"x").await.unwrap();
        assert_eq!(body.next_chunk().await.unwrap().unwrap(), "x");
    }
    assert_eq!((body.size, body.allocated), (MIN_BUFFER, MIN_BUFFER));
}

#[tokio::test]
async fn an_answer_that_never_comes_is_an_error() {
    let (client, server) = tokio::io::duplex(64);
    drop(server);
    assert!(Body::request(Box::new(client), b"").await.is_err());
}

proptest! {
    #[test]
    fn every_split_of_an_answer_reads_the_same(
        text in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..3000), 1..20),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..10),
    ) {
        let mut whole = CHUNKED.as_bytes().to_vec();
        for chunk in &text {
            whole.extend(format!("{:x}\r\n", chunk.len()).into_bytes());
            whole.extend_from_slice(chunk);
            whole.extend_from_slice(b"\r\n");
        }
        whole.extend_from_slice(b"0\r\n\r\n");
        let mut cuts: Vec<_> = cuts.iter().map(|cut| cut.index(whole.len())).collect();
        cuts.push(whole.len());
        cuts.sort_unstable();
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let read = runtime.block_on(async {
            let (client, mut server) = tokio::io::duplex(1000);
            let sending = tokio::spawn({
                let whole = whole.clone();
                async move {
                    let mut from = 0;
                    for cut in cuts {
                        server.write_all(&whole[from..cut]).await.unwrap();
                        tokio::task::yield_now().await;
                        from = cut;
                    }
                }
            });
            let (_, mut body) = Body::request(Box::new(client), b"").await.unwrap();
            let read = rest(&mut body).await.unwrap();
            sending.await.unwrap();
            read
        });
        prop_assert_eq!(read, text.concat());
    }
}

#[tokio::test]
async fn many_streams_share_the_memory_of_a_few() {
    let (client, mut server) = tokio::io::duplex(64);
    server.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let (_, body) = Body::request(Box::new(client), b"").await.unwrap();
    let sharing = Arc::new(());
    let body = body.sharing(&sharing);
    assert_eq!(body.largest(), MAX_BUFFER);
    let others = vec![Arc::clone(&sharing); 500];
    assert!(body.largest() * (others.len() + 2) <= ALL_BUFFERS);
    let crowd = vec![sharing; 100_000];
    assert_eq!(body.largest(), MIN_BUFFER, "{}", crowd.len());
}

/// A body of which twenty of the largest buffers have come, and its server.
async fn flooded() -> (Body, tokio::io::DuplexStream) {
    let (client, mut server) = tokio::io::duplex(20 * MAX_BUFFER);
    server.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.unwrap();
    let (_, body) = Body::request(Box::new(client), b"").await.unwrap();
    server
        .write_all(&vec![b'x'; 20 * MAX_BUFFER])
        .await
        .unwrap();
    (body, server)
}

#[tokio::test]
async fn a_buffer_is_used_again_once_its_bytes_are_released() {
    let (mut body, _server) = flooded().await;
    // A consumer that releases each chunk two turns later. Whatever the allocator gets back,
    // others take.
    let (mut held, mut places, mut others) = (VecDeque::new(), Vec::new(), Vec::new());
    while places.len() < 15 {
        let bytes = body.next_chunk().await.unwrap().unwrap();
        if bytes.len() == MAX_BUFFER {
            places.push(bytes.as_ptr());
        }
        held.push_back(bytes);
        if held.len() > 2 {
            held.pop_front();
            others.extend((0..4).map(|_| Vec::<u8>::with_capacity(MAX_BUFFER)));
        }
    }
    assert!(others.iter().all(|other| other.capacity() >= MAX_BUFFER));
    assert!(places.windows(4).all(|turn| turn[0] == turn[3]));
    assert_eq!(body.lent.len(), 2);
}

#[tokio::test]
async fn only_a_stream_at_full_speed_keeps_buffers_for_reuse() {
    let (mut body, mut server) = flooded().await;
    // A consumer that releases nothing.
    let (mut left, mut behind) = (20 * MAX_BUFFER, Vec::new());
    while left > 0 {
        let bytes = body.next_chunk().await.unwrap().unwrap();
        left -= bytes.len();
        behind.push(bytes);
    }
    assert_eq!(body.lent.len(), MOST_LENT);
    for _ in 0..10 {
        server.write_all(b"x").await.unwrap();
        assert_eq!(body.next_chunk().await.unwrap().unwrap(), "x");
    }
    assert!(body.lent.is_empty());
}
