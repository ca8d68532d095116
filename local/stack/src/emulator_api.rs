//! The calls of S3 and CloudFormation that a deployment to our own emulator takes, over plain HTTP.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use bytes::Bytes;
use http::{Method, Request, header};
use tidegate_standins::http_client::{HttpClient, Response};
use tokio::time::{Instant, sleep};

use crate::state::State;

/// The emulator answers in milliseconds, but it transforms a template meanwhile, and its first one imports SAM's translator.
const LIMIT: Duration = Duration::from_secs(60);
/// Between two looks at a stack.
const POLL: Duration = Duration::from_millis(20);
/// A stack takes tenths of a second; a busy machine gets more.
const STACK_DEADLINE: Duration = Duration::from_secs(120);

#[derive(Debug)]
pub(crate) struct EmulatorApi {
    client: HttpClient,
    endpoint: String,
    region: String,
    access_key_id: String,
}

/// A stack as DescribeStacks gives it.
#[derive(Debug)]
pub(crate) struct Stack {
    pub(crate) status: String,
    /// The names of its parameters.
    pub(crate) parameters: Vec<String>,
}

impl EmulatorApi {
    /// For the emulator that this state describes.
    pub(crate) fn of(state: &State) -> Result<Self> {
        let credentials = state.credentials.as_ref().context("the emulator has no credentials")?;
        Ok(Self {
            client: HttpClient::new(),
            endpoint: state.endpoint.clone(),
            region: state.region.clone(),
            access_key_id: credentials.access_key_id.clone(),
        })
    }

    pub(crate) async fn create_bucket(&self, bucket: &str) -> Result<()> {
        let response = self.send(Method::PUT, "s3", &format!("/{bucket}"), "", Bytes::new()).await?;
        // 409: it is there already.
        if response.status.is_success() || response.status == 409 {
            return Ok(());
        }
        bail!("bucket {bucket} cannot be created: {}", message(&response))
    }

    pub(crate) async fn put_object(&self, bucket: &str, key: &str, bytes: Vec<u8>) -> Result<()> {
        let path = format!("/{bucket}/{key}");
        let response = self.send(Method::PUT, "s3", &path, "application/octet-stream", bytes.into()).await?;
        if response.status.is_success() { Ok(()) } else { bail!("{key} cannot be uploaded: {}", message(&response)) }
    }

    /// A stack by its name or id; none where there is no such stack.
    pub(crate) async fn stack(&self, name: &str) -> Result<Option<Stack>> {
        let response = self.call("DescribeStacks", &[("StackName", name)]).await?;
        let text = response.text();
        if response.status.is_success() {
            return Ok(Some(Stack {
                status: element(&text, "StackStatus").context("CloudFormation gives a stack without a status")?,
                parameters: elements(&text, "ParameterKey"),
            }));
        }
        let message = message(&response);
        if message.contains("does not exist") { Ok(None) } else { bail!("stack {name} cannot be described: {message}") }
    }

    /// Begins to create or update a stack, and gives its id; none where nothing is to be updated.
    pub(crate) async fn deploy(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Option<String>> {
        let response = self.call(action, parameters).await?;
        if response.status.is_success() {
            let id = element(&response.text(), "StackId");
            return id.map(Some).with_context(|| format!("{action} gives no stack"));
        }
        let message = message(&response);
        if message.contains("No updates are to be performed") { Ok(None) } else { bail!("{action}: {message}") }
    }

    /// Waits until an operation on the stack has ended, and gives the stack then.
    pub(crate) async fn ended(&self, id: &str) -> Result<Stack> {
        let deadline = Instant::now() + STACK_DEADLINE;
        loop {
            let stack = self.stack(id).await?.with_context(|| format!("stack {id} is gone"))?;
            // A stack that could not be created is rolled back and then deleted.
            if !stack.status.ends_with("_IN_PROGRESS") && stack.status != "ROLLBACK_COMPLETE" {
                return Ok(stack);
            }
            if Instant::now() >= deadline {
                bail!("stack {id} is {} after {} s", stack.status, STACK_DEADLINE.as_secs());
            }
            sleep(POLL).await;
        }
    }

    /// Why resources of a stack failed, the first failure first.
    pub(crate) async fn failures(&self, id: &str) -> Result<Vec<String>> {
        let events = self.call("DescribeStackEvents", &[("StackName", id)]).await?.text();
        let mut failures: Vec<String> = events
            .split("<member>")
            .filter(|event| element(event, "ResourceStatus").is_some_and(|status| status.ends_with("_FAILED")))
            .filter_map(|event| {
                let reason = element(event, "ResourceStatusReason")?;
                Some(format!("{}: {reason}", element(event, "LogicalResourceId")?))
            })
            .collect();
        // The newest event comes first.
        failures.reverse();
        Ok(failures)
    }

    async fn call(&self, action: &str, parameters: &[(&str, &str)]) -> Result<Response> {
        let mut body = format!("Action={action}&Version=2010-05-15");
        for (name, value) in parameters {
            body.push('&');
            body.push_str(name);
            body.push('=');
            escape(value, &mut body);
        }
        self.send(Method::POST, "cloudformation", "/", "application/x-www-form-urlencoded", body.into()).await
    }

    async fn send(&self, method: Method, service: &str, path: &str, media_type: &str, body: Bytes) -> Result<Response> {
        // The emulator looks at the key and the service, not at the signature.
        let scope = format!("{}/20260101/{}/{service}/aws4_request", self.access_key_id, self.region);
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.endpoint))
            .header(
                header::AUTHORIZATION,
                format!("AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0"),
            )
            .header(header::CONTENT_TYPE, media_type)
            .body(body)
            .context("the emulator's address is not understood")?;
        self.client.send(request, LIMIT).await
    }
}

/// The text of an error response.
fn message(response: &Response) -> String {
    let text = response.text();
    element(&text, "Message").unwrap_or_else(|| format!("{} {text}", response.status))
}

/// The text in the first element of this name. The emulator's documents have neither attributes nor namespaces on those asked for here.
fn element(xml: &str, name: &str) -> Option<String> {
    elements(xml, name).into_iter().next()
}

fn elements(xml: &str, name: &str) -> Vec<String> {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let inner = xml.split(&open).skip(1).filter_map(|rest| Some(rest.split_once(&close)?.0));
    inner.map(unescape).collect()
}

fn unescape(text: &str) -> String {
    let named = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&#x27;", "'"), ("&apos;", "'"), ("&amp;", "&")];
    named.iter().fold(text.to_owned(), |text, (name, character)| text.replace(name, character))
}

/// As in a form.
fn escape(text: &str, into: &mut String) {
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => into.push(char::from(byte)),
            _ => into.push_str(&format!("%{byte:02X}")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_holds_any_text() {
        let mut form = String::new();
        escape("a b&c=é\n${X}", &mut form);
        assert_eq!(form, "a%20b%26c%3D%C3%A9%0A%24%7BX%7D");
    }

    #[test]
    fn elements_are_read_with_their_entities() {
        let xml = "<A><Key>one</Key><Key>t&lt;w&amp;o</Key><Empty></Empty></A>";
        assert_eq!(elements(xml, "Key"), ["one", "t<w&o"]);
        assert_eq!((element(xml, "Empty"), element(xml, "Other")), (Some(String::new()), None));
    }
}
