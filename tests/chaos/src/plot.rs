//! The picture and the page of a mass reconnect.

use std::fmt::Write as _;

use crate::reconnect::{AWAY, FIRST_MARK, Reconnected};

const WIDTH: f64 = 820.0;
const HEIGHT: f64 = 320.0;
const LEFT: f64 = 60.0;
const RIGHT: f64 = 60.0;
const TOP: f64 = 30.0;
const BOTTOM: f64 = 40.0;

/// Where the plot is, from the repository's root.
pub const IMAGE: &str = "docs/images/reconnect.svg";

/// The axes of the plot.
struct Axes {
    from: i64,
    to: i64,
    rate: f64,
    clients: f64,
}

impl Axes {
    fn x(&self, millis: i64) -> f64 {
        LEFT + (WIDTH - LEFT - RIGHT) * (millis - self.from) as f64 / (self.to - self.from).max(1) as f64
    }

    fn y(share: f64) -> f64 {
        HEIGHT - BOTTOM - (HEIGHT - TOP - BOTTOM) * share.clamp(0.0, 1.0)
    }
}

/// Attempts in a second as bars, clients connected as a line, the server's absence as a shade.
#[must_use]
pub fn svg(seen: &Reconnected) -> String {
    let rates: Vec<(i64, i64, f64)> = seen.samples.windows(2).filter_map(rate).collect();
    let highest = rates.iter().map(|(_, _, rate)| *rate).fold(1.0, f64::max);
    let from = seen.samples.first().map_or(0, |sample| sample.millis);
    let to = seen.samples.last().map_or(1, |sample| sample.millis);
    let axes = Axes { from, to, rate: rounded_up(highest), clients: seen.clients.max(1) as f64 };
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    let (gone, back) = (axes.x(0), axes.x(seen.server_up));
    let (top, floor) = (Axes::y(1.0), Axes::y(0.0));
    let _ = writeln!(
        svg,
        "<rect x=\"{gone:.1}\" y=\"{top:.1}\" width=\"{:.1}\" height=\"{:.1}\" fill=\"#f3dede\"/>\n\
         <text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#a33\">no server</text>",
        back - gone,
        floor - top,
        (gone + back) / 2.0,
        top - 8.0
    );
    for (begin, end, rate) in &rates {
        let (x, y) = (axes.x(*begin), Axes::y(rate / axes.rate));
        let width = (axes.x(*end) - x - 0.5).max(0.5);
        let _ = writeln!(
            svg,
            "<rect x=\"{x:.1}\" y=\"{y:.1}\" width=\"{width:.1}\" height=\"{:.1}\" fill=\"#4a7ebb\"/>",
            floor - y
        );
    }
    let points: Vec<String> = seen
        .samples
        .iter()
        .map(|sample| format!("{:.1},{:.1}", axes.x(sample.millis), Axes::y(sample.connected as f64 / axes.clients)))
        .collect();
    let _ = writeln!(
        svg,
        "<polyline points=\"{}\" fill=\"none\" stroke=\"#2a8a3e\" stroke-width=\"2\"/>",
        points.join(" ")
    );
    labels(&mut svg, &axes);
    svg.push_str("</svg>\n");
    svg
}

fn labels(svg: &mut String, axes: &Axes) {
    let floor = Axes::y(0.0);
    let _ = writeln!(
        svg,
        "<path d=\"M{LEFT} {TOP} V{floor} H{:.1} V{TOP}\" fill=\"none\" stroke=\"#888\"/>",
        WIDTH - RIGHT
    );
    for share in [0.0, 0.5, 1.0] {
        let y = Axes::y(share) + 4.0;
        let (rate, clients) = (axes.rate * share, axes.clients * share);
        let (left, right) = (LEFT - 6.0, WIDTH - RIGHT + 6.0);
        let _ = writeln!(
            svg,
            "<text x=\"{left}\" y=\"{y:.1}\" text-anchor=\"end\" fill=\"#4a7ebb\">{rate:.0}</text>\n\
             <text x=\"{right}\" y=\"{y:.1}\" fill=\"#2a8a3e\">{clients:.0}</text>"
        );
    }
    let step = ((axes.to - axes.from) / 10_000 + 1) * 1000;
    let mut at = axes.from.div_euclid(step) * step + step;
    while at <= axes.to {
        let _ = writeln!(
            svg,
            "<text x=\"{:.1}\" y=\"{:.1}\" text-anchor=\"middle\" fill=\"#444\">{} s</text>",
            axes.x(at),
            floor + 16.0,
            at / 1000
        );
        at += step;
    }
    let _ = writeln!(
        svg,
        "<text x=\"{LEFT}\" y=\"{y}\" fill=\"#4a7ebb\">attempts in a second</text>\n\
         <text x=\"{:.1}\" y=\"{y}\" text-anchor=\"end\" fill=\"#2a8a3e\">clients connected</text>",
        WIDTH - RIGHT,
        y = HEIGHT - 6.0
    );
}

