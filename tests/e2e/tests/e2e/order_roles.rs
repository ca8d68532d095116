//! The roles of the order pipeline's functions. Every call is made so that it changes nothing, should it be allowed.

use std::sync::Arc;

use anyhow::Result;
use tidegate_operations::orders_client::Draft;
use tokio::sync::OnceCell;

use crate::roles::{Findings, Role, text};
use crate::shop::{Customers, draft, goods, key, outside};
use crate::shop_books::told_once;
use crate::stack::Stack;

/// By the outputs that name them: all tables, and how the item that is asked for is called. It is none's.
const TABLES: [(&str, &[&str]); 7] = [
    ("OrdersTableName", &["id"]),
    ("InventoryTableName", &["id"]),
    ("PaymentsTableName", &["id"]),
    ("ShippingTableName", &["id"]),
    ("CallbacksTableName", &["id"]),
    ("TimelineTableName", &["order_id", "entry"]),
    ("IdempotencyTableName", &["id"]),
];
/// What the outputs that name queues begin with.
const QUEUES: [&str; 8] = [
    "OrdersWorker",
    "InventoryWorker",
    "PaymentsWorker",
    "ShippingWorker",
    "StartWorkflow",
    "RecordTimeline",
    "DeliverCallback",
    "NotifySlack",
];
/// Made up, and longer than the shortest that is taken.
const TOKEN: &str = "made-up-token-of-nobody";

/// What a function may do; everything else is denied.
#[derive(Default)]
struct May {
    reads: &'static [&'static str],
    writes: &'static [&'static str],
    queries: &'static [&'static str],
    /// Its own, whose dead letters it writes.
    queue: &'static str,
    stripes_secret: bool,
    callback_secrets: bool,
    publishes: bool,
    starts: bool,
    tells_success: bool,
    tells_failure: bool,
    tells_heartbeat: bool,
}

pub(crate) async fn the_role_of_orders_api_lacks_what_it_does_not_need(stack: Arc<Stack>) -> Result<()> {
    let orders: &[&str] = &["OrdersTableName"];
    let may = May { reads: orders, writes: orders, queries: &["TimelineTableName"], ..May::default() };
    judge(&stack, "orders-api", may).await
}

pub(crate) async fn the_role_of_orders_worker_lacks_what_it_does_not_need(stack: Arc<Stack>) -> Result<()> {
    judge(&stack, "orders-worker", worker(&["OrdersTableName"], "OrdersWorker")).await
}

pub(crate) async fn the_role_of_inventory_worker_lacks_what_it_does_not_need(stack: Arc<Stack>) -> Result<()> {
    judge(&stack, "inventory-worker", worker(&["InventoryTableName"], "InventoryWorker")).await
}

pub(crate) async fn the_role_of_payments_worker_lacks_what_it_does_not_need(stack: Arc<Stack>) -> Result<()> {
    let may = May { stripes_secret: true, ..worker(&["PaymentsTableName"], "PaymentsWorker") };
    judge(&stack, "payments-worker", may).await
}

pub(crate) async fn the_role_of_shipping_worker_lacks_what_it_does_not_need(stack: Arc<Stack>) -> Result<()> {
    judge(&stack, "shipping-worker", worker(&["ShippingTableName"], "ShippingWorker")).await
}

pub(crate) async fn the_role_of_start_workflow_lacks_what_it_does_not_need(stack: Arc<Stack>) -> Result<()> {
    judge(&stack, "start-workflow", May { starts: true, queue: "StartWorkflow", ..May::default() }).await
}

pub(crate) async fn the_role_of_record_timeline_lacks_what_it_does_not_need(stack: Arc<Stack>) -> Result<()> {
    let may = May { writes: &["TimelineTableName"], queue: "RecordTimeline", ..May::default() };
    judge(&stack, "record-timeline", may).await
}

pub(crate) async fn the_role_of_deliver_callback_lacks_what_it_does_not_need(stack: Arc<Stack>) -> Result<()> {
    let may = May {
        reads: &["OrdersTableName", "CallbacksTableName"],
        writes: &["CallbacksTableName"],
        queue: "DeliverCallback",
        callback_secrets: true,
        ..May::default()
    };
    judge(&stack, "deliver-callback", may).await
}

pub(crate) async fn the_role_of_relay_outbox_lacks_what_it_does_not_need(stack: Arc<Stack>) -> Result<()> {
    let may = May { publishes: true, tells_success: true, tells_failure: true, ..May::default() };
    judge(&stack, "relay-outbox", may).await
}

fn worker(table: &'static [&'static str], queue: &'static str) -> May {
    let may = May { tells_failure: true, tells_heartbeat: true, ..May::default() };
    May { reads: table, writes: table, queue, ..may }
}

/// One order that goes all the way, so that every function has a worker.
async fn awake(stack: &Stack) -> Result<()> {
    static AWAKE: OnceCell<()> = OnceCell::const_new();
    let wake = || async {
        let customer = &Customers::of(stack).await?.console;
        let callback_url = Some(outside(stack)?.callback_url(&customer.id));
        let sku = goods(stack, "roles", 5).await?;
        let id = customer.place(stack, &Draft { callback_url, ..draft(&sku) }).await?;
        told_once(stack, &id, "order.confirmed").await
    };
    AWAKE.get_or_try_init(wake).await.map(drop)
}

