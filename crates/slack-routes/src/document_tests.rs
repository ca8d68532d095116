//! Documents that are taken and documents that are refused.

use super::*;

fn config(document: &str) -> Result<SlackConfig, ConfigError> {
    SlackConfig::from_json(document.as_bytes())
}

fn routed(routes: &str) -> SlackConfig {
    config(&format!(r#"{{"token": "xoxb-made-up", "routes": {routes}}}"#)).unwrap()
}

#[test]
fn the_first_route_that_matches_decides() {
    let config = routed(
        r##"[
            {"repository": "octo-harbour/*", "branch": "release/*", "channel": "#releases"},
            {"repository": "octo-harbour/tide-tables", "channel": "#tides"},
            {"source": "stripe", "channel": "#money"},
            {"source": "git*", "channel": "#rest"}
        ]"##,
    );
    let tides = Some("octo-harbour/tide-tables");
    assert_eq!(config.route("github", tides, Some("release/1.4")), Some("#releases"));
    assert_eq!(config.route("github", tides, Some("main")), Some("#tides"));
    assert_eq!(config.route("github", tides, None), Some("#tides"));
    assert_eq!(config.route("github", Some("octo-harbour/buoys"), Some("main")), Some("#rest"));
    assert_eq!(config.route("github", None, None), Some("#rest"));
    assert_eq!(config.route("stripe", None, None), Some("#money"));
    assert_eq!(config.route("shopify", None, None), None);
}

#[test]
fn a_route_that_names_a_branch_leaves_tags_alone() {
    let config = routed(r##"[{"branch": "*", "channel": "#branches"}]"##);
    assert_eq!(config.route("github", Some("o/r"), Some("main")), Some("#branches"));
    assert_eq!(config.route("github", Some("o/r"), None), None);
}

#[test]
fn repositories_match_in_any_case_and_branches_do_not() {
    let config = routed(r##"[{"repository": "Octo-Harbour/*", "branch": "Main", "channel": "#c"}]"##);
    assert_eq!(config.route("github", Some("octo-harbour/Tide-Tables"), Some("Main")), Some("#c"));
    assert_eq!(config.route("github", Some("octo-harbour/Tide-Tables"), Some("main")), None);
}

#[test]
fn without_routes_nothing_is_sent() {
    assert_eq!(routed("[]").route("github", Some("o/r"), Some("main")), None);
}

#[test]
fn without_an_address_it_is_slacks_own() {
    assert_eq!(routed("[]").api_url.join("chat.postMessage"), "https://slack.com/api/chat.postMessage");
}

#[test]
fn a_refusal_names_the_member() {
    let url = |url: &str| format!(r#"{{"token": "t", "api_url": "{url}", "routes": []}}"#);
    let route = |route: &str| format!(r##"{{"token": "t", "routes": [{{"channel": "#c"}}, {route}]}}"##);
    for (document, message) in [
        ("{\n  \"token\": }".to_owned(), "the document is not JSON (line 2, column 12)"),
        ("[]".to_owned(), "`the document` has to be an object"),
        (r#"{"routes": []}"#.to_owned(), "`token` is missing"),
        (r#"{"token": 7, "routes": []}"#.to_owned(), "`token` has to be a text"),
        (r#"{"token": "", "routes": []}"#.to_owned(), "`token` has to be visible ASCII without spaces"),
        (r#"{"token": "a\nb", "routes": []}"#.to_owned(), "`token` has to be visible ASCII without spaces"),
        (r#"{"token": "t"}"#.to_owned(), "`routes` is missing"),
        (r#"{"token": "t", "routes": {}}"#.to_owned(), "`routes` has to be a list"),
        (
            r#"{"token": "t", "routes": [], "chanels": 1}"#.to_owned(),
            "the document has an unknown member `chanels`; known are `api_url`, `token` and `routes`",
        ),
        (url("slack.com/api"), "`api_url` has to be an address such as https://api.example.com"),
        (url("ftp://slack.com/api"), "`api_url` has to be an https address"),
        (url("http://slack.com/api"), "`api_url` has to be https; http is for localhost, 127.0.0.1 and [::1] only"),
        (
            url("http://localhost.evil.example"),
            "`api_url` has to be https; http is for localhost, 127.0.0.1 and [::1] only",
        ),
        (url("https://a:b@slack.com/api"), "`api_url` must not hold a user name or password"),
        (url("https://slack.com/api?x=1"), "`api_url` must not have a query or fragment"),
        (route("7"), "`routes[1]` has to be an object"),
        (route("{}"), "`routes[1].channel` is missing"),
        (route(r##"{"channel": "# a"}"##), "`routes[1].channel` has to be a channel's `#name` or id"),
        (route(r##"{"channel": "#a", "branch": ["main"]}"##), "`routes[1].branch` has to be a text"),
        (
            route(r##"{"channel": "#a", "branch": ""}"##),
            "`routes[1].branch` is empty and would match nothing; leave it out to match all",
        ),
        (
            route(r##"{"channel": "#a", "repo": "x"}"##),
            "routes[1] has an unknown member `repo`; known are `source`, `repository`, `branch` and `channel`",
        ),
    ] {
        assert_eq!(config(&document).unwrap_err().to_string(), message, "{document}");
    }
}

#[test]
fn plain_http_is_for_this_machine() {
    for url in ["http://localhost:8080/api", "http://127.0.0.1:1/", "http://[::1]:9/api", "https://slack.example/api"] {
        assert!(ApiUrl::parse(url).is_ok(), "{url}");
    }
    assert_eq!(ApiUrl::parse("http://127.0.0.1:1/").unwrap().join("m"), "http://127.0.0.1:1/m");
}

#[test]
fn no_error_and_no_debug_output_shows_the_token() {
    let token = "xoxb-made-up-token";
    for document in [
        format!(r#"{{"token": "{token} ", "routes": []}}"#),
        format!(r#"{{"token": ["{token}"], "routes": []}}"#),
        format!(r#"{{"token": "{token}", "routes": "{token}"}}"#),
        format!(r#"{{"token": "{token}", "routes": ["{token}"]}}"#),
        format!(r#"{{"token": "{token}", "routes": [], "{token}": 1}}"#),
        format!(r#"{{"token": "{token}", "api_url": "{token}", "routes": []}}"#),
        format!(r#"{{"token": "{token}", "routes": [{{"channel": "{token} {token}"}}]}}"#),
        format!(r#"{{"token": "{token}"{token}"#),
        format!(r#""{token}""#),
    ] {
        let error = config(&document).unwrap_err();
        assert!(!format!("{error} {error:?}").contains("made-up"), "{error:?}");
    }
    let config = config(&format!(r#"{{"token": "{token}", "routes": []}}"#)).unwrap();
    assert_eq!(config.token.expose(), token);
    assert!(!format!("{config:?}").contains("made-up"));
}
