//! The interpreter as a process: `interpreter.cjs`, which says what the lines are.

use std::io::{BufRead as _, BufReader, Write as _};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use anyhow::{Context as _, Result, ensure};
use serde::Deserialize;
use serde_json::{Value, json};

#[derive(Debug)]
pub struct Interpreter {
    process: Child,
    requests: ChildStdin,
    lines: BufReader<ChildStdout>,
}

/// A line from it.
#[derive(Debug, Deserialize)]
pub struct Line {
    pub run: usize,
    /// The state whose task has to be answered; none where the execution has ended.
    pub state: Option<String>,
    #[serde(default)]
    pub queue: String,
    #[serde(default)]
    pub message: Value,
    pub failure: Option<Failure>,
}

/// The end of an execution that failed.
#[derive(Debug, Deserialize)]
pub struct Failure {
    pub name: String,
    pub message: String,
}

/// What a task results in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    Success,
    Error(String),
    /// The execution stands still: an error that can neither be retried nor caught.
    Halt(&'static str),
}

impl Interpreter {
    /// Starts the one that `tools/setup interop` installed.
    pub fn start() -> Result<Self> {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tools = here.join("../../.tools/interop");
        ensure!(tools.is_dir(), "the interpreter is not installed: `make faults` does it");
        let mut process = Command::new(tools.join("bin/node"))
            .arg(here.join("interpreter.cjs"))
            .env("NODE_PATH", tools.join("node_modules"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .context("node")?;
        let requests = process.stdin.take().context("no way to ask it")?;
        let lines = BufReader::new(process.stdout.take().context("no way to read it")?);
        Ok(Self { process, requests, lines })
    }

    /// From now on executions are of this machine.
    pub fn define(&mut self, definition: &Value) -> Result<()> {
        self.write(&json!({ "definition": definition }))
    }

    /// Starts an execution.
    pub fn execute(&mut self, run: usize, input: &Value) -> Result<()> {
        self.write(&json!({ "run": run, "input": input }))
    }

    /// Answers an execution's task.
    pub fn answer(&mut self, run: usize, answer: &Answer) -> Result<()> {
        self.write(&match answer {
            Answer::Success => json!({ "run": run, "result": {} }),
            Answer::Error(name) => json!({ "run": run, "error": name }),
            Answer::Halt(name) => json!({ "run": run, "error": name, "final": true }),
        })
    }

    /// What it asks or reports next.
    pub fn read(&mut self) -> Result<Line> {
        let mut line = String::new();
        self.lines.read_line(&mut line)?;
        serde_json::from_str(&line).with_context(|| format!("the interpreter wrote {line:?}"))
    }

    fn write(&mut self, request: &Value) -> Result<()> {
        // In one piece: the pipe has no buffer of its own on this side.
        Ok(self.requests.write_all(format!("{request}\n").as_bytes())?)
    }
}

impl Drop for Interpreter {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
