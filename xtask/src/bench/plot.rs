//! Horizontal bars as SVG, readable on light and on dark pages.

use std::fmt::Write;

pub(super) struct Plot<'a> {
    pub(super) title: &'a str,
    /// Under the bars: the machine, and how to read them.
    pub(super) notes: Vec<String>,
    pub(super) bars: Vec<Bar>,
    /// Bars grow with the logarithm; one of length 1 reaches the line that is drawn there.
    pub(super) logarithmic: bool,
}

pub(super) struct Bar {
    pub(super) label: String,
    pub(super) value: f64,
    /// At the end of the bar.
    pub(super) text: String,
    pub(super) ours: bool,
}

const WIDTH: f64 = 860.0;
const LEFT: f64 = 360.0;
const RIGHT: f64 = 90.0;
const ROW: f64 = 24.0;
const TOP: f64 = 48.0;

const STYLE: &str = "text{font:13px system-ui,sans-serif;fill:#24292f}.title{font-weight:600;font-size:15px}\
.note{font-size:11px;fill:#656d76}.ours{fill:#b35900}.other{fill:#8c959f}.one{stroke:#656d76;stroke-dasharray:3}\
@media(prefers-color-scheme:dark){text{fill:#e6edf3}.note{fill:#9198a1}.ours{fill:#f0883e}.other{fill:#6e7681}\
.one{stroke:#9198a1}}";

impl Plot<'_> {
    pub(super) fn svg(&self) -> String {
        let below = TOP + count(self.bars.len()) * ROW;
        let height = below + 14.0 + count(self.notes.len()) * 16.0;
        let mut svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\">\n\
             <style>{STYLE}</style>\n<text class=\"title\" x=\"12\" y=\"26\">{}</text>\n",
            escaped(self.title)
        );
        for (row, bar) in self.bars.iter().enumerate() {
            let y = TOP + count(row) * ROW;
            let width = self.length(bar.value);
            let class = if bar.ours { "ours" } else { "other" };
            let _ = writeln!(
                svg,
                "<text x=\"{:.0}\" y=\"{:.0}\" text-anchor=\"end\">{}</text>\
                 <rect class=\"{class}\" x=\"{LEFT}\" y=\"{:.0}\" width=\"{width:.1}\" height=\"16\" rx=\"2\"/>\
                 <text x=\"{:.0}\" y=\"{:.0}\">{}</text>",
                LEFT - 8.0,
                y + 13.0,
                escaped(&bar.label),
                y,
                LEFT + width + 6.0,
                y + 13.0,
                escaped(&bar.text)
            );
        }
        if self.logarithmic {
            let x = LEFT + self.length(1.0);
            let _ = writeln!(svg, "<path class=\"one\" d=\"M{x:.1} {:.0}V{below:.0}\"/>", TOP - 6.0);
        }
        for (row, note) in self.notes.iter().enumerate() {
            let y = below + 18.0 + count(row) * 16.0;
            let _ = writeln!(svg, "<text class=\"note\" x=\"12\" y=\"{y:.0}\">{}</text>", escaped(note));
        }
        svg.push_str("</svg>\n");
        svg
    }

    fn length(&self, value: f64) -> f64 {
        let most = self.bars.iter().map(|bar| bar.value).fold(1.0, f64::max);
        let share = if self.logarithmic {
            // From a quarter to the longest.
            (value * 4.0).max(1.0).ln() / (most * 4.0).ln()
        } else {
            value / most
        };
        share * (WIDTH - LEFT - RIGHT)
    }
}

/// Rows of a picture: far below where a float loses count.
#[expect(clippy::cast_precision_loss, reason = "rows of a picture are few")]
fn count(rows: usize) -> f64 {
    rows as f64
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plot(logarithmic: bool) -> Plot<'static> {
        let bar = |value: f64| Bar { label: "a < b".into(), value, text: String::new(), ours: true };
        Plot { title: "bars", notes: vec![], bars: vec![bar(2.0), bar(4.0)], logarithmic }
    }

    #[test]
    fn the_longest_bar_fills_the_width() {
        let check = |logarithmic, value: f64, expect: f64| {
            let found = plot(logarithmic).length(value) / (WIDTH - LEFT - RIGHT);
            assert!((found - expect).abs() < 1e-9, "{logarithmic} {value}: {found}");
        };
        check(false, 4.0, 1.0);
        check(false, 1.0, 0.25);
        check(true, 4.0, 1.0);
        check(true, 1.0, 0.5);
        check(true, 0.1, 0.0);
    }

    #[test]
    fn text_is_escaped() {
        let svg = plot(false).svg();
        assert!(svg.contains("a &lt; b") && !svg.contains("a < b"));
    }
}