async fn judge(stack: &Stack, function: &str, may: May) -> Result<()> {
    awake(stack).await?;
    let role = Role::of(stack, function).await?;
    let mut findings = Findings::default();
    tables(stack, &role, &may, &mut findings).await?;
    queues(stack, &role, &may, &mut findings).await?;
    secrets(stack, &role, &may, &mut findings).await?;
    saga(stack, &role, &may, &mut findings).await?;
    role.lacks_what_no_function_needs(stack, &mut findings).await?;
    findings.judge()
}

async fn tables(stack: &Stack, role: &Role, may: &May, findings: &mut Findings) -> Result<()> {
    for (output, keys) in TABLES {
        let table = stack.output(output)?;
        let own = |names: &[&str]| names.contains(&output);
        let nothing = text(&key());

        let mut get = role.dynamodb.get_item().table_name(table);
        let mut put = role.dynamodb.put_item().table_name(table).condition_expression("attribute_exists(#key)");
        let mut update = role.dynamodb.update_item().table_name(table).update_expression("SET a = :a");
        let mut delete = role.dynamodb.delete_item().table_name(table);
        for name in keys {
            get = get.key(*name, nothing.clone());
            put = put.item(*name, nothing.clone());
            update = update.key(*name, nothing.clone());
            delete = delete.key(*name, nothing.clone());
        }
        let put = put.expression_attribute_names("#key", keys[0]);
        let update = update.condition_expression("attribute_exists(#key)").expression_attribute_names("#key", keys[0]);
        let update = update.expression_attribute_values(":a", text("b"));
        let query = role.dynamodb.query().table_name(table).key_condition_expression("#key = :key");
        let query = query.expression_attribute_names("#key", keys[0]).expression_attribute_values(":key", nothing);
        findings.lets(format!("dynamodb:GetItem of {table}"), own(may.reads), get.send().await);
        findings.lets(format!("dynamodb:PutItem of {table}"), own(may.writes), put.send().await);
        findings.lets(format!("dynamodb:Query of {table}"), own(may.queries), query.send().await);
        findings.lets(format!("dynamodb:UpdateItem of {table}"), false, update.send().await);
        findings.lets(format!("dynamodb:DeleteItem of {table}"), false, delete.send().await);
        findings.lets(format!("dynamodb:Scan of {table}"), false, role.dynamodb.scan().table_name(table).send().await);
    }
    Ok(())
}

async fn queues(stack: &Stack, role: &Role, may: &May, findings: &mut Findings) -> Result<()> {
    for queue in QUEUES {
        let url = stack.output(&format!("{queue}QueueUrl"))?;
        let letters = stack.output(&format!("{queue}DeadLetterQueueUrl"))?;
        let send = |url: &str| role.sqs.send_message().queue_url(url).message_body("x").send();
        findings.lets(format!("sqs:SendMessage to {queue}"), false, send(url).await);
        if queue != may.queue {
            // Its own would have one that nobody set aside.
            findings.lets(format!("sqs:SendMessage to the dead letters of {queue}"), false, send(letters).await);
        }
        let asked = role.sqs.get_queue_attributes().queue_url(url).send().await;
        findings.lets(format!("sqs:GetQueueAttributes of {queue}"), queue == may.queue, asked);
        let received = role.sqs.receive_message().queue_url(letters).send().await;
        findings.lets(format!("sqs:ReceiveMessage of the dead letters of {queue}"), false, received);
    }
    Ok(())
}

async fn secrets(stack: &Stack, role: &Role, may: &May, findings: &mut Findings) -> Result<()> {
    let deployment = &stack.deployment;
    let customer = &Customers::of(stack).await?.console;
    for (id, may) in [
        (deployment.stripe_secret(), may.stripes_secret),
        (deployment.callback_secret(&customer.id), may.callback_secrets),
        (deployment.slack_secret(), false),
        (deployment.source_secret("stripe"), false),
    ] {
        let read = role.secrets.get_secret_value().secret_id(&id).send().await;
        findings.lets(format!("secretsmanager:GetSecretValue of {id}"), may, read);
    }
    Ok(())
}

async fn saga(stack: &Stack, role: &Role, may: &May, findings: &mut Findings) -> Result<()> {
    let (sfn, saga) = (&role.sfn, stack.output("OrderSagaArn")?);
    // Of no type, so that nobody gets it.
    let published = role.sns.publish().topic_arn(stack.output("EventsTopicArn")?).message("x").send().await;
    findings.lets("sns:Publish", may.publishes, published);
    let started = sfn.start_execution().state_machine_arn(saga).input("not JSON").send().await;
    findings.lets("states:StartExecution", may.starts, started);
    let success = sfn.send_task_success().task_token(TOKEN).output("{}").send().await;
    findings.lets("states:SendTaskSuccess", may.tells_success, success);
    let failure = sfn.send_task_failure().task_token(TOKEN).send().await;
    findings.lets("states:SendTaskFailure", may.tells_failure, failure);
    let heartbeat = sfn.send_task_heartbeat().task_token(TOKEN).send().await;
    findings.lets("states:SendTaskHeartbeat", may.tells_heartbeat, heartbeat);
    let listed = sfn.list_executions().state_machine_arn(saga).send().await;
    findings.lets("states:ListExecutions", false, listed);
    Ok(())
}
