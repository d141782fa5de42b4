//! The figures of the programs of all languages, and the page they are written to.

use std::fmt::Write;

/// What is measured, and what the programs call it.
#[derive(Debug)]
pub(super) struct Measure {
    pub(super) title: &'static str,
    pub(super) names: &'static [&'static str],
}

pub(super) const MEASURES: [Measure; 6] = [
    Measure { title: "event received and decoded", names: &["events received and decoded", "received_flow"] },
    Measure {
        title: "event received, 64 a crossing",
        names: &["events received, 64 a crossing", "received_batches_of_64"],
    },
    Measure {
        title: "event received, one a crossing",
        names: &["events received, one a crossing", "received_one_by_one"],
    },
    Measure { title: "emit", names: &["emits, until they are handed to the network", "emitted"] },
    Measure {
        title: "acknowledged round trip, one after another",
        names: &["acknowledged round trips, one after another", "acked_one_after_another"],
    },
    Measure {
        title: "acknowledged round trip, 64 at a time",
        names: &["acknowledged round trips, 64 at a time", "acked_64_at_a_time"],
    },
];

/// A line that a program printed.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Figure {
    pub(super) name: String,
    /// Its place among the measures.
    pub(super) measure: Option<usize>,
    pub(super) microseconds: Option<f64>,
    pub(super) processor: Option<f64>,
    pub(super) resident: Option<f64>,
    pub(super) count: Option<f64>,
    pub(super) seconds: Option<f64>,
}

impl Figure {
    /// `None`: the line is something else.
    pub(super) fn read(line: &str) -> Option<Self> {
        if !line.starts_with('{') {
            return None;
        }
        let name = text(line, "name").or_else(|| text(line, "bench"))?;
        Some(Self {
            measure: MEASURES.iter().position(|measure| measure.names.contains(&name)),
            microseconds: number(line, "microseconds").or_else(|| number(line, "us_each")),
            processor: number(line, "cpuMicroseconds"),
            resident: number(line, "bytes").or_else(|| number(line, "rss_kib").map(|kib| kib * 1024.0)),
            count: number(line, "count"),
            seconds: number(line, "seconds"),
            name: name.to_owned(),
        })
    }
}

/// The library at one level.
#[derive(Debug)]
pub(super) struct Size {
    pub(super) level: &'static str,
    pub(super) bytes: u64,
    pub(super) packed: Option<u64>,
    /// The figures of Python with it.
    pub(super) python: Vec<Figure>,
}

/// What is written.
#[derive(Debug, Default)]
pub(super) struct Page {
    pub(super) sizes: Vec<Size>,
    pub(super) languages: Vec<(&'static str, Result<Vec<Figure>, String>)>,
    pub(super) idle: Vec<Figure>,
}

/// What is written by hand stands below this line, and is kept.
const BY_HAND: &str = "<!-- Below: written by hand, and kept. -->";

impl Page {
    pub(super) fn written(&self, machine: &str, before: &str) -> String {
        let mut page = String::from(
            "# Benchmarks of the mobile packages\nWritten by `cargo xtask bench mobile`, which measures all languages in one run \
             against one server on the same machine, through the\nsame library. The time of the server is in the figures, so what \
             counts is how they differ from Rust's, which has no boundary.\n\n",
        );
        let _infallible = writeln!(page, "{machine}.\n");
        self.sizes(&mut page);
        self.costs(&mut page);
        self.idle(&mut page);
        let by_hand = before.split_once(BY_HAND).map_or("", |(_, rest)| rest.trim_start());
        let _infallible = write!(page, "\n{BY_HAND}\n\n{by_hand}");
        page
    }

    fn sizes(&self, page: &mut String) {
        page.push_str(
            "## Size\nThe library with everything (TLS, the store), stripped. The packages ship opt-level `s`. Beside it, what an event costs \
             Python with it.\n\n| opt-level | MB | packed by gzip | received and decoded | emit |\n|---|---|---|---|---|\n",
        );
        for size in &self.sizes {
            let of = |measure| cell(find(&size.python, measure));
            let packed = size.packed.map_or_else(|| "-".to_owned(), megabytes);
            let (level, bytes) = (size.level, megabytes(size.bytes));
            let _infallible = writeln!(page, "| `{level}` | {bytes} | {packed} | {} | {} |", of(0), of(3));
        }
    }

