//! Who may do what, and that others' orders are not there.

use serde_json::json;

use crate::fixtures::{Call, OTTO, Shop, body};

fn routes(id: &str) -> [(Call, &'static str); 4] {
    [
        (Call::place("key-9", body().to_string()), "orders/write"),
        (Call::cancel(id), "orders/write"),
        (Call::get("/orders"), "orders/read"),
        (Call::get(&format!("/orders/{id}")), "orders/read"),
    ]
}

#[tokio::test(start_paused = true)]
async fn without_claims_nobody_gets_anywhere() {
    let shop = Shop::new();
    let id = shop.placed("key-1").await;
    for (call, _) in routes(&id) {
        for claims in [
            None,
            Some(json!({})),
            Some(json!({ "scope": "orders/read orders/write" })),
            Some(json!({ "sub": "", "scope": "orders/read orders/write" })),
            Some(json!({ "sub": "cust omer", "scope": "orders/read orders/write" })),
            Some(json!({ "sub": "c".repeat(129), "scope": "orders/read orders/write" })),
        ] {
            let answer = shop.ask(&call.clone().claiming(claims)).await;
            assert_eq!((answer.status, answer.problem()), (401, "unauthenticated"));
        }
    }
    assert_eq!(shop.orders.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn each_route_wants_its_scope() {
    let shop = Shop::new();
    let id = shop.placed("key-1").await;
    for (call, scope) in routes(&id) {
        for granted in ["", "orders", "orders/readwrite", "xorders/read", "orders/write,orders/read", "openid"] {
            let answer = shop.ask(&call.clone().scoped(granted)).await;
            assert_eq!((answer.status, answer.problem()), (403, "insufficient-scope"), "{granted}");
        }
        let other = if scope == "orders/read" { "orders/write" } else { "orders/read" };
        assert_eq!(shop.ask(&call.clone().scoped(other)).await.status, 403);
        let answer = shop.ask(&call.clone().scoped(&format!("openid {scope}"))).await;
        assert!(matches!(answer.status, 200 | 202), "{answer:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_order_of_another_customer_is_answered_like_none() {
    let shop = Shop::new();
    let id = shop.placed("key-1").await;
    let nobodys = "ord_0000000000000000000000000000000000000000";
    for (mine, none) in [
        (Call::get(&format!("/orders/{id}")), Call::get(&format!("/orders/{nobodys}"))),
        (Call::cancel(&id), Call::cancel(nobodys)),
    ] {
        let theirs = shop.ask(&mine.clone().by(OTTO)).await;
        assert_eq!((theirs.status, theirs.problem()), (404, "unknown-order"));
        assert_eq!(theirs, shop.ask(&none).await, "nothing tells the two apart");
    }
    assert_eq!(shop.ask(&Call::get("/orders").by(OTTO)).await.body["orders"], json!([]));
    assert_eq!(shop.orders.images().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_can_be_no_order_is_none() {
    let shop = Shop::new();
    for id in ["x", "ord_", "ord_%00", "ord_a b", "..", "ord_ä", &format!("ord_{}", "a".repeat(4000))] {
        for call in [Call::get(&format!("/orders/{id}")), Call::cancel(id)] {
            let answer = shop.ask(&call).await;
            assert_eq!((answer.status, answer.problem()), (404, "unknown-order"), "{id}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_not_there_and_what_cannot_be_done_is_said_as_a_problem() {
    let shop = Shop::new();
    let id = shop.placed("key-1").await;
    for (call, status, allow) in [
        (Call::get("/"), 404, None),
        (Call::get("/orders/"), 404, None),
        (Call::new("DELETE", "/orders"), 405, Some("GET, POST")),
        (Call::new("HEAD", &format!("/orders/{id}")), 405, Some("GET")),
        (Call::new("PUT", &format!("/orders/{id}/cancellation")), 405, Some("POST")),
    ] {
        let answer = shop.ask(&call).await;
        assert_eq!(answer.status, status);
        assert_eq!(answer.headers["content-type"], "application/problem+json");
        assert_eq!(answer.headers.get("allow").map(|it| it.to_str().unwrap()), allow);
    }
}

#[tokio::test(start_paused = true)]
async fn a_stage_before_the_path_is_no_part_of_it() {
    let shop = Shop::new();
    let id = shop.placed("key-1").await;
    for stage in ["v1", "$default"] {
        assert_eq!(shop.ask(&Call::get(&format!("/orders/{id}")).at_stage(stage)).await.status, 200, "{stage}");
    }
}
