//! Tests how a download continues after its connection broke: by a range that is compared with
//! the bytes on disk, and otherwise by the whole file. No cut file counts as whole.

use bytes::Bytes;

use crate::harness::{Ingest, ProgramOutput, SOURCE};
use crate::proxy::{Proxy, Trouble};
use crate::publisher::{Publisher, Reply, Request, release};
use crate::web_server::WebServer;

const RELEASES: usize = 1_500;

/// The number of bytes that a range repeats.
const OVERLAP: usize = 4 << 10;

const TAG: &str = "\"the-same\"";

fn release_lines(releases: usize) -> Bytes {
    let lines: String = (0..releases).map(|i| release(i) + "\n").collect();
    lines.into()
}

fn whole(content: &Bytes) -> Reply {
    Reply::status(200).header("etag", TAG).body(content.clone())
}

/// Returns the position where a request's range begins.
fn range_begin(request: &Request) -> Option<usize> {
    let range = request.header("range")?;
    assert_eq!(request.header("if-range"), Some(TAG));
    let begin = range.strip_prefix("bytes=")?.strip_suffix('-')?;
    Some(begin.parse().unwrap())
}

/// Makes a part with a `Content-Range` whose end and total are texts.
fn part(content: &Bytes, begin: usize, range: &str) -> Reply {
    Reply::status(206)
        .header("etag", TAG)
        .header("content-range", &format!("bytes {begin}-{range}"))
        .body(content.slice(begin..))
}

/// Returns all of a chunked body except for its end.
fn without_last_chunk(content: &Bytes) -> Reply {
    let head = format!(
        "HTTP/1.1 200 OK\r\netag: {TAG}\r\ntransfer-encoding: chunked\r\n\r\n{:x}\r\n",
        content.len()
    );
    Reply::verbatim([head.as_bytes(), content, b"\r\n"].concat())
}

/// A download whose connection breaks once.
struct Broken {
    ingest: Ingest,
    publisher: Publisher,
    ran: ProgramOutput,
}

impl Broken {
    /// Loads a file. The first request gets the first reply, each later one the other.
    async fn load(
        first: Reply,
        then: impl Fn(&Request) -> Reply + Send + Sync + 'static,
        code: i32,
    ) -> Self {
        let publisher = Publisher::serve(move |request| match request.nth {
            0 => first.clone(),
            _ => then(request),
        })
        .await;
        let ingest = Ingest::with_source(&publisher, "").await;
        let load = ["load", SOURCE, &publisher.url("/f.jsonl"), "--json"];
        let ran = ingest.call(&load).await.expect(code);
        Self {
            ingest,
            publisher,
            ran,
        }
    }

    /// Returns where the range of each request begins.
    fn ranges(&self) -> Vec<Option<usize>> {
        self.publisher.requests().iter().map(range_begin).collect()
    }

    async fn expect_stored_once(&self, what: &str) {
        let counts = self.ran.counts();
        assert_eq!(counts.inserted, RELEASES as u64, "{what}: {counts:?}");
        assert_eq!(counts.updated + counts.unchanged, 0, "{what}: {counts:?}");
        assert_eq!(self.ingest.count("quarantine").await, 0, "{what}");
    }
}

#[tokio::test]
async fn a_file_of_which_only_the_last_chunk_is_missing_is_whole() {
    let content = release_lines(RELEASES);
    let total = content.len();
    let begin = Some(total - OVERLAP);
    let unsatisfied = |range: Option<String>| {
        let reply = Reply::status(416);
        range.map_or(reply.clone(), |range| reply.header("content-range", &range))
    };
    for (what, answer, ranges) in [
        (
            "a part",
            part(&content, total - OVERLAP, &format!("{}/{total}", total - 1)),
            vec![None, begin],
        ),
        (
            "416 with the length",
            unsatisfied(Some(format!("bytes */{total}"))),
            vec![None, begin],
        ),
        // The file has changed or the server is odd, so the whole file must show it.
        (
            "416 with another length",
            unsatisfied(Some(format!("bytes */{}", total - 1))),
            vec![None, begin, None],
        ),
        (
            "416 without a length",
            unsatisfied(None),
            vec![None, begin, None],
        ),
    ] {
        let served = content.clone();
        let then = move |request: &Request| match range_begin(request) {
            Some(_) => answer.clone(),
            None => whole(&served),
        };
        let broken = Broken::load(without_last_chunk(&content), then, 0).await;
        assert_eq!(broken.ranges(), ranges, "{what}");
        broken.expect_stored_once(what).await;
    }
}

