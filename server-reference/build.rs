//! Writes a table of the demo page's files into the program: those in `examples/web/dist` or the folder that
//! `NEXUS_WEB_DIST` names. Where the page has not been built, and in the published crate, the table is empty.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::io;
use std::path::{Path, PathBuf};

/// The most that all files may have together: they stay in memory for as long as the server runs.
const MOST: u64 = 8 * 1024 * 1024;

fn main() {
    if let Err(message) = run() {
        println!("cargo::error={message}");
    }
}

fn run() -> Result<(), String> {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=NEXUS_WEB_DIST");
    let package = PathBuf::from(variable("CARGO_MANIFEST_DIR")?);
    let named = std::env::var_os("NEXUS_WEB_DIST").filter(|named| !named.is_empty());
    let folder = named.as_ref().map_or_else(|| package.join("../examples/web/dist"), |named| package.join(named));
    let mut files = BTreeMap::new();
    if named.is_some() || folder.is_dir() {
        collect(&folder, "/", &mut files).map_err(|error| format!("{}: {error}", folder.display()))?;
    }
    watch(&folder);
    let table = Path::new(&variable("OUT_DIR")?).join("page_files.rs");
    fs::write(&table, text(&files)?).map_err(|error| format!("{}: {error}", table.display()))
}

/// Has this run again when the folder changes or appears. Of a path that is missing cargo thinks that it changes all the
/// time, so the nearest folder that is there stands for it: `examples/web`, or `examples`. The published crate has none.
fn watch(folder: &Path) {
    if let Some(watched) = folder.ancestors().take(3).find(|ancestor| ancestor.exists()) {
        println!("cargo::rerun-if-changed={}", watched.display());
    }
}

/// The files below a folder, by their paths in addresses.
fn collect(folder: &Path, prefix: &str, files: &mut BTreeMap<String, PathBuf>) -> io::Result<()> {
    for entry in folder.read_dir()? {
        let entry = entry?;
        let name =
            entry.file_name().into_string().map_err(|name| io::Error::other(format!("{name:?} is not UTF-8")))?;
        if name.starts_with('.') {
            continue;
        }
        let path = format!("{prefix}{name}");
        if entry.file_type()?.is_dir() {
            collect(&entry.path(), &format!("{path}/"), files)?;
        } else {
            files.insert(path, entry.path().canonicalize()?);
        }
    }
    Ok(())
}

/// The table as source text.
fn text(files: &BTreeMap<String, PathBuf>) -> Result<String, String> {
    let mut text = String::from("pub(super) static FILES: &[PageFile] = &[\n");
    let mut total = 0;
    for (path, file) in files {
        let content = fs::read(file).map_err(|error| format!("{}: {error}", file.display()))?;
        total += content.len() as u64;
        if total > MOST {
            return Err(format!("the demo page has more than {MOST} bytes; {path} is one file too many"));
        }
        let source = file.to_str().ok_or_else(|| format!("{} is not UTF-8", file.display()))?;
        let etag = format!("\"{:016x}\"", digest(&content));
        let _ = writeln!(
            text,
            "    PageFile {{ path: {path:?}, content_type: {:?}, etag: {etag:?}, body: include_bytes!({source:?}) }},",
            content_type(path)
        );
    }
    text.push_str("];\n");
    Ok(text)
}

/// Tells one build's file from another's. Nobody who could gain by two that are equal chooses the content.
fn digest(content: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    hasher.write(content);
    hasher.finish()
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit_once('.').map_or("", |(_, extension)| extension) {
        "css" => "text/css; charset=utf-8",
        "html" => "text/html; charset=utf-8",
        "ico" => "image/x-icon",
        "js" | "mjs" => "text/javascript; charset=utf-8",
        "json" | "map" => "application/json",
        "png" => "image/png",
        "svg" => "image/svg+xml",
        "txt" => "text/plain; charset=utf-8",
        "wasm" => "application/wasm",
        "webmanifest" => "application/manifest+json",
        "webp" => "image/webp",
        "woff2" => "font/woff2",
        _ => "application/octet-stream",
    }
}

fn variable(name: &str) -> Result<String, String> {
    std::env::var(name).map_err(|error| format!("{name}: {error}"))
}
