//! Each function's role, tried from outside with the credentials of a running worker: what it may, and what it may not.

use std::fs;
use std::sync::Arc;

use anyhow::{Result, ensure};
use aws_credential_types::Credentials;
use aws_credential_types::provider::SharedCredentialsProvider;
use aws_sdk_dynamodb::error::ProvideErrorMetadata;
use aws_sdk_dynamodb::types::AttributeValue;
use aws_smithy_runtime_api::client::orchestrator::HttpResponse;
use aws_smithy_runtime_api::client::result::SdkError;
use aws_types::SdkConfig;
use bytes::Bytes;
use tidegate_cli::deployment::access_of;
use tidegate_operations::aws;

use crate::leftovers;
use crate::sender::{Sender, deliver, delivery_id, push_to, secret};
use crate::stack::{DEPLOYMENT, Stack};
use crate::wait::{SOON, eventually};

/// What came of one call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Allowed,
    Denied,
    Failed(String),
}

/// Calls and what came of them, to be compared with what was expected.
#[derive(Default)]
pub(crate) struct Findings(Vec<(String, Verdict, Verdict)>);

impl Findings {
    fn allows<T, E: ProvideErrorMetadata>(
        &mut self,
        call: impl Into<String>,
        outcome: Result<T, SdkError<E, HttpResponse>>,
    ) {
        self.0.push((call.into(), Verdict::Allowed, verdict(outcome)));
    }

    fn denies<T, E: ProvideErrorMetadata>(
        &mut self,
        call: impl Into<String>,
        outcome: Result<T, SdkError<E, HttpResponse>>,
    ) {
        self.0.push((call.into(), Verdict::Denied, verdict(outcome)));
    }

    /// A call that is made so that it changes nothing. Whoever may make it learns another reason why not.
    pub(crate) fn lets<T, E: ProvideErrorMetadata>(
        &mut self,
        call: impl Into<String>,
        may: bool,
        outcome: Result<T, SdkError<E, HttpResponse>>,
    ) {
        let found = if verdict(outcome) == Verdict::Denied { Verdict::Denied } else { Verdict::Allowed };
        self.0.push((call.into(), if may { Verdict::Allowed } else { Verdict::Denied }, found));
    }

    pub(crate) fn judge(self) -> Result<()> {
        let wrong: Vec<_> = self.0.iter().filter(|(_, expected, found)| expected != found).collect();
        ensure!(wrong.is_empty(), "(call, expected, found): {wrong:#?}");
        Ok(())
    }
}

fn verdict<T, E: ProvideErrorMetadata>(outcome: Result<T, SdkError<E, HttpResponse>>) -> Verdict {
    let Err(error) = outcome else { return Verdict::Allowed };
    let code = error.as_service_error().and_then(ProvideErrorMetadata::code).map(str::to_owned);
    let status = error.raw_response().map(|response| response.status().as_u16());
    match (code.as_deref(), status) {
        (Some("AccessDenied" | "AccessDeniedException" | "AuthorizationError"), _) => Verdict::Denied,
        (None, Some(403)) => Verdict::Denied, // an answer to HEAD has no body that could name a code
        _ => Verdict::Failed(format!("{code:?} {status:?}")),
    }
}

/// Clients with a function's role.
pub(crate) struct Role {
    pub(crate) dynamodb: aws_sdk_dynamodb::Client,
    s3: aws_sdk_s3::Client,
    pub(crate) secrets: aws_sdk_secretsmanager::Client,
    pub(crate) sfn: aws_sdk_sfn::Client,
    pub(crate) sns: aws_sdk_sns::Client,
    pub(crate) sqs: aws_sdk_sqs::Client,
    lambda: aws_sdk_lambda::Client,
}

