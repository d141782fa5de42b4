//! Scenarios, and the processes that they run in.

use std::{os::unix::process::ExitStatusExt as _, path::Path, process::ExitCode, process::Stdio, time::Duration};

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use tokio::{process::Command, time::timeout};

use crate::{Failure, PHASE, runner::Runner, stage};

/// The longest that a process may take for a phase.
const PHASE_TIME: Duration = Duration::from_secs(180);
const KILL: i32 = 9;

#[derive(Deserialize)]
struct File {
    version: u32,
    scenarios: Vec<Scenario>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Scenario {
    pub(crate) name: String,
    #[serde(default = "both")]
    pub(crate) servers: Vec<String>,
    /// This platform lacks nothing.
    #[serde(default, rename = "needs")]
    _needs: Vec<String>,
    phases: Vec<Vec<Value>>,
}

fn both() -> Vec<String> {
    vec![String::from("nexus"), String::from("node")]
}

/// Where a scenario runs.
#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Setting {
    /// The stage's port.
    pub(crate) stage: u16,
    pub(crate) id: u64,
    pub(crate) kind: String,
    pub(crate) url: String,
    pub(crate) store: String,
}

impl Setting {
    pub(crate) async fn new(stage: u16, kind: &str) -> Result<Self, Failure> {
        let mut server = stage::ask(stage, "POST", "/servers", Some(&json!({"kind": kind}))).await?;
        if let Some(fields) = server.as_object_mut() {
            fields.insert(String::from("stage"), json!(stage));
            fields.insert(String::from("kind"), json!(kind));
        }
        Ok(serde_json::from_value(server)?)
    }

    pub(crate) async fn stop(&self) -> Result<(), Failure> {
        stage::ask(self.stage, "DELETE", &format!("/servers/{}", self.id), None).await?;
        Ok(())
    }
}

pub(crate) fn load() -> Result<Vec<Scenario>, Failure> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios.json");
    let file: File = serde_json::from_str(&std::fs::read_to_string(path)?)?;
    if file.version != 1 {
        return Err(format!("version {} of the scenarios is not known", file.version).into());
    }
    Ok(file.scenarios)
}

impl Scenario {
    pub(crate) async fn run(&self, setting: &Setting) -> Result<(), Failure> {
        if let [steps] = self.phases.as_slice() {
            return run_steps(setting, steps).await;
        }
        for (index, steps) in self.phases.iter().enumerate() {
            self.start(setting, index, steps).await.map_err(|error| format!("phase {index}: {error}"))?;
        }
        Ok(())
    }

    /// Runs a phase in a process of its own.
    async fn start(&self, setting: &Setting, index: usize, steps: &[Value]) -> Result<(), Failure> {
        let phase = json!({"setting": setting, "scenario": self.name, "phase": index});
        let mut command = Command::new(std::env::current_exe()?);
        command.env(PHASE, phase.to_string()).stdin(Stdio::null()).stderr(Stdio::piped()).kill_on_drop(true);
        let output = timeout(PHASE_TIME, command.spawn()?.wait_with_output()).await??;
        let dies = steps.iter().any(|step| step.get("do") == Some(&json!("die")));
        let is_right = if dies { output.status.signal() == Some(KILL) } else { output.status.success() };
        if is_right {
            return Ok(());
        }
        Err(format!("{}: {}", output.status, String::from_utf8_lossy(&output.stderr)).into())
    }
}

#[derive(Deserialize)]
struct Phase {
    setting: Setting,
    scenario: String,
    phase: usize,
}

/// What a child process does.
pub(crate) async fn child(phase: &str) -> Result<ExitCode, Failure> {
    let Phase { setting, scenario, phase } = serde_json::from_str(phase)?;
    let scenario = load()?.into_iter().find(|known| known.name == scenario).ok_or("there is no such scenario")?;
    let steps = scenario.phases.get(phase).ok_or("there is no such phase")?;
    run_steps(&setting, steps).await?;
    Ok(ExitCode::SUCCESS)
}

async fn run_steps(setting: &Setting, steps: &[Value]) -> Result<(), Failure> {
    let mut runner = Runner::new(setting.clone());
    let mut outcome = Ok(());
    for (number, step) in (1..).zip(steps) {
        if let Err(error) = runner.step(step).await {
            outcome = Err(format!("step {number}, {step}: {error}").into());
            break;
        }
    }
    runner.close().await;
    outcome
}
