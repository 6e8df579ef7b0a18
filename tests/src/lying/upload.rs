//! Uploads: at once, in two steps, in chunks, and blobs that are in another repository already.

use super::Request;
use super::answer::Answer;
use super::shelf::Shelf;
use crate::sha256;

/// An upload that is not finished.
#[derive(Debug, Default)]
pub(super) struct Upload {
    repository: String,
    bytes: Vec<u8>,
    /// In the query of its place, so that only the last place that was told is right.
    step: usize,
}

/// `POST`: a blob at once or from elsewhere, or the start of an upload.
pub(super) fn begin(shelf: &mut Shelf, repository: &str, request: &Request) -> Answer {
    if let Some(digest) = request.query("mount")
        && shelf.mount(&digest, request.query("from").as_deref(), repository)
    {
        return there(repository, &digest);
    }
    if let Some(digest) = request.query("digest") {
        return finish(shelf, repository, &digest, request.body.to_vec());
    }
    shelf.uploads_begun += 1;
    let id = format!("upload-{}", shelf.uploads_begun);
    let upload = Upload { repository: repository.to_owned(), ..Upload::default() };
    let answer = under_way(202, &id, &upload);
    shelf.uploads.insert(id, upload);
    answer
}

/// What is done to an upload that has begun.
pub(super) fn go_on(shelf: &mut Shelf, repository: &str, id: &str, request: &Request) -> Answer {
    let step = request.query("step").and_then(|step| step.parse().ok());
    let upload = shelf.uploads.get_mut(id).filter(|upload| upload.repository == repository);
    let Some(upload) = upload.filter(|upload| step == Some(upload.step)) else {
        return Answer::error(404, "BLOB_UPLOAD_UNKNOWN");
    };
    if matches!(&*request.method, "PATCH" | "PUT") {
        let start = request.header("Content-Range").map(|range| range.split('-').next().unwrap_or_default());
        if start.is_some_and(|start| start.parse() != Ok(upload.bytes.len())) {
            return Answer::error(416, "RANGE_INVALID");
        }
    }
    match &*request.method {
        "GET" => under_way(204, id, upload),
        "PATCH" => {
            upload.bytes.extend_from_slice(&request.body);
            upload.step += 1;
            under_way(202, id, upload)
        }
        "PUT" => {
            let Some(digest) = request.query("digest") else { return Answer::error(400, "DIGEST_INVALID") };
            let mut bytes = std::mem::take(&mut upload.bytes);
            bytes.extend_from_slice(&request.body);
            shelf.uploads.remove(id);
            finish(shelf, repository, &digest, bytes)
        }
        "DELETE" => {
            shelf.uploads.remove(id);
            Answer::new(204)
        }
        _ => Answer::error(405, "UNSUPPORTED"),
    }
}

fn finish(shelf: &mut Shelf, repository: &str, digest: &str, bytes: Vec<u8>) -> Answer {
    if sha256(&bytes) != digest {
        return Answer::error(400, "DIGEST_INVALID");
    }
    shelf.add_blob(repository, bytes);
    there(repository, digest)
}

fn there(repository: &str, digest: &str) -> Answer {
    let place = format!("/v2/{repository}/blobs/{digest}");
    Answer::new(201).with("Location", &place).with("Docker-Content-Digest", digest)
}

fn under_way(status: u16, id: &str, upload: &Upload) -> Answer {
    let place = format!("/v2/{}/blobs/uploads/{id}?step={}", upload.repository, upload.step);
    // Of nothing it is the same as of one byte, as everywhere.
    let range = format!("0-{}", upload.bytes.len().saturating_sub(1));
    Answer::new(status).with("Location", &place).with("Range", &range).with("Docker-Upload-UUID", id)
}