impl Role {
    /// The role of a function that has a worker, or gets one soon.
    pub(crate) async fn of(stack: &Stack, function: &str) -> Result<Self> {
        let name = format!("{DEPLOYMENT}-{function}");
        let found = async || Ok(worker_credentials(stack, &name));
        let credentials = eventually(&format!("a worker of {name}"), SOON, found).await?;
        let root = access_of(&stack.state, &stack.state.endpoint);
        let provider = SharedCredentialsProvider::new(credentials);
        let sdk: SdkConfig = aws::load(&root).await.into_builder().credentials_provider(provider).build();
        let by_path = aws_sdk_s3::config::Builder::from(&sdk).force_path_style(true).build();
        Ok(Self {
            dynamodb: aws_sdk_dynamodb::Client::new(&sdk),
            s3: aws_sdk_s3::Client::from_conf(by_path),
            secrets: aws_sdk_secretsmanager::Client::new(&sdk),
            sfn: aws_sdk_sfn::Client::new(&sdk),
            sns: aws_sdk_sns::Client::new(&sdk),
            sqs: aws_sdk_sqs::Client::new(&sdk),
            lambda: aws_sdk_lambda::Client::new(&sdk),
        })
    }

    /// What no function may do, whatever it is for.
    pub(crate) async fn lacks_what_no_function_needs(&self, stack: &Stack, findings: &mut Findings) -> Result<()> {
        let table = stack.output("IdempotencyTableName")?;
        let bucket = stack.output("PayloadBucketName")?;
        let topic = stack.output("EventsTopicArn")?;
        let queue = stack.output("NotifySlackQueueUrl")?;
        let letters = stack.output("NotifySlackDeadLetterQueueUrl")?;
        let slack_secret = stack.deployment.slack_secret();
        let delete_item = self.dynamodb.delete_item().table_name(table).key("id", text("e2e-roles"));
        findings.denies("dynamodb:DeleteItem", delete_item.send().await);
        findings.denies("dynamodb:Scan", self.dynamodb.scan().table_name(table).send().await);
        findings.denies("dynamodb:DeleteTable", self.dynamodb.delete_table().table_name(table).send().await);
        let other = self.dynamodb.get_item().table_name("somebody-elses").key("id", text("e2e-roles"));
        findings.denies("dynamodb:GetItem of another table", other.send().await);
        findings.denies("s3:DeleteObject", self.s3.delete_object().bucket(bucket).key("payloads/x").send().await);
        let outside = self.s3.put_object().bucket(bucket).key("elsewhere/x").body(Bytes::new().into());
        findings.denies("s3:PutObject outside of payloads/", outside.send().await);
        findings.denies(
            "s3:GetObject outside of payloads/",
            self.s3.get_object().bucket(bucket).key("elsewhere/x").send().await,
        );
        findings.denies("s3:DeleteBucket", self.s3.delete_bucket().bucket(bucket).send().await);
        findings
            .denies("sns:Subscribe", self.sns.subscribe().topic_arn(topic).protocol("sqs").endpoint("x").send().await);
        findings.denies("sns:DeleteTopic", self.sns.delete_topic().topic_arn(topic).send().await);
        let other = self.sns.publish().topic_arn("arn:aws:sns:us-east-1:000000000000:somebody-elses").message("x");
        findings.denies("sns:Publish to another topic", other.send().await);
        findings.denies(
            "sqs:SendMessage to the queue",
            self.sqs.send_message().queue_url(queue).message_body("x").send().await,
        );
        findings
            .denies("sqs:ReceiveMessage of dead letters", self.sqs.receive_message().queue_url(letters).send().await);
        findings.denies("sqs:PurgeQueue", self.sqs.purge_queue().queue_url(queue).send().await);
        findings.denies("sqs:DeleteQueue", self.sqs.delete_queue().queue_url(letters).send().await);
        let write = self.secrets.put_secret_value().secret_id(&slack_secret).secret_string("x");
        findings.denies("secretsmanager:PutSecretValue", write.send().await);
        let create = self.secrets.create_secret().name(format!("{DEPLOYMENT}/webhooks/e2e-roles")).secret_string("x");
        findings.denies("secretsmanager:CreateSecret", create.send().await);
        findings.denies("secretsmanager:ListSecrets", self.secrets.list_secrets().send().await);
        let other = self.secrets.get_secret_value().secret_id("somebody-elses");
        findings.denies("secretsmanager:GetSecretValue of another deployment", other.send().await);
        let invoke = self.lambda.invoke().function_name(format!("{DEPLOYMENT}-health"));
        findings.denies("lambda:InvokeFunction", invoke.send().await);
        let configure = self.lambda.update_function_configuration().function_name(format!("{DEPLOYMENT}-health"));
        findings.denies("lambda:UpdateFunctionConfiguration", configure.timeout(1).send().await);
        Ok(())
    }

