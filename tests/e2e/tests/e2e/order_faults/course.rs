//! One order's course: what comes for it is handed to the workers, and meets the faults of its plan.

use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use aws_sdk_sfn::types::ExecutionStatus;
use bytes::Bytes;
use serde_json::{Value, json};
use tidegate_cli::standin_client;
use tidegate_events::{CommandName, SagaInput, Service};
use tidegate_standins::{Act, StripeFault};
use tidegate_testkit::lambda_api::{Action, Fault as Break, When};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::task::JoinSet;
use tokio::time::timeout;

use super::faults::{Fault, Person, Plan, Strike};
use super::orders::{place, withdraw};
use super::services::{Delivery, Worked, commit, name_of};
use super::world::World;
use crate::stripe;
use crate::wait::{SOON, eventually, shortly};

/// The longest that any plan takes on a busy machine is a third of it.
const LIMIT: Duration = Duration::from_secs(100);

/// For how long a slow Stripe thinks: longer than the patience of a state that gets no answer.
const SLOW_MILLIS: u64 = 3000;

/// How an order ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) confirmed: bool,
    /// Whether a person was needed.
    pub(super) parked: bool,
}

struct Course<'a> {
    world: &'a Arc<World>,
    plan: &'a Plan,
    order: String,
    inbox: UnboundedReceiver<Delivery>,
    /// What has not struck yet, or strikes again and again.
    due: Vec<Strike>,
    /// The service whose answer is held back, and to which message.
    unanswered: Option<(Service, String)>,
    /// What arrives when all is over.
    late: Vec<Delivery>,
    /// What waits for the customer's request to arrive.
    withdrawing: Option<Delivery>,
    /// Workers that wait for Stripe meanwhile.
    slow: JoinSet<Result<()>>,
    parked: bool,
}

/// Places the order and sees it through, until nothing more is to come.
pub(super) async fn run(world: &Arc<World>, plan: &Plan) -> Result<Ended> {
    if let Ok(ended) = timeout(LIMIT, see_through(world, plan)).await {
        return ended;
    }
    let mut open = Vec::new();
    for service in Service::ALL {
        let (version, state) = world.item(service, &plan.order()).await?;
        let relayed = world.relay(service).relayed(&plan.order());
        open.push(format!("{} (version {version}, relayed {relayed}): {state}", name_of(service)));
    }
    bail!("something is still open: {}", open.join("; "))
}

async fn see_through(world: &Arc<World>, plan: &Plan) -> Result<Ended> {
    let order = plan.order();
    let inbox = world.inbox(&order);
    let placed = place(world, plan).await?;
    let input = SagaInput::of(&placed)?.context("no order was placed")?;
    let start = world.stack.sfn.start_execution().name(&order).input(serde_json::to_string(&input)?);
    let execution = start.state_machine_arn(world.machines.arn(&plan.impatient())?).send().await?.execution_arn;

    let mut course = Course {
        world,
        plan,
        order,
        inbox,
        due: plan.strikes.clone(),
        unanswered: None,
        late: Vec::new(),
        withdrawing: None,
        slow: JoinSet::new(),
        parked: false,
    };
    loop {
        if let Some(delivery) = shortly(course.inbox.recv()).await {
            course.take(delivery.context("no message is handed over any more")?).await?;
        } else if let Some(ended) = course.ended(&execution).await? {
            return Ok(ended);
        }
    }
}

