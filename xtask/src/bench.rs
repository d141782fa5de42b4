//! Benches: built with optimisation and run by the package `nexus-bench`, or in a browser by `bench/web`.

use crate::artifacts;
use crate::context::Context;
use crate::failure::Failure;
use crate::mobile;
use crate::setup;
use crate::web::Web;

/// What to measure.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// The benches to run and their options; `-- --help` lists them. All of them when none is
    /// named, and then the results go to docs/benchmarks.md. `web` measures in Chromium, by itself, and `delivery` what
    /// delivery costs: their results go to docs/benchmarks-web.md and docs/benchmarks-delivery.md. `mobile [--levels]` is the
    /// mobile packages, on docs/benchmarks-mobile.md; with `--levels` the library at other levels of optimisation too.
    #[arg(value_name = "WHAT", trailing_var_arg = true, allow_hyphen_values = true)]
    what: Vec<String>,
}

/// Runs the benches.
///
/// # Errors
/// When one does not build or run.
pub(crate) fn run(context: &Context, options: &Options) -> Result<(), Failure> {
    setup::c_compiler(context)?;
    if let Some((what, rest)) = options.what.split_first()
        && what == "web"
    {
        return web(context, rest);
    }
    if let Some((what, rest)) = options.what.split_first()
        && what == "mobile"
    {
        return mobile::bench::run(context, rest);
    }
    let mut chromium = None;
    if options.what.first().is_some_and(|what| what == "delivery") {
        // One of its parts is the web package in Chromium.
        let web = Web::prepare(context)?;
        web.install(context, &context.root().join("bench/web"))?;
        chromium = Some(setup::chromium(context)?);
        web.build(context)?;
    }
    let mut command = context.cargo(&["run", "--quiet", "--release", "--locked"]);
    command.args(["--package", "nexus-bench", "--bin", "nexus-bench", "--"]).args(&options.what);
    command.env("PATH", setup::node(context)?);
    if let Some(chromium) = chromium {
        command.env("CHROMIUM", chromium);
    }
    context.children().run("nexus-bench", &mut command)
}

/// The web package beside npm's `socket.io-client`, in Chromium.
fn web(context: &Context, options: &[String]) -> Result<(), Failure> {
    let web = Web::prepare(context)?;
    web.install(context, &context.root().join("bench/web"))?;
    let chromium = setup::chromium(context)?;
    web.build(context)?;
    let server = artifacts::released_server(context)?;
    let mut command = web.program(context, "node", context.root());
    command.arg("bench/web/run.mjs").args(options);
    command.env("NEXUS_SERVER", server).env("NEXUS_ROOT", context.root()).env("CHROMIUM", chromium);
    context.children().run("the bench of the web package", &mut command)
}
