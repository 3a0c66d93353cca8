//! The picture on a page, with a table of the events.

use std::fmt::Write as _;

use super::chart::{escaped, svg};
use super::series::{Event, Series};
use super::ticks::shown;

/// A page that needs nothing else.
pub(super) fn html(series: &Series, title: &str) -> String {
    let rows: String = series.events.iter().map(row).collect();
    let table = if rows.is_empty() {
        "<p>Nothing strange.</p>".into()
    } else {
        format!(
            "<table><thead><tr><th>From</th><th>To (UTC)</th><th>What</th><th>Seen</th>\
             <th>Expected</th><th>Sure</th><th>In a sentence</th></tr></thead><tbody>{rows}</tbody></table>"
        )
    };
    format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\"/>\
         <meta name=\"viewport\" content=\"width=device-width\"/>\
         <title>{}</title><style>{STYLE}</style></head>\n<body>\n{}{table}\n</body></html>\n",
        escaped(title),
        svg(series, title)
    )
}

fn row(event: &Event) -> String {
    let Event { signal, until } = event;
    let at = |nanos| shown(nanos, "%Y-%m-%d %H:%M:%S");
    let mut row = String::new();
    let cells = [
        at(signal.onset.as_nanos()),
        at(until.as_nanos()),
        signal.kind.label().replace('_', " "),
        figure(signal.seen),
        format!(
            "{} ({} to {})",
            figure(signal.expected),
            figure(signal.lower),
            figure(signal.upper)
        ),
        format!("{:.1} %", signal.confidence * 100.0),
        signal.to_string(),
    ];
    row.push_str("<tr>");
    for cell in cells {
        write!(row, "<td>{}</td>", escaped(&cell)).expect("writing to a string");
    }
    row.push_str("</tr>\n");
    row
}

/// Four significant digits.
fn figure(value: f64) -> String {
    let magnitude = value.abs();
    if !value.is_finite() {
        return "–".into();
    }
    if magnitude != 0.0 && !(1e-3..1e6).contains(&magnitude) {
        return format!("{value:.3e}");
    }
    let digits = if magnitude == 0.0 { 0.0 } else { (3.0 - magnitude.log10().floor()).max(0.0) };
    format!("{value:.0$}", digits as usize)
}

const STYLE: &str = "\
:root{color-scheme:light dark}body{margin:1.5rem auto;max-width:1240px;padding:0 1rem;\
font:15px system-ui,sans-serif;background:#fff;color:#1f2933}\
svg{width:100%;height:auto;display:block}table{border-collapse:collapse;width:100%;margin-top:1rem}\
th,td{text-align:left;padding:.35rem .6rem;border-bottom:1px solid #e3e8ee;font-size:13px;\
vertical-align:top}th{color:#5f6c7b;font-weight:600}\
@media(prefers-color-scheme:dark){body{background:#14181d;color:#e6ebf0}\
th,td{border-color:#2a323b}th{color:#98a5b3}}";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short() {
        let texts = [0.0, 1.0, 12.3456, 123_456.7, 1.5e-7, -3.2e9, f64::NAN].map(figure);
        assert_eq!(texts, ["0", "1.000", "12.35", "123457", "1.500e-7", "-3.200e9", "–"]);
    }
}