impl Course<'_> {
    async fn take(&mut self, delivery: Delivery) -> Result<()> {
        let Some(command) = delivery.command else {
            self.work(&delivery).await?;
            // For a payment that waits for the customer's request no other event can have been published.
            return match self.withdrawing.take() {
                Some(waiting) => self.work(&waiting).await,
                None => Ok(()),
            };
        };
        if self.unanswered.as_ref().is_some_and(|(_, message)| *message != delivery.message_id) {
            self.release_answer();
        }
        let Some(at) = self.due.iter().position(|it| it.at == command) else {
            self.work(&delivery).await?;
            return if command == CommandName::ParkCompensation { self.person(&delivery).await } else { Ok(()) };
        };
        let Strike { fault, .. } =
            if self.due[at].fault.lasts_at(command) { self.due[at] } else { self.due.remove(at) };
        self.struck(fault, command, delivery).await
    }

    async fn struck(&mut self, fault: Fault, command: CommandName, delivery: Delivery) -> Result<()> {
        let service = delivery.service;
        match fault {
            Fault::Refused => {
                if command == CommandName::CapturePayment {
                    stripe::expire(&self.world.stack, &self.payment().await?).await?;
                }
                self.work(&delivery).await
            }
            Fault::Withdrawn => {
                withdraw(self.world, &self.order).await?;
                self.withdrawing = Some(delivery);
                Ok(())
            }
            Fault::AnswerLost => {
                self.stripe_will(Act::Lose, command).await?;
                let worker = &self.world.desk(service).worker;
                ensure!(worker.work(&delivery).await? == Worked::ComesBack, "it was not put back");
                Ok(())
            }
            Fault::UndoneMeanwhile => {
                self.stripe_will(Act::Hold, command).await?;
                let (worker, world) = (self.world.another(service).await?, Arc::clone(self.world));
                self.slow.spawn(async move {
                    match worker.work(&delivery).await? {
                        Worked::Done => world.delete_message(&delivery).await,
                        Worked::ComesBack => Ok(()),
                        Worked::Died => bail!("the slow worker died"),
                    }
                });
                Ok(())
            }
            Fault::Transient => {
                let worker = self.world.another(service).await?;
                let unavailable = Break::new("GetItem", When::BeforeForward, Action::Status(500)).from_then_on();
                worker.proxy.inject(unavailable);
                ensure!(worker.work(&delivery).await? == Worked::ComesBack, "it was not put back");
                ensure!(worker.proxy.count("SendTaskHeartbeat") == 1, "the saga got no heartbeat");
                Ok(())
            }
            Fault::Permanent | Fault::Fails(Person::Retries) => {
                let worker = self.world.another(service).await?;
                // However often it looks: what has changed since would be decided upon anew.
                let unreadable = Action::Answer(unreadable(&self.order));
                worker.proxy.inject(Break::new("GetItem", When::BeforeForward, unreadable).from_then_on());
                ensure!(worker.work(&delivery).await? == Worked::Done, "it was not set aside");
                ensure!(worker.proxy.count("SendTaskFailure") == 1, "the saga got no failure");
                self.delete(&delivery).await
            }
            Fault::DoneUnanswered => {
                self.world.relay(service).hold(&self.order);
                self.unanswered = Some((service, delivery.message_id.clone()));
                self.work(&delivery).await
            }
            Fault::Lost | Fault::Fails(Person::Resolves) => self.delete(&delivery).await,
            Fault::Late => {
                self.delete(&delivery).await?;
                self.late.push(delivery);
                Ok(())
            }
            Fault::CrashBefore | Fault::CrashAfter => {
                let when = if fault == Fault::CrashBefore { When::BeforeForward } else { When::AfterForward };
                let worker = self.world.another(service).await?;
                let (_, reservation) = self.world.item(Service::Inventory, &self.order).await?;
                let (operation, nth) = commit(command, reservation["is"] == "reserved");
                let killer = worker.function.killer();
                worker.proxy.inject(Break::new(operation, when, Action::kill(move || killer.kill())).nth(nth));
                if fault == Fault::CrashAfter {
                    self.world.relay(service).die_over(&self.order);
                }
                ensure!(worker.work(&delivery).await? == Worked::Died, "the worker was not killed");
                self.work(&delivery).await
            }
            Fault::Duplicate => {
                let (worker, copy) = (self.world.another(service).await?, delivery.copy());
                let (own, twin) = tokio::join!(self.work(&delivery), worker.work(&copy));
                own?;
                ensure!(twin? != Worked::Died, "the twin's worker died");
                self.late.push(copy);
                Ok(())
            }
        }
    }

    /// Hands it to the worker that meets no fault.
    async fn work(&self, delivery: &Delivery) -> Result<()> {
        let worker = &self.world.desk(delivery.service).worker;
        match worker.work(delivery).await? {
            Worked::Done => self.delete(delivery).await,
            Worked::ComesBack => Ok(()),
            Worked::Died => bail!("a worker died by itself\n{}", worker.function.logs()),
        }
    }

    async fn delete(&self, delivery: &Delivery) -> Result<()> {
        self.world.delete_message(delivery).await
    }

    /// Has Stripe do this to the next request that follows from this command.
    async fn stripe_will(&self, act: Act, command: CommandName) -> Result<()> {
        // A capture says no order, its path says which payment; an authorisation says its order.
        let (path, contains) = match command {
            CommandName::CapturePayment => (format!("/v1/payment_intents/{}/capture", self.payment().await?), None),
            _ => ("/v1/payment_intents".to_owned(), Some(self.order.clone())),
        };
        let millis = (act == Act::Hold).then_some(SLOW_MILLIS);
        let fault = StripeFault { path: Some(path), contains, times: Some(1), act, millis, ..StripeFault::default() };
        standin_client::of(&self.world.stack.deployment)?.fail_stripe(&fault).await
    }

    /// As Stripe calls it.
    async fn payment(&self) -> Result<String> {
        let (_, payment) = self.world.item(Service::Payments, &self.order).await?;
        Ok(payment["status"]["payment_id"].as_str().context("there is no payment")?.to_owned())
    }

    fn release_answer(&mut self) {
        if let Some((service, _)) = self.unanswered.take() {
            self.world.relay(service).release(&self.order);
        }
    }

    /// A person sees what is parked, mends it, and answers.
    async fn person(&mut self, delivery: &Delivery) -> Result<()> {
        let step: CommandName = delivery.body["data"]["step"].as_str().context("no step is parked")?.parse()?;
        let at =
            self.due.iter().position(|it| it.at == step).with_context(|| format!("{step} is parked for no reason"))?;
        let Strike { fault: Fault::Fails(person), .. } = self.due.remove(at) else { bail!("{step} should not fail") };
        self.parked = true;
        eventually("the order says what is parked", SOON, async || {
            let (_, order) = self.world.item(Service::Orders, &self.order).await?;
            Ok((order["parked"]["step"] == step.as_str()).then_some(()))
        })
        .await?;
        if step == CommandName::UndoPayment && person == Person::Resolves {
            self.refund_by_hand().await?;
        }
        let answer = match person {
            Person::Retries => "retry",
            Person::Resolves => "resolved",
        };
        let body = json!({
            "command": CommandName::AnswerCompensation.as_str(),
            "version": 1,
            "command_id": format!("{}/AnswerCompensation/{}", self.order, delivery.message_id),
            "order_id": self.order,
            "data": { "step": step.as_str(), "answer": answer },
        });
        let queue = &self.world.desk(Service::Orders).queue_url;
        self.world.stack.deployment.sqs.send_message().queue_url(queue).message_body(body.to_string()).send().await?;
        Ok(())
    }

    /// At Stripe, which reports it. What is only authorised the service gives back itself.
    async fn refund_by_hand(&self) -> Result<()> {
        let (_, payment) = self.world.item(Service::Payments, &self.order).await?;
        if payment["status"]["is"] != "captured" {
            return Ok(());
        }
        stripe::refund(&self.world.stack, &self.payment().await?).await?;
        let body = json!({
            "command": CommandName::ReconcilePayment.as_str(),
            "version": 1,
            "command_id": format!("/webhooks/stripe/{}", self.order),
            "order_id": self.order,
            "data": { "status": "refunded" },
        });
        let queue = &self.world.desk(Service::Payments).queue_url;
        self.world.stack.deployment.sqs.send_message().queue_url(queue).message_body(body.to_string()).send().await?;
        Ok(())
    }

    /// Nothing while something is still to come.
    async fn ended(&mut self, execution: &str) -> Result<Option<Ended>> {
        let described = self.world.stack.sfn.describe_execution().execution_arn(execution).send().await?;
        match described.status {
            ExecutionStatus::Running => return Ok(None),
            ExecutionStatus::Succeeded => {}
            status => bail!("the saga ended as {status}: {:?} {:?}", described.error, described.cause),
        }
        self.release_answer();
        while let Some(ended) = self.slow.join_next().await {
            ended??;
        }
        if !self.late.is_empty() {
            for delivery in std::mem::take(&mut self.late) {
                let worked = self.world.desk(delivery.service).worker.work(&delivery).await?;
                ensure!(worked == Worked::Done, "what came late was not handled: {worked:?}");
            }
        }
        for service in Service::ALL {
            let (version, _) = self.world.item(service, &self.order).await?;
            if self.world.relay(service).relayed(&self.order) < version {
                return Ok(None);
            }
        }
        let state = async |service| Ok::<Value, anyhow::Error>(self.world.item(service, &self.order).await?.1);
        let order = state(Service::Orders).await?;
        let confirmed = order["status"]["is"] == "confirmed";
        ensure!(
            confirmed || order["status"]["is"] == "cancelled",
            "the saga ended and the order is {}",
            order["status"]
        );
        // Services may receive events after the saga has ended.
        let open = match confirmed {
            true => state(Service::Inventory).await?["is"] != "shipped",
            false => {
                let payment = state(Service::Payments).await?;
                state(Service::Inventory).await?["is"] == "reserved"
                    || state(Service::Shipping).await?["is"] == "created"
                    || ["authorising", "authorised", "captured"].iter().any(|it| payment["status"]["is"] == *it)
            }
        };
        if open {
            return Ok(None);
        }
        let struck = self.due.iter().filter(|it| !it.fault.lasts_at(it.at)).count() == 0;
        ensure!(struck, "these never struck: {:?}", self.due);
        ensure!(self.parked == self.plan.parks(), "parked: {}", self.parked);
        Ok(Some(Ended { confirmed, parked: self.parked }))
    }
}

/// An item as no worker writes it, in the words of DynamoDB's answer.
fn unreadable(id: &str) -> Bytes {
    let text = |text: &str| json!({ "S": text });
    let item: Value = json!({
        "id": text(id),
        "version": { "N": "1" },
        "state": text("\"of another shape\""),
        "proofs": text("[]"),
        "outbox": text("[]"),
    });
    json!({ "Item": item }).to_string().into()
}
