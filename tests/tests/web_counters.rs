//! The web package names the core's counters by their order.

use nexus_core::manager::{Config, Manager};

#[test]
fn the_web_package_has_the_counters_in_the_order_of_the_core() {
    let source = include_str!("../../bindings-wasm/npm/src/stats.ts");
    let (_, rest) = source.split_once("const NO_COUNTERS: Counters = {").unwrap();
    let (list, _) = rest.split_once("};").unwrap();
    let listed: Vec<_> = list.lines().filter_map(|line| Some(line.trim().split_once(": 0,")?.0.to_owned())).collect();

    let counters = Manager::new(Config::new("http://localhost").unwrap(), 1).stats().counters;
    let expected: Vec<_> = counters.iter().map(|(name, _)| camel_case(name)).collect();
    assert_eq!(listed, expected);
}

/// `frames_out` is `framesOut`.
fn camel_case(name: &str) -> String {
    let mut words = name.split('_');
    let first = words.next().unwrap_or_default().to_owned();
    words.fold(first, |text, word| text + &word[..1].to_uppercase() + &word[1..])
}
