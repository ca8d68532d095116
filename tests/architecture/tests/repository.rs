//! The rules over this repository.

#![expect(clippy::unwrap_used, reason = "clippy takes what the tests share for no test")]

use std::path::Path;

use cargo_metadata::{DependencyKind, MetadataCommand, Package};
use tidegate_architecture::crates::{self, Edge, Place};
use tidegate_architecture::machine::{self, Machine};
use tidegate_architecture::modules::Modules;
use tidegate_architecture::sources::{self, Source};
use tidegate_architecture::template::{self, Resource, Template};
use tidegate_architecture::{
    alarms, documents, drawing, functions, indexes, messages, policies, queues, sagas, stacks, states, streams,
    workflows,
};
use tidegate_cloudevents::Event;
use tidegate_events::{CommandName, ErrorName, EventType, ORDER_SAGA, Progress, Role, Saga, SagaInput};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap()
}

fn templates() -> Vec<Template> {
    template::read_all(&root().join("infra")).unwrap()
}

fn machines() -> Vec<Machine> {
    machine::read_all(&root().join("statemachines")).unwrap()
}

fn written() -> Vec<Source> {
    let folders = [
        "toolkit",
        "crates",
        "local",
        "functions",
        "tests",
        "infra",
        "tools",
        "docs",
        "statemachines",
        ".ci",
        ".cargo",
    ];
    let files = [
        "Cargo.toml",
        "Makefile",
        "README.md",
        "ARCHITECTURE.md",
        "CONTRIBUTING.md",
        "CHANGELOG.md",
        "deny.toml",
        "clippy.toml",
    ];
    let present = folders.iter().chain(&files).filter(|it| root().join(it).exists());
    present.flat_map(|it| sources::read_all(root(), it).unwrap()).collect()
}

#[track_caller]
fn assert_none(violations: &[String]) {
    assert!(violations.is_empty(), "\n{}\n", violations.join("\n"));
}

#[test]
fn crates_depend_only_inwards() {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    let place = |package: &Package| {
        let folder = package.manifest_path.strip_prefix(&metadata.workspace_root).unwrap().components().next().unwrap();
        match folder.as_str() {
            "toolkit" => Place::Toolkit,
            "crates" => Place::Crate,
            "local" => Place::Local,
            "functions" => Place::Function,
            "tests" => Place::Test,
            other => panic!("{} is in {other}/", package.name),
        }
    };
    let mut edges = Vec::new();
    let mut violations = Vec::new();
    for package in &metadata.packages {
        let foreign = package.dependencies.iter().filter(|it| it.path.is_none());
        violations.extend(foreign.filter_map(|it| crates::foreign_violation(&package.name, place(package), &it.name)));
        for dependency in package.dependencies.iter().filter(|it| it.path.is_some()) {
            let target = metadata.packages.iter().find(|it| it.name.as_str() == dependency.name).unwrap();
            edges.push(Edge {
                from: (package.name.to_string(), place(package)),
                to: (target.name.to_string(), place(target)),
                for_tests: dependency.kind == DependencyKind::Development,
            });
        }
    }
    assert!(edges.len() > 5, "the functions depend on crates: {edges:?}");
    violations.extend(edges.iter().filter_map(crates::violation));
    assert_none(&violations);
}

#[test]
fn the_toolkit_and_nothing_else_can_be_published() {
    let metadata = MetadataCommand::new().manifest_path(root().join("Cargo.toml")).no_deps().exec().unwrap();
    let mut published: Vec<_> = metadata.packages.iter().filter(|it| it.publish.is_none()).collect();
    published.sort_by_key(|it| it.name.to_string());
    assert!(!published.is_empty());
    for package in published {
        let name = package.name.as_str();
        assert!(crates::TOOLKIT.contains(&name), "{name} says nothing of `publish`, so it would be published");
        assert!(!package.keywords.is_empty() && !package.categories.is_empty(), "{name} cannot be found");
        assert!(package.manifest_path.with_file_name("LICENSE").exists(), "{name} comes without its license");
        // A dependency for tests is left out of the package when it has no version.
        for it in package.dependencies.iter().filter(|it| it.path.is_some() && it.kind == DependencyKind::Normal) {
            assert_ne!(it.req.to_string(), "*", "{name} names no version of {}, which `cargo publish` needs", it.name);
        }
    }
    let kept: Vec<_> = metadata.packages.iter().filter(|it| it.publish.is_some()).map(|it| it.name.as_str()).collect();
    let unpublished: Vec<_> = crates::TOOLKIT.iter().filter(|it| kept.contains(it)).collect();
    assert!(unpublished.is_empty(), "{unpublished:?} cannot be published");
}

