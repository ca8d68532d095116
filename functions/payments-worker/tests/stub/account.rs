//! What Stripe keeps of an account: payments, and for each idempotency key the request and the answer.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::Request;

/// Status line and body.
type Answer = (String, Value);

#[derive(Debug, Default)]
pub(super) struct Books {
    payments: Vec<Payment>,
    kept: BTreeMap<String, (Request, Answer)>,
}

#[derive(Clone, Debug)]
struct Payment {
    id: String,
    status: String,
    refunded: bool,
    order_id: Option<String>,
}

impl Books {
    pub(super) fn answer(&mut self, request: &Request) -> Answer {
        let Some(key) = request.header("idempotency-key").map(str::to_owned) else { return self.act(request) };
        if let Some((asked, (head, body))) = self.kept.get(&key) {
            if asked.form != request.form || asked.line != request.line {
                let message = "Keys for idempotent requests can only be used with the same parameters.";
                return ("400 Bad Request".into(), json!({"error": {"type": "idempotency_error", "message": message}}));
            }
            return (format!("{head}\nIdempotent-Replayed: true"), body.clone());
        }
        let answer = self.act(request);
        self.kept.insert(key, (request.clone(), answer.clone()));
        answer
    }

    pub(super) fn payments(&self) -> Vec<String> {
        let status = |it: &Payment| if it.refunded { "refunded".to_owned() } else { it.status.clone() };
        self.payments.iter().map(status).collect()
    }

    pub(super) fn becomes(&mut self, status: &str) {
        status.clone_into(&mut self.payments[0].status);
    }

    pub(super) fn forget_keys(&mut self) {
        self.kept.clear();
    }

    fn act(&mut self, request: &Request) -> Answer {
        let parts: Vec<_> = request.line.split(['/', ' ']).collect();
        match parts.as_slice() {
            ["POST", "", "v1", "payment_intents"] => self.create(request),
            ["POST", "", "v1", "refunds"] => self.refund(&request.member("payment_intent").unwrap_or_default()),
            ["GET", "", "v1", "payment_intents", id] => self.with(id, |it| ok(it.show())),
            ["POST", "", "v1", "payment_intents", id, "capture"] => {
                self.with(id, |it| it.go("captured", &["requires_capture"], "succeeded"))
            }
            ["POST", "", "v1", "payment_intents", id, "cancel"] => self.with(id, |it| {
                it.go("canceled", &["requires_capture", "requires_action", "requires_payment_method"], "canceled")
            }),
            _ => refused("404 Not Found", json!({"message": "Unrecognized request URL."})),
        }
    }

    fn create(&mut self, request: &Request) -> Answer {
        let method = request.member("payment_method").unwrap_or_default();
        let status = match method.as_str() {
            "pm_card_visa" => "requires_capture",
            "pm_card_threeDSecure2Required" => "requires_action",
            "pm_card_visa_chargeDeclinedInsufficientFunds" => "requires_payment_method",
            _ => {
                let message = format!("No such PaymentMethod: '{method}'");
                let error = json!({"code": "resource_missing", "param": "payment_method", "message": message});
                return refused("400 Bad Request", error);
            }
        };
        let id = format!("pi_{}", self.payments.len() + 1);
        let order_id = request.member("metadata[order_id]");
        let payment = Payment { id, status: status.to_owned(), refunded: false, order_id };
        self.payments.push(payment.clone());
        if status == "requires_payment_method" {
            let error = json!({
                "type": "card_error",
                "code": "card_declined",
                "decline_code": "insufficient_funds",
                "message": "Your card has insufficient funds.",
                "payment_intent": payment.show(),
            });
            return ("402 Payment Required".into(), json!({ "error": error }));
        }
        ok(payment.show())
    }

    fn refund(&mut self, id: &str) -> Answer {
        self.with(id, |it| {
            if it.refunded {
                let message = format!("Charge of {} has already been refunded.", it.id);
                return refused("400 Bad Request", json!({"code": "charge_already_refunded", "message": message}));
            }
            if it.status != "succeeded" {
                let message = format!("This PaymentIntent ({}) does not have a successful charge to refund.", it.id);
                return refused("400 Bad Request", json!({"message": message}));
            }
            it.refunded = true;
            ok(json!({"id": "re_1", "object": "refund", "payment_intent": it.id, "status": "succeeded"}))
        })
    }

    fn with(&mut self, id: &str, act: impl FnOnce(&mut Payment) -> Answer) -> Answer {
        match self.payments.iter_mut().find(|it| it.id == id) {
            Some(payment) => act(payment),
            None => {
                let message = format!("No such payment_intent: '{id}'");
                refused("404 Not Found", json!({"code": "resource_missing", "param": "intent", "message": message}))
            }
        }
    }
}

impl Payment {
    fn show(&self) -> Value {
        let metadata = json!({ "order_id": self.order_id });
        json!({"id": self.id, "object": "payment_intent", "status": self.status, "metadata": metadata})
    }

    fn go(&mut self, what: &str, from: &[&str], to: &str) -> Answer {
        if !from.contains(&self.status.as_str()) {
            let message = format!("This PaymentIntent could not be {what}: it has a status of {}.", self.status);
            let code = "payment_intent_unexpected_state";
            return refused(
                "400 Bad Request",
                json!({"code": code, "message": message, "payment_intent": self.show()}),
            );
        }
        to.clone_into(&mut self.status);
        ok(self.show())
    }
}

pub(super) fn unknown_key() -> Answer {
    refused("401 Unauthorized", json!({"message": "Invalid API Key provided: sk_test_****e_up"}))
}

fn ok(body: Value) -> Answer {
    ("200 OK".into(), body)
}

fn refused(head: &str, mut error: Value) -> Answer {
    error["type"] = json!("invalid_request_error");
    (head.into(), json!({ "error": error }))
}