    fn costs(&self, page: &mut String) {
        page.push_str("\n## Cost of the boundary\nMicroseconds each, by the clock; in parentheses on the processor, all threads of the client's process, where the program tells.\n\n| |");
        for (language, _) in &self.languages {
            let _infallible = write!(page, " {language} |");
        }
        page.push_str("\n|---|");
        page.push_str(&"---|".repeat(self.languages.len()));
        page.push('\n');
        for (number, measure) in MEASURES.iter().enumerate() {
            let _infallible = write!(page, "| {} |", measure.title);
            for (_, figures) in &self.languages {
                let figure = figures.as_ref().ok().and_then(|figures| find(figures, number));
                let _infallible = write!(page, " {} |", cell(figure));
            }
            page.push('\n');
        }
        page.push_str("| resident memory of the process, connected, MB |");
        for (_, figures) in &self.languages {
            let resident = figures.iter().flatten().find_map(|figure| figure.resident);
            let _infallible =
                write!(page, " {} |", resident.map_or_else(|| "-".to_owned(), |bytes| format!("{:.1}", bytes / 1e6)));
        }
        page.push('\n');
        for (language, figures) in &self.languages {
            if let Err(failure) = figures {
                let _infallible = writeln!(page, "\n{language} did not run: {failure}.");
            }
        }
    }

    fn idle(&self, page: &mut String) {
        page.push_str(
            "\n## Wake-ups while idle\nVoluntary context switches of all threads of the client, from `/proc/self/task/*/status`, over a minute in a \
             program in Rust\n(no runtime but the client's own), whose first thread, which waits for the minute to end, is left out. The server's heartbeat is \
             25 s, and the\nround trip is measured every 20 s while the quality is excellent; a beat wakes one thread to read and one to answer.\n\n\
             | | context switches per minute |\n|---|---|\n",
        );
        for figure in &self.idle {
            if let (Some(count), Some(seconds)) = (figure.count, figure.seconds) {
                let _infallible = writeln!(page, "| {} | {:.0} |", figure.name, count * 60.0 / seconds);
            }
        }
    }
}

fn find(figures: &[Figure], measure: usize) -> Option<&Figure> {
    figures.iter().find(|figure| figure.measure == Some(measure))
}

fn cell(figure: Option<&Figure>) -> String {
    let clock = figure.and_then(|figure| figure.microseconds);
    match (clock, figure.and_then(|figure| figure.processor)) {
        (Some(clock), Some(processor)) => format!("{clock:.1} ({processor:.1})"),
        (Some(clock), None) => format!("{clock:.1}"),
        _ => "-".to_owned(),
    }
}

#[expect(clippy::cast_precision_loss, reason = "files are small")]
fn megabytes(bytes: u64) -> String {
    format!("{:.2}", bytes as f64 / 1e6)
}

/// The text of a key in one line of flat JSON.
fn text<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    after(line, key)?.strip_prefix('"')?.split('"').next()
}

/// The number of a key in one line of flat JSON.
fn number(line: &str, key: &str) -> Option<f64> {
    after(line, key)?.split([',', '}', ' ']).next()?.parse().ok()
}

fn after<'a>(line: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = line.split_once(&format!("\"{key}\""))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    const PYTHON: &str = r#"{"language": "python", "name": "events received and decoded", "count": 5, "seconds": 0.5, "microseconds": 1e5, "cpuMicroseconds": 7.25}"#;
    const KOTLIN: &str = r#"{"platform":"kotlin","bench":"received_flow","count":5,"per_second":10,"us_each":4.5}"#;

    #[test]
    fn lines_of_all_programs_are_read() {
        let python = Figure::read(PYTHON).unwrap();
        assert_eq!((python.measure, python.microseconds, python.processor), (Some(0), Some(1e5), Some(7.25)));
        let kotlin = Figure::read(KOTLIN).unwrap();
        assert_eq!((kotlin.measure, kotlin.microseconds, kotlin.processor), (Some(0), Some(4.5), None));
        let idle = Figure::read(r#"{"platform":"kotlin","bench":"idle","rss_kib":2,"threads":3}"#).unwrap();
        assert_eq!((idle.measure, idle.resident), (None, Some(2048.0)));
        for other in ["", "Building for production...", "{}", r#"{"port":1}"#, r#"{"name":}"#] {
            assert_eq!(Figure::read(other), None, "{other}");
        }
    }

    #[test]
    fn the_page_has_what_was_measured_and_keeps_what_is_written_by_hand() {
        let mut page = Page::default();
        page.languages.push(("Rust", Ok(vec![Figure::read(PYTHON).unwrap()])));
        page.languages.push(("Swift", Err("Swift is needed".to_owned())));
        let text = page.written("a machine", &format!("old\n{BY_HAND}\n\n## Notes\nkept\n"));
        assert!(text.contains("| event received and decoded | 100000.0 (7.2) | - |"), "{text}");
        assert!(text.contains("Swift did not run: Swift is needed."));
        assert!(text.ends_with("## Notes\nkept\n") && !text.contains("old"));
        assert_eq!(page.written("a machine", &text), text);
    }
}