#[test]
fn aws_is_named_only_in_the_modules_named_after_its_services() {
    let all = written();
    let judged: Vec<_> =
        all.iter().filter(|it| it.path.components().nth(2).is_some_and(|part| part.as_os_str() == "src")).collect();
    assert!(judged.iter().any(|it| it.text.contains("use aws_sdk_")), "the adapters are among them");
    let applies =
        |it: &&&Source| ["toolkit", "crates", "local", "functions"].iter().any(|folder| it.path.starts_with(folder));
    assert_none(&judged.iter().filter(applies).flat_map(|it| sources::aws_violations(it)).collect::<Vec<_>>());
}

#[test]
fn no_file_is_longer_than_one_subject() {
    let all = written();
    assert!(all.len() > 50, "{}", all.len());
    assert_none(&all.iter().filter_map(sources::length_violation).collect::<Vec<_>>());
}

#[test]
fn files_know_each_other_in_one_direction_and_where_they_define_what_is_needed() {
    let all = written();
    let (mut circles, mut detours) = (Vec::new(), Vec::new());
    for folder in ["toolkit", "crates", "local", "functions"] {
        for entry in std::fs::read_dir(root().join(folder)).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            let src = Path::new(folder).join(&name).join("src");
            let files: Vec<_> = all.iter().filter(|it| it.path.starts_with(&src)).collect();
            assert!(!files.is_empty(), "{name} has no files");
            let modules = Modules::of(&name, &files);
            circles.extend(modules.circles());
            // In a function `lib.rs` is the handler, and defines what its files share.
            if folder != "functions" {
                detours.extend(modules.imports_from_lib().to_vec());
            }
        }
    }
    assert_none(&circles);
    assert_none(&detours);
}

#[test]
fn documents_are_short_and_lead_to_what_is_there() {
    let all = written();
    let found: Vec<_> = all.iter().filter(|it| documents::is_document(it)).cloned().collect();
    assert!(found.len() > 30, "{}", found.len());
    let exists = |path: &Path| root().join(path).exists();
    assert_none(&found.iter().filter_map(documents::length_violation).collect::<Vec<_>>());
    assert_none(&documents::unlisted_decisions(&found));
    assert_none(&found.iter().flat_map(|it| documents::broken_links(it, &found, exists)).collect::<Vec<_>>());
    let code: Vec<_> = all.iter().filter(|it| it.path.extension().is_some_and(|it| it == "rs")).cloned().collect();
    assert_none(&found.iter().flat_map(|it| documents::unwritten_log_lines(it, &code)).collect::<Vec<_>>());
    assert_none(&found.iter().flat_map(|it| documents::unknown_names(it, &code)).collect::<Vec<_>>());
    // Other documents name files of their own, and of those who read them.
    let ours = found.iter().filter(|it| !it.path.starts_with("toolkit"));
    let paths = sources::paths(root()).unwrap();
    assert_none(&ours.flat_map(|it| documents::absent_paths(it, &paths)).collect::<Vec<_>>());
}

#[test]
fn nothing_cites_a_document_that_is_not_here() {
    let exists = |path: &Path| root().join(path).exists();
    let decisions = std::fs::read_dir(root().join("docs/decisions")).unwrap();
    let decisions: Vec<_> = decisions.map(|it| it.unwrap().file_name().into_string().unwrap()).collect();
    // The rule itself names what it forbids.
    let judged = written().into_iter().filter(|it| !it.path.ends_with("architecture/src/documents.rs"));
    assert_none(&judged.flat_map(|it| documents::absent_citations(&it, exists, &decisions)).collect::<Vec<_>>());
}

#[test]
fn queues_lose_nothing() {
    let templates = templates();
    assert!(templates.iter().any(|it| it.of_kind("AWS::Lambda::EventSourceMapping").next().is_some()));
    assert_none(&templates.iter().flat_map(queues::violations).collect::<Vec<_>>());
}

#[test]
fn payloads_outlive_the_messages_that_point_at_them() {
    let templates = templates();
    let expires =
        |bucket: &Resource<'_>| bucket.properties["LifecycleConfiguration"]["Rules"][0]["ExpirationInDays"].is_number();
    assert!(
        templates.iter().any(|it| it.of_kind("AWS::S3::Bucket").any(|bucket| expires(&bucket))),
        "payloads are kept"
    );
    assert_none(&queues::payload_violations(&templates));
}

