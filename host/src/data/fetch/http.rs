//! Downloads over HTTP that survive a dropped connection.

use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;
use std::time::Duration;

use ureq::Agent;
use ureq::http::{HeaderMap, Response};

use super::job::Job;
use super::place::Failure;
use crate::data::error::Error;
use crate::data::store::BUFFER;

/// Finding and reaching a server; a machine without a network should move on soon.
const CONNECT: Duration = Duration::from_secs(5);
/// From the request to the first byte of the answer.
const ANSWER: Duration = Duration::from_secs(20);
/// For one request's content; a slow download goes on with the next request.
const CONTENT: Duration = Duration::from_secs(120);
/// Requests in a row that bring nothing new.
const ATTEMPTS: u32 = 3;

/// How one request ended.
enum Reply {
    Whole,
    /// With the reason.
    Broken(String),
    /// The server cannot continue what is there.
    StartOver,
}

/// Takes the wanted files from an address each.
pub(super) fn from_http(job: &mut Job<'_>, address: &str, suffix: &str) -> Result<(), Failure> {
    for file in job.wanted.clone() {
        let name = format!("{}{suffix}", file.name);
        let part = job.folder.join(format!("{name}.part"));
        // Room for the wrapping of content that does not compress.
        let limit = file.bytes + file.bytes / 100 + (1 << 16);
        take_download(job, &format!("{address}{name}"), &part, limit, |job, opened| job.place(file, suffix, opened))?;
    }
    Ok(())
}

/// Takes the wanted files from an archive.
pub(super) fn from_http_tar(job: &mut Job<'_>, address: &str, folder: &str) -> Result<(), Failure> {
    let name = address.rsplit('/').next().unwrap_or("archive");
    let part = job.folder.join(format!("{name}.part"));
    let limit = job.entry.bytes() + (16 << 20);
    take_download(job, address, &part, limit, |job, opened| job.place_from_tar(opened, folder))
}

/// Downloads to `part`, hands it to `unpack`, and removes it.
///
/// A part left by an earlier run may be of another server or another day, so content that proves wrong is fetched
/// once more from its start.
fn take_download<'a>(
    job: &mut Job<'a>,
    url: &str,
    part: &Path,
    limit: u64,
    unpack: impl Fn(&mut Job<'a>, fs::File) -> Result<(), Failure>,
) -> Result<(), Failure> {
    loop {
        let resumed = download(job, url, part, limit)?;
        let opened = fs::File::open(part).map_err(Error::io("open", part))?;
        let result = unpack(job, opened);
        if matches!(result, Err(Failure::Fatal(_))) {
            return result;
        }
        fs::remove_file(part).map_err(Error::io("remove", part))?;
        match result {
            Err(Failure::Source(reason)) if resumed => {
                job.progress.message(&format!("{}: {reason}; starting over", job.entry.name));
            }
            other => return other,
        }
    }
}

/// Downloads `url` to `part`, continuing what is there; at most `limit` bytes.
///
/// Returns whether anything came from an earlier request, and so perhaps from another version of the file.
fn download(job: &mut Job<'_>, url: &str, part: &Path, limit: u64) -> Result<bool, Failure> {
    let agent: Agent = Agent::config_builder()
        .timeout_resolve(Some(CONNECT))
        .timeout_connect(Some(CONNECT))
        .timeout_recv_response(Some(ANSWER))
        .timeout_recv_body(Some(CONTENT))
        .http_status_as_error(false)
        .user_agent(concat!("rewire/", env!("CARGO_PKG_VERSION")))
        .build()
        .into();
    let mut out = fs::OpenOptions::new().create(true).append(true).open(part).map_err(Error::io("create", part))?;
    let mut most = length(&out, part)?;
    let mut resumed = most > 0;
    let mut failures = 0;
    loop {
        let held = length(&out, part)?;
        match request(job, &agent, url, (&mut out, part), held, limit) {
            Ok(Reply::Whole) => return Ok(resumed),
            Ok(Reply::Broken(reason)) => {
                let now = length(&out, part)?;
                failures = if now > most { 0 } else { failures + 1 };
                // Nothing at all, even at first: the server is out of reach, so waiting will not help.
                if now == 0 || failures == ATTEMPTS {
                    return Err(stopped(part, now, reason));
                }
                job.progress.message(&format!("{}: {reason}; going on from byte {now}", job.entry.name));
                most = most.max(now);
                resumed = true;
                std::thread::sleep(Duration::from_millis(200) * failures);
            }
            Ok(Reply::StartOver) => {
                truncate(&mut out, part)?;
                failures += 1;
                if failures == ATTEMPTS {
                    return Err(stopped(part, 0, "the server sends no part of the file".to_owned()));
                }
            }
            Err(Failure::Source(reason)) => return Err(stopped(part, length(&out, part)?, reason)),
            Err(fatal) => return Err(fatal),
        }
    }
}