/// The attempts in a second between two samples.
fn rate(pair: &[crate::reconnect::Sample]) -> Option<(i64, i64, f64)> {
    let [before, after] = pair else { return None };
    let millis = after.millis - before.millis;
    let attempts = after.attempts.saturating_sub(before.attempts);
    (millis > 0).then(|| (before.millis, after.millis, attempts as f64 * 1000.0 / millis as f64))
}

/// The next of 1, 2, 5, 10, 20, …
fn rounded_up(value: f64) -> f64 {
    let mut step = 1.0;
    loop {
        for factor in [1.0, 2.0, 5.0] {
            if step * factor >= value {
                return step * factor;
            }
        }
        step *= 10.0;
    }
}

/// The page `docs/reconnect.md`.
#[must_use]
pub fn page(seen: &Reconnected, command: &str) -> String {
    let millis = |millis: Option<i64>| millis.map_or("never".to_owned(), |millis| format!("{millis} ms"));
    let mut page = format!(
        "# Mass reconnect\n{} clients of ours, each a user of its own, lose their server in the same moment: it is killed, \
         and started again\nafter {} s. Clients are one process, the server another, on one machine. Written by `{command}`.\n\n\
         ![Attempts in a second, and clients connected](images/reconnect.svg)\n\n",
        seen.clients,
        AWAY.as_secs()
    );
    let _ = writeln!(page, "| from the server's return | |\n|---|--:|");
    let _ = writeln!(page, "| until {FIRST_MARK} clients were back | {} |", millis(seen.back(FIRST_MARK)));
    let _ = writeln!(page, "| until all were back | {} |", millis(seen.back(seen.clients)));
    let _ = writeln!(page, "| attempts that failed although it was there | {} |", seen.refused());
    let _ = writeln!(
        page,
        "\nHow the delays were drawn, beside what is configured (1 s at first, doubled each time up to 30 s, then shortened by \
         up to a half):\n\n| failures in a row | clients | shortest | longest | configured |\n|--:|--:|--:|--:|--:|"
    );
    for drawn in &seen.drawn {
        let (shortest, longest) = drawn.configured();
        let _ = writeln!(
            page,
            "| {} | {} | {} ms | {} ms | {shortest} to {longest} ms |",
            drawn.attempt, drawn.count, drawn.min, drawn.max
        );
    }
    let seconds: Vec<String> = seen.attempts_by_second().iter().map(ToString::to_string).collect();
    let _ = writeln!(page, "\nAttempts in each second from the loss: {}.", seconds.join(", "));
    page
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reconnect::{Drawn, Sample};

    fn seen() -> Reconnected {
        let sample = |millis, connected, attempts| Sample { millis, connected, attempts, failures: 0 };
        Reconnected {
            clients: 2000,
            samples: vec![
                sample(-250, 2000, 2000),
                sample(0, 2000, 2000),
                sample(500, 0, 2600),
                sample(6000, 2000, 5000),
            ],
            drawn: vec![Drawn { attempt: 1, count: 2000, min: 1001, max: 1999 }],
            server_up: 5000,
        }
    }

    #[test]
    fn the_plot_has_its_bars_and_its_line() {
        let svg = svg(&seen());
        assert!(svg.starts_with("<svg ") && svg.ends_with("</svg>\n"));
        // Background, shade, and a bar for each pair of samples.
        assert_eq!(svg.matches("<rect ").count(), 5);
        assert_eq!(svg.matches("<polyline ").count(), 1);
        assert!(svg.contains(">2000</text>"), "the highest rate is 1,200 in a second: {svg}");
        assert!(!svg.contains("NaN"));
        assert!(!super::svg(&Reconnected::default()).contains("NaN"));
    }

    #[test]
    fn the_page_says_what_was_configured() {
        let page = page(&seen(), "command");
        assert!(page.contains("| 1 | 2000 | 1001 ms | 1999 ms | 1000 to 2000 ms |\n"), "{page}");
        assert!(page.contains("| until all were back | 1000 ms |\n"), "{page}");
    }

    #[test]
    fn axes_end_at_round_numbers() {
        assert_eq!([0.5, 1.0, 1.5, 3.0, 8000.0].map(rounded_up), [1.0, 1.0, 2.0, 5.0, 10_000.0]);
    }
}
