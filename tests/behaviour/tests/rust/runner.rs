//! Carries out steps.

use std::{
    collections::BTreeMap,
    process::{Command, Stdio},
    time::Duration,
};

use nexus_core::{
    driver::{Client, DurableEmit, EmitFailed, Outcome},
    manager::{Emit, EmitError, EmitOutcome},
    socketio::Namespace,
};
use serde_json::{Value, json};
use tokio::{task::JoinHandle, time::timeout};

use crate::{
    failed::Failed,
    scenario::Setting,
    stage,
    step::Step,
    values::{self, compare},
    wielded::Wielded,
};

/// How often is looked at what no listener tells.
const GLANCE: Duration = Duration::from_millis(5);
/// Events that are emitted in one go.
const BREATH: u64 = 100;

type Done = Result<Value, Failed>;

/// Something that was started, and what is expected of it.
struct Started {
    task: JoinHandle<Done>,
    expect: Option<Value>,
}

pub(crate) struct Runner {
    setting: Setting,
    clients: BTreeMap<String, Wielded>,
    started: BTreeMap<String, Started>,
    durable: BTreeMap<String, DurableEmit>,
}

impl Runner {
    pub(crate) fn new(setting: Setting) -> Self {
        Self { setting, clients: BTreeMap::new(), started: BTreeMap::new(), durable: BTreeMap::new() }
    }

    pub(crate) async fn close(&mut self) {
        for wielded in self.clients.values() {
            wielded.client.close().await;
        }
    }

    /// Carries a step out, and says whether it went as it should.
    pub(crate) async fn step(&mut self, value: &Value) -> Result<(), Failed> {
        let action = value.get("do").and_then(Value::as_str).unwrap_or_default();
        let only = value.get("only").and_then(Value::as_array);
        if only.is_some_and(|only| !only.contains(&json!(self.setting.kind))) {
            return Ok(());
        }
        if action.starts_with("stage.") {
            let target = format!("/servers/{}/do", self.setting.id);
            return stage::ask(self.setting.stage, "POST", &target, Some(value)).await.map(drop);
        }
        let step: Step = serde_json::from_value(value.clone()).map_err(Failed::text)?;
        let done = timeout(step.within(), self.carry_out(&step)).await;
        let done = done.unwrap_or_else(|_| Err(Failed::text(format!("not within {:?}", step.within()))));
        match (&step.fails, done) {
            (None, done) => done.map(drop),
            (Some(_), Ok(_)) => Err(Failed::text("it did not fail")),
            (Some(codes), Err(error)) if error.code.as_ref().is_some_and(|code| codes.contains(code)) => Ok(()),
            (Some(codes), Err(error)) => Err(Failed::text(format!("{error}, not {codes:?}"))),
        }
    }