/// An empty part is worth nothing to the next run.
fn stopped(part: &Path, held: u64, reason: String) -> Failure {
    if held == 0 {
        let _ = fs::remove_file(part);
    }
    Failure::Source(reason)
}

fn length(out: &fs::File, part: &Path) -> Result<u64, Error> {
    Ok(out.metadata().map_err(Error::io("read", part))?.len())
}

fn truncate(out: &mut fs::File, part: &Path) -> Result<(), Error> {
    out.set_len(0).and_then(|()| out.seek(SeekFrom::Start(0))).map_err(Error::io("write", part))?;
    Ok(())
}

fn request(
    job: &mut Job<'_>,
    agent: &Agent,
    url: &str,
    (out, part): (&mut fs::File, &Path),
    mut held: u64,
    limit: u64,
) -> Result<Reply, Failure> {
    let mut request = agent.get(url);
    if held > 0 {
        request = request.header("range", format!("bytes={held}-"));
    }
    let response = match request.call() {
        Ok(response) => response,
        Err(ureq::Error::Io(error)) => return Ok(Reply::Broken(error.to_string())),
        Err(error) => return Ok(Reply::Broken(error.to_string())),
    };
    let total = match response.status().as_u16() {
        200 => {
            // The server ignored the range and sends everything.
            if held > 0 {
                truncate(out, part)?;
                held = 0;
            }
            number(response.headers(), "content-length")
        }
        206 => match content_range(response.headers()) {
            Some((Some(start), total)) if start == held => Some(total),
            _ => return Ok(Reply::StartOver),
        },
        // Nothing follows what is there: it is whole, or it is longer than the file.
        416 if held > 0 => match content_range(response.headers()) {
            Some((_, total)) if total == held => return Ok(Reply::Whole),
            _ => return Ok(Reply::StartOver),
        },
        status => return Err(Failure::Source(format!("the server answers {}", reason_of(status, &response)))),
    };
    if let Some(total) = total.filter(|&total| total > limit) {
        return Err(Failure::Source(format!("the server offers {total} bytes, at most {limit} were expected")));
    }
    let label = part.file_stem().map_or_else(String::new, |name| name.to_string_lossy().into_owned());
    job.progress.start(&label, total);
    let mut content = response.into_body().into_reader();
    let mut buffer = vec![0; BUFFER];
    loop {
        job.progress.advance(held);
        if job.progress.cancelled() {
            return Err(Error::Interrupted { dataset: job.entry.name }.into());
        }
        let n = match content.read(&mut buffer) {
            Ok(0) => break,
            Ok(n) => n,
            Err(error) => return Ok(Reply::Broken(format!("the connection broke: {error}"))),
        };
        held += n as u64;
        if held > limit {
            truncate(out, part)?;
            return Err(Failure::Source(format!("the server sends more than the {limit} bytes expected")));
        }
        out.write_all(&buffer[..n]).map_err(Error::io("write", part))?;
    }
    match total {
        Some(total) if held < total => Ok(Reply::Broken(format!("the connection ended at byte {held} of {total}"))),
        _ => Ok(Reply::Whole),
    }
}

fn reason_of<T>(status: u16, response: &Response<T>) -> String {
    format!("{status} {}", response.status().canonical_reason().unwrap_or_default()).trim_end().to_owned()
}

fn number(headers: &HeaderMap, name: &str) -> Option<u64> {
    headers.get(name)?.to_str().ok()?.trim().parse().ok()
}

/// `bytes START-END/TOTAL` or `bytes */TOTAL`, as start and total.
fn content_range(headers: &HeaderMap) -> Option<(Option<u64>, u64)> {
    let value = headers.get("content-range")?.to_str().ok()?;
    let (range, total) = value.trim().strip_prefix("bytes")?.trim().split_once('/')?;
    let start = range.split_once('-').and_then(|(start, _)| start.trim().parse().ok());
    Some((start, total.trim().parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn content_range_is_read() {
        let parse = |value: &str| {
            let mut headers = HeaderMap::new();
            headers.insert("content-range", value.parse().unwrap());
            content_range(&headers)
        };
        assert_eq!(parse("bytes 5-9/10"), Some((Some(5), 10)));
        assert_eq!(parse("bytes */10"), Some((None, 10)));
        assert_eq!(parse("bytes 5-9/*"), None);
        assert_eq!(parse("pages 5-9/10"), None);
    }
}
