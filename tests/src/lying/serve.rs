//! Honest answers.

use std::ops::RangeInclusive;

use serde_json::{Value, json};

use super::answer::Answer;
use super::route::Route;
use super::shelf::{Manifest, Shelf};
use super::{Request, State, upload};
use crate::sha256;

const DIGEST: &str = "Docker-Content-Digest";

/// What an honest registry says, and does.
pub(super) fn answer(state: &mut State, request: &Request) -> Answer {
    let route = Route::of(request);
    let shelf = &mut state.shelf;
    match (&*request.method, route) {
        ("GET" | "POST", Route::Token) => {
            let mut issuer = state.issuer.lock().unwrap();
            issuer.issue(request, &state.guard)
        }
        ("GET" | "HEAD", Route::Base) => Answer::json(200, &json!({})),
        ("GET" | "HEAD", Route::Manifest(repository, reference)) => manifest(shelf, &repository, &reference),
        ("PUT", Route::Manifest(repository, reference)) => put(shelf, &repository, &reference, request),
        ("GET" | "HEAD", Route::Blob(repository, digest)) => blob(shelf, &repository, &digest, request),
        ("GET" | "HEAD", Route::Tags(repository)) => tags(shelf, &repository, request),
        ("POST", Route::Uploads(repository)) => upload::begin(shelf, &repository, request),
        (_, Route::Upload(repository, id)) => upload::go_on(shelf, &repository, &id, request),
        (_, Route::Elsewhere) => Answer::error(404, "NOT_FOUND"),
        _ => Answer::error(405, "UNSUPPORTED"),
    }
}

fn manifest(shelf: &Shelf, repository: &str, reference: &str) -> Answer {
    let Some(Manifest { media_type, digest, bytes }) = shelf.manifest(repository, reference) else {
        return Answer::error(404, "MANIFEST_UNKNOWN");
    };
    Answer::new(200).with("Content-Type", media_type).with(DIGEST, digest).bytes(bytes.to_vec())
}

/// Takes a manifest whose parts are here.
fn put(shelf: &mut Shelf, repository: &str, reference: &str, request: &Request) -> Answer {
    let digest = sha256(&request.body);
    if reference.contains(':') && reference != digest {
        return Answer::error(400, "DIGEST_INVALID");
    }
    let Ok(document) = serde_json::from_slice::<Value>(&request.body) else {
        return Answer::error(400, "MANIFEST_INVALID");
    };
    let digests = |key: &str| -> Vec<String> {
        let part = &document[key];
        let all = part.as_array().map_or(std::slice::from_ref(part), Vec::as_slice);
        // What says where else it is need not be here.
        let ours = all.iter().filter(|part| part["urls"].is_null());
        ours.filter_map(|part| part["digest"].as_str().map(str::to_owned)).collect()
    };
    let blobs = ["config", "layers"].map(digests).concat();
    if !blobs.iter().all(|blob| shelf.blob(repository, blob).is_some())
        || !digests("manifests").iter().all(|child| shelf.manifest(repository, child).is_some())
    {
        return Answer::error(400, "MANIFEST_BLOB_UNKNOWN");
    }
    let media_type = request.header("Content-Type").unwrap_or_default();
    shelf.add_manifest(repository, Some(reference), media_type, request.body.to_vec());
    let place = format!("/v2/{repository}/manifests/{digest}");
    Answer::new(201).with("Location", &place).with(DIGEST, &digest)
}

fn blob(shelf: &Shelf, repository: &str, digest: &str, request: &Request) -> Answer {
    let Some(bytes) = shelf.blob(repository, digest) else { return Answer::error(404, "BLOB_UNKNOWN") };
    let answer = Answer::new(200)
        .with("Content-Type", "application/octet-stream")
        .with("Accept-Ranges", "bytes")
        .with(DIGEST, digest);
    let whole = bytes.len();
    // A range of a HEAD means nothing.
    match request.header("Range").filter(|_| request.method == "GET").and_then(|text| range(text, whole)) {
        None => answer.bytes(bytes.to_vec()),
        Some(range) if range.is_empty() => {
            Answer::error(416, "RANGE_INVALID").with("Content-Range", &format!("bytes */{whole}"))
        }
        Some(range) => {
            let told = format!("bytes {}-{}/{whole}", range.start(), range.end());
            answer.status(206).with("Content-Range", &told).bytes(bytes[range].to_vec())
        }
    }
}

/// `bytes=3-5`, `bytes=3-`, `bytes=-2`. Nothing where it is none, which is served as a whole; empty where no byte of it
/// is there.
#[expect(clippy::reversed_empty_ranges, reason = "an empty range")]
fn range(text: &str, whole: usize) -> Option<RangeInclusive<usize>> {
    let (first, last) = text.strip_prefix("bytes=")?.split_once('-')?;
    let range = match (first.parse::<usize>().ok(), last.parse::<usize>().ok()) {
        (Some(first), Some(last)) if first <= last => first..=last.min(whole.checked_sub(1)?),
        (Some(first), None) if last.is_empty() => first..=whole.checked_sub(1)?,
        (None, Some(0)) if first.is_empty() => 1..=0,
        (None, Some(last)) if first.is_empty() => whole.saturating_sub(last)..=whole.checked_sub(1)?,
        _ => return None,
    };
    Some(range)
}

fn tags(shelf: &Shelf, repository: &str, request: &Request) -> Answer {
    let Some(mut tags) = shelf.tags(repository) else { return Answer::error(404, "NAME_UNKNOWN") };
    if let Some(last) = request.query("last") {
        tags.retain(|tag| **tag > *last);
    }
    let asked = request.query("n").and_then(|n| n.parse().ok());
    let most = asked.into_iter().chain(shelf.tags_at_once).min().unwrap_or(usize::MAX);
    let more = tags.len() > most;
    tags.truncate(most);
    let answer = Answer::json(200, &json!({"name": repository, "tags": tags}));
    match tags.last().filter(|_| more) {
        Some(last) => {
            let next = format!("</v2/{repository}/tags/list?n={most}&last={last}>; rel=\"next\"");
            answer.with("Link", &next)
        }
        None => answer,
    }
}
