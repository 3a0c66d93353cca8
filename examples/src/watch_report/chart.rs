//! The picture: an SVG that needs nothing else, light or dark as its reader is.

use std::fmt::Write as _;

use super::series::{Column, Event, Series};
use super::ticks::{instants, numbers, shown};

/// The picture of a series.
pub(super) fn svg(series: &Series, title: &str) -> String {
    let mut out = String::new();
    draw(&mut out, series, title).expect("writing to a string");
    out
}

struct Frame {
    first: i64,
    last: i64,
    low: f64,
    high: f64,
}

impl Frame {
    fn x(&self, at: i64) -> f64 {
        let share = (at - self.first) as f64 / ((self.last - self.first) as f64).max(1.0);
        LEFT + share.clamp(0.0, 1.0) * (RIGHT - LEFT)
    }

    /// What lies beyond the values' range, as a wide band may, is cut off.
    fn y(&self, value: f64) -> f64 {
        let share = (value - self.low) / (self.high - self.low);
        BOTTOM - share.clamp(0.0, 1.0) * (BOTTOM - TOP)
    }
}

fn draw(out: &mut String, series: &Series, title: &str) -> std::fmt::Result {
    let ((first, last), (low, high)) = (series.span(), series.range());
    let frame = Frame { first, last, low, high };
    let columns = series.columns((RIGHT - LEFT) as usize);
    write!(
        out,
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" role=\"img\" \
         aria-labelledby=\"title\"><title id=\"title\">{}</title><style>{STYLE}</style>\
         <rect class=\"ground\" width=\"{WIDTH}\" height=\"{HEIGHT}\"/>",
        escaped(title)
    )?;
    heading(out, series, title)?;
    axes(out, &frame)?;
    if let Some(until) = series.learning_until() {
        let width = frame.x(until.as_nanos()) - LEFT;
        write!(
            out,
            "<rect class=\"learning\" x=\"{LEFT}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{:.1}\"><title>learning</title></rect>",
            BOTTOM - TOP
        )?;
    }
    for event in &series.events {
        shade(out, &frame, event)?;
    }
    band(out, &frame, &columns)?;
    line(out, &frame, &columns)?;
    for event in &series.events {
        mark(out, &frame, event)?;
    }
    out.write_str("</svg>\n")
}

fn heading(out: &mut String, series: &Series, title: &str) -> std::fmt::Result {
    let (first, last) = series.span();
    let (first, last) = (shown(first, "%Y-%m-%d %H:%M"), shown(last, "%Y-%m-%d %H:%M"));
    let events = match series.events.len() {
        0 => "nothing strange".into(),
        1 => "1 event".into(),
        n => format!("{n} events"),
    };
    write!(out, "<text class=\"title\" x=\"{LEFT}\" y=\"30\">{}</text>", escaped(title))?;
    write!(
        out,
        "<text class=\"small\" x=\"{LEFT}\" y=\"50\">{} rows, {first} to {last} UTC, {events}</text>",
        series.rows()
    )?;
    let legend = [
        ("seen", "seen"),
        ("expected", "expected"),
        ("band", "usual"),
        ("event", "event"),
        ("learning", "learning"),
    ];
    let mut x = RIGHT - 460.0;
    for (class, word) in legend {
        match class {
            "seen" | "expected" => write!(out, "<path class=\"{class}\" d=\"M{x} 26h18\"/>")?,
            _ => write!(
                out,
                "<rect class=\"{class}\" x=\"{x}\" y=\"20\" width=\"18\" height=\"12\"/>"
            )?,
        }
        write!(out, "<text class=\"small\" x=\"{}\" y=\"30\">{word}</text>", x + 24.0)?;
        x += 96.0;
    }
    Ok(())
}

fn axes(out: &mut String, frame: &Frame) -> std::fmt::Result {
    for (value, text) in numbers(frame.low, frame.high, 6.0) {
        let y = frame.y(value);
        write!(out, "<path class=\"grid\" d=\"M{LEFT} {y:.1}H{RIGHT}\"/>")?;
        write!(
            out,
            "<text class=\"small\" text-anchor=\"end\" x=\"{}\" y=\"{:.1}\">{text}</text>",
            LEFT - 8.0,
            y + 4.0
        )?;
    }
    for (at, text) in instants(frame.first, frame.last, 8) {
        let x = frame.x(at);
        write!(out, "<path class=\"grid\" d=\"M{x:.1} {BOTTOM}v6\"/>")?;
        write!(
            out,
            "<text class=\"small\" text-anchor=\"middle\" x=\"{x:.1}\" y=\"{}\">{text}</text>",
            BOTTOM + 22.0
        )?;
    }
    Ok(())
}

