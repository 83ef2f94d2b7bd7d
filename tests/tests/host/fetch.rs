//! Downloading datasets over a real socket: resumed, refused, started over.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;

use flate2::{Compression, GzBuilder, write::GzEncoder};
use rewire::commands::data as command;
use rewire::data::manifest::{Entry, Source};
use rewire::data::store::{self, State};
use rewire::data::{DatasetName, Error, Progress, Silent, fetch};

use crate::dataset::{edit, names, placed, small};

fn gzip(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(bytes).unwrap();
    encoder.finish().unwrap()
}

/// How the server treats a request.
#[derive(Clone, Copy)]
enum Manner {
    /// As asked, ranges included.
    Plain,
    /// As asked, but the connection ends after this many bytes of content, for this many requests.
    Dropping { after: usize, requests: usize },
    /// Always everything, whatever range is asked for.
    NoRanges { drop_first_after: usize },
    /// Everything, without saying how much.
    Unending,
}

/// An HTTP server on the loopback interface that knows a few files.
struct Server {
    address: String,
    /// The request lines with their ranges.
    log: Arc<Mutex<Vec<String>>>,
}

impl Server {
    fn start(files: Vec<(String, Vec<u8>)>, manner: Manner) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}/", listener.local_addr().unwrap());
        let log = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&log);
        // Ends with the test's process.
        thread::spawn(move || {
            for (count, stream) in listener.incoming().enumerate() {
                // A client that hangs up early is what some tests are about.
                let _ = answer(&mut stream.unwrap(), &files, manner, count, &seen);
            }
        });
        Self { address, log }
    }

    fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    fn source(&self, suffix: &str) -> Source {
        Source::Http { address: self.address.clone(), suffix: suffix.to_owned() }
    }
}