#[tokio::test]
async fn a_file_that_no_answer_shows_to_be_whole_is_not_stored_as_whole() {
    let content = release_lines(RELEASES);
    let half = content.slice(..release_lines(RELEASES / 2).len());
    // A server that forgot the second half says that the first half is all.
    let cut = whole(&content).cut_after(half.len());
    let range = format!("bytes */{}", half.len());
    let then = move |request: &Request| match range_begin(request) {
        Some(_) => Reply::status(416).header("content-range", &range),
        None => whole(&content).cut_after(half.len()),
    };
    let broken = Broken::load(cut, then, 3).await;
    broken.ran.expect_log("no page after 4 attempts");
    assert_eq!(broken.ranges().len(), 4);
    let complete = "run where state = 'complete'";
    assert_eq!(broken.ingest.count(complete).await, 0);
}

#[tokio::test]
async fn a_part_that_cannot_be_used_is_followed_by_the_whole_file() {
    let content = release_lines(RELEASES);
    let (total, half) = (content.len(), content.len() / 2);
    let begin = half - OVERLAP;
    let last = total - 1;
    let multipart = Reply::status(206)
        .header("etag", TAG)
        .header("content-type", "multipart/byteranges; boundary=x")
        .body(format!(
            "--x\r\ncontent-range: bytes {begin}-{last}/{total}\r\n\r\n{{}}\r\n--x--\r\n"
        ));
    let other: Bytes = content.to_ascii_uppercase().into();
    let long = format!(
        "HTTP/1.1 206 OK\r\netag: {TAG}\r\ncontent-range: bytes {begin}-{last}/{total}\r\n\
         transfer-encoding: chunked\r\n\r\n{total:x}\r\n"
    );
    for (what, answer) in [
        ("several parts", multipart),
        (
            "a part that begins too late",
            part(&content, half, &format!("{last}/{total}")),
        ),
        (
            "a part whose header is wrong",
            Reply::status(206)
                .header("etag", TAG)
                .header("content-range", &format!("bytes {begin}-{last}/{total}"))
                .body([&content[half..], &content[begin..half]].concat()),
        ),
        (
            "a part of another file",
            part(&other, begin, &format!("{last}/{total}")),
        ),
        (
            "a part of a file of another length",
            part(&content, begin, &format!("{last}/{}", total + 1)),
        ),
        (
            "a part of another version",
            Reply::status(206)
                .header("etag", "\"other\"")
                .header("content-range", &format!("bytes {begin}-{last}/{total}"))
                .body(content.slice(begin..)),
        ),
        (
            "a compressed part",
            part(&content, begin, &format!("{last}/{total}")).header("content-encoding", "gzip"),
        ),
        (
            "a part and more",
            Reply::verbatim([long.as_bytes(), &content, b"\r\n0\r\n\r\n"].concat()),
        ),
    ] {
        let served = content.clone();
        // The whole file is cut too, so that another range could be asked for.
        let then = move |request: &Request| match (range_begin(request), request.nth) {
            (Some(_), _) => answer.clone(),
            (None, 2) => whole(&served).cut_after(half + half / 2),
            (None, _) => whole(&served),
        };
        let broken = Broken::load(whole(&content).cut_after(half), then, 0).await;
        assert_eq!(broken.ranges(), [None, Some(begin), None, None], "{what}");
        broken.expect_stored_once(what).await;
    }
}

#[tokio::test]
async fn a_part_of_a_file_of_unknown_length_is_used_if_an_earlier_answer_had_the_length() {
    let content = release_lines(RELEASES);
    let half = content.len() / 2;
    let served = content.clone();
    let then = move |request: &Request| match range_begin(request) {
        // The first part ends too early, which only the known length shows.
        Some(begin) if request.nth == 1 => {
            let end = release_lines(RELEASES - 1).len();
            part(&served.slice(..end), begin, &format!("{}/*", end - 1))
        }
        Some(begin) => part(&served, begin, &format!("{}/*", served.len() - 1)),
        None => Reply::status(500),
    };
    let broken = Broken::load(whole(&content).cut_after(half), then, 0).await;
    assert_eq!(broken.ranges().len(), 3);
    broken.expect_stored_once("known").await;

    // Without it, such a part may be cut where its own header says that it ends.
    let served = content.clone();
    let then = move |request: &Request| match range_begin(request) {
        Some(begin) => {
            let end = release_lines(RELEASES - 1).len();
            part(&served.slice(..end), begin, &format!("{}/*", end - 1))
        }
        None => whole(&served),
    };
    let begun = content.slice(..half);
    let broken = Broken::load(without_last_chunk(&begun), then, 0).await;
    assert_eq!(broken.ranges(), [None, Some(half - OVERLAP), None]);
    broken.expect_stored_once("unknown").await;
}

