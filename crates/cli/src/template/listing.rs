use gtmpl_ng::Value;

use super::{Data, Template, TemplateError};
use crate::table;

/// The columns of a listing: what `--format` may name.
#[derive(Debug)]
pub(crate) struct Columns {
    /// What is shown without `--format`, or with `--format table`.
    pub(crate) table: &'static str,
    /// Each field, and its heading.
    pub(crate) headings: &'static [(&'static str, &'static str)],
}

/// `docker images` (docker/cli, `cli/command/formatter/image.go`).
pub(crate) const IMAGES: Columns = Columns {
    table: "table {{.Repository}}\t{{.Tag}}\t{{.ID}}\t{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}",
    headings: &[
        ("ID", "IMAGE ID"),
        ("Repository", "REPOSITORY"),
        ("Tag", "TAG"),
        ("Digest", "DIGEST"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("Size", "SIZE"),
        ("Containers", "CONTAINERS"),
        ("VirtualSize", "SIZE"),
        ("SharedSize", "SHARED SIZE"),
        ("UniqueSize", "UNIQUE SIZE"),
    ],
};

/// `docker images --digests`.
pub(crate) const IMAGES_WITH_DIGESTS: Columns = Columns {
    table: "table {{.Repository}}\t{{.Tag}}\t{{.Digest}}\t{{.ID}}\t{{if .CreatedSince}}{{.CreatedSince}}{{else}}N/A{{end}}\t{{.Size}}",
    headings: IMAGES.headings,
};

/// `docker history` (docker/cli, `cli/command/image/formatter_history.go`).
pub(crate) const HISTORY: Columns = Columns {
    table: "table {{.ID}}\t{{.CreatedSince}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    headings: &[
        ("ID", "IMAGE"),
        ("CreatedSince", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("CreatedBy", "CREATED BY"),
        ("Size", "SIZE"),
        ("Comment", "COMMENT"),
    ],
};

/// `docker history --human=false`.
pub(crate) const HISTORY_PLAIN: Columns = Columns {
    table: "table {{.ID}}\t{{.CreatedAt}}\t{{.CreatedBy}}\t{{.Size}}\t{{.Comment}}",
    headings: HISTORY.headings,
};

/// `docker ps` (docker/cli, `cli/command/formatter/container.go`).
pub(crate) const CONTAINERS: Columns = Columns {
    table: "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}",
    headings: &[
        ("ID", "CONTAINER ID"),
        ("Image", "IMAGE"),
        ("Command", "COMMAND"),
        ("RunningFor", "CREATED"),
        ("CreatedAt", "CREATED AT"),
        ("State", "STATE"),
        ("Status", "STATUS"),
        ("Ports", "PORTS"),
        ("Names", "NAMES"),
        ("Labels", "LABELS"),
        ("LocalVolumes", "LOCAL VOLUMES"),
        ("Mounts", "MOUNTS"),
        ("Networks", "NETWORKS"),
        ("Size", "SIZE"),
    ],
};

/// `docker ps --size`.
pub(crate) const CONTAINERS_WITH_SIZES: Columns = Columns {
    table: "table {{.ID}}\t{{.Image}}\t{{.Command}}\t{{.RunningFor}}\t{{.Status}}\t{{.Ports}}\t{{.Names}}\t{{.Size}}",
    headings: CONTAINERS.headings,
};

/// A listing's `--format`: `table`, `table TEMPLATE`, `json`, or a template that is filled once a row.
///
/// Only a table is aligned. `\t` and `\n`, two characters each, are read as tab and newline, which `inspect -f`
/// does not do.
#[derive(Debug)]
pub(crate) struct Listing {
    row: Template,
    /// The line above a table, if it is one.
    heading: Option<String>,
}

impl Listing {
    /// Reads a format.
    ///
    /// # Errors
    ///
    /// It is no template.
    pub(crate) fn parse(format: &str, columns: &Columns) -> Result<Self, TemplateError> {
        let format = if format == "table" { columns.table } else { format };
        let (is_table, format) = match format.strip_prefix("table") {
            Some(format) => (true, format),
            None => (false, if format == "json" { "{{json .}}" } else { format }),
        };
        let text = format.trim_matches(' ').replace("\\t", "\t").replace("\\n", "\n");
        let headings =
            columns.headings.iter().map(|(field, heading)| ((*field).to_owned(), Value::from(*heading)));
        let heading = if is_table { Some(Template::heading(&text, headings)?) } else { None };
        Ok(Self { row: Template::parse(&text)?, heading })
    }

    /// The listing, a line a row.
    ///
    /// # Errors
    ///
    /// A row lacks a field, or a function is given what it does not take.
    pub(crate) fn render<'a>(
        &self,
        rows: impl IntoIterator<Item = Data<'a>>,
    ) -> Result<String, TemplateError> {
        let mut text = String::new();
        if let Some(heading) = &self.heading {
            text.push_str(heading);
            text.push('\n');
        }
        for row in rows {
            let row = if self.heading.is_some() { row.in_cells() } else { row };
            text.push_str(&self.row.render(&row)?);
            text.push('\n');
        }
        Ok(if self.heading.is_some() { table::align(&text) } else { text })
    }
}
