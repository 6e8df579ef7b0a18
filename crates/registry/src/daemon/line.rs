use serde::Deserialize;

/// A line of what the daemon tells while it works, as far as it matters here.
#[derive(Debug, Deserialize)]
pub(super) struct Line {
    /// Text for people.
    pub(super) stream: Option<String>,
    #[serde(rename = "errorDetail")]
    detail: Option<Detail>,
    /// The same as its detail; newer daemons leave it out.
    error: Option<String>,
}

#[derive(Debug, Deserialize)]
struct Detail {
    message: Option<String>,
}

impl Line {
    /// Why the work ended, if this line ends it.
    pub(super) fn error(&self) -> Option<&str> {
        let detail = self.detail.as_ref().map(|detail| detail.message.as_deref().unwrap_or_default());
        match (detail, self.error.as_deref()) {
            (None | Some(""), Some(error)) => Some(error),
            (detail, _) => detail,
        }
    }
}