#[tokio::test]
async fn a_server_that_never_sends_a_usable_answer_ends_the_download_with_an_error() {
    let content = release_lines(RELEASES);
    let half = content.len() / 2;
    let served = content.clone();
    let then = move |request: &Request| match range_begin(request) {
        Some(_) => part(
            &served,
            half,
            &format!("{}/{}", served.len() - 1, served.len()),
        ),
        None => whole(&served).cut_after(half),
    };
    let broken = Broken::load(whole(&content).cut_after(half), then, 3).await;
    broken
        .ran
        .expect_log("a part of the file that was not asked for");
    assert_eq!(broken.ranges(), [None, Some(half - OVERLAP), None, None]);
    // Parts that nobody asked for, and that do not say what they are.
    let odd = Reply::status(206).header("etag", TAG).body(content);
    let again = odd.clone();
    let broken = Broken::load(odd, move |_| again.clone(), 4).await;
    broken
        .ran
        .expect_log("a part of the file that was not asked for");
    assert_eq!(broken.ranges(), [None; 4]);
}

#[tokio::test]
async fn a_whole_file_with_another_tag_is_compared_by_content() {
    let content = release_lines(RELEASES);
    let half = content.len() / 2;
    // Servers behind one name may have the same file with different tags.
    for (again, code) in [
        (content.clone(), 0),
        (content.to_ascii_uppercase().into(), 4),
    ] {
        let then = move |_: &Request| {
            let reply = Reply::status(200).header("etag", "\"of another server\"");
            reply.body(again.clone())
        };
        let broken = Broken::load(whole(&content).cut_after(half), then, code).await;
        match code {
            0 => broken.expect_stored_once("the same").await,
            _ => broken.ran.expect_log("the file changed"),
        }
    }
}

/// Loads a file through a proxy that cuts the connection once. Returns the statuses, and the bytes
/// of all responses.
async fn load_cut(server: &WebServer, name: &str, cut_after: u64) -> (Vec<String>, u64) {
    let address = server.address();
    let proxy = Proxy::disturb_publisher_after(address, cut_after, Trouble::Cut);
    let mut ingest = Ingest::new().await;
    ingest.declare_as(SOURCE, &proxy.http(), "");
    let url = format!("{}{name}", proxy.http());
    let ran = ingest
        .call(&["load", SOURCE, &url, "--json"])
        .await
        .expect(0);
    assert!(proxy.was_troubled());
    assert_eq!(ran.counts(), &*format!("{RELEASES} inserted"));
    let statuses = "select status::text from ocds.request order by id";
    let bytes = ran.report()["bytes"].as_u64().unwrap();
    (ingest.column(statuses).await, bytes)
}

#[tokio::test]
async fn a_download_from_a_real_server_resumes_where_it_broke() {
    let content = release_lines(RELEASES);
    let packed = Reply::status(200).body(content.clone());
    let packed = packed.with_encoding(crate::publisher::Encoding::Gzip);
    let packed = packed.encoded_body().await;
    // Apache names the encoding of a file by its ending, and sends parts of the encoded file.
    let apache = WebServer::apache("AddEncoding x-gzip .gz").await;
    let nginx = WebServer::nginx("server { listen {address}; }").await;
    for server in [&nginx, &apache] {
        for (name, file) in [("lines.jsonl", &content), ("lines.jsonl.gz", &packed)] {
            server.write_file(name, file);
            let (statuses, bytes) = load_cut(server, name, file.len() as u64 / 2).await;
            assert_eq!(statuses, ["200", "206"], "{name}");
            assert_eq!(bytes, (file.len() + OVERLAP) as u64, "{name}");
        }
    }
}
