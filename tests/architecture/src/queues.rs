//! What keeps a message from being lost between a topic and a function: timeouts, redrive, retention, partial batch answers.
//!
//! Sources: [Lambda with SQS](https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html) and
//! [SNS dead-letter queues](https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html).

use serde_json::Value;

use crate::template::{Resource, Template};

/// Lambda polls, buffers, retries on throttling: with less a batch may be handed out while it is still being worked on.
const VISIBILITY_PER_TIMEOUT: u64 = 6;
/// With fewer receives a throttled function sends messages to the dead letters that it has never seen.
const FEWEST_RECEIVES: u64 = 5;
/// How long SNS goes on trying to deliver to a queue: 100,015 attempts over 23 days.
const SNS_RETRY_DAYS: u64 = 23;
const DAY: u64 = 24 * 60 * 60;
/// What a queue keeps messages for when its template does not say: 4 days.
const DEFAULT_RETENTION: u64 = 4 * DAY;

/// Violations of one template.
#[must_use]
pub fn violations(template: &Template) -> Vec<String> {
    let mut found = Vec::new();
    for queue in template.of_kind("AWS::SQS::Queue") {
        let mut complain = |problem: String| found.push(format!("{}: {}: {problem}", template.name, queue.id));
        if queue.properties["SqsManagedSseEnabled"] != true {
            complain("is not encrypted by its own key".to_owned());
        }
        if !is_dead_letter_queue(template, queue) {
            judge_redrive(template, queue, &mut complain);
        }
    }
    for mapping in template.of_kind("AWS::Lambda::EventSourceMapping") {
        let mut complain = |problem: String| found.push(format!("{}: {}: {problem}", template.name, mapping.id));
        judge_mapping(template, mapping, &mut complain);
    }
    for function in template.of_kind("AWS::Serverless::Function") {
        if !function.properties["Events"].is_null() {
            found.push(format!(
                "{}: {}: `Events` hides a mapping from these rules: write it out",
                template.name, function.id
            ));
        }
    }
    for subscription in template.of_kind("AWS::SNS::Subscription") {
        let mut complain = |problem: String| found.push(format!("{}: {}: {problem}", template.name, subscription.id));
        judge_subscription(template, subscription, &mut complain);
    }
    found
}

fn judge_redrive(template: &Template, queue: Resource<'_>, complain: &mut impl FnMut(String)) {
    let redrive = &queue.properties["RedrivePolicy"];
    let Some(letters) = template.target(&redrive["deadLetterTargetArn"]) else {
        return complain("has no dead-letter queue in this template".to_owned());
    };
    let receives = number(&redrive["maxReceiveCount"]);
    if receives < FEWEST_RECEIVES {
        complain(format!("gives up after {receives} receives, not at least {FEWEST_RECEIVES}"));
    }
    if retention(letters) <= retention(queue) {
        complain(format!("{} keeps messages no longer than the queue itself", letters.id));
    }
    if is_fifo(queue) != is_fifo(letters) {
        complain(format!("a FIFO queue needs a FIFO dead-letter queue, and only it: {}", letters.id));
    }
}

fn judge_mapping(template: &Template, mapping: Resource<'_>, complain: &mut impl FnMut(String)) {
    let source = template.target(&mapping.properties["EventSourceArn"]);
    if source.is_some_and(|it| it.kind == "AWS::DynamoDB::Table") {
        return; // Streams have rules of their own.
    }
    let Some(queue) = source.filter(|it| it.kind == "AWS::SQS::Queue") else {
        return complain("its source is neither a queue nor a table of this template".to_owned());
    };
    let responses = &mapping.properties["FunctionResponseTypes"];
    if !responses.as_array().is_some_and(|types| types.iter().any(|it| it == "ReportBatchItemFailures")) {
        complain("one bad message would fail the batch: ReportBatchItemFailures is missing".to_owned());
    }
    if mapping.properties["ScalingConfig"]["MaximumConcurrency"].is_null() {
        complain("may take all concurrency of the account: MaximumConcurrency is missing".to_owned());
    } else if !mapping.properties["ScalingConfig"]["MaximumConcurrency"].is_u64() {
        // The emulator then compares a number with a text, and delivers nothing from any queue.
        complain("MaximumConcurrency must be a number, not a parameter".to_owned());
    }
    let Some(function) = template.target(&mapping.properties["FunctionName"]) else {
        return complain("its function is not in this template".to_owned());
    };
    let timeout = number(&template.function_property(function, &["Timeout"]));
    let visibility = number(&queue.properties["VisibilityTimeout"]);
    if timeout == 0 {
        complain(format!("{} says no Timeout", function.id));
    }
    if visibility < VISIBILITY_PER_TIMEOUT * timeout {
        complain(format!(
            "{} hides messages for {visibility} s, less than six times the function's {timeout} s",
            queue.id
        ));
    }
}

