//! Stripe: keys are honoured as Stripe documents it, and faults happen as programmed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::routing::post;
use axum::{Json, Router};
use bytes::Bytes;
use http::{Method, Request, header};
use serde_json::{Value, json};
use tidegate_standins::http_client::{HttpClient, Response};
use tidegate_standins::{Options, Standin, StripeRequest};
use tokio::net::TcpListener;
use tokio::time::{sleep, timeout};

const LIMIT: Duration = Duration::from_secs(5);

/// What localstripe would do, counted.
#[derive(Clone, Default)]
struct Upstream {
    made: Arc<AtomicUsize>,
    state: Arc<std::sync::Mutex<&'static str>>,
}

impl Upstream {
    async fn create(State(upstream): State<Self>, body: String) -> (StatusCode, Json<Value>) {
        if body.contains("amount=0") {
            return (
                StatusCode::BAD_REQUEST,
                Json(json!({"error": {"type": "invalid_request_error", "message": "Bad request"}})),
            );
        }
        let number = upstream.made.fetch_add(1, Ordering::SeqCst) + 1;
        (StatusCode::OK, Json(upstream.intent(&format!("pi_{number}"))))
    }

    async fn show(State(upstream): State<Self>, Path(id): Path<String>) -> Json<Value> {
        Json(upstream.intent(&id))
    }

    async fn act(State(upstream): State<Self>, Path((id, _)): Path<(String, String)>) -> Json<Value> {
        upstream.made.fetch_add(1, Ordering::SeqCst);
        Json(upstream.intent(&id))
    }

    fn intent(&self, id: &str) -> Value {
        let charge = json!({"id": "ch_1", "amount": 500, "amount_refunded": 500, "captured": true});
        json!({"id": id, "object": "payment_intent", "status": *self.state.lock().unwrap(), "amount": 500, "latest_charge": charge})
    }
}

struct Stripe {
    url: String,
    client: HttpClient,
    upstream: Upstream,
}

impl Stripe {
    async fn start() -> Self {
        let upstream = Upstream { state: Arc::new(std::sync::Mutex::new("requires_capture")), ..Upstream::default() };
        let router = Router::new()
            .route("/v1/payment_intents", post(Upstream::create))
            .route("/v1/refunds", post(Upstream::create))
            .route("/v1/payment_intents/{id}", axum::routing::get(Upstream::show))
            .route("/v1/payment_intents/{id}/{act}", post(Upstream::act))
            .with_state(upstream.clone());
        let behind = serve(router).await;
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        tokio::spawn(Standin::new(Options::default()).unwrap().serve(listener));
        let stripe = Self { url, client: HttpClient::new(), upstream };
        stripe.configure(Method::PUT, "/_standin/stripe", json!({"upstream": behind})).await;
        stripe
    }

    async fn configure(&self, method: Method, path: &str, body: Value) {
        let request = Request::builder().method(method).uri(format!("{}{path}", self.url));
        let request =
            request.header(header::CONTENT_TYPE, "application/json").body(Bytes::from(body.to_string())).unwrap();
        let answer = self.client.send(request, LIMIT).await.unwrap();
        assert_eq!(answer.status, 200, "{}", answer.text());
    }

    async fn try_post(&self, path: &str, key: Option<&str>, form: &str) -> anyhow::Result<Response> {
        let mut request = Request::post(format!("{}/stripe{path}", self.url))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded")
            .header(header::AUTHORIZATION, "Bearer sk_test_made_up");
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.client.send(request.body(Bytes::from(form.to_owned())).unwrap(), LIMIT).await
    }

    async fn post(&self, path: &str, key: Option<&str>, form: &str) -> Response {
        self.try_post(path, key, form).await.unwrap()
    }

    async fn requests(&self) -> Vec<StripeRequest> {
        let answer = self.client.get(&format!("{}/_standin/stripe/requests", self.url), LIMIT).await.unwrap();
        serde_json::from_slice(&answer.body).unwrap()
    }

    fn made(&self) -> usize {
        self.upstream.made.load(Ordering::SeqCst)
    }
}

async fn serve(router: Router) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async { axum::serve(listener, router).await });
    url
}

fn replayed(answer: &Response) -> bool {
    answer.headers.get("idempotent-replayed").is_some_and(|value| value == "true")
}