    async fn claims(&self, stack: &Stack) -> Result<[Result<(), SdkError<aws_sdk_dynamodb::Error, HttpResponse>>; 3]> {
        let table = stack.output("IdempotencyTableName")?;
        let id = text(&format!("e2e-roles-{}", delivery_id()));
        let get = self.dynamodb.get_item().table_name(table).key("id", id.clone()).send().await;
        let put = self.dynamodb.put_item().table_name(table).item("id", id.clone()).send().await;
        let update = self.dynamodb.update_item().table_name(table).key("id", id).update_expression("SET a = :a");
        let update = update.expression_attribute_values(":a", text("b")).send().await;
        Ok([
            get.map(drop).map_err(|error| error.map_service_error(Into::into)),
            put.map(drop).map_err(|error| error.map_service_error(Into::into)),
            update.map(drop).map_err(|error| error.map_service_error(Into::into)),
        ])
    }
}

/// The credentials that the emulator gave a worker, out of the worker's environment.
fn worker_credentials(stack: &Stack, function: &str) -> Option<Credentials> {
    let group = stack.groups().into_iter().next()?;
    group.members().into_iter().find_map(|pid| {
        let environment = leftovers::environment(pid);
        let variable = |name: &str| environment.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('='));
        if variable("AWS_LAMBDA_FUNCTION_NAME") != Some(function) || fs::metadata(format!("/proc/{pid}")).is_err() {
            return None;
        }
        let (id, secret) = (variable("AWS_ACCESS_KEY_ID")?, variable("AWS_SECRET_ACCESS_KEY")?);
        let token = variable("AWS_SESSION_TOKEN").map(str::to_owned);
        Some(Credentials::new(id, secret, token, None, "worker"))
    })
}

pub(crate) fn text(value: &str) -> AttributeValue {
    AttributeValue::S(value.to_owned())
}

pub(crate) async fn the_role_of_receive_webhook_lacks_what_it_does_not_need(stack: Arc<Stack>) -> Result<()> {
    let sender = stack.github("role-receive").await?;
    let stranger = Sender::github("role-receive", &[&secret()])?;
    let waking = stranger.push(&delivery_id(), &push_to(&stack.channel()?))?;
    assert_eq!(deliver(&stack, &waking).await?.status, 404);
    let role = Role::of(&stack, "receive-webhook").await?;
    let bucket = stack.output("PayloadBucketName")?;
    let topic = stack.output("EventsTopicArn")?;
    let letters = stack.output("NotifySlackDeadLetterQueueUrl")?;

    let mut findings = Findings::default();
    let source = role.secrets.get_secret_value().secret_id(sender.secret_id(&stack.deployment));
    findings.allows("secretsmanager:GetSecretValue of a source", source.send().await);
    for (call, outcome) in
        ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"].into_iter().zip(role.claims(&stack).await?)
    {
        findings.allows(call, outcome);
    }
    let put = role.s3.put_object().bucket(bucket).key("payloads/e2e-roles").body(Bytes::new().into());
    findings.allows("s3:PutObject", put.send().await);
    findings.allows(
        "sns:Publish",
        role.sns.publish().topic_arn(topic).message("of no type, so nobody gets it").send().await,
    );

    let slack = role.secrets.get_secret_value().secret_id(stack.deployment.slack_secret());
    findings.denies("secretsmanager:GetSecretValue of Slack's document", slack.send().await);
    findings.denies("s3:GetObject", role.s3.get_object().bucket(bucket).key("payloads/e2e-roles").send().await);
    findings.denies("s3:ListBucket", role.s3.list_objects_v2().bucket(bucket).send().await);
    findings.denies(
        "sqs:SendMessage to the dead letters",
        role.sqs.send_message().queue_url(letters).message_body("x").send().await,
    );
    role.lacks_what_no_function_needs(&stack, &mut findings).await?;
    findings.judge()
}

