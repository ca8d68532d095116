//! Interoperability of CloudEvents: the SDKs of Python and JavaScript as processes that are asked to read and to write.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking, here too")]

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

/// Which SDK.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    /// `cloudevents` of PyPI, under `tests/interop/sdk.py`.
    Python,
    /// `cloudevents` of npm, under `tests/interop/sdk.cjs`.
    JavaScript,
}

/// A message of HTTP or Kafka.
#[derive(Clone, Debug)]
pub struct Message {
    pub headers: Vec<(String, String)>,
    /// Its body or value.
    pub body: Option<Vec<u8>>,
    /// Kafka's key.
    pub key: Option<String>,
}

/// An SDK that answers.
#[derive(Debug)]
pub struct Sdk {
    process: Child,
    requests: ChildStdin,
    answers: BufReader<ChildStdout>,
}

impl Sdk {
    /// Starts one of those that `tools/setup interop` installed.
    #[must_use]
    pub fn start(language: Language) -> Self {
        let here = Path::new(env!("CARGO_MANIFEST_DIR"));
        let tools = here.ancestors().nth(2).unwrap().join(".tools/interop");
        assert!(tools.is_dir(), "the SDKs are not installed: `make interop` does it");
        let (program, script) = match language {
            Language::Python => ("bin/python", "sdk.py"),
            Language::JavaScript => ("bin/node", "sdk.cjs"),
        };
        let mut process = Command::new(tools.join(program))
            .arg(here.join(script))
            .env("NODE_PATH", tools.join("node_modules"))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let requests = process.stdin.take().unwrap();
        let answers = BufReader::new(process.stdout.take().unwrap());
        Self { process, requests, answers }
    }

    /// Has a message of this mode read. The events come as the SDK holds them, in members like those of JSON.
    ///
    /// # Errors
    /// What the SDK says against it.
    pub fn read(&mut self, mode: &str, message: &Message) -> Result<Vec<Value>, String> {
        let headers: Value = message.headers.iter().map(|(name, value)| (name.clone(), json!(value))).collect();
        let body = message.body.as_deref().map(|body| STANDARD.encode(body));
        let answer = self.ask(&json!({ "read": mode, "headers": headers, "body": body, "key": message.key }))?;
        Ok(answer.as_array().unwrap().clone())
    }

    /// Has an event, given in the members of JSON, written in this mode.
    ///
    /// # Errors
    /// What the SDK says against it.
    pub fn write(&mut self, mode: &str, event: &Value) -> Result<Message, String> {
        let answer = self.ask(&json!({ "write": mode, "event": event }))?;
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let headers = answer["headers"].as_object().unwrap();
        let headers = headers.iter().map(|(name, value)| (name.clone(), text(value).unwrap())).collect();
        let body = text(&answer["body"]).map(|body| STANDARD.decode(body).unwrap());
        Ok(Message { headers, body, key: text(&answer["key"]) })
    }

    fn ask(&mut self, request: &Value) -> Result<Value, String> {
        writeln!(self.requests, "{request}").unwrap();
        let mut line = String::new();
        self.answers.read_line(&mut line).unwrap();
        let mut answer: Value = serde_json::from_str(&line).unwrap();
        match answer.get("error") {
            Some(error) => Err(error.as_str().unwrap().to_owned()),
            None => Ok(answer["ok"].take()),
        }
    }
}

impl Drop for Sdk {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