fn answer(
    stream: &mut TcpStream,
    files: &[(String, Vec<u8>)],
    manner: Manner,
    count: usize,
    log: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let request = lines.next().unwrap_or_else(|| Ok(String::new()))?;
    let mut range = None;
    for line in lines {
        let line = line?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(value) = line.strip_prefix("range: bytes=") {
            range = value.trim_end_matches('-').parse::<usize>().ok();
        }
    }
    let name = request.split(' ').nth(1).unwrap_or_default().trim_start_matches('/').to_owned();
    log.lock().unwrap().push(range.map_or_else(|| name.clone(), |start| format!("{name} from {start}")));
    let Some((_, content)) = files.iter().find(|(known, _)| *known == name) else {
        return write!(stream, "HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
    };
    let total = content.len();
    let limit = match manner {
        Manner::Dropping { after, requests } if count < requests => after,
        Manner::NoRanges { drop_first_after } if count == 0 => drop_first_after,
        _ => usize::MAX,
    };
    if let Manner::Unending = manner {
        write!(stream, "HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n")?;
        // More than any limit of the small dataset, and bounded.
        return (0..1024).try_for_each(|_| stream.write_all(&[0; 1 << 12]));
    }
    let start = range.filter(|_| !matches!(manner, Manner::NoRanges { .. }));
    let head = match start {
        Some(start) if start >= total => {
            return write!(
                stream,
                "HTTP/1.1 416 Range Not Satisfiable\r\n\
                 content-range: bytes */{total}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n"
            );
        }
        Some(start) => format!("206 Partial Content\r\ncontent-range: bytes {start}-{}/{total}", total - 1),
        None => "200 OK".to_owned(),
    };
    let rest = &content[start.unwrap_or(0)..];
    write!(stream, "HTTP/1.1 {head}\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", rest.len())?;
    stream.write_all(&rest[..limit.min(rest.len())])
}

fn gzipped(entry: &Entry, contents: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
    entry.files.iter().zip(contents).map(|(file, content)| (format!("{}.gz", file.name), gzip(content))).collect()
}

fn plain(entry: &Entry, contents: &[Vec<u8>]) -> Vec<(String, Vec<u8>)> {
    entry.files.iter().zip(contents).map(|(file, content)| (file.name.clone(), content.clone())).collect()
}

/// Every file is there and right, and nothing else is.
fn assert_complete(entry: &Entry, cache: &Path) {
    command::verify_entries(&[entry], cache, false, &mut Vec::new()).unwrap();
    let mut expected: Vec<_> = entry.files.iter().map(|file| file.name.clone()).collect();
    expected.sort();
    assert_eq!(names(&store::folder(entry, cache)), expected);
}

#[test]
fn fetch_unpacks_and_verifies() {
    let (mut entry, contents) = small();
    let server = Server::start(gzipped(&entry, &contents), Manner::Plain);
    entry.sources = vec![server.source(".gz")];
    let cache = tempfile::tempdir().unwrap();
    assert_eq!(fetch::bring(&entry, cache.path(), &mut Silent).unwrap().len(), 4);
    assert_complete(&entry, cache.path());
    assert_eq!(server.log().len(), 4);
    // Nothing is asked for again.
    assert_eq!(fetch::bring(&entry, cache.path(), &mut Silent).unwrap(), [""; 0]);
    assert_eq!(server.log().len(), 4);
}

#[test]
fn fetch_resumes_a_dropped_connection() {
    let (mut entry, contents) = small();
    let server = Server::start(gzipped(&entry, &contents), Manner::Dropping { after: 9000, requests: 3 });
    entry.sources = vec![server.source(".gz")];
    let cache = tempfile::tempdir().unwrap();
    fetch::bring(&entry, cache.path(), &mut Silent).unwrap();
    assert_complete(&entry, cache.path());
    let name = "train-images-idx3-ubyte.gz";
    assert_eq!(
        server.log()[..4],
        [name.to_owned(), format!("{name} from 9000"), format!("{name} from 18000"), format!("{name} from 27000")]
    );
}

#[test]
fn fetch_continues_the_part_of_an_earlier_run() {
    let (mut entry, contents) = small();
    let server = Server::start(plain(&entry, &contents), Manner::Plain);
    entry.sources = vec![server.source("")];
    let cache = tempfile::tempdir().unwrap();
    let folder = store::folder(&entry, cache.path());
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("train-images-idx3-ubyte.part"), &contents[0][..12345]).unwrap();
    // This one arrived in full, but the run ended before it was checked.
    fs::write(folder.join("t10k-images-idx3-ubyte.part"), &contents[2]).unwrap();
    assert_eq!(store::state(&entry, cache.path()), State::Partial);
    fetch::bring(&entry, cache.path(), &mut Silent).unwrap();
    assert_complete(&entry, cache.path());
    let log = server.log();
    assert!(log.contains(&"train-images-idx3-ubyte from 12345".to_owned()), "{log:?}");
    assert!(log.contains(&format!("t10k-images-idx3-ubyte from {}", contents[2].len())), "{log:?}");
    assert_eq!(log.len(), 4);
}

#[test]
fn fetch_starts_over_from_a_part_that_proves_wrong() {
    let (mut entry, contents) = small();
    let server = Server::start(gzipped(&entry, &contents), Manner::Plain);
    entry.sources = vec![server.source(".gz")];
    for stale in [1000, 1 << 20] {
        let cache = tempfile::tempdir().unwrap();
        let folder = store::folder(&entry, cache.path());
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("train-images-idx3-ubyte.gz.part"), vec![0; stale]).unwrap();
        fetch::bring(&entry, cache.path(), &mut Silent).unwrap();
        assert_complete(&entry, cache.path());
    }
}

#[test]
fn fetch_copes_with_a_server_without_ranges() {
    let (mut entry, contents) = small();
    let server = Server::start(gzipped(&entry, &contents), Manner::NoRanges { drop_first_after: 9000 });
    entry.sources = vec![server.source(".gz")];
    let cache = tempfile::tempdir().unwrap();
    fetch::bring(&entry, cache.path(), &mut Silent).unwrap();
    assert_complete(&entry, cache.path());
}