#[test]
fn subscriptions_filter_on_what_events_carry_and_events_carry_few_enough() {
    let event =
        Event::builder("1", "/webhooks/github", "com.github.push").subject("octo-harbour/tide-tables").build().unwrap();
    let carried: Vec<_> = tidegate_cloudevents::messaging::attributes(&event).map(|(name, _)| name).collect();
    // Raw delivery drops a message with more than ten: https://docs.aws.amazon.com/sns/latest/dg/sns-large-payload-raw-message-delivery.html
    assert!(carried.len() <= 10, "{carried:?}");
    let filtered: Vec<_> = templates().iter().flat_map(queues::filtered_attributes).collect();
    assert!(!filtered.is_empty());
    for name in filtered {
        assert!(carried.contains(&name.as_str()), "a filter on {name} lets nothing through: events carry {carried:?}");
    }
}

#[test]
fn functions_are_traced_logged_and_have_roles_of_their_own() {
    let templates = templates();
    assert!(templates.iter().flat_map(Template::resources).filter(|it| functions::is_function(*it)).count() >= 3);
    assert_none(&templates.iter().flat_map(functions::violations).collect::<Vec<_>>());
}

#[test]
fn every_function_that_is_written_is_deployed() {
    let templates = templates();
    let deployed: Vec<_> = templates.iter().flat_map(Template::resources).filter_map(functions::crate_of).collect();
    for folder in std::fs::read_dir(root().join("functions")).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        assert_eq!(deployed.iter().filter(|it| **it == name).count(), 1, "templates that deploy {name}");
    }
}

#[test]
fn every_function_is_measured_and_tried_and_every_crate_is_on_the_map() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let measured = read("tests/bench/src/subject.rs") + &read("tests/bench/src/orders.rs");
    let (tried, map) = (read("tests/e2e/tests/e2e/main.rs"), read("ARCHITECTURE.md"));
    for folder in std::fs::read_dir(root().join("functions")).unwrap() {
        let name = folder.unwrap().file_name().into_string().unwrap();
        let role = format!("the_role_of_{}_lacks_what_it_does_not_need", name.replace('-', "_"));
        assert!(measured.contains(&format!("\"{name}\"")), "`make bench` does not measure {name}");
        assert!(tried.contains(&role), "no end-to-end test is called {role}");
        assert!(
            map.contains(&format!("`functions/{name}`")),
            "the code map of ARCHITECTURE.md has no functions/{name}"
        );
    }
}

#[test]
fn every_index_is_written_asked_for_and_allowed() {
    let code = ["toolkit", "crates", "functions"].map(|it| sources::read_all(root(), it).unwrap()).concat();
    let code: Vec<_> = code.into_iter().filter(|it| it.path.extension().is_some_and(|it| it == "rs")).collect();
    let templates = templates();
    assert!(templates.iter().any(|it| it.root().to_string().contains("GlobalSecondaryIndexes")));
    assert_none(&indexes::violations(&templates, &code));
}

#[test]
fn what_is_committed_is_said() {
    let templates = templates();
    assert!(templates.iter().flat_map(streams::stream_mappings).count() >= 4);
    assert_none(&templates.iter().flat_map(streams::violations).collect::<Vec<_>>());
}

#[test]
fn stacks_stand_on_what_there_is() {
    assert_none(&stacks::violations(&templates()));
}

#[test]
fn state_machines_are_deployed_whole() {
    let (templates, machines) = (templates(), machines());
    let deployed = templates.iter().flat_map(|it| it.of_kind("AWS::Serverless::StateMachine")).count();
    assert_eq!(deployed, machines.len());
    assert_none(&templates.iter().flat_map(|it| workflows::violations(it, &machines)).collect::<Vec<_>>());
}

#[test]
fn policies_name_what_they_allow() {
    assert_none(&templates().iter().flat_map(policies::violations).collect::<Vec<_>>());
}

#[test]
fn every_function_and_every_queue_has_its_alarms() {
    assert_none(&alarms::violations(&templates()));
}

#[test]
fn every_metric_stands_on_the_dashboard() {
    let source = std::fs::read_to_string(root().join("crates/runtime/src/metrics.rs")).unwrap();
    let listed = source.split_once("\nmetrics! {").and_then(|(_, rest)| rest.split_once("\n}")).unwrap().0;
    let names: Vec<_> = listed.lines().filter_map(|line| line.trim().strip_suffix(',')).collect();
    assert!(names.len() >= 8, "each metric has its name on a line of its own: {names:?}");
    let dashboards = ["infra/operations.yaml", "infra/order-operations.yaml"];
    let dashboards = dashboards.map(|it| std::fs::read_to_string(root().join(it)).unwrap()).concat();
    let absent: Vec<_> = names.into_iter().filter(|it| !dashboards.contains(&format!("\"{it}\\\""))).collect();
    assert!(absent.is_empty(), "{absent:?}");
}