fn judge_subscription(template: &Template, subscription: Resource<'_>, complain: &mut impl FnMut(String)) {
    let properties = subscription.properties;
    if properties["Protocol"] != "sqs" {
        return complain("delivers to something else than a queue, where a failure would be nobody's".to_owned());
    }
    if template.target(&properties["RedrivePolicy"]["deadLetterTargetArn"]).is_none() {
        complain("has no redrive policy of its own: what SNS cannot deliver would be gone".to_owned());
    }
    if properties["RawMessageDelivery"] != true {
        complain("is not raw: consumers read the event itself".to_owned());
    }
    if !properties["FilterPolicy"].is_object() {
        complain("has no filter policy: it would get, and pay for, every event of the backbone".to_owned());
    }
    let may_deliver = |queue: &Value| template.target(queue).is_some_and(|queue| topic_may_send(template, queue));
    for queue in [&properties["Endpoint"], &properties["RedrivePolicy"]["deadLetterTargetArn"]] {
        if !may_deliver(queue) {
            complain(format!("no queue policy lets its topic, and only it (aws:SourceArn), send to {queue}"));
        }
    }
}

fn topic_may_send(template: &Template, queue: Resource<'_>) -> bool {
    template.of_kind("AWS::SQS::QueuePolicy").any(|policy| {
        let concerns = |it: &Value| template.target(it).is_some_and(|target| target.id == queue.id);
        policy.properties["Queues"].as_array().is_some_and(|queues| queues.iter().any(concerns))
            && policy.properties["PolicyDocument"]["Statement"].as_array().into_iter().flatten().any(|statement| {
                statement["Effect"] == "Allow"
                    && statement["Principal"]["Service"] == "sns.amazonaws.com"
                    && !statement["Condition"]["ArnEquals"]["aws:SourceArn"].is_null()
                    && concerns(&statement["Resource"])
            })
    })
}

/// The names that subscriptions filter on; an event must carry each of them, or the subscription gets nothing.
#[must_use]
pub fn filtered_attributes(template: &Template) -> Vec<String> {
    template.of_kind("AWS::SNS::Subscription").flat_map(|it| filtered(&it.properties["FilterPolicy"])).collect()
}

fn filtered(policy: &Value) -> Vec<String> {
    let members = policy.as_object().into_iter().flatten();
    let names = members.flat_map(|(name, values)| match (name.as_str(), values.as_array()) {
        ("$or", Some(alternatives)) => alternatives.iter().flat_map(filtered).collect(),
        _ => vec![name.clone()],
    });
    names.collect()
}

/// Violations of the rule that a payload in the bucket outlives every message that points at it. Judges all templates together, because
/// the bucket is in one and the queues are in others.
#[must_use]
pub fn payload_violations(templates: &[Template]) -> Vec<String> {
    let queues = templates.iter().flat_map(|template| {
        template.of_kind("AWS::SQS::Queue").filter(|queue| !is_dead_letter_queue(template, *queue)).map(move |queue| {
            let letters = template.target(&queue.properties["RedrivePolicy"]["deadLetterTargetArn"]);
            retention(queue) + letters.map_or(0, retention)
        })
    });
    let longest = SNS_RETRY_DAYS + queues.max().unwrap_or(0) / DAY;
    let mut found = Vec::new();
    for template in templates {
        for bucket in template.of_kind("AWS::S3::Bucket") {
            for rule in bucket.properties["LifecycleConfiguration"]["Rules"].as_array().into_iter().flatten() {
                let days = &rule["ExpirationInDays"];
                if !days.is_null() && number(days) <= longest {
                    found.push(format!(
                        "{}: {}: expires after {days} days, a message may live {longest}",
                        template.name, bucket.id
                    ));
                }
            }
        }
    }
    found
}

/// Whether another queue of the template gives its failures to this one.
#[must_use]
pub fn is_dead_letter_queue(template: &Template, queue: Resource<'_>) -> bool {
    let points_here = |other: Resource<'_>| {
        template.target(&other.properties["RedrivePolicy"]["deadLetterTargetArn"]).is_some_and(|it| it.id == queue.id)
    };
    template.of_kind("AWS::SQS::Queue").any(points_here)
}

fn retention(queue: Resource<'_>) -> u64 {
    queue.properties["MessageRetentionPeriod"].as_u64().unwrap_or(DEFAULT_RETENTION)
}

fn is_fifo(queue: Resource<'_>) -> bool {
    queue.properties["FifoQueue"] == true
}

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

#[cfg(test)]
#[path = "queues_tests.rs"]
mod tests;