#[test]
fn fetch_takes_files_from_a_tar_archive() {
    let (mut entry, contents) = small();
    let mut archive = tar::Builder::new(GzBuilder::new().write(Vec::new(), Compression::fast()));
    for (name, content) in plain(&entry, &contents) {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, format!("batches/{name}"), content.as_slice()).unwrap();
    }
    let bytes = archive.into_inner().unwrap().finish().unwrap();
    let server = Server::start(vec![("all.tar.gz".to_owned(), bytes)], Manner::Dropping { after: 20_000, requests: 1 });
    let from = |folder: &str| {
        vec![Source::HttpTar { address: format!("{}all.tar.gz", server.address), folder: folder.to_owned() }]
    };
    let cache = tempfile::tempdir().unwrap();
    entry.sources = from("elsewhere");
    let text = fetch::bring(&entry, cache.path(), &mut Silent).unwrap_err().to_string();
    assert!(text.contains("the archive holds no elsewhere/train-images-idx3-ubyte"), "{text}");
    entry.sources = from("batches");
    fetch::bring(&entry, cache.path(), &mut Silent).unwrap();
    assert_complete(&entry, cache.path());
}

#[test]
fn fetch_leaves_nothing_of_a_file_with_a_wrong_hash() {
    let (mut entry, mut contents) = small();
    contents[0][5000] ^= 1;
    let server = Server::start(gzipped(&entry, &contents), Manner::Plain);
    entry.sources = vec![server.source(".gz")];
    let cache = tempfile::tempdir().unwrap();
    let error = fetch::bring(&entry, cache.path(), &mut Silent).unwrap_err();
    let text = error.to_string();
    assert!(text.contains("train-images-idx3-ubyte has sha256") && text.contains(&entry.files[0].sha256), "{text}");
    assert_eq!(names(&store::folder(&entry, cache.path())), [""; 0]);
}

#[test]
fn fetch_keeps_good_files_and_replaces_damaged_ones() {
    let (mut entry, contents) = small();
    let server = Server::start(plain(&entry, &contents), Manner::Plain);
    entry.sources = vec![server.source("")];
    let (cache, _) = placed();
    edit(cache.path(), &entry, 2, |bytes| bytes[100] ^= 1);
    assert_eq!(fetch::bring(&entry, cache.path(), &mut Silent).unwrap(), ["t10k-images-idx3-ubyte"]);
    assert_complete(&entry, cache.path());
    assert_eq!(server.log(), ["t10k-images-idx3-ubyte"]);
}

#[test]
fn fetch_goes_on_to_the_next_source() {
    let (mut entry, contents) = small();
    let empty = Server::start(Vec::new(), Manner::Plain);
    let full = Server::start(plain(&entry, &contents), Manner::Plain);
    // A port that was just closed: nobody listens there.
    let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let nobody = Source::Http { address: format!("http://{closed}/"), suffix: String::new() };
    entry.sources = vec![nobody.clone(), empty.source(""), full.source("")];
    let cache = tempfile::tempdir().unwrap();
    fetch::bring(&entry, cache.path(), &mut Silent).unwrap();
    assert_complete(&entry, cache.path());

    // Without the last one, the error lists what was tried and what to do by hand.
    entry.sources = vec![nobody, empty.source("")];
    let cache = tempfile::tempdir().unwrap();
    let text = fetch::bring(&entry, cache.path(), &mut Silent).unwrap_err().to_string();
    for part in [
        &format!("http://{closed}/: "),
        &format!("{}: the server answers 404 Not Found", empty.address),
        &format!("into {}", store::folder(&entry, cache.path()).display()),
        "t10k-labels-idx1-ubyte (28 bytes)",
        "rewire data verify mnist",
    ] {
        assert!(text.contains(part), "{part} is not in {text}");
    }
    assert_eq!(names(&store::folder(&entry, cache.path())), [""; 0]);
}