    async fn carry_out(&mut self, step: &Step) -> Done {
        if step.action == "client" {
            let wielded = Wielded::new(&self.setting, &step.options).await?;
            self.clients.insert(step.client.clone(), wielded);
            return Ok(Value::Null);
        }
        if matches!(step.action.as_str(), "await" | "cancel_wait" | "outcome" | "die") {
            return self.carry_out_alone(step).await;
        }
        if matches!(step.action.as_str(), "connect" | "join" | "ack") {
            return self.start(step).await;
        }
        let wielded = self.clients.get_mut(&step.client).ok_or_else(|| Failed::text("there is no such client"))?;
        let client = wielded.client.clone();
        match step.action.as_str() {
            "disconnect" => client.disconnect(),
            "close" => client.close().await,
            "background" => client.enter_background(),
            "foreground" => client.enter_foreground(),
            "network" => client.network_changed(step.reachable.unwrap_or(true)),
            "leave" => client.leave(&step.ns)?,
            "listen" => wielded.listen(&step.ns, event(step)?, step.reply.clone())?,
            "unlisten" => wielded.unlisten(&step.ns, event(step)?)?,
            "asked" => compare("asked", &wielded.asked.take(), &values::expected(step.expect.as_ref(), None)?)?,
            "statuses" => {
                let expected = values::expected(step.expect.as_ref(), None)?;
                let enough = wielded.statuses.wait(|came| came.len() >= expected.len());
                let _says_what_came = timeout(step.within().mul_f32(0.95), enough).await;
                compare("statuses", &wielded.statuses.take(), &expected)?;
            }
            "status" => {
                until(step, || json!(client.connection_status().as_str()), |found| expects(step, found)).await?;
            }
            "quality" => {
                let names = values::expected(step.expect.as_ref(), None)?;
                until(step, || json!(client.connection_quality().as_str()), |found| names.contains(found)).await?;
            }
            "joined" => until(step, || json!(client.is_joined(&step.ns)), |found| expects(step, found)).await?,
            "queue" => until(step, || json!(client.queue().len()), |found| expects(step, found)).await?,
            "events" => {
                let expected = values::expected(step.expect.as_ref(), step.range)?;
                let record = wielded.events(&step.ns, event(step)?);
                let counts = |args: &&Value| !step.may.contains(args);
                let enough = record.wait(|came| came.iter().filter(counts).count() >= expected.len());
                let _says_what_came = timeout(step.within().mul_f32(0.95), enough).await;
                let mut found = record.take();
                found.retain(|args| counts(&args));
                compare("events", &found, &expected)?;
            }
            "emit" => emit(&client, step)?,
            "emit_many" => emit_many(&client, step).await?,
            "durable" => {
                let emitted = client.send_durable(message(step, &step.args)?)?;
                emitted.accepted().await?;
                self.durable.insert(step.name.clone().unwrap_or_default(), emitted);
            }
            "cancel" => {
                let message = match &step.of {
                    Some(name) => Some(self.durable(name)?.id()),
                    None => {
                        let name = event(step)?;
                        client.queue().iter().find(|queued| queued.event == name).map(|queued| queued.message)
                    }
                };
                let cancelled = message.is_some_and(|message| client.cancel(message).is_ok());
                check(step, &json!(cancelled))?;
            }
            other => return Err(Failed::text(format!("there is no step {other}"))),
        }
        Ok(Value::Null)
    }

    /// What can be waited for apart.
    async fn start(&mut self, step: &Step) -> Done {
        let wielded = self.clients.get(&step.client).ok_or_else(|| Failed::text("there is no such client"))?;
        let (client, ns) = (wielded.client.clone(), step.ns.clone());
        let task: JoinHandle<Done> = match step.action.as_str() {
            "connect" => {
                let auth = match &step.tokens {
                    Some(tokens) => wielded.provider(tokens),
                    None => step.token.clone().unwrap_or_else(|| format!("good-{}", step.user)).into(),
                };
                let user = step.user.clone();
                tokio::spawn(async move { Ok(client.connect(user, auth).await.map(|()| Value::Null)?) })
            }
            "join" => tokio::spawn(async move { Ok(client.join(&ns).await.map(|()| Value::Null)?) }),
            _ => {
                let emit = message(step, &step.args)?;
                let emit = match step.timeout {
                    Some(timeout) => emit.with_ack_timeout(Duration::from_millis(timeout)),
                    None => emit.with_ack(),
                };
                tokio::spawn(async move { Ok(values::first(&client.send_with_ack(emit).await?)) })
            }
        };
        let started = Started { task, expect: step.expect.clone() };
        match &step.started {
            Some(name) => {
                self.started.insert(name.clone(), started);
                Ok(Value::Null)
            }
            None => started.end(None).await,
        }
    }

    async fn carry_out_alone(&mut self, step: &Step) -> Done {
        let name = step.of.as_deref().unwrap_or_default();
        match step.action.as_str() {
            "await" => {
                let started = self.started.remove(name).ok_or_else(|| Failed::text("nothing was started as this"))?;
                started.end(step.expect.as_ref()).await
            }
            "cancel_wait" => {
                let started = self.started.get(name).ok_or_else(|| Failed::text("nothing was started as this"))?;
                started.task.abort();
                Ok(Value::Null)
            }
            "outcome" => {
                let outcome = self.durable(name)?.outcome().await?;
                judge(step, &outcome)
            }
            _ => {
                let pid = std::process::id().to_string();
                let mut killed =
                    Command::new("kill").args(["-9", &pid]).stdin(Stdio::null()).spawn().map_err(Failed::text)?;
                let _ = killed.wait();
                std::future::pending().await
            }
        }
    }