pub(crate) async fn the_role_of_notify_slack_lacks_what_it_does_not_need(stack: Arc<Stack>) -> Result<()> {
    let sender = stack.github("role-notify").await?;
    let waking = sender.push(&delivery_id(), &push_to(&stack.channel()?))?;
    assert_eq!(deliver(&stack, &waking).await?.status, 202);
    let role = Role::of(&stack, "notify-slack").await?;
    let bucket = stack.output("PayloadBucketName")?;
    let topic = stack.output("EventsTopicArn")?;
    let queue = stack.output("NotifySlackQueueUrl")?;
    stack.s3.put_object().bucket(bucket).key("payloads/e2e-role-notify").body(Bytes::new().into()).send().await?;

    let mut findings = Findings::default();
    let slack = role.secrets.get_secret_value().secret_id(stack.deployment.slack_secret());
    findings.allows("secretsmanager:GetSecretValue of Slack's document", slack.send().await);
    for (call, outcome) in
        ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"].into_iter().zip(role.claims(&stack).await?)
    {
        findings.allows(call, outcome);
    }
    findings.allows("s3:GetObject", role.s3.get_object().bucket(bucket).key("payloads/e2e-role-notify").send().await);
    findings.allows("sqs:GetQueueAttributes", role.sqs.get_queue_attributes().queue_url(queue).send().await);

    let source = role.secrets.get_secret_value().secret_id(sender.secret_id(&stack.deployment));
    findings.denies("secretsmanager:GetSecretValue of a source", source.send().await);
    findings.denies("sns:Publish", role.sns.publish().topic_arn(topic).message("x").send().await);
    let put = role.s3.put_object().bucket(bucket).key("payloads/x").body(Bytes::new().into());
    findings.denies("s3:PutObject", put.send().await);
    findings.denies("s3:ListBucket", role.s3.list_objects_v2().bucket(bucket).send().await);
    role.lacks_what_no_function_needs(&stack, &mut findings).await?;
    findings.judge()
}

pub(crate) async fn the_role_of_health_lacks_what_it_does_not_need(stack: Arc<Stack>) -> Result<()> {
    let sender = stack.github("role-health").await?;
    let waking = http::Request::get(stack.address("/health")).body(Bytes::new())?;
    assert_eq!(stack.send(waking).await?.status, 200);
    let role = Role::of(&stack, "health").await?;
    let bucket = stack.output("PayloadBucketName")?;
    let topic = stack.output("EventsTopicArn")?;
    let letters = stack.output("NotifySlackDeadLetterQueueUrl")?;

    let mut findings = Findings::default();
    let [get, put, update] = role.claims(&stack).await?;
    findings.allows("dynamodb:GetItem", get);
    findings.allows("sns:GetTopicAttributes", role.sns.get_topic_attributes().topic_arn(topic).send().await);
    findings
        .allows("s3:ListBucket, to see that the bucket is there", role.s3.head_bucket().bucket(bucket).send().await);
    let described = role.secrets.describe_secret().secret_id(stack.deployment.slack_secret());
    findings.allows("secretsmanager:DescribeSecret", described.send().await);

    findings.denies("dynamodb:PutItem", put);
    findings.denies("dynamodb:UpdateItem", update);
    findings.denies("sns:Publish", role.sns.publish().topic_arn(topic).message("x").send().await);
    let slack = role.secrets.get_secret_value().secret_id(stack.deployment.slack_secret());
    findings.denies("secretsmanager:GetSecretValue of Slack's document", slack.send().await);
    let source = role.secrets.get_secret_value().secret_id(sender.secret_id(&stack.deployment));
    findings.denies("secretsmanager:GetSecretValue of a source", source.send().await);
    findings.denies("s3:GetObject", role.s3.get_object().bucket(bucket).key("payloads/x").send().await);
    let put = role.s3.put_object().bucket(bucket).key("payloads/x").body(Bytes::new().into());
    findings.denies("s3:PutObject", put.send().await);
    findings.denies(
        "sqs:SendMessage to the dead letters",
        role.sqs.send_message().queue_url(letters).message_body("x").send().await,
    );
    role.lacks_what_no_function_needs(&stack, &mut findings).await?;
    findings.judge()
}