const INTENTS: &str = "/v1/payment_intents";

#[tokio::test]
async fn the_same_key_and_parameters_are_carried_out_once_and_answered_the_same() {
    let stripe = Stripe::start().await;
    let first = stripe.post(INTENTS, Some("k-1"), "amount=500&currency=eur").await;
    let again = stripe.post(INTENTS, Some("k-1"), "currency=eur&amount=500").await;
    assert_eq!((first.body.clone(), replayed(&first)), (again.body.clone(), false));
    assert!(replayed(&again));
    assert_eq!(stripe.made(), 1);
    let other = stripe.post(INTENTS, Some("k-2"), "amount=500&currency=eur").await;
    assert_ne!(first.body, other.body);
}

#[tokio::test]
async fn a_key_with_other_parameters_is_an_idempotency_error() {
    let stripe = Stripe::start().await;
    stripe.post(INTENTS, Some("k-1"), "amount=500").await;
    let other = stripe.post(INTENTS, Some("k-1"), "amount=501").await;
    assert_eq!((other.status.as_u16(), &other.json().unwrap()["error"]["type"]), (400, &json!("idempotency_error")));
    assert_eq!(stripe.made(), 1);
}

#[tokio::test]
async fn wrong_parameters_leave_the_key_free() {
    let stripe = Stripe::start().await;
    assert_eq!(stripe.post(INTENTS, Some("k-1"), "amount=0").await.status, 400);
    assert_eq!(stripe.post(INTENTS, Some("k-1"), "amount=500").await.status, 200);
}

#[tokio::test]
async fn a_key_whose_request_is_under_way_is_a_conflict() {
    let stripe = Arc::new(Stripe::start().await);
    stripe.configure(Method::POST, "/_standin/stripe/fail", json!({"act": "hold", "times": 1})).await;
    let held = tokio::spawn({
        let stripe = Arc::clone(&stripe);
        async move { stripe.post(INTENTS, Some("k-1"), "amount=500").await }
    });
    // A fault that has happened is no longer listed.
    timeout(LIMIT, async {
        while stripe.client.get(&format!("{}/_standin/stripe/fail", stripe.url), LIMIT).await.unwrap().text() != "[]" {
            sleep(Duration::from_millis(10)).await;
        }
    })
    .await
    .unwrap();
    let conflict = stripe.post(INTENTS, Some("k-1"), "amount=500").await;
    assert_eq!(conflict.status, 409);
    assert_eq!(conflict.json().unwrap()["error"]["code"], "idempotency_key_in_use");
    assert_eq!(stripe.made(), 0, "what is held is not carried out");
    stripe.configure(Method::DELETE, "/_standin/stripe/fail", json!(null)).await;
    assert_eq!(held.await.unwrap().status, 200);
    assert_eq!(stripe.made(), 1);
}

#[tokio::test]
async fn a_sender_that_leaves_while_it_is_held_has_done_nothing_and_may_come_again() {
    let stripe = Stripe::start().await;
    stripe.configure(Method::POST, "/_standin/stripe/fail", json!({"act": "hold", "times": 1})).await;
    let gone = timeout(Duration::from_millis(200), stripe.try_post(INTENTS, Some("k-1"), "amount=500")).await;
    assert!(gone.is_err());
    let answer = timeout(LIMIT, async {
        loop {
            let answer = stripe.post(INTENTS, Some("k-1"), "amount=500").await;
            if answer.status == 200 {
                return answer;
            }
            assert_eq!(answer.status, 409, "the stand-in has not noticed yet");
            sleep(Duration::from_millis(10)).await;
        }
    });
    assert!(!replayed(&answer.await.unwrap()));
    assert_eq!(stripe.made(), 1);
}

#[tokio::test]
async fn an_answer_that_is_lost_has_had_its_effect_and_is_there_when_asked_again() {
    let stripe = Stripe::start().await;
    stripe.configure(Method::POST, "/_standin/stripe/fail", json!({"act": "lose", "times": 1})).await;
    assert!(stripe.try_post(INTENTS, Some("k-1"), "amount=500").await.is_err());
    let again = stripe.post(INTENTS, Some("k-1"), "amount=500").await;
    assert_eq!((again.status.as_u16(), replayed(&again), stripe.made()), (200, true, 1));
}