    fn durable(&self, name: &str) -> Result<&DurableEmit, Failed> {
        self.durable.get(name).ok_or_else(|| Failed::text("there is no durable event of this name"))
    }
}

impl Started {
    /// Waits for it. What is expected of it, or now, has to be what it gives.
    async fn end(self, expect: Option<&Value>) -> Done {
        let given = match self.task.await {
            Ok(done) => done?,
            Err(error) if error.is_cancelled() => return Err(Failed::code("CANCELLED", &error)),
            Err(error) => return Err(Failed::text(error)),
        };
        for expected in self.expect.iter().chain(expect) {
            if *expected != given {
                return Err(Failed::text(format!("{given}, not {expected}")));
            }
        }
        Ok(given)
    }
}

fn event(step: &Step) -> Result<&str, Failed> {
    step.event.as_deref().ok_or_else(|| Failed::text("the step names no event"))
}

fn message(step: &Step, args: &[Value]) -> Result<Emit, Failed> {
    let namespace = Namespace::try_new(&step.ns).map_err(EmitFailed::from)?;
    Ok(Emit::new(namespace, event(step)?, values::encode(args)?))
}

fn emit(client: &Client, step: &Step) -> Result<(), Failed> {
    let emit = message(step, &step.args)?;
    let emitted = client.send(if step.volatile { emit.volatile() } else { emit })?;
    let outcome = match emitted.outcome {
        EmitOutcome::Transmitted => "transmitted",
        EmitOutcome::Queued => "queued",
        EmitOutcome::Dropped => "dropped",
        _ => "pending",
    };
    match &step.outcome {
        Some(expected) if expected != outcome => Err(Failed::text(format!("{outcome}, not {expected}"))),
        _ => Ok(()),
    }
}

async fn emit_many(client: &Client, step: &Step) -> Result<(), Failed> {
    let (from, to) = step.range.ok_or_else(|| Failed::text("the step has no range"))?;
    for n in from..to {
        let emit = message(step, &[json!(n)])?;
        if step.durable {
            client.send_durable(emit)?.accepted().await?;
            continue;
        }
        while let Err(error) = client.send(emit.clone()) {
            if !matches!(error, EmitFailed::Refused(EmitError::QueueFull)) {
                return Err(error.into());
            }
            client.flush().await?;
        }
        if n % BREATH == 0 {
            tokio::task::yield_now().await;
        }
    }
    Ok(())
}

fn judge(step: &Step, outcome: &Outcome) -> Done {
    let (name, value, code) = match outcome {
        Outcome::Acked(payload) => ("acked", values::first(payload), None),
        Outcome::Rejected { code, payload } => ("rejected", values::first(payload), Some(code.to_string())),
        Outcome::Expired { .. } => ("expired", Value::Null, None),
        Outcome::Cancelled { .. } => ("cancelled", Value::Null, None),
        _ => ("unknown", Value::Null, None),
    };
    check(step, &json!(name))?;
    let is_value = step.value.as_ref().is_none_or(|expected| *expected == value);
    if is_value && (step.code.is_none() || step.code == code) {
        return Ok(Value::Null);
    }
    Err(Failed::text(format!("{name} with {value}, code {code:?}")))
}

fn expects(step: &Step, found: &Value) -> bool {
    step.expect.as_ref() == Some(found)
}

fn check(step: &Step, found: &Value) -> Result<(), Failed> {
    if expects(step, found) { Ok(()) } else { Err(Failed::text(format!("{found}, not what was expected"))) }
}

/// Looks until it is so, and says in the end how it was instead.
async fn until(step: &Step, look: impl Fn() -> Value, is_so: impl Fn(&Value) -> bool) -> Result<(), Failed> {
    let looking = async {
        while !is_so(&look()) {
            tokio::time::sleep(GLANCE).await;
        }
    };
    // A little less than the step itself has.
    let ended = timeout(step.within().mul_f32(0.95), looking).await;
    ended.map_err(|_| Failed::text(format!("it is {} until the end", look())))
}