#[test]
fn state_machines_wait_for_nothing_for_ever_and_never_go_round_by_themselves() {
    assert_none(&machines().iter().flat_map(states::violations).collect::<Vec<_>>());
}

/// The machine of a saga. Every machine has to be one.
fn machine_of(saga: Saga) -> Machine {
    let mut machines = machines();
    for machine in &machines {
        let is_known = Saga::ALL.iter().any(|saga| machine.name == machine::file_of(*saga));
        assert!(is_known, "{} is not in Saga::ALL (crates/events/src/saga.rs)", machine.name);
    }
    let at = machines.iter().position(|machine| machine.name == machine::file_of(saga));
    machines.swap_remove(at.unwrap_or_else(|| panic!("{saga:?} has no machine")))
}

#[test]
fn sagas_undo_whatever_may_have_happened() {
    for saga in Saga::ALL {
        assert_none(&sagas::violations(&machine_of(*saga), *saga));
    }
}

#[test]
fn every_step_and_every_compensation_shows_in_the_events_of_its_order() {
    // It changes what the order would answer, and nothing outside.
    let without = [CommandName::WithdrawConfirmation];
    for saga in Saga::ALL {
        for name in saga.steps().chain(saga.compensations()).filter(|name| !without.contains(name)) {
            let shows = EventType::ALL.iter().any(|event| event.progress() == Progress::Done(name));
            assert!(shows, "no event says that {name} is done (crates/events/src/event.rs)");
        }
    }
}

#[test]
fn a_service_subscribes_to_what_a_person_resolves_in_its_place() {
    for compensation in Saga::ALL.iter().flat_map(|saga| saga.compensations()) {
        let Role::Compensation { resolved: Some(command) } = compensation.role() else { continue };
        let template = format!("infra/{}.yaml", command.name().service().as_str().to_lowercase());
        let text = std::fs::read_to_string(root().join(&template)).unwrap();
        let subscribes = text.contains(EventType::CompensationAnswered.as_str());
        assert!(subscribes, "{template}: no subscription brings {} when {compensation} is resolved", command.name());
    }
}

#[test]
fn the_steps_that_the_api_describes_are_those_of_the_saga() {
    let text = std::fs::read_to_string(root().join("docs/openapi/orders.yaml")).unwrap();
    let described = Template::parse("orders.yaml", &text).unwrap();
    let described = &described.root()["components"]["schemas"]["Step"]["enum"];
    let states: Vec<_> = ORDER_SAGA.steps().chain(ORDER_SAGA.compensations()).map(CommandName::as_str).collect();
    assert_eq!(*described, serde_json::json!(states), "`Step` in docs/openapi/orders.yaml");
}

#[test]
fn sagas_are_drawn_as_they_are() {
    for saga in Saga::ALL {
        let file = format!("docs/{}.md", saga.name);
        let kept = std::fs::read_to_string(root().join(&file)).unwrap_or_default();
        let drawn = drawing::page(&machine_of(*saga), *saga);
        assert_eq!(kept, drawn, "{file} is another saga's: `make diagrams` draws it anew");
    }
}

#[test]
fn machines_handle_the_errors_that_workers_raise_and_no_others() {
    let raised = ErrorName::ALL.map(ErrorName::as_str);
    assert_none(&states::error_violations(&machines(), &raised));
}

#[test]
fn what_the_order_saga_sends_its_workers_read() {
    let placed = std::fs::read(root().join("crates/events/tests/fixtures/events/order-placed.json")).unwrap();
    let input = SagaInput::of(&Event::from_json(&placed).unwrap()).unwrap();
    let mut seen = serde_json::to_value(input.unwrap()).unwrap();
    // What catchers leave; their `Cause` is not always there.
    seen["error"] = serde_json::json!({ "Error": "States.Timeout" });
    seen["trouble"] = seen["error"].clone();
    assert_none(&messages::violations(&machine_of(ORDER_SAGA), &seen));
}

#[test]
fn a_saga_that_nothing_happens_to_takes_no_state_transition_beside_its_steps() {
    // Each state that is entered is billed as a transition, and so is the end: they are nearly the whole cost of an order.
    for saga in Saga::ALL {
        let straight = machine_of(*saga).straight_path().len();
        assert_eq!(straight, saga.steps().len(), "{}", saga.name);
    }
}