/// The usual, as an area for each stretch that has one, and the expected in its middle.
fn band(out: &mut String, frame: &Frame, columns: &[Column]) -> std::fmt::Result {
    for stretch in columns.split(|column| column.band.is_none()) {
        let points =
            || stretch.iter().filter_map(|column| Some((frame.x(column.at), column.band?)));
        let (mut area, mut middle) = (String::new(), String::new());
        for (x, (_, expected, upper)) in points() {
            let step = if area.is_empty() { 'M' } else { 'L' };
            write!(area, "{step}{x:.1} {:.1}", frame.y(upper))?;
            write!(middle, "{step}{x:.1} {:.1}", frame.y(expected))?;
        }
        let lower: Vec<_> = points().map(|(x, (lower, ..))| (x, lower)).collect();
        for (x, lower) in lower.into_iter().rev() {
            write!(area, "L{x:.1} {:.1}", frame.y(lower))?;
        }
        if !area.is_empty() {
            write!(
                out,
                "<path class=\"band\" d=\"{area}Z\"/><path class=\"expected\" d=\"{middle}\"/>"
            )?;
        }
    }
    Ok(())
}

/// The values: from the lowest to the highest of each column; a gap where none came.
fn line(out: &mut String, frame: &Frame, columns: &[Column]) -> std::fmt::Result {
    for stretch in columns.split(|column| column.seen.is_none()) {
        let mut path = String::new();
        for (column, (low, high)) in
            stretch.iter().filter_map(|column| Some((column, column.seen?)))
        {
            let step = if path.is_empty() { 'M' } else { 'L' };
            let (x, low, high) = (frame.x(column.at), frame.y(low), frame.y(high));
            write!(path, "{step}{x:.1} {low:.1}")?;
            if low - high >= 0.1 {
                write!(path, "V{high:.1}")?;
            }
        }
        // One value alone is a dot.
        if stretch.len() == 1 {
            path.push_str("h.1");
        }
        if !path.is_empty() {
            write!(out, "<path class=\"seen\" d=\"{path}\"/>")?;
        }
    }
    Ok(())
}

fn shade(out: &mut String, frame: &Frame, event: &Event) -> std::fmt::Result {
    let (from, until) = (frame.x(event.signal.onset.as_nanos()), frame.x(event.until.as_nanos()));
    let width = (until - from).max(3.0);
    write!(
        out,
        "<rect class=\"event\" x=\"{:.1}\" y=\"{TOP}\" width=\"{width:.1}\" height=\"{:.1}\"><title>{}</title></rect>",
        from - (width - (until - from)) / 2.0,
        BOTTOM - TOP,
        escaped(&sentence(event))
    )
}

/// A mark above the shade, which can be seen where a shade is thin.
fn mark(out: &mut String, frame: &Frame, event: &Event) -> std::fmt::Result {
    let x = frame.x(event.signal.onset.as_nanos());
    write!(
        out,
        "<path class=\"mark\" d=\"M{:.1} {}h10l-5 9Z\"><title>{}</title></path>",
        x - 5.0,
        TOP - 11.0,
        escaped(&sentence(event))
    )
}

/// When and what.
pub(super) fn sentence(event: &Event) -> String {
    format!("{} UTC: {}", shown(event.signal.onset.as_nanos(), "%Y-%m-%d %H:%M:%S"), event.signal)
}

/// Text as XML wants it; what XML cannot say at all is left out.
pub(super) fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\u{fffe}' | '\u{ffff}' => {}
            c if c.is_control() => {}
            c => out.push(c),
        }
    }
    out
}

const WIDTH: f64 = 1200.0;
const HEIGHT: f64 = 460.0;
const LEFT: f64 = 80.0;
const RIGHT: f64 = 1180.0;
const TOP: f64 = 84.0;
const BOTTOM: f64 = 420.0;
const STYLE: &str = "\
svg{--ground:#fff;--ink:#1f2933;--soft:#5f6c7b;--grid:#e3e8ee;--seen:#1d5fa8;--expected:#2f9e5b;\
--band:#2f9e5b;--event:#d64545;--learning:#9aa5b1;font-family:system-ui,sans-serif}\
@media(prefers-color-scheme:dark){svg{--ground:#14181d;--ink:#e6ebf0;--soft:#98a5b3;--grid:#2a323b;\
--seen:#6fb1ff;--expected:#58c98a;--band:#58c98a;--event:#ff6b6b;--learning:#5f6c7b}}\
.ground{fill:var(--ground)}text{fill:var(--ink);font-size:13px}.title{font-size:18px;font-weight:600}\
.small{fill:var(--soft)}.grid{stroke:var(--grid);fill:none}\
.seen{stroke:var(--seen);fill:none;stroke-width:1.4;stroke-linejoin:round;stroke-linecap:round}\
.expected{stroke:var(--expected);fill:none;stroke-width:1;stroke-dasharray:4 3}\
.band{fill:var(--band);fill-opacity:.18}.event{fill:var(--event);fill-opacity:.22}\
.mark{fill:var(--event)}.learning{fill:var(--learning);fill-opacity:.16}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_its_place() {
        assert_eq!(escaped("a<b>&\"c\"\u{0}\u{1b}\n"), "a&lt;b&gt;&amp;&quot;c&quot;");
    }
}