#[test]
fn fetch_stops_at_more_than_was_expected() {
    let (mut entry, contents) = small();
    let server = Server::start(plain(&entry, &contents), Manner::Unending);
    entry.sources = vec![server.source("")];
    let cache = tempfile::tempdir().unwrap();
    let text = fetch::bring(&entry, cache.path(), &mut Silent).unwrap_err().to_string();
    assert!(text.contains("more than the"), "{text}");
    assert_eq!(names(&store::folder(&entry, cache.path())), [""; 0]);

    let server = Server::start(vec![("train-images-idx3-ubyte".to_owned(), vec![0; 1 << 20])], Manner::Plain);
    entry.sources = vec![server.source("")];
    let text = fetch::bring(&entry, cache.path(), &mut Silent).unwrap_err().to_string();
    assert!(text.contains("the server offers 1048576 bytes"), "{text}");
    assert_eq!(names(&store::folder(&entry, cache.path())), [""; 0]);
}

/// Asks to stop once this many bytes have arrived.
struct StopAt(u64, bool);

impl Progress for StopAt {
    fn message(&mut self, _text: &str) {}
    fn start(&mut self, _label: &str, _total: Option<u64>) {}
    fn advance(&mut self, bytes: u64) {
        self.1 |= bytes >= self.0;
    }
    fn finish(&mut self) {}
    fn cancelled(&self) -> bool {
        self.1
    }
}

#[test]
fn an_interrupted_fetch_leaves_only_a_part_and_goes_on_later() {
    let (mut entry, contents) = small();
    let server = Server::start(plain(&entry, &contents), Manner::Dropping { after: 9000, requests: 1 });
    entry.sources = vec![server.source("")];
    let cache = tempfile::tempdir().unwrap();
    let error = fetch::bring(&entry, cache.path(), &mut StopAt(1, false)).unwrap_err();
    assert!(matches!(error, Error::Interrupted { dataset: DatasetName::Mnist }), "{error}");
    assert_eq!(names(&store::folder(&entry, cache.path())), ["train-images-idx3-ubyte.part"]);
    fetch::bring(&entry, cache.path(), &mut Silent).unwrap();
    assert_complete(&entry, cache.path());
    assert!(server.log()[1].contains(" from "), "{:?}", server.log());
}

#[test]
fn an_unwritable_cache_is_named() {
    let file = tempfile::NamedTempFile::new().unwrap();
    let (entry, _) = small();
    let text = fetch::bring(&entry, file.path(), &mut Silent).unwrap_err().to_string();
    assert!(text.starts_with("cannot create ") && text.contains(&file.path().display().to_string()), "{text}");
}

#[cfg(unix)]
#[test]
fn a_package_manager_is_asked_to_download_and_for_nothing_else() {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let bin = folder.path().join("bin");
    fs::create_dir(&bin).unwrap();
    let calls = folder.path().join("calls");
    for client in ["apt-get", "npm"] {
        let script = format!(
            "#!/bin/sh\necho \"{client} $*\" >> {}\necho 'E: Unable to locate package' >&2\nexit 100\n",
            calls.display()
        );
        fs::write(bin.join(client), script).unwrap();
        fs::set_permissions(bin.join(client), fs::Permissions::from_mode(0o755)).unwrap();
    }
    for dataset in ["mnist", "fashion-mnist"] {
        let mut command = crate::program::command(folder.path(), &format!("data fetch {dataset}"));
        let outcome = crate::program::outcome(command.env("PATH", &bin));
        assert_eq!(outcome.code, Some(1), "{}", outcome.stderr);
        assert!(outcome.stderr.contains("Unable to locate package"), "{}", outcome.stderr);
    }
    let calls = fs::read_to_string(calls).unwrap();
    let calls: Vec<&str> = calls.lines().collect();
    let download = |call: &&str| call.starts_with("apt-get download ") || call.starts_with("npm pack ");
    assert!(calls.len() == 2 && calls.iter().all(download), "{calls:?}");
}
