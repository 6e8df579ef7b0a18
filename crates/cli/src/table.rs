//! Columns as Docker's client aligns them.
//!
//! The rule is Go's `text/tabwriter` (elastic tabstops), called as Docker calls it: a cell is at least ten
//! wide and followed by at least three spaces. A column is a run of neighbouring lines that have a cell
//! there; text after a line's last tab belongs to no column, so nothing trails it. Docker's copy of
//! `tabwriter` counts columns of a terminal, not characters: CJK takes two.

use std::borrow::Cow;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

const NARROWEST: usize = 10;
const PADDING: usize = 3;

/// Rows of cells to be aligned.
#[derive(Debug, Default)]
pub(crate) struct Table {
    text: String,
}

impl Table {
    /// A table that begins with this line of headings.
    pub(crate) fn new<'a>(headings: impl IntoIterator<Item = &'a str>) -> Self {
        let mut table = Self::default();
        table.row(headings);
        table
    }

    /// Adds a row. A cell holds no tab and no newline: what comes from an image was escaped before.
    pub(crate) fn row<'a>(&mut self, cells: impl IntoIterator<Item = &'a str>) {
        for (column, cell) in cells.into_iter().enumerate() {
            if column > 0 {
                self.text.push('\t');
            }
            self.text.push_str(cell);
        }
        self.text.push('\n');
    }

    /// The aligned table, a line a row.
    pub(crate) fn render(&self) -> String {
        align(&self.text)
    }
}

/// At most so many columns of a terminal, the last one `…` where something was left out (Docker's `Ellipsis`, to which
/// a letter is two wide or one).
pub(crate) fn ellipsis(text: &str, width: usize) -> Cow<'_, str> {
    let columns = |letter: char| if letter.width() == Some(2) { 2 } else { 1 };
    if text.chars().map(columns).sum::<usize>() <= width {
        return Cow::Borrowed(text);
    }
    let mut used = 0_usize;
    let kept = text.chars().take_while(|letter| {
        used = used.saturating_add(columns(*letter));
        used < width
    });
    Cow::Owned(kept.chain((width > 0).then_some('…')).collect())
}

/// Replaces the tabs of a text by the spaces that align its columns.
pub(crate) fn align(text: &str) -> String {
    let lines: Vec<Vec<&str>> = text.split('\n').map(|line| line.split('\t').collect()).collect();
    let mut widths: Vec<Vec<usize>> =
        lines.iter().map(|line| vec![0; line.len().saturating_sub(1)]).collect();
    let columns = widths.iter().map(Vec::len).max().unwrap_or(0);
    for column in 0..columns {
        widen(&lines, &mut widths, column);
    }

    let mut aligned = String::with_capacity(text.len());
    for (number, (line, widths)) in lines.iter().zip(&widths).enumerate() {
        if number > 0 {
            aligned.push('\n');
        }
        for (column, cell) in line.iter().enumerate() {
            aligned.push_str(cell);
            if let Some(width) = widths.get(column) {
                aligned.extend(std::iter::repeat_n(' ', width.saturating_sub(cell.width())));
            }
        }
    }
    aligned
}

/// Gives each run of lines that have a cell in this column the width of its widest cell.
fn widen(lines: &[Vec<&str>], widths: &mut [Vec<usize>], column: usize) {
    let mut rows: Vec<_> = lines.iter().zip(widths).collect();
    for run in rows.chunk_by_mut(|(_, above), (_, below)| above.len().min(below.len()) > column) {
        let cells = run.iter().filter_map(|(line, _)| line.get(column));
        let width = cells.map(|cell| cell.width().saturating_add(PADDING)).max().unwrap_or(0).max(NARROWEST);
        for place in run.iter_mut().filter_map(|(_, widths)| widths.get_mut(column)) {
            *place = width;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_as_docker_prints_them() {
        let check = |input: &str, expect: &str| assert_eq!(align(input), expect, "{input:?}");
        check("", "");
        check("\n", "\n");
        check("no tab\n", "no tab\n");
        // docker images, as the reference of the docker command prints it.
        check(
            "REPOSITORY\tTAG\tIMAGE ID\tCREATED\tSIZE\n\
             <none>\t<none>\t77af4d6b9913\t19 hours ago\t1.089 GB\n\
             committ\tlatest\tb6fa739cedf5\t19 hours ago\t1.089 GB\n",
            "REPOSITORY   TAG       IMAGE ID       CREATED        SIZE\n\
             <none>       <none>    77af4d6b9913   19 hours ago   1.089 GB\n\
             committ      latest    b6fa739cedf5   19 hours ago   1.089 GB\n",
        );
        check(
            "REPOSITORY\tTAG\tIMAGE ID\tCREATED\tSIZE\n",
            "REPOSITORY   TAG       IMAGE ID   CREATED   SIZE\n",
        );
        // docker history: an empty last cell leaves the padding of the one before it.
        check("IMAGE\tSIZE\tCOMMENT\nabc\t0B\t\n", "IMAGE     SIZE      COMMENT\nabc       0B        \n");
        // As wide as a terminal shows it.
        check("日本語日本語\tx\nabc\ty\n", "日本語日本語   x\nabc            y\n");
        check("e\u{301}tude\tx\nabc\ty", "e\u{301}tude     x\nabc       y");
    }

    #[test]
    fn a_column_ends_where_a_line_lacks_it() {
        // The example of Go's text/tabwriter documentation, with Docker's widths.
        let input = "aaaaaaaaaaaa\tbbb\td\naa\tb\tdd\na\t\naa\tcccccccccc\teee";
        let expect = "aaaaaaaaaaaa   bbb       d\naa             b         dd\na              \naa             cccccccccc   eee";
        assert_eq!(align(input), expect);
    }

    #[test]
    fn long_text_is_cut_as_docker_cuts_it() {
        // From docker/cli's displayutils_test.go.
        let check = |text: &str, width: usize, expect: &str| {
            assert_eq!(ellipsis(text, width), expect, "{text} {width}");
        };
        check("t🐳ststring", 0, "");
        check("t🐳ststring", 2, "t…");
        check("t🐳ststring", 6, "t🐳st…");
        check("t🐳ststring", 20, "t🐳ststring");
        check("你好世界teststring", 0, "");
        check("你好世界teststring", 3, "你…");
        check("你好世界teststring", 6, "你好…");
        check("你好世界teststring", 20, "你好世界teststring");
    }

    #[test]
    fn rows_make_a_table() {
        let mut table = Table::new(["LAYER", "DIFF ID"]);
        table.row(["1", "0123456789ab"]);
        assert_eq!(table.render(), "LAYER     DIFF ID\n1         0123456789ab\n");
        assert_eq!(Table::default().render(), "");
    }
}