#[tokio::test]
async fn a_rate_limit_has_no_effect_and_a_failure_of_stripes_own_stays_with_the_key() {
    let stripe = Stripe::start().await;
    let limited = json!({"path": INTENTS, "contains": "ord_1", "times": 1, "status": 429, "retry_after": 2});
    stripe.configure(Method::POST, "/_standin/stripe/fail", limited).await;
    assert_eq!(stripe.post(INTENTS, None, "metadata[order_id]=ord_2&amount=1").await.status, 200);
    let refused = stripe.post(INTENTS, Some("ord_1/AuthorisePayment"), "amount=5").await;
    assert_eq!((refused.status.as_u16(), refused.headers["retry-after"].to_str().unwrap()), (429, "2"));
    assert_eq!(stripe.post(INTENTS, Some("ord_1/AuthorisePayment"), "amount=5").await.status, 200);

    stripe.configure(Method::POST, "/_standin/stripe/fail", json!({"times": 1, "status": 500})).await;
    for again in [false, true] {
        let failed = stripe.post(INTENTS, Some("k-5"), "amount=5").await;
        assert_eq!((failed.status.as_u16(), replayed(&failed)), (500, again));
    }
    assert_eq!(stripe.made(), 2);
}

#[tokio::test]
async fn what_is_cancelled_is_not_captured_and_what_is_refunded_is_not_refunded_again() {
    let stripe = Stripe::start().await;
    *stripe.upstream.state.lock().unwrap() = "canceled";
    let captured = stripe.post("/v1/payment_intents/pi_1/capture", None, "").await;
    let error = &captured.json().unwrap()["error"];
    assert_eq!((captured.status.as_u16(), &error["code"]), (400, &json!("payment_intent_unexpected_state")));
    assert_eq!(error["payment_intent"]["status"], "canceled");
    let refunded = stripe.post("/v1/refunds", None, "payment_intent=pi_1").await;
    assert_eq!(refunded.json().unwrap()["error"]["code"], "charge_already_refunded");
    assert_eq!(stripe.made(), 0);
}

#[tokio::test]
async fn a_fault_finds_what_is_asked_about_a_payment_by_what_the_payment_was_made_with() {
    let stripe = Stripe::start().await;
    let fault = json!({"path": "/v1/payment_intents/*/cancel", "contains": "amount=7", "status": 401, "times": 1});
    stripe.configure(Method::POST, "/_standin/stripe/fail", fault).await;
    let mut paths = Vec::new();
    for form in ["amount=5", "amount=7"] {
        let made = stripe.post(INTENTS, None, form).await.json().unwrap();
        paths.push(format!("{INTENTS}/{}/cancel", made["id"].as_str().unwrap()));
    }
    for (path, status) in [(&paths[0], 200), (&paths[1], 401), (&paths[1], 200)] {
        assert_eq!(stripe.post(path, None, "").await.status, status, "{path}");
    }
}

#[tokio::test]
async fn faults_of_one_text_are_mended_alone() {
    let stripe = Stripe::start().await;
    for text in ["amount=5", "amount=7"] {
        stripe.configure(Method::POST, "/_standin/stripe/fail", json!({"contains": text, "status": 429})).await;
    }
    stripe.configure(Method::DELETE, "/_standin/stripe/fail?contains=amount=5", json!(null)).await;
    assert_eq!(stripe.post(INTENTS, None, "amount=5").await.status, 200);
    assert_eq!(stripe.post(INTENTS, None, "amount=7").await.status, 429);
}

#[tokio::test]
async fn what_came_is_listed_without_what_was_in_it() {
    let stripe = Stripe::start().await;
    stripe.post(INTENTS, Some("k-1"), "amount=500&payment_method=pm_made_up").await;
    stripe.post(INTENTS, Some("k-1"), "amount=500&payment_method=pm_made_up").await;
    let requests = stripe.requests().await;
    assert_eq!(
        requests.iter().map(|it| (it.status, it.replayed)).collect::<Vec<_>>(),
        [(Some(200), false), (Some(200), true)]
    );
    assert_eq!((requests[0].path.as_str(), requests[0].key.as_deref()), (INTENTS, Some("k-1")));
}
